"""The states of a crossbar on the move: by their rates, at voltages that change evenly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.device import Device
from circuitxbar.devices.state import after, conductance

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

States = Mapping[str, Array]  # by prefix and name, (..., rows, columns)
Across = Mapping[str, Array]  # of the elements whose states move, by prefix, likewise, V


@dataclass(frozen=True, eq=False)
class Motion:
    """The elements of a crossbar whose states have rates. Open cells and shorts do not move.

    devices : by prefix.  closed : (rows, columns), the cells that are neither open nor shorts.
    others : by prefix, what the laws take beside voltages and states, at the closed cells.
    """

    crossbar: Crossbar
    devices: Mapping[str, Device]
    closed: np.ndarray
    others: Mapping[str, Mapping[str, Any]]

    @staticmethod
    def of(crossbar: Crossbar) -> Motion | None:
        """Those of `crossbar`; None where no state has a rate."""
        devices = {
            prefix: device for prefix, device in crossbar.devices.items() if device.has_rates
        }
        if not devices:
            return None
        closed = crossbar.closed
        others: dict[str, dict[str, Any]] = {}
        for prefix, device in devices.items():
            names = [name for name in device.parameters if prefix + name in crossbar.parameters]
            others[prefix] = {
                name: np.broadcast_to(crossbar.parameters[prefix + name], closed.shape)[closed]
                for name in names
                if name not in device.states
            }
            others[prefix]["temperature"] = crossbar.temperature
        return Motion(crossbar, devices, closed, others)

    @property
    def start(self) -> States:
        """The states of the crossbar as it is."""
        names = (prefix + name for prefix, device in self.devices.items() for name in device.states)
        return {name: self.crossbar.states[name] for name in names}

    def after(
        self, states: States, voltages: tuple[Across, Across], duration: Any, tolerance: float
    ) -> States:
        """The states after `duration`, s, while voltages go evenly from the first to the second.

        duration : a number, or (n,); voltages and states may then be (n, rows, columns) too.
        tolerance : of every step, relative to the range of a state.
        Raises ModelError where the rates do not let it be known.
        """
        durations = np.asarray(duration, dtype=float)[..., None]
        found: dict[str, Array] = {}
        for prefix, device in self.devices.items():
            old = {name: states[prefix + name] for name in device.states}
            inside = {name: value[..., self.closed] for name, value in old.items()}
            first, last = (part[prefix][..., self.closed] for part in voltages)
            others = self.others[prefix]
            new = after(device, inside, (first, last), durations, others, tolerance)
            for name, value in new.items():
                shape = (*value.shape[:-1], *self.closed.shape)
                found[prefix + name] = np.array(np.broadcast_to(old[name], shape))
                found[prefix + name][..., self.closed] = value
        return found

    def apart(self, first: States, second: States) -> float:
        """How far two sets of states are apart at the most, relative to their ranges."""
        return max(
            float(np.abs(first[prefix + name] - second[prefix + name]).max())
            / (state.range[1] - state.range[0])
            for prefix, device in self.devices.items()
            for name, state in device.states.items()
        )

    def conductances(self, states: States) -> Array:
        """Of the memory elements at `states`, (rows, columns), S."""
        found = np.array(self.crossbar.conductances)
        if "" in self.devices and "conductance" in self.devices[""].laws:
            device = self.devices[""]
            inside = {name: states[name][self.closed] for name in device.states}
            found[self.closed] = conductance(device, inside, self.others[""])
        return found
