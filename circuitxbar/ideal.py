"""The same array without any resistance but its cells': what a real one is measured by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import Driven, Floating, Held, Norton, Side, Termination
from circuitxbar.circuit.wires import Wires
from circuitxbar.errors import CircuitError
from circuitxbar.solving import solve, sum_over

ROW_SIDES: tuple[Side, Side] = ("left", "right")
COLUMN_SIDES: tuple[Side, Side] = ("top", "bottom")


def ideal_solution(solution: Solution) -> Solution:
    """`solution` of the same cells and inputs with ideal wires, drivers and senses.

    It holds node voltages where `solution` does. Broken wires count as whole; Norton ends stay as
    they are. Raises CircuitError where this has no answer: a short between ideal sources, or two
    unlike sources at one line.
    """
    crossbar = solution.crossbar
    on_rows, on_columns = _inputs(solution, ROW_SIDES), _inputs(solution, COLUMN_SIDES)
    ends = _ideal_ends(crossbar, ROW_SIDES) | _ideal_ends(crossbar, COLUMN_SIDES)
    return solve(
        replace(crossbar, wires=Wires(0.0, 0.0), **ends),
        on_columns if on_rows is None else on_rows,
        on_columns if on_rows is not None else None,
        solution.drive.gates if crossbar.transistor is not None else None,
        keep="currents" if solution.nodes is None else "voltages",
        extrapolate=True,
    )


def line_currents(solution: Solution) -> Array:
    """Current of each sensed line, summed over its two ends, (batch, lines), A."""
    on_rows = solution.crossbar.sensed_sides[0] in ROW_SIDES
    return sum_over(solution.proof.currents, ROW_SIDES if on_rows else COLUMN_SIDES)


def loss(solution: Solution, ideal: Solution) -> Array:
    """The worst sensed line's missing share of its ideal current, (batch,); nan where all are 0."""
    expected = line_currents(ideal)
    share = np.full(expected.shape, -np.inf)
    np.divide(expected - line_currents(solution), expected, out=share, where=expected != 0)
    worst = share.max(axis=1)
    return np.where(np.isneginf(worst), np.nan, worst)


def _inputs(solution: Solution, sides: tuple[Side, Side]) -> Array | None:
    driven = [side for side in sides if isinstance(getattr(solution.crossbar, side), Driven)]
    return solution.ends[driven[0]].voltage if driven else None


def _ideal_ends(crossbar: Crossbar, sides: tuple[Side, Side]) -> dict[Side, Termination]:
    """Both ends of the lines without resistance; where a line has two, the first stays."""
    ends: dict[Side, Termination] = {}
    taken = np.zeros(crossbar.lines(sides[0]), dtype=bool)
    for side in sides:
        end = getattr(crossbar, side)
        if not isinstance(end, Floating | Norton):
            terminated = np.broadcast_to(np.isfinite(end.resistance), taken.shape)
            if (taken & terminated).any() and not _alike(end, ends[sides[0]]):
                raise CircuitError(
                    f"{sides[0]} and {side} hold lines at different voltages: without wire "
                    "resistance there is no ideal answer."
                )
            end = replace(end, resistance=np.where(terminated & ~taken, 0.0, np.inf))
            taken = taken | terminated
        ends[side] = end
    return ends


def _alike(one: Termination, other: Termination) -> bool:
    if isinstance(one, Held) and isinstance(other, Held):
        return bool(np.all(np.asarray(one.voltage) == other.voltage))
    return type(one) is type(other)
