"""What the array engine takes, and what no engine can solve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.array.lines import Lines
from circuitxbar.circuit.build import array_circuit
from circuitxbar.circuit.checks import check_topology
from circuitxbar.circuit.terminations import SIDES, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive


def refusal(crossbar: Crossbar) -> str:
    """Why this engine does not take `crossbar`; empty where it does."""
    for device in crossbar.devices.values():
        if not device.monotone:
            return f"device {device.name!r} is not declared monotone"
    if np.isinf(crossbar.conductances).any():
        row, column = (int(k) for k in np.argwhere(np.isinf(crossbar.conductances))[0])
        return f"cell {row}, {column} is a short"
    return ""


def check_connected(crossbar: Crossbar, drive: Drive, lines: Lines) -> None:
    """CircuitError naming a node without a path to a fixed potential, or contradicting sources.

    What is plainly in order is seen from the lines; else the whole circuit is looked at.
    """
    whole = np.isfinite(crossbar.row_segments).all() and np.isfinite(crossbar.column_segments).all()
    if not (whole and _reached(crossbar, lines) and not _contradicting(lines)):
        check_topology(array_circuit(crossbar, drive))


def _reached(crossbar: Crossbar, lines: Lines) -> bool:
    """Whether every line has a path to a fixed potential."""
    ends: Mapping[Side, np.ndarray] = {s: lines.ladder_ends[lines.ends[s]] > 0 for s in SIDES}
    rows, columns = ends["left"] | ends["right"], ends["top"] | ends["bottom"]
    cells = crossbar.conductances > 0
    while not (rows.all() and columns.all()):
        count = rows.sum() + columns.sum()
        rows = rows | (cells & columns).any(axis=1)
        columns = columns | (cells & rows[:, None]).any(axis=0)
        if rows.sum() + columns.sum() == count:
            return False
    return True


def _contradicting(lines: Lines) -> bool:
    """Whether two ideal sources may meet on a line."""
    both = [fixed.all(axis=0).any() for fixed in (lines.row_fixed, lines.column_fixed)]
    return any(both)
