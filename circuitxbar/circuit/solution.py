"""The answer of every engine: currents, voltages, and the proof that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.cells import CellNodes
from circuitxbar.circuit.potentials import LineVoltages, last_cells
from circuitxbar.circuit.proof import Proof, wire_currents
from circuitxbar.circuit.terminations import SIDES, Ends, Side
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive


@dataclass(frozen=True, eq=False)
class TerminalValues:
    """One value per line end: left and right (batch, rows), top and bottom (batch, columns)."""

    left: Array
    right: Array
    top: Array
    bottom: Array


@dataclass(frozen=True, eq=False)
class Power:
    """Where the power of a solution goes, each (batch,), W; sources = the sum of the others."""

    cells: Array
    row_wires: Array
    column_wires: Array
    terminations: Array
    sources: Array


@dataclass(frozen=True, eq=False)
class Request:
    """What an engine is asked for beside the operating point.

    rtol : largest error bound, relative to a vector's largest current; an engine may do better.
    keep : "voltages", or "currents" where node voltages will not be looked at.
    factor : of an earlier answer of any engine for the same crossbar; only sources may differ.
    guess : voltages of the same batch, where iterations begin.
    """

    rtol: float
    keep: str
    factor: Any = None
    guess: CellNodes | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine hands back before the proof.

    nodes : gives the node voltages; None where they were not to be kept.
    measured : terminal currents the engine reports by itself, or None.
    factor : what a later solve of the same array can start from.
    strategies : what it took to solve each vector, (batch,) of str; "" where nothing is to say.
    proof : of an engine that recomputes Kirchhoff's law itself; else `prove` does.
    """

    nodes: Callable[[], CellNodes] | None
    engine: str
    stats: dict[str, Any]
    measured: Mapping[Side, Array] | None = None
    factor: Any = None
    strategies: tuple[str, ...] = ()
    proof: Proof | None = None

    @cached_property
    def found(self) -> CellNodes:
        """The node voltages of an answer that kept them."""
        assert self.nodes is not None
        return self.nodes()


