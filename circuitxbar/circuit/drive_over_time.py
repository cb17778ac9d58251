"""The inputs of a transient analysis: waveforms at the driven ends, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine
from circuitxbar.circuit.waveforms import Waveform
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

CLOSE = 1e-12  # of the whole time: breakpoints that are no further apart are one


@dataclass(frozen=True, eq=False)
class DriveOverTime:
    """All that drives a crossbar over time, for a batch of vectors.

    signals : "voltages", "column_voltages" and "gates", as Drive.of takes them -> Waveform of
    (lines,) or (batch, lines); only those that there are.
    """

    crossbar: Crossbar
    signals: Mapping[str, Waveform]
    batch: int
    single: bool

    @staticmethod
    def of(crossbar: Crossbar, waveforms: Any, column_waveforms: Any, gates: Any) -> DriveOverTime:
        """The drive of `crossbar` by Waveforms, or by constant voltages as Drive.of takes them.

        Raises CircuitError for missing, superfluous or ill-shaped inputs.
        """
        rows, columns = crossbar.shape
        lines = (rows if crossbar.drives_rows else columns, columns, crossbar.gate_count)
        driven = crossbar.drives_rows or crossbar.drives_columns
        if waveforms is None and driven:
            raise CircuitError(
                "waveforms is missing. Pass a Waveform, or constant voltages, of the "
                f"{lines[0]} driven lines."
            )
        given = {
            "waveforms": (waveforms, driven),
            "column_waveforms": (
                column_waveforms,
                crossbar.drives_rows and crossbar.drives_columns,
            ),
            "gates": (gates, crossbar.gate_count > 0),
        }
        signals: dict[str, Waveform] = {}
        names = ("voltages", "column_voltages", "gates")
        for (told, (value, wanted)), name, count in zip(given.items(), names, lines, strict=True):
            if value is None:
                continue
            if not wanted:
                raise CircuitError(f"{told} were given, but this crossbar has no place for them.")
            signals[name] = _over_time(told, value, count)
        first = Drive.of(crossbar, **{name: signal.at(0.0) for name, signal in signals.items()})
        return DriveOverTime(crossbar, signals, first.batch, first.single)

    def of_vector(self, vector: int) -> DriveOverTime:
        """The drive of one vector alone."""
        chosen = slice(vector, vector + 1)
        signals = {
            name: s.select(chosen) if s.shape[:-1] != (1,) else s
            for name, s in self.signals.items()
        }
        return DriveOverTime(self.crossbar, signals, 1, self.single)

    def at(self, times: Array) -> Drive:
        """The drive of a single vector at `times`, (n,), s, as n vectors."""
        voltages: dict[str, Array | None] = {"voltages": None}
        voltages |= {
            name: signal.at(times).reshape(-1, len(times)).T
            for name, signal in self.signals.items()
        }
        return Drive.of(self.crossbar, **voltages)

    def ticks(self, stop: float) -> Array:
        """0, the times between at which any slope changes, and `stop`, increasing, (n,), s."""
        found = np.unique(np.concatenate([[0.0], *(s.breakpoints for s in self.signals.values())]))
        found = found[(found >= 0.0) & (found < stop * (1 - CLOSE))]
        apart = np.diff(found, prepend=-np.inf) > CLOSE * stop
        return np.append(found[apart], stop)

    def swing(self, stop: float) -> float:
        """By how much the voltage of any one line changes until `stop`, at most, V.

        Where none does, the span of all voltages of sources; 1 V where there is none.
        """
        changes, voltages = [0.0], [0.0]
        for name, signal in self.signals.items():
            ends = signal.at(np.array([0.0, stop]))
            inside = (signal.times > 0) & (signal.times < stop)
            within = np.where(inside, signal.voltages, ends[..., :1])
            values = np.concatenate([ends, within], axis=-1)
            if name != "gates":
                changes.append(float(np.ptp(values, axis=-1).max()))
        if max(changes) > 0:
            return max(changes)
        for end in self.at(np.zeros(1)).ends.values():
            voltages += [float(end.voltage.min()), float(end.voltage.max())]
        return float(np.ptp(voltages)) or 1.0


def _over_time(name: str, value: Any, lines: int) -> Waveform:
    if not isinstance(value, Waveform):
        parts = value if isinstance(value, list | tuple) else [value]
        for part in parts:
            if isinstance(part, Pulse | Sine | Exponential | Waveform):
                raise CircuitError(
                    f"{name} = {shown(value)}: a {type(part).__name__} is for one source of a "
                    "Circuit. Give one Waveform for all lines: Waveform(times, voltages), voltages "
                    f"of shape (lines, times), here {lines} lines."
                )
        value = real_array(name, value, unit="V")
        if value.ndim > 2 or value.size == 0:
            raise CircuitError(
                f"{name} has shape {value.shape}; expected a Waveform, or constant voltages, "
                f"({lines},) or (batch, {lines})."
            )
        value = Waveform([0.0], value[..., None])
    return value.for_lines(name, lines)
