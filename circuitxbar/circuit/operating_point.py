"""The operating point of a circuit, whichever engine found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.expansion import main_currents
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.kirchhoff import Unknowns, element_currents, residual
from circuitxbar.errors import CircuitError


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """Node voltages and source currents of a circuit, with their Kirchhoff residual.

    voltages : (nodes, batch), V.  remainder : the digits that `voltages` has no room for.
    source_currents : (branches, batch), A, of the elements for which curves.has_branch is true, in
    the order of the circuit's groups.
    strategies : how each vector of a circuit with laws was solved by the nodal engine: "newton",
    "gmin stepping", "source stepping" or "pseudo-transient".
    """

    circuit: Circuit
    voltages: Array
    remainder: Array
    source_currents: Array
    engine: str
    strategies: tuple[str, ...] = ()
    # The circuit without diodes and transistors, if it has any whose laws are known, voltages of
    # the nodes inside them, (nodes, batch), and which of its switches are closed, where it is told.
    inside: Circuit | None = None
    inner_voltages: Array | None = None
    closed: Sequence[np.ndarray] | None = None
    # What the last digits of the voltages, and ngspice's own limit, leave of the sums, (batch,), A.
    rounding: Array | float = 0.0

    def __repr__(self) -> str:
        return (
            f"OperatingPoint({self.circuit!r} by {self.engine}; Kirchhoff residual "
            f"{self.residual.max():.1e} A, largest current {self.largest_current.max():.3g} A)"
        )

    def voltage(self, node: str) -> float | Array:
        """Voltage of `node` to ground, V; (batch,) for a circuit that holds several vectors."""
        return _one(self.voltages[self.circuit.node(node)])

    def current(self, element: str) -> float | Array:
        """Current through `element` from its first to its last node, A.

        Raises CircuitError for a resistor of zero resistance, whose current voltages do not tell.
        """
        group, position = self.circuit.element(element)
        if group.kind == "R" and group.values[position] == 0:
            raise CircuitError(
                f"element {element!r} has zero resistance: its current does not follow from "
                "voltages. Put a VoltageSource of 0 V in its place to measure it."
            )
        if group.kind in ("D", "M", "Q") and self.inside is not None:
            return _one(self._of_semiconductor(group, position))
        place, position = self._whole.place_of(element)
        found = self._currents[place][position]
        if np.isnan(found).all():
            raise CircuitError(
                f"the current of element {element!r} is not kept. Put a VoltageSource of 0 V in "
                "series with it."
            )
        return _one(found)

    @cached_property
    def residual(self) -> Array:
        """Largest Kirchhoff sum over nodes joined by zero resistance, (batch,), A, recomputed.

        NaN where a current is not known; `circuitxbar.ngspice.residuals` says of what in ngspice.
        """
        whole = self._whole
        return residual(whole, zip(whole.groups, self._currents, strict=True))

    @cached_property
    def largest_current(self) -> Array:
        """The largest current of any element, (batch,), A."""
        largest = np.zeros(self.voltages.shape[1])
        for through in self._currents:
            largest = np.maximum(largest, np.abs(through).max(axis=0, initial=0.0))
        return largest

    @cached_property
    def _currents(self) -> list[Array]:
        """Current from first to last node through every element, (elements, batch) per group."""
        return [through for _, through in element_currents(self.unknowns)]

    @cached_property
    def unknowns(self) -> Unknowns:
        """What all currents follow from, nodes inside diodes and transistors included."""
        parts = self.voltages, self.remainder
        if self.inner_voltages is not None:
            more = self.inner_voltages, np.zeros_like(self.inner_voltages)
            parts = tuple(map(np.concatenate, zip(parts, more, strict=True)))
        return Unknowns(self._whole, parts, self.source_currents, self.closed)

    @property
    def _whole(self) -> Circuit:
        return self.circuit if self.inside is None else self.inside

    def _of_semiconductor(self, group: Group, position: int) -> Array:
        """What flows into the first terminal of a diode or transistor, (batch,), A."""
        total = np.zeros(self.voltages.shape[1])
        for names, sign in main_currents(group):
            place, k = self._whole.place_of(names[position])
            total = total + sign * self._currents[place][k]
        return total


def _one(values: Array) -> float | Array:
    return float(values[0]) if len(values) == 1 else values
