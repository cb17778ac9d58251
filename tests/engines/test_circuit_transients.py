"""cx.transient of circuits by the nodal engine: against closed forms, scipy and ngspice."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import circuitxbar as cx

R, C, L, V, I = (  # noqa: E741
    cx.Resistor,
    cx.Capacitor,
    cx.Inductor,
    cx.VoltageSource,
    cx.CurrentSource,
)
METHODS = ("trapezoidal", "gear")


def ramp_response(time: np.ndarray, tau: float, begin: float, end: float) -> np.ndarray:
    """What a low-pass of time constant `tau` makes of a ramp from 0 to 1."""

    def integral(since: np.ndarray) -> np.ndarray:
        since = np.maximum(since, 0.0)
        return since + tau * np.expm1(-since / tau)

    return (integral(time - begin) - integral(time - end)) / (end - begin)


def low_pass() -> cx.Circuit:
    pulse = cx.Pulse(0.0, 1.0, 1e-6, 1e-9, 2e-9, 1e-5)
    return cx.Circuit().add(
        V("v1", "in", "0", over_time=pulse), R("r1", "in", "out", 1e3), C("c1", "out", "0", 1e-9)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_low_pass_is_exact_to_the_tolerance(method: Any):
    off = []
    for tol in (1e-4, 1e-6):
        found = cx.transient(low_pass(), stop=2e-5, tol=tol, method=method)
        time = found.time
        exact = ramp_response(time, 1e-6, 1e-6, 1.001e-6)
        exact -= ramp_response(time, 1e-6, 11.001e-6, 11.003e-6)
        off.append(np.abs(found.voltage("out") - exact).max())
        assert found.residual.max() < 1e-9 * np.abs(found.current("v1")).max()
        charging = (found.voltage("in") - found.voltage("out")) / 1e3
        np.testing.assert_allclose(found.current("v1"), -charging, atol=1e-15)
        np.testing.assert_allclose(found.current("r1"), charging, atol=1e-18)
    assert off[1] < 5e-5
    # Second order: the error of all steps goes with the tolerance to the power 2/3.
    assert 10 < off[0] / off[1] < 60


def resonator(q: float) -> cx.Circuit:
    return cx.Circuit().add(
        C("c1", "a", "0", 1e-9, 1.0), L("l1", "a", "0", 1e-6, 0.0), R("r1", "a", "0", q)
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_resonator_rings_as_it_should_from_initial_conditions(method: Any):
    found = cx.transient(resonator(1e3), stop=1e-6, tol=1e-7, method=method, initial="given")
    decay = 1 / (2 * 1e3 * 1e-9)
    omega = np.sqrt(1e15 - decay**2)
    t = found.time
    exact = np.exp(-decay * t) * (np.cos(omega * t) - decay / omega * np.sin(omega * t))
    assert np.abs(found.voltage("a") - exact).max() < 5e-4
    through = np.exp(-decay * t) * np.sin(omega * t) / (omega * 1e-6)
    assert np.abs(found.current("l1") - through).max() < 5e-4 * np.abs(through).max()


def test_initial_currents_of_inductors_and_voltages_of_nodes_are_where_it_starts():
    circuit = cx.Circuit().add(
        L("l1", "a", "0", 1e-6, 1e-3), R("r1", "a", "0", 10.0), C("c1", "b", "0", 1e-9),
        R("r2", "b", "0", 1e3),
    )  # fmt: skip
    found = cx.transient(
        circuit.with_initial_voltages({"b": 0.5}), stop=1e-6, tol=1e-6, initial="given"
    )
    assert found.voltage("a")[0] == pytest.approx(-1e-2, rel=1e-6)
    decay = np.exp(-found.time / 1e-7)
    assert np.abs(found.current("l1") - 1e-3 * decay).max() < 1e-6
    assert np.abs(found.voltage("b") - 0.5 * np.exp(-found.time / 1e-6)).max() < 1e-4


def test_initial_voltages_hold_nodes_at_the_operating_point_and_let_them_go():
    circuit = cx.Circuit().add(
        V("v1", "in", "0", 1.0), R("r1", "in", "out", 1e3), C("c1", "out", "0", 1e-9)
    )
    found = cx.transient(circuit.with_initial_voltages({"out": 0.25}), stop=5e-6, tol=1e-6)
    exact = 1 - 0.75 * np.exp(-found.time / 1e-6)
    assert np.abs(found.voltage("out") - exact).max() < 1e-4


def oscillator(hysteresis: float = 0.2) -> cx.Circuit:
    return cx.Circuit().add(
        V("v1", "in", "0", 1.0),
        R("r1", "in", "a", 1e5),
        C("c1", "a", "0", 1e-9, 0.0),
        cx.Switch("s1", "a", "0", "a", "0", 0.5, hysteresis, 100.0, 1e9),
    )


def test_a_relaxation_oscillator_has_the_period_of_its_closed_form():
    found = cx.transient(oscillator(), stop=1e-3, tol=1e-8, initial="given")
    a, t = found.voltage("a"), found.time

    def way(resistance: float, source: float, first: float, last: float) -> float:
        """Time from the first to the last voltage towards an open-circuit voltage."""
        return resistance * 1e-9 * np.log((source - first) / (source - last))

    off = 1e5 * 1e9 / (1e5 + 1e9), 1e9 / (1e5 + 1e9)
    on = 1e5 * 100 / (1e5 + 100), 100 / (1e5 + 100)
    period = way(*off, 0.3, 0.7) + way(*on, 0.7, 0.3)
    tops = t[1:-1][(a[1:-1] > a[:-2]) & (a[1:-1] >= a[2:]) & (a[1:-1] > 0.69)]
    assert len(tops) > 8
    np.testing.assert_allclose(np.diff(tops), period, rtol=1e-5)
    assert 0.7 <= a.max() < 0.7001
    assert found.residual.max() < 1e-9


def test_a_switch_that_chatters_without_hysteresis_is_not_followed_for_ever():
    circuit = cx.Circuit().add(
        V("v1", "in", "0", 1.0),
        R("r1", "in", "a", 1e3),
        cx.Switch("s1", "a", "0", "a", "0", 0.5, 0.0, 10.0, 1e9),
    )
    with pytest.raises(cx.SolverError, match="hysteresis"):
        cx.transient(circuit, stop=1e-6)


def rectifier() -> tuple[cx.Circuit, float]:
    card = cx.ModelCard("dm", "d", {"is": 1e-14, "cjo": 2e-12, "tt": 5e-9, "rs": 5.0})
    circuit = cx.Circuit().add(
        V("v1", "a", "b", over_time=cx.Sine(0, 5, 1e5)), R("rg", "b", "0", 1e6),
        cx.Diode("d1", "a", "p", card), cx.Diode("d2", "b", "p", card),
        cx.Diode("d3", "n", "a", card), cx.Diode("d4", "n", "b", card),
        C("c1", "p", "n", 1e-8), R("rl", "p", "n", 1e4), R("rn", "n", "0", 1.0),
    )  # fmt: skip
    return circuit, 3e-5


def inverters() -> tuple[cx.Circuit, float]:
    common = {"gamma": 0.4, "cgso": 1e-10, "cgdo": 1e-10}
    n = cx.ModelCard("nm", "nmos", {"vto": 0.7, "kp": 1e-4, "lambda": 0.02, **common})
    p = cx.ModelCard("pm", "pmos", {"vto": -0.8, "kp": 4e-5, "lambda": 0.03, **common})
    circuit = cx.Circuit().add(
        V("vdd", "vdd", "0", 3.0),
        V("vin", "n0", "0", over_time=cx.Pulse(0, 3, 1e-9, 2e-10, 2e-10, 5e-9, 1.2e-8)),
    )
    for k in range(3):
        circuit = circuit.add(
            cx.Mosfet(f"mn{k}", f"n{k + 1}", f"n{k}", "0", "0", n, 2e-6, 1e-6),
            cx.Mosfet(f"mp{k}", f"n{k + 1}", f"n{k}", "vdd", "vdd", p, 5e-6, 1e-6),
            C(f"c{k}", f"n{k + 1}", "0", 1e-14),
        )
    return circuit, 2e-8


def amplifier() -> tuple[cx.Circuit, float]:
    card = {"is": 1e-15, "bf": 100.0, "vaf": 60.0, "cje": 1e-12, "cjc": 5e-13, "tf": 3e-10}
    transistor = cx.ModelCard("qm", "npn", {**card, "rb": 100.0})
    circuit = cx.Circuit().add(
        V("vcc", "vcc", "0", 5.0), V("vi", "in", "0", over_time=cx.Sine(0, 0.05, 1e7)),
        R("rs", "in", "x", 50.0), C("ci", "x", "b", 1e-9), R("r1", "vcc", "b", 4e4),
        R("r2", "b", "0", 1e4), R("rc", "vcc", "c", 2e3), R("re", "e", "0", 5e2),
        C("ce", "e", "0", 1e-9), cx.Bipolar("q1", "c", "b", "e", transistor),
    )  # fmt: skip
    return circuit, 4e-7


def step_into_a_resonator() -> tuple[cx.Circuit, float]:
    circuit = cx.Circuit().add(
        V("v1", "in", "0", over_time=cx.Pulse(0, 1, 1e-8, 1e-10, 1e-10, 3e-7)),
        R("r1", "in", "a", 10.0), L("l1", "a", "b", 1e-7), C("c1", "b", "0", 1e-11),
        R("r2", "b", "0", 1e4),
    )  # fmt: skip
    return circuit, 5e-7


@cache
def by_ngspice(case: Any) -> cx.Curves:
    """One course for all methods of ours: its steps are short."""
    circuit, stop = case()
    return cx.transient(circuit, stop=stop, engine="ngspice", maximum_step=stop / 5000)


@pytest.mark.parametrize("case", [rectifier, inverters, amplifier, step_into_a_resonator])
@pytest.mark.parametrize("method", METHODS)
def test_every_node_is_where_ngspice_has_it(case: Any, method: Any):
    circuit, stop = case()
    found = cx.transient(circuit, stop=stop, tol=1e-6, method=method)
    other = by_ngspice(case)
    for node in circuit.nodes[1:]:
        exact = other.voltage(node)
        ours = np.interp(other.time, found.time, found.voltage(node))
        assert np.abs(ours - exact).max() < 1e-3 * max(np.ptp(exact), 1e-3)


def test_a_limit_cycle_is_that_of_scipy():
    """Van der Pol's oscillator: a resonator with a cubic conductance."""
    circuit = cx.Circuit().add(
        C("c1", "a", "0", 1.0, 0.5), L("l1", "a", "0", 1.0, 0.0),
        cx.BehaviouralSource("b1", "a", "0", current="m * (v**3 / 3 - v)",
                             voltages={"v": ("a", "0")}, parameters={"m": 2.0}),
    )  # fmt: skip
    found = cx.transient(circuit, stop=20.0, tol=1e-7, initial="given")

    def slopes(_: float, y: np.ndarray) -> list[float]:
        v, i = y
        return [-i - 2.0 * (v**3 / 3 - v), v]

    exact = solve_ivp(
        slopes, (0, 20), [0.5, 0.0], method="DOP853", rtol=1e-12, atol=1e-12, t_eval=found.time
    )
    assert np.abs(found.voltage("a") - exact.y[0]).max() < 1e-3
    assert np.ptp(exact.y[0]) > 4


