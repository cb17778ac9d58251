"""The operating point of a circuit, whichever engine found it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.checks import joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.errors import CircuitError


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """Node voltages (nodes, batch) and source currents (voltage sources, batch) of a circuit."""

    circuit: Circuit
    voltages: Array
    source_currents: Array
    engine: str

    def voltage(self, node: str) -> float | Array:
        """Voltage of `node` to ground, V; (batch,) for a circuit that holds several vectors."""
        return _one(self.voltages[self.circuit.node(node)])

    def current(self, element: str) -> float | Array:
        """Current through `element` from its first to its second node, A.

        Raises CircuitError for a resistor of zero resistance, whose current voltages do not tell.
        """
        group, position = self.circuit.element(element)
        if group.kind == "V":
            earlier = self.circuit.groups[: self.circuit.groups.index(group)]
            first = sum(len(g.names) for g in earlier if g.kind == "V")
            return _one(self.source_currents[first + position])
        value = group.values[position]
        if group.kind == "I":
            return _one(np.broadcast_to(value, self.voltages.shape[1:]).astype(float))
        if value == 0:
            raise CircuitError(
                f"element {element!r} has zero resistance: its current does not follow from "
                "voltages. Put a VoltageSource of 0 V in its place to measure it."
            )
        first, second = group.nodes[position]
        return _one((self.voltages[first] - self.voltages[second]) / value)

    @cached_property
    def residual(self) -> Array:
        """Largest Kirchhoff sum over nodes joined by zero resistance, (batch,), A, recomputed."""
        out = np.zeros_like(self.voltages)
        first_source = 0
        for group in self.circuit.groups:
            first, second = group.nodes.T
            values = group.values if group.values.ndim == 2 else group.values[:, None]
            if group.kind == "V":
                through = self.source_currents[first_source : first_source + len(values)]
                first_source += len(values)
            elif group.kind == "I":
                through = np.broadcast_to(values, (len(values), out.shape[1]))
            else:
                with np.errstate(divide="ignore"):
                    conductance = np.where(values == 0, 0.0, 1.0 / values)
                through = (self.voltages[first] - self.voltages[second]) * conductance
            np.add.at(out, first, through)
            np.subtract.at(out, second, through)
        by_net = np.zeros_like(out)
        np.add.at(by_net, joined_nodes(self.circuit), out)
        return np.abs(by_net[1:]).max(axis=0, initial=0.0)


def _one(values: Array) -> float | Array:
    return float(values[0]) if len(values) == 1 else values
