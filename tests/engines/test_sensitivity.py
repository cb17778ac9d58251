"""Derivatives of outputs at rest, against central differences of operating points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.errors import CircuitError

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741

CONTROLLED = (
    V("v1", "a", "0", 2.0),
    R("r1", "a", "b", 1e3),
    R("r2", "b", "0", 3e3),
    cx.Inductor("l1", "b", "c", 1e-3),
    cx.Capacitor("c1", "b", "0", 1e-9),
    R("r3", "c", "0", 2e3),
    I("i1", "0", "c", 1e-3),
    cx.VoltageControlledVoltageSource("e1", "e", "0", "c", "a", 4.0),
    R("r4", "e", "out", 1e3),
    cx.VoltageControlledCurrentSource("g1", "0", "out", "b", "0", 2e-3),
    cx.CurrentControlledCurrentSource("f1", "out", "0", "e1", 0.5),
    cx.CurrentControlledVoltageSource("h1", "h", "0", "l1", 1e3),
    R("r5", "h", "out", 500.0),
    R("r6", "out", "0", 700.0),
    cx.BehaviouralSource(
        "b1",
        "u",
        "0",
        voltage="k * x**2 + m * y",
        voltages={"x": ("out", "b")},
        currents={"y": "l1"},
        parameters={"k": 0.3, "m": 50.0},
    ),
    R("r7", "u", "out", 900.0),
    cx.BehaviouralSource(
        "b2",
        "out",
        "c",
        current="s * tanh(x / w)",
        voltages={"x": ("out", "c")},
        parameters={"s": 1e-4, "w": 0.5},
    ),
    cx.Switch("s1", "out", "0", "a", "0", 1.0, 0.0, 4e3, 1e7),
    cx.Switch("s2", "out", "0", "a", "0", 3.0, 0.0, 4e3, 1e7),
    cx.CurrentSwitch("w1", "out", "b", "v1", 1.0, 0.0, 1e2, 6e3),
)
FIELDS = {
    "v1": ["voltage"],
    "i1": ["current"],
    "e1": ["gain"],
    "g1": ["transconductance"],
    "f1": ["gain"],
    "h1": ["transresistance"],
    "c1": ["capacitance"],
    "l1": ["inductance"],
    "s1": ["on", "off"],
    "s2": ["on", "off"],
    "w1": ["on", "off"],
} | {f"r{k}": ["resistance"] for k in range(1, 8)}


def close(found: float, wanted: float, rtol: float, atol: float = 0.0) -> None:
    """Without the absolute tolerance of pytest.approx, which is larger than many derivatives."""
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


def difference(output: Callable[[float], float], at: float, step: float = 3e-4) -> float:
    """Richardson's extrapolation of central differences, of fourth order."""
    h = step * (abs(at) or 1.0)
    by = [(output(at + d) - output(at - d)) / (2 * d) for d in (h, h / 2)]
    return (4 * by[1] - by[0]) / 3


def with_element(elements, name: str, change: Callable) -> cx.Circuit:
    return cx.Circuit().add(*(change(e) if e.name == name else e for e in elements))


@pytest.mark.parametrize("of_current", [False, True])
def test_values_of_all_primitive_elements(of_current: bool):
    circuit = cx.Circuit().add(*CONTROLLED)
    asked = {"current": "h1"} if of_current else {"output": ("out", "b")}
    found = cx.sensitivity(circuit, **asked)

    def output(circuit: cx.Circuit) -> float:
        point = cx.operating_point(circuit)
        if of_current:
            return float(point.current("h1"))
        return float(point.voltage("out") - point.voltage("b"))

    close(found.value, output(circuit), 1e-14)
    assert set(found.by) == {e.name for e in CONTROLLED}
    values = {e.name: e for e in CONTROLLED}
    for name, fields in FIELDS.items():
        assert set(found.by[name]) == set(fields), name
        for field in fields:
            at = getattr(values[name], field)
            wanted = difference(
                lambda x, n=name, f=field: output(
                    with_element(CONTROLLED, n, lambda e: replace(e, **{f: x}))
                ),
                at,
            )
            scale = abs(found.value / at)
            close(found.by[name][field], wanted, 1e-8, 1e-11 * scale)
    for name, parameters in (("b1", ("k", "m")), ("b2", ("s", "w"))):
        given = values[name].parameters
        for key in parameters:
            wanted = difference(
                lambda x, n=name, k=key, g=given: output(
                    with_element(CONTROLLED, n, lambda e: replace(e, parameters={**g, k: x}))
                ),
                given[key],
            )
            close(found.by[name][key], wanted, 1e-8)


