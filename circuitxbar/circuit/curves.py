"""What a circuit does along a sweep, over time, or over frequency, whichever engine found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Group
from circuitxbar.errors import CircuitError


def has_branch(group: Group) -> bool:
    """Whether the currents through the elements of `group` are unknowns beside the voltages."""
    if group.kind == "B":
        return getattr(group.model, "output", None) == "voltage"
    return group.kind in ("V", "E", "H", "L")


@dataclass(frozen=True, eq=False)
class Curves:
    """Voltages and currents of a circuit at points of a sweep, in time, or in frequency.

    axis : "time" (s), "frequency" (Hz), or the name of the source that was swept (V or A).
    points : (points,), of the axis.
    voltages : (nodes, points), V, in the order of circuit.nodes; complex over frequency.
    branch_currents : (branches, points), A, through the elements for which `has_branch` is true,
    in the order of the groups of the circuit.
    residual : (points,), A, the largest Kirchhoff sum at each point, recomputed.
    states : "element.state" -> (points,), of devices whose states move in a transient.
    """

    circuit: Circuit
    axis: str
    points: np.ndarray
    voltages: np.ndarray
    branch_currents: np.ndarray
    residual: np.ndarray
    engine: str
    stats: dict[str, Any]
    states: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Curves({self.circuit!r} at {len(self.points)} points of {self.axis} "
            f"{self.points[0]:.4g} ... {self.points[-1]:.4g} by {self.engine})"
        )

    @property
    def time(self) -> np.ndarray:
        """The points of a transient, s."""
        return self._points_of("time")

    @property
    def frequency(self) -> np.ndarray:
        """The points of an AC analysis, Hz."""
        return self._points_of("frequency")

    def voltage(self, node: str) -> np.ndarray:
        """Voltage of `node` to ground at every point, (points,), V."""
        return self.voltages[self.circuit.node(node)]

    def current(self, element: str) -> np.ndarray:
        """Current through `element` from its first to its second node, (points,), A.

        Of resistors, and of elements that fix a voltage; CircuitError for others, in series with
        which a VoltageSource of 0 V measures it.
        """
        group, position = self.circuit.element(element)
        first = 0
        for other in self.circuit.groups:
            if other is group:
                break
            first += len(other.names) if has_branch(other) else 0
        if has_branch(group):
            return self.branch_currents[first + position]
        if group.kind == "R" and group.values[position] > 0:
            one, two = group.nodes[position]
            return (self.voltages[one] - self.voltages[two]) / group.values[position]
        raise CircuitError(
            f"the current of element {element!r} is not kept. Put a VoltageSource of 0 V in "
            "series with it."
        )

    def _points_of(self, axis: str) -> np.ndarray:
        if self.axis != axis:
            raise CircuitError(f"these are points of {shown(self.axis)}, not of {axis}.")
        return self.points
