"""The answer of every engine: currents, voltages, and the proof that goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.potentials import LineVoltages, last_cells
from circuitxbar.circuit.proof import Proof, cell_currents, wire_currents
from circuitxbar.circuit.terminations import SIDES, Ends, Side
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


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
class Answer:
    """What an engine hands back before the proof.

    row, column : node voltages.  measured : terminal currents the engine reports by itself, or
    None.  factor : what a later solve of the same array can start from.
    """

    row: LineVoltages
    column: LineVoltages
    engine: str
    stats: dict[str, Any]
    measured: Mapping[Side, Array] | None = None
    factor: Any = None


@dataclass(frozen=True, eq=False)
class Solution:
    """Operating point of a crossbar for a batch of input vectors, with its proof.

    All arrays lead with the batch axis, which is missing when a single vector was given.
    """

    crossbar: Crossbar
    ends: Mapping[Side, Ends]
    proof: Proof
    rtol: float
    single: bool
    engine: str
    stats: dict[str, Any]
    row: LineVoltages | None = None
    column: LineVoltages | None = None
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
        return self._shaped(self.lines()[0].voltages)

    @property
    def column_voltages(self) -> Array:
        """Voltages of the column nodes, (batch, rows, columns), V."""
        return self._shaped(self.lines()[1].voltages)

    @property
    def cell_voltages(self) -> Array:
        """Row node minus column node, (batch, rows, columns), V."""
        row, column = self.lines()
        return self._shaped(row.minus(column))

    @property
    def cell_currents(self) -> Array:
        """Current from row to column through each cell, (batch, rows, columns), A.

        It is nan in a short, whose current its voltage does not tell.
        """
        currents = cell_currents(self.crossbar, *self.lines())
        return self._shaped(np.where(np.isinf(self.crossbar.conductances), np.nan, currents))

    @property
    def residual(self) -> Array:
        """The largest Kirchhoff sum over the nodes, (batch,), A."""
        return self._shaped(self.proof.residual)

    @property
    def error_bound(self) -> Array:
        """Sum of |Kirchhoff error| over the nodes, (batch,), A: bounds any current's error."""
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
        # Below the smallest normal number there are no 16 digits to agree in.
        limit = np.maximum(self.limit, np.finfo(float).tiny)
        return (self.error_bound <= limit) & np.isfinite(self.error_bound)

    @property
    def limit(self) -> Array:
        """The largest error_bound of a converged vector, (batch,), A."""
        return self._shaped(self.rtol * self.proof.scale)

    @property
    def status(self) -> Any:
        """'converged', or how far the vector is from it, (batch,) of str."""
        bounds, limits = np.atleast_1d(self.error_bound), np.atleast_1d(self.limit)
        texts = [
            "converged" if done else f"error bound {bound:.1e} A (limit {limit:.1e} A)"
            for done, bound, limit in zip(
                np.atleast_1d(self.converged), bounds, limits, strict=True
            )
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
        row, column = self.lines()
        cells = (row.minus(column) * cell_currents(self.crossbar, row, column)).sum(axis=(1, 2))
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

    def lines(self) -> tuple[LineVoltages, LineVoltages]:
        """Voltages of rows and of columns in stored form; CircuitError where none were kept."""
        if self.row is None or self.column is None:
            raise CircuitError(
                'this solution was made with keep="currents" and holds no node voltages. '
                'Solve with keep="voltages".'
            )
        return self.row, self.column

    def _shaped(self, values: Array) -> Array:
        return values[0] if self.single else values


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
