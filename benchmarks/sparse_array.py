"""The opponent's side: an array of cells and wires as one sparse matrix, as well as it can be done.

Rows driven at their left ends, columns grounded at their lower ends, one wire resistance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import SuperLU, splu


@dataclass(frozen=True, eq=False)
class SparseArray:
    """The conductance matrix of an array whose places are found once, whatever its cells are.

    row, column : numbers of the nodes of every cell, (rows, columns).
    wires : values of the wires, at the places of `indices` and `indptr` (CSC).
    diagonal : places of the diagonal at the row and column node of every cell, (2, cells).
    between : places of the two entries between them, (2, cells).
    """

    wire_conductance: float
    row: np.ndarray
    column: np.ndarray
    wires: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    diagonal: np.ndarray
    between: np.ndarray

    @staticmethod
    def of(shape: tuple[int, int], resistance: float, order: np.ndarray | None = None):
        """An array of `shape` and ohm per segment; `order` is the number of each node."""
        cells = shape[0] * shape[1]
        numbers = np.arange(2 * cells) if order is None else np.asarray(order)
        row, column = numbers[:cells].reshape(shape), numbers[cells:].reshape(shape)
        links = [
            (row.ravel(), column.ravel(), 0.0),
            (row[:, 1:].ravel(), row[:, :-1].ravel(), 1 / resistance),
            (column[1:].ravel(), column[:-1].ravel(), 1 / resistance),
        ]
        own = np.zeros(2 * cells)
        for first, second, value in links:
            np.add.at(own, first, value)
            np.add.at(own, second, value)
        own[row[:, 0]] += 1 / resistance
        own[column[-1]] += 1 / resistance
        nodes = np.arange(2 * cells)
        i = np.concatenate([nodes, *(part for a, b, _ in links for part in (a, b))])
        j = np.concatenate([nodes, *(part for a, b, _ in links for part in (b, a))])
        values = np.concatenate([own, *(np.full(2 * len(a), -value) for a, _, value in links)])
        entries = scipy.sparse.csc_array((np.arange(len(i)), (i, j)))
        place = np.empty(len(i), dtype=int)
        place[entries.data] = np.arange(len(i))
        both = np.stack([row.ravel(), column.ravel()])
        return SparseArray(
            1 / resistance,
            row,
            column,
            values[entries.data],
            entries.indices,
            entries.indptr,
            place[both],
            place[2 * cells : 4 * cells].reshape(2, cells),
        )

    def matrix(self, conductances: np.ndarray) -> scipy.sparse.csc_array:
        """The matrix with these cells, (rows, columns), S."""
        values = self.wires.copy()
        values[self.diagonal] += conductances.ravel()
        values[self.between] -= conductances.ravel()
        return scipy.sparse.csc_array((values, self.indices, self.indptr))

    def injected(self, voltages: np.ndarray) -> np.ndarray:
        """Current that the drivers put into the nodes, (nodes, vectors), in Fortran order."""
        injected = np.zeros((2 * self.row.size, len(voltages)), order="F")
        injected[self.row[:, 0]] = voltages.T * self.wire_conductance
        return injected

    def currents(self, nodes: np.ndarray) -> np.ndarray:
        """Current out of every column, (vectors, columns), A, of node voltages."""
        return nodes[self.column[-1]].T * self.wire_conductance


def factor(matrix: scipy.sparse.csc_array, ordering: str = "MMD_AT_PLUS_A") -> SuperLU:
    """SuperLU with the settings that were found to be the fastest for arrays."""
    return splu(matrix, permc_spec=ordering, options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
