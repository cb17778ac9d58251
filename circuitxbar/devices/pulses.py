"""Write pulses: by how much one pulse moves a state or a conductance, and how much that varies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, flag, random_generator, real_array
from circuitxbar.devices.sections import RANDOM, UNIFORM
from circuitxbar.devices.state import after, evaluated
from circuitxbar.errors import ModelError

if TYPE_CHECKING:
    from circuitxbar.devices.device import Device

_TOLERANCE = 1e-8  # of a step, relative to the range of a state
STEP_SCALE = "step_scale"  # parameter of a device whose steps are larger or smaller than others'


@dataclass(frozen=True, eq=False)
class JumpTable:
    """Measured steps: of pulses up and down, by the conductance before and by quantile.

    conductances : (n,), S, rising.  quantiles : (m,), rising from 0 to 1.
    up, down : (m, n), S, the step at each quantile of its distribution.
    """

    conductances: Array
    quantiles: Array
    up: Array
    down: Array

    def steps(self, direction: str, conductances: Array, uniform: Array) -> Array:
        """The step at `conductances` and at the quantiles `uniform`, S; linear in between."""
        table = self.up if direction == "up" else self.down
        i, u = _place(self.quantiles, uniform)
        j, w = _place(self.conductances, conductances)
        first = table[i, j] * (1 - w) + table[i, j + 1] * w
        second = table[i + 1, j] * (1 - w) + table[i + 1, j + 1] * w
        return first * (1 - u) + second * u


@dataclass(frozen=True, eq=False)
class Pulse:
    """For which pulses the laws or the table of a device hold, and how much its steps vary.

    up_voltage, down_voltage : inclusive ranges of the voltage, V, of pulses up and down. A voltage
    below all of them in size changes nothing; the steps of any other are not known.
    width : inclusive range of the width of a pulse, s.
    range : inclusive, which the state, or g in S, never leaves.
    cycle_sigma : standard deviation of a step from pulse to pulse, relative to the step.
    """

    up_voltage: tuple[float, float]
    down_voltage: tuple[float, float]
    width: tuple[float, float]
    range: tuple[float, float]
    cycle_sigma: float
    table: JumpTable | None

    @property
    def threshold(self) -> float:
        """Below this size a voltage changes nothing, V."""
        return min(
            0.0 if low <= 0 <= high else min(abs(low), abs(high))
            for low, high in (self.up_voltage, self.down_voltage)
        )


def after_pulse(
    device: Device, state: Any, voltage: Any, width: Any, rng: Any, others: Mapping[str, Any],
    extrapolate: bool,
) -> Any:  # fmt: skip
    """See `Device.pulse`."""
    extrapolate = flag("extrapolate", extrapolate)
    generator = None if rng is None else random_generator("rng", rng, "pulse", ModelError)
    if device.pulses is None and not device.has_rates:
        raise ModelError(
            f"{device.where}: '{device.name}' has neither a [pulse] nor a state with a rate, so "
            "nothing is known of pulses on it."
        )
    states = _states(device, state)
    voltages = real_array(f"{device.where}: voltage", voltage, unit="V", error=ModelError)
    widths = real_array(f"{device.where}: width", width, unit="s", minimum=0.0, error=ModelError)
    arrays = (*states.values(), voltages, widths, *others.values())
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ModelError(f"{device.where}: shapes do not broadcast: {shapes}.") from None
    states = {name: np.broadcast_to(value, shape) for name, value in states.items()}
    voltages, widths = np.broadcast_to(voltages, shape), np.broadcast_to(widths, shape)
    if device.pulses is not None:
        ((name, memory),) = states.items()
        found = {name: pulsed(device, memory, voltages, widths, generator, others, extrapolate)}
    else:
        found = _moved(device, states, voltages, widths, others, extrapolate)
    return found if isinstance(state, Mapping) else found[device.memory][()]


def _states(device: Device, given: Any) -> dict[str, Array]:
    names = tuple(device.states) if device.states else ("g",)
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise ModelError(
                f"{device.where}: state must be a dict with {', '.join(names)}, in their units."
            )
        given = {device.memory: given}
    if set(given) != set(names):
        raise ModelError(
            f"{device.where}: state has {', '.join(given)}; expected {', '.join(names)}."
        )
    return {name: device.checked_memory(name, given[name]) for name in names}


def _moved(
    device: Device,
    states: Mapping[str, Array],
    voltages: Array,
    widths: Array,
    others: Mapping[str, Any],
    extrapolate: bool,
) -> dict[str, Array]:
    if not extrapolate:
        device.refuse_outside("v", voltages)
    return after(device, states, (voltages, voltages), widths, others, _TOLERANCE)


def pulsed(
    device: Device,
    memory: Array,
    voltage: Array,
    width: Array,
    rng: np.random.Generator | None,
    others: Mapping[str, Any],
    extrapolate: bool,
) -> Array:
    """`memory` (the state, or g in S) after one pulse of `voltage` (V) and `width` (s)."""
    pulse = device.pulses
    assert pulse is not None
    directions = _directions(device, voltage, extrapolate)
    moved = (directions["up"] | directions["down"]) & (voltage != 0)
    if not extrapolate:
        _refuse_width(device, width, moved)
    drawn = _drawn(device, memory.shape, rng) if moved.any() else {}
    result = np.array(memory, dtype=float)
    for direction, mask in directions.items():
        mask = mask & moved
        if not mask.any():
            continue
        if pulse.table is not None:
            step = pulse.table.steps(direction, memory[mask], drawn[UNIFORM][mask])
        else:
            named = {**others, **drawn, "v": voltage, "width": width, device.memory: memory}
            named = {key: _picked(value, mask) for key, value in named.items()}
            step = evaluated(device, f"pulse, {direction}", named)[0]
        if pulse.cycle_sigma:
            step = step * (1 + pulse.cycle_sigma * drawn["cycle"][mask])
        scale = {**device.defaults, **others}.get(STEP_SCALE, 1.0)
        result[mask] += step * _picked(scale, mask)
    if not np.isfinite(result).all():
        raise ModelError(f"{device.where}: [pulse] of '{device.name}' gives no finite step.")
    return np.where(moved, np.clip(result, *pulse.range), memory)


def _directions(device: Device, voltage: Array, extrapolate: bool) -> dict[str, np.ndarray]:
    """Which pulses go up and which down; ModelError for those of which nothing is known."""
    pulse = device.pulses
    assert pulse is not None
    ranges = {"up": pulse.up_voltage, "down": pulse.down_voltage}
    inside = {name: (low <= voltage) & (voltage <= high) for name, (low, high) in ranges.items()}
    unknown = ~(inside["up"] | inside["down"] | (np.abs(voltage) < pulse.threshold))
    if not unknown.any():
        return inside
    if not extrapolate:
        index = tuple(int(k) for k in np.argwhere(unknown)[0])
        told = ", ".join(f"{name} {low:g} ... {high:g} V" for name, (low, high) in ranges.items())
        raise ModelError(
            f"{device.where}: of pulses of {float(voltage[index]):.4g} V on '{device.name}' "
            f"nothing is known. It knows {told}, and no change below {pulse.threshold:g} V. Keep "
            "to them, or pass extrapolate=True for the nearest."
        )
    far = {name: np.maximum(low - voltage, voltage - high) for name, (low, high) in ranges.items()}
    up = far["up"] <= far["down"]
    return {"up": inside["up"] | (unknown & up), "down": inside["down"] | (unknown & ~up)}


def _refuse_width(device: Device, width: Array, moved: np.ndarray) -> None:
    assert device.pulses is not None
    low, high = device.pulses.width
    outside = moved & ((width < low) | (width > high))
    if outside.any():
        value = float(np.broadcast_to(width, outside.shape)[outside][0])
        raise ModelError(
            f"{device.where}: width = {value:g} s is outside the range {low:g} ... {high:g} s of "
            f"the pulses of '{device.name}'. Keep within it, or pass extrapolate=True."
        )


def _drawn(
    device: Device, shape: tuple[int, ...], rng: np.random.Generator | None
) -> dict[str, Array]:
    """Random numbers for every place, moved or not, so that no place depends on another."""
    pulse = device.pulses
    assert pulse is not None
    laws = [device.law_of(name) for name in device.laws if name.startswith("pulse, ")]
    needed = {name for name in RANDOM for law in laws if name in law.mentioned}
    needed |= {UNIFORM} if pulse.table is not None else set()
    needed |= {"cycle"} if pulse.cycle_sigma else set()
    if needed and rng is None:
        raise ModelError(f"{device.where}: pulses on '{device.name}' vary at random. Pass rng.")
    drawn = {name: np.zeros(shape) for name in RANDOM}
    for name in sorted(needed):
        assert rng is not None
        drawn[name] = rng.random(shape) if name == UNIFORM else rng.standard_normal(shape)
    return drawn


def _picked(value: Any, mask: np.ndarray) -> Any:
    return value if np.ndim(value) == 0 else np.broadcast_to(value, mask.shape)[mask]


def _place(axis: Array, values: Array) -> tuple[np.ndarray, Array]:
    """Between which entries of `axis` the `values` lie, and how far; at an end, the end."""
    k = np.clip(np.searchsorted(axis, values) - 1, 0, len(axis) - 2)
    return k, np.clip((values - axis[k]) / (axis[k + 1] - axis[k]), 0.0, 1.0)
