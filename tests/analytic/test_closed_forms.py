"""Arrays whose currents are known without a solver."""

from __future__ import annotations

import numpy as np
import pytest
from reference.dense_solver import solve_refined

import circuitxbar as cx

ENGINES = ("nodal", "ngspice")


@pytest.mark.parametrize("engine", ENGINES)
def test_ideal_wires_multiply_matrix_and_vector(engine: str):
    rng = np.random.default_rng(1)
    conductances = 10 ** rng.uniform(-9, -2, (23, 17))
    conductances[rng.uniform(size=conductances.shape) < 0.1] = 0.0
    voltages = rng.uniform(-1, 1, (3, 23))
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(0.0, 0.0))
    currents = cx.solve(crossbar, voltages, engine=engine).currents
    np.testing.assert_allclose(
        currents, voltages @ conductances, rtol=0, atol=1e-14 * np.abs(currents).max()
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_held_column_subtracts_its_potential(engine: str):
    rng = np.random.default_rng(2)
    conductances, voltages = 10 ** rng.uniform(-6, -4, (5, 4)), rng.uniform(-1, 1, 5)
    offsets = rng.uniform(-0.5, 0.5, 4)
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(0.0, 0.0), bottom=cx.Held(offsets))
    expected = (conductances * (voltages[:, None] - offsets)).sum(axis=0)
    currents = cx.solve(crossbar, voltages, engine=engine).currents
    np.testing.assert_allclose(currents, expected, rtol=0, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("engine", ENGINES)
def test_one_cell_in_series_with_all_its_resistances(engine: str):
    """Wire, cell, wire and two ends, 10 + 1 + 1000 + 2 + 30 ohm."""
    crossbar = cx.Crossbar(
        [[1e-3]], wires=cx.Wires(1.0, 2.0), left=cx.Driven(10.0), bottom=cx.Grounded(30.0)
    )
    solution = cx.solve(crossbar, [0.7], engine=engine)
    assert solution.currents[0] == pytest.approx(0.7 / 1043, rel=1e-13)
    assert solution.terminal_currents.left[0] == pytest.approx(-0.7 / 1043, rel=1e-13)
    assert solution.cell_voltages[0, 0] == pytest.approx(700 / 1043, rel=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_cell_between_norton_ends(engine: str):
    """Two Norton one-ports g v - i at the ends of a cell of 1 mS, no wires: 2 x 2 by hand."""
    crossbar = cx.Crossbar(
        [[1e-3]], wires=cx.Wires(0.0, 0.0), left=cx.Norton(2e-3, 5e-4), bottom=cx.Norton(1e-3, 0.0)
    )
    # (2 + 1) u - w = 0.5 and -u + (1 + 1) w = 0 in mS, V, mA: w = 0.1, u = 0.2.
    solution = cx.solve(crossbar, engine=engine)
    assert solution.currents[0] == pytest.approx(1e-4, rel=1e-13)
    assert solution.terminal_currents.left[0] == pytest.approx(2e-3 * 0.2 - 5e-4, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("cells", "wire", "cell"), [(1, 1.0, 1e-3), (64, 2.0, 1e-3), (40, 50, 1e-2)]
)
def test_one_row_is_a_ladder(engine: str, cells: int, wire: float, cell: float):
    """A row of equal cells on equal segments with ideal columns: the ladder's closed form.

    Kirchhoff's law at cell k, u[k-1] - (2 + r g) u[k] + u[k+1] = 0, has the solution
    u[k] = V cosh((n + 1/2 - k) t) / cosh((n + 1/2) t) with 2 cosh t = 2 + r g: the half shift
    makes u[n+1] = u[n], since no current flows beyond the last cell.
    """
    t = np.arccosh(1 + wire * cell / 2)
    place = np.arange(1, cells + 1)
    row = 0.3 * np.cosh((cells + 0.5 - place) * t) / np.cosh((cells + 0.5) * t)
    crossbar = cx.Crossbar(np.full((1, cells), cell), wires=cx.Wires(wire, 0.0))
    solution = cx.solve(crossbar, [0.3], engine=engine)
    np.testing.assert_allclose(solution.currents, cell * row, rtol=0, atol=1e-12 * 0.3 * cell)
    np.testing.assert_allclose(solution.row_voltages[0], row, rtol=0, atol=1e-12)


def test_a_long_row_looks_like_an_infinite_ladder():
    """What drives an endless ladder sees r/2 + sqrt(r^2/4 + r/g)."""
    wire, cell = 5.0, 1e-2
    crossbar = cx.Crossbar(np.full((1, 400), cell), wires=cx.Wires(wire, 0.0))
    solution = cx.solve(crossbar, [1.0])
    seen = 1 / -solution.terminal_currents.left[0]
    assert seen == pytest.approx(wire / 2 + np.sqrt(wire**2 / 4 + wire / cell), rel=1e-13)


def test_a_row_driven_from_both_ends_by_symmetry():
    """Its middle carries no current, so that each half is a ladder of half the cells."""
    half = cx.Crossbar(np.full((1, 16), 1e-4), wires=cx.Wires(3.0, 0.0))
    whole = cx.Crossbar(np.full((1, 32), 1e-4), wires=cx.Wires(3.0, 0.0), right=cx.Driven())
    one, both = cx.solve(half, [0.5]).currents, cx.solve(whole, [0.5]).currents
    np.testing.assert_allclose(both[:16], one, rtol=1e-13)
    np.testing.assert_allclose(both[16:], one[::-1], rtol=1e-13)


def loss(size: int, cell: float, **ends) -> np.ndarray:
    """Each column's missing share of its ideal current: all rows on, 1 ohm per segment."""
    crossbar = cx.Crossbar(np.full((size, size), cell), **ends)
    currents = cx.solve(crossbar, np.ones(size), keep="currents").currents
    return 1 - currents / (size * cell)


@pytest.mark.parametrize(
    ("size", "cell", "digits"),
    [
        (64, 1e-5, "3.36"),
        (128, 1e-5, "12.15"),
        (128, 1e-6, "1.36"),
        (128, 1e-4, "58.9"),
        (256, 1e-5, "35.8"),
        (256, 1e-6, "5.21"),
    ],
)
def test_worst_loss_of_a_uniform_array(size: int, cell: float, digits: str):
    """Figures of an earlier, separate nodal solver, to the digits it printed."""
    places = len(digits.partition(".")[2])
    losses = loss(size, cell)
    assert f"{100 * losses.max():.{places}f}" == digits
    assert losses.argmax() == size - 1  # the column farthest from the drivers


@pytest.mark.parametrize(
    ("size", "cell", "centre", "edge"),
    [(256, 1e-5, "22.8", "17.5"), (128, 1e-5, "7.0", "5.2")],
)
def test_loss_with_rows_driven_from_both_ends(size: int, cell: float, centre: str, edge: str):
    losses = 100 * loss(size, cell, right=cx.Driven())
    assert f"{losses[size // 2]:.1f}" == centre
    assert f"{losses.max():.1f}" == centre
    for column in (0, -1):
        assert f"{losses[column]:.1f}" == edge


def test_loss_is_that_of_the_refined_solve():
    crossbar = cx.Crossbar(np.full((64, 64), 1e-5))
    reference = solve_refined(crossbar, np.ones(64)).currents["bottom"].astype(float)[0]
    np.testing.assert_allclose(1 - reference / 64e-5, loss(64, 1e-5), rtol=0, atol=1e-14)
