"""From a crossbar to a Circuit: the one place that says which element joins which nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.cells import CellElement, Node
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.group import Group, Kind, Names
from circuitxbar.circuit.model import Model
from circuitxbar.circuit.names import check_name
from circuitxbar.circuit.potentials import last_cells
from circuitxbar.circuit.terminations import SIDES, Ends, Floating, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive


class _Builder:
    """Collects node names and element groups while a crossbar is laid out."""

    def __init__(self, crossbar: Crossbar, moving: bool = False):
        self.crossbar = crossbar
        self.moving = moving
        self.node_names: list[Names] = []
        self.groups: list[Group] = []
        self._next = 1
        rows, columns = crossbar.shape
        grid = np.indices((rows, columns)).reshape(2, -1).T
        self.grid = grid
        self.cell_nodes: dict[Node, np.ndarray] = {
            "row": self.nodes(Names("row_{}_{}", grid)).reshape(rows, columns),
            "column": self.nodes(Names("column_{}_{}", grid)).reshape(rows, columns),
        }
        if len(crossbar.cell_elements) > 1:
            closed = crossbar.conductances > 0
            inner = np.zeros(crossbar.shape, dtype=int)
            inner[closed] = self.nodes(Names("inner_{}_{}", np.argwhere(closed)))
            self.cell_nodes["inner"] = inner

    def nodes(self, names: Names) -> np.ndarray:
        self.node_names.append(names)
        self._next += len(names)
        return np.arange(self._next - len(names), self._next)

    def elements(
        self, kind: Kind, names: Names, first: np.ndarray, second: np.ndarray | int, values: Array
    ) -> None:
        if len(names):
            second = np.broadcast_to(second, first.shape)
            self.groups.append(Group(kind, names, np.stack([first, second], axis=1), values))

    def lay_cells_and_wires(self, terminated: Mapping[Side, np.ndarray]) -> dict[Side, np.ndarray]:
        """Cells, wires and end nodes; returns the node at the end of each line (0 if it floats)."""
        crossbar = self.crossbar
        end_nodes = {side: self._end_nodes(side, terminated[side]) for side in SIDES}
        self.gate_nodes = self._gate_nodes()
        for element in crossbar.cell_elements:
            self._cells(element)
        row_line = np.hstack(
            [end_nodes["left"][:, None], self.cell_nodes["row"], end_nodes["right"][:, None]]
        )
        column_line = np.vstack([end_nodes["top"], self.cell_nodes["column"], end_nodes["bottom"]])
        self._wires("rowwire_{}_{}", row_line[:, :-1], row_line[:, 1:], crossbar.row_segments)
        self._wires("columnwire_{}_{}", column_line[:-1], column_line[1:], crossbar.column_segments)
        self._capacitors(terminated)
        return end_nodes

    def _cells(self, element: CellElement) -> None:
        """One element of every cell: resistors where it is linear, open or short, else its law."""
        pattern = f"{element.name}_{{}}_{{}}"
        ends = [self.cell_nodes[node] for node in (element.nodes[0], element.nodes[-1])]
        device = element.model.device
        moves = self.moving and device.has_rates
        resistive = ~element.there | (device.is_linear and not moves)
        if "inner" in element.nodes:  # an open memory element leaves out the whole cell
            resistive &= self.crossbar.conductances > 0
        first, last = (nodes[resistive] for nodes in ends)
        names = Names(pattern, np.argwhere(resistive))
        self.elements("R", names, first, last, _resistance(element.conductances[resistive]))
        lawful = element.there & ~resistive
        if lawful.any():
            model = self._with_all_parameters(element) if moves else element.model
            model = model.at(lawful)
            nodes = np.stack([self.cell_nodes[node][lawful] for node in element.nodes], axis=1)
            names = Names(pattern, np.argwhere(lawful))
            self.groups.append(Group("law", names, nodes, model.conductances, model))

    def _with_all_parameters(self, element: CellElement) -> Model:
        """Its model with those parameters, too, that only the rates of its states come to."""
        given, prefix = self.crossbar.parameters, element.prefix
        names = element.model.device.parameters
        own = {name: given[prefix + name] for name in names if prefix + name in given}
        return replace(element.model, parameters=own)

    def _gate_nodes(self) -> np.ndarray:
        """The node of every gate line; each cell learns the one of its transistor."""
        lines = np.arange(self.crossbar.gate_count)
        if len(lines) == 0:
            return lines
        gates = self.nodes(Names("gate_{}", lines[:, None]))
        along = gates[:, None] if self.crossbar.gate_lines == "row" else gates
        self.cell_nodes["gate"] = np.broadcast_to(along, self.crossbar.shape)
        return gates

    def _end_nodes(self, side: Side, terminated: np.ndarray) -> np.ndarray:
        nodes = np.zeros(len(terminated), dtype=int)
        lines = np.flatnonzero(terminated)
        if len(lines):
            nodes[lines] = self.nodes(Names(f"{_line(side)}_{{}}_{side}", lines[:, None]))
        return nodes

    def _wires(
        self, pattern: str, first: np.ndarray, second: np.ndarray, resistance: Array
    ) -> None:
        there = (first > 0) & (second > 0)
        self.elements(
            "R", Names(pattern, np.argwhere(there)), first[there], second[there], resistance[there]
        )

    def _capacitors(self, terminated: Mapping[Side, np.ndarray]) -> None:
        """Across the cells and from the lines to ground, where there is any capacitance."""
        crossbar, row, column = self.crossbar, self.cell_nodes["row"], self.cell_nodes["column"]
        ground = np.zeros_like(row)
        at_rows, at_columns = crossbar.wires.node_capacitances(*crossbar.shape, terminated)
        for pattern, first, second, values in (
            ("cellcap_{}_{}", row, column, crossbar.cell_capacitances),
            ("rowcap_{}_{}", row, ground, at_rows),
            ("columncap_{}_{}", column, ground, at_columns),
        ):
            there = values > 0
            names = Names(pattern, np.argwhere(there))
            self.elements("C", names, first[there], second[there], values[there])

    def terminate(self, side: Side, ends: Ends, end_nodes: np.ndarray) -> None:
        """The sources and resistances at the line ends of one side."""
        line = f"{_line(side)}_{{}}_{side}"

        def names(prefix: str, lines: np.ndarray) -> Names:
            return Names(f"{prefix}_{line}", lines[:, None])

        if ends.norton:
            lines = np.flatnonzero(ends.terminated)
            self.elements(
                "R", names("termination", lines), end_nodes[lines], 0, ends.resistance[lines]
            )
            current = _by_vector(ends.current)[lines]
            zeros = np.zeros(len(lines), dtype=int)
            self.elements("I", names("source", lines), zeros, end_nodes[lines], current)
            return
        source_nodes = end_nodes.copy()
        lines = np.flatnonzero(ends.terminated & (ends.resistance > 0))
        if len(lines):
            source_nodes[lines] = self.nodes(Names(f"{line}_source", lines[:, None]))
            self.elements(
                "R",
                names("termination", lines),
                end_nodes[lines],
                source_nodes[lines],
                ends.resistance[lines],
            )
        lines = np.flatnonzero(ends.terminated)
        self.elements(
            "V", names("source", lines), source_nodes[lines], 0, _by_vector(ends.voltage)[lines]
        )

    def drive_gates(self, gates: Array) -> None:
        """An ideal source at every gate line."""
        if len(self.gate_nodes):
            names = Names("source_gate_{}", np.arange(len(self.gate_nodes))[:, None])
            self.elements("V", names, self.gate_nodes, 0, _by_vector(gates))

    def circuit(self, title: str) -> Circuit:
        return Circuit(title, tuple(self.node_names), tuple(self.groups))


def array_circuit(crossbar: Crossbar, drive: Drive, moving: bool = False) -> Circuit:
    """The circuit of `crossbar` with its line ends and gates in the state `drive`.

    moving : whether devices whose states have rates stay devices, also where they are linear.

    Its nodes are those of the rows, of the columns, the inner ones, the line ends, the gates,
    and what sources need.
    """
    builder = _Builder(crossbar, moving)
    end_nodes = builder.lay_cells_and_wires({side: drive.ends[side].terminated for side in SIDES})
    for side in SIDES:
        builder.terminate(side, drive.ends[side], end_nodes[side])
    builder.drive_gates(drive.gates)
    return builder.circuit("crossbar {} x {}".format(*crossbar.shape))


def array_subcircuit(crossbar: Crossbar, name: str) -> SubCircuit:
    """The cells and wires of `crossbar`; ends that are not Floating, and gates, are its pins."""
    check_name("sub-circuit", name)
    builder = _Builder(crossbar)
    pinned = {
        side: np.full(
            crossbar.lines(side), not isinstance(getattr(crossbar, side), Floating), dtype=bool
        )
        for side in SIDES
    }
    end_nodes = builder.lay_cells_and_wires(pinned)
    circuit = builder.circuit(name)
    pins = [int(node) for side in SIDES for node in end_nodes[side] if node]
    pins += builder.gate_nodes.tolist()
    return SubCircuit(name, circuit, {circuit.nodes[node]: node for node in pins})


def on_grids(crossbar: Crossbar, values: Array) -> list[Array]:
    """`values` (nodes, batch) of an array_circuit as (batch, rows, columns): row, column, inner.

    The last only where cells have an inner node; what an open memory element leaves out hangs on
    the line of its other element.
    """
    size = crossbar.conductances.size
    grids = [values[first : first + size].T.reshape(-1, *crossbar.shape) for first in (1, 1 + size)]
    if len(crossbar.cell_elements) > 1:
        closed = crossbar.conductances > 0
        inner = grids[0 if crossbar.transistor is None else 1].copy()
        inner[:, closed] = values[1 + 2 * size : 1 + 2 * size + closed.sum()].T
        grids.append(inner)
    return grids


def by_node(
    crossbar: Crossbar, drive: Drive, circuit: Circuit, grids: Sequence[Array], gates: Array
) -> Array:
    """The inverse of `on_grids`, (nodes, batch), with the values of the gates (batch, lines).

    Line ends have the value of their last cell, nodes of sources 0.
    """
    parts = [np.zeros((1, drive.batch)), *(grid.reshape(len(grid), -1).T for grid in grids[:2])]
    if len(grids) > 2:
        parts.append(grids[2][:, crossbar.conductances > 0].T)
    for side in SIDES:
        parts.append(last_cells(side, grids[0], grids[1])[:, drive.ends[side].terminated].T)
    parts.append(gates.T)
    laid = np.concatenate([np.broadcast_to(p, (len(p), drive.batch)) for p in parts])
    return np.concatenate([laid, np.zeros((circuit.node_count - len(laid), drive.batch))])


def terminal_currents(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    circuit: Circuit,
    voltages: Array,
    sources: Array,
) -> dict[Side, Array]:
    """Currents out of `crossbar` at its ends, (batch, lines) of each side, A.

    voltages : (nodes, batch), V, and sources : (voltage sources, batch), A, of an array_circuit.
    At Norton ends they are conductance * voltage - current.
    """
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


def _line(side: Side) -> str:
    return "row" if side in ("left", "right") else "column"


def _by_vector(values: np.ndarray) -> np.ndarray:
    """(batch, lines) as (lines,) for one vector, (lines, batch) for more."""
    return values[0] if len(values) == 1 else values.T


def _resistance(conductance: Array) -> Array:
    """1 / conductance, in 15 digits where that gives back the very same conductance.

    10 uS is then written as 100000.0 ohm, and not as 99999.99999999999.
    """
    with np.errstate(all="ignore"):
        resistance = 1.0 / conductance
        scale = 10.0 ** (14 - np.floor(np.log10(resistance)))
        short = np.round(resistance * scale) / scale
        return np.where(1.0 / short == conductance, short, resistance)
