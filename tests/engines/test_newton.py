"""Newton's method of the nodal engine: closed forms, hard circuits, and its way out of trouble."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import wrightomega

import circuitxbar as cx
from circuitxbar.circuit.elements import DeviceElement
from circuitxbar.devices.device import Device
from circuitxbar.devices.functions import CONSTANTS
from circuitxbar.devices.model_file import parse_device
from circuitxbar.nodal.engine import source_values
from circuitxbar.nodal.modified.blocks import BehaviourLaws
from circuitxbar.nodal.network import Network
from circuitxbar.nodal.voltages import NodeVoltages

R, V, I, D = cx.Resistor, cx.VoltageSource, cx.CurrentSource, DeviceElement  # noqa: E741
Point = cx.circuit.operating_point.OperatingPoint
THERMAL = CONSTANTS["k_B"] * 300.15 / CONSTANTS["q"]  # V


def law(text: str) -> Device:
    """A two-terminal device of that law, about which nothing is promised."""
    return parse_device(
        f"""
        name = "local"
        title = "made up"
        source = "none"
        confirmed = false
        terminals = ["p", "n"]
        passive = false
        monotone = false
        [current]
        law = "{text}"
        valid = {{ v = [-5.0, 5.0] }}
        """,
        "local.toml",
    )


def point(*elements: cx.circuit.circuit.Element) -> Point:
    return cx.operating_point(cx.Circuit().add(*elements), extrapolate=True)


def solved(
    circuit: cx.Circuit, start: np.ndarray | None = None
) -> tuple[Network, NodeVoltages, np.ndarray, np.ndarray]:
    """Network, voltages, and for each vector its Kirchhoff error and source currents, A."""
    network = Network.of(circuit)
    sources, injected = source_values(circuit, circuit.batch)
    zeros = np.zeros((circuit.node_count, circuit.batch))
    found = network.solve(sources, injected, zeros, start)
    outflow = network.outflow(found) - injected
    error = np.abs(network.collect @ outflow).sum(axis=0)
    with np.errstate(invalid="ignore"):  # between infinite currents
        return network, found, error, network.source_currents(outflow)


def total(found: NodeVoltages) -> np.ndarray:
    return found.reference + found.deviation + found.remainder


def diode_current(voltage: float, resistance: float, saturation: float, thermal: float) -> float:
    """Of a diode in series with a resistance: Lambert's W(e^z), which is Wright's omega of z."""
    factor = saturation * resistance / thermal
    omega = wrightomega(voltage / thermal + factor + np.log(factor))
    return thermal / resistance * float(omega) - saturation


@pytest.mark.parametrize("voltage", [-3.0, 0.1, 2.0, 40.0])
@pytest.mark.parametrize("resistance", [1e-3, 1.0, 1e3, 1e9])
def test_a_diode_and_a_resistor(voltage: float, resistance: float):
    found = point(
        V("s", "a", "0", voltage), R("r", "a", "b", resistance), D("d", ("b", "0"), "diode")
    )
    want = diode_current(voltage, resistance, 1e-14, THERMAL)
    assert found.current("d") == pytest.approx(want, rel=2e-12, abs=1e-24)
    assert found.current("s") == pytest.approx(-want, rel=2e-12, abs=1e-24)
    assert found.strategies == ("newton",)
    assert found.residual <= 1e-14 * abs(want)


def test_a_chain_of_diodes_at_forty_volts():
    count = 40
    nodes = [f"n{k}" for k in range(count)] + ["0"]
    chain = [D(f"d{k}", (nodes[k], nodes[k + 1]), "diode") for k in range(count)]
    found = point(V("s", "a", "0", 40.0), R("r", "a", "n0", 10.0), *chain)
    want = diode_current(40.0, 10.0, 1e-14, count * THERMAL)
    assert found.current("d7") == pytest.approx(want, rel=1e-11)
    assert found.voltage("n20") == pytest.approx((40.0 - 10.0 * want) / 2, rel=1e-12)


@pytest.mark.parametrize("voltage", [0.3, -1.0, 20.0])
def test_two_sinh_in_series(voltage: float):
    """tanh of half the difference of the two voltages is (g2 - g1) / (g2 + g1) tanh(V / 2 v0)."""
    g1, g2, v0 = 1e-5, 4e-4, 0.03
    found = point(
        V("s", "a", "0", voltage),
        D("p", ("a", "b"), "sinh", g1, {"v0": v0}),
        D("q", ("b", "0"), "sinh", g2, {"v0": v0}),
    )
    half = v0 * np.arctanh((g2 - g1) / (g2 + g1) * np.tanh(voltage / (2 * v0)))
    assert found.voltage("b") == pytest.approx(voltage / 2 - half, rel=1e-13)
    want = g2 * v0 * np.sinh((voltage / 2 - half) / v0)
    assert found.current("p") == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("current", [1e-9, -1e-3, 1e3])
def test_a_current_into_a_cubic(current: float):
    g, b = 1e-4, 7.0
    found = point(I("i", "0", "a", current), D("c", ("a", "0"), "cubic", g, {"b": b}))
    root = np.sqrt(3 * b)
    want = 2 / root * np.sinh(np.arcsinh(1.5 * root * current / g) / 3)  # Cardano
    assert found.voltage("a") == pytest.approx(want, rel=1e-14)


def test_a_source_follower():
    """Its gate is an unknown too, at the middle of a divider that carries no gate current."""
    found = point(
        V("s", "supply", "0", 3.0),
        R("upper", "supply", "gate", 1e6),
        R("lower", "gate", "0", 2e6),
        D(
            "t",
            ("supply", "gate", "out"),
            "square_law_transistor",
            parameters={
                "threshold": 0.5,
                "transconductance": 1e-3,
                "channel_length_modulation": 0.0,
                "body_effect": 0.0,
            },
        ),
        R("load", "out", "0", 4e3),
    )
    assert found.voltage("gate") == pytest.approx(2.0, rel=1e-13)
    # The overdrive x: 0.5 mA/V^2 x^2 = (1.5 V - x) / 4 kohm.
    want = 1.5 - (np.sqrt(13) - 1) / 4
    assert found.voltage("out") == pytest.approx(want, rel=1e-13)
    assert found.current("t") == pytest.approx(want / 4e3, rel=1e-13)


ARRAYS = {
    "diodes at 2 V": ("diode", {}, 2.0),
    "steep sinh at 1 V": ("sinh", {"v0": 0.03}, 1.0),
    "cubic": ("cubic", {"b": 100.0}, 1.0),
}


@pytest.mark.parametrize("resistance", [1.0, 1e3])
@pytest.mark.parametrize("name", ARRAYS)
def test_hard_arrays_take_few_factorisations(name: str, resistance: float):
    device, parameters, voltage = ARRAYS[name]
    rng = np.random.default_rng(0)
    conductances = np.ones((24, 24)) if device == "diode" else 10 ** rng.uniform(-6, -4, (24, 24))
    crossbar = cx.Crossbar(
        conductances, device, parameters=parameters, wires=cx.Wires(resistance, resistance)
    )
    circuit = crossbar.circuit([np.full(24, voltage), rng.uniform(-voltage, voltage, 24)])
    _, found, error, currents = solved(circuit)
    assert found.strategies == ("newton", "newton")
    assert max(found.factorisations) <= 16
    assert (error <= 1e-12 * np.abs(currents).max(axis=0)).all()


@pytest.mark.parametrize(("voltage", "strategy"), [(2.0, "gmin stepping"), (-1e-5, "newton")])
def test_a_law_without_a_slope_at_rest(voltage: float, strategy: str):
    """A way to ground starts Newton's method, or bridges do; neither stays at the end."""
    found = point(I("i", "0", "a", 1e-3 * voltage**3), D("c", ("a", "0"), law("1e-3 * v**3")))
    assert found.strategies == (strategy,)
    assert found.voltage("a") == pytest.approx(voltage, rel=1e-14)


