"""What stands behind the nodes of an independent source: steady value, AC amplitude, time."""

from __future__ import annotations

import cmath
import math

from circuitxbar.arguments import shown
from circuitxbar.circuit.group import Excitation
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine, TimeFunction
from circuitxbar.circuit.waveforms import Waveform
from circuitxbar.dialects import Dialect
from circuitxbar.errors import NetlistError

# SPICE takes a delay or width of 0, and what is left out, for its own time step or for the end.
_NO_TIME, _NO_END = 1e-30, 1e30


def source_text(
    element: str, value: float, excitation: Excitation | None, place: int, tongue: Dialect
) -> str:
    """All that the source `element`, number `place` of its group, is."""
    text = tongue.number(value)
    if excitation is None:
        return text
    amplitude = complex(excitation.ac[place])
    if amplitude:
        text += f" ac {_polar(amplitude, tongue)}"
    function = excitation.over_time[place]
    return text if function is None else f"{text} {_function(element, function, tongue)}"


def _polar(amplitude: complex, tongue: Dialect) -> str:
    """Magnitude and phase in degrees. One that is real keeps all its digits.

    Of others 15 digits are given: read as a complex number and written again, they are the same.
    """
    if amplitude.imag == 0 and amplitude.real > 0:
        return tongue.number(amplitude.real)
    size, phase = abs(amplitude), math.degrees(cmath.phase(amplitude))
    return " ".join(tongue.number(float(f"{number:.15g}")) for number in (size, phase))


def _function(element: str, function: TimeFunction, tongue: Dialect) -> str:
    match function:
        case Pulse(low, high, delay, rise, fall, width, period):
            times = (delay, rise, fall, max(width, _NO_TIME), period)
            return _call("pulse", (low, high, *(min(t, _NO_END) for t in times)), tongue)
        case Sine(offset, amplitude, frequency, delay, damping, phase):
            if frequency == 0:
                raise NetlistError(
                    f"source {element!r}: SPICE takes a frequency of 0 Hz for another one. "
                    "Use a Waveform."
                )
            return _call("sin", (offset, amplitude, frequency, delay, damping, phase), tongue)
        case Exponential(low, high, rise_delay, rise_time, fall_delay, fall_time):
            rise_delay, fall_delay = (t or _NO_TIME for t in (rise_delay, fall_delay))
            return _call("exp", (low, high, rise_delay, rise_time, fall_delay, fall_time), tongue)
        case Waveform() if function.shape == ():
            pairs = zip(*(array.tolist() for array in function._points), strict=True)
            points = [f"{tongue.number(t)} {tongue.number(v)}" for t, v in pairs]
            rows = [" ".join(points[k : k + 4]) for k in range(0, len(points), 4)]
            return "pwl(" + "\n+ ".join(rows) + ")"
    raise NetlistError(
        f"source {element!r}: over_time = {shown(function)} has no SPICE text. Use a Pulse, Sine, "
        "Exponential or Waveform."
    )


def _call(name: str, numbers: tuple[float, ...], tongue: Dialect) -> str:
    return f"{name}({' '.join(map(tongue.number, numbers))})"
