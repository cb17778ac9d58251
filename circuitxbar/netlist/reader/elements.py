"""Element cards -> the elements of a circuit, one function for each letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from circuitxbar.circuit.elements import (
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    CurrentControlledVoltageSource,
    CurrentSource,
    CurrentSwitch,
    Diode,
    Element,
    Inductor,
    Mosfet,
    Resistor,
    Switch,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
)
from circuitxbar.circuit.group import ModelCard
from circuitxbar.devices.semiconductors import MODELS
from circuitxbar.devices.semiconductors.mosfet import OTHER_SIZES
from circuitxbar.netlist.reader.cards import Card
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.time_values import Steps, excitation

_CONTROLLED = re.compile(r"(vol|cur|value)\s*=\s*(.+)\Z", re.DOTALL)
_LAWFUL = re.compile(r"(v|i)\s*=\s*(.+)\Z", re.DOTALL)
_FORMS = ("poly", "table", "laplace", "freq", "cheby", "and", "or", "nand", "nor", "pwl", "delay")


class Within(Protocol):
    """What a card sees of the instance it stands in."""

    @property
    def steps(self) -> Steps | None:
        """Those of the .tran of the deck."""
        ...

    def node(self, word: str) -> str:
        """The node of the circuit that a word is."""
        ...

    def own(self, name: str, line: Line, as_letter: str = "") -> str:
        """The name in the circuit of an element of this instance, as another kind if need be."""
        ...

    def sensed(self, name: str) -> str:
        """The name in the circuit of an element that is only mentioned."""
        ...

    def numbers(self, card: Card, name: str, types: tuple[str, ...]) -> dict[str, float]:
        """The numbers of a model of one of these types."""
        ...

    def model(
        self, card: Card, name: str, types: tuple[str, ...], size: tuple[float, float] | None
    ) -> ModelCard:
        """The card of a model of one of these types, of the bin for (width, length)."""
        ...

    def has_model(self, name: str) -> bool:
        """Whether a model of this name is seen from here."""
        ...


def lawful_text(text: str, line_letter: str) -> tuple[list[str], str, str] | None:
    """(name and nodes, "v", "i", "vol", "cur" or "value", law) of a B, E or G card with a law."""
    parts = text.split(None, 3)
    if len(parts) < 4:
        return None
    found = (_LAWFUL if line_letter == "b" else _CONTROLLED).match(parts[3])
    return None if found is None else (parts[:3], found[1], found[2])


def _two(card: Card, within: Within, what: str = "two nodes") -> tuple[str, str]:
    first, second = card.taken(2, what)
    return within.node(first), within.node(second)


def _valued(card: Card, within: Within, letter: str, model_names: tuple[str, ...]) -> float:
    """The value of R, C or L, from its words or its model."""
    value: float | None = card.take(letter)
    for word in card.words[:2]:
        if within.has_model(word):
            if not model_names:
                raise card.line.error(f"{letter} takes no model.")
            numbers = within.numbers(card, word, (letter,))
            of_model = [numbers[name] for name in model_names if name in numbers]
            if value is None and of_model:
                value = of_model[0]
        elif value is None:
            value = card.value(word, "its value")
        else:
            raise card.line.error(f"{word!r:.40} is a second value.")
        card.words.remove(word)
    if value is None:
        raise card.line.error("it has no value.")
    card.at_27()
    return value * _one(card, "scale")


def _one(card: Card, name: str) -> float:
    value = card.take(name, 1.0)
    assert value is not None
    if value <= 0:
        raise card.line.error(f"{name} = {value:g} must be above 0.")
    return value


def _resistor(card: Card, within: Within) -> Element:
    ends = _two(card, within, "two nodes and a value")
    value = _valued(card, within, "r", ("r", "res"))
    value /= _one(card, "m")
    card.finished(("r", "m", "scale", "tc1", "tc2", "temp"))
    if value == 0:
        return VoltageSource(within.own(card.name, card.line, "v"), *ends)
    return Resistor(within.own(card.name, card.line), *ends, value)


def _capacitor(card: Card, within: Within) -> Element:
    ends = _two(card, within, "two nodes and a value")
    value = _valued(card, within, "c", ("c", "cap"))
    value *= _one(card, "m")
    initial = card.take("ic")
    card.finished(("c", "ic", "m", "scale", "tc1", "tc2", "temp"))
    return Capacitor(within.own(card.name, card.line), *ends, value, initial)


def _inductor(card: Card, within: Within) -> Element:
    ends = _two(card, within, "two nodes and a value")
    value = _valued(card, within, "l", ())
    value /= _one(card, "m")
    initial = card.take("ic")
    card.finished(("l", "ic", "m", "scale", "tc1", "tc2", "temp"))
    return Inductor(within.own(card.name, card.line), *ends, value, initial)


def _voltage(card: Card, within: Within) -> Element:
    ends = _two(card, within)
    found = excitation(card, within.steps)
    card.finished()
    return VoltageSource(within.own(card.name, card.line), *ends, *found)


def _current(card: Card, within: Within) -> Element:
    ends = _two(card, within)
    found = excitation(card, within.steps)
    card.finished(("dc", "ac"))
    return CurrentSource(within.own(card.name, card.line), *ends, *found)


def _refuse_forms(card: Card) -> None:
    for word in (*card.words, *card.named):
        if word in _FORMS:
            raise card.line.error(
                f"{word} is not supported: sources are linear, or a law (value={{...}})."
            )


def _gain(card: Card, what: str) -> float:
    if not card.words:
        raise card.line.error(f"its {what} is missing.")
    return card.value(card.words.pop(0), what)


def _voltage_controlled(card: Card, within: Within) -> Element:
    _refuse_forms(card)
    letter = card.name[0]
    ends = _two(card, within)
    controls = _two(card, within, "two nodes that control it")
    value = _gain(card, "gain")
    if letter == "g":
        value *= _one(card, "m")
    card.finished()
    kind = VoltageControlledVoltageSource if letter == "e" else VoltageControlledCurrentSource
    return kind(within.own(card.name, card.line), *ends, *controls, value)


def _current_controlled(card: Card, within: Within) -> Element:
    _refuse_forms(card)
    letter = card.name[0]
    ends = _two(card, within)
    (sensed,) = card.taken(1, "the voltage source whose current controls it")
    value = _gain(card, "gain")
    if letter == "f":
        value *= _one(card, "m")
    card.finished()
    kind = CurrentControlledCurrentSource if letter == "f" else CurrentControlledVoltageSource
    return kind(within.own(card.name, card.line), *ends, within.sensed(sensed), value)


def _switch_numbers(card: Card, within: Within, names: tuple[str, str]) -> tuple:
    (model,) = card.taken(1, "a model")
    numbers = within.numbers(card, model, ("sw" if names[0] == "vt" else "csw",))
    state = card.words.pop(0) if card.words else "off"
    if state not in ("on", "off"):
        raise card.line.error(f"{state!r:.40} is not on or off.")
    card.finished()
    threshold, hysteresis = (numbers.get(name, 0.0) for name in names)
    if hysteresis < 0:
        raise card.line.error(f"{names[1]} below 0, a smooth switch, is not supported.")
    on, off = numbers.get("ron", 1.0), numbers.get("roff", 1e12)
    return threshold, hysteresis, on, off, state == "on"


def _switch(card: Card, within: Within) -> Element:
    ends = _two(card, within)
    controls = _two(card, within, "two nodes that control it")
    numbers = _switch_numbers(card, within, ("vt", "vh"))
    return Switch(within.own(card.name, card.line), *ends, *controls, *numbers)


def _current_switch(card: Card, within: Within) -> Element:
    ends = _two(card, within)
    (sensed,) = card.taken(1, "the voltage source whose current controls it")
    numbers = _switch_numbers(card, within, ("it", "ih"))
    name = within.own(card.name, card.line)
    return CurrentSwitch(name, *ends, within.sensed(sensed), *numbers)


def _hint(card: Card) -> None:
    """Takes off what only says where an iteration begins."""
    if card.words[-1:] == ["off"]:
        card.words.pop()


def _area(card: Card) -> float:
    area = card.value(card.words.pop(0), "area") if card.words else 1.0
    area = card.take("area", area)
    assert area is not None
    return area * _one(card, "m")


def _diode(card: Card, within: Within) -> Element:
    ends = _two(card, within, "two nodes and a model")
    (name,) = card.taken(1, "a model")
    model = within.model(card, name, ("d",), None)
    _hint(card)
    card.at_27()
    area = _area(card)
    card.finished(("area", "m", "temp"))
    return Diode(within.own(card.name, card.line), *ends, model, area)


def _bipolar(card: Card, within: Within) -> Element:
    words = card.taken(3, "three nodes and a model")
    if len(card.words) > 1 and not within.has_model(card.words[0]):
        substrate = within.node(card.words.pop(0))
        if substrate != "0":
            raise card.line.error(f"a substrate at {substrate!r} is not supported, only at ground.")
    (name,) = card.taken(1, "a model")
    model = within.model(card, name, ("npn", "pnp"), None)
    _hint(card)
    card.at_27()
    area = _area(card)
    card.finished(("area", "m", "temp"))
    nodes = [within.node(word) for word in words]
    return Bipolar(within.own(card.name, card.line), nodes[0], nodes[1], nodes[2], model, area)


def _mosfet(card: Card, within: Within) -> Element:
    words = card.taken(4, "four nodes and a model")
    (name,) = card.taken(1, "a model")
    _hint(card)
    card.at_27()
    width, length = card.take("w", 1e-4), card.take("l", 1e-4)
    assert width is not None
    assert length is not None
    model = within.model(card, name, ("nmos", "pmos"), (width, length))
    multiplier = _one(card, "m")
    ends = [card.take(name) for name in OTHER_SIZES]
    further = None
    if (model.type, model.level) not in MODELS:
        further = {name: card.take(name, 0.0) or 0.0 for name in (*card.named,)}
    card.finished(("w", "l", *OTHER_SIZES, "m", "temp"))
    drain, gate, source, bulk = (within.node(word) for word in words)
    own = within.own(card.name, card.line)
    sizes = (width, length, multiplier, *ends)
    return Mosfet(own, drain, gate, source, bulk, model, *sizes, further=further or None)


CARDS: dict[str, Callable[[Card, Within], Element]] = {
    "r": _resistor,
    "c": _capacitor,
    "l": _inductor,
    "v": _voltage,
    "i": _current,
    "e": _voltage_controlled,
    "g": _voltage_controlled,
    "f": _current_controlled,
    "h": _current_controlled,
    "s": _switch,
    "w": _current_switch,
    "d": _diode,
    "q": _bipolar,
    "m": _mosfet,
}
LETTERS = (*CARDS, "b", "x")
REFUSED = {
    "a": "code models",
    "j": "junction field-effect transistors",
    "k": "coupled inductors",
    "n": "compiled models",
    "o": "lossy lines",
    "p": "coupled lines",
    "t": "transmission lines",
    "u": "distributed lines and digital devices",
    "y": "lossy lines",
    "z": "MESFETs",
}