@dataclass(frozen=True, eq=False)
class Solution:
    """Operating point of a crossbar for a batch of input vectors, with its proof.

    All arrays lead with the batch axis, which is missing when a single vector was given.
    """

    crossbar: Crossbar
    drive: Drive
    proof: Proof
    rtol: float
    engine: str
    stats: dict[str, Any]
    strategies: tuple[str, ...]
    nodes: Callable[[], CellNodes] | None = None
    factor: Any = None

    def __repr__(self) -> str:
        bound, largest = self.proof.error_bound, self.proof.largest_current
        done = int(np.sum(self.converged))
        return (
            f"Solution({len(bound)} vectors by {self.engine}, {done} converged; "
            f"error bound {bound.max():.1e} A, largest current {largest.max():.3g} A)"
        )

    @property
    def currents(self) -> Array:
        """Sensed currents of the lines across from the driven ones, (batch, lines), A.

        The terminal current at the bottom, or at the left of an array that is driven at its
        columns; of lines that are Grounded at both ends the sum of both (Crossbar.sensed_sides).
        """
        sensed = [self.proof.currents[side] for side in self.crossbar.sensed_sides]
        return self._shaped(np.sum(sensed, axis=0))

    @property
    def terminal_currents(self) -> TerminalValues:
        """Currents out of the array at every line end, A; 0 where a line floats."""
        return TerminalValues(**{s: self._shaped(self.proof.currents[s]) for s in SIDES})

    @property
    def row_voltages(self) -> Array:
        """Voltages of the row nodes, (batch, rows, columns), V."""
        return self._shaped(self.kept_nodes().row.voltages)

    @property
    def column_voltages(self) -> Array:
        """Voltages of the column nodes, (batch, rows, columns), V."""
        return self._shaped(self.kept_nodes().column.voltages)

    @property
    def inner_voltages(self) -> Array:
        """Voltages of the nodes between the two elements of a cell, (batch, rows, columns), V.

        Raises CircuitError where cells are a memory element alone.
        """
        inner = self.kept_nodes().inner
        if inner is None:
            raise CircuitError(
                "the cells have no inner node: they have neither selector nor transistor. "
                "Use row_voltages and column_voltages."
            )
        return self._shaped(inner.voltages)

    @property
    def cell_voltages(self) -> Array:
        """Row node minus column node, (batch, rows, columns), V; selectors are included."""
        nodes = self.kept_nodes()
        return self._shaped(nodes.row.minus(nodes.column))

    @property
    def memory_voltages(self) -> Array:
        """Voltage across the memory element of each cell, (batch, rows, columns), V."""
        memory = next(part for part in self.crossbar.cell_elements if part.name == "cell")
        return self._shaped(self.kept_nodes().across(memory.nodes))

    @property
    def cell_currents(self) -> Array:
        """Current from row to column through each cell, (batch, rows, columns), A.

        It is nan in a short that is alone in its cell: its voltage does not tell its current.
        """
        other = self.crossbar.cell_elements[0 if self.crossbar.transistor is None else -1]
        currents = other.current(self.kept_nodes())
        return self._shaped(np.where(np.isinf(other.instead), np.nan, currents))

    @property
    def residual(self) -> Array:
        """The largest Kirchhoff sum over the nodes, (batch,), A."""
        return self._shaped(self.proof.residual)

    @property
    def error_bound(self) -> Array:
        """Sum of |Kirchhoff error| over the nodes, (batch,), A.

        It bounds the error of every terminal current where all devices are monotone; inf where one
        that is declared so has a negative slope.
        """
        return self._shaped(self.proof.error_bound)

    @property
    def largest_current(self) -> Array:
        """The largest terminal current of each vector, (batch,), A."""
        return self._shaped(self.proof.largest_current)

    @property
    def converged(self) -> Any:
        """Whether error_bound <= rtol * largest terminal current, (batch,).

        A Norton source counts with its own current, which may leave through its own conductance.
        """
        return (self.error_bound <= self.limit) & np.isfinite(self.error_bound)

    @property
    def limit(self) -> Array:
        """The largest error_bound of a converged vector, (batch,), A; at least LEAST_CURRENT."""
        return self._shaped(self.proof.limit(self.rtol))

    @property
    def status(self) -> Any:
        """'converged', or how far the vector is from it, (batch,) of str.

        It says so where gmin stepping or source stepping was needed.
        """
        bounds, limits = np.atleast_1d(self.error_bound), np.atleast_1d(self.limit)
        done = np.atleast_1d(self.converged)
        texts = [
            "converged" if ok else f"error bound {bound:.1e} A (limit {limit:.1e} A)"
            for ok, bound, limit in zip(done, bounds, limits, strict=True)
        ]
        untrue = "a current falls with the voltage though its device is declared monotone"
        texts = [
            untrue if falls else text for falls, text in zip(self.proof.falling, texts, strict=True)
        ]
        texts = [
            text + (f" ({how})" if "stepping" in how else "")
            for text, how in zip(texts, self.strategies, strict=True)
        ]
        return texts[0] if self.single else texts

    @property
    def power(self) -> Array:
        """Power that all sources together deliver, (batch,), W."""
        return self.power_split.sources

    @property
    @np.errstate(over="ignore", invalid="ignore")  # squares of what just fits may not fit
    def power_split(self) -> Power:
        """Power in cells, row wires, column wires and terminations, and from the sources, W."""
        nodes = self.kept_nodes()
        row, column = nodes.row, nodes.column
        cells = _cell_power(self.crossbar, nodes).sum(axis=(1, 2))
        row_wires = _wire_power(row, self.crossbar.row_segments[:, 1:-1], axis=2)
        column_wires = _wire_power(column, self.crossbar.column_segments[1:-1], axis=1)
        terminations = np.zeros(len(cells))
        sources = np.zeros(len(cells))
        for side in SIDES:
            end, current = self.ends[side], self.proof.currents[side]
            voltage = last_cells(side, row.voltages, column.voltages)
            segment = self.crossbar.end_segments(side)
            wires = row_wires if side in ("left", "right") else column_wires
            carrying = end.terminated & np.isfinite(segment)
            wires += (current[:, carrying] ** 2 * segment[carrying]).sum(axis=1)
            through = current + end.current
            resistive = end.terminated & np.isfinite(end.resistance)
            resistance = np.where(resistive, end.resistance, 0.0)
            drop = np.where(carrying, current * np.where(carrying, segment, 0.0), 0.0)
            at_end = np.where(carrying, voltage - drop, end.voltage + through * resistance)
            across = np.where(resistive, at_end - end.voltage, 0.0)
            terminations += _resistor_power(through, across, resistance).sum(axis=1)
            sources += (at_end * end.current - end.voltage * current).sum(axis=1)
        parts = (cells, row_wires, column_wires, terminations, sources)
        return Power(*(self._shaped(part) for part in parts))

    @property
    def ends(self) -> Mapping[Side, Ends]:
        """The line ends of each side, in normal form."""
        return self.drive.ends

    @property
    def single(self) -> bool:
        """Whether one vector without a batch axis was given."""
        return self.drive.single

    def kept_nodes(self) -> CellNodes:
        """The node voltages in stored form; CircuitError where none were kept."""
        if self._nodes is None:
            raise CircuitError(
                'this solution was made with keep="currents" and holds no node voltages. '
                'Solve with keep="voltages".'
            )
        return self._nodes

    @cached_property
    def _nodes(self) -> CellNodes | None:
        return None if self.nodes is None else self.nodes()

    def _shaped(self, values: Array) -> Array:
        return values[0] if self.single else values


def _cell_power(crossbar: Crossbar, nodes: CellNodes) -> Array:
    """Power in every cell, (batch, rows, columns), W; none comes out of its gate."""
    across = (nodes.across(element.nodes) for element in crossbar.cell_elements)
    currents = (element.current(nodes) for element in crossbar.cell_elements)
    return np.sum([v * i for v, i in zip(across, currents, strict=True)], axis=0)


def _resistor_power(current: Array, voltage: Array, resistance: Array) -> Array:
    """Power in resistors at line ends, (batch, lines), W.

    From the current, or from the voltage where the rounding of the largest current would weigh
    more than that of the largest voltage.
    """
    most_current = np.abs(current).max(axis=1, keepdims=True)
    most_voltage = np.abs(voltage).max(axis=1, keepdims=True)
    large = resistance * most_current > most_voltage
    conductance = np.divide(1.0, resistance, out=np.zeros_like(resistance), where=resistance > 0)
    return np.where(large, voltage * (voltage * conductance), current * (current * resistance))


def _wire_power(line: LineVoltages, resistance: Array, axis: int) -> Array:
    return (line.along(axis) * wire_currents(line, resistance, axis)).sum(axis=(1, 2))
