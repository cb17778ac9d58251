"""Whether devices are asked for more than their laws cover: voltages and conductances of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.circuit.cells import CellNodes
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar


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


def check_valid_voltages(crossbar: Crossbar, nodes: CellNodes, first: int) -> None:
    """Refuse voltages that a device does not cover; `first` is the number of vector 0."""
    for element in crossbar.cell_elements:
        device = element.model.device
        for variable, values in zip(device.controls, element.controls(nodes), strict=True):
            if variable not in device.valid:  # v_ds has no range of its own
                continue
            low, high = device.valid[variable]
            values = np.broadcast_to(values, (len(values), *crossbar.shape))
            outside = ((values < low) | (values > high)) & (crossbar.conductances > 0)
            if outside.any():
                vector, row, column = (int(k) for k in np.argwhere(outside)[0])
                raise CircuitError(
                    f"{element.name} {row}, {column} of vector {first + vector} is at "
                    f"{values[vector, row, column]:.3g} V{_meaning(variable)}, outside the valid "
                    f"range {low:g} to {high:g} V of device {device.name!r}. Lower the drive, or "
                    "pass extrapolate=True."
                )


def _meaning(variable: str) -> str:
    return "" if variable == "v" else f" ({variable})"
