"""The inputs of one solve: voltages at the driven ends, checked and in normal form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circuitxbar.arguments import Array, real_array
from circuitxbar.circuit.terminations import SIDES, Driven, Ends, Side, normal_form
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


@dataclass(frozen=True, eq=False)
class Drive:
    """All line ends of a crossbar for a batch of input vectors.

    ends : the Ends of each side.  batch : number of vectors.
    single : whether one vector without a batch axis was given, so that answers have none either.
    """

    ends: dict[Side, Ends]
    batch: int
    single: bool

    @staticmethod
    def of(crossbar: Crossbar, voltages: Any, column_voltages: Any = None) -> Drive:
        """The drive of `crossbar` by `voltages`, (batch, driven lines) or (driven lines,), V.

        `column_voltages` (batch, columns) feeds Driven column ends of an array whose rows are
        driven too. Raises CircuitError for missing, superfluous or ill-shaped inputs.
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
        batch, single = _batch(main, across)
        ends = {}
        for side in SIDES:
            termination = getattr(crossbar, side)
            signal = signals.get(side) if isinstance(termination, Driven) else None
            if signal is not None and signal.ndim == 1:
                signal = signal[None, :]
            ends[side] = normal_form(termination, crossbar.lines(side), signal)
        return Drive(ends, batch, single)

    def blocks(self, size: int) -> list[slice]:
        """The batch cut into slices of at most `size` vectors."""
        return [slice(k, min(k + size, self.batch)) for k in range(0, self.batch, size)]


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


def _batch(main: Array | None, across: Array | None) -> tuple[int, bool]:
    given = [signal for signal in (main, across) if signal is not None]
    single = all(signal.ndim == 1 for signal in given)
    sizes = {signal.shape[0] for signal in given if signal.ndim == 2} - {1}
    if len(sizes) > 1:
        raise CircuitError(
            f"voltages holds {len(main) if main is not None else 0} vectors and column_voltages "
            f"{len(across) if across is not None else 0}. Pass as many of each, or one vector."
        )
    batch = sizes.pop() if sizes else 1
    return batch, single
