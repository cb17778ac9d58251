"""Diodes and transistors become primitive elements; everything else stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    Diode,
    Mosfet,
    Resistor,
    VoltageSource,
)
from circuitxbar.circuit.expansion import expanded, main_currents
from circuitxbar.circuit.group import Behaviour, Group, ModelCard
from circuitxbar.errors import CircuitError

PRIMITIVE = {"R", "C", "L", "V", "I", "E", "G", "F", "H", "B", "S", "W", "law"}
PLAIN = ModelCard("plain", "d")
RESISTIVE = ModelCard("resistive", "d", {"rs": 6.0, "cjo": 1e-12})
BIPOLAR = {"rb": 10.0, "rc": 2.0, "re": 1.0, "cje": 1e-12, "cjc": 1e-12, "xcjc": 0.5}


def group(circuit: Circuit, element: str) -> Group:
    return circuit.element(element)[0]


def wiring(circuit: Circuit, element: str) -> list[str]:
    """The names of the nodes of an element."""
    found, k = circuit.element(element)
    return [circuit.nodes[node] for node in found.nodes[k]]


def test_a_circuit_without_semiconductors_is_itself():
    circuit = Circuit().add(Resistor("r1", "a", "0", 1.0), Capacitor("c1", "a", "0", 1e-9))
    assert expanded(circuit) is circuit


def test_what_is_primitive_stays_and_nodes_keep_their_numbers():
    circuit = (
        Circuit("mixed")
        .add(
            VoltageSource("v1", "in", "0", 1.0),
            Diode("d1", "in", "out", RESISTIVE),
            CurrentControlledCurrentSource("f1", "out", "0", "v1", 2.0),
            Capacitor("c1", "out", "0", 1e-9, initial=0.5),
        )
        .with_initial_voltages({"out": 0.25})
    )
    whole = expanded(circuit)
    assert whole.nodes == [*circuit.nodes, "d1.junction"]
    assert whole.title == "mixed"
    assert whole.initial_voltages == {"out": 0.25}
    assert {g.kind for g in whole.groups} <= PRIMITIVE
    for name in ("v1", "f1", "c1"):
        assert group(whole, name) is group(circuit, name)
    assert list(group(whole, "f1").sensed[0]) == ["v1"]


def test_elements_of_one_card_stay_one_group():
    diodes = [Diode(f"d{k}", f"n{k}", "0", RESISTIVE, area=k + 1.0) for k in range(5)]
    whole = expanded(Circuit().add(*diodes))
    resistors, junctions = whole.groups
    assert list(resistors.names) == [f"d{k}.rs" for k in range(5)]
    assert resistors.values.tolist() == [6.0 / (k + 1) for k in range(5)]
    assert list(junctions.names) == [f"d{k}.diode" for k in range(5)]
    assert isinstance(junctions.model, Behaviour)
    assert junctions.model.parameters["area"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert {values.shape for values in junctions.model.parameters.values()} == {(5,)}
    for k in range(5):
        assert wiring(whole, f"d{k}.rs") == [f"n{k}", f"d{k}.junction"]
        assert wiring(whole, f"d{k}.diode") == [f"d{k}.junction", "0"] * 2


def test_a_resistance_of_0_makes_no_node():
    whole = expanded(Circuit().add(Diode("d1", "a", "b", PLAIN)))
    assert whole.nodes == ["0", "a", "b"]
    assert [g.kind for g in whole.groups] == ["B"]
    assert wiring(whole, "d1.diode") == ["a", "b", "a", "b"]


@pytest.mark.parametrize("type", ["npn", "pnp"])
def test_a_pnp_is_an_npn_with_all_pairs_of_nodes_turned(type: str):
    card = ModelCard("q", type, BIPOLAR)
    whole = expanded(Circuit().add(Bipolar("q1", "c", "b", "e", card)))
    assert wiring(whole, "q1.rb") == ["b", "q1.base_inside"]
    pairs = [
        ["q1.collector_inside", "q1.emitter_inside"],
        ["q1.base_inside", "q1.emitter_inside"],
        ["q1.base_inside", "q1.collector_inside"],
    ]
    turn = -1 if type == "pnp" else 1
    assert wiring(whole, "q1.collector") == [node for pair in pairs for node in pair[::turn]]
    outer = ["b", "q1.collector_inside"][::turn]
    assert wiring(whole, "q1.outer_base_collector") == outer * 2


def test_a_transistor_has_the_capacitors_and_junctions_that_its_card_has():
    bare = ModelCard("bare", "nmos", {"is": 0.0})
    full = ModelCard("full", "nmos", {"cgso": 1e-10, "cgbo": 2e-10, "rd": 8.0, "ld": 1e-7})
    place = ("d", "g", "s", "b")
    sizes = {"width": 2e-6, "length": 1e-6, "multiplier": 4.0}
    whole = expanded(
        Circuit().add(Mosfet("m1", *place, bare, **sizes), Mosfet("m2", *place, full, **sizes))
    )
    names = [name for g in whole.groups for name in g.names]
    parts = ["rd", "cgs", "cgb", "channel", "drain_junction", "source_junction"]
    assert names == ["m1.channel", *(f"m2.{part}" for part in parts)]
    assert group(whole, "m2.rd").values.tolist() == [2.0]
    assert group(whole, "m2.cgs").values.tolist() == pytest.approx([8e-16], rel=1e-15)
    assert group(whole, "m2.cgb").values.tolist() == pytest.approx([6.4e-16], rel=1e-15)
    assert wiring(whole, "m2.drain_junction") == ["b", "m2.drain_inside"] * 2


@pytest.mark.parametrize(
    ("element", "currents"),
    [
        (Diode("x", "a", "b", PLAIN), {"x.diode": 1}),
        (Diode("x", "a", "b", RESISTIVE), {"x.rs": 1}),
        (Bipolar("x", "a", "b", "c", ModelCard("q", "npn")), {"x.collector": 1}),
        (Bipolar("x", "a", "b", "c", ModelCard("q", "pnp")), {"x.collector": -1}),
        (
            Bipolar("x", "a", "b", "c", ModelCard("q", "npn", {"tr": 1e-9})),
            {"x.collector": 1, "x.base_collector": -1},
        ),
        (Bipolar("x", "a", "b", "c", ModelCard("q", "pnp", BIPOLAR)), {"x.rc": 1}),
        (
            Mosfet("x", "a", "b", "c", "0", ModelCard("m", "nmos", {"cgdo": 1e-10})),
            {"x.channel": 1, "x.cgd": -1, "x.drain_junction": -1},
        ),
        (
            Mosfet("x", "a", "b", "c", "0", ModelCard("m", "pmos")),
            {"x.channel": -1, "x.drain_junction": 1},
        ),
    ],
)
def test_main_currents_are_what_flows_into_the_first_terminal(element, currents: dict[str, int]):
    circuit = Circuit().add(element)
    assert {names[0]: sign for names, sign in main_currents(circuit.groups[0])} == currents
    whole = expanded(circuit)
    for name, sign in currents.items():  # and nothing else is there
        assert wiring(whole, name)[0 if sign > 0 else 1] == "a"
    ends = [n for g in whole.groups for row in g.nodes for n in row[:2]]
    assert ends.count(circuit.node("a")) == len(currents)


def test_names_inside_that_are_taken_are_refused():
    with pytest.raises(CircuitError, match=r"node 'd1\.junction' has the name of a part of 'd1'"):
        expanded(Circuit().add(Diode("d1", "d1.junction", "0", RESISTIVE)))
    taken = Resistor("d1.diode", "a", "0", 1.0)
    with pytest.raises(CircuitError, match=r"element 'd1\.diode' has the name of a part of 'd1'"):
        expanded(Circuit().add(Diode("d1", "a", "0", PLAIN), taken))


def test_a_thousand_diodes_of_one_card_are_one_evaluation():
    diodes = [Diode(f"d{k}", f"n{k}", "0", PLAIN) for k in range(1000)]
    whole = expanded(Circuit().add(*diodes))
    assert len(whole.groups) == 1
    assert np.array_equal(whole.groups[0].nodes[:, 0], np.arange(1, 1001))
