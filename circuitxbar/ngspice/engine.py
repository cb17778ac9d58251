"""The ngspice engine: the same circuits as text, solved by ngspice as an outside witness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.potentials import LineVoltages, line_potentials
from circuitxbar.circuit.solution import Answer
from circuitxbar.circuit.terminations import SIDES, Ends, Side
from circuitxbar.errors import SolverError
from circuitxbar.netlist.writer import source_name, write_spice, written_nodes
from circuitxbar.ngspice.installation import found
from circuitxbar.ngspice.runner import Run, run

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


def is_present() -> bool:
    """Whether ngspice can be run on this machine; False too for one that does not start."""
    try:
        return found() is not None
    except SolverError:
        return False


def solve(crossbar: Crossbar, ends: Mapping[Side, Ends], factor: Any = None) -> Answer:
    """Node voltages and source currents of `crossbar` as ngspice finds them.

    Terminal currents are ngspice's own branch currents, or conductance * voltage - current at
    Norton ends. `factor` is ignored: ngspice starts anew.
    """
    circuit = array_circuit(crossbar, ends)
    answer = _run(circuit)
    batch = max(len(end.voltage) for end in ends.values())
    voltages, sources = _node_voltages(circuit, answer), _source_currents(circuit, answer)
    size = crossbar.conductances.size
    grid = voltages[1 : 2 * size + 1].T.reshape(batch, 2, *crossbar.shape)
    row_potential, column_potential = line_potentials(crossbar, ends)
    none = np.zeros_like(row_potential)
    return Answer(
        LineVoltages(row_potential, grid[:, 0] - row_potential, none),
        LineVoltages(column_potential, grid[:, 1] - column_potential, none),
        "ngspice",
        _stats(answer),
        measured=_terminal_currents(crossbar, ends, circuit, voltages, sources),
    )


def operating_point(circuit: Circuit) -> OperatingPoint:
    """Node voltages and source currents of `circuit` as ngspice finds them."""
    answer = _run(circuit)
    voltages = _node_voltages(circuit, answer)
    none = np.zeros_like(voltages)
    currents = _source_currents(circuit, answer)
    return OperatingPoint(circuit, voltages, none, currents, engine="ngspice")


def _run(circuit: Circuit) -> Run:
    # A title may hold any words, also such as start a command in a comment.
    return run(write_spice(replace(circuit, title="circuit")))


def _stats(answer: Run) -> dict[str, Any]:
    return {
        "version": answer.version,
        "transport": answer.transport,
        "linear_solver": answer.linear_solver,
    }


def _node_voltages(circuit: Circuit, answer: Run) -> Array:
    zero = np.zeros(circuit.batch)
    vectors = answer.vectors
    return np.stack([vectors[n] if n != "0" else zero for n in written_nodes(circuit)])


def _source_currents(circuit: Circuit, answer: Run) -> Array:
    names = [
        source_name(g, k) for g in circuit.groups if g.kind == "V" for k in range(len(g.names))
    ]
    currents = [answer.vectors[f"{name}#branch"] for name in names]
    return np.array(currents).reshape(len(names), circuit.batch)


def _terminal_currents(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    circuit: Circuit,
    voltages: Array,
    sources: Array,
) -> dict[Side, Array]:
    batch = voltages.shape[1]
    currents: dict[Side, Array] = {}
    used = 0
    for side in SIDES:
        end = ends[side]
        lines = np.flatnonzero(end.terminated)
        current = np.zeros((batch, crossbar.lines(side)))
        if end.norton:
            line = "row" if side in ("left", "right") else "column"
            nodes = [circuit.node(f"{line}_{k}_{side}") for k in lines]
            current[:, lines] = voltages[nodes].T / end.resistance[lines] - end.current[:, lines]
        else:
            current[:, lines] = sources[used : used + len(lines)].T
            used += len(lines)
        currents[side] = current
    return currents
