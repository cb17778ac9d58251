"""Derivatives of an output at rest by all values: one solve with the transposed matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.expansion import owners
from circuitxbar.circuit.group import Behaviour, Group, Semiconductor, SwitchModel, joined
from circuitxbar.circuit.sensitivity import Sensitivity
from circuitxbar.devices.expression import Law
from circuitxbar.devices.semiconductors import Model, model_of
from circuitxbar.nodal.modified.blocks import evaluated
from circuitxbar.nodal.modified.engine import linearised
from circuitxbar.nodal.modified.small_signal import Linearised
from circuitxbar.nodal.modified.system import Closed, between

# What fields of elements are called that models have other names for.
_SIZES = {"w": "width", "l": "length", "m": "multiplier"}
_SIZES |= {"ad": "drain_area", "pd": "drain_perimeter", "nrd": "drain_squares"}
_SIZES |= {"as": "source_area", "ps": "source_perimeter", "nrs": "source_squares"}
_VALUES = {
    "V": "voltage",
    "I": "current",
    "E": "gain",
    "G": "transconductance",
    "F": "gain",
    "H": "transresistance",
    "C": "capacitance",
    "L": "inductance",
}
_Derivatives = Iterator[tuple[str, Array]]  # name of a value, (n,)


@np.errstate(all="ignore")  # what has no derivative is left out
def sensitivity(circuit: Circuit, output: Sequence[str], current: str | None) -> Sensitivity:
    """Of the voltage at `output`, one node or two, or of the branch current of `current`."""
    linear, closed = linearised(circuit)
    system = linear.system
    wanted = linear.output(output)
    if current is not None:
        group, position = system.circuit.element(current)
        wanted[system.branch_pairs(group)[position, 0]] = 1.0
    rest = _Rest.of(linear, closed, wanted)
    owner_of = owners(circuit, system.circuit)
    parts: dict[int, list[Group]] = {}  # by the number of the group that they are parts of
    for group in system.circuit.groups:
        place, _ = circuit.place_of(owner_of[group.names[0]])
        parts.setdefault(place, []).append(group)
    by: dict[str, dict[str, float]] = {}
    for place, group in enumerate(circuit.groups):
        own = parts.get(place, [])
        of_parts = isinstance(group.model, Semiconductor)
        found = rest.of_semiconductors(group, own) if of_parts else rest.of_group(group)
        rows = [(name, values.tolist()) for name, values in found]
        for k, element in enumerate(group.names):
            by[element] = {name: values[k] for name, values in rows if np.isfinite(values[k])}
    return Sensitivity(circuit, float(wanted @ linear.x), by)


@dataclass(frozen=True, eq=False)
class _Rest:
    """A circuit at rest, and what a current between any of its nodes makes of the output."""

    linear: Linearised
    closed: Closed
    adjoint: Array

    @staticmethod
    def of(linear: Linearised, closed: Closed, wanted: Array) -> _Rest:
        """With the adjoint of the output `wanted`, (size,)."""
        pattern = linear.system.pattern
        matrix, factor = pattern.matrix(linear.conductive), pattern.transposable(linear.conductive)
        assert factor is not None  # the operating point was found with this matrix
        adjoint = factor.solve_transposed(wanted)
        # One refinement: stamps of very different size cost digits.
        adjoint += factor.solve_transposed(wanted - matrix.T @ adjoint)
        return _Rest(linear, closed, adjoint)

    def of_group(self, group: Group) -> _Derivatives:
        """The output by the values of elements that stay what they are."""
        match group.kind:
            case "R":
                yield "resistance", self._by_resistance(group, group.values)
            case "S" | "W":
                yield from self._of_switches(group)
            case "B":
                yield from self._by_parameters(group).items()
            case "law":
                yield from self._of_devices(group)
            case kind:
                yield _VALUES[kind], self._by_value(group)

    def of_semiconductors(self, group: Group, parts: Sequence[Group]) -> _Derivatives:
        """The output by the sizes of diodes or transistors and the parameters of their cards.

        Exact for what stands in their laws; by differences for what those follow from.
        """
        assert isinstance(group.model, Semiconductor)
        card, sizes = group.model.card, group.model.parameters
        model = model_of(card.name, card.type, card.level)
        by_name = {part.names[0].rpartition(".")[2]: part for part in parts}
        slopes = [self._by_parameters(part) for part in parts if part.kind == "B"]
        for name, distance, below, above in model.around(
            card.name, card.type, card.parameters, sizes
        ):
            total = np.zeros(len(group.names))
            for by in slopes:
                for inner, slope in by.items():
                    if inner in above:
                        change = (above[inner] - below[inner]) / distance
                        total += np.where(above[inner] == below[inner], 0.0, slope * change)
            total += self._by_ohms(model, by_name, below, above) / distance
            yield _SIZES.get(name, name) if name in sizes else name, total

    def _by_ohms(
        self, model: Model, parts: Mapping[str, Group], below: Mapping, above: Mapping
    ) -> Array | float:
        """What the change of all resistances inside makes of the output; NaN from 0 ohm."""
        total = 0.0
        for resistance in model.resistances:
            low, high = (model.number(resistance.ohms, values) for values in (below, above))
            if resistance.name in parts:
                part = parts[resistance.name]
                total = total + self._by_resistance(part, part.values) * (high - low)
            elif np.any(low != high):
                return np.nan
        return total

    def _drawn(self, pairs: np.ndarray, change: Array) -> Array:
        """The output where elements draw `change` more from the first to the second of `pairs`."""
        return -between(self.adjoint, pairs) * change

    def _by_resistance(self, group: Group, ohms: Array) -> Array:
        pairs = self._ends(group)
        through = between(self.linear.x, pairs) / ohms
        by = self._drawn(pairs, -through / ohms)
        return np.where(np.isfinite(ohms), by, np.nan)

    def _by_value(self, group: Group) -> Array:
        """By what the one value of sources and controlled sources is called."""
        ends, x = self._ends(group), self.linear.x
        if group.kind in "CL":
            return np.zeros(len(group.names))
        pairs = self.linear.system.branch_pairs(group) if has_branch(group) else ends
        if group.kind in "VI":
            factor = np.ones(len(group.names))
        elif group.kind in "EG":
            factor = between(x, self.linear.system.place[group.nodes[:, 2:]])
        else:
            factor = between(x, self._sensed(group, 0))
        # The equation of a branch holds its voltage less what the source makes of it.
        by = self._drawn(pairs, -factor if has_branch(group) else factor)
        return np.where(np.isfinite(group.values), by, np.nan)

    def _of_switches(self, group: Group) -> _Derivatives:
        assert isinstance(group.model, SwitchModel)
        closed = np.array([self._closed[name] for name in group.names])
        for name, there in (("on", closed), ("off", ~closed)):
            by = self._by_resistance(group, getattr(group.model, name))
            yield name, np.where(there, by, 0.0)

    def _of_devices(self, group: Group) -> _Derivatives:
        model, x = group.device, self.linear.x
        law, device = model.device.full_law, model.device
        place = self.linear.system.place[group.nodes]
        given: dict[str, Any] = {**device.defaults, "temperature": model.temperature}
        given |= {"g": model.conductances, **model.parameters}
        for name, signs in device.controls.items():
            second = place[:, signs.index(-1)] if -1 in signs else np.full(len(place), -1)
            given[name] = between(x, np.stack([place[:, signs.index(1)], second], axis=1))
        names = [name for name in law.names if name not in device.controls]
        if not device.uses_conductance:
            names.remove("g")
        for name, by in self._by_law(law, names, given, place[:, [0, -1]]).items():
            yield "conductance" if name == "g" else name, by

    def _by_parameters(self, group: Group) -> dict[str, Array]:
        """By the parameters of behavioural sources, of those of their law alone."""
        model, system, x = group.model, self.linear.system, self.linear.x
        assert isinstance(model, Behaviour)
        given: dict[str, Any] = {**model.parameters, "time": 0.0}
        for k, name in enumerate(model.voltages):
            given[name] = between(x, system.place[group.nodes[:, 2 + 2 * k : 4 + 2 * k]])
        for k, name in enumerate(model.currents):
            given[name] = between(x, self._sensed(group, k))
        pairs = self._ends(group)
        if has_branch(group):
            pairs = system.branch_pairs(group)[:, ::-1]
        names = [name for name in model.parameters if name in model.law.names]
        return self._by_law(model.law, names, given, pairs)

    def _by_law(
        self, law: Law, names: Sequence[str], given: Mapping[str, Any], pairs: np.ndarray
    ) -> dict[str, Array]:
        slopes = evaluated(law, tuple(names), given, len(pairs))[1:]
        return {name: self._drawn(pairs, slope) for name, slope in zip(names, slopes, strict=True)}

    def _ends(self, group: Group) -> np.ndarray:
        return self.linear.system.place[group.nodes[:, :2]]

    def _sensed(self, group: Group, k: int) -> np.ndarray:
        """(n, 2): the branch whose current controls each element, and ground."""
        return np.array([self._branch_of[name] for name in group.sensed[k]])

    @cached_property
    def _branch_of(self) -> dict[str, np.ndarray]:
        system = self.linear.system
        return {
            name: pair
            for group in system.circuit.groups
            if has_branch(group)
            for name, pair in zip(group.names, system.branch_pairs(group), strict=True)
        }

    @cached_property
    def _closed(self) -> dict[str, bool]:
        groups = joined(self.linear.system.circuit.groups, anywhere=True)
        switches = (group for group in groups if group.kind in "SW")
        return {
            name: bool(state)
            for group, states in zip(switches, self.closed, strict=True)
            for name, state in zip(group.names, states, strict=True)
        }
