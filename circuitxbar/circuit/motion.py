"""The states of a crossbar on the move: by their rates, at voltages that change evenly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.device import Device
from circuitxbar.devices.state import Load, after, conductance, evaluated

if TYPE_CHECKING:
    from circuitxbar.circuit.cells import CellElement, CellNodes
    from circuitxbar.circuit.crossbar import Crossbar

_MOST_STEPS = 200  # of one device: a step of an array that needs more is done in shorter ones

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

    def loads(self, crossbar: Crossbar, nodes: CellNodes) -> States:
        """d voltage / d state of every element at fixed voltage of its cell, V per unit.

        By prefix and name, (rows, columns), with the states of `crossbar` and a single vector of
        `nodes`. Empty where cells have one element.
        """
        elements = {part.prefix: part for part in crossbar.cell_elements}
        if len(elements) == 1:
            return {}
        in_series = np.sum([_first_slope(part, nodes) for part in elements.values()], axis=0)
        found: dict[str, Array] = {}
        for prefix, device in self.devices.items():
            names = tuple(device.states)
            by_state = {
                name: elements[prefix].slope(nodes, name)[0]
                if name in device.law_parameters
                else np.zeros(in_series.shape)
                for name in names
            }
            if "conductance" in device.laws:
                inside = {name: crossbar.states[prefix + name][self.closed] for name in names}
                given = {**self.others[prefix], **inside}
                by_g = elements[prefix].slope(nodes, "g")[0]
                for name, slope in zip(
                    names, evaluated(device, "conductance", given, names)[1:], strict=True
                ):
                    part = np.zeros(by_g.shape)
                    part[self.closed] = by_g[self.closed] * slope
                    by_state[name] = by_state[name] + part
            for name, slope in by_state.items():
                found[prefix + name] = np.divide(
                    -slope, in_series, out=np.zeros(in_series.shape), where=in_series > 0
                )
        return found

    def after(
        self,
        states: States,
        voltages: tuple[Across, Across],
        duration: Any,
        tolerance: float,
        load: tuple[States, States] | None = None,
    ) -> States:
        """The states after `duration`, s, while voltages go evenly from the first to the second.

        duration : a number, or (n,); voltages and states may then be (n, rows, columns) too.
        tolerance : of every step, relative to the range of a state.
        load : `loads`, and the states for which the second voltages hold.
        Raises ModelError where the rates do not let it be known.
        """
        durations = np.asarray(duration, dtype=float)[..., None]
        found: dict[str, Array] = {}
        cells = np.argwhere(self.closed).tolist()
        for prefix, device in self.devices.items():
            old = {name: states[prefix + name] for name in device.states}
            inside = {name: value[..., self.closed] for name, value in old.items()}
            first, last = (part[prefix][..., self.closed] for part in voltages)
            others = self.others[prefix]
            of_device = None
            if load is not None and load[0]:
                of_device = Load(
                    *(
                        {name: part[prefix + name][..., self.closed] for name in device.states}
                        for part in load
                    )
                )
            new = after(
                device, inside, (first, last), durations, others, tolerance, of_device, _MOST_STEPS,
                lambda index: f" in the cell [{', '.join(map(str, cells[index[-1]]))}]",
            )  # fmt: skip
            for name, value in new.items():
                shape = (*value.shape[:-1], *self.closed.shape)
                found[prefix + name] = np.array(np.broadcast_to(old[name], shape))
                found[prefix + name][..., self.closed] = value
        return found

    def apart(self, first: States, second: States) -> float:
        """How far two sets of states are apart at the most, relative to their ranges."""
        return max(float(part.max()) for _, part in self._apart(first, second))

    def furthest(self, first: States, second: States) -> str:
        """The device whose states are furthest apart, and where, in words."""
        device, part = max(self._apart(first, second), key=lambda pair: float(pair[1].max()))
        index = np.unravel_index(np.argmax(part), part.shape)[-2:]
        return f"'{device.name}' in the cell [{', '.join(str(int(k)) for k in index)}]"

    def _apart(self, first: States, second: States) -> Iterator[tuple[Device, Array]]:
        for prefix, device in self.devices.items():
            for name, state in device.states.items():
                change = np.abs(first[prefix + name] - second[prefix + name])
                yield device, change / (state.range[1] - state.range[0])

    def conductances(self, states: States) -> Array:
        """Of the memory elements at `states`, (rows, columns), S."""
        found = np.array(self.crossbar.conductances)
        if "" in self.devices and "conductance" in self.devices[""].laws:
            device = self.devices[""]
            inside = {name: states[name][self.closed] for name in device.states}
            found[self.closed] = conductance(device, inside, self.others[""])
        return found


def _first_slope(element: CellElement, nodes: CellNodes) -> Array:
    """d current / d voltage of the first terminal, (rows, columns), S."""
    slope = sum(
        signs[0] * element.slope(nodes, control)[0]
        for control, signs in element.model.device.controls.items()
        if signs[0]
    )
    return np.where(element.there, slope, element.instead)
