"""Linear arrays as matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import SIDES, Driven, Side
from circuitxbar.errors import CircuitError
from circuitxbar.solving.arrays import signals_only, solved, sum_over
from circuitxbar.solving.engines import engine_for_array
from circuitxbar.solving.failures import raise_unless_converged

_RTOL = 1e-9


class EffectiveMatrix(tuple[Array, Array]):
    """The pair (T, offset) with currents == voltages @ T + offset, and how far it may be off.

    T : (driven lines, sensed lines), S.  offset : (sensed lines,), A.
    bound : (driven lines, sensed lines), S, on the error of every entry of T.
    offset_bound : A, on that of every entry of offset.
    """

    bound: Array
    offset_bound: float

    def error_bound(self, voltages: Any) -> Array:
        """The largest error of voltages @ T + offset of each vector, (batch,) or a number, A.

        voltages : (batch, driven lines) or (driven lines,), V.  The rounding of the product itself
        is included.
        """
        matrix, offset = self
        lines = len(matrix)
        voltages = real_array("voltages", voltages, unit="V")
        if voltages.ndim not in (1, 2) or voltages.shape[-1] != lines:
            raise CircuitError(
                f"voltages has shape {voltages.shape}; expected ({lines},) or (batch, {lines})."
            )
        rounding = (lines + 1) * np.finfo(float).eps
        of_matrix = np.abs(voltages) @ (self.bound + rounding * np.abs(matrix))
        return of_matrix.max(axis=-1) + (self.offset_bound + rounding * np.abs(offset).max())


def effective_matrix(crossbar: Crossbar) -> EffectiveMatrix:
    """(T, offset) with currents == voltages @ T + offset, wires and held ends included.

    Its `error_bound(voltages)` is that of these currents.

    T : (driven lines, sensed lines), S.  offset : (sensed lines,), A.  Linear cells only.
    By reciprocity it takes as many solves as there are driven or sensed lines, whichever is less.
    Raises CircuitError where rows and columns are both Driven, or nothing is.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    if not crossbar.is_linear:
        names = " + ".join(device.name for device in crossbar.devices.values())
        raise CircuitError(
            f"effective_matrix needs linear cells; {names} is not linear. Use solve and gradient."
        )
    if crossbar.drives_rows == crossbar.drives_columns:
        raise CircuitError(
            "effective_matrix needs an array that is driven on its rows or on its columns alone. "
            "Make one of them Driven(), and hold or ground the other."
        )
    driven = _driven(crossbar)
    sensed = crossbar.sensed_sides
    inputs, outputs = crossbar.lines(driven[0]), crossbar.lines(sensed[0])
    forward = inputs <= outputs
    signals = np.eye(min(inputs, outputs))
    nothing = Drive.of(crossbar, np.zeros(inputs))
    drive = signals_only(
        nothing, dict.fromkeys(driven if forward else sensed, signals), len(signals)
    )
    quiet, unit = _by("auto", crossbar, nothing, drive)
    if not (quiet.converged and np.all(unit.converged)):
        quiet, unit = _by("nodal", crossbar, nothing, drive)
    raise_unless_converged(quiet)
    raise_unless_converged(unit)
    currents, bound = unit.proof.currents, unit.proof.error_bound
    matrix = sum_over(currents, sensed) if forward else sum_over(currents, driven).T
    found = EffectiveMatrix((matrix, quiet.currents))
    found.bound = np.broadcast_to(bound[:, None] if forward else bound, matrix.shape).copy()
    found.bound *= len(sensed if forward else driven)  # currents of both ends are added up
    found.offset_bound = float(quiet.error_bound) * len(sensed)
    return found


def _by(engine: str, crossbar: Crossbar, nothing: Drive, drive: Drive) -> tuple[Solution, Solution]:
    """The answers of the engine that `engine` stands for to no signal, and to those of `drive`."""
    name = engine_for_array(engine, crossbar, drive.batch)
    quiet = solved(crossbar, nothing, name, None, _RTOL, "voltages", True)
    # So much better than asked for, that the bounds of all lines together are within it.
    rtol = _RTOL / crossbar.lines(_driven(crossbar)[0])
    unit = solved(crossbar, drive, name, quiet, rtol, "currents", True)
    return quiet, replace(unit, rtol=_RTOL)


def _driven(crossbar: Crossbar) -> list[Side]:
    return [side for side in SIDES if isinstance(getattr(crossbar, side), Driven)]
