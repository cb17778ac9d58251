"""Operating points of any circuit, against hand calculations and a plain dense MNA."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import circuitxbar as cx

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
D = cx.DeviceElement
Element = cx.Resistor | cx.VoltageSource | cx.CurrentSource | cx.DeviceElement

BOTH = pytest.mark.parametrize("engine", ["nodal", "ngspice"])


def point(*elements: Element, engine: str = "nodal") -> cx.circuit.operating_point.OperatingPoint:
    return cx.operating_point(cx.Circuit().add(*elements), engine)


def close(value: object) -> object:
    return pytest.approx(value, rel=1e-11, abs=1e-15)


@BOTH
def test_a_divider(engine: str):
    found = point(
        V("s", "a", "0", 3.0), R("p", "a", "b", 1.0), R("q", "b", "0", 2.0), engine=engine
    )
    assert found.engine == engine
    assert found.voltage("0") == 0.0
    assert found.voltage("a") == close(3.0)
    assert found.voltage("b") == close(2.0)
    assert found.current("p") == close(1.0)
    assert found.current("s") == close(-1.0)  # from a through the source into ground
    assert isinstance(found.voltage("b"), float)


@BOTH
def test_the_sign_of_a_current_source(engine: str):
    """It drives current out of its first node, through itself, into the second."""
    found = point(I("i", "0", "a", 2e-3), R("r", "a", "0", 500.0), engine=engine)
    assert found.voltage("a") == close(1.0)
    assert found.current("i") == 2e-3
    assert found.current("r") == close(2e-3)


@BOTH
def test_a_source_between_two_nodes(engine: str):
    """3 V between a and b, which hang on 1 ohm and 2 ohm: 1 A around the loop."""
    found = point(
        V("f", "a", "b", 3.0), R("p", "a", "0", 1.0), R("q", "b", "0", 2.0), engine=engine
    )
    assert found.voltage("a") == close(1.0)
    assert found.voltage("b") == close(-2.0)
    assert found.current("f") == close(-1.0)


@BOTH
def test_a_chain_of_sources_that_starts_at_neither_end(engine: str):
    """c - b - a - 0 given in an odd order and with one of them turned round."""
    found = point(
        V("s3", "c", "b", 0.3),
        V("s1", "0", "a", -0.1),
        V("s2", "b", "a", 0.2),
        R("load", "c", "0", 2.0),
        R("tap", "b", "0", 3.0),
        engine=engine,
    )
    assert [found.voltage(n) for n in "abc"] == close([0.1, 0.3, 0.6])
    assert found.current("s3") == close(-0.3)
    assert found.current("s2") == close(-0.3 - 0.1)
    assert found.current("s1") == close(0.4)


@BOTH
def test_a_tree_of_floating_sources_with_a_branch(engine: str):
    """Hub h carries three sources to a, b, c; each has 1 ohm to ground; 1 A goes into the hub."""
    found = point(
        V("ua", "a", "h", 1.0),
        V("ub", "h", "b", 2.0),
        V("uc", "c", "h", 4.0),
        *(R(f"r{n}", n, "0", 1.0) for n in "abc"),
        I("in", "0", "h", 1.0),
        engine=engine,
    )
    # Voltages h + 1, h - 2, h + 4 sum to the 1 A: 3 h + 3 = 1.
    h = -2 / 3
    assert found.voltage("h") == close(h)
    assert found.current("ua") == close(-(h + 1))
    assert found.current("ub") == close(h - 2)
    assert found.current("uc") == close(-(h + 4))


@BOTH
def test_zero_resistances_join_and_infinite_ones_do_not(engine: str):
    found = point(
        V("s", "a", "0", 1.0),
        R("z", "a", "b", 0.0),
        V("meter", "b", "c", 0.0),
        R("load", "c", "0", 4.0),
        R("gap", "c", "0", np.inf),
        R("loop", "a", "b", 5.0),
        engine=engine,
    )
    assert found.voltage("b") == found.voltage("c") == 1.0
    assert found.current("meter") == close(0.25)
    assert found.current("gap") == 0.0
    assert found.current("loop") == 0.0
    with pytest.raises(cx.CircuitError, match=r"'z' has zero resistance.*VoltageSource of 0 V"):
        found.current("z")


@BOTH
def test_sources_of_a_batch(engine: str):
    crossbar = cx.Crossbar([[1e-3]], wires=cx.Wires(0, 0))
    circuit = crossbar.circuit([[0.1], [0.2], [-0.3]]).add(V("x", "p", "row_0_0", 1.0))
    circuit = circuit.add(R("r", "p", "0", 1e3), I("i", "0", "p", 1e-3))
    found = cx.operating_point(circuit, engine)
    assert found.voltage("p") == close([1.1, 1.2, 0.7])
    assert np.shape(found.current("i")) == (3,)
    assert found.current("source_row_0_left") == close([-0.2e-3, -0.4e-3, 0.6e-3])
    assert found.residual.shape == (3,)


@BOTH
def test_laws_of_two_and_three_terminals(engine: str):
    """A transistor as a switch between two resistors, beside a sinh cell."""
    found = point(
        V("supply", "top", "0", 1.2),
        V("drive", "gate", "0", 1.0),
        R("up", "top", "drain", 2e3),
        D("switch", ("drain", "gate", "source"), "square_law_transistor"),
        R("down", "source", "0", 1e3),
        D("cell", ("drain", "source"), "sinh", 1e-4, {"v0": 0.2}),
        engine=engine,
    )
    d, s = found.voltage("drain"), found.voltage("source")
    cell = 1e-4 * 0.2 * np.sinh((d - s) / 0.2)
    assert found.current("cell") == pytest.approx(cell, rel=1e-9)
    device = cx.device("square_law_transistor")
    switch = device.current(d, 1.0, s)
    assert found.current("switch") == pytest.approx(switch, rel=1e-9)
    assert switch > 1e-6
    assert found.current("up") == pytest.approx(switch + cell, rel=1e-6)
    assert found.current("down") == pytest.approx(switch + cell, rel=1e-6)
    assert found.current("drive") == pytest.approx(0.0, abs=1e-15)
    assert found.largest_current == pytest.approx(found.current("up"), rel=1e-6)
    assert found.strategies == (("newton",) if engine == "nodal" else ())


def test_the_largest_kirchhoff_sum_sees_laws():
    found = point(I("i", "0", "a", 1e-3), D("c", ("a", "b"), "cubic", 1e-3), R("r", "b", "0", 1e3))
    assert found.residual <= 1e-17
    moved = found.voltages.copy()
    moved[found.circuit.node("a")] += 0.1
    across = moved[1] - moved[2]
    more = 1e-3 * (across + 0.5 * across**3) - 1e-3
    assert replace(found, voltages=moved).residual == pytest.approx(more, rel=1e-9)


def test_the_largest_kirchhoff_sum_is_recomputed():
    found = point(V("s", "a", "0", 3.0), R("p", "a", "b", 1.0), R("q", "b", "0", 2.0))
    assert found.residual == close([0.0])
    moved = found.voltages.copy()
    moved[found.circuit.node("b")] += 0.5
    wrong = replace(found, voltages=moved)
    assert wrong.residual == close([0.5 / 1 + 0.5 / 2])  # at b; 0.5 at a
    wrong = replace(found, source_currents=found.source_currents + 2.0)
    assert wrong.residual == close([2.0])


def test_names_that_are_not_there():
    found = point(V("s", "in", "0", 3.0), R("load", "in", "0", 1.0))
    with pytest.raises(cx.CircuitError, match=r"no node 'inn'. Did you mean in"):
        found.voltage("inn")
    with pytest.raises(cx.CircuitError, match=r"no element 'laod'. Did you mean load"):
        found.current("laod")


def test_a_circuit_of_ground_alone():
    assert cx.operating_point(cx.Circuit()).voltage("0") == 0.0
    found = point(I("i", "0", "0", 1.0), R("r", "0", "0", 1.0))
    assert found.residual == [0.0]


@BOTH
@pytest.mark.parametrize(
    ("elements", "told"),
    [
        ([V("a", "x", "0", 1.0), V("b", "x", "0", 1.0)], "'b' closes a loop with 'a'"),
        ([V("a", "x", "x", 0.0), R("r", "x", "0", 1.0)], "'a' closes a loop on itself"),
        ([V("a", "0", "0", 0.0)], "'a' closes a loop on itself"),
        (
            [V("a", "x", "0", 1.0), V("b", "y", "0", 2.0), R("z", "x", "y", 0.0)],
            "'b' closes a loop with 'a'",
        ),
        (
            [
                V("a", "x", "y", 1.0),
                V("b", "y", "z", 1.0),
                V("c", "z", "x", 1),
                R("r", "x", "0", 1),
            ],
            "'c' closes a loop with '[ab]'",
        ),
        ([R("r", "x", "y", 1.0)], "'x' has no path to a fixed potential .*r; 1 more"),
        ([R("r", "x", "0", np.inf)], "'x' has no path"),
        ([I("i", "0", "x", 1.0)], "'x' has no path to a fixed potential .*elements: i"),
        ([V("a", "x", "y", 1.0), R("r", "x", "y", 1.0)], "'x' has no path"),
        # A gate conducts to nowhere, and a law as little to ground as a resistor.
        (
            [V("a", "x", "0", 1.0), D("t", ("x", "g", "0"), "ekv_transistor")],
            "'g' has no path to a fixed potential .*elements: t",
        ),
        ([D("d", ("x", "y"), "diode")], "'x' has no path to a fixed potential .*d; 1 more"),
    ],
)
def test_circuits_without_a_unique_solution_are_refused(
    elements: list[Element], told: str, engine: str
):
    with pytest.raises(cx.CircuitError, match=told):
        point(*elements, engine=engine)


def test_numbers_beyond_the_largest_float_are_refused():
    with pytest.raises(cx.SolverError, match="beyond the largest float"):
        point(V("s", "a", "0", 1e300), R("r", "a", "b", 1e-300), R("q", "b", "0", 1e-300))


def dense(elements: list[Element], nodes: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Node voltages and source currents by plain modified nodal analysis, one row per source."""
    number = {name: k for k, name in enumerate(nodes)}
    sources = [e for e in elements if isinstance(e, V)]
    size = len(nodes) + len(sources)
    matrix, right = np.zeros((size, size)), np.zeros(size)

    def stamp(row: int, node: str, value: float) -> None:
        if node != "0":
            matrix[row, number[node]] += value

    for element in elements:
        if isinstance(element, R):
            for here, there in ((element.first, element.second), (element.second, element.first)):
                if here != "0":
                    stamp(number[here], here, 1 / element.resistance)
                    stamp(number[here], there, -1 / element.resistance)
        elif isinstance(element, I):
            for node, sign in ((element.first, -1), (element.second, 1)):
                if node != "0":
                    right[number[node]] += sign * element.current
        else:
            row = len(nodes) + sources.index(element)
            for node, sign in ((element.positive, 1), (element.negative, -1)):
                stamp(row, node, sign)
                if node != "0":
                    matrix[number[node], row] += sign
            right[row] = element.voltage
    found = np.linalg.solve(matrix, right)
    return dict(zip(nodes, found, strict=False)), {
        e.name: found[len(nodes) + k] for k, e in enumerate(sources)
    }


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Element], list[str]]:
    """Every node on a resistor to an earlier one, a forest of sources, some current sources."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes = [f"n{k}" for k in range(draw(st.integers(1, 9)))]
    places = ["0", *nodes]
    elements: list[Element] = []
    for k, node in enumerate(nodes):
        elements.append(R(f"r{k}", node, places[rng.integers(k + 1)], 10 ** rng.uniform(-1, 3)))
        if rng.uniform() < 0.5:
            a, b = rng.choice(places, 2)
            elements.append(R(f"e{k}", str(a), str(b), 10 ** rng.uniform(-1, 3)))
        if rng.uniform() < 0.5:
            ends = [node, places[rng.integers(k + 1)]]
            rng.shuffle(ends)
            elements.append(V(f"v{k}", *ends, rng.uniform(-1, 1)))
        if rng.uniform() < 0.4:
            a, b = rng.choice(places, 2)
            elements.append(I(f"i{k}", str(a), str(b), rng.uniform(-0.1, 0.1)))
    rng.shuffle(elements)  # type: ignore[arg-type]
    return elements, nodes


@given(networks())
def test_random_networks_agree_with_dense_mna(network: tuple[list[Element], list[str]]):
    elements, nodes = network
    voltages, currents = dense(elements, nodes)
    found = point(*elements)
    scale = max(map(abs, voltages.values()))
    assume(scale > 0)
    for node, voltage in voltages.items():
        assert found.voltage(node) == pytest.approx(voltage, rel=1e-9, abs=1e-10 * scale)
    most = max([abs(c) for c in currents.values()] + [scale * 1e-3])
    for name, current in currents.items():
        assert found.current(name) == pytest.approx(current, rel=1e-8, abs=1e-9 * most)
    assert found.residual[0] <= 1e-11 * max(most, scale / 0.1)


def test_wire_currents_keep_their_digits_at_a_high_potential():
    """1 uA through 1 nanoohm at 1 kV: a difference in the 19th digit of the node voltages."""
    elements = (
        V("s", "a", "0", 1e3),
        R("near", "a", "b", 1e-9),
        R("far", "b", "c", 1e-9),
        R("load", "c", "0", 1e9),
    )
    found = point(*elements)
    for name in ("near", "far", "load"):
        assert found.current(name) == pytest.approx(1e-6, rel=1e-12, abs=0)
    with pytest.raises(cx.SolverError, match="Vector 0 did not converge: Kirchhoff error") as told:
        cx.operating_point(cx.Circuit().add(*elements), engine="ngspice")
    assert told.value.solution.engine == "ngspice"


def test_a_device_outside_its_valid_range_is_refused_by_name_unless_asked():
    circuit = cx.Circuit().add(
        cx.VoltageSource("s", "a", "0", 3.0),
        cx.Resistor("r", "a", "b", 1.0),
        cx.DeviceElement("cell", ("b", "0"), "sinh", conductance=1e-5),
    )
    with pytest.raises(cx.CircuitError, match=r"'cell' of vector 0 is at 2.876 V, outside"):
        cx.operating_point(circuit)
    point = cx.operating_point(circuit, extrapolate=True)
    law = 1e-5 * 0.25 * np.sinh(point.voltage("b") / 0.25)
    assert point.current("cell") == pytest.approx(law, rel=1e-12)


@pytest.mark.parametrize(
    ("law", "exact"),
    [
        ("1e-3 * sqrt(x)", np.sqrt(2.0)),
        ("1e-3 * log(x)", np.log(2.0)),
        ("1e-3 / x", 0.5),
        ("1e-3 * x * y / (x + y)", 1.2),
    ],
)
def test_laws_without_a_value_at_0_volt_have_one_where_the_circuit_is(law: str, exact: float):
    circuit = cx.Circuit().add(
        cx.VoltageSource("va", "a", "0", 2.0),
        cx.VoltageSource("vc", "c", "0", 3.0),
        cx.BehaviouralSource(
            "b1", "0", "y", current=law, voltages={"x": ("a", "0"), "y": ("c", "0")}
        ),
        cx.Resistor("r1", "y", "0", 1e3),
    )
    for engine in ("nodal", "ngspice"):
        assert cx.operating_point(circuit, engine=engine).voltage("y") == pytest.approx(exact)
    assert cx.dc_sweep(circuit, "vc", [3.0]).voltage("y")[0] == pytest.approx(exact)


@pytest.mark.parametrize("law", ["1e-3 * log(x - 3)", "exp(500 * x)"])
def test_a_law_without_a_value_at_the_end_gives_no_numbers(law: str):
    circuit = cx.Circuit().add(
        cx.VoltageSource("va", "a", "0", 2.0),
        cx.BehaviouralSource("b1", "0", "y", current=law, voltages={"x": ("a", "0")}),
        cx.Resistor("r1", "y", "0", 1e3),
    )
    told = "has no value or no slope at node 'y'" if "log" in law else "node 'y'"
    with pytest.raises(cx.SolverError, match=f"operating point was not found.* {told}"):
        cx.operating_point(circuit)
