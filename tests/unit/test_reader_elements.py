"""SPICE text -> Circuit: elements, model cards and analyses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.decks_read import DECKS, circuit, ends, group, refusal, value

from circuitxbar.circuit.group import Behaviour
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine
from circuitxbar.devices.kernel import kernel
from circuitxbar.netlist.reader import (
    AcAnalysis,
    NoiseAnalysis,
    OperatingPointAnalysis,
    SweepAnalysis,
    TransientAnalysis,
    read_deck,
    read_spice,
)
from circuitxbar.ngspice.runner import run


def test_resistors_capacitors_inductors():
    read = read_spice(DECKS / "divider.cir")
    names = ("r1", "r2", "r3", "r4", "r5", "r7")
    expected = (1e4, 5e3, 2.2e6, 2.5e3, 1e6, 4 * 3 / 2)
    assert [value(read, name) for name in names] == list(expected)
    assert ends(read, "r3") == ["mid", "0"]
    read = read_spice(DECKS / "ladder.cir")
    caps, coils = group(read, "c1")[0], group(read, "l1")[0]
    assert caps.values.tolist() == [1e-9, 2e-9, 1e-11]
    assert caps.initial is not None
    assert caps.initial[0] == 0.5
    assert np.isnan(caps.initial[1:]).all()
    assert (coils.values[0], coils.initial[0]) == (1e-3, 1e-3)  # pyright: ignore[reportOptionalSubscript]
    read = circuit("c1 a 0 1n m=3", "l1 a 0 6m m=3", "r1 a 0 mod", ".model mod r(r=7)")
    assert (value(read, "c1"), value(read, "l1"), value(read, "r1")) == pytest.approx(
        (3e-9, 2e-3, 7.0), rel=1e-15
    )


def test_a_resistor_of_nothing_is_a_voltage_source():
    read = circuit("r1 a b 0", ".subckt s p q", "rx p q {2-2}", ".ends", "x1 b 0 s")
    assert group(read, "vr1")[0].kind == "V"
    assert ends(read, "x1.vrx") == ["b", "0"]
    assert value(read, "vr1") == 0.0
    told = refusal("r1 a b 0", "r1 a b 0")
    assert "line 3: element 'vr1' exists already, netlist, line 2" in told
    assert "'vr1' exists already" in refusal("r1 a b 0", "vr1 a b 1")


def test_sources_over_time():
    read = read_spice(DECKS / "ladder.cir")
    sources, _ = group(read, "v1")
    assert sources.values.tolist() == [1.0, 0.0, 1.5, 0.0]
    pulse, table, sine, short = sources.excitation.over_time  # pyright: ignore[reportOptionalMemberAccess]
    assert pulse == Pulse(0.0, 1.0, 1e-6, 1e-8, 1e-8, 5e-6, 2e-5)
    assert table.at(np.array([0.5e-6, 2e-6])).tolist() == [0.5, 0.5]
    assert sine == Sine(0.5, 1.0, 1e3, 0.0, 100.0, 90.0)
    assert short == Pulse(0.0, 1.0, 0.0, 1e-8, 1e-8)  # edges of a .tran step
    assert sources.excitation.ac[0] == pytest.approx(2j)  # pyright: ignore[reportOptionalMemberAccess]
    current = group(read, "i1")[0].excitation
    assert current is not None
    assert current.over_time == (Exponential(0.0, 1e-3, 1e-6, 2e-6, 5e-6, 3e-6),)
    assert current.ac[0] == 1.0


def test_sources_take_their_defaults_from_the_tran():
    read = circuit(
        "v1 a 0 sin(1 2)", "v2 b 0 exp(1 2)", "v3 c 0 dc=4 pulse 0 1 0 0 0 1u", ".tran 1n 1m"
    )
    sources = group(read, "v1")[0]
    assert sources.values.tolist() == [1.0, 1.0, 4.0]
    assert sources.excitation.over_time == (  # pyright: ignore[reportOptionalMemberAccess]
        Sine(1.0, 2.0, 1e3),
        Exponential(1.0, 2.0, 1e-9, 1e-9, 2e-9, 1e-9),
        Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 1e-6),
    )


def test_the_values_at_rest_are_those_of_ngspice():
    texts = ["sin(1 2 1k 0 0 90)", "dc 5 sin(1 2 1k)", "pulse(3 4 0 1n 1n)", "pwl(1 6 2 7)",
             "exp(2 3 1 1 2 1)", "ac 2", "1 ac 2 pulse(0 1 0 1n 1n)", "ac 1 90 dc 3",
             ""]  # fmt: skip
    lines = [f"v{k} n{k} 0 {text}" for k, text in enumerate(texts)]
    loads = [f"r{k} n{k} 0 1" for k in range(len(texts))]
    read = circuit(*lines)
    got = run("\n".join(["title", *lines, *loads, ".op", ".end"])).vectors
    for k, text in enumerate(texts):
        assert value(read, f"v{k}") == pytest.approx(got[f"n{k}"][0], rel=1e-12, abs=1e-15), text


def test_controlled_sources_and_switches():
    read = read_spice(DECKS / "controlled.cir")
    assert ends(read, "e1") == ["e", "0", "in", "0"]
    assert [value(read, n) for n in ("e1", "g1", "f1", "h1")] == [2.0, 1e-3, 3.0, 100.0]
    assert list(group(read, "f1")[0].sensed[0]) == ["vs"]
    for name, output, point, expected in (
        ("be2", "voltage", {"v1": -3.0}, 10.0),
        ("bg2", "current", {"v1": 0.4}, 1e-3 * math.tanh(0.4)),
        ("b1", "voltage", {"v1": 0.4, "i1": 2e-3}, 2.0),
        ("b1", "voltage", {"v1": 0.6, "i1": 2e-3}, 1.0),
        ("b2", "current", {"v1": 1.5}, 1.25e-3),
        ("b2", "current", {"v1": -1.0}, -1e-3),
        ("b2", "current", {"v1": 5.0}, 3e-3),
    ):
        behaviour = group(read, name)[0].model
        assert isinstance(behaviour, Behaviour)
        assert behaviour.output == output
        assert kernel(behaviour.law)(**point, time=0.0)[0] == pytest.approx(expected, rel=1e-12)
    switch, current_switch = group(read, "s1")[0].model, group(read, "w1")[0].model
    assert (switch.threshold, switch.hysteresis, switch.on, switch.off) == (0.5, 0.1, 10.0, 1e9)
    assert (current_switch.threshold, current_switch.off) == (1e-3, 1e6)
    assert switch.closed.tolist() == [True]
    assert current_switch.closed.tolist() == [False]


def test_transistors_and_their_cards():
    read = read_spice(DECKS / "transistors.cir")
    assert ends(read, "x1.mp") == ["mid", "in", "vdd", "vdd"]
    pmos, nmos = group(read, "x1.mp")[0].model, group(read, "x2.mn")[0].model
    assert pmos.card.type == "pmos"
    assert pmos.parameters["w"] == pytest.approx([2e-6, 5e-6, 2e-6], rel=1e-15)
    assert nmos.card.parameters == {"level": 1.0, "vto": 0.45, "kp": 3e-4, "lambda": 0.08}
    assert nmos.card.level == 1
    local = [group(read, f"x{k}.d1")[0].model.card for k in (1, 2, 3)]
    assert [card.name for card in local] == ["inverter.local", "inverter.local.2", "inverter.local"]
    assert [card.parameters["is"] for card in local] == pytest.approx([1e-15, 2e-15, 1e-15])
    assert group(read, "d1")[0].model.parameters["area"].tolist() == [2.0, 3.0]
    assert group(read, "q2")[0].model.card.name == "qp"
    assert ends(read, "q2") == ["0", "in", "e"]
    assert group(read, "m5")[0].model.card.name == "binned.1"
    assert group(read, "m5")[0].model.card.parameters["vth0"] == 0.44


def test_analyses_options_and_initial_voltages():
    deck = read_deck(DECKS / "ladder.cir")
    assert deck.analyses == (
        TransientAnalysis(1e-8, 4e-5, 0.0, 2e-8, use_initial=True),
        AcAnalysis("dec", 10, 1.0, 1e6),
        NoiseAnalysis("d", "b", "v1", "lin", 100, 1e3, 2e3),
        SweepAnalysis("i1", 0.0, 1e-3, 1e-4),
    )
    assert deck.options == {"reltol": 1e-5, "abstol": 1e-14, "method": "gear", "klu": 1.0}
    assert deck.circuit.initial_voltages == {"c": 0.2, "d": 0.25}
    assert read_deck(DECKS / "divider.cir").analyses == (OperatingPointAnalysis(),)
    inner = read_deck("t\n.subckt s a\nv1 a 0 1\n.ends\nx1 a s\n.dc v.x1.v1 0 1 0.5\n")
    assert inner.analyses == (SweepAnalysis("x1.v1", 0.0, 1.0, 0.5),)
