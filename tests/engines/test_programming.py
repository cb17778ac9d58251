"""cx.pulse: write pulses on whole arrays, against ngspice, single devices, and themselves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.moving_cells import STATE, spice_states, vteam_rate
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import circuitxbar as cx

NS = 1e-9


def half_selected(device: str, selector: str | None, lines: int) -> tuple[Any, ...]:
    """A passive array, the voltages that write one of its cells by halves, and its place."""
    low, high = {"vteam": (0.3, 0.9), "stanford_rram": (1.3, 1.65)}[device]
    states = np.random.default_rng(1).uniform(low, high, (lines, lines))
    crossbar = cx.Crossbar(
        device=device,
        selector=selector,
        states={STATE[device]: states},
        wires=cx.Wires(20.0, 10.0),
        left=cx.Driven(50.0),
        bottom=cx.Driven(20.0),
    )
    volts = {"vteam": 1.2, "stanford_rram": 2.0}[device] * (1.0 if selector is None else 2.5)
    row, column = lines // 3, lines // 2
    rows, columns = np.zeros((2, lines))
    rows[row], columns[column] = volts / 2, -volts / 2
    return crossbar, rows, columns, (row, column)


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
    crossbar, rows, columns, place = half_selected(device, selector, lines)
    width, edge = 10 * NS, 1e-4 * NS
    pulsed = cx.pulse(crossbar, rows, width, columns, extrapolate=True)
    name = STATE[device]
    change = pulsed.states[name] - crossbar.states[name]
    waves = [cx.pulses(volts, width, rise=edge, fall=edge) for volts in (rows, columns)]
    end, _ = spice_states(crossbar, waves[0], waves[1], width + edge, 0.01 * NS)
    seen = end - crossbar.states[name]
    assert np.abs(seen[place]) > 0.01
    assert np.abs(change[place] - seen[place]) < 1e-3 * np.abs(seen[place])
    beside = np.zeros(crossbar.shape, dtype=bool)
    beside[place[0]] = beside[:, place[1]] = True
    beside[place] = False
    most = np.abs(seen[beside]).max()
    assert most > 1e-5
    assert np.abs(change - seen)[beside].max() < 1e-3 * most


STEPS = """
name = "steps"
title = "Conductance in steps that vary from pulse to pulse"
source = "made up"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[pulse]
up = "1e-6 * v * (1 + 0.1 * deviate)"
down = "1e-6 * v * (1 + 0.1 * deviate)"
up_voltage = [0.5, 3.0]
down_voltage = [-3.0, -0.5]
width = [1e-9, 1e-6]

[current]
law = "g * v"
valid = { v = [-3.0, 3.0], g = [1e-6, 1e-4] }
"""


TURNING = """
name = "turning"
title = "A rate whose sign jumps where the state is one half"
source = "made up"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[state.x]
unit = "1"
range = [0.0, 1.0]
initial = 0.0
meaning = "how far it is on"
rate = "1e9 * v * where(x < 0.5, 1, -1)"

