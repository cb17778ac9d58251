"""What the array engine promises beside its currents: that nothing but the vector decides on them,
that it tells what it could not do, and voltages, powers and matrices.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from reference.arrays import Case, cases
from reference.dense_solver import SIDES, solve_refined

import circuitxbar as cx
from circuitxbar.array.block import Block, Workspace
from circuitxbar.array.engine import sources_of
from circuitxbar.array.system import System
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.proof import prove
from circuitxbar.devices.device import Device

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
        "from engines.test_array_engine import CELLS, SIDES, solved\n"
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


@pytest.mark.parametrize("cells", CELLS)
def test_voltages_and_powers_are_those_of_nodal(cells: str):
    ours = solved(cells)
    nodal = cx.solve(array(cells), *inputs(cells), engine="nodal")
    size = np.abs(inputs(cells)[0]).max(axis=1)
    names = ["row", "column", "cell", "memory"]
    names += ["inner"] if len(array(cells).cell_elements) == 2 else []
    for name in names:
        apart = getattr(ours, f"{name}_voltages") - getattr(nodal, f"{name}_voltages")
        assert (np.abs(apart).max(axis=(1, 2)) <= 1e-9 * size).all(), name
    currents = ours.cell_currents - nodal.cell_currents
    assert (np.abs(currents).max(axis=(1, 2)) <= 1e-9 * nodal.largest_current).all()
    split, expected = ours.power_split, nodal.power_split
    for part, power in vars(split).items():
        assert (np.abs(power - getattr(expected, part)) <= 1e-9 * expected.sources).all(), part
    spent = split.cells + split.row_wires + split.column_wires + split.terminations
    np.testing.assert_allclose(spent, split.sources, rtol=1e-8, atol=0)


def test_voltages_of_lines_that_little_current_holds():
    """Columns held at both ends carry 1e6 times what floating rows do, which are as exact."""
    conductances = 10 ** np.random.default_rng(3).uniform(-10, -9, (6, 5))
    for device in ("linear", "sinh"):
        crossbar = cx.Crossbar(
            conductances,
            device,
            wires=cx.Wires(2.0, 2.0),
            left=cx.Floating(),
            top=cx.Held(np.linspace(0.1, 0.5, 5)),
        )
        ours = cx.solve(crossbar, engine="array")
        nodal = cx.solve(crossbar, engine="nodal")
        np.testing.assert_allclose(ours.row_voltages, nodal.row_voltages, rtol=0, atol=1e-9)


def test_nodes_on_ideal_sources_are_where_these_are():
    """To the last digit, which the shared proof asks for."""
    wires = np.full((ROWS, COLUMNS + 1), 2.0)
    wires[:, [0, -1]] = 0.0
    for device in ("linear", "sinh"):
        crossbar = cx.Crossbar(
            array("linear").conductances,
            device,
            wires=cx.Wires(wires, 3.0),
            left=cx.Floating(),
            right=cx.Held(0.0),
            top=cx.Held(0.3),
        )
        solution = cx.solve(crossbar, engine="array")
        assert (solution.row_voltages[:, -1] == 0).all()
        found = prove(crossbar, solution.ends, solution.kept_nodes())
        np.testing.assert_allclose(found.error_bound, solution.error_bound, atol=1e-20, rtol=0.05)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_starting_from_an_earlier_solution(device: str):
    crossbar = array("linear", device=device, wires=cx.Wires(200.0, 200.0))
    voltages = inputs("linear")[0][:9]
    first = cx.solve(crossbar, voltages, engine="array")
    again = cx.solve(crossbar, voltages, engine="array", start=first)
    assert again.stats["newton_steps"].sum() == again.stats["steps"].sum() == 0
    assert_same(again, first)
    from_nodal = cx.solve(crossbar, voltages, engine="array", start=cx.solve(crossbar, voltages))
    assert np.all(from_nodal.converged)
    # Other wires, whose nodes are joined where those of the first were not, and other cells.
    ends = {"left": cx.Driven(100.0), "bottom": cx.Grounded(50.0)}
    joined = replace(crossbar, wires=cx.Wires(0.0, 0.0), **ends)
    for other in (joined, replace(joined, left=cx.Driven()), replace(crossbar, device="cubic")):
        started = cx.solve(other, voltages, engine="array", start=first)
        nodal = cx.solve(other, voltages, engine="nodal")
        apart = np.abs(started.currents - nodal.currents).max(axis=1)
        assert (apart <= 1e-9 * nodal.largest_current).all()
        assert (prove(other, started.ends, started.kept_nodes()).error_bound < np.inf).all()


@pytest.mark.parametrize("ohm", [0.01, 100.0])
def test_a_correction_in_single_precision_leaves_a_few_millionths(ohm: float):
    crossbar = array("linear", wires=cx.Wires(ohm, ohm))
    drive = Drive.of(crossbar, inputs("linear")[0][:8])
    system = System.of(crossbar, drive.ends)
    block = Block(system, sources_of(system, drive), Workspace())
    error, everywhere = block.balance(kept=True).error, np.ones(8, dtype=bool)
    block.correct(system.linear_factors(32), error, 1e-6 * error, everywhere)
    assert (block.balance(kept=False).error < 5e-6 * error).all()


def with_pole(tmp_path: Path) -> Device:
    """g v / sqrt(1 - (v / 0.6 V)^2): beyond the pole there is no current."""
    file = tmp_path / "pole.toml"
    file.write_text(
        'name = "pole"\ntitle = "A law that ends"\nsource = "none: made up for a test"\n'
        'confirmed = false\nterminals = ["p", "n"]\npassive = true\nmonotone = true\n'
        '[current]\nlaw = "g * v / sqrt(1 - (v / 0.6)**2)"\n'
        "valid = { v = [-0.5, 0.5], g = [0.0, 1e-2] }\n"
    )
    return cx.device(str(file))


@pytest.mark.parametrize("vector", [0, 7, 8, 10])
@pytest.mark.parametrize("ohms", [0.0, 1.0])
def test_a_law_without_a_number_is_told_of_its_vector_alone(
    tmp_path: Path, vector: int, ohms: float
):
    crossbar = cx.Crossbar(np.full((4, 3), 1e-5), with_pole(tmp_path), wires=cx.Wires(ohms, ohms))
    voltages = np.random.default_rng(4).uniform(-0.4, 0.4, (11, 4))
    expected = cx.solve(crossbar, voltages, engine="nodal")
    voltages[vector, 2] = 5.0
    solution = cx.solve(crossbar, voltages, engine="array", throw=False, extrapolate=True)
    others = np.arange(11) != vector
    assert (solution.converged == others).all()
    assert solution.status[vector].startswith("error bound")
    apart = np.abs(solution.currents - expected.currents).max(axis=1)
    assert (apart[others] <= 1e-9 * expected.largest_current[others]).all()
    with pytest.raises(cx.SolverError, match=f"Vector {vector} did not converge") as told:
        cx.solve(crossbar, voltages, engine="array", extrapolate=True)
    assert told.value.vectors == (vector,)


@pytest.mark.parametrize("vector", [0, 5, 7, 9])
@pytest.mark.parametrize("cells", CELLS)
def test_a_planted_nan_is_told_of_its_vector_alone(
    monkeypatch: pytest.MonkeyPatch, cells: str, vector: int
):
    from circuitxbar.array import engine

    potentials = engine.potentials

    def planted(*arguments: Any) -> np.ndarray:
        found = np.array(np.broadcast_to(potentials(*arguments), (ROWS + COLUMNS, 10)))
        found[4, vector] = np.nan
        return found

    monkeypatch.setattr(engine, "potentials", planted)
    solution = chosen(cells, slice(10), throw=False)
    others = np.arange(10) != vector
    assert (solution.converged == others).all()
    assert np.isnan(solution.error_bound[vector])
    for side in SIDES:
        apart = solution.proof.currents[side] - solved(cells).proof.currents[side][:10]
        largest = solved(cells).proof.largest_current[:10]
        assert (np.abs(apart).max(axis=1) <= SAME * largest)[others].all()


def loaded(device: str, rows: int = 20, columns: int = 16) -> cx.Crossbar:
    """An array whose wires take most of the voltage."""
    conductances = 10 ** np.random.default_rng(5).uniform(-5, -3, (rows, columns))
    return cx.Crossbar(conductances, device, wires=cx.Wires(50.0, 50.0))


def cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the engine stops long before it is there."""
    monkeypatch.setattr("circuitxbar.array.krylov._MOST_STEPS", 1)
    monkeypatch.setattr("circuitxbar.array.linear._CORRECTIONS", 1)
    monkeypatch.setattr("circuitxbar.array.newton._STEPS", 2)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_what_did_not_converge_is_told_and_still_bounded(
    monkeypatch: pytest.MonkeyPatch, device: str
):
    crossbar = loaded(device)
    voltages = np.random.default_rng(6).uniform(0.2, 1.0, (10, 20))
    voltages[4] = 0.0
    nodal = cx.solve(crossbar, voltages, engine="nodal")
    cut_short(monkeypatch)
    with pytest.raises(
        cx.SolverError, match=r"Vectors 0, 1, 2, 3, 5, 6, 7, 8, \.\.\. did not converge"
    ):
        cx.solve(crossbar, voltages, engine="array")
    solution = cx.solve(crossbar, voltages, engine="array", throw=False)
    assert (solution.converged == (np.arange(10) == 4)).all()
    assert all(status.startswith("error bound") for status in np.delete(solution.status, 4))
    apart = np.abs(solution.currents - nodal.currents).max(axis=1)
    assert (np.delete(apart, 4) > 1e-9 * np.delete(nodal.largest_current, 4)).all()
    assert (apart <= solution.error_bound + nodal.error_bound).all()
    with pytest.raises(cx.SolverError):
        cx.gradient(solution, np.ones_like(solution.currents))


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_auto_gives_to_nodal_what_the_array_engine_does_not_solve(
    monkeypatch: pytest.MonkeyPatch, device: str
):
    crossbar = loaded(device, 32, 32)
    voltages = np.random.default_rng(7).uniform(0.2, 1.0, (20, 32))
    own = cx.solve(crossbar, voltages)
    assert own.engine == "array"
    slopes = cx.gradient(own, np.ones_like(own.currents)).voltages
    cut_short(monkeypatch)
    instead = cx.solve(crossbar, voltages)
    assert instead.engine == "array, nodal"
    assert np.all(instead.converged)
    apart = np.abs(instead.currents - own.currents).max(axis=1)
    assert (apart <= 1e-9 * own.largest_current).all()
    assert np.allclose(instead.cell_voltages, own.cell_voltages, rtol=0, atol=1e-9)
    found = cx.gradient(instead, np.ones_like(own.currents)).voltages
    assert np.allclose(found, slopes, rtol=1e-6, atol=0)


