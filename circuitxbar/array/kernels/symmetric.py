"""Conjugate gradients for cells of two terminals, one pass over the array per step.

The columns are eliminated exactly, so that the unknowns are the row nodes: S x = f with
S = M - D K^-1 D, M = Lr + D and K = Lc + D, preconditioned by M: u = M^-1 r. The three-term
recurrence (P. Concus, G. H. Golub and D. P. O'Leary, in Sparse Matrix Computations, 1976, 309-332)

    x' = rho (x + gamma u) + (1 - rho) x_before,  r' = rho (r - gamma S u) + (1 - rho) r_before

needs r . u and u . S u at one point of the step, and u . S u = r . u - (D u) . K^-1 (D u), whose
last term is known once the columns are eliminated forwards. Solving them backwards is therefore
left to the next pass, which runs the other way and eliminates the next step's columns in turn.
x is kept as M x, so that u itself is needed nowhere.
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
def _row_back(
    i, columns, slope_row, row_factor, row_wire, carried, forwards, eliminated, factor, wire, r
):  # fmt: skip
    """The second half of a row: u = M^-1 r from `forwards`, and the elimination of slope * u.

    (r . u, the quadratic form of the eliminated columns).
    """
    zero = everywhere(0.0)
    u, gamma, form = zero, zero, zero
    for k in range(columns):
        j = columns - 1 - k
        cell = i * columns + j
        a = passed(own(row_factor, cell))
        u = a * (u + shared(row_wire, cell) * load(forwards, j))
        gamma = gamma + load(r, cell) * u
        current = own(slope_row, cell) * u + load(carried, j)
        store(eliminated, cell, current)
        onwards = passed(own(factor, cell)) * current
        store(carried, j, onwards)
        form = form + (shared(wire, cell) * onwards) * current
    return gamma, form


@compiled
def sweep(
    downwards, taken, rows, columns, slope, row_factor, row_wire, row_tie, row_counts, old_factor,
    old_wire, new_factor, new_wire, gamma, rho, r, r_before, x, x_before, eliminated, buffers, out,
):  # fmt: skip
    """One step in one pass over the rows; the new r and x take the place of those before.

    The columns eliminated in the pass before are solved backwards; the vectors move on; the rows
    are solved, and the columns eliminated for the next step.
    taken : steps before this one.  gamma, rho : (WIDTH,).
    out : r . u, u . S u, sum of |r| over the nets.
    """
    zero = everywhere(0.0)
    for j in range(2 * columns):
        store(buffers, j, zero)
    voltage, carried = buffers[: columns * WIDTH], buffers[columns * WIDTH : 2 * columns * WIDTH]
    forwards = buffers[2 * columns * WIDTH :]
    by_u, form, size = zero, zero, zero
    tied = len(row_tie) > 0
    step_size, turn = load(gamma, 0), load(rho, 0)
    rest = everywhere(1.0) - turn
    for step in range(rows):
        i = step if downwards else rows - 1 - step
        forward, net, a_row = zero, zero, zero
        for j in range(columns):
            cell = i * columns + j
            a = passed(own(old_factor, cell))
            c = a * (load(voltage, j) + shared(old_wire, cell) * load(eliminated, cell))
            store(voltage, j, c)
            left = load(r, cell)
            r_new = left - step_size * (left - own(slope, cell) * c)
            x_new = step_size * left
            if taken > 0:
                r_new = turn * r_new + rest * load(r_before, cell)
                x_new = turn * (load(x, cell) + x_new)
            if taken > 1:
                x_new = x_new + rest * load(x_before, cell)
            store(r_before, cell, r_new)
            store(x_before, cell, x_new)
            forward = r_new + a_row * forward
            store(forwards, j, forward)
            a_row = passed(own(row_factor, cell))
            if tied:
                net = r_new + shared(row_tie, cell) * net
                r_new = net * shared(row_counts, cell)
            size = size + magnitude(r_new)
        more, of_row = _row_back(
            i, columns, slope, row_factor, row_wire, carried, forwards, eliminated, new_factor,
            new_wire, r_before,
        )  # fmt: skip
        by_u = by_u + more
        form = form + of_row
    store(out, 0, by_u)
    store(out, 1, by_u - form)
    store(out, 2, size)


@compiled
def begin(
    rows, columns, slope, row_factor, row_wire, row_tie, row_counts, down, down_wire, up, up_wire,
    row_error, column_error, scale, r, eliminated, buffers, out,
):  # fmt: skip
    """Eliminates the columns downwards and, back upwards, begins the iteration.

    column_error : becomes the currents carried forward, for the end.  r : becomes the residual.
    Both, and all that follows, are `scale` (lanes) times what they stand for.
    """
    scaled = load(scale, 0)
    zero = everywhere(0.0)
    for j in range(2 * columns):
        store(buffers, j, zero)
    voltage, carried = buffers[: columns * WIDTH], buffers[columns * WIDTH : 2 * columns * WIDTH]
    forwards = buffers[2 * columns * WIDTH :]
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            current = scaled * load(column_error, cell) + load(carried, j)
            store(column_error, cell, current)
            store(carried, j, passed(own(down, cell)) * current)
    for j in range(columns):
        store(carried, j, zero)
    gamma, form, size = zero, zero, zero
    tied = len(row_tie) > 0
    for step in range(rows):
        i = rows - 1 - step
        forward, net, a_row = zero, zero, zero
        for j in range(columns):
            cell = i * columns + j
            a = passed(own(down, cell))
            c = a * (load(voltage, j) + shared(down_wire, cell) * load(column_error, cell))
            store(voltage, j, c)
            left = scaled * load(row_error, cell) + own(slope, cell) * c
            store(r, cell, left)
            forward = left + a_row * forward
            store(forwards, j, forward)
            a_row = passed(own(row_factor, cell))
            if tied:
                net = left + shared(row_tie, cell) * net
                left = net * shared(row_counts, cell)
            size = size + magnitude(left)
        more, of_row = _row_back(
            i, columns, slope, row_factor, row_wire, carried, forwards, eliminated, up, up_wire, r,
        )  # fmt: skip
        gamma = gamma + more
        form = form + of_row
    store(out, 0, gamma)
    store(out, 1, gamma - form)
    store(out, 2, size)
