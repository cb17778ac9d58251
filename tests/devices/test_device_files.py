"""Every file in device_models by its mere presence, and a few laws written as a user would."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from devices.device_samples import TEMPERATURES, arguments, parameters

from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device, device_folder, device_names
from circuitxbar.errors import ModelError

HEAD = """
name = "{name}"
title = "A law for a test"
source = "written for this test"
terminals = {terminals}
passive = true
monotone = true
"""
TWO, THREE = '["p", "n"]', '["d", "g", "s"]'

OWN = {
    "scaled": HEAD.format(name="scaled", terminals=TWO)
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
    "bent": HEAD.format(name="bent", terminals=TWO)
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
    "follower": HEAD.format(name="follower", terminals=THREE).replace(
        "monotone = true",
        "monotone = false",  # v_gs is that of one end, whichever is lower
    )
    + """
[define]
width = "1 + log1p(max(v_gs, 0)) / 2"
[current]
law = "g * tanh(v_ds / 0.1) * width * temperature / 300"
valid = { v_d = [-1.0, 1.0], v_g = [-1.0, 1.0], v_s = [0.0, 0.5], g = [0.0, 1e-2] }
[[reference]]
kind = "computed"
v_d = 0.1
v_g = 1.0
v_s = 0.0
g = 1e-3
current = 1.02605535e-03          # 1e-3 * tanh(1) * (1 + ln(2) / 2) * 1.0005, from tables
tolerance = 1e-8
""",
}


@pytest.fixture(params=[*device_names(), *OWN])
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    if request.param not in OWN:
        return device(request.param)
    return device(write(tmp_path, OWN[request.param]))


def settings(model: Device) -> list[dict[str, Any]]:
    """Parameters and temperatures: those in force, and some from everywhere in their ranges."""
    rng = np.random.default_rng(20240517)
    others = [
        {**parameters(model, rng), "temperature": temperature}
        for temperature in (*TEMPERATURES, *TEMPERATURES)
    ]
    return [{}, *others]


def five_point(f: Callable[[Any], Any], x: Any, step: Any) -> Any:
    near, far = f(x + step) - f(x - step), f(x + 2 * step) - f(x - 2 * step)
    return (8 * near - far) / (12 * step)


def test_the_folder_is_found_and_every_file_has_the_name_of_its_device():
    assert {"linear", "sinh", "diode", "ekv_transistor"} <= set(device_names())
    tables = set()
    for name in device_names():
        model = device(name)
        assert model.name == name
        if model.pulses is not None and model.pulses.table is not None:
            tables.add(f"{name}.csv")
    files = {file.name for file in device_folder().iterdir()}
    assert files == {f"{name}.toml" for name in device_names()} | tables


def test_slopes_are_the_finite_differences_of_the_current(each: Device):
    rng = np.random.default_rng(3)
    points = dict(zip(each.valid, arguments(each, 300, rng), strict=True))
    for setting in settings(each):
        own = {name: each.values[name] for name in each.law_parameters}
        values = {**points, "temperature": 300.15, **own, **setting}
        for name in values:
            assert_slope(each, values, name)


def assert_slope(model: Device, values: dict[str, Any], name: str) -> None:
    def current(x: Any) -> Any:
        return model.kernel()(**{**values, name: x})[0]

    here = values[name] * np.ones(300)
    voltage = name.startswith("v") and name in model.valid
    step = 1e-5 if voltage else 1e-5 * np.maximum(np.abs(here), 1e-6)
    with np.errstate(all="ignore"):
        size = np.broadcast_to(current(here), 300)
        others = {key: value for key, value in values.items() if key not in model.valid}
        arguments = [values[key] for key in model.valid]
        exact = model.slope(*arguments, by=name, **others) * np.ones(300)
        numeric, finer = (five_point(current, here, h) for h in (step, step / 4))
    rounding = 1e-13 * np.abs(size) / step
    # Across a kink differences mean nothing, which those of another step show.
    smooth = np.abs(numeric - finer) <= 1e-7 * np.abs(numeric) + 8 * rounding
    assert smooth.mean() > 0.97
    off = np.abs(exact - numeric)[smooth] - (1e-6 * np.abs(numeric) + 4 * rounding)[smooth]
    tiny = np.finfo(float).tiny  # numbers below it have few digits
    assert off.max() <= tiny, (name, values)


def test_passive_and_monotone_hold_where_they_are_declared(each: Device):
    rng = np.random.default_rng(4)
    steps = [np.linspace(*each.valid[name], 21) for name in each.variables]
    grid = [axis.ravel() for axis in np.meshgrid(*steps)]
    if "g" in each.valid:
        grid.append(np.full(grid[0].shape, each.valid["g"][1]))
    for setting in settings(each):
        for points in (arguments(each, 3000, rng), grid):
            current = each.current(*points, **setting)
            slopes = [each.slope(*points, by=name, **setting) for name in each.variables]
            if len(each.variables) == 1:
                assert not each.passive or (points[0] * current >= 0).all()
                assert not each.monotone or (slopes[0] > 0).all()
                continue
            rounding = 1e-14 * np.abs(slopes).max(axis=0)
            difference = points[0] - points[2]
            assert not each.passive or (difference * current >= 0).all()
            assert not each.monotone or (slopes[0] >= -rounding).all()
            assert not each.monotone or (slopes[2] <= rounding).all()


def test_what_is_declared_can_be_found_untrue(tmp_path: Path):
    falling = OWN["scaled"].replace("g * v0 * sinh(x)", "g * v0 * (x - sinh(x) / 4)")
    with pytest.raises(AssertionError):
        test_passive_and_monotone_hold_where_they_are_declared(device(write(tmp_path, falling)))
    swapped = OWN["follower"].replace("tanh(v_ds / 0.1)", "tanh((v_d - 2 * v_s) / 0.1)")
    with pytest.raises(AssertionError):
        test_passive_and_monotone_hold_where_they_are_declared(device(write(tmp_path, swapped)))


def test_references_are_met_and_a_computed_one_has_a_cited_law(each: Device):
    for point in each.references:
        assert each.current(*point.arguments) == pytest.approx(
            point.current, rel=point.tolerance, abs=0
        )
        if point.kind == "computed":
            assert each.source


def test_the_current_is_nothing_at_no_voltage_and_the_spice_text_is_whole(each: Device):
    nothing = [each.valid[name][1] if name == "g" else 0.0 for name in each.valid]
    assert each.current(*nothing) == 0.0
    first, *_, last, empty = each.spice().split("\n")
    assert first.startswith(f".subckt {each.name} {' '.join(each.terminals)} ")
    assert (" g=0.0 " in first) is each.uses_conductance is ("g" in each.valid)
    assert "temperature=300.15" in first
    assert (last, empty) == (f".ends {each.name}", "")
    assert all(f" {name}={each.values[name]!r}" in first for name in each.law_parameters)


def test_far_outside_the_valid_range_a_law_is_still_a_number(each: Device):
    rng = np.random.default_rng(5)
    names = (*each.valid, "temperature", *each.law_parameters)
    points = arguments(each, 2000, rng)
    for k in range(len(each.variables)):
        points[k] = rng.uniform(-10, 10, 2000)
    for temperature in TEMPERATURES:
        named = dict(zip(each.valid, points, strict=True))
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            results = each.kernel(*names)(**named, temperature=temperature)
        assert all(np.isfinite(result).all() for result in results)


def test_a_channel_conducts_the_same_either_way_round():
    rng = np.random.default_rng(6)
    v_d, v_g, v_s = rng.uniform(-2, 3, (3, 500))
    for name in ("square_law_transistor", "ekv_transistor"):
        model = device(name)
        np.testing.assert_array_equal(model.current(v_d, v_g, v_s), -model.current(v_s, v_g, v_d))
        assert (model.slope(v_d, 5.0, v_d) > 0).all()  # also without a voltage across


def test_the_square_law_is_the_limit_of_the_continuous_one():
    """Without body effect and with slope factor 1, far from threshold and in the cold."""
    square = device("square_law_transistor", body_effect=0, channel_length_modulation=0)
    continuous = device("ekv_transistor", slope_factor=1.0)
    for v_d in (0.1, 0.5, 3.0):
        exact = square.current(v_d, 2.0, 0.2)
        assert continuous.current(v_d, 2.0, 0.2, temperature=10.0) == pytest.approx(exact, rel=1e-4)


def test_a_diode_keeps_its_digits_near_nothing():
    model, v = device("diode"), np.array([-1e-3, -1e-9, 1e-15, 1e-6])
    x = v * 1.6021766208e-19 / (1.38064852e-23 * 300.15)
    np.testing.assert_allclose(model.current(v), 1e-14 * np.expm1(x), rtol=1e-15)


def test_g_is_used_also_by_way_of_a_definition_and_only_where_the_law_comes_to_it(tmp_path: Path):
    text = OWN["scaled"].replace('x = "v / v0"', 'x = "v / v0"\ny = "g * x"\nz = "g"')
    text = text.split("[[reference]]")[0]
    model = device(write(tmp_path, text.replace("g * v0 * sinh(x)", "v0 * y")))
    assert model.uses_conductance
    assert model.current(0.5, 1e-3) == 0.5e-3
    free = text.replace("g * v0 * sinh(x)", "1e-3 * x").replace(", g = [1e-9, 1e-2]", "")
    model = device(write(tmp_path, free))
    assert not model.uses_conductance
    assert model.current(0.5) == 2e-3
    assert model.kernel("g")(v=0.5, g=1.0) == (2e-3, 0)


def test_linear_is_linear_and_exact():
    linear = device("linear")
    rng = np.random.default_rng(3)
    v, g = rng.normal(size=50), rng.uniform(0, 1e-3, 50)
    assert linear.is_linear
    np.testing.assert_array_equal(linear.current(v, g), g * v)
    np.testing.assert_array_equal(linear.slope(v, g), g)
    np.testing.assert_array_equal(linear.slope(v, g, by="g"), v)
    assert linear.current(0.3, 0.0) == 0.0
    assert linear.spice() == (
        ".subckt linear p n g=0.0 temperature=300.15\nb1 p n i=({g}*v(p,n))\n.ends linear\n"
    )


def write(tmp_path: Path, text: str, name: str = "own.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def of_law(tmp_path: Path, law: str) -> Device:
    head = HEAD.format(name="own", terminals=TWO)
    used = ", g = [0, 1]" if re.search(r"\bg\b", law) else ""
    return device(
        write(tmp_path, head + f"[current]\nlaw = '{law}'\nvalid = {{v = [-9, 9]{used}}}")
    )


@pytest.mark.parametrize(
    ("law", "linear"),
    [
        ("g * v", True),
        ("v * g * (temperature / 300) ** 0.7", True),
        ("(g + 1e-6) * v + g * v", True),
        ("g * v + 1e-9", False),
        ("v / (1 + v - v)", True),
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
    model = of_law(tmp_path, "tanh(v) + 0 * g")
    v, g = np.linspace(-1, 1, 3)[:, None], np.ones((1, 4))
    assert model.current(v, g).shape == model.slope(v, g).shape == (3, 4)
    assert (model.slope(v, g, by="g") == np.zeros((3, 4))).all()
    assert np.ndim(model.current(0.1, 1.0)) == 0
    with pytest.raises(ModelError, match=r"shapes do not broadcast: v \(3, 1\), g \(2,\)"):
        model.current(v, np.ones(2)[:, None][:, 0], temperature=np.ones(7))


def test_the_kernel_gives_current_and_slopes_in_one_call(tmp_path: Path):
    model = device(write(tmp_path, OWN["scaled"]), v0=0.5)
    v, g = np.linspace(-1, 1, 5), 1e-3
    current, slope, by_v0 = model.kernel("v", "v0")(v=v, g=g)
    np.testing.assert_array_equal(current, model.current(v, g))
    np.testing.assert_array_equal(slope, model.slope(v, g))
    np.testing.assert_array_equal(by_v0, model.slope(v, g, by="v0"))
    assert current[-1] == pytest.approx(1e-3 * 0.5 * np.sinh(2.0), rel=1e-15, abs=0)
    np.testing.assert_array_equal(model.kernel()(v=v, g=g, v0=0.1)[0], model.current(v, g, v0=0.1))


def test_parameters_are_overridden_by_name_and_the_device_stays_as_it_was(tmp_path: Path):
    model = device(write(tmp_path, OWN["scaled"]))
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
            "device 'scaled' has no parameter 'v_0'. Did you mean 'v0'?",
        ),
        (lambda d: d.current(0, 1e-3, beta=1), "has no parameter 'beta'. It has: v0."),
        (lambda d: d.slope(0, 1e-3, by="v1"), "has no slope by 'v1'. Did you mean 'v'?"),
        (lambda d: d.slope(0, 1e-3, by=["g"]), "has no slope by ['g']. It has: v, g, temperature"),
        (lambda d: d.kernel("w"), "has no slope by 'w'"),
        (lambda d: d.kernel(np.ones(2)), "has no slope by array([1., 1.])"),
        (lambda d: d.current(0), "'scaled' takes v, g; got 1 argument."),
        (lambda d: d.slope(0, 1e-3, 300.0), "'scaled' takes v, g; got 3 arguments."),
        (lambda d: device("diode").current(0, 1e-3), "'diode' takes v; got 2 arguments."),
        (lambda d: device("diode").slope(0, by="g"), "has no slope by 'g'"),
        (lambda d: device("ekv_transistor").current(0.1), "takes v_d, v_g, v_s; got 1 argument."),
        (
            lambda d: device("ekv_transistor").current(0.1, 9, 0),
            "v_g = 9 V is outside the valid range -5 ... 5 V",
        ),
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
            "current of 'scaled' is not finite at v = 400, g = 0.001, temperature = 300.15. "
            "Its law: sinh needs |x| < 710, a divisor must not be 0.",
        ),
    ],
)
def test_calls_are_refused_by_name(tmp_path: Path, call, message: str):
    with pytest.raises(ModelError) as caught:
        call(device(write(tmp_path, OWN["scaled"])))
    assert message in str(caught.value)


def test_extrapolation_is_asked_for(tmp_path: Path):
    model = device(write(tmp_path, OWN["scaled"]))
    assert model.current(2.0, 1e-3, extrapolate=True) == pytest.approx(
        2.5e-4 * np.sinh(8.0), rel=1e-15, abs=0
    )
