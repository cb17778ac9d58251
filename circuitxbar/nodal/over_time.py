"""Crossbars over time by modified nodal analysis: any cells, each vector a circuit of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import cumulative_trapezoid

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit, on_grids, terminal_currents
from circuitxbar.circuit.cells import cell_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Excitation
from circuitxbar.circuit.kirchhoff import element_currents, node_sums
from circuitxbar.circuit.motion import Motion
from circuitxbar.circuit.potentials import LineVoltages
from circuitxbar.circuit.record import Record
from circuitxbar.circuit.valid import check_valid_voltages
from circuitxbar.circuit.waveforms import Waveform
from circuitxbar.nodal.modified.building import system_of
from circuitxbar.nodal.modified.engine import charging_currents, moved_states, unknowns
from circuitxbar.nodal.modified.starting import operating_start
from circuitxbar.nodal.modified.system import Moving, System
from circuitxbar.nodal.modified.transient import Course, March

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive_over_time import DriveOverTime

_LONGEST = 50  # steps at least


def transient(
    crossbar: Crossbar, drive: DriveOverTime, times: Array, stop: float, tol: float, check: bool
) -> Record:
    """The transients of all vectors of `drive`, at `times` (points,), s.

    tol : of the swing of a vector's drive, what a step may add to the error of a voltage.
    check : whether voltages outside the valid ranges of the devices are refused.
    """
    vectors = [drive.of_vector(k) for k in range(drive.batch)]
    tolerance = np.array([tol * vector.swing(stop) for vector in vectors])
    record = Record.empty(crossbar, Motion.of(crossbar), times, tolerance, "voltages")
    for k, vector in enumerate(vectors):
        _follow(crossbar, vector, stop, tol, record, k)
        if check and record.voltages is not None:
            lines = [_line(grid[k]) for grid in record.voltages.values()]
            nodes = cell_nodes(crossbar, lines, vector.at(times).gates)
            at = np.ones(len(times), dtype=bool)
            check_valid_voltages(crossbar, nodes, at, np.full(len(times), k))
    return record


def _line(grid: Array) -> LineVoltages:
    none = np.zeros_like(grid)
    return LineVoltages(none, grid, none)


def _follow(
    crossbar: Crossbar, drive: DriveOverTime, stop: float, tol: float, record: Record, vector: int
) -> None:
    """Fill in the `vector` of the record, driven by `drive`."""
    circuit = _circuit(crossbar, drive, stop)
    system = _started(system_of(circuit, with_states=True), crossbar)
    start, closed = operating_start(system)
    march = March(system, stop, "trapezoidal", stop / _LONGEST, tol, drive.swing(stop))
    with np.errstate(all="ignore"):
        course = march.run(start, closed)
    _put(crossbar, drive, system, course, record, vector)
    record.local_error[vector], record.state_error[vector] = march.local_error, march.state_error
    record.steps[vector], record.rejected[vector] = march.steps, march.rejected
    record.iterations[vector] = march.iterations


def _circuit(crossbar: Crossbar, drive: DriveOverTime, stop: float) -> Circuit:
    """The array with sources that follow `drive`."""
    ticks = drive.ticks(stop)
    circuit = array_circuit(crossbar, drive.at(ticks), moving=True)
    groups = []
    for group in circuit.groups:
        if group.values.ndim == 2:
            over_time = tuple(
                Waveform(ticks, row) if np.any(row != row[0]) else None for row in group.values
            )
            excitation = Excitation(over_time, np.zeros(len(over_time), complex))
            group = replace(group, values=group.values[:, 0], excitation=excitation)
        groups.append(group)
    return replace(circuit, groups=tuple(groups))


def _started(system: System, crossbar: Crossbar) -> System:
    """`system` with its states where those of `crossbar` are."""
    moving = []
    for state in system.moving:
        name, cells = _of_crossbar(crossbar, state)
        moving.append(replace(state, initial=crossbar.states[name][cells]))
    return replace(system, moving=tuple(moving))


def _of_crossbar(crossbar: Crossbar, state: Moving) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """What `state` is called in crossbar.states, and the rows and columns of its cells."""
    prefixes = {element.name: element.prefix for element in crossbar.cell_elements}
    names = state.group.names
    rows, columns = names.indices.astype(int).T
    return prefixes[names.pattern.split("_")[0]] + state.name, (rows, columns)


def _put(
    crossbar: Crossbar,
    drive: DriveOverTime,
    system: System,
    course: Course,
    record: Record,
    vector: int,
) -> None:
    """Fill what `course` says at the times of the record into its `vector`."""
    found, circuit = unknowns(system, course.x.T), system.circuit
    (voltages,), sources = found.voltages, found.branch_currents
    moved = moved_states(system, course.x)
    through = element_currents(found, time=course.times, states=moved)
    left = node_sums(circuit, through, charging_currents(system, course.slopes))[1:]
    terminal = terminal_currents(crossbar, drive.at(course.times).ends, circuit, voltages, sources)
    sensed = np.sum([terminal[side] for side in crossbar.sensed_sides], axis=0)
    # A first-order step takes its current at its end, as the charges that it moves do.
    even = cumulative_trapezoid(sensed, course.times, axis=0, initial=0.0)
    surplus = 0.5 * np.diff(sensed, axis=0) * np.diff(course.times)[:, None]
    surplus[course.history[1:] > 2] = 0.0
    charges = even + np.concatenate([np.zeros_like(surplus[:1]), np.cumsum(surplus, axis=0)])

    record.currents[vector] = course.between(sensed, record.times)
    record.charges[vector] = course.between(charges, record.times)
    if record.voltages is not None:
        grids = zip(record.voltages.values(), on_grids(crossbar, voltages), strict=True)
        for kept, grid in grids:
            kept[vector] = course.between(grid, record.times)
    states = {
        name: course.between(grid, record.times)
        for name, grid in _grids(system, crossbar, course.x, record.last_states).items()
    }
    record.put_states(slice(None), vector, states)
    for name, values in states.items():
        record.last_states[name][vector] = values[-1]
    record.kirchhoff[vector] = np.abs(left[:, 1:]).sum(axis=0).max()
    record.scale[vector] = max(float(np.abs(current).max()) for current in terminal.values())


def _grids(system: System, crossbar: Crossbar, x: Array, names: Iterable[str]) -> dict[str, Array]:
    """The states `names`, (points, rows, columns); of open cells and shorts they stay."""
    out = {n: np.broadcast_to(crossbar.states[n], (len(x), *crossbar.shape)).copy() for n in names}
    for state in system.moving:
        name, (rows, columns) = _of_crossbar(crossbar, state)
        out[name][:, rows, columns] = x[:, state.unknowns]
    return out
