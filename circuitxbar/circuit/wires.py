"""The wires of an array: series resistance and capacitance of every segment."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from circuitxbar.arguments import Array, real_array, resistances
from circuitxbar.errors import CircuitError


@dataclass(frozen=True, eq=False)
class Wires:
    """Resistance (ohm) and capacitance to ground (F) of each wire segment, one per cell pitch.

    Every field is a scalar, one value per line, or one per segment: rows (rows, columns + 1)
    with entry k left of cell k, columns (rows + 1, columns) with entry k above cell k.
    Resistance 0 joins the nodes exactly; inf is a broken wire.
    Capacitances have no effect on an operating point.
    """

    row: float | Array = 1.0
    column: float | Array = 1.0
    row_capacitance: float | Array = 0.0
    column_capacitance: float | Array = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = f"Wires.{field.name}", getattr(self, field.name)
            if field.name.endswith("capacitance"):
                value = real_array(name, value, unit="F", minimum=0.0)
            else:
                value = resistances(name, value)
            object.__setattr__(self, field.name, value if value.ndim else float(value))

    def row_segments(self, rows: int, columns: int) -> Array:
        """Resistance of every row segment, (rows, columns + 1), ohm."""
        return _per_segment("Wires.row", self.row, (rows, columns + 1), lines_first=True)

    def column_segments(self, rows: int, columns: int) -> Array:
        """Resistance of every column segment, (rows + 1, columns), ohm."""
        return _per_segment("Wires.column", self.column, (rows + 1, columns), lines_first=False)

    def check_shape(self, rows: int, columns: int) -> None:
        """Refuse fields that do not fit an array of this size."""
        for name, value in vars(self).items():
            on_rows = name.startswith("row")
            shape = (rows, columns + 1) if on_rows else (rows + 1, columns)
            _per_segment(f"Wires.{name}", value, shape, lines_first=on_rows)


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
