"""Kirchhoff's sums of what ngspice answered, recomputed where its numbers allow it."""

from __future__ import annotations

import numpy as np

from circuitxbar.circuit.checks import joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.netlist.writer import is_linear


def residual_over_points(
    circuit: Circuit, voltages: np.ndarray, branches: np.ndarray, resting: bool
) -> np.ndarray:
    """Largest sum at each point, (points,), A; NaN with elements whose currents are not known.

    Those are what OperatingPoint.residual names, and capacitors where the circuit is not resting.
    """
    charged = any(g.kind == "C" and (g.values > 0).any() for g in circuit.groups)
    if charged and not resting:
        return np.full(voltages.shape[1], np.nan)
    point = OperatingPoint(circuit, voltages, np.zeros_like(voltages), branches, engine="ngspice")
    return point.residual


def residual_over_frequency(
    circuit: Circuit, frequency: np.ndarray, voltages: np.ndarray, branches: np.ndarray
) -> np.ndarray:
    """Largest sum at each frequency, (points,), A; NaN for circuits with laws."""
    if not is_linear(circuit):
        return np.full(len(frequency), np.nan)
    sums = np.zeros_like(voltages)
    used, places = 0, dict[str, int]()
    for group in circuit.groups:
        if has_branch(group):
            places |= {name: used + k for k, name in enumerate(group.names)}
            used += len(group.names)
    for group in circuit.groups:
        values = group.values[:, None]
        drop = voltages[group.nodes[:, 0]] - voltages[group.nodes[:, 1]]
        if has_branch(group):
            through = branches[[places[name] for name in group.names]]
        elif group.kind == "R":
            with np.errstate(divide="ignore"):
                through = drop * np.where(values == 0, 0.0, 1.0 / values)
        elif group.kind == "C":
            through = drop * values * (2j * np.pi * frequency)
        elif group.kind == "G":
            through = values * (voltages[group.nodes[:, 2]] - voltages[group.nodes[:, 3]])
        elif group.kind == "F":
            through = values * branches[[places[name] for name in group.sensed[0]]]
        else:
            amplitudes = group.excitation.ac if group.excitation is not None else 0.0 * values[:, 0]
            through = np.broadcast_to(amplitudes[:, None], drop.shape)
        np.add.at(sums, group.nodes[:, 0], through)
        np.subtract.at(sums, group.nodes[:, 1], through)
    by_net = np.zeros_like(sums)
    np.add.at(by_net, joined_nodes(circuit), sums)
    return np.abs(by_net[1:]).max(axis=0, initial=0.0)
