"""Kirchhoff's sums of what ngspice answered, recomputed as far as its numbers tell all currents.

It tells voltages of nodes and currents of what fixes a voltage; all other currents follow from laws
of this package, of diodes and transistors too, as they equal its own. Not known are:

- switches whose control lies between their thresholds: they are what they were before;
- diodes and transistors with series resistances, as voltages inside them are not in its answer,
  those of levels and parameters that expansion.expanded refuses, bipolar transistors with an area,
  of which ngspice has a law of its own, and diodes with a breakdown, of which it has a rough one;
- over time, circuits with a charge: its currents are differences that only its own steps give;
- over frequency, circuits with laws or switches: their rest is not in the answer.
"""

from __future__ import annotations

import numpy as np

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.expansion import expanded
from circuitxbar.circuit.group import Behaviour, Group, Semiconductor
from circuitxbar.circuit.kirchhoff import (
    Unknowns,
    element_currents,
    residual,
    small_signal_currents,
)
from circuitxbar.devices.semiconductors import model_of
from circuitxbar.errors import CircuitError


def with_laws(circuit: Circuit) -> Circuit | None:
    """`circuit` with laws for diodes and transistors; None where ngspice's are not known."""
    try:
        whole = expanded(circuit)
        if any(_differs(group) for group in circuit.groups):
            return None
    except CircuitError:  # a level or a parameter that only ngspice knows
        return None
    return whole if whole.node_count == circuit.node_count else None


def residual_over_points(
    circuit: Circuit, voltages: np.ndarray, branches: np.ndarray, time: np.ndarray | None = None
) -> np.ndarray:
    """Largest sum at each point, (points,), A; NaN where this module says so.

    time : of a transient, (points,), s; None for points at rest.
    """
    whole = with_laws(circuit) or circuit
    if time is not None and any(_charges(group) for group in whole.groups):
        return np.full(len(time), np.nan)
    at = Unknowns(whole, (voltages,), branches)
    return residual(whole, element_currents(at, time=time))


def residual_over_frequency(
    circuit: Circuit, frequency: np.ndarray, voltages: np.ndarray, branches: np.ndarray
) -> np.ndarray:
    """Largest sum at each frequency, (points,), A; NaN for circuits with laws or switches."""
    at = Unknowns(circuit, (voltages,), branches)
    return residual(circuit, small_signal_currents(at, frequency, None))


def _differs(group: Group) -> bool:
    """Whether ngspice has another law for these elements."""
    model = group.model
    if not isinstance(model, Semiconductor):
        return False
    if group.kind == "Q":
        return bool(np.any(model.parameters["area"] != 1.0))
    card = model.card
    known = model_of(card.name, card.type, card.level)
    values = known.values(card.name, card.type, card.parameters, model.parameters)
    return bool(np.isfinite(values.get("bv", np.inf)).any())


def _charges(group: Group) -> bool:
    if group.kind == "C":
        return bool((group.values > 0).any())
    return isinstance(group.model, Behaviour) and group.model.charge is not None
