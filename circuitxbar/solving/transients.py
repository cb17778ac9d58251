"""Crossbars over time."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from circuitxbar.arguments import Array, flag, positive_number, real_array, shown
from circuitxbar.array import engine as array
from circuitxbar.array.transient import Plan
from circuitxbar.array.transient import transient as march
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.curves import Curves
from circuitxbar.circuit.drive_over_time import DriveOverTime
from circuitxbar.circuit.proof import LEAST_CURRENT
from circuitxbar.circuit.transient import StatesOverTime, Transient
from circuitxbar.circuit.valid import check_valid_conductances, stays_valid
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.nodal import over_time
from circuitxbar.solving.analyses import circuit_transient
from circuitxbar.solving.failures import named_vectors

_POINTS = 201


@overload
def transient(
    crossbar: Crossbar,
    waveforms: Any = None,
    column_waveforms: Any = None,
    gates: Any = None,
    *,
    stop: float,
    times: Any = None,
    tol: float = 1e-4,
    rtol: float = 1e-6,
    keep: Literal["voltages", "currents"] = "voltages",
    throw: bool = True,
    extrapolate: bool = False,
    engine: str = "auto",
) -> Transient: ...


@overload
def transient(
    crossbar: Circuit,
    *,
    stop: float,
    engine: str = "nodal",
    maximum_step: float | None = None,
    method: Literal["trapezoidal", "gear"] = "trapezoidal",
    tol: float = 1e-5,
    initial: Literal["operating point", "given"] = "operating point",
) -> Curves: ...


def transient(crossbar: Crossbar | Circuit, *arguments: Any, **options: Any) -> Any:
    """A crossbar or a circuit over time, from 0 s to `stop`: a Transient, or Curves.

    Of a Crossbar: currents, charges and voltages for a batch of waveforms.
    waveforms : Waveform of the driven lines, or their constant voltages, V; then column_waveforms
    and gates; further times, tol, rtol, keep, throw, extrapolate and engine, all told of in
    `circuitxbar.solving.transients.array_transient`.

    Of a Circuit: voltages, V, and currents, A, at the points that the steps end at.
    stop : s.  engine : "nodal" or "ngspice".  maximum_step : s; a fiftieth of stop by default.
    method : "trapezoidal" or "gear", of second order both; the first two steps behind a corner of a
    source or a switch are backward Euler's.
    tol : what a step may add to the error of any unknown, of the largest value it has had. What
    steps add is damped with the circuit, or adds up where that is lightly damped: a resonator that
    rings through 5 periods is off by 5e-4 of its swing at 1e-5 and by 2e-5 at 1e-7, as formulas are
    of second order: the error goes as tol ** (2/3). To see how far off an answer is, compare it
    with one at a tenth of its tol, which has a fifth of its error at 2.2 times the steps.
    initial : start from the "operating point" with the sources as they are at 0 s, nodes of
    circuit.initial_voltages held; or from what is "given": the initial values of capacitors and
    inductors, and of nodes (SPICE's uic).
    Raises CircuitError for wrong inputs and circuits without a unique solution, SolverError where
    a step cannot be made.
    """
    if "stop" not in options:
        raise CircuitError(
            "stop is missing: how long, s, by its name, as in cx.transient(..., stop=1e-6)."
        )
    if isinstance(crossbar, Circuit):
        if arguments or "waveforms" in options:
            raise CircuitError(
                "a Circuit takes no waveforms: its sources hold them, as in VoltageSource(..., "
                "over_time=Pulse(...)). Give all else by name."
            )
        return circuit_transient(crossbar, **options)
    return array_transient(crossbar, *arguments, **options)


def array_transient(
    crossbar: Crossbar,
    waveforms: Any = None,
    column_waveforms: Any = None,
    gates: Any = None,
    *,
    stop: float,
    times: Any = None,
    tol: float = 1e-4,
    rtol: float = 1e-6,
    keep: Literal["voltages", "currents"] = "voltages",
    throw: bool = True,
    extrapolate: bool = False,
    engine: str = "auto",
) -> Transient:
    """Currents, charges and voltages of `crossbar` over time, from its operating point at 0 s on.

    waveforms : Waveform of the driven lines, or their constant voltages as `solve` takes them; None
    where no end is Driven.
    column_waveforms : the same for Driven column ends where rows are driven too.
    gates : the same for the gate lines of transistors.
    stop : s, how far to go.
    times : of the points to be kept, s, increasing from 0 on; None for 201 at equal distances.
    tol : what a step may add to the error of any node voltage, relative to the vector's swing:
    the largest change of the voltage of any driven line. The same for states, of their range.
    rtol : largest error bound of any step, relative to the vector's largest terminal current.
    keep : "currents" stores no node voltages.
    throw : raise SolverError for vectors that did not converge, else see `status`.
    extrapolate : accept voltages and conductances outside the valid ranges of the devices.

    The capacitances are those of Crossbar.wires and Crossbar.cell_capacitance. Each vector takes
    steps of its own (TR-BDF2, second order, damping; as long as `tol` allows, none beyond a
    breakpoint of its waveforms), so that its answer depends neither on the others nor on `times`:
    points within a step lie on a parabola through its three stages.
    Where states of the devices have rates they move, each vector's from those of `crossbar` on; the
    rates see voltages that go evenly from stage to stage. Each vector then has cells of its own.
    engine : "array", "nodal" (trapezoidal rule, any cells, slow), or "auto": array where it takes
    the cells, which it does not if there are shorts or devices that are not monotone.
    Raises CircuitError for wrong inputs or a circuit without a unique operating point; ModelError
    where rates of states cannot be followed; SolverError for vectors that did not converge.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is neither a Crossbar nor a Circuit.")
    if not isinstance(engine, str) or engine not in ("auto", "array", "nodal"):
        raise CircuitError(f'engine = {shown(engine)}: choose "auto", "array" or "nodal".')
    reason = array.refusal(crossbar)
    if reason and engine == "array":
        raise CircuitError(f'engine = "array" does not take this array: {reason}. Use "nodal".')
    name = "nodal" if reason or engine == "nodal" else "array"
    if not isinstance(keep, str) or keep not in ("voltages", "currents"):
        raise CircuitError(f'keep = {shown(keep)}: choose "voltages" or "currents".')
    throw, extrapolate = flag("throw", throw), flag("extrapolate", extrapolate)
    stop, tol = positive_number("stop", stop, unit="s"), positive_number("tol", tol)
    rtol = positive_number("rtol", rtol)
    points = _points(times, stop)
    drive = DriveOverTime.of(crossbar, waveforms, column_waveforms, gates)
    if not extrapolate:
        check_valid_conductances(crossbar)
    span = np.inf if extrapolate else _span(crossbar, drive, stop)
    with np.errstate(over="ignore", invalid="ignore"):
        if name == "array":
            record = march(crossbar, drive, Plan(points, stop, tol, rtol, keep, span, extrapolate))
        else:
            record = over_time.transient(crossbar, drive, points, stop, tol, not extrapolate)
    found = Transient(
        crossbar,
        record.times,
        record.currents,
        record.charges,
        record.kirchhoff,
        np.maximum(rtol * record.scale, LEAST_CURRENT),
        record.local_error,
        record.tolerance,
        name,
        {"steps": record.steps, "rejected": record.rejected, "iterations": record.iterations},
        drive.single,
        record.voltages if keep == "voltages" else None,
        StatesOverTime(
            record.states if keep == "voltages" else None,
            record.last_states,
            record.state_error,
            tol,
        ),
    )
    if throw:
        _raise_unless_converged(found)
    return found


def _points(times: Any, stop: float) -> Array:
    if times is None:
        return np.linspace(0.0, stop, _POINTS)
    points = real_array("times", times, unit="s", shape=(None,), minimum=0.0, maximum=stop)
    if len(points) == 0 or points[0] != 0:
        raise CircuitError("times must begin with 0, the operating point from which all starts.")
    backwards = np.flatnonzero(np.diff(points) <= 0)
    if len(backwards):
        k = int(backwards[0]) + 1
        raise CircuitError(
            f"times[{k}] = {float(points[k])!r} s does not come after the point before it. "
            "Times must increase."
        )
    return points


def _span(crossbar: Crossbar, drive: DriveOverTime, stop: float) -> float:
    """Within which voltages, either way, all laws hold, V; inf where no voltage can leave them.

    Capacitors to ground leave every node within the range of the sources; those of cells do not.
    """
    if not np.any(crossbar.cell_capacitance):
        vectors = (drive.of_vector(k) for k in range(drive.batch))
        if all(stays_valid(crossbar, vector.at(vector.ticks(stop))) for vector in vectors):
            return np.inf
    ranges = [d.valid[name] for d in crossbar.devices.values() for name in d.variables]
    return min(min(-low, high) for low, high in ranges)


def _raise_unless_converged(found: Transient) -> None:
    """SolverError naming the vectors that did not converge, and what is wrong with the first."""
    failed = np.flatnonzero(~np.atleast_1d(found.converged))
    if len(failed) == 0:
        return
    told = found.status if found.single else found.status[failed[0]]
    raise SolverError(
        f"{named_vectors(failed)} did not converge: {told}. "
        "Pass a larger rtol or tol, or check for conductances many decades apart and for laws that "
        "are steep or flat.",
        vectors=tuple(int(k) for k in failed),
        solution=found,
    )
