"""What field-effect transistors of all levels share: bulk junctions, overlaps, resistances."""

from __future__ import annotations

import numpy as np

from circuitxbar.devices.semiconductors.junctions import depletion_charge
from circuitxbar.devices.semiconductors.model import (
    THERMAL_VOLTAGE,
    Branch,
    Capacitance,
    Parameter,
    Resistance,
    Values,
)

TERMINALS = ("drain", "gate", "source", "bulk")
INNER = {"drain_inside": "drain", "source_inside": "source"}
SIZES = ("w", "l", "m")
VOLTAGES = {
    "v_ds": ("drain_inside", "source_inside"),
    "v_gs": ("gate", "source_inside"),
    "v_bs": ("bulk", "source_inside"),
    "v_bd": ("bulk", "drain_inside"),
    "v_d": ("drain_inside", "bulk"),
    "v_g": ("gate", "bulk"),
    "v_s": ("source_inside", "bulk"),
}
DEFINITIONS = (THERMAL_VOLTAGE, ("length", "l - 2 * ld"))

PARAMETERS = {
    "ld": Parameter(0.0, "m", "length lost on either side"),
    "rd": Parameter(0.0, "ohm", "drain resistance"),
    "rs": Parameter(0.0, "ohm", "source resistance"),
    "is": Parameter(1e-14, "A", "saturation current of a bulk junction"),
    "cbd": Parameter(0.0, "F", "bulk-drain capacitance at 0 V"),
    "cbs": Parameter(0.0, "F", "bulk-source capacitance at 0 V"),
    "pb": Parameter(0.8, "V", "potential of the bulk junctions", low=1e-3),
    "mj": Parameter(0.5, "1", "grading of the bulk junctions", high=0.95),
    "fc": Parameter(0.5, "1", "part of pb where the depletion law ends", high=0.95),
    "cgso": Parameter(0.0, "F/m", "gate-source overlap, per width"),
    "cgdo": Parameter(0.0, "F/m", "gate-drain overlap, per width"),
    "cgbo": Parameter(0.0, "F/m", "gate-bulk overlap, per length"),
    "kf": Parameter(0.0, "1", "flicker noise coefficient"),
    "af": Parameter(1.0, "1", "flicker noise exponent"),
}
# An element has no areas, perimeters nor squares of drain and source.
IDLE = frozenset(["cj", "cjsw", "mjsw", "js"])

# F/m^2: 3.9 times the permittivity of vacuum that ngspice has, over 0.1 um, as no card gives tox.
_OXIDE = 3.9 * 8.854214871e-12 / 1e-7

RESISTANCES = (
    Resistance("rd", ("drain", "drain_inside"), "rd / m"),
    Resistance("rs", ("source", "source_inside"), "rs / m"),
)
CAPACITANCES = (
    Capacitance("cgs", ("gate", "source_inside"), "cgso * w * m"),
    Capacitance("cgd", ("gate", "drain_inside"), "cgdo * w * m"),
    Capacitance("cgb", ("gate", "bulk"), "cgbo * length * m"),
)


def flicker(transconductance: str) -> str:
    """Flicker noise density of a channel, A^2/Hz, as ngspice 46 has it by default (nlev 2)."""
    return f"kf * {transconductance}**2 / (frequency**af * w * m * length * {_OXIDE})"


def bulk_junction(name: str, inside: str, voltage: str, capacitance: str) -> Branch:
    """The junction from the bulk to the node `inside`; its reverse current is constant."""
    return Branch(
        name,
        ("bulk", inside),
        f"is_ * m * where({voltage} > -3 * vt, exp({voltage} / vt) - 1, -1)",
        depletion_charge(voltage, f"({capacitance} * m)", "pb", "mj"),
        present=f"is_ + {capacitance}",
    )


JUNCTIONS = (
    bulk_junction("drain_junction", "drain_inside", "v_bd", "cbd"),
    bulk_junction("source_junction", "source_inside", "v_bs", "cbs"),
)


def check_length(values: Values) -> Values:
    """Nothing further; ValueError for a channel that has no length."""
    if np.any(values["l"] <= 2 * values["ld"]):
        raise ValueError("an element is not longer than 2 ld. Give a larger length.")
    return {}
