"""`gradient` of the array engine's solutions: against the extended-precision witness and nodal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradients.test_adjoint_of_cells import check
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.cells import ENDS, CellCase, CellKind, cell_cases, cell_kinds, random_cells
from reference.dense_newton import solve_cells
from reference.dense_solver import SIDES

import circuitxbar as cx

KINDS = cell_kinds()
OF_EACH_STYLE = [
    CellKind("linear"),
    CellKind("sinh"),
    CellKind("sinh", selector="exponential_selector"),
    CellKind("cubic", selector="diode"),
    CellKind("sinh", transistor="ekv_transistor"),
    CellKind("linear", transistor="square_law_transistor"),
]
AS_NODAL = 1e-8  # of the largest entry of the gradient


def drawn(kind: CellKind, ends: str, rows: int, columns: int, **fields: Any) -> CellCase:
    """A random array with a unique solution and currents to differentiate."""
    fields["floating"] = "opens" not in fields  # as in test_adjoint_of_cells
    for seed in range(100):
        rng = np.random.default_rng([seed, rows, *str(kind).encode()])
        case = random_cells(rng, kind, rows, columns, ENDS[ends], **fields)
        if case.is_determined and solve_cells(*case.inputs).is_live.all():
            return case
    raise AssertionError("no such array with a unique solution among 100")


@pytest.mark.parametrize("wires", ["ohms", "ideal", "per segment"])
@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_driven_from_both_sides_and_no_wire_or_some(kind: CellKind, wires: str):
    """Conductances, every parameter, voltages of both sides, gates and all line ends."""
    check(drawn(kind, "both driven", 3, 2, batch=2, wires=wires), engine="array")


@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_open_cells_of_every_kind(kind: CellKind):
    check(drawn(kind, "read", 3, 3, opens=0.25, varied=False), engine="array")


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("kind", OF_EACH_STYLE[2::2], ids=str)
def test_line_ends_of_every_kind(kind: CellKind, ends: str):
    check(drawn(kind, ends, 2, 3, batch=2, wires="per segment"), engine="array")


@settings(max_examples=15)
@given(cell_cases(tuple(KINDS), largest=2, batch=(None, 2), special=False), st.integers(0, 1000))
def test_arrays_of_every_kind(case: CellCase, seed: int):
    assume(not isinstance(getattr(case.crossbar, case.crossbar.sensed_sides[0]), cx.Floating))
    assume(solve_cells(*case.inputs).is_live.all())
    check(case, seed, engine="array")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_batch_of_several_blocks_as_nodal_has_it(kind: CellKind):
    """Nineteen vectors are two blocks of eight, and three."""
    rng = np.random.default_rng([19, *str(kind).encode()])
    case = random_cells(rng, kind, 12, 9, ENDS["both driven"], batch=19, floating=False)
    ours, nodal = (cx.solve(*case.inputs, engine=engine) for engine in ("array", "nodal"))
    cotangents = np.random.default_rng(1).uniform(-1, 1, ours.currents.shape)
    assert_close(cx.gradient(ours, cotangents), cx.gradient(nodal, cotangents))


def assert_close(gradient: cx.Gradient, expected: cx.Gradient) -> None:
    pairs = {"conductances": (gradient.conductances, expected.conductances)}
    assert set(gradient.parameters) == set(expected.parameters)
    for name, by in expected.parameters.items():
        pairs[name] = gradient.parameters[name], by
    for name in ("voltages", "column_voltages", "gates"):
        if getattr(expected, name) is None:
            assert getattr(gradient, name) is None
        else:
            pairs[name] = getattr(gradient, name), getattr(expected, name)
    for side in SIDES:
        pairs[side] = getattr(gradient.end_voltages, side), getattr(expected.end_voltages, side)
    for name, (got, wanted) in pairs.items():
        assert np.shape(got) == np.shape(wanted), name
        assert np.abs(got - wanted).max() <= AS_NODAL * np.abs(wanted).max(), name


@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_the_sum_over_a_batch_is_that_of_its_vectors(kind: CellKind):
    """The copies that fill up the last block count for nothing."""
    case = drawn(kind, "read", 6, 5, batch=9)
    cotangents = np.random.default_rng(2).uniform(-1, 1, (9, 5))
    whole = cx.gradient(cx.solve(*case.inputs, engine="array"), cotangents)
    gates = case.gates if np.ndim(case.gates) == 2 else [case.gates] * 9
    parts = [
        cx.gradient(
            cx.solve(case.crossbar, case.voltages[k], None, gates[k], engine="array"), cotangents[k]
        )
        for k in range(9)
    ]
    by_cell = np.sum([part.conductances for part in parts], axis=0)
    assert np.abs(whole.conductances - by_cell).max() <= AS_NODAL * np.abs(by_cell).max()
    for name, by in whole.parameters.items():
        expected = np.sum([part.parameters[name] for part in parts], axis=0)
        assert np.abs(by - expected).max() <= AS_NODAL * np.abs(expected).max(), name
    voltages = np.stack([part.voltages for part in parts])
    assert np.abs(whole.voltages - voltages).max() <= AS_NODAL * np.abs(voltages).max()


def test_of_currents_alone_there_is_none():
    crossbar = cx.Crossbar(np.full((3, 2), 1e-5), "sinh")
    solution = cx.solve(crossbar, [0.1, 0.2, 0.3], engine="array", keep="currents")
    with pytest.raises(cx.CircuitError, match="holds no node voltages"):
        cx.gradient(solution, [1.0, 1.0])


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_an_adjoint_that_does_not_converge_is_told(monkeypatch: pytest.MonkeyPatch, device: str):
    conductances = 10 ** np.random.default_rng(3).uniform(-5, -3, (20, 16))
    crossbar = cx.Crossbar(conductances, device, wires=cx.Wires(50.0, 50.0))
    solution = cx.solve(crossbar, np.full((3, 20), 0.3), engine="array")
    monkeypatch.setattr("circuitxbar.array.krylov._MOST_STEPS", 1)
    monkeypatch.setattr("circuitxbar.array.linear._CORRECTIONS", 1)
    with pytest.raises(cx.SolverError, match="did not converge"):
        cx.gradient(solution, np.ones((3, 16)))
