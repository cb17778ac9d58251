"""`gradient` against central differences of the refined dense solve, which knows no adjoint.

The solve is good to 1e-19 and the steps are 1e-4 of the value (conductances) or 1 V and 1 V
(the currents are linear in every source), so that a quotient is good to 1e-7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.arrays import Case, determined_cases, random_case
from reference.dense_solver import SIDES, solve_refined

import circuitxbar as cx

AGREEMENT = 1e-6  # required, of the largest entry of the gradient
STEP = 1e-4


def loss(case: Case, cotangents: np.ndarray, sides: tuple[str, ...] = ()) -> np.longdouble:
    """sum(cotangents * currents), of which the gradient is taken; `sides` are those sensed."""
    found = solve_refined(*case.inputs).currents
    currents = sum(found[side] for side in sides or case.crossbar.sensed_sides)
    return (np.atleast_2d(cotangents) * currents).sum()


def quotient(plus: Case, minus: Case, cotangents: np.ndarray, width: float) -> float:
    return float((loss(plus, cotangents) - loss(minus, cotangents)) / np.longdouble(width))


def close(name: str, got: Any, expected: Any) -> None:
    """Both are the same to AGREEMENT of the largest expected entry."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, name
    scale = np.abs(expected).max()
    assert np.abs(got - expected).max() <= AGREEMENT * scale + 1e-30, name


def with_conductances(case: Case, conductances: np.ndarray) -> Case:
    return replace(case, crossbar=case.crossbar.with_conductances(conductances))


def conductance_quotients(case: Case, cotangents: np.ndarray) -> np.ndarray:
    """dloss/dg of every finite cell; open cells by a one-sided step with a second-order formula."""
    cells = case.crossbar.conductances
    quotients = np.zeros(cells.shape)
    for place in np.ndindex(cells.shape):
        if np.isinf(cells[place]):
            continue

        def moved(step: float, place: tuple[int, ...] = place) -> Case:
            changed = cells.copy()
            changed[place] += step
            return with_conductances(case, changed)

        if cells[place] > 0:
            step = STEP * cells[place]
            width = (cells[place] + step) - (cells[place] - step)
            quotients[place] = quotient(moved(step), moved(-step), cotangents, width)
        else:
            step = 1e-12
            here, near, far = (loss(moved(k * step), cotangents) for k in range(3))
            quotients[place] = float((4 * near - far - 3 * here) / np.longdouble(2 * step))
    return quotients


def source_quotients(case: Case, cotangents: np.ndarray, feed: str) -> np.ndarray:
    """dloss/dV of every entry of `voltages` or `column_voltages`."""
    values = getattr(case, feed)
    quotients = np.zeros(values.shape)
    for place in np.ndindex(values.shape):
        plus, minus = values.copy(), values.copy()
        plus[place] += 1.0
        minus[place] -= 1.0
        width = plus[place] - minus[place]
        changed = replace(case, **{feed: plus}), replace(case, **{feed: minus})
        quotients[place] = quotient(*changed, cotangents, width)
    return quotients


def end_quotients(case: Case, cotangents: np.ndarray, side: str) -> np.ndarray | None:
    """dloss/dV of every line end on `side`, summed over the batch, where its source is its own."""
    end = getattr(case.crossbar, side)
    lines = case.crossbar.lines(side)
    if isinstance(end, cx.Floating | cx.Driven):
        return None
    quotients = np.zeros(lines)
    for line in range(lines):
        step = np.zeros(lines)
        step[line] = 1.0

        def moved(sign: float, step: np.ndarray = step) -> Case:
            if isinstance(end, cx.Norton):  # the current that 1 V drives through it
                other = cx.Norton(end.conductance, end.current + sign * step * end.conductance)
            else:
                other = cx.Held(getattr(end, "voltage", 0.0) + sign * step, end.resistance)
            ends = {name: getattr(case.crossbar, name) for name in SIDES} | {side: other}
            return replace(case, crossbar=replace(case.crossbar, **ends))

        # A Grounded end is moved as a Held one, and is still sensed.
        sides = case.crossbar.sensed_sides
        more, less = (loss(moved(sign), cotangents, sides) for sign in (1.0, -1.0))
        quotients[line] = float((more - less) / 2)
    return quotients


def drawn_cotangents(case: Case, seed: int) -> np.ndarray:
    solution = cx.solve(*case.inputs, throw=False)
    return np.random.default_rng([seed, 1]).uniform(-1, 1, solution.currents.shape)


def check(case: Case, seed: int) -> None:
    cotangents = drawn_cotangents(case, seed)
    solution = cx.solve(*case.inputs, throw=False)
    gradient = cx.gradient(solution, cotangents)
    close("conductances", gradient.conductances, conductance_quotients(case, cotangents))
    sources: dict[str, tuple[Any, Any]] = {}
    for feed in ("voltages", "column_voltages"):
        if getattr(case, feed) is None:
            assert getattr(gradient, feed) is None
        else:
            sources[feed] = getattr(gradient, feed), source_quotients(case, cotangents, feed)
    for side in SIDES:
        expected = end_quotients(case, cotangents, side)
        if expected is not None:
            by_vector = np.atleast_2d(getattr(gradient.end_voltages, side))
            sources[side] = by_vector.sum(axis=0), expected
    # Conductances in S all; a side that hardly matters is held to the largest of all.
    largest = max(np.abs(expected).max() for _, expected in sources.values())
    for name, (got, expected) in sources.items():
        assert got.shape == expected.shape, name
        assert np.abs(got - expected).max() <= AGREEMENT * largest + 1e-30, name


