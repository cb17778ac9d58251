"""Currents of elements from what an engine found, one by one, and what is left at the nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    DeviceElement,
    Diode,
    Inductor,
    Mosfet,
    Switch,
    VoltageControlledCurrentSource,
)
from circuitxbar.circuit.group import ModelCard
from circuitxbar.circuit.kirchhoff import (
    Unknowns,
    element_currents,
    residual,
    rounding,
    small_signal_currents,
)
from circuitxbar.nodal.modified import engine
from circuitxbar.nodal.modified.small_signal import Linearised

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
SMALL = Circuit().add(
    V("v1", "a", "0", 0.7, ac=1.0),
    R("r1", "a", "b", 50.0),
    Capacitor("c1", "b", "0", 1e-9),
    Inductor("l1", "b", "c", 1e-6),
    Diode("d1", "c", "0", ModelCard("dm", "d", {"rs": 1.0, "cj0": 1e-11, "tt": 1e-9})),
    Bipolar("q1", "a", "b", "e", ModelCard("qm", "npn", {"cje": 1e-12, "tf": 1e-10, "rb": 20.0})),
    R("re", "e", "0", 1e3),
    Mosfet("m1", "a", "b", "e", "0", ModelCard("nm", "nmos", {"level": 1, "vto": 0.1}), 1e-5, 1e-6),
    BehaviouralSource(
        "b1", "e", "0", current="1e-3 * x**2 + y", voltages={"x": ("b", "0")}, currents={"y": "v1"}
    ),
    DeviceElement("cell", ("b", "e"), "sinh", 1e-4),
    VoltageControlledCurrentSource("g1", "e", "0", "a", "b", 1e-4),
    CurrentControlledCurrentSource("f1", "b", "0", "l1", 0.1),
    Switch("s1", "c", "0", "a", "0", 0.5, 0.1, 1e3, 1e6),
    I("i1", "0", "e", 1e-5, ac=2j),
)
FREQUENCIES = np.logspace(3, 9, 13)


def test_small_signals_of_every_kind_of_element_add_up():
    found = cx.ac(SMALL, FREQUENCIES)
    largest = np.abs(found.branch_currents).max(axis=0) + 2.0
    assert (found.residual < 1e-13 * largest).all()


@pytest.mark.parametrize("which", ["conductive", "reactive"])
def test_a_wrong_matrix_of_small_signals_shows(which: str, monkeypatch: pytest.MonkeyPatch):
    """The residual does not come from the matrix that was solved."""
    right = Linearised.at

    def wrong(*arguments):
        found = right(*arguments)
        return replace(found, **{which: getattr(found, which) * 1.001})

    monkeypatch.setattr(Linearised, "at", wrong)
    assert cx.ac(SMALL, FREQUENCIES).residual.max() > 1e-6


def test_the_matrix_of_a_frequency_is_made_once(monkeypatch: pytest.MonkeyPatch):
    made: list[float] = []
    entries = Linearised.entries

    def counted(linear: Linearised, frequency: float) -> np.ndarray:
        made.append(frequency)
        return entries(linear, frequency)

    monkeypatch.setattr(Linearised, "entries", counted)
    cx.ac(SMALL, FREQUENCIES)
    assert made == FREQUENCIES.tolist()


def test_small_signals_are_small_changes():
    """d current / d unknowns of every element by differences of what flows at two points."""
    linear, closed = engine.linearised(SMALL)
    rng = np.random.default_rng(3)
    change = 1e-7 * rng.standard_normal(len(linear.x))
    points = np.stack([linear.x - change, linear.x + change], axis=1)
    at = engine.unknowns(linear.system, points, [closed, closed])
    moved = engine.unknowns(linear.system, 2 * change[:, None])
    rest = engine.unknowns(linear.system, linear.x[:, None], [closed])
    small = small_signal_currents(moved, np.zeros(1), rest)
    for (group, two), (_, one) in zip(element_currents(at), small, strict=True):
        if group.kind != "I":
            scale = np.abs(two).max()
            np.testing.assert_allclose(
                one[:, 0], two[:, 1] - two[:, 0], rtol=1e-4, atol=1e-14 * scale
            )


def test_voltages_in_two_parts_keep_all_digits():
    circuit = Circuit().add(V("v1", "a", "0", 1e3), R("r1", "a", "b", 1e-9), R("r2", "b", "0", 1e9))
    voltages, rest = np.array([[0.0], [1e3], [1e3]]), np.array([[0.0], [0.0], [-1e-15]])
    for parts, current in (((voltages, rest), 1e-6), ((voltages,), 0.0)):
        found = Unknowns(circuit, parts, np.array([[-1e-6]]))
        by_kind = {group.kind: through for group, through in element_currents(found)}
        assert by_kind["R"][0, 0] == pytest.approx(current, rel=1e-12)


def test_the_last_digits_of_voltages_across_large_conductances():
    circuit = Circuit().add(
        V("v1", "a", "0", 1.0),
        R("r1", "a", "b", 0.1),
        DeviceElement("d", ("b", "0"), "sinh", 1e-9),
    )
    eps = np.finfo(float).eps
    at = Unknowns(circuit, (np.array([[0.0], [1.0], [1.0]]),), np.array([[0.0]]))
    slope = 1e-9 * np.cosh(1.0 / 0.25)
    assert rounding(at) == pytest.approx([4 * eps * (2.0 / 0.1 + 1.0 * slope)], rel=1e-12)
    lost = Unknowns(circuit, (np.array([[0.0], [1.0], [1.0 + eps]]),), np.array([[0.0]]))
    one, other = (residual(circuit, element_currents(found)) for found in (at, lost))
    assert 0 < abs(one - other) < rounding(at)
