"""What devices remember, for every file in device_models by its mere presence.

The statistics are compared with moments of the laws that are worked out here, from the text of the
file and without the library. Each bound is one that right code passes but for a chance of about
FALSE_ALARM; the seeds are fixed, so that it passes always or never.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from devices.device_samples import TEMPERATURES, within
from scipy import stats
from scipy.special import ndtri

from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.device import Device
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel
from circuitxbar.devices.library import device, device_names
from circuitxbar.devices.pulses import JumpTable, Pulse
from circuitxbar.errors import ModelError

FALSE_ALARM = 1e-6
WIDE = float(-ndtri(FALSE_ALARM / 2))  # 4.9 standard deviations
MANY = 40_000  # samples of a distribution
DEVIATES = ndtri((np.arange(100_000) + 0.5) / 100_000)  # of a normal distribution, evenly

DEVICES = {name: device(name) for name in device_names()}
PULSED = [name for name, d in DEVICES.items() if d.pulses is not None]
RATED = [name for name, d in DEVICES.items() if d.has_rates]
VARIED = [n for n, d in DEVICES.items() if any(p.device_sigma for p in d.parameters.values())]
SAMPLED = [
    (name, section)
    for name, d in DEVICES.items()
    for section in ("program", "read_noise", "drift")
    if section in d.laws
]
TABLES = [name for name in PULSED if not any(s.startswith("pulse") for s in DEVICES[name].laws)]
STEPPED = [name for name in PULSED if name not in TABLES]

NOISY = """
name = "noisy"
title = "Steps that vary by all that pulses may vary by"
source = "written for this test"
terminals = ["p", "n"]
[current]
law = "g * v"
valid = { v = [-2, 2], g = [1e-6, 1e-4] }
[pulse]
up = "1e-6 * v * (1 + 0.3 * deviate + 0.4 * (uniform - 0.5))"
down = "-2e-6"
up_voltage = [0.5, 2]
down_voltage = [-2, -0.5]
width = [1e-9, 1e-3]
cycle_sigma = 0.2
device_sigma = 0.1
"""


def by_hand(model: Device, section: str, **given: Any) -> Any:
    """The law of `section` from the text of the file, by Python's own arithmetic."""
    file = tomllib.loads(model.text)
    texts = {
        "pulse, up": file.get("pulse", {}).get("up"),
        "pulse, down": file.get("pulse", {}).get("down"),
        **{name: file[name]["law"] for name in SECTIONS if name in file},
    }
    names = {**LANGUAGE, "temperature": ROOM, **model.values, **given}
    for name, text in file.get("define", {}).items():
        try:
            names[name] = eval(text, {"__builtins__": {}}, names)
        except NameError:  # of another law
            continue
    with np.errstate(all="ignore"):
        return eval(texts[section], {"__builtins__": {}}, names)


SECTIONS = ("conductance", "program", "read_noise", "drift")
LANGUAGE = {
    **{name: getattr(np, name) for name in ("abs", "sign", "sqrt", "exp", "log", "log1p", "where")},
    **{name: getattr(np, name) for name in ("sinh", "cosh", "tanh", "clip")},
    "min": np.minimum,
    "max": np.maximum,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "pi": math.pi,
    "k_B": 1.38064852e-23,
    "q": 1.6021766208e-19,
}


def same_moments(sample: np.ndarray, expected: np.ndarray) -> None:
    """Mean and variance of `sample` are those of a distribution, `expected` at even quantiles."""
    mean, n = expected.mean(), sample.size
    if np.ptp(expected) == 0:
        np.testing.assert_allclose(sample, mean, rtol=1e-12)
        return
    scaled, sigma = (expected - mean) / expected.std(), expected.std()
    wide = WIDE / math.sqrt(n)
    assert abs(sample.mean() - mean) <= wide * sigma
    # The variance of a sample of a rare event is itself no normal number: a floor under its spread.
    spread = math.sqrt(max((scaled**4).mean() - 1, 0.1))
    assert abs(((sample - mean) ** 2).mean() / sigma**2 - 1) <= wide * spread


def test_the_moments_of_another_distribution_are_told_apart():
    sample = np.random.default_rng(1).standard_normal(MANY)
    same_moments(sample, DEVIATES)
    for other in (1.05 * DEVIATES, 0.95 * DEVIATES, DEVIATES + 0.03, np.zeros(9)):
        with pytest.raises(AssertionError):
            same_moments(sample, other)


def of(name: str) -> tuple[Device, Pulse]:
    model = DEVICES[name]
    assert model.pulses is not None
    return model, model.pulses


# What a file says of itself