def test_a_falling_branch_that_needs_source_stepping():
    """A current that rises to a peak and falls: bridges lead to the fold where a branch ends."""
    falling = law("1e-3 * v / (1 + (v / 0.19)**6) + 1e-6 * v")
    found = point(V("s", "a", "0", 1.0), R("r", "a", "b", 7e3), D("d", ("b", "0"), falling))
    assert found.strategies == ("source stepping",)
    v = found.voltage("b")
    want = 1e-3 * v / (1 + (v / 0.19) ** 6) + 1e-6 * v
    assert (1.0 - v) / 7e3 == pytest.approx(want, rel=1e-12)


def test_one_hopeless_vector_does_not_stop_the_others():
    """sqrt(v + 0.01) is no number below -0.01 V, where vector 1 would have to be."""
    broken = law("1e-3 * sqrt(v + 0.01) - 1e-4")
    circuit = cx.Circuit().add(
        V("s", "a", "0", 1.0), R("r", "a", "b", 1e3), D("d", ("b", "0"), broken)
    )
    sources = np.array([[1.0, -2.0, 0.3]])

    def batch(voltages: np.ndarray) -> cx.Circuit:
        groups = tuple(replace(g, values=voltages) if g.kind == "V" else g for g in circuit.groups)
        return replace(circuit, groups=groups)

    _, found, error, _ = solved(batch(sources))
    assert found.strategies == ("newton", "source stepping", "newton")
    assert np.isfinite(found.deviation).all()
    assert (error[[0, 2]] < 1e-16).all()
    assert error[1] > 1e-4
    for k in (0, 2):
        _, alone, _, _ = solved(batch(sources[:, [k, k]]))
        for part, single in zip(found.parts, alone.parts, strict=True):
            assert (part[:, k] == single[:, 0]).all()
    with pytest.raises(cx.SolverError, match="Vector 1 did not converge") as told:
        cx.operating_point(batch(sources))
    assert told.value.vectors == (1,)


