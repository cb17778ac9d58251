"""A fall too narrow to be sampled is seen where an answer lies on it; no bound is claimed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

import circuitxbar as cx
from circuitxbar.circuit.crossbar import load
from circuitxbar.solving.engines import present_engines

DIP = 0.123456  # V
IDEAL = cx.Wires(0.0, 0.0)
ENGINES = [name for name in ("array", "nodal", "ngspice") if name in present_engines()]
TOLD = "a current falls with the voltage though its device is declared monotone"


def with_dip(folder: Path, monotone: bool = True) -> cx.Device:
    """g v, but for a fall by 0.6 uV g within 0.1 uV, which no sample of 1 V / 1000 meets."""
    path = folder / "dip.toml"
    path.write_text(
        'name = "dip"\ntitle = "A narrow fall"\nsource = "made up for a test"\n'
        f'terminals = ["p", "n"]\npassive = true\nmonotone = {str(monotone).lower()}\n'
        f'[current]\nlaw = "g * (v - 3e-7 * (tanh((v - {DIP}) / 1e-7) + 1))"\n'
        "valid = { v = [-1.0, 1.0], g = [0.0, 1e-2] }\n"
    )
    return cx.device(path)


CELLS: dict[str, dict[str, Any]] = {
    "1R": {},
    "1S1R": {"selector": "exponential_selector"},
    "1T1R": {"transistor": "ekv_transistor"},
}


def on_the_dip(device: cx.Device, cells: str) -> tuple[cx.Crossbar, Any, dict[str, Any]]:
    """Three vectors, of which the middle one puts the cell 0, 0 where its current falls."""
    options = CELLS[cells]
    crossbar = cx.Crossbar([[1e-3], [1e-4]], device, wires=IDEAL, **options)
    gates = {"gates": 3.0} if "transistor" in options else {}

    def apart(drive: float) -> float:
        solution = cx.solve(crossbar, [drive, 0.0], engine="nodal", throw=False, **gates)
        return float(solution.memory_voltages[0, 0]) - DIP

    drive = DIP if cells == "1R" else brentq(apart, 0.1, 0.95, xtol=1e-9)
    return crossbar, [[0.05, 0.05], [drive, 0.05], [0.05, 0.0]], gates


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cells", CELLS)
def test_no_bound_is_claimed_where_a_current_falls(tmp_path: Path, cells: str, engine: str):
    crossbar, voltages, gates = on_the_dip(with_dip(tmp_path), cells)
    solution = cx.solve(crossbar, voltages, engine=engine, throw=False, **gates)
    assert solution.memory_voltages[1, 0, 0] == pytest.approx(DIP, abs=1e-7)
    assert list(solution.converged) == [True, False, True]
    assert solution.error_bound[1] == np.inf
    assert solution.status == ["converged", TOLD, "converged"]
    with pytest.raises(
        cx.SolverError, match=r"Vector 1 did not converge: .*'dip'.*monotone"
    ) as told:
        cx.solve(crossbar, voltages, engine=engine, **gates)
    assert told.value.vectors == (1,)
    assert "Set monotone = false" in str(told.value)


def test_of_a_device_that_is_not_declared_monotone_nothing_is_said(tmp_path: Path):
    crossbar, voltages, _ = on_the_dip(with_dip(tmp_path, monotone=False), "1R")
    solution = cx.solve(crossbar, voltages)
    assert solution.converged.all()
    assert np.isfinite(solution.error_bound).all()


def test_with_streamed_currents_too(tmp_path: Path):
    crossbar, voltages, _ = on_the_dip(with_dip(tmp_path), "1R")
    many = np.tile(voltages, (5, 1))
    for engine in ("array", "nodal"):
        solution = cx.solve(crossbar, many, engine=engine, keep="currents", throw=False)
        assert list(solution.converged) == [True, False, True] * 5


def test_what_the_array_engine_leaves_nodal_leaves_too(tmp_path: Path):
    device = with_dip(tmp_path)
    crossbar = cx.Crossbar(np.full((16, 16), 1e-4), device, wires=IDEAL)
    voltages = np.full((8, 16), 0.05)
    voltages[3, 7] = DIP
    solution = cx.solve(crossbar, voltages, throw=False)
    assert solution.engine == "array, nodal"
    assert list(np.flatnonzero(~solution.converged)) == [3]
    assert solution.status[3] == TOLD


def test_a_fall_outside_the_valid_range_is_told_as_such(tmp_path: Path):
    """Below 0.1 V this law rises, and its file speaks of no more."""
    path = tmp_path / "bent.toml"
    path.write_text(
        'name = "bent"\ntitle = "t"\nsource = "made up"\nterminals = ["p", "n"]\npassive = true\n'
        'monotone = true\n[current]\nlaw = "g * v * exp(1 - abs(v) / 0.1)"\n'
        "valid = { v = [-0.1, 0.1], g = [0.0, 1e-2] }\n"
    )
    crossbar = cx.Crossbar([[1e-4]], str(path), wires=IDEAL)
    assert cx.solve(crossbar, [0.09]).converged
    with pytest.raises(cx.CircuitError, match=r"is at 0\.2 V, outside the valid range"):
        cx.solve(crossbar, [0.2])
    beyond = cx.solve(crossbar, [0.2], extrapolate=True, throw=False)
    assert not beyond.converged
    assert beyond.status == TOLD


def test_a_saved_crossbar_is_held_to_its_claims(tmp_path: Path):
    crossbar = cx.Crossbar([[1e-4]], with_dip(tmp_path))
    text = crossbar.device.text.replace("3e-7", "0.3")
    object.__setattr__(crossbar.device, "text", text)
    crossbar.save(tmp_path / "saved.npz")
    with pytest.raises(cx.NetlistError, match=r"damaged.*claims monotone = true, but"):
        load(tmp_path / "saved.npz")
