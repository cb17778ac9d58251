"""cx.transient of cells whose states move: against scipy, ngspice, cx.pulse, and itself."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.moving_cells import (
    STATE,
    Cells,
    ode_states,
    spice_states,
    stanford_current,
    stanford_rate,
    vteam_current,
    vteam_rate,
)
from scipy.integrate import solve_ivp

import circuitxbar as cx

NS, FF = 1e-9, 1e-15
TOL = 1e-4

SWITCH = """
name = "switch"
title = "A selector that closes above 0.3 V, and takes its time"
source = "made up"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[state.closed]
unit = "1"
range = [0.0, 1.0]
initial = 0.0
meaning = "how far it is closed"
rate = "((1 + tanh((abs(v) - 0.3) / 0.05)) / 2 - closed) / 2e-9"

[current]
law = "(1e-6 + 1e-4 * closed) * v"
valid = { v = [-5.0, 5.0] }
"""


def vteam(v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return vteam_current(v, w), vteam_rate(v, w)


def stanford(v: np.ndarray, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return stanford_current(v, gap), stanford_rate(v, gap)


def switched(v: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w, closed = x
    g, behind = vteam_current(1.0, w), 1e-6 + 1e-4 * closed
    across, before = v * behind / (g + behind), v * g / (g + behind)
    rate = ((1 + np.tanh((np.abs(before) - 0.3) / 0.05)) / 2 - closed) / 2e-9
    return g * across, np.stack([vteam_rate(across, w), rate])


def small(name: str, folder: Path) -> tuple[cx.Crossbar, cx.Waveform, np.ndarray, Cells]:
    """An array with capacitors everywhere, pulses, its states at first, and its equations."""
    rng = np.random.default_rng(0)
    shape = (2, 3)
    wires = cx.Wires(2000.0, 1000.0, row_capacitance=30 * FF, column_capacitance=50 * FF)
    more: dict[str, Any] = {"wires": wires, "cell_capacitance": 10 * FF}
    if name == "stanford_rram":
        wires = cx.Wires(100.0, 50.0, row_capacitance=300 * FF, column_capacitance=450 * FF)
        gap = rng.uniform(1.3, 1.6, shape)
        waveform = cx.pulses([2.0, 2.2], [3 * NS, 5 * NS], rise=1 * NS, fall=0.5 * NS)
        crossbar = cx.Crossbar(
            device=name, states={"gap": gap}, wires=wires, cell_capacitance=100 * FF
        )
        return crossbar, waveform, gap, stanford
    w = rng.uniform(0.45, 0.8, shape)
    waveform = cx.Waveform(
        np.array([0, 1, 8, 9, 12, 13, 18, 19]) * NS,
        np.array([0.0, -1.2, -1.2, 0.0, 0.0, 1.0, 1.0, 0.0]) * np.array([[1.0], [1.3]]),
    )
    if name == "vteam":
        return cx.Crossbar(device=name, states={"w": w}, **more), waveform, w, vteam
    (folder / "switch.toml").write_text(SWITCH)
    waveform = replace(waveform, voltages=1.3 * waveform.voltages)
    crossbar = cx.Crossbar(device="vteam", selector=folder / "switch.toml", states={"w": w}, **more)
    return crossbar, waveform, np.stack([w, np.zeros(shape)]), switched


@pytest.mark.parametrize("engine", ["array", "nodal"])
@pytest.mark.parametrize("name", ["vteam", "stanford_rram", "switched"])
def test_states_and_voltages_are_those_of_the_differential_equations(
    name: str, engine: str, tmp_path: Path
):
    crossbar, waveform, start, cells = small(name, tmp_path)
    times = np.linspace(0.0, 20 * NS, 41)
    exact, voltages = ode_states(crossbar, waveform, times, start, cells)
    moved = np.ptp(exact, axis=0).max()
    assert moved > 0.2
    off = []
    for tol in (12 * TOL, 1.2 * TOL):
        given = {"stop": times[-1], "times": times, "tol": tol, "engine": engine}
        found = cx.transient(crossbar, waveform, **given)
        assert 0 < found.state_error <= tol
        states = np.stack([found.state(key) for key in crossbar.states], axis=1)
        apart = np.abs(states - exact.reshape(states.shape)).max()
        nodes = ("row_1_1", "column_1_1")
        at_nodes = max(np.abs(found.voltage(node) - voltages[node]).max() for node in nodes)
        off.append((apart / moved, at_nodes / np.ptp(waveform.voltages)))
    assert max(off[1]) < 10 * TOL
    # Of the second order: the error of all steps goes with the tolerance to the power 2/3.
    assert max(off[1]) < 0.4 * max(off[0])


def half_selected(device: str, selector: str | None, lines: int) -> tuple[Any, ...]:
    """A passive array, the waveforms that write one of its cells by half voltages, and its place.

    Rows give half of the voltage, columns take the other half; all other lines are at 0 V.
    """
    low, high = {"vteam": (0.3, 0.9), "stanford_rram": (1.3, 1.65)}[device]
    states = np.random.default_rng(0).uniform(low, high, (lines, lines))
    crossbar = cx.Crossbar(
        device=device,
        selector=selector,
        states={STATE[device]: states},
        wires=cx.Wires(20.0, 10.0, row_capacitance=2 * FF, column_capacitance=3 * FF),
        cell_capacitance=0.5 * FF,
        left=cx.Driven(50.0),
        bottom=cx.Driven(20.0),
    )
    volts = {"vteam": -1.2, "stanford_rram": 2.0}[device] * (1.0 if selector is None else 2.5)
    row, column = lines // 2, lines // 3
    rows, columns = np.zeros((2, lines))
    rows[row], columns[column] = volts / 2, -volts / 2
    edges = {"delay": 1 * NS, "rise": 2 * NS, "fall": 2 * NS}
    waves = cx.pulses(rows, 20 * NS, **edges), cx.pulses(columns, 20 * NS, **edges)
    return crossbar, waves, (row, column)


def neighbours(place: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """The cells that share one line with the one at `place`."""
    mask = np.zeros(shape, dtype=bool)
    mask[place[0]] = mask[:, place[1]] = True
    mask[place] = False
    return mask


@pytest.mark.parametrize(
    ("device", "selector", "lines"),
    [
        ("vteam", None, 8),
        ("stanford_rram", None, 8),
        ("vteam", "exponential_selector", 8),
        pytest.param("vteam", None, 32, marks=pytest.mark.slow),
        pytest.param("stanford_rram", None, 32, marks=pytest.mark.slow),
        pytest.param("vteam", "exponential_selector", 32, marks=pytest.mark.slow),
    ],
)
def test_ngspice_disturbs_half_selected_cells_as_much(
    device: str, selector: str | None, lines: int
):
    crossbar, waves, place = half_selected(device, selector, lines)
    stop = 25 * NS
    found = cx.transient(crossbar, *waves, stop=stop, extrapolate=True)
    before, name = crossbar.states[STATE[device]], STATE[device]
    change = found.crossbar_at_end().states[name] - before
    seen = spice_states(crossbar, waves[0], waves[1], stop, 0.02 * NS)[0] - before
    assert np.abs(seen[place]) > 0.01
    assert np.abs(change[place] - seen[place]) < 1e-3 * np.abs(seen[place])
    beside = neighbours(place, crossbar.shape)
    most = np.abs(seen[beside]).max()
    assert most > 1e-5
    assert np.abs(change - seen)[beside].max() < 1e-3 * most


@pytest.mark.parametrize("farads", [0.0, 5 * FF])
def test_a_selector_comes_to_rest_half_way_where_only_its_cell_holds_it(farads: float):
    """The current through its cell takes the voltage from it that holds it."""
    crossbar = cx.Crossbar(
        [[1e-5]], selector="ots_selector", wires=cx.Wires(0.0, 0.0), cell_capacitance=farads
    )
    times = np.linspace(0.0, 12 * NS, 61)
    waveform, start = cx.pulses([1.0], 20 * NS, rise=0.1 * NS), time.thread_time()
    found = cx.transient(crossbar, waveform, stop=times[-1], times=times)
    assert time.thread_time() - start < 20.0  # and not without end
    on = found.state("selector.conducting")[:, 0, 0]

    def wanted(on: float) -> float:
        resistance = 1e9 * np.exp(-on * np.log(1e9 / 2e3))
        v = resistance / (resistance + 1e5)
        return (1 + np.tanh((v - (0.6 - 0.58 * on)) / 0.002)) / 2

    def slope(t: float, y: np.ndarray) -> np.ndarray:
        return (wanted(y[0]) - y) / 2e-9

    late = times > 0.2 * NS  # on the edge the voltage crosses 0.6 V
    first = np.flatnonzero(late)[0]
    exact = solve_ivp(
        slope, (times[first], times[-1]), [on[first]], "Radau", times[late], rtol=1e-9, atol=1e-11
    ).y[0]
    assert np.ptp(exact) > 0.5
    assert wanted(exact[-1]) == pytest.approx(exact[-1], abs=1e-6)  # at rest
    np.testing.assert_allclose(on[late], exact, rtol=0, atol=3 * TOL)


@pytest.mark.parametrize("device", ["vteam", "stanford_rram"])
def test_without_capacitors_it_is_what_a_pulse_does(device: str):
    crossbar, _, (row, column) = half_selected(device, None, 4)
    crossbar = replace(crossbar, wires=cx.Wires(200.0, 100.0), cell_capacitance=0.0)
    volts = {"vteam": -0.6, "stanford_rram": 1.0}[device]
    rows, columns = volts * (np.arange(4) == row), -volts * (np.arange(4) == column)
    found = cx.transient(crossbar, rows, columns, stop=20 * NS)
    pulsed = cx.pulse(crossbar, rows, 20 * NS, columns)
    name = STATE[device]
    end, before = found.crossbar_at_end().states[name], crossbar.states[name]
    assert np.abs(end - before).max() > 0.02
    np.testing.assert_allclose(end, pulsed.states[name], rtol=0, atol=TOL)
    np.testing.assert_array_equal(found.state(name)[-1], end)
    np.testing.assert_array_equal(found.state(name)[0], before)


def batch(crossbar: cx.Crossbar, order: Any) -> cx.Transient:
    rng = np.random.default_rng(3)
    heights, widths = rng.uniform(-1.4, -0.8, (4, 2)), rng.uniform(3, 8, (4, 2)) * NS
    waveform = cx.pulses(heights[order], widths[order], rise=1 * NS, fall=1 * NS)
    return cx.transient(crossbar, waveform, stop=4 * NS, times=np.linspace(0, 4, 7) * NS)


def test_every_vector_of_a_batch_has_states_of_its_own(tmp_path: Path):
    crossbar, *_ = small("vteam", tmp_path)
    found, order = batch(crossbar, [0, 3]), [3, 0]
    other = batch(crossbar, order)
    assert found.state("w").shape == (2, 7, 2, 3)
    assert np.ptp(found.state("w")[:, -1], axis=0).min() > 0.01
    np.testing.assert_array_equal(found.state("w")[::-1], other.state("w"))
    np.testing.assert_array_equal(found.currents[::-1], other.currents)
    alone = batch(crossbar, 0)
    assert alone.single
    np.testing.assert_array_equal(alone.state("w"), found.state("w")[0])
    np.testing.assert_array_equal(alone.currents, found.currents[0])
    end = found.crossbar_at_end(0)
    np.testing.assert_array_equal(end.states["w"], alone.crossbar_at_end().states["w"])
    np.testing.assert_array_equal(found.crossbar.states["w"], crossbar.states["w"])


def test_what_is_written_can_be_read(tmp_path: Path):
    crossbar, waveform, *_ = small("vteam", tmp_path)
    found = cx.transient(crossbar, waveform, stop=9 * NS, times=[0.0, 4 * NS], keep="currents")
    written = found.crossbar_at_end()
    assert written.device is crossbar.device
    resistance = 1e4 + 1.9e5 * written.states["w"]
    np.testing.assert_allclose(written.conductances, 1 / resistance, rtol=1e-12)
    before, after = (cx.solve(each, [0.1, 0.1]).currents for each in (crossbar, written))
    assert (after > 1.05 * before).all()
    # The rest of the pulse: as if there had been no pause to look.
    whole = cx.transient(crossbar, waveform, stop=20 * NS)
    later = replace(waveform, times=waveform.times - 12 * NS)
    rest = cx.transient(written, later, stop=8 * NS).crossbar_at_end()
    end = whole.crossbar_at_end().states["w"]
    np.testing.assert_allclose(rest.states["w"], end, rtol=0, atol=10 * TOL)
    with pytest.raises(cx.CircuitError, match=r'keep="currents" and holds no states but those of'):
        found.state("w")


def test_open_cells_do_not_move(tmp_path: Path):
    crossbar, waveform, *_ = small("vteam", tmp_path)
    conductances = np.array(crossbar.conductances)
    conductances[1, 1] = 0.0
    crossbar = replace(crossbar, conductances=conductances)
    found = cx.transient(crossbar, waveform, stop=9 * NS)
    change = found.state("w")[-1] - crossbar.states["w"]
    assert change[1, 1] == 0.0
    assert (np.abs(np.delete(change.ravel(), 4)) > 0.01).all()
    assert found.crossbar_at_end().conductances[1, 1] == 0.0


def test_the_points_that_are_kept_change_nothing(tmp_path: Path):
    crossbar, waveform, *_ = small("switched", tmp_path)
    few = cx.transient(crossbar, waveform, stop=4 * NS, times=[0.0, 4 * NS])
    many = cx.transient(crossbar, waveform, stop=4 * NS, times=np.linspace(0, 4, 300) * NS)
    for name in ("w", "selector.closed"):
        np.testing.assert_array_equal(few.state(name)[-1], many.state(name)[-1])
        steps = np.abs(np.diff(many.state(name), axis=0)).max()
        assert steps < 0.02  # no jumps between the points


def test_states_that_nothing_moves():
    crossbar = cx.Crossbar(np.full((2, 2), 1e-5))
    found = cx.transient(crossbar, [0.1, 0.2], stop=NS)
    assert found.crossbar_at_end() is crossbar
    assert found.state_error == 0.0
    with pytest.raises(cx.CircuitError, match=r"there is no state 'w'\. There are: none"):
        found.state("w")


def test_wrong_questions_are_named(tmp_path: Path):
    crossbar, *_ = small("switched", tmp_path)
    found = cx.transient(crossbar, np.zeros((2, 2)), stop=NS, times=[0.0, NS])
    with pytest.raises(cx.CircuitError, match=r"no state 'v'. There are: w, selector\.closed"):
        found.state("v")
    with pytest.raises(cx.CircuitError, match="2 vectors each left a crossbar of their own"):
        found.crossbar_at_end()
    with pytest.raises(cx.CircuitError, match="vector = 2: there are 2"):
        found.crossbar_at_end(2)
    with pytest.raises(cx.CircuitError, match="vector = -1: expected a whole number >= 0"):
        found.crossbar_at_end(-1)


CREEPING = """
name = "creeping"
title = "A conductance that leaves its range"
source = "made up"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[state.x]
unit = "1"
range = [0.0, 1.0]
initial = 0.0
meaning = "how far it has crept"
rate = "RATE"

