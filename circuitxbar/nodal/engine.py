"""The nodal engine: operating points of crossbars and of circuits by sparse nodal analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import scipy

from circuitxbar.arguments import Array
from circuitxbar.circuit.build import array_circuit
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.potentials import LineVoltages, last_cells, line_potentials
from circuitxbar.circuit.solution import Answer
from circuitxbar.circuit.terminations import SIDES, Ends, Side
from circuitxbar.nodal.network import Network

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


def solve(crossbar: Crossbar, ends: Mapping[Side, Ends], factor: Network | None = None) -> Answer:
    """Node voltages of `crossbar` for a batch of line ends, by one factorisation.

    `factor` is that of an earlier answer for the same array; only sources may differ.
    """
    circuit = array_circuit(crossbar, ends)
    network = factor or Network.of(circuit)
    row_potential, column_potential = line_potentials(crossbar, ends)
    batch = len(row_potential)
    rows, columns = crossbar.shape
    size = rows * columns
    reference = _references(circuit, crossbar, ends, row_potential, column_potential)
    found = network.solve(*source_values(circuit, batch), reference)

    def on_grid(first: int) -> LineVoltages:
        parts = (found.reference, found.deviation, found.remainder)
        grids = [part[first : first + size].T.reshape(batch, rows, columns) for part in parts]
        return LineVoltages(*grids)

    stats = {
        "linear_solver": f"SuperLU (scipy {scipy.__version__})",
        "unknowns": network.size,
        "solves": found.solves,
    }
    return Answer(on_grid(1), on_grid(size + 1), "nodal", stats, factor=network)


def operating_point(circuit: Circuit) -> OperatingPoint:
    """Node voltages and element currents of any circuit of resistances and sources.

    Raises CircuitError naming the node or source for which there is no unique solution.
    """
    network = Network.of(circuit)
    sources, injected = source_values(circuit, circuit.batch)
    zeros = np.zeros((circuit.node_count, circuit.batch))
    found = network.solve(sources, injected, zeros)
    outflow = network.outflow(found) - injected
    by_net = np.zeros_like(outflow)
    np.add.at(by_net, network.net, outflow)
    voltages = found.reference + found.deviation
    # What the sum of reference and deviation loses is in neither of them yet (Knuth's two-sum).
    kept = voltages - found.reference
    lost = (found.reference - (voltages - kept)) + (found.deviation - kept)
    currents = network.tree.currents(by_net)
    return OperatingPoint(circuit, voltages, lost + found.remainder, currents, engine="nodal")


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


def _references(
    circuit: Circuit,
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    row_potential: Array,
    column_potential: Array,
) -> Array:
    """The potential of its line for every node, in the order in which array_circuit lays nodes."""
    batch = len(row_potential)
    parts = [np.zeros((1, batch))]
    parts += [grid.reshape(batch, -1).T for grid in (row_potential, column_potential)]
    for side in SIDES:
        at_end = last_cells(side, row_potential, column_potential)
        parts.append(at_end[:, ends[side].terminated].T)
    laid = np.concatenate(parts)
    sources = np.zeros((circuit.node_count - len(laid), batch))
    return np.concatenate([laid, sources])
