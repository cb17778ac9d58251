"""What sits at the end of a line, and the one normal form in which engines see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from circuitxbar.arguments import Array, real_array, resistances, shown
from circuitxbar.errors import CircuitError

Side = str  # one of SIDES
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True, eq=False)
class Driven:
    """A line end that follows the input voltage of its line through `resistance` (ohm).

    `resistance` is a scalar or one value per line; inf floats that line.
    """

    resistance: float | Array = 0.0

    def __post_init__(self) -> None:
        _clean(self, "resistance", "ohm")


@dataclass(frozen=True, eq=False)
class Grounded:
    """A line end at 0 V or at a virtual ground, through `resistance` (ohm): a sensed end.

    `resistance` is a scalar or one value per line; inf floats that line.
    """

    resistance: float | Array = 0.0

    def __post_init__(self) -> None:
        _clean(self, "resistance", "ohm")


@dataclass(frozen=True, eq=False)
class Held:
    """A line end at the fixed bias `voltage` (V) through `resistance` (ohm).

    Also the offset of a sense amplifier. Scalars or one value per line; an infinite
    resistance floats that line.
    """

    voltage: float | Array
    resistance: float | Array = 0.0

    def __post_init__(self) -> None:
        _clean(self, "voltage", "V")
        _clean(self, "resistance", "ohm")


@dataclass(frozen=True, eq=False)
class Norton:
    """Any linear one-port: `conductance` (S) to ground beside a `current` (A) into the line.

    The terminal current is conductance * voltage - current. Scalars or one value per line.
    """

    conductance: float | Array
    current: float | Array

    def __post_init__(self) -> None:
        _clean(self, "conductance", "S", minimum=0.0)
        _clean(self, "current", "A")


@dataclass(frozen=True, eq=False)
class Floating:
    """A line end that is connected to nothing; it has no end segment."""


Termination = Driven | Grounded | Held | Norton | Floating
TERMINATIONS: dict[str, type[Termination]] = {
    kind.__name__: kind for kind in (Driven, Grounded, Held, Norton, Floating)
}


@dataclass(frozen=True, eq=False)
class Ends:
    """The ends of all lines on one side in normal form, for a batch of vectors.

    A line end at voltage u sends (u - voltage) / resistance - current out of the array.
    resistance, terminated : (lines,).  voltage, current : (batch or 1, lines); `current`
    differs from 0 only where `norton`, `voltage` only elsewhere. Lines that are not
    `terminated` have no end segment and carry no terminal current.
    """

    resistance: Array
    terminated: np.ndarray
    voltage: Array
    current: Array
    norton: bool = False

    def with_signal(self, signal: Array) -> Ends:
        """The same ends with every source replaced by `signal` (batch, lines), in volt.

        A Norton end takes it as the current that this voltage drives through its conductance.
        """
        if not self.norton:
            return replace(self, voltage=signal, current=np.zeros_like(signal))
        with np.errstate(divide="ignore"):
            current = np.where(np.isinf(self.resistance), 0.0, signal / self.resistance)
        return replace(self, voltage=np.zeros_like(signal), current=current)

    def select(self, vectors: slice | np.ndarray) -> Ends:
        """The same ends for some of the vectors of the batch."""
        voltage = self.voltage if len(self.voltage) == 1 else self.voltage[vectors]
        current = self.current if len(self.current) == 1 else self.current[vectors]
        return replace(self, voltage=voltage, current=current)


def check_lines(termination: Termination, side: Side, lines: int) -> None:
    """Refuse a termination of `side` whose fields do not fit its number of lines."""
    if not isinstance(termination, Termination):
        raise CircuitError(
            f"{side} = {shown(termination)} is not a termination. "
            "Use Driven(), Grounded(), Held(), Norton() or Floating()."
        )
    for name, value in vars(termination).items():
        if np.ndim(value) and np.shape(value) != (lines,):
            raise CircuitError(
                f"{side}: {name} of {type(termination).__name__} has shape {np.shape(value)}; "
                f"expected a scalar or one value for each of the {lines} lines."
            )


def normal_form(termination: Termination, lines: int, signal: Array | None) -> Ends:
    """`termination` of `lines` lines as Ends; `signal` (batch, lines) feeds Driven ends."""
    zero = np.zeros((1, lines))
    match termination:
        case Floating():
            open_line = np.full(lines, np.inf)
            return Ends(open_line, np.zeros(lines, dtype=bool), zero, zero)
        case Norton():
            conductance = np.broadcast_to(termination.conductance, (lines,))
            current = np.broadcast_to(termination.current, (1, lines))
            with np.errstate(divide="ignore", over="ignore"):
                resistance = 1.0 / conductance
            return Ends(resistance, np.ones(lines, dtype=bool), zero, current, norton=True)
        case Driven() | Grounded() | Held():
            resistance = np.broadcast_to(termination.resistance, (lines,)).astype(float)
            voltage = zero
            if isinstance(termination, Held):
                voltage = np.broadcast_to(termination.voltage, (1, lines)).astype(float)
            if isinstance(termination, Driven) and signal is not None:
                voltage = signal
            return Ends(resistance, np.isfinite(resistance), voltage, zero)


def _clean(
    termination: Termination,
    field: str,
    unit: str,
    minimum: float | None = None,
) -> None:
    name, value = f"{type(termination).__name__}.{field}", getattr(termination, field)
    if field == "resistance":
        value = resistances(name, value)
    else:
        value = real_array(name, value, unit=unit, minimum=minimum)
    if value.ndim > 1:
        raise CircuitError(f"{name} has shape {value.shape}; expected a scalar or one per line.")
    object.__setattr__(termination, field, value if value.ndim else float(value))