def live_cases(**limits: Any) -> st.SearchStrategy[Case]:
    return determined_cases(
        largest=3, batch=(None, 2), decades=((-6.0, -3.0), (-6.0, -6.0)), **limits
    )


@settings(max_examples=25)
@given(live_cases(), st.integers(0, 1000))
def test_gradient_of_arrays_of_every_kind(case: Case, seed: int):
    sensed = getattr(case.crossbar, case.crossbar.sensed_sides[0])
    assume(not isinstance(sensed, cx.Floating))
    assume(solve_refined(*case.inputs).is_live.all())
    check(case, seed)


READ = {"left": "Driven", "right": "Floating", "top": "Floating", "bottom": "Grounded"}
VARIANTS = {
    "read": (READ, "uniform"),
    "without wires": (READ, "ideal"),
    "both ends": ({**READ, "right": "Driven", "top": "Grounded"}, "per segment"),
    "driven columns too": (
        {**READ, "right": "Held", "bottom": "Driven", "top": "Norton"},
        "per line",
    ),
    "held and sensed": ({**READ, "bottom": "Held", "top": "Held"}, "uniform"),
    "only held": ({**READ, "left": "Held", "top": "Norton"}, "broken"),
    "read from its columns": ({**READ, "left": "Grounded", "bottom": "Driven"}, "per segment"),
}


def variant(name: str, rows: int, columns: int, **fields: Any) -> Case:
    kinds, wires = VARIANTS[name]
    for seed in range(100):
        rng = np.random.default_rng([seed, rows])
        case = random_case(rng, rows, columns, kinds, wires, **fields)
        if case.is_determined and solve_refined(*case.inputs).is_live.all():
            return case
    raise AssertionError("no such array with a unique solution among 100")


@pytest.mark.parametrize("name", VARIANTS)
def test_gradient_of_each_variant(name: str):
    check(variant(name, 6, 5, batch=2, opens=0.1, shorts=0.04, decades=(-6.0, -3.0)), seed=1)


def test_gradient_of_a_transposed_array():
    case = variant("read", 4, 6, batch=None)
    transposed = case.crossbar.transpose()
    voltages = np.random.default_rng(3).uniform(-1, 1, 6)
    check(Case(transposed, voltages, None), seed=2)


@pytest.mark.parametrize(("name", "size"), [("read", 16), ("without wires", 10)])
def test_gradient_per_cell_of_medium_arrays(name: str, size: int):
    check(variant(name, size, size, batch=1, decades=(-6.0, -4.0)), seed=3)


@pytest.mark.parametrize("name", VARIANTS)
def test_gradient_along_random_directions_of_larger_arrays(name: str):
    case = variant(name, 32, 40, batch=2, opens=0.01, shorts=0.001, decades=(-6.0, -4.0))
    cotangents = drawn_cotangents(case, seed=4)
    gradient = cx.gradient(cx.solve(*case.inputs, throw=False), cotangents)
    cells = case.crossbar.conductances
    finite = np.where(np.isinf(cells), 0.0, cells)
    rng = np.random.default_rng(4)
    for _ in range(2):
        direction = rng.uniform(-1, 1, cells.shape) * finite
        changed = [with_conductances(case, cells + s * STEP * direction) for s in (1, -1)]
        expected = quotient(*changed, cotangents, 2 * STEP)
        terms = gradient.conductances * direction
        # The steps are rounded to doubles: 1e-16 / 1e-4 of each term.
        assert abs(terms.sum() - expected) <= AGREEMENT * np.sqrt((terms**2).sum())
        for feed in ("voltages", "column_voltages"):
            values = getattr(case, feed)
            if values is not None:
                direction = rng.uniform(-1, 1, values.shape)
                changed = [replace(case, **{feed: values + s * direction}) for s in (1, -1)]
                terms = getattr(gradient, feed) * direction
                expected = quotient(*changed, cotangents, 2.0)
                assert abs(terms.sum() - expected) <= AGREEMENT * np.sqrt((terms**2).sum())


def test_a_batch_sums_what_its_vectors_share():
    case = variant("both ends", 5, 4, batch=3)
    solution = cx.solve(*case.inputs)
    cotangents = drawn_cotangents(case, seed=5)
    whole = cx.gradient(solution, cotangents)
    parts = [
        cx.gradient(cx.solve(case.crossbar, case.voltages[k]), cotangents[k]) for k in range(3)
    ]
    total = sum(part.conductances for part in parts)
    scale = np.abs(total).max()
    np.testing.assert_allclose(whole.conductances, total, rtol=0, atol=1e-12 * scale)
    for k, part in enumerate(parts):
        np.testing.assert_allclose(whole.voltages[k], part.voltages, rtol=1e-11)


def test_gradient_does_not_depend_on_the_engine_that_solved():
    case = variant("read", 6, 5, batch=2, decades=(-6.0, -4.0))
    cotangents = drawn_cotangents(case, seed=6)
    by_nodal = cx.gradient(cx.solve(*case.inputs), cotangents)
    by_ngspice = cx.gradient(cx.solve(*case.inputs, engine="ngspice", throw=False), cotangents)
    close("conductances", by_ngspice.conductances, by_nodal.conductances)
    close("voltages", by_ngspice.voltages, by_nodal.voltages)
