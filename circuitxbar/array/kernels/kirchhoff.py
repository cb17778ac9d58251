"""Kirchhoff's law at every node, recomputed from the voltages as they are kept.

A voltage is the potential of its line plus a deviation plus, where `fine`, a remainder.
"""

from __future__ import annotations

from circuitxbar.array.kernels.lanes import (
    OWN,
    compiled,
    everywhere,
    larger,
    load,
    magnitude,
    shared,
    store,
    two_sum,
)


@compiled
def _exact(a, b, row, column, rest):
    """(a - b) + (row - column) + rest, to the last digit however much cancels."""
    nothing = everywhere(0.0)
    total, lost = two_sum(a, nothing - b)
    step, lost_in_step = two_sum(row, nothing - column)
    total, lost_in_total = two_sum(total, step)
    return total + (lost + (lost_in_step + (lost_in_total + rest)))


@compiled
def cell_voltages(
    rows, columns, potentials, row, column, exact, fine, row_remainder, column_remainder, out
):  # fmt: skip
    """`out` = row node minus column node of every cell, V.

    potentials : of the rows, then of the columns.  exact : however much cancels.
    """
    for i in range(rows):
        a = load(potentials, i)
        for j in range(columns):
            cell, b = i * columns + j, load(potentials, rows + j)
            w, c, rest = load(row, cell), load(column, cell), everywhere(0.0)
            if fine:
                rest = load(row_remainder, cell) - load(column_remainder, cell)
            if exact:
                store(out, cell, _exact(a, b, w, c, rest))
            else:
                store(out, cell, (a - b) + (w - c))


@compiled
def column_voltages(rows, columns, potentials, column, fine, column_remainder, out):
    """`out` = voltages of the column nodes, V."""
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            deviation = load(column, cell)
            if fine:
                deviation = deviation + load(column_remainder, cell)
            store(out, cell, load(potentials, rows + j) + deviation)


@compiled
def _ends(
    first, count, node, stride, line, fine, remainder, end_conductance, end_difference,
    end_injected, into,
):  # fmt: skip
    """Puts the currents from the ends first, first + 1 ... into the nodes node, node + stride."""
    for k in range(count):
        end, at = first + k, node + k * stride
        fall = load(end_difference, end) - load(line, at)
        if fine:
            fall = fall - load(remainder, at)
        store(into, end, shared(end_conductance, end) * fall + load(end_injected, end))


@compiled
def kirchhoff(
    rows, columns, conductance, out_of_rows, into_columns, potentials, row, column, fine,
    row_remainder, column_remainder, row_conductance, column_conductance, row_tie, column_tie,
    row_counts, column_counts, end_conductance, end_difference, end_injected, kept,
    row_error, column_error, from_ends, line_sums, buffers, totals,
):  # fmt: skip
    """What is left over at every node, into it, A; sums over lines; |left over| over nets.

    Cells are `conductance` S each, or, where slopes are per vector, what out_of_rows and
    into_columns say. Voltages across them are exact only where `fine`.
    row_conductance, column_conductance : of the wire behind every node, 0 where it joins nodes.
    row_tie, column_tie : 1 where a node is joined with the one before.  row_counts, column_counts :
    1 at the last node of a net that no source fixes.  All empty where every node is a net.
    end_... : ends of the lines, left, right, top and bottom one after the other: conductance,
    source minus potential, injected current.
    kept : whether row_error and column_error are wanted.  from_ends : current from every end.
    line_sums : cell currents summed over rows, then over columns.
    totals : sum and maximum over the nets; conductance * |what cell voltages are the sum of|,
    summed over the cells; the largest sum of |cell currents| of a line.
    """
    zero = everywhere(0.0)
    total, worst, loose, most = zero, zero, zero, zero
    tied = len(row_tie) > 0
    leaves, nets, sizes = 0, columns, 2 * columns  # places in buffers
    right, top, bottom = rows, 2 * rows, 2 * rows + columns
    for first, node in ((top, 0), (bottom, (rows - 1) * columns)):
        _ends(
            first, columns, node, 1, column, fine, column_remainder, end_conductance,
            end_difference, end_injected, from_ends,
        )  # fmt: skip
    for first, node in ((0, 0), (right, columns - 1)):
        _ends(
            first, rows, node, columns, row, fine, row_remainder, end_conductance, end_difference,
            end_injected, from_ends,
        )  # fmt: skip
    for j in range(columns):
        store(buffers, leaves + j, load(from_ends, top + j))
        store(buffers, nets + j, zero)
        store(buffers, sizes + j, zero)
        store(line_sums, rows + j, zero)
    for i in range(rows):
        net, summed, size_of_row, size_of_errors, loose_in_row = zero, zero, zero, zero, zero
        arrives = load(from_ends, i)
        a = load(potentials, i)
        for j in range(columns):
            cell = i * columns + j
            w, c, w_rest, c_rest = load(row, cell), load(column, cell), zero, zero
            if fine:
                w_rest, c_rest = load(row_remainder, cell), load(column_remainder, cell)
            if OWN:
                drawn, fed = load(out_of_rows, cell), load(into_columns, cell)
            else:
                b, g = load(potentials, rows + j), shared(conductance, cell)
                if fine:
                    drawn = g * _exact(a, b, w, c, w_rest - c_rest)
                else:
                    apart, moved = a - b, w - c
                    drawn = g * (apart + moved)
                    loose_in_row = loose_in_row + g * (magnitude(apart) + magnitude(moved))
                fed = drawn
            size = magnitude(drawn)
            size_of_row = size_of_row + size
            store(buffers, sizes + j, load(buffers, sizes + j) + size)
            summed = summed + drawn
            store(line_sums, rows + j, load(line_sums, rows + j) + fed)

            error = arrives - drawn
            if j < columns - 1:
                fall = w - load(row, cell + 1)
                if fine:
                    fall = fall + (w_rest - load(row_remainder, cell + 1))
                arrives = shared(row_conductance, cell) * fall
            else:
                arrives = zero - load(from_ends, right + i)
            error = error - arrives
            if kept:
                store(row_error, cell, error)
            if tied:
                net = error + shared(row_tie, cell) * net
                error = net * shared(row_counts, cell)
            size = magnitude(error)
            size_of_errors = size_of_errors + size
            worst = larger(worst, size)

            error = load(buffers, leaves + j) + fed
            if i < rows - 1:
                fall = c - load(column, cell + columns)
                if fine:
                    fall = fall + (c_rest - load(column_remainder, cell + columns))
                onwards = shared(column_conductance, cell) * fall
            else:
                onwards = zero - load(from_ends, bottom + j)
            store(buffers, leaves + j, onwards)
            error = error - onwards
            if kept:
                store(column_error, cell, error)
            if tied:
                joined = error + shared(column_tie, cell) * load(buffers, nets + j)
                store(buffers, nets + j, joined)
                error = joined * shared(column_counts, cell)
            size = magnitude(error)
            size_of_errors = size_of_errors + size
            worst = larger(worst, size)
        store(line_sums, i, summed)
        total = total + size_of_errors
        loose = loose + loose_in_row
        most = larger(most, size_of_row)
    for j in range(columns):
        most = larger(most, load(buffers, sizes + j))
    store(totals, 0, total)
    store(totals, 1, worst + (total - total))  # NaN where anything was
    store(totals, 2, loose)
    store(totals, 3, most)
