"""The proof that every answer carries: Kirchhoff's law recomputed from crossbar and voltages.

Imports no engine. Sums |Kirchhoff error| over the nodes; for monotone cells and passive
terminations that sum bounds the error of every terminal current, because a stray current
injected at a node reaches each terminal with a share between 0 and 1. That holds for any
monotone law, between the voltages given and the true ones, and for transistors: the matrix of
such a circuit has no positive entry off its diagonal, and its columns do not sum below 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circuitxbar.arguments import Array
from circuitxbar.circuit.cells import CellNodes, Node, Outflow, outflow
from circuitxbar.circuit.potentials import LineVoltages, difference, last_cells
from circuitxbar.circuit.terminations import SIDES, Ends, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

LEAST_CURRENT = 1e-30  # A, an electron in 5000 years: no answer is asked for digits below it
_EPS = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Proof:
    """What Kirchhoff's and Ohm's laws say of a set of node voltages.

    currents : terminal currents per side, (batch, lines), A.
    residual, error_bound : (batch,), A: largest and summed Kirchhoff error over the nodes.
    scale : (batch,), A: the largest terminal current or Norton source current.
    falling : (batch,), whether a current falls with the voltage there though its device is declared
    monotone: nothing then bounds an error, and error_bound is inf.
    """

    currents: dict[Side, Array]
    residual: Array
    error_bound: Array
    scale: Array
    falling: np.ndarray

    @property
    def largest_current(self) -> Array:
        """The largest terminal current of each vector, (batch,), A."""
        return np.max([np.abs(current).max(axis=1) for current in self.currents.values()], axis=0)

    def limit(self, rtol: float) -> Array:
        """The largest error_bound of a vector that converged to `rtol`, (batch,), A."""
        return np.maximum(rtol * self.scale, LEAST_CURRENT)


def prove(
    crossbar: Crossbar,
    ends: Mapping[Side, Ends],
    nodes: CellNodes,
    measured: Mapping[Side, Array] | None = None,
    cells: Callable[[CellNodes], Outflow] | None = None,
) -> Proof:
    """Terminal currents of `crossbar` and the Kirchhoff errors of the voltages given.

    `measured` are terminal currents an engine reports by itself: they are then the answer, and
    what they differ from Ohm's law in the terminations counts as error.
    cells : what the cells draw out of their nodes, where it is not what their laws say.
    """
    row, column = nodes.row, nodes.column
    drawn = outflow(crossbar, nodes) if cells is None else cells(nodes)
    row_out, column_out = drawn["row"].copy(), drawn["column"].copy()
    flow = wire_currents(row, crossbar.row_segments[:, 1:-1], axis=2)
    row_out[:, :, :-1] += flow
    row_out[:, :, 1:] -= flow
    flow = wire_currents(column, crossbar.column_segments[1:-1], axis=1)
    column_out[:, :-1] += flow
    column_out[:, 1:] -= flow

    currents: dict[Side, Array] = {}
    broken = np.zeros(len(row_out))  # errors of Ohm's law at the ends
    ideal: list[tuple[Side, np.ndarray]] = []
    for side in SIDES:
        law, at_source = _ohm(crossbar, side, ends[side], row, column)
        given = law if measured is None else np.where(at_source, 0.0, measured[side])
        broken += np.abs(given - law).sum(axis=1)
        currents[side] = given
        out = last_cells(side, row_out, column_out)
        out += given
        if at_source.any():
            ideal.append((side, at_source))
            broken += _departure(side, ends[side], at_source, row, column)

    net, mismatch = _nets(crossbar, nodes)
    errors = _sum_by_net(
        net, [row_out, column_out, *([drawn["inner"]] if "inner" in drawn else [])]
    )
    for side, lines in ideal:
        at = last_cells(side, net[0], net[1])[lines]
        currents[side][:, lines] = -errors[:, at] if measured is None else measured[side][:, lines]
        errors[:, at] += currents[side][:, lines]
    if measured is None:
        _sum_cells(crossbar, ends, drawn, currents)
    worst = np.abs(errors).max(axis=1)
    size = _magnitudes(ends, currents)
    # The sums themselves are rounded: 0.7 eps of all terminal currents is the most that was seen.
    # So is what a law makes of a rounded voltage.
    bound = np.abs(errors).sum(axis=1) + broken + mismatch + 4 * _EPS * size.sum(axis=1)
    falling = np.zeros(len(bound), dtype=bool)
    if cells is None:
        for element in crossbar.cell_elements:
            if not element.model.device.is_linear:
                bound += element.rounding(nodes).sum(axis=(1, 2))
                falling |= element.falls(nodes).any(axis=(1, 2))
    bound[falling] = np.inf
    return Proof(currents, worst, bound, size.max(axis=1), falling)


def _magnitudes(ends: Mapping[Side, Ends], currents: Mapping[Side, Array]) -> Array:
    """|terminal current| and |Norton source current| of every line end, (batch, 2 * ends), A."""
    out = [np.abs(currents[side]) for side in SIDES]
    sources = [np.broadcast_to(np.abs(ends[s].current), currents[s].shape) for s in SIDES]
    return np.concatenate(out + sources, axis=1)


def wire_currents(line: LineVoltages, resistance: Array, axis: int) -> Array:
    """Current from each node to the next along `axis`, (batch, ...), A; 0 through 0 ohm."""
    drop = line.along(axis)
    with np.errstate(divide="ignore"):
        conductance = np.where(resistance == 0, 0.0, 1.0 / resistance)
    return drop * conductance


def _ohm(
    crossbar: Crossbar, side: Side, end: Ends, row: LineVoltages, column: LineVoltages
) -> tuple[Array, np.ndarray]:
    """Terminal current that Ohm's law gives at each line end, and where an ideal source sits."""
    segment = crossbar.end_segments(side)
    potential = last_cells(side, row.potential, column.potential)
    deviation = last_cells(side, row.deviation, column.deviation)
    remainder = last_cells(side, row.remainder, column.remainder)
    series = np.where(end.terminated, end.resistance + segment, np.inf)
    at_source = series == 0
    share = np.ones_like(segment)  # of a Norton current that leaves through its own conductance
    np.divide(end.resistance, series, out=share, where=np.isfinite(end.resistance) & (series > 0))
    share[np.isinf(end.resistance) & np.isinf(segment)] = 0.0
    with np.errstate(divide="ignore"):
        conductance = np.where(at_source, 0.0, 1.0 / series)
    nothing = np.zeros(())
    drop = difference((potential, deviation, remainder), (end.voltage, nothing, nothing))
    law = drop * conductance - end.current * share
    return np.where(end.terminated, law, 0.0), at_source


