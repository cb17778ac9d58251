"""Where to linearise elements: at their voltages, or where a current runs away less far.

A current runs away that moves more than twice what its slope foretold. What the array around the
element fixes is its current then, not the voltage: it goes where the current has moved one to two
times what was foretold.
"""

from __future__ import annotations

import math

from circuitxbar.array.cells.elementary import LOG2, mantissa_and_exponent, minimum
from circuitxbar.array.cells.rows import (
    ACROSS,
    BEFORE,
    DRAIN,
    ELEMENTS,
    FOLLOWING,
    GATED,
    INNER,
    MEMORY_LAW,
    OTHER_LAW,
    SERIES,
    SHORT,
    SOURCE,
    THERE,
    WANTED,
)
from circuitxbar.array.cells.vectors import on_rows, part, run, select

RUNAWAY = 2.0  # a current that moved this many times what its slope foretold
NOISE = 1e-6  # a current that moved less than this part of itself does not run away
AIM = 1.8  # what an exponential that seems to be one is to move
FURTHER = 1.125  # times the way there, where that was short
MOST_TRIALS = 60


class Followed:
    """The rows of an element of two terminals: as it is, as it was, and to follow its current."""

    def __init__(self, first, number):
        self.voltage, self.current = first, first + 1
        was = first + (BEFORE - ELEMENTS)
        self.place, self.old_current, self.old_slope = was, was + 1, was + 2
        work = FOLLOWING + 6 * number
        self.target, self.foretold = work, work + 1  # V, and |change of the current|, A
        self.away = work + 2  # 1 where the current runs away
        self.near, self.way, self.far = work + 3, work + 4, work + 5  # parts of the way there

    def moved(self, w):
        """|change of the current|."""
        return abs(w[self.current] - w[self.old_current])

    def told(self, w):
        """|change of the current| that the slope foretold."""
        return abs(w[self.old_slope] * (w[self.voltage] - w[self.place]))


def followed():
    """The elements whose currents are followed."""
    elements = [Followed(ACROSS, 0)]
    if SERIES and not GATED:
        elements.append(Followed(INNER, 1))
    return elements


@part
def carry_followed(law, work):
    """The currents and slopes of the elements whose currents are followed."""
    run(law, MEMORY_LAW, work)
    if SERIES and not GATED:
        run(law, OTHER_LAW, work)


def away(w, element):
    """Where the current of an element runs away."""
    told, moved = element.told(w), element.moved(w)
    # Also where the current is not a number; but not where nothing else is one either.
    found = ~(moved <= RUNAWAY * told) & ~(moved <= NOISE * abs(w[element.old_current]))
    return found & (told > 0.0) & (told < math.inf) & (w[THERE] != 0.0) & (w[WANTED] != 0.0)


@on_rows
def place_drain(w):
    """The drain of a transistor from its source and the voltage between them."""
    w[DRAIN] = w[SOURCE] + w[INNER]


@on_rows
def runs_away(w):
    """Where a current runs away."""
    first, *others = (away(w, element) for element in followed())
    for found in others:
        first = first | found
    return first


@part
def carry(law, work):
    """The currents and slopes of all elements; whether one runs away."""
    run(law, MEMORY_LAW, work)
    if GATED:
        place_drain(work)
    if SERIES:
        run(law, OTHER_LAW, work)
    return runs_away(work)


def put(w, element):
    """The voltage at its part of the way; at the end of it the target itself."""
    start, end, way = w[element.place], w[element.target], w[element.way]
    w[element.voltage] = select(way == 1.0, end, start + way * (end - start))


def rough_log(x):
    """log(x) within 0.01, for a normal x > 0."""
    m, k = mantissa_and_exponent(x)
    f = m - 1.0
    return k * LOG2 + f * (1.0 - f * (0.5 - f * (1.0 / 3.0)))


@on_rows
def set_out(w):
    """Go a part of the way: right for an exponential that has moved so much at the end of it.

    One that begins at slope 1 and has moved m where the way ends: (exp(k) - 1) / k = m.
    """
    for element in followed():
        runs, told, moved = away(w, element), element.told(w), element.moved(w)
        w[element.target], w[element.foretold] = w[element.voltage], told
        times = moved / told
        rate = rough_log(1.0 + times * (1.0 + rough_log(times)))
        way = select(times < 1e300, rough_log(1.0 + AIM * rate) / rate, 0.5)
        w[element.away] = select(runs, 1.0, 0.0)
        w[element.near], w[element.far] = select(runs, 0.0, 1.0), 1.0
        w[element.way] = select(runs, way, 1.0)
        put(w, element)


@on_rows
def go_on(w):
    """Where an element is not there yet: a little further, or halve the way that is left."""
    found = w[THERE] != w[THERE]
    for element in followed():
        moved, told, way = element.moved(w), w[element.foretold], w[element.way]
        beyond = ~(moved <= RUNAWAY * told)
        again = (beyond | (moved < told)) & (w[element.away] != 0.0)
        near, far = select(beyond, w[element.near], way), select(beyond, way, w[element.far])
        w[element.near], w[element.far] = near, far
        half = 0.5 * (near + far)
        w[element.way] = select(again, select(beyond, half, minimum(half, FURTHER * way)), way)
        put(w, element)
        found = found | again
    return found


@on_rows
def mark_short(w):
    """Note where an element did not get to its target."""
    for element in followed():
        missed = (w[element.away] != 0.0) & (w[element.voltage] != w[element.target])
        w[SHORT] = select(missed, 1.0, w[SHORT])


@part
def follow(law, work):
    """Put elements whose currents run away where these moved one to two times what was foretold."""
    set_out(work)
    carry_followed(law, work)
    for _ in range(MOST_TRIALS):
        if go_on(work) == 0:
            break
        carry_followed(law, work)
    mark_short(work)
