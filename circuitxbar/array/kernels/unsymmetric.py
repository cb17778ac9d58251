"""Stabilised biconjugate gradients for cells whose slopes by row and by column differ.

A transistor's gate stays where it is, so that dI/dV_row is not -dI/dV_column. The columns are
eliminated exactly all the same: S x = f with S = M - E K^-1 G, M = Lr + D, K = Lc + F. Then
H. A. van der Vorst, SIAM Journal on Scientific and Statistical Computing 13, 1992, 631-644, with
M as preconditioner from the right and x kept as M x.
"""

from __future__ import annotations

import numpy as np

from circuitxbar.array.kernels.factors import finish
from circuitxbar.array.kernels.lanes import (
    WIDTH,
    compiled,
    everywhere,
    load,
    magnitude,
    own,
    shared,
    store,
)


@compiled
def _columns_back(
    rows, columns, slope, factor, wire, eliminated, source, sign, target, shadow, buffers, out
):  # fmt: skip
    """target = source + sign * slope * c, where c are the columns solved upwards.

    out : target . shadow, target . target, target . source.
    """
    zero = everywhere(0.0)
    for j in range(columns):
        store(buffers, j, zero)
    by_shadow, by_itself, by_source = zero, zero, zero
    signed = everywhere(sign)
    for step in range(rows):
        i = rows - 1 - step
        for j in range(columns):
            cell = i * columns + j
            a = own(factor, cell)
            c = a * (load(buffers, j) + shared(wire, cell) * load(eliminated, cell))
            store(buffers, j, c)
            given = load(source, cell)
            value = given + signed * (own(slope, cell) * c)
            store(target, cell, value)
            by_shadow = by_shadow + value * load(shadow, cell)
            by_itself = by_itself + value * value
            by_source = by_source + value * given
    store(out, 0, by_shadow)
    store(out, 1, by_itself)
    store(out, 2, by_source)


@compiled
def _operated(
    rows, columns, out_slope, in_slope, row_factor, row_wire, down, down_wire, source, target,
    shadow, eliminated, buffers, out,
):  # fmt: skip
    """target = S M^-1 source; out as in _columns_back."""
    zero = everywhere(0.0)
    carried, forwards = buffers[: columns * WIDTH], buffers[columns * WIDTH :]
    for j in range(columns):
        store(carried, j, zero)
    for i in range(rows):
        forward, a_row = zero, zero
        for j in range(columns):
            cell = i * columns + j
            forward = load(source, cell) + a_row * forward
            store(forwards, j, forward)
            a_row = own(row_factor, cell)
        u = zero
        for k in range(columns):
            j = columns - 1 - k
            cell = i * columns + j
            u = own(row_factor, cell) * (u + shared(row_wire, cell) * load(forwards, j))
            current = own(in_slope, cell) * u + load(carried, j)
            store(eliminated, cell, current)
            store(carried, j, own(down, cell) * current)
    _columns_back(
        rows, columns, out_slope, down, down_wire, eliminated, source, -1.0, target, shadow,
        buffers, out,
    )  # fmt: skip


@compiled
def _size(rows, columns, row_tie, row_counts, values, out):
    """`out` = sum of |values| over the nets of the rows."""
    total = everywhere(0.0)
    tied = len(row_tie) > 0
    for i in range(rows):
        net = everywhere(0.0)
        for j in range(columns):
            cell = i * columns + j
            left = load(values, cell)
            if tied:
                net = left + shared(row_tie, cell) * net
                left = net * shared(row_counts, cell)
            total = total + magnitude(left)
    store(out, 0, total)


@compiled
def _combined(count, a, x, b, y, target):
    """target += a * x + b * y, where a and b are lanes."""
    by_x, by_y = load(a, 0), load(b, 0)
    for place in range(count):
        moved = by_x * load(x, place) + by_y * load(y, place)
        store(target, place, load(target, place) + moved)


