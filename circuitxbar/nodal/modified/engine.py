"""Any circuit by modified nodal analysis: operating point, sweep, transient, AC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.checks import check_topology
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import Curves
from circuitxbar.circuit.expansion import expanded
from circuitxbar.circuit.kirchhoff import (
    Unknowns,
    element_currents,
    residual,
    rounding,
    small_signal_currents,
)
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.nodal.modified.building import system_of
from circuitxbar.nodal.modified.newton import Found
from circuitxbar.nodal.modified.small_signal import Linearised
from circuitxbar.nodal.modified.starting import given_start, operating_start, settled
from circuitxbar.nodal.modified.system import Closed, System
from circuitxbar.nodal.modified.transient import March

_ENGINE = "nodal"
_STEPS = 50  # of a transient, and of a period of any source, at least
_MOST_STEPS = 100_000_000  # of a transient, before it begins


def operating_point(circuit: Circuit) -> OperatingPoint:
    """Node voltages and branch currents of any circuit at rest, of every vector it holds."""
    points = [_point(circuit.vector(k)) for k in range(circuit.batch)]
    systems, found, closed, strategies = zip(*points, strict=True)
    whole = systems[0].circuit if circuit.batch == 1 else expanded(circuit)
    x = np.stack([one.at.x for one in found], axis=1)
    at = unknowns(systems[0], x, closed, whole)
    outside, inside = np.split(at.voltages[0], [circuit.node_count])
    return OperatingPoint(
        circuit,
        outside,
        np.zeros_like(outside),
        at.branch_currents,
        _ENGINE,
        strategies,
        whole,
        inside,
        at.closed,
        rounding(at),
    )


def _point(circuit: Circuit) -> tuple[System, Found, Closed, str]:
    whole = expanded(circuit)
    check_topology(whole)
    system = system_of(whole)
    found, closed, how = settled(system, system.sources.steady, np.zeros(system.size))
    if not found.converged:
        raise SolverError(
            "the operating point was not found, by Newton's method, gmin stepping, source stepping "
            f"or a pseudo-transient: {_amiss(system, found)}. There may be none; look for laws "
            "that jump, and for amplifiers without feedback."
        )
    return system, found, closed, how


def _amiss(system: System, found: Found) -> str:
    """What is worst where Newton's method came to, for messages."""
    at = found.at
    for block, missing in zip(system.blocks, at.undefined, strict=True):
        if missing.any():
            end = block.outputs[np.flatnonzero(missing)[0]].max()
            return f"a law has no value or no slope at {system.name_of(int(end))}"
    worst = int(np.abs(at.error).argmax())
    return f"{system.name_of(worst)} is {abs(at.error[worst]):.1e} (A or V) from balance"


def dc_sweep(circuit: Circuit, source: str, values: Array) -> Curves:
    """The operating points of `circuit` with `source` at each of `values`, one after another."""
    whole = expanded(circuit)
    check_topology(whole)
    system = system_of(whole)
    which = system.sources.names.index(source)
    x, sources = np.zeros(system.size), system.sources.steady.copy()
    found_at, closed_at = [], []
    strategies, closed = [], None
    for value in values.tolist():
        sources[which] = value
        found, closed, how = settled(system, sources.copy(), x, closed=closed)
        if not found.converged:
            raise SolverError(
                f"the operating point at {source} = {value:g} was not found: "
                f"{_amiss(system, found)}. "
                "Sweep in smaller steps, or look for laws that jump."
            )
        x = found.at.x
        found_at.append(x)
        closed_at.append(closed)
        strategies.append(how)
    stats = {"strategies": tuple(strategies)}
    swept = _with_source(whole, source, values)
    return _curves(
        circuit, system, source, values, np.array(found_at), closed_at, stats, swept=swept
    )


def _with_source(whole: Circuit, source: str, values: Array) -> Circuit:
    """`whole`, `source` having all `values`: for the proof of a sweep."""
    groups = []
    group, position = whole.element(source)
    for other in whole.groups:
        if other is group:
            table = np.repeat(group.values[:, None], len(values), axis=1)
            table[position] = values
            other = replace(group, values=table)
        groups.append(other)
    return replace(whole, groups=tuple(groups))


