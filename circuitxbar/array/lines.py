"""Wires and line ends of an array in the form that the kernels take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.terminations import SIDES, Ends, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

BROKEN = 1e150  # ohm; with IDEAL the products of the ladder stay finite
IDEAL = 1e150  # S
_SINGLE = 1e18  # both in single precision, where a ladder need not be exact


@dataclass(frozen=True, eq=False)
class Ladders:
    """What ladders are made of, as in Lines, in one precision."""

    row_wire: Array
    down_wire: Array
    up_wire: Array
    ends: Array


@dataclass(frozen=True, eq=False)
class Lines:
    """What all vectors have in common, flat, cell (i, j) at i * columns + j.

    row_wire, down_wire, up_wire : ohm, the wire behind every node on the way to the right, down
    and up; BROKEN behind the last one.  row_conductance, column_conductance : S, of the wires to
    the right and down; 0 where there is none or it joins two nodes.
    row_tie, column_tie : 1 where a node is joined with the one before.  row_counts,
    column_counts : 1 at the last node of every net that no source fixes.  All empty where every
    node is a net of its own and none is fixed.
    ladder_ends, end_conductance : S, of the line ends of all sides in the order of ENDS; IDEAL in
    the first and 0 in the second where `fixed`.  share : of an injected current that reaches the
    line.  row_fixed, column_fixed : (2, rows, columns), nodes fixed by left and right, top and
    bottom ends.
    """

    rows: int
    columns: int
    row_wire: Array
    down_wire: Array
    up_wire: Array
    row_conductance: Array
    column_conductance: Array
    row_tie: Array
    column_tie: Array
    row_counts: Array
    column_counts: Array
    ladder_ends: Array
    end_conductance: Array
    share: Array
    fixed: np.ndarray
    row_fixed: np.ndarray
    column_fixed: np.ndarray

    @staticmethod
    def of(crossbar: Crossbar, ends: Mapping[Side, Ends]) -> Lines:
        """The lines of `crossbar`; of `ends` no source is used."""
        rows, columns = crossbar.shape
        in_row = crossbar.row_segments[:, 1:-1]
        in_column = crossbar.column_segments[1:-1]
        conductances, shares, fixed = zip(
            *(_end(crossbar, ends[side], side) for side in SIDES), strict=True
        )
        left, right, top, bottom = fixed
        row_tie, row_counts, row_fixed = _nets(in_row, left, right)
        column_tie, column_counts, column_fixed = _nets(in_column.T, top, bottom)
        nets = tuple(map(_flat, (row_tie, column_tie.T, row_counts, column_counts.T)))
        if not (nets[0].any() or nets[1].any()) and nets[2].all() and nets[3].all():
            nets = (np.empty(0),) * 4
        at = np.concatenate(fixed)
        conductance = np.concatenate(conductances)
        last = np.full((1, columns), BROKEN)
        downwards = np.minimum(in_column, BROKEN)
        return Lines(
            rows,
            columns,
            np.hstack([np.minimum(in_row, BROKEN), np.full((rows, 1), BROKEN)]).ravel(),
            np.vstack([downwards, last]).ravel(),
            np.vstack([last, downwards]).ravel(),
            np.hstack([_conductance(in_row), np.zeros((rows, 1))]).ravel(),
            np.vstack([_conductance(in_column), np.zeros((1, columns))]).ravel(),
            nets[0],
            nets[1],
            nets[2],
            nets[3],
            np.where(at, IDEAL, conductance),
            np.where(at, 0.0, conductance),
            np.concatenate(shares),
            at,
            row_fixed,
            column_fixed.transpose(0, 2, 1),
        )

    @cached_property
    def ladders(self) -> dict[int, Ladders]:
        """The lines as ladders, by the precision in bits."""
        full = Ladders(self.row_wire, self.down_wire, self.up_wire, self.ladder_ends)
        parts = (np.minimum(part, _SINGLE).astype(np.float32) for part in vars(full).values())
        return {64: full, 32: Ladders(*parts)}

    @cached_property
    def ends(self) -> dict[Side, slice]:
        """Where the ends of each side stand among all of them."""
        sizes = (self.rows, self.rows, self.columns, self.columns)
        stops = np.cumsum(sizes)
        return {
            side: slice(int(stop) - size, int(stop))
            for side, size, stop in zip(SIDES, sizes, stops, strict=True)
        }


def potentials(crossbar: Crossbar, lines: Lines, ends: Mapping[Side, Ends]) -> Array:
    """What voltages are measured from: one for each row, then each column, (lines, batch), V.

    The source at the stronger end of a line that has one; else the mean of what the line's cells
    and its Norton ends hang on. Any value is right; the nearer to the answer, the fewer digits
    are left to the deviations.
    """
    rows, columns = crossbar.shape
    cells = np.where(np.isfinite(crossbar.cell_conductances), crossbar.cell_conductances, 0.0)
    batch = max(max(len(end.voltage), len(end.current)) for end in ends.values())
    known, voltages = [], []
    for first, second, count in (("left", "right", rows), ("top", "bottom", columns)):
        value, there = np.zeros((count, batch)), np.zeros(count, dtype=bool)
        strongest = np.zeros(count)
        for side in (first, second):
            end, conductance = ends[side], lines.ladder_ends[lines.ends[side]]
            stronger = (conductance > strongest) & (not end.norton)
            value[stronger] = np.broadcast_to(end.voltage, (batch, count)).T[stronger]
            strongest = np.where(stronger, conductance, strongest)
            there |= stronger
        known.append(there)
        voltages.append(value)
    for k, weights in ((0, cells), (1, cells.T), (0, cells)):
        across, found = voltages[1 - k], known[1 - k]
        own = np.where(found[None, :], weights, 0.0)
        current, conductance = own @ across, own.sum(axis=1)
        for side in (("left", "right"), ("top", "bottom"))[k]:
            if ends[side].norton:
                conductance = conductance + lines.ladder_ends[lines.ends[side]]
                injected = lines.share[lines.ends[side], None] * ends[side].current.T
                current = current + injected
        open_ = ~known[k] & (conductance > 0)
        voltages[k][open_] = current[open_] / conductance[open_, None]
        known[k] |= open_
    return np.concatenate(voltages)


def _flat(values: np.ndarray) -> Array:
    return np.ascontiguousarray(values, dtype=float).ravel()


@np.errstate(divide="ignore")
def _conductance(resistance: Array) -> Array:
    return np.where(resistance == 0, 0.0, 1.0 / resistance)


@np.errstate(divide="ignore", invalid="ignore")
def _end(crossbar: Crossbar, end: Ends, side: Side) -> tuple[Array, Array, np.ndarray]:
    """Conductance of every end of `side`, share of its injected current, where it is ideal."""
    segment = crossbar.end_segments(side)
    series = np.where(end.terminated, end.resistance + segment, np.inf)
    share = np.where(series > 0, end.resistance / series, 1.0)
    share = np.where(np.isinf(end.resistance), np.isfinite(segment), share)  # a current source
    return _conductance(series), np.where(end.terminated, share, 0.0), series == 0


def _nets(
    inner: Array, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of lines with the wires `inner`, (lines, nodes - 1), and ends where sources sit: ties,
    counts and which nodes the sources fix, as Lines has them; (2, lines, nodes) the last.
    """
    lines = len(inner)
    tie = np.hstack([np.zeros((lines, 1), dtype=bool), inner == 0])
    net = np.cumsum(~tie, axis=1)
    held = np.stack([(net == net[:, :1]) & first[:, None], (net == net[:, -1:]) & last[:, None]])
    is_last = np.hstack([~tie[:, 1:], np.ones((lines, 1), dtype=bool)])
    return tie, is_last & ~held.any(axis=0), held
