"""Solve, gradient, effective matrix, operating point: every choice between engines is made here."""

from circuitxbar.solving.analyses import ac, dc_sweep, noise, sensitivity
from circuitxbar.solving.arrays import solve, sum_over
from circuitxbar.solving.circuits import operating_point
from circuitxbar.solving.engines import ENGINES, Engine, check_engine_name, present_engines
from circuitxbar.solving.gradients import Gradient, gradient
from circuitxbar.solving.matrices import effective_matrix
from circuitxbar.solving.ports import norton
from circuitxbar.solving.transients import transient

__all__ = [
    "ENGINES",
    "Engine",
    "Gradient",
    "ac",
    "check_engine_name",
    "dc_sweep",
    "effective_matrix",
    "gradient",
    "noise",
    "norton",
    "operating_point",
    "present_engines",
    "sensitivity",
    "solve",
    "sum_over",
    "transient",
]
