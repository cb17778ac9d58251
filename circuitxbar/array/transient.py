"""Transients by the array engine: steps in time, as long as the error that they make allows.

Each vector is at a time of its own, with steps of its own, so that its answer does not depend on
its neighbours in the block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Sources, Workspace
from circuitxbar.array.checks import check_connected
from circuitxbar.array.course import Course
from circuitxbar.array.engine import WIDTH, in_threads
from circuitxbar.array.moving import MovingStages
from circuitxbar.array.record import Moment, Step, put
from circuitxbar.array.stages import DIFFERENCE, GAMMA, WEIGHTS, Capacitors, Settled, Stages
from circuitxbar.array.system import System
from circuitxbar.circuit.drive_over_time import CLOSE, DriveOverTime
from circuitxbar.circuit.motion import Motion
from circuitxbar.circuit.proof import LEAST_CURRENT
from circuitxbar.circuit.record import Record
from circuitxbar.circuit.valid import check_valid_voltages

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

_FIRST = 0.01  # of the first stretch between breakpoints
_SHRINK, _GROW, _SAFETY, _RETREAT = 0.05, 4.0, 0.85, 0.25
_CHARGE = 0.25  # of `tol` times the largest current, for what charges may be off
_SHORTEST = 1e-13  # of the whole time: a shorter step is none


@dataclass(frozen=True, eq=False)
class Plan:
    """What is asked for.

    times : to be kept, s, from 0 to at most `stop`.
    tol : of a vector's swing, what a step may add to the error of any node voltage; of its range,
    the same for a state that moves.
    rtol : largest error bound of any step, relative to the vector's largest terminal current.
    keep : "voltages", or "currents".
    span : V, within which the laws of all devices hold; inf where no voltage can leave that.
    extrapolate : whether states may move conductances out of the range of the law.
    """

    times: Array
    stop: float
    tol: float
    rtol: float
    keep: str
    span: float
    extrapolate: bool


def transient(crossbar: Crossbar, drive: DriveOverTime, plan: Plan) -> Record:
    """The transients of all vectors of `drive`.

    Where states move every vector has cells of its own, and goes alone.
    """
    vectors = [drive.of_vector(k) for k in range(drive.batch)]
    start = vectors[0].at(np.zeros(1))
    system = System.of(crossbar, start.ends)
    check_connected(crossbar, start, system.lines)
    motion = Motion.of(crossbar)
    width = 1 if drive.batch == 1 or motion is not None else WIDTH
    tolerance = np.array([plan.tol * vector.swing(plan.stop) for vector in vectors])
    record = Record.empty(crossbar, motion, plan.times, tolerance, plan.keep)
    farads = Capacitors.of(system)

    def run(block: slice, work: Workspace) -> None:
        course = Course(system, vectors[block], width, plan.stop)
        given = farads, course.at(course.start), work, plan.rtol
        if motion is None:
            stages = Stages(system, *given)
        else:
            own = replace(system, law=system.any_law)  # with parameters of its own
            stages = MovingStages(own, *given, motion, plan.tol)
        _March(stages, course, plan, record, block).run()

    in_threads(run, [slice(k, min(k + width, drive.batch)) for k in range(0, drive.batch, width)])
    return record


class _March:
    """The vectors of one block on their way from 0 to the end."""

    def __init__(
        self,
        stages: Stages,
        course: Course,
        plan: Plan,
        record: Record,
        vectors: slice,
    ) -> None:
        self.system, self.plan, self.record = stages.system, plan, record
        self.stages, self.course = stages, course
        self.first, self.count = vectors.start, vectors.stop - vectors.start
        self.width = width = stages.width
        self.time = np.zeros(width)
        lanes = np.minimum(np.arange(width), self.count - 1)
        self.tolerance = record.tolerance[self.first + lanes]
        self.active = np.ones(width, dtype=bool)
        self.wanted = _FIRST * self.course.end
        self.length = np.ones(width)  # of the last step that was accepted
        # What was right after the last breakpoint is tried after the next one.
        self.afresh, self.opening = self.wanted, np.ones(width, dtype=bool)
        at_rest = self.stages.at_rest
        self.currents, self.charge = at_rest.currents, np.zeros_like(self._sensed(at_rest.currents))
        self.scale, self.kirchhoff = at_rest.scale.copy(), at_rest.bound.copy()
        self.error, self.state_error = np.zeros((2, width))
        self.steps, self.rejected = np.zeros((2, width), dtype=np.int64)
        self._put_start()

    def run(self) -> None:
        """Go to the end, and fill in the record."""
        while self.active.any():
            self._step()
        record, here = self.record, slice(self.first, self.first + self.count)
        for name, values in (
            ("kirchhoff", self.kirchhoff),
            ("scale", self.scale),
            ("local_error", self.error),
            ("state_error", self.state_error),
            ("steps", self.steps),
            ("rejected", self.rejected),
            ("iterations", self.stages.iterations),
        ):
            getattr(record, name)[here] = values[: self.count]
        for name, state in self.stages.states.items():
            record.last_states[name][here] = state

    def _step(self) -> None:
        stages, active, course = self.stages, self.active, self.course
        end, landing = self._end()
        length = end - self.time
        sources = course.at(self.time)
        before = Moment(sources, stages.before, self._sensed(self.currents), 0 * self.charge)
        stages.begin(1 / (WEIGHTS[2] * length), sources)

        at_first = course.at(self.time + GAMMA * length)
        first = stages.first(at_first, GAMMA * length / self.length, active, self.scale)
        between = self._moment(first)
        sources_at_end = course.at(end)
        last = stages.second(sources_at_end, active & first.done, self.scale)
        now = self._moment(last)

        done = first.done & last.done
        scale = np.maximum(self.scale, np.maximum(first.balance.scale, last.balance.scale))
        error = stages.local_error(active & done)
        share = np.maximum(error / self.tolerance, self._charge_share(first, last, length, scale))
        state_error = stages.state_error(active & done)
        share = np.maximum(share, state_error / self.plan.tol)
        accepted = active & done & (share <= 1)
        factor = np.clip(_SAFETY * np.maximum(share, 1e-9) ** (-1 / 3), _SHRINK, _GROW)
        factor = np.where(done & np.isfinite(factor), factor, _RETREAT)

        step = Step(self.time, length, before, between, now)
        self._keep(step, end, accepted)
        self.charge = np.where(accepted, self.charge + step.charge, self.charge)
        self.currents = np.where(accepted, last.balance.currents, self.currents)
        self.scale = np.where(accepted, scale, self.scale)
        bound = np.maximum(first.balance.bound, last.balance.bound)
        self.kirchhoff = np.where(accepted, np.maximum(self.kirchhoff, bound), self.kirchhoff)
        self.error = np.where(accepted, np.maximum(self.error, error), self.error)
        worst = np.maximum(self.state_error, state_error)
        self.state_error = np.where(accepted, worst, self.state_error)
        stages.accept(accepted, active)
        self._check(accepted, sources_at_end)
        self._choose(accepted, landing, length, factor)
        self.time = np.where(accepted, end, self.time)
        self.length = np.where(accepted, length, self.length)
        self.steps += accepted
        self.rejected += active & ~accepted
        self._turn(accepted & landing)
        self._give_up(active & ~accepted & (self.wanted < _SHORTEST * self.plan.stop))

    def _end(self) -> tuple[Array, np.ndarray]:
        """Where the steps end, s, and which of them end at a breakpoint, (width,).

        What is left of a stretch is shared out evenly where two steps or fewer make it.
        """
        left = self.course.end - self.time
        landing = self.wanted >= left * (1 - 1e-9)
        halves = 2 * self.wanted >= left
        end = self.time + np.where(halves, left / 2, self.wanted)
        return np.where(landing, self.course.end, end), landing

    def _charge_share(self, first: Settled, last: Settled, length: Array, scale: Array) -> Array:
        """The error of the charge of any terminal, of what it may be, (width,).

        That is, in a stretch between breakpoints, a part of the largest current all along.
        """
        moments = (self.currents, first.balance.currents, last.balance.currents)
        parts = [weight * part for weight, part in zip(DIFFERENCE, moments, strict=True)]
        error = np.abs(sum(parts)).max(axis=0) * length
        stretch = self.course.end - self.course.start
        return error / (_CHARGE * self.plan.tol * (scale + LEAST_CURRENT) * stretch)

    def _choose(
        self, accepted: np.ndarray, landing: np.ndarray, length: Array, factor: Array
    ) -> None:
        """The length of the next steps."""
        proposed = length * factor
        cut_short = accepted & (length < self.wanted * (1 - 1e-9))
        self.wanted = np.where(cut_short, np.maximum(proposed, self.wanted), proposed)
        opening = accepted & self.opening
        self.afresh = np.where(opening, proposed, self.afresh)
        self.opening = (self.opening & ~accepted) | (accepted & landing)
        at_kink = np.minimum(self.afresh, self.wanted)
        self.wanted = np.where(accepted & landing, at_kink, self.wanted)

    def _turn(self, lanes: np.ndarray) -> None:
        """Let vectors that reached a breakpoint enter the next stretch, or end."""
        ended = self.course.turn(lanes)
        self.active &= ~ended
        self.time = np.where(ended, self.course.start, self.time)

    def _give_up(self, lanes: np.ndarray) -> None:
        """Leave vectors whose steps have become nothing where they are.

        ModelError where that is for rates of states.
        """
        if lanes.any() and self.stages.problem is not None:
            raise self.stages.problem
        self.active &= ~lanes
        self.kirchhoff[lanes] = self.error[lanes] = np.inf

    def _check(self, accepted: np.ndarray, sources: Sources) -> None:
        """CircuitError where a device is where its law does not cover it."""
        if accepted.any() and not self.plan.extrapolate:
            self.stages.check_states()
        if np.isinf(self.plan.span):
            return
        far = accepted & (2 * self.stages.reach(sources) > self.plan.span)
        far[self.count :] = False
        if far.any():
            found = self.stages.nodes(sources)
            check_valid_voltages(self.system.crossbar, found, far, self.first + np.arange(len(far)))

    def _sensed(self, currents: Array) -> Array:
        """The sensed ones of terminal currents, (lines, width), A."""
        ends = self.system.lines.ends
        return np.sum([currents[ends[s]] for s in self.system.crossbar.sensed_sides], axis=0)

    def _moment(self, settled: Settled) -> Moment:
        """The present stage."""
        sources = self.stages.block.sources
        sensed = self._sensed(settled.balance.currents)
        return Moment(sources, self.stages.now, sensed, self.stages.charge(sources))

    def _keep(self, step: Step, end: Array, accepted: np.ndarray) -> None:
        """Put the points within the steps `accepted`, or as good as at their end, into the record.

        Currents that jump at a breakpoint are thus those before it, however that is rounded.
        """
        times, close = self.plan.times, CLOSE * self.plan.stop
        for lane in np.flatnonzero(accepted[: self.count]).tolist():
            first = self.next[lane]
            last = int(np.searchsorted(times, end[lane] + close, side="right"))
            if last > first:
                points, vector = slice(first, last), self.first + lane
                charge = self.charge[:, lane]
                put(self.record, points, self.system, vector, lane, step, charge)
                elapsed = times[points] - self.time[lane]
                self.record.put_states(points, vector, self.stages.states_at(elapsed))
                self.next[lane] = last

    def _put_start(self) -> None:
        self.next = np.ones(self.width, dtype=np.int64)
        sources = self.stages.block.sources
        here = Moment(sources, self.stages.before, self._sensed(self.currents), self.charge)
        step = Step(self.time, self.length, here, here, here)
        for lane in range(self.count):
            vector, first, charge = self.first + lane, slice(0, 1), self.charge[:, lane]
            put(self.record, first, self.system, vector, lane, step, charge)
            self.record.put_states(first, vector, self.stages.states)