[current]
law = "(1e-6 + 1e-4 * x) * v"
valid = { v = [-5.0, 5.0] }
"""


def stepping(folder: Path, **more: Any) -> cx.Crossbar:
    """A 3 x 4 array of devices that know steps per pulse, one cell open."""
    path = folder / "steps.toml"
    path.write_text(STEPS)
    conductances = np.random.default_rng(2).uniform(1e-5, 9e-5, (3, 4))
    conductances[1, 2] = 0.0
    return cx.Crossbar(conductances, device=path, wires=cx.Wires(500.0, 500.0), **more)


def test_steps_are_those_of_the_solved_voltages(tmp_path: Path):
    crossbar = stepping(tmp_path)
    volts = np.array([2.0, 1.5, 0.4])
    after = cx.pulse(crossbar, volts, 10 * NS, rng=5)
    across = cx.solve(crossbar, volts).cell_voltages
    assert np.ptp(across[0]) > 0.1  # the wires take a part
    there = crossbar.conductances > 0
    deviate = np.full(there.shape, np.nan)
    deviate[there] = ((after.conductances - crossbar.conductances) / (1e-6 * across) - 1)[there]
    above = there & (across > 0.5)
    assert 5 < above.sum() < there.sum()
    drawn = deviate[above] / 0.1
    assert (np.abs(drawn) < 4).all()
    assert 0.4 < drawn.std() < 1.8
    # Below 0.5 V nothing changes, nor where there is no cell.
    np.testing.assert_array_equal(after.conductances[~above], crossbar.conductances[~above])


def test_the_same_seed_gives_the_same_pulse(tmp_path: Path):
    crossbar = stepping(tmp_path)
    volts = np.array([2.0, 2.5, 2.2])
    one, two, other = (cx.pulse(crossbar, volts, 10 * NS, rng=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.conductances, two.conductances)
    assert (one.conductances != other.conductances).any()
    generator = np.random.default_rng(7)
    first = cx.pulse(crossbar, volts, 10 * NS, rng=generator)
    second = cx.pulse(crossbar, volts, 10 * NS, rng=generator)
    assert (first.conductances != second.conductances).any()
    with pytest.raises(cx.ModelError, match=r"vary at random\. Pass rng"):
        cx.pulse(crossbar, volts, 10 * NS)


def test_random_steps_do_not_depend_on_other_cells(tmp_path: Path):
    crossbar = replace(stepping(tmp_path), wires=cx.Wires(0.0, 0.0))
    broken = np.array(crossbar.conductances)
    broken[0, 0] = broken[2, 1] = 0.0
    volts = np.array([2.0, -2.5, 2.2])
    whole = cx.pulse(crossbar, volts, 10 * NS, rng=7).conductances
    rest = cx.pulse(crossbar.with_conductances(broken), volts, 10 * NS, rng=7).conductances
    np.testing.assert_array_equal(rest[broken > 0], whole[broken > 0])
    np.testing.assert_array_equal(rest[broken == 0], 0.0)
    alone = crossbar.device.pulse(
        np.where(broken > 0, broken, 1e-5), np.repeat(volts[:, None], 4, axis=1), 10 * NS, 7
    )
    np.testing.assert_array_equal(alone[broken > 0], whole[broken > 0])


def test_open_cells_and_shorts_stay():
    states = np.full((2, 2), 0.6)
    crossbar = cx.Crossbar(device="vteam", states={"w": states}, wires=cx.Wires(1000.0, 1000.0))
    conductances = np.array(crossbar.conductances)
    conductances[0, 1], conductances[1, 0] = 0.0, np.inf
    stuck = replace(crossbar, conductances=conductances)
    after = cx.pulse(stuck, [-1.5, -1.5], 5 * NS)
    assert after.conductances[0, 1] == 0.0
    assert np.isinf(after.conductances[1, 0])
    assert after.states["w"][0, 1] == after.states["w"][1, 0] == 0.6
    assert after.states["w"][0, 0] < 0.599
    assert after.states["w"][1, 1] < 0.599


def test_pulses_in_two_parts_are_one():
    crossbar, rows, columns, _ = half_selected("vteam", None, 4)
    whole = cx.pulse(crossbar, rows, 10 * NS, columns)
    parts = cx.pulse(cx.pulse(crossbar, rows, 4 * NS, columns), rows, 6 * NS, columns)
    assert np.abs(whole.states["w"] - crossbar.states["w"]).max() > 0.02
    np.testing.assert_allclose(parts.states["w"], whole.states["w"], rtol=0, atol=1e-5)


def test_a_single_cell_without_wires_is_the_device():
    crossbar = cx.Crossbar(device="vteam", states={"w": [[0.8]]}, wires=cx.Wires(0.0, 0.0))
    after = cx.pulse(crossbar, [-1.0], 20 * NS)
    expected = crossbar.device.pulse(0.8, -1.0, 20 * NS)
    np.testing.assert_allclose(after.states["w"], expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(expected, 0.6, rtol=0, atol=1e-6)  # 1e7 / s at twice v_on


def test_a_selector_comes_to_rest_half_way_where_only_its_cell_holds_it():
    """At rest it is as far on as its voltage lets it be: all from the text of its law."""
    g = np.array([[1e-5, 4e-5], [1e-5, 2e-5]])
    crossbar = cx.Crossbar(g, selector="ots_selector", wires=cx.Wires(0.0, 0.0))
    start = time.thread_time()
    after = cx.pulse(crossbar, [1.0, 0.9], 100 * NS)
    assert time.thread_time() - start < 30.0  # and not without end

    def excess(on: float, volts: float, g: float) -> float:
        resistance = 1e9 * np.exp(-on * np.log(1e9 / 2e3))
        v = volts * resistance / (resistance + 1 / g)
        return (1 + np.tanh((v - (0.6 - 0.58 * on)) / 0.002)) / 2 - on

    volts = np.array([1.0, 0.9])[:, None] * np.ones(2)
    rest = np.vectorize(lambda v, g: brentq(excess, 0.1, 1.0, (v, g), xtol=1e-12))(volts, g)
    assert 0.8 < rest.min() < 0.9 < rest.max()
    np.testing.assert_allclose(after.states["selector.conducting"], rest, rtol=0, atol=1e-5)


def test_the_snap_of_a_selector_and_its_cell_is_that_of_the_differential_equations():
    """While the selector turns on, the cell takes over the voltage and is written."""
    crossbar = cx.Crossbar(
        device="vteam", selector="ots_selector", states={"w": [[0.8]]}, wires=cx.Wires(0.0, 0.0)
    )
    volts, end = -1.5, 6 * NS

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        w, on = y
        behind, before = 1e4 + 1.9e5 * w, 1e9 * np.exp(-on * np.log(1e9 / 2e3))
        v = volts * before / (before + behind)
        wanted = (1 + np.tanh((abs(v) - (0.6 - 0.58 * on)) / 0.002)) / 2
        return np.array([vteam_rate(volts - v, w), (wanted - on) / 2e-9])

    exact = solve_ivp(slope, (0, end), [0.8, 0.0], "Radau", rtol=1e-9, atol=1e-11).y[:, -1]
    assert exact[0] < 0.75
    after = cx.pulse(crossbar, [volts], end)
    found = [after.states["w"][0, 0], after.states["selector.conducting"][0, 0]]
    np.testing.assert_allclose(found, exact, rtol=0, atol=3e-5)


def test_what_cannot_be_followed_is_given_up_and_named(tmp_path: Path):
    path = tmp_path / "turning.toml"
    path.write_text(TURNING)
    crossbar = cx.Crossbar(
        np.ones((2, 2)), device=path, states={"x": [[0.3, 0.3], [0.3, 0.45]]},
        wires=cx.Wires(10.0, 10.0),
    )  # fmt: skip
    start = time.thread_time()
    told = (
        r"after .* s of 1e-08 s of the pulse: .*turning.toml: the states of 'turning' in the cell "
    )
    with pytest.raises(cx.ModelError, match=told + r"\[1, 1\]"):
        cx.pulse(crossbar, [0.0, 1.0], 10 * NS)
    assert time.thread_time() - start < 20.0


def test_a_device_behind_a_large_resistance_that_it_moves_to_and_fro_is_named():
    crossbar = cx.Crossbar(
        [[0.0, 1.0]], device="ots_selector", wires=cx.Wires(0.0, 0.0), left=cx.Driven(1e5)
    )
    start = time.thread_time()
    with pytest.raises(
        cx.SolverError, match=r"of 1e-07 s of .* 'ots_selector' in the cell \[0, 1\]"
    ):
        cx.pulse(crossbar, [1.0], 100 * NS)
    assert time.thread_time() - start < 60.0


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"crossbar": 5}, cx.CircuitError, "5 is not a Crossbar"),
        ({"width": 0.0}, cx.CircuitError, "width = 0 s must be above 0"),
        ({"voltages": [[0.1] * 2] * 3}, cx.CircuitError, "a pulse is one vector"),
        ({"voltages": None}, cx.CircuitError, "voltages"),
        (
            {"crossbar": cx.Crossbar([[1e-5, 1e-5]] * 2)},
            cx.ModelError,
            "nothing is known of pulses",
        ),
        ({"rng": "dice"}, cx.CircuitError, "rng"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], error: type, told: str):
    crossbar = cx.Crossbar(device="vteam", states={"w": [[0.5, 0.6], [0.7, 0.8]]})
    given = {"crossbar": crossbar, "voltages": [1.0, 0.0], "width": NS} | changes
    with pytest.raises(error, match=told):
        cx.pulse(**given)
