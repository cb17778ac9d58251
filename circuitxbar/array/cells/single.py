"""The current through a memory element alone."""

from __future__ import annotations

from circuitxbar.array.cells.rows import (
    ACROSS,
    CURRENT,
    MEMORY,
    MEMORY_SLOPE,
    SLOPE,
    THERE,
    V,
    memory,
)
from circuitxbar.array.cells.vectors import on_rows, part, select


@on_rows
def carry(w):
    """CURRENT and SLOPE of the cell at V."""
    w[ACROSS] = w[V]
    memory(w)
    w[CURRENT] = select(w[THERE] != 0.0, w[MEMORY], 0.0)
    w[SLOPE] = select(w[THERE] != 0.0, w[MEMORY_SLOPE], 0.0)


@part
def respond(work):
    """CURRENT and SLOPE of the cell at V."""
    carry(work)
