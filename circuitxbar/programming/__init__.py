"""Writing arrays: what pulses do to the cells, at the voltages that the wires leave them."""

from __future__ import annotations

from circuitxbar.programming.pulses import pulse

__all__ = ["pulse"]
