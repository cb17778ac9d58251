"""The linear solve of a correction: conjugate gradients, or the biconjugate ones, step by step.

The passes over the array are compiled; what a step decides for each vector is done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.lines import Lines
from circuitxbar.array.system import Factors

_MOST_STEPS = 2000  # 180 were the most that r G N^2 = 1e4 took
_MARGIN = 2.0  # times what is expected to be left over


class Iterate(NamedTuple):
    """M u of the corrections u of the row nodes: rho (x + gamma r) + (1 - rho) x_before.

    taken : how many steps made these; there is no x before the first, no x_before but after two.
    """

    taken: int
    gamma: Array
    rho: Array
    r: Array
    x: Array
    x_before: Array


@np.errstate(all="ignore")  # a vector whose numbers are not finite moves no more
def conjugate_gradients(
    kernel: Any, lines: Lines, factors: Factors, errors: tuple[Array, ...], target: Array,
    array: Callable[[str], Array], buffers: Array,
) -> tuple[Iterate, np.ndarray]:  # fmt: skip
    """What the corrections come to, and the steps that each vector took.

    errors : those of the row nodes and of the column nodes, their scale, and where the residual
    goes; the second one comes back eliminated.  target : the sum of what may be left over, in that
    scale.  A vector that is there moves no more. A step leaves over about the share by which
    u . S u falls short of r . u: the last one is known beforehand, and `finish` does it on its way.
    """
    ladders = lines.ladders[8 * factors.row.itemsize]
    rows = factors.row, ladders.row_wire, lines.row_tie, lines.row_counts
    ways = (factors.down, ladders.down_wire), (factors.up, ladders.up_wire)
    common = (lines.rows, lines.columns, factors.in_slope, *rows)
    eliminated, out = array("eliminated"), np.empty((3, len(target)))
    kernel.begin(*common, *ways[0], *ways[1], *errors, eliminated, buffers, out.ravel())
    r, r_before, x, x_before = errors[-1], array("r_before"), array("x"), array("x_before")
    steps = np.zeros(len(target), dtype=np.int64)
    gamma, rho, product = np.zeros(len(target)), np.ones(len(target)), np.ones(len(target))
    more = np.ones(len(target), dtype=bool)
    taken = 0
    while True:
        by_u, form, size = out
        moves = more & (size > target) & (by_u > 0) & (form > 0) & (taken < _MOST_STEPS)
        faster, turned = by_u / form, np.ones(len(target))
        if taken:
            turned = 1.0 / (1.0 - faster * by_u / (gamma * product * rho))
        gamma, rho = np.where(moves, faster, 0.0), np.where(moves, turned, 1.0)
        product = by_u.copy()
        steps += moves
        more = moves & (_MARGIN * (1.0 - form / by_u) * size > target)
        if not more.any():
            break
        downwards = taken % 2 == 0
        new, old = ways if downwards else ways[::-1]
        kernel.sweep(
            downwards, taken, *common, *old, *new, gamma, rho, r, r_before, x, x_before, eliminated,
            buffers, out.ravel(),
        )  # fmt: skip
        r, r_before, x, x_before = r_before, r, x_before, x
        taken += 1
    return Iterate(taken, gamma, rho, r, x, x_before), steps


@np.errstate(all="ignore")
def biconjugate_gradients(
    kernel: Any, lines: Lines, factors: Factors, errors: tuple[Array, ...], target: Array,
    array: Callable[[str], Array], buffers: Array,
) -> tuple[Iterate, np.ndarray]:  # fmt: skip
    """The same for slopes that differ: see `kernels.unsymmetric`."""
    ladders = lines.ladders[8 * factors.row.itemsize]
    size, cells, r = (lines.rows, lines.columns), lines.rows * lines.columns, errors[-1]
    down = factors.down, ladders.down_wire
    names = ("shadow", "p", "v_of_p", "t", "x", "eliminated")
    shadow, p, v, t, x, eliminated = (array(name) for name in names)
    out, left = np.empty((3, len(target))), np.empty(len(target))
    kernel.begin_unsymmetric(
        *size, factors.out_slope, *down, *errors, shadow, p, x, buffers, out.ravel()
    )
    rho = out[1].copy()
    nothing = np.zeros(len(target))
    steps = np.zeros(len(target), dtype=np.int64)

    def operate(source: Array, into: Array) -> None:
        kernel.operate(
            *size, factors.out_slope, factors.in_slope, factors.row, ladders.row_wire, *down,
            source, into, shadow, eliminated, buffers, out.ravel(),
        )  # fmt: skip

    for step in range(_MOST_STEPS):
        kernel.sum_of_nets(*size, lines.row_tie, lines.row_counts, r, left)
        moves = (steps == step) & (left > target) & (rho != 0)
        if not moves.any():
            break
        steps += moves
        operate(p, v)
        alpha = np.where(moves & (out[0] != 0), rho / out[0], 0.0)
        kernel.combine(cells, -alpha, v, nothing, v, r)
        operate(r, t)
        omega = np.where(moves & (out[1] > 0), out[2] / out[1], 0.0)
        kernel.combine(cells, alpha, p, omega, r, x)
        kernel.combine(cells, -omega, t, nothing, t, r)
        kernel.scalar_product(cells, r, shadow, left)
        turns = (omega != 0) & (rho != 0)
        beta = np.where(turns, (left / rho) * (alpha / omega), 0.0)
        rho = left.copy()
        kernel.redirect(cells, r, beta, omega, v, p)
    return Iterate(1, nothing, nothing + 1.0, r, x, x), steps
