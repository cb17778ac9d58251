"""Circuits as data: adding, joining, names; and the public names of a crossbar's circuit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
D = cx.DeviceElement


def elements(circuit: cx.Circuit) -> list[str]:
    return [name for group in circuit.groups for name in group.names]


def named(circuit: cx.Circuit, start: str) -> list[str]:
    return [name for name in elements(circuit) if name.startswith(start)]


@pytest.fixture
def divider() -> cx.Circuit:
    return cx.Circuit().add(V("s", "in", "0", 3.0), R("a", "in", "out", 1.0), R("b", "out", "0", 2))


def test_adding_returns_a_new_circuit_and_leaves_the_old(divider: cx.Circuit):
    more = divider.add(R("c", "out", "0", 2.0))
    assert elements(divider) == ["s", "a", "b"]
    assert elements(more) == ["s", "a", "b", "c"]
    assert cx.operating_point(divider).voltage("out") == pytest.approx(2.0, rel=1e-15)
    assert cx.operating_point(more).voltage("out") == pytest.approx(1.5, rel=1e-15)
    assert divider.nodes == ["0", "in", "out"]
    assert divider.node_count == 3
    assert divider.batch == 1


def test_adding_one_by_one_or_all_at_once_is_the_same(divider: cx.Circuit):
    step = cx.Circuit()
    for element in (V("s", "in", "0", 3.0), R("a", "in", "out", 1.0), R("b", "out", "0", 2)):
        step = step.add(element)
    assert cx.write_spice(step) == cx.write_spice(divider)
    assert divider.add() is not divider
    assert cx.write_spice(divider.add()) == cx.write_spice(divider)


@pytest.mark.parametrize(
    ("element", "told"),
    [
        (R("a", "in", "0", 1.0), "element 'a' exists already"),
        (V("b", "x", "0", 1.0), "element 'b' exists already"),
        (R("A", "in", "0", 1.0), "element name 'A' cannot be used"),
        (R("", "in", "0", 1.0), "element name '' cannot be used"),
        (R("a b", "in", "0", 1.0), "element name 'a b' cannot be used"),
        (R("a\n.include x", "in", "0", 1.0), "cannot be used"),
        (R("é", "in", "0", 1.0), "cannot be used"),
        (R("{0}", "in", "0", 1.0), "cannot be used"),
        (R(".a", "in", "0", 1.0), "cannot be used"),
        (R("c", "In", "0", 1.0), "node name 'In' cannot be used"),
        (R("c", "in", "gnd", 1.0), "node name 'gnd' cannot be used.*ground is '0'"),
        (R("c", "in", "a=1", 1.0), "node name 'a=1' cannot be used"),
        (R("c", "in", "all", 1.0), "node name 'all' cannot be used"),
        (R("c", "in", "temper", 1.0), "node name 'temper' cannot be used"),
        (R("c", "in", "vector_index", 1.0), "node name 'vector_index' cannot be used"),
        (R("c", ["in"], "0", 1.0), "node name .* cannot be used"),  # pyright: ignore
        (R("c", "in", None, 1.0), "node name None cannot be used"),  # pyright: ignore
        (R("c", "in", "0", -1.0), "c = -1.0e[+]00 ohm is negative"),
        (R("c", "in", "0", np.nan), "c = nan is not a number"),
        (R("c", "in", "0", "1k"), "c must hold real numbers"),  # pyright: ignore
        (R("c", "in", "0", 1e-320), "too small to compute with"),
        (V("c", "in", "0", np.inf), "c = inf is not finite"),
        (I("c", "in", "0", -np.inf), "c = -inf is not finite"),
        (I("c", "in", "0", [1.0, 2.0]), r"c has shape \(2,\); expected \(\)"),  # pyright: ignore
        ("rc in 0 1", "is not an element"),
        (cx.Driven(), "is not an element"),
        (D("a", ("in", "0"), "sinh", 1e-5), "element 'a' exists already"),
        (D("d", ("in", "0"), "sinhh", 1e-5), "no device 'sinhh'. Did you mean 'sinh'"),
        (D("d", ("in", "0"), 5, 1e-5), "device = 5"),  # pyright: ignore
        (D("d", ("in",), "sinh", 1e-5), r"'d': nodes = \('in',\); 'sinh' needs one for .* p, n"),
        (D("d", ("in", "0"), "ekv_transistor"), "needs one for each of drain, gate, source"),
        (D("d", "ab", "sinh", 1e-5), "'d': nodes = 'ab'"),  # pyright: ignore
        (D("d", ("in", "Out"), "sinh", 1e-5), "node name 'Out' cannot be used"),
        (D("d", ("in", "0"), "sinh"), "'d': the law of 'sinh' needs a conductance"),
        (D("d", ("in", "0"), "diode", 1e-5), "'d': the law of 'diode' is free of g"),
        (D("d", ("in", "0"), "sinh", 0.0), "'d': conductance = 0 S must be above 0"),
        (D("d", ("in", "0"), "sinh", -1e-5), "'d': conductance = -1e-05 S must be above 0"),
        (D("d", ("in", "0"), "sinh", np.inf), "'d': conductance = inf is not finite"),
        (D("d", ("in", "0"), "sinh", 0.5), "0.5 S is outside the valid range 0 to 0.01 S"),
        (D("d", ("in", "0"), "sinh", 1e-5, ["v0"]), "not a dict"),  # pyright: ignore
        (
            D("d", ("in", "0"), "sinh", 1e-5, {"vo": 1.0}),
            "'d': 'sinh' has no parameter 'vo'. .* v0",
        ),
        (D("d", ("in", "0"), "sinh", 1e-5, {5: 1.0}), "no parameter 5"),  # pyright: ignore
        (D("d", ("in", "0"), "sinh", 1e-5, {"v0": 1e-3}), "'d': .*v0 = 1.0e-03 V is too small"),
        (D("d", ("in", "0"), "sinh", 1e-5, {"v0": [0.1, 0.2]}), "'d': .*shape"),  # pyright: ignore
        (D("d", ("in", "0"), "sinh", 1e-5, temperature=0.0), "'d': temperature = 0.0e[+]00 K"),
    ],
)
def test_what_cannot_be_added_is_refused_by_name(divider: cx.Circuit, element: Any, told: str):
    with pytest.raises((cx.CircuitError, cx.ModelError), match=told):
        divider.add(element)
    with pytest.raises((cx.CircuitError, cx.ModelError), match=told):
        divider.add(R("fine", "in", "0", 1.0), element)
    assert elements(divider) == ["s", "a", "b"]


def test_two_of_one_name_in_one_call_are_refused():
    with pytest.raises(cx.CircuitError, match="'a' exists already"):
        cx.Circuit().add(R("a", "x", "0", 1.0), R("a", "y", "0", 1.0))


def test_unknown_names_come_with_near_ones(divider: cx.Circuit):
    with pytest.raises(cx.CircuitError, match=r"there is no node 'inn'. Did you mean in"):
        divider.node("inn")
    with pytest.raises(cx.CircuitError, match=r"there is no element 'zzz'. There are "):
        divider.element("zzz")
    circuit = cx.Crossbar(np.ones((2, 2))).circuit([0.1, 0.2])
    with pytest.raises(cx.CircuitError, match=r"no element 'cell_2_0'. Did you mean cell_1_0"):
        circuit.element("cell_2_0")
    assert divider.node("0") == 0


def test_public_names_of_a_crossbar():
    """Exactly those of the contract: zero-based, wires counted from the left and from the top."""
    crossbar = cx.Crossbar(
        np.ones((2, 3)),
        left=cx.Driven(1.0),
        right=cx.Held(0.1),
        top=cx.Norton(1e-3, 0.0),
        bottom=cx.Grounded([0.0, 1.0, np.inf]),
    )
    circuit = crossbar.circuit([0.1, 0.2])
    grid = [(i, j) for i in range(2) for j in range(3)]
    nodes = ["0"]
    nodes += [f"{line}_{i}_{j}" for line in ("row", "column") for i, j in grid]
    nodes += ["row_0_left", "row_1_left", "row_0_right", "row_1_right"]
    nodes += ["column_0_top", "column_1_top", "column_2_top", "column_0_bottom", "column_1_bottom"]
    nodes += ["row_0_left_source", "row_1_left_source", "column_1_bottom_source"]
    assert circuit.nodes == nodes
    assert named(circuit, "cell_") == [f"cell_{i}_{j}" for i, j in grid]
    assert named(circuit, "rowwire_") == [f"rowwire_{i}_{k}" for i in range(2) for k in range(4)]
    columnwires = [f"columnwire_{k}_{j}" for k in range(3) for j in range(3)]
    columnwires.remove("columnwire_2_2")  # the floating end of column 2
    assert named(circuit, "columnwire_") == columnwires
    left = ["termination_row_0_left", "termination_row_1_left"]
    top = [f"termination_column_{j}_top" for j in range(3)]
    assert named(circuit, "termination_") == [*left, *top, "termination_column_1_bottom"]
    assert named(circuit, "source_") == [
        *("source_row_0_left", "source_row_1_left", "source_row_0_right", "source_row_1_right"),
        *("source_column_0_top", "source_column_1_top", "source_column_2_top"),
        *("source_column_0_bottom", "source_column_1_bottom"),
    ]
    ends = {}
    for name in ("cell_1_2", "rowwire_1_0", "rowwire_1_3", "columnwire_0_1", "columnwire_2_1"):
        group, k = circuit.element(name)
        ends[name] = tuple(circuit.nodes[n] for n in group.nodes[k])
    assert ends == {
        "cell_1_2": ("row_1_2", "column_1_2"),
        "rowwire_1_0": ("row_1_left", "row_1_0"),
        "rowwire_1_3": ("row_1_2", "row_1_right"),
        "columnwire_0_1": ("column_1_top", "column_0_1"),
        "columnwire_2_1": ("column_1_1", "column_1_bottom"),
    }


def test_a_crossbar_circuit_has_the_answers_of_its_solution():
    rng = np.random.default_rng(2)
    crossbar = cx.Crossbar(
        rng.uniform(1e-5, 1e-3, (2, 3)), left=cx.Driven(20.0), right=cx.Norton(1e-3, 1e-6)
    )
    voltages = rng.uniform(-1, 1, (4, 2))
    solution = cx.solve(crossbar, voltages)
    point = cx.operating_point(crossbar.circuit(voltages))
    assert np.shape(point.voltage("row_1_2")) == (4,)
    for i, j in np.ndindex(2, 3):
        close = {"rtol": 1e-12, "atol": 1e-15}
        assert np.allclose(point.voltage(f"row_{i}_{j}"), solution.row_voltages[:, i, j], **close)
        assert np.allclose(
            point.voltage(f"column_{i}_{j}"), solution.column_voltages[:, i, j], **close
        )
        assert np.allclose(
            point.current(f"cell_{i}_{j}"), solution.cell_currents[:, i, j], rtol=1e-9, atol=1e-15
        )
    for j in range(3):
        found = point.current(f"source_column_{j}_bottom")
        assert np.allclose(found, solution.currents[:, j], rtol=1e-9, atol=1e-15)
    out = solution.terminal_currents.right[:, 1]
    found = point.current("termination_row_1_right") - point.current("source_row_1_right")
    assert np.allclose(found, out, rtol=1e-9, atol=1e-12)


def test_an_instance_of_an_array_with_sources_is_its_crossbar():
    rng = np.random.default_rng(3)
    crossbar = cx.Crossbar(rng.uniform(1e-5, 1e-3, (2, 3)), right=cx.Driven())
    want = cx.solve(crossbar, [0.3, -0.1]).currents
    circuit = cx.Circuit().add(V("a", "in0", "0", 0.3), V("b", "in1", "0", -0.1))
    circuit = circuit.add(*(V(f"sense{j}", f"out{j}", "0", 0.0) for j in range(3)))
    pins = {f"row_{i}_{side}": f"in{i}" for i in range(2) for side in ("left", "right")}
    pins |= {f"column_{j}_bottom": f"out{j}" for j in range(3)}
    sub = crossbar.subcircuit()
    assert sub.name == "array"
    assert set(sub.pins) == set(pins)
    joined = circuit.instance("x1", sub, **pins)
    point = cx.operating_point(joined)
    found = [point.current(f"sense{j}") for j in range(3)]
    assert np.allclose(found, want, rtol=1e-9, atol=0)
    assert elements(joined)[5:7] == ["x1.cell_0_0", "x1.cell_0_1"]
    assert "x1.row_1_2" in joined.nodes
    assert "x1.row_1_left" not in joined.nodes  # it is in1


def test_instances_do_not_mix():
    """Two arrays of different sizes in parallel and in series, one pin at ground."""
    one = cx.Crossbar([[1e-3]], wires=cx.Wires(0, 0)).subcircuit("one")
    two = cx.Crossbar([[2e-3, 2e-3]], wires=cx.Wires(0, 0)).subcircuit("two")
    circuit = (
        cx.Circuit()
        .add(V("s", "in", "0", 1.0))
        .instance("x1", one, row_0_left="in", column_0_bottom="mid")
        .instance("x2", two, row_0_left="mid", column_0_bottom="0", column_1_bottom="0")
        .instance("x3", one, row_0_left="in", column_0_bottom="0")
    )
    point = cx.operating_point(circuit)
    assert point.voltage("mid") == pytest.approx(1e-3 / (1e-3 + 4e-3), rel=1e-14)
    assert point.current("s") == pytest.approx(-(0.8e-3 + 1e-3), rel=1e-14)
    assert point.current("x2.cell_0_1") == pytest.approx(0.4e-3, rel=1e-14)
    assert len(set(circuit.nodes)) == circuit.node_count


def test_an_instance_keeps_the_laws_of_its_elements():
    """Three terminals and parameters of its own, on nodes with new numbers."""
    inner = cx.Circuit().add(
        V("supply", "top", "0", 1.5),
        R("up", "top", "drain", 2e3),
        D("t", ("drain", "gate", "0"), "ekv_transistor", parameters={"threshold": 0.6}),
        D("cell", ("drain", "0"), "sinh", 1e-4, {"v0": 0.1}, temperature=350.0),
        R("gate_leak", "gate", "0", 1e9),
    )
    sub = cx.SubCircuit("stage", inner, {"gate": inner.node("gate"), "out": inner.node("drain")})
    drive = V("drive", "in", "0", 0.9)
    plain = cx.operating_point(inner.add(V("drive", "gate", "0", 0.9)))
    circuit = cx.Circuit().add(R("first", "elsewhere", "0", 1.0), drive)
    point = cx.operating_point(circuit.instance("x", sub, gate="in", out="there"))
    assert point.voltage("there") == pytest.approx(plain.voltage("drain"), rel=1e-14)
    for name in ("t", "cell"):
        assert point.current(f"x.{name}") == pytest.approx(plain.current(name), rel=1e-13)
    group, _ = circuit.instance("x", sub, gate="in", out="there").element("x.cell")
    assert group.model is not None
    assert group.model.temperature == 350.0


def test_two_pins_of_one_instance_may_be_joined():
    sub = cx.Crossbar([[1e-3, 2e-3]], wires=cx.Wires(10.0, 20.0)).subcircuit()
    circuit = cx.Circuit().add(V("s", "in", "0", 1.0), R("load", "out", "0", 30.0))
    circuit = circuit.instance(
        "x", sub, row_0_left="in", column_0_bottom="out", column_1_bottom="out"
    )
    # 10 ohm, then 1 kohm + 20 ohm beside 10 ohm + 500 ohm + 20 ohm, then 30 ohm.
    both = 1 / (1 / 1020 + 1 / 530)
    want = 30 / (10 + both + 30)
    assert cx.operating_point(circuit).voltage("out") == pytest.approx(want, rel=1e-14)


def test_a_pin_left_open_floats():
    sub = cx.Crossbar([[1e-3, 2e-3]], wires=cx.Wires(10.0, 20.0)).subcircuit()
    circuit = cx.Circuit().add(V("s", "in", "0", 1.0))
    circuit = circuit.instance("x", sub, row_0_left="in", column_0_bottom="0")
    point = cx.operating_point(circuit)
    assert point.current("s") == pytest.approx(-1 / (10 + 1000 + 20), rel=1e-14)
    for node in ("x.column_0_1", "x.column_1_bottom"):
        assert point.voltage(node) == pytest.approx(1 - 10 / 1030, rel=1e-14)


def test_what_cannot_be_an_instance_is_refused(divider: cx.Circuit):
    sub = cx.Crossbar([[1e-3]]).subcircuit()
    with pytest.raises(cx.CircuitError, match=r"no pin 'row_0_lfet'. Did you mean row_0_left"):
        divider.instance("x1", sub, row_0_lfet="in")
    with pytest.raises(cx.CircuitError, match="not a SubCircuit"):
        divider.instance("x1", divider)  # pyright: ignore[reportArgumentType]
    with pytest.raises(cx.CircuitError, match="instance name 'X1' cannot be used"):
        divider.instance("X1", sub)
    with pytest.raises(cx.CircuitError, match="node name 'Out' cannot be used"):
        divider.instance("x1", sub, row_0_left="Out")
    once = divider.instance("x1", sub, row_0_left="in", column_0_bottom="0")
    with pytest.raises(cx.CircuitError, match="instance 'x1' exists already"):
        once.instance("x1", sub, row_0_left="in", column_0_bottom="0")
    # A pin cannot make a node that the instance then makes again.
    with pytest.raises(cx.CircuitError, match=r"'x1.row_0_0' is inside instance 'x1'"):
        divider.instance("x1", sub, row_0_left="x1.row_0_0", column_0_bottom="0")
    with pytest.raises(cx.CircuitError, match=r"'x1.cell_0_0' exists already"):
        once.add(R("x1.cell_0_0", "in", "0", 1.0))


def test_elements_may_reach_inside_an_instance():
    sub = cx.Crossbar([[1e-3]], wires=cx.Wires(0, 1000.0)).subcircuit()
    circuit = cx.Circuit().add(V("s", "in", "0", 1.0))
    circuit = circuit.instance("x", sub, row_0_left="in", column_0_bottom="0")
    circuit = circuit.add(R("probe", "x.column_0_0", "0", 1000.0))
    assert cx.operating_point(circuit).voltage("x.column_0_0") == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize(
    ("pins", "told"),
    [
        ({"a": 0}, "a' = 0: expected a whole number >= 1"),
        ({"a": 3}, "node 3 is not there; 2 is the last"),
        ({"a": True}, "a' = True"),
        ({"a": "in"}, "a' = 'in'"),
        ({"a": 1, "b": 1}, "its node is the pin 'a' already"),
        ({"in": 2}, "another node has that name"),
        ({"A": 1}, "pin name 'A' cannot be used"),
        (["a"], "not a dict"),
    ],
)
def test_a_hand_made_subcircuit_is_checked(divider: cx.Circuit, pins: Any, told: str):
    with pytest.raises(cx.CircuitError, match=told):
        cx.SubCircuit("s", divider, pins)


def test_a_hand_made_subcircuit_with_sources_inside(divider: cx.Circuit):
    sub = cx.SubCircuit("supply", divider, {"tap": divider.node("out")})
    circuit = cx.Circuit().instance("x", sub, tap="here").instance("y", sub, tap="there")
    circuit = circuit.add(R("load", "here", "0", 2.0))
    point = cx.operating_point(circuit)
    assert point.voltage("here") == pytest.approx(1.5, rel=1e-14)
    assert point.voltage("there") == pytest.approx(2.0, rel=1e-14)
    with pytest.raises(cx.CircuitError, match="is no Circuit"):
        cx.SubCircuit("s", "divider", {})  # pyright: ignore[reportArgumentType]


def test_batches_of_different_sizes_do_not_join():
    crossbar = cx.Crossbar([[1e-3]])
    batch = crossbar.circuit([[0.1], [0.2], [0.3]])
    sub = cx.SubCircuit("three", batch, {"p": batch.node("row_0_0")})
    assert batch.batch == 3
    point = cx.operating_point(crossbar.circuit([0.1]).instance("x", sub, p="row_0_0"))
    assert np.shape(point.voltage("row_0_0")) == (3,)
    with pytest.raises(cx.CircuitError, match="hold 2 and 3 vectors"):
        crossbar.circuit([[0.1], [0.2]]).instance("x", sub, p="row_0_0")


@pytest.mark.parametrize("title", ["a\nb", "é", 5, None, "a\tb"])
def test_a_title_is_one_printable_line(title: Any):
    with pytest.raises(cx.CircuitError, match="title = "):
        cx.Circuit(title)
