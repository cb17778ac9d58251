"""A junction in closed form, with the constants of nature as ngspice has them."""

from __future__ import annotations

import numpy as np

from circuitxbar.circuit.group import ModelCard

BOLTZMANN, CHARGE, ROOM = 1.38064852e-23, 1.6021766208e-19, 300.15
THERMAL = BOLTZMANN * ROOM / CHARGE  # V
DIODE = ModelCard("dm", "d", {"is": 1e-14, "n": 1.2})


def diode_current(v: np.ndarray | float, area: float = 1.0) -> np.ndarray:
    return area * 1e-14 * np.expm1(np.asarray(v) / (1.2 * THERMAL))