def test_a_current_through_a_junction_capacitance_is_the_slope_of_its_charge():
    card = cx.ModelCard("dm", "d", {"is": 1e-18, "cjo": 1e-12, "vj": 0.8, "m": 0.4})
    ramp = cx.Waveform(np.array([0.0, 1e-6]), np.array([0.0, -1.0]))
    circuit = cx.Circuit().add(V("v1", "a", "0", over_time=ramp), cx.Diode("d1", "a", "0", card))
    found = cx.transient(circuit, stop=1e-6, tol=1e-6)
    capacitance = 1e-12 * (1 + found.time / 1e-6 / 0.8) ** -0.4
    inside = found.time > 1e-8
    np.testing.assert_allclose(found.current("v1")[inside], 1e6 * capacitance[inside], rtol=1e-4)


def test_the_error_follows_from_tol_as_is_told():
    """A tenth of tol: a fifth of the error, 2.2 times the steps; 5 periods of a resonator."""
    circuit = cx.Circuit().add(
        C("c1", "a", "0", 1e-9, 1.0), L("l1", "a", "b", 1e-3, 0.0), R("r1", "b", "0", 200.0)
    )
    decay, errors, steps = 1e5, [], []
    omega = np.sqrt(1e12 - decay**2)
    for tol in (1e-5, 1e-6):
        found = cx.transient(circuit, stop=3e-5, tol=tol, initial="given")
        turned = omega * found.time
        exact = np.exp(-decay * found.time) * (np.cos(turned) + decay / omega * np.sin(turned))
        errors.append(np.abs(found.voltage("a") - exact).max() / np.ptp(exact))
        steps.append(len(found.time))
    assert errors[0] == pytest.approx(5e-4, rel=0.2)
    assert errors[0] / errors[1] == pytest.approx(10 ** (2 / 3), rel=0.15)
    assert steps[1] / steps[0] == pytest.approx(10 ** (1 / 3), rel=0.1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stop": -1.0}, "stop = -1 s must be above 0"),
        ({"tol": 0.0}, "tol = 0 must be above 0"),
        ({"method": "euler"}, 'choose "trapezoidal" or "gear"'),
        ({"initial": "rest"}, 'choose "operating point" or "given"'),
        ({"maximum_step": 0.0}, "maximum_step = 0 s must be above 0"),
        ({"engine": "array"}, "takes crossbars only"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], told: str):
    with pytest.raises(cx.CircuitError, match=told):
        cx.transient(low_pass(), **{"stop": 1e-6, **options})


