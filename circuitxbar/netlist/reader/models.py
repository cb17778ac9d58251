""".model cards: their types and numbers, and the choice among bins."""

from __future__ import annotations

import re
from dataclasses import dataclass

from circuitxbar.circuit.group import ModelCard
from circuitxbar.netlist.reader.cards import AT_27, Card
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.scopes import Scope, assignments

TYPES = ("r", "c", "d", "sw", "csw", "npn", "pnp", "nmos", "pmos")

# What the cards of elements that this package computes itself may hold; others are carried on.
_KNOWN = {
    "r": ("r", "res", *AT_27),
    "c": ("c", "cap", *AT_27),
    "sw": ("vt", "vh", "ron", "roff"),
    "csw": ("it", "ih", "ron", "roff"),
}
_VERSION = re.compile(r"(\d+\.\d+)\.\d+\Z")  # 4.7.0 is the set of equations 4.7
_MODEL = re.compile(r"\.model\s+([^\s()=,]+)\s+([a-z]\w*)\s*(.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class ModelText:
    """A .model line before its expressions are evaluated."""

    line: Line
    name: str
    type: str
    expressions: dict[str, str]

    @staticmethod
    def of(line: Line) -> ModelText:
        """The model of a .model line; NetlistError for types and forms that are refused."""
        found = _MODEL.match(line.text)
        if found is None:
            raise line.error(".model needs a name and a type.")
        name, kind, rest = found.groups()
        if kind not in TYPES:
            raise line.error(f"the model type {kind!r} is refused. There are {', '.join(TYPES)}.")
        rest = rest.strip()
        if rest.startswith("("):
            if not rest.endswith(")"):
                raise line.error("the bracket after the type is not closed.")
            rest = rest[1:-1]
        expressions = assignments(rest, line)
        if version := _VERSION.match(expressions.get("version", "")):
            expressions["version"] = version[1]
        for key in expressions:
            if kind in _KNOWN and key not in _KNOWN[kind]:
                told = ", ".join(_KNOWN[kind])
                raise line.error(f"{key}= is not supported in a model of type {kind}: {told} are.")
        return ModelText(line, name, kind, expressions)

    def numbers(self, scope: Scope) -> dict[str, float]:
        """Its numbers, where it stands."""
        return {
            key: scope.value(text, self.line, key)
            for key, text in self.expressions.items()
            if self.type not in ("r", "c") or key not in AT_27
        }


class Cards:
    """Makes ModelCards, one for equal models whatever instance they are in."""

    def __init__(self) -> None:
        self.made: dict[object, ModelCard] = {}
        self.names: set[str] = set()

    def card(self, model: ModelText, numbers: dict[str, float], within: str) -> ModelCard:
        """The card of `model` with these numbers, of the sub-circuit `within` ("" for none)."""
        key = id(model), tuple(numbers.items())
        if key not in self.made:
            name = unique = f"{within}.{model.name}" if within else model.name
            count = 1
            while unique in self.names:
                count += 1
                unique = f"{name}.{count}"
            self.names.add(unique)
            self.made[key] = ModelCard(unique, model.type, numbers)
        return self.made[key]


def is_bin(card: Card, numbers: dict[str, float], width: float, length: float) -> bool:
    """Whether a transistor of this size belongs to the bin of these numbers."""
    for low, high, size in (("lmin", "lmax", length), ("wmin", "wmax", width)):
        if low not in numbers or high not in numbers:
            return False
        if not numbers[low] <= size < numbers[high]:
            return False
    return True
