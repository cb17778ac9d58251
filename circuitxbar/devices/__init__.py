"""What a cell does: one symbolic law per device gives kernels, slopes and SPICE text.

`device_names` tells which come with circuitxbar. `fit` finds the parameters of a device from
measurements: a `Sweep` of currents over voltages, or `Ramps` of conductances after write pulses. It
gives a `Fit`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME_OF = {
    "device_names": "circuitxbar.devices.library",
    "Fit": "circuitxbar.devices.fitting.fit",
    "Ramps": "circuitxbar.devices.fitting.measurements",
    "Sweep": "circuitxbar.devices.fitting.measurements",
    "fit": "circuitxbar.devices.fitting.fit",
}

__all__ = [*_HOME_OF]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'circuitxbar.devices' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