def test_vectors_that_nodal_solves_stand_where_they_were(monkeypatch: pytest.MonkeyPatch):
    """Those of 1 V take more steps than they get; those of 1e-3 V are nearly linear."""
    crossbar = replace(loaded("sinh", 32, 32), parameters={"v0": 0.05})
    voltages = np.random.default_rng(7).uniform(0.2, 1.0, (20, 32))
    voltages[::3] *= 1e-3
    own = cx.solve(crossbar, voltages, engine="nodal")
    monkeypatch.setattr("circuitxbar.array.newton._STEPS", 4)
    some = cx.solve(crossbar, voltages, engine="array", throw=False).converged
    assert some.any()
    assert not some.all()
    instead = cx.solve(crossbar, voltages)
    assert np.all(instead.converged)
    assert (np.abs(instead.currents - own.currents).max(axis=1) <= 1e-9 * own.largest_current).all()
    assert np.allclose(instead.row_voltages, own.row_voltages, rtol=0, atol=1e-9)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_a_short_goes_to_nodal(device: str):
    conductances = np.full((64, 64), 1e-5)
    conductances[3, 5] = np.inf
    crossbar = cx.Crossbar(conductances, device, wires=cx.Wires(2.0, 2.0))
    voltages = np.full((5, 64), 0.1)
    assert cx.solve(crossbar, voltages).engine == "nodal"
    with pytest.raises(
        cx.CircuitError, match=r'"array" does not take.*cell 3, 5 is a short.*"nodal"'
    ):
        cx.solve(crossbar, voltages, engine="array")


