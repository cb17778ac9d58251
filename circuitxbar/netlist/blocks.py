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
            if is_block(group) and (identity := identity_of(group)) not in texts:
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
        identity, count = identity_of(group), len(group.names)
        defaults = self.defaults[identity]
        calls = [self.names[identity]] * count
        given = _given(group)
        order = [*(name for name in given if name not in defaults), *defaults]
        for name in (name for name in order if name in given):
            values = np.broadcast_to(given[name], count).tolist()
            calls = [
                call
                if number == defaults.get(name)
                else f"{call} {name}={self.tongue.number(number)}"
                for call, number in zip(calls, values, strict=True)
            ]
        if self.tongue.declares:
            calls = [call.replace(" ", f" {self.tongue.declares} ", 1) for call in calls]
        columns = range(group.nodes.shape[1]) if group.kind == "law" else _pins(group)[0].values()
        return zip(group.nodes[:, list(columns)].tolist(), calls, strict=True)


def identity_of(group: Group) -> object:
    """What the text of a group's block depends on."""
    if group.kind == "law":
        device = group.device.device
        return device.text, tuple(device.values.items())
    pins, names = _pins(group)
    return cast(Behaviour, group.model).key, tuple(pins), tuple(names)


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
            identity_of(group), device.name, lambda name: device.spice(name, tongue.name), defaults
        )
    model = cast(Behaviour, group.model)
    # Where there is no default, that of the first element shortens the lines.
    defaults = {
        name: model.defaults.get(name, float(values[0]))
        for name, values in model.parameters.items()
    }
    pins, names = _pins(group)

    def text(name: str) -> str:
        writer = Texts((*model.law.names, *pins), tongue)
        writer.texts |= {key: tongue.reference.format(key) for key in defaults}
        writer.texts |= voltage_texts(model, names)
        lines = [*behaviour_lines("b1", "c1", (names[0], names[1]), model, writer, tongue)]
        return "\n".join(
            [
                header(name, pins, defaults, tongue),
                *constant_lines(writer.constants),
                *lines,
                f".ends {name}",
                "",
            ]
        )

    return Block(identity_of(group), model.name or "", text, defaults)


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


def _pins(group: Group) -> tuple[dict[str, int], list[str]]:
    """(pin -> the column of its node, in the order of the block; what each column is, "0" ground).

    The ends are the first pin and the last.
    """
    names = list(cast(Behaviour, group.model).pins) or _found_pins(group)
    pins = {name: names.index(name) for name in (names[0], *names[2:]) if name != names[1]}
    pins[names[1]] = 1
    pins.pop("0", None)
    return pins, names


def _found_pins(group: Group) -> list[str]:
    """A column that equals an earlier one in every element is the same pin.

    They are called as those of the library's devices are: two ends, or the three of a transistor.
    """
    nodes = group.nodes
    same: list[int | None] = [0, 1]
    for column in range(2, nodes.shape[1]):
        equal = [k for k in same if k is not None and (nodes[:, k] == nodes[:, column]).all()]
        is_ground = not equal and (nodes[:, column] == 0).all()
        same.append(equal[0] if equal else None if is_ground else column)
    between = sorted({k for k in same[2:] if k is not None} - {0, 1})
    names = {None: "0", 0: "p", 1: "n"} | {k: f"c{n}" for n, k in enumerate(between, 1)}
    if len(between) == 1:
        names |= {0: "drain", between[0]: "gate", 1: "source"}
    return [names[k] for k in same]
