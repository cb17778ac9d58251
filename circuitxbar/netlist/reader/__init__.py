"""Reads SPICE text: nothing in it is run, and what is not supported is refused by name."""

from circuitxbar.netlist.reader.analyses import (
    AcAnalysis,
    Analysis,
    NoiseAnalysis,
    OperatingPointAnalysis,
    SweepAnalysis,
    TransientAnalysis,
)
from circuitxbar.netlist.reader.deck import Deck, read_deck, read_spice

__all__ = [
    "AcAnalysis",
    "Analysis",
    "Deck",
    "NoiseAnalysis",
    "OperatingPointAnalysis",
    "SweepAnalysis",
    "TransientAnalysis",
    "read_deck",
    "read_spice",
]
