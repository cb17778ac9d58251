"""The sums over cells with a transistor, 1T1R, as functions of arrays."""

from __future__ import annotations

from circuitxbar.array.cells.sums import polish_cells, slopes_of_cells, verify_cells
from circuitxbar.array.cells.vectors import address, compiled


@compiled
def verify(
    v,
    column,
    gate,
    columns,
    by_row,
    parameters,
    there,
    inner,
    inner_remainder,
    out_row,
    out_column,
    rounding,
):
    """Currents out of the row and into the column node, (cells, width); adds to rounding, A."""
    verify_cells(
        v.shape[0],
        v.shape[1],
        address(v),
        address(column),
        address(gate),
        columns,
        by_row,
        address(parameters),
        address(there),
        address(inner),
        address(inner_remainder),
        address(out_row),
        address(out_column),
        address(rounding),
    )


@compiled
def polish(v, column, gate, columns, by_row, parameters, there, inner, inner_remainder):
    """Put into inner_remainder what `inner` lacks for both elements to carry one current."""
    polish_cells(
        v.shape[0],
        v.shape[1],
        address(v),
        address(column),
        address(gate),
        columns,
        by_row,
        address(parameters),
        address(there),
        address(inner),
        address(inner_remainder),
    )


@compiled
def slopes(
    v,
    column,
    gate,
    columns,
    by_row,
    parameters,
    there,
    inner,
    inner_remainder,
    across,
    out,
    out_gates,
):
    """Add d (sum over vectors of across * current) / d (each name) of every cell to `out`.

    out_gates, (gate lines, width): the same by the gate voltages, summed over the cells of a line.
    """
    slopes_of_cells(
        v.shape[0],
        v.shape[1],
        address(v),
        address(column),
        address(gate),
        columns,
        by_row,
        address(parameters),
        address(there),
        address(inner),
        address(inner_remainder),
        address(across),
        address(out),
        address(out_gates),
    )
