"""Every engine gives the currents of the refined dense solve, on arrays of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from reference.agreement import AGREEMENT, EPS, differences, rounding_of_ngspice
from reference.arrays import KINDS, Case, cases, determined_cases, random_case
from reference.dense_solver import SIDES, Reference, solve_exactly, solve_refined

import circuitxbar as cx


def reference_of(case: Case) -> Reference:
    """The refined solve of an example that has currents to compare."""
    reference = solve_refined(*case.inputs)
    assume(reference.is_live.all())
    return reference


def check_nodal(case: Case, reference: Reference) -> None:
    solution = cx.solve(*case.inputs, engine="nodal")
    errors = differences(solution, reference)
    largest = reference.largest_current().astype(float)
    assert (errors.max(axis=1) <= AGREEMENT * largest).all()
    assert (errors.max(axis=1) <= np.atleast_1d(solution.error_bound)).all()
    for line in ("row", "column"):
        voltages = getattr(solution, f"{line}_voltages").reshape(-1, *case.crossbar.shape)
        scale = max(float(np.abs(v).max()) for v in reference.voltages.values())
        assert np.abs(voltages - reference.grid(line)).max() <= 1e-9 * scale


def check_ngspice(case: Case, reference: Reference) -> str:
    """Whether the agreement asked was "strict", or "with rounding" of ngspice's voltages."""
    solution = cx.solve(*case.inputs, engine="ngspice", throw=False)
    errors = differences(solution, reference)
    assert (errors.max(axis=1) <= np.atleast_1d(solution.error_bound)).all()
    largest = reference.largest_current().astype(float)
    rounding = rounding_of_ngspice(case.crossbar, reference)
    assert (errors.max(axis=1) <= AGREEMENT * largest + rounding).all()
    return "strict" if (rounding <= 0.1 * AGREEMENT * largest).all() else "with rounding"


@settings(max_examples=250)
@given(determined_cases())
def test_nodal_equals_the_refined_dense_solve(case: Case):
    check_nodal(case, reference_of(case))


@settings(max_examples=100)
@given(determined_cases())
def test_ngspice_equals_the_refined_dense_solve(case: Case):
    event(check_ngspice(case, reference_of(case)))


@settings(max_examples=100)
@given(
    determined_cases(
        kinds={
            "left": ("Driven",),
            "right": ("Driven", "Floating"),
            "top": ("Grounded", "Floating"),
            "bottom": ("Grounded",),
        },
        wires=("ideal", "ohms"),
        decades=((-6.0, -3.0), (-5.0, -4.0)),
    )
)
def test_the_arrays_people_read_agree_without_any_allowance(case: Case):
    """Driven rows, sensed columns, cells of 1 uS and more, wires of 0.1 to 100 ohm."""
    reference = reference_of(case)
    check_nodal(case, reference)
    errors = differences(cx.solve(*case.inputs, engine="ngspice", throw=False), reference)
    assert (errors.max(axis=1) <= AGREEMENT * reference.largest_current()).all()


READ = {"left": "Driven", "right": "Floating", "top": "Floating", "bottom": "Grounded"}
LARGE = {
    "read": (READ, "ohms", 64, 64),
    "ideal": (READ, "ideal", 64, 64),
    "wide": (READ, "per segment", 20, 64),
    "tall": ({**READ, "right": "Driven"}, "per line", 64, 20),
    "all ends": (dict(zip(SIDES, KINDS, strict=False)), "uniform", 48, 64),
    "held and broken": ({**READ, "top": "Held"}, "broken", 64, 48),
    "both driven": ({**READ, "bottom": "Driven", "top": "Norton"}, "per segment", 48, 48),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_arrays_agree(name: str):
    kinds, wires, rows, columns = LARGE[name]
    for seed in range(100):
        case = random_case(
            np.random.default_rng([seed, len(name)]),
            rows,
            columns,
            kinds,
            wires,
            batch=2,
            opens=0.01,
            shorts=0.002,
        )
        if case.is_determined:
            break
    else:
        pytest.fail("no array with a unique solution among 100")
    reference = solve_refined(*case.inputs)
    assert reference.is_live.all()
    check_nodal(case, reference)
    check_ngspice(case, reference)


@pytest.mark.slow
@settings(max_examples=600)
@given(determined_cases(largest=64))
def test_many_arrays_of_all_sizes_agree(case: Case):
    reference = reference_of(case)
    check_nodal(case, reference)
    event(check_ngspice(case, reference))


@settings(max_examples=200)
@given(
    st.one_of(
        cases(largest=8),
        cases(largest=3, wires=("ideal",), special=False),  # where ideal sources meet
        cases(
            largest=3, kinds=dict.fromkeys(SIDES, ("Floating", "Norton", "Driven"))
        ),  # or none is
    )
)
def test_refuses_exactly_what_has_no_unique_solution(case: Case):
    event("determined" if case.is_determined else "not determined")
    if case.is_determined:
        cx.solve(*case.inputs, throw=False)
    else:
        with pytest.raises(cx.CircuitError):
            cx.solve(*case.inputs, throw=False)


@settings(max_examples=100)
@given(st.floats(1e-8, 1e-2), st.floats(1e-6, 0.1), st.floats(-1, 1), st.floats(1e-3, 100.0))
@example(1e-8, 0.1, 1.0, 1.0)
def test_a_norton_end_that_feeds_little_but_itself(
    cell: float, conductance: float, voltage: float, wire: float
):
    """Its terminal current g v - i is then a difference of nearly equal numbers: eps i."""
    current = conductance * voltage
    crossbar = cx.Crossbar(
        [[cell]], wires=cx.Wires(wire, wire), left=cx.Norton(conductance, current)
    )
    exact = solve_exactly(crossbar)
    solution = cx.solve(crossbar)
    difference = solution.terminal_currents.left - exact.currents["left"].astype(float)[0]
    assert np.abs(difference).max() <= 4 * EPS * abs(current)
    assert solution.error_bound >= np.abs(difference).max()


def test_terminations_drawn_cover_every_kind():
    """The arrays above are of every kind only if the strategy draws every kind."""
    seen: set[str] = set()

    @settings(max_examples=200, database=None)
    @given(determined_cases())
    def look(case: Case) -> None:
        for side in SIDES:
            end = getattr(case.crossbar, side)
            fields = [np.ndim(value) for value in vars(end).values()]
            seen.add(f"{side} {type(end).__name__} {'per line' if any(fields) else 'scalar'}")

    look()
    for side in SIDES:
        for kind in KINDS:
            assert f"{side} {kind} scalar" in seen
            if kind != "Floating":
                assert f"{side} {kind} per line" in seen
