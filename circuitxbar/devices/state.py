"""What a device remembers: its states, the conductance they give, and how voltages move them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.conduction import amount
from circuitxbar.devices.integration import MOST_STEPS, UnendingError, integrated
from circuitxbar.devices.kernel import kernel
from circuitxbar.errors import ModelError

if TYPE_CHECKING:
    from circuitxbar.devices.device import Device

_HALVINGS = 60
_SAMPLES = 33  # of a state, to see whether a conductance tells it


@dataclass(frozen=True)
class State:
    """Something that a device remembers: its unit, inclusive range, initial value and meaning.

    rate : law of its change per second, in `unit` / s; None where only pulses change it.
    """

    unit: str
    range: tuple[float, float]
    initial: float
    meaning: str
    rate: str | None


@dataclass(frozen=True, eq=False)
class Load:
    """What is in series with a device: its voltage changes with its states, at once.

    slopes : of the voltage, by name of the state, V per unit.
    toward : the states at the end of the course for which the voltages hold; even in between.
    """

    slopes: Mapping[str, Array]
    toward: Mapping[str, Array]


def conductance(device: Device, states: Mapping[str, Array], others: Mapping[str, Any]) -> Array:
    """g of the [conductance] law at `states`, S; `others` : temperature and parameters."""
    return evaluated(device, "conductance", {**others, **states})[0]


def span(
    device: Device, shape: tuple[int, ...], others: Mapping[str, Any]
) -> tuple[Array, Array, np.ndarray]:
    """The least and the most conductance that the only state gives, S, and whether g rises."""
    ((name, state),) = device.states.items()
    ends = (np.full(shape, bound) for bound in state.range)
    at_low, at_high = (conductance(device, {name: x}, others) for x in ends)
    return np.minimum(at_low, at_high), np.maximum(at_low, at_high), at_high > at_low


def states_from(
    device: Device, conductances: Array, others: Mapping[str, Any], nearest: bool = False
) -> Array:
    """The value of the only state at which the [conductance] law gives `conductances`.

    Raises ModelError where there are several states, and for conductances that no value in its
    range gives, unless the `nearest` end of it is good enough.
    """
    if len(device.states) != 1:
        raise ModelError(
            f"{device.where}: '{device.name}' has {len(device.states)} states, so a conductance "
            "does not tell them. Give the states."
        )
    ((name, state),) = device.states.items()
    _refuse_turning(device, others)
    least, most, rising = span(device, conductances.shape, others)
    room = 1e-12 * most
    outside = np.argwhere((conductances < least - room) | (conductances > most + room))
    if len(outside) and not nearest:
        index = tuple(int(k) for k in outside[0])
        raise ModelError(
            f"{device.where}: conductances[{', '.join(map(str, index))}] = "
            f"{conductances[index]:.3g} S is given by no {name} in "
            f"{state.range[0]:g} ... {amount(state.range[1], state.unit)}. It gives "
            f"{least[index]:.3g} to {most[index]:.3g} S."
        )
    low, high = (np.full(conductances.shape, bound) for bound in state.range)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = (conductance(device, {name: middle}, others) < conductances) == rising
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    first, last = state.range
    found = np.where(conductances <= least, np.where(rising, first, last), 0.5 * (low + high))
    return np.where(conductances >= most, np.where(rising, last, first), found)


def _refuse_turning(device: Device, others: Mapping[str, Any]) -> None:
    """ModelError where several values of the only state give the same conductance."""
    ((name, state),) = device.states.items()
    samples = np.linspace(*state.range, _SAMPLES)[:, None]
    columns = {key: np.ravel(value) for key, value in others.items()}
    steps = np.diff(conductance(device, {name: samples}, columns), axis=0)
    if not ((steps > 0).all(axis=0) | (steps < 0).all(axis=0)).all():
        raise ModelError(
            f"{device.where}, conductance: it does not rise or fall with {name} all the way, so a "
            f"conductance does not tell {name}. Give states."
        )


def _at_index(index: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, index))}]" if index else ""


def after(
    device: Device,
    states: Mapping[str, Array],
    voltages: tuple[Array, Array],
    duration: Any,
    others: Mapping[str, Any],
    tolerance: float,
    load: Load | None = None,
    most_steps: int = MOST_STEPS,
    at: Callable[[tuple[int, ...]], str] = _at_index,
) -> dict[str, Array]:
    """The states after `duration` (s), while the voltage goes evenly from one value to another.

    voltages : at the beginning and at the end, V.  All broadcast.
    tolerance : of each step, relative to the range of a state.
    load : how the voltage leaves this course as soon as the states leave theirs.
    at : where the device of an index is, for messages.
    Raises ModelError where the rates do not let it be known.
    """
    shape = np.broadcast_shapes(
        *(np.shape(x) for x in (*states.values(), *voltages, duration, *others.values()))
    )

    def spread(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, float), shape).ravel()

    x = np.stack([spread(states[name]) for name in device.states])
    bounds = np.array([state.range for state in device.states.values()])
    start, end, time = map(spread, (*voltages, duration))
    named = {key: spread(value) for key, value in others.items()}
    slopes, toward = np.zeros(x.shape), x
    if load is not None:
        slopes, toward = (
            np.stack([spread(part[name]) for name in device.states])
            for part in (load.slopes, load.toward)
        )
    # What moves a state in a narrow range around 0 V, such as its own return, must not be passed
    # over: a ramp across 0 V is two. In each the voltage only grows, or only falls, in size.
    with np.errstate(all="ignore"):
        share = np.where(start * end < 0, start / (start - end), 1.0)
        middle = np.where(start * end < 0, 0.0, end)
        at_rest = [  # the voltages without the part of the states
            volts - (slopes * (x + part * (toward - x))).sum(axis=0)
            for volts, part in ((start, 0.0), (middle, share), (end, 1.0))
        ]
        found, passed = x, np.zeros(x.shape[1])
        for first, last, length in zip(
            at_rest, at_rest[1:], (time * share, time - time * share), strict=False
        ):
            slope = np.divide(last - first, length, out=np.zeros(x.shape[1]), where=length > 0)
            rates = _rates(device, first, slope, named, None if load is None else slopes)
            try:
                found = integrated(
                    rates, found, length, bounds[:, :1], bounds[:, 1:], tolerance, most_steps
                )
            except UnendingError as problem:
                k = problem.place
                index = tuple(int(n) for n in np.unravel_index(k, shape))
                raise ModelError(
                    f"{device.where}: the states of '{device.name}'{at(index)} cannot be followed "
                    f"beyond {passed[k] + problem.time:.3g} s of {time[k]:.3g} s, at "
                    f"{start[k]:.3g} V to {end[k]:.3g} V: their rates are not finite there, jump "
                    "to and fro, or take too many steps. Lower the voltage, shorten the pulse, or "
                    "mend the law."
                ) from None
            passed = passed + length
    return {name: row.reshape(shape) for name, row in zip(device.states, found, strict=True)}


def _rates(
    device: Device, start: Array, slope: Array, others: Mapping[str, Array], load: Array | None
) -> Callable:
    """load : (states, places), what each state adds to the voltage, V per unit."""
    names = tuple(device.states)
    sections = {k: f"state.{name}" for k, name in enumerate(names)}
    laws = {k: device.law_of(s) for k, s in sections.items() if s in device.laws}
    needs_g = any("g" in law.mentioned for law in laws.values())
    by_voltage = () if load is None else ("v",)
    kernels = {k: kernel(law, (*names, "g", *by_voltage)) for k, law in laws.items()}
    defaults = {name: np.float64(value) for name, value in device.defaults.items()}

    values = {k: kernel(law) for k, law in laws.items()}

    def rates(
        time: Array, places: np.ndarray, x: Array, with_slopes: bool = True
    ) -> tuple[Array, Array]:
        named: dict[str, Any] = {
            **defaults,
            **{key: value[places] for key, value in others.items()},
        }
        named |= dict(zip(names, x, strict=True))
        g, by_state = np.zeros(len(places)), [0.0] * len(names)
        if needs_g:
            wanted = names if with_slopes else ()
            g, *by_state = evaluated(device, "conductance", named, wanted)
        volts = start[places] + slope[places] * time
        if load is not None:
            volts = volts + (load[:, places] * x).sum(axis=0)
        named |= {"v": volts, "g": g}
        f, slopes = np.zeros(x.shape), np.zeros((len(names), *x.shape))
        for k, law in laws.items():
            arguments = {name: named[name] for name in law.names}
            if not with_slopes:
                (f[k],) = values[k](**arguments)
                continue
            f[k], *found = kernels[k](**arguments)
            direct, by_g, by_v = found[: len(names)], found[len(names)], found[len(names) + 1 :]
            for j in range(len(names)):
                slopes[k, j] = direct[j] + by_g * by_state[j]
                if load is not None:
                    slopes[k, j] += by_v[0] * load[j, places]
        return f, slopes

    return rates


def evaluated(
    device: Device, section: str, named: Mapping[str, Any], slopes: tuple[str, ...] = ()
) -> list[Array]:
    """The law of `section` and its `slopes`, unchecked; what is not given has its default."""
    law = device.law_of(section)
    given = {**device.defaults, **named}
    arguments = {name: np.asarray(given[name], float)[()] for name in law.names}
    with np.errstate(all="ignore"):
        results = kernel(law, slopes)(**arguments)
    shape = np.broadcast_shapes(*(np.shape(value) for value in arguments.values()))
    return [np.broadcast_to(np.asarray(result, float), shape) for result in results]
