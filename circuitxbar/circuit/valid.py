"""Whether devices are asked for more than their laws cover: voltages and conductances of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.cells import CellNodes
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.devices.device import Device
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive


def check_valid_conductances(crossbar: Crossbar) -> None:
    """Refuse conductances that the memory element does not cover; open and short are none."""
    device, given = crossbar.device, crossbar.conductances
    if not device.uses_conductance:
        return
    low, high = device.valid["g"]
    outside = np.argwhere((given > 0) & np.isfinite(given) & ((given < low) | (given > high)))
    if len(outside):
        row, column = (int(k) for k in outside[0])
        raise CircuitError(
            f"conductances[{row}, {column}] = {given[row, column]:.3g} S is outside the valid "
            f"range {low:g} to {high:g} S of device {device.name!r}. Keep within it, or pass "
            "extrapolate=True."
        )


def check_valid_voltages(
    crossbar: Crossbar, nodes: CellNodes, solved: np.ndarray, numbers: np.ndarray
) -> None:
    """Refuse voltages that a device does not cover, in vectors that are `solved`, (batch,).

    numbers : those by which the vectors are called, (batch,).
    """
    for element in crossbar.cell_elements:
        device = element.model.device
        for variable, values in zip(device.controls, element.controls(nodes), strict=True):
            values = np.broadcast_to(values, (len(solved), *crossbar.shape))
            inside = _inside(device, variable, values) | (crossbar.conductances == 0)
            inside |= ~solved[:, None, None]
            if not inside.all():
                vector, *cell = (int(k) for k in np.argwhere(~inside)[0])
                name = f"{element.name} {cell[0]}, {cell[1]}"
                _refuse(device, variable, name, int(numbers[vector]), values[vector, *cell])


def stays_valid(crossbar: Crossbar, drive: Drive) -> bool:
    """Whether the sources alone show that no voltage leaves the range of its law.

    No node of passive cells lies outside the range of the sources, 0 V included. A Norton end is
    a source of current / conductance.
    """
    low, high = 0.0, 0.0
    for end in drive.ends.values():
        with np.errstate(invalid="ignore"):  # 0 A through 0 S
            open_circuit = np.where(end.current == 0, 0.0, end.current * end.resistance)
        voltages = end.voltage + open_circuit if np.any(open_circuit) else end.voltage
        low, high = min(low, voltages.min()), max(high, voltages.max())
    spans = {
        "v": (low - high, high - low),
        "v_g": (drive.gates.min(initial=0.0), drive.gates.max(initial=0.0)),
    }
    for device in crossbar.devices.values():
        for variable in device.variables:
            lowest, highest = device.valid[variable]
            least, most = spans.get(variable, (low, high))
            if not (device.passive and lowest <= least and most <= highest):
                return False
    return True


def check_valid_point(point: OperatingPoint) -> None:
    """The same for the elements of a circuit at its operating point."""
    for group in point.circuit.groups:
        if group.kind != "law":
            continue
        device = group.device.device
        for variable, found in point.unknowns.controls(group).items():
            values = found.T
            inside = _inside(device, variable, values)
            if not inside.all():
                vector, k = (int(k) for k in np.argwhere(~inside)[0])
                _refuse(device, variable, repr(group.names[k]), vector, values[vector, k])


def _inside(device: Device, variable: str, values: Array) -> np.ndarray:
    """Where the law covers `values`; v_ds has no range of its own."""
    low, high = device.valid.get(variable, (-np.inf, np.inf))
    return (values >= low) & (values <= high)


def _refuse(device: Device, variable: str, name: str, vector: int, value: float) -> None:
    low, high = device.valid[variable]
    meaning = "" if variable == "v" else f" ({variable})"
    raise CircuitError(
        f"{name} of vector {vector} is at {value:.4g} V{meaning}, outside the valid range {low:g} "
        f"to {high:g} V of device {device.name!r}. Lower the drive, or pass extrapolate=True."
    )
