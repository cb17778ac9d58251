"""What a single source does over time, as SPICE defines it: pulses, sines, exponentials."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from circuitxbar.arguments import Array, positive_number, real_number
from circuitxbar.errors import CircuitError


class TimeFunction(Protocol):
    """A value over time, V or A, with the times at which its slope jumps.

    cx.Waveform for a single line is one (PWL of SPICE), and so are the classes of this module.
    """

    def at(self, time: Array, /) -> Array:
        """The values at these times (n,), s."""
        ...

    def corners(self, stop: float, /) -> Array:
        """The times from 0 s to `stop` at which the value or its slope jumps, increasing, s."""
        ...


@dataclass(frozen=True)
class Pulse:
    """`low`, then pulses to `high`: PULSE of SPICE. Values in V or A, times in s.

    delay : until the first begins to rise.  rise, fall : of its edges, above 0.
    width : at `high`.  period : from pulse to pulse; inf for a single one.
    """

    low: float
    high: float
    delay: float = 0.0
    rise: float = 1e-12
    fall: float = 1e-12
    width: float = math.inf
    period: float = math.inf

    def __post_init__(self) -> None:
        real_number("Pulse.low", self.low)
        real_number("Pulse.high", self.high)
        real_number("Pulse.delay", self.delay, unit="s")
        positive_number("Pulse.rise", self.rise, unit="s")
        positive_number("Pulse.fall", self.fall, unit="s")
        for name in ("width", "period"):
            value = getattr(self, name)
            if value != math.inf:
                real_number(f"Pulse.{name}", value, unit="s", minimum=0.0)
        if self.period < self.rise + self.width + self.fall and self.period != math.inf:
            raise CircuitError(
                f"Pulse.period = {self.period:g} s is shorter than a pulse with its edges, "
                f"{self.rise + self.width + self.fall:g} s. Give a longer one."
            )

    @property
    def _points(self) -> tuple[list[float], list[float]]:
        """Times since the beginning of a pulse, and the values there."""
        times = [0.0, self.rise]
        values = [self.low, self.high]
        if self.width != math.inf:
            times += [self.rise + self.width, self.rise + self.width + self.fall]
            values += [self.high, self.low]
        return times, values

    def at(self, time: Array, /) -> Array:
        """The values at these times, (n,)."""
        since = np.asarray(time, dtype=float) - self.delay
        if self.period != math.inf:
            since = np.where(since > 0, since - np.floor(since / self.period) * self.period, since)
        # What a time has no digits for is no part of an edge: at its end it is over.
        last_digits = 4 * np.spacing(np.abs(time))
        times, values = self._points
        for corner in times:
            since = np.where(np.abs(since - corner) <= last_digits, corner, since)
        return np.interp(since, times, values)

    def corners(self, stop: float, /) -> Array:
        """The times of all corners up to `stop`, s."""
        starts = np.array([self.delay])
        if self.period != math.inf and stop > self.delay:
            starts = self.delay + self.period * np.arange((stop - self.delay) // self.period + 1)
        return _within((starts[:, None] + np.array(self._points[0])).ravel(), stop)


@dataclass(frozen=True)
class Sine:
    """`offset` + `amplitude` * sin(2 pi `frequency` (t - delay) + phase): SIN of SPICE.

    delay : s, before which it stays at its first value.  damping : 1/s, of the amplitude.
    phase : degrees.  Values in V or A, frequency in Hz.
    """

    offset: float
    amplitude: float
    frequency: float
    delay: float = 0.0
    damping: float = 0.0
    phase: float = 0.0

    def __post_init__(self) -> None:
        _check_numbers(self)

    def at(self, time: Array, /) -> Array:
        """The values at these times, (n,)."""
        since = np.maximum(np.asarray(time, dtype=float) - self.delay, 0.0)
        angle = 2 * math.pi * self.frequency * since + math.radians(self.phase)
        return self.offset + self.amplitude * np.exp(-self.damping * since) * np.sin(angle)

    def corners(self, stop: float, /) -> Array:
        """The time at which it begins, s."""
        return _within(np.array([self.delay]), stop)


@dataclass(frozen=True)
class Exponential:
    """From `low` towards `high` and back, with time constants: EXP of SPICE.

    rise_delay, fall_delay : s, when each begins.  rise_time, fall_time : s, time constants.
    """

    low: float
    high: float
    rise_delay: float
    rise_time: float
    fall_delay: float
    fall_time: float

    def __post_init__(self) -> None:
        _check_numbers(self)
        positive_number("Exponential.rise_time", self.rise_time, unit="s")
        positive_number("Exponential.fall_time", self.fall_time, unit="s")

    def at(self, time: Array, /) -> Array:
        """The values at these times, (n,)."""
        time = np.asarray(time, dtype=float)
        risen = -np.expm1(-np.maximum(time - self.rise_delay, 0.0) / self.rise_time)
        fallen = -np.expm1(-np.maximum(time - self.fall_delay, 0.0) / self.fall_time)
        return self.low + (self.high - self.low) * (risen - fallen)

    def corners(self, stop: float, /) -> Array:
        """The times at which it begins to rise and to fall, s."""
        return _within(np.array([self.rise_delay, self.fall_delay]), stop)


def _check_numbers(function: Sine | Exponential) -> None:
    for field in fields(function):
        real_number(f"{type(function).__name__}.{field.name}", getattr(function, field.name))


def _within(times: Array, stop: float) -> Array:
    times = np.unique(times)
    return times[(times >= 0) & (times <= stop)]
