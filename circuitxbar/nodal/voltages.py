"""Node voltages in three parts, so that differences of nearly equal ones keep their digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.potentials import difference


@dataclass(frozen=True, eq=False)
class NodeVoltages:
    """Voltages as reference + deviation + remainder, each (nodes, batch), V.

    solves : linear systems solved, of the vector that took most.
    strategies : of a network with laws, how each vector was solved: "newton", "gmin stepping" or
    "source stepping"; the last one where none of them converged.
    factorisations : of a network with laws, Jacobians factorised for each vector.
    """

    reference: Array
    deviation: Array
    remainder: Array
    solves: int = 0
    strategies: tuple[str, ...] = ()
    factorisations: tuple[int, ...] = ()

    @staticmethod
    def joined(vectors: Sequence[NodeVoltages]) -> NodeVoltages:
        """The voltages of several batches as one."""
        return NodeVoltages(
            np.hstack([part.reference for part in vectors]),
            np.hstack([part.deviation for part in vectors]),
            np.hstack([part.remainder for part in vectors]),
            max(part.solves for part in vectors),
            tuple(chain.from_iterable(part.strategies for part in vectors)),
            tuple(chain.from_iterable(part.factorisations for part in vectors)),
        )

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        """Reference, deviation and remainder."""
        return self.reference, self.deviation, self.remainder

    def between(self, pairs: np.ndarray) -> Array:
        """First node minus second, (pairs, batch), V, of node pairs (pairs, 2), in all digits."""
        first, second = ([part[nodes] for part in self.parts] for nodes in pairs.T)
        return difference(first, second)

    def moved(self, correction: Array, solves: int) -> NodeVoltages:
        """These voltages plus `correction`, with the digits the sum has no room for kept."""
        small = self.remainder + correction
        deviation = self.deviation + small
        remainder = small - (deviation - self.deviation)
        return NodeVoltages(self.reference, deviation, remainder, solves)

    def where(self, chosen: np.ndarray, other: NodeVoltages) -> NodeVoltages:
        """These voltages for the `chosen` vectors, those of `other` for the rest."""
        return NodeVoltages(
            self.reference,
            np.where(chosen, self.deviation, other.deviation),
            np.where(chosen, self.remainder, other.remainder),
            self.solves,
        )
