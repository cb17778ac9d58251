"""Switches in transients: what no charge or flux holds jumps, and all else goes on as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

METHODS = ("trapezoidal", "gear")
SWITCHED = 5e-6  # s, where the clock crosses the threshold
CLOCK = "vg g 0 pulse(0 1 4u 2u 2u 1 2)\n"
FALLING = "vg g 0 pulse(1 0 4u 2u 2u 1 2)\n"


def course(cards: str, stop: float = 20e-6, **options: Any) -> cx.Curves:
    return cx.transient(cx.read_spice(f"switched\n{cards}"), stop=stop, tol=1e-6, **options)


@pytest.mark.parametrize("method", METHODS)
def test_both_ends_of_a_capacitor_jump_and_its_charge_does_not(method: Any):
    found = course(
        f"v1 in 0 12\n{CLOCK}s1 in x g 0 sm\nc1 x j 1n\nr1 j 0 1k\nrx x 0 1g\n"
        ".model sm sw(vt=0.5 vh=0 ron=2k roff=1e15)\n",
        method=method,
    )
    since = found.time - SWITCHED
    before, after = since < -1e-9, since > 1e-9
    assert np.abs(found.voltage("j")[before]).max() < 1e-6
    exact = 4.0 * np.exp(-since[after] / 3e-6)
    np.testing.assert_allclose(found.voltage("j")[after], exact, atol=12 * 1e-4)
    across = found.voltage("x") - found.voltage("j")
    jump = np.abs(np.diff(found.voltage("j"))).argmax()
    assert np.diff(found.time)[jump] < 1e-9 * found.time[-1]
    assert abs(np.diff(across)[jump]) < 1e-7
    assert np.diff(found.voltage("j"))[jump] == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("ohm", ["1", "1m", "1u", "1n"])
def test_capacitors_share_their_charge_however_fast(ohm: str):
    found = course(
        f"{CLOCK}s1 a b g 0 sm\nc1 a 0 1n ic=1\nc2 b 0 3n ic=0\nr1 a 0 1t\nr2 b 0 1t\n"
        f".model sm sw(vt=0.5 vh=0 ron={ohm} roff=1e15)\n",
        initial="given",
    )
    for node in "ab":
        assert found.voltage(node)[-1] == pytest.approx(0.25, rel=1e-6)
    charge = found.voltage("a") + 3 * found.voltage("b")
    np.testing.assert_allclose(charge, 1.0, rtol=1e-6)


def test_inductors_share_their_flux():
    found = course(
        f"v1 in 0 1\n{FALLING}r1 in a 1k\nl1 a m 1m\nl2 m b 3m\nr2 b 0 1k\ns1 m 0 g 0 sm\n"
        ".model sm sw(vt=0.5 vh=0 ron=1u roff=1g)\n"
    )
    after = found.time > SWITCHED + 1e-9
    # 1 mA in 1 mH and nothing in 3 mH: 0.25 mA in 4 mH, which 2 kOhm then bring to 0.5 mA.
    exact = 0.5e-3 - 0.25e-3 * np.exp(-(found.time[after] - SWITCHED) / 2e-6)
    for name in ("l1", "l2"):
        np.testing.assert_allclose(found.current(name)[after], exact, atol=1e-7)


def test_switches_that_a_jump_makes_switch_do_so_at_once():
    found = course(
        f"v1 in 0 12\n{CLOCK}s1 in x g 0 sm\nr1 x 0 1k\nc1 x y 1n\nr2 y 0 1k\n"
        "s2 in z y 0 sm\nr3 z 0 1k\nc3 z 0 1n\n.model sm sw(vt=0.5 vh=0 ron=1k roff=1t)\n"
    )
    # x and y jump to 4 V, and so 8 mA flow into x and 12 mA into z where that begins.
    jump = np.abs(np.diff(found.voltage("y"))).argmax()
    assert found.current("v1")[jump + 1] == pytest.approx(-20e-3, rel=1e-3)
    # y decays; z is charged by 500 ohm from then on, till y is below 0.5 V.
    since = found.time - SWITCHED
    at = (since > 1e-9) & (since < 1e-6)
    exact = 6.0 * -np.expm1(-since[at] / 0.5e-6)
    np.testing.assert_allclose(found.voltage("z")[at], exact, atol=6 * 1e-3)


def test_a_junction_jumps_with_the_switch_before_it():
    """A diode at its reverse voltage within some picoseconds, and no error but a small one."""
    card = "d1 0 x dm\n.model dm d(is=1e-12 rs=1 cjo=100p vj=0.8 m=0.5)\n"
    found = course(
        f"v1 in 0 12\n{CLOCK}s1 in x g 0 sm\nrx x 0 1k\n{card}"
        ".model sm sw(vt=0.5 vh=0 ron=50m roff=1meg)\n"
    )
    charge = 2 * 100e-12 * 0.8 * (np.sqrt(1 + found.voltage("x") / 0.8) - 1)
    assert found.voltage("x")[-1] == pytest.approx(12 * 1e3 / (1e3 + 0.05), rel=1e-6)
    assert charge[-1] == pytest.approx(1e-9 * 0.16 * 3.0, rel=1e-3)
    through = -found.current("v1") - found.voltage("x") / 1e3 - 1e-12
    at = found.time > SWITCHED - 1e-9
    delivered = np.sum(through[at][1:] * np.diff(found.time[at]))  # first order is coarse here
    assert delivered == pytest.approx(charge[-1], rel=0.05)


def test_nodes_that_nothing_holds_leave_their_initial_voltages_at_once():
    found = course("v1 in 0 1\nr1 in a 1k\nr2 a 0 1k\nc1 a b 1n\nr3 b 0 1k\n.ic v(b)=0.7\n")
    # At rest but for b, c1 has -0.2 V; its discharge is by 1.5 kilo-ohm.
    later = found.time > 1e-12
    exact = (0.5 + 0.2) / 1.5 * np.exp(-found.time[later] / 1.5e-6)
    np.testing.assert_allclose(found.voltage("b")[later], exact, atol=1e-4)


def test_currents_at_given_charges_are_no_rounding_of_these():
    found = course("v1 in 0 5\nc1 in 0 1m ic=5\nr1 in 0 1k\n", initial="given")
    np.testing.assert_allclose(found.current("v1"), -5e-3, rtol=1e-6)


def test_a_switch_that_opens_itself_is_told_of():
    with pytest.raises(cx.SolverError, match=r"without end at 1\.5\d*e-06 s.*hysteresis"):
        course(
            "v1 in 0 pulse(0 1 1u 1u 1u 1 2)\nr1 in a 1k\ns1 a 0 a 0 sm\n"
            ".model sm sw(vt=0.5 vh=0 ron=1 roff=1g)\n"
        )


def test_a_jump_past_two_corners_does_not_turn_the_time_back():
    found = course(
        "vg g 0 pulse(0 1 1u 1n 1n 200 300)\nv1 in 0 pulse(0 1 1001.2n 1n 1n 1 300)\n"
        "s1 in a g 0 sm\nr1 a 0 1k\nc1 a 0 1u\n.model sm sw(vt=0.5 vh=0 ron=1k roff=1g)\n",
        stop=100.0,
        maximum_step=10.0,
    )
    assert np.diff(found.time).min() > 0
    later = (found.time > 1e-5) & (found.time < 1.0)
    exact = 0.5 * -np.expm1(-(found.time[later] - 1e-6) / 0.5e-3)
    np.testing.assert_allclose(found.voltage("a")[later], exact, atol=1e-4)


def test_no_step_is_less_than_the_last_digits_of_the_time():
    found = course("v1 in 0 pulse(0 1 0.9 50f 50f 1 2)\nr1 in a 1k\nc1 a 0 1u\n", stop=1.0)
    assert np.diff(found.time).min() > 1e-14
    later = found.time > 0.9 + 1e-9
    exact = -np.expm1(-(found.time[later] - 0.9) / 1e-3)
    np.testing.assert_allclose(found.voltage("a")[later], exact, atol=1e-4)
