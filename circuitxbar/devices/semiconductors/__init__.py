"""Diodes and transistors of `.model` cards as laws, in `MODELS`: the one place to add a model."""

from __future__ import annotations

from circuitxbar.devices.semiconductors.bipolar import BIPOLAR
from circuitxbar.devices.semiconductors.diode import DIODE
from circuitxbar.devices.semiconductors.model import Model
from circuitxbar.devices.semiconductors.mosfet_ekv import EKV
from circuitxbar.devices.semiconductors.mosfet_level1 import LEVEL_1
from circuitxbar.errors import CircuitError

MODELS: dict[tuple[str, int], Model] = {
    ("d", 1): DIODE,
    ("npn", 1): BIPOLAR,
    ("pnp", 1): BIPOLAR,
    ("nmos", 1): LEVEL_1,
    ("pmos", 1): LEVEL_1,
    ("nmos", 44): EKV,
    ("pmos", 44): EKV,
}


def model_of(card: str, type: str, level: int) -> Model:
    """The equations of the type and level of a card; CircuitError where they are not known."""
    model = MODELS.get((type, level))
    if model is None:
        raise CircuitError(
            f"model {card!r} ({type}): level {level} is not known to the nodal engine. "
            'Use engine="ngspice".'
        )
    return model