def test_every_file_says_in_its_title_what_it_is_and_whence():
    titles = [model.title for model in DEVICES.values()]
    assert len(set(titles)) == len(titles)
    for name, model in DEVICES.items():
        assert model.title[0].isupper(), name
        assert 12 <= len(model.title) <= 100, name
        assert len(model.title.split()) >= 2, name
        assert model.title.lower() != name.replace("_", " "), name
        for parameter in (*model.parameters.values(), *model.states.values()):
            assert len(parameter.meaning) >= 8, name


def test_confirmed_devices_are_many_and_cite_a_year_and_the_rest_is_few():
    confirmed = [name for name, model in DEVICES.items() if model.confirmed and name != "linear"]
    for name in confirmed:
        assert any(year in DEVICES[name].source for year in map(str, range(1960, 2026))), name
    assert len(confirmed) >= 16
    assert len(DEVICES) - len(confirmed) <= 16  # twelve, and linear, cubic, diode, transistor


# Rates


@pytest.mark.parametrize("name", RATED)
def test_slopes_of_the_rates_are_their_finite_differences(name: str):
    model = DEVICES[name]
    rng = np.random.default_rng(21)
    for section in model.laws:
        law = model.law_of(section)
        for temperature in (ROOM, *TEMPERATURES):
            ranges = {**model.valid, **{key: p.range for key, p in model.parameters.items()}}
            ranges |= {key: state.range for key, state in model.states.items()}
            for whole in (False, True):
                point: dict[str, Any] = {"temperature": temperature}
                for key in law.names:
                    if key in model.parameters and key not in model.states:
                        point[key] = within(ranges[key], rng) if whole else model.values[key]
                    elif key != "temperature":
                        point[key] = rng.uniform(*ranges.get(key, (0.0, 1.0)), 300)
                for key in law.mentioned.intersection(law.names):
                    check_slope(law, point, key)


def check_slope(law: Law, point: dict[str, Any], name: str) -> None:
    """Differences in extended precision, as rates are sums of parts of very different sizes."""
    extended = {key: np.longdouble(value) for key, value in point.items()}
    here = extended[name] * np.ones(300, np.longdouble)

    def value(x: Any) -> Any:
        return kernel(law, ())(**{**extended, name: x})[0] * np.ones(300)

    def difference(h: Any) -> Any:
        near, far = value(here + h) - value(here - h), value(here + 2 * h) - value(here - 2 * h)
        return (8 * near - far) / (12 * h)

    step = 1e-5 * np.maximum(np.abs(here), 1e-3 * np.abs(here).max())
    with np.errstate(all="ignore"):
        numeric, finer = difference(step), difference(step / 4)
        exact = kernel(law, (name,))(**point)[1] * np.ones(300)
        rounding = 1e-14 * np.abs(value(here)) / step
    smooth = np.abs(numeric - finer) <= 1e-7 * np.abs(numeric) + rounding  # no kink in between
    assert smooth.mean() > 0.9, (name, point)
    off = np.abs(exact - numeric)[smooth] - (1e-6 * np.abs(numeric) + rounding)[smooth]
    assert off.max() <= np.finfo(float).tiny, (name, point)


# Bounds


@pytest.mark.parametrize("name", PULSED)
def test_a_hundred_thousand_random_pulses_stay_in_bounds(name: str):
    model, pulse = of(name)
    rng = np.random.default_rng(22)
    low, high = pulse.range
    varied: dict[str, Any] = model.vary(1000, rng)
    memory = rng.uniform(low, high, 1000)
    reached = [memory]
    for _ in range(100):
        up = rng.random(1000) < rng.choice([0.2, 0.5, 0.8])
        chosen = [rng.uniform(*ends, 1000) for ends in (pulse.down_voltage, pulse.up_voltage)]
        voltage = np.where(up, chosen[1], chosen[0]) * (rng.random(1000) < 0.95)
        width = rng.uniform(*pulse.width, 1000)
        memory = model.pulse(memory, voltage, width, rng, **varied)
        reached.append(memory)
    everywhere = np.array(reached)
    assert np.isfinite(everywhere).all()
    assert low <= everywhere.min() < everywhere.max() <= high
    assert (np.diff(everywhere, axis=0) != 0).mean() > 0.3


