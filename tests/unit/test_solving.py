"""solve, effective_matrix and compare: options, shapes, statuses and what each refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar import solving

RNG = np.random.default_rng(9)
G = RNG.uniform(1e-5, 1e-3, (3, 4))
V = RNG.uniform(-0.5, 0.5, (5, 3))
CROSSBAR = cx.Crossbar(G, wires=cx.Wires(2.0, 3.0), left=cx.Driven(10.0), right=cx.Held(0.1, 50.0))
SIDES = ("left", "right", "top", "bottom")
PARTS = ("cells", "row_wires", "column_wires", "terminations", "sources")


def properties(solution: cx.Solution) -> dict[str, Any]:
    names = ("currents", "row_voltages", "column_voltages", "cell_voltages", "cell_currents")
    names += ("residual", "error_bound", "largest_current", "converged", "status", "power")
    found = {name: getattr(solution, name) for name in names}
    found |= {side: getattr(solution.terminal_currents, side) for side in SIDES}
    return found | {f"power.{part}": getattr(solution.power_split, part) for part in PARTS}


def test_every_property_leads_with_the_batch_or_has_none():
    batch, one = cx.solve(CROSSBAR, V), cx.solve(CROSSBAR, V[:1])
    single = cx.solve(CROSSBAR, V[0])
    grid, lines = (3, 4), {"left": (3,), "right": (3,), "top": (4,), "bottom": (4,)}
    shapes = {"currents": (4,), **lines}
    shapes |= {f"{n}": grid for n in ("row_voltages", "column_voltages")}
    shapes |= {"cell_voltages": grid, "cell_currents": grid}
    for name, value in properties(batch).items():
        assert np.shape(value) == (5, *shapes.get(name, ())), name
    for (name, value), alone in zip(
        properties(one).items(), properties(single).values(), strict=True
    ):
        assert np.shape(value) == (1, *shapes.get(name, ())), name
        assert np.shape(alone) == shapes.get(name, ()), name
        assert np.array_equal(value[0], alone), name
    assert single.status == "converged"
    assert batch.status == ["converged"] * 5
    assert not batch.terminal_currents.top.any()


def test_a_vector_has_the_same_answer_alone_and_in_any_batch():
    batch = properties(cx.solve(CROSSBAR, V))
    for k in range(5):
        for name, value in properties(cx.solve(CROSSBAR, V[k])).items():
            if name not in ("residual", "error_bound"):
                close = {"rtol": 1e-12, "atol": 1e-18}
                same = value == batch[name][k] if name == "status" else None
                assert same or np.allclose(value, batch[name][k], **close), name


def test_power_in_is_power_out():
    split = cx.solve(CROSSBAR, V).power_split
    parts = sum(getattr(split, part) for part in PARTS[:-1])
    assert np.allclose(split.sources, parts, rtol=1e-12, atol=0)
    assert all((getattr(split, part) >= 0).all() for part in PARTS[:-1])


@pytest.mark.parametrize(
    "ends",
    [
        {"left": cx.Driven([1e15, 1.0, 0.0])},
        {"left": cx.Driven([1e300, 1.0, 0.0])},
        {"left": cx.Driven(1e300)},
        {"left": cx.Driven([1e300, 0.0, 0.0])},
        {"bottom": cx.Norton(1e-300, 1e-3)},
        {"bottom": cx.Norton(1e-300, 1e6)},
        {"bottom": cx.Norton([0.0, 1e-12, 1.0, 1e6], 1e-3), "right": cx.Grounded(1.0)},
        {"bottom": cx.Grounded(1e12), "top": cx.Grounded(1e-12)},
    ],
)
def test_power_in_is_power_out_through_extreme_terminations(ends: dict[str, Any]):
    found = cx.solve(cx.Crossbar(G, **ends), [0.1, -0.2, 0.3], extrapolate=True)
    split = found.power_split
    parts = [getattr(split, part) for part in PARTS[:-1]]
    assert split.sources == pytest.approx(sum(parts), rel=1e-9, abs=1e-320)


def test_keeping_currents_alone_keeps_them_to_the_bit(monkeypatch: pytest.MonkeyPatch):
    whole = cx.solve(CROSSBAR, V)
    monkeypatch.setattr(
        "circuitxbar.solving.arrays._BLOCK_NODES", 2 * G.size * 2
    )  # two vectors at a time
    blocks = cx.solve(CROSSBAR, V, keep="currents")
    assert blocks.nodes is None
    for side in SIDES:
        assert np.allclose(
            getattr(blocks.terminal_currents, side),
            getattr(whole.terminal_currents, side),
            rtol=1e-13,
            atol=0,
        )
    assert blocks.converged.tolist() == [True] * 5
    for use in (
        lambda: blocks.row_voltages,
        lambda: blocks.cell_currents,
        lambda: blocks.power,
        lambda: cx.gradient(blocks, np.ones((5, 4))),
    ):
        with pytest.raises(cx.CircuitError, match='keep="currents" and holds no node voltages'):
            use()


def test_a_start_changes_nothing_but_the_work():
    first = cx.solve(CROSSBAR, V)
    again = cx.solve(CROSSBAR, V[::-1], start=first)
    assert again.factor is first.factor
    assert np.array_equal(again.currents, cx.solve(CROSSBAR, V[::-1]).currents)
    # Of another crossbar, even an equal one, it is not used.
    other = CROSSBAR.with_conductances(2 * G)
    assert np.array_equal(cx.solve(other, V, start=first).currents, cx.solve(other, V).currents)
    ngspice = cx.solve(CROSSBAR, V, engine="ngspice", rtol=1e-6)
    assert np.array_equal(cx.solve(CROSSBAR, V, start=ngspice).currents, first.currents)


@pytest.mark.parametrize("engine", ["auto", "nodal", "ngspice"])
def test_engines_by_name(engine: str):
    found = cx.solve(CROSSBAR, V, engine=engine, rtol=1e-6)
    assert found.engine == ("ngspice" if engine == "ngspice" else "nodal")
    assert found.stats["linear_solver"]
    assert np.allclose(found.currents, cx.solve(CROSSBAR, V).currents, rtol=1e-8, atol=0)


def test_an_accuracy_that_cannot_be_had_is_said_with_the_vectors_and_the_answer():
    with pytest.raises(cx.SolverError, match="did not converge: Kirchhoff error") as told:
        cx.solve(CROSSBAR, [[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]], rtol=0.0)
    assert told.value.vectors == (0, 1)
    partial = told.value.solution
    assert np.array_equal(
        partial.currents, cx.solve(CROSSBAR, [[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]]).currents
    )
    assert partial.converged.tolist() == [False, False]
    quiet = cx.solve(CROSSBAR, V, rtol=0.0, throw=False)
    assert not quiet.converged.any()
    assert all(s.startswith("error bound ") and "limit 1.0e-30 A" in s for s in quiet.status)
    single = cx.solve(CROSSBAR, V[0], rtol=0.0, throw=False)
    assert single.status.startswith("error bound ")


def test_only_the_vectors_that_failed_are_named():
    """With ideal ends a zero vector is exact; the others are not, to the last digit."""
    crossbar = cx.Crossbar(G, wires=cx.Wires(2.0, 3.0))
    voltages = np.array([[0.0] * 3, [0.3, -0.1, 0.2], [0.0] * 3])
    with pytest.raises(cx.SolverError, match="Vector 1 did not converge") as told:
        cx.solve(crossbar, voltages, rtol=1e-30)
    assert told.value.vectors == (1,)


def test_sources_of_one_voltage_drive_exactly_nothing():
    """A zero input around a reference voltage is an answer, not a failure to converge."""
    crossbar = cx.Crossbar(G, left=cx.Driven(7.0), bottom=cx.Held(0.3, 5.0), top=cx.Held(0.3, 2.0))
    found = cx.solve(crossbar, [[0.3, 0.3, 0.3], [0.3, 0.3, 0.4]])
    assert not found.currents[0].any()
    assert found.currents[1].all()
    assert found.status == ["converged", "converged"]


def test_a_part_with_sources_of_one_voltage_carries_exactly_nothing():
    """Row 1 is cut off from its driver and hangs on columns 1 and 2, both held at 0.3 V."""
    crossbar = cx.Crossbar(
        [[1e-3, 0.0, 0.0], [0.0, 1.97875784e-05, 5.36607032e-06]],
        wires=cx.Wires([[1.0, 1.0, 1.0, 1.0], [np.inf, 0.1, 2.86664249, 1.0]], 1.0),
        bottom=cx.Held([0.1, 0.3, 0.3], [20.0, 59.06220791, 8106.68651]),
    )
    found = cx.solve(crossbar, [0.2, 0.5])
    assert not found.currents[1:].any()
    assert np.array_equal(found.row_voltages[1], [0.3, 0.3, 0.3])
    assert found.currents[0] == pytest.approx(0.1 / (1 + 1000 + 2 + 20), rel=1e-13)


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_currents_beyond_the_largest_float_are_no_answer(value: float):
    crossbar = cx.Crossbar(np.ones((3, 4)), wires=cx.Wires(0, 0))
    with pytest.raises(cx.SolverError, match="did not converge"):
        cx.solve(crossbar, [value] * 3, extrapolate=True)
    found = cx.solve(crossbar, [[value] * 3, [0.1] * 3], extrapolate=True, throw=False)
    assert found.converged.tolist() == [False, True]
    assert found.currents[1] == pytest.approx([0.3] * 4, rel=1e-15)


def test_a_failure_of_the_array_engine_names_another_one_that_may_succeed():
    crossbar = cx.Crossbar(np.full((3, 3), 1e-5), wires=cx.Wires(1.0, 1.0))
    with pytest.raises(cx.SolverError, match='Or use engine="nodal"'):
        cx.solve(crossbar, [0.1, 0.2, 0.3], engine="array", rtol=1e-25)
    with pytest.raises(cx.SolverError) as told:
        cx.solve(crossbar, [0.1, 0.2, 0.3], engine="nodal", rtol=1e-25)
    assert "nodal" not in str(told.value)


def test_numbers_beyond_what_fits_are_not_blamed_on_a_law_where_cells_are_linear():
    wires = cx.Wires(1e-300, 1e-300)
    crossbar = cx.Crossbar(np.full((3, 3), 1e-5), wires=wires, left=cx.Driven(1e200))
    with pytest.raises(cx.SolverError, match=r"no longer finite.*extremely large"):
        cx.solve(crossbar, np.full(3, 1e250), engine="array", extrapolate=True)


def test_an_infinite_error_is_no_convergence_however_large_the_current():
    good = cx.solve(CROSSBAR, V[0])
    endless = {side: np.full_like(c, np.inf) for side, c in good.proof.currents.items()}
    proof = replace(good.proof, currents=endless, error_bound=np.array([np.inf]))
    assert not replace(good, proof=proof).converged


def test_conductances_too_far_apart_for_the_matrix_are_refused_by_name():
    crossbar = cx.Crossbar(
        [[1e-3, 1e-300]],
        left=cx.Floating(),
        right=cx.Held(1.0, 1e20),
        bottom=cx.Grounded([np.inf, 0.0]),
        top=cx.Driven([np.inf, np.inf]),
    )
    with pytest.raises(cx.SolverError, match="singular to working precision"):
        cx.solve(crossbar, [0.0, 0.0])


def test_an_island_on_weak_cells_keeps_its_voltage():
    """Row 1 and column 1 float; only cells of 1e-20 and 1e-30 S hold them."""
    g = [[1e-3, 1e-30], [1e-20, 1e-3]]
    crossbar = cx.Crossbar(g, left=cx.Driven([0.0, np.inf]), bottom=cx.Grounded([0.0, np.inf]))
    found = cx.solve(crossbar, [1.0, 1.0])
    assert found.currents[0] == pytest.approx(1 / (1000 + 1 + 2), rel=1e-14)


def test_column_voltages_go_with_driven_columns():
    both = cx.Crossbar(G, bottom=cx.Driven(), wires=cx.Wires(0, 0))
    u = np.array([0.1, 0.0, -0.2, 0.3])
    found = cx.solve(both, V[0], u)
    assert np.allclose(found.currents, ((V[0][:, None] - u) * G).sum(axis=0), rtol=1e-13, atol=0)
    # One vector meets a batch on either side.
    for rows, columns in ((V, u), (V[0], np.tile(u, (5, 1))), (V, np.tile(u, (5, 1)))):
        batch = cx.solve(both, rows, columns)
        assert batch.currents.shape == (5, 4)
        assert np.allclose(batch.currents[0], found.currents, rtol=1e-14, atol=0)
    for arguments, told in (
        ((both, V), "column_voltages is missing"),
        ((both, None, u), "voltages is missing"),
        ((both, V, V[:, :1]), r"column_voltages has shape \(5, 1\); expected \(4,\)"),
        ((both, V, np.ones((2, 4))), "voltages holds 5 and column_voltages holds 2 vectors"),
        ((CROSSBAR, V, u), "column_voltages needs Driven ends on rows and columns"),
        ((cx.Crossbar(G, left=cx.Held(0.1)), V), "no line end is Driven"),
    ):
        with pytest.raises(cx.CircuitError, match=told):
            cx.solve(*arguments)


def test_voltages_of_columns_that_alone_are_driven():
    crossbar = cx.Crossbar(G, wires=cx.Wires(0, 0)).transpose()
    u = np.array([0.1, 0.0, -0.2, 0.3])
    assert np.allclose(cx.solve(crossbar, u).currents, G @ u, rtol=1e-14, atol=0)
    with pytest.raises(cx.CircuitError, match=r"voltages has shape \(3,\); expected \(4,\)"):
        cx.solve(crossbar, u[:3])
    with pytest.raises(cx.CircuitError, match="column_voltages needs Driven ends on rows"):
        cx.solve(crossbar, None, u)


def test_an_array_that_nothing_drives_answers_once():
    crossbar = cx.Crossbar(G, left=cx.Held([0.1, 0.2, 0.3]), wires=cx.Wires(0, 0))
    assert np.allclose(cx.solve(crossbar).currents, [0.1, 0.2, 0.3] @ G, rtol=1e-14, atol=0)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_effective_matrix_is_what_solve_does(shape: tuple[int, int], turned: bool):
    rng = np.random.default_rng(10)
    crossbar = cx.Crossbar(
        rng.uniform(1e-5, 1e-3, shape),
        wires=cx.Wires(20.0, 30.0),
        left=cx.Driven(10.0),
        right=cx.Held(rng.uniform(-1, 1, shape[0]), 40.0),
        bottom=cx.Grounded(rng.uniform(0, 9, shape[1])),
        top=cx.Norton(1e-3, rng.uniform(-1e-4, 1e-4, shape[1])),
    )
    crossbar = crossbar.transpose() if turned else crossbar
    matrix, offset = cx.effective_matrix(crossbar)
    inputs = shape[1] if turned else shape[0]
    voltages = rng.uniform(-0.5, 0.5, (6, inputs))
    assert matrix.shape == (inputs, sum(shape) - inputs)
    want = cx.solve(crossbar, voltages).currents
    assert np.abs(offset).min() > 1e-7
    assert np.allclose(voltages @ matrix + offset, want, rtol=1e-12, atol=1e-18)


def test_the_effective_matrix_adds_both_driven_ends_and_needs_one_kind_of_line():
    crossbar = cx.Crossbar(G, right=cx.Driven(5.0), wires=cx.Wires(20.0, 30.0))
    matrix, offset = cx.effective_matrix(crossbar)
    assert not offset.any()
    assert np.allclose(V @ matrix, cx.solve(crossbar, V).currents, rtol=1e-12, atol=1e-18)
    for ends in ({"bottom": cx.Driven()}, {"left": cx.Grounded()}):
        with pytest.raises(cx.CircuitError, match="driven on its rows or on its columns alone"):
            cx.effective_matrix(cx.Crossbar(G, **ends))


def test_comparing_engines():
    found = cx.compare(CROSSBAR, V, engines=["nodal", "ngspice"])
    assert list(found.disagreement) == [("nodal", "ngspice")]
    assert 0 < found.worst == found.disagreement["nodal", "ngspice"] < 1e-9
    assert found.unexplained["nodal", "ngspice"] < found.worst
    assert {name: s.engine for name, s in found.solutions.items()} == {
        "nodal": "nodal",
        "ngspice": "ngspice",
    }
    everyone = cx.compare(CROSSBAR, V)
    assert {"nodal", "ngspice"} <= set(everyone.solutions)
    assert len(everyone.disagreement) == len(everyone.solutions) * (len(everyone.solutions) - 1) / 2
    assert cx.compare(CROSSBAR, V, engines=("nodal",)).worst == 0.0


@pytest.mark.parametrize("engines", [[], ["auto", "nodal"], ["nodal", "nodal"], "nodal", ["x"]])
def test_a_comparison_of_nothing_is_refused(engines: Any):
    with pytest.raises(cx.CircuitError, match="engine"):
        cx.compare(CROSSBAR, V, engines=engines)


def test_thin_wires_show_what_ngspice_rounds_away():
    """With 1e-5 ohm wires its 16 digits of node voltages miss 1e-9; the comparison says both."""
    crossbar = cx.Crossbar(np.full((8, 8), 1e-6), wires=cx.Wires(1e-5, 1e-5))
    found = cx.compare(crossbar, np.linspace(0.1, 0.2, 8), engines=["nodal", "ngspice"])
    assert found.disagreement["nodal", "ngspice"] > 1e-9 >= found.unexplained["nodal", "ngspice"]
    assert found.worst == found.disagreement["nodal", "ngspice"]


def test_a_disagreement_is_seen(monkeypatch: pytest.MonkeyPatch):
    nodal = solving.ENGINES["nodal"]
    wrong = solving.Engine(
        lambda crossbar, drive, request: nodal.solve(
            crossbar.with_conductances(crossbar.conductances * 1.001), drive, request
        ),
        nodal.operating_point,
        lambda: True,
    )
    monkeypatch.setitem(solving.ENGINES, "wrong", wrong)
    found = cx.compare(CROSSBAR, V, engines=["nodal", "wrong"])
    assert found.worst > 1e-5
    assert not found.solutions["wrong"].converged.any()  # and the proof knows which one it is
    with pytest.raises(cx.SolverError):
        cx.solve(CROSSBAR, V, engine="wrong")


def test_outside_the_valid_range_only_when_asked():
    crossbar = cx.Crossbar(G, wires=cx.Wires(0, 0))
    with pytest.raises(cx.CircuitError, match=r"cell 1, 0 of vector 1 is at 2000 V, outside"):
        cx.solve(crossbar, [[0, 0, 0], [0, 2000, 0]])
    found = cx.solve(crossbar, [[0, 0, 0], [0, 2000, 0]], extrapolate=True)
    assert np.allclose(found.currents[1], 2000 * G[1], rtol=1e-14, atol=0)


def test_a_refusal_names_the_vector_of_the_whole_batch(monkeypatch):
    monkeypatch.setattr("circuitxbar.solving.arrays._BLOCK_NODES", 4 * CROSSBAR.conductances.size)
    voltages = np.zeros((7, 3))
    voltages[5, 1] = 2000.0
    for keep in ("voltages", "currents"):
        with pytest.raises(cx.CircuitError, match="of vector 5 is at"):
            cx.solve(CROSSBAR, voltages, keep=keep)
