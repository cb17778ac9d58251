"""What the devices of a crossbar remember: states and conductances, each from the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.cell_checks import checked_conductances, checked_states
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
    given = checked_states(states, devices, shape)
    for prefix, device in devices.items():
        for key in (prefix + name for name in device.states if name in device.law_parameters):
            if key in given:
                parameters = {**parameters, key: given[key]}
            elif key in parameters:
                given[key] = parameters[key]
    memory = devices[""]
    others = laws_others(memory, parameters, temperature)
    if "conductance" not in memory.laws:
        if conductances is None:
            raise CircuitError(
                f"conductances = None: device {memory.name!r} has no conductances that follow from "
                "states. Give them, (rows, columns), S."
            )
    elif given.keys() & memory.states.keys():
        found = conductances_at(memory, given, parameters, shape, temperature)
        conductances = _agreed(conductances, found, _beyond(memory, conductances, found, others))
    elif conductances is None:
        raise CircuitError("conductances = None: give them, (rows, columns), S, or states.")
    else:
        closed = (conductances > 0) & np.isfinite(conductances)
        (name, state), *_ = memory.states.items()
        given[name] = np.full(shape, state.initial)
        if closed.any():
            there = {key: x[closed] if np.ndim(x) else x for key, x in others.items()}
            given[name][closed] = states_from(memory, conductances[closed], there, nearest=True)
    full = {
        prefix + name: np.broadcast_to(given.get(prefix + name, state.initial), shape)
        for prefix, device in devices.items()
        for name, state in device.states.items()
    }
    return Settled(conductances, full, parameters)


def conductances_at(
    device: Device,
    states: Mapping[str, Array],
    parameters: Mapping[str, Array],
    shape: tuple[int, int],
    temperature: float,
) -> Array:
    """What the [conductance] law of the memory element gives, (rows, columns), S.

    States that are not given are the initial ones.
    """
    by_name = {
        name: np.broadcast_to(states.get(name, state.initial), shape)
        for name, state in device.states.items()
    }
    others = laws_others(device, parameters, temperature)
    return checked_conductances(device.conductance(**by_name, **others))


def laws_others(
    device: Device, parameters: Mapping[str, Array], temperature: float
) -> dict[str, Any]:
    """What laws of the memory element take beside voltages and states."""
    names = [name for name in device.parameters if name not in device.states]
    own = {name: parameters[name] for name in names if name in parameters}
    return {"temperature": temperature, **own}


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
