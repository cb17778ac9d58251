"""circuitxbar: exact simulation of crossbar circuits, from SPICE netlists to trained networks.

The public names live here and are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "circuitxbar.errors": (
        "CircuitxbarError",
        "ModelError",
        "CircuitError",
        "NetlistError",
        "MappingError",
        "SolverError",
    ),
    "circuitxbar.circuit.wires": ("Wires",),
    "circuitxbar.circuit.terminations": ("Driven", "Grounded", "Held", "Norton", "Floating"),
    "circuitxbar.circuit.crossbar": ("Crossbar", "load"),
    "circuitxbar.circuit.circuit": ("Circuit", "SubCircuit"),
    "circuitxbar.circuit.group": ("ModelCard",),
    "circuitxbar.circuit.elements": (
        "Resistor",
        "Capacitor",
        "Inductor",
        "VoltageSource",
        "CurrentSource",
        "VoltageControlledVoltageSource",
        "VoltageControlledCurrentSource",
        "CurrentControlledCurrentSource",
        "CurrentControlledVoltageSource",
        "BehaviouralSource",
        "Switch",
        "CurrentSwitch",
        "Diode",
        "Bipolar",
        "Mosfet",
        "DeviceElement",
    ),
    "circuitxbar.circuit.time_functions": ("Pulse", "Sine", "Exponential"),
    "circuitxbar.circuit.waveforms": ("Waveform", "pulses"),
    "circuitxbar.circuit.solution": ("Solution",),
    "circuitxbar.circuit.curves": ("Curves",),
    "circuitxbar.circuit.transient": ("Transient",),
    "circuitxbar.circuit.noise": ("Noise",),
    "circuitxbar.circuit.sensitivity": ("Sensitivity",),
    "circuitxbar.devices.device": ("Device",),
    "circuitxbar.devices.library": ("device",),
    "circuitxbar.netlist.reader": ("read_spice",),
    "circuitxbar.netlist.writer": ("write_spice",),
    "circuitxbar.solving": (
        "solve",
        "gradient",
        "effective_matrix",
        "operating_point",
        "dc_sweep",
        "transient",
        "ac",
        "noise",
        "norton",
        "sensitivity",
    ),
    "circuitxbar.programming": ("pulse",),
    "circuitxbar.comparing": ("compare",),
    "circuitxbar.tile": ("Tile",),
}
_MODULES = ("datasets", "devices", "mapping", "nn", "plots")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"circuitxbar.{name}")
    else:
        raise AttributeError(f"module 'circuitxbar' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
