"""The current through a memory element and another element in series with it."""

from __future__ import annotations

import math

from circuitxbar.array.cells.elementary import limited, maximum, minimum
from circuitxbar.array.cells.rows import (
    ACROSS,
    ACTIVE,
    CURRENT,
    DRAIN,
    HIGH,
    INNER,
    LAST,
    LOW,
    MEMORY,
    MEMORY_SLOPE,
    OTHER,
    OTHER_SLOPE,
    SLOPE,
    SOURCE,
    STEP,
    THERE,
    V,
    memory,
    other,
)
from circuitxbar.array.cells.vectors import on_rows, part, select

CLOSE = 1e-8  # a step that changes both currents by less leaves an error of its square
LEAST = 2e-15  # of a voltage: a smaller step only fills in digits that it has no room for
STEPS = 200


@on_rows
def start(w):
    """Put INNER within the bounds that a current through both elements sets."""
    w[LOW] = minimum(w[V], w(0.0))
    w[HIGH] = maximum(w[V], w(0.0))
    w[INNER] = limited(w[INNER], w[LOW], w[HIGH])
    w[LAST] = math.inf


@on_rows
def step_inner(w):
    """A step of INNER towards where both elements carry one current; where more are needed.

    Newton's method, unless that leaves the bounds or is slower than halving them. STEP is left at
    what INNER then still lacks.
    """
    s, low, high = w[INNER], w[LOW], w[HIGH]
    across = w[V] - s
    w[ACROSS] = across
    w[DRAIN] = w[SOURCE] + s
    memory(w)
    other(w)
    excess = w[MEMORY] - w[OTHER]
    low, high = select(excess > 0.0, s, low), select(excess < 0.0, s, high)
    step = select(excess == 0.0, 0.0, excess / (w[MEMORY_SLOPE] + w[OTHER_SLOPE]))
    size, least = abs(step), LEAST * abs(s)
    newton = (low <= s + step) & (s + step <= high) & (size <= 0.5 * w[LAST])
    rough = (size > CLOSE * abs(s)) | (size > CLOSE * abs(across))
    rough |= w[OTHER_SLOPE] * size > CLOSE * abs(w[OTHER])
    rough |= w[MEMORY_SLOPE] * size > CLOSE * abs(w[MEMORY])
    wide = high - low > least
    again = ((rough & (size > least)) | (wide & ~newton)) & (w[THERE] != 0.0)
    again = again & (w[ACTIVE] != 0.0)
    move = select(newton, step, 0.5 * (low + high) - s)
    w[LOW], w[HIGH], w[STEP] = low, high, step
    w[LAST] = select(again, abs(move), math.inf)
    w[INNER] = select(again, s + move, s)
    return again


@on_rows
def finish(w):
    """CURRENT and SLOPE of the cell, with what INNER lacks."""
    there = w[THERE] != 0.0
    both = w[MEMORY_SLOPE] + w[OTHER_SLOPE]
    slope = w[MEMORY_SLOPE] * (w[OTHER_SLOPE] / both)
    w[CURRENT] = select(there, w[OTHER] + w[OTHER_SLOPE] * w[STEP], 0.0)
    w[SLOPE] = select(there & (both != 0.0), slope, 0.0)
    w[INNER] = select(there, w[INNER] + w[STEP], 0.0)


@part
def respond(work):
    """CURRENT and SLOPE of the cell at V; the search begins at INNER, which it puts right."""
    start(work)
    for _ in range(STEPS):
        if step_inner(work) == 0:
            break
    finish(work)
