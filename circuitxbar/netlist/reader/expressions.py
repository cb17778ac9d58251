"""Expressions of netlists -> trees, and trees without voltages -> numbers.

A tree is a number, a name, or a tuple (operation, tree, ...): `+ - * / % ^`, comparisons, `&&`,
`||`, `not`, `negative`, `?` and functions by their names. ("voltage", k), ("current", k) and
("literal", k) stand for the k-th such leaf of a text, so that texts of one form have one tree.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from circuitxbar.netlist.reader.numbers import NUMBER, number

Tree: TypeAlias = float | str | tuple

LONGEST = 20_000  # characters
DEEPEST = 60  # brackets in one another
LONGEST_CHAIN = 150  # operations, one the argument of the next

_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{NUMBER}(?![\w.]))|(?P<name>[a-z_]\w*)"
    r"|(?P<sign>\*\*|&&|\|\||==|!=|<>|<=|>=|[-+*/%^<>!?:(),{}']))"
)
_PROBE = re.compile(r"\s*\(\s*([^\s(),={}]+)\s*(?:,\s*([^\s(),={}]+)\s*)?\)")
_PRECEDENCE = {
    "||": 2,
    "&&": 3,
    "==": 4,
    "!=": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
    "^": 9,
}
_UNARY = 8
_SAME = {"**": "^", "<>": "!="}


class ExpressionError(Exception):
    """What is wrong with an expression; who reads it says where it stands."""


@dataclass(frozen=True)
class Token:
    """A piece of an expression: a "number", "name", "sign", "voltage" or "current"."""

    kind: str
    text: str
    nodes: tuple[str, ...] = ()


def tokens(text: str, *, probes: bool) -> list[Token]:
    """The pieces of `text` in lower case; with `probes`, v(a,b) and i(source) are one each."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression of {len(text)} characters; at most {LONGEST}")
    found: list[Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"{text[place:].strip()!r:.20} has no meaning in an expression")
        kind, word = str(match.lastgroup), match[match.lastgroup or 0]
        place = match.end()
        if probes and word in ("v", "i") and text[place:].lstrip().startswith("("):
            probe = _PROBE.match(text, place)
            if probe is None:
                raise ExpressionError(
                    f"{text[match.start() :].strip()!r:.20} cannot be read; expected v(node), "
                    "v(node,node) or i(source)"
                )
            nodes = tuple(filter(None, probe.groups()))
            if word == "i" and len(nodes) > 1:
                raise ExpressionError(f"i({','.join(nodes)}): a current is that of one element")
            kind, place = ("voltage" if word == "v" else "current"), probe.end()
            found.append(Token(kind, word, nodes))
        else:
            found.append(Token(kind, _SAME.get(word, word)))
    return found


@lru_cache(maxsize=4096)
def parsed(pieces: tuple[tuple[str, str], ...]) -> Tree:
    """The tree of (kind, text) pieces; those of kind "leaf" are trees ("literal", k) and so on."""
    return _Parser(pieces).whole()


class _Parser:
    """Precedence climbing, as deep as the limits and no deeper."""

    def __init__(self, pieces: Sequence[tuple[str, Any]]):
        self.pieces = pieces
        self.at = 0
        self.depths: dict[int, int] = {}

    def whole(self) -> Tree:
        tree = self.expression(0, 0)
        if self.at < len(self.pieces):
            raise ExpressionError(f"{self.seen()} is not expected there")
        return tree

    def seen(self) -> str:
        if self.at >= len(self.pieces):
            return "the end of the expression"
        kind, text = self.pieces[self.at]
        return repr(text) if kind != "leaf" else f"a {text[0]}"

    def sign(self) -> str:
        if self.at < len(self.pieces) and self.pieces[self.at][0] == "sign":
            return self.pieces[self.at][1]
        return ""

    def expect(self, sign: str) -> None:
        if self.sign() != sign:
            raise ExpressionError(f"{self.seen()} stands where {sign!r} should")
        self.at += 1

    def node(self, *tree: Any) -> Tree:
        depth = 1 + max((self.depths.get(id(part), 0) for part in tree), default=0)
        if depth > LONGEST_CHAIN:
            raise ExpressionError(f"more than {LONGEST_CHAIN} operations in a chain")
        self.depths[id(tree)] = depth
        return tree

    def expression(self, lowest: int, level: int) -> Tree:
        if level > DEEPEST:
            raise ExpressionError(f"brackets more than {DEEPEST} deep")
        left = self.operand(level)
        while (sign := self.sign()) and (strength := _PRECEDENCE.get(sign, 0)) > lowest:
            self.at += 1
            # All of them from the left, powers too: 2^3^2 is 64.
            left = self.node(sign, left, self.expression(strength, level + 1))
        if sign == "?" and lowest < 1:
            self.at += 1
            then = self.expression(0, level + 1)
            self.expect(":")
            left = self.node("?", left, then, self.expression(0, level + 1))
        return left

    def operand(self, level: int) -> Tree:
        if self.at >= len(self.pieces):
            raise ExpressionError("the expression ends too early")
        kind, text = self.pieces[self.at]
        self.at += 1
        if kind == "leaf":
            return text
        if kind == "number":
            return _number(text)
        if kind == "name":
            return self.call(text, level) if self.sign() == "(" else text
        if text in ("-", "+", "!"):
            inner = self.expression(_UNARY, level + 1)
            return inner if text == "+" else self.node("negative" if text == "-" else "not", inner)
        if text in ("(", "{"):
            inner = self.expression(0, level + 1)
            self.expect(")" if text == "(" else "}")
            return inner
        self.at -= 1
        raise ExpressionError(f"{self.seen()} is not expected there")

    def call(self, name: str, level: int) -> Tree:
        self.expect("(")
        arguments = [self.expression(0, level + 1)]
        while self.sign() == ",":
            self.at += 1
            arguments.append(self.expression(0, level + 1))
        self.expect(")")
        return self.node(f"{name}()", *arguments)


