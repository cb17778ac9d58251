"""Circuits over time, by steps whose length follows their own error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.errors import SolverError
from circuitxbar.nodal.modified.integration import Formula, Point, formula
from circuitxbar.nodal.modified.newton import Equations, Found, at_rest_strategies, solve
from circuitxbar.nodal.modified.system import Closed, System, add_between, between

_FIRST = 1e-3  # of the way to the next corner: a first step behind one
_GROWTH = 2.0
_SAFETY = 0.8
_NEWTON_STEPS = 30
_REJECTIONS = 60  # in a row
_FLOOR = 1e-3  # of the largest voltage, or current: what smaller ones may be off by as much
_LEAST = (1e-9, 1e-15)  # V and A; smaller values may be off by as much
_MOST_POINTS = 5_000_000
_AT_ONCE = 1e-18  # s, in which charges do not move
_SAME_TIME = 1e-14  # of all the time
_LATE = 1e-4  # of a step, that a switch may switch too late
_SEARCHES = 8
_SETTLINGS = 20  # of switches


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

    def run(self, start: Point, closed: Closed) -> Course:
        """The course from `start`."""
        system = self.system
        corners = system.sources.prepare(self.stop)
        # Corners that only rounding keeps apart are one.
        corners = corners[np.diff(corners, prepend=-np.inf) > _SAME_TIME * self.stop]
        corners = corners[corners > _SAME_TIME * self.stop]
        corners[-1] = self.stop
        self.largest = np.abs(start.x)
        self.driven = system.sources.largest(corners)
        self._off: tuple[Array, Array] | None = None
        self.points = [start]
        times, xs, slopes, states = [start.time], [start.x], [start.slope], [closed]
        history = [1]
        step = min(self.longest, _FIRST * corners[0])
        k = 0
        while k < len(corners):
            last = self.points[-1]
            left = corners[k] - last.time
            if left <= _SAME_TIME * self.stop:
                self.points, k = [last], k + 1
                if k < len(corners):
                    step = min(step, self.longest, _FIRST * (corners[k] - last.time))
                continue
            # Two equal steps to a corner are better than a long and a tiny one.
            wanted = min(step, self.longest, left)
            wanted = left if wanted > 0.999 * left else left / 2 if wanted > left / 2 else wanted
            end = corners[k] if wanted == left else last.time + wanted
            states.append(closed)
            history.append(len(self.points))
            point, closed, step = self._step(wanted, end, closed)
            if point is None:  # the step before, the first behind a corner, was too long
                self.points = self.points[:1]
                for kept in (times, xs, slopes):
                    kept.pop()
                for kept in (states, history):
                    del kept[-2:]
                continue
            times.append(point.time)
            xs.append(point.x)
            slopes.append(point.slope)
            if len(times) > _MOST_POINTS:
                raise SolverError(
                    f"the transient has taken {len(times)} steps and is at {point.time:.4g} s. "
                    "Pass a larger tol, or a shorter stop."
                )
        stats = {
            "steps": self.steps,
            "rejected": self.rejected,
            "newton_steps": self.iterations,
            "method": self.method,
        }
        made = np.array(history)
        return Course(np.array(times), np.array(xs), np.array(slopes), states, made, stats)

    def _step(self, step: float, end: float, closed: Closed) -> tuple[Point | None, Closed, float]:
        """The next point, at `end` or before, its switches, and how long the next step may be.

        No point where the first step behind a corner was too long: nothing told of its own error,
        which is about that of a second one as long.
        """
        last, order = self.points[-1], 3 if len(self.points) > 2 else 2
        sought = 0  # how often the step was cut to where a switch switches
        for _ in range(_REJECTIONS):
            rule = formula(self.method, self.points, step)
            values = self.system.sources.at(end)
            equations = Equations(self.system, values, closed, end, rule.alpha, rule.history)
            guess = rule.predicted if len(self.points) > 1 else last.x
            found = solve(
                equations, guess, rtol=1e-2 * self.tol, floor=self._floor, steps=_NEWTON_STEPS
            )
            self.iterations += found.steps
            if not found.converged:
                self.rejected += 1
                step = self._shorter(step / 8, end, "Newton's method does not converge")
                end = last.time + step
                continue
            point = self._point(found, rule, end)
            error = self._error(point.x, rule)
            if error > 1.0:
                self.rejected += 1
                step = self._shorter(step * max(0.1, _SAFETY * error ** (-1 / order)), end, "")
                if len(self.points) == 2 and step < last.time - self.points[0].time:
                    return None, closed, step
                end = last.time + step
                continue
            switched, share = self._switched(last.x, point.x, closed)
            if switched is not None and share < 1 - _LATE and sought < _SEARCHES:
                sought += 1
                self.rejected += 1
                step = max(share * step, 1e-12 * max(end, step))
                end = last.time + step
                continue
            self.steps += 1
            self._note()
            self.largest = np.maximum(self.largest, np.abs(point.x))
            growth = min(_GROWTH, _SAFETY * error ** (-1 / order)) if error > 0 else _GROWTH
            growth = max(growth, 0.3) if len(self.points) > 1 else 1.0
            if switched is not None:
                # What conducts has changed: all that was smooth begins anew.
                self.points = [point]
                return point, switched, _FIRST * step
            self.points = [*self.points[-2:], point]
            return point, closed, growth * step
        raise SolverError(f"no step from {last.time:.6g} s on was accepted.")

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

    def _shorter(self, step: float, end: float, why: str) -> float:
        if step < 1e-14 * max(abs(end), self.stop * 1e-3):
            why = why or "the error of a step stays too large"
            raise SolverError(
                f"the step from {self.points[-1].time:.9g} s on has become {step:.1e} s: {why}. "
                "Look for a source, switch or law that jumps there, and give it a finite slope "
                "or a capacitance."
            )
        return step

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

    def _switched(self, before: Array, after: Array, closed: Closed) -> tuple[Closed | None, float]:
        """The switches behind a step in which any has switched, and after what share of it."""
        new, share = [], 1.0
        changed = False
        for switches, state in zip(self.system.switches, closed, strict=True):
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


def operating_start(system: System) -> tuple[Point, Closed]:
    """The operating point with the sources as they are at 0 s: where a transient starts.

    Nodes of circuit.initial_voltages are held at them.
    """
    x = np.zeros(system.size)
    for state in system.moving:
        x[state.unknowns] = state.initial
    found, closed, _ = settled(system, system.sources.at(0.0), x, _given(system))
    if not found.converged:
        raise SolverError(
            "the operating point from which the transient starts was not found. Start from "
            'initial conditions (initial="given"), or lower the sources.'
        )
    return _at_rest(system, found.at.x), closed


def given_start(system: System) -> tuple[Point, Closed]:
    """Where a transient starts from initial conditions alone: voltages and currents that fit them.

    Capacitors and inductors have their own, else those of circuit.initial_voltages, else 0.
    """
    x = np.zeros(system.size)
    for unknown, value in _given(system).items():
        x[unknown] = value
    for state in system.moving:
        x[state.unknowns] = state.initial
    charge = _charge(system, x)
    for group in system.circuit.groups:
        if group.initial is None:
            continue
        pairs = system.branch_pairs(group) if group.kind == "L" else system.place[group.nodes]
        change = np.where(np.isnan(group.initial), 0.0, group.initial - between(x, pairs))
        if group.kind == "L":
            x[pairs[:, 0]] += change
            change = -change
        add_between(charge, pairs, group.values * change)
    closed = tuple(s.model.closed for s in system.switches)
    alpha = 1.0 / _AT_ONCE
    for _ in range(_SETTLINGS):
        values = system.sources.at(0.0)
        equations = Equations(system, values, closed, 0.0, alpha, -alpha * charge)
        found = solve(equations, x, rtol=1e-9, floor=(1e-12, 1e-15))
        if not found.converged:
            raise SolverError(
                "no voltages were found that fit the initial conditions. Check for those of "
                "capacitors in a loop, and for sources that they contradict."
            )
        new = system.switched(found.at.x, closed)
        if same(new, closed):
            x = found.at.x
            return _at_rest(system, x), closed
        closed = new
    raise SolverError(
        "switches open and close without end at the initial conditions. Give them a hysteresis."
    )


def settled(
    system: System,
    sources: Array,
    x: Array,
    held: Mapping[int, float] | None = None,
    closed: Closed | None = None,
) -> tuple[Found, Closed, str]:
    """The operating point from `x`, with switches as it leaves them, and by which method.

    closed : those that are at x, an operating point of a nearby circuit.
    """
    nearby = closed is not None
    closed = tuple(s.model.closed for s in system.switches) if closed is None else closed
    for _ in range(_SETTLINGS):
        equations = Equations(system, sources, closed, held=held or {})
        found, how = at_rest_strategies(equations, x, nearby)
        new = system.switched(found.at.x, closed)
        if same(new, closed):
            return found, closed, how
        closed = new  # whether this was solved or not: it is another circuit now
    raise SolverError(
        "switches open and close without end at the operating point. Give them a hysteresis."
    )


def same(one: Closed, other: Closed) -> bool:
    """Whether the same switches are closed."""
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def _given(system: System) -> dict[int, float]:
    circuit = system.circuit
    return {
        int(system.place[circuit.node(name)]): value
        for name, value in circuit.initial_voltages.items()
    }


def _at_rest(system: System, x: Array) -> Point:
    none = np.zeros_like(x)
    return Point(0.0, x, _charge(system, x), none, none)


def _charge(system: System, x: Array) -> Array:
    charge = system.reactive @ x
    for block, place in zip(system.blocks, system.controls(x), strict=True):
        stored = block.laws.charge(place, 0.0)
        if stored is not None:
            add_between(charge, block.outputs, stored[0])
    return charge
