"""Every picture: figures of arrays, circuits, devices and training, and files of them.

Each function returns a matplotlib Figure that belongs to no window; `save` writes it.
"""

from __future__ import annotations

from circuitxbar.plots.arrays import conductances, currents, ir_drop
from circuitxbar.plots.canvas import save
from circuitxbar.plots.curves import curves
from circuitxbar.plots.devices import device
from circuitxbar.plots.learning import training

__all__ = ["conductances", "currents", "curves", "device", "ir_drop", "save", "training"]
