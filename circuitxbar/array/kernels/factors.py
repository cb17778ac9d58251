"""Lines as ladders: elimination from one end to the other without subtractions.

With d the conductance from a node to anything but its line and r[k] the wire behind node k:

    y[0] = d[0] + end,  a[k] = 1 / (1 + r[k] y[k]),  y[k+1] = d[k+1] + a[k] y[k]
    J[k+1] = s[k+1] + a[k] J[k]                  currents carried forward
    v[k] = a[k] v[k+1] + r[k] a[k] J[k]          voltages, from the last node back
    s . v = sum of r[k] a[k] J[k]^2

Nothing is divided by a wire, so that r = 0 needs no case; behind the last node, and where a wire
is broken, r = 1e150, and an end held by an ideal source has the conductance 1e150.
"""

from __future__ import annotations

from circuitxbar.array.kernels.lanes import (
    WIDTH,
    add_to,
    compiled,
    everywhere,
    load,
    move,
    own,
    shared,
    store,
)


@compiled
def factor_rows(rows, columns, diagonal, wire, first, last, out):
    """`out` = a of every row, eliminated from its first cell on.

    diagonal : conductance from every node to anything but its line.  first, last : (rows,), S.
    """
    one = everywhere(1.0)
    for i in range(rows):
        carried = shared(first, i)
        for j in range(columns):
            cell = i * columns + j
            here = load(diagonal, cell) + carried
            if j == columns - 1:
                here = here + shared(last, i)
            a = one / (one + shared(wire, cell) * here)
            store(out, cell, a)
            carried = here * a


@compiled
def factor_columns(rows, columns, diagonal, wire, first, last, downwards, carried, out):
    """`out` = a of every column, from its first cell down or from its last cell up.

    carried : (columns,) lanes to work in.  first, last : (columns,), S, in the order of the way.
    """
    one = everywhere(1.0)
    for step in range(rows):
        i = step if downwards else rows - 1 - step
        for j in range(columns):
            cell = i * columns + j
            here = load(diagonal, cell)
            here = here + (shared(first, j) if step == 0 else load(carried, j))
            if step == rows - 1:
                here = here + shared(last, j)
            a = one / (one + shared(wire, cell) * here)
            store(out, cell, a)
            store(carried, j, here * a)


@compiled
def finish(
    rows, columns, slope, row_factor, row_wire, down, down_wire, x, u_kept, column_error, scale,
    buffers, kept, row, column, fine, row_remainder, column_remainder,
):  # fmt: skip
    """Adds the corrections u of the row nodes and c of the column nodes to `row` and `column`.

    Where `fine`, with their remainders.

    M u = x, K c = column_error + slope * u, whose first term comes eliminated.
    scale : (WIDTH,), by which u and c are multiplied.
    kept : whether u goes to `u_kept` and c to `column_error` too.
    """
    scaled = load(scale, 0)
    zero = everywhere(0.0)
    for j in range(2 * columns):
        store(buffers, j, zero)
    voltage, carried = buffers[: columns * WIDTH], buffers[columns * WIDTH : 2 * columns * WIDTH]
    forwards = buffers[2 * columns * WIDTH :]
    for i in range(rows):
        forward, a_row = zero, zero
        for j in range(columns):
            cell = i * columns + j
            forward = load(x, cell) + a_row * forward
            store(forwards, j, forward)
            a_row = own(row_factor, cell)
        u = zero
        for k in range(columns):
            j = columns - 1 - k
            cell = i * columns + j
            u = own(row_factor, cell) * (u + shared(row_wire, cell) * load(forwards, j))
            if kept:
                store(u_kept, cell, scaled * u)
            if fine:
                move(row, row_remainder, cell, scaled * u)
            else:
                add_to(row, cell, scaled * u)
            extra = own(slope, cell) * u + load(carried, j)
            store(carried, j, own(down, cell) * extra)
            store(column_error, cell, load(column_error, cell) + extra)
    for step in range(rows):
        i = rows - 1 - step
        for j in range(columns):
            cell = i * columns + j
            a = own(down, cell)
            c = a * (load(voltage, j) + shared(down_wire, cell) * load(column_error, cell))
            store(voltage, j, c)
            if kept:
                store(column_error, cell, scaled * c)
            if fine:
                move(column, column_remainder, cell, scaled * c)
            else:
                add_to(column, cell, scaled * c)


@compiled
def add(count, factor, step, values):
    """values += factor * step; `count` lanes, `factor` lanes."""
    scale = load(factor, 0)
    for place in range(count):
        store(values, place, load(values, place) + scale * load(step, place))