def test_a_node_between_capacitors_needs_an_initial_voltage():
    circuit = cx.Circuit().add(
        V("v1", "in", "0", 1.0), C("c1", "in", "mid", 1e-9), C("c2", "mid", "0", 1e-9)
    )
    with pytest.raises(cx.CircuitError, match="node 'mid' has no path"):
        cx.transient(circuit, stop=1e-6)
    found = cx.transient(circuit.with_initial_voltages({"mid": 0.3}), stop=1e-6)
    np.testing.assert_allclose(found.voltage("mid"), 0.3, rtol=1e-9)
    found = cx.transient(circuit, stop=1e-6, initial="given")
    np.testing.assert_allclose(found.voltage("mid"), 0.5, rtol=1e-9)


def test_a_source_that_jumps_within_a_law_is_told_of():
    circuit = cx.Circuit().add(
        cx.BehaviouralSource("b1", "a", "0", voltage="where(time < 3.3e-7, 0, 1)"),
        C("c1", "a", "0", 1e-9), R("r1", "a", "0", 1e3),
    )  # fmt: skip
    with pytest.raises(cx.SolverError, match=r"3\.[23]\d*e-07 s.*law that jumps"):
        cx.transient(circuit, stop=1e-6)


def test_a_sweep_up_and_down_shows_the_hysteresis_of_a_switch():
    circuit = cx.Circuit().add(
        V("v1", "in", "0"), R("r1", "in", "a", 1e3), R("r2", "a", "0", 1e12),
        cx.Switch("s1", "a", "0", "in", "0", 0.5, 0.2, 1e3, 1e12),
    )  # fmt: skip
    up = np.linspace(0.0, 1.0, 11)
    values = np.concatenate([up, up[::-1]])
    found = cx.dc_sweep(circuit, "v1", values)
    other = cx.dc_sweep(circuit, "v1", values, engine="ngspice")
    closed = np.concatenate([up > 0.7, up[::-1] >= 0.3])
    exact = values * np.where(closed, 0.5, 1.0)
    np.testing.assert_allclose(found.voltage("a"), exact, rtol=1e-8)
    np.testing.assert_allclose(other.voltage("a"), exact, rtol=1e-8)


