"""Parameters by name, each evaluated when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from circuitxbar.circuit.names import unknown
from circuitxbar.netlist.reader.expressions import ExpressionError, arithmetic, evaluated
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.numbers import number

_ASSIGNED = re.compile(r"([a-z_]\w*)\s*=(?!=)\s*")
_PIECE = re.compile(r"\w+|.", re.DOTALL)
_BRACKETS = {"{": "}", "(": ")", "'": "'", '"': '"'}


@dataclass
class Scope:
    """The parameters of the deck, or of one instance; others are those of where it is called.

    expressions : name -> (text, line).  given : name -> value, of an instance.
    formal : names on the .subckt line.
    """

    parent: Scope | None
    expressions: Mapping[str, tuple[str, Line]]
    given: Mapping[str, float] = field(default_factory=dict)
    formal: frozenset[str] = frozenset()
    known: dict[str, tuple[float, bool]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)

    def find(self, name: str) -> tuple[float, bool]:
        """(value, whether an instance was given it, or what it is made of).

        ngspice looks a name up where an instance is called, not where its .subckt stands.
        Raises ExpressionError for unknown names.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.known:
                return scope.known[name]
            if name in scope.given:
                scope.known[name] = scope.given[name], True
                return scope.known[name]
            if name in scope.expressions:
                return scope._evaluated(name)
            scope = scope.parent
        raise ExpressionError(unknown("parameter", name, self._names()).removesuffix("."))

    def _names(self) -> dict[str, None]:
        """Those of all parameters that are seen from here."""
        above = self.parent._names() if self.parent is not None else {}
        return dict.fromkeys([*self.given, *self.expressions]) | above

    def _evaluated(self, name: str) -> tuple[float, bool]:
        if name in self.waiting:
            told = " -> ".join([*self.waiting[self.waiting.index(name) :], name])
            raise ExpressionError(f"the parameter {name!r} depends on itself: {told}")
        if len(self.waiting) > 50:
            raise ExpressionError("parameters depend on one another more than 50 deep")
        text, line = self.expressions[name]
        self.waiting.append(name)
        try:
            value, own = self.evaluate(text)
        except ExpressionError as problem:
            told = str(problem)
            raise ExpressionError(
                told
                if told.startswith("parameter ")
                else f"parameter {name!r}, {line.place}: {told}"
            ) from None
        finally:
            self.waiting.pop()
        self.known[name] = value, own or name in self.formal
        return self.known[name]

    def evaluate(self, text: str) -> tuple[float, bool]:
        """The value of an expression, and whether it depends on what an instance was given."""
        value = number(text)
        if value is not None and "mil" not in text:
            return value, False
        own = False

        def named(name: str) -> float:
            nonlocal own
            found, depends = self.find(name)
            own = own or depends
            return found

        return evaluated(arithmetic(text), named), own

    def value(self, text: str, line: Line, what: str) -> float:
        """The value of an expression, for the `what` of a card."""
        try:
            return self.evaluate(text)[0]
        except ExpressionError as problem:
            raise line.error(f"{what} = {text:.60}: {problem}.") from None


def assignments(text: str, line: Line) -> dict[str, str]:
    """name -> text of its expression, from `a=1 b = 2*a c={a + b}`."""
    starts: list[tuple[str, int, int]] = []
    place, closing = 0, ""
    while place < len(text):
        character = text[place]
        if closing:
            closing = closing[:-1] if character == closing[-1] else closing
            if character in "({" and closing and closing[-1] in ")}":
                closing += _BRACKETS[character]
            place += 1
        elif character in _BRACKETS:
            closing = _BRACKETS[character]
            place += 1
        elif found := _ASSIGNED.match(text, place):
            starts.append((found[1], place, found.end()))
            place = found.end()
        else:
            word = _PIECE.match(text, place)
            assert word is not None
            place = word.end()
    if closing:
        raise line.error(f"{closing[-1]!r} is missing.")
    before = text[: starts[0][1]] if starts else text
    if before.strip(" ,\t"):
        raise line.error(f"{before.strip()!r:.40} is not expected there; expected name=value.")
    found_texts: dict[str, str] = {}
    ends = [start for _, start, _ in (*starts[1:], ("", len(text), 0))]
    for (name, _, start), end in zip(starts, ends[: len(starts)], strict=True):
        value = text[start:end].strip(" ,\t")
        if not value:
            raise line.error(f"{name} has no value.")
        if name in found_texts:
            raise line.error(f"{name} is given twice.")
        found_texts[name] = value
    return found_texts
