"""Definitions -> the elements of one flat circuit: every instance, with its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from circuitxbar.circuit.elements import BehaviouralSource, Element
from circuitxbar.circuit.group import ModelCard
from circuitxbar.circuit.names import is_name, others, unknown
from circuitxbar.netlist.reader.behaviour import (
    GROUND,
    Output,
    Reading,
    Source,
    elements_of,
    folded,
    name_in_law,
    reading_of,
)
from circuitxbar.netlist.reader.cards import Card, words_of
from circuitxbar.netlist.reader.definitions import DEEPEST, Definition
from circuitxbar.netlist.reader.elements import CARDS, lawful_text
from circuitxbar.netlist.reader.expressions import ExpressionError
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.models import Cards, ModelText, is_bin
from circuitxbar.netlist.reader.scopes import Scope
from circuitxbar.netlist.reader.time_values import Steps

MOST_ELEMENTS = 1_000_000

# Elements whose current a law may take, and those among them that F, H and W may.
_SENSED = ("v", "e", "h", "b", "l")


@dataclass
class Flat:
    """The elements of a circuit as they are met, equal ones side by side.

    renamed : elements that have another name here than in the text, such as a resistor of 0 ohm,
    which is the voltage source vr1.
    """

    globals: frozenset[str]
    steps: Steps | None
    cards: Cards = field(default_factory=Cards)
    runs: dict[object, list[tuple[Element | Source, Line]]] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    defaults: dict[Definition, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    instances: int = 0

    def name(self, name: str, line: Line) -> None:
        """Takes `name` for an element; NetlistError where it is taken."""
        if before := self.lines.get(name):
            raise line.error(
                f"element {name!r} exists already, {before.place}; upper and lower case are one."
            )
        self.lines[name] = line
        if len(self.lines) > MOST_ELEMENTS:
            raise line.error(f"more than {MOST_ELEMENTS} elements.")

    def add(self, element: Element | Source, line: Line, key: object) -> None:
        """Takes in an element that stands beside others of its `key`."""
        self.name(element.name, line)
        self.runs.setdefault(key, []).append((element, line))

    def elements(self) -> list[tuple[Element, Line]]:
        """All of them, each with the line it comes from."""
        found: list[tuple[Element, Line]] = []
        laws = self._laws()
        for key, run in self.runs.items():
            sources = [source for source, _ in run if isinstance(source, Source)]
            if sources:
                found += elements_of(sources, laws.get(key))
            else:
                found += [(one, line) for one, line in run if not isinstance(one, Source)]
        return [(self._sensing(element, line), line) for element, line in found]

    def _laws(self) -> dict[object, str]:
        """The runs that are the law of a .subckt, which must be the only one of its name."""
        runs: dict[str, list[object]] = {}
        for key in self.runs:
            if isinstance(key, tuple) and isinstance(key[0], Definition):
                runs.setdefault(key[0].name, []).append(key)
        return {keys[0]: name for name, keys in runs.items() if len(keys) == 1 and is_name(name)}

    def _sensing(self, element: Element, line: Line) -> Element:
        """The element with the names that those it senses have here."""
        if isinstance(element, BehaviouralSource) and element.currents:
            currents = {k: self._sensed(v, line) for k, v in element.currents.items()}
            return replace(element, currents=currents)
        sensed = getattr(element, "sensed", None)
        if sensed is None:
            return element
        return replace(element, sensed=self._sensed(sensed, line, but="l"))  # pyright: ignore[reportCallIssue]

    def _sensed(self, name: str, line: Line, but: str = "") -> str:
        actual = self.renamed.get(name, name)
        letter = actual.rpartition(".")[2][:1]
        if actual not in self.lines:
            known = [n for n in self.lines if n.rpartition(".")[2][:1] in _SENSED]
            raise line.error(
                f"there is no element {name!r} whose current could be taken.{others(name, known)}"
            )
        if letter not in _SENSED or letter == but:
            raise line.error(f"{name!r} is no voltage source: its current cannot be taken.")
        return actual


@dataclass
class Instance:
    """One use of a definition: the deck itself, with the prefix "", or an x line."""

    flat: Flat
    definition: Definition
    prefix: str
    scope: Scope
    pins: dict[str, str] = field(default_factory=dict)
    caller: Instance | None = None
    depth: int = 0
    known: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def steps(self) -> Steps | None:
        """Those of the .tran of the deck."""
        return self.flat.steps

    def expand(self) -> None:
        """Takes in the elements of every card."""
        for line in self.definition.cards:
            letter = line.raw[0].lower()
            if letter in "beg" and (lawful := lawful_text(line.text, letter)):
                words, what, text = lawful
                if letter == "b" or what == "value" or what == {"e": "vol", "g": "cur"}[letter]:
                    self._lawful(line, words, text, what, letter)
                    continue
            elif letter == "b":
                raise line.error("a B-source needs a name, two nodes and v=... or i=...")
            words = words_of(line.text, line)
            if letter == "x":
                self._called(line, words)
                continue
            card = Card.of(line, words[0], words[1:], self.scope)
            element = CARDS[letter](card, self)
            self.flat.add(element, line, _key(element))

    def _lawful(self, line: Line, words: list[str], text: str, what: str, letter: str) -> None:
        """A B-source, or an E or G with a law, which is one too: e1 is then called be1."""
        is_voltage = what in ("v", "vol") or (what == "value" and letter == "e")
        output: Output = "voltage" if is_voltage else "current"
        name = self.own(words[0], line, as_letter="" if letter == "b" else "b")
        self.flat.add(*self._source(line, name, (words[1], words[2]), output, text))

    def _source(
        self,
        line: Line,
        name: str,
        ends: tuple[str, str],
        output: Output,
        text: str,
        formals: Sequence[str] | None = None,
    ) -> tuple[Source, Line, object]:
        reading = reading_of(text, self.scope, line, formals)
        pairs = tuple((self.node(a), self.node(b)) for a, b in reading.voltages)
        currents = tuple(self.sensed(source) for source in reading.currents)
        nodes = self.node(ends[0]), self.node(ends[1])
        source = Source(line, name, output, ends, nodes, reading, pairs, currents)
        return source, line, ("b", source.form)

    def _called(self, line: Line, words: list[str]) -> None:
        words = [word for word in words if word not in ("params:", "params")]
        card = Card.of(line, words[0], [w for w in words[1:] if w != ":"], self.scope)
        if not card.words:
            raise line.error("an x line needs nodes and the name of a .subckt.")
        name = card.words.pop()
        found = self._subcircuit(name, line)
        if len(card.words) != len(found.pins):
            raise line.error(
                f"{len(card.words)} nodes for the {len(found.pins)} pins of .subckt {name}: "
                f"{' '.join(found.pins)[:60]}."
            )
        for key in card.named:
            if key not in found.formals:
                told = ", ".join(found.formals) or "none"
                raise line.error(f".subckt {name} has no parameter {key!r}. It has: {told}.")
        if self.depth >= DEEPEST:
            raise line.error(f"sub-circuits are called more than {DEEPEST} deep.")
        above: Instance | None = self
        while above is not None:
            if above.definition is found:
                raise line.error(f".subckt {name} calls itself.")
            above = above.caller
        given = {key: self.scope.value(text, line, key) for key, text in card.named.items()}
        expressions = {**found.formals, **found.parameters}
        scope = Scope(self.scope, expressions, given, frozenset(found.formals))
        own = self.own(card.name, line)
        pins = dict(zip(found.pins, map(self.node, card.words), strict=True))
        inner = Instance(self.flat, found, f"{own}.", scope, pins, self, self.depth + 1)
        self.flat.instances += 1
        if self.flat.instances > MOST_ELEMENTS:
            raise line.error(f"more than {MOST_ELEMENTS} instances.")
        if not inner._is_one_law(own, line):
            self.flat.name(own, line)
            inner.expand()

    def _is_one_law(self, name: str, call: Line) -> bool:
        """Takes in a .subckt that is one law of its pins as one element, if it is one."""
        if not self.definition.is_one_source:
            return False
        line = self.definition.cards[0]
        lawful = lawful_text(line.text, "b")
        if lawful is None or lawful[1] != "i":
            return False
        (own, *ends), _, text = lawful
        own = self.own(own, line)
        two = folded(ends[0]), folded(ends[1])
        source, _, _ = self._source(line, own, two, "current", text, (*self.definition.formals,))
        seen = {*ends, *(node for pair in source.reading.voltages for node in pair)}
        if source.currents or not seen <= {"0", *self.definition.pins}:
            return False
        source = replace(
            source,
            name=name,
            pins=self.definition.pins,
            other_name=own,
            defaults=self._defaults(source.reading),
        )
        self.flat.add(source, call, (self.definition, source.form))
        return True

    def _defaults(self, reading: Reading) -> tuple[tuple[str, float], ...]:
        """The parameters of the law that this definition is, where an x line gives none."""
        known = self.flat.defaults
        if self.definition not in known:
            scope, given = (
                Scope(self.scope.parent, self.scope.expressions),
                dict(reading.parameters),
            )
            for name in (*self.scope.expressions,):
                if name_in_law(name) in given:
                    with suppress(ExpressionError):  # without a default that can be computed
                        given[name_in_law(name)] = scope.find(name)[0]
            known[self.definition] = tuple(given.items())
        return known[self.definition]

    def node(self, word: str) -> str:
        """The node of the circuit that a word is."""
        if word in GROUND:
            return "0"
        if word in self.pins:
            return self.pins[word]
        return word if word in self.flat.globals else self.prefix + word

    def own(self, name: str, line: Line, as_letter: str = "") -> str:
        """The name in the circuit of an element of this instance.

        A dotted one is that of an element inside an instance: r.x1.r1 is x1.r1.
        as_letter : of the kind it is read as, in front of its name.
        """
        inner = _without_letter(name)
        if inner is None:
            raise line.error(
                f"{name!r:.60}: a name with dots is that of an element in an instance, such as "
                "r.x1.r1."
            )
        full = self.prefix + inner
        if not as_letter:
            return full
        if before := self.flat.lines.get(full):
            raise line.error(f"element {full!r} exists already, {before.place}.")
        front, dot, last = full.rpartition(".")
        self.flat.renamed[full] = f"{front}{dot}{as_letter}{last}"
        return self.flat.renamed[full]

    def sensed(self, name: str) -> str:
        """The name in the circuit of an element that is only mentioned."""
        return self.prefix + (_without_letter(name) or name)

    def _subcircuit(self, name: str, line: Line) -> Definition:
        known: dict[str, Definition] = {}
        within: Definition | None = self.definition
        while within is not None:
            known = within.subcircuits | known
            within = within.outer
        if name not in known:
            raise line.error(unknown(".subckt", name, known))
        return known[name]

    def _found_model(self, name: str) -> tuple[ModelText, Definition] | None:
        within: Definition | None = self.definition
        while within is not None:
            if name in within.models:
                return within.models[name], within
            within = within.outer
        return None

    def _models(self) -> list[str]:
        names: list[str] = []
        within: Definition | None = self.definition
        while within is not None:
            names += within.models
            within = within.outer
        return names

    def has_model(self, name: str) -> bool:
        """Whether a model of this name is seen from here."""
        return self._found_model(name) is not None

    def _numbers(self, model: ModelText, within: Definition) -> dict[str, float]:
        """The numbers of `model`, in the instance of the definition in which it stands."""
        instance: Instance = self
        while instance.definition is not within and instance.caller is not None:
            instance = instance.caller
        if id(model) not in instance.known:
            instance.known[id(model)] = model.numbers(instance.scope)
        return instance.known[id(model)]

    def _model(self, card: Card, name: str, types: tuple[str, ...]) -> tuple[ModelText, Definition]:
        found = self._found_model(name)
        if found is None:
            raise card.line.error(unknown("model", name, self._models()))
        if found[0].type not in types:
            raise card.line.error(
                f"model {name!r} is of type {found[0].type}; expected {' or '.join(types)}."
            )
        return found

    def numbers(self, card: Card, name: str, types: tuple[str, ...]) -> dict[str, float]:
        """The numbers of a model of one of these types."""
        return self._numbers(*self._model(card, name, types))

    def model(
        self, card: Card, name: str, types: tuple[str, ...], size: tuple[float, float] | None
    ) -> ModelCard:
        """The card of a model; of `name.0`, `name.1` ... the bin of this (width, length)."""
        if size is not None and not self.has_model(name):
            name = self._bin(card, name, size)
        model, within = self._model(card, name, types)
        return self.flat.cards.card(model, self._numbers(model, within), within.name)

    def _bin(self, card: Card, name: str, size: tuple[float, float]) -> str:
        within: Definition | None = self.definition
        while within is not None:
            for other, model in within.models.items():
                if other.startswith(f"{name}.") and other[len(name) + 1 :].isdigit():
                    numbers = self._numbers(model, within)
                    if is_bin(card, numbers, *size):
                        return other
            within = within.outer
        return name


def _key(element: Element) -> object:
    """What elements have in common that are to stand side by side."""
    model = getattr(element, "model", None)
    return type(element), model.name if isinstance(model, ModelCard) else None


def _without_letter(name: str) -> str | None:
    """x1.r1 of r.x1.r1, a name without dots as it is, None for other names."""
    if "." not in name:
        return name
    letter, _, inner = name.partition(".")
    is_inner = len(letter) == 1 and inner.rpartition(".")[2].startswith(letter)
    return inner if is_inner else None
