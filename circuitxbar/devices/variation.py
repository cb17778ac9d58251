"""How devices differ from one another, from write to write and from read to read, and with time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.sections import RANDOM, UNIFORM
from circuitxbar.devices.state import evaluated
from circuitxbar.errors import ModelError

if TYPE_CHECKING:
    from circuitxbar.devices.device import Device


def varied(device: Device, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Array]:
    """Parameters of as many devices, those that are declared to differ: normal within the range."""
    from scipy.special import ndtr, ndtri

    drawn = {}
    for name, parameter in device.parameters.items():
        if parameter.device_sigma:
            centre, sigma = device.values[name], parameter.device_sigma
            low, high = ((bound - centre) / sigma for bound in parameter.range)
            below, above = ndtr(low), ndtr(high)
            deviate = ndtri(below + (above - below) * rng.random(shape))
            drawn[name] = np.clip(centre + sigma * deviate, *parameter.range)
    return drawn


def sampled(
    device: Device, section: str, named: Mapping[str, Any], rng: np.random.Generator | None
) -> Array:
    """One sample of the conductance by the law of `section`, S, never below 0."""
    law = device.law_of(section)
    try:
        shape = np.broadcast_shapes(*(np.shape(value) for value in named.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in named.items())
        raise ModelError(f"{device.where}: shapes do not broadcast: {shapes}.") from None
    drawn = {}
    for name in RANDOM:
        if name in law.mentioned:
            if rng is None:
                raise ModelError(f"{device.where}: [{section}] of '{device.name}' needs rng.")
            drawn[name] = rng.random(shape) if name == UNIFORM else rng.standard_normal(shape)
        elif name in law.names:
            drawn[name] = 0.0
    result = evaluated(device, section, {**named, **drawn})[0]
    if not np.isfinite(result).all():
        raise ModelError(f"{device.where}: [{section}] of '{device.name}' is not finite.")
    return np.maximum(result, 0.0)
