"""cx.transient against exact and independent witnesses, closed forms, and itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.spice_transient import transient_deck
from reference.transient import Answer, linear_transient, nonlinear_transient

import circuitxbar as cx
from circuitxbar.ngspice.runner import run

NS, FF = 1e-9, 1e-15
TOL = 1e-4


def errors(found: cx.Transient, exact: Answer) -> dict[str, float]:
    """Largest errors of a single vector: of what the largest change, or the largest charge, is."""
    sides = found.crossbar.sensed_sides
    currents = np.sum([exact.currents[side] for side in sides], axis=0)
    charges = np.sum([exact.charges[side] for side in sides], axis=0)
    assert found.voltages is not None
    names = [
        f"{kind}_{i}_{j}" for kind in found.voltages for i, j in np.ndindex(found.crossbar.shape)
    ]
    apart = [np.abs(found.voltage(name) - exact.voltages[name]).max() for name in names]
    swing = float(found.tolerance[0]) / TOL
    return {
        "voltages": max(apart) / swing,
        "currents": np.abs(found.currents - currents).max() / np.ptp(currents),
        "charges": np.abs(found.charge - charges).max() / np.abs(charges).max(),
    }


def pulses(lines: int, height: float = 0.3) -> cx.Waveform:
    widths = np.random.default_rng(lines).uniform(0.0, 2.0, lines) * NS
    widths[0], widths[-1] = 0.0, 0.05 * NS  # none, and a triangle
    return cx.pulses(height, widths, delay=0.1 * NS, rise=0.1 * NS, fall=0.2 * NS)


def linear_array(name: str) -> tuple[cx.Crossbar, cx.Waveform]:
    rng = np.random.default_rng(len(name))
    rows, columns = {"tall": (8, 3), "wide": (3, 8)}.get(name, (5, 4))
    g = 10 ** rng.uniform(-6, -4, (rows, columns))
    wires = cx.Wires(2.5, 1.5, row_capacitance=2 * FF, column_capacitance=3 * FF)
    ends: dict[str, Any] = {"left": cx.Driven(500.0), "bottom": cx.Grounded(200.0)}
    cell: Any = 1 * FF
    match name:
        case "segments of their own":
            wires = cx.Wires(
                rng.uniform(1, 1000, (rows, columns + 1)),
                rng.uniform(1, 1000, (rows + 1, columns)),
                rng.uniform(0, 5, (rows, columns + 1)) * FF,
                rng.uniform(0, 5, columns) * FF,
            )
            cell = rng.uniform(0, 2, g.shape) * FF
            ends |= {"top": cx.Held(0.1, 50.0)}
        case "both ends":
            ends |= {"right": cx.Driven(100.0), "top": cx.Grounded(300.0)}
        case "ideal wires":
            wires = cx.Wires(0.0, 0.0, 2 * FF, 3 * FF)
        case "ideal wires on ideal ends":
            wires = cx.Wires(0.0, 0.0, 2 * FF, 3 * FF)
            ends = {"left": cx.Driven(), "bottom": cx.Grounded()}
        case "no wire to an ideal ground":
            column = np.full((rows + 1, columns), 100.0)
            column[-1] = 0.0
            wires = cx.Wires(50.0, column, 20 * FF, 30 * FF)
            ends = {"left": cx.Driven(), "bottom": cx.Grounded()}
        case "cells alone":  # lines then follow at once
            wires, cell = cx.Wires(1000.0, 1000.0), 5 * FF
        case "broken and floating":
            g[1, 2] = g[3, 0] = 0.0
            row = np.full((rows, columns + 1), 4.0)
            row[3, 2] = np.inf
            column = np.where(rng.uniform(size=(rows + 1, columns)) < 0.2, 0.0, 3.0)
            wires = cx.Wires(row, column, 2 * FF, 3 * FF)
            ends["left"] = cx.Driven([0.0, 100.0, np.inf, 50.0, 20.0])
        case "sunk into one-ports":
            ends["bottom"] = cx.Norton(2e-3, 1e-6)
    crossbar = cx.Crossbar(g, wires=wires, cell_capacitance=cell, **ends)
    if name == "from its columns":
        crossbar = crossbar.transpose()
    return crossbar, pulses(crossbar.shape[0 if crossbar.drives_rows else 1])


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "tall",
        "wide",
        "segments of their own",
        "both ends",
        "ideal wires",
        "ideal wires on ideal ends",
        "no wire to an ideal ground",
        "cells alone",
        "broken and floating",
        "sunk into one-ports",
        "from its columns",
    ],
)
def test_linear_arrays_are_as_near_to_the_exact_answer_as_asked(name: str):
    crossbar, waveform = linear_array(name)
    found = cx.transient(crossbar, waveform, stop=3 * NS)
    assert found.converged
    apart = errors(found, linear_transient(crossbar, waveform, found.time))
    assert apart["voltages"] < 3 * TOL
    assert apart["currents"] < 10 * TOL
    assert apart["charges"] < TOL


def test_waveforms_of_any_shape():
    rng = np.random.default_rng(0)
    crossbar, _ = linear_array("plain")
    times = np.cumsum(rng.uniform(0.05, 0.5, (5, 7)), axis=1) * NS
    waveform = cx.Waveform(times - 0.3 * NS, rng.uniform(-0.5, 0.5, (5, 7)))
    asked = np.concatenate([[0.0], np.sort(rng.uniform(0, 2, 40)), [2.0]]) * NS
    found = cx.transient(crossbar, waveform, stop=2.5 * NS, times=asked)
    np.testing.assert_array_equal(found.time, asked)
    apart = errors(found, linear_transient(crossbar, waveform, asked))
    assert max(apart.values()) < 5 * TOL


def test_rows_and_columns_driven_by_ideal_sources():
    rng = np.random.default_rng(1)
    crossbar = cx.Crossbar(
        10 ** rng.uniform(-6, -4, (4, 3)),
        wires=cx.Wires(
            1000.0,
            np.array([[0.0], [900.0], [800.0], [700.0], [0.0]]) * np.ones(3),
            20 * FF,
            30 * FF,
        ),
        cell_capacitance=10 * FF,
        bottom=cx.Driven(),
    )
    rows = cx.pulses(0.3, [0.2 * NS, 0.4 * NS, 0.6 * NS, 0.8 * NS])
    columns = cx.pulses([-0.1, 0.2, 0.3], 0.5 * NS, delay=0.33 * NS)
    breakpoints = np.union1d(rows.breakpoints, columns.breakpoints)
    times = np.union1d(np.linspace(0.0, 1.5 * NS, 98), breakpoints)
    found = cx.transient(crossbar, rows, columns, stop=1.5 * NS, times=times)
    exact = linear_transient(crossbar, rows, times, columns)
    apart = errors(found, exact)
    assert apart["voltages"] < 3 * TOL
    assert apart["currents"] < 10 * TOL
    assert apart["charges"] < 3 * TOL  # of capacitors too, as exact as voltages
    # Where a current jumps it is the one before, also at a time that is rounded up.
    after = np.nextafter(breakpoints, 1.0)
    near = cx.transient(crossbar, rows, columns, stop=1.5 * NS, times=[0.0, *after])
    before = exact.currents["bottom"][np.isin(times, breakpoints)]
    assert np.abs(near.currents[1:] - before).max() < 10 * TOL * np.ptp(before)


ENDS_AT_0V3 = """
name = "ends"
title = "No number above 0.3 V"
source = "made up"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[current]
law = "g * (sqrt(0.3) - sqrt(0.3 - v))"
valid = { v = [-0.25, 0.25], g = [0.0, 1e-2] }
"""


def test_a_law_that_gives_no_number_is_reported(tmp_path: Path):
    path = tmp_path / "ends.toml"
    path.write_text(ENDS_AT_0V3)
    crossbar = cx.Crossbar([[1e-5]], device=path, wires=cx.Wires(10.0, 10.0, FF, FF))
    waveform = cx.pulses([[0.2], [0.5]], 0.3 * NS)
    with pytest.raises(cx.SolverError, match="Vector 1 did not converge: error bound inf"):
        cx.transient(crossbar, waveform, stop=NS, extrapolate=True)
    found = cx.transient(crossbar, waveform, stop=NS, extrapolate=True, throw=False)
    assert found.converged.tolist() == [True, False]
    assert np.isnan(found.charge[1, -1, 0])
    assert np.isfinite(found.charge[0]).all()


def test_the_error_falls_with_the_tolerance():
    crossbar, waveform = linear_array("plain")
    exact = linear_transient(crossbar, waveform, np.linspace(0, 3 * NS, 201))
    off = []
    for tol in (1e-3, 1e-4, 1e-5):
        found = cx.transient(crossbar, waveform, stop=3 * NS, tol=tol)
        assert found.local_error[0] <= found.tolerance[0] == pytest.approx(0.3 * tol)
        off.append(errors(replace(found, tolerance=found.tolerance * TOL / tol), exact))
    for what in off[0]:
        assert off[0][what] > 3 * off[1][what] > 9 * off[2][what]


CELLS: dict[str, dict[str, Any]] = {
    "sinh": {"device": "sinh"},
    "sinh behind a selector": {"device": "sinh", "selector": "exponential_selector"},
    "sinh and a transistor": {"device": "sinh", "transistor": "ekv_transistor"},
}


def array_of_laws(name: str, *, capacitors: bool = True) -> tuple[cx.Crossbar, Any]:
    more: dict[str, Any] = {"wires": cx.Wires(20.0, 10.0)}
    if capacitors:
        more = {
            "wires": cx.Wires(20.0, 10.0, row_capacitance=2 * FF, column_capacitance=3 * FF),
            "cell_capacitance": 1 * FF,
            "left": cx.Driven(500.0),
            "bottom": cx.Grounded(200.0),
        }
    g = 10 ** np.random.default_rng(3).uniform(-5, -4, (2, 3))
    crossbar = cx.Crossbar(g, **CELLS[name], **more)
    return crossbar, np.array([1.5, 2.0]) if crossbar.transistor else None


@pytest.mark.parametrize("capacitors", [True, False])
@pytest.mark.parametrize("name", CELLS)
def test_arrays_of_laws_are_as_near_to_the_witness_as_asked(name: str, capacitors: bool):
    crossbar, gates = array_of_laws(name, capacitors=capacitors)
    waveform = cx.pulses(0.8, [0.3 * NS, 0.5 * NS], rise=0.1 * NS, fall=0.2 * NS)
    times = np.linspace(0, NS, 41)
    found = cx.transient(crossbar, waveform, gates=gates, stop=NS, times=times)
    assert found.converged
    exact = nonlinear_transient(crossbar, waveform, times, gates=gates, rtol=1e-7)
    apart = errors(found, exact)
    assert apart["voltages"] < 3 * TOL
    assert apart["currents"] < 10 * TOL
    assert apart["charges"] < 5 * TOL


def test_gates_may_follow_waveforms():
    # Without capacitances every moment is an operating point.
    crossbar, _ = array_of_laws("sinh and a transistor", capacitors=False)
    gates = cx.Waveform([0.0, NS], [[0.5, 2.0], [2.0, 1.0]])
    found = cx.transient(crossbar, [0.5, 0.8], gates=gates, stop=NS, times=[0.0, 0.37 * NS, NS])
    # At breakpoints nothing is interpolated.
    for k, digits in enumerate((1e-6, 1e-4, 1e-6)):
        there = cx.solve(crossbar, [0.5, 0.8], gates=gates.at(found.time[k]))
        allowed = digits * there.largest_current
        np.testing.assert_allclose(found.currents[k], there.currents, rtol=0, atol=allowed)


def test_charges_of_slow_pulses_are_conductance_times_height_times_width():
    rng = np.random.default_rng(1)
    g = rng.uniform(1e-6, 1e-4, (6, 5))
    heights, widths = rng.uniform(0.1, 0.3, (3, 6)), rng.uniform(5, 20, (3, 6)) * NS
    crossbar = cx.Crossbar(g, wires=cx.Wires(0.0, 0.0, 1 * FF, 1 * FF), cell_capacitance=1 * FF)
    waveform = cx.pulses(heights, widths)
    found = cx.transient(crossbar, waveform, stop=30 * NS, times=[0.0, 30 * NS])
    np.testing.assert_allclose(found.charge[:, -1], (heights * widths) @ g, rtol=1e-6)


def test_capacitors_give_back_what_they_took():
    # Rows on ideal sources, columns held at 0 V through nothing but cells' capacitors.
    farads = np.random.default_rng(2).uniform(1, 5, (4, 3)) * FF
    crossbar = cx.Crossbar(np.zeros((4, 3)), wires=cx.Wires(0.0, 0.0), cell_capacitance=farads)
    waveform = cx.pulses([0.1, 0.2, 0.3, 0.4], 1 * NS)
    found = cx.transient(crossbar, waveform, stop=2 * NS, times=[0.0, 0.05 * NS, 0.5 * NS, 2 * NS])
    height = np.array([0.1, 0.2, 0.3, 0.4])
    charge = np.array([[0.0], [0.5], [1.0], [0.0]]) * (height @ farads)
    np.testing.assert_allclose(found.charge, charge, rtol=0, atol=1e-12 * charge.max())
    rising = np.array([[0.0], [1.0], [0.0], [0.0]]) * (height @ farads) / (0.1 * NS)
    np.testing.assert_allclose(found.currents, rising, rtol=0, atol=1e-9 * rising.max())


def test_nothing_happens_where_nothing_moves():
    crossbar, _ = linear_array("segments of their own")
    voltages = np.linspace(0.1, 0.3, 5)
    found = cx.transient(crossbar, voltages, stop=NS, times=[0.0, 0.3 * NS, NS])
    still = cx.solve(crossbar, voltages).currents
    allowed = 1e-6 * np.abs(still).max()
    np.testing.assert_allclose(found.currents, np.tile(still, (3, 1)), rtol=0, atol=allowed)
    np.testing.assert_allclose(found.charge[-1], still * NS, rtol=0, atol=allowed * NS)


@pytest.mark.parametrize("cells", ["linear", *CELLS])
def test_a_vector_does_not_see_its_neighbours(cells: str):
    rng = np.random.default_rng(4)
    crossbar, gates = linear_array("plain") if cells == "linear" else array_of_laws(cells)
    gates = None if cells == "linear" else gates
    heights = rng.uniform(0, 0.5, (11, crossbar.shape[0]))
    widths = rng.uniform(0, 1, heights.shape) * NS

    def run_with(order: Any) -> cx.Transient:
        waveform = cx.pulses(heights[order], widths[order])
        return cx.transient(crossbar, waveform, gates=gates, stop=1.3 * NS)

    found, order = run_with(slice(None)), rng.permutation(11)
    other = run_with(order)
    for one, two in (
        (found.currents, other.currents),
        (found.charge, other.charge),
        (found.voltage("row_1_2"), other.voltage("row_1_2")),
        (found.error_bound, other.error_bound),
        (found.stats["steps"], other.stats["steps"]),
    ):
        np.testing.assert_array_equal(one[order], two)
    for k in (0, 10):
        alone = run_with(k)
        assert alone.single
        largest = np.abs(found.currents).max()
        np.testing.assert_allclose(alone.currents, found.currents[k], rtol=0, atol=1e-5 * largest)


def test_currents_alone():
    crossbar, waveform = linear_array("plain")
    found = cx.transient(crossbar, waveform, stop=NS)
    bare = cx.transient(crossbar, waveform, stop=NS, keep="currents")
    np.testing.assert_array_equal(bare.currents, found.currents)
    assert bare.voltages is None


def test_the_error_bound_follows_rtol():
    crossbar, waveform = linear_array("plain")
    largest = None
    for rtol in (1e-4, 1e-9):
        found = cx.transient(crossbar, waveform, stop=NS, rtol=rtol)
        largest = found.limit[0] / rtol if largest is None else largest
        assert 0 < found.error_bound <= found.limit[0] == pytest.approx(rtol * largest, rel=1e-3)
    with pytest.raises(cx.SolverError, match=r"Vector 0 did not converge: error bound") as caught:
        cx.transient(crossbar, waveform, stop=NS, rtol=1e-16)
    assert caught.value.vectors == (0,)
    assert not caught.value.solution.converged
    silent = cx.transient(crossbar, waveform, stop=NS, rtol=1e-16, throw=False)
    np.testing.assert_allclose(silent.charge, found.charge, rtol=0, atol=1e-3 * found.charge.max())


def test_voltages_beyond_what_the_laws_cover_are_refused():
    crossbar, _ = array_of_laws("sinh")
    high = 1.5 * crossbar.device.valid["v"][1]
    waveform = cx.pulses(high, 0.3 * NS)
    with pytest.raises(cx.CircuitError, match=r"cell \d, \d of vector 0 is at .* valid range"):
        cx.transient(crossbar, waveform, stop=NS)
    cx.transient(crossbar, waveform, stop=0.05 * NS)  # it has not got that far
    cx.transient(crossbar, waveform, stop=NS, extrapolate=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crossbar": 5}, "5 is neither a Crossbar nor a Circuit"),
        ({"waveforms": None}, "waveforms is missing"),
        ({"waveforms": cx.Waveform([0.0, NS], np.ones((4, 2)))}, "waveforms is for 4 lines; the"),
        ({"waveforms": np.ones((2, 2, 5))}, r"waveforms has shape \(2, 2, 5\)"),
        ({"column_waveforms": 0.1}, "column_waveforms were given"),
        ({"gates": 0.1}, "gates were given"),
        ({"stop": 0.0}, "stop = 0 s must be above 0"),
        ({"times": [0.1 * NS]}, "times must begin with 0"),
        ({"times": []}, "times must begin with 0"),
        ({"times": [0.0, NS, 0.5 * NS]}, r"times\[2\] = 5e-10 s does not come after"),
        ({"times": [0.0, 2 * NS]}, r"times\[1\] = 2.0e-09 s is too large"),
        ({"tol": 0.0}, "tol = 0 must be above 0"),
        ({"rtol": -1.0}, "rtol = -1 must be above 0"),
        ({"keep": "all"}, 'choose "voltages" or "currents"'),
        (
            {"crossbar": cx.Crossbar([[np.inf, 1e-4]] * 5), "engine": "array"},
            "does not take this array: cell 0, 0 is",
        ),
        ({"engine": "ngspice"}, 'choose "auto", "array" or "nodal"'),
        ({"crossbar": cx.Crossbar(np.zeros((5, 4)), bottom=cx.Floating())}, "no path"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], told: str):
    crossbar, waveform = linear_array("plain")
    given = {"crossbar": crossbar, "waveforms": waveform, "stop": NS} | changes
    with pytest.raises(cx.CircuitError, match=told):
        cx.transient(**given)


@pytest.mark.slow
def test_ngspice_sees_the_same_64_by_64():
    rng = np.random.default_rng(0)
    crossbar = cx.Crossbar(
        10 ** rng.uniform(-6, -4, (64, 64)),
        wires=cx.Wires(1.0, 1.0, row_capacitance=1 * FF, column_capacitance=1 * FF),
        cell_capacitance=0.1 * FF,
        left=cx.Driven(100.0),
        bottom=cx.Grounded(100.0),
    )
    heights = rng.uniform(0, 0.2, (8, 64))
    widths = rng.integers(1, 4, (8, 64)) * 0.1 * NS
    waveform = cx.pulses(heights, widths)
    stop = 0.5 * NS
    first = cx.pulses(heights[0], widths[0])
    deck = transient_deck(crossbar, first, stop, stop / 200)
    vectors = run(deck.replace(".options method", ".options klu pivrel=0.1 method")).vectors
    time = np.asarray(vectors["time"])
    inside = np.append(np.flatnonzero(time < stop * (1 - 1e-9))[::5], len(time) - 1)
    names = [f"vsource_column_{k}_bottom#branch" for k in range(64)]
    seen = np.stack([np.asarray(vectors[name])[inside] for name in names], axis=-1)
    times = np.append(time[inside[:-1]], stop)
    found = cx.transient(crossbar, waveform, stop=stop, times=times)
    assert np.abs(found.currents[0] - seen).max() < 1e-3 * np.ptp(seen)
    assert np.ptp(found.currents[1] - found.currents[0]) > 0.1 * np.ptp(seen)