def _departure(
    side: Side,
    end: Ends,
    lines: np.ndarray,
    row: LineVoltages,
    column: LineVoltages,
) -> Array:
    """0 where the lines on ideal sources have the source's voltage, else inf, (batch,)."""
    at = last_cells(side, row.voltages, column.voltages)
    wanted = np.broadcast_to(end.voltage, at.shape)[:, lines]
    wrong = np.abs(at[:, lines] - wanted) > 4 * _EPS * np.abs(wanted)
    return np.where(wrong.any(axis=1), np.inf, 0.0)


def _nets(crossbar: Crossbar, nodes: CellNodes) -> tuple[list[Array], Array]:
    """The net of each row, column and inner node; inf for vectors with unequal voltages in one."""
    lines = nodes.lines
    number = np.arange(len(lines) * crossbar.conductances.size).reshape(-1, *crossbar.shape)
    along_row = crossbar.row_segments[:, 1:-1] == 0
    along_column = crossbar.column_segments[1:-1] == 0
    memory = next(element for element in crossbar.cell_elements if element.name == "cell")
    kinds: tuple[Node, ...] = ("row", "column", "inner")
    shorted = [number[kinds.index(k)][np.isinf(memory.instead)] for k in memory.nodes]
    first = [number[0][:, :-1][along_row], number[1][:-1][along_column], shorted[0]]
    second = [number[0][:, 1:][along_row], number[1][1:][along_column], shorted[1]]
    a, b = np.concatenate(first), np.concatenate(second)
    absolute = np.stack([line.voltages for line in lines], axis=1)
    batch = len(absolute)
    mismatch = np.zeros(batch)
    if len(a) == 0:
        return list(number), mismatch
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(number.size, number.size))
    _, net = connected_components(graph, directed=False)
    absolute = absolute.reshape(batch, -1)
    apart = np.abs(absolute[:, a] - absolute[:, b])
    limit = 4 * _EPS * np.maximum(np.abs(absolute[:, a]), np.abs(absolute[:, b]))
    mismatch[(apart > limit).any(axis=1)] = np.inf
    return list(net.reshape(number.shape)), mismatch


def _sum_by_net(net: list[Array], out: list[Array]) -> Array:
    label = np.concatenate([part.ravel() for part in net])
    leaving = np.concatenate([part.reshape(len(part), -1) for part in out], axis=1)
    count = int(label.max()) + 1
    if count == len(label):
        return leaving
    sums = coo_array((np.ones(len(label)), (np.arange(len(label)), label)))
    return np.asarray(leaving @ sums.tocsr())


def _sum_cells(
    crossbar: Crossbar, ends: Mapping[Side, Ends], drawn: Outflow, currents: dict[Side, Array]
) -> None:
    """Where a whole line has a single end, its current is the sum of its cells: nothing cancels."""
    plain = np.isfinite(crossbar.conductances)
    row_whole = np.isfinite(crossbar.row_segments[:, 1:-1]).all(axis=1) & plain.all(axis=1)
    column_whole = np.isfinite(crossbar.column_segments[1:-1]).all(axis=0) & plain.all(axis=0)
    out_of_rows, out_of_columns = -drawn["row"].sum(axis=2), -drawn["column"].sum(axis=1)
    for side, other, whole, totals in (
        ("left", "right", row_whole, out_of_rows),
        ("right", "left", row_whole, out_of_rows),
        ("top", "bottom", column_whole, out_of_columns),
        ("bottom", "top", column_whole, out_of_columns),
    ):
        reached = np.isfinite(crossbar.end_segments(side))
        single = whole & reached & ends[side].terminated & ~ends[other].terminated
        currents[side][:, single] = totals[:, single]
