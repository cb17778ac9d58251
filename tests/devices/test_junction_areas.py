"""Areas, perimeters and squares of the drain and source of field-effect transistors, as ngspice."""

from __future__ import annotations

import numpy as np
import pytest
from devices.junction_witness import Bench
from devices.test_semiconductors import SIZES, SQUARE, bias_points
from reference.newest_ngspice import needs_ngspice_46

from circuitxbar.circuit.group import ModelCard

ENDS = {"ad": 4e-12, "as": 7e-12, "pd": 9e-6, "ps": 13e-6, "nrd": 0.4, "nrs": 1.5}
LAYERS = {"cj": 3e-4, "mj": 0.42, "cjsw": 4e-10, "mjsw": 0.31, "pb": 0.75, "js": 2e-5, "fc": 0.45}
BENCHES = {
    "all": ({**SQUARE, **LAYERS}, ENDS),
    "no ends": ({**SQUARE, **LAYERS}, {}),
    "one area": ({**SQUARE, **LAYERS}, {"ad": 4e-12, "pd": 9e-6}),
    "default grading": ({**SQUARE, "cj": 3e-4, "cjsw": 4e-10}, ENDS),
    "one capacitance given": ({**SQUARE, **LAYERS, "cbd": 2e-14}, ENDS),
    "none given of one": ({**SQUARE, **LAYERS, "cbs": 0.0}, ENDS),
    "a density without a current": ({**SQUARE, **LAYERS, "is": 0.0}, {"ad": 4e-12}),
}
SHEETS = {
    "squares": ({"rsh": 30.0}, ENDS),
    "one square": ({"rsh": 30.0}, {}),
    "one resistance given": ({"rsh": 30.0, "rs": 11.0}, ENDS),
}


def _bench(case: tuple[dict, dict], type: str = "nmos", further: dict | None = None) -> Bench:
    card, ends = case
    return Bench(ModelCard("dut", type, {**card, **(further or {})}), {**SIZES, **ends})


@needs_ngspice_46
@pytest.mark.parametrize("type", ["nmos", "pmos"])
@pytest.mark.parametrize("name", BENCHES)
def test_currents_and_capacitances_are_those_of_ngspice(name: str, type: str):
    bench = _bench(BENCHES[name], type)
    points = bias_points(bench, 40)
    law, _, mine = bench.by_law(points)
    spice = bench.by_ngspice(points)
    _, theirs = bench.small_signals_by_ngspice(points)
    largest = np.abs(spice).max(axis=1, keepdims=True)
    assert np.all(np.abs(law - spice) <= 1e-9 * largest + 1e-18)
    assert np.all(np.abs(mine - theirs) <= 1e-6 * np.abs(theirs).max() + 1e-24)
    if name not in ("no ends", "none given of one"):
        assert np.abs(theirs).max() > 1e-15


@needs_ngspice_46
@pytest.mark.parametrize("name", SHEETS)
def test_sheet_resistances_are_those_of_ngspice(name: str):
    bench = _bench(SHEETS[name], further=SQUARE)
    points = bias_points(bench, 24)
    law, spice = bench.by_law(points)[0], bench.by_ngspice(points)
    largest = np.abs(spice).max(axis=1, keepdims=True)
    rounding = 4 * np.spacing(np.abs(points).max()) * SIZES["m"] / 11.0
    assert np.all(np.abs(law - spice) <= 1e-9 * largest + rounding)
    without = _bench(({}, {}), further=SQUARE).by_law(points)[0]
    assert np.abs(without - spice).max() > 1e-3 * np.abs(spice).max()
