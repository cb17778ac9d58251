"""The language of laws: what it accepts, what it refuses, and that nothing else can happen."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
import pytest

from circuitxbar.devices import expression
from circuitxbar.devices.expression import DEEPEST, LONGEST_TEXT, Law
from circuitxbar.devices.functions import FUNCTIONS, TABLE
from circuitxbar.devices.kernel import kernel, kernel_text
from circuitxbar.devices.library import device_folder
from circuitxbar.devices.model_file import parse_device
from circuitxbar.devices.spice import current_text
from circuitxbar.errors import ModelError
from circuitxbar.ngspice.runner import run

NAMES = ("v", "g", "temperature", "v0", "a3")
POINT = {"v": -0.7, "g": 1.3, "temperature": 310.0, "v0": 0.25, "a3": 2.1}
TEXTS = {"v": "v(a,b)"} | {name: "{" + name + "}" for name in NAMES[1:]}


def law(text: str, **definitions: str) -> Law:
    return Law("own.toml", text, tuple(definitions.items()), NAMES)


def value(text: str, slopes: tuple[str, ...] = (), **point: float) -> tuple:
    with np.errstate(all="ignore"):
        return kernel(law(text), slopes)(**{**POINT, **point})


def spice(text: str) -> str:
    return current_text(law(text), TEXTS)[0]


V, G, T, V0, A3 = POINT.values()
ACCEPTED = [
    ("g * v", G * V),
    ("-v", -V),
    ("+v", V),
    ("- -v", V),
    ("v - g - v0", V - G - V0),
    ("v / g / v0", V / G / V0),
    ("v / (g / v0)", V * V0 / G),
    ("-v**2", -(V**2)),
    ("v**3", V**3),
    ("v**-3", V**-3),
    ("v**3.0", V**3),
    ("v**2**3", V**8),
    ("g**0.5", G**0.5),
    ("g**-1.5", G**-1.5),
    ("a3**v0", A3**V0),
    ("(v - g)**7", (V - G) ** 7),
    ("1/3 * v", V / 3),
    ("1_000 * v\n + 0x10", 1000 * V + 16),
    ("2*(v + g) - 1e-3", 2 * (V + G) - 1e-3),
    ("pi * q / k_B", math.pi * 1.6021766208e-19 / 1.38064852e-23),
    ("abs(v)", abs(V)),
    ("sign(v) + sign(0)", -1.0),
    ("sqrt(g)", math.sqrt(G)),
    ("exp(v)", math.exp(V)),
    ("log(g)", math.log(G)),
    ("log1p(v * 1e-9)", math.log1p(V * 1e-9)),
    ("log1p(v)", math.log1p(V)),
    ("sinh(v)", math.sinh(V)),
    ("cosh(v)", math.cosh(V)),
    ("sin(v)", math.sin(V)),
    ("cos(v)", math.cos(V)),
    ("tanh(v)", math.tanh(V)),
    ("asinh(v)", math.asinh(V)),
    ("atan(v)", math.atan(V)),
    ("floor(v)", -1.0),
    ("softplus(v)", math.log1p(math.exp(V))),
    ("softplus(1000 * g)", 1000 * G),
    ("min(v, g)", V),
    ("max(v, g)", G),
    ("clip(v, -0.5, 0.5)", -0.5),
    ("clip(v, -2, 0.5)", V),
    ("where(v > 0, log(v), 3)", 3.0),
    ("where(v <= g, 1, 2) + where(v == g, 1, 2) + where(v != g, 1, 2)", 4.0),
    ("where(v < g, 1, 2) + where(v >= g, 1, 2)", 3.0),
    ("0 * v", 0.0),
    ("0.0 * v", 0.0),
    ("v*0.5 + v*0.5", V),
]


@pytest.mark.parametrize(("text", "expected"), ACCEPTED)
def test_accepted(text: str, expected: float):
    assert float(value(text)[0]) == pytest.approx(expected, rel=1e-15, abs=1e-300)
    assert spice(text)


def test_every_function_is_in_the_list_above():
    listed = " ".join(text for text, _ in ACCEPTED)
    assert [name for name in FUNCTIONS if f"{name}(" not in listed] == []


REFUSED = [
    ("beta * v", "own.toml, current: 'beta' is not declared. Declared: a3, g, temperature, v, v0."),
    ("__import__('os').system('x')", 'the character "\'" has no meaning in a law'),
    ("__import__(v)", "'__import__' is not a function of the language. It has abs, sign"),
    ("v.real", "'v.real' is not part of the language"),
    ("v[0]", "the character '[' has no meaning"),
    ("erf(v)", "'erf' is not a function of the language"),
    ("v ^ 3", "the character '^' has no meaning in a law. Write powers with **."),
    ("v // g", "'v // g' is not part of the language"),
    ("v % g", "the character '%'"),
    ("(v, g)", "'(v, g)' is not part of the language"),
    ("v if g else v", "is not part of the language"),
    ("v and g", "'v and g' is not part of the language"),
    ("not v", "'not v' is not part of the language"),
    ("v > 0", "the comparison 'v > 0' is not a number"),
    ("g * (v > 0)", "the comparison 'v > 0' is not a number"),
    ("where(v, 1, 2)", "where(v, ...) needs one comparison"),
    ("where(0 < v < 1, 1, 2)", "needs one comparison"),
    ("where(v > 0, v < 1, 2)", "the comparison 'v < 1' is not a number"),
    ("sinh", "'sinh' is a function. Write sinh(...)."),
    ("sinh()", "sinh has 0 arguments; it takes 1"),
    ("sinh(v, g)", "sinh has 2 arguments; it takes 1"),
    ("min(v)", "min has 1 argument; it takes 2"),
    ("sinh(x=v)", "is not part of the language"),
    ("min(*v, g)", "'*v' is not part of the language"),
    ("sinh(v)(v)", "is not part of the language"),
    ("less(v, g)", "'less' is not a function"),
    ("power(v, g)", "'power' is not a function"),
    ("(lambda)", "cannot be read"),
    ("v v", "cannot be read"),
    ("g *", "cannot be read"),
    ("v) + (g", "cannot be read"),
    ("True", "'True' is not part of the language"),
    ("None", "'None' is not part of the language"),
    ("1j * v", "is not part of the language"),
    ("𝑣", "the character '𝑣' has no meaning"),
    ("v # note", "the character '#'"),
    ("v\0", "the character '\\x00'"),
    ("1e999", "outside 1e-300 ... 1e300"),
    ("1e-320", "outside 1e-300 ... 1e300"),
    ("9" * 400, "outside 1e-300 ... 1e300"),
    ("9**9**9", "the power 387420489 is above 16"),
    ("((9**16)**16)**16", "a constant part is outside"),
    ("((v**16)**16)**16", "the power 256 is above 16"),
    ("((2*v)**16)**16", "the power 256 is above 16"),
    ("v**17", "the power 17 is above 16"),
    ("v**-17", "the power -17 is above 16"),
    ("*".join(["v"] * 17), "the power 17 is above 16"),
    ("1e200 * 1e200 * v", "a constant part is outside"),
    ("1e-200 * 1e-200 * v", "a constant part is outside"),
    ("v / 0", "a constant part divides by zero"),
    ("v / (g - g)", "a constant part divides by zero"),
    ("0 / 0", "a constant part divides by zero"),
    ("v + 7.25 / 0.0", "a constant part divides by zero"),
    ("0.0 ** -1", "a constant part divides by zero"),
    ("v + " * 400 + "v", "characters are too many"),
    ("-" * 900 + "v", "more than 150 operations in a chain"),
    ("v" + "+g" * 400, "more than 150 operations in a chain"),
    ("-" * 40 + "v", "nested 41 deep"),
    ("(" * 400 + "v" + ")" * 400, "cannot be read"),
    ("tanh(" * (DEEPEST + 1) + "v" + ")" * (DEEPEST + 1), f"(at most {DEEPEST})"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_refused(text: str, message: str):
    with pytest.raises(ModelError) as caught:
        kernel(law(text))
    assert message in str(caught.value)
    assert str(caught.value).startswith("own.toml, current: ")


def test_definitions_are_read_in_order_and_cannot_grow_without_limit():
    got = kernel(law("x2 + v", x1="v / v0", x2="x1 * x1"))(**POINT)[0]
    assert got == pytest.approx((V / V0) ** 2 + V, rel=1e-15, abs=0)
    with pytest.raises(ModelError, match=r"own.toml, define.x1: 'x2' is not declared"):
        law("x1", x1="x2", x2="v").trees()
    with pytest.raises(ModelError, match=r"define.x6: too long, \d+ operations"):
        law("v", **{f"x{k + 1}": f"x{k}*cosh(x{k})+x{k}" if k else "v*v" for k in range(9)}).trees()
    with pytest.raises(ModelError, match=r"define.x30: nested 31 deep"):
        law("v", **{f"x{k + 1}": f"tanh(x{k})" if k else "tanh(v)" for k in range(40)}).trees()


def test_the_deepest_and_the_longest_law_compile_to_a_short_text():
    deep = "tanh(" * (DEEPEST - 1) + "v" + ")" * (DEEPEST - 1)
    horner = "v" + "".join(f"+v*({k}.5" for k in range(13)) + ")" * 13
    wide = " + ".join(f"sinh(v*{k})*exp(g/{k})" for k in range(1, 40))
    for text in (deep, horner, wide):
        assert np.isfinite(value(text, ("v", "g"))).all()
        assert len(kernel_text(law(text), ("v", "g"))) < 10 * LONGEST_TEXT


SMOOTH = [text for text, _ in ACCEPTED if "v" in text]


@pytest.mark.parametrize("text", SMOOTH)
def test_derivatives_are_finite_differences(text: str):
    step = 1e-3
    near, far = (value(text, v=V + k * step)[0] - value(text, v=V - k * step)[0] for k in (1, 2))
    current, exact = value(text, ("v",))
    rounding = 1e-15 * abs(current) / step
    assert exact == pytest.approx((8 * near - far) / (12 * step), rel=1e-8, abs=rounding)


def test_derivative_by_an_exponent_and_by_a_base():
    exact = value("g**v0", ("g", "v0"))
    assert exact[1:] == pytest.approx((V0 * G ** (V0 - 1), G**V0 * math.log(G)), rel=1e-15, abs=0)


def test_a_branch_not_taken_spoils_neither_value_nor_slope():
    text = "where(v > 0, sqrt(v), 2 * v) + min(v, exp(1e4 * g)) + clip(v, log(v), 1)"
    assert value("where(v > 0, sqrt(v), 2 * v)", ("v",)) == (2 * V, 2.0)
    assert value("min(v, exp(1e4 * g))", ("v", "g")) == (V, 1.0, 0.0)
    assert spice(text)


SLOPES = {
    "sin": mpmath.cos,
    "cos": lambda x: -mpmath.sin(x),
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "softplus": lambda x: 1 / (1 + mpmath.exp(-x)),
    "asinh": lambda x: 1 / mpmath.sqrt(1 + x * x),
    "atan": lambda x: 1 / (1 + x * x),
    "log1p": lambda x: 1 / (1 + x),
    "sinh": mpmath.cosh,
    "cosh": mpmath.sinh,
    "exp": mpmath.exp,
    "sqrt": lambda x: 1 / (2 * mpmath.sqrt(x)),
    "log": lambda x: 1 / x,
}


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("x", [-1e4, -320.0, -40.0, -0.9, -1e-9, 1e-9, 0.7, 19.5, 320.0, 1e4])
def test_slopes_far_out_keep_their_digits_and_nothing_overflows_on_the_way(name: str, x: float):
    exact = SLOPES[name](mpmath.mpf(x))
    if (x < -1 and name == "log1p") or (x < 0 and name in ("sqrt", "log")) or abs(exact) > 1e300:
        return  # outside the domain
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        slope = kernel(law(f"{name}(v)"), ("v",))(**{**POINT, "v": np.array(x)})[1]
    assert float(slope) == pytest.approx(float(exact), rel=1e-14, abs=0)


def test_a_slope_takes_nothing_from_constants_and_none_beyond_the_largest_float():
    assert value("where(g > 0, v, log(0) * v + log(0))", ("v",)) == (V, 1.0)
    with pytest.raises(ModelError, match="a constant part beyond the largest float"):
        value("sinh(1e200 * sinh(1e200 * v))", ("v",))


def test_the_slope_by_an_exponent_is_finite_at_a_base_of_nothing():
    for exponent in (0.5, 1.0, 2.3):
        assert value("v**v0", ("v0",), v=0.0, v0=exponent) == (0.0, 0.0)


def test_a_negative_base_has_no_broken_power_whatever_the_exponent():
    assert math.isnan(value("v**a3", a3=2.0)[0])  # SPICE would give -0.49


def test_spice_text_of_the_operations_it_reads_otherwise():
    assert spice("v**3") == "(v(a,b)*v(a,b)*v(a,b))"
    assert spice("v**-3") == "(1.0/(v(a,b)*v(a,b)*v(a,b)))"
    assert spice("g**1.5") == "({g} > 0.0 ? pwr({g}, 1.5) : (1.5 == 0.0 ? 1.0 : 0.0))"
    assert spice("g**-0.5") == "(1.0/sqrt({g}))"
    assert spice("g**0.5") == "sqrt({g})"
    assert spice("log(g)") == "ln({g})"
    assert spice("sign(v)") == "sgn(v(a,b))"
    assert spice("clip(v, -1, 1)") == "min(max(v(a,b), (-1.0)), 1.0)"
    assert spice("where(v > 0, v, 2*v)") == "((v(a,b) > 0.0) ? v(a,b) : (2.0*v(a,b)))"
    assert spice("-v") == "(-v(a,b))"
    assert spice("v/v0/a3") == "(v(a,b)/({a3}*{v0}))"


def test_numbers_longer_than_eleven_digits_become_parameters():
    text, constants = current_text(law("0.123456789012*v + 0.12345678901*g + pi"), TEXTS)
    assert sorted(constants.values()) == [0.123456789012, math.pi]
    assert all("{" + name + "}" in text for name in constants)
    assert "0.12345678901*" in text
    assert re.search(r"\d{12}", text) is None


def test_constants_do_not_take_the_name_of_a_parameter():
    own = Law("own.toml", "constant0 * v * pi", (), ("v", "constant0"))
    text, constants = current_text(own, {"v": "v(a,b)", "constant0": "{constant0}"})
    assert list(constants) == ["constant_0"]
    assert "{constant_0}" in text


def test_spice_text_cannot_grow_without_limit():
    nested = "((((v + 1)**16 + 1)**16 + 1)**16 + 1)**16"
    with pytest.raises(ModelError, match="longer than 20000 characters"):
        spice(nested)


def test_spice_text_means_the_law():
    """Every accepted text, as the voltage of a source in ngspice."""
    lines, expected = [], {}
    for k, (text, number) in enumerate(ACCEPTED):
        texts = {"v": "v(a,b)", **{name: "{" + name + "}" for name in NAMES[1:]}}
        written, constants = current_text(law(text), texts)
        for name, constant in constants.items():
            written = written.replace("{" + name + "}", "{" + f"{name}_{k}" + "}")
            lines.append(f".param {name}_{k}={constant!r}")
        lines.append(f"b{k} n{k} 0 v={written}")
        expected[f"n{k}"] = number
    kept = [f".param {name}={POINT[name]!r}" for name in NAMES[1:]]
    options = ".options reltol=1e-12 vntol=1e-300"
    deck = ["title", options, *kept, f"vab a b {V!r}", "vb b 0 0.25", *lines, ".op", ".end"]
    got = run("\n".join(deck)).vectors
    for (node, number), (text, _) in zip(expected.items(), ACCEPTED, strict=True):
        assert got[node][0] == pytest.approx(number, rel=1e-14, abs=1e-300), text


def test_reading_a_device_loads_no_sympy():
    code = (
        "import sys; from circuitxbar.devices.library import device; d = device('linear'); "
        "assert 'sympy' not in sys.modules; d.current(1.0, 1e-3); assert 'sympy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_is_whole():
    for name, row in TABLE.items():
        assert row.arguments in (1, 2, 3)
        assert row.expands or all(f"{{{k}}}" in row.spice for k in range(row.arguments)), name


def test_the_laws_of_a_file_share_its_definitions(monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    parse = expression.parse

    def counted(text: str, *, where: str, declared: Mapping[str, Any]) -> expression.Tree:
        read.append(where)
        return parse(text, where=where, declared=declared)

    monkeypatch.setattr(expression, "parse", counted)
    text = (device_folder() / "nili.toml").read_text(encoding="utf-8")
    model = parse_device(text, "read once.toml")
    assert len(model.laws) >= 2
    assert len(model.definitions) >= 10
    for name in model.definitions:
        assert read.count(f"read once.toml, define.{name}") == 1
