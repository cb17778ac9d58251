"""Laws of many elements -> .subckt blocks, each of them written once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Behaviour, Group
from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.spice import Texts, constant_lines, header
from circuitxbar.dialects import Dialect
from circuitxbar.errors import NetlistError
from circuitxbar.netlist.spelling import is_block


@dataclass(frozen=True)
class Block:
    """One law: what tells it from others, its own name, its text under any name.

    defaults : the parameters of its elements where an x line does not say otherwise.
    """

    identity: object
    name: str
    text: Callable[[str], str]
    defaults: Mapping[str, float]


@dataclass(frozen=True)
class Blocks:
    """The blocks of a circuit: their lines, and by identity their names and defaults."""

    names: dict[object, str]
    defaults: dict[object, Mapping[str, float]]
    lines: list[str]
    tongue: Dialect

    @staticmethod
    def of(circuit: Circuit, tongue: Dialect, inside: bool = False) -> Blocks:
        """A block has its law's own name. A digest of its text follows where two share a name,
        and `inside` a .subckt, as another one in the deck may hold such a block:
        ngspice looks up a block's parameters by its name alone, wherever it stands.
        """
        texts: dict[object, str] = {}
        blocks: dict[str, Block] = {}
        defaults: dict[object, Mapping[str, float]] = {}
        for group in circuit.groups:
            if is_block(group) and (identity := _identity(group)) not in texts:
                block = _block(group, tongue)
                texts[identity] = block.text(block.name)
                defaults[identity] = block.defaults
                blocks.setdefault(texts[identity], block)
        shared = Counter(block.name for block in blocks.values())
        names: dict[str, str] = {}
        for text, block in blocks.items():
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            alone = not inside and shared[block.name] == 1
            names[text] = block.name if alone else f"{block.name}_{digest}"
        written = [block.text(names[text]) for text, block in blocks.items()]
        lines = [line for text in written for line in text.splitlines()]
        by_identity = {identity: names[text] for identity, text in texts.items()}
        return Blocks(by_identity, defaults, lines, tongue)

    def calls(self, group: Group) -> Iterator[tuple[list[int], str]]:
        """For each element of `group` its nodes as pins, and what stands behind them."""
        identity, count = _identity(group), len(group.names)
        defaults = self.defaults[identity]
        calls = [self.names[identity]] * count
        for name, value in _given(group).items():
            values = np.broadcast_to(value, count).tolist()
            calls = [
                call
                if number == defaults.get(name)
                else f"{call} {name}={self.tongue.number(number)}"
                for call, number in zip(calls, values, strict=True)
            ]
        if self.tongue.declares:
            calls = [call.replace(" ", f" {self.tongue.declares} ", 1) for call in calls]
        columns = range(group.nodes.shape[1]) if group.kind == "law" else _pins(group)[0]
        return zip(group.nodes[:, list(columns)].tolist(), calls, strict=True)


def _identity(group: Group) -> object:
    """What the text of a group's block depends on."""
    if group.kind == "law":
        device = group.device.device
        return device.text, tuple(device.values.items())
    pins, places = _pins(group)
    return cast(Behaviour, group.model).key, tuple(pins), tuple(places)


def _given(group: Group) -> Mapping[str, Array | float]:
    """The parameters of the elements of `group`, each a number or (n,)."""
    model = group.model
    if isinstance(model, Behaviour):
        return model.parameters
    given = {"temperature": group.device.temperature, **group.device.parameters}
    uses = group.device.device.uses_conductance
    return {"g": group.device.conductances, **given} if uses else given


def _block(group: Group, tongue: Dialect) -> Block:
    if group.kind == "law":
        device = group.device.device
        defaults = {"temperature": ROOM, **device.values}
        return Block(
            _identity(group), device.name, lambda name: device.spice(name, tongue.name), defaults
        )
    model = cast(Behaviour, group.model)
    # A behaviour has no defaults of its own: those of its first element shorten the lines.
    defaults = {name: float(values[0]) for name, values in model.parameters.items()}
    pins, places = _pins(group)
    names = _pin_names(len(pins))

    def text(name: str) -> str:
        writer = Texts((*model.law.names, *names), tongue)
        writer.texts |= {key: tongue.reference.format(key) for key in defaults}
        writer.texts |= voltage_texts(
            model, [names[place] if place is not None else "0" for place in places]
        )
        lines = [*behaviour_lines("b1", "c1", (names[0], names[-1]), model, writer, tongue)]
        return "\n".join(
            [
                header(name, names, defaults, tongue),
                *constant_lines(writer.constants),
                *lines,
                f".ends {name}",
                "",
            ]
        )

    return Block(_identity(group), model.name or "", text, defaults)


def voltage_texts(model: Behaviour, nodes: list[str]) -> dict[str, str]:
    """The voltages of a law by name; `nodes` are those of an element, by name."""
    texts = {"time": "time"}
    for k, name in enumerate(model.voltages):
        first, second = nodes[2 + 2 * k : 4 + 2 * k]
        texts[name] = f"v({first})" if second == "0" else f"v({first},{second})"
    return texts


def behaviour_lines(
    name: str, charge: str, ends: tuple[str, str], model: Behaviour, writer: Texts, tongue: Dialect
) -> Iterator[str]:
    """The line of a behavioural source, and that of its charge, if it has one."""
    quantity = "v" if model.output == "voltage" else "i"
    value = tongue.expression.format(writer.of(model.law))
    yield f"{name} {' '.join(ends)} {quantity}={value}"
    if model.charge is not None:
        if why := tongue.refused.get("charge"):
            raise NetlistError(f"{name} cannot be written for {tongue.name}: {why}.")
        yield f"{charge} {' '.join(ends)} q={{{writer.of(model.charge)}}}"


def _pins(group: Group) -> tuple[list[int], list[int | None]]:
    """The columns of the nodes that are pins, and the pin that each column is; None for ground.

    The ends are the first pin and the last. A column that equals an earlier one in every element
    is the same pin.
    """
    nodes = group.nodes
    found: list[int] = [0, 1]
    same: list[int | None] = [0, 1]
    for column in range(2, nodes.shape[1]):
        equal = [k for k in found if (nodes[:, k] == nodes[:, column]).all()]
        if equal:
            same.append(equal[0])
        elif (nodes[:, column] == 0).all():
            same.append(None)
        else:
            found.append(column)
            same.append(column)
    pins = [0, *found[2:], 1]
    return pins, [None if column is None else pins.index(column) for column in same]


def _pin_names(count: int) -> tuple[str, ...]:
    """As the library's devices call them: two ends, or the three of a transistor."""
    if count == 3:
        return "drain", "gate", "source"
    return ("p", *(f"c{k}" for k in range(1, count - 1)), "n")
