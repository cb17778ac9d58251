"""The potential of every line: what node voltages are measured from.

A node voltage is kept as the potential of its line plus a small deviation, so that wire
currents, which are differences of nearly equal voltages, keep all their digits. Any
potentials give a correct answer; good ones give an exact one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from circuitxbar.arguments import Array
from circuitxbar.circuit.terminations import SIDES, Ends, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


@dataclass(frozen=True, eq=False)
class LineVoltages:
    """Voltages along the rows or the columns as potential + deviation + remainder, V.

    All are (batch, rows, columns) or broadcast to it. `potential` is equal on both sides of
    every wire that is not broken; `remainder` holds the digits that `deviation` has no room for.
    """

    potential: Array
    deviation: Array
    remainder: Array

    @property
    def voltages(self) -> Array:
        """The node voltages, (batch, rows, columns), V."""
        return self.potential + (self.deviation + self.remainder)

    def along(self, axis: int) -> Array:
        """Voltage of each node minus that of the next one along `axis`, without cancellation."""
        return -(
            (np.diff(self.potential, axis=axis) + np.diff(self.deviation, axis=axis))
            + np.diff(self.remainder, axis=axis)
        )

    def minus(self, other: LineVoltages) -> Array:
        """Voltage of each node minus that of `other`, (batch, rows, columns), V."""
        return difference(
            (self.potential, self.deviation, self.remainder),
            (other.potential, other.deviation, other.remainder),
        )


def difference(first: Sequence[Array], second: Sequence[Array]) -> Array:
    """The sum of `first` minus the sum of `second`, to the last digit however much cancels.

    What each addition loses is kept by Knuth's two-sum.
    """
    total, lost = two_sum(first[0], -second[0])
    for part, other in zip(first[1:], second[1:], strict=True):
        step, lost_in_step = two_sum(part, -other)
        total, lost_in_total = two_sum(total, step)
        lost = lost + (lost_in_step + lost_in_total)
    return total + lost


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b as it is rounded, and what the rounding loses, exactly."""
    total = a + b
    kept = total - a
    return total, (a - (total - kept)) + (b - kept)


def line_potentials(crossbar: Crossbar, ends: Mapping[Side, Ends]) -> tuple[Array, Array]:
    """Potentials of rows and columns, each (batch, rows, columns), V: the array with ideal wires.

    Every unbroken piece of line is one node here; pieces joined by a short share it. A piece on
    an ideal source takes that source's voltage, the others follow from Kirchhoff's law.
    """
    row_piece, column_piece, count = _pieces(crossbar)
    batch = max(max(len(e.voltage), len(e.current)) for e in ends.values())
    potential, fixed = np.zeros((batch, count)), np.zeros(count, dtype=bool)
    for side in SIDES:
        at, reached = _reached(crossbar, ends, side, row_piece, column_piece)
        ideal = reached & (ends[side].resistance == 0)
        fixed[at[ideal]] = True
        potential[:, at[ideal]] = ends[side].voltage[:, ideal]
    if not fixed.all():
        network = _network(crossbar, row_piece, column_piece, count)
        _settle(crossbar, ends, network, row_piece, column_piece, potential, fixed)
    return potential[:, row_piece], potential[:, column_piece]


def _settle(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    network: csr_array,
    row_piece: np.ndarray,
    column_piece: np.ndarray,
    potential: Array,
    fixed: np.ndarray,
) -> None:
    """Fill in the `potential` of the pieces that no ideal source fixes, by Kirchhoff's law."""
    base = _common_voltages(crossbar, ends, network, row_piece, column_piece)
    injected, shunt = np.zeros_like(potential), np.zeros(len(fixed))
    for side in SIDES:
        end = ends[side]
        at, reached = _reached(crossbar, ends, side, row_piece, column_piece)
        soft = reached & (end.resistance > 0)
        conductance = 1.0 / end.resistance[soft]
        np.add.at(shunt, at[soft], conductance)
        drive = conductance * (end.voltage[:, soft] - base[:, at[soft]]) + end.current[:, soft]
        np.add.at(injected.T, at[soft], drive.T)
    free = ~fixed
    right = injected[:, free] + (potential - base)[:, fixed] @ network[fixed][:, free]
    potential[:, free] = base[:, free]
    matrix = diags_array((network.sum(axis=1) + shunt)[free]) - network[free][:, free]
    # Singular only by rounding, where parts hang on conductances many decades apart.
    with contextlib.suppress(RuntimeError):
        potential[:, free] += splu(matrix.tocsc()).solve(np.ascontiguousarray(right.T)).T


