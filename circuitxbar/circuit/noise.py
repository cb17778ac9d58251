"""Noise of a circuit at one output, whichever engine found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuitxbar.circuit.circuit import Circuit


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise densities over frequency: roots of the power densities, each (points,).

    frequency : Hz.
    output_density : of the output voltage, V/sqrt(Hz).
    input_density : of the source that would make as much of it, V/sqrt(Hz) or A/sqrt(Hz).
    contributions : element -> its part of output_density; their squares sum up to its square.
    """

    circuit: Circuit
    frequency: np.ndarray
    output_density: np.ndarray
    input_density: np.ndarray
    contributions: Mapping[str, np.ndarray]
    engine: str

    def __repr__(self) -> str:
        return (
            f"Noise({self.circuit!r} at {len(self.frequency)} frequencies "
            f"{self.frequency[0]:.4g} ... {self.frequency[-1]:.4g} Hz by {self.engine})"
        )
