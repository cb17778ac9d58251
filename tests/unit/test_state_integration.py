"""The integration of states against closed forms and scipy: ramps, jumps, bounds, stiffness."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from circuitxbar.devices import integration
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device
from circuitxbar.devices.model_file import parse_device
from circuitxbar.devices.state import Load, after
from circuitxbar.errors import ModelError

TOLERANCE = 1e-8
COUNT = 1000


def made(*rates: str) -> Device:
    """A device with the states x0, x1 ... in 0 ... 1, and the parameters a and b."""
    numbers = "".join(
        f'[parameters.{name}]\nunit = "1"\ndefault = 1.0\nrange = [-1e15, 1e15]\nmeaning = "any"\n'
        for name in "ab"
    )
    states = "".join(
        f'[state.x{k}]\nunit = "1"\nrange = [0.0, 1.0]\ninitial = 0.5\nmeaning = "any"\n'
        f'rate = "{rate}"\n'
        for k, rate in enumerate(rates)
    )
    law = '[current]\nlaw = "(1 + x0) * v"\nvalid = { v = [-5.0, 5.0] }\n'
    head = 'name = "made"\ntitle = "made"\nsource = "made"\nterminals = ["p", "n"]\n'
    return parse_device(head + numbers + states + law, "made.toml")


def drawn(seed: int, decades: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Values at the beginning, a tenth at each bound; voltages; durations."""
    rng = np.random.default_rng(seed)
    x = np.clip(rng.uniform(-0.125, 1.125, COUNT), 0.0, 1.0)
    v0, v1 = rng.uniform(-3, 3, (2, COUNT))
    return x, v0, v1, 10 ** rng.uniform(*decades, COUNT)


def moved(x: float, *changes: float) -> float:
    """One monotone stretch after the other, held within 0 ... 1."""
    for change in changes:
        x = min(max(x + change, 0.0), 1.0)
    return x


@pytest.mark.parametrize("seed", range(3))
def test_vteam_ramps_are_the_integral_of_their_rate(seed: int):
    """Across both thresholds, into either bound and back."""
    x, v0, v1, duration = drawn(seed, (-9.0, -5.0))

    def integral(a: float, b: float, t: float) -> float:
        a, b = max(a - 1, 0) if a < b else a - 1, b - 1
        return t * (max(b, 0) ** 4 - max(a, 0) ** 4) / 4

    expected = []
    for start, a, b, t in zip(x, v0, v1, duration, strict=True):
        up = 1e7 * integral(a / 0.5, b / 0.5, t / (b - a) * 0.5)
        down = -1e7 * integral(a / -0.5, b / -0.5, t / (b - a) * -0.5)
        expected.append(moved(start, *((down, up) if a < b else (up, down))))
    found = after(device("vteam"), {"w": x}, (v0, v1), duration, {}, TOLERANCE)["w"]
    assert np.ptp(expected) == 1.0
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize(("above", "between", "below"), [(1, 0, -1), (2, -0.3, -1), (1, 0.5, 0.7)])
def test_jumps_of_a_rate_are_not_stepped_over(above: float, between: float, below: float):
    model = made(f"a * where(v > b, {above}, where(v < -b, {below}, {between}))")
    x, v0, v1, duration = drawn(3, (-9.0, -5.0))
    rng = np.random.default_rng(4)
    a, b = 10 ** rng.uniform(5, 9, COUNT), rng.uniform(0, 3, COUNT)
    expected = []
    for start, va, vb, t, scale, threshold in zip(x, v0, v1, duration, a, b, strict=True):
        crossings = [(threshold - va) / (vb - va), (-threshold - va) / (vb - va)]
        corners = sorted({0.0, 1.0, *(c for c in crossings if 0 < c < 1)})
        changes = []
        for c0, c1 in pairwise(corners):
            v = va + (vb - va) * 0.5 * (c0 + c1)
            rate = above if v > threshold else below if v < -threshold else between
            changes.append(scale * rate * (c1 - c0) * t)
        expected.append(moved(start, *changes))
    found = after(model, {"x0": x}, (v0, v1), duration, {"a": a, "b": b}, TOLERANCE)["x0"]
    assert ((np.asarray(expected) > 0) & (np.asarray(expected) < 1)).mean() > 0.2
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_relaxation_of_any_stiffness():
    model = made("a * (0.5 + 0.5 * tanh(b * v) - x0)")
    x, v, _, duration = drawn(5, (-12.0, 0.0))
    rng = np.random.default_rng(6)
    a, b = 10 ** rng.uniform(0, 12, COUNT), 10 ** rng.uniform(-1, 2, COUNT)
    found = after(model, {"x0": x}, (v, v), duration, {"a": a, "b": b}, TOLERANCE)["x0"]
    rest = 0.5 + 0.5 * np.tanh(b * v)
    np.testing.assert_allclose(found, rest + (x - rest) * np.exp(-a * duration), atol=1e-7)


