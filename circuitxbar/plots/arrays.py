"""Pictures of one array: its conductances, what its wires take away, and what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array, shown, whole_number
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.errors import CircuitError
from circuitxbar.ideal import COLUMN_SIDES, ideal_solution, line_currents, loss
from circuitxbar.plots.canvas import (
    COLOURS,
    INK,
    PALE,
    in_prefixed_unit,
    map_figure,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def conductances(crossbar: Crossbar) -> Figure:
    """Heat map of the cells' conductances (S); shorts are grey."""
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    values, unit = in_prefixed_unit(crossbar.conductances, "S")
    title = f"{crossbar.shape[0]} × {crossbar.shape[1]} cells"
    return map_figure(crossbar, values, f"conductance ({unit})", title)


@styled
def ir_drop(solution: Solution, vector: int = 0) -> Figure:
    """Heat map of the voltage that each cell misses, in percent of the largest drive.

    vector : which input vector.  The drive of a cell is its voltage with ideal wires and ends.
    Raises CircuitError for a solution without node voltages, or where there is no ideal answer.
    """
    vector = _checked_vector(solution, vector)
    ideal = ideal_solution(solution)
    drive = _of(ideal, ideal.cell_voltages, vector)
    missing = drive - _of(solution, solution.cell_voltages, vector)
    largest = np.abs(drive).max()
    if largest == 0:
        raise CircuitError(f"vector {vector} drives no cell: it has no IR drop to draw.")
    percent = 100.0 * np.where(drive < 0, -missing, missing) / largest
    label = "missing cell voltage (% of largest drive)"
    return map_figure(solution.crossbar, percent, label, f"IR drop, up to {percent.max():.3g} %")


@styled
def currents(solution: Solution, vector: int = 0) -> Figure:
    """Current of every sensed line, ideal and real, and how much of it is lost.

    vector : which input vector.  Ideal: no resistance in wires, drivers and senses.
    Raises CircuitError where there is no ideal answer.
    """
    from matplotlib.ticker import MaxNLocator

    vector = _checked_vector(solution, vector)
    ideal = ideal_solution(solution)
    pair = np.stack([line_currents(ideal)[vector], line_currents(solution)[vector]])
    (expected, real), unit = in_prefixed_unit(pair, "A")
    edges = np.arange(len(real) + 1) - 0.5
    figure = new_figure(6.4, 3.4)
    axes = figure.add_subplot()
    axes.stairs(expected, edges, fill=True, color=PALE, label="ideal wires")
    axes.stairs(real, edges, fill=True, color=COLOURS[0], alpha=0.85, label="solved")
    axes.stairs(expected, edges, baseline=None, color=INK, linewidth=0.8)
    axes.set_xlabel("column" if solution.crossbar.sensed_sides[0] in COLUMN_SIDES else "row")
    axes.set_ylabel(f"sensed current ({unit})")
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 4, 8, 10], integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    worst = 100.0 * loss(solution, ideal)[vector]
    axes.set_title(f"Loss {worst:.3g} % in the worst line" if np.isfinite(worst) else "")
    return figure


def _checked_vector(solution: Solution, vector: int) -> int:
    if not isinstance(solution, Solution):
        raise CircuitError(f"{shown(solution)} is not a Solution.")
    batch = len(np.atleast_1d(solution.error_bound))
    vector = whole_number("vector", vector, minimum=0)
    if vector >= batch:
        raise CircuitError(f"vector = {vector}: the solution holds {batch}, counted from 0.")
    return vector


def _of(solution: Solution, cells: Array, vector: int) -> Array:
    return cells if solution.single else cells[vector]
