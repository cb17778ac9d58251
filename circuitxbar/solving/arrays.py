"""Operating points of crossbars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from circuitxbar.arguments import Array, flag, real_number, shown
from circuitxbar.array.engine import Solved
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.proof import Proof, prove
from circuitxbar.circuit.solution import Request, Solution
from circuitxbar.circuit.terminations import SIDES, Side
from circuitxbar.circuit.valid import check_valid_conductances, check_valid_voltages, stays_valid
from circuitxbar.errors import CircuitError
from circuitxbar.solving.completing import completed
from circuitxbar.solving.engines import ENGINES, check_engine_name, engine_for_array
from circuitxbar.solving.failures import raise_unless_converged

_BLOCK_NODES = 4_000_000  # nodes times vectors solved at once; bounds memory to some 500 MB


def solve(
    crossbar: Crossbar,
    voltages: Any = None,
    column_voltages: Any = None,
    gates: Any = None,
    *,
    engine: str = "auto",
    rtol: float = 1e-9,
    keep: Literal["voltages", "currents"] = "voltages",
    start: Solution | None = None,
    throw: bool = True,
    extrapolate: bool = False,
) -> Solution:
    """Terminal currents and node voltages of `crossbar` at its operating point.

    voltages : (batch, driven lines) or (driven lines,), V; None where no end is Driven.
    column_voltages : (batch, columns), V, for Driven column ends where rows are driven too.
    gates : V, of the gate lines of transistors: one, (gate lines,) or (batch, gate lines).
    engine : "array", "nodal", "ngspice", or "auto": array for large work that it takes, with nodal
    for what it does not converge on, else nodal.
    rtol : largest error bound, relative to the vector's largest terminal current.
    keep : "currents" stores no node voltages, so that memory stays bounded.
    start : an earlier Solution, whose voltages are the first guess for as many vectors of an array
    of the same shape, and whose factorisation is used again when it is of the same Crossbar.
    throw : raise SolverError for vectors that did not converge, else see `status`.
    extrapolate : accept voltages and conductances outside the valid ranges of the devices.
    Raises CircuitError for wrong inputs or a circuit without a unique solution, SolverError
    for a missing engine or an error bound above the limit.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    if not isinstance(keep, str) or keep not in ("voltages", "currents"):
        raise CircuitError(f'keep = {shown(keep)}: choose "voltages" or "currents".')
    if start is not None and not isinstance(start, Solution):
        raise CircuitError(f"start = {shown(start)} is not a Solution.")
    throw, extrapolate = flag("throw", throw), flag("extrapolate", extrapolate)
    rtol = real_number("rtol", rtol, minimum=0.0)
    check_engine_name(engine)
    drive = Drive.of(crossbar, voltages, column_voltages, gates)
    if not extrapolate:
        check_valid_conductances(crossbar)
    name = engine_for_array(engine, crossbar, drive.batch)
    solution = solved(crossbar, drive, name, start, rtol, keep, extrapolate)
    failed = np.flatnonzero(~np.atleast_1d(solution.converged))
    if engine == "auto" and name == "array" and len(failed):
        left = drive.select(failed)
        rest = solved(crossbar, left, "nodal", None, rtol, keep, extrapolate, failed)
        solution = completed(solution, failed, rest)
    if throw:
        raise_unless_converged(solution)
    return solution


@np.errstate(over="ignore", invalid="ignore")  # the proof tells of numbers that are not finite
def solved(
    crossbar: Crossbar,
    drive: Drive,
    name: str,
    start: Solution | None,
    rtol: float,
    keep: str,
    extrapolate: bool,
    numbers: np.ndarray | None = None,
) -> Solution:
    """The answer of the engine called `name`, proven, whether it converged or not.

    numbers : by which the vectors are called where one is refused.
    """
    engine = ENGINES[name]
    numbers = np.arange(drive.batch) if numbers is None else numbers
    factor = start.factor if start is not None and start.crossbar is crossbar else None
    guess = start.kept_nodes() if start is not None and _fits(start, crossbar, drive) else None
    check = not (extrapolate or stays_valid(crossbar, drive))
    size = drive.batch
    if keep == "currents" and (check or not engine.streams):
        size = max(1, _BLOCK_NODES // (2 * crossbar.conductances.size))
    slices = drive.blocks(size)
    proofs: list[Proof] = []
    stats: list[dict[str, Any]] = []
    strategies: tuple[str, ...] = ()
    answer = None
    for vectors in slices:
        part = drive.select(vectors)
        kept = "voltages" if check else keep
        request = Request(rtol, kept, factor, guess if len(slices) == 1 else None)
        answer = engine.solve(crossbar, part, request)
        proofs.append(answer.proof or prove(crossbar, part.ends, answer.found, answer.measured))
        stats.append(answer.stats)
        strategies += answer.strategies or ("",) * part.batch
        if check:
            proof, limit = proofs[-1], proofs[-1].limit(rtol)
            # Where a law falls, it may be outside the range for which its file speaks.
            reached = (proof.error_bound <= limit) | (proof.falling & (proof.residual <= limit))
            check_valid_voltages(crossbar, answer.found, reached, numbers[vectors])
        factor = answer.factor
        if keep == "currents" and isinstance(factor, Solved):
            factor = replace(factor, blocks=())  # whose voltages only the check was for
    assert answer is not None  # a drive holds at least one vector
    return Solution(
        crossbar,
        drive,
        _joined(proofs),
        rtol,
        answer.engine,
        _joined_stats(stats),
        strategies,
        answer.nodes if keep == "voltages" else None,
        factor,
    )


def _fits(start: Solution, crossbar: Crossbar, drive: Drive) -> bool:
    """Whether the voltages of `start` can stand for those of `crossbar` under `drive`."""
    elements = len(start.crossbar.cell_elements), len(crossbar.cell_elements)
    if start.nodes is None:
        return False
    same_shape = start.crossbar.shape == crossbar.shape and elements[0] == elements[1]
    return same_shape and start.drive.batch == drive.batch


def signals_only(drive: Drive, signals: dict[Side, Array], batch: int) -> Drive:
    """`drive` with `signals` (batch, lines) as its only sources."""
    ends = {}
    for side, end in drive.ends.items():
        none = np.zeros((batch, len(end.resistance)))
        ends[side] = end.with_signal(signals.get(side, none))
    return Drive(ends, batch, False, np.zeros((1, drive.gates.shape[1])))


def sum_over(currents: Mapping[Side, Array], sides: Sequence[Side]) -> Array:
    """Terminal currents summed over the two ends of each line, (batch, lines)."""
    return np.sum([currents[side] for side in sides], axis=0)


def _joined(proofs: list[Proof]) -> Proof:
    if len(proofs) == 1:
        return proofs[0]
    return Proof(
        {side: np.concatenate([p.currents[side] for p in proofs]) for side in SIDES},
        np.concatenate([p.residual for p in proofs]),
        np.concatenate([p.error_bound for p in proofs]),
        np.concatenate([p.scale for p in proofs]),
        np.concatenate([p.falling for p in proofs]),
    )


def _joined_stats(stats: list[dict[str, Any]]) -> dict[str, Any]:
    """Of slice after slice: one array of what is told vector by vector; else of the last one."""
    return {
        name: np.concatenate([s[name] for s in stats]) if isinstance(value, np.ndarray) else value
        for name, value in stats[-1].items()
    }
