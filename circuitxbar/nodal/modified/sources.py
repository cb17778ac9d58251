"""The independent sources of a circuit: what they add to its equations, steady and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array, csr_array

from circuitxbar.arguments import Array
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.time_functions import Pulse, Sine, TimeFunction
from circuitxbar.circuit.waveforms import Waveform

_SAMPLES, _CORNERS = 65, 1000  # where the largest value of sources is looked for
_LARGEST_TABLE = 20_000_000  # values of sources at their corners


@dataclass(eq=False)
class Sources:
    """All independent sources: names, steady values, and into which equations each goes.

    incidence : (size, sources): a current source into its nodes, a voltage into its equation, with
    minus the sign of its value there.
    """

    names: tuple[str, ...]
    steady: Array
    amplitude: np.ndarray
    incidence: csr_array
    is_voltage: tuple[bool, ...]
    functions: tuple[tuple[int, TimeFunction], ...]
    _table: tuple[Array, Array, np.ndarray] | None = field(default=None)

    @staticmethod
    def of(driven: Sequence[tuple[Group, np.ndarray]], size: int) -> Sources:
        """Those of these groups; with each group the equations (n, 2) its sources go into."""
        names: list[str] = []
        is_voltage: list[bool] = []
        functions: list[tuple[int, TimeFunction]] = []
        steady, amplitude = [np.empty(0)], [np.empty(0, complex)]
        rows, columns, signs = ([np.empty(0, dtype=int)] for _ in range(3))
        for group, equations in driven:
            first, count = len(names), len(group.names)
            names += list(group.names)
            is_voltage += [group.kind == "V"] * count
            steady.append(group.values)
            known = group.excitation
            amplitude.append(np.zeros(count, complex) if known is None else known.ac)
            if known is not None:
                functions += [
                    (first + k, f) for k, f in enumerate(known.over_time) if f is not None
                ]
            # F holds v - value of a voltage source, and + current where a current leaves.
            for side, sign in ((0, -1.0 if group.kind == "V" else 1.0), (1, -1.0)):
                there = equations[:, side] >= 0
                rows.append(equations[there, side])
                columns.append(first + np.flatnonzero(there))
                signs.append(np.full(there.sum(), sign))
        shape = (size, len(names))
        places = (np.concatenate(rows), np.concatenate(columns))
        incidence = csr_array(coo_array((np.concatenate(signs), places), shape=shape))
        return Sources(
            tuple(names),
            np.concatenate(steady),
            np.concatenate(amplitude),
            incidence,
            tuple(is_voltage),
            tuple(functions),
        )

    def added(self, values: Array) -> Array:
        """What sources of these values add to F."""
        return self.incidence @ values

    def at(self, time: float) -> Array:
        """The values of all sources at `time`, s."""
        values = self.steady.copy()
        tabled = np.zeros(len(self.functions), dtype=bool)
        if self._table is not None:
            times, table, tabled = self._table
            k = int(np.searchsorted(times, time, side="right"))
            low, high = max(k - 1, 0), min(k, len(times) - 1)
            share = (time - times[low]) / (times[high] - times[low]) if high > low else 0.0
            which = [self.functions[j][0] for j in np.flatnonzero(tabled)]
            values[which] = table[low] + share * (table[high] - table[low])
        for (source, function), known in zip(self.functions, tabled, strict=True):
            if not known:
                values[source] = function.at(np.array([time]))[0]
        return values

    def largest(self, times: Array) -> tuple[float, float]:
        """The largest value of any source at these times, of voltages, V, and of currents, A."""
        values = np.abs([self.at(time) for time in np.linspace(0, times[-1], _SAMPLES)])
        values = np.concatenate([values, np.abs([self.at(time) for time in times[:_CORNERS]])])
        by_source = values.max(axis=0, initial=0.0)
        is_voltage = np.array(self.is_voltage, dtype=bool)
        return by_source[is_voltage].max(initial=0.0), by_source[~is_voltage].max(initial=0.0)

    @property
    def shortest_period(self) -> float:
        """Of the sine sources, s; infinite where there is none."""
        sines = [f for _, f in self.functions if isinstance(f, Sine) and f.amplitude]
        return min((1 / f.frequency for f in sines if f.frequency), default=np.inf)

    def prepare(self, stop: float) -> Array:
        """The times up to `stop` at which a slope jumps, s; piecewise linear ones are tabled."""
        corners = [function.corners(stop) for _, function in self.functions]
        times = np.unique(np.concatenate([[0.0, stop], *corners]))
        tabled = np.array(
            [isinstance(function, Pulse | Waveform) for _, function in self.functions],
            dtype=bool,
        )
        if tabled.any() and len(times) * tabled.sum() <= _LARGEST_TABLE:
            table = np.stack(
                [
                    f.at(times)
                    for (_, f), known in zip(self.functions, tabled, strict=True)
                    if known
                ],
                axis=1,
            )
            self._table = (times, table, tabled)
        return times