@compiled
def _directed(count, r, beta, omega, v, p):
    """P = r + beta * (p - omega * v), where beta and omega are lanes."""
    by_p, by_v = load(beta, 0), load(omega, 0)
    for place in range(count):
        kept = load(p, place) - by_v * load(v, place)
        store(p, place, load(r, place) + by_p * kept)


@compiled
def biconjugate_gradients(
    rows, columns, out_slope, in_slope, row_factor, row_wire, row_tie, row_counts, down, down_wire,
    target, most_steps, row_error, column_error, scale, r, shadow, p, v, t, x, eliminated, buffers,
    kept, row, column, fine, row_remainder, column_remainder, steps,
):  # fmt: skip
    """Adds corrections of the node voltages to `row` and `column`.

    Solves [[Lr + D, -E], [-G, Lc + F]] (x, column) = (row_error, column_error), E out_slope and
    G in_slope, until the sum of what is left over is at most `target` for every vector, or
    `most_steps` are done.  A vector that is there moves no more.  steps : those of every vector.
    scale : (WIDTH,), about 1 / the errors, so that single precision holds them and their squares.
    kept : whether the corrections go to x and column_error too.
    """
    count, zero, scaled = rows * columns, everywhere(0.0), load(scale, 0)
    out, size, nothing = np.empty(3 * WIDTH), np.empty(WIDTH), np.zeros(WIDTH)
    alpha, omega, beta, rho = nothing.copy(), nothing.copy(), nothing.copy(), nothing.copy()
    minus_alpha, minus_omega = nothing.copy(), nothing.copy()
    for j in range(columns):
        store(buffers, j, zero)
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            current = scaled * load(column_error, cell) + load(buffers, j)
            store(r, cell, scaled * load(row_error, cell))
            store(column_error, cell, current)
            store(buffers, j, own(down, cell) * current)
    _columns_back(
        rows, columns, out_slope, down, down_wire, column_error, r, 1.0, r, r, buffers, out
    )  # fmt: skip
    for place in range(count):
        store(shadow, place, load(r, place))
        store(p, place, load(r, place))
        store(x, place, zero)
    for k in range(WIDTH):
        rho[k] = out[WIDTH + k]
    for step in range(most_steps):
        _size(rows, columns, row_tie, row_counts, r, size)
        moving = False
        for k in range(WIDTH):
            if size[k] > scale[k] * target[k] and steps[k] == step and rho[k] != 0.0:
                steps[k] = step + 1
                moving = True
        if not moving:
            break
        _operated(
            rows, columns, out_slope, in_slope, row_factor, row_wire, down, down_wire, p, v,
            shadow, eliminated, buffers, out,
        )  # fmt: skip
        for k in range(WIDTH):
            moves = steps[k] == step + 1 and out[k] != 0.0
            alpha[k] = rho[k] / out[k] if moves else 0.0
            minus_alpha[k] = -alpha[k]
        _combined(count, minus_alpha, v, nothing, v, r)
        _operated(
            rows, columns, out_slope, in_slope, row_factor, row_wire, down, down_wire, r, t,
            shadow, eliminated, buffers, out,
        )  # fmt: skip
        for k in range(WIDTH):
            moves = steps[k] == step + 1 and out[WIDTH + k] > 0.0
            omega[k] = out[2 * WIDTH + k] / out[WIDTH + k] if moves else 0.0
            minus_omega[k] = -omega[k]
        _combined(count, alpha, p, omega, r, x)
        _combined(count, minus_omega, t, nothing, t, r)
        by_shadow = zero
        for place in range(count):
            by_shadow = by_shadow + load(r, place) * load(shadow, place)
        store(out, 0, by_shadow)
        for k in range(WIDTH):
            moves = omega[k] != 0.0 and rho[k] != 0.0
            beta[k] = (out[k] / rho[k]) * (alpha[k] / omega[k]) if moves else 0.0
            rho[k] = out[k]
        _directed(count, r, beta, omega, v, p)
    finish(
        rows, columns, in_slope, row_factor, row_wire, down, down_wire, x, x, column_error,
        1.0 / scale, buffers, kept, row, column, fine, row_remainder, column_remainder,
    )  # fmt: skip
