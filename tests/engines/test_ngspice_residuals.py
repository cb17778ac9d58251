"""Kirchhoff's sums of ngspice's answers: known wherever its numbers tell all currents, else NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    CurrentSwitch,
    Diode,
    Element,
    Mosfet,
    Switch,
    VoltageControlledVoltageSource,
)
from circuitxbar.circuit.group import ModelCard
from circuitxbar.circuit.time_functions import Pulse

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
DIODE = ModelCard("dm", "d", {"is": 1e-14, "n": 1.2})
SQUARE = ModelCard("nm", "nmos", {"level": 1, "vto": 0.5, "kp": 2e-5})
NPN = ModelCard("qm", "npn", {"is": 1e-15, "bf": 80.0})
AROUND = (V("v1", "a", "0", 2.0, ac=1.0), R("r1", "a", "b", 1e3), R("r2", "b", "0", 5e3))

KNOWN: dict[str, tuple[Element, ...]] = {
    "current of a law": (
        BehaviouralSource(
            "b1", "b", "0", current="k * x**3 + y", voltages={"x": ("a", "b")},
            currents={"y": "v1"}, parameters={"k": 1e-4},
        ),
    ),
    "voltage of a law": (
        BehaviouralSource("b1", "c", "0", voltage="tanh(x)", voltages={"x": ("a", "b")}),
        R("r3", "c", "b", 1e3),
    ),
    "controlled sources": (
        VoltageControlledVoltageSource("e1", "c", "0", "a", "b", 3.0),
        R("r3", "c", "b", 1e3),
        CurrentControlledCurrentSource("f1", "b", "0", "e1", 0.5),
    ),
    "closed switch": (Switch("s1", "b", "0", "a", "0", 1.0, 0.5, 100.0, 1e6),),
    "open switch": (Switch("s1", "b", "0", "a", "0", 3.0, 0.5, 100.0, 1e3),),
    "switch by a current": (CurrentSwitch("w1", "b", "0", "v1", -1e-4, 0.0, 100.0, 1e3),),
    "diode": (Diode("d1", "b", "0", DIODE, 3.0),),
    "transistor": (Mosfet("m1", "b", "a", "0", "0", SQUARE, 4e-6, 1e-6, 5.0),),
    "bipolar": (R("rb", "a", "base", 1e5), Bipolar("q1", "b", "base", "0", NPN)),
}  # fmt: skip
UNKNOWN: dict[str, tuple[Element, ...]] = {
    "switch between its thresholds": (Switch("s1", "b", "0", "a", "0", 1.9, 0.5),),
    "series resistance": (Diode("d1", "b", "0", ModelCard("dm", "d", {"rs": 1.0})),),
    "breakdown": (Diode("d1", "0", "b", ModelCard("dm", "d", {"vb": 1.5})),),
    "area of a bipolar": (R("rb", "a", "x", 1e5), Bipolar("q1", "b", "x", "0", NPN, 2.0)),
    "level of ngspice alone": (
        Mosfet("m1", "b", "a", "0", "0", ModelCard("nm", "nmos", {"level": 14}), 4e-6, 1e-6),
    ),
}


@pytest.mark.parametrize("what", KNOWN)
def test_sums_of_an_operating_point_and_of_a_sweep(what: str):
    circuit = Circuit().add(*AROUND, *KNOWN[what])
    point = cx.operating_point(circuit, engine="ngspice")
    assert point.residual[0] <= 1e-14
    values = np.array([1.7, 1.8, 2.0])
    assert (cx.dc_sweep(circuit, "v1", values, engine="ngspice").residual <= 1e-9).all()
    ours = cx.operating_point(circuit)
    for element in KNOWN[what]:
        assert point.current(element.name) == pytest.approx(ours.current(element.name), rel=1e-9)


@pytest.mark.parametrize("what", KNOWN)
def test_a_wrong_answer_of_ngspice_is_refused(what: str, monkeypatch: pytest.MonkeyPatch):
    from circuitxbar.ngspice import engine

    circuit = Circuit().add(*AROUND, *KNOWN[what])
    numbers_of = engine.numbers_of

    def wrong(circuit: Circuit, answer: object, points: int):
        voltages, branches = numbers_of(circuit, answer, points)  # pyright: ignore[reportArgumentType]
        voltages = voltages.copy()
        voltages[circuit.node("b")] += 1e-6
        return voltages, branches

    monkeypatch.setattr(engine, "numbers_of", wrong)
    with pytest.raises(cx.SolverError, match="Kirchhoff"):
        cx.operating_point(circuit, engine="ngspice")


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_ngspice_does_not_tell(what: str):
    circuit = Circuit().add(*AROUND, *UNKNOWN[what])
    point = cx.operating_point(circuit, engine="ngspice")
    assert np.isnan(point.residual).all()
    with pytest.raises(cx.CircuitError, match="is not kept"):
        point.current(UNKNOWN[what][-1].name)


def test_a_swept_switch_is_unknown_between_its_thresholds_alone():
    circuit = Circuit().add(*AROUND, Switch("s1", "b", "0", "a", "0", 1.0, 0.5, 1e3, 1e6))
    found = cx.dc_sweep(circuit, "v1", [0.0, 1.0, 2.0, 1.2, 0.2], engine="ngspice").residual
    assert np.isnan(found).tolist() == [False, True, False, True, False]
    assert np.nanmax(found) < 1e-15


def test_sums_over_time_where_nothing_charges():
    step = Pulse(0.0, 2.0, 1e-7, 1e-7, 1e-7, 1.0)
    source = I("i1", "0", "b", 0.0, step)
    law = BehaviouralSource("b1", "b", "0", current="x**3", voltages={"x": ("b", "0")})
    circuit = Circuit().add(source, R("r1", "b", "0", 10.0), law)
    found = cx.transient(circuit, stop=1e-6, engine="ngspice")
    assert found.voltage("b").max() > 1.0
    assert (found.residual < 1e-6).all()
    charged = circuit.add(Capacitor("c1", "b", "0", 1e-9))
    assert np.isnan(cx.transient(charged, stop=1e-6, engine="ngspice").residual).all()
    card = ModelCard("dm", "d", {"cj0": 1e-12})
    junction = circuit.add(Diode("d1", "b", "0", card))
    assert np.isnan(cx.transient(junction, stop=1e-6, engine="ngspice").residual).all()


def test_small_signals_of_laws_and_switches_are_unknown():
    for element in (KNOWN["current of a law"], KNOWN["open switch"], KNOWN["diode"]):
        circuit = Circuit().add(*AROUND, *element)
        assert np.isnan(cx.ac(circuit, [1.0, 2.0], engine="ngspice").residual).all()
    linear = Circuit().add(*AROUND, Capacitor("c1", "b", "0", 1e-9))
    found = cx.ac(linear, [1e3, 1e6], engine="ngspice")
    assert (found.residual < 1e-17).all()
    other = replace(linear.element("c1")[0], values=np.array([1.001e-9]))
    groups = tuple(other if group.kind == "C" else group for group in linear.groups)
    from circuitxbar.ngspice.residuals import residual_over_frequency

    wrong = residual_over_frequency(
        replace(linear, groups=groups), found.frequency, found.voltages, found.branch_currents
    )
    assert (wrong > 1e-10).all()


def test_where_ngspice_ends_within_its_own_tolerance_it_is_believed():
    """1e-18 A (exp(v / 25 mV) - 1) behind 1 kohm at 100 V: it ends 1e-10 A from balance."""
    steep = BehaviouralSource(
        "b1", "b", "0", current="1e-18 * (exp(x / 0.025) - 1)", voltages={"x": ("b", "0")}
    )
    circuit = Circuit().add(V("v1", "a", "0", 100.0), R("r1", "a", "b", 1e3), steep)
    point = cx.operating_point(circuit, engine="ngspice")
    assert 0 < point.residual < 1e-8 * point.largest_current
    assert point.voltage("b") == pytest.approx(cx.operating_point(circuit).voltage("b"), rel=1e-9)
