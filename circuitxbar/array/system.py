"""A crossbar made ready for its kernels: what does not change from vector to vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.kernels import kernels
from circuitxbar.array.laws import CellLaw, cell_law, law_parameters, there
from circuitxbar.array.lines import BROKEN, Lines
from circuitxbar.circuit.terminations import SIDES, Ends, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


@dataclass(frozen=True, eq=False)
class Factors:
    """Slopes of the cells and the ladders made of them; one per cell, or one per cell and vector.

    out_slope : -dI/dV_column.  in_slope : dI/dV_row; the same array for cells of two terminals.
    row, down, up : the a of `kernels.factors` for rows, and columns downwards and upwards.
    All of them in single or all in double precision.
    """

    out_slope: Array
    in_slope: Array
    row: Array
    down: Array
    up: Array


@dataclass(frozen=True, eq=False)
class System:
    """An array with its line ends, whatever their sources.

    law : of cells that are not plain linear ones.
    source_resistance : (ends, 1), ohm, beside the current sources; 0 at ends that have none.
    single : (ends,), whether a whole line has this end alone: its current is the sum of its cells.
    """

    crossbar: Crossbar
    lines: Lines
    law: CellLaw | None
    source_resistance: Array
    single: np.ndarray

    @staticmethod
    def of(crossbar: Crossbar, ends: Mapping[Side, Ends]) -> System:
        """The system of `crossbar`; of `ends` no source is used."""
        lines = Lines.of(crossbar, ends)
        plain = crossbar.is_linear and len(crossbar.cell_elements) == 1
        law = None if plain else cell_law(crossbar)
        beside = [np.where(ends[side].norton, ends[side].resistance, 0.0) for side in SIDES]
        resistance = np.concatenate(beside)[:, None]
        return System(crossbar, lines, law, resistance, _single(crossbar, lines, ends))

    @cached_property
    def conductances(self) -> Array:
        """Of the cells at 0 V, (cells,), S."""
        return np.ascontiguousarray(self.crossbar.cell_conductances, dtype=float).ravel()

    @cached_property
    def any_law(self) -> CellLaw:
        """`law`, or that of plain linear cells, which only gradients need."""
        return self.law or cell_law(self.crossbar)

    @cached_property
    def parameters(self) -> Array:
        """What the laws take beside voltages, (names, cells)."""
        return law_parameters(self.crossbar, self.any_law)

    @cached_property
    def there(self) -> np.ndarray:
        """Which cells follow their law, (cells,)."""
        return there(self.crossbar)

    @cached_property
    def held(self) -> bool:
        """Whether every line is whole and has an end that conducts."""
        at, inner = self.lines.ends, (slice(None), slice(1, -1))
        ends = {side: self.lines.ladder_ends[at[side]] > 0 for side in SIDES}
        reached = (ends["left"] | ends["right"]).all() and (ends["top"] | ends["bottom"]).all()
        wires = self.crossbar.row_segments[inner], self.crossbar.column_segments.T[inner]
        return bool(reached and all(np.isfinite(wire).all() for wire in wires))

    @cached_property
    def needs_errors(self) -> bool:
        """Whether some terminal current is what is left over at nodes on an ideal source."""
        return bool((self.lines.fixed & ~self.single).any())

    @cached_property
    def single_lines(self) -> list[tuple[np.ndarray, slice, slice, float]]:
        """For each side: its ends that are single, the ends, the sums over their lines, a sign.

        The current out of the array there is sign * the sum.
        """
        rows, columns = slice(0, self.lines.rows), slice(self.lines.rows, None)
        ends = self.lines.ends
        return [
            (self.single[ends[side]], ends[side], line, sign)
            for side, line, sign in (
                ("left", rows, -1.0),
                ("right", rows, -1.0),
                ("top", columns, 1.0),
                ("bottom", columns, 1.0),
            )
            if self.single[ends[side]].any()
        ]

    def linear_factors(self, bits: int) -> Factors:
        """The factors of linear cells, for all vectors, in a precision of `bits`."""
        if bits not in self._linear_factors:
            slopes = self.conductances.astype(f"f{bits // 8}")
            factors = Factors(slopes, slopes, *(np.empty_like(slopes) for _ in range(3)))
            make_factors(self.lines, factors, 1)
            self._linear_factors[bits] = factors
        return self._linear_factors[bits]

    @cached_property
    def remaining(self) -> float:
        """About what share of the currents the wires leave of linear cells driven at one end."""
        lines = self.lines
        mean = self.conductances.mean()
        drops = [
            mean * np.where(wire < BROKEN, wire, 0.0).mean() * count**2
            for wire, count in ((lines.row_wire, lines.columns), (lines.down_wire, lines.rows))
        ]
        return float(1.0 / (1.0 + sum(drops) / 6.0))

    @cached_property
    def _linear_factors(self) -> dict[int, Factors]:
        return {}


def make_factors(
    lines: Lines, factors: Factors, width: int, along: tuple[Array, Array] | None = None
) -> None:
    """Fill in the ladders of `factors` from its slopes, `width` numbers per cell.

    along : conductances from the row nodes and the column nodes to all but their line, where
    there are more than those of the cells.
    """
    bits = 8 * factors.row.itemsize
    kernel, ladders, at = kernels(width, True, bits), lines.ladders[bits], lines.ends
    size = lines.rows, lines.columns
    left, right, top, bottom = (ladders.ends[at[side]] for side in SIDES)
    along_row, along_column = along or (factors.in_slope, factors.out_slope)
    carried = np.empty(lines.columns * width, dtype=factors.row.dtype)
    kernel.factor(
        *size, along_row, along_column, ladders.row_wire, ladders.down_wire, ladders.up_wire, left,
        right, top, bottom, carried, factors.row, factors.down, factors.up,
    )  # fmt: skip


def _single(crossbar: Crossbar, lines: Lines, ends: Mapping[Side, Ends]) -> np.ndarray:
    whole = {
        "row": np.isfinite(crossbar.row_segments[:, 1:-1]).all(axis=1),
        "column": np.isfinite(crossbar.column_segments[1:-1]).all(axis=0),
    }
    found = []
    for side, other in zip(SIDES, ("right", "left", "bottom", "top"), strict=True):
        reached = np.isfinite(crossbar.end_segments(side))
        line = whole["row" if side in ("left", "right") else "column"]
        found.append(line & reached & ends[side].terminated & ~ends[other].terminated)
    return np.concatenate(found)
