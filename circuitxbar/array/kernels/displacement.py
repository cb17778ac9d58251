"""Currents through the capacitors of an array: from every node to ground, and across every cell.

They are those of changes of voltage since the beginning of a step, dv = by_now (v - v_before) +
by_between (v_between - v_before), where nodes hold deviations from potentials that change too.
"""

from __future__ import annotations

from circuitxbar.array.kernels.lanes import (
    compiled,
    everywhere,
    intrinsic,
    lanes,
    larger,
    load,
    magnitude,
    shared,
    store,
)


@intrinsic
def chosen(typing, which, a, b):
    """The lanes of a where `which` is above 0, else those of b."""

    def code(context, builder, signature, arguments):
        which, a, b = arguments
        zero = which.type(None)
        return builder.select(builder.fcmp_ordered("ogt", which, zero), a, b)

    return lanes(lanes, lanes, lanes), code


@compiled
def displaced(
    rows, columns, rate, by_now, by_between, by_history, moved, row, column, row_before,
    column_before, row_between, column_between, row_farads, column_farads, row_cell, column_cell,
    row_history, column_history, out_row, out_column, sums,
):  # fmt: skip
    """Currents out of the row nodes and of the column nodes: rate * C dv + by_history * history.

    rate : lanes, 1 / s.  moved : of the potentials of rows, then columns, what dv is of the nodes.
    row_farads, column_farads : to ground.  row_cell, column_cell : of the cells, as those see it
    which stand at their row and their column node; all (cells,), F.
    sums : lanes, the sum of |current|.
    """
    speed, now, between = load(rate, 0), everywhere(by_now), everywhere(by_between)
    kept, total = everywhere(by_history), everywhere(0.0)
    for i in range(rows):
        of_row = load(moved, i)
        for j in range(columns):
            cell = i * columns + j
            start, other = load(row_before, cell), load(column_before, cell)
            w = of_row + now * (load(row, cell) - start)
            c = load(moved, rows + j) + now * (load(column, cell) - other)
            if by_between != 0.0:
                w = w + between * (load(row_between, cell) - start)
                c = c + between * (load(column_between, cell) - other)
            out = speed * (shared(row_farads, cell) * w + shared(row_cell, cell) * (w - c))
            back = speed * (shared(column_farads, cell) * c + shared(column_cell, cell) * (c - w))
            if by_history != 0.0:
                out = out + kept * load(row_history, cell)
                back = back + kept * load(column_history, cell)
            store(out_row, cell, out)
            store(out_column, cell, back)
            total = total + (magnitude(out) + magnitude(back))
    store(sums, 0, total)


@compiled
def balanced(
    rows, columns, rate, by_between, by_history, moved, row, column, row_before, column_before,
    row_between, column_between, row_farads, column_farads, row_cell, column_cell, row_history,
    column_history, conductance, potentials, drawn, fed, sums,
):  # fmt: skip
    """The same for by_now = 1 and with the currents of linear cells, out of rows into columns.

    sums : lanes, the sum of conductance * |what cell voltages are the sum of|.
    """
    speed, between, kept = load(rate, 0), everywhere(by_between), everywhere(by_history)
    total = everywhere(0.0)
    for i in range(rows):
        of_row, a = load(moved, i), load(potentials, i)
        for j in range(columns):
            cell = i * columns + j
            start, other = load(row_before, cell), load(column_before, cell)
            here, there = load(row, cell), load(column, cell)
            w = of_row + (here - start)
            c = load(moved, rows + j) + (there - other)
            if by_between != 0.0:
                w = w + between * (load(row_between, cell) - start)
                c = c + between * (load(column_between, cell) - other)
            out = speed * (shared(row_farads, cell) * w + shared(row_cell, cell) * (w - c))
            back = speed * (shared(column_farads, cell) * c + shared(column_cell, cell) * (c - w))
            if by_history != 0.0:
                out = out + kept * load(row_history, cell)
                back = back + kept * load(column_history, cell)
            g, apart, fall = shared(conductance, cell), a - load(potentials, rows + j), here - there
            current = g * (apart + fall)
            total = total + g * (magnitude(apart) + magnitude(fall))
            store(drawn, cell, current + out)
            store(fed, cell, current - back)
    store(sums, 0, total)


@compiled
def widened(cells, values, rate, farads, out):
    """`out` = values + rate * farads; the values of all vectors, or of each."""
    speed, common = load(rate, 0), len(values) == cells
    for cell in range(cells):
        value = shared(values, cell) if common else load(values, cell)
        store(out, cell, value + speed * shared(farads, cell))


@compiled
def extrapolated(cells, factor, start, other, out):
    """`out` = start + factor * (other - start); factor : lanes."""
    part = load(factor, 0)
    for cell in range(cells):
        first = load(start, cell)
        store(out, cell, first + part * (load(other, cell) - first))


@compiled
def taken_over(cells, which, source, target):
    """Puts into `target` the lanes of `source` where `which` is above 0."""
    here = load(which, 0)
    for cell in range(cells):
        store(target, cell, chosen(here, load(source, cell), load(target, cell)))


@compiled
def largest(cells, first, second, out):
    """`out` = the largest |number| of both; not a number where any is none."""
    most, total = everywhere(0.0), everywhere(0.0)
    for cell in range(cells):
        a, b = magnitude(load(first, cell)), magnitude(load(second, cell))
        most, total = larger(a, larger(b, most)), total + (a + b)
    store(out, 0, most + (total - total))