def transient(
    circuit: Circuit,
    stop: float,
    *,
    maximum_step: float | None,
    method: str,
    tol: float,
    use_initial: bool,
) -> Curves:
    """The course of `circuit` from 0 s to `stop`; arguments as those of solving.transient."""
    whole = expanded(circuit)
    check_topology(whole, over_time=True, at_rest=not use_initial)
    system = system_of(whole, with_states=True)
    start, closed = given_start(system) if use_initial else operating_start(system)
    # A circuit without charges has no error that would tell of a source between two points.
    longest = min(maximum_step or stop / _STEPS, system.sources.shortest_period / _STEPS)
    if stop / longest > _MOST_STEPS:
        raise CircuitError(
            f"steps of at most {longest:.3g} s to {stop:g} s are {stop / longest:.1e} of them. "
            "Stop earlier, pass a larger maximum_step, or lower the frequency of sources."
        )
    march = March(system, stop, method, longest, tol)
    with np.errstate(all="ignore"):
        course = march.run(start, closed)
    return _curves(
        circuit, system, "time", course.times, course.x, course.closed, course.stats, course.slopes
    )


def ac(circuit: Circuit, frequencies: Array) -> Curves:
    """The response of `circuit`, linearised where it is at rest, at each frequency."""
    linear, closed = linearised(circuit)
    system = linear.system
    found = unknowns(system, linear.response(frequencies))
    rest = unknowns(system, linear.x[:, None], [closed])
    through = small_signal_currents(found, frequencies, rest)
    return Curves(
        circuit,
        "frequency",
        frequencies,
        found.voltages[0][: circuit.node_count],
        found.branch_currents,
        residual(system.circuit, through),
        _ENGINE,
        {"linear_solver": system.pattern.solver},
    )


def linearised(circuit: Circuit) -> tuple[Linearised, Closed]:
    """`circuit`, expanded, where it is at rest, and its closed switches.

    SolverError where that is not found.
    """
    system, found, closed, _ = _point(circuit)
    return Linearised.at(system, found.at.x, closed), closed


def _curves(
    circuit: Circuit,
    system: System,
    axis: str,
    points: Array,
    x: Array,
    closed: Sequence[Closed],
    stats: dict[str, Any],
    slopes: Array | None = None,
    swept: Circuit | None = None,
) -> Curves:
    found = unknowns(system, x.T, closed, swept)
    time = points if slopes is not None else None
    through = element_currents(found, time=time, states=moved_states(system, x))
    charging = None if slopes is None else charging_currents(system, slopes)
    left = residual(found.circuit, through, charging)
    if slopes is not None:
        left[0] = 0.0  # where it starts, initial voltages are held by what is not there later
    return Curves(
        circuit,
        axis,
        points,
        found.voltages[0][: circuit.node_count],
        found.branch_currents,
        left,
        _ENGINE,
        {**stats, "linear_solver": system.pattern.solver},
        {
            f"{name}.{state.name}": x[:, state.unknowns[k]]
            for state in system.moving
            for k, name in enumerate(state.group.names)
        },
    )


def charging_currents(system: System, slopes: Array) -> Array:
    """What leaves each node to charge capacitances, (nodes, points), A, from d Q / dt."""
    place = system.place[: system.circuit.node_count]
    out = np.zeros((len(place), len(slopes)))
    roots = np.unique(place, return_index=True)[1]  # of joined nodes the first
    roots = roots[place[roots] >= 0]
    out[roots] = slopes.T[place[roots]]
    return out


def moved_states(system: System, x: Array) -> list[dict[str, Array]]:
    """Of each group of devices with moving states: name -> (elements, points)."""
    out: list[dict[str, Array]] = []
    seen: list[object] = []
    for state in system.moving:
        if not any(state.group is other for other in seen):
            seen.append(state.group)
            out.append({})
        out[-1][state.name] = x[:, state.unknowns].T
    return out


def unknowns(
    system: System,
    x: np.ndarray,
    closed: Sequence[Closed] | None = None,
    whole: Circuit | None = None,
) -> Unknowns:
    """The unknowns `x`, (size, points), of the circuit, or of `whole`, where its sources sweep.

    closed : at each point, which switches are.
    """
    full = np.concatenate([x, np.zeros((1, x.shape[1]), dtype=x.dtype)])
    voltages, currents = np.split(full[system.place], [system.circuit.node_count])
    states = None if closed is None else [np.array(c).T for c in zip(*closed, strict=True)]
    return Unknowns(whole or system.circuit, (voltages,), currents, states)
