"""Blocks of arrays with laws: inexact Newton steps, each vector with slopes of its own.

A cell of two terminals is linearised at a voltage of its own, its place, which follows the current
that the last step foretold, and not the voltage, where the two are far apart (decision 5).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import SINGLE, Balance, Block
from circuitxbar.array.system import Factors, make_factors

_STEPS = 80
_AIM = 0.1  # of the limit: room for what rounding adds
_LOOSEST, _SQUARED = 0.03, 0.9  # of a linear solve: Eisenstat and Walker's second choice
_HALVINGS = 8
_PATIENCE = 4  # steps without progress


def solve_laws(block: Block, rtol: float) -> tuple[Balance, np.ndarray, np.ndarray]:
    """Bring the voltages of `block` to their operating point.

    The balance there, and the steps of Newton's method and of conjugate gradients of each vector.
    """
    cells = Cells(block)
    nothing = np.zeros(block.width, dtype=np.int64)
    newton, steps, stalled = nothing.copy(), nothing.copy(), nothing.copy()
    balance = cells.follow(np.ones(block.width, dtype=bool))
    previous = smallest = np.full(block.width, np.inf)
    moving = ~_reached(cells, balance, rtol, stalled)
    rough = True
    for _ in range(_STEPS):
        if not moving.any():
            break
        share = np.minimum(_LOOSEST, _SQUARED * (balance.error / previous) ** 2)
        share[np.isinf(previous)] = _LOOSEST
        target = np.maximum(share * balance.error, 0.3 * _AIM * rtol * balance.finest)
        bits = 32 if rough and (target >= SINGLE * balance.error)[moving].all() else 64
        from_there = cells.together.copy()
        newton += moving
        steps += block.correct(cells.factors(bits), balance.error, target, moving, kept=True)
        before, balance = balance, cells.follow(moving)
        balance = cells.halved(moving & from_there, before, balance)
        steady = from_there & cells.together
        previous = np.where(steady, before.error, np.inf)
        smallest = np.where(steady, np.minimum(smallest, before.error), np.inf)
        stalled = np.where(steady & ~(balance.error < 0.5 * smallest), stalled + 1, 0)
        moving &= ~_reached(cells, balance, rtol, stalled) & (stalled < _PATIENCE)
        if (moving & (stalled > 0)).any():
            rough = False
        if (moving & (stalled == _PATIENCE // 2)).any():
            block.voltages.refine()  # rounding of the deviations may be in the way
    return cells.proved(), newton, steps


def _reached(cells: Cells, balance: Balance, rtol: float, stalled: np.ndarray) -> np.ndarray:
    """Which vectors are where they should be, or gain no more and are near enough."""
    gains = (stalled == 0) | (not cells.block.voltages.fine)
    enough = np.where(gains, balance.finest, balance.scale)
    return cells.together & (balance.error <= _AIM * rtol * enough)


class Cells:
    """The cells of a block, linearised.

    together : (width,), whether all cells of a vector are linearised where its voltages are.
    """

    def __init__(self, block: Block) -> None:
        assert block.system.law is not None
        self.block, self.law = block, block.system.law
        self.together = np.ones(block.width, dtype=bool)
        voltages = block.voltages
        if self.law.kind != "1R" and not voltages.inner.size:
            voltages.inner, voltages.inner_remainder = np.zeros((2, block.size))
        if self.law.kind != "1T1R":
            for name in ("v", "place", "current", "slope"):
                block.array(name).fill(0.0)
            self._evaluate(np.ones(block.width, dtype=bool))

    def follow(self, moving: np.ndarray) -> Balance:
        """Linearise the cells of the vectors `moving` anew; the balance of the linearised array."""
        return self.block.balance(kept=True, drawn=self.currents(moving))

    def currents(self, moving: np.ndarray) -> Array:
        """Linearise the cells of the vectors `moving` anew; the linearised currents of all."""
        block = self.block
        v = block.across(block.array("v"))
        self._evaluate(moving)
        current = block.array("current")
        if self.together.all():
            return current
        foretold = np.subtract(v, block.array("place"), out=block.array("foretold"))
        foretold *= block.array("slope")
        foretold += current
        return foretold

    def halved(self, worse: np.ndarray, before: Balance, balance: Balance) -> Balance:
        """Take back half of the step, again and again, of those of the vectors `worse` whose
        error it has not lowered where their cells are linearised.
        """
        share = 0.5
        for _ in range(_HALVINGS):
            worse = worse & self.together & ~(balance.error < before.error)
            if not worse.any():
                break
            self.block.take_back(np.where(worse, share, 0.0))
            balance = self.follow(worse)
            share *= 0.5
        return balance

    @property
    def slopes(self) -> list[Array]:
        """Slopes as the cells are linearised: by column and by row, or one of them for both."""
        names = ["slope_column", "slope"] if self.law.kind == "1T1R" else ["slope"]
        return [self.block.array(name) for name in names]

    def factors(self, bits: int) -> Factors:
        """Slopes and ladders of the cells as they are linearised."""
        block = self.block
        names = ["slope_column", "slope"] if self.law.kind == "1T1R" else ["slope"]
        slopes = [block.array(name, bits) for name in names]
        if bits != 64:
            for name, slope in zip(names, slopes, strict=True):
                np.copyto(slope, block.array(name), casting="same_kind")
        ladders = (block.array(name, bits) for name in ("row_factor", "down", "up"))
        factors = Factors(slopes[0], slopes[-1], *ladders)
        make_factors(block.system.lines, factors, block.width)
        return factors

    def linearised(self) -> Factors:
        """Slopes and ladders of the cells where their voltages are."""
        self.block.across(self.block.array("v"))
        if self.law.kind != "1T1R":  # no place to come from: the law goes straight there
            for name in ("place", "current", "slope"):
                self.block.array(name).fill(0.0)
        self._evaluate(np.ones(self.block.width, dtype=bool))
        return self.factors(bits=64)

    def proved(self) -> Balance:
        """The balance by the laws themselves; its bound covers inner nodes and their rounding."""
        block, system = self.block, self.block.system
        v = self._grid(block.across(block.array("v"), exact=True))
        inner = inner_parts(block)
        given = (v, *self.gated(block), system.parameters, system.there, *inner)
        if self.law.polish is not None:
            self.law.polish(*given)
        drawn, fed = block.array("current"), block.array("slope")
        rounding = np.zeros(block.width)
        self.law.verify(*given, self._grid(drawn), self._grid(fed), rounding)
        balance = block.balance(kept=False, drawn=drawn, fed=fed)
        if self.law.kind == "1R":
            return replace(balance, bound=balance.bound + rounding)
        apart = np.abs(self._grid(drawn) - self._grid(fed))
        return replace(
            balance,
            worst=np.maximum(balance.worst, apart.max(axis=0)),
            bound=balance.bound + rounding + apart.sum(axis=0),
        )

    def _evaluate(self, moving: np.ndarray) -> None:
        """Current and slopes at the voltages "v" of the vectors `moving`."""
        block, system = self.block, self.block.system
        active = moving.astype(np.uint8)
        names = ("current", "slope", "slope_column")
        if self.law.kind != "1T1R":
            names = ("place", "current", "slope")
        arrays = [self._grid(block.array(name)) for name in names]
        given = (self._grid(block.array("v")), *self.gated(block), system.parameters, system.there)
        inner, _ = inner_parts(block)
        if self.law.kind == "1T1R":
            self.law.evaluate(*given, active, *arrays, inner)
            return
        together = np.empty(block.width, dtype=np.uint8)
        self.law.evaluate(*given, active, *arrays, inner, together)
        self.together = np.where(moving, together != 0, self.together)

    @staticmethod
    def gated(block: Block) -> tuple[Any, ...]:
        """What transistors take beside the voltage across the cell; nothing for other cells."""
        crossbar = block.system.crossbar
        if crossbar.transistor is None:
            return ()
        column = block.columns(block.array("column_voltage")).reshape(-1, block.width)
        by_row = crossbar.gate_lines == "row"
        return column, block.sources.gates, block.system.lines.columns, by_row

    def _grid(self, values: Array) -> Array:
        return values.reshape(-1, self.block.width)


def inner_parts(block: Block) -> tuple[Array, Array]:
    """Inner voltages and their remainders, (cells, width); one row of zeros where none are."""
    voltages = block.voltages
    if not voltages.inner.size:
        return np.zeros((1, block.width)), np.zeros((1, block.width))
    return (
        voltages.inner.reshape(-1, block.width),
        voltages.inner_remainder.reshape(-1, block.width),
    )
