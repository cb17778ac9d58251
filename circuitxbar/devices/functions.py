"""The one table of the functions a device law may call.

A row gives a function's numpy value, its derivative, its SPICE text and its domain; the
parser, the kernels and the SPICE text read nothing else. The symbols built here are ours, not
sympy's: sympy's own abs, sign, min and max differentiate to Dirac deltas, and it evaluates
constant arguments to unbounded precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

# k_B and q as ngspice has them (CODATA 2014), so that both sides solve the same diode.
CONSTANTS = {"pi": math.pi, "k_B": 1.38064852e-23, "q": 1.6021766208e-19}


@dataclass(frozen=True)
class Function:
    """One function of the closed language.

    derivative : (x, d) -> expression, the total derivative from the arguments x and their
    derivatives d, so that a branch not taken never meets its slope.
    spice : ngspice text, {0} {1} {2} standing for the texts of the arguments.
    domain : where the value is real and finite, in words; empty when everywhere.
    compiled : text of compiled code in the same way, of numbers side by side, by the functions
    in circuitxbar/array/cells/elementary.py; what is rare may be slow there.
    expands : for a function that is only an abbreviation of others; then nothing else is needed.
    """

    arguments: int
    numpy: Callable[..., Any]
    derivative: Callable[[tuple, tuple], Any] = lambda x, d: 0
    spice: str = ""
    domain: str = ""
    compiled: str = ""
    expands: Callable[..., Any] | None = None


def _real_power(base: Any, exponent: Any) -> Any:
    """base ** exponent for base >= 0, else NaN: SPICE gives a negative base another meaning."""
    return np.where(np.less(base, 0.0), np.nan, np.power(base, exponent))


def _power_derivative(x: tuple, d: tuple) -> Any:
    base, exponent = x
    slope = exponent * power(base, exponent - 1) * d[0]
    if d[1] == 0:
        return slope
    # 0 where base = 0: there the logarithm is infinite, and the product has the limit 0.
    grown = apply("power", base, exponent) * apply("log", base) * d[1]
    return slope + apply("where", apply("equal", base, 0), 0, grown)


def _logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)) with all its digits, and no overflow, on either side."""
    return np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.abs(x)))


FUNCTIONS: dict[str, Function] = {
    "abs": Function(
        1, np.abs, lambda x, d: apply("sign", *x) * d[0], "abs({0})", compiled="abs({0})"
    ),
    "sign": Function(1, np.sign, spice="sgn({0})", compiled="sign({0})"),
    "sqrt": Function(
        1,
        np.sqrt,
        lambda x, d: d[0] / (2 * apply("sqrt", *x)),
        "sqrt({0})",
        "x >= 0",
        "sqrt({0})",
    ),
    # ngspice holds exp at 1e99 from x = 228 on, where 2 cosh is the same number.
    "exp": Function(
        1,
        np.exp,
        lambda x, d: apply("exp", *x) * d[0],
        "({0} < 200.0 ? exp({0}) : 2.0*cosh(min({0}, 709.0)))",
        "x < 709",
        "exp({0})",
    ),
    "log": Function(1, np.log, lambda x, d: d[0] / x[0], "ln({0})", "x > 0", "log({0})"),
    # ngspice has no log1p; atanh keeps the digits of a small argument, ln those of a large one.
    "log1p": Function(
        1,
        np.log1p,
        lambda x, d: d[0] / (1 + x[0]),
        "(abs({0}) < 0.5 ? 2.0*atanh({0}/(2.0 + {0})) : ln(1.0 + {0}))",
        "x > -1",
        "log1p({0})",
    ),
    # The limits keep ngspice, which stops where these overflow, going when an iteration steps far.
    "sinh": Function(
        1,
        np.sinh,
        lambda x, d: apply("cosh", *x) * d[0],
        "sinh(min(max({0}, -710.0), 710.0))",
        "|x| < 710",
        "sinh({0})",
    ),
    "cosh": Function(
        1,
        np.cosh,
        lambda x, d: apply("sinh", *x) * d[0],
        "cosh(min(abs({0}), 710.0))",
        "|x| < 710",
        "cosh({0})",
    ),
    "sin": Function(
        1,
        np.sin,
        lambda x, d: apply("cos", *x) * d[0],
        "sin({0})",
        compiled="sin({0})",
    ),
    "cos": Function(
        1,
        np.cos,
        lambda x, d: -apply("sin", *x) * d[0],
        "cos({0})",
        compiled="cos({0})",
    ),
    # Neither 1 - tanh^2, which cancels to nothing from x = 19 on, nor 1/cosh^2, which overflows.
    "tanh": Function(
        1,
        np.tanh,
        lambda x, d: 4 * apply("logistic", 2 * x[0]) * apply("logistic", -2 * x[0]) * d[0],
        "tanh({0})",
        compiled="tanh({0})",
    ),
    "asinh": Function(
        1,
        np.arcsinh,
        lambda x, d: d[0] / apply("sqrt", 1 + x[0] ** 2),
        "asinh({0})",
        compiled="asinh({0})",
    ),
    "atan": Function(
        1,
        np.arctan,
        lambda x, d: d[0] / (1 + x[0] ** 2),
        "atan({0})",
        compiled="atan({0})",
    ),
    "floor": Function(1, np.floor, spice="floor({0})", compiled="floor({0})"),
    "softplus": Function(
        1,
        lambda x: np.logaddexp(0.0, x),
        lambda x, d: apply("logistic", *x) * d[0],
        # As for log1p: ln(1 + y) would lose the digits of a small y = exp(-|x|).
        "(max({0}, 0.0) + 2.0*atanh(exp(-abs({0}))/(2.0 + exp(-abs({0})))))",
        compiled="softplus({0})",
    ),
    "min": Function(
        2,
        np.minimum,
        lambda x, d: apply("where", apply("less", *x), *d),
        "min({0}, {1})",
        compiled="minimum({0}, {1})",
    ),
    "max": Function(
        2,
        np.maximum,
        lambda x, d: apply("where", apply("less", *x), d[1], d[0]),
        "max({0}, {1})",
        compiled="maximum({0}, {1})",
    ),
    "clip": Function(
        3, np.clip, expands=lambda x, low, high: apply("min", apply("max", x, low), high)
    ),
    "where": Function(
        3,
        np.where,
        lambda x, d: apply("where", x[0], d[1], d[2]),
        "({0} ? {1} : {2})",
        compiled="select({0}, {1}, {2})",
    ),
}

