"""What a transient of a crossbar keeps, whichever engine makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.motion import Motion, States

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


@dataclass(frozen=True, eq=False)
class Record:
    """The transients of a batch, to be filled in; see circuit.transient.Transient.

    times : (points,), s.  currents, charges : (batch, points, lines), sensed, A and C.
    voltages : "row", "column", "inner" -> (batch, points, rows, columns), V; None where not kept.
    states : of those that move, by name, likewise.  last_states : (batch, rows, columns).
    The rest is (batch,): kirchhoff, scale : A, the largest sum of |Kirchhoff errors| and the
    largest terminal current.  local_error, state_error : V, and of the range of a state, the most
    that a step added; tolerance : V, what it was allowed to.  steps, rejected, iterations : counts.
    """

    times: Array
    currents: Array
    charges: Array
    voltages: dict[str, Array] | None
    states: dict[str, Array] | None
    last_states: dict[str, Array]
    kirchhoff: Array
    scale: Array
    local_error: Array
    state_error: Array
    tolerance: Array
    steps: np.ndarray
    rejected: np.ndarray
    iterations: np.ndarray

    @staticmethod
    def empty(
        crossbar: Crossbar, motion: Motion | None, times: Array, tolerance: Array, keep: str
    ) -> Record:
        """One for all vectors; not a number where nothing is filled in."""
        batch = len(tolerance)
        lines = crossbar.lines(crossbar.sensed_sides[0])
        currents, charges = np.full((2, batch, len(times), lines), np.nan)
        kinds = ["row", "column"] + ["inner"] * (len(crossbar.cell_elements) > 1)
        names = [] if motion is None else list(motion.start)
        last = {name: np.full((batch, *crossbar.shape), np.nan) for name in names}
        voltages = states = None
        if keep == "voltages":
            shape = batch, len(times), *crossbar.shape
            voltages = {kind: np.full(shape, np.nan) for kind in kinds}
            states = {name: np.full(shape, np.nan) for name in names}
        kirchhoff, scale, error, state_error = np.zeros((4, batch))
        counts = np.zeros((3, batch), dtype=np.int64)
        return Record(
            times, currents, charges, voltages, states, last,
            kirchhoff, scale, error, state_error, tolerance, *counts,
        )  # fmt: skip

    def put_states(self, points: slice, vector: int, found: States) -> None:
        """Fill in what moves, (points or none, rows, columns)."""
        if self.states is not None:
            for name, values in found.items():
                self.states[name][vector, points] = values
