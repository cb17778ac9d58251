"""Lines of netlist text, and decks around it."""

from __future__ import annotations

import re

import circuitxbar as cx
from circuitxbar.circuit.group import ModelCard

DIODE = ModelCard("dm", "d", {"is": 1e-14, "rs": 0.1})


def lines(circuit: cx.Circuit, dialect: str = "ngspice", analysis: str | None = None) -> list[str]:
    return cx.write_spice(circuit, dialect, analysis).splitlines()


def elements(circuit: cx.Circuit) -> list[str]:
    """The lines of elements, continuations joined."""
    text = re.sub(r"\n\+ ", " ", cx.write_spice(circuit))
    return [line for line in text.splitlines()[1:] if line[0] not in "*."]


def element_lines(text: str) -> list[list[str]]:
    """The fields of the element lines, continuations joined."""
    lines = re.sub(r"\n\+", " ", text).splitlines()[1:]
    return [line.split() for line in lines if line[:1] not in ("*", ".", "+", "")]


def deck(text: str, *lines: str) -> str:
    return "\n".join(["* by hand", text.rstrip("\n"), *lines, ".op", ".end"]) + "\n"