DIODE = {"is": 2e-9, "n": 1.8, "rs": 5.0, "ikf": 0.04, "isr": 1e-8, "nr": 2.1, "vj": 0.7}
ZENER = {"is": 1e-12, "bv": 4.0, "ibv": 1e-5, "rs": 2.0, "n": 1.1}
GUMMEL = {
    "is": 6.7e-15,
    "bf": 416.0,
    "nf": 1.02,
    "vaf": 74.0,
    "ikf": 0.067,
    "ise": 6.7e-15,
    "ne": 1.26,
    "br": 0.74,
    "rb": 50.0,
    "re": 0.7,
}
SQUARE = {"vto": 0.6, "kp": 1e-4, "gamma": 0.5, "lambda": 0.04, "ld": 1e-7, "rd": 40.0}


def semiconductors(kind: str, card: dict[str, float], sizes: dict[str, float]) -> cx.Circuit:
    model = cx.ModelCard("card", kind, card)
    match kind:
        case "d":
            drive = -6.0 if "bv" in card else 1.5
            elements = [
                V("v1", "a", "0", drive),
                R("r1", "a", "out", 100.0),
                cx.Diode("x1", "out", "0", model, **sizes),
            ]
        case "npn" | "pnp":
            sign = 1.0 if kind == "npn" else -1.0
            elements = [
                V("v1", "a", "0", 5.0 * sign),
                R("r1", "a", "b", 430e3),
                R("r2", "a", "out", 1e3),
                cx.Bipolar("x1", "out", "b", "0", model, **sizes),
            ]
        case _:
            sign = 1.0 if kind == "nmos" else -1.0
            elements = [
                V("v1", "a", "0", 3.0 * sign),
                V("v2", "g", "0", 1.4 * sign),
                R("r1", "a", "out", 5e3),
                R("r2", "s", "0", 500.0),
                cx.Mosfet("x1", "out", "g", "s", "0", model, **sizes),
            ]
    return cx.Circuit().add(*elements)


@pytest.mark.parametrize(
    ("kind", "card", "sizes"),
    [
        ("d", DIODE, {"area": 2.5}),
        ("d", ZENER, {"area": 1.5}),
        ("npn", GUMMEL, {"area": 2.0}),
        ("pnp", GUMMEL, {"area": 0.5}),
        ("nmos", SQUARE, {"width": 5e-6, "length": 1e-6, "multiplier": 3.0}),
        ("pmos", {**SQUARE, "vto": -0.7}, {"width": 9e-6, "length": 1e-6, "multiplier": 2.0}),
        ("nmos", {"level": 44.0, "vto": 0.6, "kp": 1e-4}, {"width": 5e-6, "length": 1e-6}),
    ],
)
def test_cards_and_sizes_of_semiconductors(kind: str, card: dict, sizes: dict):
    found = cx.sensitivity(semiconductors(kind, card, sizes), "out").by["x1"]

    def output(card: dict[str, float], sizes: dict[str, float]) -> float:
        return float(cx.operating_point(semiconductors(kind, card, sizes)).voltage("out"))

    here = abs(output(card, sizes))
    for name in card.keys() - {"level"}:
        wanted = difference(lambda x, n=name: output({**card, n: x}, sizes), card[name])
        floor = 1e-9 * here / abs(card[name])
        close(found[name], wanted, 2e-7, floor)
    for name in sizes:
        wanted = difference(lambda x, n=name: output(card, {**sizes, n: x}), sizes[name])
        close(found[name], wanted, 2e-7)


