"""Transients that ngspice makes of a Circuit, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from engines.by_ngspice import transient

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import Capacitor, Inductor
from circuitxbar.circuit.time_functions import Exponential, Pulse, Sine
from circuitxbar.errors import CircuitError
from circuitxbar.ngspice.engine import operating_point

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741


@pytest.mark.parametrize(("method", "error"), [("trapezoidal", 5e-6), ("gear", 1e-5)])
def test_a_step_through_a_resistance_into_a_capacitor(method, error: float):
    rise, tau = 1e-9, 1e-6
    circuit = Circuit().add(
        V("v1", "a", "0", 0.0, Pulse(0.0, 1.0, 1e-6, rise, rise)),
        R("r1", "a", "b", 1e3),
        Capacitor("c1", "b", "0", 1e-9),
    )
    curves = transient(circuit, 1e-5, method=method)

    def ramped(since: np.ndarray) -> np.ndarray:
        since = np.maximum(since, 0.0)
        return (since + tau * np.expm1(-since / tau)) / rise

    since = curves.time - 1e-6
    wanted = ramped(since) - ramped(since - rise)
    np.testing.assert_allclose(curves.voltage("b"), wanted, atol=error)
    assert curves.time[0] == 0.0
    assert curves.time[-1] == pytest.approx(1e-5, rel=1e-12)
    assert np.diff(curves.time).max() <= 1e-8 * (1 + 1e-9)
    assert np.isnan(curves.residual).all()
    np.testing.assert_allclose(
        curves.current("v1"), (curves.voltage("b") - curves.voltage("a")) / 1e3, atol=1e-12
    )


@pytest.mark.parametrize(("method", "error"), [("trapezoidal", 4e-4), ("gear", 8e-4)])
def test_a_circuit_that_rings(method, error: float):
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        R("r1", "a", "b", 10.0),
        Inductor("l1", "b", "c", 1e-3),
        Capacitor("c1", "c", "0", 1e-9),
    )
    curves = transient(circuit, 5e-5, initial="given", method=method)
    decay = 10 / 2e-3
    turn = math.sqrt(1e12 - decay**2)
    t = curves.time
    wanted = 1 - np.exp(-decay * t) * (np.cos(turn * t) + decay / turn * np.sin(turn * t))
    assert wanted.max() > 1.9
    np.testing.assert_allclose(curves.voltage("c"), wanted, atol=error * 2)


def test_where_a_transient_starts():
    """At rest; at rest with a node held; and at the initial values of the elements."""
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        R("r1", "a", "b", 1e3),
        R("r2", "b", "0", 1e3),
        Capacitor("c1", "b", "0", 2e-9, initial=0.2),
        Inductor("l1", "a", "d", 1e-3, initial=3e-3),
        R("r3", "d", "0", 1e3),
    )
    tau = 1e-6
    at_rest = transient(circuit, 1e-6)
    np.testing.assert_allclose(at_rest.voltage("b"), 0.5, rtol=1e-9)
    np.testing.assert_allclose(at_rest.current("l1"), 1e-3, rtol=1e-9)
    held = transient(circuit.with_initial_voltages({"b": 0.1}), 1e-6)
    wanted = 0.5 - 0.4 * np.exp(-held.time / tau)
    np.testing.assert_allclose(held.voltage("b"), wanted, atol=1e-6)
    given = transient(circuit, 1e-6, initial="given")
    wanted = 0.5 - 0.3 * np.exp(-given.time / tau)
    np.testing.assert_allclose(given.voltage("b"), wanted, atol=1e-6)
    wanted = 1e-3 + 2e-3 * np.exp(-given.time / 1e-6)
    np.testing.assert_allclose(given.current("l1"), wanted, atol=1e-8)


@pytest.mark.parametrize(
    "function",
    [
        Pulse(-0.2, 1.0, 1e-7, 2e-8, 3e-8, 2e-7, 4e-7),
        Pulse(0.1, 1.0, 1e-7, 2e-8, 3e-8, 2e-7),
        Pulse(0.1, 1.0, 2e-7, 1e-7, 1e-7),
        Pulse(0.1, 1.0, 0.0, 1e-7, 1e-7, 0.0, 2.5e-7),
        Sine(0.1, 0.5, 2e6, 3e-7, 1e6, 30.0),
        Exponential(0.1, 1.0, 0.0, 1e-7, 5e-7, 2e-7),
        Exponential(0.1, 1.0, 2e-7, 1e-7, 5e-7, 2e-7),
        cx.Waveform([1e-7, 2e-7, 5e-7], [0.5, 1.0, -1.0]),
        cx.Waveform([1e-7], [0.5]),
    ],
)
def test_sources_over_time_are_those_of_this_package(function):
    circuit = Circuit().add(
        V("v1", "a", "0", 9.0, function),
        R("r1", "a", "0", 1e3),
        I("i1", "0", "b", 9.0, function),
        R("r2", "b", "0", 1.0),
    )
    curves = transient(circuit, 1e-6, 1e-8)
    # At a corner ngspice's own time may be the last number before it.
    wanted = function.at(curves.time)
    np.testing.assert_allclose(curves.voltage("a"), wanted, atol=1e-8)
    np.testing.assert_allclose(curves.voltage("b"), wanted, atol=1e-8)
    assert (curves.residual < 1e-8).all()
    # And the steady value, of which a transient knows nothing, is that of an operating point.
    assert operating_point(circuit).voltage("a") == pytest.approx(9.0, rel=1e-14)


def test_wrong_arguments_of_a_transient():
    circuit = Circuit().add(V("v1", "a", "0", 0.0), R("r1", "a", "0", 1e3))
    for options, told in (
        ({"stop": 0.0}, "stop"),
        ({"stop": 1.0, "step": -1.0}, "maximum_step"),
        ({"stop": 1.0, "initial": "yes"}, "initial"),
    ):
        with pytest.raises(CircuitError, match=told):
            transient(circuit, **options)
