"""Solve, gradient, effective matrix, operating point: every choice between engines is made here."""

from circuitxbar.solving.arrays import solve, sum_over
from circuitxbar.solving.circuits import operating_point
from circuitxbar.solving.engines import ENGINES, Engine, check_engine_name, present_engines
from circuitxbar.solving.gradients import Gradient, gradient
from circuitxbar.solving.matrices import effective_matrix
from circuitxbar.solving.transients import transient

__all__ = [
    "ENGINES",
    "Engine",
    "Gradient",
    "check_engine_name",
    "effective_matrix",
    "gradient",
    "operating_point",
    "present_engines",
    "solve",
    "sum_over",
    "transient",
]
