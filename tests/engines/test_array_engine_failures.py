"""The array engine tells what it could not do, of which vectors, and what it does not take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.solved_arrays import CELLS, COLUMNS, ROWS, SAME, array, chosen, loaded, solved
from hypothesis import event, given, settings
from reference.arrays import Case, cases
from reference.dense_solver import SIDES

import circuitxbar as cx
from circuitxbar.devices.device import Device


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

    potentials, sound = engine.potentials, solved(cells).proof

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
        apart = solution.proof.currents[side] - sound.currents[side][:10]
        largest = sound.largest_current[:10]
        assert (np.abs(apart).max(axis=1) <= SAME * largest)[others].all()


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
