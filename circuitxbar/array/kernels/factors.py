"""Lines as ladders: elimination from one end to the other without subtractions.

With d the conductance from a node to anything but its line and r[k] the wire behind node k:

    y[0] = d[0] + end,  a[k] = 1 / (1 + r[k] y[k]),  y[k+1] = d[k+1] + a[k] y[k]
    J[k+1] = s[k+1] + a[k] J[k]                  currents carried forward
    v[k] = a[k] v[k+1] + r[k] a[k] J[k]          voltages, from the last node back
    s . v = sum of r[k] a[k] J[k]^2

Nothing is divided by a wire, so that r = 0 needs no case; behind the last node, and where a wire
is broken, r = 1e150, and an end held by an ideal source has the conductance 1e150.

Where wires conduct far better than cells, a is so near to 1 that a single precision number would
change d by a part of a hundred; what is kept of it is then a - 1: see `packed`. The corrections
themselves are worked out in double, from what single precision keeps.
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
    packed,
    passed,
    shared,
    store,
)


@compiled
def _eliminated(here, wire):
    """What `packed` makes of a, and what is carried on, from the conductance at a node."""
    one = everywhere(1.0)
    drop = wire * here
    a = one / (one + drop)
    return packed(a, drop * a), here * a


@compiled
def factor(
    rows, columns, of_row, of_column, row_wire, down_wire, up_wire, left, right, top, bottom,
    carried, row, down, up,
):  # fmt: skip
    """The factors of every row from its first cell on, of every column from either end.

    of_row, of_column : conductance from the nodes to anything but their line.  left, right, top,
    bottom : of the line ends, S.  carried : (columns,) lanes to work in.
    """
    for j in range(columns):
        store(carried, j, shared(top, j))
    for i in range(rows):
        in_row = shared(left, i)
        for j in range(columns):
            cell = i * columns + j
            here, below = load(of_row, cell) + in_row, load(of_column, cell) + load(carried, j)
            if j == columns - 1:
                here = here + shared(right, i)
            if i == rows - 1:
                below = below + shared(bottom, j)
            kept, in_row = _eliminated(here, shared(row_wire, cell))
            store(row, cell, kept)
            kept, below = _eliminated(below, shared(down_wire, cell))
            store(down, cell, kept)
            store(carried, j, below)
    for j in range(columns):
        store(carried, j, shared(bottom, j))
    for step in range(rows):
        i = rows - 1 - step
        for j in range(columns):
            cell = i * columns + j
            above = load(of_column, cell) + load(carried, j)
            if i == 0:
                above = above + shared(top, j)
            kept, above = _eliminated(above, shared(up_wire, cell))
            store(up, cell, kept)
            store(carried, j, above)


@compiled
def finish(
    rows, columns, slope, row_factor, row_wire, down, down_wire, taken, gamma, rho, r, x, x_before,
    u_kept, column_error, scale, buffers, kept, row, column, fine, row_remainder, column_remainder,
):  # fmt: skip
    """Adds the corrections u of the row nodes and c of the column nodes to `row` and `column`.

    Where `fine`, with their remainders.

    M u = rho (x + gamma r) + (1 - rho) x_before, of which there are as many as steps were `taken`,
    and K c = column_error + slope * u, whose first term comes eliminated.
    scale : (WIDTH,), by which u and c are multiplied.
    kept : whether u goes to `u_kept` and c to `column_error` too.
    """
    scaled, step_size, turn = load(scale, 0), load(gamma, 0), load(rho, 0)
    zero, rest = everywhere(0.0), everywhere(1.0) - turn
    for j in range(2 * columns):
        store(buffers, j, zero)
    voltage, carried = buffers[: columns * WIDTH], buffers[columns * WIDTH : 2 * columns * WIDTH]
    forwards = buffers[2 * columns * WIDTH :]
    for i in range(rows):
        forward, a_row = zero, zero
        for j in range(columns):
            cell = i * columns + j
            current = step_size * load(r, cell)
            if taken > 0:
                current = turn * (load(x, cell) + current)
            if taken > 1:
                current = current + rest * load(x_before, cell)
            forward = current + a_row * forward
            store(forwards, j, forward)
            a_row = passed(own(row_factor, cell))
        u = zero
        for k in range(columns):
            j = columns - 1 - k
            cell = i * columns + j
            a = passed(own(row_factor, cell))
            u = a * (u + shared(row_wire, cell) * load(forwards, j))
            if kept:
                store(u_kept, cell, scaled * u)
            if fine:
                move(row, row_remainder, cell, scaled * u)
            else:
                add_to(row, cell, scaled * u)
            extra = own(slope, cell) * u + load(carried, j)
            store(carried, j, passed(own(down, cell)) * extra)
            store(column_error, cell, load(column_error, cell) + extra)
    for step in range(rows):
        i = rows - 1 - step
        for j in range(columns):
            cell = i * columns + j
            a = passed(own(down, cell))
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
