"""Operating points and sweeps that ngspice makes of a Circuit, against closed forms."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engines.by_ngspice import dc_sweep
from engines.junctions import DIODE, THERMAL, diode_current

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    CurrentControlledVoltageSource,
    CurrentSwitch,
    Diode,
    Inductor,
    Mosfet,
    Switch,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
)
from circuitxbar.circuit.group import ModelCard
from circuitxbar.errors import CircuitError
from circuitxbar.ngspice.engine import operating_point
from circuitxbar.ngspice.runner import run

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741


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
