"""Linearise cells with a transistor: 1T1R."""

from __future__ import annotations

from circuitxbar.array.cells.rows import (
    ACTIVE,
    CURRENT,
    INNER,
    MEMORY_SLOPE,
    NAMES,
    OTHER_BY_SOURCE,
    OTHER_SLOPE,
    PREPARED,
    SLOPE,
    SOURCE,
    THERE,
    V,
    shift_of,
    take_cells,
    take_gates,
    workspace,
)
from circuitxbar.array.cells.series import respond
from circuitxbar.array.cells.vectors import (
    LANES,
    address,
    compiled,
    give,
    on_rows,
    put_number,
    select,
    take,
)


@on_rows
def by_column(w):
    """Minus d current / d column voltage, in place of what the row of OTHER_BY_SOURCE held."""
    both = w[MEMORY_SLOPE] + w[OTHER_SLOPE]
    slope = -(w[OTHER_BY_SOURCE] * (w[MEMORY_SLOPE] / both))
    w[OTHER_BY_SOURCE] = select((w[THERE] != 0.0) & (both != 0.0), slope, 0.0)


@compiled
def evaluate(
    v,
    column,
    gate,
    columns,
    by_row,
    parameters,
    there,
    active,
    current,
    slope_row,
    slope_column,
    inner,
):
    """Linearise the cells of the active vectors at v."""
    cells, width = v.shape
    shift = shift_of(width)
    work = workspace()
    for k in range(LANES):
        put_number(work, LANES * ACTIVE + k, float(active[k % width]))
    prepared, flags, last = address(parameters), address(there), NAMES + PREPARED
    across, sources, gates, inners = address(v), address(column), address(gate), address(inner)
    currents, by_rows, by_columns = address(current), address(slope_row), address(slope_column)
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, prepared, cells, flags, NAMES, last, at, shift, count)
        take_gates(work, gates, columns, by_row, at, shift, count)
        take(work, V, across, at, count)
        take(work, SOURCE, sources, at, count)
        take(work, INNER, inners, at, count)
        respond(work)
        by_column(work)
        give(work, CURRENT, ACTIVE, currents, at, count)
        give(work, SLOPE, ACTIVE, by_rows, at, count)
        give(work, OTHER_BY_SOURCE, ACTIVE, by_columns, at, count)
        give(work, INNER, ACTIVE, inners, at, count)