def test_a_parameter_at_its_default_counts_too_and_one_without_a_derivative_does_not():
    by = cx.sensitivity(semiconductors("npn", {"bf": 80.0}, {}), "out").by["x1"]

    def output(**card: float) -> float:
        return float(
            cx.operating_point(semiconductors("npn", {"bf": 80.0, **card}, {})).voltage("out")
        )

    # From 0 A of leakage upwards there is one side alone.
    h = 1e-19
    slope = (4 * output(ise=h) - output(ise=2 * h) - 3 * output(ise=0.0)) / (2 * h)
    close(by["ise"], slope, 1e-4)
    assert by["cjc"] == by["kf"] == 0.0
    assert not {"vaf", "ikf", "rb", "re", "rc"} & set(by)  # infinite, or 0 ohm


def test_parameters_that_must_be_equal_move_together():
    card = {"bf": 80.0, "rb": 50.0}
    alone = cx.sensitivity(semiconductors("npn", card, {}), "out").by["x1"]
    told = cx.sensitivity(semiconductors("npn", {**card, "rbm": 50.0}, {}), "out").by["x1"]
    assert told == alone
    assert alone["rb"] != 0


def test_two_cards_of_one_kind_are_told_apart():
    one, other = cx.ModelCard("one", "d", {"is": 1e-14}), cx.ModelCard("two", "d", {"is": 1e-12})

    def circuit(first: float, second: float) -> cx.Circuit:
        return cx.Circuit().add(
            V("v1", "a", "0", 2.0),
            R("r1", "a", "b", 1e3),
            cx.Diode("d1", "b", "c", replace(one, parameters={"is": first})),
            cx.Diode("d2", "c", "0", replace(other, parameters={"is": second})),
        )

    by = cx.sensitivity(circuit(1e-14, 1e-12), "c").by

    def at(first: float, second: float) -> float:
        return float(cx.operating_point(circuit(first, second)).voltage("c"))

    close(by["d1"]["is"], difference(lambda x: at(x, 1e-12), 1e-14), 1e-7)
    close(by["d2"]["is"], difference(lambda x: at(1e-14, x), 1e-12), 1e-7)


def test_devices_of_the_library():
    def circuit(conductance: float = 1e-4, v0: float = 0.3, temperature: float = 300.15):
        cell = cx.DeviceElement(
            "x1", ("out", "0"), "sinh", conductance, {"v0": v0}, temperature=temperature
        )
        return cx.Circuit().add(V("v1", "a", "0", 0.8), R("r1", "a", "out", 5e3), cell)

    by = cx.sensitivity(circuit(), "out").by["x1"]

    def at(**change: float) -> float:
        return float(cx.operating_point(circuit(**change)).voltage("out"))

    assert set(by) >= {"conductance", "v0"}
    for name, value in (("conductance", 1e-4), ("v0", 0.3)):
        wanted = difference(lambda x, n=name: at(**{n: x}), value)
        close(by[name], wanted, 1e-8)


def test_an_array_of_cells_in_closed_form():
    """Ideal wires: the column's current is the sum of g v, by R it is -v / R^2."""
    crossbar = cx.Crossbar([[1e-5, 2e-5], [3e-5, 4e-5]], wires=cx.Wires(0.0, 0.0))
    circuit = crossbar.circuit([0.2, 0.3])
    by = cx.sensitivity(circuit, current="source_column_1_bottom").by
    close(by["cell_0_1"]["resistance"], -0.2 * 2e-5**2, 1e-12)
    close(by["cell_1_1"]["resistance"], -0.3 * 4e-5**2, 1e-12)
    assert abs(by["cell_0_0"]["resistance"]) < 1e-22
    close(by["source_row_1_left"]["voltage"], 4e-5, 1e-12)
    assert by["rowwire_0_0"] == {}  # 0 ohm


def test_wrong_arguments_of_sensitivity():
    circuit = cx.Circuit().add(V("v1", "a", "0", 1.0), R("r1", "a", "b", 1e3), R("r2", "b", "0", 1))
    with pytest.raises(CircuitError, match="either output"):
        cx.sensitivity(circuit)
    with pytest.raises(CircuitError, match="either output"):
        cx.sensitivity(circuit, "b", current="v1")
    with pytest.raises(CircuitError, match="no node 'x'"):
        cx.sensitivity(circuit, "x")
    with pytest.raises(CircuitError, match="0 V always"):
        cx.sensitivity(circuit, ("b", "b"))
    with pytest.raises(CircuitError, match="current of element 'r1' is no unknown"):
        cx.sensitivity(circuit, current="r1")
