"""Every file in device_models by its mere presence, and three more laws written as a user would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device, device_folder, device_names
from circuitxbar.errors import ModelError

HEAD = """
name = "{name}"
title = "A law for a test"
source = "written for this test"
terminals = ["p", "n"]
passive = {passive}
monotone = true
"""

OWN = {
    "sinh": HEAD.format(name="sinh", passive="true")
    + """
[parameters.v0]
unit = "V"
default = 0.25
range = [0.02, 10.0]
meaning = "voltage scale of the non-linearity"
[define]
x = "v / v0"
[current]
law = "g * v0 * sinh(x)"
valid = { v = [-1.0, 1.0], g = [1e-9, 1e-2] }
[[reference]]
kind = "computed"
v = 0.5
g = 1e-5
current = 9.06715102e-06          # 1e-5 * 0.25 * sinh(2), from a table of sinh
tolerance = 1e-8
""",
    "cubic": HEAD.format(name="cubic", passive="true")
    + """
[parameters.a3]
unit = "1/V^2"
default = 0.7
range = [0.0, 10.0]
meaning = "cubic part"
[current]
law = "g * (v + a3 * v**3)"
valid = { v = [-2.0, 2.0], g = [0.0, 1e-2] }
""",
    "diode": HEAD.format(name="diode", passive="true")
    + """
[parameters.saturation]
unit = "A"
default = 1e-9
range = [1e-18, 1e-3]
meaning = "saturation current"
[define]
thermal = "k_B * temperature / q"
[current]
law = "saturation * (exp(v / thermal) - 1) + 0 * g"
valid = { v = [-0.3, 0.8], g = [0.0, 10.0] }
""",
    "bent": HEAD.format(name="bent", passive="true")
    + """
[parameters.knee]
unit = "V"
default = 0.3
range = [0.01, 1.0]
meaning = "where conduction sets in"
[current]
law = "g * where(abs(v) < knee, v, sign(v) * (knee + softplus(abs(v) - knee) - log(2)))"
valid = { v = [-1.0, 1.0], g = [0.0, 1e-2] }
""",
}


@pytest.fixture(params=[*device_names(), *OWN])
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    if request.param not in OWN:
        return device(request.param)
    path = tmp_path / f"{request.param}.toml"
    path.write_text(OWN[request.param], encoding="utf-8")
    return device(path)


def sampled(model: Device, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Points of the valid range; g = 0 is an open cell, so it starts above."""
    rng = np.random.default_rng(20240517)
    low, high = model.valid["g"]
    low = max(low, 1e-12 * high)
    v = rng.uniform(*model.valid["v"], count)
    return v, np.exp(rng.uniform(np.log(low), np.log(high), count))


