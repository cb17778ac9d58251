"""What the cells carry at given voltages, and what their parameters would change."""

from __future__ import annotations

import math

from circuitxbar.array.cells.rows import (
    ACROSS,
    ADJOINT,
    BY_FIRST,
    BY_NAMES,
    BY_OTHER,
    FOR_DERIVATIVES,
    FOR_LAWS,
    FOR_TERMS,
    GATED,
    INNER,
    LOST,
    MEMORY,
    MEMORY_SHARE,
    MEMORY_SLOPE,
    MEMORY_TERMS,
    NAMES,
    OPEN_SHARE,
    OTHER,
    OTHER_BY_GATE,
    OTHER_SHARE,
    OTHER_SLOPE,
    OTHER_TERMS,
    PARAMETERS,
    REMAINDER,
    SERIES,
    SOURCE,
    STEP,
    THERE,
    WANTED,
    V,
    gate_line,
    memory,
    memory_by,
    memory_terms,
    other,
    other_by,
    other_terms,
    place_nodes,
    shift_of,
    take_cells,
    take_gates,
    workspace,
)
from circuitxbar.array.cells.vectors import (
    LANES,
    address,
    compiled,
    give,
    number_at,
    on_rows,
    part,
    put_number,
    select,
    take,
)

EPS = 2.0**-52
CLOSE = 1e-8  # a step that changes both currents by less leaves an error of its square
LEAST = 2e-15  # of a voltage: a smaller step only fills in digits that it has no room for
POLISHES = 50


@on_rows
def carry_at(w):
    """The current of each element, and what it may have lost."""
    place_nodes(w)
    memory_terms(w)
    terms = w[MEMORY_TERMS]
    if SERIES:
        other_terms(w)
        terms = terms + w[OTHER_TERMS]
    there = w[THERE] != 0.0
    w[MEMORY] = select(there, w[MEMORY], 0.0)
    w[OTHER] = select(there, w[OTHER], 0.0)
    lost = select(there & (w[WANTED] != 0.0), 2.0 * EPS * terms, 0.0)
    w[LOST] = w[LOST] + lost


@on_rows
def lack(w):
    """What INNER lacks for both elements to carry one current; where that is much."""
    inner = w[INNER]
    w[REMAINDER] = 0.0
    place_nodes(w)
    memory(w)
    other(w)
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


@on_rows
def share_out(w):
    """The derivatives of both elements, and what each of their currents counts for.

    Of two elements one gives way: a current that the memory element gains passes only in so far
    as the other lets it. An open one gains its first siemens where the other passes anything.
    """
    place_nodes(w)
    memory_by(w)
    counts, there = w[ADJOINT], w[THERE] != 0.0
    missing = ~there & (w[PARAMETERS] == 0.0)
    if SERIES:
        other_by(w)
        both = w[MEMORY_SLOPE] + w[OTHER_SLOPE]
        there, missing = there & (both != 0.0), missing & (w[OTHER_TERMS] != 0.0)
        w[OTHER_SHARE] = select(there, counts * (w[MEMORY_SLOPE] / both), 0.0)
        w[MEMORY_SHARE] = select(there, counts * (w[OTHER_SLOPE] / both), 0.0)
    else:
        w[MEMORY_SHARE] = select(there, counts, 0.0)
    w[OPEN_SHARE] = select(missing, counts, 0.0)


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
    work = workspace()
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, last = address(parameters), address(there), NAMES + FOR_TERMS
    inners, remainders = address(inner), address(inner_remainder)
    rows, into_columns = address(out_row), address(out_column)
    want_all(work, LANES)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        if count < LANES:
            want_all(work, count)
        take_cells(work, given, cells, flags, NAMES, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        carry_at(work)
        give(work, OTHER if SERIES and not GATED else MEMORY, WANTED, rows, at, count)
        give(work, OTHER if GATED else MEMORY, WANTED, into_columns, at, count)
    for lane in range(LANES):
        rounding[lane % width] += number_at(work, LANES * LOST + lane)


@compiled
def polish(v, column, gate, columns, by_row, parameters, there, inner, inner_remainder):
    """Move inner + inner_remainder from `inner` to where both elements carry one current."""
    cells, width = v.shape
    shift = shift_of(width)
    work = workspace()
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, last = address(parameters), address(there), NAMES + FOR_LAWS
    inners, remainders = address(inner), address(inner_remainder)
    want_all(work, LANES)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        if count < LANES:
            want_all(work, count)
        take_cells(work, given, cells, flags, NAMES, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        for _ in range(POLISHES):
            if lack(work) == 0:
                break
        give(work, INNER, WANTED, inners, at, count)
        give(work, STEP, WANTED, remainders, at, count)


@part
def weighed(work, row, share, k):
    """A derivative times what it counts for; one that is not finite counts for nothing."""
    slope, counts = number_at(work, LANES * row + k), number_at(work, LANES * share + k)
    return counts * slope if math.isfinite(slope) else 0.0


@compiled
def slopes(
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
    work = workspace()
    numbers, sources, gates = address(v), address(column), address(gate)
    given, flags, weights = address(parameters), address(there), address(across)
    inners, remainders = address(inner), address(inner_remainder)
    last = NAMES + FOR_DERIVATIVES
    by_names, by_gates = address(out), address(out_gates)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, given, cells, flags, 0, last, at, shift, count)
        take_nodes(
            work, numbers, sources, gates, columns, by_row, inners, remainders, at, shift, count
        )
        take(work, ADJOINT, weights, at, count)
        share_out(work)
        for k in range(count):
            cell = (at + k) >> shift
            for n in range(len(BY_NAMES)):
                share = MEMORY_SHARE if n < BY_OTHER else OTHER_SHARE
                change = weighed(work, BY_FIRST + n, share, k)
                if BY_NAMES[n] == 0:
                    change += weighed(work, BY_FIRST + n, OPEN_SHARE, k)
                place = BY_NAMES[n] * cells + cell
                put_number(by_names, place, number_at(by_names, place) + change)
            if GATED:
                line = gate_line(cell, columns, by_row)
                place = (line << shift) + (k & (width - 1))
                change = weighed(work, OTHER_BY_GATE, OTHER_SHARE, k)
                put_number(by_gates, place, number_at(by_gates, place) + change)
