"""The nodal engine: operating points of crossbars and of circuits by sparse nodal analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit, by_node, on_grids
from circuitxbar.circuit.cells import cell_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.potentials import LineVoltages, line_potentials, two_sum
from circuitxbar.circuit.solution import Answer, Request, Solution
from circuitxbar.nodal.modified import engine as modified
from circuitxbar.nodal.network import Network, NodeVoltages

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive

_EXACT = ("R", "C", "V", "I", "law")  # kinds whose circuits need node voltages alone


def solve(crossbar: Crossbar, drive: Drive, request: Request) -> Answer:
    """Node voltages of `crossbar` for a batch of line ends and gates, to rounding.

    Of linear cells by one factorisation for all vectors, else by Newton's method for each.
    """
    circuit = array_circuit(crossbar, drive)
    network = request.factor if isinstance(request.factor, Network) else Network.of(circuit)
    sources, injected = source_values(circuit, drive.batch)
    start, guess = None, request.guess
    if guess is not None and not network.is_linear:
        grids = [line.voltages for line in guess.lines]
        start = by_node(crossbar, drive, circuit, grids, drive.gates)
    found = network.solve(sources, injected, _references(crossbar, drive, circuit), start)
    return _answer(crossbar, drive, network, found)


def adjoint(solution: Solution, drive: Drive) -> Answer:
    """Node voltages of the transposed array, its cells linearised at `solution`, under `drive`."""
    crossbar = solution.crossbar
    circuit = array_circuit(crossbar, drive)
    network = solution.factor if isinstance(solution.factor, Network) else Network.of(circuit)
    sources, injected = source_values(circuit, drive.batch)
    lines, gates = solution.kept_nodes().lines, solution.drive.gates
    voltages = []
    for part, at_gates in (
        ("potential", gates),
        ("deviation", 0 * gates),
        ("remainder", 0 * gates),
    ):
        grids = [np.broadcast_to(getattr(line, part), line.deviation.shape) for line in lines]
        voltages.append(by_node(crossbar, drive, circuit, grids, at_gates))
    at = NodeVoltages(*voltages, solves=0)
    found = network.adjoint(at, sources, injected, _references(crossbar, drive, circuit))
    return _answer(crossbar, drive, network, found)


def _answer(crossbar: Crossbar, drive: Drive, network: Network, found: NodeVoltages) -> Answer:
    parts = (found.reference, found.deviation, found.remainder)
    grids = zip(*(on_grids(crossbar, part) for part in parts), strict=True)
    lines = [LineVoltages(*grid) for grid in grids]
    stats = {
        "linear_solver": f"SuperLU (scipy {scipy.__version__})",
        "unknowns": network.size,
        "solves": found.solves,
        "factorisations": max(found.factorisations, default=1),
    }
    nodes = cell_nodes(crossbar, lines, drive.gates)
    return Answer(lambda: nodes, "nodal", stats, factor=network, strategies=found.strategies)


def operating_point(circuit: Circuit) -> OperatingPoint:
    """Node voltages and element currents of any circuit of resistances, laws and sources.

    Raises CircuitError naming the node or source for which there is no unique solution.
    """
    if any(group.kind not in _EXACT for group in circuit.groups):
        return modified.operating_point(circuit)
    network = Network.of(circuit)
    sources, injected = source_values(circuit, circuit.batch)
    zeros = np.zeros((circuit.node_count, circuit.batch))
    found = network.solve(sources, injected, zeros)
    currents = network.source_currents(network.outflow(found) - injected)
    voltages, lost = two_sum(found.reference, found.deviation)
    remainder = lost + found.remainder
    return OperatingPoint(circuit, voltages, remainder, currents, "nodal", found.strategies)


def source_values(circuit: Circuit, batch: int) -> tuple[Array, Array]:
    """(voltages of the sources, current into each node), each (..., batch), of a circuit."""
    voltages = [_by_batch(g.values, batch) for g in circuit.groups if g.kind == "V"]
    injected = np.zeros((circuit.node_count, batch))
    for group in circuit.groups:
        if group.kind == "I":
            current = _by_batch(group.values, batch)
            np.subtract.at(injected, group.nodes[:, 0], current)
            np.add.at(injected, group.nodes[:, 1], current)
    return np.concatenate([np.empty((0, batch)), *voltages]), injected


def _by_batch(values: Array, batch: int) -> Array:
    return np.broadcast_to(values if values.ndim == 2 else values[:, None], (len(values), batch))


def _references(crossbar: Crossbar, drive: Drive, circuit: Circuit) -> Array:
    """The potential of its line for every node, (nodes, batch), V."""
    row, column = line_potentials(crossbar, drive.ends)
    inner = [row if crossbar.transistor is None else column][: len(crossbar.cell_elements) - 1]
    return by_node(crossbar, drive, circuit, [row, column, *inner], 0 * drive.gates)
