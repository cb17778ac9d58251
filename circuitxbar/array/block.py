"""A block of input vectors side by side: its voltages, what is left over, and its corrections."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.kernels import kernels
from circuitxbar.array.krylov import biconjugate_gradients, conjugate_gradients
from circuitxbar.array.system import Factors, System
from circuitxbar.circuit.terminations import SIDES

_EPS = np.finfo(float).eps
_LEAST = 1e-7
SINGLE = 3e-7  # of the error: what a correction in single precision may leave


@dataclass(frozen=True, eq=False)
class Sources:
    """What drives a block.  All of them are (places, width).

    potentials : of the rows, then of the columns, V: what deviations are measured from.
    difference : source minus potential at every line end, V.  injected : into the line, A.
    norton : A, the currents of the sources themselves.  gates : V, of the gate lines.
    """

    potentials: Array
    difference: Array
    injected: Array
    norton: Array
    gates: Array


class Workspace:
    """Arrays that one thread uses for block after block."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, int], Array] = {}

    def array(self, name: str, size: int, bits: int = 64) -> Array:
        """The array called `name`, of `size` numbers, whatever they are; another one per `bits`."""
        key = name, bits
        if key not in self._arrays or self._arrays[key].size != size:
            self._arrays[key] = np.empty(size, dtype=f"f{bits // 8}")
        return self._arrays[key]

    def swap(self, first: str, second: str, bits: int) -> None:
        """Let the arrays `first` and `second` exchange their names."""
        arrays, one, other = self._arrays, (first, bits), (second, bits)
        arrays[one], arrays[other] = arrays[other], arrays[one]


@dataclass(eq=False)
class Voltages:
    """The voltages of a block: deviations from the potentials, and remainders where `fine`.

    inner : across the element of a cell that hangs on the inner node's own line: the selector, or
    the transistor.  inner_remainder : the digits that it has no room for.  Both empty where cells
    have no inner node.
    """

    row: Array
    column: Array
    row_remainder: Array = field(default_factory=lambda: np.empty(0))
    column_remainder: Array = field(default_factory=lambda: np.empty(0))
    inner: Array = field(default_factory=lambda: np.empty(0))
    inner_remainder: Array = field(default_factory=lambda: np.empty(0))

    @property
    def fine(self) -> bool:
        """Whether there are remainders."""
        return self.row_remainder.size > 0

    def refine(self) -> None:
        """From now on remainders hold the digits that deviations have no room for."""
        if not self.fine:
            self.row_remainder = np.zeros_like(self.row)
            self.column_remainder = np.zeros_like(self.column)


@dataclass(frozen=True, eq=False)
class Balance:
    """What Kirchhoff's and Ohm's laws say of the voltages of a block.

    currents : out of the array at every line end, (ends, width), A.
    error, worst : sum and maximum of |left over| over the nets, (width,), A.
    bound : `error` with what the sums themselves are rounded, (width,), A.
    scale : largest terminal or Norton current, (width,), A.
    through : largest current that the cells of a line add up to, (width,), A.
    falling : whether any current falls with its voltage, (width,); False where nobody looked.
    """

    currents: Array
    error: Array
    worst: Array
    bound: Array
    scale: Array
    through: Array
    falling: np.ndarray

    @property
    def finest(self) -> Array:
        """What `error` is measured by where it can be made so small, (width,), A.

        Cells may carry far less than flows at the line ends, as where columns are held at both
        ends; the voltages of lines that only such cells hold are then as exact as all others.
        """
        return np.clip(self.through, _LEAST * self.scale, self.scale)


