"""What the cells of an array are made of: a memory element, alone or in series with another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.model import Model
from circuitxbar.circuit.potentials import LineVoltages
from circuitxbar.devices.claims import rises, slope_rounding

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

_EPS = np.finfo(float).eps
Node = Literal["row", "inner", "column", "gate"]
Outflow = dict[Node, Array]  # current that leaves each node of every cell, (batch, rows, columns)


@dataclass(frozen=True, eq=False)
class CellNodes:
    """Voltages of the nodes of all cells.

    inner : None where a cell is its memory element alone; equal to the node that it hangs on
    where the memory element is open.  gate : (batch or 1, rows or 1, columns or 1), V.
    """

    row: LineVoltages
    column: LineVoltages
    inner: LineVoltages | None = None
    gate: Array | None = None

    @property
    def lines(self) -> list[LineVoltages]:
        """Those of the rows, of the columns, and of the inner nodes where there are any."""
        return [self.row, self.column, *([self.inner] if self.inner is not None else [])]

    def line(self, node: Node) -> LineVoltages:
        """The voltages of one kind of node but the gates."""
        found = {"row": self.row, "inner": self.inner, "column": self.column}[node]
        assert found is not None  # only elements that are there ask for their nodes
        return found

    def across(self, nodes: Sequence[Node]) -> Array:
        """Voltage from the first to the last of `nodes`, without cancellation, V."""
        return self.line(nodes[0]).minus(self.line(nodes[-1]))

    def at(self, node: Node) -> Array:
        """Voltage of one kind of node, (batch, rows, columns) or broadcast to it, V."""
        if node == "gate":
            assert self.gate is not None
            return self.gate
        return self.line(node).voltages


@dataclass(frozen=True, eq=False)
class CellElement:
    """One of the elements that every cell has in series.

    name : "cell" (the memory element), "selector" or "transistor".
    prefix : what stands in front of its parameters in Crossbar.parameters.
    nodes : in the order of the terminals of its device; current flows from the first to the last.
    model : over (rows, columns).  there : (rows, columns), whether it follows its law.
    instead : (rows, columns), S, its conductance where it does not: the memory element may be open
    (0) or short (inf), and an open one leaves out the other element of the cell.
    """

    name: Literal["cell", "selector", "transistor"]
    prefix: str
    nodes: tuple[Node, ...]
    model: Model
    there: np.ndarray
    instead: Array

    @property
    def conductances(self) -> Array:
        """d current / d first voltage at 0 V, (rows, columns), S; 0 where open, inf where short."""
        controls = list(self.model.device.controls)
        at_rest = [np.zeros_like(self.instead)] * len(controls)
        _, slope = self.model.evaluate(at_rest, controls[:1])
        return np.where(self.there, slope, self.instead)

    def controls(self, nodes: CellNodes) -> list[Array]:
        """The voltages that the law is a function of, each (batch, rows, columns), V."""
        return [
            nodes.across(self.nodes) if -1 in signs else nodes.at(self.nodes[signs.index(1)])
            for signs in self.model.device.controls.values()
        ]

    def current(self, nodes: CellNodes) -> Array:
        """Current through every element, (batch, rows, columns), A; 0 where it is not `there`."""
        (current,) = self.model.evaluate(self.controls(nodes))
        return np.where(self.there, current, 0.0)

    def slope(self, nodes: CellNodes, by: str) -> Array:
        """d current / d `by`, a name of its law, (batch, rows, columns); 0 where not `there`."""
        _, slope = self.model.evaluate(self.controls(nodes), (by,))
        return np.where(self.there & np.isfinite(slope), slope, 0.0)

    def rounding(self, nodes: CellNodes) -> Array:
        """How far the current may be off when all that its law takes is rounded, A, every cell.

        What cancels within a law, as in exp(x) - 1 near 0, it does not see.
        """
        model, controls = self.model, self.controls(nodes)
        values = dict(zip(model.device.controls, controls, strict=True))
        values |= {"g": model.conductances, "temperature": model.temperature}
        values |= {name: model.device.values[name] for name in model.device.law_parameters}
        values |= model.parameters
        current, *slopes = model.evaluate(controls, tuple(values))
        terms = [np.abs(v * slope) for v, slope in zip(values.values(), slopes, strict=True)]
        return np.where(self.there, 2 * _EPS * (np.abs(current) + sum(terms)), 0.0)

    def falls(self, nodes: CellNodes) -> np.ndarray:
        """Whether the current falls with the voltage, against the file, (batch, rows, columns)."""
        device, voltages = self.model.device, self.controls(nodes)
        if not device.monotone:
            return np.zeros((1, 1, 1), dtype=bool)
        controls = tuple(device.controls)
        current, *slopes = self.model.evaluate(voltages, controls)
        least = -slope_rounding(voltages[-1], current, slopes)
        falls = [rise < least for rise in rises(controls, slopes).values()]
        return np.any(falls, axis=0) & self.there


def cell_elements(crossbar: Crossbar) -> tuple[CellElement, ...]:
    """The elements of the cells of `crossbar`, from the word line to the bit line."""
    conductances = crossbar.conductances
    short, closed = np.isinf(conductances), conductances > 0
    nothing = np.zeros(crossbar.shape)

    def memory(*nodes: Node) -> CellElement:
        model = _model(crossbar, "", np.where(short, 0.0, conductances))
        return CellElement("cell", "", nodes, model, closed & ~short, conductances)

    if crossbar.selector is not None:
        model = _model(crossbar, "selector.", nothing)
        selector = CellElement("selector", "selector.", ("row", "inner"), model, closed, nothing)
        return selector, memory("inner", "column")
    if crossbar.transistor is not None:
        model = _model(crossbar, "transistor.", nothing)
        nodes: tuple[Node, ...] = ("inner", "gate", "column")
        transistor = CellElement("transistor", "transistor.", nodes, model, closed, nothing)
        return memory("row", "inner"), transistor
    return (memory("row", "column"),)


def _model(crossbar: Crossbar, prefix: str, conductances: Array) -> Model:
    device = crossbar.devices[prefix]
    names = [name for name in device.law_parameters if prefix + name in crossbar.parameters]
    parameters = {name: crossbar.parameters[prefix + name] for name in names}
    return Model(device, conductances, parameters, crossbar.temperature)


def cell_nodes(crossbar: Crossbar, lines: Sequence[LineVoltages], gates: Array) -> CellNodes:
    """The nodes of the cells from their `lines`, row, column and perhaps inner, and the `gates`.

    gates : (batch or 1, gate lines), V.
    """
    gate = None
    if crossbar.transistor is not None:
        gate = gates[:, :, None] if crossbar.gate_lines == "row" else gates[:, None, :]
    return CellNodes(lines[0], lines[1], lines[2] if len(lines) > 2 else None, gate)


def conductance_slope(crossbar: Crossbar, nodes: CellNodes) -> Array:
    """d current / dg of every memory element, (batch, rows, columns), V; 0 for a short.

    An open element has one too, what its first siemens would carry: none behind a transistor that
    is cut off.
    """
    by_g, passes = np.zeros(()), np.ones((), dtype=bool)
    for element in crossbar.cell_elements:
        controls = element.controls(nodes)
        if element.name == "cell":
            _, by_g = element.model.evaluate(controls, ("g",))
        else:
            _, *slopes = element.model.evaluate(controls, tuple(element.model.device.controls))
            passes = np.any([slope != 0 for slope in slopes], axis=0)
    return np.where(passes & np.isfinite(by_g) & np.isfinite(crossbar.conductances), by_g, 0.0)


def outflow(crossbar: Crossbar, nodes: CellNodes) -> Outflow:
    """Current that the cells draw out of their nodes, by the laws of their elements, A."""
    flow = _nothing(nodes)
    for element in crossbar.cell_elements:
        current = element.current(nodes)
        flow[element.nodes[0]] += current
        flow[element.nodes[-1]] -= current
    return flow


def adjoint_outflow(crossbar: Crossbar, at: CellNodes) -> Callable[[CellNodes], Outflow]:
    """The same of the transposed cells, linearised at the voltages `at`.

    An element of slopes s_t with respect to its terminals t draws s_t (p_first - p_last) out of
    each of them: for two terminals that is the linearised element itself.
    """
    stamps = [
        (element.nodes, signs, element.slope(at, control))
        for element in crossbar.cell_elements
        for control, signs in element.model.device.controls.items()
    ]

    def flow(nodes: CellNodes) -> Outflow:
        out = _nothing(nodes)
        for terminals, signs, slope in stamps:
            current = slope * nodes.across(terminals)
            for node, sign in zip(terminals, signs, strict=True):
                if node != "gate":  # an ideal source takes what leaves it
                    out[node] += sign * current
        return out

    return flow


def _nothing(nodes: CellNodes) -> Outflow:
    kinds: tuple[Node, ...] = ("row", "column", "inner")
    return {
        kind: np.zeros(line.deviation.shape) for kind, line in zip(kinds, nodes.lines, strict=False)
    }
