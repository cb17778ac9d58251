"""Frequencies -> the grids that ngspice knows: lin, dec and oct."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

_EXACT = 1e-12  # relative: by which sums and powers of ngspice and of numpy may differ
_EQUAL = 1e-9  # relative: of steps that may be those of a grid
# ngspice rounds the number of steps down: without a hair at the end the last could be missing.
_HAIR = 1e-13


def grids(frequencies: np.ndarray) -> Iterator[tuple[str, int]]:
    """The text of each grid, such as "dec 10 1.0 100.0", and how many frequencies it covers.

    All of `frequencies`, in their order; what is on one grid of ngspice's is one.
    """
    done = 0
    while done < len(frequencies):
        text, count = _first_grid(frequencies[done:])
        yield text, count
        done += count


def _first_grid(points: np.ndarray) -> tuple[str, int]:
    """The grid of as many of the first `points` as there is one for."""
    counts = {_evenly(points), _evenly(np.log(points))}
    for count in sorted(counts, reverse=True):
        text = _grid(points[:count])
        if text is not None:
            return text, count
    return f"lin 1 {float(points[0])!r} {float(points[0])!r}", 1


def _evenly(points: np.ndarray) -> int:
    """How many of the first `points` have equal steps."""
    steps = np.diff(points)
    other = np.abs(steps - steps[:1]) > _EQUAL * np.abs(steps[:1])
    return 1 + (int(other.argmax()) if other.any() else len(steps))


def _grid(points: np.ndarray) -> str | None:
    first, last, steps = float(points[0]), float(points[-1]), len(points) - 1
    if last <= first or steps < 2:  # of "lin 2" ngspice answers the first alone
        return None
    if np.allclose(points, np.linspace(first, last, steps + 1), rtol=_EXACT, atol=0.0):
        return f"lin {steps + 1} {first!r} {last!r}"
    for word, base in (("dec", 10.0), ("oct", 2.0)):
        each = round(steps / math.log(last / first, base))
        if each:
            powers = first * base ** (np.arange(steps + 1) / each)
            if np.allclose(points, powers, rtol=_EXACT, atol=0.0):
                return f"{word} {each} {first!r} {last * (1 + _HAIR)!r}"
    return None
