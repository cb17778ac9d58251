"""Operating points of circuits."""

from __future__ import annotations

import numpy as np

from circuitxbar.arguments import flag, real_number, shown
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.proof import LEAST_CURRENT
from circuitxbar.circuit.valid import check_valid_point
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.solving.engines import engine_for_circuit
from circuitxbar.solving.failures import refuse_vectors


def operating_point(
    circuit: Circuit, engine: str = "nodal", *, rtol: float = 1e-9, extrapolate: bool = False
) -> OperatingPoint:
    """Node voltages and source currents of any Circuit of resistances, devices and sources.

    rtol : largest Kirchhoff residual, relative to the largest current of any element; what comes
    from the last digits of the voltages is no part of it.
    extrapolate : accept voltages outside the valid ranges of the devices.
    Raises CircuitError naming what has no unique solution or is out of range, SolverError for a
    missing engine or a residual above the limit.
    """
    extrapolate = flag("extrapolate", extrapolate)
    rtol = real_number("rtol", rtol, minimum=0.0)
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit.")
    run = engine_for_circuit(engine).operating_point
    assert run is not None
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below
        found = run(circuit)
    if not (np.isfinite(found.voltages).all() and np.isfinite(found.source_currents).all()):
        raise SolverError(
            "a voltage or current is beyond the largest float, 1.8e308. "
            "Check for a very small resistance or a very large source."
        )
    limit = np.maximum(rtol * found.largest_current, LEAST_CURRENT) + found.rounding
    # ngspice does not tell all currents: what is not known of its answers is no failure.
    unknown = np.isnan(found.residual) & (found.engine == "ngspice")
    failed = np.flatnonzero(~(found.residual <= limit) & ~unknown | np.isinf(found.residual))
    if len(failed):
        refuse_vectors(failed, found.residual[failed], limit[failed], found)
    if not extrapolate:
        check_valid_point(found)
    return found
