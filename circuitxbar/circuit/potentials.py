"""The potential of every line: what node voltages are measured from.

A node voltage is kept as the potential of its line plus a small deviation, so that wire
currents, which are differences of nearly equal voltages, keep all their digits. Any
potentials give a correct answer; good ones give an exact one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

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
        return ((self.potential - other.potential) + (self.deviation - other.deviation)) + (
            self.remainder - other.remainder
        )


def line_potentials(crossbar: Crossbar, ends: Mapping[Side, Ends]) -> tuple[Array, Array]:
    """Potentials of rows and columns, each (batch, rows, columns), V: the array with ideal wires.

    Every unbroken piece of line is one node here; pieces joined by a short share it. A piece on
    an ideal source takes that source's voltage, the others follow from Kirchhoff's law.
    """
    rows, columns = crossbar.shape
    row_piece = (
        np.cumsum(
            np.isinf(crossbar.row_segments[:, :columns]) | (np.arange(columns) == 0), axis=None
        ).reshape(rows, columns)
        - 1
    )
    column_piece = (
        np.cumsum((np.isinf(crossbar.column_segments[:rows]) | (np.arange(rows) == 0)[:, None]).T)
        .reshape(columns, rows)
        .T
        + row_piece[-1, -1]
    )
    conductances = crossbar.cell_conductances
    short = np.isinf(conductances)
    count = int(column_piece[-1, -1]) + 1
    graph = coo_array(
        (np.ones(short.sum()), (row_piece[short], column_piece[short])), shape=(count, count)
    )
    count, part = connected_components(graph, directed=False)
    row_part, column_part = part[row_piece], part[column_piece]
    network = np.zeros((count, count))
    np.add.at(network, (row_part[~short], column_part[~short]), conductances[~short])
    network += network.T
    np.fill_diagonal(network, 0.0)
    laplacian = np.diag(network.sum(axis=1)) - network
    batch = max(max(len(e.voltage), len(e.current)) for e in ends.values())
    base = _common_voltage(ends)
    injected = np.zeros((batch, count))
    fixed = np.zeros(count, dtype=bool)
    held = np.zeros((batch, count))
    for side in SIDES:
        end = ends[side]
        at, segment = last_cells(side, row_part, column_part), crossbar.end_segments(side)
        reached = end.terminated & np.isfinite(segment)
        ideal = reached & (end.resistance == 0)
        fixed[at[ideal]] = True
        held[:, at[ideal]] = end.voltage[:, ideal]
        soft = reached & ~ideal
        conductance = 1.0 / end.resistance[soft]
        np.add.at(laplacian, (at[soft], at[soft]), conductance)
        drive = conductance * (end.voltage[:, soft] - base) + end.current[:, soft]
        np.add.at(injected.T, at[soft], drive.T)
    free = ~fixed
    potential = held
    if free.any():
        potential[:, free] = base
        right = injected[:, free] - (held[:, fixed] - base) @ laplacian[np.ix_(fixed, free)]
        # Singular only by rounding, where parts hang on conductances many decades apart.
        with contextlib.suppress(np.linalg.LinAlgError):
            potential[:, free] += np.linalg.solve(laplacian[np.ix_(free, free)], right.T).T
    return potential[:, row_part], potential[:, column_part]


def _common_voltage(ends: Mapping[Side, Ends]) -> Array:
    """The voltage that all line ends share, (batch, 1), V, and 0 for vectors where they differ.

    Measured from it, sources of one voltage drive exactly nothing.
    """
    sources = [end.voltage[:, end.terminated] for end in ends.values() if end.terminated.any()]
    batch = max(len(voltage) for voltage in sources)
    joint = np.hstack([np.broadcast_to(v, (batch, v.shape[1])) for v in sources])
    low, high = joint.min(axis=1, keepdims=True), joint.max(axis=1, keepdims=True)
    return np.where(low == high, low, 0.0)


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
