"""The scatter of measured steps about a law, told apart: reads, pulses, devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array

_SURE = 2.0  # standard errors beyond which the noise of reads is taken to be there


@dataclass(frozen=True)
class StepScatter:
    """Standard deviations; each None where the data do not tell it.

    cycle : of a step from pulse to pulse, relative to the step.
    device : of the steps from device to device, relative to the steps.
    ramp : the same from ramp to ramp of one device.
    read : of one read, in the unit of the state or of g. It moves neighbouring steps in opposite
        directions, which tells it from the others unless the law does not fit.
    """

    cycle: float | None
    device: float | None
    ramp: float | None
    read: float | None


def step_scatter(
    law: Array, residuals: Array, ramps: np.ndarray, pulses: np.ndarray, one_device: Array
) -> StepScatter:
    """How much of `residuals`, measured - law, comes from where; by moments, each at least 0.

    law : the steps of the law.  ramps, pulses : which ramp and which pulse of it each step is.
    one_device : of each step, whether all ramps of its data set are of one device.
    """
    order = np.lexsort((pulses, ramps))
    law, residuals = law[order], residuals[order]
    ramps, pulses, one_device = ramps[order], pulses[order], one_device[order]
    starts = np.flatnonzero(np.diff(ramps, prepend=-1))
    each = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(ramps)], strict=True)]
    scales = np.array([_scale(law[k], residuals[k]) for k in each])
    left = np.concatenate([residuals[k] - m * law[k] for k, m in zip(each, scales, strict=True)])
    next_to = (np.diff(ramps) == 0) & (np.diff(pulses) == 1)
    products = (left[1:] * left[:-1])[next_to]
    read, doubt = 0.0, np.inf
    if len(products) > 1:
        read, doubt = -float(products.mean()), float(products.std()) / np.sqrt(len(products))
    seen = read > _SURE * doubt
    read = read if seen else 0.0
    # What the scale of each ramp took away counts as one step less.
    spared = len(law) / max(len(law) - len(each), 1)
    power = float(np.sum(law**2))
    cycle = max(0.0, float(np.sum(left**2)) * spared - 2 * read * len(law)) / power if power else 0
    noise = np.array([_noise(law[k], cycle, read) for k in each])
    alone = np.array([bool(one_device[k.start]) for k in each])
    return StepScatter(
        cycle=float(np.sqrt(cycle)) if power else None,
        device=_spread(scales[~alone], noise[~alone]),
        ramp=_spread(scales[alone], noise[alone]),
        read=float(np.sqrt(read)) if seen else None,
    )


def _scale(law: Array, residuals: Array) -> float:
    power = float(np.sum(law**2))
    return float(np.sum(law * residuals)) / power if power else 0.0


def _noise(law: Array, cycle: float, read: float) -> float:
    """Variance of the scale of one ramp that pulses and reads alone would give."""
    power = float(np.sum(law**2))
    if not power:
        return 0.0
    reads = np.diff(law, prepend=0.0, append=0.0)
    return float(cycle * np.sum(law**4) + read * np.sum(reads**2)) / power**2


def _spread(scales: Array, noise: Array) -> float | None:
    if len(scales) < 2:
        return None
    return float(np.sqrt(max(0.0, float(scales.var(ddof=1) - noise.mean()))))


@dataclass(frozen=True)
class Bin:
    """Steps from similar states: their range, means, and the standard error of the difference."""

    direction: str
    low: float
    high: float
    measured: float
    law: float
    error: float


def binned(memory: Array, up: Array, law: Array, measured: Array, bins: int = 6) -> Sequence[Bin]:
    """The mean steps of the law and of the data, by direction and state, in bins of equal width."""
    told = []
    for direction, chosen in (("up", up > 0), ("down", up == 0)):
        if not chosen.any():
            continue
        edges = np.linspace(memory[chosen].min(), memory[chosen].max(), bins + 1)
        place = np.clip(np.searchsorted(edges, memory, side="right") - 1, 0, bins - 1)
        for k in range(bins):
            mask = chosen & (place == k)
            if mask.sum() < 3:
                continue
            apart = measured[mask] - law[mask]
            told.append(
                Bin(
                    direction,
                    float(edges[k]),
                    float(edges[k + 1]),
                    float(measured[mask].mean()),
                    float(law[mask].mean()),
                    float(apart.std(ddof=1) / np.sqrt(mask.sum())),
                )
            )
    return told
