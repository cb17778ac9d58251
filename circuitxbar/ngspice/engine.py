"""The ngspice engine: the same circuits as text, solved by ngspice as an outside witness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit, on_grids, terminal_currents
from circuitxbar.circuit.cells import cell_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.kirchhoff import Unknowns, rounding
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.potentials import LineVoltages, line_potentials
from circuitxbar.circuit.solution import Answer, Request
from circuitxbar.errors import SolverError
from circuitxbar.netlist.spelling import Spelling
from circuitxbar.netlist.writer import is_linear, write_spice, written_nodes
from circuitxbar.ngspice.installation import found
from circuitxbar.ngspice.residuals import with_laws
from circuitxbar.ngspice.runner import Run, run

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive

# Of a current where ngspice ends (law_options), A and of itself; gmin of its junctions within it.
_ABSTOL, _RELTOL = 1e-15, 1e-8


def is_present() -> bool:
    """Whether ngspice can be run on this machine; False too for one that does not start."""
    try:
        return found() is not None
    except SolverError:
        return False


def solve(crossbar: Crossbar, drive: Drive, request: Request) -> Answer:
    """Node voltages and source currents of `crossbar` as ngspice finds them.

    Terminal currents are ngspice's own branch currents, or conductance * voltage - current at
    Norton ends. Nothing of `request` is looked at: ngspice starts anew.
    """
    circuit = array_circuit(crossbar, drive)
    voltages, sources, stats = _found(circuit)
    row, column = line_potentials(crossbar, drive.ends)
    inner = column if crossbar.transistor is None else row  # what a short joins it to
    none = np.zeros_like(row)
    lines = [
        LineVoltages(potential, grid - potential, none)
        for grid, potential in zip(on_grids(crossbar, voltages), (row, column, inner), strict=False)
    ]
    nodes = cell_nodes(crossbar, lines, drive.gates)
    return Answer(
        lambda: nodes,
        "ngspice",
        stats,
        measured=terminal_currents(crossbar, drive.ends, circuit, voltages, sources),
    )


def operating_point(circuit: Circuit) -> OperatingPoint:
    """Node voltages and branch currents of `circuit` as ngspice finds them."""
    voltages, currents, _ = _found(circuit)
    none = np.zeros_like(voltages)
    whole = with_laws(circuit)
    point = OperatingPoint(circuit, voltages, none, currents, engine="ngspice", inside=whole)
    if not any(group.kind in "BDMQSW" for group in circuit.groups):
        return point
    left = rounding(Unknowns(whole or circuit, (voltages,), currents))
    return replace(point, rounding=left + _ABSTOL + _RELTOL * point.largest_current)


def _found(circuit: Circuit) -> tuple[Array, Array, dict[str, Any]]:
    """Node voltages (nodes, batch), V, branch currents (branches, batch), A, and how they came.

    Vectors are one sweep where there are no laws, else a run each: in a sweep, Newton's method
    begins near the answer and ends before its last, exact step.
    """
    if circuit.batch == 1 or is_linear(circuit):
        # A title may hold any words, also such as start a command in a comment.
        answer = run(write_spice(replace(circuit, title="circuit")))
        return *numbers_of(circuit, answer, circuit.batch), stats_of(answer)
    parts = []
    for vector in range(circuit.batch):
        try:
            parts.append(_found(circuit.vector(vector)))
        except SolverError as failed:
            raise SolverError(
                f'vector {vector} was not solved. {failed}. Lower the drive, or use engine="nodal".'
            ) from None
    voltages, currents, stats = zip(*parts, strict=True)
    return np.hstack(voltages), np.hstack(currents), stats[0]


def numbers_of(circuit: Circuit, answer: Run, points: int) -> tuple[Array, Array]:
    """Node voltages (nodes, points), V, and branch currents (branches, points), A, in `answer`.

    Branches are the elements for which `has_branch` is true, in the order of the groups.
    """
    vectors = answer.vectors
    short = [name for name, values in vectors.items() if len(values) != points]
    if short:
        raise SolverError(
            f"ngspice answered {len(vectors[short[0]])} of {points} vectors and "
            'said nothing of the others. Use engine="nodal".'
        )
    nodes = written_nodes(circuit)
    rest = np.zeros(points, dtype=next(iter(vectors.values())).dtype)
    voltages = np.stack([vectors[name] if name != "0" else rest for name in nodes])
    spelling = Spelling.of(circuit)
    branches = [
        vectors[f"{spelling.branch(group, name)}#branch"]
        for group in circuit.groups
        if has_branch(group)
        for name in group.names
    ]
    return voltages, np.array(branches).reshape(len(branches), points)


def stats_of(answer: Run) -> dict[str, Any]:
    """Which ngspice answered, and how."""
    return {
        "version": answer.version,
        "transport": answer.transport,
        "linear_solver": answer.linear_solver,
    }
