"""The analyses of circuits as everybody calls them, by ngspice."""

from __future__ import annotations

from functools import partial
from typing import Any

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit

ac, dc_sweep, noise = (
    partial(analyse, engine="ngspice") for analyse in (cx.ac, cx.dc_sweep, cx.noise)
)


def transient(circuit: Circuit, stop: float, step: float | None = None, **options: Any) -> Any:
    return cx.transient(circuit, stop=stop, maximum_step=step, engine="ngspice", **options)
