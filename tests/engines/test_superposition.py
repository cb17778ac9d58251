"""Many vectors through a linear array, and its effective matrix, each with its bound."""

from __future__ import annotations

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.array import engine
from circuitxbar.solving import arrays

RNG = np.random.default_rng(7)
G = 10 ** RNG.uniform(-6, -4, (6, 5))
V = RNG.uniform(-0.2, 0.2, (40, 6))
ENDS = {"top": cx.Held(0.05, 300.0), "right": cx.Norton(1e-4, 2e-6), "left": cx.Driven(20.0)}
SIDES = ("left", "right", "top", "bottom")


def apart(one: cx.Solution, other: cx.Solution) -> np.ndarray:
    """Largest difference of any terminal current of each vector, A."""
    differences = [
        np.abs(getattr(one.terminal_currents, s) - getattr(other.terminal_currents, s)).max(axis=1)
        for s in SIDES
    ]
    return np.max(differences, axis=0)


@pytest.mark.parametrize("ends", [{}, ENDS, {"top": cx.Driven(5.0), "bottom": cx.Driven(9.0)}])
def test_many_vectors_are_those_of_each_alone(ends):
    crossbar = cx.Crossbar(G, **ends)
    columns = RNG.uniform(-0.2, 0.2, (40, 5)) if crossbar.drives_columns else None
    many = cx.solve(crossbar, V, columns, engine="array", keep="currents")
    exact = cx.solve(crossbar, V, columns, engine="nodal")
    assert many.stats["superposed"].all()
    assert (many.stats["steps"] > 0).all()
    assert many.stats["steps"].shape == (len(V),)
    assert (apart(many, exact) <= many.error_bound).all()
    assert many.converged.all()
    assert np.allclose(many.residual, 0.0, atol=1e-9 * many.largest_current.max())


def test_a_vector_in_which_almost_all_cancels_is_solved_by_itself():
    """Its currents are far below those of the unit vectors, and so must its bound be."""
    crossbar = cx.Crossbar(np.full((6, 5), 1e-4), left=cx.Driven(1e3), wires=cx.Wires(1e3, 1e3))
    voltages = np.concatenate([V, np.zeros((1, 6))])
    voltages[-1, :2] = 1e-13, -1e-13
    many = cx.solve(crossbar, voltages, engine="array", keep="currents")
    exact = cx.solve(crossbar, voltages, engine="nodal")
    assert many.converged.all()
    assert (apart(many, exact) <= many.error_bound).all()


def test_vectors_that_are_missed_are_solved_side_by_side(monkeypatch):
    """At more digits than superposition has, some vectors or all are solved after all."""
    batches = []
    blocks = engine._blocks

    def counted(system, drive, request):
        batches.append(drive.batch)
        return blocks(system, drive, request)

    monkeypatch.setattr(engine, "_blocks", counted)
    crossbar = cx.Crossbar(G, left=cx.Driven(1e3), wires=cx.Wires(1e3, 1e3))
    many = cx.solve(crossbar, V, engine="array", keep="currents", rtol=1e-14)
    alone = ~many.stats["superposed"]
    assert batches == [6, 1, alone.sum()]
    assert alone.sum() > 1
    kept = cx.solve(crossbar, V, engine="array", rtol=1e-14)
    assert np.array_equal(many.currents[alone], kept.currents[alone])
    assert np.array_equal(many.stats["steps"][alone], kept.stats["steps"][alone])


def test_voltages_that_were_only_to_be_checked_are_not_kept(monkeypatch):
    """Where voltages may leave the valid range, they are looked at, slice after slice."""
    monkeypatch.setattr(arrays, "_BLOCK_NODES", 2 * G.size * 16)
    voltages = RNG.uniform(-0.6, 0.6, (40, 6))
    crossbar = cx.Crossbar(G, "sinh", wires=cx.Wires(20.0, 20.0), top=cx.Held(0.3, 1e3))
    monkeypatch.setattr(arrays, "stays_valid", lambda *_: False)
    found = cx.solve(crossbar, voltages, engine="array", keep="currents")
    assert found.factor.blocks == ()
    assert found.stats["newton_steps"].shape == (40,)  # of all slices
    assert np.array_equal(found.currents, cx.solve(crossbar, voltages, engine="array").currents)


def test_the_effective_matrix_knows_how_far_it_is_off():
    for shape in ((40, 30), (30, 40)):
        crossbar = cx.Crossbar(10 ** RNG.uniform(-6, -4, shape), top=cx.Held(0.05, 300.0))
        voltages = RNG.uniform(-0.2, 0.2, (3, shape[0]))
        found = cx.effective_matrix(crossbar)
        matrix, offset = found
        exact = cx.solve(crossbar, voltages, engine="nodal")
        error = np.abs(voltages @ matrix + offset - exact.currents).max(axis=1)
        bound = found.error_bound(voltages)
        assert (error <= bound).all()
        assert (bound <= 1e-9 * exact.largest_current).all()
        assert found.error_bound(voltages[0]) == pytest.approx(bound[0], rel=1e-12)
        assert found.bound.shape == matrix.shape
        wrong = voltages @ (matrix * (1 + 1e-8)) + offset
        assert (np.abs(wrong - exact.currents).max(axis=1) > bound).all()
        with pytest.raises(cx.CircuitError, match=r"expected \(\d+,\) or \(batch"):
            found.error_bound(voltages[:, 1:])


def test_streams_of_vectors_are_the_same_kept_or_not():
    crossbar = cx.Crossbar(G, "sinh", wires=cx.Wires(20.0, 20.0))
    whole = cx.solve(crossbar, V, engine="array")
    stream = cx.solve(crossbar, V, engine="array", keep="currents")
    assert np.array_equal(whole.currents, stream.currents)
    assert stream.factor.blocks == ()  # nothing else is stored
    with pytest.raises(cx.CircuitError, match="keep"):
        _ = stream.row_voltages


def test_lines_without_any_current_are_solved():
    """Floating columns take their rows' voltage: there is nothing to compare an error with."""
    rng = np.random.default_rng(3)
    for size in (1, 4, 32):
        floating = cx.Crossbar(rng.uniform(1e-6, 1e-4, (size, size)), bottom=cx.Floating())
        found = cx.solve(floating, np.full((9, size), 0.3), engine="array")
        assert np.abs(found.column_voltages - 0.3).max() < 1e-12
    conductances = rng.uniform(1e-6, 1e-4, (16, 16))
    conductances[:4, 4:] = conductances[4:, :4] = 0  # an island that hangs on one source
    ends = {"left": [0.0, *[np.inf] * 3, *[0.0] * 12], "bottom": [*[np.inf] * 4, *[0.0] * 12]}
    island = cx.Crossbar(
        conductances, left=cx.Driven(ends["left"]), bottom=cx.Grounded(ends["bottom"])
    )
    voltages = rng.uniform(-0.2, 0.2, (40, 16))
    many = cx.solve(island, voltages, engine="array", keep="currents")
    exact = cx.solve(island, voltages, engine="nodal")
    assert (apart(many, exact) <= many.error_bound).all()
