"""Independent witnesses of a crossbar over time.

They read only what a user types, share no code with the package, and know one input vector at a
time; `Circuit` has its equations.

`linear_transient` is exact: waveforms are linear between their points, so the modes of a linear
array are sums of exponentials and polynomials. `nonlinear_transient` gives the same ordinary
differential equation to scipy's Radau method, piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
from reference.transient_circuit import SIDES, Circuit
from scipy.integrate import solve_ivp
from scipy.linalg import eigh


@dataclass(frozen=True, eq=False)
class Answer:
    """What happens at the times asked for; currents are those just before each time.

    time : (points,), s.  voltages : node name -> (points,), V.
    currents : side -> (points, lines), A, out of the array; charges : their integrals, C.
    """

    time: np.ndarray
    voltages: dict[str, np.ndarray]
    currents: dict[str, np.ndarray]
    charges: dict[str, np.ndarray]


def linear_transient(crossbar: Any, waveform: Any, times: Any, across: Any = None) -> Answer:
    """An array of linear cells at `times` (increasing, from 0 on), exact but for rounding."""
    circuit = Circuit(crossbar, waveform, across)
    if circuit.laws:
        raise ValueError("the cells are not linear")
    states = circuit.member @ circuit.state
    common, sources = circuit.member @ circuit.common, circuit.follows
    g, c = circuit.conductance, circuit.capacitance
    # What follows: common.T g (common b + states a + sources s) = common.T J.
    inner = np.linalg.inv(common.T @ g @ common) if common.shape[1] else np.zeros((0, 0))
    away = np.eye(len(g)) - common @ inner @ common.T @ g
    constant = common @ inner @ common.T @ circuit.source_current
    by_state, by_source = away @ states, away @ sources
    mass, stiffness = states.T @ c @ states, states.T @ g @ by_state
    rates, modes = eigh((stiffness + stiffness.T) / 2, mass)

    def forcing(s: np.ndarray, ds: np.ndarray, one: float) -> np.ndarray:
        """Of every mode, by source voltages and their slopes; `one` is 0 for a difference."""
        own = circuit.source_current - g @ constant
        return modes.T @ states.T @ (one * own - g @ by_source @ s - c @ sources @ ds)

    start = circuit.operating_point(times[0])
    amplitude = modes.T @ mass @ _states_of(circuit, start)
    history = _History(circuit)
    flow = circuit.outflow(start)
    history.keep(times[0], start, circuit.terminal_currents(flow, start))
    charge = {side: np.zeros(circuit.lines(side)) for side in SIDES}
    norton, voltages = circuit.norton_currents(), start
    ticks = np.union1d(times, circuit.breaks[(circuit.breaks > times[0])])
    for first, last in pairwise(ticks[ticks <= times[-1]]):
        h = last - first
        s0, s1 = circuit.source_voltages(first), circuit.source_voltages(last)
        ds = (s1 - s0) / h
        f0, df = forcing(s0, ds, 1.0), forcing(ds, 0 * ds, 0.0)
        x = rates * h
        phi = [_phi(k, x) for k in range(4)]
        integral = h * (phi[1] * amplitude + h * phi[2] * f0 + h * h * phi[3] * df)
        amplitude = phi[0] * amplitude + h * phi[1] * f0 + h * h * phi[2] * df
        slope = f0 + h * df - rates * amplitude
        before = voltages
        voltages = by_state @ (modes @ amplitude) + by_source @ s1 + constant
        through = by_state @ (modes @ integral) + by_source @ (h * (s0 + s1) / 2) + h * constant
        moved = by_state @ (modes @ slope) + by_source @ ds
        flow = circuit.outflow(voltages) + c @ moved
        carried = g @ through - h * circuit.source_current + c @ (voltages - before)
        terminal = circuit.terminal_currents(carried, through)
        charge = {side: charge[side] + terminal[side] - h * norton[side] for side in SIDES}
        if last in times:
            history.keep(last, voltages, circuit.terminal_currents(flow, voltages), charge)
    return history.answer(norton)


def nonlinear_transient(
    crossbar: Any,
    waveform: Any,
    times: Any,
    across: Any = None,
    gates: Any = None,
    *,
    rtol: float = 1e-10,
) -> Answer:
    """Any array at `times` (increasing, from 0 on), by scipy's Radau method; constant gates."""
    circuit = Circuit(crossbar, waveform, across, gates)
    states, common = circuit.member @ circuit.state, circuit.member @ circuit.common
    mass = np.linalg.inv(states.T @ circuit.capacitance @ states)
    names = [(side, line) for side in SIDES for line in range(circuit.lines(side))]
    norton = circuit.norton_currents()
    start = circuit.operating_point(times[0])
    size = states.shape[1]
    voltage = max(np.abs(start).max(), max(np.abs(circuit.source_voltages(t)).max() for t in times))
    near = start[circuit.origins]

    def completed(time: float, y: np.ndarray) -> np.ndarray:
        nonlocal near
        voltages = circuit.completed(y[:size], time, near)
        near = voltages[circuit.origins]
        return voltages

    def moving(voltages: np.ndarray, ds: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Slopes of the states, and terminal currents."""
        flow, driven = circuit.outflow(voltages), circuit.capacitance @ (circuit.follows @ ds)
        rate = -mass @ (states.T @ (flow + driven))
        total = flow + driven + circuit.capacitance @ (states @ rate)
        return rate, circuit.terminal_currents(total, voltages)

    y = np.concatenate([_states_of(circuit, start), np.zeros(len(names))])
    history = _History(circuit)
    history.keep(times[0], start, circuit.terminal_currents(circuit.outflow(start), start))
    breaks = circuit.breaks[(circuit.breaks > times[0]) & (circuit.breaks < times[-1])]
    for first, last in pairwise([times[0], *breaks, times[-1]]):
        ds = (circuit.source_voltages(last) - circuit.source_voltages(first)) / (last - first)

        def rate(time: float, y: np.ndarray, ds: np.ndarray = ds) -> np.ndarray:
            by_state, currents = moving(completed(time, y), ds)
            return np.concatenate([by_state, *(currents[side] for side in SIDES)])

        def jacobian(time: float, y: np.ndarray) -> np.ndarray:
            k = circuit.slopes(completed(time, y))
            along = states
            if common.shape[1]:
                inner = common.T @ k @ common
                along = states - common @ np.linalg.solve(inner, common.T @ k @ states)
            by_state = -mass @ (states.T @ k @ along)
            flow = k @ along + circuit.capacitance @ (states @ by_state)
            matrix = np.zeros((len(y), len(y)))
            matrix[:size, :size] = by_state
            for column in range(size):
                by_side = circuit.terminal_currents(flow[:, column], along[:, column])
                matrix[size:, column] = np.concatenate([by_side[side] for side in SIDES])
            return matrix

        asked = np.array([t for t in times if first < t <= last])
        typical = np.abs(rate(last, y)[size:]).max() + np.abs(circuit.conductance).max() * voltage
        absolute = np.concatenate(
            [np.full(size, rtol * voltage), np.full(len(names), rtol * typical * (last - first))]
        )
        found = solve_ivp(
            rate,
            (first, last),
            y,
            method="Radau",
            jac=jacobian,
            t_eval=np.union1d(asked, [last]),
            rtol=rtol,
            atol=absolute * 1e-2,
        )
        if not found.success:
            raise RuntimeError(found.message)
        for time, at in zip(found.t, found.y.T, strict=True):
            if time in asked:
                voltages = completed(time, at)
                _, currents = moving(voltages, ds)
                parts = np.split(at[size:], np.cumsum([circuit.lines(side) for side in SIDES])[:3])
                charge = {
                    side: part - (time - times[0]) * norton[side]
                    for side, part in zip(SIDES, parts, strict=True)
                }
                history.keep(time, voltages, currents, charge)
        y = found.y[:, -1]
    return history.answer(norton)


class _History:
    """Collects what is asked for, point by point."""

    def __init__(self, circuit: Circuit):
        self.circuit = circuit
        self.kept: list[tuple[float, np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]] = []

    def keep(
        self,
        time: float,
        voltages: np.ndarray,
        currents: dict[str, np.ndarray],
        charges: dict[str, np.ndarray] | None = None,
    ) -> None:
        if charges is None:
            charges = {side: np.zeros_like(value) for side, value in currents.items()}
        self.kept.append((time, voltages, currents, charges))

    def answer(self, norton: dict[str, np.ndarray]) -> Answer:
        time, voltages, currents, charges = zip(*self.kept, strict=True)
        by_node = np.stack(voltages)
        return Answer(
            np.array(time),
            {name: by_node[:, k] for name, k in self.circuit.number.items()},
            {side: np.stack([c[side] for c in currents]) - norton[side] for side in SIDES},
            {side: np.stack([q[side] for q in charges]) for side in SIDES},
        )


def _states_of(circuit: Circuit, voltages: np.ndarray) -> np.ndarray:
    """The states at which all nodes have these voltages."""
    nets = voltages[circuit.free]
    return circuit.state.T @ (nets - circuit.common @ voltages[circuit.origins])


def _phi(order: int, x: np.ndarray) -> np.ndarray:
    """The integral of exp(-x (1 - t)) t^(order - 1) / (order - 1)! from 0 to 1; exp(-x) for 0."""
    if order == 0:
        return np.exp(-x)
    small = np.abs(x) < 1.0
    near = np.where(small, x, 0.0)
    series = sum((-near) ** k / factorial(k + order) for k in range(20))
    far = np.where(small, 1.0, x)
    exact = np.exp(-far)
    for k in range(order):
        exact = (1 / factorial(k) - exact) / far
    return np.where(small, series, exact)
