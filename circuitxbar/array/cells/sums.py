"""What the cells carry at given voltages, and what their parameters would change."""

from __future__ import annotations

import math

from circuitxbar.array.cells.rows import (
    ACROSS,
    ADJOINT,
    BY_FIRST,
    BY_NAMES,
    BY_OTHER,
    CONDUCTANCE_SHARE,
    FOR_DERIVATIVES,
    FOR_LAWS,
    FOR_TERMS,
    FUNCTION,
    GATED,
    INNER,
    LOST,
    MEMORY,
    MEMORY_BY_PARAMETERS,
    MEMORY_LAW,
    MEMORY_SHARE,
    MEMORY_SLOPE,
    MEMORY_TERMS,
    MEMORY_WITH_TERMS,
    NAMES,
    OTHER,
    OTHER_BY_GATE,
    OTHER_BY_PARAMETERS,
    OTHER_LAW,
    OTHER_SHARE,
    OTHER_SLOPE,
    OTHER_TERMS,
    OTHER_WITH_TERMS,
    PARAMETERS,
    REMAINDER,
    ROWS,
    SERIES,
    SOURCE,
    STEP,
    THERE,
    WANTED,
    V,
    gate_line,
    place_nodes,
    shift_of,
    take_cells,
    take_gates,
)
from circuitxbar.array.cells.vectors import (
    LANES,
    address,
    compiled,
    fresh_rows,
    give,
    number_at,
    on_rows,
    part,
    put_number,
    run,
    select,
    take,
)

EPS = 2.0**-52
CLOSE = 1e-8  # a step that changes both currents by less leaves an error of its square
LEAST = 2e-15  # of a voltage: a smaller step only fills in digits that it has no room for
POLISHES = 50


@on_rows
def nodes_placed(w):
    """The voltages of the elements from those of the nodes."""
    place_nodes(w)


@on_rows
def count_lost(w):
    """What the currents may have lost."""
    terms = w[MEMORY_TERMS]
    if SERIES:
        terms = terms + w[OTHER_TERMS]
    there = w[THERE] != 0.0
    w[MEMORY] = select(there, w[MEMORY], 0.0)
    w[OTHER] = select(there, w[OTHER], 0.0)
    lost = select(there & (w[WANTED] != 0.0), 2.0 * EPS * terms, 0.0)
    w[LOST] = w[LOST] + lost


@part
def carry_at(law, work):
    """The current of each element, and what it may have lost."""
    nodes_placed(work)
    run(law, MEMORY_WITH_TERMS, work)
    if SERIES:
        run(law, OTHER_WITH_TERMS, work)
    count_lost(work)


@on_rows
def place_inner(w):
    """The voltages of the elements from those of the nodes, the inner one at INNER alone."""
    w[REMAINDER] = 0.0
    place_nodes(w)


@on_rows
def step_towards_one_current(w):
    """What INNER lacks for both elements to carry one current; where that is much."""
    inner = w[INNER]
    excess = w[MEMORY] - w[OTHER]
    step = excess / (w[MEMORY_SLOPE] + w[OTHER_SLOPE])
    useful = (w[THERE] != 0.0) & (excess != 0.0) & (abs(step) < math.inf)
    step = select(useful, step, 0.0)
    size = abs(step)
    rough = (size > CLOSE * abs(inner)) | (size > CLOSE * abs(w[ACROSS]))
    rough |= w[OTHER_SLOPE] * size > CLOSE * abs(w[OTHER])
    rough |= w[MEMORY_SLOPE] * size > CLOSE * abs(w[MEMORY])
    rough &= (size > LEAST * abs(inner)) & (w[WANTED] != 0.0)
    w[STEP] = select(rough, 0.0, step)
    w[INNER] = select(rough, inner + step, inner)
    return rough


@part
def lack(law, work):
    """What INNER lacks for both elements to carry one current; whether that is much."""
    place_inner(work)
    run(law, MEMORY_LAW, work)
    run(law, OTHER_LAW, work)
    return step_towards_one_current(work)


@on_rows
def share_out(w):
    """What the current of each element counts for.

    Of two elements one gives way: a current that the memory element gains passes only in so far
    as the other lets it. An open one gains its first siemens where the other passes anything.
    """
    counts, there = w[ADJOINT], w[THERE] != 0.0
    missing = ~there & (w[PARAMETERS] == 0.0)
    if SERIES:
        both = w[MEMORY_SLOPE] + w[OTHER_SLOPE]
        there, missing = there & (both != 0.0), missing & (w[OTHER_TERMS] != 0.0)
        w[OTHER_SHARE] = select(there, counts * (w[MEMORY_SLOPE] / both), 0.0)
        w[MEMORY_SHARE] = select(there, counts * (w[OTHER_SLOPE] / both), 0.0)
    else:
        w[MEMORY_SHARE] = select(there, counts, 0.0)
    w[CONDUCTANCE_SHARE] = w[MEMORY_SHARE] + select(missing, counts, 0.0)


