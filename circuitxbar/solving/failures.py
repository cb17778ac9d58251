"""What is said of answers that did not reach their accuracy."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.solution import Solution
from circuitxbar.errors import SolverError


def raise_unless_converged(solution: Solution) -> None:
    """SolverError naming the vectors whose error bound is above the limit, and the worst."""
    failed = np.flatnonzero(~np.atleast_1d(solution.converged))
    if len(failed) == 0:
        return
    falling = failed[solution.proof.falling[failed]]
    if len(falling):
        devices = [d for d in solution.crossbar.devices.values() if d.monotone and not d.is_linear]
        names = " or ".join(repr(device.name) for device in devices)
        raise SolverError(
            f"{named_vectors(falling)} did not converge: where it came to, a current of {names} "
            "falls with the voltage, though it is declared monotone. "
            "Nothing then bounds the error, and there may be other answers. Set monotone = false "
            "in the file to be given one of them, or keep to where the law rises.",
            vectors=tuple(int(k) for k in failed),
            solution=solution,
        )
    bound = np.atleast_1d(solution.error_bound)[failed]
    limit = np.atleast_1d(solution.limit)[failed]
    refuse_vectors(failed, bound, limit, solution)


def refuse_vectors(
    failed: np.ndarray, error: Array, limit: Array, answer: Solution | OperatingPoint
) -> NoReturn:
    """SolverError for the vectors `failed`, whose Kirchhoff `error` is above its `limit`."""
    worst = int(np.argmax(error - limit))
    advice = "Pass a larger rtol, or check for conductances many decades apart."
    if np.isnan(error[worst]):
        advice = "A law gives no finite number there: check its parameters and what it divides by."
        if isinstance(answer, Solution) and answer.crossbar.is_linear:
            advice = "Its numbers are no longer finite: check for values that are extremely large."
        error, limit = np.full_like(error, np.inf), np.nan_to_num(limit)
    elif answer.engine == "ngspice":
        advice = (
            "ngspice keeps 16 digits of every node voltage, not of wire currents: pass a larger "
            'rtol, or use engine="nodal".'
        )
    elif "source stepping" in [answer.strategies[k] for k in failed if answer.strategies]:
        advice = (
            "Neither Newton's method nor gmin and source stepping found an answer. There may be "
            "none: look for laws with falling or flat branches and for currents that nothing "
            "carries away; else lower the drive."
        )
    if answer.engine == "array":
        advice += ' Or use engine="nodal", which is slower and gives up later.'
    raise SolverError(
        f"{named_vectors(failed)} did not converge: Kirchhoff error {error[worst]:.1e} A "
        f"(limit {limit[worst]:.1e} A). {advice}",
        vectors=tuple(int(k) for k in failed),
        solution=answer,
    )


def named_vectors(vectors: np.ndarray) -> str:
    """The first of them by their numbers, to begin a message with."""
    names = ", ".join(map(str, vectors[:8])) + (", ..." if len(vectors) > 8 else "")
    return f"{'Vector' if len(vectors) == 1 else 'Vectors'} {names}"