def five_point(f, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    near, far = f(x + step) - f(x - step), f(x + 2 * step) - f(x - 2 * step)
    return (8 * near - far) / (12 * step)


def test_the_folder_is_found_and_every_file_has_the_name_of_its_device():
    assert "linear" in device_names()
    files = sorted(device_folder().iterdir())
    assert [file.suffix for file in files] == [".toml"] * len(files)
    for file in files:
        assert device(file.stem).name == file.stem


def test_slopes_are_the_finite_differences_of_the_current(each: Device):
    v, g = sampled(each)
    if "knee" in each.parameters:  # differences across a kink mean nothing
        away = np.abs(np.abs(v) - each.values["knee"]) > 1e-2
        v, g = v[away], g[away]
    step = 1e-3 * np.ones_like(v)
    numeric = five_point(lambda v: each.current(v, g, extrapolate=True), v, step)
    scale = np.abs(numeric).max()
    assert each.slope(v, g) == pytest.approx(numeric, rel=1e-6, abs=1e-9 * scale)
    numeric = five_point(lambda g: each.current(v, g, extrapolate=True), g, 1e-3 * g)
    exact = each.conductance_slope(v, g)
    assert exact == pytest.approx(numeric, rel=1e-6, abs=1e-9 * np.abs(exact).max())
    for name, value in each.values.items():
        values = np.full_like(v, value)

        def moved(x: np.ndarray, name: str = name) -> np.ndarray:
            changed: dict[str, Any] = {name: x}
            return each.current(v, g, **changed)

        numeric = five_point(moved, values, 1e-3 * values)
        exact = each.parameter_slope(name, v, g)
        assert exact == pytest.approx(numeric, rel=1e-6, abs=1e-9 * np.abs(exact).max())


def test_passive_and_monotone_hold_where_they_are_declared(each: Device):
    v, g = sampled(each, 3000)
    if each.passive:
        assert (v * each.current(v, g) >= 0).all()
    if each.monotone:
        assert (each.slope(v, g) > 0).all()


def test_references_are_met_and_a_computed_one_has_a_cited_law(each: Device):
    for point in each.references:
        assert each.current(point.v, point.g) == pytest.approx(
            point.current, rel=point.tolerance, abs=0
        )
        if point.kind == "computed":
            assert each.source


def test_the_current_is_nothing_at_no_voltage_and_the_spice_text_is_whole(each: Device):
    assert each.current(0.0, each.valid["g"][1]) == 0.0
    first, *_, last, empty = each.spice().split("\n")
    assert first.startswith(f".subckt {each.name} p n g=0.0 temperature=300.15")
    assert (last, empty) == (f".ends {each.name}", "")
    assert all(f"{name}={value!r}" in first for name, value in each.values.items())


def test_linear_is_linear_and_exact():
    linear = device("linear")
    rng = np.random.default_rng(3)
    v, g = rng.normal(size=50), rng.uniform(0, 1e-3, 50)
    assert linear.is_linear
    np.testing.assert_array_equal(linear.current(v, g), g * v)
    np.testing.assert_array_equal(linear.slope(v, g), g)
    np.testing.assert_array_equal(linear.conductance_slope(v, g), v)
    assert linear.current(0.3, 0.0) == 0.0
    assert linear.spice() == (
        ".subckt linear p n g=0.0 temperature=300.15\nb1 p n i=({g}*v(p,n))\n.ends linear\n"
    )


def write(tmp_path: Path, text: str, name: str = "own.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def of_law(tmp_path: Path, law: str) -> Device:
    head = HEAD.format(name="own", passive="false")
    return device(
        write(tmp_path, head + f"[current]\nlaw = '{law}'\nvalid = {{v = [-9, 9], g = [0, 1]}}")
    )


@pytest.mark.parametrize(
    ("law", "linear"),
    [
        ("g * v", True),
        ("v * g * (temperature / 300) ** 0.7", True),
        ("(g + 1e-6) * v + g * v", True),
        ("g * v + 1e-9", False),
        ("g * v**3", False),
        ("g * v + sign(v) - sign(0)", False),  # its slope is that of g * v
        ("g * where(v > 0, v, 2 * v)", False),
        ("g * sinh(v)", False),
        ("g", False),
    ],
)
def test_linear_means_current_is_v_times_something_free_of_v(
    tmp_path: Path, law: str, linear: bool
):
    assert of_law(tmp_path, law).is_linear is linear


def test_arguments_broadcast_also_where_the_law_ignores_them(tmp_path: Path):
    model = of_law(tmp_path, "tanh(v)")
    v, g = np.linspace(-1, 1, 3)[:, None], np.ones((1, 4))
    assert model.current(v, g).shape == model.slope(v, g).shape == (3, 4)
    assert (model.conductance_slope(v, g) == np.zeros((3, 4))).all()
    assert np.ndim(model.current(0.1, 1.0)) == 0
    with pytest.raises(ModelError, match=r"shapes do not broadcast: v \(3, 1\), g \(2,\)"):
        model.current(v, np.ones(2)[:, None][:, 0], temperature=np.ones(7))


def test_the_kernel_gives_current_and_slopes_in_one_call(tmp_path: Path):
    model = device(write(tmp_path, OWN["sinh"]), v0=0.5)
    v, g = np.linspace(-1, 1, 5), 1e-3
    current, slope, by_v0 = model.kernel("v", "v0")(v=v, g=g)
    np.testing.assert_array_equal(current, model.current(v, g))
    np.testing.assert_array_equal(slope, model.slope(v, g))
    np.testing.assert_array_equal(by_v0, model.parameter_slope("v0", v, g))
    assert current[-1] == pytest.approx(1e-3 * 0.5 * np.sinh(2.0), rel=1e-15, abs=0)
    np.testing.assert_array_equal(model.kernel()(v=v, g=g, v0=0.1)[0], model.current(v, g, v0=0.1))


def test_parameters_are_overridden_by_name_and_the_device_stays_as_it_was(tmp_path: Path):
    model = device(write(tmp_path, OWN["sinh"]))
    other = device(model, v0=0.5)
    assert (model.values["v0"], other.values["v0"]) == (0.25, 0.5)
    assert other.current(0.5, 1e-3) == model.current(0.5, 1e-3, v0=0.5)
    assert model.with_parameters() is model
    spread = model.current(0.5, 1e-3, v0=[0.25, 0.5])
    assert list(spread) == [model.current(0.5, 1e-3), other.current(0.5, 1e-3)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: d.with_parameters(v_0=1),
            "device 'sinh' has no parameter 'v_0'. Did you mean 'v0'?",
        ),
        (lambda d: d.current(0, 1e-3, beta=1), "has no parameter 'beta'. It has: v0."),
        (lambda d: d.parameter_slope("g0", 0, 1e-3), "has no parameter 'g0'"),
        (lambda d: d.kernel("w"), "has no parameter 'w'"),
        (lambda d: d.with_parameters(v0=11), "parameter v0 = 1.1e+01 V is too large"),
        (lambda d: d.with_parameters(v0="x"), "parameter v0 must hold real numbers"),
        (lambda d: d.with_parameters(v0=[0.1, 0.2]), "parameter v0 has shape (2,)"),
        (lambda d: d.current(0, 1e-3, v0=[0.1, 0.0]), "parameter v0[1] = 0.0e+00 V is too small"),
        (
            lambda d: d.current([[0, 3]], 1e-3),
            "v[0, 1] = 3 V is outside the valid range -1 ... 1 V",
        ),
        (lambda d: d.current(0, 0.1), "g = 0.1 S is outside the valid range 1e-09 ... 0.01 S"),
        (lambda d: d.slope(np.nan, 1e-3), "v = nan is not finite"),
        (lambda d: d.slope(0, np.inf), "g = inf is not finite"),
        (lambda d: d.current("a", 1e-3), "v must hold real numbers"),
        (lambda d: d.current(0, 1e-3, temperature=-1), "temperature = -1.0e+00 K is negative"),
        (
            lambda d: d.current([1, 400], 1e-3, extrapolate=True),
            "current of 'sinh' is not finite at v = 400, g = 0.001, temperature = 300.15. "
            "Its law: sinh needs |x| < 710, a divisor must not be 0.",
        ),
        (lambda d: d.spice_current({"v": "v(1)"}), "no SPICE text for g, temperature, v0"),
    ],
)
def test_calls_are_refused_by_name(tmp_path: Path, call, message: str):
    with pytest.raises(ModelError) as caught:
        call(device(write(tmp_path, OWN["sinh"])))
    assert message in str(caught.value)


def test_extrapolation_is_asked_for(tmp_path: Path):
    model = device(write(tmp_path, OWN["sinh"]))
    assert model.current(2.0, 1e-3, extrapolate=True) == pytest.approx(
        2.5e-4 * np.sinh(8.0), rel=1e-15, abs=0
    )
