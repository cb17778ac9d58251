"""Decks that other simulators answer wrongly, without a word: here they are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import circuitxbar as cx

DRIVEN = "t\nv1 in 0 1\nr1 in a 1k\nr2 a 0 1k\n"


def read(cards: str) -> cx.Circuit:
    return cx.read_spice(DRIVEN + cards)


ANALYSES = {
    "operating point": cx.operating_point,
    "sweep": lambda circuit: cx.dc_sweep(circuit, "v1", [0.0, 1.0]),
    "transient": lambda circuit: cx.transient(circuit, stop=1e-6),
    "AC": lambda circuit: cx.ac(circuit, [1e3]),
}


@pytest.mark.parametrize("analyse", ANALYSES.values(), ids=ANALYSES)
@pytest.mark.parametrize(
    ("cards", "node"),
    [
        ("i1 0 open 1u\n", "open"),  # ngspice: 1 V for each uA
        ("g1 0 open a 0 1m\nc1 open 0 1n\n", "open"),
        ("r3 left right 1k\nr4 right left 2k\n", "left"),  # ngspice: 0 V
        ("d1 left right dm\nr3 right left 1k\n.model dm d\n", "right"),
        ("c1 a between 1n\nc2 between 0 1n\n", "between"),  # ngspice: what its gmin makes of it
        ("c1 a far 1n\n", "far"),
        ("r3 left right 1k\ng1 other left other right 1m\n", "left"),  # all may be higher
        ("c1 a gate 1n\nm1 a gate 0 0 nm\n.model nm nmos tox=20n\n", "gate"),
        ("m1 a gate 0 0 nm\n.model nm nmos\n", "gate"),
        ("xa a inner cell\n.subckt cell p q\nc1 p deep 1n\nr1 deep q 1k\n.ends\n", "deep"),
    ],
)
def test_what_has_no_path_to_ground_is_named(analyse, cards: str, node: str):
    circuit = read(cards)
    with pytest.raises(cx.CircuitError, match=rf"node '(xa\.)?{node}' has no path"):
        analyse(circuit)


@pytest.mark.parametrize(
    ("cards", "node", "volt"),
    [
        ("g1 a 0 x 0 1m\ng2 0 x a 0 1m\nc1 x 0 1n\n", "x", 1.0),  # a gyrator: a is at 0 V
        ("f1 0 x v1 2\ng1 x 0 x y 1m\nr3 y 0 1\n", "x", -1.0),  # half a milliampere, twice
        ("e1 out 0 open 0 1\nr3 out 0 1k\ng1 0 open a out 1m\n", "open", 0.5),  # by feedback
    ],
)
def test_what_currents_that_are_controlled_determine_is_answered(
    cards: str, node: str, volt: float
):
    point = cx.operating_point(read(cards))
    assert point.voltage(node) == pytest.approx(volt, rel=1e-9)


@pytest.mark.parametrize(
    ("cards", "node"),
    [
        ("g1 a 0 x y 1m\ng2 y x a 0 1m\nr3 x y 1k\n", "x"),  # but for the difference of both
        ("g1 a 0 x y 1m\ng2 0 x a 0 1m\nr3 x y 1k\nc1 x 0 1n\n", "x"),
        ("f1 0 x v1 2\nc1 x 0 1n\n", "x"),
        ("g1 0 x a 0 1m\ng2 a 0 x 0 0\n", "x"),  # 0 S is no control
        ("r3 x y 1k\nr4 z y 1k\ng1 x z a 0 1m\n", "x"),
        ("r3 x y 1k\ng1 z x a y 1m\n", "x"),  # what leaves z comes to x
        ("eid out 0 open 0 1e6\nr3 out 0 1k\ni1 0 open 1u\n", "open"),
    ],
)
def test_what_they_do_not_determine_is_named(cards: str, node: str):
    with pytest.raises(cx.CircuitError, match=rf"node '{node}' has no path"):
        cx.operating_point(read(cards))


@pytest.mark.parametrize(
    ("cards", "node"),
    [
        ("g1 b 0 b 0 -1m\nr3 b 0 1k\ni1 0 b 1u\n", "b"),
        ("g1 a 0 x 0 1m\ng2 0 x a 0 1m\ng3 0 a x 0 1m\n", "x"),
    ],
)
@pytest.mark.parametrize("analysis", ["operating point", "sweep", "transient", "AC"])
def test_what_cancels_by_its_values_is_named(analysis: str, cards: str, node: str):
    with pytest.raises(cx.SolverError, match=rf"singular, node '{node}' may have any value"):
        ANALYSES[analysis](read(cards))


def test_what_cancels_to_the_last_digit_is_named_too():
    """The one current that n0 controls goes around through v3; SuperLU meets an exact 0."""
    deck = (
        "t\ng0 n1 n2 n1 n0 0.5396468082703887\ng1 n0 n2 0 n1 0.9287962058095087\n"
        "r2 n2 0 1.316487942900297\nv3 n2 n1 -0.42324178198066076\n"
    )
    with pytest.raises(cx.SolverError, match="singular, node 'n0' may have any value"):
        cx.operating_point(cx.read_spice(deck))


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
def test_no_engine_is_asked_before_the_check(engine: str):
    with pytest.raises(cx.CircuitError, match="node 'open' has no path"):
        cx.operating_point(read("i1 0 open 1u\n"), engine=engine)


@pytest.mark.parametrize(
    ("cards", "told"),
    [
        ("R1 a 0 2k\n", "line 5: element 'r1' exists already, netlist, line 3; upper"),
        ("r3 a 0 1k\nR3 a 0 2k\n", "line 6: element 'r3' exists already"),
    ],
)
def test_names_that_differ_by_case_alone_are_one_name(cards: str, told: str):
    with pytest.raises(cx.NetlistError, match=told):
        read(cards)


def test_nodes_that_differ_by_case_alone_are_one_node():
    circuit = read("r3 A 0 1k\n")
    assert cx.operating_point(circuit).voltage("a") == pytest.approx(1 / 3, rel=1e-12)
    assert tuple(circuit.nodes) == ("0", "in", "a")


@pytest.mark.parametrize("value", ["0", "0.0", "{1-1}", "0k"])
def test_a_resistor_of_0_ohm_is_a_source_of_0_volt(value: str):
    circuit = cx.read_spice(f"t\nv1 in 0 1\nr1 in a {value}\nr2 a b 1k\nr3 b 0 {value}\n")
    assert circuit.element("vr1")[0].kind == "V"
    point = cx.operating_point(circuit)
    assert point.voltage("a") == 1.0
    assert point.voltage("b") == 0.0
    np.testing.assert_allclose(point.current("vr1"), 1e-3, rtol=1e-15)


def test_capacitors_alone_need_an_initial_voltage():
    cards = "c1 a between 1n\nc2 between 0 3n\n"
    held = cx.transient(read(cards + ".ic v(between)=0.2\n"), stop=1e-6)
    np.testing.assert_allclose(held.voltage("between"), 0.2, rtol=1e-9)
    given = cx.transient(read(cards), stop=1e-6, initial="given", tol=1e-6)
    # Charge comes through one kilo-ohm, in shares of the two capacitances.
    np.testing.assert_allclose(
        given.voltage("between"), given.voltage("a") / 4, rtol=1e-9, atol=1e-15
    )
