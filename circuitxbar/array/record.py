"""What a transient analysis keeps: values at the points asked for, from within the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Sources, Voltages
from circuitxbar.array.stages import GAMMA, WEIGHTS
from circuitxbar.array.system import System
from circuitxbar.circuit.motion import Motion, States


@dataclass(frozen=True, eq=False)
class Moment:
    """One of the three points of a step that its stages know, (..., width).

    sensed : (lines, width), A, out of the array, without what capacitors on ideal sources take.
    charge : of those capacitors, since the beginning of the step, (lines, width), C.
    """

    sources: Sources
    voltages: Voltages
    sensed: Array
    charge: Array


@dataclass(frozen=True, eq=False)
class Step:
    """A step of every vector of a block, from `start`, (width,), s, of the `length`."""

    start: Array
    length: Array
    before: Moment
    between: Moment
    now: Moment

    @property
    def charge(self) -> Array:
        """What leaves at the sensed ends during the step, (lines, width), C."""
        moments = (self.before, self.between, self.now)
        mean = sum(w * moment.sensed for w, moment in zip(WEIGHTS, moments, strict=True))
        return self.length * mean - self.now.charge


@dataclass(frozen=True, eq=False)
class Record:
    """The transients of a batch; see circuit.transient.Transient. Not a number where none is.

    states, last_states : by name, of those that move.
    steps, rejected : (batch,), in time.  iterations : of all linear solves.
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
        system: System, times: Array, tolerance: Array, keep: str, motion: Motion | None
    ) -> Record:
        """One for all vectors of `drive`, to be filled in."""
        crossbar, batch = system.crossbar, len(tolerance)
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

    def put(
        self, points: slice, system: System, vector: int, lane: int, step: Step, before: Array
    ) -> None:
        """Fill in the `points` of `vector` within `step`, which it took in the `lane`.

        before : charge of all steps before, (lines,), C.
        Currents and voltages are parabolas through all three moments of the step.
        """
        length = float(step.length[lane])
        x = ((self.times[points] - step.start[lane]) / length)[:, None]
        between = x * (x - 1) / (GAMMA * (GAMMA - 1))
        now = x * (x - GAMMA) / (1 - GAMMA)
        i0, i1, i2 = (m.sensed[:, lane] for m in (step.before, step.between, step.now))
        q1, q2 = step.between.charge[:, lane], step.now.charge[:, lane]
        by_between, by_now = (2 * x - 1) / (GAMMA * (GAMMA - 1)), (2 * x - GAMMA) / (1 - GAMMA)
        self.currents[vector, points] = (
            i0 + between * (i1 - i0) + now * (i2 - i0) - (by_between * q1 + by_now * q2) / length
        )
        # The cubic that has the step's charge, and the currents at its ends as slopes.
        through = step.charge[:, lane] + q2
        self.charges[vector, points] = (
            before
            + (3 - 2 * x) * x**2 * through
            + length * (x * (1 - x) ** 2 * i0 - x**2 * (1 - x) * i2)
            - (between * q1 + now * q2)
        )
        if self.voltages is not None:
            self._put_voltages(points, system, vector, lane, step, (x, between, now))

    def put_states(self, points: slice, vector: int, found: States) -> None:
        """Fill in what moves, (points or none, rows, columns)."""
        if self.states is not None:
            for name, values in found.items():
                self.states[name][vector, points] = values

    def _put_voltages(
        self, points: slice, system: System, vector: int, lane: int, step: Step, at: Sequence[Array]
    ) -> None:
        assert self.voltages is not None
        rows, columns = system.crossbar.shape
        x, between, now = (part[:, :, None] for part in at)
        moments = (step.before, step.between, step.now)

        def deviation(name: str) -> Array:
            parts = (getattr(m.voltages, name).reshape(rows, columns, -1) for m in moments)
            v0, v1, v2 = (part[:, :, lane] for part in parts)
            return v0 + between * (v1 - v0) + now * (v2 - v0)

        p0, p1 = step.before.sources.potentials[:, lane], step.now.sources.potentials[:, lane]
        potential = (p0 + x[:, :, 0] * (p1 - p0))[:, :, None]
        row = deviation("row") + potential[:, :rows]
        column = deviation("column") + potential[:, rows:].transpose(0, 2, 1)
        self.voltages["row"][vector, points] = row
        self.voltages["column"][vector, points] = column
        if "inner" in self.voltages:
            inner = deviation("inner")
            by_row = system.crossbar.selector is not None
            self.voltages["inner"][vector, points] = row - inner if by_row else column + inner
