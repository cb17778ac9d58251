"""Cells of one and of two elements: what Crossbar takes, and what it then is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.ideal import ideal_solution

G = np.array([[1e-5, 2e-5, 3e-5], [4e-5, 5e-5, 6e-5]])
V = np.array([0.3, -0.2])
SELECTED = {"device": "sinh", "selector": "exponential_selector"}
SWITCHED = {"device": "sinh", "transistor": "ekv_transistor"}


def crossbar(conductances: Any = G, **arguments: Any) -> cx.Crossbar:
    return cx.Crossbar(conductances, wires=cx.Wires(2.0, 3.0), **arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"selector": "diode", "transistor": "ekv_transistor"}, "a selector or a transistor, not"),
        ({"selector": "sinh"}, "selector = 'sinh' has a law of g"),
        ({"selector": "ekv_transistor"}, "selector = 'ekv_transistor' has 3 terminals; expected 2"),
        ({"transistor": "diode"}, "transistor = 'diode' has 2 terminals; expected 3"),
        ({"device": "ekv_transistor"}, "device = 'ekv_transistor' has 3 terminals; expected 2"),
        ({"selector": "dide"}, "no device 'dide'. Did you mean 'diode'"),
        ({"selector": 3}, "expected a name"),
        ({"gate_lines": "rows"}, "gate_lines = 'rows': choose"),
        ({"gate_lines": ["row"]}, "gate_lines = .*: choose"),
        ({"device": "diode"}, r"conductances\[0, 0\] = 1e-05: the law of 'diode' is free of g"),
        ({"parameters": {"selector.swing": 0.1}}, "no parameter 'selector.swing'"),
        (
            {**SELECTED, "parameters": {"swing": 0.1}},
            "'sinh' . 'exponential_selector' has no parameter 'swing' .*selector.swing",
        ),
        ({**SELECTED, "parameters": {"selector.swing": 0.0}}, r"selector.swing'\] = 0.* too small"),
        (
            {**SELECTED, "parameters": {"selector.swing": np.ones(3)}},
            r"'selector.swing'\] has shape \(3,\); expected a scalar or \(2, 3\)",
        ),
    ],
)
def test_cells_that_cannot_be_are_refused(arguments: dict[str, Any], told: str):
    with pytest.raises(cx.CircuitxbarError, match=told):
        crossbar(**arguments)


@pytest.mark.parametrize(
    ("arguments", "gates", "told"),
    [
        ({}, 1.0, "gates were given, but this crossbar has no transistors"),
        (SWITCHED, None, r"gates is missing: .*\(2,\)"),
        ({**SWITCHED, "gate_lines": "column"}, None, r"gates is missing: .*\(3,\)"),
        (SWITCHED, [1.0, 1.0, 1.0], r"gates has shape \(3,\); expected \(2,\)"),
        (SWITCHED, np.nan, "gates = nan is not finite"),
        (SWITCHED, "high", "gates"),
        (SWITCHED, np.ones((2, 2, 2)), "gates has shape"),
    ],
)
def test_gates_that_do_not_fit_are_refused(arguments: dict[str, Any], gates: Any, told: str):
    with pytest.raises(cx.CircuitError, match=told):
        cx.solve(crossbar(**arguments), V, gates=gates)


def test_batches_of_unequal_length_are_refused():
    with pytest.raises(cx.CircuitError, match="voltages holds 4 and gates holds 3 vectors"):
        cx.solve(crossbar(**SWITCHED), np.ones((4, 2)), gates=np.ones((3, 2)))


def test_gates_are_one_number_one_per_line_or_one_per_vector_and_line():
    array = crossbar(**SWITCHED)
    single = cx.solve(array, V, gates=1.1)
    assert single.currents.shape == (3,)
    np.testing.assert_array_equal(cx.solve(array, V, gates=[1.1, 1.1]).currents, single.currents)
    batch = cx.solve(array, V, gates=[[1.1, 1.1], [0.2, 1.1]])
    np.testing.assert_allclose(batch.currents[0], single.currents, rtol=1e-13)
    assert abs(batch.terminal_currents.left[1, 0]) < 0.1 * abs(batch.terminal_currents.left[0, 0])


def test_gate_lines_run_along_rows_or_columns():
    rows = cx.solve(crossbar(**SWITCHED), V, gates=[1.1, -0.5])
    columns = cx.solve(crossbar(**SWITCHED, gate_lines="column"), V, gates=[1.1, -0.5, 1.1])
    off = np.abs(rows.cell_currents) < 1e-9
    np.testing.assert_array_equal(off, [[False] * 3, [True] * 3])
    off = np.abs(columns.cell_currents) < 1e-9
    np.testing.assert_array_equal(off, [[False, True, False]] * 2)


def test_a_law_free_of_g_takes_0_1_and_inf():
    places = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, np.inf]])
    found = cx.solve(crossbar(places, device="diode"), [0.5, 0.3])
    assert found.cell_currents[0, 1] == found.cell_currents[1, 0] == 0.0
    assert np.isnan(found.cell_currents[1, 2])
    assert found.terminal_currents.left[1] == pytest.approx(-0.3 / (2 * 3 + 3), rel=1e-6)


def test_an_open_memory_element_leaves_out_its_cell_and_a_short_leaves_its_partner_alone():
    bare = crossbar([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], device="exponential_selector")
    behind = crossbar(
        [[np.inf, 0.0, np.inf], [0.0, np.inf, np.inf]], selector="exponential_selector"
    )
    expected, found = cx.solve(bare, V), cx.solve(behind, V)
    np.testing.assert_allclose(found.currents, expected.currents, rtol=1e-12)
    np.testing.assert_allclose(found.cell_currents, expected.cell_currents, rtol=1e-12)
    np.testing.assert_allclose(found.memory_voltages[G[:, 0] > 0], 0, atol=1)
    assert np.abs(found.memory_voltages[np.isinf(behind.conductances)]).max() == 0.0


def test_inner_voltages_lie_between_the_lines_and_share_the_cell_voltage():
    for array, gates in ((crossbar(**SELECTED), None), (crossbar(**SWITCHED), 1.1)):
        found = cx.solve(array, V, gates=gates)
        low = np.minimum(found.row_voltages, found.column_voltages)
        high = np.maximum(found.row_voltages, found.column_voltages)
        assert ((low < found.inner_voltages) & (found.inner_voltages < high)).all()
        current = cx.device("sinh").current(found.memory_voltages, G)
        np.testing.assert_allclose(found.cell_currents, current, rtol=1e-9)
    with pytest.raises(cx.CircuitError, match="no inner node"):
        _ = cx.solve(crossbar(), V).inner_voltages


def test_names_of_nodes_and_elements_are_public():
    circuit = crossbar(**SWITCHED).circuit(V, gates=1.1)
    assert {"inner_1_2", "gate_0", "gate_1"} <= set(circuit.nodes)
    point = cx.operating_point(circuit)
    solution = cx.solve(crossbar(**SWITCHED), V, gates=1.1)
    for name in ("cell_1_2", "transistor_1_2"):
        assert point.current(name) == pytest.approx(solution.cell_currents[1, 2], rel=1e-12)
    assert point.voltage("inner_1_2") == pytest.approx(solution.inner_voltages[1, 2], rel=1e-12)
    assert point.current("source_gate_0") == 0.0
    assert "selector_0_0" in {
        name for group in crossbar(**SELECTED).circuit(V).groups for name in group.names
    }


def test_a_subcircuit_has_its_gates_as_pins():
    sub = crossbar(**SWITCHED).subcircuit("array")
    assert sub.pins[-2:] == ("gate_0", "gate_1")
    whole = cx.Circuit().add(
        cx.VoltageSource("s0", "in0", "0", V[0]),
        cx.VoltageSource("s1", "in1", "0", V[1]),
        cx.VoltageSource("on", "gates", "0", 1.1),
        *(cx.VoltageSource(f"sense{j}", f"out{j}", "0", 0.0) for j in range(3)),
    )
    pins = {f"row_{i}_left": f"in{i}" for i in range(2)}
    pins |= {f"column_{j}_bottom": f"out{j}" for j in range(3)}
    pins |= {f"gate_{i}": "gates" for i in range(2)}
    point = cx.operating_point(whole.instance("x1", sub, **pins))
    expected = cx.solve(crossbar(**SWITCHED), V, gates=1.1).currents
    found = [point.current(f"sense{j}") for j in range(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("cells", [SELECTED, SWITCHED], ids=["selector", "transistor"])
def test_a_saved_crossbar_keeps_all_of_its_cells(cells: dict[str, str], tmp_path: Path):
    kind = "selector" if "selector" in cells else "transistor"
    name = {"selector": "swing", "transistor": "threshold"}[kind]
    spread = np.linspace(0.1, 0.2, 6).reshape(2, 3)
    array = crossbar(
        device=cx.device("sinh", v0=0.3),
        **{kind: cx.device(cells[kind])},
        gate_lines="column",
        parameters={f"{kind}.{name}": spread, "v0": 0.31},
        temperature=320.0,
    )
    array.save(tmp_path / "a.npz")
    again = cx.load(tmp_path / "a.npz")
    gates = 0.9 if kind == "transistor" else None
    before, after = (cx.solve(x, V, gates=gates) for x in (array, again))
    np.testing.assert_array_equal(before.currents, after.currents)
    assert again.gate_lines == "column"
    assert again.with_conductances(2 * G).temperature == 320.0
    np.testing.assert_array_equal(again.parameters[f"{kind}.{name}"], spread)


def test_temperature_and_parameters_reach_every_element():
    strong = 4 * V  # where both elements take their share of the voltage
    base = cx.solve(crossbar(**SELECTED), strong, extrapolate=True).currents
    for change in (
        {"parameters": {"v0": 0.1}},
        {"parameters": {"selector.leakage_current": 2e-12}},
    ):
        changed = cx.solve(crossbar(**SELECTED, **change), strong, extrapolate=True).currents
        assert np.abs(changed / base - 1).min() > 1e-6
    hot = crossbar([[1.0]], device="diode", temperature=400.0)
    cold = crossbar([[1.0]], device="diode", temperature=300.0)
    assert cx.solve(hot, [0.3]).currents > 100 * cx.solve(cold, [0.3]).currents


def test_voltages_outside_the_valid_range_are_refused_by_element_and_vector():
    array = crossbar(**SELECTED)
    with pytest.raises(
        cx.CircuitError, match=r"(selector|cell) 0, 0 of vector 1 is at .* outside the valid range"
    ):
        cx.solve(array, [V, 8 * V])
    assert cx.solve(array, [V, 8 * V], extrapolate=True).converged.all()
    with pytest.raises(cx.CircuitError, match=r"transistor 0, 0 of vector 0 .*\(v_g\)"):
        cx.solve(crossbar(**SWITCHED), V, gates=7.0)


def test_conductances_outside_the_valid_range_are_refused_before_any_work():
    with pytest.raises(
        cx.CircuitError, match=r"conductances\[1, 0\] = 0.5 S is outside the valid range"
    ):
        cx.solve(crossbar([[1e-5], [0.5]], device="sinh"), V)
    cx.solve(crossbar([[0.0], [np.inf]], device="sinh"), [0.1, 0.1])  # open and short are fine


def test_effective_matrix_needs_linear_cells():
    with pytest.raises(cx.CircuitError, match=r"linear cells; sinh . exponential_selector is not"):
        cx.effective_matrix(crossbar(**SELECTED))


def test_an_earlier_solution_is_a_first_guess():
    array = crossbar(**SELECTED)
    first = cx.solve(array, V)
    again = cx.solve(array.with_conductances(1.001 * G), 1.001 * V, start=first)
    alone = cx.solve(array.with_conductances(1.001 * G), 1.001 * V)
    assert again.stats["factorisations"] < alone.stats["factorisations"]
    np.testing.assert_allclose(again.currents, alone.currents, rtol=1e-13)


def test_ideal_wires_keep_the_gates():
    array = crossbar(**SWITCHED)
    ideal = ideal_solution(cx.solve(array, V, gates=1.1))
    expected = np.broadcast_to(V[:, None], (1, 2, 3))
    np.testing.assert_allclose(ideal.cell_voltages, expected, rtol=1e-15)
    assert (np.abs(ideal.currents) > 1e-7).all()


def test_a_transposed_array_drives_the_sources_of_its_transistors():
    array = crossbar(**SWITCHED)
    forward = cx.solve(array, [0.3, 0.0], gates=1.0)
    back = cx.solve(array.transpose(), [0.3, 0.0, 0.0], gates=1.0)
    assert back.currents.shape == (2,)
    # Not reciprocal: the transistor's gate overdrive depends on which side is high.
    assert abs(back.currents[0] / forward.currents[0] - 1) > 1e-3


def test_engines_are_compared_on_arrays_with_gates():
    found = cx.compare(crossbar(**SWITCHED), V, gates=[1.0, 1.2])
    assert set(found.solutions) == {"array", "nodal", "ngspice"}
    assert found.worst < 1e-9


@pytest.mark.parametrize("cells", [SELECTED, SWITCHED], ids=["selector", "transistor"])
def test_a_short_behind_another_element_is_proved_also_for_ngspice(cells: dict[str, str]):
    shorted = np.where(np.eye(2, 3) > 0, np.inf, G)
    gates = 1.1 if "transistor" in cells else None
    found = cx.compare(crossbar(shorted, **cells), 2 * V, gates=gates)
    assert found.worst < 1e-9
    assert found.solutions["ngspice"].converged.all()


def test_the_bound_covers_the_rounding_of_a_law():
    array = crossbar([[np.inf]], transistor="ekv_transistor")
    found = cx.solve(array, [[0.2]], gates=0.0)
    law = cx.device("ekv_transistor")
    by_threshold = law.slope(0.2, 0.0, 0.0, by="threshold") * law.values["threshold"]
    assert found.error_bound[0] > np.finfo(float).eps * abs(by_threshold)


def test_a_law_without_a_number_is_told_from_one_that_does_not_converge(tmp_path: Path):
    text = cx.device("exponential_selector").text
    path = tmp_path / "bad.toml"
    path.write_text(text.replace("log(10) * v / swing", "v / (swing - 0.085)"))
    with pytest.raises(cx.SolverError, match="A law gives no finite number there"):
        cx.solve(crossbar(selector=str(path), parameters={"selector.swing": 0.085}), V)


def test_a_bit_line_that_floats_behind_transistors_that_are_off_stays_where_it_is():
    array = cx.Crossbar(
        np.full((4, 4), 1e-5),
        transistor="square_law_transistor",
        gate_lines="column",
        bottom=cx.Grounded([0.0, np.inf, np.inf, np.inf]),
    )
    found = cx.solve(array, [0.1, 0.2, 0.3, 0.4], gates=[1.8, 0.0, 0.0, 0.0])
    assert found.status == "converged"
    assert found.currents[0] > 1e-6
    gradient = cx.gradient(found, [1.0, 0.0, 0.0, 0.0])
    assert (gradient.conductances[:, 0] > 0).all()
    assert (gradient.conductances[:, 1:] == 0).all()


def test_leakage_through_high_resistances_is_proved():
    for seed in range(5):
        v = np.random.default_rng(seed).uniform(0, 0.5, 4)
        array = cx.Crossbar(np.full((4, 4), 1e-5), transistor="ekv_transistor", left=cx.Driven(1e5))
        assert cx.solve(array, v, gates=-0.3).converged


def test_a_solution_that_did_not_converge_has_no_gradient():
    stuck = cx.Crossbar(np.ones((2, 2)), "diode", left=cx.Norton(0.0, -1e-3))
    found = cx.solve(stuck, throw=False)
    assert not found.converged
    with pytest.raises(cx.SolverError, match="There may be none"):
        cx.gradient(found, [1.0, 1.0])


def test_a_derivative_of_nothing_is_nothing():
    """Currents that Norton sources fix do not depend on any cell."""
    array = cx.Crossbar(G, left=cx.Norton(0.0, 1e-6), bottom=cx.Grounded())
    found = cx.gradient(cx.solve(array), np.ones(3))
    assert np.abs(found.conductances).max() < 1e-20


def test_a_linear_selector_of_negative_conductance_is_refused(tmp_path: Path):
    path = tmp_path / "negative.toml"
    text = cx.device("exponential_selector").text
    path.write_text(text.replace("2 * leakage_current * sinh(log(10) * v / swing)", "-2e-5 * v"))
    with pytest.raises(cx.CircuitError, match=r"selector 0, 0 .* must be >= 0"):
        crossbar(selector=str(path))
