"""What circuit theory says of every linear array, whatever the numbers."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.arrays import Case, determined_cases
from reference.dense_solver import SIDES, solve_refined

import circuitxbar as cx
from circuitxbar.solving import arrays

INPUT = {"left": ("Driven",)}
READ = {**INPUT, "right": ("Floating", "Held", "Norton"), "bottom": ("Grounded",)}
READ |= {"top": ("Floating", "Held", "Norton")}


def solve(case: Case, **changes) -> cx.Solution:
    return cx.solve(*replace(case, **changes).inputs, throw=False)


def all_currents(solution: cx.Solution) -> np.ndarray:
    """Every terminal current, (batch, ends)."""
    sides = [np.atleast_2d(getattr(solution.terminal_currents, side)) for side in SIDES]
    return np.concatenate(sides, axis=1)


def source_scale(case: Case) -> float:
    """The largest Norton current: its terminal current is only known to eps of it."""
    return max(np.abs(getattr(getattr(case.crossbar, s), "current", 0.0)).max() for s in SIDES)


@settings(max_examples=60)
@given(determined_cases(kinds=INPUT, batch=(2,)), st.floats(-3, 3))
def test_superposition_after_subtracting_the_offset(case: Case, factor: float):
    def driven(weights: np.ndarray) -> np.ndarray:
        across = case.column_voltages
        return all_currents(
            solve(
                case,
                voltages=weights @ case.voltages,
                column_voltages=None if across is None else weights @ across,
            )
        )[0]

    offset = driven(np.zeros(2))
    first, second = driven(np.array([1.0, 0.0])), driven(np.array([0.0, 1.0]))
    together = driven(np.array([factor, 1.0]))
    expected = factor * (first - offset) + (second - offset) + offset
    scale = max(np.abs([offset, first, second, together]).max(), source_scale(case))
    np.testing.assert_allclose(together, expected, rtol=0, atol=1e-12 * scale)


def scaled_termination(end, resistance: float, source: float):
    """`end` with its resistances and its sources (in volt) multiplied."""
    factors = {
        "resistance": resistance,
        "voltage": source,
        "conductance": 1 / resistance,
        "current": source / resistance,
    }
    return replace(end, **{f.name: getattr(end, f.name) * factors[f.name] for f in fields(end)})


@settings(max_examples=60)
@given(determined_cases(), st.sampled_from((0.25, 2.0, 16.0)))
def test_twice_the_sources_give_twice_the_currents_to_the_last_bit(case: Case, factor: float):
    ends = {s: scaled_termination(getattr(case.crossbar, s), 1.0, factor) for s in SIDES}
    scaled = solve(
        case,
        crossbar=replace(case.crossbar, **ends),
        voltages=None if case.voltages is None else factor * case.voltages,
        column_voltages=None if case.column_voltages is None else factor * case.column_voltages,
    )
    np.testing.assert_array_equal(all_currents(scaled), factor * all_currents(solve(case)))


@settings(max_examples=60)
@given(determined_cases(), st.sampled_from((0.5, 4.0)))
def test_twice_every_resistance_halves_the_currents_to_the_last_bit(case: Case, factor: float):
    crossbar = case.crossbar
    ends = {s: scaled_termination(getattr(crossbar, s), factor, 1.0) for s in SIDES}
    slower = replace(
        crossbar,
        conductances=crossbar.conductances / factor,
        wires=cx.Wires(factor * crossbar.wires.row, factor * crossbar.wires.column),
        **ends,
    )
    expected = all_currents(solve(case)) / factor
    np.testing.assert_array_equal(all_currents(solve(case, crossbar=slower)), expected)


@settings(max_examples=30)
@given(
    determined_cases(
        kinds={"left": ("Driven",), "bottom": ("Grounded",), "right": ("Floating",)}
        | {"top": ("Floating",)},
        wires=("ideal",),
        special=False,
        decades=((-6.0, -3.0),),
    )
)
def test_the_ideal_limit_is_approached_in_proportion_to_the_wires(case: Case):
    """Currents minus those of ideal wires, divided by the wire resistance, settle."""
    ideal = all_currents(solve(case))

    def slope(ohms: float) -> np.ndarray:
        crossbar = replace(case.crossbar, wires=cx.Wires(ohms, ohms))
        return (all_currents(solve(case, crossbar=crossbar)) - ideal) / ohms

    coarse, fine = slope(1e-2), slope(1e-3)
    largest = np.abs(fine).max()
    np.testing.assert_allclose(coarse, fine, rtol=0, atol=0.05 * largest)
    assert largest > 0 or not ideal.any()


@settings(max_examples=60)
@given(determined_cases(kinds=READ))
def test_reciprocity_of_a_transposed_read(case: Case):
    forward, _ = cx.effective_matrix(case.crossbar)
    back, _ = cx.effective_matrix(case.crossbar.transpose())
    assert forward.shape == case.crossbar.shape
    np.testing.assert_allclose(back.T, forward, rtol=0, atol=1e-12 * np.abs(forward).max())


@settings(max_examples=60)
@given(
    determined_cases(
        largest=8,
        kinds={"left": ("Driven",), "right": ("Driven", "Grounded", "Held", "Floating")}
        | {"top": ("Grounded", "Held", "Floating"), "bottom": ("Grounded",)},
    )
)
def test_reciprocity_of_arrays_with_two_ends_each(case: Case):
    """Lines driven at both ends share a voltage; of lines sensed at both ends both are summed."""
    test_reciprocity_of_a_transposed_read.hypothesis.inner_test(case)


def test_a_line_sensed_at_both_ends_carries_its_whole_current():
    """With thin wires `currents` approaches voltages @ conductances, as with one end."""
    conductances = np.random.default_rng(0).uniform(1e-6, 1e-5, (6, 5))
    wires = cx.Wires(1e-6, 1e-6)
    crossbar = cx.Crossbar(conductances, wires=wires, right=cx.Driven(), top=cx.Grounded())
    voltages = np.linspace(0.1, 0.2, 6)
    solution = cx.solve(crossbar, voltages)
    np.testing.assert_allclose(solution.currents, voltages @ conductances, rtol=1e-9, atol=0)
    ends = solution.terminal_currents
    np.testing.assert_array_equal(solution.currents, ends.top + ends.bottom)


@settings(max_examples=60)
@given(determined_cases(kinds={**READ, "right": ("Floating", "Driven", "Held")}))
def test_the_effective_matrix_is_the_circuit(case: Case):
    matrix, offset = cx.effective_matrix(case.crossbar)
    solution = solve(case)
    scale = max(np.abs(all_currents(solution)).max(), np.abs(matrix).max(), source_scale(case))
    expected = case.voltages @ matrix + offset
    np.testing.assert_allclose(solution.currents, expected, rtol=0, atol=1e-12 * scale)


@settings(max_examples=60)
@given(
    determined_cases(kinds={**READ, "right": ("Floating", "Grounded"), "top": ("Grounded",)}),
    st.integers(0, 2**32 - 1),
)
def test_rayleigh_less_resistance_never_less_conductance(case: Case, seed: int):
    """The driving-point conductance of every row, all other ends at 0 V."""
    rng = np.random.default_rng(seed)
    crossbar = case.crossbar
    chosen = rng.uniform(size=crossbar.shape) < 0.3
    row, column = crossbar.row_segments.copy(), crossbar.column_segments.copy()
    for segments in (row, column):
        segments *= rng.choice([1.0, 0.5], segments.shape)
    better = replace(
        crossbar,
        conductances=np.where(chosen, 3 * crossbar.conductances, crossbar.conductances),
        wires=cx.Wires(row, column),
    )
    rows = crossbar.shape[0]

    def driving_point(array: cx.Crossbar) -> np.ndarray:
        return -np.diag(cx.solve(array, np.eye(rows), throw=False).terminal_currents.left)

    before, after = driving_point(crossbar), driving_point(better)
    scale = np.abs(before).max()
    assert (before >= -1e-13 * scale).all()
    assert (after >= before - 1e-13 * scale).all()


@settings(max_examples=200)
@given(st.one_of(determined_cases(), determined_cases(wires=("broken",), special=False)))
def test_power_delivered_is_power_spent(case: Case):
    assume(solve_refined(*case.inputs).is_live.all())
    solution = solve(case)
    split = solution.power_split
    parts = [split.cells, split.row_wires, split.column_wires, split.terminations]
    for part in parts:
        assert (part >= 0).all()
    # What single sources deliver and take can be larger than their sum.
    exchanged = sum(
        np.abs(end.voltage * solution.proof.currents[side]).sum(axis=1)
        + np.abs(end.current).sum(axis=1) * np.abs(solution.row_voltages).max()
        + np.abs(end.current).sum(axis=1) * np.abs(solution.column_voltages).max()
        for side, end in solution.ends.items()
    )
    np.testing.assert_array_equal(solution.power, split.sources)
    assert (np.abs(split.sources - sum(parts)) <= 1e-12 * (exchanged + sum(parts))).all()


@settings(max_examples=60)
@given(determined_cases(kinds=INPUT, batch=(3,)))
def test_a_vector_does_not_know_its_batch(case: Case):
    whole = all_currents(solve(case))
    scale = np.maximum(np.abs(whole).max(axis=1), source_scale(case))
    for k in range(3):
        across = case.column_voltages
        alone = solve(
            case,
            voltages=case.voltages[k],
            column_voltages=None if across is None else across[k],
        )
        np.testing.assert_allclose(all_currents(alone)[0], whole[k], rtol=0, atol=1e-13 * scale[k])


@settings(max_examples=30)
@given(determined_cases(kinds=INPUT, batch=(3,)), st.integers(1, 3))
def test_keeping_currents_only_changes_no_number(case: Case, vectors: int):
    kept = solve(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "_BLOCK_NODES", vectors * 2 * case.crossbar.conductances.size)
        lean = cx.solve(*case.inputs, keep="currents", throw=False)
    scale = max(np.abs(all_currents(kept)).max(), source_scale(case))
    np.testing.assert_allclose(all_currents(lean), all_currents(kept), rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(lean.error_bound, kept.error_bound, rtol=0, atol=1e-13 * scale)
    with pytest.raises(cx.CircuitError, match="keep"):
        _ = lean.row_voltages
    with pytest.raises(cx.CircuitError, match="keep"):
        cx.gradient(lean, np.ones_like(lean.currents))


@settings(max_examples=30)
@given(determined_cases(kinds=INPUT, batch=(2,)))
def test_an_earlier_solution_as_start_changes_no_number(case: Case):
    first = solve(case)
    across = case.column_voltages
    other = replace(
        case, voltages=-case.voltages, column_voltages=None if across is None else -across
    )
    anew = solve(other)
    again = cx.solve(*other.inputs, start=first, throw=False)
    np.testing.assert_array_equal(all_currents(again), all_currents(anew))
    assert again.factor is first.factor
    stronger = replace(
        other, crossbar=case.crossbar.with_conductances(0.5 * case.crossbar.conductances)
    )
    elsewhere = cx.solve(*stronger.inputs, start=first, throw=False)
    np.testing.assert_array_equal(all_currents(elsewhere), all_currents(solve(stronger)))


@settings(max_examples=60)
@given(case=determined_cases())
def test_a_saved_crossbar_is_the_same_one(tmp_path_factory: pytest.TempPathFactory, case: Case):
    path = tmp_path_factory.getbasetemp() / "saved.npz"
    case.crossbar.save(path)
    loaded = cx.load(path)
    assert case.crossbar.shape == loaded.shape
    np.testing.assert_array_equal(
        all_currents(solve(case, crossbar=loaded)), all_currents(solve(case))
    )
    assert cx.write_spice(loaded.circuit(*case.inputs[1:])) == cx.write_spice(
        case.crossbar.circuit(*case.inputs[1:])
    )


def test_permuting_rows_permutes_nothing_but_ideal_arrays():
    rng = np.random.default_rng(5)
    conductances, voltages = 10 ** rng.uniform(-5, -3, (16, 8)), rng.uniform(0, 1, 16)
    order = rng.permutation(16)

    def change(wires: cx.Wires) -> float:
        straight = cx.solve(cx.Crossbar(conductances, wires=wires), voltages).currents
        mixed = cx.solve(cx.Crossbar(conductances[order], wires=wires), voltages[order]).currents
        return float(np.abs(mixed - straight).max() / np.abs(straight).max())

    assert change(cx.Wires(0.0, 0.0)) < 1e-15
    assert change(cx.Wires(1.0, 1.0)) > 1e-3


@settings(max_examples=40)
@given(determined_cases(kinds=READ))
def test_transposing_twice_gives_the_array_back(case: Case):
    back = case.crossbar.transpose().transpose()
    np.testing.assert_array_equal(
        all_currents(solve(case, crossbar=back)), all_currents(solve(case))
    )
    assume(case.crossbar.shape[0] != case.crossbar.shape[1])
    assert case.crossbar.transpose().shape == case.crossbar.shape
