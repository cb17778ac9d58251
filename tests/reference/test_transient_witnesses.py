"""The witnesses of arrays over time against closed forms, one another, and ngspice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference.spice_transient import spice_transient
from reference.transient import Answer, linear_transient, nonlinear_transient
from reference.transient_circuit import SIDES

import circuitxbar as cx

NS, FF = 1e-9, 1e-15
SOME = slice(None, None, 7)  # of the points in time of ngspice, those that are looked at


def apart(one: Answer, other: Answer, places: Any = slice(None)) -> dict[str, float]:
    """The largest difference of currents, charges and voltages, of the largest change of each."""
    found = {}
    for what in ("currents", "charges"):
        mine, theirs = getattr(one, what), getattr(other, what)
        swing = max(np.ptp(mine[side], axis=0).max() for side in SIDES)
        errors = [np.abs(mine[side] - theirs[side][places]).max() for side in SIDES]
        found[what] = max(errors) / swing
    names = one.voltages.keys() & other.voltages.keys()
    swing = max(np.ptp(one.voltages[name]) for name in names)
    errors = [np.abs(one.voltages[name] - other.voltages[name][places]).max() for name in names]
    found["voltages"] = max(errors) / swing
    return found


def test_a_ramp_through_one_resistance_onto_one_capacitor():
    # 50 ohm of driver and 150 ohm of wire onto a node with 3 pF and a cell of 5 mS to ground.
    wires = cx.Wires(150.0, 0.0, row_capacitance=1e-12)
    cell = cx.Crossbar([[5e-3]], wires=wires, left=cx.Driven(50.0), cell_capacitance=2e-12)
    ramp = 2.0 * NS
    times = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 7.0]) * NS
    g, farads = 1 / 200.0, 3e-12
    rate, slope = (g + 5e-3) / farads, 0.6 / ramp

    def ramped(t: np.ndarray) -> np.ndarray:
        t = np.maximum(t, 0.0)
        return g / farads * slope * (t / rate - (1 - np.exp(-rate * t)) / rate**2)

    def summed(t: np.ndarray) -> np.ndarray:
        t = np.maximum(t, 0.0)
        rest = t / rate - (1 - np.exp(-rate * t)) / rate**2
        return g / farads * slope * (t * t / 2 / rate - rest / rate)

    v, through = ramped(times) - ramped(times - ramp), summed(times) - summed(times - ramp)
    source = 0.6 * np.minimum(times / ramp, 1)
    moved = (g * (source - v) - 5e-3 * v) / farads
    waveform = cx.Waveform([0.0, ramp], [0.0, 0.6])
    for witness, digits in ((linear_transient, 1e-13), (nonlinear_transient, 1e-8)):
        answer = witness(cell, waveform, times)
        np.testing.assert_allclose(answer.voltages["row_0_0"], v, rtol=0, atol=digits)
        left, bottom = answer.currents["left"][:, 0], answer.currents["bottom"][:, 0]
        np.testing.assert_allclose(left, g * (v - source), rtol=0, atol=digits)
        # The column lies on an ideal ground: cell current and that of the cell's capacitor.
        np.testing.assert_allclose(bottom, 5e-3 * v + 2e-12 * moved, rtol=0, atol=digits)
        charge = answer.charges["bottom"][:, 0]
        np.testing.assert_allclose(charge, 5e-3 * through + 2e-12 * v, rtol=0, atol=digits * NS)


def test_one_ports_and_what_capacitors_leave_out():
    # A column of one cell on a Norton sink: the wire's 1 pF at its end lies at the cell's node.
    wires = cx.Wires(0.0, 10.0, column_capacitance=1e-12)
    cell = cx.Crossbar([[1e-3]], wires=wires, bottom=cx.Norton(2e-3, 1e-5))
    times = np.array([0.0, 1.0, 5.0]) * NS
    waveform = cx.Waveform([0.0, 0.1 * NS], [0.1, 0.4])
    g = 1 / (10.0 + 500.0)  # to the sink, of which 10 uA * 500 / 510 come back
    rate, pushed = (1e-3 + g) / 1e-12, 1e-5 * 500 / 510

    def settled(source: float) -> float:
        return (1e-3 * source + pushed) / (1e-3 + g)

    step = (settled(0.4) - settled(0.1)) / (0.1 * NS)

    def ramped(t: np.ndarray) -> np.ndarray:
        t = np.maximum(t, 0.0)
        return step * (t - (1 - np.exp(-rate * t)) / rate)

    v = settled(0.1) + ramped(times) - ramped(times - 0.1 * NS)
    for witness, digits in ((linear_transient, 1e-13), (nonlinear_transient, 1e-9)):
        answer = witness(cell, waveform, times)
        np.testing.assert_allclose(answer.voltages["column_0_0"], v, rtol=0, atol=digits)
        np.testing.assert_allclose(
            answer.currents["bottom"][:, 0], g * v - pushed, rtol=0, atol=digits
        )
        np.testing.assert_allclose(answer.currents["left"][0, 0], -1e-3 * (0.1 - v[0]), atol=1e-15)


def pulsed(seed: int, lines: int, waveform: str = "pulses") -> cx.Waveform:
    rng = np.random.default_rng(seed)
    if waveform == "pulses":
        widths = rng.uniform(0.0, 2.0, lines) * NS
        widths[0] = 0.0
        widths[-1] = 0.05 * NS  # a triangle
        return cx.pulses(0.3, widths, delay=0.1 * NS, rise=0.1 * NS, fall=0.2 * NS)
    times = np.cumsum(rng.uniform(0.05, 0.5, (lines, 7)), axis=1) * NS
    return cx.Waveform(times, rng.uniform(-0.5, 0.5, (lines, 7)))


def linear_array(name: str) -> tuple[cx.Crossbar, cx.Waveform]:
    rng = np.random.default_rng(len(name))
    rows, columns = {"plain": (4, 4), "tall": (8, 3), "wide": (3, 8)}.get(name, (6, 5))
    g = 10 ** rng.uniform(-6, -4, (rows, columns))
    wires = cx.Wires(2.5, 1.5, row_capacitance=2 * FF, column_capacitance=3 * FF)
    left, bottom, more = cx.Driven(500.0), cx.Grounded(200.0), {}
    match name:
        case "per segment":
            wires = cx.Wires(
                rng.uniform(1, 1000, (rows, columns + 1)),
                rng.uniform(1, 1000, (rows + 1, columns)),
                rng.uniform(0, 5, (rows, columns + 1)) * FF,
                rng.uniform(0, 5, columns) * FF,
            )
            more = {"cell_capacitance": rng.uniform(0, 2, g.shape) * FF, "top": cx.Held(0.1, 50.0)}
        case "both ends":
            more = {"right": cx.Driven(100.0), "top": cx.Grounded(300.0), "cell_capacitance": FF}
        case "ideal wires":
            wires = cx.Wires(0.0, 0.0, 2 * FF, 3 * FF)
            more = {"cell_capacitance": 1 * FF}
        case "cells alone":  # lines then follow at once, each cell a state
            wires = cx.Wires(1000.0, 1000.0)
            more = {"cell_capacitance": 5 * FF}
        case "odd":
            g[1, 2], g[0, 3], g[2, 2] = 0.0, np.inf, 0.0
            wires = cx.Wires(2.5, np.where(rng.uniform(size=(rows + 1, columns)) < 0.2, 0, 3.0))
            row = np.full((rows, columns + 1), 4.0)
            row[3, 2] = np.inf
            wires = cx.Wires(row, wires.column, 2 * FF, 3 * FF)
            left = cx.Driven([0.0, 100.0, np.inf, 50.0, 20.0, 10.0])
            more = {"cell_capacitance": 1 * FF}
        case "no drivers":
            left, bottom = cx.Driven(), cx.Grounded()
            more = {"cell_capacitance": 1 * FF}
        case _:
            more = {"cell_capacitance": 1 * FF}
    crossbar = cx.Crossbar(g, wires=wires, left=left, bottom=bottom, **more)
    if name == "from its columns":
        crossbar = crossbar.transpose()
    lines = crossbar.shape[0 if crossbar.drives_rows else 1]
    return crossbar, pulsed(1, lines, "points" if name in ("tall", "per segment") else "pulses")


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "tall",
        "wide",
        "per segment",
        "both ends",
        "ideal wires",
        "cells alone",
        "odd",
        "no drivers",
        "from its columns",
    ],
)
def test_ngspice_sees_the_same_linear_arrays(name: str):
    crossbar, waveform = linear_array(name)
    seen = spice_transient(crossbar, waveform, 3 * NS, 1e-12)
    exact = linear_transient(crossbar, waveform, seen.time[SOME])
    assert len(exact.time) > 100
    assert set(seen.voltages) < set(exact.voltages)
    errors = apart(exact, seen, SOME)
    assert errors["voltages"] < 1e-4
    assert errors["currents"] < 1e-3  # those of capacitors at ideal sources jump with the slope
    assert errors["charges"] < 1e-4


CELLS: dict[str, dict[str, Any]] = {
    "sinh": {"device": "sinh"},
    "sinh behind a selector": {"device": "sinh", "selector": "exponential_selector"},
    "sinh and a transistor": {"device": "sinh", "transistor": "ekv_transistor"},
}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("sinh", (3, 3)),
        ("sinh behind a selector", (2, 3)),
        ("sinh and a transistor", (3, 2)),
        pytest.param("sinh", (8, 8), marks=pytest.mark.slow),
        pytest.param("sinh behind a selector", (4, 4), marks=pytest.mark.slow),
        pytest.param("sinh and a transistor", (4, 4), marks=pytest.mark.slow),
    ],
)
def test_ngspice_sees_the_same_arrays_of_laws(name: str, size: tuple[int, int]):
    rng = np.random.default_rng(3)
    crossbar = cx.Crossbar(
        10 ** rng.uniform(-5, -4, size),
        **CELLS[name],
        wires=cx.Wires(20.0, 10.0, row_capacitance=2 * FF, column_capacitance=3 * FF),
        cell_capacitance=1 * FF,
        left=cx.Driven(500.0),
        bottom=cx.Grounded(200.0),
    )
    waveform = cx.pulses(0.8, rng.uniform(0.1, 0.8, size[0]) * NS, rise=0.1 * NS, fall=0.2 * NS)
    gates = np.linspace(1.5, 2.0, size[0]) if crossbar.transistor else None
    seen = spice_transient(crossbar, waveform, 1.5 * NS, 1e-12, gates)
    exact = nonlinear_transient(crossbar, waveform, seen.time[SOME], gates=gates, rtol=1e-7)
    assert set(seen.voltages) - {f"gate_{k}" for k in range(size[0])} < set(exact.voltages)
    errors = apart(exact, seen, SOME)
    assert errors["voltages"] < 1e-4
    assert errors["currents"] < 1e-3
    assert errors["charges"] < 1e-4


def test_the_witnesses_agree_on_a_linear_array():
    crossbar, waveform = linear_array("per segment")
    crossbar = cx.Crossbar(
        crossbar.conductances[:2, :2],
        wires=cx.Wires(30.0, 20.0, 2 * FF, 3 * FF),
        cell_capacitance=1 * FF,
        left=cx.Driven(500.0),
        bottom=cx.Grounded(200.0),
        top=cx.Norton(1e-4, 1e-6),
    )
    waveform = cx.Waveform(waveform.times[:2], waveform.voltages[:2])
    times = np.linspace(0.0, 3.0, 16) * NS
    exact = linear_transient(crossbar, waveform, times)
    errors = apart(exact, nonlinear_transient(crossbar, waveform, times, rtol=1e-9))
    assert max(errors.values()) < 1e-8
