"""The stages of a TR-BDF2 step for a block of vectors: operating points with capacitors.

One step of length h takes C v' + F(v, t) = 0 from v0 over v at gamma h (trapezoidal rule) to v1
(second backward difference; R. E. Bank et al., IEEE Transactions on Electron Devices 32, 1985,
1992-2007). Both stages have the matrix a C + dF/dv with a = 1 / (d h), d = 1 - 1 / sqrt(2):

    a C (v - v0) + F(v)  = -F(v0)                   at gamma h
    a C (v1 - v0) + F(v1) = a b C (v - v0)          at h

-F(v0) is what flowed into the capacitors at the end of the step before. It is continuous where the
slope of a source changes, so that nothing has to start anew there. Nodes on ideal sources have no
equation; what their capacitors take is added to the currents of these sources alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Balance, Block, Sources, Voltages, Workspace
from circuitxbar.array.kernels import displacement
from circuitxbar.array.linear import solve_linear
from circuitxbar.array.newton import Cells, solve_laws
from circuitxbar.array.system import Factors, System, make_factors
from circuitxbar.circuit.cells import CellNodes, cell_nodes
from circuitxbar.circuit.motion import States
from circuitxbar.circuit.potentials import LineVoltages
from circuitxbar.circuit.proof import LEAST_CURRENT
from circuitxbar.circuit.terminations import SIDES
from circuitxbar.errors import ModelError

GAMMA = 2 - 2**0.5  # where within a step its first stage lies
WEIGHTS = (2**0.5 / 4, 2**0.5 / 4, 1 - 2**-0.5)  # of beginning, first stage and end, for integrals
# What the values at these three points say of the local error of an integral, per length.
_ERROR = (-3 * GAMMA**2 + 4 * GAMMA - 2) / (6 * (2 - GAMMA))
DIFFERENCE = (_ERROR / GAMMA, -_ERROR / (GAMMA * (1 - GAMMA)), _ERROR / (1 - GAMMA))
_B = 1 / (GAMMA * (2 - GAMMA))
_EPS = np.finfo(float).eps
_AIM = 0.3  # of the limit: room for what rounding adds
_TURNS = 12  # of Newton's method, or of refining
_ROUGH = 1e3  # limits that a stage may be off where it gains no more: its bound tells
_ROUNDED = 1e-9  # of the largest current, or so much
_LOOSE = 0.1  # how far the filter of the error estimate is solved
_BITS = 64  # of linear solves: one is then enough for a stage of linear cells


@dataclass(frozen=True, eq=False)
class Capacitors:
    """Capacitances of nodes to ground and across cells, (cells,), F.

    free_row, free_column, row_cell, column_cell : the same, but 0 where a source fixes the node,
    cells as they are seen from their row and from their column node.
    """

    row: Array
    column: Array
    cell: Array
    free_row: Array
    free_column: Array
    row_cell: Array
    column_cell: Array

    @staticmethod
    def of(system: System) -> Capacitors:
        """Those of an array."""
        crossbar, lines = system.crossbar, system.lines
        given = crossbar.row_capacitances, crossbar.column_capacitances, crossbar.cell_capacitances
        row, column, cell = (np.array(part, dtype=float).ravel() for part in given)
        at_row, at_column = (
            np.where(fixed.any(axis=0), 0.0, 1.0).ravel()
            for fixed in (lines.row_fixed, lines.column_fixed)
        )
        return Capacitors(
            row, column, cell, row * at_row, column * at_column, cell * at_row, cell * at_column
        )


@dataclass(frozen=True, eq=False)
class Settled:
    """A stage: its balance, and which vectors came to it, (width,)."""

    balance: Balance
    done: np.ndarray


class Stages:
    """A block of vectors, each in a step of its own.

    before, between, now : voltages at the beginning, at the first stage and at the end of the
    step.  sources_before, sources_between : likewise; those of the end are the block's own.
    iterations : (width,), of linear solves.
    """

    problem: ModelError | None = None  # why states that move could not be followed

    def __init__(
        self, system: System, farads: Capacitors, sources: Sources, work: Workspace, rtol: float
    ) -> None:
        self.system, self.farads, self.rtol = system, farads, rtol
        self.width = sources.potentials.shape[1]
        self.kernel: Any = displacement(self.width)
        self.at_rest = self._rest(sources, work)
        self.cells = None if system.law is None else Cells(self.block, at_rest=False)
        size, everywhere = self.block.size, np.ones(self.width, dtype=bool)
        self.older, self.before, self.between = (_copy(self.block.voltages) for _ in range(3))
        self.sources_before = self.sources_between = sources
        self.history = np.zeros((2, size))
        nowhere = Voltages(np.zeros(size), np.zeros(size))
        self.errors = Block(system, sources, work, nowhere, own=True)
        self.iterations = np.zeros(self.width, dtype=np.int64)
        self.slopes: list[Array] = [system.conductances]
        if self.cells is not None:
            self.cells.currents(everywhere)
            self.slopes = [np.empty(size) for _ in self.cells.slopes]
            self._hold_slopes(everywhere)

    @property
    def states(self) -> States:
        """Those that move, at the beginning of the step: none but in MovingStages."""
        return {}

    def states_at(self, elapsed: Array) -> States:
        """Those that move, (n, rows, columns), at times within the step, (n,) s, increasing."""
        return {}

    def check_states(self) -> None:
        """CircuitError where states have moved conductances out of the range of the law."""

    def state_error(self, active: np.ndarray) -> Array:
        """The estimated error of the step, largest of all states, of their ranges, (width,)."""
        return np.zeros(self.width)

    @property
    def _cells(self) -> int:
        return self.system.conductances.size

    @property
    def now(self) -> Voltages:
        """The voltages at the end of the step."""
        return self.block.voltages

    def _rest(self, sources: Sources, work: Workspace) -> Balance:
        """The operating point from which everything starts."""
        still = Block(self.system, sources, work)
        if self.system.law is None:
            balance, *_ = solve_linear(still, self.rtol)
        else:
            balance, *_ = solve_laws(still, self.rtol)
        still.put_on_sources()
        voltages = still.voltages
        if voltages.fine:
            voltages.row += voltages.row_remainder
            voltages.column += voltages.column_remainder
        inner = voltages.inner + voltages.inner_remainder
        plain = Voltages(voltages.row, voltages.column, inner=inner)
        plain.inner_remainder = np.zeros_like(inner)
        self.block = Block(self.system, sources, work, plain, own=True)
        return balance

    def begin(self, rate: Array, sources: Sources) -> None:
        """Begin a step of 1 / (d * length) = `rate`, (width,), 1 / s, with `sources` there."""
        self.rate = np.ascontiguousarray(rate)
        self.sources_before = self.block.sources = sources
        self._factor()

    def first(self, sources: Sources, back: Array, active: np.ndarray, scale: Array) -> Settled:
        """The first stage.  back : what part of the last step it goes on, at a first guess."""
        self.block.sources = sources
        self._start_from(self.before, self.older, -back)
        return self._settled(0.0, -1.0, active, scale)

    def second(self, sources: Sources, active: np.ndarray, scale: Array) -> Settled:
        """The second stage."""
        self.sources_between, self.block.sources = self.block.sources, sources
        self.block.voltages, self.between = self.between, self.block.voltages
        self._start_from(self.before, self.between, np.full(self.width, 1 / GAMMA))
        return self._settled(-_B, 0.0, active, scale)

    def local_error(self, active: np.ndarray) -> Array:
        """The estimated error of the step, largest of all nodes, (width,), V."""
        work, errors = self.block, self.errors
        by_history, by_between, by_now = (
            DIFFERENCE[0] - DIFFERENCE[1], DIFFERENCE[1] - _B * DIFFERENCE[2], DIFFERENCE[2]
        )  # fmt: skip
        part = 1 / (1 - 2**-0.5)
        size = self._displaced(
            part * self.rate, by_now, by_between, part * by_history,
            work.array("row_error"), work.array("column_error"),
        )  # fmt: skip
        for values in (errors.voltages.row, errors.voltages.column):
            values.fill(0.0)
        moving = active & (size > 0) & np.isfinite(size)
        self.iterations += errors.correct(self.factors, size, _LOOSE * size, moving)
        largest = np.empty(self.width)
        self.kernel.largest(self._cells, errors.voltages.row, errors.voltages.column, largest)
        return largest + (size - size)

    def charge(self, sources: Sources) -> Array:
        """What capacitors on the ideal sources of sensed ends have taken since the beginning.

        (lines, width), C, by the present voltages and `sources`.
        """
        lines, crossbar = self.system.lines, self.system.crossbar
        sides = crossbar.sensed_sides
        along_row = sides[0] in ("left", "right")
        fixed = lines.row_fixed if along_row else lines.column_fixed
        if not fixed.any():
            return np.zeros((crossbar.lines(sides[0]), self.width))
        shape = (*crossbar.shape, self.width)
        rise = sources.potentials - self.sources_before.potentials
        row = (self.now.row - self.before.row).reshape(shape) + rise[: lines.rows, None]
        column = (self.now.column - self.before.column).reshape(shape) + rise[lines.rows :]
        ground = self.farads.row if along_row else self.farads.column
        own, other = (row, column) if along_row else (column, row)
        farads, cell = (
            part.reshape(crossbar.shape)[:, :, None] for part in (ground, self.farads.cell)
        )
        charge = farads * own + cell * (own - other)
        nodes = np.sum([fixed[SIDES.index(side) % 2] for side in sides], axis=0)
        return (charge * nodes[:, :, None]).sum(axis=1 if along_row else 0)

    def accept(self, accepted: np.ndarray, active: np.ndarray) -> None:
        """Let the vectors `accepted` go on from the end of their step."""
        ends = self.history
        everybody = bool((accepted | ~active).all())
        if not everybody:
            ends = self.block.array("row_out"), self.block.array("column_out")
        self._displaced(self.rate, 1.0, -_B, 0.0, *ends)
        if everybody:
            kept = self.older
            self.older, self.before = self.before, self.now
            self.block.voltages = kept
            return
        for target, source in zip(self.history, ends, strict=True):
            self._copy_lanes(target, source, accepted)
        for name in ("row", "column", "inner"):
            older, before, now = (
                getattr(part, name) for part in (self.older, self.before, self.now)
            )
            if before.size:
                self._copy_lanes(older, before, accepted)
                self._copy_lanes(before, now, accepted)

    def reach(self, sources: Sources) -> Array:
        """What no |voltage| of a node or gate is above, likewise, (width,), V."""
        found = np.empty(self.width)
        self.kernel.largest(self._cells, self.before.row, self.before.column, found)
        found += np.abs(sources.potentials).max(axis=0)
        return np.maximum(found, np.abs(sources.gates).max(axis=0, initial=0.0))

    def nodes(self, sources: Sources) -> CellNodes:
        """The nodes at the beginning of the next step, where `sources` are, vector by vector."""
        crossbar, before = self.system.crossbar, self.before
        rows = crossbar.shape[0]
        row, column, inner = (
            np.moveaxis(part.reshape(*crossbar.shape, -1), -1, 0)
            for part in (before.row, before.column, before.inner)
        )
        base, nothing = sources.potentials.T, np.zeros(())
        of_row = np.broadcast_to(base[:, :rows, None], row.shape)
        of_column = np.broadcast_to(base[:, None, rows:], row.shape)
        lines = [LineVoltages(of_row, row, nothing), LineVoltages(of_column, column, nothing)]
        if inner.size:
            hangs = (of_column, column + inner) if crossbar.transistor else (of_row, row - inner)
            lines.append(LineVoltages(*hangs, nothing))
        return cell_nodes(crossbar, lines, sources.gates.T)

    def _start_from(self, start: Voltages, other: Voltages, factor: Array) -> None:
        """Guess the voltages: from `start` on by `factor` times the way to `other`."""
        now = self.now
        factor = np.ascontiguousarray(factor)
        for name in ("row", "column"):
            parts = (getattr(part, name) for part in (start, other, now))
            self.kernel.extrapolated(self._cells, factor, *parts)
        np.copyto(now.inner, start.inner)
        self.block.put_on_sources()

    def _settled(
        self, by_between: float, by_history: float, active: np.ndarray, scale: Array
    ) -> Settled:
        """Bring the voltages to where the currents of cells, wires and capacitors balance."""
        pending, done = active.copy(), np.zeros_like(active)
        previous = np.full(self.width, np.inf)
        balance, together = self._balance(by_between, by_history, pending)
        for turn in range(_TURNS):
            allowed = self.rtol * np.maximum(scale, balance.scale) + LEAST_CURRENT
            error = balance.error
            rough = np.maximum(_ROUGH * self.rtol, _ROUNDED) * (allowed / self.rtol)
            stuck = ~(error < 0.5 * previous) & (error <= rough)
            reached = together & ((error <= _AIM * allowed) | stuck)
            done |= pending & reached
            pending &= ~reached & np.isfinite(error)
            if not pending.any():
                break
            if turn and self.cells is not None:
                self._hold_slopes(pending)
                self._factor()
            previous = np.where(together, error, np.inf)
            target = 0.5 * _AIM * allowed
            self.iterations += self.block.correct(self.factors, error, target, pending)
            balance, together = self._balance(by_between, by_history, pending)
        return Settled(balance, done)

    def _balance(
        self, by_between: float, by_history: float, moving: np.ndarray
    ) -> tuple[Balance, np.ndarray]:
        """The balance with capacitors, and whether cells are linearised where voltages are."""
        block, lines = self.block, self.system.lines
        drawn, fed = block.array("drawn"), block.array("fed")
        if self.cells is not None:
            self._displaced(self.rate, 1.0, by_between, by_history, drawn, fed)
            current = self.cells.currents(moving)
            drawn += current
            np.subtract(current, fed, out=fed)
            balance = block.balance(kept=True, drawn=drawn, fed=fed)
            return self.cells.counted(balance), self.cells.together
        loose = np.empty(self.width)
        self.kernel.balanced(
            lines.rows, lines.columns, self.rate, by_between, by_history,
            *self._changes(1.0, by_between), self.system.conductances,
            block.sources.potentials.ravel(), drawn, fed, loose,
        )  # fmt: skip
        balance = block.balance(kept=True, drawn=drawn, fed=fed)
        bound = balance.bound + 2 * _EPS * loose
        return replace(balance, bound=bound), np.ones(self.width, dtype=bool)

    def _displaced(
        self, rate: Array, by_now: float, by_between: float, by_history: float,
        out_row: Array, out_column: Array,
    ) -> Array:  # fmt: skip
        """Currents out of the nodes through capacitors; their sizes summed up, (width,), A."""
        lines, size = self.system.lines, np.empty(self.width)
        self.kernel.displaced(
            lines.rows, lines.columns, rate, by_now, by_between, by_history,
            *self._changes(by_now, by_between), out_row, out_column, size,
        )  # fmt: skip
        return size

    def _changes(self, by_now: float, by_between: float) -> tuple[Array, ...]:
        """What the kernels take of voltages, capacitors and what flowed into them before."""
        farads, base = self.farads, self.sources_before.potentials
        moved = by_now * (self.block.sources.potentials - base)
        moved += by_between * (self.sources_between.potentials - base)
        voltages = (self.now, self.before, self.between)
        pairs = (part for v in voltages for part in (v.row, v.column))
        given = (farads.free_row, farads.free_column, farads.row_cell, farads.column_cell)
        return moved.ravel(), *pairs, *given, *self.history

    def _factor(self) -> None:
        """Make the ladders of both stages from the slopes that are held."""
        block, farads, cells = self.block, self.farads, len(self.farads.cell)
        names = ("widened_column", "widened_row")[-len(self.slopes) :]
        wide = []
        for name, slope in zip(names, self.slopes, strict=True):
            wide.append(block.array(name, _BITS))
            self.kernel.widened(cells, slope, self.rate, farads.cell, wide[-1])
        along = block.array("along_row", _BITS), block.array("along_column", _BITS)
        self.kernel.widened(cells, wide[-1], self.rate, farads.row, along[0])
        self.kernel.widened(cells, wide[0], self.rate, farads.column, along[1])
        ladders = (block.array(name, _BITS) for name in ("row_factor", "down", "up"))
        self.factors = Factors(wide[0], wide[-1], *ladders)
        make_factors(self.system.lines, self.factors, self.width, along)

    def _hold_slopes(self, lanes: np.ndarray) -> None:
        """Take over the slopes of the cells as they are linearised now, of some vectors."""
        assert self.cells is not None
        for held, slope in zip(self.slopes, self.cells.slopes, strict=True):
            self._copy_lanes(held, slope, lanes)

    def _copy_lanes(self, target: Array, source: Array, lanes: np.ndarray) -> None:
        which = lanes.astype(float)
        self.kernel.taken_over(self._cells, which, source, target)


def _copy(voltages: Voltages) -> Voltages:
    return Voltages(*(getattr(voltages, name).copy() for name in vars(voltages)))
