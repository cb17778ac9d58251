"""Every picture: figures of arrays and of training, and files of them.

Each function returns a matplotlib Figure that belongs to no window; `save` writes it.
"""

from __future__ import annotations

from circuitxbar.plots.arrays import conductances, currents, ir_drop
from circuitxbar.plots.canvas import save
from circuitxbar.plots.learning import training

__all__ = ["conductances", "currents", "ir_drop", "save", "training"]
