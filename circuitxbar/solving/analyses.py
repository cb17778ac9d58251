"""Sweeps, transients, frequency responses, noise and sensitivities of circuits."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from circuitxbar.arguments import Array, positive_number, real_array, shown
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import Curves, has_branch
from circuitxbar.circuit.noise import Noise
from circuitxbar.circuit.sensitivity import Sensitivity
from circuitxbar.errors import CircuitError
from circuitxbar.nodal.modified import sensitivity as modified
from circuitxbar.solving.engines import engine_for_circuit


def dc_sweep(circuit: Circuit, source: str, values: Any, engine: str = "nodal") -> Curves:
    """Operating points of `circuit` while the voltage or current of `source` takes `values`.

    source : the name of a VoltageSource or CurrentSource.  values : (points,), V or A; each point
    begins where the one before ended, so that what has a hysteresis shows it.
    Raises CircuitError for wrong inputs, SolverError for a point that was not found.
    """
    _check_source(_checked(circuit), source)
    return engine_for_circuit(engine).dc_sweep(circuit, source, _line("values", values))


def circuit_transient(
    circuit: Circuit,
    *,
    stop: float,
    engine: str = "nodal",
    maximum_step: float | None = None,
    method: Literal["trapezoidal", "gear"] = "trapezoidal",
    tol: float = 1e-5,
    initial: Literal["operating point", "given"] = "operating point",
) -> Curves:
    """`circuit` from 0 s to `stop`; see `transient`."""
    _checked(circuit)
    stop = positive_number("stop", stop, unit="s")
    tol = positive_number("tol", tol)
    if maximum_step is not None:
        maximum_step = positive_number("maximum_step", maximum_step, unit="s")
    if not isinstance(method, str) or method not in ("trapezoidal", "gear"):
        raise CircuitError(f'method = {shown(method)}: choose "trapezoidal" or "gear".')
    if not isinstance(initial, str) or initial not in ("operating point", "given"):
        raise CircuitError(f'initial = {shown(initial)}: choose "operating point" or "given".')
    options: dict[str, Any] = {
        "maximum_step": maximum_step,
        "method": method,
        "use_initial": initial == "given",
    }
    return engine_for_circuit(engine).transient(circuit, stop, tol=tol, **options)


def ac(circuit: Circuit, frequencies: Any, engine: str = "nodal") -> Curves:
    """Complex voltages and currents of `circuit` at `frequencies`, Hz, for small amplitudes.

    The circuit is linearised where it is at rest; sources act with their amplitude `ac`.
    frequencies : (points,), above 0.
    Raises CircuitError for wrong inputs, SolverError where there is no operating point.
    """
    _checked(circuit)
    return engine_for_circuit(engine).ac(circuit, _frequencies(frequencies))


def noise(
    circuit: Circuit,
    output: str | tuple[str, str],
    source: str,
    frequencies: Any,
    engine: str = "nodal",
) -> Noise:
    """Noise of a voltage of `circuit` at `frequencies`, Hz, in small signals about its rest.

    output : a node, or two, the voltage of the first above the second.
    source : the VoltageSource or CurrentSource that the noise is referred to.
    frequencies : (points,), above 0.
    Resistors and switches have thermal noise, 4 k T / R. Diodes and transistors have that of their
    series resistances, shot noise of a diode's current and of a bipolar's collector and base
    currents, a field-effect transistor's channel 8/3 k T gm (level 1) or 4 k T beta |q_I| (EKV),
    and flicker noise by kf and af; junctions of the bulk have none. Devices have 4 k T times their
    slope by the voltage of the first terminal, at their own temperature: exact for linear ones, for
    others an assumption that holds at 0 V alone (Nyquist); in ngspice they have no noise. All else
    is at 300.15 K.
    Raises CircuitError for wrong inputs, SolverError where there is no operating point.
    """
    _check_source(_checked(circuit), source)
    nodes = _voltage(circuit, output)
    return engine_for_circuit(engine).noise(circuit, nodes, source, _frequencies(frequencies))


def sensitivity(
    circuit: Circuit, output: str | tuple[str, str] | None = None, *, current: str | None = None
) -> Sensitivity:
    """Derivatives of a voltage or a current of `circuit` at rest by every value of its elements.

    output : a node, or two, the voltage of the first above the second.
    current : instead, the element that fixes a voltage (a source, an inductor) whose current it is.
    One solve with the transposed matrix; by the nodal engine.
    Raises CircuitError for wrong inputs, SolverError where there is no operating point.
    """
    _checked(circuit)
    if (output is None) == (current is None):
        raise CircuitError("give either output, of which the voltage is, or current, an element.")
    if current is None:
        return modified.sensitivity(circuit, _voltage(circuit, output), None)
    if not has_branch(circuit.element(current)[0]):
        raise CircuitError(
            f"the current of element {current!r} is no unknown. Put a VoltageSource of 0 V in "
            "series with it."
        )
    return modified.sensitivity(circuit, (), current)


def _check_source(circuit: Circuit, name: str) -> None:
    group, _ = circuit.element(name)
    if group.kind not in ("V", "I"):
        raise CircuitError(f"source = {shown(name)} is no VoltageSource or CurrentSource.")


def _voltage(circuit: Circuit, output: Any) -> tuple[str, ...]:
    """The nodes of an output: one, or two of which the voltages are subtracted."""
    nodes = (output,) if isinstance(output, str) else output
    if not isinstance(nodes, tuple) or len(nodes) not in (1, 2):
        raise CircuitError(f"output = {shown(output)}: expected a node, or a tuple of two.")
    numbers = [circuit.node(name) for name in nodes]
    if numbers == [0] or len(set(numbers)) < len(numbers):
        raise CircuitError(f"output = {shown(output)} is 0 V always. Choose other nodes.")
    return nodes


def _frequencies(frequencies: Any) -> Array:
    points = _line("frequencies", frequencies)
    if (points <= 0).any():
        k = int(np.argmax(points <= 0))
        raise CircuitError(f"frequencies[{k}] = {points[k]:g} Hz must be above 0.")
    return points


def _line(name: str, values: Any) -> Array:
    points = np.atleast_1d(real_array(name, values))
    if points.ndim != 1 or points.size == 0:
        raise CircuitError(f"{name} has shape {points.shape}; expected (points,), at least one.")
    return points


def _checked(circuit: Circuit) -> Circuit:
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit.")
    if circuit.batch > 1:
        raise CircuitError(
            f"the circuit holds {circuit.batch} vectors. Take one of them: circuit.vector(0)."
        )
    return circuit
