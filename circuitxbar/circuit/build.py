"""From a crossbar to a Circuit: the one place that says which element joins which nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit, Group, Kind, Names, SubCircuit, check_name
from circuitxbar.circuit.terminations import SIDES, Ends, Floating, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


class _Builder:
    """Collects node names and element groups while a crossbar is laid out."""

    def __init__(self, crossbar: Crossbar):
        self.crossbar = crossbar
        self.node_names: list[Names] = []
        self.groups: list[Group] = []
        self._next = 1
        rows, columns = crossbar.shape
        grid = np.indices((rows, columns)).reshape(2, -1).T
        self.grid = grid
        self.row_nodes = self.nodes(Names("row_{}_{}", grid)).reshape(rows, columns)
        self.column_nodes = self.nodes(Names("column_{}_{}", grid)).reshape(rows, columns)

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
        cells = Names("cell_{}_{}", self.grid)
        resistance = _resistance(crossbar.cell_conductances.ravel())
        self.elements("R", cells, self.row_nodes.ravel(), self.column_nodes.ravel(), resistance)
        end_nodes = {side: self._end_nodes(side, terminated[side]) for side in SIDES}
        row_line = np.hstack(
            [end_nodes["left"][:, None], self.row_nodes, end_nodes["right"][:, None]]
        )
        column_line = np.vstack([end_nodes["top"], self.column_nodes, end_nodes["bottom"]])
        self._wires("rowwire_{}_{}", row_line[:, :-1], row_line[:, 1:], crossbar.row_segments)
        self._wires("columnwire_{}_{}", column_line[:-1], column_line[1:], crossbar.column_segments)
        return end_nodes

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

    def circuit(self, title: str) -> Circuit:
        return Circuit(title, tuple(self.node_names), tuple(self.groups))


def array_circuit(crossbar: Crossbar, ends: Mapping[Side, Ends]) -> Circuit:
    """The circuit of `crossbar` with its line ends in the state `ends`."""
    builder = _Builder(crossbar)
    end_nodes = builder.lay_cells_and_wires({side: ends[side].terminated for side in SIDES})
    for side in SIDES:
        builder.terminate(side, ends[side], end_nodes[side])
    return builder.circuit("crossbar {} x {}".format(*crossbar.shape))


def array_subcircuit(crossbar: Crossbar, name: str) -> SubCircuit:
    """The cells and wires of `crossbar`; every end that is not Floating is a pin."""
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
    return SubCircuit(name, circuit, {circuit.nodes[node]: node for node in pins})


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
