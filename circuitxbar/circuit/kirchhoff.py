"""Kirchhoff's law recomputed for any circuit: currents of all elements from what an engine found.

Imports no engine, and goes from element to element, so that what an engine assembles wrongly shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuitxbar.circuit.checks import joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group, SwitchModel
from circuitxbar.circuit.potentials import difference
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel


@dataclass(frozen=True, eq=False)
class Unknowns:
    """What an engine found of a circuit, at rest, over time, or in small signals (complex).

    voltages : parts of which the sum is that of every node, each (nodes, points), V; differences
    keep the digits of all parts.
    branch_currents : (branches, points), A, of the groups for which has_branch is true, in order.
    closed : which switches are, of each group of them (elements, points); None where it is not
    told: those that their control closes, unknown between their thresholds.
    """

    circuit: Circuit
    voltages: tuple[np.ndarray, ...]
    branch_currents: np.ndarray
    closed: Sequence[np.ndarray] | None = None

    def between(self, first: np.ndarray, second: np.ndarray | int) -> np.ndarray:
        """Voltage of the nodes `first` above `second`, (elements, points), V."""
        parts = self.voltages
        if len(parts) == 1:
            return parts[0][first] - parts[0][second]
        return difference([part[first] for part in parts], [part[second] for part in parts])

    def branches(self, names: Iterable[str]) -> np.ndarray:
        """Currents of elements that fix a voltage, (elements, points), A."""
        return self.branch_currents[[self._branch_of[name] for name in names]]

    def controls(self, group: Group) -> dict[str, np.ndarray]:
        """What the law of a device or a behavioural source depends on, (elements, points), V, A."""
        nodes, model = group.nodes, group.model
        if isinstance(model, Behaviour):
            voltages = [self.between(*nodes[:, k : k + 2].T) for k in range(2, nodes.shape[1], 2)]
            names = (*model.voltages, *model.currents)
            return dict(zip(names, [*voltages, *map(self.branches, group.sensed)], strict=True))
        return {
            name: self.between(
                nodes[:, signs.index(1)], nodes[:, signs.index(-1)] if -1 in signs else 0
            )
            for name, signs in group.device.device.controls.items()
        }

    def conductances(self, group: Group) -> np.ndarray:
        """Of resistors and switches, (elements, 1 or points), S."""
        model = group.model
        if not isinstance(model, SwitchModel):
            ohms = group.values[:, None]
            with np.errstate(divide="ignore"):
                return np.where(ohms == 0, 0.0, 1.0 / ohms)
        on, off = 1.0 / model.on[:, None], 1.0 / model.off[:, None]
        if self.closed is not None:
            switches = [g for g in self.circuit.groups if isinstance(g.model, SwitchModel)]
            return np.where(self.closed[switches.index(group)], on, off)
        by = self.between(*group.nodes[:, 2:].T) if group.kind == "S" else self._sensed(group)
        above = by - model.threshold[:, None]
        known = np.abs(above) > model.hysteresis[:, None]
        return np.where(known, np.where(above > 0, on, off), np.nan)

    def proportional(self, group: Group, rest: Unknowns | None = None) -> np.ndarray:
        """Currents of elements that are no law, charge nothing and are no source of a current.

        NaN for diodes and transistors, which expansion.expanded makes elements with laws of.
        rest : where switches are what they are, if that is not here.
        """
        if has_branch(group):
            return self.branches(group.names)
        if group.kind == "G":
            return group.values[:, None] * self.between(*group.nodes[:, 2:].T)
        if group.kind == "F":
            return group.values[:, None] * self._sensed(group)
        drop = self.between(*group.nodes[:, :2].T)
        if group.kind in ("R", "S", "W"):
            return drop * (rest or self).conductances(group)
        return np.full_like(drop, np.nan)

    def _sensed(self, group: Group) -> np.ndarray:
        return self.branches(group.sensed[0])

    @cached_property
    def _branch_of(self) -> dict[str, int]:
        names = (name for g in self.circuit.groups if has_branch(g) for name in g.names)
        return {name: k for k, name in enumerate(names)}


def element_currents(
    at: Unknowns,
    *,
    time: np.ndarray | None = None,
    states: Sequence[dict[str, np.ndarray]] | None = None,
) -> Iterator[tuple[Group, np.ndarray]]:
    """Every group of a circuit with its currents, (elements, points), A.

    From first to second node, what charges capacitances left out; NaN where `at` does not tell.
    time : (points,), s, where sources follow it.  states : of each group of devices whose states
    move, name -> (elements, points).
    """
    moving = iter(states or ())
    for group in at.circuit.groups:
        shape = len(group.names), at.voltages[0].shape[1]
        if group.kind == "C":
            yield group, np.zeros(shape)
        elif group.kind == "I":
            yield group, _source(group, shape, time)
        elif _has_law(group):
            moves = states and group.kind == "law" and group.device.device.has_rates
            own = next(moving) if moves else {}
            law, _ = _laws(group)
            (value,) = _evaluated(law, (), {**_given(group, time, own), **at.controls(group)})
            yield group, np.broadcast_to(value, shape)
        else:
            yield group, at.proportional(group)


def small_signal_currents(
    at: Unknowns, frequency: np.ndarray, rest: Unknowns | None
) -> Iterator[tuple[Group, np.ndarray]]:
    """Every group of a circuit with its currents in small signals, complex, (elements, points), A.

    From first to second node, with what charges capacitances.
    frequency : (points,), Hz.  rest : one point, about which laws are linear; None where it is not
    known, and with it what laws and switches do: NaN.
    """
    factor = 2j * np.pi * frequency
    for group in at.circuit.groups:
        shape = len(group.names), len(frequency)
        if group.kind == "C":
            yield group, factor * group.values[:, None] * at.between(*group.nodes[:, :2].T)
        elif group.kind == "I":
            known = group.excitation
            amplitude = np.zeros(len(group.names)) if known is None else known.ac
            yield group, np.broadcast_to(amplitude[:, None], shape)
        elif rest is None and (_has_law(group) or isinstance(group.model, SwitchModel)):
            yield group, np.full(shape, np.nan)
        elif rest is not None and _has_law(group):
            yield group, np.broadcast_to(sum(_terms(at, rest, group, factor), 0j), shape)
        else:
            yield group, at.proportional(group, rest)


def rounding(at: Unknowns) -> np.ndarray:
    """What the last digits of all unknowns at rest make of the sum at any node, (points,), A.

    NaN where a current is not known.
    """
    sizes = _Sizes(at.circuit, at.voltages, at.branch_currents)
    total = np.zeros(at.voltages[0].shape)
    for group in at.circuit.groups:
        if group.kind in ("C", "I"):
            continue
        parts = _terms(sizes, at, group) if _has_law(group) else [sizes.proportional(group, at)]
        size = sum(map(np.abs, parts))
        for side in (0, -1 if group.kind == "law" else 1):
            np.add.at(total, group.nodes[:, side], size)
    by_net = np.zeros_like(total)
    np.add.at(by_net, joined_nodes(at.circuit), total)
    return 4 * np.finfo(float).eps * by_net[1:].max(axis=0, initial=0.0)


@dataclass(frozen=True, eq=False)
class _Sizes(Unknowns):
    """Sizes of what is subtracted instead of differences, and of currents."""

    def between(self, first: np.ndarray, second: np.ndarray | int) -> np.ndarray:
        (voltages,) = self.voltages
        return np.abs(voltages[first]) + np.abs(voltages[second])

    def branches(self, names: Iterable[str]) -> np.ndarray:
        return np.abs(super().branches(names))


def residual(
    circuit: Circuit,
    currents: Iterable[tuple[Group, np.ndarray]],
    charging: np.ndarray | None = None,
) -> np.ndarray:
    """The largest Kirchhoff sum of any node at each point, (points,), A."""
    return np.abs(node_sums(circuit, currents, charging)[1:]).max(axis=0, initial=0.0)


def node_sums(
    circuit: Circuit,
    currents: Iterable[tuple[Group, np.ndarray]],
    charging: np.ndarray | None = None,
) -> np.ndarray:
    """What leaves each node, or all nodes joined with it at the first of them, (nodes, points), A.

    charging : (nodes, points), A, what leaves each node to charge its capacitances.
    """
    known = list(currents)
    shape = (circuit.node_count, known[0][1].shape[1] if known else 1)
    out = np.zeros(shape, dtype=np.result_type(*[c for _, c in known], float))
    for group, through in known:
        np.add.at(out, group.nodes[:, 0], through)
        np.subtract.at(out, group.nodes[:, -1 if group.kind == "law" else 1], through)
    if charging is not None:
        out += charging
    by_net = np.zeros_like(out)
    np.add.at(by_net, joined_nodes(circuit), out)
    return by_net


def _source(group: Group, shape: tuple[int, int], time: np.ndarray | None) -> np.ndarray:
    # One value for all points, or one for each of a sweep.
    out = np.broadcast_to(group.values.reshape(len(group.names), -1), shape).copy()
    if time is not None and group.excitation is not None:
        for k, function in enumerate(group.excitation.over_time):
            if function is not None:
                out[k] = function.at(time)
    return out


def _has_law(group: Group) -> bool:
    return group.kind == "law" or (group.kind == "B" and not has_branch(group))


def _laws(group: Group) -> tuple[Law, Law | None]:
    """The law of the current of a group, and that of its charge."""
    model = group.model
    if isinstance(model, Behaviour):
        return model.law, model.charge
    return group.device.device.full_law, None


def _given(
    group: Group, time: np.ndarray | None = None, states: Mapping[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """What laws take beside their controls, by name; each (elements, points) or broadcast to it."""
    model = group.model
    if isinstance(model, Behaviour):
        named = {name: value[:, None] for name, value in model.parameters.items()}
        return {**named, "time": np.zeros(1) if time is None else time}
    model, device = group.device, group.device.device
    named = {name: np.asarray(value)[..., None] for name, value in model.parameters.items()}
    given = {**device.defaults, **named, "temperature": model.temperature}
    given["g"] = model.conductances[:, None]
    if states:
        given |= states
        if "conductance" in device.laws:
            (given["g"],) = _evaluated(device.law_of("conductance"), (), given)
    return given


def _evaluated(law: Law, slopes: tuple[str, ...], given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The value of `law`, then its slope by each of these names."""
    with np.errstate(all="ignore"):
        numbers = {name: np.asarray(given[name], dtype=float)[()] for name in law.names}
        return kernel(law, slopes)(**numbers)


def _terms(
    at: Unknowns, rest: Unknowns, group: Group, factor: np.ndarray | float = 0.0
) -> Iterator[np.ndarray]:
    """Slopes of laws at `rest` times the controls at `at`; those of charges times `factor`."""
    controls = at.controls(group)
    given = {**_given(group), **rest.controls(group)}
    for law, by in zip(_laws(group), (1.0, factor), strict=True):
        if law is not None:
            names = tuple(name for name in controls if name in law.names)
            _, *slopes = _evaluated(law, names, given)
            for name, slope in zip(names, slopes, strict=True):
                yield by * slope * controls[name]
