"""How an output of a circuit at rest depends on every value of its elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from circuitxbar.circuit.circuit import Circuit


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Derivatives of an output, V or A, at the operating point of `circuit`.

    value : of the output.
    by : element -> {name of a value: derivative}, the names those of the elements' own fields
    ("resistance", "voltage", "gain", "area" ...) and of their parameters. A parameter of a card is
    that of the one element: what several share sums up over them.
    Not there is what has no derivative: a resistance of 0 or inf, an infinite gain or parameter.
    """

    circuit: Circuit
    value: float
    by: Mapping[str, Mapping[str, float]]

    def __repr__(self) -> str:
        return f"Sensitivity({self.circuit!r}: {self.value:.6g} by {len(self.by)} elements)"
