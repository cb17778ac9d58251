"""The operating point of a circuit, whichever engine found it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.expansion import main_currents
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.kirchhoff import element_currents, residual
from circuitxbar.circuit.potentials import difference
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
    # Of circuits of other elements than resistances, devices and sources: the circuit without
    # diodes and transistors, its voltages (nodes, batch), and which of its switches are closed.
    inside: Circuit | None = None
    inner_voltages: Array | None = None
    closed: tuple[np.ndarray, ...] = ()
    # What the last digits of the voltages make of the sums of currents, (batch,), A.
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

        NaN where a current is not known from the voltages: ngspice does not tell those of
        switches, laws of sources, junctions and transistors.
        """
        whole = self._whole
        return residual(whole, list(zip(whole.groups, self._currents, strict=True)))

    @cached_property
    def largest_current(self) -> Array:
        """The largest current of any element, (batch,), A."""
        largest = np.zeros(self.voltages.shape[1])
        for through in self._currents:
            largest = np.maximum(largest, np.abs(through).max(axis=0, initial=0.0))
        return largest

    @cached_property
    def _currents(self) -> list[Array]:
        """Current from first to last node through every element, (elements, batch) per group.

        NaN where it does not follow from the voltages.
        """
        if self.inside is not None:
            assert self.inner_voltages is not None
            through = element_currents(
                self.inside, self.inner_voltages, self.source_currents, closed=self.closed
            )
            return [current for _, current in through]
        branches = self._branches
        found: list[Array] = []
        for k, group in enumerate(self.circuit.groups):
            values = group.values if group.values.ndim == 2 else group.values[:, None]
            shape = (len(values), self.voltages.shape[1])
            if k in branches:
                found.append(branches[k])
            elif group.kind == "I":
                found.append(np.broadcast_to(values, shape))
            elif group.kind == "C":
                found.append(np.zeros(shape))
            elif group.kind == "law":
                found.append(group.device.evaluate([*self.controls(group).values()])[0].T)
            elif group.kind == "G":
                found.append(values * self._drop(*group.nodes[:, 2:].T))
            elif group.kind == "F":
                places = map(self.circuit.element, group.sensed[0])
                sensed = [branches[self.circuit.groups.index(g)][n] for g, n in places]
                found.append(values * np.array(sensed))
            elif group.kind == "R":
                drop = self._drop(*group.nodes.T)
                with np.errstate(divide="ignore"):
                    conductance = np.where(values == 0, 0.0, 1.0 / values)
                found.append(drop * conductance)
            else:
                found.append(np.full(shape, np.nan))
        return found

    @property
    def _branches(self) -> dict[int, Array]:
        """The currents of `source_currents` by the number of their group."""
        groups = [(k, g) for k, g in enumerate(self.circuit.groups) if has_branch(g)]
        ends = np.cumsum([len(g.names) for _, g in groups])
        parts = np.split(self.source_currents, ends[:-1]) if groups else []
        return {k: part for (k, _), part in zip(groups, parts, strict=True)}

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

    def controls(self, group: Group) -> dict[str, Array]:
        """The voltages that the laws of a `group` depend on, each (batch, elements), V."""
        found = {}
        for name, signs in group.device.device.controls.items():
            second = group.nodes[:, signs.index(-1)] if -1 in signs else 0
            found[name] = self._drop(group.nodes[:, signs.index(1)], second).T
        return found

    def _drop(self, first: np.ndarray, second: np.ndarray | int) -> Array:
        """Voltage between nodes, (elements, batch), V."""
        parts = self.voltages, self.remainder
        return difference([part[first] for part in parts], [part[second] for part in parts])


def _one(values: Array) -> float | Array:
    return float(values[0]) if len(values) == 1 else values
