"""`devices.fit`: parameters come back within their errors, and what data do not tell is said."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from devices.fitted_devices import UPDATES, WITH_STATE, ramps, written
from devices.test_adding_a_device import follow
from scipy import stats

import circuitxbar as cx
from circuitxbar.devices.device import Device
from circuitxbar.devices.fitting.comparison import of_ramps
from circuitxbar.devices.fitting.fit import Fit, fit
from circuitxbar.devices.fitting.measurements import Ramps, Sweep
from circuitxbar.devices.fitting.report import with_error
from circuitxbar.devices.fitting.scatter import StepScatter

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fitting-a-device.md").read_text(encoding="utf-8")

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


NAMES = ("up_pulses", "up_reach", "down_pulses")
VARYING = "cycle_sigma = 0.1\ndevice_sigma = 0.05\n"


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


def test_a_parameter_at_the_end_of_its_range_is_told_and_has_no_error():
    steep = 3e-5 * 0.01 * np.sinh(np.linspace(-0.1, 0.1, 21) / 0.01)  # v0 may not go below 0.02
    found = fit("sinh", Sweep(np.linspace(-0.1, 0.1, 21), steep, 3e-5), ["v0"])
    assert found.at_limit == {"v0": "low"}
    assert found.values["v0"] == 0.02
    assert math.isnan(found.errors["v0"])
    assert math.isnan(found.correlation[0, 0])
    assert "v0 stands at the lower end of its range, 0.02 ... 10" in found.report()
    assert "±" not in found.report()


def test_what_data_do_not_determine_is_told_and_cannot_be_saved(tmp_path):
    true, sweep = diode_over_decades(np.random.default_rng(0))
    names = ["saturation_current", "ideality", "temperature_exponent"]  # at one temperature
    found = fit("diode", sweep, names)
    assert found.undetermined == ("temperature_exponent",)
    assert found.errors["temperature_exponent"] == math.inf
    assert found.values["temperature_exponent"] == true.values["temperature_exponent"]
    plain = fit("diode", sweep, names[:2])
    for name in names[:2]:
        assert found.errors[name] == pytest.approx(plain.errors[name], rel=1e-6)
    assert "Not determined by these data: temperature_exponent" in found.report()
    with pytest.raises(cx.ModelError, match="temperature_exponent: not determined"):
        found.save(tmp_path / "mine.toml", source="me")
    assert not list(tmp_path.iterdir())


def test_two_parameters_of_which_only_a_product_counts_are_both_told(tmp_path):
    text = UPDATES.replace("(1 - exp(-1 / up_pulses))", "unused / up_pulses")
    path = written(tmp_path, text.replace("spare = ", "nothing = ").replace("* (1 + spare)", ""))
    data = ramps(cx.device(path), 1e-4, 1.0, 30, 2, np.random.default_rng(0), read_sigma=1e-9)
    found = fit(path, data, ["up_pulses", "unused", "up_reach"])
    assert set(found.undetermined) == {"up_pulses", "unused"}
    assert 0 < found.errors["up_reach"] < 1e-6


def test_a_law_of_the_wrong_form_is_told():
    true, v = cx.device("sinh", v0=0.25), np.linspace(-1, 1, 41)
    noise = 1e-8 * np.random.default_rng(0).standard_normal(41)
    sweep = Sweep(v, true.current(v, 1e-5) + noise)
    assert "the law misses something" in fit("cubic", sweep, ["b"]).report()
    assert "the law misses something" not in fit("sinh", sweep, ["v0"]).report()


def test_steps_of_the_wrong_form_are_told(tmp_path):
    path = written(tmp_path, UPDATES, "cycle_sigma = 0.1\n")
    data = ramps(cx.device(path), 1e-4, 1.0, 40, 12, np.random.default_rng(0))
    assert "The law misses" not in fit(path, data, ["up_pulses", "up_reach"]).report()
    assert "The law misses" in fit(cx.device(path, up_reach=1e-3), data, ["up_pulses"]).report()


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.2503, 0.00124, "0.2503 ± 0.0012"),
        (4355.4, 479.9, "4360 ± 480"),
        (0.99768, 0.000998, "0.9977 ± 0.0010"),
        (-3.17e-4, 1.8e-6, "(-3.170 ± 0.018)e-4"),
        (2.0, math.inf, "2"),
        (0.25, 1.3e-18, "0.25 ± 1.3e-18"),  # of exact data
        (1 / 3, 4e-17, "0.333333333333333 ± 4.0e-17"),
        (1 / 3, 4e-14, "0.333333333333333 ± 0.000000000000040"),
        (2e-9 / 3, 1.6e-24, "6.66666666666667e-10 ± 1.6e-24"),
        (0.0, 1.6e-24, "(0 ± 16)e-25"),
    ],
)
def test_values_are_written_to_the_second_digit_of_their_errors(value, error, text):
    assert with_error(value, error) == text


def test_a_saved_fit_is_a_device_file(tmp_path):
    point = 'kind = "computed"\nv = 0.1\ng = 1e-5\ncurrent = 1e-6\ntolerance = 1e-3\n'
    path = written(tmp_path, UPDATES, f"{VARYING}[[reference]]\n{point}")
    model = cx.device(path, down_pulses=55.0)  # not fitted, yet in force
    assert len(model.references) == 1
    data = ramps(model, 1e-4, 1.0, 30, 12, np.random.default_rng(0))
    found = fit(model, data, ["up_pulses", "up_reach"])
    found.save(tmp_path / "fitted.toml", source='Ω "me", 2026')
    saved = cx.device(tmp_path / "fitted.toml")
    assert saved.values == found.device.values
    assert saved.values["down_pulses"] == 55.0
    assert (saved.name, saved.source, saved.confirmed) == ("fitted", 'Ω "me", 2026', False)
    assert saved.references == ()  # it was one of the old numbers
    assert saved.laws == model.laws
    assert saved.definitions == model.definitions
    assert saved.pulses is not None
    assert found.steps is not None
    assert saved.pulses.cycle_sigma == found.steps.cycle
    assert saved.parameters["step_scale"].device_sigma == found.steps.device


@pytest.mark.parametrize("name", ["sinh", "diode", "ekv_transistor", "vteam", "stanford_rram"])
def test_a_device_of_the_library_survives_being_rewritten(tmp_path, name):
    from circuitxbar.devices.fitting.rewriting import rewritten

    model = cx.device(name)
    path = tmp_path / "copy.toml"
    path.write_text(rewritten(model, card={}, pulse={}), encoding="utf-8")
    copy = cx.device(path)
    for field in ("name", "source", "parameters", "values", "valid", "law", "laws", "states"):
        assert getattr(copy, field) == getattr(model, field), field
    assert copy.definitions == model.definitions
    assert copy.confirmed is False


def test_what_a_file_cannot_hold_is_refused_before_it_is_written(tmp_path):
    _, sweep = sinh(np.random.default_rng(0))
    found = fit("sinh", sweep, ["v0"])
    for name, source, told in (
        ("Mine.toml", "me", "is not a name"),
        ("mine.txt", "me", r"ends in \.toml"),
        ("mine.toml", "two\nlines", "one line"),
    ):
        with pytest.raises(cx.ModelError, match=told):
            found.save(tmp_path / name, source=source)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept_unless_that_is_asked_for(tmp_path):
    _, sweep = sinh(np.random.default_rng(0))
    found, path = fit("sinh", sweep, ["v0"]), tmp_path / "mine.toml"
    path.write_text("dear to me")
    with pytest.raises(cx.ModelError, match=r"mine\.toml is there already.* overwrite=True"):
        found.save(path, source="me")
    assert path.read_text() == "dear to me"
    with pytest.raises(cx.CircuitError, match="overwrite = 1: expected True or False"):
        found.save(path, source="me", overwrite=1)  # pyright: ignore[reportArgumentType]
    found.save(path, source="me", overwrite=True)
    assert cx.device(path).values == found.device.values


V, CURRENT = np.linspace(-1, 1, 9), np.linspace(-1e-5, 1e-5, 9)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sweep(V, np.where(V == 0, np.nan, CURRENT)), r"current\[4\] = nan is not finite"),
        (lambda: Sweep(V[:3], CURRENT), r"voltage has shape \(3,\)"),
        (lambda: Sweep(V, CURRENT.reshape(1, 3, 3)), "current has shape"),
        (lambda: Sweep(V, np.zeros(0)), "current has shape"),
        (lambda: Sweep(V, CURRENT, [1e-5, 2e-5]), r"conductance has shape \(2,\)"),
        (lambda: Sweep(V, CURRENT, -1e-5), "conductance = .* is negative"),
        (lambda: Sweep(V, CURRENT, sigma=0.0), "sigma has entries that are not above 0"),
        (lambda: Sweep(V, CURRENT, sigma="log"), 'expected "relative"'),
        (lambda: Sweep(V, CURRENT, sigma="relative"), r"current\[4, 0\] = 0 has no relative error"),
        (
            lambda: fit("sinh", Sweep(3 * V, CURRENT), ["v0"]),
            r"v\[0, 0\] = -3 V is outside the valid",
        ),
        (lambda: fit("sinh", Sweep(V, CURRENT, 1.0), ["v0"]), "g.* is outside the valid range"),
        (
            lambda: fit("sinh", Sweep(V, CURRENT), ["v1"]),
            "no parameter in the law of its current, 'v1'",
        ),
        (lambda: fit("sinh", Sweep(V, CURRENT), ["v0", "v0"]), "parameters has 'v0' twice"),
        (lambda: fit("sinh", Sweep(V[:2], CURRENT[:2]), ["v0"]), "2 points for 2 unknowns"),
        (
            lambda: fit("sinh", Sweep({"v_d": V}, CURRENT), ["v0"]),
            "voltage has v_d; 'sinh' takes v",
        ),
        (
            lambda: fit("sinh", [Sweep(V, CURRENT), Ramps([1e-5] * 4, 1, 1)], []),
            "expected Sweeps, or",
        ),
        (lambda: fit("sinh", [], ["v0"]), "expected Sweeps, or Ramps"),
        (lambda: fit("sinh", V, ["v0"]), "expected Sweeps, or Ramps"),
        (
            lambda: fit("sinh", [Sweep(V, CURRENT), Sweep(V, CURRENT, sigma=1.0)], []),
            "sigma must be of one",
        ),
        (lambda: fit("diode", Sweep(V, CURRENT, 1e-5), []), "law of 'diode' is free of g"),
        (lambda: fit("sinh", Sweep(V[5:], -CURRENT[5:], 1e-5, "relative"), ["v0"]), "other sign"),
        (lambda: fit("sinh", Ramps([1e-5] * 4, 1, 1), ["v0"]), "no laws of pulses"),
        (lambda: fit("stanford_rram", Ramps([1e-5] * 4, 1, 1), []), "no laws of pulses"),
        (lambda: Ramps(np.array([[1e-5, np.nan]]), 1, 1), "a list with one array for each"),
        (lambda: Ramps([[1e-5, 2e-5], [1e-5]], 1, 1), r"conductances\[1\] holds 1 values"),
        (lambda: Ramps([[1e-5, 2e-5], [1e-5, np.inf]], 1, 1), r"conductances\[1\]\[1\] = inf"),
        (lambda: Ramps([1e-5, -2e-5], 1, 1), r"conductances\[1\] = .* is negative"),
        (lambda: Ramps([1e-5, 2e-5], [1, 2], 1), r"voltage has shape \(2,\)"),
        (lambda: Ramps([1e-5, 2e-5], 1, 1, one_device="yes"), "expected True or False"),
    ],
)
def test_bad_data_are_refused_by_name(make, told):
    with pytest.raises(cx.CircuitxbarError, match=told):
        make()


def test_ramps_that_the_file_does_not_speak_of_are_refused(tmp_path):
    path = written(tmp_path, UPDATES)
    g = np.linspace(1e-4, 2e-4, 9)
    for data, names, told in (
        (Ramps(g, 0.1, 1e-6), NAMES, r"pulses of 0\.1 V 'updates' knows nothing"),
        (Ramps(g, 1.0, 1.0), NAMES, "width = 1 s is outside the range"),
        (Ramps(g * 100, 1.0, 1e-6), NAMES, "g.* is too large"),
        (Ramps(g, 1.0, 1e-6), ["unused"], "no parameter in the laws of its pulses, 'unused'"),
    ):
        with pytest.raises(cx.ModelError, match=told):
            fit(path, data, names)
    path = written(tmp_path, WITH_STATE)
    with pytest.raises(cx.ModelError, match="g_on"):
        fit(path, Ramps(g / 3, 1.0, 1e-6), ["g_on"])


def test_pulses_that_end_at_the_end_of_the_range_are_left_out(tmp_path):
    path = written(tmp_path, UPDATES.replace("1e-3] }", "1.5e-4] }"))
    data = ramps(cx.device(path), 1e-4, 1.0, 40, 3, np.random.default_rng(0))
    found = fit(path, data, ["up_pulses"])
    assert len(found.residuals) < 3 * 40
    assert found.values["up_pulses"] == pytest.approx(30.0, rel=1e-6)


def test_importing_the_library_and_naming_the_devices_loads_no_scipy_optimize(tmp_path):
    code = "import sys, circuitxbar as cx; cx.devices; print('scipy.optimize' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cx.devices.no_such_name


def test_the_measured_ramps_were_taken_in_turn():
    measured = cx.datasets.crosssim_ramps()
    assert [len(measured.up), len(measured.down)] == [39, 40]
    assert [max(map(len, ramps)) for ramps in (measured.up, measured.down)] == [192, 153]
    assert measured.up[0][0] == 0.000160588 / 0.1
    for down, up in zip(measured.down, measured.up, strict=False):
        assert abs(down[-1] - up[0]) < 5e-6  # one step
    for up, down in zip(measured.up, measured.down[1:], strict=True):
        assert abs(up[-1] - down[0]) < 1.5e-5


def test_every_step_of_the_page_works(tmp_path):
    follow(PAGE, tmp_path)
    saved = cx.device(tmp_path / "measured.toml")
    assert saved.pulses is not None
