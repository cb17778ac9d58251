"""A linear array as its lines see it: batches of any size for a fixed number of solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array
from circuitxbar.circuit.cells import conductance_slope
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import SIDES, Driven, Floating, Grounded
from circuitxbar.errors import CircuitError
from circuitxbar.solving import solve


@dataclass(frozen=True, eq=False)
class LinearResponse:
    """What `outputs` sums of sensed currents do for any inputs, without an approximation.

    combinations : (outputs, sensed lines), what each output sums.
    reads : the array read from its sensed side, one vector per output (reciprocity).
    matrix : (driven lines, outputs), S: outputs == voltages @ matrix.
    Made by `linear_response`.
    """

    crossbar: Crossbar
    combinations: Array
    reads: Solution
    matrix: Array

    def conductance_gradient(self, voltages: Any, d_outputs: Any) -> Array:
        """d(loss)/d(conductances), (rows, columns), for a batch, by one solve per output.

        voltages : (batch, driven lines), V.  d_outputs : (batch, outputs), loss per A.
        Cell voltages are linear in `voltages` and potentials of the adjoint in `d_outputs`; the
        sum over the batch of their products needs no more than voltages.T @ d_outputs.
        """
        lines, outputs = self.matrix.shape
        voltages = real_array("voltages", voltages, unit="V", shape=(None, lines))
        d_outputs = real_array("d_outputs", d_outputs, shape=(len(voltages), outputs))
        joined = solve(self.crossbar, (voltages.T @ d_outputs).T, extrapolate=True)
        slope = conductance_slope(self.crossbar, joined.kept_nodes())
        return -(self.reads.cell_voltages * slope).sum(axis=0)


def has_linear_response(crossbar: Crossbar) -> bool:
    """Whether `crossbar` is what linear_response takes.

    Linear cells of one element, no source but the Driven ends of either rows or columns, and the
    lines across from them Grounded at one end only.
    """
    ends = [getattr(crossbar, side) for side in SIDES]
    across = ("bottom", "top") if crossbar.drives_rows else ("left", "right")
    sensed = [side for side in across if isinstance(getattr(crossbar, side), Grounded)]
    return (
        crossbar.is_linear
        and len(crossbar.cell_elements) == 1
        and all(isinstance(end, Driven | Grounded | Floating) for end in ends)
        and crossbar.drives_rows != crossbar.drives_columns
        and len(sensed) == 1
    )


def linear_response(crossbar: Crossbar, combinations: Any) -> LinearResponse:
    """The LinearResponse of `crossbar` for sums of its sensed currents, by one solve per sum.

    combinations : (outputs, sensed lines).  Raises CircuitError for arrays that
    has_linear_response refuses, SolverError where a read does not reach the accuracy of `solve`.
    """
    if not has_linear_response(crossbar):
        raise CircuitError(
            "linear_response needs linear cells, rows or columns Driven, and the lines across from "
            "them Grounded at one end. Use solve and gradient."
        )
    lines = crossbar.lines(crossbar.sensed_sides[0])
    combinations = real_array("combinations", combinations, shape=(None, lines))
    reads = solve(crossbar.transpose(), combinations, extrapolate=True)
    driven = [side for side in SIDES if isinstance(getattr(crossbar, side), Driven)]
    currents = np.sum([getattr(reads.terminal_currents, side) for side in driven], axis=0)
    return LinearResponse(crossbar, combinations, reads, currents.T)