def test_a_sweep_stays_on_the_branch_it_is_on():
    """A Schmitt trigger of a law: two answers between the thresholds."""
    circuit = cx.Circuit().add(
        V("v1", "in", "0"),
        cx.BehaviouralSource("b1", "out", "0", voltage="tanh(4 * (v + 0.6 * o))",
                             voltages={"v": ("in", "0"), "o": ("out", "0")}),
        R("r1", "out", "0", 1e3),
    )  # fmt: skip
    values = np.concatenate([np.linspace(-1, 1, 81), np.linspace(1, -1, 81)])
    out = cx.dc_sweep(circuit, "v1", values).voltage("out")
    np.testing.assert_allclose(out, np.tanh(4 * (values + 0.6 * out)), atol=1e-12)
    up, down = out[40], out[121]  # at 0 V
    assert up < -0.9
    assert down > 0.9


def test_a_transistor_at_next_to_no_voltage_has_a_finite_charge():
    """A junction at 1e-107 V, whose current is 0, is no 0 / 0 in the charge of its transit time."""
    npn, pnp = (cx.ModelCard(k, k, {"is": 1e-14, "bf": 100.0, "tf": 1e-10}) for k in ("npn", "pnp"))
    circuit = cx.Circuit().add(
        V("vp", "p", "0", 12.0), V("vn", "n", "0", -12.0),
        V("v1", "in", "0", over_time=cx.Sine(0, 1, 2e4)), R("rl", "out", "0", 100.0),
        cx.Bipolar("q1", "p", "in", "out", npn), cx.Bipolar("q2", "n", "in", "out", pnp),
    )  # fmt: skip
    found = cx.transient(circuit, stop=5e-5, tol=1e-5)
    assert found.voltage("out").max() > 0.2
    assert found.voltage("out").min() < -0.2


