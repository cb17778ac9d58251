"""Neural networks whose layers are circuits. Layers and networks hold weights, as in torch."""

from __future__ import annotations

from circuitxbar.nn.layer import CrossbarLinear
from circuitxbar.nn.mlp import MLP, load
from circuitxbar.nn.training import Epoch

__all__ = ["MLP", "CrossbarLinear", "Epoch", "load"]
