"""Cards of level 1 that say how a transistor is made: tox, nsub, u0, and Meyer's capacitances."""

from __future__ import annotations

import numpy as np
import pytest
from reference.newest_ngspice import needs_ngspice_46

import circuitxbar as cx
from circuitxbar.circuit.elements import Mosfet
from circuitxbar.circuit.group import ModelCard

CARD = {"tox": 2e-8, "nsub": 2e16, "ld": 1e-7, "cgso": 2e-10, "cgbo": 1e-10, "lambda": 0.03}
CARDS = {
    "polysilicon of the other kind": {},
    "polysilicon of the same kind": {"tpg": -1.0},
    "metal": {"tpg": 0.0, "nss": 1e10},
    "threshold and kp given": {"vto": 0.7, "kp": 5e-5},
    "surface given": {"phi": 0.7, "gamma": 0.3},
    "mobility": {"u0": 300.0, "gamma": 0.4},
}
COUNT = 40


def _bias_points(sign: float) -> np.ndarray:
    """(n, 4): both signs between any two terminals; the bulk below drain and source."""
    rng = np.random.default_rng(4)
    points = rng.uniform(-3.0, 3.0, (COUNT, 4))
    points[:8, 2] = points[:8, 0] + rng.uniform(-0.03, 0.03, 8)  # next to no voltage along it
    low = np.minimum(sign * points[:, 0], sign * points[:, 2])
    points[:, 3] = sign * (low - rng.uniform(0.0, 2.0, COUNT))
    return points


def _transistors(card: ModelCard, points: np.ndarray, driven: int) -> cx.Circuit:
    """One for each point, each terminal at a source of its own."""
    circuit = cx.Circuit()
    for k, point in enumerate(points.tolist()):
        nodes = [f"{terminal}{k}" for terminal in "dgsb"]
        sources = [
            cx.VoltageSource(f"v{node}", node, "0", value, ac=float(j == driven))
            for j, (node, value) in enumerate(zip(nodes, point, strict=True))
        ]
        d, g, s, b = nodes
        circuit = circuit.add(*sources, Mosfet(f"m{k}", d, g, s, b, card, 3e-6, 1e-6, 2.0))
    return circuit


@needs_ngspice_46
@pytest.mark.parametrize("type", ["nmos", "pmos"])
@pytest.mark.parametrize("name", CARDS)
def test_conductances_and_capacitances_are_those_of_ngspice(name: str, type: str):
    sign = 1.0 if type == "nmos" else -1.0
    given = {key: sign * x if key == "vto" else x for key, x in CARDS[name].items()}
    card, points = ModelCard("dut", type, {**CARD, **given}), _bias_points(sign)
    for driven in range(4):
        circuit = _transistors(card, points, driven)
        ours, theirs = (
            cx.ac(circuit, [1e6], engine=engine).branch_currents for engine in ("nodal", "ngspice")
        )
        assert np.abs(theirs.imag).max() > 1e-9 * 2e6 * np.pi * 1e-6  # 1 fF
        for mine, other in ((ours.real, theirs.real), (ours.imag, theirs.imag)):
            assert np.all(np.abs(mine - other) <= 1e-9 * np.abs(other).max())


def test_a_gate_that_nothing_but_its_oxide_holds_is_refused():
    card = ModelCard("n", "nmos", CARD)
    circuit = cx.Circuit().add(
        cx.VoltageSource("v1", "d", "0", 1.0), Mosfet("m1", "d", "g", "0", "0", card)
    )
    with pytest.raises(cx.CircuitError, match="node 'g' has no path"):
        cx.operating_point(circuit)


@pytest.mark.parametrize(
    ("further", "told"),
    [({"nsub": 1e9}, "nsub = 1e.09 /cm.3 is below that of pure silicon"), ({"xj": 1e-7}, "'xj'")],
)
def test_what_cannot_be_is_refused_by_name(further: dict[str, float], told: str):
    card = ModelCard("n", "nmos", {**CARD, **further})
    with pytest.raises(cx.CircuitError, match=told):
        cx.operating_point(_transistors(card, np.ones((1, 4)), 0))


def test_a_sensitivity_by_the_oxide_is_that_of_what_follows_from_it():
    def current(**changed: float) -> float:
        card = ModelCard("n", "nmos", {**CARD, **changed})
        return float(cx.operating_point(_transistors(card, POINT, 0)).current("vd0"))

    circuit = _transistors(ModelCard("n", "nmos", CARD), POINT, 0)
    found = cx.sensitivity(circuit, current="vd0")
    for name, value in (("tox", CARD["tox"]), ("u0", 600.0)):
        by = (current(**{name: 1.001 * value}) - current(**{name: 0.999 * value})) / (0.002 * value)
        assert found.by["m0"][name] == pytest.approx(by, rel=1e-5)


POINT = np.array([[1.0, 2.5, 0.0, -0.5]])


def test_currents_of_junctions_as_small_as_their_last_digits_do_not_keep_newton_from_ending():
    sizes = {"n": "w=2u l=0.5u ad=2p as=2p nrd=0.5", "p": "w=5u l=0.5u ad=5p as=5p nrd=0.2"}
    lines = ["four inverters", "vdd vdd 0 3.3", "vin in 0 0.7"]
    for k, ends in enumerate(["in a", "a b", "b c", "c out"]):
        i, o = ends.split()
        lines += [f"mn{k} {o} {i} 0 0 n {sizes['n']}", f"mp{k} {o} {i} vdd vdd p {sizes['p']}"]
    card = "level=1 nsub=8e16 tox=9n lambda=0.05 js=1u rsh=25"
    lines += [f".model n nmos {card}", f".model p pmos {card} tpg=-1"]
    swept = cx.dc_sweep(cx.read_spice("\n".join(lines) + "\n"), "vin", [0.65, 0.7, 0.75])
    assert np.all(swept.voltage("out") < 1e-3)
