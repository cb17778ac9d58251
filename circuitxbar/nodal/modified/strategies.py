"""Ways to the operating point of a circuit, by one after another of which it is looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.nodal.modified.newton import Equations, Found, solve

_STAGES, _STAGE_STEPS = 200, 30  # circuits that lead to another one, and steps for each
_SHORTEST = 1e-4  # part of the way to it in one step
_STIFFEST = 1e9  # S, to what a node was before, at which it still does not come to rest


def operating_point(equations: Equations, x: Array, nearby: bool = False) -> tuple[Found, str]:
    """The operating point: by Newton's method, else gmin or source stepping, else pseudo-transient.

    nearby : whether x is that of a nearby circuit, to be begun at; else laws begin at 0.
    """
    options: dict[str, Any] = {"rtol": 1e-9, "floor": (1e-12, 1e-15), "polish": True}
    if nearby:
        found = solve(equations, x, **options)
        if found.converged:
            return found, "newton"
    found = solve(equations, x, at_rest=True, **options)
    if found.converged:
        return found, "newton"
    shunted = _continued(
        lambda p: replace(equations, shunt=1e-2 * 1e-18**p if p < 1 else 0.0), x, options
    )
    if shunted is not None:
        return shunted, "gmin stepping"
    ramped = _continued(
        lambda p: replace(equations, sources=p * equations.sources), np.zeros_like(x), options
    )
    if ramped is not None:
        return ramped, "source stepping"
    return _at_rest_in_time(equations, x, options) or found, "pseudo-transient"


def _continued(
    stage: Callable[[float], Equations], x: Array, options: dict[str, Any]
) -> Found | None:
    """The circuit stage(1), from stage(0) by steps as large as Newton's method can follow."""
    found = solve(stage(0.0), x, at_rest=True, **options)
    reached, step = 0.0, 0.1
    while found.converged and reached < 1.0 and step > _SHORTEST:
        aim = min(1.0, reached + step)
        trial = solve(stage(aim), found.at.x, steps=_STAGE_STEPS, **options)
        if trial.converged:
            found, reached, step = trial, aim, 1.5 * step
        else:
            step /= 4.0
    return found if reached == 1.0 and found.converged else None


def _at_rest_in_time(equations: Equations, x: Array, options: dict[str, Any]) -> Found | None:
    """The circuit where it comes to rest with a capacitor from every node to ground.

    Its steps of time grow as Newton's method follows; folds, at which the branches end that the
    other methods go along, are jumped over as a real circuit does it.
    """
    nodes, shunt, at_rest = equations.system.nodes, 1e-2, True
    for _ in range(_STAGES):
        history = np.zeros(equations.system.size)
        history[nodes] = -shunt * x[nodes]
        stage = replace(equations, shunt=shunt, history=history)
        found = solve(stage, x, at_rest=at_rest, steps=_STAGE_STEPS, **options)
        if not found.converged:
            shunt *= 8.0
            if shunt > _STIFFEST:
                break
            continue
        x, at_rest = found.at.x, False
        shunt /= 4.0 if found.steps < 8 else 2.0
        if shunt < 1e-12:
            found = solve(equations, x, **options)
            if found.converged:
                return found
            shunt = 1e-7
    return None
