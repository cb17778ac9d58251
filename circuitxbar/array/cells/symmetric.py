"""Linearise cells whose current depends on row minus column voltage alone: 1R and 1S1R."""

from __future__ import annotations

import math

from circuitxbar.array.cells.rows import (
    ACTIVE,
    AWAY,
    CURRENT,
    FAR,
    FORETOLD,
    INNER,
    NAMES,
    NEAR,
    OLD_CURRENT,
    OLD_SLOPE,
    PLACE,
    PREPARED,
    SERIES,
    SLOPE,
    TARGET,
    THERE,
    V,
    shift_of,
    take_cells,
    workspace,
)
from circuitxbar.array.cells.series import respond
from circuitxbar.array.cells.vectors import (
    LANES,
    address,
    compiled,
    give,
    on_rows,
    part,
    put_number,
    select,
    take,
)

RUNAWAY = 2.0  # a current that moved this many times what its slope foretold
NOISE = 1e-6  # a current that moved less than this part of itself does not run away
HALVINGS = 60


def foretold(w):
    """|change of the current| at V that the slope foretold."""
    return abs((w[OLD_CURRENT] + w[OLD_SLOPE] * (w[V] - w[PLACE])) - w[OLD_CURRENT])


def away(w):
    """Where the current at V runs away, and a vector is active."""
    told, moved = foretold(w), abs(w[CURRENT] - w[OLD_CURRENT])
    # Also where the current is not a number; but not where nothing else is one either.
    found = ~(moved <= RUNAWAY * told) & ~(moved <= NOISE * abs(w[OLD_CURRENT]))
    return found & (told > 0.0) & (told < math.inf) & (w[THERE] != 0.0) & (w[ACTIVE] != 0.0)


@on_rows
def runs_away(w):
    """Where a current runs away."""
    return away(w)


@on_rows
def mark(w):
    """Make ready to follow the currents that run away."""
    w[TARGET], w[FORETOLD] = w[V], foretold(w)
    w[NEAR], w[FAR] = select(away(w), 0.0, 1.0), 1.0
    w[AWAY] = 1.0 - w[NEAR]


def between(w, part_of_way):
    """The voltage at this part of the way; at the end of it TARGET itself."""
    start, end = w[PLACE], w[TARGET]
    return select(part_of_way == 1.0, end, start + part_of_way * (end - start))


@on_rows
def go_half(w):
    """V to half of the way that is left."""
    w[V] = between(w, 0.5 * (w[NEAR] + w[FAR]))


@on_rows
def go_near(w):
    """V as far as no current runs away."""
    w[V] = between(w, w[NEAR])


@on_rows
def judge(w):
    """Halve the way that is left; where it must be halved again."""
    middle = 0.5 * (w[NEAR] + w[FAR])
    moved = abs(w[CURRENT] - w[OLD_CURRENT])
    beyond = ~(moved <= RUNAWAY * w[FORETOLD])
    w[NEAR] = select(beyond, w[NEAR], middle)
    w[FAR] = select(beyond, middle, w[FAR])
    return (beyond | (moved < w[FORETOLD])) & (w[AWAY] != 0.0)


@on_rows
def is_short(w):
    """Where V did not get to TARGET."""
    return (w[AWAY] != 0.0) & (w[V] != w[TARGET])


@part
def follow(work):
    """Put V where the currents that run away have moved one to two times what was foretold."""
    mark(work)
    for _ in range(HALVINGS):
        go_half(work)
        respond(work)
        if judge(work) == 0:
            break
    go_near(work)
    respond(work)


@compiled
def evaluate(v, parameters, there, active, place, current, slope, inner, together):
    """Linearise the cells of the active vectors at v, or less far where a current runs away."""
    cells, width = v.shape
    shift = shift_of(width)
    work = workspace()
    for k in range(LANES):
        put_number(work, LANES * ACTIVE + k, float(active[k % width]))
    for k in range(width):
        together[k] = 1
    prepared, numbers, places = address(parameters), address(v), address(place)
    currents, slopes_there, inners = address(current), address(slope), address(inner)
    flags, last = address(there), NAMES + PREPARED
    for at in range(0, cells * width, LANES):
        count = min(LANES, cells * width - at)
        take_cells(work, prepared, cells, flags, NAMES, last, at, shift, count)
        take(work, V, numbers, at, count)
        take(work, PLACE, places, at, count)
        take(work, OLD_CURRENT, currents, at, count)
        take(work, OLD_SLOPE, slopes_there, at, count)
        if SERIES:
            take(work, INNER, inners, at, count)
        respond(work)
        if runs_away(work) != 0:
            follow(work)
            short = is_short(work)
            for k in range(count):
                if (short >> k) & 1:
                    together[k % width] = 0
        give(work, V, ACTIVE, places, at, count)
        give(work, CURRENT, ACTIVE, currents, at, count)
        give(work, SLOPE, ACTIVE, slopes_there, at, count)
        if SERIES:
            give(work, INNER, ACTIVE, inners, at, count)
