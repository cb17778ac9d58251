"""States of crossbars: given, found from conductances, kept through changes and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import circuitxbar as cx

W = np.array([[0.0, 0.25, 0.5], [0.75, 0.9, 1.0]])
G = cx.device("vteam").conductance(w=W)


def test_states_give_conductances_and_conductances_states():
    by_states = cx.Crossbar(states={"w": W}, device="vteam")
    np.testing.assert_array_equal(by_states.conductances, G)
    np.testing.assert_array_equal(by_states.states["w"], W)
    by_conductances = cx.Crossbar(G, device="vteam")
    np.testing.assert_allclose(by_conductances.states["w"], W, atol=1e-12)
    assert (by_conductances.conductances == G).all()
    solutions = [cx.solve(array, [0.1, 0.2]) for array in (by_states, by_conductances)]
    np.testing.assert_array_equal(solutions[0].currents, solutions[1].currents)


def test_parameters_of_each_cell_count():
    spread = np.array([[1e5, 2e5, 3e5], [1e5, 2e5, 3e5]])
    array = cx.Crossbar(states={"w": W}, device="vteam", parameters={"r_off": spread})
    np.testing.assert_allclose(array.conductances, 1 / (1e4 + (spread - 1e4) * W), rtol=1e-15)
    again = cx.Crossbar(array.conductances, device="vteam", parameters={"r_off": spread})
    np.testing.assert_allclose(again.states["w"], W, atol=1e-12)


def test_a_state_in_the_law_of_the_current_is_a_parameter():
    conducting = np.array([[0.0, 1.0], [0.5, 0.25]])
    array = cx.Crossbar(
        np.full((2, 2), 1e-4), selector="ots_selector", states={"selector.conducting": conducting}
    )
    np.testing.assert_array_equal(array.parameters["selector.conducting"], conducting)
    other = cx.Crossbar(
        np.full((2, 2), 1e-4),
        selector="ots_selector",
        parameters={"selector.conducting": conducting},
    )
    np.testing.assert_array_equal(other.states["selector.conducting"], conducting)
    voltages = [0.1, 0.1]
    first, second = cx.solve(array, voltages), cx.solve(other, voltages)
    np.testing.assert_array_equal(first.currents, second.currents)
    initial = cx.Crossbar(np.full((2, 2), 1e-4), selector="ots_selector")
    low = cx.device("ots_selector").states["conducting"].initial
    assert (initial.states["selector.conducting"] == low).all()


def test_open_cells_and_shorts_stay_when_states_are_given():
    holes = G.copy()
    holes[0, 0], holes[1, 2] = 0.0, np.inf
    array = cx.Crossbar(holes, device="vteam")
    moved = array.with_states({"w": 0.5})
    assert moved.conductances[0, 0] == 0.0
    assert moved.conductances[1, 2] == np.inf
    middle = cx.device("vteam").conductance(w=0.5)
    assert moved.conductances[0, 1] == moved.conductances[1, 1] == middle


def test_other_conductances_mean_other_states_and_the_rest_stays():
    array = cx.Crossbar(states={"w": W}, device="vteam", wires=cx.Wires(3.0, 2.0))
    other = array.with_conductances(G[::-1])
    np.testing.assert_allclose(other.states["w"], W[::-1], atol=1e-12)
    assert other.wires is array.wires
    assert array.transpose().states["w"] is not None
    np.testing.assert_array_equal(array.transpose().conductances, G)


def test_cells_that_writing_left_beyond_all_states_are_read_as_they_are():
    least, most = G.min(), G.max()
    beyond = np.array([[0.9 * least, most], [least, 1.1 * most]])
    array = cx.Crossbar(beyond, device="vteam")
    np.testing.assert_array_equal(array.conductances, beyond)
    np.testing.assert_allclose(array.states["w"], [[1.0, 0.0], [1.0, 0.0]], atol=1e-12)
    again = array.transpose()
    np.testing.assert_array_equal(again.conductances, beyond)
    written = cx.device("pcm").program(np.full((4, 4), 1e-7), rng=0)
    assert cx.solve(cx.Crossbar(written, device="pcm"), np.full(4, 0.1)).converged


def test_a_file_keeps_states_and_measured_tables(tmp_path: Path):
    for array in (
        cx.Crossbar(states={"w": W}, device="vteam"),
        cx.Crossbar(np.full((2, 2), 5e-5), device="taox_jump_table"),
    ):
        array.save(tmp_path / "array.npz")
        loaded = cx.load(tmp_path / "array.npz")
        np.testing.assert_array_equal(loaded.conductances, array.conductances)
        assert loaded.states.keys() == array.states.keys()
        for name, value in array.states.items():
            np.testing.assert_array_equal(loaded.states[name], value)
    assert loaded.device.pulse(5e-5, 0.9, 1e-6, 3, extrapolate=True) == array.device.pulse(
        5e-5, 0.9, 1e-6, 3, extrapolate=True
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"states": {"v": W}}, "states: device 'vteam' has no state 'v' (it has: w)"),
        ({"states": {"w": 2 * W}}, "states['w'][0, 1]|states['w'][1, 0] = 1.5e+00 1 is too large"),
        ({"states": {"w": 0.5}}, "conductances = None: give conductances, (rows, columns), S, or"),
        ({"states": 3}, "conductances = None"),
        ({}, "conductances = None"),
        ({"conductances": G, "states": {"w": 0.1}}, "but the states given beside it mean"),
        ({"conductances": G, "states": [1]}, "states = [1] is not a dict of name: value"),
        ({"conductances": G, "states": {"w": [1.0]}}, "has shape (1,); expected a scalar or"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: dict, message: str):
    with pytest.raises(cx.CircuitError) as caught:
        cx.Crossbar(**arguments, device="vteam")
    assert any(part in str(caught.value) for part in message.split("|"))


def test_a_device_without_such_a_law_needs_conductances():
    with pytest.raises(cx.CircuitError, match="has no conductances that follow from states"):
        cx.Crossbar(states={"conducting": W}, device="ots_selector")


def test_cells_whose_state_stays_keep_their_conductance():
    array = cx.Crossbar(np.full((2, 2), 1.2 * G.max()), device="vteam", bottom=cx.Driven())
    np.testing.assert_array_equal(array.with_states({}).conductances, array.conductances)
    still = cx.pulse(array, [0.0, 0.0], 1e-9, [0.0, 0.0])
    np.testing.assert_array_equal(still.conductances, array.conductances)
    moved = array.with_states({"w": [[0.0, 0.5], [0.0, 0.0]]})
    np.testing.assert_array_equal(
        moved.conductances != array.conductances, [[False, True], [False, False]]
    )
    with pytest.raises(cx.CircuitError, match=r"states\['w'\] has shape \(3,\); expected a scalar"):
        array.with_states({"w": np.zeros(3)})


BOTH = """
name = "both"
title = "A state that acts through g and by its name, and one that acts through g alone"
source = "written for this test"
terminals = ["p", "n"]

