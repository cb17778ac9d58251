"""Lines that hang on little but transistors that are off: array finds what nodal does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx


def check(crossbar: cx.Crossbar, voltages: Any, gates: Any) -> None:
    found = cx.solve(crossbar, voltages, gates=gates, engine="array", extrapolate=True)
    exact = cx.solve(crossbar, voltages, gates=gates, engine="nodal", extrapolate=True)
    apart = np.abs(found.currents - exact.currents).max(axis=-1)
    assert (apart <= found.error_bound + exact.error_bound).all()
    assert (apart <= 1e-9 * found.largest_current + 1e-30).all()


def random_array(seed: int, transistor: str) -> tuple[cx.Crossbar, np.ndarray, np.ndarray]:
    """Sense ends from 1 ohm to 1 Gohm or none, some rows floating, some gates at 0 V."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 9, 2)
    conductances = 10 ** rng.uniform(-7, -3, (rows, columns))
    sense = 10 ** rng.uniform(0, 9, columns)
    sense[rng.random(columns) < 0.3] = np.inf
    drivers = 10 ** rng.uniform(0, 6, rows)
    drivers[1:][rng.random(rows - 1) < 0.3] = np.inf
    wire = rng.choice([0.0, 100.0, 1e4])
    steep = {"device": "sinh", "parameters": {"v0": 0.03}} if rng.random() < 0.5 else {}
    crossbar = cx.Crossbar(
        conductances,
        transistor=transistor,
        left=cx.Driven(drivers),
        bottom=cx.Grounded(sense),
        wires=cx.Wires(wire, wire),
        **steep,
    )
    gates = rng.choice([0.0, 0.3, 2.0], (3, rows))
    return crossbar, rng.uniform(-1.0, 1.0, (3, rows)), gates


def test_a_single_cell_below_a_very_resistive_sense_end():
    cell = cx.Crossbar([[1e-5]], transistor="ekv_transistor", bottom=cx.Grounded(1e6))
    check(cell, [-0.5], 0.0)


def test_many_floating_columns_with_all_gates_off():
    rng = np.random.default_rng(0)
    bottom = np.full(16, np.inf)
    bottom[3] = 1e4
    array = cx.Crossbar(
        10 ** rng.uniform(-6, -4, (12, 16)),
        transistor="ekv_transistor",
        bottom=cx.Grounded(bottom),
    )
    check(array, rng.uniform(-1.0, 1.0, (8, 12)), 0.0)


@pytest.mark.parametrize("transistor", ["ekv_transistor", "square_law_transistor"])
def test_random_ends_and_gates(transistor):
    for seed in range(25):
        check(*random_array(seed, transistor))