def test_relaxation_behind_a_ramp():
    """The rest, 0.5 + 0.1 v, moves evenly: what is left of the beginning dies away."""
    model = made("a * (0.5 + 0.1 * v - x0)")
    x, v0, v1, duration = drawn(7, (-12.0, 0.0))
    a = 10 ** np.random.default_rng(8).uniform(0, 12, COUNT)
    found = after(model, {"x0": x}, (v0, v1), duration, {"a": a}, TOLERANCE)["x0"]
    slope = 0.1 * (v1 - v0) / duration
    lag = slope / a * -np.expm1(-a * duration)
    expected = 0.5 + 0.1 * v1 - lag + (x - 0.5 - 0.1 * v0) * np.exp(-a * duration)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_a_gap_opens_and_closes_as_the_inverse_of_its_rate_says():
    """At one voltage the time from one value to another is the integral of 1 / rate."""
    model = device("stanford_rram")
    x, v, _, duration = drawn(9, (-12.0, 0.0))
    gap = 0.2 + 1.5 * x
    found = after(model, {"gap": gap}, (v, v), duration, {}, TOLERANCE)["gap"]
    thermal = 1.38064852e-23 * 300.15 / 1.6021766208e-19
    nodes, weights = np.polynomial.legendre.leggauss(60)
    inside = (found > 0.2) & (found < 1.7) & (found != gap)
    assert inside.mean() > 0.2
    for a, b, volts, t in zip(*(z[inside] for z in (gap, found, v, duration)), strict=True):
        y = 0.5 * (a + b) + 0.5 * (b - a) * nodes
        rate = -1e10 * np.exp(-0.6 / thermal) * np.sinh((16 - 0.8 * y**3) / 48 * volts / thermal)
        taken = 0.5 * (b - a) * (weights / rate).sum()
        last = abs(rate[-1])  # by how much the value is wrong, if the time is
        assert abs(taken - t) * last < 1e-6 or abs(b - a) < 1e-9


def test_a_gap_that_opens_faster_than_a_step_can_tell():
    """At 0.2 nm it moves a thousand times as fast as at 1.7 nm: against Radau IIA."""
    model = device("stanford_rram")
    thermal = 1.38064852e-23 * 300.15 / 1.6021766208e-19
    v0 = np.array([-2.625869179913937, -2.4, -2.8, -2.2])
    duration = np.array([5.9364e-12, 2e-11, 1e-12, 1e-10])
    found = after(model, {"gap": np.full(4, 0.2)}, (v0, 0 * v0), duration, {}, TOLERANCE)["gap"]
    for k in range(4):

        def rate(t: float, y: np.ndarray, k: int = k) -> np.ndarray:
            v = v0[k] * (1 - t / duration[k])
            return -1e10 * np.exp(-0.6 / thermal) * np.sinh((16 - 0.8 * y**3) / 48 * v / thermal)

        start = 1e-4 / abs(rate(0.0, np.array([0.2]))[0])
        answer = solve_ivp(
            rate, (0, duration[k]), [0.2], "Radau", rtol=1e-10, atol=1e-12, first_step=start
        )
        assert 1.2 < answer.y[0, -1] < 1.7
        assert found[k] == pytest.approx(answer.y[0, -1], abs=1e-6)