class Block:
    """The vectors of one block of a system, at some voltages.

    own : whether each vector has slopes of its own though cells are linear.
    """

    def __init__(
        self,
        system: System,
        sources: Sources,
        work: Workspace,
        voltages: Voltages | None = None,
        own: bool = False,
    ) -> None:
        self.system, self.sources, self.work = system, sources, work
        self.own = own or system.law is not None
        lines = system.lines
        self.width = sources.potentials.shape[1]
        self.size = lines.rows * lines.columns * self.width
        self.kernel: Any = kernels(self.width, self.own)
        self.moved = 0  # bytes, by what counts them
        self.bits = 64  # of what is left over at the nodes, for `correct`
        norton = np.abs(sources.norton)
        self.injected = norton.sum(axis=0), norton.max(axis=0)
        if voltages is not None:
            self.voltages = voltages
        else:
            self.voltages = Voltages(np.zeros(self.size), np.zeros(self.size))
            self.put_on_sources()

    def array(self, name: str, bits: int = 64) -> Array:
        """One number per cell and vector to work in."""
        return self.work.array(name, self.size, bits)

    def balance(self, kept: bool, drawn: Array | None = None, fed: Array | None = None) -> Balance:
        """The balance at the present voltages.

        kept : whether the errors of the nodes are to be found in "row_error", "column_error".
        drawn, fed : currents of the cells out of their rows and into their columns, A; of plain
        linear cells they follow from the conductances.
        """
        lines, voltages, width = self.system.lines, self.voltages, self.width
        nothing = voltages.row_remainder if voltages.fine else np.empty(0)
        drawn = nothing if drawn is None else drawn
        fed = drawn if fed is None else fed
        sums = self.work.array("line_sums", (lines.rows + lines.columns) * width)
        buffers = self.work.array("buffers", 3 * lines.columns * width)
        from_ends = self.work.array("from_ends", self.sources.injected.size)
        totals = np.empty(4 * width)
        row_error, column_error = self._errors
        kept = kept or self.system.needs_errors
        self.kernel.kirchhoff(
            lines.rows, lines.columns, self.system.conductances, drawn, fed,
            self.sources.potentials.ravel(), voltages.row, voltages.column, voltages.fine,
            voltages.row_remainder, voltages.column_remainder, lines.row_conductance,
            lines.column_conductance, lines.row_tie, lines.column_tie, lines.row_counts,
            lines.column_counts, lines.end_conductance, self.sources.difference.ravel(),
            self.sources.injected.ravel(), kept, row_error, column_error, from_ends, sums,
            buffers, totals,
        )  # fmt: skip
        error, worst, carried, most = totals.reshape(4, width)
        sums = sums.reshape(-1, width)
        currents = self._terminal_currents(from_ends.reshape(-1, width), sums)
        sizes = np.abs(currents)
        # What rounding adds: of the terminal currents, of cell voltages, of sums over lines.
        rounded = 4 * (sizes.sum(axis=0) + self.injected[0])
        bound = error + _EPS * (rounded + (lines.rows + lines.columns) * most)
        if not voltages.fine:
            bound += 2 * _EPS * carried
        through = np.abs(sums).max(axis=0)
        scale = np.maximum(sizes.max(axis=0), self.injected[1])
        return Balance(currents, error, worst, bound, scale, through, np.zeros(width, bool))

    @property
    def _errors(self) -> tuple[Array, Array]:
        """What is left over at the row nodes and at the column nodes, A."""
        return self.array("row_error", self.bits), self.array("column_error", self.bits)

    def correct(
        self,
        factors: Factors,
        error: Array,
        target: Array,
        moving: np.ndarray,
        kept: bool = False,
    ) -> np.ndarray:
        """Move the voltages of the vectors `moving` by one linear solve; its steps, (width,).

        From where the errors in "row_error" and "column_error" sum up to `error`, to where, by the
        slopes of `factors` and in their precision, they sum up to at most `target`, (width,).
        kept : whether the move can be taken back.
        """
        lines, voltages = self.system.lines, self.voltages
        row_error, column_error = self._errors
        if not moving.all():
            for left_over in (row_error, column_error):
                left_over.reshape(-1, self.width)[:, ~moving] = 0.0
        bits = 8 * factors.row.itemsize
        kernel: Any = kernels(self.width, self.own, bits)
        ladders = lines.ladders[bits]
        scale = np.ones(self.width)
        np.divide(1.0, error, out=scale, where=moving & (error > 1e-290))
        r = row_error if self.bits == bits else self.array("r", bits)
        buffers = self.work.array("sweep_buffers", 3 * lines.columns * self.width, bits)
        if bits == 32:
            target = np.maximum(target, SINGLE * error)
        symmetric = factors.in_slope is factors.out_slope
        solve = conjugate_gradients if symmetric else biconjugate_gradients
        errors = row_error, column_error, scale, r
        iterate, steps = solve(
            kernel, lines, factors, errors, scale * target, partial(self.array, bits=bits), buffers
        )
        self.kernel.finish(
            lines.rows, lines.columns, factors.in_slope, factors.row, ladders.row_wire,
            factors.down, ladders.down_wire, *iterate, self.array("u", self.bits), column_error,
            1.0 / scale, self.work.array("buffers", 3 * lines.columns * self.width), kept,
            voltages.row, voltages.column, voltages.fine, voltages.row_remainder,
            voltages.column_remainder,
        )  # fmt: skip
        self.array("c", self.bits)
        self.work.swap("column_error", "c", self.bits)
        return steps

    def rounding(self) -> Array:
        """What Kirchhoff's sums at most are wrong as deviations are rounded, (width,), A."""
        lines, voltages = self.system.lines, self.voltages
        row, column = (np.abs(v.reshape(-1, self.width)) for v in (voltages.row, voltages.column))
        return _EPS * (lines.row_conductance @ row + lines.column_conductance @ column)

    def limits(self) -> tuple[Array, Array]:
        """The voltages between which passive cells and these sources keep every node, (width,)."""
        system, sources = self.system, self.sources
        rows, columns = np.split(sources.potentials, [system.lines.rows])
        at_ends = np.concatenate([rows, rows, columns, columns]) + sources.difference
        alone = np.where(sources.norton == 0, 0.0, sources.norton * system.source_resistance)
        reached = np.concatenate([at_ends, alone, np.zeros((1, self.width))])
        if not all(device.passive for device in system.crossbar.devices.values()):
            reached = np.stack([np.full(self.width, -np.inf), np.full(self.width, np.inf)])
        return reached.min(axis=0), reached.max(axis=0)

    def correct_within(
        self,
        limits: tuple[Array, Array],
        factors: Factors,
        error: Array,
        target: Array,
        moving: np.ndarray,
    ) -> np.ndarray:
        """`correct`, to no voltage beyond the `limits`.

        Where cells that block are all that holds a line, or where their currents depend on the
        voltage of the line alone, slopes may send it anywhere.
        """
        voltages, rows = self.voltages, self.system.lines.rows
        lines = (
            (voltages.row, voltages.row_remainder, self.array("row_before")),
            (voltages.column, voltages.column_remainder, self.array("column_before")),
        )
        for values, remainder, before in lines:
            np.copyto(before, values)
            before[: remainder.size] += remainder
        steps = self.correct(factors, error, target, moving, kept=True)
        potentials = np.split(self.sources.potentials, [rows])
        bases = potentials[0][:, None], potentials[1][None]
        moves = self.array("u", self.bits), self.array("c", self.bits)
        for (values, remainder, before), base, move in zip(lines, bases, moves, strict=True):
            now = values + remainder if voltages.fine else values
            grid, low, high = now.reshape(rows, -1, self.width), limits[0] - base, limits[1] - base
            beyond = ((grid < low) | (grid > high)).ravel()
            if beyond.any():
                within = np.clip(grid, low, high).ravel()[beyond]
                values[beyond], move[beyond] = within, within - before[beyond]
                if voltages.fine:
                    remainder[beyond] = 0.0
        return steps

    def take_back(self, share: Array) -> None:
        """Undo `share`, (width,), of the last correction."""
        voltages, cells = self.voltages, self.size // self.width
        row, column = voltages.row, voltages.column
        if voltages.fine:
            row, column = voltages.row_remainder, voltages.column_remainder
        self.kernel.add(cells, -share, self.array("u", self.bits), row)
        self.kernel.add(cells, -share, self.array("c", self.bits), column)

    def across(self, out: Array, exact: bool = False) -> Array:
        """`out`, row node minus column node of every cell, V; `exact` however much cancels."""
        lines, voltages = self.system.lines, self.voltages
        self.kernel.cell_voltages(
            lines.rows, lines.columns, self.sources.potentials.ravel(), voltages.row,
            voltages.column, exact or voltages.fine, voltages.fine, voltages.row_remainder,
            voltages.column_remainder, out,
        )  # fmt: skip
        return out

    def columns(self, out: Array) -> Array:
        """`out`, voltages of the column nodes, V."""
        lines, voltages = self.system.lines, self.voltages
        self.kernel.column_voltages(
            lines.rows, lines.columns, self.sources.potentials.ravel(), voltages.column,
            voltages.fine, voltages.column_remainder, out,
        )  # fmt: skip
        return out

    def put_on_sources(self) -> None:
        """Put the nodes that sources fix where they are to the last digit."""
        lines, at, voltages = self.system.lines, self.system.lines.ends, self.voltages
        shape = lines.rows, lines.columns, self.width
        for values, remainder, fixed, sides, axis in (
            (voltages.row, voltages.row_remainder, lines.row_fixed, SIDES[:2], 1),
            (voltages.column, voltages.column_remainder, lines.column_fixed, SIDES[2:], 0),
        ):
            for side, nodes in zip(sides, fixed, strict=True):
                if nodes.any():
                    away = np.expand_dims(self.sources.difference[at[side]], axis)
                    values.reshape(shape)[nodes] = np.broadcast_to(away, shape)[nodes]
                    if voltages.fine:
                        remainder.reshape(shape)[nodes] = 0.0

    def _terminal_currents(self, from_ends: Array, sums: Array) -> Array:
        """Current out of the array at every line end, (ends, width), A."""
        lines, at, fixed = self.system.lines, self.system.lines.ends, self.system.lines.fixed
        shape = lines.rows, lines.columns, self.width
        row_error, column_error = self._errors
        currents = -from_ends
        if self.system.needs_errors:
            for side, nodes, errors, axis in (
                ("left", lines.row_fixed[0], row_error, 1),
                ("right", lines.row_fixed[1], row_error, 1),
                ("top", lines.column_fixed[0], column_error, 0),
                ("bottom", lines.column_fixed[1], column_error, 0),
            ):
                left_over = errors.reshape(shape) * nodes[:, :, None]
                here = fixed[at[side]]
                currents[at[side]][here] = left_over.sum(axis=axis)[here]
        for single, end, line, sign in self.system.single_lines:
            currents[end][single] = sign * sums[line][single]
        return currents