def _pieces(crossbar: Crossbar) -> tuple[np.ndarray, np.ndarray, int]:
    """The number of the piece that each row node and each column node belongs to; how many."""
    rows, columns = crossbar.shape
    row_starts = np.isinf(crossbar.row_segments[:, :columns])
    row_starts[:, 0] = True
    column_starts = np.isinf(crossbar.column_segments[:rows])
    column_starts[0] = True
    row_piece = np.cumsum(row_starts).reshape(rows, columns) - 1
    column_piece = np.cumsum(column_starts.T).reshape(columns, rows).T + row_piece[-1, -1]
    count = int(column_piece[-1, -1]) + 1
    short = np.isinf(crossbar.conductances) & (len(crossbar.cell_elements) == 1)
    joints = (row_piece[short], column_piece[short])
    graph = coo_array((np.ones(short.sum()), joints), shape=(count, count))
    count, piece = connected_components(graph, directed=False)
    return piece[row_piece], piece[column_piece], count


def _network(
    crossbar: Crossbar, row_piece: np.ndarray, column_piece: np.ndarray, count: int
) -> csr_array:
    """Conductance of the cells between any two pieces, (pieces, pieces), S, symmetric.

    Of non-linear cells that of the memory element at 0 V: near enough for a reference.
    """
    slope = crossbar.cell_conductances
    between = (row_piece != column_piece) & (slope > 0) & np.isfinite(slope)
    conductances = slope[between]
    first, second = row_piece[between], column_piece[between]
    one_way = coo_array((conductances, (first, second)), shape=(count, count)).tocsr()
    return one_way + one_way.T


def _reached(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    side: Side,
    row_piece: np.ndarray,
    column_piece: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The piece at the end of each line on `side`, and whether its termination reaches it."""
    whole = np.isfinite(crossbar.end_segments(side))
    return last_cells(side, row_piece, column_piece), ends[side].terminated & whole


def _common_voltages(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    network: csr_array,
    row_piece: np.ndarray,
    column_piece: np.ndarray,
) -> Array:
    """For every piece of line the voltage that all line ends connected with it share, else 0, V.

    Measured from it, sources of one voltage drive exactly nothing. The answer is (batch, pieces).
    """
    count, island = connected_components(network, directed=False)
    batch = max(len(end.voltage) for end in ends.values())
    low, high = np.full((batch, count), np.inf), np.full((batch, count), -np.inf)
    for side in SIDES:
        at, reached = _reached(crossbar, ends, side, row_piece, column_piece)
        voltage = np.broadcast_to(ends[side].voltage, (batch, len(at)))[:, reached]
        np.minimum.at(low.T, island[at[reached]], voltage.T)
        np.maximum.at(high.T, island[at[reached]], voltage.T)
    return np.where(low == high, low, 0.0)[:, island]


def last_cells(side: Side, row_values: Any, column_values: Any) -> Any:
    """The value at the last cell of every line that ends on `side`, (..., lines), a view.

    `row_values` belongs to the row nodes and `column_values` to the column nodes, each
    (..., rows, columns).
    """
    match side:
        case "left":
            return row_values[..., :, 0]
        case "right":
            return row_values[..., :, -1]
        case "top":
            return column_values[..., 0, :]
        case _:
            return column_values[..., -1, :]
