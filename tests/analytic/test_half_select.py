"""Writing and reading one cell of 16 x 16 low-resistance ones: V/2, V/3 and floating lines."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from reference import laws
from scipy.optimize import brentq

import circuitxbar as cx

N, ROW, COLUMN = 16, 5, 11  # the size of the array, and the selected cell
VOLTAGE = 0.8
SCHEMES = {"V/2": (1 / 2, 1 / 2), "V/3": (1 / 3, 2 / 3)}  # of the unselected rows and columns
CELLS = {
    "linear": {"device": "linear"},
    "sinh": {"device": "sinh"},
    "linear behind a selector": {"device": "linear", "selector": "exponential_selector"},
    "sinh behind a selector": {"device": "sinh", "selector": "exponential_selector"},
    "sinh behind a diode": {"device": "sinh", "selector": "diode"},
}
ENGINES = ("nodal", "ngspice")


def scheme(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Voltages of the rows and the columns."""
    share_of_rows, share_of_columns = SCHEMES[name]
    rows, columns = np.full(N, share_of_rows * VOLTAGE), np.full(N, share_of_columns * VOLTAGE)
    rows[ROW], columns[COLUMN] = VOLTAGE, 0.0
    return rows, columns


def array(cells: dict[str, str], wires: cx.Wires) -> cx.Crossbar:
    """Cells of 1 to 10 kohm, rows and columns both driven."""
    conductances = 10 ** np.random.default_rng(3).uniform(-4, -3, (N, N))
    return cx.Crossbar(conductances, **cells, wires=wires, bottom=cx.Driven())


def law(device: str, **fixed: float):
    """The hand-written law of a device with the default parameters of its file."""
    defaults = {name: p.default for name, p in cx.device(device).parameters.items()}
    typed = partial(getattr(laws, device), temperature=300.15, **defaults, **fixed)
    return lambda v: float(typed(v=np.longdouble(v)))


def classes() -> dict[str, np.ndarray]:
    """Masks of the selected, the half-selected and the other cells."""
    in_row, in_column = np.zeros((2, N, N), dtype=bool)
    in_row[ROW], in_column[:, COLUMN] = True, True
    return {
        "selected": in_row & in_column,
        "row": in_row & ~in_column,
        "column": in_column & ~in_row,
        "other": ~(in_row | in_column),
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("name", SCHEMES)
def test_ideal_wires_give_every_cell_its_share(name: str, cells: str, engine: str):
    crossbar = array(CELLS[cells], cx.Wires(0.0, 0.0))
    found = cx.solve(crossbar, *scheme(name), engine=engine)
    share_of_rows, share_of_columns = SCHEMES[name]
    across = {
        "selected": 1.0,
        "row": 1.0 - share_of_columns,
        "column": share_of_rows,
        "other": share_of_rows - share_of_columns,
    }
    for kind, cell in classes().items():
        expected = across[kind] * VOLTAGE
        np.testing.assert_allclose(found.cell_voltages[cell], expected, rtol=0, atol=1e-15)
        if crossbar.selector is None:
            continue
        selector = law(crossbar.selector.name)
        for g, memory in zip(crossbar.conductances[cell], found.memory_voltages[cell], strict=True):
            element = law(crossbar.device.name, g=g)
            root = brentq(
                lambda m, f=element, s=selector, v=expected: f(m) - s(v - m),
                min(expected, 0.0),
                max(expected, 0.0) or 1e-9,
                xtol=1e-15,
                rtol=1e-14,
            )
            assert memory == pytest.approx(root, rel=1e-9, abs=1e-9 * VOLTAGE)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("name", SCHEMES)
def test_real_wires_give_the_voltages_of_ngspice(name: str, cells: str):
    crossbar = array(CELLS[cells], cx.Wires(2.5, 2.5))
    ours, theirs = (cx.solve(crossbar, *scheme(name), engine=engine) for engine in ENGINES)
    for kind, cell in classes().items():
        for of in ("cell_voltages", "memory_voltages"):
            voltages, expected = getattr(ours, of)[cell], getattr(theirs, of)[cell]
            np.testing.assert_allclose(voltages, expected, rtol=0, atol=1e-9 * VOLTAGE)
        if kind == "selected":  # the wires are felt: nobody compares ideal arrays here
            assert (np.abs(ours.cell_voltages[cell]) < 0.999 * VOLTAGE).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_a_selector_keeps_half_selected_cells_quiet(name: str):
    wires = cx.Wires(2.5, 2.5)
    bare, behind = (
        cx.solve(array(CELLS[cells], wires), *scheme(name))
        for cells in ("linear", "linear behind a selector")
    )

    def disturbance(solution: cx.Solution) -> float:
        voltages, masks = np.abs(solution.memory_voltages), classes()
        half = voltages[masks["row"] | masks["column"]].max()
        return float(half / voltages[masks["selected"]].max())

    assert disturbance(behind) < 0.01 * disturbance(bare)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("device", ["linear", "sinh", "cubic"])
def test_a_read_with_floating_lines_has_the_sneak_path_of_three_cells(device: str, engine: str):
    """Equal cells, ideal wires: N - 1 cells, (N - 1)^2 and N - 1 in series beside the read one."""
    g, voltage = 1e-4, 0.6
    chosen = np.full(N, np.inf)
    chosen[ROW] = 0.0
    crossbar = cx.Crossbar(
        np.full((N, N), g),
        device,
        wires=cx.Wires(0.0, 0.0),
        left=cx.Driven(chosen),
        bottom=cx.Grounded(np.roll(chosen, COLUMN - ROW)),
    )
    current = law(device, g=g)
    outer = brentq(
        lambda v: current(v) - (N - 1) * current(voltage - 2 * v),
        0,
        voltage,
        xtol=1e-15,
        rtol=1e-14,
    )
    expected = current(voltage) + (N - 1) * current(outer)
    found = cx.solve(crossbar, np.full(N, voltage), engine=engine)
    assert found.currents[COLUMN] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found.cell_voltages[classes()["row"]], outer, rtol=1e-9)
