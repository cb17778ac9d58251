"""Stages of a step during which the states of the cells move: voltages and states that fit.

Within a step the voltage of every element goes evenly from its value at the beginning to that at
the first stage, and on to that at the end. The states follow their rates along this course; what
the cells conduct at a stage is what they conduct at the states there. Where states leave their own
even course, the voltages within a cell leave theirs with them.
"""

from __future__ import annotations

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Sources, Voltages, Workspace
from circuitxbar.array.laws import law_parameters
from circuitxbar.array.stages import GAMMA, WEIGHTS, Capacitors, Settled, Stages
from circuitxbar.array.system import System
from circuitxbar.circuit.motion import Across, Motion, States
from circuitxbar.circuit.valid import check_valid_conductances
from circuitxbar.errors import ModelError

_FIT = 0.1  # of `tol`: how far the states of a stage may be from those that its voltages give
_ROUNDS = 8  # of voltages and states, until they fit
_WITHIN = 1e-3  # of `tol`: what the integration of the rates may be off
# Straight pieces miss a bent course by the cubes of their lengths: what two of them miss, of how
# far their end is from that of a single one.
_PIECES = GAMMA**3 + (1 - GAMMA) ** 3
_ERROR = _PIECES / (1 - _PIECES)


class MovingStages(Stages):
    """The stages of a single vector, whose `system` has parameters of its own.

    tol : of its range, what a step may add to the error of a state.
    """

    def __init__(
        self,
        system: System,
        farads: Capacitors,
        sources: Sources,
        work: Workspace,
        rtol: float,
        motion: Motion,
        tol: float,
    ) -> None:
        super().__init__(system, farads, sources, work, rtol)
        self.motion, self.tol = motion, tol
        here = self._across()
        self._voltages, self._states = [here, here, here], [motion.start] * 3
        self._used = self._older = motion.start
        self._loads: States = {}
        self._loaded: States = {}  # the states that they were taken at

    @property
    def states(self) -> States:
        """At the beginning of the step."""
        return self._states[0]

    def begin(self, rate: Array, sources: Sources) -> None:
        """Also see how the voltages answer to the states."""
        super().begin(rate, sources)
        crossbar, states = self.system.crossbar, self.states
        if self._loaded is not states and len(crossbar.cell_elements) > 1:
            self._loads = self.motion.loads(crossbar.with_states(states), self.nodes(sources))
            self._loaded = states

    def state_error(self, active: np.ndarray) -> Array:
        """What the bent course of the voltages costs, beside straight pieces of it."""
        if not active[0]:
            return np.zeros(1)
        ends = self._voltages[0], self._voltages[2]
        load = self._loads, self._states[2]
        try:
            at_once = self.motion.after(self._states[0], ends, self._length, self._within, load)
        except ModelError as problem:
            self.problem = problem
            return np.full(1, np.inf)
        return np.full(1, _ERROR * self.motion.apart(at_once, self._states[2]))

    def states_at(self, elapsed: Array) -> States:
        """Along the same course as those of the stages."""
        between = GAMMA * self._length
        parts = []
        for piece, start, length, times in (
            (0, 0.0, between, elapsed[elapsed < between]),
            (1, between, self._length - between, elapsed[elapsed >= between]),
        ):
            if len(times):
                first, last = self._voltages[piece : piece + 2]
                passed = np.clip(times - start, 0.0, length)
                share = (passed / length)[:, None, None]
                there = {key: v + share * (last[key] - v) for key, v in first.items()}
                beginning, end = self._states[piece : piece + 2]
                toward = {key: x + share * (end[key] - x) for key, x in beginning.items()}
                course, load = (first, there), (self._loads, toward)
                parts.append(self.motion.after(beginning, course, passed, self._within, load))
        return {name: np.concatenate([part[name] for part in parts]) for name in self.states}

    def check_states(self) -> None:
        """Look whether conductances have left the range of their law."""
        crossbar, motion = self.system.crossbar, self.motion
        low, high = crossbar.device.valid.get("g", (-np.inf, np.inf))
        conductances = motion.conductances(self.states)[motion.closed]
        if conductances.min(initial=high) < low or conductances.max(initial=low) > high:
            check_valid_conductances(crossbar.with_states(self.states))

    def accept(self, accepted: np.ndarray, active: np.ndarray) -> None:
        """Also let the states go on from there."""
        super().accept(accepted, active)
        if accepted[0]:
            self._older = self._states[0]
            self._voltages[0], self._states[0] = self._voltages[2], self._states[2]

    def _start_from(self, start: Voltages, other: Voltages, factor: Array) -> None:
        super()._start_from(start, other, factor)
        before, elsewhere = self.states, self._older if other is self.older else self._states[1]
        way = float(factor[0])
        self._guess = {key: x + way * (elsewhere[key] - x) for key, x in before.items()}
        if start.inner.size:
            parts = start.inner, other.inner, self.now.inner
            self.kernel.extrapolated(self._cells, np.ascontiguousarray(factor), *parts)

    def _settled(
        self, by_between: float, by_history: float, active: np.ndarray, scale: Array
    ) -> Settled:
        """Solve for the voltages, at states that follow from them, until both fit."""
        stage = 2 if by_between else 1
        found = Settled(self.at_rest, np.zeros_like(active))
        if not active[0]:
            return found
        self.problem = None
        for turn in range(_ROUNDS):
            self._voltages[stage] = self._across()
            try:
                self._states[stage] = self._moved_to(stage, self._used if turn else self._guess)
            except ModelError as problem:
                self.problem = problem
                break
            fits = self.motion.apart(self._states[stage], self._used) <= _FIT * self.tol
            if turn and fits:
                return found
            self._use(self._states[stage], active)
            found = super()._settled(by_between, by_history, active, scale)
            if not found.done[0]:
                break
        return Settled(found.balance, np.zeros_like(active))

    def _moved_to(self, stage: int, toward: States) -> States:
        """toward : the states that the voltages of the stage are those of."""
        length = (GAMMA, 1 - GAMMA)[stage - 1] * self._length
        course, load = self._voltages[stage - 1 : stage + 1], (self._loads, toward)
        return self.motion.after(
            self._states[stage - 1], (course[0], course[1]), length, self._within, load
        )

    @property
    def _within(self) -> float:
        return _WITHIN * self.tol

    @property
    def _length(self) -> float:
        """Of the step, s."""
        return float(1 / (WEIGHTS[2] * self.rate[0]))

    def _use(self, states: States, active: np.ndarray) -> None:
        """Let the cells be as these states make them."""
        assert self.cells is not None
        system, motion = self.system, self.motion
        changed = {**states, "g": motion.conductances(states)}
        system.parameters[:] = law_parameters(system.crossbar, system.any_law, changed)
        self._used = states
        self.cells.linearise_at_nodes()
        self.cells.currents(active)
        self._hold_slopes(active)
        self._factor()

    def _across(self) -> Across:
        """Voltages of the elements whose states move, V."""
        shape, inner = self.system.crossbar.shape, self.now.inner
        whole = self.block.across(np.empty(self.block.size))
        memory = whole - inner if inner.size else whole
        found = {"": memory, "selector.": inner}
        return {prefix: found[prefix].reshape(shape).copy() for prefix in self.motion.devices}
