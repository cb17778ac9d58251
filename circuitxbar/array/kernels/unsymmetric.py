"""Stabilised biconjugate gradients for cells whose slopes by row and by column differ.

A transistor's gate stays where it is, so that dI/dV_row is not -dI/dV_column. The columns are
eliminated exactly all the same: S x = f with S = M - E K^-1 G, M = Lr + D, K = Lc + F. Then
H. A. van der Vorst, SIAM Journal on Scientific and Statistical Computing 13, 1992, 631-644, with
M as preconditioner from the right and x kept as M x.
"""

from __future__ import annotations

from circuitxbar.array.kernels.lanes import (
    WIDTH,
    compiled,
    everywhere,
    load,
    magnitude,
    own,
    passed,
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
            a = passed(own(factor, cell))
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
def operate(
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
            a_row = passed(own(row_factor, cell))
        u = zero
        for k in range(columns):
            j = columns - 1 - k
            cell = i * columns + j
            a = passed(own(row_factor, cell))
            u = a * (u + shared(row_wire, cell) * load(forwards, j))
            current = own(in_slope, cell) * u + load(carried, j)
            store(eliminated, cell, current)
            store(carried, j, passed(own(down, cell)) * current)
    _columns_back(
        rows, columns, out_slope, down, down_wire, eliminated, source, -1.0, target, shadow,
        buffers, out,
    )  # fmt: skip


@compiled
def sum_of_nets(rows, columns, row_tie, row_counts, values, out):
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
def combine(count, a, x, b, y, target):
    """target += a * x + b * y, where a and b are lanes."""
    by_x, by_y = load(a, 0), load(b, 0)
    for place in range(count):
        moved = by_x * load(x, place) + by_y * load(y, place)
        store(target, place, load(target, place) + moved)


@compiled
def redirect(count, r, beta, omega, v, p):
    """P = r + beta * (p - omega * v), where beta and omega are lanes."""
    by_p, by_v = load(beta, 0), load(omega, 0)
    for place in range(count):
        kept = load(p, place) - by_v * load(v, place)
        store(p, place, load(r, place) + by_p * kept)


@compiled
def scalar_product(count, a, b, out):
    """`out` = a . b of every vector."""
    total = everywhere(0.0)
    for place in range(count):
        total = total + load(a, place) * load(b, place)
    store(out, 0, total)


@compiled
def begin_unsymmetric(
    rows, columns, out_slope, down, down_wire, row_error, column_error, scale, r, shadow, p, x,
    buffers, out,
):  # fmt: skip
    """Eliminates the columns, for the end, and puts the residual into r, shadow and p, 0 into x.

    All of them are `scale` (lanes) times what they stand for.  out[1] : r . r.
    """
    zero, scaled = everywhere(0.0), load(scale, 0)
    for j in range(columns):
        store(buffers, j, zero)
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            current = scaled * load(column_error, cell) + load(buffers, j)
            store(r, cell, scaled * load(row_error, cell))
            store(column_error, cell, current)
            store(buffers, j, passed(own(down, cell)) * current)
    _columns_back(
        rows, columns, out_slope, down, down_wire, column_error, r, 1.0, r, r, buffers, out
    )  # fmt: skip
    for place in range(rows * columns):
        left = load(r, place)
        store(shadow, place, left)
        store(p, place, left)
        store(x, place, zero)
