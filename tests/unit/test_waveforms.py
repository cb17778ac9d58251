"""Waveforms: values, exact integrals, breakpoints; pulses of the integral height times width."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import circuitxbar as cx

NS = 1e-9


def exact_integral(times: Any, voltages: Any, start: float, stop: float) -> Fraction:
    """Of one line, in fractions."""
    t, v = [Fraction(float(x)) for x in times], [Fraction(float(x)) for x in voltages]

    def value(when: Fraction) -> Fraction:
        if when <= t[0]:
            return v[0]
        for k in range(len(t) - 1):
            if when <= t[k + 1]:
                return v[k] + (v[k + 1] - v[k]) * (when - t[k]) / (t[k + 1] - t[k])
        return v[-1]

    first, last = Fraction(start), Fraction(stop)
    ticks = [first, *(x for x in t if first < x < last), last]
    parts = ((value(a) + value(b)) * (b - a) / 2 for a, b in pairwise(ticks))
    return sum(parts, Fraction(0))


def test_values_between_at_and_beyond_the_points():
    wave = cx.Waveform([1.0, 2.0, 4.0], [3.0, -1.0, 0.1])
    assert wave.shape == ()
    assert wave.at(2.0) == -1.0
    assert wave.at(4.0) == 0.1
    np.testing.assert_array_equal(wave.at([-5.0, 1.0, 1.5, 4.0, 9.0]), [3.0, 3.0, 1.0, 0.1, 0.1])
    assert wave.at(3.0) == pytest.approx(-0.45, rel=1e-15)


def test_one_point_is_a_constant():
    wave = cx.Waveform([0.0], [[0.1], [0.2]])
    assert wave.shape == (2,)
    np.testing.assert_array_equal(wave.at([-1.0, 7.0]), [[0.1, 0.1], [0.2, 0.2]])
    np.testing.assert_allclose(wave.integral(1.0, 4.0), [0.3, 0.6], rtol=1e-15)
    assert len(wave.breakpoints) == 0


@pytest.mark.parametrize(
    ("times", "voltages", "shape"),
    [
        ((3,), (3,), ()),
        ((3,), (2, 3), (2,)),
        ((3,), (5, 2, 3), (5, 2)),
        ((2, 3), (3,), (2,)),
        ((2, 3), (5, 2, 3), (5, 2)),
        ((5, 2, 3), (2, 3), (5, 2)),
        ((5, 2, 3), (5, 2, 3), (5, 2)),
    ],
)
def test_shapes(times: tuple[int, ...], voltages: tuple[int, ...], shape: tuple[int, ...]):
    rng = np.random.default_rng(1)
    t, v = np.cumsum(rng.uniform(0.1, 1.0, times), axis=-1), rng.uniform(-1, 1, voltages)
    wave = cx.Waveform(t, v)
    assert wave.shape == shape
    assert wave.at(1.0).shape == shape
    assert wave.at([1.0, 2.0]).shape == (*shape, 2)
    assert wave.integral(0.0, 1.0).shape == shape
    t, v = np.broadcast_to(t, (*shape, 3)), np.broadcast_to(v, (*shape, 3))
    for place in np.ndindex(shape):
        for when in (0.05, 0.7, 1.3, 9.0):
            want = np.interp(when, t[place], v[place])
            assert wave.at(when)[place] == pytest.approx(want, abs=1e-15)
            whole = float(exact_integral(t[place], v[place], -0.3, when))
            assert wave.integral(-0.3, when)[place] == pytest.approx(whole, abs=1e-15)
    np.testing.assert_array_equal(wave.breakpoints, np.unique(t))


@given(st.data())
def test_integrals_are_exact_and_add_up(data: st.DataObject):
    real = st.floats(-10, 10, allow_subnormal=False)
    gaps = data.draw(st.lists(st.floats(1e-3, 2.0), min_size=1, max_size=6))
    times = data.draw(real) + np.cumsum(gaps)
    voltages = data.draw(st.lists(real, min_size=len(gaps), max_size=len(gaps)))
    a, b, c = sorted(data.draw(st.lists(real, min_size=3, max_size=3)))
    wave = cx.Waveform(times, voltages)
    assert wave.integral(a, c) == pytest.approx(
        float(exact_integral(times, voltages, a, c)), abs=1e-12
    )
    assert wave.integral(a, b) + wave.integral(b, c) == pytest.approx(
        float(wave.integral(a, c)), abs=1e-12
    )


def test_breakpoints_are_where_a_slope_changes():
    wave = cx.Waveform([0.0, 1.0, 2.0, 3.0], [[0.0, 1.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    np.testing.assert_array_equal(wave.breakpoints, [0.0, 2.0])
    assert wave.select(slice(0, 1)) is wave  # no batch axis


def test_a_waveform_of_any_line_becomes_one_of_as_many_as_needed():
    wave = cx.Waveform([0.0, 1.0], [0.0, 0.5]).for_lines("waveforms", 3)
    assert wave.shape == (3,)
    np.testing.assert_array_equal(wave.at(1.0), [0.5, 0.5, 0.5])
    assert wave.for_lines("waveforms", 3).shape == (3,)
    with pytest.raises(cx.CircuitError, match="column_waveforms is for 3 lines; the array has 4"):
        wave.for_lines("column_waveforms", 4)


def test_vectors_are_taken_out_of_a_batch():
    wave = cx.Waveform([0.0, 1.0], np.arange(12.0).reshape(3, 2, 2))
    np.testing.assert_array_equal(wave.select(slice(1, 3)).at(1.0), [[5.0, 7.0], [9.0, 11.0]])


def test_a_waveform_keeps_copies_that_nobody_can_write():
    times = np.array([0.0, 1.0])
    wave = cx.Waveform(times, [0.0, 1.0])
    times[1] = 5.0
    assert wave.at(1.0) == 1.0
    with pytest.raises(ValueError, match="read-only"):
        wave.times[0] = 1.0


@pytest.mark.parametrize(
    ("times", "voltages", "told"),
    [
        ([0.0, np.nan], [0.0, 1.0], r"Waveform.times\[1\] = nan is not finite"),
        ([0.0, 1.0], [[0.0, np.inf]], r"Waveform.voltages\[0, 1\] = inf is not finite"),
        ([0.0, 1.0], ["a", "b"], "Waveform.voltages must hold real numbers"),
        (0.0, 1.0, r"Waveform.times has shape \(\); expected \(points,\)"),
        ([], [], r"Waveform.times has shape \(0,\)"),
        ([0.0], np.zeros((2, 2, 2, 1)), r"Waveform.voltages has shape \(2, 2, 2, 1\)"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], r"times has shape \(2,\) and voltages \(3,\)"),
        ([[0.0, 1.0]] * 3, [[0.0, 1.0]] * 2, r"times has shape \(3, 2\) and voltages \(2, 2\)"),
        ([0.0, 0.0], [0.0, 1.0], r"Waveform.times\[1\] = 0.0 s does not come after .*, 0.0 s"),
        (
            [[0.0, 1.0], [2.0, 1.0]],
            [0.0, 1.0],
            r"Waveform.times\[1, 1\] = 1.0 s does not come after .*, 2.0 s",
        ),
    ],
)
def test_bad_points_are_named(times: Any, voltages: Any, told: str):
    with pytest.raises(cx.CircuitError, match=told):
        cx.Waveform(times, voltages)


def test_bad_questions_are_named():
    wave = cx.Waveform([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(cx.CircuitError, match="time = nan is not finite"):
        wave.at(np.nan)
    with pytest.raises(cx.CircuitError, match=r"time has shape \(1, 1\)"):
        wave.at([[0.0]])
    with pytest.raises(cx.CircuitError, match=r"stop = 1.0e\+00 s is too small.*>= 2"):
        wave.integral(2.0, 1.0)


def test_a_pulse_in_full():
    wave = cx.pulses([0.2], 5 * NS, delay=1 * NS, rise=1 * NS, fall=2 * NS)
    np.testing.assert_allclose(wave.breakpoints, np.array([1.0, 2.0, 5.5, 7.5]) * NS, rtol=1e-15)
    np.testing.assert_allclose(
        wave.at(np.array([0.0, 1.5, 2.0, 5.5, 6.5, 8.0]) * NS),
        [[0.0, 0.1, 0.2, 0.2, 0.1, 0.0]],
        rtol=1e-14,
        atol=1e-16,
    )


@given(
    st.floats(-1.0, 1.0),
    st.just(0.0) | st.floats(1e-15, 1e-6),
    st.floats(0.0, 1e-7),
    st.floats(1e-12, 1e-8),
    st.floats(1e-12, 1e-8),
)
def test_the_integral_of_a_pulse_is_height_times_width(
    height: float, width: float, delay: float, rise: float, fall: float
):
    wave = cx.pulses([height], width, delay=delay, rise=rise, fall=fall)
    whole = wave.integral(-1.0, 1.0)
    # Points in time are rounded, by eps of the largest of them.
    rounding = 8 * np.finfo(float).eps * abs(height) * (delay + width + rise + fall)
    rounding += 8 * np.finfo(float).smallest_subnormal
    np.testing.assert_allclose(whole, [height * width], rtol=1e-12, atol=rounding)
    assert np.abs(wave.at(wave.breakpoints)).max(initial=0.0) <= abs(height)


def test_no_width_is_no_pulse_and_a_short_one_keeps_its_slopes():
    wave = cx.pulses(0.4, [0.0, 0.5 * NS, 2 * NS], rise=1 * NS, fall=3 * NS)
    assert not wave.at(np.linspace(0, 10, 50) * NS)[0].any()
    # A quarter of the area of the shortest full pulse, 2 ns: half its height, in half the time.
    np.testing.assert_allclose(
        wave.at(np.array([0.25, 0.5, 1.25, 2.0]) * NS)[1], [0.1, 0.2, 0.1, 0.0], atol=1e-15
    )
    np.testing.assert_allclose(
        wave.at(np.array([1.0, 2.5, 4.0]) * NS)[2], [0.4, 0.2, 0.0], atol=1e-15
    )


def test_shapes_of_pulses():
    heights, widths = np.full((4, 3), 0.2), np.full(3, NS)
    assert cx.pulses(0.2, NS).shape == ()
    assert cx.pulses(0.2, widths).shape == (3,)
    assert cx.pulses(heights, widths).shape == (4, 3)
    assert cx.pulses(heights[0], np.full((4, 3), NS)).shape == (4, 3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"widths": [-1e-9]}, r"widths\[0\] = -1.0e-09 s is negative"),
        ({"widths": np.nan}, "widths = nan is not finite"),
        ({"voltages": np.zeros((1, 1, 1))}, r"voltages has shape \(1, 1, 1\)"),
        ({"voltages": []}, r"voltages has shape \(0,\)"),
        ({"widths": [1e-9, 1e-9]}, r"voltages has shape \(3,\) and widths \(2,\)"),
        ({"rise": 0.0}, "rise = 0 s must be above 0"),
        ({"fall": -1.0}, "fall = -1 s must be above 0"),
        ({"delay": np.inf}, "delay = inf is not finite"),
        ({"delay": 1.0, "widths": 1e-30}, "a pulse of 1e-30 s .* cannot be told in time"),
    ],
)
def test_bad_pulses_are_named(given: dict[str, Any], told: str):
    arguments = {"voltages": [0.1, 0.2, 0.3], "widths": 1e-9} | given
    with pytest.raises(cx.CircuitError, match=told):
        cx.pulses(arguments.pop("voltages"), arguments.pop("widths"), **arguments)
