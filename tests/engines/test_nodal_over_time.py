"""cx.transient of crossbars by the nodal engine: as the array engine, and where that refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

NS, FF = 1e-9, 1e-15
STOP = 20 * NS


def array(kind: str) -> tuple[cx.Crossbar, dict[str, Any]]:
    """A small array with capacitances, and what drives it."""
    rng = np.random.default_rng(3)
    g = rng.uniform(1e-5, 1e-4, (3, 4))
    wires = cx.Wires(20.0, 10.0, row_capacitance=30 * FF, column_capacitance=50 * FF)
    more: dict[str, Any] = {"wires": wires, "cell_capacitance": 20 * FF}
    drive: dict[str, Any] = {"waveforms": cx.pulses([0.2, 0.1, -0.15], [5 * NS, 8 * NS, 3 * NS])}
    match kind:
        case "terminations":
            more |= {"left": cx.Driven(500.0), "bottom": cx.Grounded(200.0)}
            more |= {"top": cx.Norton([1e-4, 2e-4, 0.0, 1e-3], [1e-6, 0.0, 0.0, 2e-6])}
        case "cells with a law":
            more |= {"device": "sinh", "parameters": {"v0": 0.1}}
        case "selectors":
            more |= {"device": "sinh", "selector": "exponential_selector"}
            drive["waveforms"] = cx.pulses([1.0, 0.8, 0.5], 10 * NS, rise=1 * NS, fall=1 * NS)
        case "transistors":
            more |= {"transistor": "ekv_transistor"}
            drive["gates"] = cx.pulses([1.2, 1.0, 0.9], 15 * NS, rise=1 * NS, fall=1 * NS)
    return cx.Crossbar(g, **more), drive


KINDS = ("plain", "terminations", "cells with a law", "selectors", "transistors")


@pytest.mark.parametrize("kind", KINDS)
def test_both_engines_give_the_same_course(kind: str):
    crossbar, drive = array(kind)
    times = np.linspace(0.0, STOP, 81)
    of_array, of_nodal = (
        cx.transient(crossbar, **drive, stop=STOP, times=times, tol=1e-6, engine=engine)
        for engine in ("array", "nodal")
    )
    assert of_nodal.engine == "nodal"
    assert of_nodal.converged
    assert 0 < of_nodal.local_error <= of_nodal.tolerance[0]
    largest = np.abs(of_array.charge).max()
    assert np.abs(of_nodal.charge - of_array.charge).max() < 2e-4 * largest
    for node in ("row_0_0", "row_2_3", "column_1_2", "column_2_0"):
        ours, other = of_nodal.voltage(node), of_array.voltage(node)
        assert np.abs(ours - other).max() < 2e-4


def test_vectors_are_courses_of_their_own():
    crossbar, _ = array("plain")
    heights = np.array([[0.2, 0.1, 0.0], [0.1, 0.3, -0.2]])
    both = cx.transient(crossbar, cx.pulses(heights, 5 * NS), stop=STOP, engine="nodal")
    for k in range(2):
        one = cx.transient(crossbar, cx.pulses(heights[k], 5 * NS), stop=STOP, engine="nodal")
        np.testing.assert_array_equal(both.currents[k], one.currents)
        np.testing.assert_array_equal(both.voltage("row_1_1")[k], one.voltage("row_1_1"))


def test_arrays_that_the_array_engine_does_not_take_go_to_the_nodal_one():
    crossbar, drive = array("plain")
    g = crossbar.conductances.copy()
    g[1, 2] = np.inf
    shorted = crossbar.with_conductances(g)
    found = cx.transient(shorted, **drive, stop=STOP, tol=1e-6)
    assert found.engine == "nodal"
    at_row, at_column = found.voltage("row_1_2"), found.voltage("column_1_2")
    np.testing.assert_array_equal(at_row, at_column)
    g[1, 2] = 9.0  # S: nearly one, over which 1 mA leaves 0.1 mV
    near = cx.transient(crossbar.with_conductances(g), **drive, stop=STOP, tol=1e-6)
    assert near.engine == "array"
    assert np.abs(near.voltage("row_1_2") - at_row).max() < 2e-4
    assert np.abs(near.charge - found.charge).max() < 2e-3 * np.abs(found.charge).max()


def test_a_voltage_outside_the_range_of_a_device_is_refused():
    crossbar, drive = array("cells with a law")
    drive["waveforms"] = cx.pulses([5.0, 0.0, 0.0], 5 * NS)
    with pytest.raises(cx.CircuitError, match="outside the valid range"):
        cx.transient(crossbar, **drive, stop=STOP, engine="nodal")
    cx.transient(crossbar, **drive, stop=STOP, engine="nodal", extrapolate=True)