def test_a_sine_is_seen_where_no_charge_tells_of_its_error():
    """A rectifier without a capacitor: a fiftieth of 50 ms is 1 ms, where its sine is 0 V."""

    def rectifier(voltage: float, over_time: cx.Sine | None = None) -> cx.Circuit:
        return cx.Circuit().add(
            cx.VoltageSource("v", "a", "0", voltage, over_time),
            cx.Diode("d", "a", "b", cx.ModelCard("dm", "d", {"is": 1e-14})),
            cx.Resistor("r", "b", "0", 1e3),
        )

    highest = cx.operating_point(rectifier(5.0)).voltage("b")
    for step in (None, 1e-3):
        curves = cx.transient(rectifier(0.0, cx.Sine(0.0, 5.0, 1e3)), stop=0.05, maximum_step=step)
        assert curves.voltage("b").max() == pytest.approx(highest, rel=3e-3)
        mean_square = np.trapezoid(curves.voltage("a") ** 2, curves.time) / 0.05
        assert mean_square == pytest.approx(12.5, rel=1e-3)


def test_more_steps_than_anybody_waits_for_are_refused():
    circuit = cx.Circuit().add(
        cx.VoltageSource("v", "a", "0", over_time=cx.Sine(0.0, 1.0, 1e12)),
        cx.Resistor("r", "a", "0", 1e3),
    )
    with pytest.raises(cx.CircuitError, match=r"steps of at most 2e-14 s to 1 s are 5.0e\+13"):
        cx.transient(circuit, stop=1.0)
