"""The same problem through several engines, and how far any two of them differ."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, shown
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.proof import LEAST_CURRENT, prove
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import SIDES
from circuitxbar.errors import CircuitError
from circuitxbar.solving import ENGINES, check_engine_name, present_engines, solve


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several engines say of one problem.

    solutions : of each engine. The array engine proves its answers itself: here its bound is the
    larger one of its own and of what the proof of the others finds in its voltages.
    disagreement : (engine, engine) -> largest difference of any terminal current, relative to
    the largest one of its vector; of the array engine's also as recomputed from its voltages.
    unexplained : the same after ngspice was granted 20 roundings of its absolute node voltages
    over the smallest resistance, 20 eps V / r (docs/accuracy.md).
    seconds : what each engine took.
    """

    solutions: dict[str, Solution]
    seconds: dict[str, float]
    disagreement: dict[tuple[str, str], float]
    unexplained: dict[tuple[str, str], float]

    @property
    def worst(self) -> float:
        """The largest disagreement of any pair; 0 for a single engine."""
        return max(self.disagreement.values(), default=0.0)


def compare(
    crossbar: Crossbar,
    voltages: Any = None,
    column_voltages: Any = None,
    gates: Any = None,
    *,
    engines: Sequence[str] | None = None,
    extrapolate: bool = False,
) -> Comparison:
    """Solve one problem with several engines and measure how far any two of them differ.

    engines : their names; all that are present and take this array when omitted. Vectors that an
    engine leaves above the error bound are compared all the same: its `solutions[...]` tell.
    extrapolate : as for `solve`.
    Raises CircuitError for wrong inputs or names, SolverError for an engine that fails.
    """
    names = _willing(crossbar) if engines is None else _distinct(engines)
    problem = crossbar, voltages, column_voltages, gates
    solutions, seconds, readings = {}, {}, {}
    for name in names:
        start = time.perf_counter()
        solution = solve(*problem, engine=name, throw=False, extrapolate=extrapolate)
        seconds[name] = time.perf_counter() - start
        readings[name] = [solution]
        if name == "array":
            readings[name].append(_recomputed(solution))
            solution = _with_larger_bound(*readings[name])
        solutions[name] = solution
    disagreement, unexplained = {}, {}
    for a, b in itertools.combinations(names, 2):
        apart = [_difference(*pair) for pair in itertools.product(readings[a], readings[b])]
        disagreement[a, b], unexplained[a, b] = (
            float(largest) for largest in np.max(apart, axis=0)
        )
    return Comparison(solutions, seconds, disagreement, unexplained)


def _willing(crossbar: Crossbar) -> tuple[str, ...]:
    """The engines of this machine that take `crossbar`."""
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    return tuple(name for name in present_engines() if not ENGINES[name].refusal(crossbar))


@np.errstate(over="ignore", invalid="ignore")  # the proof tells of numbers that are not finite
def _recomputed(solution: Solution) -> Solution:
    """`solution` with what `prove` finds in its voltages."""
    found = prove(solution.crossbar, solution.ends, solution.kept_nodes())
    return replace(solution, proof=found)


def _with_larger_bound(one: Solution, other: Solution) -> Solution:
    bound = np.maximum(one.proof.error_bound, other.proof.error_bound)
    residual = np.maximum(one.proof.residual, other.proof.residual)
    return replace(one, proof=replace(one.proof, error_bound=bound, residual=residual))


def _distinct(engines: Any) -> tuple[str, ...]:
    if not isinstance(engines, list | tuple) or not engines:
        raise CircuitError(f"engines = {shown(engines)}: expected a list of names.")
    for k, name in enumerate(engines):
        check_engine_name(name)
        if name == "auto" or name in engines[:k]:
            raise CircuitError(f"engines[{k}] = {name!r}: name each engine itself, and once.")
    return tuple(engines)


def _difference(one: Solution, other: Solution) -> tuple[float, float]:
    """The largest relative difference of two answers, as it is and beyond ngspice's rounding."""
    apart = np.zeros(len(one.proof.scale))
    for side in SIDES:
        difference = np.abs(one.proof.currents[side] - other.proof.currents[side])
        apart = np.maximum(apart, difference.max(axis=1))
    allowance = np.zeros_like(apart)
    if "ngspice" in (one.engine, other.engine):
        allowance = _rounding_of_voltages(one)
    scale = np.maximum(one.proof.scale, LEAST_CURRENT)
    return float((apart / scale).max()), float((np.maximum(apart - allowance, 0.0) / scale).max())


def _rounding_of_voltages(solution: Solution) -> Array:
    """What 20 roundings of absolute node voltages change in a current, (batch,), A."""
    crossbar = solution.crossbar
    kept = solution.kept_nodes()
    nodes = [n.voltages.reshape(len(solution.proof.scale), -1) for n in (kept.row, kept.column)]
    highest = np.abs(np.concatenate(nodes, axis=1))
    resistances = [crossbar.row_segments.ravel(), crossbar.column_segments.ravel()]
    resistances += [end.resistance for end in solution.ends.values()]
    present = np.concatenate(resistances)
    present = present[(present > 0) & np.isfinite(present)]
    smallest = present.min(initial=np.inf)
    return 20 * np.finfo(float).eps * highest.max(axis=1) / smallest
