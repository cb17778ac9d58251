"""Arrays of every kind of cell, their inputs, and what the array engine says of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from reference.dense_solver import SIDES

import circuitxbar as cx

SAME = 1e-11  # of the vector's largest terminal current
ROWS, COLUMNS, VECTORS = 11, 7, 33
CELLS: dict[str, dict[str, Any]] = {
    "linear": {},
    "sinh": {"device": "sinh", "parameters": {"v0": 0.1}},
    "diode": {"device": "diode"},
    "sinh behind a selector": {"device": "sinh", "selector": "exponential_selector"},
    "cubic behind a diode": {"device": "cubic", "selector": "diode"},
    "sinh and a transistor": {"device": "sinh", "transistor": "ekv_transistor"},
    "linear and a square-law transistor": {"transistor": "square_law_transistor"},
}


def array(cells: str, **fields: Any) -> cx.Crossbar:
    rng = np.random.default_rng(1)
    conductances = 10 ** rng.uniform(-6, -4, (ROWS, COLUMNS))
    if cells == "diode":
        conductances = np.ones((ROWS, COLUMNS))
    fields = {"wires": cx.Wires(5.0, 3.0), **CELLS[cells], **fields}
    return cx.Crossbar(conductances, **fields)


def inputs(cells: str) -> tuple[np.ndarray, None, np.ndarray | None]:
    """Vectors of very different size, one of them all 0; gates of every vector its own."""
    rng = np.random.default_rng(2)
    voltages = rng.uniform(-0.5, 0.5, (VECTORS, ROWS)) * 10 ** rng.uniform(-6, 0, (VECTORS, 1))
    voltages[17] = 0.0
    gates = rng.uniform(0.5, 2.0, (VECTORS, ROWS)) if "transistor" in cells else None
    if gates is not None:
        voltages = np.abs(voltages)
    return voltages, None, gates


@cache
def solved(cells: str) -> cx.Solution:
    return cx.solve(array(cells), *inputs(cells), engine="array")


def chosen(cells: str, vectors: Any, **fields: Any) -> cx.Solution:
    parts = (None if given is None else given[vectors] for given in inputs(cells))
    return cx.solve(array(cells), *parts, engine="array", **fields)


def assert_same(solution: cx.Solution, other: cx.Solution, vectors: Any = slice(None)) -> None:
    """The currents of `solution` are those of the `vectors` of `other` to SAME."""
    largest = other.proof.largest_current[vectors]
    for side in SIDES:
        apart = np.abs(solution.proof.currents[side] - other.proof.currents[side][vectors])
        assert (apart.max(axis=-1) <= SAME * largest).all(), side


def loaded(device: str, rows: int = 20, columns: int = 16) -> cx.Crossbar:
    """An array whose wires take most of the voltage."""
    conductances = 10 ** np.random.default_rng(5).uniform(-5, -3, (rows, columns))
    return cx.Crossbar(conductances, device, wires=cx.Wires(50.0, 50.0))
