"""One write pulse on a whole array: every device at its own solved voltage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, flag, positive_number, random_generator, shown
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.motion import Motion
from circuitxbar.circuit.solution import Solution
from circuitxbar.devices.device import Device
from circuitxbar.errors import CircuitError, ModelError
from circuitxbar.programming.motion import moved
from circuitxbar.solving import solve


def pulse(
    crossbar: Crossbar,
    voltages: Any,
    width: Any,
    column_voltages: Any = None,
    gates: Any = None,
    *,
    rng: np.random.Generator | int | None = None,
    engine: str = "auto",
    rtol: float = 1e-9,
    tol: float = 1e-6,
    extrapolate: bool = False,
) -> Crossbar:
    """The crossbar after one write pulse, half-selected cells included.

    voltages, column_voltages, gates : of one vector, as for `solve`, V, held for the time `width`,
    s. Where rates move the states, the voltages of all devices are solved again as these move;
    where a device knows steps per pulse, every cell makes the step of the voltage that the memory
    element has at the beginning, at random by `rng` where steps vary. Open cells and shorts stay.
    tol : what a step in time may add to the error of a state, relative to its range; some ten
    times that is what states are off in the end.
    Raises CircuitError for wrong inputs, ModelError where nothing is known of such pulses on
    the device, SolverError as `solve`.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    seconds, tol = positive_number("width", width, unit="s"), positive_number("tol", tol)
    extrapolate = flag("extrapolate", extrapolate)
    drive = (voltages, column_voltages, gates)
    generator = None if rng is None else random_generator("rng", rng, "pulse")

    def solved(array: Crossbar, start: Solution | None) -> Solution:
        options: dict[str, Any] = {"engine": engine, "rtol": rtol, "extrapolate": extrapolate}
        solution = solve(array, *drive, start=start, **options)
        if not solution.drive.single:
            raise CircuitError("a pulse is one vector: give voltages as (lines,), without a batch.")
        return solution

    motion = Motion.of(crossbar)
    if motion is not None:
        crossbar = moved(motion, seconds, tol, solved)
    elif crossbar.device.pulses is None:
        raise ModelError(
            f"device {crossbar.device.name!r} has neither a [pulse] nor a state with a rate, so "
            "nothing is known of pulses on it."
        )
    if crossbar.device.pulses is not None:
        across = solved(crossbar, None).memory_voltages
        return _stepped(crossbar, across, seconds, generator, extrapolate)
    return crossbar


def _stepped(
    crossbar: Crossbar,
    across: Array,
    width: float,
    rng: np.random.Generator | None,
    extrapolate: bool,
) -> Crossbar:
    """One step of every cell. Open cells and shorts draw random numbers too, for nothing."""
    device: Device = crossbar.device
    assert device.pulses is not None
    there = crossbar.closed
    memory = crossbar.states.get(device.memory, crossbar.conductances)
    others: Mapping[str, Any] = {
        name: crossbar.parameters[name] for name in device.parameters if name in crossbar.parameters
    }
    stepped = device.pulse(
        np.where(there, memory, device.pulses.range[0]), np.where(there, across, 0.0), width, rng,
        temperature=crossbar.temperature, extrapolate=extrapolate, **others,
    )  # fmt: skip
    new = np.where(there, stepped, memory)
    if device.states:
        return crossbar.with_states({device.memory: new})
    return crossbar.with_conductances(new)
