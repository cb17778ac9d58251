"""Many small stiff systems of differential equations at once, each with steps of its own.

Linearly implicit Euler steps, extrapolated (P. Deuflhard, SIAM Review 27, 1985, 505-535), of
order 4. Rates have kinks and jumps, as where a ramp crosses a threshold, and states run into
bounds. Extrapolation can be blind to that, as it gives the rates at the ends of a step no weight:
every step is done in two ways, checked by a quadrature in which they count, and not believed where
the changes differ much in the parts at its ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from circuitxbar.arguments import Array

_PARTS = (1, 2, 3, 4)  # into how many a step is cut, column by column of the table
MOST_STEPS = 500
_SHORTEST = 1e-18  # of the duration: steps begin there where rates are some decades too fast
_SAFETY, _LEAST, _MOST = 0.8, 0.1, 5.0  # of a step, and of the change from step to step
_QUADRATURE = 0.01  # weight of a check that is of a lower order than the steps
_GROWTH = 0.5  # least determinant: below it, states grow so fast that an implicit step goes astray
_STEEP = 8.0  # the ratio of two changes one after the other that is not believed


class Rates(Protocol):
    """Of the n `places`, each at a time of its own."""

    def __call__(
        self, time: Array, places: np.ndarray, x: Array, with_slopes: bool = True
    ) -> tuple[Array, Array]:
        """The rates (states, n) at `time` (n,) and states `x` (states, n), and their slopes.

        These are (states, states, n), rate by state; without `with_slopes` nobody reads them.
        """
        ...


class UnendingError(Exception):
    """The steps of one `place` became too many, or too short, at `time` (s)."""

    def __init__(self, place: int, time: float):
        super().__init__(place, time)
        self.place, self.time = place, time


def integrated(
    rates: Rates,
    x: Array,
    duration: Array,
    low: Array,
    high: Array,
    tolerance: float,
    most_steps: int,
) -> Array:
    """`x` (states, places) after `duration` (places,), each within `low` and `high`, (states, 1).

    A state that runs into a bound stays there until its rate leads back.
    tolerance : of every step, relative to high - low.
    Raises UnendingError after `most_steps`, and where steps become too short: rates that are not
    finite, or that change without end.
    """
    x = np.clip(np.array(x, dtype=float), low, high)
    time, places = np.zeros(x.shape[1]), np.flatnonzero(duration > 0)
    bounds = _Bounds(low, high, tolerance * (high - low))
    step = duration[places]
    for _ in range(most_steps):
        if not len(places):
            return x
        here, now = x[:, places], time[places]
        left = duration[places] - now
        last = step >= left
        length = np.where(last, left, step)
        new, error = _checked_step(rates, bounds, now, places, here, length)
        error = (error / bounds.allowed).max(axis=0)
        error = np.where(np.isfinite(error), error, np.inf)
        taken = error <= 1
        x[:, places[taken]] = new[:, taken]
        time[places[taken]] += length[taken]
        with np.errstate(divide="ignore"):
            change = np.clip(_SAFETY * error ** (-1 / (len(_PARTS) + 1)), _LEAST, _MOST)
        step = length * change
        if (step < _SHORTEST * duration[places]).any():
            break
        going = ~(taken & last)
        places, step = places[going], step[going]
    if not len(places):
        return x
    slowest = places[np.argmin(time[places] / duration[places])]
    raise UnendingError(int(slowest), float(time[slowest]))


@dataclass(frozen=True, eq=False)
class _Bounds:
    """Of the states, (states, 1); `allowed` is what a step may be wrong by."""

    low: Array
    high: Array
    allowed: Array

    def clipped(self, x: Array) -> Array:
        return np.clip(x, self.low, self.high)

    def beyond(self, x: Array, rate: Array) -> np.ndarray:
        """Whether a state is at a bound, beyond which its rate would carry it."""
        return ((x <= self.low) & (rate < 0)) | ((x >= self.high) & (rate > 0))


@dataclass(frozen=True, eq=False)
class _Step:
    """The states after one step, `reached` without bounds and `end` within them; by what they may
    be wrong; which of them a bound held from the beginning; the rates at the beginning and at the
    end; the slopes at the beginning.
    """

    reached: Array
    end: Array
    doubt: Array
    resting: np.ndarray
    first: Array
    last: Array
    slopes: Array


def _checked_step(
    rates: Rates, bounds: _Bounds, now: Array, places: np.ndarray, x: Array, length: Array
) -> tuple[Array, Array]:
    """The states after two steps of `length` together, and by what they may be wrong."""
    half = 0.5 * length
    once = _step(rates, bounds, now, places, x, length)
    one = _step(rates, bounds, now, places, x, half)
    two = _step(rates, bounds, now + half, places, one.end, half)
    return two.end, np.abs(once.end - two.end) + once.doubt + one.doubt + two.doubt + _missed(
        bounds, x, length, once, (once.first, one.last, two.last)
    )


def _missed(
    bounds: _Bounds, x: Array, length: Array, step: _Step, sampled: tuple[Array, Array, Array]
) -> Array:
    """What a quadrature, in which the ends of a step count, finds: jumps of the rates near them.

    sampled : the rates at the beginning, in the middle, and at the end.
    """
    first, middle, last = sampled
    change = length * (first + 4 * middle + last) / 6
    matrix = np.eye(len(x))[:, :, None] - length * step.slopes
    missed = np.abs(_solved(matrix, x + change - step.reached))
    missed = np.where(step.resting, 0.0, missed)
    # Far beyond a bound it may be wrong by far more than the range.
    either_way = bounds.clipped(step.reached + missed) - bounds.clipped(step.reached - missed)
    return np.where(step.end == step.reached, _QUADRATURE * missed, either_way)


def _step(
    rates: Rates, bounds: _Bounds, now: Array, places: np.ndarray, x: Array, length: Array
) -> _Step:
    """One extrapolated step. Rates beyond a bound are those at it, so that states may cross it."""
    start, slopes = rates(now, places, x)
    resting = bounds.beyond(x, start)
    slopes = np.where(resting[:, None] | resting[None, :], 0.0, slopes)

    def moving(time: Array, y: Array) -> Array:
        rate = rates(time, places, bounds.clipped(y), False)[0]
        return np.where(resting, 0.0, rate)

    first = np.where(resting, 0.0, start)
    lines = [_path(moving, slopes, now, x, length / count, count) for count in _PARTS]
    table: list[Any] = []
    for count, (path, _) in zip(_PARTS, lines, strict=True):
        row = [path[-1]]
        for k, earlier in enumerate(table, start=1):
            row.append(row[-1] + (row[-1] - earlier) / (count / _PARTS[len(table) - k] - 1))
        table = row
    reached, apart = table[-1], np.abs(table[-1] - table[-2])
    end = bounds.clipped(reached)
    last = rates(now + length, places, end, False)[0]
    path, seen = lines[-1]
    doubt = _hidden(length / _PARTS[-1], path, [first, *seen])
    either_way = bounds.clipped(reached + apart) - bounds.clipped(reached - apart)
    doubt = doubt + np.where(end == reached, 0.0, either_way)
    # A state that rested, or has run into a bound, may have left it on the way.
    back = np.where(bounds.beyond(end, last), 0.0, np.abs(last))
    doubt = doubt + np.where(resting | (end != reached), length * back, 0.0)
    astray = _determinant(np.eye(len(x))[:, :, None] - length * slopes) < _GROWTH
    doubt = np.where(astray, np.inf, doubt)
    return _Step(reached, end, doubt, resting, first, last, slopes)


def _path(
    moving: Callable[[Array, Array], Array],
    slopes: Array,
    now: Array,
    x: Array,
    part: Array,
    count: int,
) -> tuple[list[Array], list[Array]]:
    """The states before, between and after `count` implicit steps, and the rates of each."""
    matrix = np.eye(len(x))[:, :, None] - part * slopes
    path, seen = [x], []
    for k in range(count):
        seen.append(moving(now + (k + 1) * part, path[-1]))
        path.append(path[-1] + _solved(matrix, part * seen[-1]))
    return path, seen


def _hidden(part: Array, path: list[Array], rates: list[Array]) -> Array:
    """Changes in the first and last parts of a step, which extrapolation may give no weight."""
    changes, sizes = np.diff(path, axis=0), part * np.array(rates)

    def steep(one: Array, *others: Array) -> Array:
        """Stiff states agree with the next rate while they settle, then with the next change."""

        def far(other: Array) -> Array:
            a, b = np.abs(one), np.abs(other)
            return np.maximum(a, b) - np.where(one * other > 0, _STEEP * np.minimum(a, b), 0.0)

        return np.minimum(*map(far, others))

    first = np.maximum(
        steep(sizes[0], sizes[1], changes[0]), steep(changes[0], sizes[2], changes[1])
    )
    return np.maximum(0.0, np.maximum(first, steep(changes[-2], sizes[-1], changes[-1])))


def _solved(matrix: Array, right: Array) -> Any:
    """The solutions of (states, states, n) systems."""
    if len(right) == 1:
        return right / matrix[0]
    return np.linalg.solve(matrix.transpose(2, 0, 1), right.T[:, :, None])[:, :, 0].T


def _determinant(matrix: Array) -> Any:
    return matrix[0, 0] if len(matrix) == 1 else np.linalg.det(matrix.transpose(2, 0, 1))
