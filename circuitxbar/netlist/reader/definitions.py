"""Lines -> what a deck and each .subckt of it define: elements, models, parameters, others."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from circuitxbar.netlist.reader.behaviour import GROUND
from circuitxbar.netlist.reader.elements import LETTERS, REFUSED
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.models import ModelText
from circuitxbar.netlist.reader.scopes import assignments

DEEPEST = 50

# Read and without an effect: what to print is asked for by other means.
_IGNORED = (".print", ".plot", ".save", ".probe", ".meas", ".measure", ".width")
_OF_DECK = (
    *(".title", ".option", ".options", ".global", ".temp", ".ic", ".nodeset"),
    *(".op", ".dc", ".tran", ".ac", ".noise"),
)
_KNOWN = (".subckt", ".ends", ".model", ".param", ".include", ".lib", *_OF_DECK, *_IGNORED, ".end")
_PARAMS = re.compile(r"\bparams\s*:")


@dataclass(eq=False)
class Definition:
    """The deck itself, or one .subckt of it.

    cards : element lines.  others : lines of the deck that are no elements, models or parameters.
    formals : name -> text of its default.  outer : the definition in which it stands.
    """

    line: Line | None
    name: str
    outer: Definition | None
    pins: tuple[str, ...] = ()
    formals: dict[str, tuple[str, Line]] = field(default_factory=dict)
    parameters: dict[str, tuple[str, Line]] = field(default_factory=dict)
    cards: list[Line] = field(default_factory=list)
    models: dict[str, ModelText] = field(default_factory=dict)
    subcircuits: dict[str, Definition] = field(default_factory=dict)
    others: list[Line] = field(default_factory=list)

    @property
    def is_one_source(self) -> bool:
        """Whether there is nothing in it but one B-source."""
        alone = len(self.cards) == 1 and not self.models and not self.subcircuits
        return alone and self.line is not None and self.cards[0].text[0] == "b"


def defined(lines: list[Line]) -> Definition:
    """The deck that these lines are; NetlistError for cards outside of what is supported."""
    deck = current = Definition(None, "", None)
    depth = 0
    for line in lines:
        first = line.raw[0]
        if first != ".":
            letter = first.lower()
            if letter not in LETTERS:
                raise line.error(_foreign(letter, line))
            current.cards.append(line)
            continue
        card = line.text.split()[0]
        if card == ".subckt":
            depth += 1
            if depth > DEEPEST:
                raise line.error(f".subckt blocks stand more than {DEEPEST} deep in one another.")
            current = _opened(line, current)
        elif card == ".ends":
            if current.outer is None:
                raise line.error(".ends without a .subckt.")
            words = line.text.split()
            if len(words) > 2 or (len(words) == 2 and words[1] != current.name):
                raise line.error(f"{line.text!r:.60} does not end .subckt {current.name}.")
            current = current.outer
            depth -= 1
        elif card == ".model":
            model = ModelText.of(line)
            if before := current.models.get(model.name):
                raise line.error(f"model {model.name!r} is defined already, {before.line.place}.")
            current.models[model.name] = model
        elif card == ".param":
            _add_parameters(line, current)
        elif card in _OF_DECK:
            if current.outer is not None:
                raise line.error(f"{card} stands inside .subckt {current.name}. Move it out.")
            current.others.append(line)
        elif card not in _IGNORED:
            raise line.error(f"{card:.40} is refused. There are {' '.join(_KNOWN)}.")
    if current.line is not None:
        raise current.line.error(f".subckt {current.name} has no .ends.")
    return deck


def _foreign(letter: str, line: Line) -> str:
    word = line.raw.split()[0]
    if letter in REFUSED:
        return f"{word!r:.40}: {REFUSED[letter]} are not supported."
    return f"{word!r:.40} is no element. Elements begin with {', '.join(LETTERS)}."


def _opened(line: Line, outer: Definition) -> Definition:
    text = _PARAMS.sub(" ", line.text)
    place = re.search(r"(?<!\w)[a-z_]\w*\s*=", text)
    words = text[: place.start() if place else None].split()
    if len(words) < 2:
        raise line.error(".subckt needs a name.")
    name, pins = words[1], tuple(words[2:])
    for pin, times in Counter(pins).items():
        if times > 1 or pin in GROUND:
            told = "is ground" if pin in GROUND else "is there twice"
            raise line.error(f"the pin {pin!r:.40} {told}.")
    if before := outer.subcircuits.get(name):
        assert before.line is not None
        raise line.error(f".subckt {name} is defined already, {before.line.place}.")
    found = Definition(line, name, outer, pins)
    if place:
        values = assignments(text[place.start() :], line)
        found.formals = {key: (value, line) for key, value in values.items()}
    outer.subcircuits[name] = found
    return found


def _add_parameters(line: Line, current: Definition) -> None:
    for name, text in assignments(line.text[len(".param") :], line).items():
        before = current.parameters.get(name) or current.formals.get(name)
        if before is not None:
            raise line.error(f"parameter {name!r} is defined already, {before[1].place}.")
        current.parameters[name] = text, line
    if len(line.text.split()) < 2:
        raise line.error(".param has nothing in it.")
