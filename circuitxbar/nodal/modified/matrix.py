"""Sparse matrices of one pattern, factorised again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import scipy
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from circuitxbar.compiling import load

# Factorisations, and these times entries, from which on it is worth loading the compiled
# elimination, which takes the order of columns and pivots that SuperLU has found.
_OFTEN, _MANY = 100, 300_000
_SPARSE = 8.0  # times its entries, the factors of a matrix for which it is
_LARGE = 1000  # unknowns, from which on the order of a symmetric pattern is worth another look
_SYMMETRIC: dict[str, Any] = {
    "diag_pivot_thresh": 0.01,
    "options": {"SymmetricMode": True},
    # Columns one by one: with so few entries in each, panels of them cost more than they save.
    "panel_size": 1,
    "relax": 16,
}
_SMALLEST = 1e-3  # of its column, a pivot; else SuperLU looks for other ones


class Factor(Protocol):
    """Factors of a matrix."""

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for one right side, (size,)."""
        ...


@dataclass(eq=False)
class Pattern:
    """Where the entries of all matrices of a circuit are, and in which order they are eliminated.

    rows, columns, starts : of the entries, column by column.  The order of the columns is found
    with the first matrix that is factorised, and kept.
    """

    size: int
    rows: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    _columns: _Ordered | None = field(default=None)
    _pivots: _Pivots | None = field(default=None)
    _times: int = 0

    @staticmethod
    def of(size: int, rows: np.ndarray, columns: np.ndarray) -> Pattern:
        """The union of these places and the diagonal."""
        diagonal = np.arange(size)
        places = np.sort(
            np.concatenate([columns * size + rows, diagonal * size + diagonal]).astype(np.int64)
        )
        places = places[np.diff(places, prepend=-1) > 0]
        starts = np.searchsorted(places, np.arange(size + 1) * size)
        return Pattern(
            size,
            (places % size).astype(np.int32),
            (places // size).astype(np.int32),
            starts.astype(np.int32),
        )

    def places(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The entry at each of these rows and columns."""
        known = self.columns.astype(np.int64) * self.size + self.rows
        return np.searchsorted(known, columns.astype(np.int64) * self.size + rows)

    def entries(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
        """All entries of the matrix that is the sum of `values` at these rows and columns."""
        return np.bincount(self.places(rows, columns), values, minlength=len(self.rows))

    @cached_property
    def diagonal(self) -> np.ndarray:
        """The entries on the diagonal, by row."""
        return np.flatnonzero(self.rows == self.columns)

    def matrix(self, entries: np.ndarray) -> csc_array:
        """The matrix with these entries."""
        return csc_array((entries, self.rows, self.starts), shape=(self.size, self.size))

    def factor(self, entries: np.ndarray) -> Factor | None:
        """Its factors; None where it is singular or holds what is not finite."""
        scaled = self._scaled(entries)
        if scaled is None:
            return None
        entries, scale = scaled
        if entries.dtype == np.float64 and self._pivots is not None:
            found = self._pivots.factor(entries, scale)
            if found is not None:
                return found
            self._pivots = None
        whole = self._by_superlu(entries, scale)
        self._times += 1
        often = self._times >= _OFTEN and self._times * len(entries) > _MANY
        if whole is not None and often and entries.dtype == np.float64:
            if whole.lu.L.nnz + whole.lu.U.nnz < _SPARSE * len(entries):
                self._pivots = _Pivots.of(self, whole)
            self._times = 0
        return whole

    @property
    def solver(self) -> str:
        """By what the matrices are factorised now, for people to read."""
        superlu = f"SuperLU (scipy {scipy.__version__})"
        return (
            superlu if self._pivots is None else f"compiled elimination in the order of {superlu}"
        )

    def transposable(self, entries: np.ndarray) -> Ordered | None:
        """Factors that solve with the transposed matrix, too."""
        scaled = self._scaled(entries)
        return None if scaled is None else self._by_superlu(*scaled)

    def _scaled(self, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Entries with the largest of each row between 1/2 and 1, and by what rows were multiplied.

        Equations in A and in V, and those of nodes behind open switches, then count as much in
        the choice of pivots. None where an entry is not finite, or a row is empty.
        """
        order, starts = self._by_row
        largest = np.maximum.reduceat(np.abs(entries)[order], starts)
        if not np.isfinite(largest).all() or not largest.all():
            return None
        scale = np.ldexp(1.0, -np.frexp(largest)[1])  # exact
        return entries * scale[self.rows], scale

    @cached_property
    def _by_row(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.rows, kind="stable")
        return order, np.searchsorted(self.rows[order], np.arange(self.size))

    def _by_superlu(self, entries: np.ndarray, scale: np.ndarray) -> Ordered | None:
        how = _SYMMETRIC if self.is_symmetric else {}
        try:
            known = self._columns
            if known is None:
                spec = "MMD_AT_PLUS_A" if self.is_symmetric else "COLAMD"
                found = splu(self.matrix(entries), permc_spec=spec, **how)
                order = np.argsort(found.perm_c)
                self._columns = _ordered(self, order, order if self.is_symmetric else None)
                return Ordered(found, np.arange(self.size), None, scale)
            order, taken, rows, starts = known
            matrix = csc_array((entries[taken], rows, starts), shape=(self.size, self.size))
            lu = splu(matrix, permc_spec="NATURAL", **how)
            return Ordered(lu, order, order if self.is_symmetric else None, scale)
        except RuntimeError:  # "Factor is exactly singular"
            return None

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether it is large, and nearly every entry has one at the mirrored place."""
        if self.size < _LARGE:
            return False
        mirrored = np.minimum(self.places(self.columns, self.rows), len(self.rows) - 1)
        there = (self.rows[mirrored] == self.columns) & (self.columns[mirrored] == self.rows)
        return bool(there.mean() > 0.95)


# Column k of an ordered matrix is `order[k]`; which entries it has, their rows, and its starts.
_Ordered = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _ordered(pattern: Pattern, order: np.ndarray, by_row: np.ndarray | None) -> _Ordered:
    """The matrix with its columns in this order, and its rows in the order `by_row`."""
    counts = np.diff(pattern.starts)[order]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    taken = np.repeat(pattern.starts[:-1][order] - starts[:-1], counts) + np.arange(starts[-1])
    if by_row is None:
        return order, taken, pattern.rows[taken], starts
    rows = _inverse(by_row)[pattern.rows[taken]]
    sorting = np.lexsort((rows, np.repeat(np.arange(len(order)), counts)))  # as SuperLU wants them
    return order, taken[sorting], rows[sorting], starts


def _inverse(order: np.ndarray) -> np.ndarray:
    out = np.empty(len(order), dtype=np.int32)
    out[order] = np.arange(len(order))
    return out


@dataclass(frozen=True, eq=False)
class Ordered:
    """SuperLU's factors of a matrix whose columns, and rows if `by_row`, are in another order.

    scale : of each row, by which it was multiplied.
    """

    lu: Any
    order: np.ndarray
    by_row: np.ndarray | None
    scale: np.ndarray

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for one right side, (size,)."""
        scaled = right * self.scale
        solved = self.lu.solve(scaled if self.by_row is None else scaled[self.by_row])
        found = np.empty_like(solved)
        found[self.order] = solved
        return found

    def solve_transposed(self, right: np.ndarray) -> np.ndarray:
        """The solution with the transposed matrix."""
        solved = self.lu.solve(right[self.order], "T")
        if self.by_row is None:
            return solved * self.scale
        found = np.empty_like(solved)
        found[self.by_row] = solved
        return found * self.scale


@cache
def _compiled() -> ModuleType:
    text = (files("circuitxbar.nodal.modified") / "elimination.py").read_text(encoding="utf-8")
    return load(text, "elimination")


@dataclass(frozen=True, eq=False)
class _Pivots:
    """An order of columns and of pivots in which matrices of a pattern are eliminated."""

    order: np.ndarray
    taken: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    place: np.ndarray  # of each row in the order of pivots
    filled: tuple[np.ndarray, ...]

    @staticmethod
    def of(pattern: Pattern, found: Ordered) -> _Pivots:
        """The order in which SuperLU has eliminated."""
        order = found.order[np.argsort(found.lu.perm_c)]
        order, taken, rows, starts = _ordered(pattern, order, None)
        place = found.lu.perm_r
        place = place if found.by_row is None else place[_inverse(found.by_row)]
        rows = place[rows].astype(np.int32)
        filled = _compiled().pattern(pattern.size, starts, rows)
        return _Pivots(order, taken, rows, starts, place, filled)

    def factor(self, entries: np.ndarray, scale: np.ndarray) -> Eliminated | None:
        """The factors of a matrix whose rows were multiplied by `scale`; None for small pivots."""
        values = entries[self.taken]
        *parts, good = _compiled().factor(self.starts, self.rows, values, *self.filled, _SMALLEST)
        return Eliminated(self, tuple(parts), scale) if good else None


@dataclass(frozen=True, eq=False)
class Eliminated:
    """Factors by the compiled elimination."""

    pivots: _Pivots
    parts: tuple[np.ndarray, ...]
    scale: np.ndarray

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for one right side, (size,)."""
        turned = np.empty_like(right)
        turned[self.pivots.place] = right * self.scale
        solved = _compiled().solved(*self.pivots.filled, *self.parts, turned)
        found = np.empty_like(solved)
        found[self.pivots.order] = solved
        return found
