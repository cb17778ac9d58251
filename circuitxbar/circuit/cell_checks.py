"""What a crossbar is made of, checked at the door: conductances, devices, their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.circuit.wires import LARGEST_CAPACITANCE
from circuitxbar.devices.conduction import Parameter
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device as find_device
from circuitxbar.devices.state import State
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

LARGEST_CONDUCTANCE = 10.0  # S; a larger finite value is a resistance given by mistake


def checked_conductances(value: Any) -> Array:
    """`value` as conductances of the memory elements, (rows, columns), S."""
    array = real_array("conductances", value, unit="S", minimum=0.0, infinite=True)
    if array.ndim != 2 or array.size == 0:
        raise CircuitError(
            f"conductances has shape {array.shape}; expected (rows, columns), at least (1, 1)."
        )
    large = np.isfinite(array) & (array > LARGEST_CONDUCTANCE)
    if large.any():
        row, column = (int(k) for k in np.argwhere(large)[0])
        raise CircuitError(
            f"conductances[{row}, {column}] = {array[row, column]:.1e} S is above "
            f"{LARGEST_CONDUCTANCE:g} S (a resistance?). Give siemens; inf is a short."
        )
    return array


def checked_device(name: str, value: Any) -> Device | None:
    """The device called `value` that can be the `name` of a cell."""
    if value is None:
        return None
    device = find_device(value)
    wanted = 3 if name == "transistor" else 2
    if len(device.terminals) != wanted:
        raise CircuitError(
            f"{name} = {device.name!r} has {len(device.terminals)} terminals; expected {wanted}."
        )
    if name != "device" and device.uses_conductance:
        raise CircuitError(
            f"{name} = {device.name!r} has a law of g, and conductances are those of the memory "
            f"elements. A {name} needs a law of its voltages and parameters alone."
        )
    return device


def checked_parameters(
    parameters: Any, devices: Mapping[str, Device], shape: tuple[int, ...]
) -> dict[str, Array]:
    """Those of the `devices`, by prefix and name, each a scalar or of `shape`."""
    known = {prefix + name: x for prefix, d in devices.items() for name, x in d.parameters.items()}
    return _checked_by_name("parameter", parameters, known, devices, shape)


def checked_states(
    states: Any, devices: Mapping[str, Device], shape: tuple[int, ...]
) -> dict[str, Array]:
    """The same of the states of the `devices`."""
    known = {prefix + name: x for prefix, d in devices.items() for name, x in d.states.items()}
    return _checked_by_name("state", states, known, devices, shape)


def _checked_by_name(
    what: str,
    given: Any,
    known: Mapping[str, Parameter | State],
    devices: Mapping[str, Device],
    shape: tuple[int, ...],
) -> dict[str, Array]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise CircuitError(f"{what}s = {shown(given)} is not a dict of name: value.")
    checked: dict[str, Array] = {}
    for name, value in given.items():
        if name not in known:
            owners = " + ".join(repr(device.name) for device in devices.values())
            raise CircuitError(
                f"{what}s: device {owners} has no {what} {shown(name)} "
                f"(it has: {', '.join(sorted(known)) or 'none'})."
            )
        limits = known[name]
        low, high = limits.range
        array = real_array(f"{what}s[{name!r}]", value, unit=limits.unit, minimum=low, maximum=high)
        if array.ndim and array.shape != shape:
            raise CircuitError(
                f"{what}s[{name!r}] has shape {array.shape}; expected a scalar or {shape}."
            )
        checked[name] = array
    return checked


def checked_capacitance(value: Any, shape: tuple[int, int]) -> float | Array:
    """That across every cell, F."""
    array = real_array(
        "cell_capacitance", value, unit="F", minimum=0.0, maximum=LARGEST_CAPACITANCE
    )
    if array.ndim and array.shape != shape:
        raise CircuitError(
            f"cell_capacitance has shape {array.shape}; expected a scalar or {shape}."
        )
    return array if array.ndim else float(array)


def check_cells(crossbar: Crossbar) -> None:
    """Refuse conductances that are none under the law of the memory element."""
    device, given = crossbar.device, crossbar.conductances
    if not device.uses_conductance:
        odd = np.argwhere(np.isfinite(given) & (given != 0) & (given != 1))
        if len(odd):
            row, column = (int(k) for k in odd[0])
            raise CircuitError(
                f"conductances[{row}, {column}] = {given[row, column]:.3g}: the law of "
                f"{device.name!r} is free of g, so conductances only say where cells are. "
                "Give 1 for a cell, 0 for none, inf for a short."
            )
    for element in crossbar.cell_elements:
        conductances = element.conductances
        negative = np.argwhere(conductances < 0) if element.model.device.is_linear else []
        if len(negative):
            row, column = (int(k) for k in negative[0])
            raise CircuitError(
                f"{element.name} {row}, {column} of device {element.model.device.name!r} has the "
                f"conductance {conductances[row, column]:.1e} S with these parameters and this "
                "temperature. It must be >= 0."
            )


def check_claims(crossbar: Crossbar) -> None:
    """ModelError where a device does not do what its file claims.

    With the temperature and the parameters of the cells; of many cells, with those of the cells
    that have the least or the most of any parameter.
    """
    cells = np.flatnonzero(crossbar.conductances > 0)
    for prefix, device in crossbar.devices.items():
        given = {name: crossbar.parameters.get(prefix + name) for name in device.law_parameters}
        own = {
            name: np.broadcast_to(value, crossbar.shape).ravel()[cells]
            for name, value in given.items()
            if value is not None
        }
        if len(cells):
            ends = [end(values) for values in own.values() for end in (np.argmin, np.argmax)]
            several = {name: values[np.unique(ends)] for name, values in own.items()}
            device.check_claims(crossbar.temperature, several)
