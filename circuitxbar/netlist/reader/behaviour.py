"""B-sources -> BehaviouralSource elements: sources of one form become elements of one law.

Numbers in which sources of one form differ become parameters of their law, so that thousands of
cells written out one by one are still one group with arrays.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import e, pi
from typing import Literal

from circuitxbar.circuit.elements import BehaviouralSource
from circuitxbar.devices.functions import CONSTANTS, TABLE
from circuitxbar.netlist.reader.expressions import (
    ExpressionError,
    Token,
    Tree,
    parsed,
    tokens,
)
from circuitxbar.netlist.reader.laws import fixed_literals, law_text
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.numbers import number
from circuitxbar.netlist.reader.scopes import Scope

Output = Literal["voltage", "current"]
GROUND = ("0", "gnd")

_CONSTANTS = {"pi": pi, "e": e, "temper": 27.0}
_TAKEN = frozenset([*CONSTANTS, *TABLE, *keyword.kwlist, "time"])


@dataclass(frozen=True)
class Reading:
    """An expression taken apart: its form, and what stands at its leaves.

    pieces : for the parser.  voltages : pairs of nodes as they are written.  parameters : those
    that an instance was given, by their names in the law.
    """

    pieces: tuple
    literals: tuple[float, ...]
    voltages: tuple[tuple[str, str], ...]
    currents: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A B-source whose law is still to be written.

    ends : its nodes as they are written.  nodes, pairs, currents : those of the circuit.
    pins : of the .subckt of which it is all there is, else None.
    other_name : what it is called where its .subckt is not a law of its own.
    """

    line: Line
    name: str
    output: Output
    ends: tuple[str, str]
    nodes: tuple[str, str]
    reading: Reading
    pairs: tuple[tuple[str, str], ...]
    currents: tuple[str, ...]
    pins: tuple[str, ...] | None = None
    other_name: str = ""

    @property
    def form(self) -> object:
        """What sources of one law have in common, but for numbers."""
        reading = self.reading
        names = tuple(name for name, _ in reading.parameters)
        return self.output, reading.pieces, tuple(_labels(self)), len(self.currents), names


def reading_of(text: str, scope: Scope, line: Line) -> Reading:
    """The expression `text` taken apart; NetlistError for what is no part of one.

    Braces and quotes are brackets here: what stands in them means the same as outside, though in
    a .param pow and pwr mean something else.
    """
    try:
        return _taken_apart(_pieces(text), scope)
    except ExpressionError as problem:
        raise line.error(f"{problem}.") from None


@lru_cache(maxsize=1024)
def _pieces(text: str) -> tuple[Token, ...]:
    inner = text.strip()
    if inner.count("'") % 2 or inner.count('"'):
        raise ExpressionError("a quote is missing")
    parts = inner.split("'")
    inner = "".join(part if k % 2 == 0 else "{" + part + "}" for k, part in enumerate(parts))
    return tuple(tokens(inner, probes=True))


def _taken_apart(given: Sequence[Token], scope: Scope) -> Reading:
    literals: list[float] = []
    voltages: dict[tuple[str, str], int] = {}
    currents: dict[str, int] = {}
    parameters: dict[str, float] = {}

    def literal(value: float) -> tuple[str, Tree]:
        literals.append(value)
        return "leaf", ("literal", len(literals) - 1)

    def named(name: str) -> tuple[str, Tree]:
        value, own = scope.find(name)
        if not own:
            return literal(value)
        law_name = _free(f"p{name}" if name.startswith("_") else name, _TAKEN)
        parameters[law_name] = value
        return "name", law_name

    def pieces() -> Iterator[tuple[str, Tree]]:
        for token, after in zip(given, [*given[1:], None], strict=True):
            if token.kind == "voltage":
                first, second = (*(_folded(n) for n in token.nodes), "0")[:2]
                if first == second:
                    yield literal(0.0)
                else:
                    place = voltages.setdefault((first, second), len(voltages))
                    yield "leaf", ("voltage", place)
            elif token.kind == "current":
                yield "leaf", ("current", currents.setdefault(token.nodes[0], len(currents)))
            elif token.kind == "number":
                value = number(token.text)
                if value is None:
                    raise ExpressionError(f"{token.text!r} is no finite number")
                yield literal(value)
            elif token.kind == "name" and after != Token("sign", "("):
                yield word(token.text)
            else:
                yield token.kind, token.text

    def word(name: str) -> tuple[str, Tree]:
        if name == "time":
            return "name", name
        if name == "hertz":
            raise ExpressionError("hertz is not supported: laws are free of frequency")
        return literal(_CONSTANTS[name]) if name in _CONSTANTS else named(name)

    found = tuple(pieces())
    return Reading(
        found, tuple(literals), tuple(voltages), tuple(currents), tuple(parameters.items())
    )


