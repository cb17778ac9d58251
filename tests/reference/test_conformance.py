"""netlists/ is up to date, right by two witnesses, and what both engines answer."""

from __future__ import annotations

import json
from typing import Any

import mpmath
import numpy as np
import pytest
from reference.conformance_circuits import circuits
from reference.deck_solver import DIGITS, read_deck, solve_deck
from reference.dense_solver import SIDES, solve_exactly, solve_refined
from reference.write_conformance import FOLDER, conformance_files, terminal_currents

import circuitxbar as cx
from circuitxbar.ngspice.runner import run

CIRCUITS = circuits()


@pytest.fixture(params=CIRCUITS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def deck(name: str) -> str:
    return (FOLDER / name / "circuit.cir").read_text(encoding="utf-8")


def expected(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name / "expected.json").read_text(encoding="utf-8"))


def largest(values: dict[str, float]) -> float:
    return max(map(abs, values.values()))


def test_every_circuit_has_its_folder_and_no_other():
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(CIRCUITS)


def test_the_files_are_the_same_when_written_anew(name: str):
    for file, text in conformance_files(CIRCUITS[name]).items():
        assert (FOLDER / name / file).read_bytes() == text.encode(), file


@pytest.mark.parametrize(
    "name", [name for name, circuit in CIRCUITS.items() if circuit.crossbar is not None]
)
def test_the_deck_says_what_the_crossbar_is(name: str):
    """The text, solved in 60 digits, against the description, solved without any text.

    The deck holds the doubles nearest to 1/g, hence 1e-15 and not 1e-40.
    """
    circuit = CIRCUITS[name]
    inputs = (circuit.crossbar, circuit.voltages, circuit.column_voltages)
    size = np.size(circuit.crossbar.conductances)
    described = (solve_exactly if size <= 25 else solve_refined)(*inputs)
    answer = solve_deck(deck(name))
    currents = terminal_currents(deck(name), answer)
    ends = {
        f"{'row' if side in ('left', 'right') else 'column'}_{line}_{side}": current
        for side in SIDES
        for line, current in enumerate(described.currents[side][0])
    }
    assert set(currents) <= set(ends)
    biggest = largest({end: float(value) for end, value in ends.items()})
    for end, value in ends.items():
        assert abs(float(mpmath.mpf(str(value)) - currents.get(end, 0))) <= 1e-15 * biggest, end
    names = set(answer.node_voltages)
    assert names <= set(described.voltages)
    highest = largest({k: float(v) for k, v in answer.node_voltages.items()})
    for node in names:
        apart = mpmath.mpf(str(described.voltages[node][0])) - answer.node_voltages[node]
        assert abs(float(apart)) <= 1e-15 * highest, node


def test_kirchhoffs_law_in_the_deck(name: str):
    """The answer satisfies every element of the text, without the solver's own equations."""
    answer = solve_deck(deck(name))
    with mpmath.workdps(DIGITS):
        voltages = {"0": mpmath.mpf(0), **answer.node_voltages}
        leaving = dict.fromkeys(voltages, mpmath.mpf(0))
        for element, first, second, value in read_deck(deck(name)):
            drop = voltages[first] - voltages[second]
            if element[0] == "v":
                assert abs(drop - value) < mpmath.mpf(10) ** -40, element
            through = {"r": drop / value if value else 0, "i": value}.get(element[0])
            if through is None:
                through = answer.source_currents[element]
            leaving[first] += through
            leaving[second] -= through
        assert max(abs(v) for v in leaving.values()) < mpmath.mpf(10) ** -40


def test_nodal_agrees(name: str):
    want = expected(name)
    point = cx.operating_point(CIRCUITS[name].circuit())
    highest, biggest = largest(want["node_voltages"]), largest(want["source_currents"] or {"": 0})
    for node, voltage in want["node_voltages"].items():
        assert abs(point.voltage(node) - voltage) <= want["tolerance"] * highest, node
    for source, current in want["source_currents"].items():
        assert abs(point.current(source[1:]) - current) <= want["tolerance"] * biggest, source


@pytest.mark.parametrize(
    "name", [name for name, circuit in CIRCUITS.items() if circuit.crossbar is not None]
)
def test_solve_agrees(name: str):
    circuit, want = CIRCUITS[name], expected(name)["terminal_currents"]
    solution = cx.solve(circuit.crossbar, circuit.voltages, circuit.column_voltages)
    tolerance = expected(name)["tolerance"] * largest(want)
    for end, current in want.items():
        _, line, side = end.split("_")
        value = np.atleast_2d(getattr(solution.terminal_currents, side))[0, int(line)]
        assert abs(value - current) <= tolerance, end


def test_ngspice_agrees_with_the_unchanged_file(name: str):
    want = expected(name)
    answer = run(deck(name), transport="subprocess")
    highest, biggest = largest(want["node_voltages"]), largest(want["source_currents"] or {"": 0})
    for node, voltage in want["node_voltages"].items():
        assert abs(answer.vectors[node][0] - voltage) <= 1e-9 * highest, node
    for source, current in want["source_currents"].items():
        assert abs(answer.vectors[f"{source}#branch"][0] - current) <= 1e-9 * biggest, source
