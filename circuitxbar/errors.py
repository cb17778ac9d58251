"""The five causes for which circuitxbar refuses or fails, under one common class.

Every message says where, what, and what to do about it.
"""

from __future__ import annotations

from typing import Any


class CircuitxbarError(Exception):
    """Any refusal or failure of circuitxbar; catch this one to catch them all."""


class ModelError(CircuitxbarError, ValueError):
    """A device file, a law, or a parameter of a device is wrong."""


class CircuitError(CircuitxbarError, ValueError):
    """A crossbar, a circuit, or the inputs of one are wrong or have no unique solution."""


class NetlistError(CircuitxbarError, ValueError):
    """Netlist text or a saved file cannot be written or read."""


class MappingError(CircuitxbarError, ValueError):
    """Weights, data or sizes do not fit the mapping, the tile or the network."""


class SolverError(CircuitxbarError, RuntimeError):
    """An engine is missing, died, or did not reach the asked accuracy.

    `vectors` holds the indices of the input vectors that failed (empty when all
    did), `solution` the partial answer where there is one.
    """

    def __init__(self, message: str, *, vectors: tuple[int, ...] = (), solution: Any = None):
        super().__init__(message)
        self.vectors = vectors
        self.solution = solution
