"""Formulas that step a circuit in time: backward Euler, trapezoidal, Gear's second."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from circuitxbar.arguments import Array


@dataclass(frozen=True, eq=False)
class Point:
    """A solved point: time, unknowns, charges Q and their slopes d Q / dt.

    onward : the slopes that the next step takes.
    """

    time: float
    x: Array
    charge: Array
    slope: Array
    onward: Array


@dataclass(frozen=True, eq=False)
class Formula:
    """d Q / dt = alpha Q + history at the end of a step, and what its own error is.

    error : of the new unknowns, as a share of their distance to the polynomial through the
    points before; 0 where nothing can be said.
    """

    alpha: float
    history: Array
    error: float
    predicted: Array


def formula(method: str, points: list[Point], step: float) -> Formula:
    """The formula for a `step` behind `points`, the newest last; of first order where they are few.

    method : "trapezoidal" or "gear".  Points before a jump of a slope are none.
    The shares of error follow from the Taylor series of the formulas and of the polynomial:
    x''' h (h + h1) (h + h1 + h2) / 6 is what the latter misses, x''' h^3 / 12 the trapezoidal rule,
    x''' h (h + h1)^2 h / (6 (2 h + h1)) Gear's; with two points x'' h (h + h1) / 2 and x'' h^2 / 2.
    """
    last = points[-1]
    times = [p.time for p in points[-3:]]
    gaps = [after - before for before, after in pairwise(times)]
    h = step
    gaps.reverse()
    predicted = _extrapolated(points[-3:], last.time + h)
    if len(points) < 3:
        share = 0.0
        if gaps:
            own, missed = h * h / 2, h * (h + gaps[0]) / 2
            share = own / (own + missed)
        return Formula(1.0 / h, -last.charge / h, share, predicted)
    missed = h * (h + gaps[0]) * (h + gaps[0] + gaps[1]) / 6
    if method == "trapezoidal":
        own = h**3 / 12
        history = -2.0 / h * last.charge - last.onward
        return Formula(2.0 / h, history, own / (own + missed), predicted)
    ratio, before = h / gaps[0], points[-2].charge
    alpha = (1 + 2 * ratio) / (1 + ratio) / h
    history = (ratio * ratio / (1 + ratio) * before - (1 + ratio) * last.charge) / h
    own = h * h * (h + gaps[0]) ** 2 / (6 * (2 * h + gaps[0]))
    return Formula(alpha, history, own / (own + missed), predicted)


def _extrapolated(points: list[Point], time: float) -> Array:
    """The polynomial through the unknowns of `points` at `time`."""
    out = np.zeros_like(points[0].x)
    for one in points:
        weight = 1.0
        for other in points:
            if other is not one:
                weight *= (time - other.time) / (one.time - other.time)
        out += weight * one.x
    return out
