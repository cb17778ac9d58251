"""Trees of B-source expressions -> text in the language of laws, with ngspice's meaning.

What the writer spells out for ngspice's sake, such as an exp that goes beyond 1e99, is read back
as the one function of the table it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cache
from itertools import pairwise

from circuitxbar.devices.expression import LARGEST_POWER, LONGEST_TEXT
from circuitxbar.devices.functions import COMPARISONS, TABLE
from circuitxbar.netlist.reader.expressions import (
    RANDOM,
    ExpressionError,
    Tree,
    evaluated,
    parsed,
    tokens,
)

_COMPARED = ("<", "<=", ">", ">=", "==", "!=")
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
# Where a text must stand in brackets: a sum, a product, a sign, a power, and what never needs them.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)

# ngspice's name -> row of the function table.
_ROWS = {
    **{name: name for name in ("abs", "sqrt", "exp", "sin", "cos", "sinh", "cosh", "tanh")},
    **{name: name for name in ("asinh", "atan", "min", "max", "floor")},
    "ln": "log",
    "log": "log",
    "sgn": "sign",
}


def _row(name: str, *arguments: Tree) -> Tree:
    return ("row", name, *arguments)


def _inverse_sine(x: Tree) -> Tree:
    return _row("atan", ("/", x, _row("sqrt", ("*", ("-", 1.0, x), ("+", 1.0, x)))))


def _inverse_cosh(x: Tree) -> Tree:
    less = ("-", x, 1.0)
    return _row("log1p", ("+", less, _row("sqrt", ("*", less, ("+", x, 1.0)))))


# Those that other functions make up.
_MADE: dict[str, tuple[int, Callable[..., Tree]]] = {
    "log10": (1, lambda x: ("/", _row("log", x), 2.302585092994046)),
    "tan": (1, lambda x: ("/", _row("sin", x), _row("cos", x))),
    "asin": (1, _inverse_sine),
    "acos": (1, lambda x: ("-", ("/", "pi", 2.0), _inverse_sine(x))),
    "acosh": (1, _inverse_cosh),
    "atanh": (1, lambda x: ("/", ("-", _row("log1p", x), _row("log1p", ("negative", x))), 2.0)),
    "ceil": (1, lambda x: ("negative", _row("floor", ("negative", x)))),
    "u": (1, lambda x: ("/", ("+", 1.0, _row("sign", x)), 2.0)),
    "uramp": (1, lambda x: _row("max", x, 0.0)),
    "pow": (2, lambda x, y: ("^", x, y)),
    "pwr": (2, lambda x, y: ("*", _row("sign", x), ("^", x, y))),
    "ternary_fcn": (3, lambda condition, yes, no: ("?", condition, yes, no)),
}
FUNCTIONS = (*sorted([*_ROWS, *_MADE]), "pwl")


def fixed_literals(tree: Tree) -> frozenset[int]:
    """The literals that must stay numbers: exponents, and the points of tables."""

    def below(tree: Tree) -> Iterator[int]:
        if isinstance(tree, tuple):
            if tree[0] == "literal":
                yield tree[1]
            for branch in tree[1:]:
                yield from below(branch)

    def found(tree: Tree) -> Iterator[int]:
        if not isinstance(tree, tuple) or tree[0] in ("literal", "voltage", "current"):
            return
        if tree[0] in ("^", "pow()", "pwr()") and len(tree) == 3:
            yield from below(tree[2])
        if tree[0] == "pwl()":
            for branch in tree[2:]:
                yield from below(branch)
        for branch in tree[1:]:
            yield from found(branch)

    return frozenset(found(tree))


def law_text(
    tree: Tree, leaves: Mapping[tuple[str, int], float | str], taken: Container[str]
) -> tuple[str, dict[str, str]]:
    """(law of `tree`, whose leaves are these numbers and names; definitions that it refers to).

    There are definitions where the text would be too long: of what stands in it more than once.
    taken : names that no definition may have.
    """
    whole = _written_out(tree, leaves)
    text = _text(whole)[0]
    if len(text) <= LONGEST_TEXT:
        return text, {}
    short = _Shared(whole, taken)
    texts = {name: _text(part)[0] for name, part in short.definitions.items()}
    text = _text(short.tree)[0]
    if (longest := max(map(len, (text, *texts.values())))) > LONGEST_TEXT:
        raise ExpressionError(f"an expression of {longest} characters as a law; at most 1000")
    return text, texts


class _Shared:
    """A tree in which names stand for what occurs in it more than once."""

    def __init__(self, tree: Tree, taken: Container[str]):
        self.taken = taken
        self.counts: Counter[Tree] = Counter()
        self.count(tree)
        self.names: dict[Tree, str] = {}
        self.definitions: dict[str, Tree] = {}
        self.tree = self.replaced(tree)

    def count(self, tree: Tree) -> None:
        if isinstance(tree, tuple):
            self.counts[tree] += 1
            if self.counts[tree] == 1:
                for branch in tree[1:]:
                    self.count(branch)

    def replaced(self, tree: Tree) -> Tree:
        if not isinstance(tree, tuple):
            return tree
        if tree in self.names:
            return self.names[tree]
        inner = (tree[0], *(self.replaced(branch) for branch in tree[1:]))
        # A comparison is no number, and so has no name of its own.
        if self.counts[tree] < 2 or tree[0] in (*_COMPARED, "negative"):
            return inner
        name = f"x{len(self.names) + 1}"
        while name in self.taken:
            name += "_"
        self.names[tree] = name
        self.definitions[name] = inner
        return name


def _written_out(tree: Tree, leaves: Mapping[tuple[str, int], float | str]) -> Tree:
    """The tree with its leaves filled in and functions as rows of the table."""
    if not isinstance(tree, tuple):
        return tree
    operation = tree[0]
    if operation in ("literal", "voltage", "current"):
        return leaves[operation, tree[1]]
    found = _signed((operation, *(_written_out(branch, leaves) for branch in tree[1:])))
    if not isinstance(found, tuple):
        return found
    for pattern, row in _abbreviated().get(operation, ()):
        bound: dict[str, Tree] = {}
        if _matches(pattern, found, bound):
            arguments = [bound[f"argument{k}"] for k in range(TABLE[row].arguments)]
            return ("**", *arguments) if row == "power" else _row(row, *arguments)
    return _called(found) if operation.endswith("()") else found


def _signed(tree: tuple) -> Tree:
    """A negative number as one."""
    if tree[0] == "negative" and isinstance(tree[1], float):
        return -tree[1]
    return tree


def _called(tree: tuple) -> Tree:
    name, arguments = tree[0].removesuffix("()"), tree[1:]
    if name == "pwl":
        return _piecewise(arguments)
    if name in RANDOM:
        raise ExpressionError(f"{name} is random in ngspice. Clamp with min and max")
    if name in _ROWS:
        row = _ROWS[name]
        wanted, made = TABLE[row].arguments, lambda *x: _row(row, *x)
    elif name in _MADE:
        wanted, made = _MADE[name]
    else:
        raise ExpressionError(f"{name!r} is not supported; there are {', '.join(FUNCTIONS)}")
    if len(arguments) != wanted:
        raise ExpressionError(f"{name} takes {wanted} argument{'s' * (wanted > 1)}")
    return made(*arguments)


def _piecewise(arguments: tuple) -> Tree:
    """The table as nested choices; beyond its ends it goes on as in its outer pieces."""

    def refuse(name: str) -> float:
        raise ExpressionError(f"the points of a pwl must be numbers, and {name!r} is none")

    values = [evaluated(point, refuse) for point in arguments[1:]]
    if len(values) < 4 or len(values) % 2:
        raise ExpressionError("pwl takes x and at least two points, x1, y1, x2, y2")
    x, times, heights = arguments[0], values[0::2], values[1::2]
    if any(after <= before for before, after in pairwise(times)):
        raise ExpressionError("the points of a pwl must increase")

    def piece(k: int) -> Tree:
        slope = (heights[k + 1] - heights[k]) / (times[k + 1] - times[k])
        return heights[k] if slope == 0 else ("+", heights[k], ("*", slope, ("-", x, times[k])))

    def between(low: int, high: int) -> Tree:
        if high - low == 1:
            return piece(low)
        middle = (low + high) // 2
        return ("?", ("<", x, times[middle]), between(low, middle), between(middle, high))

    return between(0, len(times) - 1)


@cache
def _abbreviated() -> dict[str, list[tuple[Tree, str]]]:
    """By their operation, the patterns of what the table spells out for ngspice."""
    found: dict[str, list[tuple[Tree, str]]] = {}
    for row, function in TABLE.items():
        if not function.spice or row in COMPARISONS or row in ("where", "logistic"):
            continue
        text = function.spice.format(*(f"argument{k}" for k in range(function.arguments)))
        pieces = tokens(text, probes=False)
        pattern = parsed(tuple((piece.kind, piece.text) for piece in pieces))
        assert isinstance(pattern, tuple)
        if any(isinstance(branch, tuple) for branch in pattern[1:]):
            found.setdefault(pattern[0], []).append((pattern, row))
    # What the arguments of a pattern have become by then.
    return {
        operation: [(_filled(pattern), row) for pattern, row in patterns]
        for operation, patterns in found.items()
    }


def _filled(pattern: Tree) -> Tree:
    """The pattern with the calls inside it as rows, as those of a tree are."""
    if not isinstance(pattern, tuple):
        return pattern
    inner = [_filled(branch) for branch in pattern[1:]]
    called = [_called(b) if isinstance(b, tuple) and b[0].endswith("()") else b for b in inner]
    return _signed((pattern[0], *called))


def _matches(pattern: Tree, tree: Tree, bound: dict[str, Tree]) -> bool:
    if isinstance(pattern, str) and pattern.startswith("argument"):
        return bound.setdefault(pattern, tree) == tree
    if isinstance(pattern, tuple) and isinstance(tree, tuple):
        return len(pattern) == len(tree) and all(
            _matches(p, t, bound) if k else p == t
            for k, (p, t) in enumerate(zip(pattern, tree, strict=True))
        )
    return pattern == tree


# ---------------------------------------------------------------- text


def _text(tree: Tree) -> tuple[str, int]:
    """Text of a tree, and how tightly its outermost operation binds."""
    if isinstance(tree, str):
        return tree, _ATOM
    if not isinstance(tree, tuple):
        return _number(tree)
    match tree:
        case ("row", name, *arguments):
            return f"{name}({', '.join(_text(part)[0] for part in arguments)})", _ATOM
        case ("negative", inner):
            return f"-{_bound(inner, _SIGN)}", _SIGN
        case ("+" | "-" as sign, left, right):
            return f"{_bound(left, _SUM)} {sign} {_bound(right, _PRODUCT)}", _SUM
        case ("*" | "/", _, _):
            return _product(tree), _PRODUCT
        case ("^", base, exponent):
            is_even = not isinstance(exponent, str | tuple) and exponent % 2 == 0
            return _powered(base if is_even else _row("abs", base), exponent)
        case ("**", base, exponent):
            return _powered(base, exponent)
        case ("?", condition, yes, no):
            return f"where({_condition(condition)}, {_text(yes)[0]}, {_text(no)[0]})", _ATOM
        case ("&&", left, right):
            return f"where({_condition(left)}, where({_condition(right)}, 1, 0), 0)", _ATOM
        case ("||", left, right):
            return f"where({_condition(left)}, 1, where({_condition(right)}, 1, 0))", _ATOM
        case ("%", *_):
            raise ExpressionError("% has no meaning in a B-source")
    return f"where({_condition(tree)}, 1, 0)", _ATOM


def _product(tree: Tree) -> str:
    """Text of a chain of products, its numbers last.

    sympy multiplies a sum by a number that stands beside it, and by nothing else: read back, what
    the writer wrote would be another sum.
    """
    factors: list[tuple[str, Tree]] = []
    while isinstance(tree, tuple) and tree[0] in ("*", "/"):
        factors.append((tree[0], tree[2]))
        tree = tree[1]
    factors.append(("*", tree))
    factors.reverse()
    ordered = sorted(factors, key=lambda factor: isinstance(factor[1], float))
    if ordered[0][0] == "/":
        ordered = factors
    first, *others = ordered
    return _bound(first[1], _PRODUCT) + "".join(s + _bound(x, _SIGN) for s, x in others)


def _condition(tree: Tree) -> str:
    """The one comparison that `tree` is as a condition."""
    match tree:
        case (sign, left, right) if sign in _COMPARED:
            return f"{_text(left)[0]} {sign} {_text(right)[0]}"
        case ("not", (sign, left, right)) if sign in _COMPARED:
            return f"{_text(left)[0]} {_OPPOSITE[sign]} {_text(right)[0]}"
        case ("not", inner):
            return f"{_text(inner)[0]} == 0"
    return f"{_text(tree)[0]} != 0"


def _powered(base: Tree, exponent: Tree) -> tuple[str, int]:
    if isinstance(exponent, float) and abs(exponent) > LARGEST_POWER:
        raise ExpressionError(f"the power {exponent:g} is above {LARGEST_POWER}")
    return f"{_bound(base, _ATOM)}**{_bound(exponent, _ATOM)}", _POWER


def _bound(tree: Tree, least: int) -> str:
    text, strength = _text(tree)
    return text if strength >= least else f"({text})"


def _number(value: float) -> tuple[str, int]:
    # Whole numbers as such: sympy keeps a factor of 1.0.
    is_whole = float(value).is_integer() and abs(value) < 1e15
    text = str(int(value)) if is_whole else repr(float(value))
    return text, _ATOM if value >= 0 else _SIGN
