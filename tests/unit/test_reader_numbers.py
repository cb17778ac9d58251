"""SPICE text -> Circuit: numbers, lines and the arithmetic of parameters."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from unit.decks_read import circuit, refusal, value

from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import read_spice
from circuitxbar.netlist.reader.expressions import ExpressionError, arithmetic, evaluated
from circuitxbar.ngspice.runner import run

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


def test_arithmetic_is_not_pythons():
    for text in ("1 if 1 else 2", "[1]", "1 or 2", "lambda: 1", "a.b", "1_0", "'x'*9"):
        with pytest.raises(ExpressionError):
            evaluated(arithmetic(text), lambda name: 1.0)
