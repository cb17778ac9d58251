"""Many vectors through a linear array: one solve per driven line, then a product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.proof import Proof
from circuitxbar.circuit.terminations import SIDES, Driven, Side

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

_EPS = np.finfo(float).eps
_CHUNK = 256  # vectors


def inputs_of(crossbar: Crossbar) -> list[tuple[Side, ...]]:
    """The sides that are driven by one signal, for each signal."""
    pairs = (("left", "right"), ("top", "bottom"))
    driven = [tuple(s for s in pair if isinstance(getattr(crossbar, s), Driven)) for pair in pairs]
    return [sides for sides in driven if sides]


def superposed(
    crossbar: Crossbar, drive: Drive, solve: Callable[[Drive, float], Proof], rtol: float
) -> Proof:
    """The proof of all vectors of `drive` from those of its unit vectors and of its other sources.

    solve : proves a drive to a relative accuracy.  The bound of a vector is the sum of theirs, with
    what the product itself is rounded; it may be above what `rtol` asks for.
    """
    signals = {sides: drive.ends[sides[0]].voltage for sides in inputs_of(crossbar)}
    parts = [np.broadcast_to(v, (drive.batch, v.shape[1])) for v in signals.values()]
    signal = parts[0] if len(parts) == 1 else np.hstack(parts)
    count = signal.shape[1]
    units, first = {}, 0
    for sides, voltage in signals.items():
        rows = np.zeros((count, voltage.shape[1]))
        rows[first : first + voltage.shape[1]] = np.eye(voltage.shape[1])
        units |= dict.fromkeys(sides, rows)
        first += voltage.shape[1]
    unit = solve(_with_signals(drive, units, count, others=False), rtol / count)
    silence = {side: np.zeros((1, crossbar.lines(side))) for side in units}
    rest = solve(_with_signals(drive, silence, 1, others=True), rtol)

    currents: dict[Side, Array] = {}
    largest_of_unit = np.zeros(count)
    found: list[Side] = []
    for side in SIDES:
        if drive.ends[side].terminated.any():
            currents[side] = np.empty((drive.batch, crossbar.lines(side)))
            largest_of_unit = np.maximum(largest_of_unit, np.abs(unit.currents[side]).max(axis=1))
            found.append(side)
        else:
            currents[side] = np.broadcast_to(0.0, (drive.batch, crossbar.lines(side)))
    largest = np.full(drive.batch, max(np.abs(end.current).max() for end in drive.ends.values()))
    of_units = np.stack([unit.residual, unit.error_bound, largest_of_unit], axis=1)
    sums = np.empty((drive.batch, 3))
    for first in range(0, drive.batch, _CHUNK):  # which stays in the cache
        part = slice(first, first + _CHUNK)
        here = signal[part]
        np.matmul(np.abs(here), of_units, out=sums[part])
        for side in found:
            out = np.matmul(here, unit.currents[side], out=currents[side][part])
            out += rest.currents[side]
            most = np.maximum(out.max(axis=1), -out.min(axis=1))
            np.maximum(largest[part], most, out=largest[part])
    residual, bound, scale = sums.T
    rounding = (count + 1) * _EPS * (scale + rest.scale)
    return Proof(
        currents,
        residual + rest.residual,
        bound + rest.error_bound + rounding,
        largest,
        np.zeros(drive.batch, dtype=bool),  # the cells are linear
    )


def _with_signals(drive: Drive, signals: dict[Side, Array], batch: int, *, others: bool) -> Drive:
    """`drive` with other signals at its driven ends; `others` : whether other sources stay."""
    ends = {}
    for side, end in drive.ends.items():
        if side in signals:
            ends[side] = replace(end, voltage=signals[side])
        elif others:
            ends[side] = end
        else:
            none = np.zeros((1, len(end.resistance)))
            ends[side] = replace(end, voltage=none, current=none)
    return Drive(ends, batch, False, drive.gates)
