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
    """A random value of every parameter, from its whole range."""
    return {
        name: float(
            logarithmic(*parameter.range, rng)
            if parameter.range[0] > 0
            else rng.uniform(*parameter.range)
        )
        for name, parameter in model.parameters.items()
    }


def logarithmic(low: float, high: float, rng: np.random.Generator, count: int | None = None):
    return np.exp(rng.uniform(math.log(low), math.log(high), count))
