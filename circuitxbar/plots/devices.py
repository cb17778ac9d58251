"""Pictures of devices: their current, what write pulses do to them, and how they forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.conduction import amount
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device as find_device
from circuitxbar.plots.canvas import COLOURS, PALE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVES = 4  # conductances, states or gate voltages whose current is drawn
_POINTS = 401
_TRAIN, _LEAST_TRAIN = 2000, 50  # pulses each way, at most and at least
_NEAR = 0.01  # of the largest voltage
_STILL = 0.03  # of all its change: where the last quarter of a train adds less, it ends
_SAMPLES = 5  # devices, where they differ
_DECADES = np.logspace(0, 7, 71)  # s after writing


@styled
def device(model: Any) -> Figure:
    """The current of a device over its valid range and, where its file says, its write pulses,
    how its states move in time, and its drift.

    model : name, path of a TOML file, or a Device.  Raises ModelError as `circuitxbar.device`.
    """
    found = find_device(model)
    panels = [_current, _current_by_decades]
    if found.pulses is not None:
        panels.append(_pulses)
    elif found.has_rates:
        panels.append(_motion)
    if "drift" in found.laws:
        panels.append(_drift)
    figure = new_figure(3.9 * len(panels), 3.4)
    for axes, draw in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        draw(found, axes)
        axes.grid()
        axes.set_axisbelow(True)
    figure.suptitle(found.title, x=0.01, ha="left", fontsize=10.0)
    return figure


def _current(found: Device, axes: Axes) -> None:
    for k, (label, v, current) in enumerate(_curves(found)):
        axes.plot(v, current, color=COLOURS[k % len(COLOURS)], label=label)
    axes.set_xlabel(_voltage_name(found))
    axes.set_ylabel("current (A)")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8.0)
    axes.set_title("current")


def _current_by_decades(found: Device, axes: Axes) -> None:
    for k, (_, v, current) in enumerate(_curves(found)):
        near = np.abs(v) < _NEAR * np.abs(v).max()  # where it goes down to nothing
        size = np.abs(np.where(near | (current == 0), np.nan, current))
        axes.semilogy(v, size, color=COLOURS[k % len(COLOURS)])
    axes.set_xlabel(_voltage_name(found))
    axes.set_ylabel("|current| (A)")
    axes.set_title("its size")


def _voltage_name(found: Device) -> str:
    return "voltage (V)" if len(found.terminals) == 2 else "v_ds (V), source at 0 V"


def _curves(found: Device) -> list[tuple[str, Array, Array]]:
    """Label, voltages and current of a few conductances, gate voltages or states."""
    if len(found.terminals) == 3:
        v = np.linspace(*found.valid["v_d"], _POINTS)
        gates = np.linspace(0.0, found.valid["v_g"][1], _CURVES + 1)[1:]
        low = np.maximum(v, max(found.valid["v_d"][0], 0.0))
        return [(f"v_g = {gate:.2g} V", low, _at(found, low, gate, 0.0)) for gate in gates]
    v = np.linspace(*found.valid["v"], _POINTS)
    if "conductance" in found.laws:
        name, state = next(iter(found.states.items()))
        steps = np.linspace(*state.range, _CURVES)
        labels = [f"{name} = {amount(x, state.unit, 2)}" for x in steps]
        levels = [found.conductance(**{name: x}) for x in steps]
        return [(label, v, _at(found, v, g)) for label, g in zip(labels, levels, strict=True)]
    if found.uses_conductance:
        low, high = found.valid["g"]
        low = max(low, 1e-3 * high)
        steps = np.geomspace(low, high, _CURVES)
        return [(f"g = {g:.2g} S", v, _at(found, v, g)) for g in steps]
    for name, state in found.states.items():
        steps = np.linspace(*state.range, _CURVES)
        named = [(f"{name} = {amount(x, state.unit, 2)}", {name: x}) for x in steps]
        return [(label, v, _at(found, v, **at)) for label, at in named]
    return [("", v, _at(found, v))]


def _at(found: Device, *arguments: Any, **parameters: Any) -> Array:
    return np.asarray(found.current(*arguments, **parameters))


def _pulses(found: Device, axes: Axes) -> None:
    """What is remembered after every pulse: up from the least, then down from the most."""
    assert found.pulses is not None
    low, high = found.pulses.range
    rng = np.random.default_rng(0)
    spread: dict[str, Any] = {**found.vary(_SAMPLES, rng)}
    width = float(np.sqrt(np.prod(found.pulses.width))) or found.pulses.width[1]
    runs = [np.full(_SAMPLES, low)]
    voltages = [_usual(found, way) for way in ("up", "down")]
    turns = []
    for voltage in voltages:
        turns.append(first := len(runs))
        for k in range(_TRAIN):
            runs.append(found.pulse(runs[-1], voltage, width, rng, **spread))
            gone, lately = runs[-1] - runs[first - 1], runs[-1] - runs[first + 3 * k // 4]
            if k >= _LEAST_TRAIN and np.abs(lately).max() < _STILL * np.abs(gone).max():
                break
    axes.plot(np.array(runs), color=COLOURS[0], alpha=0.6, linewidth=1.0)
    axes.axvline(turns[1] - 1, color=PALE, linewidth=0.8)
    axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    axes.set_xlabel(f"pulses of {voltages[0]:.3g} V, then {voltages[1]:.3g} V, {width:.2g} s")
    axes.set_ylabel(_memory_name(found))
    axes.set_title("write pulses")


def _usual(found: Device, way: str) -> float:
    """A voltage for pulses `way`, V: near the far end where the steps depend on it."""
    assert found.pulses is not None
    low, high = found.pulses.up_voltage if way == "up" else found.pulses.down_voltage
    section = f"pulse, {way}"
    if section in found.laws and "v" in found.law_of(section).mentioned:
        return 0.9 * (low if abs(low) > abs(high) else high)
    return 0.5 * (low + high)


def _memory_name(found: Device) -> str:
    if found.memory == "g":
        return "g (S)"
    return f"{found.memory} ({found.states[found.memory].unit})"


def _motion(found: Device, axes: Axes) -> None:
    """The first state after a pulse, over its width, for some voltages; from amid its range."""
    low, high = found.valid["v"]
    widths = np.logspace(-10, 0, 121)
    states = {name: np.full(121, np.mean(state.range)) for name, state in found.states.items()}
    voltages = [x for x in (low, 0.5 * low, 0.25 * low, 0.25 * high, 0.5 * high, high) if x != 0]
    for k, voltage in enumerate(voltages):
        moved = found.pulse(states, voltage, widths)
        colour = COLOURS[k % len(COLOURS)]
        axes.semilogx(widths, moved[found.memory], color=colour, label=f"{voltage:.3g} V")
    axes.set_xlabel("width of the pulse (s)")
    axes.set_ylabel(_memory_name(found))
    axes.legend(fontsize=8.0)
    axes.set_title("after one pulse")


def _drift(found: Device, axes: Axes) -> None:
    """Conductances over the time since writing."""
    low, high = found.valid["g"]
    steps = np.geomspace(max(low, 1e-2 * high), high, _CURVES)
    for k, g in enumerate(steps):
        # The same seed draws the same devices at every time.
        later = [found.drift(np.full(_SAMPLES, g), time, 0) for time in _DECADES]
        axes.loglog(_DECADES, later, color=COLOURS[k], alpha=0.6, linewidth=1.0)
    axes.set_xlabel("time since writing (s)")
    axes.set_ylabel("g (S)")
    axes.set_title("drift")
