"""The laws of diodes and transistors against ngspice itself, and their slopes."""

from __future__ import annotations

import re
from typing import Any

import mpmath
import numpy as np
import pytest
from devices.junction_witness import Bench, vectors_of
from reference.newest_ngspice import needs_ngspice_46

from circuitxbar.circuit.group import ModelCard
from circuitxbar.devices.kernel import kernel
from circuitxbar.devices.semiconductors import MODELS, model_of
from circuitxbar.errors import CircuitError

JUNCTION = {"cjo": 2e-12, "vj": 0.7, "m": 0.4, "fc": 0.45, "tt": 1e-9}
DIODES = {
    "default": {},
    "scaled": {"is": 3e-13, "n": 1.7, **JUNCTION},
    "knees": {"is": 2e-9, "n": 1.8, "ikf": 0.04, "ikr": 1e-7, "isr": 1e-8, "nr": 2.1, **JUNCTION},
    "breakdown": {"is": 1e-12, "bv": 4.0, "ibv": 1e-5, "nbv": 1.4},
    "soft breakdown": {"is": 1e-9, "bv": 4.0, "ibv": 1e-9},
}
GUMMEL = {
    "is": 6.7e-15,
    "bf": 416.0,
    "nf": 1.02,
    "vaf": 74.0,
    "ikf": 0.067,
    "ise": 6.7e-15,
    "ne": 1.26,
    "br": 0.74,
    "nr": 1.01,
    "var": 12.0,
    "ikr": 0.05,
    "isc": 1e-14,
    "nc": 1.9,
    "cje": 4.5e-12,
    "vje": 0.72,
    "mje": 0.26,
    "cjc": 3.6e-12,
    "vjc": 0.74,
    "mjc": 0.31,
    "xcjc": 0.7,
    "fc": 0.55,
    "tf": 3e-10,
    "tr": 2.4e-8,
    "xtf": 3.0,
    "vtf": 4.0,
    "itf": 0.4,
}
MOS_CAPACITANCES = {
    "cgso": 2e-10,
    "cgdo": 3e-10,
    "cgbo": 1e-10,
    "cbd": 2e-14,
    "cbs": 3e-14,
    "pb": 0.7,
    "mj": 0.4,
    "fc": 0.4,
}
SQUARE = {"kp": 1e-4, "gamma": 0.5, "phi": 0.65, "lambda": 0.04, "ld": 1e-7, "is": 1e-15}
SIZES = {"w": 5e-6, "l": 1e-6, "m": 3.0}
BENCHES = {
    **{
        f"diode, {name}": Bench(ModelCard("dut", "d", card), {"area": 2.5})
        for name, card in DIODES.items()
    },
    "npn, default": Bench(ModelCard("dut", "npn"), {"area": 1.0}),
    "npn": Bench(ModelCard("dut", "npn", GUMMEL), {"area": 2.0}),
    "pnp": Bench(ModelCard("dut", "pnp", GUMMEL), {"area": 0.5}),
    "nmos, default": Bench(ModelCard("dut", "nmos"), SIZES),
    "nmos": Bench(ModelCard("dut", "nmos", {"vto": 0.6, **SQUARE, **MOS_CAPACITANCES}), SIZES),
    "pmos": Bench(ModelCard("dut", "pmos", {"vto": -0.7, **SQUARE, **MOS_CAPACITANCES}), SIZES),
}
RESISTANCES = {
    "d": {"rs": 3.0},
    "npn": {"rb": 50.0, "rc": 4.0, "re": 0.7},
    "nmos": {"rd": 40.0, "rs": 60.0},
}
RESISTIVE_KINDS = {"diode, knees": "d", "npn": "npn", "pnp": "npn", "nmos": "nmos"}
RESISTIVE = {
    name: Bench(
        ModelCard("dut", bench.card.type, {**bench.card.parameters, **RESISTANCES[kind]}),
        bench.sizes,
    )
    for name, kind in RESISTIVE_KINDS.items()
    for bench in (BENCHES[name],)
}


