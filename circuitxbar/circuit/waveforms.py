"""Voltages over time: piecewise linear waveforms, and pulses made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, positive_number, real_array, real_number
from circuitxbar.errors import CircuitError


@dataclass(frozen=True, eq=False)
class Waveform:
    """Voltages that are linear between points in time, and constant before and after them.

    times : (points,), s, shared by all lines, or (lines, points), or (batch, lines, points);
    strictly increasing along the last axis.
    voltages : (points,), V, the same at every line, or (lines, points), or (batch, lines, points).
    Raises CircuitError naming the entry that is wrong.
    """

    times: Any  # an Array once made, likewise voltages
    voltages: Any

    def __post_init__(self) -> None:
        times = real_array("Waveform.times", self.times, unit="s")
        voltages = real_array("Waveform.voltages", self.voltages, unit="V")
        for name, array in (("times", times), ("voltages", voltages)):
            if array.ndim not in (1, 2, 3) or array.size == 0:
                raise CircuitError(
                    f"Waveform.{name} has shape {array.shape}; expected (points,), (lines, points) "
                    "or (batch, lines, points) with at least one of each."
                )
        if not _one_ends_the_other(times.shape, voltages.shape):
            raise CircuitError(
                f"Waveform.times has shape {times.shape} and voltages {voltages.shape}. Give as "
                "many points, lines and vectors in both; lines and vectors may be left out of one."
            )
        backwards = np.argwhere(np.diff(times) <= 0)
        if len(backwards):
            *line, point = (int(k) for k in backwards[0])
            where = ", ".join(str(k) for k in [*line, point + 1])
            before, after = times[(*line, slice(point, point + 2))].tolist()
            raise CircuitError(
                f"Waveform.times[{where}] = {after!r} s does not come after the point before it, "
                f"{before!r} s. Times must increase."
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "voltages", voltages)

    def __repr__(self) -> str:
        *lines, points = self._points[0].shape
        told = {0: "any line", 1: "{} lines", 2: "{} vectors of {} lines"}[len(lines)]
        return f"Waveform({points} points for {told.format(*lines)})"

    @property
    def shape(self) -> tuple[int, ...]:
        """() for one that any line may follow, else (lines,) or (batch, lines)."""
        return self._points[0].shape[:-1]

    def at(self, time: Any) -> Array:
        """The voltages at `time`, a number or (n,), s: (*shape,) or (*shape, n), V."""
        when = real_array("time", time, unit="s")
        if when.ndim > 1:
            raise CircuitError(f"time has shape {when.shape}; expected a number or (n,).")
        times, voltages = self._points
        last = times.shape[-1] - 1
        passed = (times[..., None] <= when.ravel()).sum(axis=-2)
        before, after = np.clip(passed - 1, 0, last), np.clip(passed, 0, last)
        start, end = (np.take_along_axis(times, k, axis=-1) for k in (before, after))
        low, high = (np.take_along_axis(voltages, k, axis=-1) for k in (before, after))
        lasting = np.where(after > before, end - start, 1.0)
        share = np.where(after > before, (when.ravel() - start) / lasting, 0.0)
        # Exact where nothing changes, and no number beyond those given.
        found = np.where(low == high, low, low * (1 - share) + high * share)
        return found if when.ndim else found[..., 0]

    def integral(self, start: float, stop: float) -> Array:
        """The exact integral of the voltages from `start` to `stop`, s: (*shape,), V s."""
        first = real_number("start", start, unit="s")
        last = real_number("stop", stop, unit="s", minimum=first)
        inside = self.breakpoints[(self.breakpoints > first) & (self.breakpoints < last)]
        ticks = np.array([first, *inside, last])
        values = self.at(ticks)
        return ((values[..., 1:] / 2 + values[..., :-1] / 2) * np.diff(ticks)).sum(axis=-1)

    @cached_property
    def breakpoints(self) -> Array:
        """The times at which the slope of any line of any vector changes, increasing, (n,), s."""
        times, voltages = self._points
        with np.errstate(over="ignore"):
            slopes = np.diff(voltages) / np.diff(times)
        flat = np.zeros((*slopes.shape[:-1], 1))
        changes = np.diff(np.concatenate([flat, slopes, flat], axis=-1)) != 0
        return np.unique(times[changes])

    def corners(self, stop: float, /) -> Array:
        """The breakpoints from 0 s to `stop`, s."""
        return self.breakpoints[(self.breakpoints >= 0) & (self.breakpoints <= stop)]

    def for_lines(self, name: str, lines: int) -> Waveform:
        """This waveform as one of `lines` lines, the argument `name` of a call.

        Raises CircuitError where it has another number of lines.
        """
        if self.shape and self.shape[-1] != lines:
            raise CircuitError(
                f"{name} is for {self.shape[-1]} lines; the array has {lines}. "
                "Give one row of voltages for each of them, or one that all follow."
            )
        times, voltages = self._points
        lead = self.shape or (lines,)
        shapes = (*lead, times.shape[-1])
        return Waveform(np.broadcast_to(times, shapes), np.broadcast_to(voltages, shapes))

    def select(self, vectors: slice) -> Waveform:
        """The waveform of some vectors of the batch; itself where it has no batch axis."""
        if len(self.shape) < 2:
            return self
        times, voltages = self._points
        return Waveform(times[vectors], voltages[vectors])

    @cached_property
    def _points(self) -> tuple[Array, Array]:
        """Times and voltages, each (*shape, points)."""
        times, voltages = np.broadcast_arrays(self.times, self.voltages)
        return times, voltages


def pulses(
    voltages: Any,
    widths: Any,
    *,
    delay: float = 0.0,
    rise: float = 1e-10,
    fall: float = 1e-10,
) -> Waveform:
    """One pulse for every line and vector, from 0 V to its voltage and back.

    voltages : height, V; a number, (lines,) or (batch, lines).
    widths : s, of the same shape, or without vectors or lines; 0 gives no pulse. A width is taken
    at half the height, so that the integral of a pulse is its height times its width. A pulse
    shorter than its edges, (rise + fall) / 2, keeps their slopes and that integral: it is a
    triangle that does not reach its height.
    delay : s, when all of them begin to rise.  rise, fall : s, from 0 V to the height and back.
    Raises CircuitError naming what is wrong.
    """
    heights = real_array("voltages", voltages, unit="V")
    lasting = real_array("widths", widths, unit="s", minimum=0.0)
    for name, array in (("voltages", heights), ("widths", lasting)):
        if array.ndim > 2 or array.size == 0:
            raise CircuitError(
                f"{name} has shape {array.shape}; expected a number, (lines,) or (batch, lines)."
            )
    if not _one_ends_the_other(heights.shape, lasting.shape):
        raise CircuitError(
            f"voltages has shape {heights.shape} and widths {lasting.shape}. "
            "Give as many lines and vectors in both, or leave them out of one."
        )
    delay = real_number("delay", delay, unit="s")
    rise = positive_number("rise", rise, unit="s")
    fall = positive_number("fall", fall, unit="s")
    heights, lasting = np.broadcast_arrays(heights, lasting)
    edges = (rise + fall) / 2
    # Of both edges what a pulse has time for, by equal areas: part**2 * edges == width.
    part = np.sqrt(np.minimum(lasting / edges, 1.0))
    top = delay + np.where(part > 0, part, 1.0) * rise
    down = top + (lasting - edges)
    is_flat = down > top
    down = np.where(is_flat, down, top)
    end = down + np.where(part > 0, part, 1.0) * fall
    # A triangle has no flat top: in place of one a point where it has ended.
    second = np.where(is_flat, down, end)
    third = np.where(is_flat, end, end + fall)
    peak = heights * part
    start, none = np.full_like(top, delay), np.zeros_like(top)
    times = np.stack([start, top, second, third], axis=-1)
    lost = np.argwhere(~(np.diff(times) > 0).all(axis=-1))
    if len(lost):
        place = tuple(int(k) for k in lost[0])
        raise CircuitError(
            f"a pulse of {lasting[place]:g} s with edges of {rise:g} s and {fall:g} s cannot be "
            f"told in time beside a delay of {delay:g} s. Give a longer one, or 0 for none."
        )
    return Waveform(times, np.stack([none, peak, np.where(is_flat, peak, 0.0), none], axis=-1))


def _one_ends_the_other(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    shorter = min(len(first), len(second))
    return shorter == 0 or first[-shorter:] == second[-shorter:]
