"""What a fit tells: of parameters that data do not determine, of wrong laws, and in its files."""

from __future__ import annotations

import math

import numpy as np
import pytest
from devices.fitted_devices import UPDATES, VARYING, diode_over_decades, ramps, sinh, written

import circuitxbar as cx
from circuitxbar.devices.fitting.fit import fit
from circuitxbar.devices.fitting.measurements import Sweep
from circuitxbar.devices.fitting.report import with_error


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
