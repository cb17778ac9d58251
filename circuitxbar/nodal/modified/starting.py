"""Where circuits begin: at rest, or at initial conditions, with switches as those leave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from circuitxbar.arguments import Array
from circuitxbar.errors import SolverError
from circuitxbar.nodal.modified.integration import Point
from circuitxbar.nodal.modified.newton import (
    Equations,
    Evaluated,
    Found,
    solve,
)
from circuitxbar.nodal.modified.strategies import operating_point
from circuitxbar.nodal.modified.system import Closed, System, add_between, between

_AT_ONCE = 1e-18  # s, in which charges do not move
_SETTLINGS = 20  # of switches
_LITTLE, _NOTHING = 1e-20, 1e-11  # of the largest entry of a row
_LAST_DIGITS = 1e-15


def operating_start(system: System) -> tuple[Point, Closed]:
    """The operating point with the sources as they are at 0 s: where a transient starts.

    Nodes of circuit.initial_voltages are held at them.
    """
    x = np.zeros(system.size)
    for state in system.moving:
        x[state.unknowns] = state.initial
    found, closed, _ = settled(system, system.sources.at(0.0), x, _given(system))
    if not found.converged:
        raise SolverError(
            "the operating point from which the transient starts was not found. Start from "
            'initial conditions (initial="given"), or lower the sources.'
        )
    return _at_rest(system, found.at.x), closed


def given_start(system: System) -> tuple[Point, Closed]:
    """Where a transient starts from initial conditions alone: voltages and currents that fit them.

    Capacitors and inductors have their own, else those of circuit.initial_voltages, else 0.
    """
    x = np.zeros(system.size)
    for unknown, value in _given(system).items():
        x[unknown] = value
    for state in system.moving:
        x[state.unknowns] = state.initial
    charge = _charge(system, x)
    for group in system.circuit.groups:
        if group.initial is None:
            continue
        pairs = system.branch_pairs(group) if group.kind == "L" else system.place[group.nodes]
        change = np.where(np.isnan(group.initial), 0.0, group.initial - between(x, pairs))
        if group.kind == "L":
            x[pairs[:, 0]] += change
            change = -change
        add_between(charge, pairs, group.values * change)
    closed = tuple(s.model.closed for s in system.switches)
    alpha = 1.0 / _AT_ONCE
    for _ in range(_SETTLINGS):
        values = system.sources.at(0.0)
        equations = Equations(system, values, closed, 0.0, alpha, -alpha * charge)
        found = solve(equations, x, rtol=1e-9, floor=(1e-12, 1e-15))
        if not found.converged:
            raise SolverError(
                "no voltages were found that fit the initial conditions. Check for those of "
                "capacitors in a loop, and for sources that they contradict."
            )
        new = system.switched(found.at.x, closed)
        if same(new, closed):
            return _at_rest(system, _with_currents(equations, found.at)), closed
        closed = new
    raise SolverError(
        "switches open and close without end at the initial conditions. Give them a hysteresis."
    )


def _with_currents(equations: Equations, at: Evaluated) -> Array:
    """The unknowns of `at`, with currents that are no difference of charges.

    In so short a step a charge's last digit is a current. So those that flow there are found as
    what charges must follow, from where they are, in one step more.
    """
    resting = replace(equations, alpha=0.0, history=0.0)
    factor = equations.factor(at, np.zeros(equations.system.size, dtype=bool))
    return at.x if factor is None else at.x - factor.solve(resting.at(at.x).error)


def settled(
    system: System,
    sources: Array,
    x: Array,
    held: Mapping[int, float] | None = None,
    closed: Closed | None = None,
) -> tuple[Found, Closed, str]:
    """The operating point from `x`, with switches as it leaves them, and by which method.

    closed : those that are at x, an operating point of a nearby circuit.
    """
    nearby = closed is not None
    closed = tuple(s.model.closed for s in system.switches) if closed is None else closed
    for _ in range(_SETTLINGS):
        equations = Equations(system, sources, closed, held=held or {})
        found, how = operating_point(equations, x, nearby)
        new = system.switched(found.at.x, closed)
        if same(new, closed):
            if not found.converged and found.at.whole:
                _refuse_singular(equations, found.at)
            return found, closed, how
        closed = new  # whether this was solved or not: it is another circuit now
    raise SolverError(
        "switches open and close without end at the operating point: it may have none, as of an "
        'oscillator. Start a transient from initial conditions (initial="given", uic), or give the '
        "switches a hysteresis."
    )


def _refuse_singular(equations: Equations, at: Evaluated) -> None:
    """Raise a SolverError that names what may have any value at `at`, where there is such a thing.

    It is where the vector is largest that the matrix A makes nothing of: with rows scaled to 1,
    (A^T A + a little) ^ -1 multiplies that vector by far more than any other.
    """
    system = equations.system
    entries = system.matrix_of(at.laws, at.charges, 0.0, equations.closed)
    matrix = csr_array(system.pattern.matrix(entries))
    held = np.isin(np.arange(system.size), [*equations.held, *_states(system)])
    matrix = csr_array(
        diags_array((~held).astype(float)) @ matrix + diags_array(held.astype(float))
    )
    rows = abs(matrix).max(axis=1).toarray().ravel()
    if not np.isfinite(rows).all():
        return
    matrix = csc_array(diags_array(1.0 / np.where(rows > 0, rows, 1.0)) @ matrix)
    squares = matrix.T @ matrix
    # What is less than their last digits adds nothing to them.
    little = np.maximum(_LITTLE, _LAST_DIGITS * squares.diagonal())
    factor = splu(csc_array(squares + diags_array(little)))
    vector = np.random.default_rng(0).standard_normal(system.size)
    for _ in range(3):
        vector = factor.solve(vector)
        vector /= np.abs(vector).max()
    if np.abs(matrix @ vector).max() > _NOTHING:
        return
    size = np.abs(vector)
    nodes = np.where(system.is_node, size, 0.0)  # an element only where no voltage is open
    most = int((nodes if nodes.max() > 1e-6 else size).argmax())
    raise SolverError(
        f"the operating point was not found: the equations are singular, {system.name_of(most)} "
        "may have any value. Look for elements there that cancel each other, such as a negative "
        "resistance, and for devices that are all off; add a path to ground."
    )


def _states(system: System) -> list[int]:
    return [int(u) for state in system.moving for u in state.unknowns]


def same(one: Closed, other: Closed) -> bool:
    """Whether the same switches are closed."""
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def _given(system: System) -> dict[int, float]:
    circuit = system.circuit
    return {
        int(system.place[circuit.node(name)]): value
        for name, value in circuit.initial_voltages.items()
    }


def _at_rest(system: System, x: Array) -> Point:
    none = np.zeros_like(x)
    return Point(0.0, x, _charge(system, x), none, none)


def _charge(system: System, x: Array) -> Array:
    charge = system.reactive @ x
    for block, place in zip(system.blocks, system.controls(x), strict=True):
        stored = block.laws.charge(place, 0.0)
        if stored is not None:
            add_between(charge, block.outputs, stored[0])
    return charge
