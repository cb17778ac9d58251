"""What field-effect transistors of all levels share: bulk junctions, overlaps, resistances."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from circuitxbar.devices.semiconductors.junctions import depletion_charge, growth
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
# Areas (m^2) and perimeters (m) of drain and source, and their squares of the sheet resistance.
OTHER_SIZES = {"ad": 0.0, "as": 0.0, "pd": 0.0, "ps": 0.0, "nrd": 1.0, "nrs": 1.0}
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
    "rsh": Parameter(0.0, "ohm", "sheet resistance of drain and source, where rd and rs are not"),
    "is": Parameter(1e-14, "A", "saturation current of a bulk junction"),
    "js": Parameter(0.0, "A/m^2", "the same per area, where an element has both areas"),
    "cbd": Parameter(0.0, "F", "bulk-drain capacitance at 0 V"),
    "cbs": Parameter(0.0, "F", "bulk-source capacitance at 0 V"),
    "cj": Parameter(0.0, "F/m^2", "bulk capacitance per area, where cbd and cbs are not given"),
    "cjsw": Parameter(0.0, "F/m", "bulk capacitance at 0 V per perimeter"),
    "mjsw": Parameter(0.5, "1", "grading at the perimeter", high=0.95),
    "pb": Parameter(0.8, "V", "potential of the bulk junctions", low=1e-3),
    "mj": Parameter(0.5, "1", "grading of the bulk junctions", high=0.95),
    "fc": Parameter(0.5, "1", "part of pb where the depletion law ends", high=0.95),
    "cgso": Parameter(0.0, "F/m", "gate-source overlap, per width"),
    "cgdo": Parameter(0.0, "F/m", "gate-drain overlap, per width"),
    "cgbo": Parameter(0.0, "F/m", "gate-bulk overlap, per length"),
    "kf": Parameter(0.0, "1", "flicker noise coefficient"),
    "af": Parameter(1.0, "1", "flicker noise exponent"),
}

# F/m, with the permittivity of vacuum that ngspice has.
OXIDE = 3.9 * 8.854214871e-12
_OF_NO_CARD = 1e-7  # m, of an oxide of which nothing is said: flicker noise has it

RESISTANCES = (
    Resistance("rd", ("drain", "drain_inside"), "drain_ohms / m"),
    Resistance("rs", ("source", "source_inside"), "source_ohms / m"),
)
CAPACITANCES = (
    Capacitance("cgs", ("gate", "source_inside"), "cgso * w * m"),
    Capacitance("cgd", ("gate", "drain_inside"), "cgdo * w * m"),
    Capacitance("cgb", ("gate", "bulk"), "cgbo * length * m"),
)


def flicker(transconductance: str) -> str:
    """Flicker noise density of a channel, A^2/Hz, as ngspice 46 has it by default (nlev 2)."""
    return f"kf * {transconductance}**2 / (frequency**af * w * m * length * oxide)"


def bulk_junction(side: str, voltage: str, perimeter: str) -> tuple[Branch, Branch]:
    """The junction from the bulk to the drain or source; its reverse current is constant."""
    ends = ("bulk", f"{side}_inside")
    saturation, area, wall = (f"{side}_saturation", f"{side}_capacitance", f"cjsw * {perimeter}")
    return (
        Branch(
            f"{side}_junction",
            ends,
            f"{saturation} * m * where({voltage} > -3 * vt, {growth(f'({voltage} / vt)')}, -1)",
            depletion_charge(voltage, f"({area} * m)", "pb", "mj"),
            present=f"{saturation} + {area}",
        ),
        Branch(
            f"{side}_wall",
            ends,
            "0",
            depletion_charge(voltage, f"({wall} * m)", "pb", "mjsw"),
            present=wall,
        ),
    )


JUNCTIONS = (*bulk_junction("drain", "v_bd", "pd"), *bulk_junction("source", "v_bs", "ps"))


def completed(values: Values, given: Collection[str]) -> Values:
    """What drain and source are by their areas, perimeters and squares, as ngspice has it.

    A density of current counts where both areas are there. ValueError for a channel that has no
    length.
    """
    if np.any(values["l"] <= 2 * values["ld"]):
        raise ValueError("an element is not longer than 2 ld. Give a larger length.")
    by_area = (values["js"] > 0) & (values["ad"] > 0) & (values["as_"] > 0)
    thickness = values.get("tox", np.full_like(values["l"], np.inf))
    found = {"oxide": OXIDE / np.where(np.isinf(thickness), _OF_NO_CARD, thickness)}
    for side, ohms, squares, capacitance, area in (
        ("drain", "rd", "nrd", "cbd", "ad"),
        ("source", "rs", "nrs", "cbs", "as_"),
    ):
        sheet, layer = values["rsh"] * values[squares], values["cj"] * values[area]
        found[f"{side}_ohms"] = values[ohms] if ohms in given else sheet
        found[f"{side}_capacitance"] = values[capacitance] if capacitance in given else layer
        found[f"{side}_saturation"] = np.where(by_area, values["js"] * values[area], values["is_"])
    return found
