"""Circuits read from a few lines of SPICE text, and what is looked up in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Group
from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import read_spice

DECKS = Path(__file__).parents[1] / "decks"


def circuit(*lines: str) -> Circuit:
    return read_spice("\n".join(["title", *lines, ""]))


def group(read: Circuit, name: str) -> tuple[Group, int]:
    return read.element(name)


def value(read: Circuit, name: str) -> float:
    found, k = read.element(name)
    return float(found.values[k])


def ends(read: Circuit, name: str) -> list[str]:
    found, k = read.element(name)
    return [read.nodes[node] for node in found.nodes[k]]


def refusal(*lines: str) -> str:
    with pytest.raises(NetlistError) as caught:
        circuit(*lines)
    assert str(caught.value).isprintable()
    return str(caught.value)
