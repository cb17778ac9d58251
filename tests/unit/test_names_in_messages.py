"""What is told of names that are not there, of misspelt nodes, and of what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.elements import BehaviouralSource, Mosfet
from circuitxbar.circuit.group import ModelCard

PULSE = cx.Pulse(0.0, 1.0, rise=1e-9, fall=1e-9)
DIVIDER = cx.Circuit().add(
    cx.VoltageSource("v1", "in", "0", 1.0),
    cx.Resistor("r1", "in", "out", 1e3),
    cx.Resistor("r2", "out", "0", 1e3),
)
HEAD = "a deck\nv1 a 0 1\nr1 a bias 1k\nr2 bias 0 1k\nr3 c 0 1\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("zz", r"no node 'zz'. There are 0, in, out."),
        ("OUT", r"no node 'OUT'. Did you mean out\? There are 0, in, out."),
        ("v(out)", r"no node 'v\(out\)'. Did you mean out\?"),
        (None, r"no node None. There are 0, in, out."),
    ],
)
def test_unknown_nodes_come_with_near_ones_and_the_first(name: Any, told: str):
    with pytest.raises(cx.CircuitError, match=told):
        DIVIDER.node(name)


def test_of_many_names_the_first_and_their_number_are_told():
    circuit = cx.Circuit().add(*(cx.Resistor(f"r{k}", f"n{k}", "0", 1.0) for k in range(40)))
    with pytest.raises(cx.CircuitError, match=r"There are 41: 0, n0, n1, n2, n3, n4, \.\.\.\."):
        circuit.node("anything")


@pytest.mark.parametrize(
    ("card", "line", "told"),
    [
        ("b1 c 0 i=v(bios)*2", 6, r"expression of 'b1' takes the voltage v\(bios\).*mean bias\?"),
        ("b1 c 0 v=v(bias,q)", 6, r"expression of 'b1' takes the voltage v\(q\), but nothing is"),
        ("e1 d 0 bios 0 2", 6, r"control of 'e1' takes the voltage v\(bios\).*Did you mean bias\?"),
        ("x1 bias s\n.subckt s p\nr1 p 0 1\nb1 p 0 i=v(pp)\n.ends", 9, r"'x1.b1' takes.*v\(x1.pp"),
        ("x1 bias amp\n.subckt opamp p\nr1 p 0 1\n.ends", 6, r"no .subckt 'amp'. Did you mean opa"),
        ("d1 bias 0 d1n414\n.model d1n4148 d", 6, r"no model 'd1n414'. Did you mean d1n4148\?"),
        ("r4 bias 0 {rlod}\n.param rload=1", 6, r"no parameter 'rlod'. Did you mean rload\?"),
        ("f1 bias 0 vv1 2", 6, r"no element 'vv1' whose current could be taken. Did you mean v1\?"),
        (".control\nop\n.endc", 6, r"runs no commands. Take out .control to .endc, and say what"),
        (".ic v(bios)=1", 6, r"no node 'bios'. Did you mean bias\?"),
    ],
)
def test_misspelt_names_are_told_with_file_and_line(card: str, line: int, told: str):
    with pytest.raises(cx.NetlistError, match=rf"netlist, line {line}: .*{told}"):
        cx.read_spice(f"{HEAD}{card}\n.op\n")


def test_a_deck_that_asks_for_nothing_may_be_completed_before_it_is_solved():
    circuit = cx.read_spice(f"{HEAD}b1 c 0 i=v(later)*2\n")
    with pytest.raises(cx.CircuitError, match=r"node 'later' has no path.* it controls b1"):
        cx.operating_point(circuit)
    whole = circuit.add(cx.VoltageSource("v2", "later", "0", 0.5))
    assert cx.operating_point(whole).voltage("c") == pytest.approx(-1.0)


def test_a_misspelt_node_of_a_source_that_was_built_is_told_as_such():
    circuit = DIVIDER.add(
        BehaviouralSource("b1", "out", "0", current="v / 50", voltages={"v": ("uot", "0")})
    )
    with pytest.raises(cx.CircuitError, match=r"it controls b1, and nothing is joined.*mean out\?"):
        cx.operating_point(circuit)


def test_what_is_missing_or_of_the_wrong_kind_says_what_to_do():
    crossbar = cx.Crossbar(np.full((2, 2), 1e-5))
    cases: list[tuple[Any, str]] = [
        (lambda: cx.transient(DIVIDER), "stop is missing: how long, s, by its name"),  # pyright: ignore[reportCallIssue]
        (lambda: cx.transient(crossbar, [0.1, 0.1]), "stop is missing"),  # pyright: ignore[reportCallIssue]
        (lambda: cx.transient(DIVIDER, PULSE, stop=1.0), "its sources hold them"),  # pyright: ignore[reportCallIssue]
        (lambda: cx.transient(crossbar, [0.1, PULSE], stop=1e-6), "a Pulse is for one source"),
        (lambda: cx.transient(crossbar, PULSE, stop=1e-6), "Give one Waveform for all lines"),
        (lambda: DIVIDER.add(cx.VoltageSource("v2", "a", "0", PULSE)), "Give it as over_time="),  # pyright: ignore[reportArgumentType]
        (lambda: DIVIDER.add(cx.VoltageSource("v2", "a", "0", 0.0, [PULSE])), "this source alone"),  # pyright: ignore[reportArgumentType]
    ]
    for call, told in cases:
        with pytest.raises(cx.CircuitError, match=told):
            call()


def test_a_number_without_a_unit_has_none_in_a_message():
    deck = f"{HEAD}d1 bias 0 dd\n.model dd d m=0.95\n"
    with pytest.raises(cx.CircuitError, match=r"m = 0.95 is outside 0 to 0.9. Use engine"):
        cx.operating_point(cx.read_spice(deck))


def test_comments_and_titles_may_hold_any_letters():
    deck = "Verst\u00e4rker\n* 10 \u00b5A\nv1 a 0 1 ; \u03a9\nr1 a 0 1k $ \u00b5\n"
    circuit = cx.read_spice(deck)
    assert circuit.title == "Verst?rker"
    assert cx.operating_point(circuit).current("r1") == pytest.approx(1e-3)
    with pytest.raises(cx.NetlistError, match=r"line 3: '\u00b5' is not ASCII.*u for micro"):
        cx.read_spice("a deck\nv1 a 0 1\nr1 a 0 10\u00b5\n")


ENDS = "ad=4e-12 as=7e-12 pd=9e-06 ps=1.3e-05 nrd=0.4 nrs=1.5"


def test_areas_are_read_and_written_as_they_were_given():
    deck = (
        f"areas\nv1 d 0 1\nm1 d d 0 0 n w=1u l=1u {ENDS}\nm2 d d 0 0 n w=1u l=1u\n.model n nmos\n"
    )
    circuit = cx.read_spice(deck)
    text = cx.write_spice(circuit)
    assert f"m1 d d 0 0 n w=1e-06 l=1e-06 {ENDS}\n" in text
    assert "m2 d d 0 0 n w=1e-06 l=1e-06\n" in text
    assert cx.write_spice(cx.read_spice(text)) == text


def test_an_area_below_0_is_refused():
    transistor = Mosfet("m1", "d", "g", "0", "0", ModelCard("n", "nmos"), drain_area=-1e-12)
    with pytest.raises(cx.CircuitError, match=r"m1: drain_area = -1.0e-12 m\^2 is negative"):
        DIVIDER.add(transistor)


def test_what_only_a_foundry_knows_of_a_transistor_is_carried():
    m1 = "m1 d d 0 0 n w=1e-06 l=1e-07 nf=2 delvto=-0.01"
    deck = f"foundry\nv1 d 0 1\n{m1}\n.model n nmos level=54\n"
    circuit = cx.read_spice(deck)
    text = cx.write_spice(circuit)
    assert "m1 d d 0 0 n w=1e-06 l=1e-07 nf=2.0 delvto=-0.01\n" in text
    assert cx.write_spice(cx.read_spice(text)) == text
    with pytest.raises(cx.CircuitError, match=r'level 54 is not known.*engine="ngspice"'):
        cx.operating_point(circuit)
    with pytest.raises(cx.NetlistError, match=r"line 3: nf= is not supported here"):
        cx.read_spice(deck.replace("level=54", "level=1"))
    own = Mosfet("m1", "out", "in", "0", "0", ModelCard("n", "nmos"), further={"nf": 2.0})
    with pytest.raises(cx.CircuitError, match="an element of MOSFET level 1 has no nf"):
        cx.operating_point(DIVIDER.add(own))
    with pytest.raises(cx.CircuitError, match=r"further\['n f'\] is no other number"):
        DIVIDER.add(Mosfet("m1", "a", "b", "0", "0", ModelCard("n", "nmos"), further={"n f": 2.0}))
