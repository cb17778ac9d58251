"""What the cells carry at given voltages, and what their parameters would change."""

from __future__ import annotations

import math

from circuitxbar.array.cells.rows import (
    ACROSS,
    ACTIVE,
    ADJOINT,
    BY_FIRST,
    BY_NAMES,
    BY_OTHER,
    DRAIN,
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
    PREPARED,
    REMAINDER,
    SERIES,
    SOURCE,
    STEP,
    THERE,
    V,
    gate_line,
    memory,
    memory_by,
    memory_terms,
    other,
    other_by,
    other_terms,
    shift_of,
    take_cells,
    take_gates,
    workspace,
)
from circuitxbar.array.cells.vectors import (
    LANES,
    give,
    number_at,
    on_rows,
    part,
    put_number,
    select,
    take,
)

EPS = 2.0**-52


def place_nodes(w):
    """The voltages of the elements from those of the nodes."""
    w[ACROSS] = (w[V] - w[INNER]) - w[REMAINDER]
    w[INNER] = w[INNER] + w[REMAINDER]
    w[DRAIN] = w[SOURCE] + w[INNER]


@on_rows
def carry_at(w):
    """The current of each element, and what it may have lost."""
    place_nodes(w)
    memory_terms(w)
    if SERIES:
        other_terms(w)
    there = w[THERE] != 0.0
    w[MEMORY] = select(there, w[MEMORY], 0.0)
    w[OTHER] = select(there, w[OTHER], 0.0)
    w[LOST] = select(there, 2.0 * EPS * (w[MEMORY_TERMS] + w[OTHER_TERMS]), 0.0)


@on_rows
def lack(w):
    """What INNER lacks for both elements to carry one current."""
    w[REMAINDER] = 0.0
    place_nodes(w)
    memory(w)
    other(w)
    excess = w[MEMORY] - w[OTHER]
    step = excess / (w[MEMORY_SLOPE] + w[OTHER_SLOPE])
    useful = (w[THERE] != 0.0) & (excess != 0.0) & (abs(step) < math.inf)
    w[STEP] = select(useful, step, 0.0)


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


@on_rows
def all_active(w):
    """All results are wanted."""
    w[ACTIVE] = 1.0


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


@part
def verify_cells(
    cells,
    width,
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
    """Currents out of the row and into the column node of every cell, and their rounding."""
    shift = shift_of(width)
    work = workspace()
    all_active(work)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, parameters, cells, there, 0, NAMES, at, shift, count)
        take_nodes(work, v, column, gate, columns, by_row, inner, inner_remainder, at, shift, count)
        carry_at(work)
        give(work, OTHER if SERIES and not GATED else MEMORY, ACTIVE, out_row, at, count)
        give(work, OTHER if GATED else MEMORY, ACTIVE, out_column, at, count)
        for k in range(count):
            vector = k & (width - 1)
            lost = number_at(work, LANES * LOST + k)
            put_number(rounding, vector, number_at(rounding, vector) + lost)


@part
def polish_cells(
    cells, width, v, column, gate, columns, by_row, parameters, there, inner, inner_remainder
):
    """Put into inner_remainder what `inner` lacks for both elements to carry one current."""
    shift = shift_of(width)
    work = workspace()
    all_active(work)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, parameters, cells, there, 0, NAMES + PREPARED, at, shift, count)
        take_nodes(work, v, column, gate, columns, by_row, inner, inner_remainder, at, shift, count)
        lack(work)
        give(work, STEP, ACTIVE, inner_remainder, at, count)


@part
def weighed(work, row, share, k):
    """A derivative times what it counts for; one that is not finite counts for nothing."""
    slope, counts = number_at(work, LANES * row + k), number_at(work, LANES * share + k)
    return counts * slope if math.isfinite(slope) else 0.0


@part
def slopes_of_cells(
    cells,
    width,
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
    """Add d (sum of across * current) / d (each name) of every cell, and of every gate line."""
    shift = shift_of(width)
    work = workspace()
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, parameters, cells, there, 0, NAMES, at, shift, count)
        take_nodes(work, v, column, gate, columns, by_row, inner, inner_remainder, at, shift, count)
        take(work, ADJOINT, across, at, count)
        share_out(work)
        for k in range(count):
            cell = (at + k) >> shift
            for n in range(len(BY_NAMES)):
                share = MEMORY_SHARE if n < BY_OTHER else OTHER_SHARE
                change = weighed(work, BY_FIRST + n, share, k)
                if BY_NAMES[n] == 0:
                    change += weighed(work, BY_FIRST + n, OPEN_SHARE, k)
                place = BY_NAMES[n] * cells + cell
                put_number(out, place, number_at(out, place) + change)
            if GATED:
                line = gate_line(cell, columns, by_row)
                place = (line << shift) + (k & (width - 1))
                change = weighed(work, OTHER_BY_GATE, OTHER_SHARE, k)
                put_number(out_gates, place, number_at(out_gates, place) + change)
