"""A second witness: netlist text of resistors and sources, solved to 40 digits.

It sees only the text that a simulator sees. Modified nodal analysis in mpmath, with node
voltages and the currents of the voltage sources as unknowns, by sparse elimination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mpmath

DIGITS = 60


@dataclass(frozen=True)
class DeckAnswer:
    """Node voltages, and currents through every voltage source and resistor, as mpf.

    A current flows from the first to the second node of its element, through the element.
    """

    node_voltages: dict[str, Any]
    source_currents: dict[str, Any]
    resistor_currents: dict[str, Any]


def read_deck(text: str) -> list[tuple[str, str, str, Any]]:
    """(name, first node, second node, value) of every R, V and I line; ValueError for others."""
    elements = []
    for line in text.splitlines():
        word = line.split()
        if not word or line.startswith("*") or word[0] in (".op", ".options", ".end"):
            continue
        if len(word) != 4 or word[0][0] not in "rvi":
            raise ValueError(f"{line!r} is not a resistor or a constant source")
        with mpmath.workdps(DIGITS):
            # A simulator rounds the decimal to a double; the circuit meant is that one.
            elements.append((word[0], word[1], word[2], mpmath.mpf(float(word[3]))))
    return elements


def solve_deck(text: str) -> DeckAnswer:
    """The operating point of a deck of R, V and I elements, to 40 digits or more."""
    elements = read_deck(text)
    with mpmath.workdps(DIGITS):
        rows: dict[str, dict[str, Any]] = {}
        right: dict[str, Any] = {}

        def add(equation: str, unknown: str, value: Any) -> None:
            if "0" not in (equation, unknown):
                row = rows.setdefault(equation, {})
                row[unknown] = row.get(unknown, mpmath.mpf(0)) + value

        for name, first, second, value in elements:
            if name[0] == "r":
                conductance = 1 / value
                for here, there in ((first, second), (second, first)):
                    add(here, here, conductance)
                    add(here, there, -conductance)
            elif name[0] == "v":
                current = f"{name}#branch"
                for node, sign in ((first, mpmath.mpf(1)), (second, mpmath.mpf(-1))):
                    add(node, current, sign)
                    add(current, node, sign)
                right[current] = value
            else:
                for node, sign in ((first, -1), (second, 1)):
                    right[node] = right.get(node, mpmath.mpf(0)) + sign * value
        kept = [{**row} for row in rows.values()]
        constants = [right.get(equation, mpmath.mpf(0)) for equation in rows]
        solved = _eliminate(rows, right)
        for row, constant in zip(kept, constants, strict=True):
            error = abs(mpmath.fsum(v * solved[k] for k, v in row.items()) - constant)
            if error > mpmath.mpf(10) ** (10 - DIGITS) * (1 + mpmath.fsum(map(abs, row.values()))):
                raise ArithmeticError(f"the deck is solved only to {error}")
        voltage = {"0": mpmath.mpf(0), **solved}
        return DeckAnswer(
            {k: v for k, v in solved.items() if "#" not in k},
            {k.removesuffix("#branch"): v for k, v in solved.items() if "#" in k},
            {n: (voltage[a] - voltage[b]) / r for n, a, b, r in elements if n[0] == "r"},
        )


def _eliminate(rows: dict[str, dict[str, Any]], right: dict[str, Any]) -> dict[str, Any]:
    """Solve by taking, at each step, the shortest equation and its largest coefficient."""
    holding: dict[str, set[str]] = {}
    for equation, row in rows.items():
        for unknown in row:
            holding.setdefault(unknown, set()).add(equation)
    done: list[tuple[str, dict[str, Any], Any]] = []
    while rows:
        equation = min(rows, key=lambda e: len(rows[e]))
        pivot_row = rows.pop(equation)
        constant = right.get(equation, mpmath.mpf(0))
        unknown = max(pivot_row, key=lambda u: abs(pivot_row[u]))
        for u in pivot_row:
            holding[u].discard(equation)
        for other in sorted(holding.pop(unknown)):
            row = rows[other]
            share = row.pop(unknown) / pivot_row[unknown]
            for u, value in pivot_row.items():
                if u != unknown:
                    row[u] = row.get(u, mpmath.mpf(0)) - share * value
                    holding[u].add(other)
            right[other] = right.get(other, mpmath.mpf(0)) - share * constant
        done.append((unknown, pivot_row, constant))
    solved: dict[str, Any] = {}
    for unknown, row, constant in reversed(done):
        known = mpmath.fsum(value * solved[u] for u, value in row.items() if u != unknown)
        solved[unknown] = (constant - known) / row[unknown]
    return solved