def _folded(node: str) -> str:
    return "0" if node in GROUND else node


def elements_of(
    sources: Sequence[Source], law_name: str | None
) -> Iterator[tuple[BehaviouralSource, Line]]:
    """The elements of sources of one form, those of one law side by side."""
    first = sources[0]
    try:
        tree = parsed(first.reading.pieces)
    except ExpressionError as problem:
        raise first.line.error(f"{problem}.") from None
    fixed = sorted(fixed_literals(tree))
    by_numbers: dict[tuple[float, ...], list[Source]] = {}
    for source in sources:
        kept = tuple(source.reading.literals[k] for k in fixed)
        by_numbers.setdefault(kept, []).append(source)
    if len(by_numbers) > 1:
        law_name = None
    for same in by_numbers.values():
        yield from _of_one_law(same, tree, law_name)


def _of_one_law(
    sources: Sequence[Source], tree: Tree, law_name: str | None
) -> Iterator[tuple[BehaviouralSource, Line]]:
    first = sources[0]
    labels = _labels(first)
    taken = {*labels, *(name for name, _ in first.reading.parameters)}
    leaves: dict[tuple[str, int], float | str] = {
        ("voltage", k): label for k, label in enumerate(labels)
    }
    flowing = [_free(f"i{k + 1}", taken | _TAKEN) for k in range(len(first.currents))]
    leaves |= {("current", k): name for k, name in enumerate(flowing)}
    taken.update(flowing)
    differing: dict[str, int] = {}
    for k, value in enumerate(first.reading.literals):
        leaves["literal", k] = value
        if any(source.reading.literals[k] != value for source in sources):
            name = _free(f"number{len(differing) + 1}", taken | _TAKEN)
            leaves["literal", k] = name
            differing[name] = k
    try:
        text, definitions = law_text(tree, leaves, taken | _TAKEN | differing.keys())
    except ExpressionError as problem:
        raise first.line.error(f"{problem}.") from None
    for source in sources:
        numbers = {name: source.reading.literals[k] for name, k in differing.items()}
        element = BehaviouralSource(
            source.name if law_name or source.pins is None else source.other_name,
            *source.nodes,
            text if source.output == "voltage" else None,
            text if source.output == "current" else None,
            dict(zip(labels, source.pairs, strict=True)),
            dict(zip(flowing, source.currents, strict=True)),
            {**dict(source.reading.parameters), **numbers},
            definitions,
            law_name,
        )
        yield element, source.line


def _labels(source: Source) -> list[str]:
    """The names of its voltages in the law; of a .subckt those that a device has for its own."""
    taken = {name for name, _ in source.reading.parameters} | _TAKEN
    labels: list[str] = []
    for k, (first, second) in enumerate(source.reading.voltages):
        label = f"v{k + 1}"
        if source.pins is not None and len(source.pins) > 2:
            label = f"v_{first}{second}" if second != "0" else f"v_{first}"
        elif (first, second) == source.ends:
            label = "v"
        label = _free(label if label.isidentifier() else f"v{k + 1}", taken)
        labels.append(label)
        taken.add(label)
    return labels


def _free(name: str, taken: set[str] | frozenset[str]) -> str:
    while name in taken:
        name += "_"
    return name
