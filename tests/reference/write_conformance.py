"""Writes netlists/: run `PYTHONPATH=tests python -m reference.write_conformance` after a change.

The decks are those of `write_spice`; the numbers come from the deck text alone, solved to 40
digits by reference.deck_solver. No engine has a part in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mpmath
from reference.conformance_circuits import Conformance, circuits
from reference.deck_solver import DIGITS, DeckAnswer, read_deck, solve_deck

import circuitxbar as cx

FOLDER = Path(__file__).parents[2] / "netlists"
TOLERANCE = 1e-12


def conformance_files(circuit: Conformance) -> dict[str, str]:
    """File name -> text of one folder of the suite."""
    deck = cx.write_spice(circuit.circuit())
    answer = solve_deck(deck)
    expected = {
        "title": circuit.title,
        "tolerance": TOLERANCE,
        "node_voltages": _numbers(answer.node_voltages),
        "source_currents": _numbers(answer.source_currents),
        "terminal_currents": _numbers(terminal_currents(deck, answer)),
    }
    return {"circuit.cir": deck, "expected.json": json.dumps(expected, indent=1) + "\n"}


def terminal_currents(deck: str, answer: DeckAnswer) -> dict[str, Any]:
    """Current out of the array at every line end of a crossbar's deck, by the end's name."""
    currents: dict[str, Any] = {}
    for element, _, _, value in read_deck(deck):
        kind, _, end = element.partition("source_")
        if not end:
            continue
        if kind == "v":
            currents[end] = answer.source_currents[element]
        elif kind == "i":
            shunt = answer.resistor_currents.get(f"rtermination_{end}", mpmath.mpf(0))
            with mpmath.workdps(DIGITS):
                currents[end] = shunt - value
    return currents


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    # The nearest double, which JSON writes with the (at most) 17 digits that identify it.
    return {name: float(mpmath.nstr(values[name], 40)) for name in sorted(values)}


def main() -> None:
    """Write every folder anew; nothing else in netlists/ is touched."""
    for name, circuit in circuits().items():
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in conformance_files(circuit).items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