def test_currents_that_no_float_holds_are_refused():
    """100 V across a diode; the other diode still finds its place."""
    circuit = cx.Circuit().add(
        V("s", "a", "0", 100.0),
        D("direct", ("a", "0"), "diode"),
        R("r", "a", "b", 1e3),
        D("d", ("b", "0"), "diode"),
    )
    _, found, error, _ = solved(circuit)
    at = circuit.node("b")
    want = diode_current(100.0, 1e3, 1e-14, THERMAL)
    assert total(found)[at, 0] == pytest.approx(100.0 - 1e3 * want, rel=1e-11)
    assert error < 1e-15
    with pytest.raises(cx.SolverError, match="beyond the largest float"):
        cx.operating_point(circuit)


@pytest.mark.parametrize("wrong", [0.0, 5.0, -1e3])
def test_a_start_helps_and_never_harms(wrong: float):
    crossbar = cx.Crossbar(np.full((6, 5), 1e-5), "sinh", parameters={"v0": 0.03})
    circuit = crossbar.circuit(np.linspace(0.2, 1.0, 6))
    _, cold, _, currents = solved(circuit)
    _, warm, _, _ = solved(circuit, total(cold))
    assert warm.factorisations[0] <= 2 < cold.factorisations[0]
    _, found, _, again = solved(circuit, total(cold) + wrong)
    assert found.strategies == ("newton",)
    assert np.allclose(again, currents, rtol=1e-11, atol=0)


def test_a_start_on_floating_sources():
    """Two nodes that a source ties together are one unknown, and begin where they were told to."""
    circuit = cx.Circuit().add(
        I("i", "0", "a", 1e-3),
        V("float", "b", "a", 0.7),
        D("d", ("b", "0"), "diode"),
        R("r", "a", "0", 1e3),
    )
    _, cold, _, _ = solved(circuit)
    _, warm, _, _ = solved(circuit, total(cold))
    assert warm.factorisations[0] <= 2 < cold.factorisations[0]


def test_answers_do_not_depend_on_what_voltages_are_measured_from():
    rng = np.random.default_rng(4)
    circuit = cx.Crossbar(np.full((3, 4), 1e-4), "sinh").circuit(rng.uniform(-1, 1, (2, 3)))
    network = Network.of(circuit)
    sources, injected = source_values(circuit, 2)
    reference = rng.uniform(-1, 1, (circuit.node_count, 2))
    reference[0] = 0.0
    one = network.solve(sources, injected, np.zeros_like(reference))
    other = network.solve(sources, injected, reference)
    assert np.allclose(total(one), total(other), rtol=1e-13, atol=1e-16)
    currents = [network.source_currents(network.outflow(found)) for found in (one, other)]
    assert np.allclose(*currents, rtol=1e-11, atol=0)


def amplifier(voltages: np.ndarray) -> cx.Circuit:
    """Two transistors, one gate on an ideal source and one driven by the first; and other laws."""
    supply, gate, low = voltages
    return cx.Circuit().add(
        V("supply", "x", "0", supply),
        V("gate", "g", "0", gate),
        V("low", "z", "0", low),
        R("r1", "x", "d", 1e3),
        D("t1", ("d", "g", "s"), "ekv_transistor"),
        R("r2", "s", "z", 2e3),
        D("t2", ("x", "d", "y"), "square_law_transistor"),
        R("r3", "y", "0", 3e3),
        D("diode", ("y", "0"), "diode"),
        D("cell", ("d", "s"), "sinh", 1e-4),
    )


def test_the_adjoint_is_the_derivative_of_the_source_currents():
    """Gates included, where the Jacobian is far from symmetric."""
    voltages, weights = np.array([1.2, 1.1, 0.1]), np.array([0.3, -1.0, 0.7])
    circuit = amplifier(voltages)
    network, found, _, _ = solved(circuit)
    none = np.zeros((circuit.node_count, 1))
    adjoint = network.adjoint(found, weights[:, None], none, none)
    gradient = network.source_currents(network.adjoint_outflow(found, adjoint))[:, 0]

    def loss(voltages: np.ndarray) -> float:
        return float(weights @ solved(amplifier(voltages))[3][:, 0])

    step = 1e-5 * np.eye(3)
    wanted = [(loss(voltages + h) - loss(voltages - h)) / 2e-5 for h in step]
    assert gradient == pytest.approx(wanted, rel=1e-8)


