"""What stands behind the nodes of V and I: DC, AC and functions of time."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine, TimeFunction
from circuitxbar.circuit.waveforms import Waveform
from circuitxbar.errors import CircuitError
from circuitxbar.netlist.reader.cards import Card

_FUNCTIONS = {"pulse": (2, 7), "sin": (2, 6), "exp": (2, 6), "pwl": (2, None)}
_REFUSED = ("sffm", "am", "trnoise", "trrandom", "external", "distof1", "distof2", "portnum")


@dataclass(frozen=True)
class Steps:
    """Step and stop of the .tran of a deck, s, which are the defaults of PULSE, SIN and EXP."""

    step: float
    stop: float


def excitation(card: Card, steps: Steps | None) -> tuple[float, TimeFunction | None, complex]:
    """(steady value, function of time, AC amplitude); takes all words off the card.

    Without a steady value it is that of the function at 0 s, as in ngspice.
    """
    words, line = card.words, card.line
    for name in ("dc", "ac"):  # dc=1 is dc 1
        if name in card.named:
            words[:0] = [name, card.named.pop(name)]
    steady: float | None = None
    function: TimeFunction | None = None
    amplitude: complex = 0.0
    while words:
        word = words.pop(0)
        if word in _REFUSED:
            raise line.error(f"{word} is not supported. Sources have {', '.join(_FUNCTIONS)}.")
        if word in _FUNCTIONS:
            if function is not None:
                raise line.error(f"{word}: the source has a function of time already.")
            function = _function(word, card, steps)
        elif word == "ac":
            numbers = _numbers(card, 2)
            size, phase = (*numbers, 1.0, 0.0)[:2] if not numbers else (*numbers, 0.0)[:2]
            amplitude = cmath.rect(size, math.radians(phase)) if phase else size
        elif word == "dc":
            if not words:
                raise line.error("dc has no value.")
            steady = card.value(words.pop(0), "dc")
        elif steady is None:
            steady = card.value(word, "its value")
        else:
            raise line.error(f"{word!r:.40} is not expected there.")
    if steady is None:
        steady = 0.0 if function is None else float(function.at(0.0))  # pyright: ignore[reportArgumentType]
    return steady, function, amplitude


def _numbers(card: Card, most: int | None) -> list[float]:
    """The values that follow, up to the next keyword."""
    found = []
    while card.words and card.words[0] not in (*_FUNCTIONS, *_REFUSED, "dc", "ac"):
        if most is not None and len(found) == most:
            break
        found.append(card.value(card.words.pop(0), "a value of the source"))
    return found


def _function(word: str, card: Card, steps: Steps | None) -> TimeFunction:
    least, most = _FUNCTIONS[word]
    numbers = _numbers(card, None)
    if len(numbers) < least or (most is not None and len(numbers) > most):
        wanted = f"{least} to {most}" if most else "pairs"
        raise card.line.error(f"{word} has {len(numbers)} numbers; it takes {wanted}.")

    def given(k: int) -> float | None:
        """Number k; 0 is the default, as in ngspice."""
        return numbers[k] if k < len(numbers) and numbers[k] != 0 else None

    def or_step(k: int, what: str) -> float:
        value = given(k)
        if value is not None:
            return value
        if steps is None:
            raise card.line.error(f"{word}: its {what} is missing, and no .tran sets it.")
        return steps.step

    try:
        match word:
            case "pulse":
                return _pulse(numbers, card, or_step)
            case "sin":
                frequency = given(2)
                if frequency is None:
                    if steps is None:
                        raise card.line.error("sin: its frequency is missing.")
                    frequency = 1.0 / steps.stop
                return Sine(numbers[0], numbers[1], frequency, *numbers[3:])
            case "exp":
                rise_delay = or_step(2, "rise delay")
                fall_delay = given(4)
                if fall_delay is None:
                    fall_delay = rise_delay + or_step(4, "fall delay")
                times = rise_delay, or_step(3, "rise time"), fall_delay, or_step(5, "fall time")
                return Exponential(numbers[0], numbers[1], *times)
        if len(numbers) % 2:
            raise card.line.error(f"pwl has {len(numbers)} numbers; it takes pairs t1 v1 t2 v2.")
        return Waveform(numbers[0::2], numbers[1::2])
    except CircuitError as problem:
        raise card.line.error(str(problem)) from None


def _pulse(numbers: list[float], card: Card, or_step) -> Pulse:
    low, high, delay = (*numbers, 0.0)[:3]
    if delay < 0:
        raise card.line.error("pulse: a delay below 0 s is not supported.")
    width, period = ((*numbers, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)[k] or math.inf for k in (5, 6))
    return Pulse(low, high, delay, or_step(3, "rise time"), or_step(4, "fall time"), width, period)
