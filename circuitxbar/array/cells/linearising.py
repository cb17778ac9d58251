"""Linearise the cells: the elements each at a voltage of its own, the inner node eliminated."""

from __future__ import annotations

from circuitxbar.array.cells.balancing import balance, enclose
from circuitxbar.array.cells.following import carry, follow
from circuitxbar.array.cells.rows import (
    ACROSS,
    APART,
    BALANCED,
    BEFORE,
    BY_COLUMN,
    CURRENT,
    ELEMENTS,
    FOR_LAWS,
    FUNCTION,
    GATED,
    INNER,
    MEMORY,
    MEMORY_SLOPE,
    NAMES,
    OTHER,
    OTHER_BY_SOURCE,
    OTHER_SLOPE,
    REMAINDER,
    ROWS,
    SERIES,
    SHORT,
    SLOPE,
    SOURCE,
    STATES,
    THERE,
    WANTED,
    V,
    place_nodes,
    shift_of,
    take_cells,
    take_gates,
    want,
)
from circuitxbar.array.cells.vectors import (
    LANES,
    address,
    compiled,
    fresh_rows,
    give,
    number_at,
    on_rows,
    select,
    take,
)

AT_REST, FORETOLD, AT_NODES = 0, 1, 2  # where `evaluate` linearises


@on_rows
def rest(w):
    """All elements at 0 V."""
    w[ACROSS], w[INNER] = 0.0, 0.0


@on_rows
def remember(w):
    """The elements as they are become what they were before."""
    for n in range(int(STATES)):
        w[BEFORE + n] = w[ELEMENTS + n]


def divided(w, lines):
    """The voltages that the elements move where V is now, for them to carry one current.

    Of the other element and of the memory element, from where the linearisation `lines` has them;
    and the share that the other one has of a change of V.
    """
    across, memory, memory_slope, inner, other, other_slope = (w[lines + n] for n in range(6))
    left = (w[V] - inner) - across
    excess = memory - other
    if GATED:
        source, by_source = w[lines + 6], w[lines + 7]
        excess = excess - (other_slope + by_source) * (w[SOURCE] - source)
    both = memory_slope + other_slope
    passes, resistance = both != 0.0, 1.0 / both
    by_other = select(passes, (memory_slope * left + excess) * resistance, left)
    by_memory = select(passes, (other_slope * left - excess) * resistance, 0.0)
    share = select(passes, memory_slope * resistance, 0.0)
    return by_other, by_memory, share


@on_rows
def foretell(w):
    """The elements to where the last linearisation has them now."""
    if SERIES:
        there = w[THERE] != 0.0
        by_other, by_memory, _ = divided(w, BEFORE)
        inner = w[BEFORE + (INNER - ELEMENTS)]
        w[INNER] = select(there, inner + by_other, 0.0)
        w[ACROSS] = select(there, w[BEFORE] + by_memory, 0.0)
    else:
        w[ACROSS] = w[V]


@on_rows
def at_nodes(w):
    """The elements to the voltages of their nodes."""
    if SERIES:
        place_nodes(w)
    else:
        w[ACROSS] = w[V]


@on_rows
def condense(w):
    """What the cell carries at V, and its slopes."""
    there = w[THERE] != 0.0
    if SERIES:
        by_other, _, share = divided(w, ELEMENTS)
        share = select(there, share, 0.0)
        w[CURRENT] = select(there, w[OTHER] + w[OTHER_SLOPE] * by_other, 0.0)
        w[SLOPE] = w[OTHER_SLOPE] * share
        w[BY_COLUMN] = -w[OTHER_BY_SOURCE] * share
        counts = there & (w[WANTED] != 0.0)
        w[APART] = w[APART] + select(counts, abs(w[MEMORY] - w[OTHER]), 0.0)
    else:
        current, slope = w[MEMORY], w[MEMORY_SLOPE]
        w[MEMORY], w[MEMORY_SLOPE] = select(there, current, 0.0), select(there, slope, 0.0)
        w[CURRENT] = w[MEMORY] + w[MEMORY_SLOPE] * (w[V] - w[ACROSS])


@compiled
def evaluate(
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
    active,
    where,
    state,
    current,
    slope,
    slope_column,
    together,
    apart,
):
    """Linearise the cells of the active vectors; their currents at v, and slopes.

    law : see the rows.
    where : AT_NODES, at v and inner; FORETOLD, where the linearisation `state`, (STATES, cells,
    width), has the elements at v, or less far where a current runs away; AT_REST, the same from
    where all elements are at 0 V.  inner : where that is, but for AT_NODES.
    together, apart : (width,), whether all elements are where v has them, and by how much currents
    of two elements in series then differ, summed over the cells, A.
    """
    cells, width = v.shape
    size = cells * width
    shift = shift_of(width)
    work, names, last = fresh_rows(law[ROWS]), law[NAMES], law[NAMES] + law[FOR_LAWS]
    function = law[FUNCTION]
    numbers, sources, gates = address(v), address(column), address(gate)
    prepared, flags = address(parameters), address(there)
    inners, remainders, states = address(inner), address(inner_remainder), address(state)
    currents, by_rows, by_columns = address(current), address(slope), address(slope_column)
    wanted = address(active)
    want(work, wanted, width, LANES)
    for at in range(0, size, LANES):
        count = min(LANES, size - at)
        if count < LANES:
            want(work, wanted, width, count)
        take_cells(work, prepared, cells, flags, names, last, at, shift, count)
        take(work, V, numbers, at, count)
        if GATED:
            take(work, SOURCE, sources, at, count)
            take_gates(work, gates, columns, by_row, at, shift, count)
        if where == FORETOLD:
            for n in range(STATES):
                take(work, BEFORE + n, states, n * size + at, count)
        elif where == AT_REST:
            rest(work)
            carry(function, work)
            remember(work)
        if where == AT_NODES:
            if SERIES:
                take(work, INNER, inners, at, count)
                take(work, REMAINDER, remainders, at, count)
            at_nodes(work)
        else:
            foretell(work)
            if BALANCED:
                enclose(work)
        away = carry(function, work)
        if where != AT_NODES:
            if BALANCED:
                balance(function, work)
            elif away != 0:
                follow(function, work)
        condense(work)
        for n in range(STATES):
            give(work, ELEMENTS + n, WANTED, states, n * size + at, count)
        give(work, CURRENT, WANTED, currents, at, count)
        if SERIES:
            if where != AT_NODES:
                give(work, INNER, WANTED, inners, at, count)
            give(work, SLOPE, WANTED, by_rows, at, count)
        if GATED:
            give(work, BY_COLUMN, WANTED, by_columns, at, count)
    for k in range(width):
        together[k], apart[k] = 1, 0.0
        for lane in range(k, LANES, width):
            if number_at(work, LANES * SHORT + lane) != 0.0:
                together[k] = 0
            apart[k] += number_at(work, LANES * APART + lane)
        if together[k] == 0:
            apart[k] = 0.0