@part
def derive(law, work):
    """The derivatives of all elements, and what each of their currents counts for."""
    nodes_placed(work)
    run(law, MEMORY_BY_PARAMETERS, work)
    if SERIES:
        run(law, OTHER_BY_PARAMETERS, work)
    share_out(work)


@part
def want_all(work, count):
    """Fill in WANTED: all vectors."""
    for k in range(LANES):
        put_number(work, LANES * WANTED + k, 1.0 if k < count else 0.0)


@part
def take_nodes(work, v, column, gate, columns, by_row, inner, inner_remainder, at, shift, count):
    """The voltages of all nodes into their rows."""
    take(work, V, v, at, count)
    if SERIES:
        take(work, INNER, inner, at, count)
        take(work, REMAINDER, inner_remainder, at, count)
    if GATED:
        take(work, SOURCE, column, at, count)
        take_gates(work, gate, columns, by_row, at, shift, count)


@compiled
def verify(
    law,
    v,
    column,
    gate,
    columns,
    by_row,
    parameters,
    there,
    inner,
    inner_remainder,
    out_row,
    out_column,
    rounding,
):
    """Currents out of the row and into the column node, (cells, width); adds to rounding, A."""
    cells, width = v.shape
    shift = shift_of(width)
    work, names, function = fresh_rows(law[ROWS]), law[NAMES], law[FUNCTION]
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, last = address(parameters), address(there), law[NAMES] + law[FOR_TERMS]
    inners, remainders = address(inner), address(inner_remainder)
    rows, into_columns = address(out_row), address(out_column)
    want_all(work, LANES)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        if count < LANES:
            want_all(work, count)
        take_cells(work, given, cells, flags, names, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        carry_at(function, work)
        give(work, OTHER if SERIES and not GATED else MEMORY, WANTED, rows, at, count)
        give(work, OTHER if GATED else MEMORY, WANTED, into_columns, at, count)
    for lane in range(LANES):
        rounding[lane % width] += number_at(work, LANES * LOST + lane)


@compiled
def polish(law, v, column, gate, columns, by_row, parameters, there, inner, inner_remainder):
    """Move inner + inner_remainder from `inner` to where both elements carry one current."""
    cells, width = v.shape
    shift = shift_of(width)
    work, names, function = fresh_rows(law[ROWS]), law[NAMES], law[FUNCTION]
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, last = address(parameters), address(there), law[NAMES] + law[FOR_LAWS]
    inners, remainders = address(inner), address(inner_remainder)
    want_all(work, LANES)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        if count < LANES:
            want_all(work, count)
        take_cells(work, given, cells, flags, names, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        for _ in range(POLISHES):
            if lack(function, work) == 0:
                break
        give(work, INNER, WANTED, inners, at, count)
        give(work, STEP, WANTED, remainders, at, count)


@part
def weighed(work, row, share, k):
    """A derivative times what it counts for; one that is not finite counts for nothing."""
    slope, counts = number_at(work, LANES * row + k), number_at(work, LANES * share + k)
    return counts * slope if math.isfinite(slope) else 0.0


@part
def weighed_sum(work, row, share, first, width):
    """The sum of that over the vectors of a cell."""
    total = 0.0
    for k in range(first, first + width):
        total += weighed(work, row, share, k)
    return total


@compiled
def slopes(
    law,
    v,
    column,
    gate,
    columns,
    by_row,
    parameters,
    there,
    inner,
    inner_remainder,
    across,
    out,
    out_gates,
):
    """Add d (sum over vectors of across * current) / d (each name) of every cell to `out`.

    out_gates, (gate lines, width): the same by the gate voltages, summed over the cells of a line.
    """
    cells, width = v.shape
    shift = shift_of(width)
    work, function = fresh_rows(law[ROWS]), law[FUNCTION]
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, weights = address(parameters), address(there), address(across)
    inners, remainders = address(inner), address(inner_remainder)
    last, by_first = law[NAMES] + law[FOR_DERIVATIVES], law[BY_FIRST]
    by, by_other = law[BY_NAMES:], law[BY_OTHER]
    by_names, by_gates = address(out), address(out_gates)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, given, cells, flags, 0, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        take(work, ADJOINT, weights, at, count)
        derive(function, work)
        for first in range(0, count, width):
            cell = (at + first) >> shift
            for n in range(by.size):
                share = MEMORY_SHARE if n < by_other else OTHER_SHARE
                if by[n] == 0:
                    share = CONDUCTANCE_SHARE
                change = weighed_sum(work, by_first + n, share, first, width)
                place = by[n] * cells + cell
                put_number(by_names, place, number_at(by_names, place) + change)
            if GATED:
                line = gate_line(cell, columns, by_row)
                for k in range(width):
                    place = (line << shift) + k
                    change = weighed(work, OTHER_BY_GATE, OTHER_SHARE, first + k)
                    put_number(by_gates, place, number_at(by_gates, place) + change)
