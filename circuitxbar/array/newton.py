"""Blocks of arrays with laws: inexact Newton steps, each vector with slopes of its own.

Every element is linearised at a voltage of its own, its place, which follows the current that the
last step foretold, and not the voltage, where the two are far apart (decision 5). Cells with a
transistor are linearised at their voltages, where both elements carry about one current.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import SINGLE, Balance, Block
from circuitxbar.array.laws import AT_NODES, AT_REST, FORETOLD
from circuitxbar.array.system import Factors, make_factors
from circuitxbar.devices.claims import slope_rounding

_STEPS = 80
_AIM, _REACHED = 0.03, 0.3  # of the limit, of linear solves and of what they end up with
_LOOSEST, _SQUARED = 0.01, 0.3  # of a linear solve: Eisenstat and Walker's second choice
_HALVINGS = 3  # of a step: more only keep vectors where they are that must go up to come down,
_CAREFUL = 8  # but after so many steps without progress they are doubled
_PATIENCE = 20  # steps without progress
_IMPATIENCE = 2  # steps without progress that may be due to rounding


def solve_laws(block: Block, rtol: float) -> tuple[Balance, np.ndarray, np.ndarray]:
    """Bring the voltages of `block` to their operating point.

    The balance there, and the steps of Newton's method and of conjugate gradients of each vector.
    """
    rough = block.system.held  # else slopes that single precision has no numbers for may decide
    joined = block.system.lines.row_tie.size > 0  # what is left over at nodes cancels over nets
    block.bits = 32 if rough and not joined else 64
    cells = Cells(block)
    nothing = np.zeros(block.width, dtype=np.int64)
    newton, steps, stalled = nothing.copy(), nothing.copy(), nothing.copy()
    balance = cells.follow(np.ones(block.width, dtype=bool))
    previous = smallest = np.full(block.width, np.inf)
    moving = ~_reached(cells, balance, rtol, stalled)
    limits = block.limits()
    anywhere = block.system.held and cells.law.kind != "1T1R"  # else steps may be absurd
    for _ in range(_STEPS):
        if not moving.any():
            break
        share = np.minimum(_LOOSEST, _SQUARED * (balance.error / previous) ** 2)
        share[np.isinf(previous)] = _LOOSEST
        least = _AIM * rtol * balance.finest
        target = np.maximum(share * balance.error, least)
        bits = 32 if rough and (target >= SINGLE * balance.error)[moving].all() else 64
        from_there = cells.together.copy()
        newton += moving
        factors = cells.factors(bits)
        if anywhere:
            steps += block.correct(factors, balance.error, target, moving, kept=True)
        else:
            steps += block.correct_within(limits, factors, balance.error, target, moving)
        if (target == least)[moving].all():  # the last step, if all goes well
            proof = cells.proved()
            if (proof.bound <= _REACHED * rtol * proof.finest)[moving].all():
                return replace(proof, falling=cells.falling_at_nodes()), newton, steps
        before, balance = balance, cells.follow(moving)
        most = _HALVINGS << stalled // _CAREFUL
        balance = cells.halved(moving & from_there, before, balance, most)
        steady = from_there & cells.together
        previous = np.where(steady, before.error, np.inf)
        smallest = np.where(steady, np.minimum(smallest, before.error), np.inf)
        stalled = np.where(steady & ~(balance.error < 0.5 * smallest), stalled + 1, 0)
        moving &= ~_reached(cells, balance, rtol, stalled) & (stalled < _PATIENCE)
        if (moving & (stalled > 0)).any():
            rough = False
        held_up = moving & (stalled == _IMPATIENCE)
        missed = moving & (target == least)
        if missed.any():
            held_up |= missed & (balance.error < 2.0 * block.rounding())
        if held_up.any():
            block.voltages.refine()  # the digits that deviations have no room for are in the way
    return cells.proved(), newton, steps


def _reached(cells: Cells, balance: Balance, rtol: float, stalled: np.ndarray) -> np.ndarray:
    """Which vectors are where they should be, or gain no more and are near enough."""
    gains = (stalled == 0) | (not cells.block.voltages.fine)
    enough = np.where(gains, balance.finest, balance.scale)
    return cells.together & (balance.error <= _REACHED * rtol * enough)


class Cells:
    """The cells of a block, linearised: every element at a voltage of its own.

    at_rest : whether they begin at 0 V; else where the voltages of the block are.
    together : (width,), whether all elements of a vector are linearised where its voltages are.
    apart : (width,), by how much the two elements of a cell differ there in their currents, summed.
    """

    def __init__(self, block: Block, at_rest: bool = True) -> None:
        assert block.system.law is not None
        self.block, self.law = block, block.system.law
        self.together, self.apart = np.ones(block.width, dtype=bool), np.zeros(block.width)
        self._where = AT_REST if at_rest else AT_NODES
        voltages = block.voltages
        if self.law.kind != "1R" and not voltages.inner.size:
            voltages.inner, voltages.inner_remainder = np.zeros((2, block.size))

    def linearise_at_nodes(self) -> None:
        """Linearise next where the voltages of the nodes are: the parameters have changed."""
        self._where = AT_NODES

    def follow(self, moving: np.ndarray) -> Balance:
        """Linearise the cells of the vectors `moving` anew; the balance of the linearised array."""
        return self.counted(self.block.balance(kept=True, drawn=self.currents(moving)))

    def counted(self, balance: Balance) -> Balance:
        """`balance` with what is left over at the inner nodes."""
        return replace(balance, error=balance.error + self.apart)

    def currents(self, moving: np.ndarray) -> Array:
        """Linearise the cells of the vectors `moving` anew; the linearised currents of all."""
        block, system, law = self.block, self.block.system, self.law
        v, current = block.across(block.array("v")), block.array("current")
        states = self._states().reshape(law.states, -1, block.width)
        slopes = [self._grid(slope) for slope in self.slopes]
        together, apart = np.empty(block.width, dtype=np.uint8), np.empty(block.width)
        law.evaluate(
            self._grid(v), *self.gated(block), system.parameters, system.there,
            *inner_parts(block), moving.astype(float), self._where, states, self._grid(current),
            slopes[-1], slopes[0], together, apart,
        )  # fmt: skip
        self._where = FORETOLD
        self.together = np.where(moving, together != 0, self.together)
        self.apart = np.where(moving, apart, self.apart)
        return current

    def halved(
        self, worse: np.ndarray, before: Balance, balance: Balance, most: np.ndarray
    ) -> Balance:
        """Take back half of the step, again and again, but at most `most` times, of those of the
        vectors `worse` whose error it has not lowered where their cells are linearised.
        """
        share = 0.5
        for halving in range(most.max()):
            worse = worse & self.together & ~(balance.error < before.error) & (halving < most)
            if not worse.any():
                break
            self.block.take_back(np.where(worse, share, 0.0))
            balance = self.follow(worse)
            share *= 0.5
        return balance

    @property
    def slopes(self) -> list[Array]:
        """Slopes as the cells are linearised: by column and by row, or one of them for both."""
        if self.law.kind == "1R":
            return [self._states()[2]]
        return [self.block.array(name) for name in self._names]

    def factors(self, bits: int) -> Factors:
        """Slopes and ladders of the cells as they are linearised."""
        block, slopes = self.block, self.slopes
        if bits != 64:
            wide, slopes = slopes, [block.array(name, bits) for name in self._names]
            for slope, given in zip(slopes, wide, strict=True):
                np.copyto(slope, given, casting="same_kind")
        ladders = (block.array(name, bits) for name in ("row_factor", "down", "up"))
        factors = Factors(slopes[0], slopes[-1], *ladders)
        make_factors(block.system.lines, factors, block.width)
        return factors

    def falling(self) -> np.ndarray:
        """Whether any element's current falls with its voltage where it is linearised, (width,)."""
        states, there = self._states(), self.block.system.there[:, None] != 0
        across, current, slope, *other = (self._grid(state) for state in states)
        elements = [(across, current, [slope])]
        if other:
            slopes = [other[2]] if self.law.kind == "1S1R" else [other[2], -other[4]]
            elements.append((other[0], other[1], slopes))
        falling = np.zeros(self.block.width, dtype=bool)
        for across, current, slopes in elements:
            for slope in slopes:
                if (slope < 0).any():
                    falls = slope < -slope_rounding(across, current, slopes)
                    falling |= (falls & there).any(axis=0)
        return falling

    def falling_at_nodes(self) -> np.ndarray:
        """The same where the voltages of the nodes are."""
        self._where = AT_NODES
        self.currents(np.ones(self.block.width, dtype=bool))
        return self.falling()

    def proved(self) -> Balance:
        """The balance by the laws themselves; its bound covers inner nodes and their rounding."""
        block, system = self.block, self.block.system
        v = self._grid(block.across(block.array("v"), exact=True))
        inner = inner_parts(block)
        given = (v, *self.gated(block), system.parameters, system.there, *inner)
        if self.law.kind != "1R":
            self.law.polish(*given)
        drawn = block.array("current")
        fed = drawn if self.law.kind == "1R" else block.array("fed")
        rounding = np.zeros(block.width)
        self.law.verify(*given, self._grid(drawn), self._grid(fed), rounding)
        balance = block.balance(kept=False, drawn=drawn, fed=fed)
        balance = replace(balance, falling=self.falling())
        if self.law.kind == "1R":
            return replace(balance, bound=balance.bound + rounding)
        apart = np.abs(self._grid(drawn) - self._grid(fed))
        return replace(
            balance,
            worst=np.maximum(balance.worst, apart.max(axis=0)),
            bound=balance.bound + rounding + apart.sum(axis=0),
        )

    @staticmethod
    def gated(block: Block) -> tuple[Any, ...]:
        """What transistors take beside the voltage across the cell; stand-ins for other cells."""
        crossbar, gates, column = block.system.crossbar, block.sources.gates, np.zeros((1, 1))
        if crossbar.transistor is not None:
            column = block.columns(block.array("column_voltage")).reshape(-1, block.width)
        return column, gates, block.system.lines.columns, crossbar.gate_lines == "row"

    @property
    def _names(self) -> list[str]:
        return ["slope_column", "slope"] if self.law.kind == "1T1R" else ["slope"]

    def _states(self) -> Array:
        """What the law keeps of the cells, (states, cells * width)."""
        count, size = self.law.states, self.block.size
        return self.block.work.array("states", count * size).reshape(count, size)

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
