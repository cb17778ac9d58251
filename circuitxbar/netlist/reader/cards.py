"""What element cards share: their words, their named values, and the errors they raise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from circuitxbar.netlist.reader.expressions import ExpressionError
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.numbers import number
from circuitxbar.netlist.reader.scopes import Scope

_WORD = re.compile(r"\{[^{}]*\}|'[^']*'|\"[^\"]*\"|=(?!=)|[^\s(),={}'\"]+|[(),]")
_PLAIN = re.compile(r"[^(),={}'\"]*\Z")

# Known without being wanted: they change nothing at 27 degrees Celsius.
AT_27 = ("tc", "tc1", "tc2", "tce")


def words_of(text: str, line: Line) -> list[str]:
    """The words of a card: brackets and commas are blanks, { } and ' ' hold expressions."""
    if _PLAIN.match(text):
        return text.split()
    found, place = [], 0
    while place < len(text):
        if text[place].isspace() or text[place] in "(),":
            place += 1
            continue
        word = _WORD.match(text, place)
        if word is None:
            raise line.error(f"{text[place:]!r:.30} cannot be read: a bracket or quote is missing.")
        found.append(word[0])
        place = word.end()
    return found


@dataclass
class Card:
    """One element line inside one instance: its words in front of name=value pairs, and those."""

    line: Line
    name: str
    words: list[str]
    scope: Scope
    named: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(line: Line, name: str, words: list[str], scope: Scope) -> Card:
        """A card of all its `words`, the = signs among them."""
        if "=" not in words:
            return Card(line, name, words, scope)
        card = Card(line, name, [], scope)
        k = 0
        while k < len(words):
            if words[k] == "=" or (words[k + 1 : k + 2] == ["="] and k + 2 >= len(words)):
                raise line.error(f"a name or a value is missing at {' '.join(words[k:])[:40]!r}.")
            if words[k + 1 : k + 2] == ["="]:
                if words[k] in card.named:
                    raise line.error(f"{words[k]} is given twice.")
                card.named[words[k]] = words[k + 2]
                k += 3
            else:
                card.words.append(words[k])
                k += 1
        return card

    def value(self, text: str, what: str) -> float:
        """The number that a word stands for."""
        found = number(text)
        if found is not None:
            return found
        if text[0] not in "{'\"" and not text.isidentifier():
            raise self.line.error(f"{what} = {text:.60} is no number. Write expressions in {{ }}.")
        return self.scope.value(text, self.line, what)

    def take(self, name: str, default: float | None = None) -> float | None:
        """The named value `name`, taken off those that are left."""
        text = self.named.pop(name, None)
        return default if text is None else self.value(text, name)

    def taken(self, count: int, what: str) -> tuple[str, ...]:
        """The first `count` words, taken off; `what` they are, for a message."""
        if len(self.words) < count:
            raise self.line.error(f"it ends too early; expected {what}.")
        found, self.words = tuple(self.words[:count]), self.words[count:]
        return found

    def at_27(self) -> None:
        """Takes off what changes nothing at 27 degrees Celsius; refuses other temperatures."""
        for name in AT_27:
            self.named.pop(name, None)
        for name, wanted in (("temp", 27.0), ("dtemp", 0.0)):
            if self.take(name, wanted) != wanted:
                raise self.line.error(f"{name} is refused: circuits are at 27 degrees Celsius.")

    def finished(self, known: Iterable[str] = ()) -> None:
        """Refuses words and named values that nothing has taken off."""
        if self.words:
            raise self.line.error(f"{' '.join(self.words)[:60]!r} is not expected there.")
        for name in self.named:
            told = ", ".join(known)
            raise self.line.error(
                f"{name}= is not supported here." + (f" There is {told}." if told else "")
            )


def unreadable(line: Line, problem: ExpressionError) -> Exception:
    """The refusal of a line whose expression cannot be read."""
    return line.error(f"{problem}.")