def test_the_adjoint_of_two_terminal_laws_is_the_linearised_circuit():
    """The same circuit with a resistor of 1 / slope for every law."""
    rng = np.random.default_rng(6)
    crossbar = cx.Crossbar(rng.uniform(1e-5, 1e-3, (3, 4)), "sinh", parameters={"v0": 0.1})
    circuit = crossbar.circuit(rng.uniform(-1, 1, (2, 3)))
    network, found, _, _ = solved(circuit)
    sources = rng.uniform(-1, 1, (7, 2))
    none = np.zeros((circuit.node_count, 2))
    adjoint = network.adjoint(found, sources, none, none)
    _, slopes = network.laws.evaluate(network.laws.controls(found))
    for k in range(2):
        groups = tuple(
            replace(g, kind="R", values=1 / slopes[:, k], model=None) if g.kind == "law" else g
            for g in circuit.groups
        )
        linear = Network.of(replace(circuit, groups=groups))
        assert linear.is_linear
        want = linear.solve(sources[:, [k]], none[:, [k]], none[:, [k]])
        assert np.allclose(total(adjoint)[:, k], total(want)[:, 0], rtol=1e-13, atol=1e-16)


def test_currents_that_run_away_are_followed_with_few_probes(monkeypatch: pytest.MonkeyPatch):
    probes = []
    value = BehaviourLaws.value

    def counted(laws: BehaviourLaws, controls: np.ndarray, time: float) -> np.ndarray:
        probes.append(controls)
        return value(laws, controls, time)

    monkeypatch.setattr(BehaviourLaws, "value", counted)
    rng = np.random.default_rng(3)
    card = cx.ModelCard("junction", "d", {"is": 1e-12})
    circuit = cx.Circuit()
    for k in range(40):
        diode = cx.Diode(f"d{k}", f"a{k}", "0", card, float(rng.uniform(1, 10)))
        circuit = circuit.add(
            V(f"v{k}", f"s{k}", "0", float(10 ** rng.uniform(-1, 4))),
            R(f"r{k}", f"s{k}", f"a{k}", 1e3),
            diode,
        )
    point = cx.operating_point(circuit)
    assert point.strategies == ("newton",)
    assert np.abs(point.residual).max() <= 1e-12
    assert len(probes) <= 40


def test_a_junction_that_blocks_foretells_nothing():
    """Below -3 kT/q its slope is 0: the way to where the bulk of a transistor conducts is long."""
    card = cx.ModelCard("mn", "nmos", {"level": 1, "vto": 0.6, "kp": 1e-4})
    found = point(
        I("i", "0", "d", -1e-3),
        V("v", "s", "0", 20.0),
        R("r", "d", "s", 1e5),
        cx.Mosfet("m", "d", "0", "s", "0", card, 1e-5, 1e-6),
    )
    assert found.strategies == ("newton",)
    v = float(found.voltage("d"))  # which is the source of this transistor
    channel, junction = 5e-4 * (-v - 0.6) ** 2, 1e-14 * np.expm1(-v / THERMAL)
    assert (20.0 - v) / 1e5 + channel + junction == pytest.approx(1e-3, rel=1e-9)


def test_voltages_far_below_others_have_fewer_digits(tmp_path: Path):
    """n3 is -0.6 mV, and what rounding leaves of the currents at -37 V moves it by 1e-11 V."""
    deck = tmp_path / "far_apart.cir"
    deck.write_text(
        """far apart
        .model mp pmos level=1 vto=-0.6 kp=5e-05 lambda=0.02
        .model dz d is=1e-12 n=1.5 rs=2
        .model mn nmos level=1 vto=0.6 kp=0.0001 lambda=0.02
        vdd sup 0 9.225769527276169
        rs sup vdd 2.2228685765352303
        r0 n0 0 171.7521926684272
        r1 n1 0 595.448832046022
        r2 n2 n0 48010.9080036538
        r3 n3 n1 3520.9088364827944
        r4 n4 n2 48057.37481342935
        r5 n5 n4 341.25703884517077
        r6 n6 vdd 123024.98049493048
        r7 n7 n4 39.96342305884025
        r8 n8 n5 155246.73753869638
        r9 n9 0 227497.34855900594
        r10 n10 vdd 17.417218828028762
        rr0 n3 n8 116.12978333960618
        rr5 n8 n9 1294.540639544822
        m1 n3 n4 n2 vdd mp w=10u l=1u
        d2 n7 n6 dz
        m3 0 n9 n2 0 mn w=10u l=1u
        b4 n5 n2 i=1m*tanh(0.4458883255750826*v(vdd))
        """
    )
    point = cx.operating_point(cx.read_spice(deck))
    assert point.strategies == ("newton",)
    assert point.voltage("n5") == pytest.approx(-36.8735, abs=1e-3)  # as ngspice 46 has it
    assert point.voltage("n3") == pytest.approx(-6e-4, abs=1e-4)
