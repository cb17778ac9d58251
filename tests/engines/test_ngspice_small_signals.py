"""Small signals and noise that ngspice makes of a Circuit, against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from engines.by_ngspice import ac, noise
from engines.junctions import BOLTZMANN, CHARGE, DIODE, ROOM, THERMAL

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    Capacitor,
    CurrentControlledCurrentSource,
    Diode,
    Inductor,
    Mosfet,
    VoltageControlledCurrentSource,
)
from circuitxbar.circuit.group import Behaviour, Group, ModelCard, Names
from circuitxbar.devices.expression import Law
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.ngspice import analyses
from circuitxbar.ngspice.grids import grids
from circuitxbar.ngspice.runner import Run, run

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741


# --- small signals --------------------------------------------------------------------------


def test_a_resonant_circuit_over_frequency():
    circuit = Circuit().add(
        V("v1", "a", "0", 5.0, ac=2j),
        R("r1", "a", "b", 10.0),
        Inductor("l1", "b", "c", 1e-3),
        Capacitor("c1", "c", "0", 1e-9),
        I("i1", "0", "x", 1.0, ac=-3.0),
        R("r2", "x", "0", 2.0),
        Capacitor("c2", "x", "0", 1e-6),
        VoltageControlledCurrentSource("g1", "0", "y", "x", "0", 0.5),
        CurrentControlledCurrentSource("f1", "0", "y", "v1", 4.0),
        R("r3", "y", "0", 2.0),
    )
    frequencies = np.logspace(3, 7, 41)
    curves = ac(circuit, frequencies)
    s = 2j * np.pi * frequencies
    through = 2j / (10.0 + s * 1e-3 + 1 / (s * 1e-9))
    np.testing.assert_allclose(curves.voltage("c"), through / (s * 1e-9), rtol=1e-9)
    np.testing.assert_allclose(curves.current("v1"), -through, rtol=1e-9)
    np.testing.assert_allclose(curves.current("l1"), through, rtol=1e-9)
    x = -3.0 / (0.5 + s * 1e-6)
    np.testing.assert_allclose(curves.voltage("y"), 2.0 * (0.5 * x - 4 * through), rtol=1e-9)
    np.testing.assert_array_equal(curves.frequency, frequencies)
    assert curves.stats["runs"] == 1
    assert (curves.residual < 1e-12 * np.abs(x) * np.abs(s * 1e-6)).all()


def test_a_junction_is_linear_about_its_rest():
    circuit = Circuit().add(V("v1", "a", "0", 0.6, ac=1.0), Diode("d1", "a", "0", DIODE))
    curves = ac(circuit, [1.0, 10.0, 100.0])
    slope = 1e-14 * np.exp(0.6 / (1.2 * THERMAL)) / (1.2 * THERMAL)
    np.testing.assert_allclose(curves.current("v1"), -slope, rtol=1e-8)
    assert np.isnan(curves.residual).all()


def test_a_charge_that_bends_is_a_capacitance_at_its_rest():
    law, charge = (
        Law("test", text, (), ("x", "time")) for text in ("1e-3 * x", "1e-9 * (x + x**3)")
    )
    circuit = Circuit().add(V("v1", "a", "0", 2.0, ac=1.0), R("r1", "a", "b", 1e3))
    b = circuit.node("b")
    model = Behaviour(law, "current", ("x",), (), {}, charge)
    group = Group("B", Names.one("b1"), np.array([[b, 0, b, 0]]), np.zeros(1), model)
    circuit = replace(circuit, groups=(*circuit.groups, group))
    frequencies = np.array([1e3, 1e5, 3e7])
    # At rest b is at 1 V: its capacitance is 1 nF (1 + 3).
    wanted = 1 / (2 + 2j * np.pi * frequencies * 4e-9 * 1e3)
    np.testing.assert_allclose(ac(circuit, frequencies).voltage("b"), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("frequencies", "texts"),
    [
        (np.linspace(10.0, 500.0, 50), ["lin 50 10.0 500.0"]),
        (np.logspace(0, 6, 61), ["dec 10 1.0"]),
        (0.3 * 10 ** (np.arange(22) / 7), ["dec 7 0.3"]),
        (5.0 * 2 ** (np.arange(31) / 3), ["oct 3 5.0"]),
        ([7.0], ["lin 1 7.0 7.0"]),
        ([7.0, 9.0], ["lin 1 7.0 7.0", "lin 1 9.0 9.0"]),
        ([3.0, 2.0, 1.0], ["lin 1 3.0", "lin 1 2.0", "lin 1 1.0"]),
        ([1.0, 2.0, 3.0, 10.0, 100.0, 1e3, 5.0], ["lin 3 1.0 3.0", "dec 1 10.0", "lin 1 5.0"]),
        (np.geomspace(1.0, 50.0, 4), ["lin 1"] * 4),
    ],
)
def test_grids_of_frequencies(frequencies, texts: list[str]):
    found = list(grids(np.asarray(frequencies)))
    assert len(found) == len(texts)
    for (text, _), beginning in zip(found, texts, strict=True):
        assert text.startswith(beginning)
    assert sum(count for _, count in found) == len(frequencies)


@pytest.mark.parametrize(
    "frequencies",
    [
        np.linspace(10.0, 500.0, 50),
        np.logspace(0, 6, 61),
        0.3 * 10 ** (np.arange(22) / 7),
        5.0 * 2 ** (np.arange(31) / 3),
        29200.0 * 10 ** (np.arange(48) / 35),  # of which ngspice would leave the last out
        np.array([7.0, 9.0, 11.0, 5.0, 1e6]),
        np.geomspace(1.0, 50.0, 4),
    ],
)
def test_any_frequencies_are_answered_in_their_order(frequencies: np.ndarray):
    circuit = Circuit().add(
        V("v1", "a", "0", 0.0, ac=1.0), R("r1", "a", "b", 1e3), Capacitor("c1", "b", "0", 1e-6)
    )
    wanted = 1 / (1 + 2j * np.pi * frequencies * 1e-3)
    np.testing.assert_allclose(ac(circuit, frequencies).voltage("b"), wanted, rtol=1e-11)


def test_an_answer_at_other_frequencies_is_refused(monkeypatch: pytest.MonkeyPatch):
    circuit = Circuit().add(V("v1", "a", "0", 0.0, ac=1.0), R("r1", "a", "0", 1e3))

    def other(deck: str) -> Run:
        return run(deck.replace("lin 3 1.0 3.0", "lin 3 1.0 4.0"))

    monkeypatch.setattr(analyses, "run", other)
    with pytest.raises(SolverError, match=r"3 frequencies 1 \.\.\. 4 Hz where 3 from 1 to 3 Hz"):
        ac(circuit, [1.0, 2.0, 3.0])
    for frequencies in ([0.0, 1.0], [-1.0], [], [np.nan]):
        with pytest.raises(CircuitError, match="frequencies"):
            ac(circuit, frequencies)


# --- noise ----------------------------------------------------------------------------------


def test_noise_of_a_divider():
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0, ac=7.0),
        V("v2", "c", "0", 1.0, ac=5.0),
        R("r1", "a", "b", 1e3),
        R("r2", "b", "c", 3e3),
        I("i1", "0", "b", 0.0, ac=3.0),
    )
    found = noise(circuit, "b", "v1", [10.0, 20.0, 30.0])
    wanted = math.sqrt(4 * BOLTZMANN * ROOM * 750.0)
    np.testing.assert_allclose(found.output_density, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.input_density, wanted / 0.75, rtol=1e-12)
    np.testing.assert_array_equal(found.frequency, [10.0, 20.0, 30.0])
    for name, resistance in (("r1", 1e3), ("r2", 3e3)):
        part = math.sqrt(4 * BOLTZMANN * ROOM / resistance) * 750.0
        np.testing.assert_allclose(found.contributions[name], part, rtol=1e-12)
    assert set(found.contributions) == {"r1", "r2"}
    between = noise(circuit, ("a", "b"), "v1", [10.0, 11.0])
    np.testing.assert_allclose(between.output_density, wanted, rtol=1e-12)
    np.testing.assert_allclose(between.input_density, wanted / 0.25, rtol=1e-12)


def test_noise_behind_a_capacitor_seen_from_a_current_source():
    circuit = Circuit().add(
        I("drive", "0", "a", 0.0), R("load", "a", "0", 1e4), Capacitor("store", "a", "0", 1e-9)
    )
    frequencies = np.logspace(2, 7, 26)
    found = noise(circuit, "a", "drive", frequencies)
    share = 1 / np.abs(1 + 2j * np.pi * frequencies * 1e-5)
    np.testing.assert_allclose(
        found.output_density, math.sqrt(4 * BOLTZMANN * ROOM * 1e4) * share, rtol=1e-11
    )
    np.testing.assert_allclose(
        found.input_density, math.sqrt(4 * BOLTZMANN * ROOM / 1e4), rtol=1e-11
    )


def test_noise_of_junctions_and_transistors_adds_up():
    card = ModelCard("df", "d", {"is": 1e-14, "kf": 1e-15, "af": 1.0})
    circuit = Circuit().add(
        I("i1", "0", "a", 1e-3),
        Diode("d1", "a", "0", card),
        V("v1", "c", "0", 1.0),
        Mosfet("m1", "c", "a", "s", "0", ModelCard("nm", "nmos", {"level": 14}), 1e-5, 1e-6),
        R("r1", "s", "0", 1e4),
    )
    frequencies = np.array([1.0, 100.0, 1e6])
    found = noise(circuit, "a", "i1", frequencies)
    slope = (1e-3 + 1e-14) / THERMAL
    shot = math.sqrt(2 * CHARGE * 1e-3) / slope
    flicker = np.sqrt(1e-15 * 1e-3 / frequencies) / slope
    np.testing.assert_allclose(found.contributions["d1"], np.hypot(shot, flicker), rtol=1e-6)
    at_source = noise(circuit, "s", "i1", frequencies)
    assert set(at_source.contributions) == {"d1", "m1", "r1"}
    squares = sum(part**2 for part in at_source.contributions.values())
    np.testing.assert_allclose(np.sqrt(squares), at_source.output_density, rtol=1e-12)
    assert (at_source.contributions["m1"] > 0).all()


def test_wrong_arguments_of_noise():
    circuit = Circuit().add(V("v1", "a", "0", 1.0), R("r1", "a", "b", 1e3), R("r2", "b", "0", 3e3))
    with pytest.raises(CircuitError, match="no VoltageSource or CurrentSource"):
        noise(circuit, "b", "r1", [1.0])
    with pytest.raises(CircuitError, match="there is no node 'x'"):
        noise(circuit, ("b", "x"), "v1", [1.0])
    with pytest.raises(CircuitError, match="expected a node, or a tuple of two"):
        noise(circuit, ("a", "b", "a"), "v1", [1.0])  # pyright: ignore[reportArgumentType]


def test_closed_switches_are_not_taken_as_open():
    """ngspice opens every switch over frequency, also one that is closed at rest."""

    def circuit(control: float) -> Circuit:
        return Circuit().add(
            V("v1", "a", "0", control, ac=1.0),
            cx.Switch("s1", "a", "d", "a", "0", 0.1, on=10.0, off=1e9),
            R("r1", "d", "0", 1e3),
        )

    assert ac(circuit(0.0), [1e3]).voltage("d")[0] == pytest.approx(1e3 / (1e9 + 1e3))
    for analyse in (lambda c: ac(c, [1e3]), lambda c: noise(c, "d", "v1", [1e3])):
        with pytest.raises(SolverError, match="'s1' is closed at the operating point"):
            analyse(circuit(1.2))
    assert cx.ac(circuit(1.2), [1e3]).voltage("d")[0] == pytest.approx(1e3 / 1010.0)
