"""The .model cards of a circuit: one for each distinct set of numbers."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

from circuitxbar.arguments import shown
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Group, ModelCard, Semiconductor, SwitchModel
from circuitxbar.devices.spice import free_prefix
from circuitxbar.errors import NetlistError

_PARAMETER = re.compile(r"[a-z][a-z0-9_]*\Z")
_ON_A_LINE = 8


@dataclass(frozen=True)
class Cards:
    """The lines of the cards, and the name of each by what it says."""

    lines: list[str]
    names: dict[object, str]

    @staticmethod
    def of(circuit: Circuit) -> Cards:
        """Cards that share a name and differ get a digest of their numbers behind it."""
        cards: dict[object, ModelCard] = {}
        switches: dict[tuple[str, tuple[float, ...]], None] = {}
        for group in circuit.groups:
            if isinstance(group.model, Semiconductor):
                card = group.model.card
                cards.setdefault(_identity(card), card)
            elif isinstance(group.model, SwitchModel):
                switches |= dict.fromkeys(_switches(group))
        plain = [card.name for card in cards.values()]
        names: dict[object, str] = {}
        lines: list[str] = []
        for identity, card in cards.items():
            digest = hashlib.sha256(repr(identity).encode()).hexdigest()[:8]
            alone = plain.count(card.name) == 1
            names[identity] = card.name if alone else f"{card.name}_{digest}"
            lines += _lines(names[identity], card.type, _checked(card))
        prefix = free_prefix("switch_", names.values())
        for k, (kind, numbers) in enumerate(switches):
            names[kind, numbers] = f"{prefix}{k}"
            control = "v" if kind == "S" else "i"
            keys = [f"{control}t", f"{control}h", "ron", "roff"]
            given = {key: repr(number) for key, number in zip(keys, numbers, strict=True)}
            lines += _lines(names[kind, numbers], "sw" if kind == "S" else "csw", given)
        return Cards(lines, names)

    def name(self, card: ModelCard) -> str:
        """The name under which `card` stands."""
        return self.names[_identity(card)]

    def switch_names(self, group: Group) -> list[str]:
        """The names of the cards of the switches of `group`."""
        return [self.names[identity] for identity in _switches(group)]


def _identity(card: ModelCard) -> object:
    return card.name, card.type, tuple(card.parameters.items())


def _switches(group: Group) -> list[tuple[str, tuple[float, ...]]]:
    """Kind, threshold, hysteresis, on and off of every switch."""
    model = group.model
    assert isinstance(model, SwitchModel)
    columns = (model.threshold, model.hysteresis, model.on, model.off)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(group.kind, numbers) for numbers in rows]


def _checked(card: ModelCard) -> dict[str, str]:
    """The parameters of `card` as text; what is no name or no number is refused."""
    texts = {}
    for name, value in card.parameters.items():
        if not isinstance(name, str) or not _PARAMETER.match(name):
            raise NetlistError(
                f"model {card.name!r}: {shown(name)} is no parameter. Use lower-case letters, "
                "digits and _."
            )
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            raise NetlistError(f"model {card.name!r}: {name} = {shown(value)} is no number.")
        number = float(value)
        # Levels and versions are whole numbers, however they came here.
        is_whole = number.is_integer() and abs(number) < 1e15
        texts[name] = repr(int(number) if is_whole else number)
    return texts


def _lines(name: str, kind: str, parameters: Mapping[str, str]) -> list[str]:
    given = [f"{key}={text}" for key, text in parameters.items()]
    rows = [given[k : k + _ON_A_LINE] for k in range(0, len(given), _ON_A_LINE)] or [[]]
    first, *others = rows
    return [
        " ".join([f".model {name} {kind}", *first]),
        *(f"+ {' '.join(row)}" for row in others),
    ]
