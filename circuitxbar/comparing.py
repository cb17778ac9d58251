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
from circuitxbar.circuit.terminations import SIDES
from circuitxbar.errors import CircuitError
from circuitxbar.solving import engine_named, present_engines, solve


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several engines say of one problem.

    disagreement : (engine, engine) -> largest difference of any terminal current, relative to
    the largest terminal current of its vector. ngspice is granted 20 roundings of its absolute
    node voltages over the smallest resistance, 20 eps V / r (docs/accuracy.md).
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
    allowance = 0.0
    if "ngspice" in (one.engine, other.engine):
        allowance = _rounding_of_voltages(one)
    worst = np.zeros(len(one.proof.scale))
    for side in SIDES:
        apart = np.abs(one.proof.currents[side] - other.proof.currents[side])
        worst = np.maximum(worst, apart.max(axis=1))
    beyond = np.maximum(worst - allowance, 0.0)
    return float((beyond / np.maximum(one.proof.scale, np.finfo(float).tiny)).max())


def _rounding_of_voltages(solution: Solution) -> Array:
    """What 20 roundings of absolute node voltages change in a current, (batch,), A."""
    crossbar = solution.crossbar
    nodes = [line.voltages.reshape(len(solution.proof.scale), -1) for line in solution.lines()]
    highest = np.abs(np.concatenate(nodes, axis=1))
    resistances = [crossbar.row_segments.ravel(), crossbar.column_segments.ravel()]
    resistances += [end.resistance for end in solution.ends.values()]
    present = np.concatenate(resistances)
    present = present[(present > 0) & np.isfinite(present)]
    smallest = present.min(initial=np.inf)
    return 20 * np.finfo(float).eps * highest.max(axis=1) / smallest