@pytest.mark.parametrize("trains", [500, pytest.param(25_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RATED)
def test_random_pulses_on_a_state_that_has_a_rate_stay_in_bounds(name: str, trains: int):
    """Four pulses each, so 2,000 or a hundred thousand."""
    model = DEVICES[name]
    rng = np.random.default_rng(23)
    states = {key: rng.uniform(*state.range, trains) for key, state in model.states.items()}
    moved = 0.0
    for _ in range(4):
        voltage = rng.uniform(*model.valid["v"], trains)
        width = np.exp(rng.uniform(math.log(1e-10), math.log(1e-4), trains))
        before, states = states, model.pulse(states, voltage, width)
        for key, state in model.states.items():
            assert (states[key] >= state.range[0]).all()
            assert (states[key] <= state.range[1]).all()
            moved += (states[key] != before[key]).mean()
    assert moved > 0.4


@pytest.mark.parametrize("name", PULSED)
def test_half_of_a_pulse_changes_nothing_and_unknown_ones_are_refused(name: str):
    model, pulse = of(name)
    middle, width = 0.5 * sum(pulse.range), pulse.width[0]
    small = 0.999 * pulse.threshold
    for voltage in (0.0, small, -small):
        assert model.pulse(middle, voltage, width, 1) == middle
    beyond = 1.01 * max(map(abs, (*pulse.up_voltage, *pulse.down_voltage)))
    with pytest.raises(ModelError, match="nothing is known"):
        model.pulse(middle, beyond, width, 1)
    with pytest.raises(ModelError, match="width"):
        model.pulse(middle, pulse.up_voltage[0], 1.01 * pulse.width[1], 1)


# Statistics


@pytest.mark.parametrize("name", VARIED)
def test_devices_differ_by_what_their_file_says(name: str):
    check_devices(DEVICES[name])


def check_devices(model: Device) -> None:
    drawn = model.vary((200, MANY // 200), 24)
    declared = {key: p for key, p in model.parameters.items() if p.device_sigma}
    assert drawn.keys() == declared.keys()
    for key, parameter in declared.items():
        centre, sigma = model.values[key], parameter.device_sigma
        ends = [(end - centre) / sigma for end in parameter.range]
        normal = stats.truncnorm(*ends, loc=centre, scale=sigma)
        assert drawn[key].shape == (200, MANY // 200)
        assert stats.kstest(drawn[key].ravel(), normal.cdf).pvalue > FALSE_ALARM
        even = normal.ppf((np.arange(20_000) + 0.5) / 20_000)
        same_moments(drawn[key].ravel(), even)
        for other in declared.keys() - {key}:
            together = np.corrcoef(drawn[key].ravel(), drawn[other].ravel())[0, 1]
            assert abs(together) < WIDE / math.sqrt(MANY)


def test_a_wrong_spread_of_devices_is_seen(monkeypatch: pytest.MonkeyPatch):
    model = DEVICES["rpu_constant_step"]
    right = model.vary((200, MANY // 200), 24)
    for wrong in ({"gain": 1.04 * right["gain"] - 0.04}, {"w_max": -right["w_min"]}):
        monkeypatch.setattr(Device, "vary", lambda *_, wrong=wrong: {**right, **wrong})
        with pytest.raises(AssertionError):
            check_devices(model)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("name", STEPPED)
def test_steps_vary_from_pulse_to_pulse_as_the_law_says(name: str, direction: str):
    model, pulse = of(name)
    low, high = pulse.range
    voltage = float(np.mean(getattr(pulse, f"{direction}_voltage")))
    width = float(np.mean(pulse.width))
    for part in (0.2, 0.5, 0.8):
        start = low + part * (high - low)
        given = {"v": voltage, "width": width, model.memory: start, "deviate": DEVIATES}
        after = start + by_hand(model, f"pulse, {direction}", **given) * np.ones(DEVIATES.shape)
        sample = model.pulse(np.full(MANY, start), voltage, width, 25)
        same_moments(sample, np.clip(after, low, high))


def test_steps_vary_by_cycle_and_device_where_a_file_says_it_by_these_words(tmp_path: Path):
    path = tmp_path / "noisy.toml"
    path.write_text(NOISY, encoding="utf-8")
    model = device(path)
    assert tuple(model.parameters) == ("step_scale",)
    assert not device("linear").parameters
    check_devices(model)
    rng = np.random.default_rng(26)
    start, scale = np.full(MANY, 3e-5), rng.uniform(0.5, 2.0, MANY)
    up = (model.pulse(start, 1.5, 1e-6, rng, step_scale=scale) - start) / (1.5e-6 * scale)
    # (1 + 0.3 normal + 0.4 uniform) (1 + 0.2 normal): the product of independent numbers
    inner = 1 + 0.3 * DEVIATES + 0.4 * (np.random.default_rng(1).permutation(100_000) / 1e5 - 0.5)
    outer = 1 + 0.2 * np.random.default_rng(2).permutation(DEVIATES)
    same_moments(up, inner * outer)
    down = (model.pulse(start, -1.0, 1e-6, rng) - start) / -2e-6
    same_moments(down, 1 + 0.2 * DEVIATES)


@pytest.mark.parametrize("name", TABLES)
def test_steps_of_a_table_have_its_distribution(name: str):
    model, pulse = of(name)
    table = pulse.table
    assert isinstance(table, JumpTable)
    for direction, steps, ends in (
        ("up", table.up, pulse.up_voltage),
        ("down", table.down, pulse.down_voltage),
    ):
        for column in (8, 20, 33):
            g = float(table.conductances[column])
            sample = model.pulse(np.full(MANY, g), ends[0], pulse.width[0], 27)
            quantiles = (np.arange(100_000) + 0.5) / 100_000
            after = g + np.interp(quantiles, table.quantiles, steps[:, column])
            same_moments(sample, np.clip(after, *pulse.range))
            # Between the ends of the range the parts that lie below a quantile are that quantile.
            for quantile, step in zip(table.quantiles, steps[:, column], strict=True):
                if not pulse.range[0] < g + step < pulse.range[1]:
                    continue
                share = (after <= g + step).mean()
                off = abs((sample <= g + step).mean() - share)
                floor = 1e-3  # of the share: where steps are equal, rounding tells them apart
                assert off <= floor + WIDE * math.sqrt(0.25 / MANY), (direction, quantile)


@pytest.mark.parametrize(("name", "section"), SAMPLED)
def test_writing_reading_and_drift_spread_as_the_law_says(name: str, section: str):
    model = DEVICES[name]
    low, high = model.valid["g"]
    for g in (low + part * (high - low) for part in (0.1, 0.4, 0.9)):
        for time in (0.0, 1e4, 3e5):
            given = {"g": g, "time": time, "v": 0.2, "duration": 1e-6, "deviate": DEVIATES}
            expected = np.maximum(by_hand(model, section, **given), 0.0) * np.ones(DEVIATES.shape)
            start = np.full(MANY, g)
            if section == "program":
                sample = model.program(start, 28)
            elif section == "read_noise":
                sample = model.read_noise(start, 28, voltage=0.2, duration=1e-6, time=time)
            else:
                sample = model.drift(start, time, 28)
            same_moments(sample, expected)


@pytest.mark.parametrize("name", sorted({name for name, _ in SAMPLED}))
def test_conductances_beyond_what_a_file_knows_are_refused(name: str):
    model = DEVICES[name]
    high = 1.01 * model.valid["g"][1]
    calls = {
        "program": lambda **more: model.program([high], 1, **more),
        "read_noise": lambda **more: model.read_noise(
            [high], 1, voltage=0.2, duration=1e-6, **more
        ),
    }
    for section, call in calls.items():
        if section in model.laws:
            with pytest.raises(ModelError, match=r"g\[0\] = .* is outside the valid range"):
                call()
            assert np.isfinite(call(extrapolate=True)).all()


def test_what_is_no_seed_is_refused_also_where_nothing_is_random():
    for model, g in ((DEVICES["vteam"], 0.5), (DEVICES["rpu_constant_step"], 0.0)):
        voltage = 0.0 if model.pulses else 1.0
        with pytest.raises(ModelError, match="rng = 'dice': expected a whole number"):
            model.pulse(g, voltage, 1e-6, "dice")  # pyright: ignore[reportArgumentType]
    for name, section in SAMPLED:
        model = DEVICES[name]
        if section == "program":
            with pytest.raises(ModelError, match="rng = -1: expected a whole number"):
                model.program(model.valid["g"][1], -1)


# Conductance and state


@pytest.mark.parametrize("name", [n for n, d in DEVICES.items() if "conductance" in d.laws])
def test_a_conductance_gives_back_the_state_it_came_from(name: str):
    model = DEVICES[name]
    rng = np.random.default_rng(29)
    (key,) = model.states
    low, high = model.states[key].range
    states = np.concatenate([[low, high], rng.uniform(low, high, 200)])
    used = [p for p in model.parameters if p in model.law_of("conductance").mentioned]
    for _ in range(5):
        others = {p: rng.uniform(0.9, 1.1, 202) * model.values[p] for p in used}
        g = model.conductance(**{key: states}, **others)
        by_name = by_hand(model, "conductance", **{key: states}, **others)
        np.testing.assert_allclose(g, by_name, rtol=1e-12)
        back = model.states_from(g, **others)[key]
        np.testing.assert_allclose(back, states, rtol=1e-9, atol=1e-9 * (high - low))
    usual = model.conductance(**{key: states})
    least, most = model.valid["g"]
    assert least <= usual.min() < usual.max() <= most
