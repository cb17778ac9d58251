"""What a fit is given: bad data are refused by name; what was measured is at hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from devices.fitted_devices import NAMES, UPDATES, WITH_STATE, ramps, written

import circuitxbar as cx
from circuitxbar.devices.fitting.fit import fit
from circuitxbar.devices.fitting.measurements import Ramps, Sweep

ROOT = Path(__file__).parents[2]

V, CURRENT = np.linspace(-1, 1, 9), np.linspace(-1e-5, 1e-5, 9)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sweep(V, np.where(V == 0, np.nan, CURRENT)), r"current\[4\] = nan is not finite"),
        (lambda: Sweep(V[:3], CURRENT), r"voltage has shape \(3,\)"),
        (lambda: Sweep(V, CURRENT.reshape(1, 3, 3)), "current has shape"),
        (lambda: Sweep(V, np.zeros(0)), "current has shape"),
        (lambda: Sweep(V, CURRENT, [1e-5, 2e-5]), r"conductance has shape \(2,\)"),
        (lambda: Sweep(V, CURRENT, -1e-5), "conductance = .* is negative"),
        (lambda: Sweep(V, CURRENT, sigma=0.0), "sigma has entries that are not above 0"),
        (lambda: Sweep(V, CURRENT, sigma="log"), 'expected "relative"'),
        (lambda: Sweep(V, CURRENT, sigma="relative"), r"current\[4, 0\] = 0 has no relative error"),
        (
            lambda: fit("sinh", Sweep(3 * V, CURRENT), ["v0"]),
            r"v\[0, 0\] = -3 V is outside the valid",
        ),
        (lambda: fit("sinh", Sweep(V, CURRENT, 1.0), ["v0"]), "g.* is outside the valid range"),
        (
            lambda: fit("sinh", Sweep(V, CURRENT), ["v1"]),
            "no parameter in the law of its current, 'v1'",
        ),
        (lambda: fit("sinh", Sweep(V, CURRENT), ["v0", "v0"]), "parameters has 'v0' twice"),
        (lambda: fit("sinh", Sweep(V[:2], CURRENT[:2]), ["v0"]), "2 points for 2 unknowns"),
        (
            lambda: fit("sinh", Sweep({"v_d": V}, CURRENT), ["v0"]),
            "voltage has v_d; 'sinh' takes v",
        ),
        (
            lambda: fit("sinh", [Sweep(V, CURRENT), Ramps([1e-5] * 4, 1, 1)], []),
            "expected Sweeps, or",
        ),
        (lambda: fit("sinh", [], ["v0"]), "expected Sweeps, or Ramps"),
        (lambda: fit("sinh", V, ["v0"]), "expected Sweeps, or Ramps"),
        (
            lambda: fit("sinh", [Sweep(V, CURRENT), Sweep(V, CURRENT, sigma=1.0)], []),
            "sigma must be of one",
        ),
        (lambda: fit("diode", Sweep(V, CURRENT, 1e-5), []), "law of 'diode' is free of g"),
        (lambda: fit("sinh", Sweep(V[5:], -CURRENT[5:], 1e-5, "relative"), ["v0"]), "other sign"),
        (lambda: fit("sinh", Ramps([1e-5] * 4, 1, 1), ["v0"]), "no laws of pulses"),
        (lambda: fit("stanford_rram", Ramps([1e-5] * 4, 1, 1), []), "no laws of pulses"),
        (lambda: Ramps(np.array([[1e-5, np.nan]]), 1, 1), "a list with one array for each"),
        (lambda: Ramps([[1e-5, 2e-5], [1e-5]], 1, 1), r"conductances\[1\] holds 1 values"),
        (lambda: Ramps([[1e-5, 2e-5], [1e-5, np.inf]], 1, 1), r"conductances\[1\]\[1\] = inf"),
        (lambda: Ramps([1e-5, -2e-5], 1, 1), r"conductances\[1\] = .* is negative"),
        (lambda: Ramps([1e-5, 2e-5], [1, 2], 1), r"voltage has shape \(2,\)"),
        (lambda: Ramps([1e-5, 2e-5], 1, 1, one_device="yes"), "expected True or False"),
    ],
)
def test_bad_data_are_refused_by_name(make, told):
    with pytest.raises(cx.CircuitxbarError, match=told):
        make()


def test_ramps_that_the_file_does_not_speak_of_are_refused(tmp_path):
    path = written(tmp_path, UPDATES)
    g = np.linspace(1e-4, 2e-4, 9)
    for data, names, told in (
        (Ramps(g, 0.1, 1e-6), NAMES, r"pulses of 0\.1 V 'updates' knows nothing"),
        (Ramps(g, 1.0, 1.0), NAMES, "width = 1 s is outside the range"),
        (Ramps(g * 100, 1.0, 1e-6), NAMES, "g.* is too large"),
        (Ramps(g, 1.0, 1e-6), ["unused"], "no parameter in the laws of its pulses, 'unused'"),
    ):
        with pytest.raises(cx.ModelError, match=told):
            fit(path, data, names)
    path = written(tmp_path, WITH_STATE)
    with pytest.raises(cx.ModelError, match="g_on"):
        fit(path, Ramps(g / 3, 1.0, 1e-6), ["g_on"])


def test_pulses_that_end_at_the_end_of_the_range_are_left_out(tmp_path):
    path = written(tmp_path, UPDATES.replace("1e-3] }", "1.5e-4] }"))
    data = ramps(cx.device(path), 1e-4, 1.0, 40, 3, np.random.default_rng(0))
    found = fit(path, data, ["up_pulses"])
    assert len(found.residuals) < 3 * 40
    assert found.values["up_pulses"] == pytest.approx(30.0, rel=1e-6)


def test_importing_the_library_and_naming_the_devices_loads_no_scipy_optimize(tmp_path):
    code = "import sys, circuitxbar as cx; cx.devices; print('scipy.optimize' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = cx.devices.no_such_name


def test_the_measured_ramps_were_taken_in_turn():
    measured = cx.datasets.crosssim_ramps()
    assert [len(measured.up), len(measured.down)] == [39, 40]
    assert [max(map(len, ramps)) for ramps in (measured.up, measured.down)] == [192, 153]
    assert measured.up[0][0] == 0.000160588 / 0.1
    for down, up in zip(measured.down, measured.up, strict=False):
        assert abs(down[-1] - up[0]) < 5e-6  # one step
    for up, down in zip(measured.up, measured.down[1:], strict=True):
        assert abs(up[-1] - down[0]) < 1.5e-5
