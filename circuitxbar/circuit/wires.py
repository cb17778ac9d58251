"""The wires of an array: series resistance and capacitance of every segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from circuitxbar.arguments import Array, real_array, resistances
from circuitxbar.errors import CircuitError

LARGEST_CAPACITANCE = 1.0  # F; a larger one in an array is a slip of units


@dataclass(frozen=True, eq=False)
class Wires:
    """Resistance (ohm) and capacitance to ground (F) of each wire segment, one per cell pitch.

    Every field is a scalar, one value per line, or one per segment: rows (rows, columns + 1)
    with entry k left of cell k, columns (rows + 1, columns) with entry k above cell k.
    Resistance 0 joins the nodes exactly; inf is a broken wire.
    The capacitance of a segment between two cells lies half at each of their nodes, that of an end
    segment whole at the last cell of its line, also where the segment is broken. A floating end has
    no segment, hence no capacitance. Capacitances have no effect on an operating point.
    """

    row: float | Array = 1.0
    column: float | Array = 1.0
    row_capacitance: float | Array = 0.0
    column_capacitance: float | Array = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = f"Wires.{field.name}", getattr(self, field.name)
            if field.name.endswith("capacitance"):
                value = real_array(name, value, unit="F", minimum=0.0, maximum=LARGEST_CAPACITANCE)
            else:
                value = resistances(name, value)
            object.__setattr__(self, field.name, value if value.ndim else float(value))

    def row_segments(self, rows: int, columns: int) -> Array:
        """Resistance of every row segment, (rows, columns + 1), ohm."""
        return _per_segment("Wires.row", self.row, (rows, columns + 1), lines_first=True)

    def column_segments(self, rows: int, columns: int) -> Array:
        """Resistance of every column segment, (rows + 1, columns), ohm."""
        return _per_segment("Wires.column", self.column, (rows + 1, columns), lines_first=False)

    def node_capacitances(
        self, rows: int, columns: int, terminated: Mapping[str, np.ndarray]
    ) -> tuple[Array, Array]:
        """Capacitance to ground of row nodes and of column nodes, each (rows, columns), F.

        terminated : for every side whether its line ends have a segment, (lines,).
        """
        name, value = "Wires.row_capacitance", self.row_capacitance
        along_rows = _per_segment(name, value, (rows, columns + 1), lines_first=True)
        name, value = "Wires.column_capacitance", self.column_capacitance
        along_columns = _per_segment(name, value, (rows + 1, columns), lines_first=False)
        return (
            _at_nodes(along_rows, terminated["left"], terminated["right"]),
            _at_nodes(along_columns.T, terminated["top"], terminated["bottom"]).T,
        )

    def check_shape(self, rows: int, columns: int) -> None:
        """Refuse fields that do not fit an array of this size."""
        for name, value in vars(self).items():
            on_rows = name.startswith("row")
            shape = (rows, columns + 1) if on_rows else (rows + 1, columns)
            _per_segment(f"Wires.{name}", value, shape, lines_first=on_rows)


def _at_nodes(segments: Array, first: np.ndarray, last: np.ndarray) -> Array:
    """The capacitance that `segments` (lines, cells + 1) bring to every node, (lines, cells)."""
    nodes = np.zeros((len(segments), segments.shape[1] - 1))
    nodes[:, :-1] += segments[:, 1:-1] / 2
    nodes[:, 1:] += segments[:, 1:-1] / 2
    nodes[:, 0] += np.where(first, segments[:, 0], 0.0)
    nodes[:, -1] += np.where(last, segments[:, -1], 0.0)
    return nodes


def _per_segment(
    name: str, value: float | Array, shape: tuple[int, int], *, lines_first: bool
) -> Array:
    lines = shape[0] if lines_first else shape[1]
    value = np.asarray(value)
    if value.shape == (lines,):
        value = value[:, None] if lines_first else value[None, :]
    elif value.ndim and value.shape != shape:
        raise CircuitError(
            f"{name} has shape {value.shape}; expected a scalar, ({lines},) for one value per "
            f"line, or {shape} for one per segment."
        )
    return np.ascontiguousarray(np.broadcast_to(value, shape))
