"""Noise at an output: the density of every current that fluctuates, times what it makes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.expansion import owners
from circuitxbar.circuit.group import Behaviour, Group, SwitchModel, joined
from circuitxbar.circuit.noise import Noise
from circuitxbar.devices.functions import CONSTANTS
from circuitxbar.devices.kernel import kernel
from circuitxbar.nodal.modified.blocks import Block
from circuitxbar.nodal.modified.engine import linearised
from circuitxbar.nodal.modified.small_signal import Linearised
from circuitxbar.nodal.modified.system import Closed

_ROOM = 300.15  # K


def noise(circuit: Circuit, output: Sequence[str], source: str, frequencies: Array) -> Noise:
    """Noise of `circuit` at `output`; arguments as those of solving.noise, nodes one or two.

    The adjoint: one solve with the transposed matrix at each frequency tells what a current
    between any two nodes makes of the output.
    """
    linear, closed = linearised(circuit)
    system = linear.system
    wanted = linear.output(output)
    transfers = np.stack([linear.transfers(f, wanted) for f in frequencies.tolist()], axis=1)
    full = np.concatenate([transfers, np.zeros((1, len(frequencies)))])
    total = np.zeros(len(frequencies))
    powers: dict[str, Array] = {}
    owner_of = owners(circuit, system.circuit)
    for group, density in _densities(linear, closed, frequencies):
        pairs = system.place[group.nodes[:, [0, -1 if group.kind == "law" else 1]]]
        power = density * np.abs(full[pairs[:, 0]] - full[pairs[:, 1]]) ** 2
        total += power.sum(axis=0)
        for name, part in zip(group.names, power, strict=True):
            owner = owner_of[name]
            powers[owner] = powers[owner] + part if owner in powers else part
    of_source = system.sources.incidence.T[[system.sources.names.index(source)]]
    gain = np.abs(of_source @ transfers)[0]
    with np.errstate(divide="ignore", invalid="ignore"):  # what a source does not reach
        referred = np.where(gain > 0, np.sqrt(total) / gain, np.inf)
    contributions = {name: np.sqrt(power) for name, power in powers.items()}
    return Noise(circuit, frequencies, np.sqrt(total), referred, contributions, "nodal")


def _densities(
    linear: Linearised, closed: Closed, frequencies: Array
) -> Iterator[tuple[Group, Array]]:
    """Groups of elements that make noise, with its density, (n, points) or (n, 1), A^2/Hz."""
    system = linear.system
    controls = system.controls(linear.x)
    blocks = iter(zip(system.blocks, controls, strict=True))
    switches = iter(closed)
    thermal = 4.0 * CONSTANTS["k_B"] * _ROOM
    # In the order in which the system was built.
    for group in joined(system.circuit.groups, anywhere=True):
        match group.kind:
            case "R":
                with np.errstate(divide="ignore"):
                    conductance = np.where(group.values == 0, 0.0, 1.0 / group.values)
                yield group, thermal * conductance[:, None]
            case "S" | "W":
                model = group.model
                assert isinstance(model, SwitchModel)
                yield group, thermal / np.where(next(switches), model.on, model.off)[:, None]
            case "law":
                yield group, _of_devices(group, *next(blocks))
            case "B":
                block, at = next(blocks)
                assert isinstance(group.model, Behaviour)
                if group.model.noise is not None:
                    yield group, _of_law(group.model, block, at, frequencies)


def _of_law(model: Behaviour, block: Block, controls: Array, frequencies: Array) -> Array:
    """What the noise law of a behavioural source says, (n, points)."""
    assert model.noise is not None
    current, *slopes = block.laws.static(controls, 0.0)
    names = (*model.voltages, *model.currents)
    given: dict[str, Any] = {**model.parameters, **dict(zip(names, controls, strict=True))}
    given |= {"current": current} | {f"by_{n}": s for n, s in zip(names, slopes, strict=True)}
    by_element: Mapping[str, Array] = {name: np.asarray(v)[:, None] for name, v in given.items()}
    every = {**by_element, "frequency": frequencies}
    (density,) = kernel(model.noise)(**{name: every[name] for name in model.noise.names})
    return np.broadcast_to(density, (block.count, len(frequencies)))


def _of_devices(group: Group, block: Block, controls: Array) -> Array:
    """4 k T times the slope between first and last terminal, (n, 1)."""
    device = group.device.device
    slopes = block.laws.static(controls, 0.0)[1:]
    between_ends = [
        slope
        for signs, slope in zip(device.controls.values(), slopes, strict=True)
        if signs[0] == 1
    ]
    thermal = 4.0 * CONSTANTS["k_B"] * group.device.temperature
    return thermal * np.abs(np.sum(between_ends, axis=0))[:, None]