def test_a_state_leaves_an_unstable_rest_to_its_own_side():
    """An implicit step that is too long would land on the other one, and agree with itself."""
    model = made("a * (x0 - b)")
    rng = np.random.default_rng(13)
    x, b = rng.uniform(0, 1, (2, 3 * COUNT))
    duration, a = 10 ** rng.uniform(-12, 0, 3 * COUNT), 10 ** rng.uniform(0, 12, 3 * COUNT)
    found = after(model, {"x0": x}, (1.0, 1.0), duration, {"a": a, "b": b}, TOLERANCE)["x0"]
    expected = np.clip(b + (x - b) * np.exp(np.minimum(a * duration, 600)), 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_two_states_that_drive_each_other_away_leave_to_their_own_side():
    model = made("a * (x1 - 0.5)", "a * (x0 - 0.5)")
    rng = np.random.default_rng(14)
    x = rng.uniform(0.499, 0.501, (2, COUNT))
    duration, a = 10 ** rng.uniform(-9, 0, COUNT), 10 ** rng.uniform(0, 9, COUNT)
    found = after(
        model, {"x0": x[0], "x1": x[1]}, (1.0, 1.0), duration, {"a": a}, TOLERANCE
    )  # fmt: skip
    rise, fall = x.sum(axis=0) / 2 - 0.5, (x[0] - x[1]) / 2
    inside = a * duration < 5.5  # no bound is met: 0.001 exp(5.5) < 0.5
    for name, sign in (("x0", 1), ("x1", -1)):
        grown = rise * np.exp(np.minimum(a * duration, 5.5))
        exact = 0.5 + grown + sign * fall * np.exp(-np.minimum(a * duration, 5.5))
        np.testing.assert_allclose(found[name][inside], exact[inside], atol=1e-5)
        far = (a * duration > 30) & (np.abs(rise) > 1e-6)
        np.testing.assert_array_equal(found[name][far], np.where(rise[far] > 0, 1.0, 0.0))


def test_a_pulse_that_is_far_too_long_ends_at_the_bound():
    model, widths = device("stanford_rram"), np.logspace(-10, 0, 121)
    for volts, bound in ((3.0, 0.2), (1.5, 0.2), (-1.5, 1.7), (-3.0, 1.7)):
        found = after(model, {"gap": np.array(0.95)}, (volts, volts), widths, {}, TOLERANCE)
        assert found["gap"][-1] == bound


def test_a_return_around_0_v_is_not_passed_over():
    model = made("a * where(abs(v) > b, 1, -0.5)")
    rng = np.random.default_rng(12)
    x, b = rng.uniform(0, 0.3, COUNT), rng.uniform(0.01, 0.2, COUNT)
    v0, v1 = rng.uniform(0.5, 3, COUNT), rng.uniform(-3, -0.5, COUNT)
    found = after(model, {"x0": x}, (v0, v1), 0.4, {"b": b}, TOLERANCE)["x0"]
    one, other = (v0 - b) / (v0 - v1), (-b - v1) / (v0 - v1)
    expected = [
        moved(start, 0.4 * p, -0.2 * (1 - p - q), 0.4 * q)
        for start, p, q in zip(x, one, other, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_two_states_that_move_each_other():
    """A slow state, and one that heats up with it: against Radau IIA."""
    rates = "a * v * (0.1 + x1)", "1000 * a * (v**2 * (0.1 + 0.3 * x0) - x1)"
    model = made(*rates)
    rng = np.random.default_rng(10)
    x = rng.uniform(0, 1, (2, 12))
    v0, v1 = rng.uniform(-1, 1, (2, 12))
    x[0, :5] = 1.0
    duration = 10 ** rng.uniform(-3, 0.5, 12)
    found = after(model, {"x0": x[0], "x1": x[1]}, (v0, v1), duration, {}, TOLERANCE)
    for k in range(12):

        def rate(t: float, y: np.ndarray, k: int = k) -> np.ndarray:
            v = v0[k] + (v1[k] - v0[k]) * t / duration[k]
            p, q = np.clip(y, 0, 1)
            rates = np.array([v * (0.1 + q), 1000 * (v**2 * (0.1 + 0.3 * p) - q)])
            return np.where(((y >= 1) & (rates > 0)) | ((y <= 0) & (rates < 0)), 0.0, rates)

        answer = solve_ivp(
            rate, (0, duration[k]), x[:, k], "Radau",
            rtol=1e-8, atol=1e-10, max_step=duration[k] / 100,
        )  # fmt: skip
        theirs = np.clip(answer.y[:, -1], 0, 1)
        np.testing.assert_allclose([found["x0"][k], found["x1"][k]], theirs, atol=1e-5)


def test_no_place_depends_on_another():
    x, v0, v1, duration = drawn(11, (-9.0, -5.0))
    model = device("vteam")
    together = after(model, {"w": x}, (v0, v1), duration, {}, TOLERANCE)["w"]
    alone = [
        float(after(model, {"w": x[k]}, (v0[k], v1[k]), duration[k], {}, TOLERANCE)["w"])
        for k in range(0, COUNT, 250)
    ]
    np.testing.assert_allclose(together[::250], alone, rtol=1e-14)


@pytest.mark.parametrize(
    ("rate", "reached"),
    [
        ("a / max(x0 - 2, 0)", "0 s of 1 s"),
        ("a * log(x0 - 2)", "0 s of 1 s"),
        ("a * where(x0 < 0.5, 1, -1)", "0.25 s of 1 s"),  # there it turns back, and turns again
    ],
)
def test_rates_that_lead_nowhere_are_refused_and_soon(rate: str, reached: str):
    model, start = made(rate), time.thread_time()
    x = np.array([[0.7, 0.25], [0.5, 0.5]])
    durations = np.array([[0.0, 1.0], [0.0, 0.0]])
    told = rf"made.toml: the states of 'made' at \[0, 1\] cannot be followed beyond {reached}"
    with pytest.raises(ModelError, match=told):
        after(model, {"x0": x}, (np.full((2, 2), 2.0),) * 2, durations, {}, TOLERANCE)
    assert time.thread_time() - start < 5.0


def test_the_voltage_of_a_device_in_series_follows_its_states_at_once():
    """Over a divider: the voltage falls as the state rises, and it falls evenly at the top."""
    model = made("a * (v - 0.5 * x0)")
    x, a, load, top = 0.1, 3.0, -1.5, (1.0, 0.6)
    times = np.linspace(0, 1.3, 5)[1:]

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        return a * (top[0] + (top[1] - top[0]) * t / times[-1] + load * (y - x) - 0.5 * y)

    exact = solve_ivp(rate, (0, times[-1]), [x], "Radau", rtol=1e-10, atol=1e-12).y[0, -1]
    for toward in (x, exact, 0.9):  # the course holds for states that go evenly to there
        end = top[1] + load * (toward - x)
        found = after(
            model, {"x0": np.array(x)}, (np.array(top[0]), np.array(end)), times[-1],
            {"a": np.array(a)}, TOLERANCE,
            Load({"x0": np.array(load)}, {"x0": np.array(toward)}),
        )  # fmt: skip
        assert found["x0"] == pytest.approx(exact, abs=1e-7)


def test_a_thousand_cells_take_about_the_steps_of_the_slowest(monkeypatch: pytest.MonkeyPatch):
    calls = 0
    checked = integration._checked_step

    def counted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        return checked(*arguments)

    monkeypatch.setattr(integration, "_checked_step", counted)
    model = device("stanford_rram")
    top = np.full(COUNT, 2.2)
    after(model, {"gap": np.linspace(0.3, 1.7, COUNT)}, (top, top), 50e-9, {}, TOLERANCE)
    together, calls = calls, 0
    after(model, {"gap": np.array([1.7])}, (top[:1], top[:1]), 50e-9, {}, TOLERANCE)
    assert together <= 4 * calls
