"""One sympy expression, written in one of two tongues: Python for kernels, SPICE for netlists."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from circuitxbar.devices.functions import row_of
from circuitxbar.errors import ModelError

LONGEST = 20_000  # characters; SPICE text cannot share parts, so nested powers grow fast


@dataclass(frozen=True)
class Tongue:
    """How a language writes the four kinds of leaf and call that a law is made of."""

    number: Callable[[float], str]
    symbol: Callable[[str], str]
    power: Callable[[str, int], str]  # a whole power of at least 2
    call: Callable[[str, list[str]], str]  # row of the function table, texts of its arguments


def written(expression: Any, tongue: Tongue) -> str:
    """Text of `expression`; sums and products stand in brackets: precedence never matters."""

    def write(node: Any) -> str:
        text = _text(node)
        if len(text) > LONGEST:
            raise ModelError(f"A law is longer than {LONGEST} characters when written out.")
        return text

    def _text(node: Any) -> str:
        if node.is_Symbol:
            return tongue.symbol(node.name)
        if node.is_Number:
            return tongue.number(_finite(float(node)))
        if node.is_Add:
            return "(" + " + ".join(map(write, node.args)) + ")"
        if node.is_Mul:
            return _product(node)
        if node.is_Pow:
            return _power(node.base, int(node.exp))
        return tongue.call(row_of(node) or "", list(map(write, node.args)))

    def _power(base: Any, exponent: int) -> str:
        if exponent < 0:
            return f"({tongue.number(1.0)}/{_power(base, -exponent)})"
        return write(base) if exponent == 1 else tongue.power(write(base), exponent)

    def _product(node: Any) -> str:
        sign, above, below = "", [], []
        for factor in node.args:
            if factor == -1:
                sign = "-"
            elif factor.is_Pow and factor.exp < 0:
                below.append(_power(factor.base, -int(factor.exp)))
            else:
                above.append(write(factor))
        text = "*".join(above) or tongue.number(1.0)
        if len(below) > 1:
            text += "/(" + "*".join(below) + ")"
        elif below:
            text += "/" + below[0]
        return f"({sign}{text})"

    return write(expression)


def _finite(number: float) -> float:
    """A slope may multiply constants of a law that are large already."""
    if not math.isfinite(number):
        raise ModelError(
            "A law or its slope has a constant part beyond the largest float, 1.8e308."
        )
    return number
