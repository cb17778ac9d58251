"""Blocks of linear arrays: corrections by factors that all vectors share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from circuitxbar.array.block import Balance, Block
from circuitxbar.array.system import Factors
from circuitxbar.circuit.proof import LEAST_CURRENT

_AIM = 0.25  # of the limit: room for what rounding adds
_CORRECTIONS = 8


def solve_linear(block: Block, rtol: float) -> tuple[Balance, np.ndarray]:
    """Bring the voltages of `block` to their operating point.

    The balance there, and the steps of conjugate gradients that each vector took. What the passes
    have read and written is added to block.moved.
    """
    system = block.system

    def balance(kept: bool) -> Balance:
        block.moved += _of_balance(block, kept)
        return block.balance(kept)

    return corrected(block, balance, system.linear_factors, rtol, _AIM, system.remaining)


def corrected(
    block: Block,
    balance: Callable[[bool], Balance],
    factors: Callable[[int], Factors],
    rtol: float,
    aim: float,
    share: float = 1.0,
) -> tuple[Balance, np.ndarray]:
    """Correct the voltages of `block` until its linear cells balance; see `solve_linear`.

    balance : of the block, told whether the errors of the nodes are wanted.
    factors : of its cells, in a precision of so many bits or a better one.
    aim : what share of the limit the first correction goes to, where the wires leave about `share`
    of the currents.
    """
    found = balance(True)
    moving = found.error > LEAST_CURRENT
    steps = np.zeros(block.width, dtype=np.int64)
    rough, bits = True, 64
    for correction in range(_CORRECTIONS):
        if not moving.any():
            break
        if correction:
            block.voltages.refine()
            balance(True)
            share = 1.0  # the scale is known
            bits = 32 if rough else 64  # of little that is left
        target = aim * share * rtol * found.finest
        ladders = factors(bits)
        taken = block.correct(ladders, found.error, target, moving)
        block.moved += _of_correction(block, int(taken.max()), ladders)
        before, found = found, balance(False)
        steps += taken
        # A vector that is there, or gets no nearer, stays: the others must not change its answer.
        there = found.bound <= np.maximum(rtol * found.scale, LEAST_CURRENT)
        there &= found.error <= np.maximum(rtol * found.finest, LEAST_CURRENT)
        moving &= ~there
        stuck = moving & ~(found.error < 0.5 * before.error)
        moving &= ~stuck | (bits == 32)
        rough &= not stuck.any()
    return found, steps


def _of_balance(block: Block, kept: bool) -> int:
    """Bytes of one pass of Kirchhoff's law: voltages and errors; conductances, also of wires."""
    arrays = (4 if block.voltages.fine else 2) + 2 * kept
    return 8 * (arrays * block.size + 3 * block.system.conductances.size)


def _of_correction(block: Block, steps: int, factors: Factors) -> int:
    """Bytes of one correction by conjugate gradients.

    A step reads two residuals, two iterates and the eliminated currents, writes one of the former
    and the latter, and reads the slope, three factors and three wires of every cell. The last one
    is left to the end, which reads what it needs of them; the first knows some of it to be 0.
    """
    real, passes = factors.row.itemsize, max(steps - 1, 0)
    arrays = 3 + 8 * passes - 2 * min(passes, 1)
    cells = 10 + 7 * passes + 6
    doubles = 4 + (11 if block.voltages.fine else 7)  # errors, and voltages with their corrections
    return (
        block.size * (real * arrays + 8 * doubles) + block.system.conductances.size * real * cells
    )
