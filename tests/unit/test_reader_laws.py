"""SPICE text -> Circuit: behavioural sources are laws that mean what they mean to ngspice."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.decks_read import DECKS, circuit, ends, group

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Behaviour
from circuitxbar.devices.device import Device
from circuitxbar.devices.kernel import kernel
from circuitxbar.devices.library import device
from circuitxbar.devices.spice import constant_lines, current_text
from circuitxbar.netlist.reader import read_spice
from circuitxbar.netlist.writer import write_spice
from circuitxbar.ngspice.runner import run

ROOT = Path(__file__).parents[2]

EXPRESSIONS = [
    *("v(a)^3", "v(a)**2", "pow(v(a),3)", "pwr(v(a),3)", "-v(b)^2", "2^3^2", "6/2*3", "1-2-3"),
    *("!v(a)", "v(a)<0", "v(a)<0 && v(b)>1", "v(a)>0 || v(b)>1", "v(a)?2:3", "1<2<3", "2<1==0"),
    *("v(b)>1?2:v(a)>0?4:5", "log(100)", "ln(100)", "log10(v(s)+99)", "sgn(v(a))", "u(v(b))"),
    *("u(0)", "u(v(a))", "uramp(v(b))", "uramp(v(a))", "tan(v(s))", "asinh(1)", "acosh(v(s)+1)"),
    *("atanh(v(s)/2)", "asin(0.3)", "acos(-0.3)", "acos(v(a)/4)", "pi", "e", "1k", "1meg", "3mil"),
    *("1a", "5volts", "abs(v(a))", "floor(v(a)-0.5)", "ceil(0.2)", "ceil(v(a)*0.4)", "v(b,a)"),
    *("min(1,v(b))", "max(1,v(b))", "pwl(v(b),0,0,1,1,2,4)", "pwl(v(b)+5,0,0,1,1,2,4)"),
    *("pwl(v(a),0,0,1,1,2,4)", "pwl(v(a)+2.5,-1,3,0,0,1,1,1.5,-2,2,4)", "v(a,b)*i(vs)"),
    *("{vv}*2", "vv*2", "'vv*2'", "{vv*v(b)}", "-vv^2", "{-vv^2}", "2*-3", "2--3", "2+-3*2"),
    *("-2^2", "(-2)^2", "!0+1", "1+!0", "-v(b)*2", "v(a)<>v(b)", "pow(v(b),vv)", "sqrt(4)"),
    *(".5*2", "5.*2", "ternary_fcn(1,2,3)", "v(0)", "v(gnd)", "v(b,0)", "1 && 0 || 1"),
    *("0 || 1 && 0", "1-!1", "-1^0.5", "!(v(b)>1)", "!(v(b)>1)?5:6", "!(v(a)&&0)+2", "temper"),
    *("v(a)-(v(b)-1)", "v(a)/(v(b)/3)", "v(a)*(v(b)/3)/2", "-(-v(a))", "2*v(a)^2", "v(a)^2^2"),
    *("{pow(-vv,3)}", "{pwr(-vv,3)}+1", "{vv>2?1:0}", "{vv*{vv}}", "1e3k/v(b)", "time"),
    "exp(v(a))*sinh(v(b))/cosh(0.3)-tanh(v(a))+atan(v(b))*sin(v(a))+cos(v(b))",
]
POINT = {"0": 0.0, "a": -2.0, "b": 2.0, "s": 1.0}


def worth(read: Circuit, name: str) -> float:
    """The value of a law where the nodes are at POINT and currents are -1 A."""
    found, k = read.element(name)
    behaviour = found.model
    assert isinstance(behaviour, Behaviour)
    at = [POINT.get(read.nodes[node], 0.0) for node in found.nodes[k]]
    known = {n: at[2 + 2 * j] - at[3 + 2 * j] for j, n in enumerate(behaviour.voltages)}
    known |= dict.fromkeys(behaviour.currents, -1.0)
    known |= {n: float(values[k]) for n, values in behaviour.parameters.items()}
    return float(kernel(behaviour.law)(**known, time=0.0)[0])


def test_expressions_mean_what_they_mean_to_ngspice():
    lines = [".param vv=3", "va a 0 -2", "vb b 0 2", "vs s 0 1", "rs s 0 1"]
    laws = [f"b{k} n{k} 0 v={text}" for k, text in enumerate(EXPRESSIONS)]
    read = circuit(*lines, *laws)
    loads = [f"r{k} n{k} 0 1" for k in range(len(laws))]
    got = run("\n".join(["title", *lines, *laws, *loads, ".op", ".end"])).vectors
    for k, text in enumerate(EXPRESSIONS):
        assert worth(read, f"b{k}") == pytest.approx(got[f"n{k}"][0], rel=1e-9, abs=1e-30), text


def test_cells_written_out_one_by_one_are_one_law():
    read = read_spice(DECKS / "flat_cells.cir")
    cells = group(read, "b00")[0]
    assert list(cells.names) == ["b00", "b01", "b10", "b11"]
    assert cells.model.parameters["number1"].tolist() == [1.5e-6, 2.5e-6, 3.5e-6, 4.5e-6]
    assert "0.25" in cells.model.law.text
    assert group(read, "b22")[0] is not group(read, "b23")[0]  # exponents stay numbers
    for name, expected in (("b22", 4 * 4.5e-6), ("b23", 8 * 5.5e-6)):
        found = group(read, name)[0].model
        assert kernel(found.law)(v=-2.0, time=0.0)[0] == pytest.approx(expected, rel=1e-14)


def test_a_subcircuit_of_one_law_is_one_element():
    read = read_spice(DECKS / "nested.cir")
    cells, _ = group(read, "xr")
    assert list(cells.names) == ["xp.xc", "xq.xc", "xr", "xs"]
    assert cells.model.name == "cell"
    assert cells.model.voltages == ("v",)
    assert {k: v.tolist() for k, v in cells.model.parameters.items()} == {
        "g": [2e-6, 2e-6, 1e-6, 1e-6],
        "v0": [0.25, 0.25, 0.3, 0.25],
    }
    assert "0.123456789012345" in cells.model.law.text


def test_what_is_not_one_law_of_its_pins_is_laid_out():
    inner = ".subckt s p q g=1"
    for body in ("b1 p m i={g}*v(p,q)", "b1 p q v={g}*v(p,q)", "b1 p q i={g}*i(vx)"):
        read = circuit("v.x1.vx a 0 1", inner, body, ".ends", "x1 a b s")
        assert group(read, "x1.b1")[0].model.name is None
    # Two laws of one name: neither is one.
    read = circuit(inner, "b1 p q i=v(p)**{g}", ".ends", "x1 a b s", "x2 a b s g=2")
    assert group(read, "x1")[0].model.name == "s"
    read = circuit(".subckt t p q", "x1 p q u", ".subckt u p q", "b1 p q i=v(p)", ".ends", ".ends",
                   ".subckt u p q", "b1 p q i=v(q)", ".ends", "xt a b t", "xu a b u")  # fmt: skip
    assert group(read, "xt.x1.b1")[0].model.name is None
    assert group(read, "xu.b1")[0].model.name is None


def test_parameters_whose_names_mean_something_else_to_a_law():
    read = circuit(".subckt s a b is=1 q=2 lambda=3 v=4 time=5 _x=6",
                   "b1 a b i={is}+10*{q}+100*lambda+1000*{v}*v(a,b)+time+{_x}", ".ends",
                   "x1 s 0 s is=7")  # fmt: skip
    (behaviour,) = {g.model for g in read.groups}
    assert worth(read, "x1") == 7 + 20 + 300 + 4000 + 0 + 6
    assert set(behaviour.parameters) == {"is_", "q_", "lambda_", "v", "time_", "p_x"}


LIBRARY = sorted((ROOT / "device_models").glob("*.toml"))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_text_of_a_device_reads_back_as_the_same_text(path: Path):
    model: Device = device(str(path))
    block = model.spice().splitlines()
    name, pins = block[0].split()[1], model.terminals
    read = read_spice("\n".join(["title", *block, f"x1 {' '.join(pins)} {name}", ""]))
    elements, _ = group(read, "x1")
    behaviour = elements.model
    assert isinstance(behaviour, Behaviour)
    assert behaviour.name == name
    nodes = [read.nodes[node] for node in elements.nodes[0]]
    texts = {n: "{" + n + "}" for n in behaviour.parameters}
    for k, label in enumerate(behaviour.voltages):
        pair = [node for node in nodes[2 + 2 * k : 4 + 2 * k] if node != "0"]
        texts[label] = f"v({','.join(pair)})"
    text, constants = current_text(behaviour.law, texts)
    assert f"b1 {pins[0]} {pins[-1]} i={text}" in block
    assert constant_lines(constants) == [line for line in block if line.startswith(".param")]


def test_what_the_writer_writes_of_a_crossbar_reads_back():
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.wires import Wires

    crossbar = Crossbar([[1e-5, 2e-5], [3e-5, 4e-5]], "sinh", wires=Wires(1.0, 2.0))
    written = crossbar.circuit([0.1, 0.2])
    read = read_spice(write_spice(written))
    assert read.title == written.title
    assert set(read.nodes) == set(written.nodes)
    assert group(read, "xcell_0_1")[0].model.parameters["g"].tolist() == [1e-5, 2e-5, 3e-5, 4e-5]
    assert ends(read, "rrowwire_0_1")[:2] == ends(written, "rowwire_0_1")
    assert sum(len(g.names) for g in read.groups) == sum(len(g.names) for g in written.groups)
