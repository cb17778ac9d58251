"""Voltages, powers and matrices of the array engine, and where it starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines.solved_arrays import CELLS, COLUMNS, ROWS, array, assert_same, inputs, solved
from reference.dense_solver import solve_refined

import circuitxbar as cx
from circuitxbar.array.block import Block, Workspace
from circuitxbar.array.engine import sources_of
from circuitxbar.array.system import System
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.proof import prove


@pytest.mark.parametrize("cells", CELLS)
def test_voltages_and_powers_are_those_of_nodal(cells: str):
    ours = solved(cells)
    nodal = cx.solve(array(cells), *inputs(cells), engine="nodal")
    size = np.abs(inputs(cells)[0]).max(axis=1)
    names = ["row", "column", "cell", "memory"]
    names += ["inner"] if len(array(cells).cell_elements) == 2 else []
    for name in names:
        apart = getattr(ours, f"{name}_voltages") - getattr(nodal, f"{name}_voltages")
        assert (np.abs(apart).max(axis=(1, 2)) <= 1e-9 * size).all(), name
    currents = ours.cell_currents - nodal.cell_currents
    assert (np.abs(currents).max(axis=(1, 2)) <= 1e-9 * nodal.largest_current).all()
    split, expected = ours.power_split, nodal.power_split
    for part, power in vars(split).items():
        assert (np.abs(power - getattr(expected, part)) <= 1e-9 * expected.sources).all(), part
    spent = split.cells + split.row_wires + split.column_wires + split.terminations
    np.testing.assert_allclose(spent, split.sources, rtol=1e-8, atol=0)


def test_voltages_of_lines_that_little_current_holds():
    """Columns held at both ends carry 1e6 times what floating rows do, which are as exact."""
    conductances = 10 ** np.random.default_rng(3).uniform(-10, -9, (6, 5))
    for device in ("linear", "sinh"):
        crossbar = cx.Crossbar(
            conductances,
            device,
            wires=cx.Wires(2.0, 2.0),
            left=cx.Floating(),
            top=cx.Held(np.linspace(0.1, 0.5, 5)),
        )
        ours = cx.solve(crossbar, engine="array")
        nodal = cx.solve(crossbar, engine="nodal")
        np.testing.assert_allclose(ours.row_voltages, nodal.row_voltages, rtol=0, atol=1e-9)


def test_nodes_on_ideal_sources_are_where_these_are():
    """To the last digit, which the shared proof asks for."""
    wires = np.full((ROWS, COLUMNS + 1), 2.0)
    wires[:, [0, -1]] = 0.0
    for device in ("linear", "sinh"):
        crossbar = cx.Crossbar(
            array("linear").conductances,
            device,
            wires=cx.Wires(wires, 3.0),
            left=cx.Floating(),
            right=cx.Held(0.0),
            top=cx.Held(0.3),
        )
        solution = cx.solve(crossbar, engine="array")
        assert (solution.row_voltages[:, -1] == 0).all()
        found = prove(crossbar, solution.ends, solution.kept_nodes())
        np.testing.assert_allclose(found.error_bound, solution.error_bound, atol=1e-20, rtol=0.05)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_starting_from_an_earlier_solution(device: str):
    crossbar = array("linear", device=device, wires=cx.Wires(200.0, 200.0))
    voltages = inputs("linear")[0][:9]
    first = cx.solve(crossbar, voltages, engine="array")
    again = cx.solve(crossbar, voltages, engine="array", start=first)
    assert again.stats["newton_steps"].sum() == again.stats["steps"].sum() == 0
    assert_same(again, first)
    from_nodal = cx.solve(crossbar, voltages, engine="array", start=cx.solve(crossbar, voltages))
    assert np.all(from_nodal.converged)
    # Other wires, whose nodes are joined where those of the first were not, and other cells.
    ends = {"left": cx.Driven(100.0), "bottom": cx.Grounded(50.0)}
    joined = replace(crossbar, wires=cx.Wires(0.0, 0.0), **ends)
    for other in (joined, replace(joined, left=cx.Driven()), replace(crossbar, device="cubic")):
        started = cx.solve(other, voltages, engine="array", start=first)
        nodal = cx.solve(other, voltages, engine="nodal")
        apart = np.abs(started.currents - nodal.currents).max(axis=1)
        assert (apart <= 1e-9 * nodal.largest_current).all()
        assert (prove(other, started.ends, started.kept_nodes()).error_bound < np.inf).all()


@pytest.mark.parametrize("ohm", [0.01, 100.0])
def test_a_correction_in_single_precision_leaves_a_few_millionths(ohm: float):
    crossbar = array("linear", wires=cx.Wires(ohm, ohm))
    drive = Drive.of(crossbar, inputs("linear")[0][:8])
    system = System.of(crossbar, drive.ends)
    block = Block(system, sources_of(system, drive), Workspace())
    error, everywhere = block.balance(kept=True).error, np.ones(8, dtype=bool)
    block.correct(system.linear_factors(32), error, 1e-6 * error, everywhere)
    assert (block.balance(kept=False).error < 5e-6 * error).all()


def test_the_effective_matrix_of_an_array_large_enough_for_it():
    conductances = 10 ** np.random.default_rng(8).uniform(-6, -4, (40, 30))
    crossbar = cx.Crossbar(
        conductances, wires=cx.Wires(3.0, 2.0), bottom=cx.Grounded(10.0), top=cx.Held(0.05, 100.0)
    )
    matrix, offset = cx.effective_matrix(crossbar)
    voltages = np.random.default_rng(9).uniform(-0.3, 0.3, 40)
    expected = solve_refined(crossbar, voltages).currents["bottom"][0].astype(float)
    apart = np.abs(voltages @ matrix + offset - expected)
    assert apart.max() <= 1e-9 * np.abs(expected).max()
