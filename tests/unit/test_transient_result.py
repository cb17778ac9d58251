"""Transient: what its parts say of the numbers that an engine put there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

ROWS, COLUMNS, POINTS, BATCH = 2, 3, 4, 5
RNG = np.random.default_rng(0)


def transient(**changes: Any) -> cx.Transient:
    grid = (BATCH, POINTS, ROWS, COLUMNS)
    made = cx.Transient(
        crossbar=cx.Crossbar(np.full((ROWS, COLUMNS), 1e-4)),
        time=np.linspace(0.0, 1e-9, POINTS),
        sensed_currents=RNG.uniform(size=(BATCH, POINTS, COLUMNS)),
        sensed_charges=RNG.uniform(size=(BATCH, POINTS, COLUMNS)),
        kirchhoff=np.full(BATCH, 1e-16),
        limit=np.full(BATCH, 1e-14),
        local_error=np.full(BATCH, 1e-5),
        tolerance=np.full(BATCH, 1e-4),
        engine="array",
        stats={},
        single=False,
        voltages={"row": RNG.uniform(size=grid), "column": RNG.uniform(size=grid)},
    )
    return replace(made, **changes)


def test_axes_of_a_batch_and_of_a_single_vector():
    many = transient()
    assert many.currents.shape == many.charge.shape == (BATCH, POINTS, COLUMNS)
    assert many.voltage("row_0_0").shape == (BATCH, POINTS)
    assert many.converged.tolist() == [True] * BATCH
    assert many.status == ["converged"] * BATCH
    one = replace(many, single=True)
    assert one.currents.shape == one.charge.shape == (POINTS, COLUMNS)
    assert one.voltage("row_0_0").shape == (POINTS,)
    assert one.converged
    assert one.status == "converged"
    assert one.error_bound == 1e-16


def test_voltages_by_the_names_of_their_nodes():
    grid = RNG.uniform(size=(BATCH, POINTS, ROWS, COLUMNS))
    made = transient()
    with_inner = replace(made, voltages={**(made.voltages or {}), "inner": grid})
    for kind, values in (with_inner.voltages or {}).items():
        for i, j in np.ndindex(ROWS, COLUMNS):
            found = with_inner.voltage(f"{kind}_{i}_{j}")
            np.testing.assert_array_equal(found, values[:, :, i, j])


@pytest.mark.parametrize(
    "node", ["row_2_0", "column_0_3", "inner_0_0", "row_0_left", "row_0", "row_0_0 ", "", None, 5]
)
def test_other_nodes_are_refused(node: Any):
    with pytest.raises(cx.CircuitError, match=r"no voltage of .*row_0_0 \.\.\. row_1_2, column_0"):
        transient().voltage(node)


def test_no_voltages_were_kept():
    with pytest.raises(cx.CircuitError, match='keep="voltages"'):
        transient(voltages=None).voltage("row_0_0")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kirchhoff": 1e-13}, "error bound 1.0e-13 A (limit 1.0e-14 A)"),
        ({"kirchhoff": np.nan}, "error bound nan A (limit 1.0e-14 A)"),
        ({"kirchhoff": np.inf, "limit": np.inf}, "error bound inf A (limit inf A)"),
        ({"local_error": 2e-4}, "local error 2.0e-04 V (allowed 1.0e-04 V)"),
        ({"local_error": np.nan}, "local error nan V (allowed 1.0e-04 V)"),
    ],
)
def test_what_did_not_converge_says_so(changes: dict[str, float], told: str):
    made = transient()
    for name, value in changes.items():
        array = getattr(made, name).copy()
        array[3] = value
        made = replace(made, **{name: array})
    assert made.converged.tolist() == [True, True, True, False, True]
    assert made.status[3] == told
    assert "4 converged" in repr(made)
