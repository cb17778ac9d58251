"""The lines of elements, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import cast

import numpy as np

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Behaviour, Group, Semiconductor, SwitchModel
from circuitxbar.devices.spice import Texts
from circuitxbar.dialects import Dialect
from circuitxbar.errors import NetlistError
from circuitxbar.netlist.blocks import Blocks, behaviour_lines, voltage_texts
from circuitxbar.netlist.cards import Cards
from circuitxbar.netlist.sources import source_text
from circuitxbar.netlist.spelling import Spelling, is_block

INDEX = "vector_index"  # the node that counts the input vectors of a batch
IDEAL = 1e12  # the gain that stands for that of an ideal amplifier


@dataclass(frozen=True)
class Page:
    """What the lines of elements refer to.

    nodes : the name of each node, by number.  texts : writes the laws that stand in no block.
    """

    nodes: list[str]
    spelling: Spelling
    blocks: Blocks
    cards: Cards
    texts: Texts
    tongue: Dialect

    @staticmethod
    def of(circuit: Circuit, nodes: list[str], tongue: Dialect, inside: bool = False) -> Page:
        """That of `circuit`; `inside` a .subckt block or not."""
        blocks = Blocks.of(circuit, tongue, inside)
        return Page(
            nodes, Spelling.of(circuit), blocks, Cards.of(circuit), Texts((), tongue), tongue
        )

    def ends(self, group: Group) -> list[str]:
        """The nodes of every element of `group` as they stand in its line."""
        nodes, rows = self.nodes, group.nodes.tolist()
        if group.nodes.shape[1] == 2:
            return [f"{nodes[first]} {nodes[last]}" for first, last in rows]
        return [" ".join([nodes[k] for k in row]) for row in rows]

    def sensed(self, group: Group) -> list[str]:
        """What stands for the current that controls each element of `group`."""
        pairs = zip(group.names, group.sensed[0], strict=True)
        return [self.spelling.sensed(own, name, self.tongue) for own, name in pairs]


def element_lines(circuit: Circuit, page: Page) -> Iterator[str]:
    """The lines of all elements; NetlistError for what the dialect cannot say.

    Behavioural sources are in the order of their names: that of their laws is not in a text.
    """
    for are_sources, groups in groupby(circuit.groups, key=_is_written_out):
        if are_sources:
            each = [(name, g, k) for g in groups for k, name in enumerate(page.spelling.names(g))]
            for name, group, k in sorted(each, key=lambda found: _naturally(found[0])):
                yield from _behaviour(name, group, k, page)
        else:
            for group in groups:
                yield from _lines_of(group, page)


def _is_written_out(group: Group) -> bool:
    """Whether it holds behavioural sources whose law stands in their own lines."""
    return group.kind == "B" and not is_block(group)


def _naturally(name: str) -> list[str | int]:
    """A key that puts b2 before b10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _lines_of(group: Group, page: Page) -> Iterator[str]:
    _check_kind(group, page.tongue)
    if is_block(group):
        pairs = zip(page.spelling.names(group), page.blocks.calls(group), strict=True)
        for name, (pins, call) in pairs:
            yield f"{name} {' '.join(page.nodes[k] for k in pins)} {call}"
    elif group.values.ndim == 2:
        yield from _tables(group, page)
    else:
        yield from _LINES[group.kind](group, page)


def _check_kind(group: Group, tongue: Dialect) -> None:
    why = tongue.refused.get("B" if group.values.ndim == 2 else group.kind)
    if why is not None:
        raise NetlistError(
            f"element {group.names[0]!r} cannot be written for {tongue.name}: {why}."
        )


