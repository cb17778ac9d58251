"""What the array engine promises beside its currents: nothing but the vector decides on them."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engines.solved_arrays import CELLS, COLUMNS, VECTORS, assert_same, chosen, loaded, solved
from reference.dense_solver import SIDES

import circuitxbar as cx


@pytest.mark.parametrize("cells", CELLS)
def test_a_vector_alone(cells: str):
    for vector in (0, 8, 17, 32):
        assert_same(
            chosen(cells, slice(vector, vector + 1)), solved(cells), slice(vector, vector + 1)
        )
        single = chosen(cells, vector)
        assert single.currents.shape == (COLUMNS,)
        assert_same(single, solved(cells), slice(vector, vector + 1))


@pytest.mark.parametrize("size", [3, 8, 9, 32])
@pytest.mark.parametrize("cells", CELLS)
def test_a_vector_in_any_batch_and_place(cells: str, size: int):
    vectors = np.random.default_rng(size).permutation(VECTORS)[:size]
    assert_same(chosen(cells, vectors), solved(cells), vectors)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_a_vector_that_is_there_waits_for_the_others(device: str):
    """One that takes many more steps would carry it on."""
    crossbar = loaded(device)
    if device == "sinh":
        crossbar = replace(crossbar, parameters={"v0": 0.05})
    rng = np.random.default_rng(10)
    voltages = rng.uniform(-1, 1, (8, 20)) * np.array([1e-3, 1.0] * 4)[:, None]
    voltages[5] = 1e-9 * rng.uniform(-1, 1, 20) + np.array([1.0, -1.0] * 10)
    together = cx.solve(crossbar, voltages, engine="array")
    for vector in range(8):
        alone = cx.solve(crossbar, voltages[vector], engine="array")
        assert_same(alone, together, slice(vector, vector + 1))


@pytest.mark.parametrize("cells", CELLS)
def test_keeping_currents_alone(cells: str):
    """Of a linear array that takes one solve per row and a product: 33 vectors, 11 rows."""
    currents = chosen(cells, slice(None), keep="currents")
    assert currents.nodes is None
    assert_same(currents, solved(cells))
    assert np.all(currents.converged)


@pytest.mark.parametrize("cells", CELLS)
def test_what_ran_before_leaves_nothing_behind(cells: str):
    for other in CELLS:
        if other != cells:
            solved(other)
    again = chosen(cells, slice(None))
    for side in SIDES:
        np.testing.assert_array_equal(
            again.proof.currents[side], solved(cells).proof.currents[side]
        )


def test_any_number_of_threads(tmp_path: Path):
    """One processor in a process of its own, all of them here."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system does not tell a process its processors")
    script = (
        "import os, sys\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from engines.solved_arrays import CELLS, SIDES, solved\n"
        "import json\n"
        "found = {c: solved(c) for c in CELLS}\n"
        "assert all(s.stats['threads'] == 1 for s in found.values())\n"
        "def sides(s): return {side: s.proof.currents[side].tolist() for side in SIDES}\n"
        "print(json.dumps({c: sides(s) for c, s in found.items()}))\n"
    )
    paths = [str(Path(__file__).parents[1]), str(Path(cx.__file__).parents[1])]
    alone = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    for cells, sides in json.loads(alone.stdout).items():
        processors = len(os.sched_getaffinity(0))
        assert solved(cells).stats["threads"] == min(processors, 5)  # 33 vectors are 5 blocks
        for side in SIDES:
            np.testing.assert_array_equal(sides[side], solved(cells).proof.currents[side])


def test_several_python_threads_at_once():
    names = list(CELLS) * 3
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda cells: chosen(cells, slice(None)), names))
    for cells, solution in zip(names, found, strict=True):
        for side in SIDES:
            np.testing.assert_array_equal(
                solution.proof.currents[side], solved(cells).proof.currents[side]
            )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_pool():
    for cells in CELLS:
        solved(cells)  # compiled code is loaded, threads have run, in the parent
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(bottom_currents, list(CELLS), chunksize=1)
    for cells, currents in zip(CELLS, found, strict=True):
        np.testing.assert_array_equal(currents, solved(cells).proof.currents["bottom"])


def bottom_currents(cells: str) -> np.ndarray:
    return chosen(cells, slice(None)).proof.currents["bottom"]
