"""B-sources -> BehaviouralSource elements: sources of one form become elements of one law.

Numbers in which sources of one form differ become parameters of their law, so that thousands of
cells written out one by one are still one group with arrays.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from math import e, pi
from typing import Literal

from circuitxbar.circuit.elements import BehaviouralSource
from circuitxbar.circuit.names import is_name
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
    of a .subckt that is one law, by their names in the law.
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
    defaults : its parameters where an instance is given none.
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
    defaults: tuple[tuple[str, float], ...] = ()

    @property
    def form(self) -> object:
        """What sources of one law have in common, but for numbers."""
        reading = self.reading
        names = tuple(name for name, _ in reading.parameters)
        return self.output, reading.pieces, tuple(_labels(self)), len(self.currents), names


def reading_of(
    text: str, scope: Scope, line: Line, formals: Sequence[str] | None = None
) -> Reading:
    """The expression `text` taken apart; NetlistError for what is no part of one.

    formals : the parameters of the .subckt that it is the law of; they, and what is made of them,
    keep their names. Without them all parameters are numbers.

    Braces and quotes are brackets here: what stands in them means the same as outside, though in
    a .param pow and pwr mean something else.
    """
    try:
        return _taken_apart(_pieces(text), scope, formals)
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


def name_in_law(parameter: str) -> str:
    """What a parameter is called where its own name means something else."""
    return _free(f"p{parameter}" if parameter.startswith("_") else parameter, _TAKEN)


def _taken_apart(given: Sequence[Token], scope: Scope, formals: Sequence[str] | None) -> Reading:
    literals: list[float] = []
    voltages: dict[tuple[str, str], int] = {}
    currents: dict[str, int] = {}
    parameters = {name_in_law(name): scope.find(name)[0] for name in formals or ()}

    def literal(value: float) -> tuple[str, Tree]:
        literals.append(value)
        return "leaf", ("literal", len(literals) - 1)

    def named(name: str) -> tuple[str, Tree]:
        value, own = scope.find(name)
        if not own or formals is None:
            return literal(value)
        parameters[name_in_law(name)] = value
        return "name", name_in_law(name)

    def pieces() -> Iterator[tuple[str, Tree]]:
        for token, after in zip(given, [*given[1:], None], strict=True):
            if token.kind == "voltage":
                first, second = (*(folded(n) for n in token.nodes), "0")[:2]
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


def folded(node: str) -> str:
    """`node`, ground as "0"."""
    return "0" if node in GROUND else node


def elements_of(
    sources: Sequence[Source], law_name: str | None
) -> Iterator[tuple[BehaviouralSource, Line]]:
    """The elements of sources of one form, those of one law side by side."""
    if law_name is None:
        sources = [_with_numbers(source) for source in sources]
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
    if law_name is not None and len(by_numbers) > 1:
        yield from elements_of(sources, None)
        return
    for same in by_numbers.values():
        yield from _of_one_law(same, tree, law_name)


def _with_numbers(source: Source) -> Source:
    """The same without a law of its own: its parameters are numbers of its expression."""
    reading = source.reading
    places = {name: len(reading.literals) + k for k, (name, _) in enumerate(reading.parameters)}
    pieces = tuple(
        ("leaf", ("literal", places[text])) if kind == "name" and text in places else (kind, text)
        for kind, text in reading.pieces
    )
    literals = (*reading.literals, *(value for _, value in reading.parameters))
    return replace(
        source, reading=replace(reading, pieces=pieces, literals=literals, parameters=())
    )


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
    pins: tuple[str, ...] | None = (*first.ends, *chain(*first.reading.voltages))
    if not all(map(is_name, pins)):
        pins = None
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
            pins if law_name else None,
            dict(source.defaults) if law_name else None,
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
