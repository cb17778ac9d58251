"""The witness for non-linear cells against closed forms, 40 digits, and Kirchhoff's laws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from reference.arrays import Case, determined_cases
from reference.cells import ENDS, CellCase, CellKind, cell_kinds, random_cells
from reference.dense_newton import solve_cells
from reference.dense_solver import SIDES, Extended, solve_refined
from reference.laws import law_of

import circuitxbar as cx

IDEAL = cx.Wires(0.0, 0.0)
KINDS = cell_kinds()


def determined(kind: CellKind, rows: int, columns: int, ends: str, **fields: Any) -> CellCase:
    """The first of some random crossbars that has a unique solution."""
    for seed in range(100):
        case = random_cells(
            np.random.default_rng([seed, rows]), kind, rows, columns, ENDS[ends], **fields
        )
        if case.is_determined:
            return case
    raise AssertionError("no such array with a unique solution among 100")


def test_every_kind_of_cell_is_there():
    assert {kind.style for kind in KINDS} == {"1R", "1S1R", "1T1R"}
    assert len({str(kind) for kind in KINDS}) == len(KINDS)


@settings(max_examples=60)
@given(determined_cases(largest=5))
def test_linear_cells_are_those_of_the_linear_witness(case: Case):
    linear = solve_refined(*case.inputs)
    assume(linear.is_live.all())
    largest = linear.largest_current()[:, None]
    found = solve_cells(*case.inputs)
    for side in SIDES:
        assert (np.abs(found.currents[side] - linear.currents[side]) <= 1e-16 * largest).all(), side


@pytest.mark.parametrize("kind", [k for k in KINDS if k.style == "1R"], ids=str)
def test_without_wires_columns_collect_the_currents_of_the_law(kind: CellKind):
    case = random_cells(np.random.default_rng(5), kind, 4, 3, wires="ideal", batch=2)
    crossbar = case.crossbar
    ends = {"left": cx.Driven(), "bottom": cx.Grounded()}
    device, g, parameters = crossbar.device, crossbar.conductances, crossbar.parameters
    crossbar = cx.Crossbar(
        g, device, parameters=parameters, temperature=crossbar.temperature, wires=IDEAL, **ends
    )
    found = solve_cells(crossbar, case.voltages)
    values = {name: np.asarray(v, Extended) for name, v in {**device.values, **parameters}.items()}
    cells = law_of(device)(
        v=np.asarray(case.voltages, Extended)[:, :, None],
        g=g.astype(Extended),
        temperature=Extended(crossbar.temperature),
        **values,
    )
    cells = np.broadcast_to(cells, (2, 4, 3))  # a law that is free of g is alike along a row
    expected = cells.sum(axis=1)
    assert np.abs(found.currents["bottom"] - expected).max() <= 1e-17 * np.abs(expected).max()
    assert np.abs(found.currents["left"] + cells.sum(axis=2)).max() <= 1e-17 * np.abs(cells).max()


def solved_by_bisection(drop: Callable[[Any], Any], low: float, high: float) -> Any:
    """The current at which `drop` is 0, to 30 digits."""
    return mpmath.findroot(drop, (low, high), solver="anderson", tol=1e-60, maxsteps=500)


def close(value: Any, expected: Any) -> None:
    assert abs(mpmath.mpf(str(value)) - expected) <= mpmath.mpf("1e-17") * abs(expected)


def test_a_diode_and_a_resistor():
    """0.8 V on 130 ohm and a diode: i = I_s (exp((0.8 V - i 130 ohm) / V_T) - 1)."""
    ends = {"left": cx.Driven(90.0), "bottom": cx.Grounded(10.0)}
    crossbar = cx.Crossbar([[1.0]], "diode", wires=cx.Wires(20.0, 10.0), **ends)
    with mpmath.workdps(40):
        thermal = mpmath.mpf("1.38064852e-23") * mpmath.mpf(300.15) / mpmath.mpf("1.6021766208e-19")

        def missing(i: Any) -> Any:
            return mpmath.mpf(1e-14) * mpmath.expm1((mpmath.mpf(0.8) - 130 * i) / thermal) - i

        # Constants written in decimal differ from their doubles in the 17th digit.
        found = solve_cells(crossbar, [0.8]).currents["bottom"][0, 0]
        expected = solved_by_bisection(missing, 0.0, 0.8 / 130)
        assert abs(mpmath.mpf(str(found)) - expected) <= mpmath.mpf("1e-15") * expected


@pytest.mark.parametrize("voltage", [0.9, -0.9])
def test_a_selector_and_a_cell(voltage: float):
    """The voltages of a selector, a sinh cell and 100 ohm add up, as functions of the current."""
    parameters = {"v0": 0.125, "selector.leakage_current": 2.0**-40, "selector.swing": 0.0625}
    crossbar = cx.Crossbar(
        [[2.0**-15]],
        "sinh",
        selector="exponential_selector",
        parameters=parameters,
        wires=IDEAL,
        left=cx.Driven(100.0),
    )
    with mpmath.workdps(40):

        def missing(i: Any) -> Any:
            over_cell = mpmath.asinh(i / (mpmath.mpf(2) ** -15 * 0.125)) * 0.125
            over_selector = mpmath.asinh(i / mpmath.mpf(2) ** -39) * 0.0625 / mpmath.log(10)
            return over_cell + over_selector + 100 * i - mpmath.mpf(voltage)

        expected = solved_by_bisection(missing, 0.0, voltage / 100)
        close(solve_cells(crossbar, [voltage]).currents["bottom"][0, 0], expected)


@pytest.mark.parametrize(("gate", "voltage"), [(1.0, 0.75), (2.0, 0.25), (1.0, -0.5)])
def test_a_saturated_a_triode_and_a_reversed_transistor(gate: float, voltage: float):
    """Square law without corrections, a linear cell in its drain: quadratic equations."""
    parameters = {
        "transistor.threshold": 0.5,
        "transistor.transconductance": 2.0**-10,
        "transistor.channel_length_modulation": 0.0,
        "transistor.body_effect": 0.0,
    }
    g, beta = 2.0**-11, mpmath.mpf(2) ** -10
    crossbar = cx.Crossbar(
        [[g]], transistor="square_law_transistor", parameters=parameters, wires=IDEAL
    )
    found = solve_cells(crossbar, [voltage], None, gate).currents["bottom"][0, 0]
    with mpmath.workdps(40):
        over = mpmath.mpf(gate) - 0.5
        if voltage > 0:
            # g (V - x) = beta x (over - x / 2) while x < over, at the drain's potential x
            a, b, c = beta / 2, -(g + beta * over), mpmath.mpf(g) * voltage
            x = (-b - mpmath.sqrt(b * b - 4 * a * c)) / (2 * a)
            expected = g * (voltage - x) if x < over else beta * over**2 / 2
        else:  # the cell's side is the source at -y: g (|V| - y) = beta y (over + y / 2)
            a, b, c = beta / 2, g + beta * over, mpmath.mpf(g) * voltage
            y = (-b + mpmath.sqrt(b * b - 4 * a * c)) / (2 * a)
            expected = g * (voltage + y)
        close(found, expected)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("ends", ENDS)
def test_kirchhoffs_law_at_every_node(kind: CellKind, ends: str):
    """From the description and the node voltages alone, without the equations of the witness."""
    case = determined(kind, 4, 3, ends, batch=2, opens=0.1, wires="ohms")
    crossbar, found = case.crossbar, solve_cells(*case.inputs)
    leaving = {name: np.zeros(2, Extended) for name in found.voltages if "source" not in name}

    def flows(first: str, last: str, current: Any) -> None:
        leaving[first] = leaving[first] + current
        leaving[last] = leaving[last] - current

    for line, other in (("row", "column"), ("column", "row")):
        count, cells = crossbar.shape[line == "column"], crossbar.shape[line == "row"]
        ohms = Extended(getattr(crossbar.wires, line))
        for k in range(count):
            middle = [f"row_{k}_{m}" if line == "row" else f"column_{m}_{k}" for m in range(cells)]
            sides = ("left", "right") if other == "column" else ("top", "bottom")
            nodes = [f"{line}_{k}_{sides[0]}", *middle, f"{line}_{k}_{sides[1]}"]
            for first, last in pairwise(nodes):
                if first in leaving and last in leaving:
                    drop = found.voltages[first] - found.voltages[last]
                    flows(first, last, drop / ohms)
    for side in SIDES:
        line = "row" if side in ("left", "right") else "column"
        for k in range(crossbar.lines(side)):
            if f"{line}_{k}_{side}" in leaving:
                leaving[f"{line}_{k}_{side}"] += found.currents[side][:, k]
    for i, j in np.ndindex(crossbar.shape):
        for name, nodes in cell_nodes(case, i, j).items():
            first, last = (found.voltages[node] for node in nodes)
            at = {"v_d": first, "v_s": last} if name == "transistor." else {"v": first - last}
            g = Extended(crossbar.conductances[i, j])
            flows(*nodes, case.law(name, i, j)(**at, g=g))
    worst = max(float(np.abs(value).max()) for value in leaving.values())
    assert worst <= 1e-17 / float(min(crossbar.wires.row, crossbar.wires.column))


def cell_nodes(case: CellCase, i: int, j: int) -> dict[str, tuple[str, str]]:
    """The two nodes of each device of a cell, by the prefix of its parameters."""
    row, inner, column = f"row_{i}_{j}", f"inner_{i}_{j}", f"column_{i}_{j}"
    if case.crossbar.conductances[i, j] == 0:
        return {}
    return {
        "1R": {"": (row, column)},
        "1S1R": {"selector.": (row, inner), "": (inner, column)},
        "1T1R": {"": (row, inner), "transistor.": (inner, column)},
    }[case.kind.style]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_another_start_gives_the_same(kind: CellKind):
    case = determined(kind, 5, 4, "read", batch=1)
    found = solve_cells(*case.inputs)
    rng = np.random.default_rng(7)
    start = rng.uniform(-0.3, 0.3, found.unknowns.shape).astype(Extended)
    again = solve_cells(*case.inputs, start=start)
    largest = found.largest_current()[:, None]
    for side in SIDES:
        assert (np.abs(found.currents[side] - again.currents[side]) <= 1e-16 * largest).all()


@pytest.mark.parametrize("style", ["1R", "1S1R", "1T1R"])
def test_large_arrays_end(style: str):
    kind = [kind for kind in KINDS if kind.style == style][-1]
    case = random_cells(np.random.default_rng(3), kind, 32, 32, batch=1)
    assert solve_cells(*case.inputs).is_live.all()
