"""The elements of a circuit that are laws, as arrays: what they draw, by what controls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.group import Behaviour
from circuitxbar.circuit.model import Model
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel

NOWHERE = -1  # the unknown of ground, and of what is not there


class Laws(Protocol):
    """Values of laws and their slopes, one after another for equal elements."""

    def static(self, controls: Array, time: float) -> Array:
        """The law at `controls` (k, n): (1 + k, n), its value and its slope by each of them."""
        ...

    def charge(self, controls: Array, time: float) -> Array | None:
        """The same of the charge, C; None where there is none."""
        ...

    def value(self, controls: Array, time: float) -> Array:
        """The law alone, (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class Block:
    """Equal elements: `laws` of the unknowns `controls`, added to the equations `outputs`.

    controls : (k, n, 2), each the first unknown less the second.  outputs : (n, 2), equations to
    whose first the value is added and from whose second it is taken.
    limited : whether a step of Newton's method may not run away with its current.
    """

    laws: Laws
    controls: np.ndarray
    outputs: np.ndarray
    limited: bool

    @property
    def count(self) -> int:
        """How many elements."""
        return len(self.outputs)


@dataclass(frozen=True, eq=False)
class BehaviourLaws:
    """The laws of a behavioural source; its controls are its voltages, then its currents."""

    behaviour: Behaviour
    count: int

    def static(self, controls: Array, time: float) -> Array:
        """See Laws."""
        return self._evaluated(self.behaviour.law, controls, time)

    def charge(self, controls: Array, time: float) -> Array | None:
        """See Laws."""
        law = self.behaviour.charge
        return None if law is None else self._evaluated(law, controls, time)

    def value(self, controls: Array, time: float) -> Array:
        """See Laws."""
        return self._evaluated(self.behaviour.law, controls, time, slopes=False)[0]

    def _evaluated(self, law: Law, controls: Array, time: float, slopes: bool = True) -> Array:
        model = self.behaviour
        names = (*model.voltages, *model.currents)
        given = {**model.parameters, **dict(zip(names, controls, strict=True))}
        wanted = names if slopes else ()
        return evaluated(law, wanted, {**given, "time": np.float64(time)}, self.count)


@dataclass(frozen=True, eq=False)
class DeviceLaws:
    """The current of a device, by its voltages and, where they move, by its states.

    states : those that are controls, behind the voltages.  by_conductance : whether they act
    through g, by the [conductance] law.
    """

    model: Model
    states: tuple[str, ...] = ()
    by_conductance: bool = False

    def static(self, controls: Array, time: float) -> Array:
        """See Laws."""
        model, device = self.model, self.model.device
        voltages = tuple(device.controls)
        named: dict[str, Any] = dict(zip((*voltages, *self.states), controls, strict=True))
        others = {"temperature": np.float64(model.temperature), **model.parameters}
        count = controls.shape[1]
        if not self.by_conductance:
            given = {**device.defaults, "g": model.conductances, **others, **named}
            return evaluated(device.full_law, (*voltages, *self.states), given, count)
        states = {name: named[name] for name in self.states}
        given = {**device.defaults, **others, **states}
        g = evaluated(device.law_of("conductance"), self.states, given, count)
        given |= {name: named[name] for name in voltages} | {"g": g[0]}
        out = evaluated(device.full_law, (*voltages, "g", *self.states), given, count)
        by_voltage, by_g, direct = np.split(out[1:], [len(voltages), len(voltages) + 1])
        return np.concatenate([out[:1], by_voltage, direct + by_g * g[1:]])

    def value(self, controls: Array, time: float) -> Array:
        """See Laws."""
        return self.static(controls, time)[0]

    def charge(self, controls: Array, time: float) -> Array | None:
        """See Laws."""
        return None


@dataclass(frozen=True, eq=False)
class RateLaws:
    """Minus the rate of one state of a device, by its voltage and all its states."""

    model: Model
    states: tuple[str, ...]
    state: str

    def static(self, controls: Array, time: float) -> Array:
        """See Laws."""
        model, device = self.model, self.model.device
        section = f"state.{self.state}"
        names = ("v", *self.states)
        count = controls.shape[1]
        if section not in device.laws:
            return np.zeros((1 + len(names), count))
        law = device.law_of(section)
        given: dict[str, Any] = {
            **device.defaults,
            "temperature": np.float64(model.temperature),
            **model.parameters,
            **dict(zip(names, controls, strict=True)),
        }
        if "g" not in law.mentioned or "conductance" not in device.laws:
            given.setdefault("g", model.conductances)
            return -evaluated(law, names, given, count)
        g = evaluated(device.law_of("conductance"), self.states, given, count)
        out = evaluated(law, (*names, "g"), {**given, "g": g[0]}, count)
        out[2:-1] += out[-1] * g[1:]
        return -out[:-1]

    def value(self, controls: Array, time: float) -> Array:
        """See Laws."""
        return self.static(controls, time)[0]

    def charge(self, controls: Array, time: float) -> Array | None:
        """See Laws."""
        return None


def evaluated(law: Law, slopes: Sequence[str], given: Mapping[str, Any], count: int) -> Array:
    """(1 + slopes, count): the value of `law` and its slopes; what is not finite comes as such."""
    known = tuple(name for name in slopes if name in law.names)
    arguments = {name: np.asarray(given[name], dtype=float)[()] for name in law.names}
    with np.errstate(all="ignore"):
        results = kernel(law, known)(**arguments)
    out = np.zeros((1 + len(slopes), count))
    out[0] = results[0]
    for name, result in zip(known, results[1:], strict=True):
        out[1 + slopes.index(name)] = result
    return out
