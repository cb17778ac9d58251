"""The text of every kind of element; what SPICE could not say is refused."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from unit.netlist_lines import DIODE, elements, lines

import circuitxbar as cx
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
from circuitxbar.circuit.group import ModelCard, Names
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741


NMOS = ModelCard("nm", "nmos", {"level": 1, "vto": 0.5})


def test_a_deck_of_all_kinds_in_full():
    circuit = cx.Circuit("all kinds").add(
        V("v1", "a", "0", 1.0, ac=2.0),
        I("i1", "0", "b", 1e-3, over_time=Sine(0.0, 1e-3, 1e6)),
        R("r1", "a", "b", 1 / 3),
        Capacitor("c1", "b", "0", 1e-12, initial=0.25),
        Inductor("l1", "b", "d", 1e-6, initial=1e-3),
        R("r2", "d", "0", 2e3),
        VoltageControlledVoltageSource("e1", "e", "0", "b", "d", 2.5),
        VoltageControlledVoltageSource("e2", "f", "0", "0", "g", math.inf),
        R("r3", "f", "g", 1e3),
        R("r4", "g", "a", 1e3),
        VoltageControlledCurrentSource("g1", "0", "h", "a", "0", 1e-3),
        R("r5", "h", "0", 1e3),
        CurrentControlledCurrentSource("f1", "0", "h", "v1", 2.0),
        CurrentControlledVoltageSource("h1", "m", "0", "e1", 100.0),
        BehaviouralSource(
            "b1",
            "o",
            "0",
            voltage="k * x**2 + i + long * time",
            voltages={"x": ("a", "b")},
            currents={"i": "l1"},
            parameters={"k": 0.5, "long": 1 / 3},
        ),
        BehaviouralSource("b2", "b", "0", current="-x", voltages={"x": ("0", "b")}),
        Switch("s1", "a", "p", "b", "0", 0.1, 0.05, 10.0, 1e9),
        Switch("s2", "a", "p", "e", "0", 0.1, 0.05, 10.0, 1e9, closed=True),
        CurrentSwitch("w1", "p", "0", "v1", -1.0, 0.0, 10.0, 1e9),
        Diode("d1", "a", "r", DIODE),
        Diode("d2", "r", "0", DIODE, 2.0),
        Bipolar("q1", "a", "b", "0", ModelCard("qm", "npn", {"bf": 50.0}), 3.0),
        Mosfet("m1", "a", "b", "0", "0", NMOS, 1e-6, 2e-7),
        Mosfet("m2", "a", "b", "0", "0", NMOS, 1e-6, 2e-7, 4.0),
    )
    assert lines(circuit) == [
        "* all kinds",
        ".model dm d is=1e-14 rs=0.1",
        ".model qm npn bf=50",
        ".model nm nmos level=1 vto=0.5",
        ".model switch_0 sw vt=0.1 vh=0.05 ron=10.0 roff=1000000000.0",
        ".model switch_1 csw it=-1.0 ih=0.0 ron=10.0 roff=1000000000.0",
        ".param constant0=0.3333333333333333",
        "v1 a 0 1.0 ac 2.0",
        "i1 0 b 0.001 sin(0.0 0.001 1000000.0 0.0 0.0 0.0)",
        "r1 a b 0.3333333333333333",
        "r2 d 0 2000.0",
        "r3 f g 1000.0",
        "r4 g a 1000.0",
        "r5 h 0 1000.0",
        "c1 b 0 1e-12 ic=0.25",
        "l1 b d 1e-06 ic=0.001",
        "e1 e 0 b d 2.5",
        "* e2: a gain of 1e12 stands for an ideal amplifier",
        "e2 f 0 0 g 1000000000000.0",
        "g1 0 h a 0 0.001",
        "f1 0 h v1 2.0",
        "h1 m 0 e1 100.0",
        "b1 o 0 v=(i(l1) + (0.5*(v(a,b)*v(a,b))) + ({constant0}*time))",
        "b2 b 0 i=(-v(0,b))",
        "s1 a p b 0 switch_0 off",
        "s2 a p e 0 switch_0 on",
        "w1 p 0 v1 switch_1 off",
        "d1 a r dm",
        "d2 r 0 dm area=2.0",
        "q1 a b 0 qm area=3.0",
        "m1 a b 0 0 nm w=1e-06 l=2e-07",
        "m2 a b 0 0 nm w=1e-06 l=2e-07 m=4.0",
        ".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",
        ".op",
        ".end",
    ]


def test_one_name_without_its_letter_gives_all_of_them_one():
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 1.0),
        R("x1.r1", "a", "x1.b", 5.0),
        R("x1.y2.rload", "x1.b", "0", 7.0),
        CurrentControlledCurrentSource("f1", "0", "a", "v1", 2.0),
        DeviceElement("x1.xcell", ("a", "0"), "sinh", 1e-4),
    )
    assert elements(circuit)[1:] == [
        "v1 a 0 1.0",
        "r.x1.r1 a x1.b 5.0",
        "r.x1.y2.rload x1.b 0 7.0",
        "f1 0 a v1 2.0",
        "x.x1.xcell a 0 sinh g=0.0001",
    ]
    for name, line in (
        ("load", "rload a 0 1.0"),
        ("x1.", "r.x1.r a 0 1.0"),
        ("r1.load", "r.r1.rload a 0 1.0"),
    ):
        assert elements(circuit.add(R(name, "a", "0", 1.0)))[1:] == [
            "vv1 a 0 1.0",
            "r.x1.rr1 a x1.b 5.0",
            "r.x1.y2.rrload x1.b 0 7.0",
            line,
            "ff1 0 a vv1 2.0",
            "x.x1.xxcell a 0 sinh g=0.0001",
        ]


def test_a_batch_has_the_letter_of_its_tables():
    crossbar = cx.Crossbar([[1e-3]]).circuit([[0.1], [0.2]])
    source = next(g for g in crossbar.groups if g.values.ndim == 2)
    circuit = cx.Circuit().add(R("r1", "a", "0", 1.0), R("r2", "a", "0", 2.0))
    table = replace(source, names=Names.one("v1"), nodes=np.array([[circuit.node("a"), 0]]))
    text = cx.write_spice(replace(circuit, groups=(*circuit.groups, table)))
    assert "\nbv1 a 0 v=pwl(" in text
    assert "\nrr1 a 0 1.0\n" in text


@pytest.mark.parametrize(
    ("over_time", "text"),
    [
        (
            Pulse(0.0, 1.0, 1e-6, 2e-9, 3e-9, 4e-6, 1e-5),
            "pulse(0.0 1.0 1e-06 2e-09 3e-09 4e-06 1e-05)",
        ),
        # What is left out would be the step, or 0, in one version or the other.
        (Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9), "pulse(0.0 1.0 0.0 1e-09 1e-09 1e+30 1e+30)"),
        (
            Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 0.0, 1e-8),
            "pulse(0.0 1.0 0.0 1e-09 1e-09 1e-30 1e-08)",
        ),
        (Sine(0.5, 1.0, 1e3, 1e-3, 10.0, 30.0), "sin(0.5 1.0 1000.0 0.001 10.0 30.0)"),
        (Exponential(0, 1, 0, 1e-6, 2e-6, 1e-6), "exp(0.0 1.0 1e-30 1e-06 2e-06 1e-06)"),
        (
            cx.Waveform([0.0, 1.0, 2.0, 3.0, 1 / 3 + 3], [0.0, 1.0, 0.0, -1.0, 5.0]),
            "pwl(0.0 0.0 1.0 1.0 2.0 0.0 3.0 -1.0 3.3333333333333335 5.0)",
        ),
    ],
)
def test_sources_over_time(over_time, text: str):
    for kind in (V, I):
        circuit = cx.Circuit().add(kind("s", "a", "0", 0.25, over_time), R("r", "a", "0", 1.0))
        assert elements(circuit)[0].split(None, 3)[3] == f"0.25 {text}"


@pytest.mark.parametrize(
    ("amplitude", "text"),
    [
        (1 / 3, "ac 0.3333333333333333"),
        (2j, "ac 2.0 90.0"),
        (-1.5, "ac 1.5 180.0"),
        (3 - 4j, "ac 5.0 -53.130102354156"),
    ],
)
def test_amplitudes(amplitude: complex, text: str):
    circuit = cx.Circuit().add(V("s", "a", "0", 0.0, ac=amplitude), R("r", "a", "0", 1.0))
    assert elements(circuit)[0] == f"vs a 0 0.0 {text}"


def test_a_phase_read_and_written_again_is_the_same_text():
    rng = np.random.default_rng(4)
    for _ in range(200):
        amplitude = complex(*rng.normal(size=2))
        for _ in range(2):
            source = V("s", "a", "0", 0.0, ac=amplitude)
            text = elements(cx.Circuit().add(source, R("r", "a", "0", 1.0)))[0]
            size, phase = map(float, text.split()[5:])
            assert size * np.exp(1j * np.radians(phase)) == pytest.approx(amplitude, rel=1e-14)
            amplitude = complex(size * np.exp(1j * np.radians(phase)))
            again = elements(
                cx.Circuit().add(V("s", "a", "0", 0.0, ac=amplitude), R("r", "a", "0", 1.0))
            )
            assert again[0] == text


def test_cards_that_share_a_name_and_differ_are_told_apart():
    other = ModelCard("dm", "d", {"is": 2e-14, "rs": 0.1})
    same = ModelCard("dm", "d", {"is": 1e-14, "rs": 0.1})
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 0.1),
        *(Diode(f"d{k}", "a", "0", card) for k, card in enumerate((DIODE, other, same))),
    )
    _, first, second, _, *drawn, _, _, _ = lines(circuit)
    names = [line.split()[1] for line in (first, second)]
    assert [line.split()[3] for line in drawn] == [names[0], names[0], names[1]]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"dm_[0-9a-f]{8}", name) for name in names)
    assert first.endswith("d is=1e-14 rs=0.1")


def test_a_long_card_goes_on_in_the_next_line():
    card = ModelCard("dm", "d", {f"p{k}": float(k) for k in range(10)})
    text = lines(cx.Circuit().add(V("v1", "a", "0", 0.1), Diode("d1", "a", "0", card)))
    assert text[1:3] == [
        ".model dm d p0=0 p1=1 p2=2 p3=3 p4=4 p5=5 p6=6 p7=7",
        "+ p8=8 p9=9",
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"is=1 file": 1.0},
        {"is\n.control": 1.0},
        {"": 1.0},
        {"IS": 1.0},
        {"is": "1"},
        {"is": math.nan},
        {"is": math.inf},
        {"is": True},
        {1: 1.0},
    ],
)
def test_a_card_holds_names_and_numbers_only(parameters):
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 0.1), Diode("d1", "a", "0", ModelCard("dm", "d", parameters))
    )
    with pytest.raises(cx.NetlistError, match=r"model 'dm': .* is no (parameter|number)"):
        cx.write_spice(circuit)


def test_initial_voltages_stand_in_front_of_a_transient_alone():
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 1.0), R("r1", "a", "b", 1.0), Capacitor("c1", "b", "0", 1.0)
    )
    circuit = circuit.with_initial_voltages({"b": 1 / 3})
    assert lines(circuit, analysis=".tran 1u 1m")[-4:] == [
        ".ic v(b)=0.3333333333333333",
        ".options klu pivrel=0.1",
        ".tran 1u 1m",
        ".end",
    ]
    for analysis in (None, ".op", ".ac lin 3 1 3"):
        assert ".ic" not in cx.write_spice(circuit, analysis=analysis)
    for wrong in ("tran 1u 1m", ".op\n.control", 5, ""):
        with pytest.raises(cx.NetlistError, match="expected one line"):
            cx.write_spice(circuit, analysis=wrong)  # pyright: ignore[reportArgumentType]
    batch = cx.Crossbar([[1e-3]]).circuit([[0.1], [0.2]])
    with pytest.raises(cx.NetlistError, match="a sweep of its own"):
        cx.write_spice(batch, analysis=".op")


def test_what_has_no_text_is_refused_by_name():
    base = cx.Circuit().add(
        V("v1", "a", "0", 1.0), R("r1", "a", "b", 1.0), Inductor("l1", "b", "0", 1)
    )

    class Noise:
        def at(self, time):
            return time

        def corners(self, stop):
            return np.array([])

    for element, told in (
        (CurrentControlledCurrentSource("f1", "0", "a", "l1", 1.0), "'f1': ngspice .* of 'l1'"),
        (CurrentControlledVoltageSource("h1", "c", "0", "l1", 1.0), "'h1': ngspice .* of 'l1'"),
        (CurrentSwitch("w1", "c", "0", "l1"), "'w1': ngspice .* of 'l1'. Put a VoltageSource of 0"),
        (V("v2", "c", "0", 0.0, Sine(0.0, 1.0, 0.0)), "'v2': SPICE takes a frequency of 0 Hz"),
        (V("v2", "c", "0", 0.0, Noise()), "'v2': over_time = .* has no SPICE text"),
    ):
        with pytest.raises(cx.NetlistError, match=told):
            cx.write_spice(base.add(element, R("r2", "c", "0", 1.0)))
    with pytest.raises(cx.CircuitError, match="'f1' senses the current of 'r1', which is no unkn"):
        cx.write_spice(base.add(CurrentControlledCurrentSource("f1", "0", "a", "r1", 1.0)))
    with pytest.raises(cx.CircuitError, match="there is no element 'v9'"):
        cx.write_spice(base.add(CurrentControlledCurrentSource("f1", "0", "a", "v9", 1.0)))


def test_topology_with_the_new_kinds():
    source = V("v1", "a", "0", 1.0)
    floating = cx.Circuit().add(source, R("r1", "a", "0", 1.0), Capacitor("c1", "a", "x", 1e-9))
    with pytest.raises(cx.CircuitError, match=r"'x' has no path .*"):
        cx.write_spice(floating)
    with pytest.raises(cx.CircuitError, match=r"'x' has no path .*"):
        cx.write_spice(floating, analysis=".tran 1u 1m")
    assert "c1 a x" in cx.write_spice(floating, analysis=".tran 1u 1m 0 1u uic")
    held = floating.with_initial_voltages({"x": 0.5})
    assert ".ic v(x)=0.5" in cx.write_spice(held, analysis=".tran 1u 1m")
    with pytest.raises(cx.CircuitError, match="'x' has no path"):
        cx.write_spice(held)
    for element, told in (
        (Inductor("l1", "a", "0", 1.0), "'l1' closes a loop with 'v1'"),
        (VoltageControlledVoltageSource("e1", "a", "0", "a", "0", 2.0), "'e1' closes a loop"),
        (BehaviouralSource("b1", "0", "a", voltage="1.0"), "'b1' closes a loop"),
        (VoltageControlledCurrentSource("g1", "x", "0", "a", "0", 1.0), "'x' has no path"),
        (CurrentControlledCurrentSource("f1", "x", "0", "v1", 1.0), "'x' has no path"),
        (BehaviouralSource("b1", "x", "0", current="y", voltages={"y": ("a", "0")}), "'x' has no"),
        (Mosfet("m1", "a", "x", "0", "0", NMOS), "'x' has no path"),
    ):
        with pytest.raises(cx.CircuitError, match=told):
            cx.write_spice(cx.Circuit().add(source, element))
    for element in (
        VoltageControlledCurrentSource("g1", "x", "0", "x", "0", 1.0),
        BehaviouralSource("b1", "x", "0", current="y", voltages={"y": ("0", "x")}),
        Mosfet("m1", "a", "a", "x", "0", NMOS),
        Bipolar("q1", "a", "x", "0", ModelCard("qm", "npn")),
        Switch("s1", "x", "0", "a", "0"),
    ):
        assert cx.write_spice(cx.Circuit().add(source, element))


def test_a_subckt_block_holds_its_cards_and_constants():
    inner = cx.Circuit().add(
        Diode("d1", "p", "q", DIODE),
        BehaviouralSource(
            "b1", "q", "0", current="k*x", voltages={"x": ("q", "0")}, parameters={"k": 1 / 3}
        ),
    )
    sub = cx.SubCircuit("part", inner, {"p": inner.node("p")})
    assert cx.write_spice(sub).splitlines() == [
        ".subckt part",
        "+ p",
        ".model dm d is=1e-14 rs=0.1",
        ".param constant0=0.3333333333333333",
        "d1 p q dm",
        "b1 q 0 i=({constant0}*v(q))",
        ".ends part",
    ]
