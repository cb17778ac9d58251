"""What was measured on a device: currents over voltages, or conductances after each write pulse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, flag, real_array
from circuitxbar.devices.conduction import ROOM
from circuitxbar.errors import ModelError


@dataclass(frozen=True, eq=False)
class Sweep:
    """Currents measured at voltages: rows are points, columns are curves.

    voltage : V, (points,) or (points, curves). Of three terminals a dict with v_d, v_g and v_s,
        to the bulk; each may also be one number, or (1, curves).
    current : A, (points,) or (points, curves).
    conductance : g in S of the memory element, one number or (curves,), where it is known.
        Otherwise, if the law has a g, that of every curve is fitted.
    sigma : standard error of the currents in A, one number or of the form of `current`. Without
        it they are taken to be equally uncertain; "relative" means equally so relative to their
        size, and compares logarithms.
    temperature : K, one number or (curves,).
    """

    voltage: Any
    current: Any
    conductance: Any = None
    sigma: Any = None
    temperature: Any = ROOM

    def __post_init__(self) -> None:
        current = real_array("current", self.current, unit="A", error=ModelError)
        if current.ndim not in (1, 2) or not current.size:
            raise ModelError(
                f"current has shape {current.shape}; expected (points,) or (points, curves)."
            )
        current = _columns(current)
        curves = current.shape[1]
        given = self.voltage if isinstance(self.voltage, Mapping) else {"v": self.voltage}
        voltages = {
            str(name): _spread(
                "voltage" if name == "v" else f"voltage, {name}", value, "V", current.shape
            )
            for name, value in given.items()
        }
        fields: dict[str, Any] = {"voltage": voltages, "current": current}
        if self.conductance is not None:
            fields["conductance"] = _per_curve("conductance", self.conductance, "S", curves)
        fields["temperature"] = _per_curve("temperature", self.temperature, "K", curves)
        if isinstance(self.sigma, str):
            self._refuse_what_has_no_logarithm(current)
        elif self.sigma is not None:
            fields["sigma"] = _spread("sigma", self.sigma, "A", current.shape)
            if not (fields["sigma"] > 0).all():
                raise ModelError("sigma has entries that are not above 0. It is a standard error.")
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _refuse_what_has_no_logarithm(self, current: Array) -> None:
        if self.sigma != "relative":
            raise ModelError(f'sigma = {self.sigma!r:.40}: expected "relative", or errors in A.')
        if (current == 0).any():
            point, curve = (int(k) for k in np.argwhere(current == 0)[0])
            raise ModelError(
                f'current[{point}, {curve}] = 0 has no relative error, as sigma="relative" wants. '
                "Leave such points out."
            )


@dataclass(frozen=True, eq=False)
class Ramps:
    """Conductances measured after write pulses: rows are pulses, columns are ramps.

    conductances : S, (pulses + 1, ramps), or a list with one array per ramp where they are not
        equally long. The first row is before the first pulse.
    voltage : V, over the device, one number or (pulses,).  width : s, likewise.
    one_device : whether all ramps were measured on one device. If not, each is of another.
    temperature : K.
    """

    conductances: Any
    voltage: Any
    width: Any
    one_device: bool = False
    temperature: Any = ROOM

    def __post_init__(self) -> None:
        ramps = _ramps(self.conductances)
        longest = max(len(ramp) for ramp in ramps) - 1
        fields = {
            "conductances": ramps,
            "voltage": _per_pulse("voltage", self.voltage, "V", longest, None),
            "width": _per_pulse("width", self.width, "s", longest, 0.0),
            "one_device": flag("one_device", self.one_device),
            "temperature": real_array(
                "temperature", self.temperature, unit="K", shape=(), minimum=0.0, error=ModelError
            ),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)


def _ramps(given: Any) -> tuple[Array, ...]:
    """One array per ramp; a table has one per column."""
    if isinstance(given, list | tuple) and given and all(np.ndim(ramp) == 1 for ramp in given):
        named = [(f"conductances[{k}]", ramp) for k, ramp in enumerate(given)]
    else:
        table = np.asarray(given)
        if table.dtype.kind == "f" and np.isnan(table).any():
            raise ModelError(
                "conductances has entries that are not numbers. Where ramps are not equally long, "
                "give a list with one array for each."
            )
        array = real_array("conductances", given, unit="S", minimum=0.0, error=ModelError)
        if array.ndim not in (1, 2) or not array.size:
            raise ModelError(
                f"conductances has shape {array.shape}; expected (pulses + 1, ramps), or a list "
                "with one array per ramp."
            )
        named = [("conductances", ramp) for ramp in _columns(array).T]
    ramps = tuple(real_array(n, r, unit="S", minimum=0.0, error=ModelError) for n, r in named)
    for (name, _), ramp in zip(named, ramps, strict=True):
        if len(ramp) < 2:
            raise ModelError(f"{name} holds {len(ramp)} values. A pulse has one before, one after.")
    return ramps


def _columns(array: Array) -> Array:
    return array[:, None] if array.ndim == 1 else array


def _spread(name: str, value: Any, unit: str, shape: tuple[int, int]) -> Array:
    array = real_array(name, value, unit=unit, error=ModelError)
    if array.ndim > 2 or any(
        n not in (1, m) for n, m in zip(_columns(np.atleast_1d(array)).shape, shape, strict=True)
    ):
        raise ModelError(
            f"{name} has shape {array.shape}; expected ({shape[0]},) or {shape}, as current has."
        )
    return np.broadcast_to(_columns(np.atleast_1d(array)), shape)


def _per_curve(name: str, value: Any, unit: str, curves: int) -> Array:
    array = real_array(name, value, unit=unit, minimum=0.0, error=ModelError)
    if array.shape not in ((), (curves,)):
        raise ModelError(f"{name} has shape {array.shape}; expected one number or ({curves},).")
    return np.broadcast_to(array, (curves,))


def _per_pulse(name: str, value: Any, unit: str, pulses: int, minimum: float | None) -> Array:
    array = real_array(name, value, unit=unit, minimum=minimum, error=ModelError)
    if array.shape not in ((), (pulses,)):
        raise ModelError(
            f"{name} has shape {array.shape}; expected one number or ({pulses},), one per pulse."
        )
    return np.broadcast_to(array, (pulses,))
