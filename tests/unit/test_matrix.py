"""Factors of matrices of one pattern: by SuperLU, and by the compiled elimination."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array

from circuitxbar.nodal.modified import matrix
from circuitxbar.nodal.modified.matrix import Eliminated, Ordered, Pattern


def ladder(size: int, seed: int = 0) -> tuple[Pattern, np.ndarray]:
    """A ladder with branches whose diagonal entries are 0, as voltage sources have them."""
    rng = np.random.default_rng(seed)
    chain = np.arange(size - 1)
    rows = np.concatenate([chain, chain + 1, np.arange(size)])
    columns = np.concatenate([chain + 1, chain, np.arange(size)])
    values = np.concatenate([-rng.uniform(0.5, 1, 2 * (size - 1)), np.full(size, 3.0)])
    values[-size:][::7] = 0.0
    pattern = Pattern.of(size, rows, columns)
    return pattern, pattern.entries(rows, columns, values)


@pytest.mark.parametrize("size", [3, 60, 2000])
@pytest.mark.parametrize("entries_type", [float, complex])
def test_factors_solve(size: int, entries_type: type):
    pattern, entries = ladder(size)
    assert pattern.is_symmetric == (size == 2000)
    entries = entries.astype(entries_type)
    if entries_type is complex:
        entries *= 1 + 0.3j
    right = np.random.default_rng(1).uniform(-1, 1, size).astype(entries_type)
    whole = pattern.matrix(entries).toarray()
    for _ in range(3):  # the first finds an order, the others take it
        factor = pattern.transposable(entries)
        assert factor is not None
        assert np.abs(whole @ factor.solve(right) - right).max() < 1e-12
        assert np.abs(whole.T @ factor.solve_transposed(right) - right).max() < 1e-12


@pytest.mark.parametrize("size", [60, 2000])
def test_the_compiled_elimination_takes_over_and_gives_back(
    size: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(matrix, "_OFTEN", 3)
    monkeypatch.setattr(matrix, "_MANY", 0)
    pattern, entries = ladder(size)
    right = np.random.default_rng(1).uniform(-1, 1, size)
    kinds = []
    for k in range(6):
        now = entries * np.random.default_rng(k).uniform(0.9, 1.1, len(entries))
        factor = pattern.factor(now)
        assert factor is not None
        kinds.append(type(factor))
        assert np.abs(pattern.matrix(now) @ factor.solve(right) - right).max() < 1e-12
    assert kinds == [Ordered] * 3 + [Eliminated] * 3
    assert pattern.solver.startswith("compiled elimination")
    # With the roles of its entries exchanged, the pivots that were good are good no more.
    turned = np.where(pattern.rows == pattern.columns, 1e-9, entries)
    factor = pattern.factor(turned)
    assert isinstance(factor, Ordered)
    assert pattern.solver.startswith("SuperLU")
    assert np.abs(pattern.matrix(turned) @ factor.solve(right) - right).max() < 1e-6


def test_the_pattern_of_the_factors_holds_every_entry_that_elimination_makes():
    rng = np.random.default_rng(2)
    for size in (5, 64, 65, 130):
        full = np.where(rng.random((size, size)) < 3 / size, rng.uniform(-1, 1, (size, size)), 0)
        full += np.diag(rng.uniform(3, 4, size))
        places = coo_array(full)
        pattern = Pattern.of(size, places.row, places.col)
        entries = pattern.entries(places.row, places.col, places.data)
        whole = pattern.factor(entries)
        assert isinstance(whole, Ordered)
        found = matrix._Pivots.of(pattern, whole).factor(entries, np.ones(size))
        assert found is not None
        right = rng.uniform(-1, 1, size)
        assert np.abs(full @ found.solve(right) - right).max() < 1e-12


def test_what_is_singular_or_not_finite_has_no_factors():
    pattern, entries = ladder(10)
    assert pattern.factor(0 * entries) is None
    assert pattern.factor(entries * np.nan) is None
    assert pattern.factor(entries) is not None
