"""Devices whose laws the tests of fitting draw data from, and how data are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import circuitxbar as cx
from circuitxbar.devices.device import Device
from circuitxbar.devices.fitting.measurements import Ramps, Sweep

# Steps as in NeuroSim: towards an end, in proportion to the distance from a point behind it.
UPDATES = """
name = "updates"
title = "Steps that shrink towards the ends"
source = "made up"
terminals = ["p", "n"]

[parameters.up_pulses]
unit = "1"
default = 30.0
range = [1.0, 1e4]
meaning = "pulses for most of the way up"

[parameters.up_reach]
unit = "S"
default = 1.5e-4
range = [1e-6, 1e-2]
meaning = "where steps up would end, above the low end"

[parameters.down_pulses]
unit = "1"
default = 40.0
range = [1.0, 1e4]
meaning = "pulses for most of the way down"

[parameters.unused]
unit = "1"
default = 1.0
range = [0.0, 2.0]
meaning = "of no effect"

[define]
spare = "0 * unused"

[current]
law = "g * v * (1 + spare)"
valid = { v = [-1.0, 1.0], g = [0.0, 1e-3] }

[pulse]
up = "(up_reach + 1e-4 - g) * (1 - exp(-1 / up_pulses))"
down = "-(g - 5e-5) * (1 - exp(-1 / down_pulses))"
up_voltage = [0.8, 2.0]
down_voltage = [-2.0, -0.8]
width = [1e-9, 1e-3]
"""
NAMES = ("up_pulses", "up_reach", "down_pulses")
VARYING = "cycle_sigma = 0.1\ndevice_sigma = 0.05\n"

# The same with a state, of which the conductance is a law.
WITH_STATE = """
name = "with_state"
title = "A state that pulses move"
source = "made up"
terminals = ["p", "n"]

[parameters.rate]
unit = "1"
default = 0.05
range = [1e-4, 1.0]
meaning = "share of the way that one pulse at 1 V for 1 us goes"

[parameters.g_on]
unit = "S"
default = 1e-4
range = [1e-6, 1e-3]
meaning = "conductance at w = 1"

[state.w]
unit = "1"
range = [0.0, 1.0]
initial = 0.5
meaning = "how far it is on"

[conductance]
law = "g_on * w ** 2"

[current]
law = "g * v"
valid = { v = [-1.0, 1.0], g = [0.0, 1e-3] }

[pulse]
up = "rate * v * width / 1e-6 * (1 - w)"
down = "rate * v * width / 1e-6 * w"
up_voltage = [0.5, 2.0]
down_voltage = [-2.0, -0.5]
width = [1e-9, 1e-3]
cycle_sigma = 0.1
"""


def written(folder: Path, text: str, pulse: str = "") -> str:
    """The path of a device file with `text`, with lines of its own in [pulse]."""
    path = folder / "mine.toml"
    path.write_text(text + pulse, encoding="utf-8")
    return str(path)


def ramps(
    device: Device,
    start: float,
    voltage: float,
    pulses: int,
    count: int,
    rng: np.random.Generator,
    read_sigma: float = 0.0,
    read: Callable[..., np.ndarray] = np.asarray,
) -> Ramps:
    """What `count` devices, alike but for their step_scale, show after each of `pulses` pulses."""
    memory, seen = np.full(count, start), []
    own = device.vary(count, rng)
    for _ in range(pulses + 1):
        seen.append(read(memory))
        memory = device.pulse(memory, voltage, 1e-6, rng, **own)
    noise = read_sigma * rng.standard_normal((pulses + 1, count))
    return Ramps(np.array(seen) + noise, voltage, 1e-6)


def sinh(rng: np.random.Generator) -> tuple[Device, Sweep]:
    true = cx.device("sinh", v0=float(rng.uniform(0.1, 1.0)))
    v, g = np.linspace(-1, 1, 41), np.array([1e-5, 1e-4])
    current = true.current(v[:, None], g)
    return true, Sweep(v, current + 1e-7 * rng.standard_normal(current.shape), g)


def cubic_of_unknown_conductance(rng: np.random.Generator) -> tuple[Device, Sweep]:
    true = cx.device("cubic", b=float(rng.uniform(0.2, 3.0)))
    v = np.linspace(-2, 2, 41)
    current = true.current(v[:, None], np.array([1e-5, 4e-5]))
    return true, Sweep(v, current + 3e-7 * rng.standard_normal(current.shape))


def diode_over_decades(rng: np.random.Generator) -> tuple[Device, Sweep]:
    true = cx.device(
        "diode",
        saturation_current=float(10 ** rng.uniform(-17, -8)),
        ideality=float(rng.uniform(1.0, 2.5)),
    )
    v = np.linspace(0.1, 0.7, 41)
    noise = np.exp(0.03 * rng.standard_normal(v.shape))
    return true, Sweep(v, true.current(v) * noise, sigma="relative")


def diode_with_given_errors(rng: np.random.Generator) -> tuple[Device, Sweep]:
    true = cx.device("diode", saturation_current=float(10 ** rng.uniform(-14.5, -13.5)))
    v = np.linspace(0.1, 0.7, 41)
    sigma = 0.02 * true.current(v)
    return true, Sweep(v, true.current(v) + sigma * rng.standard_normal(v.shape), sigma=sigma)


def transistor(rng: np.random.Generator) -> tuple[Device, Sweep]:
    true = cx.device(
        "ekv_transistor",
        threshold=float(rng.uniform(0.2, 1.0)),
        transconductance=float(10 ** rng.uniform(-5, -3)),
        slope_factor=float(rng.uniform(1.1, 1.9)),
    )
    v_g, v_d = np.linspace(0, 2, 31), np.array([[0.1, 0.5, 1.5]])
    current = true.current(v_d, v_g[:, None], 0.0)
    noise = np.exp(0.03 * rng.standard_normal(current.shape))
    return true, Sweep({"v_d": v_d, "v_g": v_g, "v_s": 0.0}, current * noise, sigma="relative")
