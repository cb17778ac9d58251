"""States that move while voltages are applied, and voltages that move with the states.

Within a step the voltage of every device goes evenly from its value at the beginning to that at the
end, which is solved for again until it fits the states there. What shares a cell with a device
answers at once: a threshold selector that turns on loses its voltage to the memory element, and
may come to rest half-way, where it is held only by that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.motion import Across, Motion, States
from circuitxbar.circuit.solution import Solution
from circuitxbar.errors import ModelError, SolverError

_OF_DEVICES = 0.01  # of `tol`: what the integration in each device may be off
_ROUNDS = 6  # of states and voltages, until they fit
_FIRST = 1e-3  # of the width, the first step
_MOST_STEPS = 1_000
_SHORTEST = 1e-12  # of the width
_MISFITS = 10.0  # so many more steps without a fit than a tenth of those with one are too many
_MILNE = 6.0  # how much nearer the corrected states are than the predicted ones
_HOPELESS = 8.0  # of the error of a step: rounds that would bring it down to 1 are not worth it
_LEAST, _MOST, _SAFETY = 0.2, 3.0, 0.8

Values = Mapping[str, Array]
Solve = Callable[[Crossbar, Solution | None], Solution]


@dataclass(frozen=True, eq=False)
class _Point:
    """Voltages of the elements and their states at one time, and the solution of the array."""

    across: Across
    states: States
    solution: Solution


@dataclass(frozen=True, eq=False)
class _Step:
    """Where a step leads, and its error relative to the tolerance; inf where nothing fits.

    moving : the device that least fits, in words.
    """

    end: _Point | None
    error: float
    moving: str


def moved(motion: Motion, width: float, tol: float, solve: Solve) -> Crossbar:
    """The crossbar in `motion` after a time `width` (s), its states moved by their rates.

    tol : of a step, relative to the range of a state.
    solve : the operating point of an array, from an earlier one.  Raises SolverError where states
    and voltages do not come to fit, or only in too many steps; ModelError where a device is to
    blame.
    """
    solution = solve(motion.crossbar, None)
    here = _Point(_across(solution, motion), motion.start, solution)
    time, step, misfits = 0.0, _FIRST * width, 0.0
    before: tuple[float, _Point] | None = None
    problem: ModelError | None = None
    moving = ""
    for _ in range(_MOST_STEPS):
        if time >= width:
            return motion.crossbar.with_states(here.states)
        step = min(step, width - time)
        if width - time - step < 1e-9 * width:
            step = width - time
        try:
            found, problem = _step(motion, here, before, step, tol, solve), None
        except ModelError as refusal:
            found, problem = _Step(None, np.inf, moving), refusal
        error, moving = found.error, found.moving
        if found.end is not None and error <= 1:
            before, here, time = (step, here), found.end, time + step
        misfits = max(0.0, misfits - 0.1) if np.isfinite(error) else misfits + 1
        misfits += problem is not None  # such a step takes longest
        step *= float(np.clip(_SAFETY * max(error, 1e-9) ** (-1 / 3), _LEAST, _MOST))
        if step < _SHORTEST * width or misfits > _MISFITS:
            break
    reached = f"after {time:.3g} s of {width:.3g} s"
    if problem is not None:
        raise ModelError(f"{reached} of the pulse: {problem}")
    raise SolverError(
        f"{reached} of the pulse the state of {moving} and the voltage over it do not come to fit "
        "in any reasonable number of steps: as the one moves, it moves the other to and fro. "
        "Change the voltage or the resistance in series with it, or shorten the pulse."
    )


def _ahead(before: Values, here: Values, times: float) -> dict[str, Array]:
    """On from `here` by so many `times` the way from `before`."""
    return {name: now + times * (now - before[name]) for name, now in here.items()}


def _step(
    motion: Motion,
    here: _Point,
    before: tuple[float, _Point] | None,
    step: float,
    tol: float,
    solve: Solve,
) -> _Step:
    """A step (s) on from `here`.  before : the last one, and where it began."""
    solution = here.solution
    loads = motion.loads(solution.crossbar, solution.kept_nodes())

    def after(there: Across, toward: States) -> States:
        return motion.after(
            here.states, (here.across, there), step, _OF_DEVICES * tol, (loads, toward)
        )

    there, toward = here.across, here.states
    if before is not None:
        last, point = before
        there = _ahead(point.across, there, step / last)
        toward = _ahead(point.states, toward, step / last)
    predicted = states = earlier = after(there, toward)
    for _ in range(_ROUNDS):
        earlier = states
        solution = solve(motion.crossbar.with_states(earlier), solution)
        there = _across(solution, motion)
        states = after(there, earlier)
        error = motion.apart(predicted, states) / (tol * _MILNE)
        if motion.apart(earlier, states) <= 0.1 * tol:
            return _Step(_Point(there, states, solution), error, motion.furthest(predicted, states))
        if error > _HOPELESS:
            return _Step(None, error, motion.furthest(predicted, states))
    return _Step(None, np.inf, motion.furthest(earlier, states))


def _across(solution: Solution, motion: Motion) -> Across:
    """Voltage across every element that has moving states."""
    nodes = solution.kept_nodes()
    return {
        part.prefix: nodes.across(part.nodes)[0]
        for part in solution.crossbar.cell_elements
        if part.prefix in motion.devices
    }
