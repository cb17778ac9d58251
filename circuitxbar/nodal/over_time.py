"""Crossbars over time by modified nodal analysis: any cells, each vector a circuit of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.integrate import cumulative_trapezoid

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit, on_grids, terminal_currents
from circuitxbar.circuit.cells import cell_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Excitation
from circuitxbar.circuit.kirchhoff import element_currents, node_sums
from circuitxbar.circuit.potentials import LineVoltages
from circuitxbar.circuit.valid import check_valid_voltages
from circuitxbar.circuit.waveforms import Waveform
from circuitxbar.nodal.modified.building import system_of
from circuitxbar.nodal.modified.engine import charging_currents, moved_states, unknowns
from circuitxbar.nodal.modified.system import Moving, System
from circuitxbar.nodal.modified.transient import Course, March, operating_start

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive_over_time import DriveOverTime

_LONGEST = 50  # steps at least


@dataclass(frozen=True, eq=False)
class ArrayCourse:
    """A batch of vectors over time, at the points asked for; see circuit.transient.Transient.

    currents, charges : (batch, points, lines), sensed, A and C.  voltages : "row", "column",
    "inner" -> (batch, points, rows, columns), V.  states : by name, likewise, and at the end.
    The rest is (batch,): kirchhoff, scale : A, the largest sum of |Kirchhoff errors| and the
    largest terminal current.  local_error, state_error : V, and of the range of a state, the most
    that a step added; tolerance : V, what it was allowed to.
    """

    times: Array
    currents: Array
    charges: Array
    voltages: dict[str, Array] | None
    states: dict[str, Array] | None
    last_states: dict[str, Array]
    kirchhoff: Array
    scale: Array
    local_error: Array
    state_error: Array
    tolerance: Array
    steps: np.ndarray
    rejected: np.ndarray
    iterations: np.ndarray


def transient(
    crossbar: Crossbar, drive: DriveOverTime, times: Array, stop: float, tol: float, check: bool
) -> ArrayCourse:
    """The transients of all vectors of `drive`, at `times` (points,), s.

    tol : of the swing of a vector's drive, what a step may add to the error of a voltage.
    check : whether voltages outside the valid ranges of the devices are refused.
    """
    parts = []
    for vector in range(drive.batch):
        part = _course(crossbar, drive.of_vector(vector), times, stop, tol)
        if check:
            lines = [_line(grid) for grid in part["voltages"].values()]
            gates = drive.of_vector(vector).at(times).gates
            nodes = cell_nodes(crossbar, lines, gates)
            at = np.ones(len(times), dtype=bool)
            check_valid_voltages(crossbar, nodes, at, np.full(len(times), vector))
        parts.append(part)
    return _joined(times, parts)


def _line(grid: Array) -> LineVoltages:
    none = np.zeros_like(grid)
    return LineVoltages(none, grid, none)


def _joined(times: Array, parts: list[dict[str, Any]]) -> ArrayCourse:
    named: dict[str, Any] = {
        key: {name: np.stack([part[key][name] for part in parts]) for name in parts[0][key]}
        for key in ("voltages", "states")
    }
    plain: dict[str, Any] = {
        key: np.array([part[key] for part in parts]) for key in parts[0] if key not in named
    }
    last = {name: values[:, -1] for name, values in named["states"].items()}
    return ArrayCourse(times, last_states=last, **named, **plain)


def _course(
    crossbar: Crossbar, drive: DriveOverTime, times: Array, stop: float, tol: float
) -> dict[str, Any]:
    """The parts of an ArrayCourse for the single vector of `drive`."""
    circuit = _circuit(crossbar, drive, stop)
    system = _started(system_of(circuit, with_states=True), crossbar)
    start, closed = operating_start(system)
    march = March(system, stop, "trapezoidal", stop / _LONGEST, tol, drive.swing(stop))
    with np.errstate(all="ignore"):
        course = march.run(start, closed)
    return _answer(crossbar, drive, times, system, course, march)


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


def _answer(
    crossbar: Crossbar,
    drive: DriveOverTime,
    times: Array,
    system: System,
    course: Course,
    march: March,
) -> dict[str, Any]:
    voltages, sources = unknowns(system, course.x.T)
    circuit = system.circuit
    through = list(
        element_currents(
            circuit, voltages, sources, time=course.times, states=moved_states(system, course.x)
        )
    )
    left = node_sums(circuit, through, charging_currents(system, course.slopes))[1:]
    terminal = terminal_currents(crossbar, drive.at(course.times).ends, circuit, voltages, sources)
    sensed = np.sum([terminal[side] for side in crossbar.sensed_sides], axis=0)
    # A first-order step takes its current at its end, as the charges that it moves do.
    even = cumulative_trapezoid(sensed, course.times, axis=0, initial=0.0)
    surplus = 0.5 * np.diff(sensed, axis=0) * np.diff(course.times)[:, None]
    surplus[course.history[1:] > 2] = 0.0
    charges = even + np.concatenate([np.zeros_like(surplus[:1]), np.cumsum(surplus, axis=0)])

    def between(values: Array) -> Array:
        return course.between(values, times)

    grids = [between(grid) for grid in on_grids(crossbar, voltages)]
    states = {name: between(values) for name, values in _grids(system, crossbar, course.x).items()}
    kinds = ("row", "column", "inner")
    return {
        "currents": between(sensed),
        "charges": between(charges),
        "voltages": dict(zip(kinds, grids, strict=False)),
        "states": states,
        "kirchhoff": float(np.abs(left[:, 1:]).sum(axis=0).max()),
        "scale": max(float(np.abs(current).max()) for current in terminal.values()),
        "local_error": march.local_error,
        "state_error": march.state_error,
        "tolerance": march.tol * drive.swing(march.stop),
        "steps": march.steps,
        "rejected": march.rejected,
        "iterations": march.iterations,
    }


def _grids(system: System, crossbar: Crossbar, x: Array) -> dict[str, Array]:
    """Every state that moves, by name, (points, rows, columns)."""
    out = {}
    for state in system.moving:
        name, (rows, columns) = _of_crossbar(crossbar, state)
        grid = np.broadcast_to(crossbar.states[name], (len(x), *crossbar.shape)).copy()
        grid[:, rows, columns] = x[:, state.unknowns]
        out[name] = grid
    return out