# What the operators of the language and the derivatives stand for; not callable by name.
COMPARISONS: dict[str, Function] = {
    "less": Function(2, np.less, spice="({0} < {1})", compiled="({0} < {1})"),
    "less_equal": Function(2, np.less_equal, spice="({0} <= {1})", compiled="({0} <= {1})"),
    "greater": Function(2, np.greater, spice="({0} > {1})", compiled="({0} > {1})"),
    "greater_equal": Function(2, np.greater_equal, spice="({0} >= {1})", compiled="({0} >= {1})"),
    "equal": Function(2, np.equal, spice="({0} == {1})", compiled="({0} == {1})"),
    "not_equal": Function(2, np.not_equal, spice="({0} != {1})", compiled="({0} != {1})"),
}
POWER = Function(
    2,
    _real_power,
    _power_derivative,
    # ngspice stops at the slope of a power of 0, where an iteration often begins.
    "({0} > 0.0 ? pwr({0}, {1}) : ({1} == 0.0 ? 1.0 : 0.0))",
    "x > 0 where the exponent is not a whole number",
    "power({0}, {1})",
)
LOGISTIC = Function(
    1,
    _logistic,
    lambda x, d: apply("logistic", *x) * apply("logistic", -x[0]) * d[0],
    "(exp(min({0}, 0.0))/(1.0 + exp(-abs({0}))))",
    compiled="logistic({0})",
)
TABLE: dict[str, Function] = {**FUNCTIONS, **COMPARISONS, "power": POWER, "logistic": LOGISTIC}


def apply(name: str, *arguments: Any) -> Any:
    """The sympy expression of row `name` applied to sympy expressions or numbers."""
    import sympy

    row = TABLE[name]
    arguments = tuple(map(sympy.sympify, arguments))
    if row.expands is not None:
        return row.expands(*arguments)
    if name == "where" and arguments[1] == arguments[2]:
        return arguments[1]
    return _symbols()[name](*arguments)


def power(base: Any, exponent: Any) -> Any:
    """base ** exponent: a product for a whole exponent, a root for 0.5, else the row `power`.

    A negative one divides: at base = 0 that is infinite, where ngspice's power would stop it.
    """
    if exponent.is_Number:
        value = float(exponent)
        if value.is_integer():
            return base ** int(value)
        if value < 0:
            return 1 / power(base, -exponent)
        if value == 0.5:
            return apply("sqrt", base)
    return apply("power", base, exponent)


def row_of(expression: Any) -> str | None:
    """The name of the row that a sympy node applies, or None for sums, products, names, numbers."""
    return getattr(expression, "row", None)


@cache
def _symbols() -> dict[str, type]:
    """One sympy class per row."""
    import sympy

    class Applied(sympy.Expr):
        is_commutative = True
        row: str

        def _sympystr(self, printer: Any) -> str:
            return f"{self.row}({', '.join(map(printer._print, self.args))})"

    # sympy orders the factors of a product by class name: it must differ from row to row.
    return {name: type(f"Applied_{name}", (Applied,), {"row": name}) for name in TABLE}
