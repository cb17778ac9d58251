"""Blocks of linear arrays: corrections by factors that all vectors share."""

from __future__ import annotations

import numpy as np

from circuitxbar.array.block import Balance, Block

_AIM = 0.25  # of the limit: room for what rounding adds
_CORRECTIONS = 8


def solve_linear(block: Block, rtol: float) -> tuple[Balance, np.ndarray]:
    """Bring the voltages of `block` to their operating point.

    The balance there, and the steps of conjugate gradients that each vector took.
    """
    balance = block.balance(kept=True)
    moving = balance.error > 0
    steps = np.zeros(block.width, dtype=np.int64)
    rough = True
    share, bits = block.system.remaining, 64
    for correction in range(_CORRECTIONS):
        if not moving.any():
            break
        if correction:
            block.voltages.refine()
            share = 1.0  # the scale is known
            bits = 32 if rough else 64  # of little that is left
        target = _AIM * share * rtol * balance.finest
        factors = block.system.linear_factors(bits)
        steps += block.correct(factors, balance.error, target, moving)
        before, balance = balance, block.balance(kept=True)
        # A vector that is there, or gets no nearer, stays: the others must not change its answer.
        moving &= balance.bound > rtol * balance.scale
        stuck = moving & ~(balance.error < 0.5 * before.error)
        moving &= ~stuck | (bits == 32)
        rough &= not stuck.any()
    return balance, steps
