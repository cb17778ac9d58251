"""Signed weights as the difference of two cells in neighbouring columns of one array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from circuitxbar.arguments import Array, positive_number, real_array, real_number
from circuitxbar.errors import MappingError


@dataclass(frozen=True)
class DifferentialPair:
    """Weight (i, j) is cell (i, 2j) minus cell (i, 2j + 1); only the one it needs is above g_min.

    g_min, g_max : S, 0 <= g_min < g_max <= 10. With slope = (g_max - g_min) / weight_range,

        g[i, 2j]     = g_min + slope * max(+weights[i, j], 0)
        g[i, 2j + 1] = g_min + slope * max(-weights[i, j], 0)

    so that the difference is slope * weight exactly, and g_min cancels on ideal wires.
    """

    g_min: float
    g_max: float

    columns_per_output: ClassVar[int] = 2

    def __post_init__(self) -> None:
        limits = {"unit": "S", "minimum": 0.0, "maximum": 10.0, "error": MappingError}
        for name in ("g_min", "g_max"):
            number = real_number(f"DifferentialPair.{name}", getattr(self, name), **limits)
            object.__setattr__(self, name, number)
        if not self.g_min < self.g_max:
            raise MappingError(
                f"DifferentialPair: g_max = {self.g_max:g} S is not above "
                f"g_min = {self.g_min:g} S. Pass the smaller conductance first."
            )

    def apply(self, weights: Any, weight_range: float) -> Array:
        """Conductances of the cells, (inputs, 2 * outputs), S.

        weights : (inputs, outputs), |weights| <= weight_range; MappingError names one that is not.
        """
        slope = self._slope(weight_range)
        weights = _matrix("weights", weights)
        beyond = np.abs(weights) > weight_range
        if beyond.any():
            row, column = (int(k) for k in np.argwhere(beyond)[0])
            raise MappingError(
                f"weights[{row}, {column}] = {weights[row, column]:.6g} is beyond weight_range = "
                f"{weight_range:.6g}. Clip the weights, or pass a larger weight_range."
            )
        # min: rounding must not carry the largest weight above g_max.
        positive = np.minimum(self.g_min + slope * np.maximum(weights, 0.0), self.g_max)
        negative = np.minimum(self.g_min + slope * np.maximum(-weights, 0.0), self.g_max)
        return _interleaved(positive, negative)

    def backward(self, d_conductances: Any, weights: Any, weight_range: float) -> Array:
        """d(loss)/d(weights), (inputs, outputs), from d(loss)/d(conductances).

        A weight moves its active cell only: the first of the pair where it is positive, the second
        where it is negative. At exactly 0 the two one-sided derivatives are averaged.
        """
        slope = self._slope(weight_range)
        weights = _matrix("weights", weights)
        shape = (weights.shape[0], 2 * weights.shape[1])
        d_conductances = real_array(
            "d_conductances", d_conductances, shape=shape, error=MappingError
        )
        share = 0.5 * (1.0 + np.sign(weights))
        return slope * (share * d_conductances[:, 0::2] - (1.0 - share) * d_conductances[:, 1::2])

    def invert(self, currents: Any, weight_range: float) -> Array:
        """voltages @ weights, (batch, outputs), V, from currents == voltages @ conductances.

        currents : (batch, 2 * outputs), A.
        """
        slope = self._slope(weight_range)
        currents = _matrix("currents", currents)
        if currents.shape[1] % 2:
            raise MappingError(
                f"currents has shape {currents.shape}; expected two columns for each output."
            )
        return (currents[:, 0::2] - currents[:, 1::2]) / slope

    def invert_backward(self, d_outputs: Any, weight_range: float) -> Array:
        """d(loss)/d(currents), (batch, 2 * outputs), from d(loss)/d(outputs of `invert`)."""
        slope = self._slope(weight_range)
        share = _matrix("d_outputs", d_outputs) / slope
        return _interleaved(share, -share)

    def _slope(self, weight_range: float) -> float:
        span = self.g_max - self.g_min
        return span / positive_number("weight_range", weight_range, error=MappingError)


def _matrix(name: str, value: Any) -> Array:
    array = real_array(name, value, error=MappingError)
    if array.ndim != 2 or array.size == 0:
        raise MappingError(
            f"{name} has shape {array.shape}; expected two axes, none of them empty."
        )
    return array


def _interleaved(first: Array, second: Array) -> Array:
    return np.stack([first, second], axis=2).reshape(len(first), -1)
