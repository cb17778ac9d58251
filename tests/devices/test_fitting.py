"""`devices.fit`: parameters and the spread of steps come back within their errors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from devices.fitted_devices import (
    NAMES,
    UPDATES,
    VARYING,
    WITH_STATE,
    cubic_of_unknown_conductance,
    diode_over_decades,
    diode_with_given_errors,
    ramps,
    sinh,
    transistor,
    written,
)
from scipy import stats

import circuitxbar as cx
from circuitxbar.devices.device import Device
from circuitxbar.devices.fitting.comparison import of_ramps
from circuitxbar.devices.fitting.fit import Fit, fit
from circuitxbar.devices.fitting.measurements import Ramps, Sweep
from circuitxbar.devices.fitting.scatter import StepScatter

# (fit - true) / error of one parameter over many seeds has mean 0 and standard deviation 1. Each
# of the two checks of each parameter fails by chance alone with this probability; there are some
# thirty in this file.
FALSE_ALARM = 1e-5


def assert_standard_normal(pulls: np.ndarray, freedom: float) -> None:
    """`pulls` of one parameter, whose errors were estimated with so many degrees of freedom."""
    count, widened = len(pulls), math.sqrt(freedom / (freedom - 2))
    limit = stats.norm.isf(FALSE_ALARM / 2) * widened / math.sqrt(count)
    assert abs(pulls.mean()) < limit
    low, high = stats.chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], count - 1) / (count - 1)
    assert math.sqrt(low) < pulls.std(ddof=1) / widened < math.sqrt(high)


def pulls_of(found: Fit, true: Device) -> list[float]:
    assert not found.at_limit
    assert not found.undetermined
    return [(found.values[n] - true.values[n]) / found.errors[n] for n in found.values]


@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (sinh, ("v0",)),
        (cubic_of_unknown_conductance, ("b",)),
        (diode_over_decades, ("saturation_current", "ideality")),
        (diode_with_given_errors, ("saturation_current", "ideality")),
        (transistor, ("threshold", "transconductance", "slope_factor")),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_law_of_the_current_comes_back_within_its_errors(
    draw: Callable[[np.random.Generator], tuple[Device, Sweep]], names: tuple[str, ...]
):
    pulls, freedom = [], 0.0
    for seed in range(36):
        true, sweep = draw(np.random.default_rng(seed))
        found = fit(true.name, sweep, names)  # the search starts from the defaults
        pulls.append(pulls_of(found, true))
        freedom = found.degrees_of_freedom
    for column in np.transpose(pulls):
        assert_standard_normal(column, freedom)


def test_a_law_of_pulses_comes_back_within_its_errors_and_so_do_its_sigmas(tmp_path):
    path, count, seeds = written(tmp_path, UPDATES, VARYING), 12, 16
    pulls, scatter = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        true = cx.device(
            path,
            up_pulses=rng.uniform(15, 40),
            up_reach=rng.uniform(1.2e-4, 2e-4),
            down_pulses=rng.uniform(20, 60),
        )
        up = ramps(true, 1e-4, 1.0, 30, count, rng)
        down = ramps(true, 2e-4, -1.0, 30, count, rng)
        found = fit(path, [up, down], NAMES)
        pulls.append(pulls_of(found, true))
        assert found.steps is not None
        scatter.append((found.steps.cycle, found.steps.device))
        assert found.device.pulses is not None
        assert found.device.pulses.cycle_sigma == found.steps.cycle
        assert found.device.parameters["step_scale"].device_sigma == found.steps.device
    for column in np.transpose(pulls):
        assert_standard_normal(column, 2 * count)
    # Means of `seeds` estimates; the standard error is theirs. Taking reads to be noisy where they
    # are not, as happens by chance, lowers cycle_sigma by up to a tenth.
    cycle, device = np.array(scatter).T
    assert 0.09 < cycle.mean() < 0.102
    beyond = stats.t.isf(FALSE_ALARM / 2, seeds - 1) / math.sqrt(seeds)
    assert abs(device.mean() - 0.05) < beyond * device.std(ddof=1)


def test_slopes_at_the_best_factors_are_those_of_the_sum_of_squares(tmp_path):
    path = written(tmp_path, UPDATES, VARYING)
    data = ramps(cx.device(path), 1e-4, 1.0, 30, 5, np.random.default_rng(0))
    compared = of_ramps(cx.device(path), [data], ("up_pulses", "up_reach"))
    values = np.array([25.0, 1.6e-4])
    compared = compared.weighted(values, StepScatter(cycle=0.1, device=0.05, ramp=None, read=1e-8))
    assert compared.eliminated == 5
    r, slopes = compared.residuals(values)
    for k, by in enumerate(1e-5 * np.diag(values)):
        above, below = (np.sum(compared.residuals(values + x)[0] ** 2) for x in (by, -by))
        assert 2 * r @ slopes[:, k] == pytest.approx((above - below) / (2 * by[k]), rel=1e-6)


def reader(device: Device) -> Callable[[np.ndarray], np.ndarray]:
    return lambda w: device.conductance(w=w)


def test_one_ramp_of_a_state_is_enough(tmp_path):
    path, pulls = written(tmp_path, WITH_STATE), []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        true = cx.device(path, rate=float(rng.uniform(0.01, 0.06)))
        data = ramps(true, 0.1, 0.9, 40, 1, rng, read=reader(true))
        found = fit(path, data, ["rate"])
        pulls.append(pulls_of(found, true))
    assert_standard_normal(np.ravel(pulls), 39)


def test_noise_of_reads_is_told_from_that_of_pulses(tmp_path):
    path = written(tmp_path, UPDATES, "cycle_sigma = 0.1\n")
    data = ramps(cx.device(path), 1e-4, 1.0, 40, 100, np.random.default_rng(0), read_sigma=3e-7)
    steps = fit(path, data, ["up_pulses", "up_reach"]).steps
    assert steps is not None
    assert steps.read == pytest.approx(3e-7, rel=0.05)
    assert steps.cycle == pytest.approx(0.1, rel=0.05)
    assert steps.device is not None
    assert steps.device < 0.02


def test_ramps_of_one_device_tell_nothing_of_others(tmp_path):
    path = written(tmp_path, UPDATES, VARYING)
    data = ramps(cx.device(path), 1e-4, 1.0, 30, 12, np.random.default_rng(0))
    same = Ramps(data.conductances, 1.0, 1e-6, one_device=True)
    found = fit(cx.device(path), same, ["up_pulses"])
    others = fit(cx.device(path), data, ["up_pulses"]).steps
    assert others is not None
    assert others.ramp is None
    assert found.steps is not None
    assert found.steps.device is None
    assert found.steps.ramp == others.device
    assert found.device.parameters["step_scale"].device_sigma == 0.05  # as the file said
    assert "from ramp to ramp of one device" in found.report()


def test_a_line_has_the_slope_and_error_of_the_textbook():
    v = np.linspace(-0.5, 0.5, 21)
    current = 3e-5 * v + 1e-8 * np.random.default_rng(0).standard_normal(21)
    found = fit("linear", Sweep(v, current), [])
    slope = np.sum(v * current) / np.sum(v**2)
    scatter = np.sqrt(np.sum((current - slope * v) ** 2) / 20)
    assert found.conductances == pytest.approx([slope], rel=1e-9)
    assert found.conductance_errors == pytest.approx([scatter / np.sqrt(np.sum(v**2))], rel=1e-9)
    assert found.scatter == pytest.approx(scatter, rel=1e-9)
    assert found.residuals == pytest.approx(current - slope * v, abs=1e-15)


def test_data_without_noise_give_the_very_numbers(tmp_path):
    true = cx.device("sinh", v0=0.4)
    v = np.linspace(-1, 1, 21)
    sweeps = [Sweep(v, true.current(v, 2e-5), 2e-5), Sweep(v, true.current(v, 3e-6))]
    found = fit("sinh", sweeps, ["v0"])
    assert found.values["v0"] == pytest.approx(0.4, rel=1e-8)
    assert found.conductances == pytest.approx([2e-5, 3e-6], rel=1e-8)
    assert found.conductance_errors is not None
    assert found.conductance_errors[0] == 0  # it was given
    assert found.points["g"][[0, -1]] == pytest.approx([2e-5, 3e-6], rel=1e-8)
    path = written(tmp_path, UPDATES)
    exact = cx.device(path, up_pulses=20.0)
    data = ramps(exact, 1e-4, 1.0, 20, 2, np.random.default_rng(0))
    assert fit(path, data, ["up_pulses"]).values["up_pulses"] == pytest.approx(20.0, rel=1e-6)
