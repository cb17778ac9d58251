"""Kirchhoff's law recomputed for any circuit: from voltages, branch currents and charging currents.

Imports no engine, and goes from element to element, so that what an engine assembles wrongly shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from circuitxbar.circuit.checks import joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group, SwitchModel
from circuitxbar.devices.kernel import kernel


def element_currents(
    circuit: Circuit,
    voltages: np.ndarray,
    branch_currents: np.ndarray,
    *,
    time: np.ndarray | None = None,
    closed: Sequence[np.ndarray] | None = None,
    states: Sequence[dict[str, np.ndarray]] | None = None,
) -> Iterator[tuple[Group, np.ndarray]]:
    """Every group of a circuit of primitive elements, with its currents, (elements, points), A.

    From first to second node, what charges capacitances left out.
    voltages : (nodes, points), V.  branch_currents : (branches, points), A.
    time : (points,), s, where sources follow it.  closed : of each group of switches, (elements,
    points).  states : of each group of devices whose states move, name -> (elements, points).
    """
    branch_of: dict[str, np.ndarray] = {}
    first = 0
    for group in circuit.groups:
        if has_branch(group):
            for k, name in enumerate(group.names):
                branch_of[name] = branch_currents[first + k]
            first += len(group.names)
    switches, moving = iter(closed or ()), iter(states or ())
    for group in circuit.groups:
        sensed = [np.array([branch_of[name] for name in names]) for names in group.sensed]
        drop = _between(voltages, group.nodes[:, :2])
        if has_branch(group):
            yield group, np.array([branch_of[name] for name in group.names])
            continue
        values = group.values[:, None]
        match group.kind:
            case "R":
                with np.errstate(divide="ignore"):
                    yield group, drop * np.where(values == 0, 0.0, 1.0 / values)
            case "C":
                yield group, np.zeros_like(drop)
            case "I":
                yield group, _source(group, drop.shape, time)
            case "G":
                yield group, values * _between(voltages, group.nodes[:, 2:])
            case "F":
                yield group, values * sensed[0]
            case "B":
                yield group, _behaviour(group, voltages, sensed, time)
            case "S" | "W":
                assert isinstance(group.model, SwitchModel)
                model, state = group.model, next(switches)
                yield group, drop / np.where(state, model.on[:, None], model.off[:, None])
            case _:
                own = next(moving) if states and group.device.device.has_rates else {}
                yield group, _device(group, voltages, own)


def residual(
    circuit: Circuit,
    currents: Sequence[tuple[Group, np.ndarray]],
    charging: np.ndarray | None = None,
) -> np.ndarray:
    """The largest Kirchhoff sum of any node at each point, (points,), A."""
    return np.abs(node_sums(circuit, currents, charging)[1:]).max(axis=0, initial=0.0)


def node_sums(
    circuit: Circuit,
    currents: Sequence[tuple[Group, np.ndarray]],
    charging: np.ndarray | None = None,
) -> np.ndarray:
    """What leaves each node, or all nodes joined with it at the first of them, (nodes, points), A.

    charging : (nodes, points), A, what leaves each node to charge its capacitances.
    """
    shape = (circuit.node_count, currents[0][1].shape[1] if currents else 1)
    out = np.zeros(shape, dtype=np.result_type(*[c for _, c in currents], float))
    for group, through in currents:
        np.add.at(out, group.nodes[:, 0], through)
        np.subtract.at(out, group.nodes[:, -1 if group.kind == "law" else 1], through)
    if charging is not None:
        out += charging
    by_net = np.zeros_like(out)
    np.add.at(by_net, joined_nodes(circuit), out)
    return by_net


def _between(voltages: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return voltages[pairs[:, 0]] - voltages[pairs[:, 1]]


def _source(group: Group, shape: tuple[int, ...], time: np.ndarray | None) -> np.ndarray:
    # One value for all points, or one for each of a sweep.
    out = np.broadcast_to(group.values.reshape(len(group.names), -1), shape).copy()
    if time is not None and group.excitation is not None:
        for k, function in enumerate(group.excitation.over_time):
            if function is not None:
                out[k] = function.at(time)
    return out


def _behaviour(
    group: Group, voltages: np.ndarray, sensed: list[np.ndarray], time: np.ndarray | None
) -> np.ndarray:
    model = group.model
    assert isinstance(model, Behaviour)
    named: dict[str, Any] = {name: value[:, None] for name, value in model.parameters.items()}
    for k, name in enumerate(model.voltages):
        named[name] = _between(voltages, group.nodes[:, 2 + 2 * k : 4 + 2 * k])
    named |= dict(zip(model.currents, sensed, strict=True))
    named["time"] = np.zeros(1) if time is None else time
    with np.errstate(all="ignore"):
        (value,) = kernel(model.law)(**{name: named[name] for name in model.law.names})
    return np.broadcast_to(value, (len(group.names), voltages.shape[1]))


def _device(group: Group, voltages: np.ndarray, states: dict[str, np.ndarray]) -> np.ndarray:
    model = group.device
    device = model.device
    named: dict[str, Any] = {k: np.asarray(v)[..., None] for k, v in model.parameters.items()}
    named["temperature"] = model.temperature
    named["g"] = model.conductances[:, None]
    if states:
        named |= states
        if "conductance" in device.laws:
            law = device.law_of("conductance")
            given = {**device.defaults, **named}
            (named["g"],) = kernel(law)(**{n: np.asarray(given[n]) for n in law.names})
    for name, signs in device.controls.items():
        second = group.nodes[:, signs.index(-1)] if -1 in signs else np.zeros(1, dtype=int)
        named[name] = voltages[group.nodes[:, signs.index(1)]] - voltages[second]
    given = {"g": 0.0, **device.defaults, **named}
    law = device.full_law
    with np.errstate(all="ignore"):
        (value,) = kernel(law)(**{n: np.asarray(given[n], dtype=float)[()] for n in law.names})
    return np.broadcast_to(value, (len(group.names), voltages.shape[1]))
