"""Text of a law -> tree -> sympy expression, by an own parser on Python's `ast`.

Nothing in a text is ever evaluated. The tree is plain: a number, a name, or a tuple
(operation, tree, ...), where an operation is `+ - * / **`, `negative` or a row of the function
table. Sizes are limited, so that no text can keep the library busy.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from circuitxbar.devices.functions import CONSTANTS, FUNCTIONS, apply, power
from circuitxbar.errors import ModelError

Tree: TypeAlias = float | int | str | tuple

# By the number of terminals: the voltages that a law is given, by the user; those that it is a
# function of, each a sum over the terminals with these signs; and others that it may use. v_ds is
# no abbreviation: near 0 V it has digits that the difference of two rounded voltages has lost.
VOLTAGES = {2: ("v",), 3: ("v_d", "v_g", "v_s")}
CONTROLS = {
    2: {"v": (1, -1)},
    3: {"v_d": (1, 0, 0), "v_g": (0, 1, 0), "v_s": (0, 0, 1), "v_ds": (1, 0, -1)},
}
DIFFERENCES = {2: {}, 3: {"v_gs": "v_g - v_s"}}

LONGEST_TEXT = 1000  # characters of one law or definition
MOST_OPERATIONS = 1000  # of a law with its definitions written out
DEEPEST = 30  # nesting, where a chain of sums or of products counts once
LONGEST_CHAIN = 150  # nesting as Python reads it, where every term of a sum counts
LARGEST_POWER = 16
SMALLEST_NUMBER, LARGEST_NUMBER = 1e-300, 1e300

_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_COMPARED = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_FOREIGN = re.compile(r"[^A-Za-z0-9_+\-*/().,<>=!\s]")
_GROUP = {"+": "sum", "-": "sum", "*": "product", "/": "product"}


@dataclass(frozen=True)
class Law:
    """The text of a law with all that gives it a meaning; hashable, so that compiling is cached.

    where : file, for messages.  names : the variables and parameters the law is a function of.
    section : what the text stands for in the file.  foreign : names with a meaning for other laws
    of the file only; definitions are shared, and those that this law comes to are free of them.
    """

    where: str
    text: str
    definitions: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    section: str = "current"
    foreign: tuple[str, ...] = ()

    def trees(self) -> tuple[dict[str, Tree], Tree]:
        """The parsed definitions, in order, and the parsed law; ModelError for what is refused."""
        known = frozenset((*self.names, *self.foreign, *CONSTANTS))
        definitions, sizes = _definitions(self.where, self.definitions, known)
        where = f"{self.where}, {self.section}"
        tree = parse(self.text, where=where, declared=sizes)
        _measured(tree, sizes, where)
        met = _met(tree, definitions)
        for name in self.foreign:
            if name in met:
                raise ModelError(
                    f"{where}: '{name}' has no meaning here. This law is one of "
                    f"{', '.join(self.names)}."
                )
        return {name: branch for name, branch in definitions.items() if name in met}, tree

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The names that stand in the law, or in a definition that the law comes to."""
        definitions, tree = self.trees()
        return frozenset(_met(tree, definitions))


@lru_cache(maxsize=256)
def _definitions(
    where: str, texts: tuple[tuple[str, str], ...], known: frozenset[str]
) -> tuple[dict[str, Tree], dict[str, tuple[int, int]]]:
    """The trees of the definitions, in order, and the sizes of all names; the laws share them."""
    sizes: dict[str, tuple[int, int]] = dict.fromkeys(known, (1, 1))
    trees: dict[str, Tree] = {}
    for name, text in texts:
        place = f"{where}, define.{name}"
        trees[name] = parse(text, where=place, declared=sizes)
        sizes[name] = _measured(trees[name], sizes, place)
    return trees, sizes


