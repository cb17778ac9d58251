"""The inputs of one solve: voltages at the driven ends, checked and in normal form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, real_array
from circuitxbar.circuit.terminations import SIDES, Driven, Ends, Side, normal_form
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


@dataclass(frozen=True, eq=False)
class Drive:
    """All line ends and gates of a crossbar for a batch of input vectors.

    ends : the Ends of each side.  batch : number of vectors.
    gates : (batch or 1, gate lines), V; none of them without transistors.
    single : whether one vector without a batch axis was given, so that answers have none either.
    """

    ends: dict[Side, Ends]
    batch: int
    single: bool
    gates: Array

    @staticmethod
    def of(
        crossbar: Crossbar, voltages: Any, column_voltages: Any = None, gates: Any = None
    ) -> Drive:
        """The drive of `crossbar` by `voltages`, (batch, driven lines) or (driven lines,), V.

        `column_voltages` (batch, columns) feeds Driven column ends of an array whose rows are
        driven too; `gates`, a scalar, (gate lines,) or (batch, gate lines), its transistors.
        Raises CircuitError for missing, superfluous or ill-shaped inputs.
        """
        rows, columns = crossbar.shape
        both = crossbar.drives_rows and crossbar.drives_columns
        if column_voltages is not None and not both:
            raise CircuitError(
                "column_voltages needs Driven ends on rows and columns. "
                "Pass voltages alone, or give bottom or top as Driven()."
            )
        if both and column_voltages is None:
            raise CircuitError(
                "rows and columns are both Driven: column_voltages is missing. "
                f"Pass one voltage per column, (batch, {columns})."
            )
        if crossbar.drives_rows:
            main = _vectors("voltages", voltages, rows)
            across = _vectors("column_voltages", column_voltages, columns) if both else None
            signals = {"left": main, "right": main, "top": across, "bottom": across}
        elif crossbar.drives_columns:
            main, across = _vectors("voltages", voltages, columns), None
            signals = {"top": main, "bottom": main}
        else:
            if voltages is not None:
                raise CircuitError(
                    "voltages were given, but no line end is Driven. "
                    "Pass voltages=None, or make an end Driven()."
                )
            main = across = None
            signals = {}
        at_gates = _gates(crossbar, gates)
        given = {"voltages": main, "column_voltages": across, "gates": at_gates}
        batch, single = _batch({name: v for name, v in given.items() if v is not None})
        ends = {}
        for side in SIDES:
            termination = getattr(crossbar, side)
            signal = signals.get(side) if isinstance(termination, Driven) else None
            if signal is not None and signal.ndim == 1:
                signal = signal[None, :]
            ends[side] = normal_form(termination, crossbar.lines(side), signal)
        return Drive(ends, batch, single, at_gates if at_gates.ndim == 2 else at_gates[None, :])

    def blocks(self, size: int) -> list[slice]:
        """The batch cut into slices of at most `size` vectors."""
        return [slice(k, min(k + size, self.batch)) for k in range(0, self.batch, size)]

    def select(self, vectors: slice | np.ndarray) -> Drive:
        """The same for some of the vectors of the batch, a slice or their numbers."""
        ends = {side: end.select(vectors) for side, end in self.ends.items()}
        gates = self.gates if len(self.gates) == 1 else self.gates[vectors]
        return Drive(ends, len(np.arange(self.batch)[vectors]), self.single, gates)


def _vectors(name: str, value: Any, lines: int) -> Array:
    if value is None:
        raise CircuitError(
            f"{name} is missing. Pass one voltage per driven line, (batch, {lines})."
        )
    array = real_array(name, value, unit="V")
    if array.ndim not in (1, 2) or array.shape[-1] != lines or array.size == 0:
        raise CircuitError(
            f"{name} has shape {array.shape}; expected ({lines},) for one vector "
            f"or (batch, {lines}) with at least one."
        )
    return array


def _gates(crossbar: Crossbar, value: Any) -> Array:
    """Voltages of the gate lines, (lines,) or (batch, lines); none without transistors."""
    lines = crossbar.gate_count
    if lines == 0:
        if value is not None:
            raise CircuitError("gates were given, but this crossbar has no transistors.")
        return np.zeros(0)
    if value is None:
        raise CircuitError(
            f"gates is missing: the cells have transistors. Pass one voltage, one per gate line, "
            f"({lines},), or (batch, {lines})."
        )
    value = real_array("gates", value, unit="V")
    if value.ndim == 0:
        return np.full(lines, value)
    return _vectors("gates", value, lines)


def _batch(given: dict[str, Array]) -> tuple[int, bool]:
    """Number of vectors, and whether no input has a batch axis."""
    single = all(signal.ndim == 1 for signal in given.values())
    sizes = {name: len(signal) for name, signal in given.items() if signal.ndim == 2}
    sizes = {name: size for name, size in sizes.items() if size != 1}
    if len(set(sizes.values())) > 1:
        told = " and ".join(f"{name} holds {size}" for name, size in sizes.items())
        raise CircuitError(f"{told} vectors. Pass as many of each, or one vector.")
    return max(sizes.values(), default=1), single
