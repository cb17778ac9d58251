"""Crossbars over time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from circuitxbar.arguments import flag, positive_number, real_array, real_number, shown
from circuitxbar.array import transient as array
from circuitxbar.array.engine import refusal
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.drive_over_time import DriveOverTime
from circuitxbar.circuit.proof import LEAST_CURRENT
from circuitxbar.circuit.transient import Transient
from circuitxbar.circuit.valid import check_valid_conductances
from circuitxbar.errors import CircuitError, SolverError

_POINTS = 201


def transient(
    crossbar: Crossbar,
    waveforms: Any = None,
    column_waveforms: Any = None,
    gates: Any = None,
    *,
    stop: float,
    times: Any = None,
    tol: float = 1e-4,
    rtol: float = 1e-6,
    keep: Literal["voltages", "currents"] = "voltages",
    throw: bool = True,
    extrapolate: bool = False,
) -> Transient:
    """Currents, charges and voltages of `crossbar` over time, from its operating point at 0 on."""
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    drive = DriveOverTime.of(crossbar, waveforms, column_waveforms, gates)
    stop = positive_number("stop", stop, unit="s")
    points = np.linspace(0.0, stop, _POINTS) if times is None else real_array("times", times)
    plan = array.Plan(points, stop, tol, rtol, keep)
    with np.errstate(all="ignore"):
        record = array.transient(crossbar, drive, plan)
    return Transient(
        crossbar,
        record.times,
        record.currents,
        record.charges,
        record.kirchhoff,
        np.maximum(rtol * record.scale, LEAST_CURRENT),
        record.local_error,
        record.tolerance,
        "array",
        {"steps": record.steps, "rejected": record.rejected, "iterations": record.iterations},
        drive.single,
        record.voltages,
    )
