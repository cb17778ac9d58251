"""Least squares within ranges: values, standard errors, and what the data leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.errors import ModelError, SolverError

_MOST_STEPS = 1000
_TOLERANCE = 1e-12
_NEAR = 1e-3  # of a range: how near to its end a step beyond it means the end
_SINGULAR = 1e-8  # of the largest singular value
_LEAST_SHARE = 1e-3  # of a direction that the data do not see


@dataclass(frozen=True)
class Unknown:
    """A number to be found: where the search starts, and its inclusive range."""

    name: str
    start: float
    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        """Whether it is searched for by its logarithm: one of either sign cannot be."""
        return self.low > 0


@dataclass(frozen=True)
class Estimates:
    """What least squares found; one entry per unknown.

    covariance : NaN for those at an end of their range, infinite for those left open.
    limits : "", "low" or "high".  undetermined : which of them the data do not determine.
    residuals : law - measured, weighted.  freedom : points less what was fitted to them.
    """

    values: Array
    covariance: Array
    limits: tuple[str, ...]
    undetermined: tuple[bool, ...]
    residuals: Array
    freedom: int

    @property
    def scatter(self) -> float:
        """Standard deviation of the weighted residuals, per degree of freedom."""
        return float(np.sqrt(np.sum(self.residuals**2) / self.freedom))


# values of all unknowns -> residuals (points,) and their slopes (points, unknowns)
Residuals = Callable[[Array], tuple[Array, Array]]


def estimated(
    unknowns: Sequence[Unknown], residuals: Residuals, where: str, eliminated: int = 0
) -> Estimates:
    """The values at which the sum of squares of `residuals` is least, each within its range.

    eliminated : how many further unknowns `residuals` finds by itself.
    The errors are those of independent residuals that scatter alike.
    Raises ModelError where the start is outside the law, SolverError where no least is found.
    """
    values = np.array([unknown.start for unknown in unknowns])
    limits = [""] * len(unknowns)
    while True:
        free = [k for k, limit in enumerate(limits) if not limit]
        values = _least([unknowns[k] for k in free], free, values, residuals, where)
        r, slopes = residuals(values)
        beyond = _beyond([unknowns[k] for k in free], values[free], r, slopes[:, free])
        for k, limit in zip(free, beyond, strict=True):
            if limit:
                limits[k] = limit
                values[k] = unknowns[k].low if limit == "low" else unknowns[k].high
        if not any(beyond):
            break
    count = len(unknowns)
    covariance = np.full((count, count), np.nan)
    inner, open_, freedom = _covariance(
        values[free], [unknowns[k] for k in free], r, slopes[:, free], eliminated
    )
    covariance[np.ix_(free, free)] = inner
    undetermined = np.zeros(count, bool)
    undetermined[free] = open_
    return Estimates(values, covariance, tuple(limits), tuple(map(bool, undetermined)), r, freedom)


def _least(
    unknowns: Sequence[Unknown], free: list[int], values: Array, residuals: Residuals, where: str
) -> Array:
    """`values` with those that are free at their best."""
    from scipy.optimize import least_squares

    if not free:
        return values
    low = _inner_all(unknowns, [unknown.low for unknown in unknowns])
    high = _inner_all(unknowns, [unknown.high for unknown in unknowns])
    start = np.clip(_inner_all(unknowns, values[free]), low, high)

    known: dict[bytes, tuple[Array, Array]] = {}  # at the last x: both are asked for in turn

    def both(x: Array) -> tuple[Array, Array]:
        if x.tobytes() not in known:
            known.clear()
            known[x.tobytes()] = _both(x)
        r, slopes = known[x.tobytes()]
        return r / size, slopes / size

    def _both(x: Array) -> tuple[Array, Array]:
        trial = values.copy()
        trial[free] = _outer_all(unknowns, x)
        with np.errstate(all="ignore"):
            r, slopes = residuals(trial)
        return r, slopes[:, free] * _stretch(unknowns, trial[free])

    size = 1.0
    first, slopes = both(start)
    if not (np.isfinite(first).all() and np.isfinite(slopes).all()):
        raise ModelError(
            f"{where}: at the values where the search starts the law does not fit the data at all: "
            "it is not finite, or of the other sign. Start from others: cx.device(..., NAME=...)."
        )
    # The stopping rules of scipy hold for numbers near 1.
    size = float(np.sqrt(np.mean(first**2))) or 1.0
    with np.errstate(all="ignore"):
        found = least_squares(
            lambda x: both(x)[0],
            start,
            jac=lambda x: both(x)[1],  # pyright: ignore[reportArgumentType]
            bounds=(low, high),
            x_scale="jac",
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
            gtol=_TOLERANCE,
            max_nfev=_MOST_STEPS,
        )
    if not found.success:
        raise SolverError(
            f"{where}: no least sum of squares was found in {_MOST_STEPS} steps. Start nearer to "
            "it: cx.device(..., NAME=...), or fit fewer parameters."
        )
    result = values.copy()
    result[free] = np.clip(
        _outer_all(unknowns, found.x), [u.low for u in unknowns], [u.high for u in unknowns]
    )
    return result


def _beyond(unknowns: Sequence[Unknown], values: Array, r: Array, slopes: Array) -> list[str]:
    """For which unknowns the least is beyond an end of the range, near which they are."""
    if not unknowns:
        return []
    inner = _inner_all(unknowns, values)
    scaled, norms = _scaled(slopes * _stretch(unknowns, values))
    step = -np.linalg.pinv(scaled, rcond=_SINGULAR) @ r / norms
    told = []
    for unknown, x, by in zip(unknowns, inner, step, strict=True):
        low, high = _inner(unknown, unknown.low), _inner(unknown, unknown.high)
        near = _NEAR * (high - low)
        if by < 0 and x + by <= low and x - low < near:
            told.append("low")
        elif by > 0 and x + by >= high and high - x < near:
            told.append("high")
        else:
            told.append("")
    return told


def _covariance(
    values: Array, unknowns: Sequence[Unknown], r: Array, slopes: Array, eliminated: int
) -> tuple[Array, Array, int]:
    """Covariance of the values, which of them are open, degrees of freedom."""
    if not unknowns:
        return np.zeros((0, 0)), np.zeros(0), len(r) - eliminated
    stretch = _stretch(unknowns, values)
    scaled, norms = _scaled(slopes * stretch)
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
    seen = sizes > _SINGULAR * sizes[0]
    unseen = np.sqrt(np.sum(directions[~seen] ** 2, axis=0))
    freedom = len(r) - eliminated - int(seen.sum())
    # (J^T J)^-1 on what the data see
    inverse = (directions[seen].T / sizes[seen] ** 2) @ directions[seen]
    covariance = inverse * (np.sum(r**2) / freedom)
    covariance *= np.outer(stretch / norms, stretch / norms)
    # An error beyond the whole range says no more than the range does.
    width = np.array([u.high - u.low for u in unknowns])
    is_open = (unseen > _LEAST_SHARE) | (np.sqrt(np.diag(covariance)) > width)
    covariance[is_open, :] = covariance[:, is_open] = 0.0
    covariance[is_open, is_open] = np.inf
    return covariance, is_open.astype(float), freedom


def _scaled(slopes: Array) -> tuple[Array, Array]:
    """`slopes` with columns of length 1, those of nothing but 0 excepted, and the lengths."""
    norms = np.linalg.norm(slopes, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    return slopes / norms, norms


def _inner(unknown: Unknown, value: float) -> float:
    return float(np.log(value)) if unknown.logarithmic else value


def _inner_all(unknowns: Sequence[Unknown], values: Sequence[float] | Array) -> Array:
    return np.array([_inner(u, float(v)) for u, v in zip(unknowns, values, strict=True)])


def _outer_all(unknowns: Sequence[Unknown], x: Array) -> Array:
    return np.array(
        [np.exp(v) if u.logarithmic else v for u, v in zip(unknowns, x, strict=True)], float
    )


def _stretch(unknowns: Sequence[Unknown], values: Array) -> Array:
    """d value / d (what is searched for)."""
    return np.array(
        [v if u.logarithmic else 1.0 for u, v in zip(unknowns, values, strict=True)], float
    )
