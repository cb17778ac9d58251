"""Laws of a p-n junction as text, in the form in which SPICE 3 has them.

Source: T. L. Quarles, "Analysis of performance and convergence issues for circuit simulation",
UCB/ERL M89/42, 1989, and the manual of ngspice 46, chapters on diodes, BJTs and MOSFETs.
"""

from __future__ import annotations

_E = "2.718281828459045"

# Noise densities, A^2/Hz, of the current of a branch.
SHOT = "2 * q * abs(current)"
FLICKER = "kf * abs(current)**af / frequency"


def growth(exponent: str) -> str:
    """exp(x) - 1 with all its digits near 0.

    Their last ones are as large as the currents of junctions at rest, and Newton's method, which
    sees a current move otherwise than its slope foretells, would not end.
    """
    return f"2 * exp({exponent} / 2) * sinh({exponent} / 2)"


def junction_current(voltage: str, saturation: str, scale: str) -> str:
    """Current (A) of a junction with `scale` = n k T / q.

    From -3 `scale` downwards a cubic that goes to -`saturation`.
    """
    reverse = f"(3 * {scale} / ({voltage} * {_E}))"
    return (
        f"where({voltage} >= -3 * {scale}, {saturation} * {growth(f'({voltage} / {scale})')}, "
        f"-{saturation} * (1 + {reverse}**3))"
    )


def depletion_charge(voltage: str, capacitance: str, potential: str, grading: str) -> str:
    """Charge (C) of a depletion layer of `capacitance` at 0 V.

    From fc `potential` upwards its capacitance goes on along its tangent.
    """
    edge = f"(fc * {potential})"
    falling = f"{potential} * (1 - (1 - {voltage} / {potential})**(1 - {grading}))"
    at_edge = f"{potential} * (1 - (1 - fc)**(1 - {grading})) / (1 - {grading})"
    return (
        f"{capacitance} * where({voltage} < {edge}, {falling} / (1 - {grading}), {at_edge} "
        f"+ ((1 - fc * (1 + {grading})) * ({voltage} - {edge}) + {grading} / (2 * {potential}) "
        f"* ({voltage} * {voltage} - {edge} * {edge})) / (1 - fc)**(1 + {grading}))"
    )
