"""Each analysis that ngspice makes of a Circuit, against a closed form."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    CurrentControlledVoltageSource,
    CurrentSwitch,
    DeviceElement,
    Diode,
    Inductor,
    Mosfet,
    Switch,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
)
from circuitxbar.circuit.group import Behaviour, Group, ModelCard, Names
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine
from circuitxbar.devices.expression import Law
from circuitxbar.errors import CircuitError, NetlistError, SolverError
from circuitxbar.ngspice import analyses
from circuitxbar.ngspice.engine import operating_point
from circuitxbar.ngspice.grids import grids
from circuitxbar.ngspice.runner import Run, run

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
ac, dc_sweep, noise = (
    partial(analyse, engine="ngspice") for analyse in (cx.ac, cx.dc_sweep, cx.noise)
)
BOLTZMANN, CHARGE, ROOM = 1.38064852e-23, 1.6021766208e-19, 300.15
THERMAL = BOLTZMANN * ROOM / CHARGE  # V
DIODE = ModelCard("dm", "d", {"is": 1e-14, "n": 1.2})


def transient(circuit: Circuit, stop: float, step: float | None = None, **options: Any) -> Any:
    return cx.transient(circuit, stop=stop, maximum_step=step, engine="ngspice", **options)


def diode_current(v: np.ndarray | float, area: float = 1.0) -> np.ndarray:
    return area * 1e-14 * np.expm1(np.asarray(v) / (1.2 * THERMAL))


# --- operating points -----------------------------------------------------------------------


def test_controlled_sources_and_the_currents_of_what_fixes_a_voltage():
    circuit = Circuit().add(
        V("v1", "a", "0", 2.0),
        R("r1", "a", "b", 1e3),
        Inductor("l1", "b", "c", 1e-3),
        R("r2", "c", "0", 3e3),
        VoltageControlledVoltageSource("e1", "e", "0", "c", "0", 4.0),
        R("r3", "e", "0", 1e3),
        VoltageControlledCurrentSource("g1", "0", "g", "c", "b", 1.0),
        VoltageControlledCurrentSource("g2", "0", "g", "a", "c", 2e-3),
        R("r4", "g", "0", 1e3),
        CurrentControlledCurrentSource("f1", "f", "0", "e1", 0.5),
        R("r5", "f", "0", 1e3),
        CurrentControlledVoltageSource("h1", "h", "0", "v1", 1e3),
        R("r6", "h", "0", 250.0),
        BehaviouralSource(
            "b1",
            "u",
            "0",
            voltage="x * y * k",
            voltages={"x": ("a", "0")},
            currents={"y": "l1"},
            parameters={"k": 1e3},
        ),
        R("r7", "u", "0", 2e3),
        VoltageControlledVoltageSource("e2", "out", "0", "0", "minus", math.inf),
        R("r8", "a", "minus", 1e3),
        R("r9", "minus", "out", 5e3),
    )
    point = operating_point(circuit)
    through = 2.0 / 4e3
    wanted = {"c": 1.5, "e": 6.0, "g": 1.0, "f": 3.0, "h": -2.5, "u": 1.0, "out": -10.0}
    for node, value in wanted.items():
        assert point.voltage(node) == pytest.approx(value, rel=1e-10), node
    currents = {
        "v1": -through - 2e-3,
        "l1": through,
        "e1": -6e-3,
        "h1": 10e-3,
        "b1": -0.5e-3,
        "e2": 2e-3,
    }
    for name, value in currents.items():
        assert point.current(name) == pytest.approx(value, rel=1e-10), name
    assert point.source_currents[:, 0] == pytest.approx(list(currents.values()), rel=1e-10)
    assert point.current("g2") == pytest.approx(1e-3, rel=1e-10)
    assert point.current("f1") == pytest.approx(-3e-3, rel=1e-10)


def test_the_residual_of_linear_circuits_is_recomputed():
    linear = Circuit().add(
        V("v1", "a", "0", 2.0),
        R("r1", "a", "b", 1e3),
        VoltageControlledCurrentSource("g1", "b", "0", "a", "b", 1e-3),
        CurrentControlledCurrentSource("f1", "a", "b", "v1", 0.5),
        R("r2", "b", "0", 1e3),
    )
    point = operating_point(linear)
    assert point.residual == pytest.approx([0.0], abs=1e-15)
    wrong = replace(point, voltages=point.voltages * 1.001)
    assert wrong.residual[0] > 1e-7


def test_junctions_and_transistors():
    square = ModelCard("nm", "nmos", {"level": 1, "vto": 0.5, "kp": 2e-5, "lambda": 0.0})
    ebers_moll = ModelCard("qm", "npn", {"is": 1e-15, "bf": 80.0, "br": 2.0})
    circuit = Circuit().add(
        V("v1", "a", "0", 0.6),
        Diode("d1", "a", "0", DIODE, 3.0),
        V("v2", "b", "0", 0.62),
        V("v3", "c", "0", 3.0),
        Bipolar("q1", "c", "b", "0", ebers_moll, 2.0),
        V("v4", "g", "0", 1.5),
        V("v5", "d", "0", 2.0),
        Mosfet("m1", "d", "g", "0", "0", square, 4e-6, 1e-6, 5.0),
    )
    point = operating_point(circuit)
    assert point.current("v1") == pytest.approx(-diode_current(0.6, 3.0), rel=1e-9)
    forward = 2e-15 * np.expm1(0.62 / THERMAL)
    reverse = 2e-15 * np.expm1((0.62 - 3.0) / THERMAL)
    assert point.current("v3") == pytest.approx(-(forward - reverse * 1.5), rel=1e-9)
    assert point.current("v2") == pytest.approx(-(forward / 80 + reverse / 2), rel=1e-9)
    assert point.current("v5") == pytest.approx(-5 * 2e-5 / 2 * 4 * 1.0**2, rel=1e-9)


def test_switches_keep_what_they_are_between_their_thresholds():
    def divided(control: float, closed: bool) -> tuple[float, float]:
        circuit = Circuit().add(
            V("v1", "a", "0", 1.0),
            V("vc", "c", "0", control),
            R("rc", "c", "0", 1.0),
            Switch("s1", "a", "b", "c", "0", 0.5, 0.2, 100.0, 900.0, closed),
            R("r1", "b", "0", 100.0),
            CurrentSwitch("w1", "a", "d", "vc", -0.5, 0.2, 100.0, 900.0, closed),
            R("r2", "d", "0", 100.0),
        )
        point = operating_point(circuit)
        return point.voltage("b"), point.voltage("d")  # pyright: ignore[reportReturnType]

    # vc has the current -control: the two switches are each other's mirror image.
    for closed in (False, True):
        assert divided(0.71, closed) == pytest.approx((0.5, 0.1), rel=1e-12)
        assert divided(0.29, closed) == pytest.approx((0.1, 0.5), rel=1e-12)
        kept = 0.5 if closed else 0.1
        # ngspice forgets the `on` of a switch that a current controls: it is always open there.
        assert divided(0.5, closed) == pytest.approx((kept, 0.1), rel=1e-12)


def test_laws_keep_all_digits_of_their_numbers():
    third, law = 1 / 3, "k * x + 0.12345678901234567"
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        BehaviouralSource(
            "b1", "b", "0", voltage=law, voltages={"x": ("a", "0")}, parameters={"k": third}
        ),
        R("r1", "b", "0", 1.0),
    )
    found = operating_point(circuit).voltage("b")
    assert found == pytest.approx(third + 0.12345678901234567, rel=1e-15)


@pytest.mark.parametrize("level", [14, 54])
def test_a_foundry_level_reaches_ngspice_unchanged(level: int):
    """BSIM4 with its built-in numbers: the same bits as from a deck written by hand."""
    card = ModelCard("nm", "nmos", {"level": level})
    circuit = Circuit().add(
        V("v1", "d", "0", 0.7),
        V("v2", "g", "0", 0.9),
        Mosfet("m1", "d", "g", "0", "0", card, 1e-6, 1e-7),
    )
    by_hand = run(
        "by hand\nv1 d 0 0.7\nv2 g 0 0.9\nm1 d g 0 0 nm w=1u l=0.1u\n"
        f".model nm nmos level={level}\n.options reltol=1e-8 gmin=1e-20\n.op\n.end"
    )
    current = operating_point(circuit).current("v1")
    assert current == pytest.approx(by_hand.vectors["v1#branch"][0], rel=1e-12)
    assert 1e-5 < -float(current) < 1e-2


CARD_OF_45_NM = Path("/usr/share/doc/ngspice/examples/klu/Circuits/technology/45nm_HP.pm")


def test_a_published_card_of_45_nm_runs_a_cell():
    """The card as ngspice reads it itself gave these two currents in a deck written by hand."""
    text = CARD_OF_45_NM.read_text().lower().split(".model")[1]
    given = dict(re.findall(r"([a-z][a-z0-9_]*)\s*=\s*(\S+)", text))
    assert given.pop("version") == "4.7.0"
    card = ModelCard("hp", "nmos", {"version": 4.7} | {k: float(v) for k, v in given.items()})
    for gate, current in ((1.0, 1.977250e-05), (0.0, 2.160480e-09)):
        circuit = Circuit().add(
            V("vbl", "bl", "0", 0.2),
            V("vwl", "wl", "0", gate),
            V("vsl", "sl", "0", 0.0),
            R("rcell", "bl", "d", 1e4),
            Mosfet("m1", "d", "wl", "sl", "0", card, 2e-6, 45e-9),
        )
        assert operating_point(circuit).current("vsl") == pytest.approx(current, rel=1e-6)


# --- sweeps ---------------------------------------------------------------------------------


def test_a_junction_over_its_voltage_and_over_its_current():
    circuit = Circuit().add(
        V("v0", "x", "0", 7.0),
        V("v1", "a", "0", 0.0),
        V("v2", "y", "0", 5.0, ac=1.0),
        Diode("d1", "a", "0", DIODE),
        R("r1", "x", "y", 10.0),
    )
    values = np.array([0.8, 0.1, 0.35, 0.6, -0.05])
    curves = dc_sweep(circuit, "v1", values)
    assert curves.axis == "v1"
    np.testing.assert_array_equal(curves.points, values)
    np.testing.assert_allclose(curves.voltage("a"), values, rtol=1e-15)
    np.testing.assert_allclose(curves.current("v1"), -diode_current(values), rtol=1e-7)
    # Its neighbours in the group stay where they are.
    np.testing.assert_allclose(curves.current("v0"), -0.2, rtol=1e-12)
    np.testing.assert_allclose(curves.current("v2"), 0.2, rtol=1e-12)
    assert (curves.residual < 1e-15).all()

    driven = Circuit().add(I("i1", "0", "a", 0.0), Diode("d1", "a", "0", DIODE))
    currents = np.logspace(-9, -3, 13)
    found = dc_sweep(driven, "i1", currents).voltage("a")
    np.testing.assert_allclose(found, 1.2 * THERMAL * np.log1p(currents / 1e-14), rtol=1e-10)


def test_a_sweep_of_a_linear_circuit_and_its_residual():
    circuit = Circuit().add(
        V("v1", "a", "0", 0.0),
        R("r1", "a", "b", 1e3),
        Capacitor("c1", "b", "0", 1e-9),
        CurrentControlledCurrentSource("f1", "0", "b", "v1", 0.5),
        R("r2", "b", "0", 1e3),
    )
    values = np.linspace(-1, 1, 7)
    curves = dc_sweep(circuit, "v1", values)
    # b: (v - b) / 1k * (1 - 0.5) = b / 1k
    np.testing.assert_allclose(curves.voltage("b"), values / 3, rtol=1e-12, atol=1e-15)
    assert (curves.residual < 1e-15).all()


def test_a_sweep_goes_from_point_to_point():
    """A switch with hysteresis: what it is depends on where the sweep came from."""
    circuit = Circuit().add(
        V("v1", "c", "0", 0.0),
        V("v2", "a", "0", 1.0),
        Switch("s1", "a", "b", "c", "0", 0.5, 0.2, 1e-3, 1e9),
        R("r1", "b", "0", 1.0),
    )
    values = np.array([0.0, 0.4, 0.6, 0.8, 0.6, 0.4, 0.2, 0.4])
    closed = dc_sweep(circuit, "v1", values).voltage("b") > 0.5
    assert closed.tolist() == [False, False, False, True, True, True, False, False]


def test_what_cannot_be_swept():
    circuit = Circuit().add(V("v1", "a", "0", 0.0), R("r1", "a", "0", 1e3))
    with pytest.raises(CircuitError, match="'r1' is no VoltageSource or CurrentSource"):
        dc_sweep(circuit, "r1", [1.0])
    with pytest.raises(CircuitError, match="there is no element 'v9'"):
        dc_sweep(circuit, "v9", [1.0])
    for values in ([], [[1.0]], ["1"], [math.inf]):
        with pytest.raises(CircuitError, match="values"):
            dc_sweep(circuit, "v1", values)
    batch = cx.Crossbar([[1e-3]]).circuit([[0.1], [0.2]])
    with pytest.raises(CircuitError, match=r"2 vectors. Take one of them: circuit.vector\(0\)"):
        dc_sweep(batch, "source_row_0_left", [1.0])
    with pytest.raises(CircuitError, match="not a Circuit"):
        dc_sweep(None, "v1", [1.0])  # pyright: ignore[reportArgumentType]


# --- transients -----------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "error"), [("trapezoidal", 5e-6), ("gear", 1e-5)])
def test_a_step_through_a_resistance_into_a_capacitor(method, error: float):
    rise, tau = 1e-9, 1e-6
    circuit = Circuit().add(
        V("v1", "a", "0", 0.0, Pulse(0.0, 1.0, 1e-6, rise, rise)),
        R("r1", "a", "b", 1e3),
        Capacitor("c1", "b", "0", 1e-9),
    )
    curves = transient(circuit, 1e-5, method=method)

    def ramped(since: np.ndarray) -> np.ndarray:
        since = np.maximum(since, 0.0)
        return (since + tau * np.expm1(-since / tau)) / rise

    since = curves.time - 1e-6
    wanted = ramped(since) - ramped(since - rise)
    np.testing.assert_allclose(curves.voltage("b"), wanted, atol=error)
    assert curves.time[0] == 0.0
    assert curves.time[-1] == pytest.approx(1e-5, rel=1e-12)
    assert np.diff(curves.time).max() <= 1e-8 * (1 + 1e-9)
    assert np.isnan(curves.residual).all()
    np.testing.assert_allclose(
        curves.current("v1"), (curves.voltage("b") - curves.voltage("a")) / 1e3, atol=1e-12
    )


@pytest.mark.parametrize(("method", "error"), [("trapezoidal", 4e-4), ("gear", 8e-4)])
def test_a_circuit_that_rings(method, error: float):
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        R("r1", "a", "b", 10.0),
        Inductor("l1", "b", "c", 1e-3),
        Capacitor("c1", "c", "0", 1e-9),
    )
    curves = transient(circuit, 5e-5, initial="given", method=method)
    decay = 10 / 2e-3
    turn = math.sqrt(1e12 - decay**2)
    t = curves.time
    wanted = 1 - np.exp(-decay * t) * (np.cos(turn * t) + decay / turn * np.sin(turn * t))
    assert wanted.max() > 1.9
    np.testing.assert_allclose(curves.voltage("c"), wanted, atol=error * 2)


def test_where_a_transient_starts():
    """At rest; at rest with a node held; and at the initial values of the elements."""
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        R("r1", "a", "b", 1e3),
        R("r2", "b", "0", 1e3),
        Capacitor("c1", "b", "0", 2e-9, initial=0.2),
        Inductor("l1", "a", "d", 1e-3, initial=3e-3),
        R("r3", "d", "0", 1e3),
    )
    tau = 1e-6
    at_rest = transient(circuit, 1e-6)
    np.testing.assert_allclose(at_rest.voltage("b"), 0.5, rtol=1e-9)
    np.testing.assert_allclose(at_rest.current("l1"), 1e-3, rtol=1e-9)
    held = transient(circuit.with_initial_voltages({"b": 0.1}), 1e-6)
    wanted = 0.5 - 0.4 * np.exp(-held.time / tau)
    np.testing.assert_allclose(held.voltage("b"), wanted, atol=1e-6)
    given = transient(circuit, 1e-6, initial="given")
    wanted = 0.5 - 0.3 * np.exp(-given.time / tau)
    np.testing.assert_allclose(given.voltage("b"), wanted, atol=1e-6)
    wanted = 1e-3 + 2e-3 * np.exp(-given.time / 1e-6)
    np.testing.assert_allclose(given.current("l1"), wanted, atol=1e-8)


@pytest.mark.parametrize(
    "function",
    [
        Pulse(-0.2, 1.0, 1e-7, 2e-8, 3e-8, 2e-7, 4e-7),
        Pulse(0.1, 1.0, 1e-7, 2e-8, 3e-8, 2e-7),
        Pulse(0.1, 1.0, 2e-7, 1e-7, 1e-7),
        Pulse(0.1, 1.0, 0.0, 1e-7, 1e-7, 0.0, 2.5e-7),
        Sine(0.1, 0.5, 2e6, 3e-7, 1e6, 30.0),
        Exponential(0.1, 1.0, 0.0, 1e-7, 5e-7, 2e-7),
        Exponential(0.1, 1.0, 2e-7, 1e-7, 5e-7, 2e-7),
        cx.Waveform([1e-7, 2e-7, 5e-7], [0.5, 1.0, -1.0]),
        cx.Waveform([1e-7], [0.5]),
    ],
)
def test_sources_over_time_are_those_of_this_package(function):
    circuit = Circuit().add(
        V("v1", "a", "0", 9.0, function),
        R("r1", "a", "0", 1e3),
        I("i1", "0", "b", 9.0, function),
        R("r2", "b", "0", 1.0),
    )
    curves = transient(circuit, 1e-6, 1e-8)
    # At a corner ngspice's own time may be the last number before it.
    wanted = function.at(curves.time)
    np.testing.assert_allclose(curves.voltage("a"), wanted, atol=1e-8)
    np.testing.assert_allclose(curves.voltage("b"), wanted, atol=1e-8)
    assert (curves.residual < 1e-8).all()
    # And the steady value, of which a transient knows nothing, is that of an operating point.
    assert operating_point(circuit).voltage("a") == pytest.approx(9.0, rel=1e-14)


def test_wrong_arguments_of_a_transient():
    circuit = Circuit().add(V("v1", "a", "0", 0.0), R("r1", "a", "0", 1e3))
    for options, told in (
        ({"stop": 0.0}, "stop"),
        ({"stop": 1.0, "step": -1.0}, "maximum_step"),
        ({"stop": 1.0, "initial": "yes"}, "initial"),
    ):
        with pytest.raises(CircuitError, match=told):
            transient(circuit, **options)


# --- small signals --------------------------------------------------------------------------


def test_a_resonant_circuit_over_frequency():
    circuit = Circuit().add(
        V("v1", "a", "0", 5.0, ac=2j),
        R("r1", "a", "b", 10.0),
        Inductor("l1", "b", "c", 1e-3),
        Capacitor("c1", "c", "0", 1e-9),
        I("i1", "0", "x", 1.0, ac=-3.0),
        R("r2", "x", "0", 2.0),
        Capacitor("c2", "x", "0", 1e-6),
        VoltageControlledCurrentSource("g1", "0", "y", "x", "0", 0.5),
        CurrentControlledCurrentSource("f1", "0", "y", "v1", 4.0),
        R("r3", "y", "0", 2.0),
    )
    frequencies = np.logspace(3, 7, 41)
    curves = ac(circuit, frequencies)
    s = 2j * np.pi * frequencies
    through = 2j / (10.0 + s * 1e-3 + 1 / (s * 1e-9))
    np.testing.assert_allclose(curves.voltage("c"), through / (s * 1e-9), rtol=1e-9)
    np.testing.assert_allclose(curves.current("v1"), -through, rtol=1e-9)
    np.testing.assert_allclose(curves.current("l1"), through, rtol=1e-9)
    x = -3.0 / (0.5 + s * 1e-6)
    np.testing.assert_allclose(curves.voltage("y"), 2.0 * (0.5 * x - 4 * through), rtol=1e-9)
    np.testing.assert_array_equal(curves.frequency, frequencies)
    assert curves.stats["runs"] == 1
    assert (curves.residual < 1e-12 * np.abs(x) * np.abs(s * 1e-6)).all()


def test_a_junction_is_linear_about_its_rest():
    circuit = Circuit().add(V("v1", "a", "0", 0.6, ac=1.0), Diode("d1", "a", "0", DIODE))
    curves = ac(circuit, [1.0, 10.0, 100.0])
    slope = 1e-14 * np.exp(0.6 / (1.2 * THERMAL)) / (1.2 * THERMAL)
    np.testing.assert_allclose(curves.current("v1"), -slope, rtol=1e-8)
    assert np.isnan(curves.residual).all()


def test_a_charge_that_bends_is_a_capacitance_at_its_rest():
    law, charge = (
        Law("test", text, (), ("x", "time")) for text in ("1e-3 * x", "1e-9 * (x + x**3)")
    )
    circuit = Circuit().add(V("v1", "a", "0", 2.0, ac=1.0), R("r1", "a", "b", 1e3))
    b = circuit.node("b")
    model = Behaviour(law, "current", ("x",), (), {}, charge)
    group = Group("B", Names.one("b1"), np.array([[b, 0, b, 0]]), np.zeros(1), model)
    circuit = replace(circuit, groups=(*circuit.groups, group))
    frequencies = np.array([1e3, 1e5, 3e7])
    # At rest b is at 1 V: its capacitance is 1 nF (1 + 3).
    wanted = 1 / (2 + 2j * np.pi * frequencies * 4e-9 * 1e3)
    np.testing.assert_allclose(ac(circuit, frequencies).voltage("b"), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("frequencies", "texts"),
    [
        (np.linspace(10.0, 500.0, 50), ["lin 50 10.0 500.0"]),
        (np.logspace(0, 6, 61), ["dec 10 1.0"]),
        (0.3 * 10 ** (np.arange(22) / 7), ["dec 7 0.3"]),
        (5.0 * 2 ** (np.arange(31) / 3), ["oct 3 5.0"]),
        ([7.0], ["lin 1 7.0 7.0"]),
        ([7.0, 9.0], ["lin 1 7.0 7.0", "lin 1 9.0 9.0"]),
        ([3.0, 2.0, 1.0], ["lin 1 3.0", "lin 1 2.0", "lin 1 1.0"]),
        ([1.0, 2.0, 3.0, 10.0, 100.0, 1e3, 5.0], ["lin 3 1.0 3.0", "dec 1 10.0", "lin 1 5.0"]),
        (np.geomspace(1.0, 50.0, 4), ["lin 1"] * 4),
    ],
)
def test_grids_of_frequencies(frequencies, texts: list[str]):
    found = list(grids(np.asarray(frequencies)))
    assert len(found) == len(texts)
    for (text, _), beginning in zip(found, texts, strict=True):
        assert text.startswith(beginning)
    assert sum(count for _, count in found) == len(frequencies)


@pytest.mark.parametrize(
    "frequencies",
    [
        np.linspace(10.0, 500.0, 50),
        np.logspace(0, 6, 61),
        0.3 * 10 ** (np.arange(22) / 7),
        5.0 * 2 ** (np.arange(31) / 3),
        29200.0 * 10 ** (np.arange(48) / 35),  # of which ngspice would leave the last out
        np.array([7.0, 9.0, 11.0, 5.0, 1e6]),
        np.geomspace(1.0, 50.0, 4),
    ],
)
def test_any_frequencies_are_answered_in_their_order(frequencies: np.ndarray):
    circuit = Circuit().add(
        V("v1", "a", "0", 0.0, ac=1.0), R("r1", "a", "b", 1e3), Capacitor("c1", "b", "0", 1e-6)
    )
    wanted = 1 / (1 + 2j * np.pi * frequencies * 1e-3)
    np.testing.assert_allclose(ac(circuit, frequencies).voltage("b"), wanted, rtol=1e-11)


def test_an_answer_at_other_frequencies_is_refused(monkeypatch: pytest.MonkeyPatch):
    circuit = Circuit().add(V("v1", "a", "0", 0.0, ac=1.0), R("r1", "a", "0", 1e3))

    def other(deck: str) -> Run:
        return run(deck.replace("lin 3 1.0 3.0", "lin 3 1.0 4.0"))

    monkeypatch.setattr(analyses, "run", other)
    with pytest.raises(SolverError, match=r"3 frequencies 1 \.\.\. 4 Hz where 3 from 1 to 3 Hz"):
        ac(circuit, [1.0, 2.0, 3.0])
    for frequencies in ([0.0, 1.0], [-1.0], [], [np.nan]):
        with pytest.raises(CircuitError, match="frequencies"):
            ac(circuit, frequencies)


# --- noise ----------------------------------------------------------------------------------


def test_noise_of_a_divider():
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0, ac=7.0),
        V("v2", "c", "0", 1.0, ac=5.0),
        R("r1", "a", "b", 1e3),
        R("r2", "b", "c", 3e3),
        I("i1", "0", "b", 0.0, ac=3.0),
    )
    found = noise(circuit, "b", "v1", [10.0, 20.0, 30.0])
    wanted = math.sqrt(4 * BOLTZMANN * ROOM * 750.0)
    np.testing.assert_allclose(found.output_density, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.input_density, wanted / 0.75, rtol=1e-12)
    np.testing.assert_array_equal(found.frequency, [10.0, 20.0, 30.0])
    for name, resistance in (("r1", 1e3), ("r2", 3e3)):
        part = math.sqrt(4 * BOLTZMANN * ROOM / resistance) * 750.0
        np.testing.assert_allclose(found.contributions[name], part, rtol=1e-12)
    assert set(found.contributions) == {"r1", "r2"}
    between = noise(circuit, ("a", "b"), "v1", [10.0, 11.0])
    np.testing.assert_allclose(between.output_density, wanted, rtol=1e-12)
    np.testing.assert_allclose(between.input_density, wanted / 0.25, rtol=1e-12)


def test_noise_behind_a_capacitor_seen_from_a_current_source():
    circuit = Circuit().add(
        I("drive", "0", "a", 0.0), R("load", "a", "0", 1e4), Capacitor("store", "a", "0", 1e-9)
    )
    frequencies = np.logspace(2, 7, 26)
    found = noise(circuit, "a", "drive", frequencies)
    share = 1 / np.abs(1 + 2j * np.pi * frequencies * 1e-5)
    np.testing.assert_allclose(
        found.output_density, math.sqrt(4 * BOLTZMANN * ROOM * 1e4) * share, rtol=1e-11
    )
    np.testing.assert_allclose(
        found.input_density, math.sqrt(4 * BOLTZMANN * ROOM / 1e4), rtol=1e-11
    )


def test_noise_of_junctions_and_transistors_adds_up():
    card = ModelCard("df", "d", {"is": 1e-14, "kf": 1e-15, "af": 1.0})
    circuit = Circuit().add(
        I("i1", "0", "a", 1e-3),
        Diode("d1", "a", "0", card),
        V("v1", "c", "0", 1.0),
        Mosfet("m1", "c", "a", "s", "0", ModelCard("nm", "nmos", {"level": 14}), 1e-5, 1e-6),
        R("r1", "s", "0", 1e4),
    )
    frequencies = np.array([1.0, 100.0, 1e6])
    found = noise(circuit, "a", "i1", frequencies)
    slope = (1e-3 + 1e-14) / THERMAL
    shot = math.sqrt(2 * CHARGE * 1e-3) / slope
    flicker = np.sqrt(1e-15 * 1e-3 / frequencies) / slope
    np.testing.assert_allclose(found.contributions["d1"], np.hypot(shot, flicker), rtol=1e-6)
    at_source = noise(circuit, "s", "i1", frequencies)
    assert set(at_source.contributions) == {"d1", "m1", "r1"}
    squares = sum(part**2 for part in at_source.contributions.values())
    np.testing.assert_allclose(np.sqrt(squares), at_source.output_density, rtol=1e-12)
    assert (at_source.contributions["m1"] > 0).all()


def test_wrong_arguments_of_noise():
    circuit = Circuit().add(V("v1", "a", "0", 1.0), R("r1", "a", "b", 1e3), R("r2", "b", "0", 3e3))
    with pytest.raises(CircuitError, match="no VoltageSource or CurrentSource"):
        noise(circuit, "b", "r1", [1.0])
    with pytest.raises(CircuitError, match="there is no node 'x'"):
        noise(circuit, ("b", "x"), "v1", [1.0])
    with pytest.raises(CircuitError, match="expected a node, or a tuple of two"):
        noise(circuit, ("a", "b", "a"), "v1", [1.0])  # pyright: ignore[reportArgumentType]


# --- devices and refusals -------------------------------------------------------------------


def test_library_devices_in_every_analysis():
    circuit = Circuit().add(
        V("v1", "a", "0", 0.4, ac=1.0), DeviceElement("xcell", ("a", "0"), "sinh", 1e-4)
    )
    scale = 0.25
    current = -1e-4 * scale * math.sinh(0.4 / scale)
    assert operating_point(circuit).current("v1") == pytest.approx(current, rel=1e-11)
    values = np.array([-0.4, 0.1, 0.4])
    swept = dc_sweep(circuit, "v1", values)
    wanted = -1e-4 * scale * np.sinh(values / scale)
    np.testing.assert_allclose(swept.current("v1"), wanted, rtol=1e-10)
    assert (swept.residual < 1e-13).all()
    slope = ac(circuit, [1.0, 2.0, 3.0]).current("v1")
    np.testing.assert_allclose(slope, -1e-4 * math.cosh(0.4 / scale), rtol=1e-9)
    moved = transient(circuit, 1e-6).current("v1")
    np.testing.assert_allclose(moved, current, rtol=1e-9)


def test_a_hostile_title_stays_a_title():
    circuit = Circuit("`touch here` *#shell").add(
        V("v1", "a", "0", 1.0, ac=1.0), R("r1", "a", "0", 1e3)
    )
    assert ac(circuit, [1.0]).circuit is circuit
    assert transient(circuit, 1e-6).voltage("a") == pytest.approx(1.0)
    assert dc_sweep(circuit, "v1", [3.0]).voltage("a") == pytest.approx([3.0])
    card = ModelCard("dm", "d", {"is=1e-14\n.include x": 1.0})
    hostile = circuit.add(Diode("d1", "a", "0", card))
    with pytest.raises(NetlistError, match="is no parameter"):
        transient(hostile, 1e-6)