def parse(text: str, *, where: str, declared: Mapping[str, Any]) -> Tree:
    """The tree of `text`, in which only the `declared` names may appear.

    Raises ModelError, beginning with `where`, for anything outside the closed language.
    """
    if len(text) > LONGEST_TEXT:
        raise ModelError(
            f"{where}: {len(text)} characters are too many. A law has at most {LONGEST_TEXT}; "
            "move shared parts to [define]."
        )
    if foreign := _FOREIGN.search(text):
        hint = " Write powers with **." if foreign[0] == "^" else ""
        raise ModelError(f"{where}: the character {foreign[0]!r} has no meaning in a law.{hint}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(" ".join(text.split()), mode="eval").body
    except SyntaxError as problem:
        raise ModelError(f"{where}: {text!r:.80} cannot be read ({problem.msg}).") from None
    except (RecursionError, MemoryError):
        raise ModelError(f"{where}: nested too deeply. Move inner parts to [define].") from None
    return _Reader(where, declared).value(body)


@lru_cache(maxsize=256)
def symbolic(law: Law) -> Any:
    """The sympy expression of `law`, its definitions written out."""
    import sympy

    definitions, tree = law.trees()
    symbols: dict[str, Any] = {name: sympy.Symbol(name) for name in law.names}
    symbols |= {name: sympy.Float(value) for name, value in CONSTANTS.items()}
    for name, definition in definitions.items():
        symbols[name] = _built(definition, symbols, f"{law.where}, define.{name}")
    return _built(tree, symbols, f"{law.where}, {law.section}")


class _Reader:
    """One walk over the syntax tree of one text; every node kind not named here is refused."""

    def __init__(self, where: str, declared: Mapping[str, Any]):
        self.where = where
        self.declared = declared
        self.level = 0

    def value(self, node: ast.expr) -> Tree:
        if self.level >= LONGEST_CHAIN:
            raise self.refusal(
                f"more than {LONGEST_CHAIN} operations in a chain. Move parts to [define]."
            )
        self.level += 1
        tree = self.read(node)
        self.level -= 1
        return tree

    def read(self, node: ast.expr) -> Tree:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(number)
            case ast.Name(id=name):
                return self.name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return ("negative", self.value(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return (_BINARY[type(op)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments)
            case ast.Compare():
                raise self.refusal(
                    f"the comparison '{ast.unparse(node):.60}' is not a number. "
                    "Comparisons belong in the first place of where(c, a, b)."
                )
        raise self.refusal(
            f"'{ast.unparse(node):.60}' is not part of the language. A law is made of numbers, "
            f"declared names, + - * / **, and {', '.join(FUNCTIONS)}."
        )

    def number(self, number: int | float) -> Tree:
        if number and not SMALLEST_NUMBER <= number <= LARGEST_NUMBER:
            raise self.refusal(f"the number {number!s:.40} is outside 1e-300 ... 1e300.")
        return number

    def name(self, name: str) -> Tree:
        if name in FUNCTIONS:
            raise self.refusal(f"'{name}' is a function. Write {name}(...).")
        if name not in self.declared:
            names = sorted(set(self.declared) - set(CONSTANTS))
            raise self.refusal(f"'{name}' is not declared. Declared: {', '.join(names)}.")
        return name

    def call(self, name: str, arguments: list[ast.expr]) -> Tree:
        if name not in FUNCTIONS:
            raise self.refusal(
                f"'{name}' is not a function of the language. It has {', '.join(FUNCTIONS)}."
            )
        wanted = FUNCTIONS[name].arguments
        if len(arguments) != wanted:
            raise self.refusal(
                f"{name} has {len(arguments)} argument{'s' * (len(arguments) != 1)}; "
                f"it takes {wanted}."
            )
        if name == "where":
            condition, *values = arguments
            return ("where", self.condition(condition), *map(self.value, values))
        return (name, *map(self.value, arguments))

    def condition(self, node: ast.expr) -> Tree:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                return (_COMPARED[type(op)], self.value(left), self.value(right))
        raise self.refusal(
            f"where({ast.unparse(node):.60}, ...) needs one comparison, such as v > 0, in the "
            "first place."
        )

    def refusal(self, text: str) -> ModelError:
        return ModelError(f"{self.where}: {text}")


def _met(tree: Tree, definitions: dict[str, Tree]) -> set[str]:
    met = _names(tree)
    for defined, definition in reversed(definitions.items()):
        if defined in met:
            met |= _names(definition)
    return met


def _names(tree: Tree) -> set[str]:
    if isinstance(tree, tuple):
        return set().union(*map(_names, tree[1:]))
    return {tree} if isinstance(tree, str) else set()


def _measured(tree: Tree, sizes: Mapping[str, tuple[int, int]], where: str) -> tuple[int, int]:
    """Number of operations and nesting of `tree` with its names written out, within the limits."""

    def measure(tree: Tree) -> tuple[int, int]:
        if isinstance(tree, str):
            return sizes[tree]
        if not isinstance(tree, tuple):
            return 1, 1
        measures = [measure(branch) for branch in tree[1:]]
        depths = [depth + 1 for _, depth in measures]
        group = _GROUP.get(tree[0])
        if group and isinstance(tree[1], tuple) and _GROUP.get(tree[1][0]) == group:
            depths[0] -= 1  # a + b + c is one sum, however many brackets Python sees in it
        return 1 + sum(size for size, _ in measures), max(depths)

    size, depth = measure(tree)
    if size > MOST_OPERATIONS:
        raise ModelError(
            f"{where}: too long, {size} operations with its definitions written out "
            f"(at most {MOST_OPERATIONS}). Simplify the law."
        )
    if depth > DEEPEST:
        raise ModelError(
            f"{where}: nested {depth} deep with its definitions written out (at most {DEEPEST}). "
            "Simplify the law."
        )
    return size, depth


def _built(tree: Tree, symbols: Mapping[str, Any], where: str) -> Any:
    """The sympy expression of `tree`; every step is kept within the number and power limits."""
    import sympy

    def build(tree: Tree) -> Any:
        if isinstance(tree, str):
            return symbols[tree]
        if not isinstance(tree, tuple):
            return sympy.Integer(tree) if isinstance(tree, int) else sympy.Float(tree)
        operation, *branches = tree
        values = [build(branch) for branch in branches]
        try:
            result = _operation(operation, values)
        except ZeroDivisionError:  # sympy divides two of its Floats as Python does
            result = sympy.zoo
        _refuse_unbounded(result, where)
        return result

    def _operation(operation: str, x: list[Any]) -> Any:
        match operation:
            case "+":
                return x[0] + x[1]
            case "-":
                return x[0] - x[1]
            case "*":
                return x[0] * x[1]
            case "/":
                return x[0] / x[1]
            case "negative":
                return -x[0]
            case "**":
                if x[1].is_Number and abs(x[1]) > LARGEST_POWER:
                    raise ModelError(f"{where}: the power {x[1]} is above {LARGEST_POWER}.")
                return power(*x)
        return apply(operation, *x)

    return build(tree)


def _refuse_unbounded(expression: Any, where: str) -> None:
    """ModelError when an operation made a number or a power that no double can hold."""
    import sympy

    infinite = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
    for part in (expression, *expression.args):
        for factor in (part, *part.args):
            if any(factor is value for value in infinite):
                raise ModelError(f"{where}: a constant part divides by zero.")
            if factor.is_Number:
                size = abs(factor)
                if not (factor.is_zero or SMALLEST_NUMBER <= size <= LARGEST_NUMBER):
                    raise ModelError(f"{where}: a constant part is outside 1e-300 ... 1e300.")
            elif factor.is_Pow and abs(factor.exp) > LARGEST_POWER:
                raise ModelError(f"{where}: the power {factor.exp} is above {LARGEST_POWER}.")