def _passive(group: Group, page: Page) -> Iterator[str]:
    kept = np.ones(len(group.names), dtype=bool)
    if group.kind == "R":
        kept = np.isfinite(group.values) & (group.values > 0)
    elif group.kind == "C":
        kept = group.values > 0
    number = page.tongue.number
    texts = [number(value) for value in group.values.tolist()]
    if group.initial is not None:
        texts = [
            text if np.isnan(first) else f"{text} ic={number(first)}"
            for text, first in zip(texts, group.initial.tolist(), strict=True)
        ]
    rows = zip(page.spelling.names(group), page.ends(group), texts, kept.tolist(), strict=True)
    for name, ends, text, keep in rows:
        if keep:
            yield f"{name} {ends} {text}"


def _sources(group: Group, page: Page) -> Iterator[str]:
    rows = zip(
        page.spelling.names(group),
        page.ends(group),
        group.values.tolist(),
        group.names,
        strict=True,
    )
    for k, (name, ends, value, own) in enumerate(rows):
        yield f"{name} {ends} {source_text(own, value, group.excitation, k, page.tongue)}"


def _tables(group: Group, page: Page) -> Iterator[str]:
    rows = zip(page.spelling.names(group), page.ends(group), group.values.tolist(), strict=True)
    for name, ends, values in rows:
        yield f"{name} {ends} {group.kind.lower()}={page.tongue.table(INDEX, values)}"


def _controlled(group: Group, page: Page) -> Iterator[str]:
    controls = [f"{s} " for s in page.sensed(group)] if group.sensed else [""] * len(group.names)
    rows = zip(
        page.spelling.names(group), page.ends(group), controls, group.values.tolist(), strict=True
    )
    for name, ends, control, value in rows:
        gain = IDEAL if value == np.inf else value
        if group.kind == "E" and gain == IDEAL:
            yield f"{page.tongue.comment} {name}: a gain of 1e12 stands for an ideal amplifier"
        yield f"{name} {ends} {control}{page.tongue.number(gain)}"


def _behaviour(name: str, group: Group, k: int, page: Page) -> Iterator[str]:
    """The line of source number `k` of its `group`, and that of its charge."""
    _check_kind(group, page.tongue)
    model, tongue, texts = cast(Behaviour, group.model), page.tongue, page.texts
    nodes = [page.nodes[node] for node in group.nodes[k].tolist()]
    texts.texts = voltage_texts(model, nodes)
    texts.texts |= {key: texts.number(float(v[k])) for key, v in model.parameters.items()}
    for key, sensed in zip(model.currents, group.sensed, strict=True):
        texts.texts[key] = f"i({page.spelling.sensed(group.names[k], sensed[k], tongue, 'L')})"
    ends = (nodes[0], nodes[1])
    yield from behaviour_lines(name, f"c.{name}.charge", ends, model, texts, tongue)


def _switches(group: Group, page: Page) -> Iterator[str]:
    model = cast(SwitchModel, group.model)
    controls = [f"{s} " for s in page.sensed(group)] if group.sensed else [""] * len(group.names)
    rows = zip(
        page.spelling.names(group),
        page.ends(group),
        controls,
        page.cards.switch_names(group),
        model.closed.tolist(),
        strict=True,
    )
    for name, ends, control, card, closed in rows:
        yield f"{name} {ends} {control}{card} {'on' if closed else 'off'}"


def _semiconductors(group: Group, page: Page) -> Iterator[str]:
    model = cast(Semiconductor, group.model)
    card = page.cards.name(model.card)
    for k, (name, ends) in enumerate(
        zip(page.spelling.names(group), page.ends(group), strict=True)
    ):
        given = {key: float(values[k]) for key, values in model.parameters.items()}
        sizes = [
            f" {key}={page.tongue.number(value)}"
            for key, value in given.items()
            if not (key in ("area", "m") and value == 1.0)  # what every SPICE takes
        ]
        yield f"{name} {ends} {card}{''.join(sizes)}"


_LINES: dict[str, Callable[[Group, Page], Iterator[str]]] = {
    **dict.fromkeys("RCL", _passive),
    **dict.fromkeys("VI", _sources),
    **dict.fromkeys("EGFH", _controlled),
    **dict.fromkeys("SW", _switches),
    **dict.fromkeys("DMQ", _semiconductors),
}
