"""The laws of device_models/ against the formulas of reference.laws, typed from their sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference.laws import LAWS

import circuitxbar as cx
from circuitxbar.devices.library import device_names

POINTS = 4000
AGREEMENT = 1e-12  # of the current and of the voltages


def drawn(device: cx.Device, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Voltages over the valid range, both signs and all sizes; all else within its range."""
    rng = np.random.default_rng([seed, len(device.name)])
    voltages = {}
    for name in device.variables:
        low, high = device.valid[name]
        high = min(high, 5.0)
        anywhere = rng.uniform(max(low, -high), high, POINTS)
        small = rng.choice([-1.0, 1.0], POINTS) * high * 10.0 ** rng.uniform(-12, 0, POINTS)
        voltages[name] = np.where(rng.uniform(size=POINTS) < 0.5, anywhere, np.maximum(small, low))
    others: dict[str, Any] = {"temperature": rng.uniform(250, 400, POINTS)}
    low, high = device.valid.get("g", (1.0, 1.0))
    others["g"] = np.clip(10.0 ** rng.uniform(-9, np.log10(high), POINTS), low, high)
    for name, parameter in device.parameters.items():
        value, (low, high) = device.values[name], parameter.range
        others[name] = np.clip(value * rng.uniform(0.5, 2.0, POINTS), low, high)
        if name in device.states or value == 0:
            others[name] = rng.uniform(low, high, POINTS)
    return voltages, others


def rounding(device: cx.Device, voltages: dict[str, Any], others: dict[str, Any]) -> np.ndarray:
    """The change of the current as every voltage changes by 1e-12 of itself.

    Those of three terminals, of which only differences count, change by 1e-12 V.
    """
    law, change = LAWS[device.name], np.zeros(POINTS, dtype=np.longdouble)
    for name, voltage in voltages.items():
        step = AGREEMENT * (voltage if len(voltages) == 1 else 1.0)
        moved = {**voltages, name: voltage + step}
        change += np.abs(law(**moved, **others) - law(**voltages, **others))
    return change


@pytest.mark.parametrize("name", device_names())
def test_every_device_has_a_formula_of_its_own(name: str):
    assert name in LAWS, f"type the law of device_models/{name}.toml into tests/reference/laws.py"


def test_every_formula_has_a_device():
    assert set(LAWS) <= set(device_names())


@pytest.mark.parametrize("name", [name for name in device_names() if name in LAWS])
@pytest.mark.parametrize("seed", range(3))
def test_the_current_of_the_file_is_that_of_the_formula(name: str, seed: int):
    device = cx.device(name)
    voltages, others = drawn(device, seed)
    arguments = [{**voltages, **others}[key] for key in device.valid]
    parameters = {key: others[key] for key in ("temperature", *device.parameters)}
    got = device.current(*arguments, **parameters)
    voltages = {key: value.astype(np.longdouble) for key, value in voltages.items()}
    others = {key: value.astype(np.longdouble) for key, value in others.items()}
    expected = LAWS[name](**voltages, **others)
    allowed = AGREEMENT * np.abs(expected) + rounding(device, voltages, others)
    worst = np.argmax(np.abs(got - expected) - allowed)
    point = {key: float(value[worst]) for key, value in {**voltages, **others}.items()}
    assert (np.abs(got - expected) <= allowed).all(), (got[worst], expected[worst], point)
    assert (expected < 0).any()
    assert (expected > 0).any()