[conductance]
law = "1e-6 + 1e-4 * x"

[current]
law = "g * v"
valid = { v = [-1.0, 1.0], g = [1e-9, 5e-5] }
"""


def test_conductances_that_leave_their_range_are_refused(tmp_path: Path):
    path = tmp_path / "creeping.toml"
    path.write_text(CREEPING.replace("RATE", "1e9 * abs(v)"))
    crossbar = cx.Crossbar(np.full((1, 2), 1e-6), device=path, wires=cx.Wires(1.0, 1.0, FF, FF))
    cx.transient(crossbar, [0.5], stop=0.9 * NS)
    told = r"conductances\[0, \d\] = \S+ S is outside the valid"
    with pytest.raises(cx.CircuitError, match=told):
        cx.transient(crossbar, [0.5], stop=1.2 * NS)
    found = cx.transient(crossbar, [0.5], stop=1.2 * NS, extrapolate=True)
    np.testing.assert_allclose(found.state("x")[-1], 0.6, rtol=1e-3)


def test_rates_that_are_no_number_are_named(tmp_path: Path):
    path = tmp_path / "creeping.toml"
    path.write_text(CREEPING.replace("RATE", "1e9 * sqrt(-1 - v)"))
    crossbar = cx.Crossbar(np.full((1, 2), 1e-6), device=path, wires=cx.Wires(1.0, 1.0, FF, FF))
    waveform = cx.Waveform([0.0, NS], [0.0, 0.5])
    with pytest.raises(cx.ModelError, match=r"creeping.toml: the states of .* cannot be followed"):
        cx.transient(crossbar, waveform, stop=NS)