[state.w]
unit = "1"
range = [0.0, 1.0]
initial = 0.5
meaning = "one"

[state.z]
unit = "1"
range = [0.0, 1.0]
initial = 0.0
meaning = "the other"

[conductance]
law = "1e-5 * (1 + w + z)"

[current]
law = "g * v + 1e-6 * w * v"
valid = { v = [-1.0, 1.0], g = [1e-6, 1e-3] }
"""


def test_a_state_may_act_both_ways_and_several_are_not_told_by_a_conductance(tmp_path: Path):
    path = tmp_path / "both.toml"
    path.write_text(BOTH, encoding="utf-8")
    array = cx.Crossbar(states={"w": W}, device=path, wires=cx.Wires(0.0, 0.0))
    np.testing.assert_allclose(array.conductances, 1e-5 * (1 + W), rtol=1e-15)
    np.testing.assert_array_equal(array.parameters["w"], W)
    moved = array.with_states({"z": 1.0})
    np.testing.assert_allclose(moved.conductances, 1e-5 * (2 + W), rtol=1e-15)
    ideal = cx.solve(array.with_states({"w": 1.0}), [1.0, 0.0]).currents
    np.testing.assert_allclose(ideal, 2.1e-5, rtol=1e-12)
    with pytest.raises(cx.ModelError, match="has 2 states, so a conductance does not tell them"):
        cx.Crossbar(np.full((2, 2), 2e-5), device=path)
