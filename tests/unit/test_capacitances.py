"""Capacitances: where they lie, what keeps them, and that operating points ignore them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.ngspice.runner import run

G = np.array([[1e-4, 2e-4, 0.0], [4e-4, np.inf, 6e-4]])
FF = 1e-15


def of_kind_c(circuit: Circuit) -> dict[str, tuple[str, str, float]]:
    """Name -> (first node, second node, farad) of every capacitor."""
    return {
        name: (circuit.nodes[first], circuit.nodes[second], float(value))
        for group in circuit.groups
        if group.kind == "C"
        for name, (first, second), value in zip(group.names, group.nodes, group.values, strict=True)
    }


def test_a_segment_gives_half_to_either_cell_and_all_to_the_last():
    row = np.arange(1.0, 9.0).reshape(2, 4)
    column = 10 * np.arange(1.0, 10.0).reshape(3, 3)
    crossbar = cx.Crossbar(
        G,
        wires=cx.Wires(1.0, 1.0, row * FF, column * FF),
        left=cx.Driven([0.0, 5.0]),
        right=cx.Floating(),
        top=cx.Norton(0.0, 1e-9),
        bottom=cx.Grounded([1.0, np.inf, 0.0]),  # of which one floats
    )
    rows = [[1 + 2 / 2, 2 / 2 + 3 / 2, 3 / 2], [5 + 6 / 2, 6 / 2 + 7 / 2, 7 / 2]]
    columns = [[10 + 40 / 2, 20 + 50 / 2, 30 + 60 / 2], [40 / 2 + 70, 50 / 2, 60 / 2 + 90]]
    np.testing.assert_allclose(crossbar.row_capacitances, np.array(rows) * FF, rtol=1e-15)
    np.testing.assert_allclose(crossbar.column_capacitances, np.array(columns) * FF, rtol=1e-15)


def test_one_cell_takes_both_of_its_end_segments():
    wires = cx.Wires(1.0, 1.0, row_capacitance=[[1e-15, 2e-15]], column_capacitance=4e-15)
    crossbar = cx.Crossbar([[1e-3]], wires=wires, right=cx.Held(0.0))
    np.testing.assert_allclose(crossbar.row_capacitances, [[3e-15]], rtol=1e-15)
    np.testing.assert_allclose(crossbar.column_capacitances, [[4e-15]], rtol=1e-15)


def test_a_broken_segment_keeps_its_capacitance():
    whole, broken = (
        cx.Crossbar(np.ones((1, 2)), wires=cx.Wires([[1.0, r, 1.0]], 1.0, row_capacitance=FF))
        for r in (1.0, np.inf)
    )
    np.testing.assert_array_equal(broken.row_capacitances, whole.row_capacitances)


def test_the_circuit_of_an_array_has_them_under_public_names():
    wires = cx.Wires(1.0, 2.0, row_capacitance=[2e-15, 0.0], column_capacitance=6e-15)
    crossbar = cx.Crossbar(G, wires=wires, cell_capacitance=np.arange(6.0).reshape(2, 3) * FF)
    found = of_kind_c(crossbar.circuit([0.1, 0.2]))
    expected = {f"rowcap_0_{j}": (f"row_0_{j}", "0") for j in range(3)}
    expected |= {f"columncap_{i}_{j}": (f"column_{i}_{j}", "0") for i in (0, 1) for j in range(3)}
    expected |= {
        f"cellcap_{i}_{j}": (f"row_{i}_{j}", f"column_{i}_{j}")
        for i in (0, 1)
        for j in range(3)
        if i or j  # that of 0 F is none
    }
    assert {name: nodes for name, (*nodes, _) in found.items()} == {
        name: list(nodes) for name, nodes in expected.items()
    }
    for i, j in np.ndindex(2, 3):
        if i or j:
            assert found[f"cellcap_{i}_{j}"][2] == crossbar.cell_capacitances[i, j]
        assert found[f"columncap_{i}_{j}"][2] == crossbar.column_capacitances[i, j]
    assert [found[f"rowcap_0_{j}"][2] / FF for j in range(3)] == pytest.approx([3, 2, 1])
    inside = of_kind_c(crossbar.subcircuit().circuit)
    assert inside == found


def test_without_capacitance_there_is_no_capacitor():
    assert of_kind_c(cx.Crossbar(G).circuit([0.1, 0.2])) == {}


def test_what_keeps_the_capacitance_of_cells(tmp_path: Path):
    for given in (2e-15, np.arange(6.0).reshape(2, 3) * FF):
        crossbar = cx.Crossbar(G, cell_capacitance=given)
        crossbar.save(tmp_path / "a.npz")
        others = (crossbar.transpose(), crossbar.with_conductances(G), cx.load(tmp_path / "a.npz"))
        for other in (crossbar, *others):
            assert np.shape(other.cell_capacitance) == np.shape(given)
            np.testing.assert_array_equal(other.cell_capacitance, given)
            np.testing.assert_array_equal(other.cell_capacitances, np.broadcast_to(given, (2, 3)))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (-1e-15, r"cell_capacitance = -1.0e-15 F is negative"),
        ([[0.0, 1e-15, np.nan]] * 2, r"cell_capacitance\[0, 2\] = nan is not finite"),
        ([1e-15] * 3, r"cell_capacitance has shape \(3,\); expected a scalar or \(2, 3\)"),
        (2.0, r"cell_capacitance = 2.0e\+00 F is too large. It must be <= 1"),
        ("large", "cell_capacitance must hold real numbers"),
    ],
)
def test_bad_capacitances_are_named(given: Any, told: str):
    with pytest.raises(cx.CircuitError, match=told):
        cx.Crossbar(G, cell_capacitance=given)


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_operating_points_do_not_see_them(engine: str, device: str):
    g = np.where(np.isfinite(G), G, 5e-4)
    wires = cx.Wires(1.0, 2.0, row_capacitance=1e-12, column_capacitance=2e-12)
    plain = cx.Crossbar(g, device, wires=cx.Wires(1.0, 2.0))
    charged = cx.Crossbar(g, device, wires=wires, cell_capacitance=3e-12)
    inputs = np.array([[0.1, 0.2], [0.3, -0.1]])
    a, b = (cx.solve(crossbar, inputs, engine=engine) for crossbar in (plain, charged))
    np.testing.assert_allclose(b.currents, a.currents, rtol=1e-12)
    if engine == "nodal":
        assert a.currents.tobytes() == b.currents.tobytes()


def test_a_node_on_capacitors_alone_floats():
    with pytest.raises(cx.CircuitError, match="has no path to a fixed potential"):
        cx.solve(
            cx.Crossbar([[0.0]], cell_capacitance=FF, bottom=cx.Floating(), top=cx.Floating()),
            [0.1],
        )


def divider() -> Circuit:
    return cx.Circuit().add(
        cx.VoltageSource("in", "a", "0", 1.0),
        cx.Resistor("upper", "a", "b", 1e3),
        cx.Resistor("lower", "b", "0", 3e3),
        cx.Capacitor("load", "b", "0", 2e-12),
        cx.Capacitor("none", "a", "b", 0.0),
    )


def test_a_capacitor_is_an_element_of_any_circuit():
    for engine in ("nodal", "ngspice"):
        found = cx.operating_point(divider(), engine=engine)
        assert found.voltage("b") == pytest.approx(0.75, rel=1e-12)
        assert found.current("load") == 0.0
        assert found.current("lower") == pytest.approx(0.25e-3, rel=1e-12)
    copied = of_kind_c(cx.Circuit().instance("x", cx.SubCircuit("cell", divider(), {"a": 1})))
    assert copied["x.load"] == ("x.b", "0", 2e-12)


@pytest.mark.parametrize("value", [-1e-12, np.nan, np.inf, "1p", None, [1e-12]])
def test_bad_capacitors_are_refused(value: Any):
    with pytest.raises(cx.CircuitError, match="load"):
        cx.Circuit().add(cx.Capacitor("load", "a", "0", value))


def test_the_netlist_shows_them():
    text = cx.write_spice(divider())
    assert "cload b 0 2e-12\n" in text
    assert "cnone" not in text
    crossbar = cx.Crossbar(
        [[1e-3, 0.0]],
        wires=cx.Wires(1.0, [0.0, 1.0], 0.25, 3e-15),  # 1/4 F: exact in binary
        cell_capacitance=[[4e-15, 5e-15]],
    )
    lines = cx.write_spice(crossbar.circuit([0.1])).splitlines()
    assert [line for line in lines if line.startswith("c")] == [
        "ccellcap_0_0 row_0_0 column_0_0 4e-15",
        "ccellcap_0_1 row_0_1 column_0_1 5e-15",
        "crowcap_0_0 row_0_0 0 0.375",
        "crowcap_0_1 row_0_1 0 0.125",
        "ccolumncap_0_0 column_0_0 0 3e-15",
        "ccolumncap_0_1 column_0_1 0 3e-15",
    ]
    assert "crowcap_0_0 row_0_0 0 0.375" in cx.write_spice(crossbar.subcircuit())


def test_ngspice_charges_a_load_as_it_must():
    text = cx.write_spice(divider()).replace("vin a 0 1.0", "vin a 0 pwl(0 0 1e-12 1)")
    options = ".options reltol=1e-6 method=gear trtol=1"
    text = text.replace(".op\n", f"{options}\n.tran 1e-11 6e-9 0 1e-11\n")
    vectors = run(text).vectors
    time = vectors["time"]
    late = time > 1e-11
    want = 0.75 * (1 - np.exp(-(time - 0.5e-12) / (750.0 * 2e-12)))
    np.testing.assert_allclose(vectors["b"][late], want[late], atol=1e-4)
