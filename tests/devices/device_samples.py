"""Points at which any device is looked at, whatever its law: voltages, conductances, parameters."""

from __future__ import annotations

import math

import numpy as np

from circuitxbar.devices.device import Device

TEMPERATURES = (250.0, 400.0)  # K


def arguments(model: Device, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Random points of the valid range, one array for each argument of `model.current`.

    g = 0 is an open cell, so it starts above.
    """
    points = []
    for name, (low, high) in model.valid.items():
        if name == "g":
            points.append(logarithmic(max(low, 1e-12 * high), high, rng, count))
        else:
            points.append(rng.uniform(low, high, count))
    return points


def parameters(model: Device, rng: np.random.Generator) -> dict[str, float]:
    """A random value of every parameter that the current depends on, from its whole range."""
    return {name: within(model.parameters[name].range, rng) for name in model.law_parameters}


def within(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """A random value between `bounds`, over all sizes where both are above 0."""
    return float(logarithmic(*bounds, rng) if bounds[0] > 0 else rng.uniform(*bounds))


def logarithmic(low: float, high: float, rng: np.random.Generator, count: int | None = None):
    return np.exp(rng.uniform(math.log(low), math.log(high), count))
