"""Values at the points asked for, from within the steps of a transient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from circuitxbar.arguments import Array
from circuitxbar.array.block import Sources, Voltages
from circuitxbar.array.stages import GAMMA, WEIGHTS
from circuitxbar.array.system import System
from circuitxbar.circuit.record import Record


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


def put(
    record: Record,
    points: slice,
    system: System,
    vector: int,
    lane: int,
    step: Step,
    before: Array,
) -> None:
    """Fill into `record` the `points` of `vector` within `step`, which it took in the `lane`.

    before : charge of all steps before, (lines,), C.
    Currents and voltages are parabolas through all three moments of the step.
    """
    length = float(step.length[lane])
    x = ((record.times[points] - step.start[lane]) / length)[:, None]
    between = x * (x - 1) / (GAMMA * (GAMMA - 1))
    now = x * (x - GAMMA) / (1 - GAMMA)
    i0, i1, i2 = (m.sensed[:, lane] for m in (step.before, step.between, step.now))
    q1, q2 = step.between.charge[:, lane], step.now.charge[:, lane]
    by_between, by_now = (2 * x - 1) / (GAMMA * (GAMMA - 1)), (2 * x - GAMMA) / (1 - GAMMA)
    record.currents[vector, points] = (
        i0 + between * (i1 - i0) + now * (i2 - i0) - (by_between * q1 + by_now * q2) / length
    )
    # The cubic that has the step's charge, and the currents at its ends as slopes.
    through = step.charge[:, lane] + q2
    record.charges[vector, points] = (
        before
        + (3 - 2 * x) * x**2 * through
        + length * (x * (1 - x) ** 2 * i0 - x**2 * (1 - x) * i2)
        - (between * q1 + now * q2)
    )
    if record.voltages is not None:
        for kind, values in _voltages(system, lane, step, (x, between, now)).items():
            record.voltages[kind][vector, points] = values


def _voltages(system: System, lane: int, step: Step, at: Sequence[Array]) -> dict[str, Array]:
    """Of each kind of node, (points, rows, columns), V."""
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
    found = {"row": row, "column": column}
    if len(system.crossbar.cell_elements) > 1:
        inner = deviation("inner")
        found["inner"] = row - inner if system.crossbar.selector is not None else column + inner
    return found
