"""The same problem through several engines, and how far any two of them differ."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, shown
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import SIDES, Side
from circuitxbar.errors import CircuitError
from circuitxbar.solving import engine_named, present_engines, solve


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several engines say of one problem.

    disagreement : (engine, engine) -> largest difference of any terminal current, relative to
    the largest terminal current of its vector. ngspice is granted the rounding of its absolute
    node voltages, 20 eps |V| / R at an end of a line at potential V behind R.
    seconds : what each engine took.
    """

    solutions: dict[str, Solution]
    seconds: dict[str, float]
    disagreement: dict[tuple[str, str], float]

    @property
    def worst(self) -> float:
        """The largest disagreement of any pair; 0 for a single engine."""
        return max(self.disagreement.values(), default=0.0)


def compare(
    crossbar: Crossbar,
    voltages: Any = None,
    column_voltages: Any = None,
    *,
    engines: Sequence[str] | None = None,
) -> Comparison:
    """Solve one problem with several engines and measure how far any two of them differ.

    engines : their names; all that are present when omitted. Vectors that an engine leaves
    above the error bound are compared all the same: its `solutions[...]` tell.
    """
    if engines is not None and not isinstance(engines, list | tuple):
        raise CircuitError(f"engines = {shown(engines)}: expected a list of names.")
    names = tuple(engines) if engines is not None else present_engines()
    for name in names:
        engine_named(name)
    solutions, seconds = {}, {}
    for name in names:
        start = time.perf_counter()
        solutions[name] = solve(crossbar, voltages, column_voltages, engine=name, throw=False)
        seconds[name] = time.perf_counter() - start
    pairs = itertools.combinations(names, 2)
    return Comparison(
        solutions, seconds, {(a, b): _difference(solutions[a], solutions[b]) for a, b in pairs}
    )


def _difference(one: Solution, other: Solution) -> float:
    scale = np.maximum(one.proof.largest_current, np.finfo(float).tiny)
    worst = np.zeros(len(scale))
    for side in SIDES:
        apart = np.abs(one.proof.currents[side] - other.proof.currents[side])
        if "ngspice" in (one.engine, other.engine):
            apart = np.maximum(apart - _rounding_of_voltages(one, side), 0.0)
        worst = np.maximum(worst, apart.max(axis=1))
    return float((worst / scale).max())


def _rounding_of_voltages(solution: Solution, side: Side) -> Array:
    """What 20 roundings of a line end's own potential change in its terminal current, A.

    ngspice takes wire currents as differences of absolute node voltages; on a line at potential
    V behind a resistance R that alone is worth eps * V / R.
    """
    end = solution.ends[side]
    series = end.resistance + solution.crossbar.end_segments(side)
    with np.errstate(divide="ignore"):
        conductance = np.where(series > 0, 1.0 / series, 0.0)
    return 20 * np.finfo(float).eps * np.abs(end.voltage) * conductance
