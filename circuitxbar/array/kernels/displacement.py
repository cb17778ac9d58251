"""Currents through the capacitors of an array: from every node to ground, and across every cell.

They are those of changes of voltage since the beginning of a step, dv = by_now (v - v_before) +
by_between (v_between - v_before), where nodes hold deviations from potentials that change too.
"""

from __future__ import annotations

from circuitxbar.array.kernels.lanes import (
    compiled,
    everywhere,
    load,
    magnitude,
    shared,
    store,
)


@compiled
def displaced(
    rows, columns, rate, by_now, by_between, by_history, moved, row, column, row_before,
    column_before, row_between, column_between, row_farads, column_farads, row_cell, column_cell,
    row_history, column_history, out_row, out_column, size,
):  # fmt: skip
    """Currents out of the row nodes and of the column nodes: rate * C dv + by_history * history.

    rate : lanes, 1 / s.  moved : of the potentials of rows, then columns, what dv is of the nodes.
    row_farads, column_farads : to ground.  row_cell, column_cell : of the cells, as those see it
    which stand at their row and their column node; all (cells,), F.
    size : lanes, the sum of |current|.
    """
    total = everywhere(0.0)
    speed, now, between = load(rate, 0), everywhere(by_now), everywhere(by_between)
    kept = everywhere(by_history)
    for i in range(rows):
        of_row = load(moved, i)
        for j in range(columns):
            cell = i * columns + j
            start, other = load(row_before, cell), load(column_before, cell)
            w = now * (load(row, cell) - start) + between * (load(row_between, cell) - start)
            c = now * (load(column, cell) - other) + between * (load(column_between, cell) - other)
            w, c = w + of_row, c + load(moved, rows + j)
            charge = shared(row_farads, cell) * w + shared(row_cell, cell) * (w - c)
            out = speed * charge + kept * load(row_history, cell)
            store(out_row, cell, out)
            total = total + magnitude(out)
            charge = shared(column_farads, cell) * c + shared(column_cell, cell) * (c - w)
            out = speed * charge + kept * load(column_history, cell)
            store(out_column, cell, out)
            total = total + magnitude(out)
    store(size, 0, total)


@compiled
def with_cells(rows, columns, conductance, potentials, row, column, drawn, fed, loose):
    """Adds the currents of linear cells to `drawn`, and those less what was `fed` to `fed`.

    loose : lanes, the sum of conductance * |what cell voltages are the sum of|.
    """
    total = everywhere(0.0)
    for i in range(rows):
        a = load(potentials, i)
        for j in range(columns):
            cell = i * columns + j
            g, apart = shared(conductance, cell), a - load(potentials, rows + j)
            moved = load(row, cell) - load(column, cell)
            current = g * (apart + moved)
            total = total + g * (magnitude(apart) + magnitude(moved))
            store(drawn, cell, current + load(drawn, cell))
            store(fed, cell, current - load(fed, cell))
    store(loose, 0, total)


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