def bias_points(bench: Bench, count: int = 60) -> np.ndarray:
    """Voltages of the terminals, (n, t), both signs between any two of them; 0 V among them."""
    rng = np.random.default_rng(11)
    if bench.letter == "m":
        points = rng.uniform(-2.5, 2.5, (count, 4))
        # The bulk below drain and source, or a little above, where its junctions conduct.
        sign = 1.0 if bench.card.type == "nmos" else -1.0
        side = np.minimum(sign * points[:, 0], sign * points[:, 2])
        points[:, 3] = sign * (side + rng.uniform(-2.0, 0.6, count))
    else:
        points = rng.uniform(-0.8, 0.8, (count, len(bench.terminals)))
        points[: count // 3] *= 6.0
        forward = {"pnp": (1, -1)}.get(bench.card.type, (-1, 1))
        points = np.array([_within(p, *forward, bench.letter) for p in points])
    points[0] = 0.0
    return points


def _within(point: np.ndarray, low: int, high: int, letter: str) -> np.ndarray:
    """No junction above 0.8 V: nobody asks for kiloamperes."""
    point = point.copy()
    if letter == "d":
        point[0] = min(point[0], point[1] + 0.8)
        return point
    sign = high
    edge = sign * min(sign * point[0], sign * point[2])
    point[1] = sign * min(sign * point[1], sign * edge + 0.8)
    return point


@needs_ngspice_46
@pytest.mark.parametrize("name", BENCHES)
def test_currents_are_those_of_ngspice(name: str):
    bench = BENCHES[name]
    points = bias_points(bench)
    law, spice = bench.by_law(points)[0], bench.by_ngspice(points)
    largest = np.abs(spice).max(axis=1, keepdims=True)
    assert np.abs(spice).max() > 1e-5  # something conducts
    # The gmin of 1e-20 S that the decks ask for draws up to 1e-19 A, and the sum of the currents
    # of a node is rounded.
    assert np.all(np.abs(law - spice) <= 1e-9 * largest + 1e-18)


@needs_ngspice_46
@pytest.mark.parametrize("name", BENCHES)
def test_conductances_and_capacitances_are_those_of_ngspice(name: str):
    bench = BENCHES[name]
    if "isr" in bench.card.parameters:  # of which the slope in ngspice is not that of its current
        own = {**bench.card.parameters, "isr": 0.0}
        bench = Bench(ModelCard("dut", "d", own), bench.sizes)
    points = bias_points(bench)
    if bench.letter == "m":
        points = points[_below_bulk(bench, points)]
    _, conductances, capacitances = bench.by_law(points)
    spice, charges = bench.small_signals_by_ngspice(points)
    for mine, theirs, floor in ((conductances, spice, 1e-18), (capacitances, charges, 1e-24)):
        largest = np.abs(theirs).max(axis=(1, 2), keepdims=True)
        assert np.all(np.abs(mine - theirs) <= 1e-6 * largest + floor)
    if set(bench.card.parameters) & {"cjo", "cje", "cbd"}:
        assert np.abs(charges).max() > 1e-15


def _below_bulk(bench: Bench, points: np.ndarray) -> np.ndarray:
    """Where no bulk junction is forward biased.

    There ngspice's slope by the bulk is that of another curve than its current: gamma / (2 root)
    with the root of the straight line that it draws for forward bias.
    """
    sign = 1.0 if bench.card.type == "nmos" else -1.0
    return np.all(sign * points[:, [3]] < sign * points[:, [0, 2]], axis=1)


@needs_ngspice_46
@pytest.mark.parametrize("name", RESISTIVE)
def test_series_resistances_are_those_of_ngspice(name: str):
    bench = RESISTIVE[name]
    points = bias_points(bench, 24)
    law, spice = bench.by_law(points)[0], bench.by_ngspice(points)
    without = BENCHES[name].by_law(points)[0]
    largest = np.abs(spice).max(axis=1, keepdims=True)
    # A current is a difference of rounded voltages over a resistance.
    smallest = min(RESISTANCES[RESISTIVE_KINDS[name]].values())
    rounding = 4 * np.spacing(np.abs(points).max()) * max(bench.sizes.values()) / smallest
    assert np.all(np.abs(law - spice) <= 1e-9 * largest + rounding)
    assert np.abs(without - spice).max() > 1e-3 * np.abs(spice).max()


@pytest.mark.parametrize("key", MODELS, ids=str)
def test_slopes_are_finite_and_those_of_the_laws(key: tuple[str, int]):
    cards = {"d": DIODES["knees"], "npn": GUMMEL, "pnp": GUMMEL, "nmos": MOS_CAPACITANCES}
    card = {**cards.get(key[0], MOS_CAPACITANCES), **({"bv": 4.0} if key[0] == "d" else {})}
    if key[1] == 1 and key[0].endswith("mos"):
        card |= SQUARE
    model = model_of("dut", *key)
    sizes = {name: np.full(1, value) for name, value in {**SIZES, "area": 2.0}.items()}
    values = model.values("dut", key[0], card, {name: sizes[name] for name in model.sizes})
    rng = np.random.default_rng(3)
    grid = np.array([-10.0, -5.0, -1.0, -0.1, 0.0, 0.1, 0.6, 1.0])
    for laws in model.laws:
        for law in laws:
            if law is None:
                continue
            voltages = tuple(name for name in law.names if name in model.voltages)
            others = {name: values[name] for name in law.names if name in values}
            function = kernel(law, voltages)

            def at(points: np.ndarray) -> list[np.ndarray]:
                named = dict(zip(voltages, points, strict=True))  # noqa: B023
                with np.errstate(all="ignore"):
                    results = function(**named, **others, time=0.0)  # noqa: B023
                return [np.broadcast_to(r, points.shape[1:]) for r in results]

            everywhere = np.array(np.meshgrid(*[grid] * len(voltages))).reshape(len(voltages), -1)
            assert np.all(np.isfinite(at(everywhere)))
            points = rng.uniform(-2.0, 0.7, (len(voltages), 200))
            slopes = at(points)[1:]
            for k, slope in enumerate(slopes):
                step = np.zeros_like(points)
                step[k] = 1e-6
                difference = (at(points + step)[0] - at(points - step)[0]) / 2e-6
                assert np.allclose(slope, difference, rtol=1e-5, atol=1e-7 * np.abs(slope).max())


EKV = {"vto": 0.45, "kp": 1.5e-4, "gamma": 0.6, "phi": 0.75}


def ekv_currents(v_d: float, v_g: float, v_s: float) -> tuple[Any, Any]:
    """Forward and reverse current of an n-channel device, as published, to 30 digits."""
    with mpmath.workdps(30):
        vto, kp, gamma, phi = (mpmath.mpf(EKV[name]) for name in ("vto", "kp", "gamma", "phi"))
        thermal = mpmath.mpf(1.38064852e-23) * mpmath.mpf(300.15) / mpmath.mpf(1.6021766208e-19)
        beta = kp * mpmath.mpf(SIZES["w"]) / mpmath.mpf(SIZES["l"]) * mpmath.mpf(SIZES["m"])
        effective = v_g - vto + phi + gamma * mpmath.sqrt(phi)
        pinch = -phi
        if effective > 0:
            pinch = effective - phi - gamma * (mpmath.sqrt(effective + gamma**2 / 4) - gamma / 2)
        slope = 1 + gamma / (2 * mpmath.sqrt(pinch + phi + 4 * thermal))

        def current(v: float) -> Any:
            normalised = mpmath.log1p(mpmath.exp((pinch - v) / (2 * thermal))) ** 2
            return 2 * slope * beta * thermal**2 * normalised

        return current(v_s), current(v_d)


@pytest.mark.parametrize("type", ["nmos", "pmos"])
def test_ekv_is_the_published_equations(type: str):
    sign = 1.0 if type == "nmos" else -1.0
    card = ModelCard("dut", type, {**EKV, "vto": sign * EKV["vto"], "is": 0.0, "level": 44})
    rng = np.random.default_rng(5)
    points = np.zeros((60, 4))
    points[:40, :3], points[40:, :3] = rng.uniform(0, 2, (40, 3)), rng.uniform(-0.5, 0.8, (20, 3))
    points[::5, 1] = -3.0  # accumulation
    law = Bench(card, SIZES).by_law(sign * points)[0][:, 0]
    pairs = [ekv_currents(*point[:3]) for point in points.tolist()]
    exact = np.array([float(sign * (forward - reverse)) for forward, reverse in pairs])
    whole = np.array([float(forward + reverse) for forward, reverse in pairs])
    assert np.ptp(np.log10(whole)) > 10  # weak to strong inversion
    assert np.all(np.abs(law - exact) <= 1e-12 * whole)


@needs_ngspice_46
def test_ekv_is_that_of_a_behavioural_source_of_ngspice():
    rng = np.random.default_rng(8)
    points = rng.uniform(0.0, 1.8, (20, 3))
    numbers = " ".join(f"{name}={value!r}" for name, value in EKV.items())
    lines = [
        "* EKV\n.options gmin=1e-20 reltol=1e-9",
        f".param {numbers} beta={3 * SIZES['w'] / SIZES['l'] * EKV['kp']!r}",
        ".param vt={1.38064852e-23*300.15/1.6021766208e-19} vt2={2*vt} f4={4*vt}",
        ".param low={vto-phi-gamma*sqrt(phi)} quarter={gamma*gamma/4} half={gamma/2}",
        ".param is2={2*beta*vt*vt}",
    ]
    for k, (d, g, s) in enumerate(points.tolist()):
        f = f"ln(1+exp((v(p{k})-{{v}})/{{vt2}}))"
        lines += [
            f"vd{k} d{k} 0 {d!r}\nvg{k} g{k} 0 {g!r}\nvs{k} s{k} 0 {s!r}",
            f"bp{k} p{k} 0 v=v(g{k})-{{low}}-{{phi}}"
            f"-{{gamma}}*(sqrt(v(g{k})-{{low}}+{{quarter}})-{{half}})",
            f"bi{k} d{k} s{k} i={{is2}}*(1+{{half}}/sqrt(v(p{k})+{{phi}}+{{f4}}))"
            f"*({f.replace('{v}', f'v(s{k})')}^2-{f.replace('{v}', f'v(d{k})')}^2)",
        ]
    vectors = vectors_of([*lines, ".op", ".end"])
    spice = [-vectors[f"vd{k}#branch"][0] for k in range(len(points))]
    card = ModelCard("dut", "nmos", {**EKV, "is": 0.0, "level": 44})
    law = Bench(card, SIZES).by_law(np.c_[points, np.zeros(20)])[0][:, 0]
    assert np.all(np.abs(law - spice) <= 1e-9 * np.abs(law) + 1e-9 * 1e-9)


REFUSED = [
    ("nmos", {"level": 54}, "model 'dut' (nmos): level 54 is not known to the nodal engine. Use"),
    ("d", {"level": 3}, "level 3 is not known"),
    ("d", {"iss": 1e-3}, "no parameter 'iss'"),
    ("d", {"vp": 1.0}, "knows vp = 0.0 alone, not 1"),
    ("d", {"tnom": 50.0}, "knows tnom = 27.0 alone, not 50"),
    ("d", {"m": 0.95}, "m = 0.95 is outside 0 to 0.9"),
    ("d", {"cjo": 1e-12, "cj0": 1e-12}, "another name of it"),
    ("npn", {"rb": 10.0, "rbm": 2.0}, "knows rbm = rb alone, not 2"),
    ("npn", {"cjs": 1e-12}, "knows cjs = 0.0 alone"),
    ("pnp", {"bff": 10.0}, "Did you mean bf"),
    ("pmos", {"theta": 0.1}, "no parameter 'theta'"),
    ("nmos", {"ld": 1e-3}, "not longer than 2 ld"),
    ("nmos", {"level": 44, "lambda": 0.5}, "knows lambda = 0.0 alone"),
]


@pytest.mark.parametrize(("type", "parameters", "told"), REFUSED)
def test_what_would_change_the_answer_is_refused_by_name(type: str, parameters: dict, told: str):
    bench = Bench(ModelCard("dut", type, parameters), SIZES if "mos" in type else {"area": 1.0})
    with pytest.raises(CircuitError, match=re.escape(told)) as problem:
        _ = bench.circuit
    if "2 ld" not in told and "another name" not in told:
        assert 'engine="ngspice"' in str(problem.value)


# What lets the other parameters count.
WAKING = {
    "d": {"bv": 4.0, "isr": 1e-9, "cjo": 1e-12},
    "npn": {"ise": 1e-14, "isc": 1e-14, "cje": 1e-12, "cjc": 1e-12, "tf": 1e-9, "xtf": 1.0},
    "nmos": {"gamma": 0.5, "cbd": 1e-14, "cbs": 1e-14},
}
WAKING |= {"pnp": WAKING["npn"], "pmos": WAKING["nmos"]}


@needs_ngspice_46
@pytest.mark.parametrize("key", [key for key in MODELS if key[1] == 1], ids=str)
def test_defaults_and_idle_parameters_are_those_of_ngspice(key: tuple[str, int]):
    """A card that gives every default and every idle parameter is the card that gives nothing."""
    model = MODELS[key]
    given = {n: p.default for n, p in model.parameters.items() if isinstance(p.default, float)}
    given = {name: value for name, value in given.items() if np.isfinite(value)}
    idle = {name: 1.25 for name in model.idle - {"subs"} if not name.endswith("_max")}
    base = WAKING[key[0]]
    sizes = SIZES if "mos" in key[0] else {"area": 2.0}
    plain = Bench(ModelCard("dut", key[0], base), sizes)
    full = Bench(ModelCard("dut", key[0], {**given, **idle, **base}), sizes)
    points = bias_points(plain, 24)
    assert np.array_equal(plain.by_law(points)[0], full.by_law(points)[0])
    answers = (
        (plain.by_ngspice(points), full.by_ngspice(points)),
        *zip(
            plain.small_signals_by_ngspice(points),
            full.small_signals_by_ngspice(points),
            strict=True,
        ),
    )
    for one, other in answers:
        count = len(points)
        one, other = one.reshape(count, -1), other.reshape(count, -1)
        largest = np.abs(one).max(axis=1, keepdims=True)
        assert np.all(np.abs(one - other) <= 1e-9 * largest)