def _number(text: str) -> float:
    value = number(text)
    if value is None:
        raise ExpressionError(f"{text!r} is no number")
    return value


# ---------------------------------------------------------------- numbers of .param

RANDOM = ("agauss", "gauss", "aunif", "unif", "limit")


def _power(base: float, exponent: float) -> float:
    return abs(base) ** exponent  # as ngspice has it: the sign is lost


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    **{name: (1, getattr(math, name)) for name in ("sqrt", "sin", "cos", "tan", "exp", "log10")},
    **{name: (1, getattr(math, name)) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")},
    **{name: (1, getattr(math, name)) for name in ("asinh", "acosh", "atanh", "floor", "ceil")},
    "ln": (1, math.log),
    "log": (1, math.log),
    "arctan": (1, math.atan),
    "abs": (1, abs),
    "sqr": (1, lambda x: x * x),
    "sgn": (1, _sign),
    "int": (1, math.trunc),
    "nint": (1, round),
    "pow": (2, math.pow),
    "pwr": (2, _power),
    "min": (2, min),
    "max": (2, max),
    "ternary_fcn": (3, lambda condition, yes, no: yes if condition else no),
}
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": _power,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluated(tree: Tree, named: Callable[[str], float]) -> float:
    """The number that a tree of names and numbers is; `named` gives the value of a name."""

    def value(tree: Tree) -> float:
        if isinstance(tree, str):
            return named(tree)
        if not isinstance(tree, tuple):
            return tree
        match tree:
            case ("negative", inner):
                return -value(inner)
            case ("not", inner):
                return float(not value(inner))
            case ("&&", left, right):
                return float(bool(value(left)) and bool(value(right)))
            case ("||", left, right):
                return float(bool(value(left)) or bool(value(right)))
            case ("?", condition, yes, no):
                return value(yes) if value(condition) else value(no)
            case (sign, left, right) if sign in _OPERATIONS:
                return float(_OPERATIONS[sign](value(left), value(right)))
        return called(tree[0], tree[1:])

    def called(call: str, arguments: tuple) -> float:
        name = call.removesuffix("()")
        if name in RANDOM:
            raise ExpressionError(f"{name} is random. Give a number")
        if name not in _FUNCTIONS:
            raise ExpressionError(
                f"a parameter cannot call {name!r}. It may call {', '.join(sorted(_FUNCTIONS))}"
            )
        wanted, function = _FUNCTIONS[name]
        if len(arguments) != wanted:
            raise ExpressionError(f"{name} takes {wanted} argument{'s' * (wanted > 1)}")
        return float(function(*map(value, arguments)))

    try:
        found = value(tree)
    except (ArithmeticError, ValueError):
        raise ExpressionError("the expression has no finite value") from None
    if isinstance(found, complex) or not math.isfinite(found):
        raise ExpressionError("the expression has no finite value")
    return found


@lru_cache(maxsize=65536)
def arithmetic(text: str) -> Tree:
    """The tree of an expression of parameters, within { } or ' ' or bare."""
    inner = text.strip()
    if len(inner) > 1 and inner[0] + inner[-1] in ("{}", "''", '""'):
        inner = inner[1:-1]
    pieces = tokens(inner, probes=False)
    for piece in pieces:
        if piece.kind == "number" and piece.text.lstrip("0123456789.").startswith("mil"):
            raise ExpressionError(f"{piece.text!r}: simulators disagree about mil here. Use m")
    return parsed(tuple((piece.kind, piece.text) for piece in pieces))
