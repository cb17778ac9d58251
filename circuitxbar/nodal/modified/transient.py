"""Circuits over time, by steps whose length follows their own error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.errors import SolverError
from circuitxbar.nodal.modified.integration import Formula, Point, formula
from circuitxbar.nodal.modified.newton import Equations, Found, solve
from circuitxbar.nodal.modified.starting import same
from circuitxbar.nodal.modified.system import Closed, System

_FIRST = 1e-3  # of the way to the next corner: a first step behind one
_GROWTH = 2.0
_SAFETY = 0.8
_NEWTON_STEPS = 30
_REJECTIONS = 60  # in a row
_FLOOR = 1e-3  # of the largest voltage, or current: what smaller ones may be off by as much
_LEAST = (1e-9, 1e-15)  # V and A; smaller values may be off by as much
_MOST_POINTS = 5_000_000
_AT_ONCE = 1e-11  # of all the time: a step in which charges do not move
_JUMPS = 3  # such steps, which leave nothing of what is much faster
_SAME_TIME = 1e-14  # of all the time
_LATE = 1e-4  # of a step, that a switch may switch too late
_SEARCHES = 8
_RESTLESS = 20  # times that a switch may switch back at once


@dataclass(frozen=True, eq=False)
class Course:
    """A circuit over time: unknowns and d Q / dt (points, size), and which switches were closed.

    history : (points,), how many points before it each was made of, 3 at the most; 1 behind a
    corner, where all that was smooth begins anew.
    """

    times: Array
    x: Array
    slopes: Array
    closed: list[Closed]
    history: np.ndarray
    stats: dict[str, Any]

    def between(self, values: Array, times: Array) -> Array:
        """`values` (points, ...) at `times`, each on the parabola through the points beside it.

        Never across a corner: where it has no third point on its side, on a straight line.
        """
        last = len(self.times) - 1
        k = np.clip(np.searchsorted(self.times, times), 1, last)
        before = (self.history[k] > 1) & (k > 1)
        behind = ~before & (k < last) & (self.history[np.minimum(k + 1, last)] > 1)
        third = np.where(before, k - 2, np.where(behind, np.minimum(k + 1, last), k))
        t0, t1, t2 = self.times[k - 1], self.times[k], self.times[third]
        share = (times - t0) / (t1 - t0)
        shape = (-1,) + (1,) * (values.ndim - 1)
        straight = values[k - 1] + share.reshape(shape) * (values[k] - values[k - 1])
        with np.errstate(all="ignore"):
            bent = (times - t0) * (times - t1) / ((t2 - t0) * (t2 - t1))
            own = (t2 - t0) / (t1 - t0)
        bent, own = np.where(third == k, 0.0, bent), np.where(third == k, 0.0, own)
        chord = values[k - 1] + own.reshape(shape) * (values[k] - values[k - 1])
        return straight + bent.reshape(shape) * (values[third] - chord)


@dataclass(eq=False)
class March:
    """One transient.

    stop : s.  method : "trapezoidal" or "gear".  longest : s, of a step.
    tol : the largest error of a step, of the largest value that an unknown has had.
    swing : V, of which `tol` is taken for all voltages instead.
    local_error, state_error : the largest error of any step, of voltages, V, and of states, as a
    share of their ranges.
    """

    system: System
    stop: float
    method: str
    longest: float
    tol: float
    swing: float | None = None
    points: list[Point] = field(default_factory=list)
    local_error: float = 0.0
    state_error: float = 0.0
    steps: int = 0
    rejected: int = 0
    iterations: int = 0
    restless: int = 0

    def run(self, start: Point, closed: Closed) -> Course:
        """The course from `start`, with these switches closed."""
        corners = self.system.sources.prepare(self.stop)
        # Corners that only rounding keeps apart are one.
        corners = corners[np.diff(corners, prepend=-np.inf) > _SAME_TIME * self.stop]
        corners = corners[corners > _SAME_TIME * self.stop]
        corners[-1] = self.stop
        self.largest = np.zeros_like(start.x)
        self.driven = self.system.sources.largest(corners)
        self._off: tuple[Array, Array] | None = None
        self._course: list[tuple[Point, Closed, int]] = []
        self.points, self.closed, self.step = [], closed, self.longest
        self._append(start)
        if self.system.circuit.initial_voltages:  # which nothing holds from now on
            self._jump(closed)
        for corner in corners.tolist():
            self._go_to(corner)
        return self._whole()

    def _whole(self) -> Course:
        points, closed, history = zip(*self._course, strict=True)
        stats = {
            "steps": self.steps,
            "rejected": self.rejected,
            "newton_steps": self.iterations,
            "method": self.method,
        }
        return Course(
            np.array([p.time for p in points]),
            np.array([p.x for p in points]),
            np.array([p.slope for p in points]),
            list(closed),
            np.array(history),
            stats,
        )

    def _append(self, point: Point) -> None:
        """Add a point to the course."""
        self._course.append((point, self.closed, max(len(self.points), 1)))
        self.points = [*self.points[-2:], point]
        self.largest = np.maximum(self.largest, np.abs(point.x))
        if len(self._course) > _MOST_POINTS:
            raise SolverError(
                f"the transient has taken {len(self._course)} steps and is at {point.time:.4g} s. "
                "Pass a larger tol, or a shorter stop."
            )

    def _go_to(self, corner: float) -> None:
        """Step up to the `corner`, behind which all that was smooth begins anew."""
        self.points = self.points[-1:]
        left = corner - self.points[-1].time
        if left <= _SAME_TIME * self.stop:
            return  # a jump at a corner just before has passed this one
        # Of less than the last digits of the time there is no step.
        self.step = max(min(self.step, _FIRST * left), _AT_ONCE * corner)
        while left > _SAME_TIME * self.stop:
            # Two equal steps to a corner are better than a long and a tiny one.
            step = min(self.step, self.longest, left)
            step = left if step > 0.999 * left else left / 2 if step > left / 2 else step
            self._advance(step, corner if step == left else self.points[-1].time + step)
            left = corner - self.points[-1].time

    def _advance(self, step: float, end: float) -> None:
        """Take a step up to `end`, or a shorter one, and say how long the next one may be.

        Where the first step behind a corner turns out too long, it is taken back instead: nothing
        told of its own error, which is about that of a second one as long.
        """
        last, sought = self.points[-1], 0
        for _ in range(_REJECTIONS):
            point, error = self._tried(step, end)
            if point is None or error > 1.0:
                step = self._shorter(step, end, error)
                if point is not None and self._began_too_long(step):
                    self._take_back(step)
                    return
            else:
                switched, share = self._switched(last.x, point.x)
                if switched is None or share >= 1 - _LATE or sought == _SEARCHES:
                    self._accept(point, step, error, switched)
                    return
                sought += 1
                step = max(share * step, 1e-12 * max(end, step))
            self.rejected += 1
            end = last.time + step
        raise SolverError(f"no step from {last.time:.6g} s on was accepted.")

    def _tried(self, step: float, end: float) -> tuple[Point | None, float]:
        """The point at `end` and its error, of what is allowed; none where it is not found."""
        found, rule = self._solved(step, end)
        if not found.converged:
            return None, np.inf
        point = self._point(found, rule, end)
        return point, self._error(point.x, rule)

    def _solved(self, step: float, end: float) -> tuple[Found, Formula]:
        """What Newton's method finds at `end`, and by which formula."""
        rule = formula(self.method, self.points, step)
        values = self.system.sources.at(end)
        equations = Equations(self.system, values, self.closed, end, rule.alpha, rule.history)
        found = solve(
            equations, rule.predicted, rtol=1e-2 * self.tol, floor=self._floor, steps=_NEWTON_STEPS
        )
        self.iterations += found.steps
        return found, rule

    def _accept(self, point: Point, step: float, error: float, switched: Closed | None) -> None:
        """Go on behind `point`, where the switches become `switched`."""
        growth = min(_GROWTH, self._change(error)) if error > 0 else _GROWTH
        growth = max(growth, 0.3) if len(self.points) > 1 else 1.0
        self.steps += 1
        self._note()
        self._append(point)
        if switched is None:
            self.step = growth * step
            self.restless = 0
        else:
            self.step = max(_FIRST * step, _AT_ONCE * self.stop)
            self._jump(switched)

    def _jump(self, switched: Closed) -> None:
        """Let switches become `switched`: all that was smooth begins anew.

        What no charge or flux holds jumps. Those are steps of first order, so short that they leave
        charges as they are but for what flows at no resistance, whose error nothing can tell.
        """
        self.points = self.points[-1:]
        before, self.closed = self.closed, switched
        settled = True
        for _ in range(_JUMPS):
            end = self.points[0].time + _AT_ONCE * self.stop
            point, wanted = self._jumped(end, before) if end <= self.stop else (None, switched)
            if point is None:
                return  # a longer step may do
            settled = same(wanted, self.closed)
            self._append(point)
            self.points = [point]
        self._settle(settled)

    def _jumped(self, end: float, before: Closed) -> tuple[Point | None, Closed]:
        """The point at `end`, at once, and which switches should be closed there.

        Those that the jump makes switch do so at the same instant, but none of them twice.
        before : which were closed before it.
        """
        while True:
            found, rule = self._solved(end - self.points[0].time, end)
            if not found.converged:
                return None, self.closed
            wanted = self.system.switched(found.at.x, self.closed)
            states = zip(self.closed, before, wanted, strict=True)
            now = tuple(np.where(is_ != was, is_, then) for is_, was, then in states)
            if same(now, self.closed):
                return self._point(found, rule, end), wanted
            self.closed = now

    def _settle(self, settled: bool) -> None:
        """Refuse switches that would go back at once, again and again without a step between."""
        self.restless = 0 if settled else self.restless + 1
        if self.restless > _RESTLESS:
            raise SolverError(
                f"switches open and close without end at {self.points[-1].time:.9g} s. Give them a "
                "hysteresis, or what controls them a capacitance."
            )

    def _began_too_long(self, step: float) -> bool:
        """Whether a second step behind a corner, if this long, would be shorter than the first."""
        return len(self.points) == 2 and step < self.points[1].time - self.points[0].time

    def _take_back(self, step: float) -> None:
        """Drop the last point, and go on from the one before by a step of this length."""
        self.rejected += 1
        self._course.pop()
        self.points, self.step = self.points[:-1], step

    def _change(self, error: float) -> float:
        """By what a step of this error, of what is allowed, is multiplied to make it right."""
        return _SAFETY * error ** (-1 / (3 if len(self.points) > 2 else 2))

    def _shorter(self, step: float, end: float, error: float) -> float:
        """The length of a step that may be right where one of this error was not."""
        found = np.isfinite(error)
        step = step * max(0.1, self._change(error)) if found else step / 8
        if step < 1e-14 * max(abs(end), self.stop * 1e-3):
            why = (
                "the error of a step stays too large"
                if found
                else "Newton's method does not converge"
            )
            raise SolverError(
                f"the step from {self.points[-1].time:.9g} s on has become {step:.1e} s: {why}. "
                "Look for a source, switch or law that jumps there, and give it a finite slope "
                "or a capacitance."
            )
        return step

    def _note(self) -> None:
        """Keep the largest errors of accepted steps."""
        if self._off is None:
            return
        (off, scale), system = self._off, self.system
        nodes = system.dynamic[system.is_node[system.dynamic]]  # all others follow from them
        self.local_error = max(self.local_error, off[nodes].max(initial=0.0))
        for state in system.moving:
            share = off[state.unknowns] / scale[state.unknowns]
            self.state_error = max(self.state_error, share.max(initial=0.0))

    @property
    def _floor(self) -> tuple[float, float]:
        """Steps of Newton's method that are none, V and A."""
        is_node = self.system.is_node
        largest = [self.largest[part].max(initial=0.0) for part in (is_node, ~is_node)]
        return 1e-3 * self.tol * largest[0] + 1e-15, 1e-3 * self.tol * largest[1] + 1e-21

    def _point(self, found: Found, rule: Formula, time: float) -> Point:
        """The point that was found, with what a next step takes as its d Q / dt.

        Behind a first-order step that is not the mean slope over it, which the trapezoidal rule
        would carry along with changing signs, but that of the parabola through three charges.
        """
        charge = found.at.charge
        assert charge is not None  # which it is at rest alone
        slope = rule.alpha * charge + rule.history
        x = found.at.x
        for state in self.system.moving:
            x[state.unknowns] = np.clip(x[state.unknowns], state.low, state.high)
        onward = slope
        if len(self.points) == 2:
            (q0, t0), (q1, t1) = ((p.charge, p.time) for p in self.points)
            first, second = (q1 - q0) / (t1 - t0), (charge - q1) / (time - t1)
            onward = second + (second - first) * (time - t1) / (time - t0)
        return Point(time, x, charge, slope, onward)

    def _error(self, x: Array, rule: Formula) -> float:
        """The largest error of the step, of what is allowed."""
        system = self.system
        which = system.dynamic
        self._off = None
        if rule.error == 0.0 or not len(which):
            return 0.0
        is_node = system.is_node
        largest = np.maximum(self.largest, np.abs(x))
        scale = largest.copy()
        for part, driven, least in zip((is_node, ~is_node), self.driven, _LEAST, strict=True):
            if part.any():
                most = max(largest[part].max(), driven)
                scale[part] = np.maximum(scale[part], max(_FLOOR * most, least))
        if self.swing is not None:
            scale[is_node] = self.swing
        for state in system.moving:
            scale[state.unknowns] = state.high - state.low
        off = rule.error * np.abs(x - rule.predicted)
        self._off = off, scale
        return float((off[which] / (self.tol * scale[which])).max())

    def _switched(self, before: Array, after: Array) -> tuple[Closed | None, float]:
        """The switches behind a step in which any has switched, and after what share of it."""
        new, share = [], 1.0
        changed = False
        for switches, state in zip(self.system.switches, self.closed, strict=True):
            now = switches.at(after, state)
            flips = now != state
            new.append(now)
            if flips.any():
                changed = True
                high, low = switches.levels
                level = np.where(now, high, low)[flips]
                first, last = (switches.control(x)[flips] for x in (before, after))
                with np.errstate(all="ignore"):
                    way = np.where(last == first, 1.0, (level - first) / (last - first))
                share = min(share, float(np.clip(way, 0.0, 1.0).min()) * (1 + 0.5 * _LATE))
        return (tuple(new), min(share, 1.0)) if changed else (None, 1.0)
