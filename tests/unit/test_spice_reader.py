"""SPICE text -> Circuit: numbers, elements, hierarchy, analyses, and errors with their lines."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Behaviour, Group
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine
from circuitxbar.devices.device import Device
from circuitxbar.devices.kernel import kernel
from circuitxbar.devices.library import device
from circuitxbar.devices.spice import constant_lines, current_text
from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import (
    AcAnalysis,
    NoiseAnalysis,
    OperatingPointAnalysis,
    SweepAnalysis,
    TransientAnalysis,
    read_deck,
    read_spice,
)
from circuitxbar.netlist.reader.expressions import ExpressionError, arithmetic, evaluated
from circuitxbar.netlist.writer import write_spice
from circuitxbar.ngspice.runner import run

DECKS = Path(__file__).parents[1] / "decks"
ROOT = Path(__file__).parents[2]


def circuit(*lines: str) -> Circuit:
    return read_spice("\n".join(["title", *lines, ""]))


def group(read: Circuit, name: str) -> tuple[Group, int]:
    return read.element(name)


def value(read: Circuit, name: str) -> float:
    found, k = read.element(name)
    return float(found.values[k])


def ends(read: Circuit, name: str) -> list[str]:
    found, k = read.element(name)
    return [read.nodes[node] for node in found.nodes[k]]


def refusal(*lines: str) -> str:
    with pytest.raises(NetlistError) as caught:
        circuit(*lines)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---------------------------------------------------------------- numbers and lines

NUMBERS = [
    ("5", 5.0), ("-5.", -5.0), ("+.5", 0.5), ("1e3", 1e3), ("1E-3", 1e-3), ("1e3k", 1e6),
    ("2.2u", 2.2e-6), ("1.5e-3u", 1.5e-9), ("1k", 1e3), ("10kohm", 1e4), ("1MEG", 1e6),
    ("1Megohm", 1e6), ("1M", 1e-3), ("1mil", 25.4e-6), ("1g", 1e9), ("1t", 1e12), ("1n", 1e-9),
    ("10pF", 1e-11), ("1f", 1e-15), ("1F", 1e-15), ("3a", 3e-18), ("5volts", 5.0), ("1x", 1.0),
    ("1e", 1.0), ("0", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_a_number_is_what_ngspice_reads(text: str, expected: float):
    assert value(circuit(f"v1 a 0 {text}"), "v1") == expected


def test_the_numbers_above_are_what_ngspice_reads():
    lines = [f"v{k} n{k} 0 {text}" for k, (text, _) in enumerate(NUMBERS)]
    loads = [f"r{k} n{k} 0 1" for k in range(len(NUMBERS))]
    got = run("\n".join(["title", *lines, *loads, ".op", ".end"])).vectors
    for k, (text, expected) in enumerate(NUMBERS):
        assert got[f"n{k}"][0] == pytest.approx(expected, rel=1e-14, abs=0), text


@pytest.mark.parametrize(
    "text",
    ["2k5", "1_000", "0x10", "1.2.3", "--1", "1-2", "1e400", "inf", "nan", "5%", "1d3", "1,2"],
)
def test_what_is_no_number_is_refused(text: str):
    assert refusal(f"v1 a 0 {text}").startswith("netlist, line 2: ")


def test_comments_continuations_and_case():
    read = circuit(
        "R1 A 0 1K ; a comment",
        "* r2 a 0 5",
        "   * r3 a 0 5",
        "r4 a",
        "",
        "* in between",
        "+ b $ and here",
        "+2k",
        "r5 B gnd 3K",
        ".END",
        "* nothing follows",
    )
    assert list(read.groups[0].names) == ["r1", "r4", "r5"]
    assert read.groups[0].values.tolist() == [1e3, 2e3, 3e3]
    assert read.nodes == ["0", "a", "b"]
    assert read.title == "title"
    assert read_spice("*  A title of\tits own \nr1 a 0 1\n").title == "A title of its own"
    assert read_spice("\n.title Another One\r\nr1 a 0 1\r\n").title == "Another One"


def test_a_file_is_read_by_its_path(tmp_path: Path):
    path = tmp_path / "deck.cir"
    path.write_text("title\nr1 a 0 1k\n")
    for given in (path, str(path)):
        assert value(read_spice(given), "r1") == 1e3
    path.write_text("title\nr1 a 0 -1k\n")
    with pytest.raises(NetlistError, match=r"^deck\.cir, line 2: r1 = .* is negative"):
        read_spice(path)
    for bad in (tmp_path / "none.cir", str(tmp_path), "", None, 5, b"a\n", "a\0b"):
        with pytest.raises(NetlistError):
            read_spice(bad)  # pyright: ignore[reportArgumentType]


# ---------------------------------------------------------------- parameters

ARITHMETIC = [
    ("1+2*3", 7.0), ("(1+2)*3", 9.0), ("6/2*3", 9.0), ("1-2-3", -4.0), ("-2^2", -4.0),
    ("(-2)^3", 8.0), ("2^3^2", 64.0), ("2**-1", 0.5), ("-3^2+1", -8.0), ("2--3", 5.0),
    ("2+-3*2", -4.0), ("pow(-2,3)", -8.0), ("pwr(-2,3)", 8.0), ("7%4", 3.0), ("sqr(3)", 9.0),
    ("!0", 1.0), ("1?2:3", 2.0), ("0?2:0?3:4", 4.0), ("2<3&&1", 1.0), ("1>2||3", 1.0),
    ("1<2<3", 1.0), ("1!=1", 0.0), ("2<>2", 0.0), ("2>=2", 1.0), ("int(-2.7)", -2.0),
    ("nint(2.5)", 2.0), ("nint(3.5)", 4.0), ("floor(-1.5)", -2.0), ("ceil(1.2)", 2.0),
    ("log(100)", math.log(100)), ("ln(2)", math.log(2)), ("log10(100)", 2.0), ("sgn(-3)", -1.0),
    ("arctan(1)", math.pi / 4), ("atan(1)", math.pi / 4), ("tan(1)", math.tan(1)),
    ("min(1,2)", 1.0), ("max(1,2)", 2.0), ("abs(-2)", 2.0), ("exp(1)", math.e),
    ("asinh(1)", math.asinh(1)), ("acosh(2)", math.acosh(2)), ("sqrt(2)", math.sqrt(2)),
    ("ternary_fcn(1,2,3)", 2.0), ("1k+2meg", 2.001e6), ("sinh(1)-cosh(1)+tanh(1)",
    math.sinh(1) - math.cosh(1) + math.tanh(1)), ("asin(0.5)+acos(0.5)", math.pi / 2),
    ("sin(1)*cos(1)", math.sin(1) * math.cos(1)), ("a*b", 6.0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ARITHMETIC)
def test_parameters_are_computed(text: str, expected: float):
    read = circuit(".param a=2 b={a+1}", f".param c={{{text}}}", "v1 n 0 {c}")
    assert value(read, "v1") == pytest.approx(expected, rel=1e-15, abs=1e-15)


def test_the_parameters_above_are_what_ngspice_computes():
    lines = [".param a=2 b={a+1}"]
    for k, (text, _) in enumerate(ARITHMETIC):
        lines += [f".param p{k}={{{text}}}", f"v{k} n{k} 0 {{p{k}}}", f"r{k} n{k} 0 1"]
    got = run("\n".join(["title", *lines, ".op", ".end"])).vectors
    for k, (text, expected) in enumerate(ARITHMETIC):
        assert got[f"n{k}"][0] == pytest.approx(expected, rel=1e-12, abs=1e-12), text


def test_parameters_stand_in_any_order_and_need_no_braces():
    read = circuit(
        ".param total = 2 * part + 1 part={one+one*2}",
        ".param one=(1 + 1) / 2, last = total",
        "r1 a 0 last",
        "r2 a 0 'total*2'",
        "r3 a 0 {total * 2}",
        "r4 a 0 r = {total}",
        ".subckt s a w=1",
        "r5 a 0 w",
        ".ends",
        "x1 a s w=2*total",
    )
    assert [value(read, n) for n in ("r1", "r2", "r3", "r4", "x1.r5")] == [
        7.0,
        14.0,
        14.0,
        7.0,
        14.0,
    ]


WRONG_PARAMETERS = [
    (".param a=b", "parameter 'a', netlist, line 2: there is no parameter 'b'"),
    (".param a=b b=a", "depends on itself: "),
    (".param a=1/0", "has no finite value"),
    (".param a=sqrt(-1)", "has no finite value"),
    (".param a=9^9^9^9", "has no finite value"),
    (".param a=limit(1,2)", "limit is random"),
    (".param a=agauss(1,2,3)", "agauss is random"),
    (".param a=__import__(1)", "a parameter cannot call '__import__'"),
    (".param a=v(1)", "a parameter cannot call 'v'"),
    (".param a=min(1)", "min takes 2 arguments"),
    (".param a=3mil", "disagree about mil"),
    (".param a=1\n.param a=2", "line 3: parameter 'a' is defined already, netlist, line 2"),
    (".param a=1 a=2", "a is given twice"),
    (".param a=", "a has no value"),
    (".param", ".param has nothing in it"),
    (".param 5", "'5' is not expected there"),
    (".param a={1+", "'}' is missing"),
    (".param a=(1", "')' is missing"),
    (".param a=1+", "the expression ends too early"),
    (".param a=1 2", "'2' is not expected there"),
    (".param a=1;2 b=", None),
    (".param a=" + "(" * 70 + "1" + ")" * 70, "brackets more than 60 deep"),
    (".param a=" + "1+" * 160 + "1", "more than 150 operations"),
    (".param a=" + "1+" * 11000 + "1", "an expression of 22001 characters"),
    (".param a=1[0]", "'[0]' has no meaning"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_PARAMETERS, ids=lambda x: str(x)[:30])
def test_wrong_parameters_are_refused(text: str, message: str | None):
    if message is None:
        assert circuit(text, "r1 a 0 {a}") is not None
        return
    told = refusal(text, "r1 a 0 1")
    assert re.match(r"netlist, line [23]: ", told)
    assert message in told


def test_a_long_chain_of_parameters_is_refused():
    text = " ".join(f"a{k}={{a{k + 1}}}" for k in range(80))
    assert "more than 50 deep" in refusal(f".param {text} a80=1", "r1 a 0 1")


# ---------------------------------------------------------------- elements


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


# ---------------------------------------------------------------- laws

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


# ---------------------------------------------------------------- hierarchy


def test_nested_subcircuits_and_their_parameters():
    read = read_spice(DECKS / "nested.cir")
    assert value(read, "xp.x1.r1") == 2e3
    assert value(read, "xq.x1.r1") == 3e3
    assert value(read, "xq.x2.r1") == 1.5e3
    assert ends(read, "xp.x1.r1") == ["in", "xp.x1.m"]
    assert ends(read, "xp.x2.vm") == ["xp.x2.m", "0"]
    assert ends(read, "xq.rs") == ["xq.mid", "supply"]
    assert group(read, "xp.x1.f1")[0].sensed[0][0] == "xp.x1.vm"
    assert list(group(read, "xq.bsum")[0].sensed[0]) == ["xp.x1.vm", "xq.x1.vm"]
    assert ends(read, "x9.r1") == ["out", "0"]


def test_parameters_are_found_where_an_instance_is_called_as_in_ngspice():
    lines = [".param r=1", ".subckt in a", "vx a 0 {r}", ".ends", ".subckt out a r=2", "x1 a in",
             ".ends", "xo q out r=3", "xd w out", "xt t in", "rq q 0 1", "rw w 0 1",
             "rt t 0 1"]  # fmt: skip
    read = circuit(*lines)
    got = run("\n".join(["title", *lines, ".op", ".end"])).vectors
    for node, name in (("q", "xo.x1.vx"), ("w", "xd.x1.vx"), ("t", "xt.vx")):
        assert value(read, name) == pytest.approx(got[node][0], rel=1e-14)


def test_defaults_may_refer_to_other_parameters():
    read = circuit(".param g=7", ".subckt s a p=2 w={p*3} u='g'", "rw a 0 {w}", "ru a 0 u", ".ends",
                   "x1 q s p=4", "x2 q s w=1 u=g*2", "x3 q s params: p={g}")  # fmt: skip
    names = ("x1.rw", "x1.ru", "x2.rw", "x2.ru", "x3.rw")
    assert [value(read, name) for name in names] == [12.0, 7.0, 1.0, 14.0, 21.0]


def test_include_and_lib_under_a_root(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.inc").write_text("r1 a 0 {p}\n.include b.inc\n.end\n")
    (tmp_path / "parts/b.inc").write_text("r2 a 0 2\n")
    (tmp_path / "parts/c.lib").write_text(
        ".lib one\n.param p=1\n.endl\n.LIB Two\n.param p=2\n.lib c.lib three\n.endl two\n"
        ".lib three\nr3 a 0 3\n.endl\n"
    )
    text = "title\n.include \"parts/a.inc\"\n.lib 'parts/c.lib' TWO\n"
    read = read_spice(text, root=tmp_path)
    assert [value(read, f"r{k}") for k in (1, 2, 3)] == [2.0, 2.0, 3.0]
    deck = tmp_path / "parts" / "deck.cir"
    deck.write_text("title\n.inc b.inc\n")
    assert value(read_spice(deck), "r2") == 2.0
    (tmp_path / "parts/b.inc").write_text("\nr2 a 0 -2\n")
    with pytest.raises(NetlistError, match=r"^parts/b\.inc, line 2: r2 = .* is negative"):
        read_spice(text, root=tmp_path)


# ---------------------------------------------------------------- analyses


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


# ---------------------------------------------------------------- refusals

REFUSED = [
    ("r1 a 0", "line 2: it has no value"),
    ("r1 a", "line 2: it ends too early; expected two nodes and a value"),
    ("r1 a 0 1 2", "'2' is a second value"),
    ("r1 a 0 1 x=2", "x= is not supported here"),
    ("r1 a 0 1 temp=50", "temp is refused"),
    ("r1 a 0 v(a)", "there is no parameter 'v'"),
    ("r1 a 0 2*3", "its value = 2*3 is no number. Write expressions in { }"),
    ("r1 a 0 {v(a)}", "a parameter cannot call 'v'"),
    ("r1 a 0 1 ac=2", "ac= is not supported here"),
    ("r1 a 0 -1", "is negative"),
    ("r1 a 0 mod", "there is no parameter 'mod'"),
    ("r1 a 0 mod\n.model mod d(is=1)", "model 'mod' is of type d; expected r"),
    ("r1 a 0 mod\n.model mod r(rsh=1)", "rsh= is not supported in a model of type r"),
    ("c1 a 0 -1", "is negative"),
    ("r1 a=b 0 1", "it has no value"),
    ("r1 a 0 {1", "a bracket or quote is missing"),
    ("r1 a 0 =", "a name or a value is missing"),
    ("R1 a 0 1\nr1 b 0 2", "line 3: element 'r1' exists already, netlist, line 2"),
    ("r.a a 0 1", "a name with dots is that of an element in an instance"),
    ("r1 a! 0 1", "line 2: node name 'a!' cannot be used"),
    ("r-1 a 0 1", "line 2: element name 'r-1' cannot be used"),
    ("v1 a 0 sffm(1 2)", "sffm is not supported"),
    ("v1 a 0 1 2", "'2' is not expected there"),
    ("v1 a 0 pulse(1)", "pulse has 1 numbers; it takes 2 to 7"),
    ("v1 a 0 pulse(0 1)", "its rise time is missing, and no .tran sets it"),
    ("v1 a 0 pulse(0 1 0 1n 1n 1u 0.5u)", "is shorter than a pulse with its edges"),
    ("v1 a 0 pulse(0 1 -1 1n 1n)", "a delay below 0 s"),
    ("v1 a 0 sin(0 1)", "its frequency is missing"),
    ("v1 a 0 pwl(0 0 1)", "pwl has 3 numbers; it takes pairs"),
    ("v1 a 0 pwl(0 0 0 1)", "Times must increase"),
    ("v1 a 0 pwl(0 0 1 1) r=0", "r= is not supported here"),
    ("v1 a 0 pwl(0 0 1 1) sin(0 1 1)", "has a function of time already"),
    ("v1 a 0 trnoise(1 1 1 1)", "trnoise is not supported"),
    ("e1 a 0 poly(1) b 0 0 1", "poly is not supported"),
    ("e1 a 0 table {v(b)} = (0,0) (1,1)", "table is not supported"),
    ("g1 a 0 laplace {v(b)} = {1/s}", "laplace is not supported"),
    ("f1 a 0 poly(1) v1 0 1", "poly is not supported"),
    ("e1 a 0 b 0", "its gain is missing"),
    ("f1 a 0 v9 1", "there is no element 'v9'"),
    ("f1 a 0 r1 1\nr1 a 0 1", "'r1' is no voltage source"),
    ("f1 a 0 l1 1\nl1 a 0 1", "'l1' is no voltage source"),
    ("b1 a 0 i=i(v9)", "there is no element 'v9'"),
    ("b1 a 0 5", "a B-source needs a name, two nodes and v=... or i=..."),
    ("b1 a 0 i=", "a B-source needs"),
    ("b1 a 0 i=v(a", "'v(a' cannot be read; expected v(node), v(node,node)"),
    ("b1 a 0 i=v(a)) ", "')' is not expected there"),
    ("b1 a 0 i=v(a) v(b)", "is not expected there"),
    ("b1 a 0 i={v(a)", "the end of the expression stands where '}' should"),
    ("b1 a 0 i='v(a)", "a quote is missing"),
    ("b1 a 0 i=x*2", "there is no parameter 'x'"),
    ("b1 a 0 i=ddt(v(a))", "'ddt' is not supported; there are abs, acos"),
    ("b1 a 0 i=nint(v(a))", "'nint' is not supported"),
    ("b1 a 0 i=limit(v(a),1)", "limit is random in ngspice. Clamp with min and max"),
    ("b1 a 0 i=hertz", "hertz is not supported"),
    ("b1 a 0 i=v(a)%2", "% has no meaning in a B-source"),
    ("b1 a 0 i=min(v(a),1,2)", "min takes 2 arguments"),
    ("b1 a 0 i=v(a)^17", "the power 17 is above 16"),
    ("b1 a 0 i=i(v1,v2)", "a current is that of one element"),
    ("b1 a 0 i=pwl(v(a),0,0)", "at least two points"),
    ("b1 a 0 i=pwl(v(a),0,0,0,1)", "must increase"),
    ("b1 a 0 i=pwl(v(a),0,0,1,v(a))", "must be numbers"),
    ("b1 a 0 i=v(a).real", "has no meaning"),
    ("b1 a 0 i=__import__('os')", "is not supported|is not expected|no parameter"),
    ("b1 a 0 i=1e999*v(a)", "'1e999' is no finite number"),
    ("b1 a 0 i=v(a) tc1=2", "has no meaning in an expression"),
    ("s1 a 0 b 0 sm half\n.model sm sw(vt=1)", "'half' is not on or off"),
    ("s1 a 0 b 0 sm\n.model sm sw(vt=1 vh=-1)", "vh below 0"),
    ("s1 a 0 b 0 sm\n.model sm csw(it=1)", "expected sw"),
    ("d1 a 0 dm", "there is no model 'dm'"),
    ("d1 a 0 dm\n.model dm nmos", "model 'dm' is of type nmos; expected d"),
    ("d1 a 0 dm area=-1\n.model dm d", "must be above 0"),
    ("d1 a 0 dm pj=1\n.model dm d", "pj= is not supported here"),
    ("q1 a b c s qm\n.model qm npn", "a substrate at 's' is not supported"),
    ("m1 a b c mm\n.model mm nmos", "it ends too early; expected a model"),
    ("m1 a b c d mm nf=2\n.model mm nmos", "nf= is not supported here. There is w, l, ad, as"),
    ("j1 a b c jm", "'j1': junction field-effect transistors are not supported"),
    ("k1 l1 l2 0.9", "coupled inductors are not supported"),
    ("t1 a 0 b 0 z0=50", "transmission lines are not supported"),
    ("a1 a b gain", "'a1': code models are not supported"),
    ("?1 a b", "'?1' is no element. Elements begin with r, c"),
    ("x1 a b s", "there is no .subckt 's'"),
    ("x1", "an x line needs nodes and the name of a .subckt"),
    (".subckt s a b\n.ends\nx1 a s", "1 nodes for the 2 pins of .subckt s: a b"),
    (".subckt s a\n.ends\nx1 a s z=1", ".subckt s has no parameter 'z'. It has: none"),
    (".subckt s a\nx1 a s\n.ends\nx1 a s", ".subckt s calls itself"),
    (".subckt s a\nx1 a t\n.ends\n.subckt t a\nx1 a s\n.ends\nx1 a s", "calls itself"),
    (".subckt s a\n.ends\n.subckt S b\n.ends", "line 4: .subckt s is defined already, netlist, li"),
    (".subckt s a a\n.ends", "the pin 'a' is there twice"),
    (".subckt s 0\n.ends", "the pin '0' is ground"),
    (".subckt s a", "line 2: .subckt s has no .ends"),
    (".subckt s a\n.ends t", "does not end .subckt s"),
    (".subckt s a p=1\n.param p=2\n.ends", "parameter 'p' is defined already"),
    (".ends", ".ends without a .subckt"),
    (".subckt", ".subckt needs a name"),
    (".subckt s a\n.tran 1n 1u\n.ends", ".tran stands inside .subckt s"),
    (".model", ".model needs a name and a type"),
    (".model m d_process(process_file=1)", "would open a file"),
    (".model m d_cosim(simulation=1)", "the model type 'd_cosim' is refused"),
    (".model m njf(beta=1)", "the model type 'njf' is refused. There are r, c, d"),
    (".model m d(is=1e-14", "the bracket after the type is not closed"),
    (".model m d(is=abc)\nd1 a 0 m", "is = abc: there is no parameter 'abc'"),
    (".model m d(is)", "'is' is not expected there; expected name=value"),
    (".model m d\n.model M d", "line 3: model 'm' is defined already, netlist, line 2"),
    (".func f(x) {x}", ".func is refused"),
    (".csparam a=1", ".csparam is refused"),
    (".if (1)", ".if is refused"),
    (".exec ls", ".exec is refused"),
    (".tf v(a) v1", ".tf is refused"),
    (".option scale=1u", "the option 'scale' is refused"),
    (".options rshunt=1", "the option 'rshunt' is refused"),
    (".options temp=50", "temp = 50 is refused"),
    (".temp 50", "temp = 50 is refused"),
    (".temp", ".temp has no value"),
    (".tran 1n", ".tran has 1 numbers"),
    (".tran 1n 0", "a stop after its start"),
    (".tran 1n 1u\n.tran 1n 2u", "line 3: there is a .tran already"),
    (".dc v1 0 1 0.1", "there is no element 'v1'"),
    (".dc r1 0 1 0.1\nr1 a 0 1", "'r1' is no voltage or current source"),
    (".dc v1 0 1 -0.1\nv1 a 0 1", "do not lead from 0 to 1"),
    (".dc v1 0 1 0.1 v2 0 1 0.1\nv1 a 0 1", ".dc has 8 words"),
    (".ac dec 10 0 1", "whole points above 0"),
    (".ac log 10 1 10", "needs dec, oct or lin"),
    (".noise i(v1) v1 dec 1 1 10\nv1 a 0 1", ".noise needs v(node)"),
    (".noise v(b) v1 dec 1 1 10\nv1 a 0 1", "there is no node 'b'"),
    (".op now", ".op has nothing behind it"),
    (".ic v(z)=1", "there is no node 'z'"),
    (".ic i(z)=1", "expected v(node)=value"),
    (".ic", "there is no v(node)=value"),
    (".ic v(0)=1", "ground is at 0 V"),
    ("+ 5", "there is no line that + continues"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=lambda x: x[:40])
def test_what_is_not_supported_is_refused_with_its_line(text: str, message: str):
    told = refusal(*text.split("\n"))
    assert re.match(r"netlist, line \d+: ", told)
    assert any(part in told for part in message.split("|")), told


def test_lines_are_counted_in_the_file():
    assert refusal("", "* c", "r1 a 0", "+ 1", "r2 a", "+", "+ 0").startswith("netlist, line 6: ")


def test_a_bomb_of_instances_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("circuitxbar.netlist.reader.hierarchy.MOST_ELEMENTS", 1000)
    lines = [".subckt s0 a", "r1 a 0 1", ".ends"]
    for k in range(1, 40):
        lines += [f".subckt s{k} a", f"x1 a s{k - 1}", f"x2 a s{k - 1}", ".ends"]
    assert "more than 1000" in refusal(*lines, "x1 a s39")
    deep = [".subckt s0 a", ".ends"]
    for k in range(1, 60):
        deep += [f".subckt s{k} a", f"x1 a s{k - 1}", ".ends"]
    assert "called more than 50 deep" in refusal(*deep, "x1 a s59")
    nested = [f".subckt s{k} a" for k in range(60)]
    assert "more than 50 deep" in refusal(*nested)


def test_the_limits_on_elements():
    from circuitxbar.netlist.reader.hierarchy import MOST_ELEMENTS

    assert MOST_ELEMENTS == 1_000_000


def test_arithmetic_is_not_pythons():
    for text in ("1 if 1 else 2", "[1]", "1 or 2", "lambda: 1", "a.b", "1_0", "'x'*9"):
        with pytest.raises(ExpressionError):
            evaluated(arithmetic(text), lambda name: 1.0)


def test_parameters_deep_in_one_another_and_in_instances_are_refused():
    """Each chain is within its limit; all of them together are beyond Python's."""
    lines = []
    for k in range(40):
        chain = " ".join(f"p{k}_{j}={{p{k}_{j + 1}}}" for j in range(45))
        lines += [f".subckt s{k} a", f".param {chain} p{k}_45={{p{k + 1}_0}}"]
        lines += ["r1 a 0 {p0_0}" if k == 0 else f"x1 a s{k - 1}", ".ends"]
    assert "nested too deeply" in refusal(*lines, ".param p40_0=1", "x1 a s39")
