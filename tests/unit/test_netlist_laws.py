"""Laws in netlist text: each stands once, with all digits, and means to ngspice what it says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from unit.netlist_lines import deck, element_lines, lines

import circuitxbar as cx
from circuitxbar.circuit.elements import DeviceElement
from circuitxbar.circuit.group import Behaviour, Group, Names
from circuitxbar.devices.expression import Law
from circuitxbar.ngspice.engine import operating_point
from circuitxbar.ngspice.runner import run

R, V = cx.Resistor, cx.VoltageSource


SLOPE = """
name = "slope"
title = "a resistor of a test, g times {factor}"
source = "this test"
confirmed = true
terminals = ["p", "n"]
passive = true
monotone = true
[parameters.scale]
unit = "1"
default = 1.0
range = [0.0, 10.0]
meaning = "factor"
[current]
law = "{factor} * scale * g * (v + v**3)"
valid = {{ v = [-10.0, 10.0], g = [0.0, 1.0] }}
"""


OPTIONS = ".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20"


def blocks(*devices: str) -> list[str]:
    return [line for name in devices for line in cx.device(name).spice().splitlines()]


def test_a_small_deck_with_laws_in_full():
    """Each law stands once; what differs from its defaults stands with each element."""
    crossbar = cx.Crossbar(
        [[1e-3, 0.0], [np.inf, 1e-5]],
        device="sinh",
        selector="exponential_selector",
        wires=cx.Wires(0.0, 2.0),
        parameters={"v0": [[0.3, 0.25], [0.5, 0.1]], "selector.swing": 0.1},
        temperature=350.0,
    )
    assert cx.write_spice(crossbar.circuit([0.1, 0.2])).splitlines() == [
        "* crossbar 2 x 2",
        *blocks("exponential_selector", "sinh"),
        "* node column_1_0 is also inner_1_0",
        "* node row_0_0 is also row_0_1 row_0_left",
        "* node row_1_0 is also row_1_1 row_1_left",
        "xselector_0_0 row_0_0 inner_0_0 exponential_selector temperature=350.0 swing=0.1",
        "xselector_1_0 row_1_0 column_1_0 exponential_selector temperature=350.0 swing=0.1",
        "xselector_1_1 row_1_0 inner_1_1 exponential_selector temperature=350.0 swing=0.1",
        "rcolumnwire_1_0 column_0_0 column_1_0 2.0",
        "rcolumnwire_1_1 column_0_1 column_1_1 2.0",
        "rcolumnwire_2_0 column_1_0 column_0_bottom 2.0",
        "rcolumnwire_2_1 column_1_1 column_1_bottom 2.0",
        "xcell_0_0 inner_0_0 column_0_0 sinh g=0.001 temperature=350.0 v0=0.3",
        "xcell_1_1 inner_1_1 column_1_1 sinh g=1e-05 temperature=350.0 v0=0.1",
        "vsource_row_0_left row_0_0 0 0.1",
        "vsource_row_1_left row_1_0 0 0.2",
        "vsource_column_0_bottom column_0_bottom 0 0.0",
        "vsource_column_1_bottom column_1_bottom 0 0.0",
        OPTIONS,
        ".op",
        ".end",
    ]


def test_one_element_of_every_law():
    elements = [
        DeviceElement("a", ("p", "0"), "sinh", 1e-5),
        DeviceElement("b", ("0", "p"), "cubic", 2e-5, {"b": 1 / 3}),
        DeviceElement("c", ("p", "q"), "diode", temperature=350.0),
        DeviceElement("d", ("q", "0"), "exponential_selector", parameters={"swing": 0.1}),
        DeviceElement("e", ("p", "q", "0"), "square_law_transistor"),
        DeviceElement("f", ("q", "p", "0"), "ekv_transistor", parameters={"threshold": -0.0}),
        DeviceElement("g", ("q", "0"), "sinh", 1e-5, {"v0": 0.25}),
    ]
    circuit = cx.Circuit().add(V("s", "p", "0", 0.3), *elements)
    assert cx.write_spice(circuit).splitlines() == [
        "* circuit",
        *blocks("sinh", "cubic", "diode", "exponential_selector"),
        *blocks("square_law_transistor", "ekv_transistor"),
        "vs p 0 0.3",
        "xa p 0 sinh g=1e-05",
        "xg q 0 sinh g=1e-05",
        "xb 0 p cubic g=2e-05 b=0.3333333333333333",
        "xc p q diode temperature=350.0",
        "xd q 0 exponential_selector swing=0.1",
        "xe p q 0 square_law_transistor",
        "xf q p 0 ekv_transistor threshold=-0.0",
        OPTIONS,
        ".op",
        ".end",
    ]
    ours, theirs = (cx.operating_point(circuit, engine) for engine in ("nodal", "ngspice"))
    assert theirs.voltage("q") == pytest.approx(ours.voltage("q"), rel=1e-9)
    assert theirs.current("s") == pytest.approx(ours.current("s"), rel=1e-9)


def test_a_law_is_written_with_the_values_in_force():
    """A device of other values is another law; the same law read twice is one."""
    wide = cx.device("sinh", v0=0.5)
    circuit = cx.Circuit().add(
        V("s", "p", "0", 0.4),
        DeviceElement("a", ("p", "0"), "sinh", 1e-5),
        DeviceElement("b", ("p", "0"), wide, 1e-5),
        DeviceElement("c", ("p", "0"), cx.device("sinh"), 1e-5, {"v0": 0.5}),
        DeviceElement("d", ("p", "0"), cx.device("sinh", v0=0.5), 1e-5),
    )
    calls = {fields[0]: fields[3:] for fields in element_lines(cx.write_spice(circuit))}
    narrow, other = calls["xa"][0], calls["xb"][0]
    assert re.fullmatch("sinh_[0-9a-f]{8}", narrow)
    assert re.fullmatch("sinh_[0-9a-f]{8}", other)
    assert narrow != other
    assert calls["xa"] == [narrow, "g=1e-05"]
    assert calls["xb"] == calls["xd"] == [other, "g=1e-05"]
    assert calls["xc"] == [narrow, "g=1e-05", "v0=0.5"]
    text = cx.write_spice(circuit)
    for name, device in ((narrow, cx.device("sinh")), (other, wide)):
        assert text.count(device.spice(name)) == 1
    want = 1e-5 * (0.25 * np.sinh(0.4 / 0.25) + 3 * 0.5 * np.sinh(0.4 / 0.5))
    assert cx.operating_point(circuit, "ngspice").current("s") == pytest.approx(-want, rel=1e-12)


def test_two_devices_of_one_name_keep_their_own_laws(tmp_path):
    for factor in (1, 3):
        (tmp_path / f"{factor}.toml").write_text(SLOPE.format(factor=factor))
    circuit = cx.Circuit().add(V("s", "p", "0", 0.5), V("t", "q", "0", 0.5))
    circuit = circuit.add(DeviceElement("a", ("p", "0"), tmp_path / "1.toml", 1e-3))
    circuit = circuit.add(DeviceElement("b", ("q", "0"), tmp_path / "3.toml", 1e-3))
    point = cx.operating_point(circuit, "ngspice")
    assert point.current("s") == pytest.approx(-1e-3 * 0.625, rel=1e-13)
    assert point.current("t") == pytest.approx(-3e-3 * 0.625, rel=1e-13)
    # The text is what tells two laws apart: a comment more in the file does not make another one.
    (tmp_path / "again.toml").write_text("# again" + SLOPE.format(factor=1))
    twin = DeviceElement("c", ("p", "0"), tmp_path / "again.toml", 1e-3)
    text = cx.write_spice(circuit.add(twin))
    assert text.count(".subckt") == 2
    assert cx.operating_point(circuit.add(twin), "ngspice").current("s") == pytest.approx(
        -2e-3 * 0.625, rel=1e-13
    )


def test_every_cell_gets_its_own_numbers():
    """Conductances and parameters of each cell, one temperature, many vectors, every digit."""
    rng = np.random.default_rng(8)
    g, v0 = 10 ** rng.uniform(-6, -4, (3, 4)), rng.uniform(0.1, 0.6, (3, 4))
    v0[1, 2] = 0.25
    crossbar = cx.Crossbar(
        g, wires=cx.Wires(0, 0), device="sinh", parameters={"v0": v0}, temperature=350.0
    )
    voltages = rng.uniform(-1, 1, (5, 3))
    circuit = crossbar.circuit(voltages)
    for name, _, _, law, *given in element_lines(cx.write_spice(circuit)):
        if name[0] == "x":
            i, j = map(int, name.split("_")[1:])
            wanted = {"g": g[i, j], "temperature": 350.0}
            wanted |= {} if v0[i, j] == 0.25 else {"v0": v0[i, j]}
            assert law == "sinh"
            assert {key: float(text) for key, text in (item.split("=") for item in given)} == wanted
    # Without wires every cell has the full voltage of its row.
    want = (g * v0 * np.sinh(voltages[:, :, None] / v0)).sum(axis=1)
    point = cx.operating_point(circuit, "ngspice")
    found = np.transpose([point.current(f"source_column_{j}_bottom") for j in range(4)])
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_the_temperature_of_an_element_is_that_of_its_law():
    circuit = cx.Circuit().add(V("s", "p", "0", 0.4))
    for kelvin in (250, 400):
        circuit = circuit.add(
            V(f"s{kelvin}", f"p{kelvin}", "0", 0.4),
            DeviceElement(f"d{kelvin}", (f"p{kelvin}", "0"), "diode", temperature=float(kelvin)),
        )
    point = cx.operating_point(circuit.add(R("r", "p", "0", 1.0)), "ngspice")
    for kelvin in (250, 400):
        per_volt, warmer = 1.6021766208e-19 / (1.38064852e-23 * kelvin), kelvin / 300.15
        saturation = 1e-14 * warmer**3 * np.exp((warmer - 1) * 1.11 * per_volt)
        want = saturation * np.expm1(0.4 * per_volt)
        assert point.current(f"s{kelvin}") == pytest.approx(-want, rel=1e-9)


def test_subckt_blocks_bring_their_laws(tmp_path):
    """Two tiles with a device of the same name and another law, each used twice, in one deck.

    1 / 3 has too many digits for an expression: the second sub-circuit has a parameter more.
    """
    tiles, text, circuit = {}, [], cx.Circuit().add(V("s", "a", "0", 0.5))
    for name, factor in (("one", 1), ("two", 1 / 3)):
        path = tmp_path / f"{name}.toml"
        path.write_text(SLOPE.format(factor=factor))
        crossbar = cx.Crossbar([[1e-3, 2e-3]], wires=cx.Wires(5.0, 7.0), device=path)
        tiles[name] = crossbar.subcircuit(name)
        text.append(cx.write_spice(tiles[name]).rstrip("\n"))
    lines = ["vs a 0 0.5"]
    for number, name in enumerate(["one", "two", "two", "one"], start=1):
        ends = [f"b{number}", f"c{number}"]
        lines.append(f"x{number} a {' '.join(ends)} {name}")
        lines += [f"r{end} {end} 0 {100.0 * number}" for end in ends]
        pins = dict(zip(tiles[name].pins, ["a", *ends], strict=True))
        circuit = circuit.instance(str(number), tiles[name], **pins)
        circuit = circuit.add(*(R(end, end, "0", 100.0 * number) for end in ends))
    ours = cx.operating_point(circuit)
    for order in (text, text[::-1]):
        found = run(deck("\n".join(order), *lines, ".options reltol=1e-10"))
        for node in ("b1", "c1", "b2", "c2", "b3", "c3", "b4", "c4"):
            assert found.vectors[node][0] == pytest.approx(ours.voltage(node), rel=1e-9)


def behaviour(name: str | None, charge: Law | None = None) -> cx.Circuit:
    """Two cells of one law with parameters, the second the other way round, behind 1 kohm each."""
    law = Law("test", "g * v0 * sinh(x / v0) + x * (1/3) * g", (), ("x", "g", "v0", "time"))
    values = {"g": np.array([1e-4, 2e-4]), "v0": np.array([0.1, 0.1])}
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 0.4),
        R("r1", "a", "b", 1e3),
        R("r2", "a", "c", 1e3),
    )
    model = Behaviour(law, "current", ("x",), (), values, charge, name)
    b, c = circuit.node("b"), circuit.node("c")
    nodes = np.array([[b, 0, b, 0], [0, c, 0, c]])
    names = Names.listed(["xc0", "xc1"] if name else ["b0", "b1"])
    return replace(circuit, groups=(*circuit.groups, Group("B", names, nodes, np.zeros(2), model)))


def test_a_named_law_is_a_block_and_others_are_not():
    assert lines(behaviour("cell")) == [
        "* circuit",
        ".subckt cell p n g=0.0001 v0=0.1",
        ".param constant0=0.3333333333333333",
        "b1 p n i=(({constant0}*{g}*v(p,n)) + ({g}*{v0}*sinh(min(max((v(p,n)/{v0}), -710.0), "
        "710.0))))",
        ".ends cell",
        "v1 a 0 0.4",
        "r1 a b 1000.0",
        "r2 a c 1000.0",
        "xc0 b 0 cell",
        "xc1 0 c cell g=0.0002",
        ".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",
        ".op",
        ".end",
    ]
    assert not any(line.startswith((".subckt", "x")) for line in lines(behaviour(None)))
    block, plain = (operating_point(behaviour(name)) for name in ("cell", None))
    np.testing.assert_allclose(block.voltages, plain.voltages, rtol=1e-12)
    for node, g in (("b", 1e-4), ("c", 2e-4)):
        v = block.voltage(node)
        current = g * 0.1 * np.sinh(v / 0.1) + v / 3 * g
        assert (0.4 - v) / 1e3 == pytest.approx(current, rel=1e-11)


def test_a_law_of_a_device_and_one_of_a_deck_may_share_a_name():
    circuit = behaviour("sinh").add(DeviceElement("xd", ("b", "0"), "sinh", 1e-5))
    names = [line.split()[1] for line in lines(circuit) if line.startswith(".subckt")]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"sinh_[0-9a-f]{8}", name) for name in names)


def test_the_pins_of_a_block_are_its_ends_and_what_else_differs():
    law = Law("test", "k * y * x", (), ("x", "y", "z", "k", "time"))
    model = Behaviour(law, "voltage", ("x", "y", "z"), (), {"k": np.array([2.0])}, None, "gate")
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 3.0), V("v2", "c", "0", 5.0), R("r1", "o", "q", 2.0), R("r2", "q", "0", 2)
    )
    a, c, o, q = (circuit.node(n) for n in "acoq")
    group = Group("B", Names.one("xg"), np.array([[o, q, a, 0, a, c, q, 0]]), np.zeros(1), model)
    circuit = replace(circuit, groups=(*circuit.groups, group))
    text = lines(circuit)
    assert text[1] == ".subckt gate p c1 c2 n k=2.0"
    assert text[2] == "b1 p n v=({k}*v(c1)*v(c1,c2))"
    assert "xg o a c q gate" in text
    point = operating_point(circuit)
    # 2 * (3 - 5) * 3 V across 2 ohm; the other 2 ohm carries nothing.
    assert point.voltage("o") == pytest.approx(-12.0, rel=1e-12)
    assert point.current("xg") == pytest.approx(6.0, rel=1e-12)


def test_a_charge_is_a_capacitor_beside_its_source():
    charge = Law("test", "1e-12 * x**2", (), ("x", "g", "v0", "time"))
    assert "c1 p n q={(1e-12*(v(p,n)*v(p,n)))}" in lines(behaviour("cell", charge))
    plain = lines(behaviour(None, charge))
    assert "c.b0.charge b 0 q={(1e-12*(v(b)*v(b)))}" in plain
    for dialect in ("ltspice", "spectre"):
        with pytest.raises(cx.NetlistError, match="cannot be written"):
            cx.write_spice(behaviour("cell", charge), dialect)
