"""States that move while voltages are applied, and voltages that move with the states.

Within a step the voltage of every device goes evenly from its value at the beginning to that at the
end, which is solved for again until it fits the states there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.motion import Across, Motion, States
from circuitxbar.circuit.solution import Solution
from circuitxbar.errors import SolverError

_OF_DEVICES = 0.01  # of `tol`: what the integration in each device may be off
_ROUNDS = 6  # of states and voltages, until they fit
_FIRST = 1e-3  # of the width, the first step
_MOST_STEPS = 3_000
_MILNE = 6.0  # how much nearer the corrected states are than the predicted ones
_LEAST, _MOST, _SAFETY = 0.2, 3.0, 0.8

Solve = Callable[[Crossbar, Solution | None], Solution]


def moved(motion: Motion, width: float, tol: float, solve: Solve) -> Crossbar:
    """The crossbar in `motion` after a time `width` (s), its states moved by their rates.

    tol : of a step, relative to the range of a state.
    solve : the operating point of an array, from an earlier one.  Raises SolverError where states
    and voltages do not come to fit in ever shorter steps.
    """
    crossbar, states = motion.crossbar, motion.start
    solution = solve(crossbar, None)
    before, here = None, _across(solution, motion)
    time, step = 0.0, _FIRST * width
    for _ in range(_MOST_STEPS):
        if time >= width:
            return crossbar.with_states(states)
        step = min(step, width - time)
        if width - time - step < 1e-9 * width:
            step = width - time
        ahead = here if before is None else _ahead(before, here, step)
        found = _step(motion, states, (here, ahead), step, tol, solve, solution)
        if found is not None and found[0] <= 1:
            error, states, solution, there = found
            before, here, time = (step, here), there, time + step
        else:
            error = 32.0 if found is None else found[0]
        step *= float(np.clip(_SAFETY * max(error, 1e-9) ** (-1 / 3), _LEAST, _MOST))
        if step < 1e-12 * width:
            break
    raise SolverError(
        f"the states and the voltages of the array do not fit after {time:.3g} s of {width:.3g} s, "
        "however short the steps. Lower the voltage, or shorten the pulse."
    )


def _ahead(before: tuple[float, Across], here: Across, step: float) -> Across:
    last, voltages = before
    return {name: v + (v - voltages[name]) * (step / last) for name, v in here.items()}


def _step(
    motion: Motion,
    start: States,
    course: tuple[Across, Across],
    step: float,
    tol: float,
    solve: Solve,
    solution: Solution,
) -> tuple[float, States, Solution, Across] | None:
    """The error of the step relative to the tolerance, and where it leads; None where nowhere."""
    predicted = states = motion.after(start, course, step, _OF_DEVICES * tol)
    for _ in range(_ROUNDS):
        solution = solve(motion.crossbar.with_states(states), solution)
        there = _across(solution, motion)
        again = motion.after(start, (course[0], there), step, _OF_DEVICES * tol)
        change = motion.apart(states, again) / tol
        states = again
        if change <= 0.1:
            error = motion.apart(predicted, states) / (tol * _MILNE)
            return error, states, solution, there
    return None


def _across(solution: Solution, motion: Motion) -> Across:
    """Voltage across every element that has moving states."""
    nodes = solution.kept_nodes()
    return {
        part.prefix: nodes.across(part.nodes)[0]
        for part in solution.crossbar.cell_elements
        if part.prefix in motion.devices
    }
