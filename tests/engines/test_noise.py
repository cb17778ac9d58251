"""Noise by the adjoint: closed forms, and ngspice element by element."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference.newest_ngspice import needs_ngspice_46

import circuitxbar as cx
from circuitxbar.errors import CircuitError

R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741
C, MODEL = cx.Capacitor, cx.ModelCard
BOLTZMANN, CHARGE, ROOM = 1.38064852e-23, 1.6021766208e-19, 300.15
THERMAL = 4 * BOLTZMANN * ROOM
FREQUENCIES = np.logspace(0, 8, 33)


def close(found: float, wanted: float, rtol: float) -> None:
    """By its relative error alone: densities are far below what pytest.approx takes for 0."""
    assert abs(found / wanted - 1) <= rtol, f"{found!r}, not {wanted!r}"


# --- closed forms ---------------------------------------------------------------------------


def test_a_divider():
    circuit = cx.Circuit().add(
        V("v1", "a", "0", 1.0, ac=7.0),
        V("v2", "c", "0", 1.0),
        R("r1", "a", "b", 1e3),
        R("r2", "b", "c", 3e3),
        R("r3", "c", "d", math.inf),
        R("r4", "d", "0", 1e3),
    )
    noise = cx.noise(circuit, "b", "v1", [10.0, 20.0])
    wanted = math.sqrt(THERMAL * 750.0)
    np.testing.assert_allclose(noise.output_density, wanted, rtol=1e-14)
    np.testing.assert_allclose(noise.input_density, wanted / 0.75, rtol=1e-14)
    for name, resistance in (("r1", 1e3), ("r2", 3e3)):
        part = math.sqrt(THERMAL / resistance) * 750.0
        np.testing.assert_allclose(noise.contributions[name], part, rtol=1e-14)
    assert (noise.contributions["r3"] == 0).all()
    assert (noise.contributions["r4"] == 0).all()
    assert noise.engine == "nodal"
    between = cx.noise(circuit, ("a", "b"), "v1", [10.0])
    np.testing.assert_allclose(between.input_density, wanted / 0.25, rtol=1e-14)


def test_the_whole_noise_of_a_capacitor_is_k_t_over_c():
    circuit = cx.Circuit().add(I("i1", "0", "a"), R("r1", "a", "0", 1e5), C("c1", "a", "0", 1e-12))
    corner = 1 / (2 * math.pi * 1e5 * 1e-12)
    # Over tan(angle): the density of a first-order low-pass is even then.
    angles = (np.arange(200) + 0.5) * math.pi / 400
    frequencies = corner * np.tan(angles)
    density = cx.noise(circuit, "a", "i1", frequencies)
    widths = corner / np.cos(angles) ** 2 * math.pi / 400
    power = (density.output_density**2 * widths).sum()
    close(power, BOLTZMANN * ROOM / 1e-12, 1e-12)
    np.testing.assert_allclose(density.input_density, math.sqrt(THERMAL / 1e5), rtol=1e-12)


def test_a_source_that_does_not_reach_the_output():
    circuit = cx.Circuit().add(V("v1", "a", "0", 1.0), R("r1", "a", "0", 1.0), R("r2", "b", "0", 1))
    noise = cx.noise(circuit, "b", "v1", [1.0])
    close(noise.output_density[0], math.sqrt(THERMAL), 1e-14)
    assert noise.input_density[0] == math.inf


@pytest.mark.parametrize("closed", [False, True])
def test_switches_are_the_resistors_that_they_are(closed: bool):
    resistance = 40.0 if closed else 9e3
    level = 1.0 if closed else 0.0
    circuit = cx.Circuit().add(
        V("v1", "c", "0", level),
        R("r0", "c", "0", 1.0),
        cx.Switch("s1", "a", "0", "c", "0", 0.5, 0.1, 40.0, 9e3),
        R("r1", "a", "0", 1e3),
        # Another switch of another kind between them in the order of the elements.
        cx.CurrentSwitch("w1", "b", "0", "v1", -0.5, 0.1, 40.0, 9e3),
        R("r2", "b", "0", 1e3),
        cx.Switch("s2", "d", "0", "0", "c", -0.5, 0.1, 40.0, 9e3),
        R("r3", "d", "0", 1e3),
    )
    other = 9e3 if closed else 40.0
    for node, name, own in (("a", "s1", resistance), ("b", "w1", other), ("d", "s2", other)):
        noise = cx.noise(circuit, node, "v1", [1.0])
        whole = 1 / (1 / own + 1e-3)
        close(noise.output_density[0], math.sqrt(THERMAL * whole), 1e-13)
        part = math.sqrt(THERMAL / own) * whole
        close(noise.contributions[name][0], part, 1e-13)


def test_devices_of_the_library_have_that_of_their_slope():
    hot = 400.0
    linear = cx.DeviceElement("x1", ("a", "0"), "linear", 1e-4, temperature=hot)
    noise = cx.noise(cx.Circuit().add(I("i1", "0", "a", 1e-5), linear), "a", "i1", [1.0])
    wanted = math.sqrt(4 * BOLTZMANN * hot * 1e4)
    close(noise.contributions["x1"][0], wanted, 1e-13)
    cell = cx.DeviceElement("x1", ("a", "0"), "sinh", 1e-4)
    noise = cx.noise(cx.Circuit().add(V("v1", "b", "0", 0.4), R("r1", "b", "a", 1e-3), cell),
                     "a", "v1", [1.0])  # fmt: skip
    slope = 1e-4 * math.cosh(0.4 / 0.25)
    wanted = math.sqrt(THERMAL * slope) * 1e-3
    close(noise.contributions["x1"][0], wanted, 1e-6)


def channel(v_gate: float, v_drain: float, **card: float) -> tuple[float, float, float]:
    """(noise density of the current, A^2/Hz, current, A, and slope by v_d, S) of EKV, at 1 Hz."""
    model = MODEL("nm", "nmos", {"level": 44.0, "vto": 0.5, "kp": 1e-4, **card})
    transistor = cx.Mosfet("m1", "d", "g", "0", "0", model, 1e-5, 1e-6)
    gate = V("vg", "g", "0", v_gate)
    held = cx.Circuit().add(gate, V("vd", "d", "0", v_drain), transistor)
    # What its current makes of the voltage over 1 ohm, its own slope beside it.
    behind = cx.Circuit().add(
        gate, V("vd", "dd", "0", v_drain), R("rd", "dd", "d", 1.0), transistor
    )
    h = 1e-4
    swept = -cx.dc_sweep(held, "vd", [v_drain - h, v_drain, v_drain + h]).current("vd")
    slope = (swept[2] - swept[0]) / (2 * h)
    density = cx.noise(behind, "d", "vg", [1.0]).contributions["m1"][0] * (1 + slope)
    return density**2, swept[1], slope


def test_noise_of_the_ekv_channel_has_its_three_limits():
    for v_gate in (0.2, 0.6, 2.0):  # without a current: Nyquist's, whatever the inversion
        density, _, slope = channel(v_gate, 0.0)
        close(density, THERMAL * slope, 1e-5)
    # Weak inversion: shot noise, but for a share of the root of the current over specific.
    for v_gate, share in ((0.0, 3e-3), (-0.3, 1e-4)):
        density, current, _ = channel(v_gate, 1.0, **{"is": 0.0})
        close(density, 2 * CHARGE * current, share)
    # Strong inversion, saturated, no effect of the bulk: 8/3 k T gm.
    density, current, _ = channel(20.0, 25.0, gamma=0.0)
    transconductance = 2 * current / (20.0 - 0.5)
    close(density, 2 / 3 * THERMAL * transconductance, 1e-2)


# --- ngspice --------------------------------------------------------------------------------

DIVIDER = (
    V("v1", "a", "0", 1.0),
    R("r1", "a", "b", 1e3),
    R("r2", "b", "0", 3e3),
    C("c1", "b", "0", 1e-10),
)
GUMMEL = {
    "is": 6.7e-15,
    "bf": 416.0,
    "nf": 1.02,
    "vaf": 74.0,
    "ikf": 0.067,
    "ise": 6.7e-15,
    "br": 0.74,
    "var": 12.0,
    "cje": 4.5e-12,
    "cjc": 3.6e-12,
    "tf": 3e-10,
    "rb": 50.0,
    "rc": 4.0,
    "re": 0.7,
    "kf": 1e-14,
    "af": 1.2,
}
SQUARE = {
    "kp": 1e-4,
    "lambda": 0.05,
    "gamma": 0.3,
    "phi": 0.65,
    "kf": 1e-25,
    "af": 1.3,
    "rd": 20.0,
    "rs": 30.0,
    "cgso": 1e-10,
    "cgdo": 2e-10,
    "ld": 1e-7,
    "cbd": 1e-13,
}
JUNCTION = {"is": 1e-14, "n": 1.3, "rs": 5.0, "cjo": 1e-12, "kf": 1e-15, "af": 1.1, "ikf": 1e-3}


def bipolar_amplifier(kind: str) -> cx.Circuit:
    sign = 1.0 if kind == "npn" else -1.0
    return cx.Circuit().add(
        V("vcc", "cc", "0", 10.0 * sign),
        V("vin", "in", "0"),
        R("rb1", "cc", "b", 47e3),
        R("rb2", "b", "0", 10e3),
        C("ci", "in", "b", 1e-6),
        cx.Bipolar("q1", "c", "b", "e", MODEL("qm", kind, GUMMEL), 2.0),
        R("rc", "cc", "c", 4.7e3),
        R("re", "e", "0", 1e3),
        C("ce", "e", "0", 1e-5),
    )


def mos_amplifier(kind: str, supply: float) -> cx.Circuit:
    sign = 1.0 if kind == "nmos" else -1.0
    model = MODEL("mm", kind, {"vto": 0.5 * sign, **SQUARE})
    return cx.Circuit().add(
        V("vdd", "dd", "0", supply * sign),
        V("vin", "g", "0", 1.5 * sign),
        R("rd", "dd", "d", 2e3),
        R("rs", "s", "0", 500.0),
        cx.Mosfet("m1", "d", "g", "s", "0", model, 1e-5, 2e-6, 3.0),
    )


# ngspice 46 has every switch open in AC and noise, whatever it is at rest.
OP_AMP = (
    V("v1", "a", "0", 0.1),
    R("r1", "a", "minus", 1e3),
    R("r2", "minus", "out", 1e4),
    cx.VoltageControlledCurrentSource("g1", "0", "pole", "0", "minus", 1e-3),
    R("rp", "pole", "0", 1e8),
    C("cp", "pole", "0", 1e-10),
    cx.VoltageControlledVoltageSource("e1", "drive", "0", "pole", "0", 1.0),
    R("ro", "drive", "out", 75.0),
    C("cl", "out", "0", 1e-8),
    cx.Switch("s1", "out", "load", "a", "0", 0.5, 0.01, 100.0, 3e3),
    cx.CurrentSwitch("w1", "load", "0", "v1", 1.0, 0.1, 10.0, 5e3),
)
CELLS = np.random.default_rng(3).uniform(1e-6, 1e-4, (4, 3))
ARRAY = cx.Crossbar(CELLS, wires=cx.Wires(2.0, 3.0), bottom=cx.Grounded(100.0))
DIODE = (
    I("i1", "0", "a", 1e-3),
    cx.Diode("d1", "a", "b", MODEL("dm", "d", JUNCTION), 2.0),
    R("r1", "b", "0", 50.0),
)


@needs_ngspice_46
@pytest.mark.parametrize(
    ("circuit", "output", "source", "rtol"),
    [
        (cx.Circuit().add(*DIVIDER), "b", "v1", 1e-10),
        (cx.Circuit().add(*DIODE), ("a", "b"), "i1", 1e-8),
        (bipolar_amplifier("npn"), "c", "vin", 1e-8),
        (bipolar_amplifier("pnp"), ("c", "e"), "vin", 1e-8),
        (mos_amplifier("nmos", 5.0), "d", "vin", 1e-8),
        (mos_amplifier("pmos", 5.0), "s", "vin", 1e-8),
        (mos_amplifier("nmos", 0.3), "d", "vin", 1e-8),
        (cx.Circuit().add(*OP_AMP), "load", "v1", 1e-10),
        (ARRAY.circuit([0.1, 0.2, 0.3, 0.1]), "column_1_bottom", "source_row_0_left", 1e-10),
    ],
    ids=["divider", "diode", "npn", "pnp", "nmos", "pmos", "triode", "op-amp", "array"],
)
def test_noise_is_that_of_ngspice_element_by_element(circuit, output, source, rtol: float):
    ours = cx.noise(circuit, output, source, FREQUENCIES)
    theirs = cx.noise(circuit, output, source, FREQUENCIES, engine="ngspice")
    np.testing.assert_allclose(ours.output_density, theirs.output_density, rtol=rtol)
    np.testing.assert_allclose(ours.input_density, theirs.input_density, rtol=rtol)
    assert set(ours.contributions) == set(theirs.contributions)
    floor = 1e-12 * ours.output_density.max()
    for name, part in theirs.contributions.items():
        np.testing.assert_allclose(ours.contributions[name], part, rtol=rtol, atol=floor)
    squares = sum(part**2 for part in ours.contributions.values())
    np.testing.assert_allclose(np.sqrt(squares), ours.output_density, rtol=1e-12)


def test_noise_of_an_array_is_that_of_the_conductance_at_its_column():
    """Nyquist: whatever is inside a network of resistors, its noise is 4 k T Re(1 / Z)."""
    ports = cx.norton(ARRAY, np.zeros(4), ["column_1_bottom"])
    held = 1 / ports.conductances[0, 0]
    through = 100.0 * held / (100.0 + held)
    noise = cx.noise(ARRAY.circuit(np.zeros(4)), "column_1_bottom", "source_row_0_left", [1.0])
    close(noise.output_density[0], math.sqrt(THERMAL * through), 1e-12)


def test_wrong_arguments_of_noise():
    circuit = cx.Circuit().add(*DIVIDER)
    with pytest.raises(CircuitError, match="'r1' is no VoltageSource or CurrentSource"):
        cx.noise(circuit, "b", "r1", [1.0])
    with pytest.raises(CircuitError, match="there is no node 'x'"):
        cx.noise(circuit, ("b", "x"), "v1", [1.0])
    with pytest.raises(CircuitError, match="expected a node, or a tuple of two"):
        cx.noise(circuit, ("a", "b", "a"), "v1", [1.0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(CircuitError, match="0 V always"):
        cx.noise(circuit, "0", "v1", [1.0])
    with pytest.raises(CircuitError, match="0 Hz must be above 0"):
        cx.noise(circuit, "b", "v1", [0.0])
    with pytest.raises(CircuitError, match="takes crossbars only"):
        cx.noise(circuit, "b", "v1", [1.0], engine="array")
