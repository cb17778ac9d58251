"""What the devices of a crossbar remember: states and conductances, each from the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.circuit.cell_checks import checked_conductances
from circuitxbar.devices.device import Device
from circuitxbar.devices.state import span, states_from
from circuitxbar.errors import CircuitError

_SAME = 1e-9  # relative, of conductances that are given beside the states they follow from


@dataclass(frozen=True, eq=False)
class Settled:
    """Conductances (S) and states, (rows, columns), that belong together, and the parameters."""

    conductances: Array
    states: dict[str, Array]
    parameters: dict[str, Array]


def given_shape(conductances: Array | None, states: Any) -> tuple[int, int]:
    """(rows, columns) of what is given; CircuitError where nothing tells it."""
    if conductances is not None:
        rows, columns = conductances.shape
        return rows, columns
    for value in states.values() if isinstance(states, Mapping) else ():
        if len(np.shape(value)) == 2:
            rows, columns = np.shape(value)
            return rows, columns
    raise CircuitError(
        "conductances = None: give conductances, (rows, columns), S, or states of that shape."
    )


def settled(
    devices: Mapping[str, Device],
    conductances: Array | None,
    states: Any,
    parameters: dict[str, Array],
    shape: tuple[int, int],
    temperature: float,
) -> Settled:
    """The conductances and states of all cells from those that are given.

    A state that the current itself names is one of `parameters` too.
    """
    given = _checked(devices, states, shape)
    for prefix, device in devices.items():
        for key in (prefix + name for name in device.states if name in device.law_parameters):
            if key in given:
                parameters = {**parameters, key: given[key]}
            elif key in parameters:
                given[key] = parameters[key]
    memory = devices[""]
    own = {name: parameters[name] for name in memory.parameters if name in parameters}
    others = {"temperature": temperature, **own}
    if "conductance" not in memory.laws:
        if conductances is None:
            raise CircuitError(
                f"conductances = None: device {memory.name!r} has no conductances that follow from "
                "states. Give them, (rows, columns), S."
            )
    elif given.keys() & memory.states.keys():
        by_name = {
            name: np.broadcast_to(given.get(name, state.initial), shape)
            for name, state in memory.states.items()
        }
        found = checked_conductances(memory.conductance(**by_name, **others))
        conductances = _agreed(conductances, found, _beyond(memory, conductances, found, others))
        given |= by_name
    elif conductances is None:
        raise CircuitError("conductances = None: give them, (rows, columns), S, or states.")
    else:
        closed = (conductances > 0) & np.isfinite(conductances)
        (name, state), *_ = memory.states.items()
        given[name] = np.full(shape, state.initial)
        if closed.any():
            there = {key: x[closed] if np.ndim(x) else x for key, x in others.items()}
            if len(memory.states) > 1:
                memory.states_from(conductances[closed], **there)  # says what to give instead
            given[name][closed] = states_from(memory, conductances[closed], there, nearest=True)
    full = {
        prefix + name: np.broadcast_to(given.get(prefix + name, state.initial), shape)
        for prefix, device in devices.items()
        for name, state in device.states.items()
    }
    return Settled(conductances, full, parameters)


def _checked(
    devices: Mapping[str, Device], states: Any, shape: tuple[int, int]
) -> dict[str, Array]:
    if states is None:
        return {}
    if not isinstance(states, Mapping):
        raise CircuitError(f"states = {shown(states)} is not a dict of name: value.")
    known = {prefix + name: x for prefix, d in devices.items() for name, x in d.states.items()}
    checked = {}
    for name, value in states.items():
        if name not in known:
            owners = " + ".join(repr(device.name) for device in devices.values())
            raise CircuitError(
                f"states: device {owners} has no state {shown(name)} "
                f"(it has: {', '.join(sorted(known)) or 'none'})."
            )
        (low, high), unit = known[name].range, known[name].unit
        array = real_array(f"states[{name!r}]", value, unit=unit, minimum=low, maximum=high)
        if array.ndim and array.shape != shape:
            raise CircuitError(
                f"states[{name!r}] has shape {array.shape}; expected a scalar or {shape}."
            )
        checked[name] = array
    return checked


def _beyond(
    memory: Device, given: Array | None, found: Array, others: Mapping[str, Any]
) -> np.ndarray:
    """Where `given` is more than any state means, or less, and `found` is that of the last state.

    Writing, drift and noise leave cells there. They are read as they are.
    """
    if given is None or len(memory.states) > 1:
        return np.zeros(found.shape, dtype=bool)
    least, most, _ = span(memory, found.shape, others)
    below = (given < least) & (found <= least * (1 + _SAME))
    return below | ((given > most) & (found >= most * (1 - _SAME)))


def _agreed(given: Array | None, found: Array, free: np.ndarray) -> Array:
    """Conductances by the states; where some are given too they must be the same.

    Unless they are open or short, or `free`.
    """
    if given is None:
        return found
    free = free | (given == 0) | np.isinf(given)
    apart = np.argwhere(~free & (np.abs(given - found) > _SAME * found))
    if len(apart):
        row, column = (int(k) for k in apart[0])
        raise CircuitError(
            f"conductances[{row}, {column}] = {given[row, column]:.4g} S, but the states given "
            f"beside it mean {found[row, column]:.4g} S. Give one of the two."
        )
    return given