def test_a_device_that_is_not_monotone_goes_to_nodal(tmp_path: Path):
    with_pole(tmp_path)
    text = (tmp_path / "pole.toml").read_text()
    (tmp_path / "falling.toml").write_text(text.replace("monotone = true", "monotone = false"))
    crossbar = cx.Crossbar(np.full((64, 64), 1e-5), str(tmp_path / "falling.toml"))
    voltages = np.full((5, 64), 0.1)
    assert cx.solve(crossbar, voltages).engine == "nodal"
    with pytest.raises(cx.CircuitError, match="is not declared monotone"):
        cx.solve(crossbar, voltages, engine="array")


def test_circuits_are_not_for_the_array_engine():
    circuit = array("linear").circuit(np.full(ROWS, 0.1))
    with pytest.raises(cx.CircuitError, match="takes crossbars only"):
        cx.operating_point(circuit, engine="array")


@settings(max_examples=120)
@given(cases(largest=8, shorts=False))
def test_refuses_exactly_what_has_no_unique_solution(case: Case):
    event("determined" if case.is_determined else "not determined")
    if case.is_determined:
        cx.solve(*case.inputs, engine="array", throw=False)
    else:
        with pytest.raises(cx.CircuitError):
            cx.solve(*case.inputs, engine="array", throw=False)


def test_a_current_source_behind_a_broken_wire_is_refused():
    wires = np.full((4, 2), 1.0)
    wires[0, 1] = np.inf
    crossbar = cx.Crossbar(
        np.full((3, 2), 1e-5), wires=cx.Wires(1.0, wires), top=cx.Norton(0.0, [1e-6, 1e-6])
    )
    for engine in ("nodal", "array"):
        with pytest.raises(
            cx.CircuitError, match="'column_1_top' has no path to a fixed potential"
        ):
            cx.solve(crossbar, [0.1, 0.1, 0.1], engine=engine)


def test_the_effective_matrix_of_an_array_large_enough_for_it():
    conductances = 10 ** np.random.default_rng(8).uniform(-6, -4, (40, 30))
    crossbar = cx.Crossbar(
        conductances, wires=cx.Wires(3.0, 2.0), bottom=cx.Grounded(10.0), top=cx.Held(0.05, 100.0)
    )
    matrix, offset = cx.effective_matrix(crossbar)
    voltages = np.random.default_rng(9).uniform(-0.3, 0.3, 40)
    expected = solve_refined(crossbar, voltages).currents["bottom"][0].astype(float)
    apart = np.abs(voltages @ matrix + offset - expected)
    assert apart.max() <= 1e-9 * np.abs(expected).max()
