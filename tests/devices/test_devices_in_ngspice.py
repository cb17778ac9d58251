"""The SPICE text of every device, by its mere presence, has the same currents in ngspice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from devices.device_samples import TEMPERATURES, arguments, parameters

from circuitxbar.devices.device import Device
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel
from circuitxbar.devices.library import device, device_names
from circuitxbar.devices.spice import subcircuit_text
from circuitxbar.ngspice import batch
from circuitxbar.ngspice.installation import found
from circuitxbar.ngspice.runner import run

# All voltages are given, so that Newton only has to be made to go to its end.
OPTIONS = ".options reltol=1e-12 abstol=1e-300 vntol=1e-15 gmin=1e-20"

GATED = '''
name = "gated"
title = "A law whose names are taken elsewhere"
source = "written for this test"
terminals = ["d", "g", "s"]
[parameters.d]
unit = "1"
default = 0.1
range = [0.0, 1.0]
meaning = "named as a pin"
[parameters.limit1]
unit = "V"
default = 0.1
range = [0.01, 1.0]
meaning = "nearly named as a function of ngspice's"
[parameters.temperature1]
unit = "K"
default = 1.0
range = [0.1, 10.0]
meaning = "begins as a reserved name"
[parameters.constant0]
unit = "1"
default = 0.3
range = [0.1, 10.0]
meaning = "named as a number of the text"
[parameters.b1]
unit = "1"
default = 0.7
range = [0.1, 10.0]
meaning = "named as the element"
[current]
law = """g * (v_ds + b1 * v_ds**3) * (1 + d * v_g) * softplus(v_gs / limit1) * 1.23456789012345
    * (temperature / 300 + temperature1) / constant0"""
valid = { v_d = [-1.0, 1.0], v_g = [-1.0, 1.0], v_s = [-1.0, 1.0], g = [1e-9, 1e-2] }
'''


def swept(model: Device, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Currents in ngspice and of the kernel, (instances, points) each.

    Every instance has its own conductance, temperature, parameters and gate voltage; all are swept
    together over the whole valid range, a transistor's drain and source against each other, so
    that they exchange roles.
    """
    rng = np.random.default_rng(11)
    ends = (model.variables[0], model.variables[-1])[: len(model.terminals) - 1]
    lines, settings, sweeps = [model.spice("law")], [], []
    for k in range(count):
        point = dict(zip(model.valid, arguments(model, 1, rng), strict=True))
        setting = {"temperature": TEMPERATURES[k % 2], **(parameters(model, rng) if k else {})}
        if model.uses_conductance:
            setting["g"] = float(point["g"][0])
        told = " ".join(f"{name}={value!r}" for name, value in setting.items())
        lines.append(f"vsense{k} end0 m{k} 0")
        if len(model.terminals) == 2:
            lines.append(f"x{k} m{k} 0 law {told}")
        else:
            setting["v_g"] = float(point["v_g"][0])
            lines += [f"vg{k} g{k} 0 {setting['v_g']!r}", f"x{k} m{k} g{k} end1 law {told}"]
        settings.append(setting)
    for k, name in enumerate(ends):
        low, high = model.valid[name]
        lines.append(f"vend{k} end{k} 0 0")
        sweeps.append(
            f"vend{k} {low!r} {high!r} {(high - low) / (100 if len(ends) == 1 else 16)!r}"
        )
    answer = run("\n".join(["title", OPTIONS, *lines, ".dc " + " ".join(sweeps), ".end"]))
    for k in range(count if len(ends) == 2 else 0):
        assert (answer.vectors[f"vg{k}#branch"] == 0).all()
    nodes = {name: answer.vectors[f"end{k}"] for k, name in enumerate(ends)}
    theirs = np.array([answer.vectors[f"vsense{k}#branch"] for k in range(count)])
    ours = [model.kernel()(**nodes, **setting)[0] for setting in settings]
    return theirs, np.array(ours)


def assert_same(model: Device, theirs: np.ndarray, ours: np.ndarray) -> None:
    """To 1e-9 of every current, but where it is the small difference of two directions."""
    largest = np.abs(ours).max(axis=1, keepdims=True)
    assert (largest > 0).mean() > 0.5
    off = np.abs(theirs - ours)
    cancelled = 1e-15 * largest if len(model.terminals) == 3 else 0.0
    assert (off <= 1e-9 * np.abs(ours) + cancelled).all()


@pytest.mark.parametrize("name", device_names())
def test_a_device_carries_the_same_current_in_ngspice(name: str):
    assert_same(device(name), *swept(device(name)))


def test_names_that_pins_elements_and_ngspice_use_too(tmp_path: Path):
    path = tmp_path / "gated.toml"
    path.write_text(GATED, encoding="utf-8")
    assert_same(device(path), *swept(device(path)))


def test_values_reach_the_law_with_all_their_digits():
    """As parameters of a sub-circuit and as numbers of the text, which ngspice cuts to eleven."""
    conductances = [1 / 3e5, 1.2345678901234567e-4, 9.999999999999999e-3, 1e-9 / 7]
    lines = [device("linear").spice(), "vs s 0 1"]
    for k, g in enumerate(conductances):
        lines += [f"vsense{k} s m{k} 0", f"x{k} m{k} 0 linear g={g!r} temperature={100 / 3!r}"]
    answer = run("\n".join(["title", OPTIONS, *lines, ".op", ".end"]))
    got = [answer.vectors[f"vsense{k}#branch"][0] for k in range(len(conductances))]
    np.testing.assert_allclose(got, conductances, rtol=1e-15)


# What ngspice reads otherwise, or not at all, when it is written as in a law; (law, sweep of v).
BOTH, ABOVE = "-1 1 0.0625", "0.125 1 0.125"
TRAPS = [
    ("v**3", BOTH),  # ngspice: |v|**3
    ("v**5 + v**2", BOTH),
    ("-v**2", BOTH),
    ("2**3**2 * v", BOTH),  # ngspice: 64
    ("2**v0**2 * v", BOTH),
    ("v**-1", ABOVE),  # ngspice stops at the first step, at 0 V
    ("(v + v0)**-3", BOTH),
    ("v**0.5", ABOVE),
    ("v**1.5", ABOVE),
    ("v**-1.5", ABOVE),
    ("v**v0", ABOVE),
    ("v**-v0 * (temperature / 300)**-1.5", ABOVE),
    ("max(v, 0)**v0 + max(v, 0)**(v0 - v0 * g / 1.3)", BOTH),
    ("log(v)", ABOVE),
    ("v / 3 * 1.2345678901234567 + v0 / 7", BOTH),  # ngspice: eleven digits
    ("pi * v * k_B / q", BOTH),
    ("min(v, 0.3) + max(v, 0.1) + clip(v, -0.2, v0)", BOTH),  # no third argument; limit is random
    ("exp(250 * v) * 1e-110", BOTH),  # ngspice: at most 1e99
    ("exp(700 * v) * 1e-300", ABOVE),
    ("exp(-700 * abs(v))", BOTH),
    ("sinh(700 * v) * 1e-300", BOTH),
    ("cosh(700 * v) * 1e-300", BOTH),
    ("tanh(800 * v) + tanh(v * 1e-9)", BOTH),
    ("log1p(v * 1e-9) + log1p(v * 0.99)", BOTH),  # ngspice has none
    ("log1p(v * 1e-12)", BOTH),
    ("softplus(100 * v)", BOTH),
    ("softplus(-700 * v)", BOTH),
    ("sign(v) + sign(v - v0)", BOTH),
    ("sin(3 * v) + cos(2 * v) + floor(4 * v)", "-0.97 0.97 0.0625"),
    ("abs(v) * v", BOTH),
    ("asinh(1e6 * v) + atan(1e3 * v)", BOTH),
    ("where(v > 0, sqrt(v), where(v <= -v0, log(-v), v))", BOTH),
    ("where(g == 1.3, v, 7) + where(g != 1.3, 7, v) + where(v >= v0, v, v0)", BOTH),
    ("sqrt(max(v, 0))", BOTH),
    ("temperature * v", BOTH),
]


def test_what_ngspice_reads_otherwise_is_written_so_that_it_does_not():
    names = ("v", "g", "temperature", "v0")
    kept = {"g": 1.3, "temperature": 310.0, "v0": 0.3141592653589793}
    for text, sweep in TRAPS:
        law = Law("own.toml", text, (), names)
        lines = [subcircuit_text(law, "law", ("p", "n"), kept), "vs p 0 0", "x1 p 0 law"]
        answer = run("\n".join(["title", OPTIONS, *lines, f".dc vs {sweep}", ".end"]))
        v = answer.vectors["p"]
        with np.errstate(all="ignore"):
            ours = kernel(law)(v=v, **kept)[0] * np.ones_like(v)
        off = np.abs(-answer.vectors["vs#branch"] - ours)
        assert (off <= 1e-12 * np.abs(ours)).all(), text


def test_a_law_with_numbers_beyond_ngspice_still_comes_to_an_operating_point():
    """Newton's first step puts 19.8 V across the cell, where sinh is beyond the largest float."""
    model = device("sinh", v0=0.02)
    lines = [model.spice(), "vs s 0 20", "r1 s m 1000", "x1 m 0 sinh g=1e-5 v0=0.02"]
    answer = run("\n".join(["title", OPTIONS, *lines, ".op", ".end"]))
    (v,) = answer.vectors["m"]
    assert model.current(v, 1e-5) == pytest.approx((20 - v) / 1000, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_square_law_is_ngspices_own_level_1(seed: int):
    model = device("square_law_transistor")
    rng = np.random.default_rng(seed)
    setting = parameters(model, rng) if seed else dict(model.values)
    setting["transconductance"] = max(setting["transconductance"], 1e-5)  # far above the junctions
    gates = np.linspace(-2.0, 5.0, 15).tolist()
    # The two junctions to the bulk are made as good as none.
    card = (
        f".model level1 nmos level=1 is=1e-45 vto={setting['threshold']!r} "
        f"kp={setting['transconductance']!r} lambda={setting['channel_length_modulation']!r} "
        f"gamma={setting['body_effect']!r} phi={setting['surface_potential']!r} tnom=27"
    )
    lines = [card, "vd d 0 0", "vs s 0 0"]
    for k, gate in enumerate(gates):
        lines += [f"vg{k} g{k} 0 {gate!r}", f"vsense{k} d m{k} 0"]
        lines.append(f"m{k} m{k} g{k} s 0 level1 w=1u l=1u")
    deck = "\n".join(["title", OPTIONS, *lines, ".dc vd -0.5 3 0.25 vs -0.5 3 0.25", ".end"])
    # `run` takes no .model; this deck is all ours.
    command = found()
    assert command is not None
    assert command.command is not None
    ((plot,), _) = batch.run_deck(deck, command.command, 60.0)
    v_d, v_s = plot.vectors["d"], plot.vectors["s"]
    largest, off = 0.0, []
    for k, gate in enumerate(gates):
        ours = model.kernel()(v_d=v_d, v_g=gate, v_s=v_s, **setting)[0]
        theirs = plot.vectors[f"vsense{k}#branch"]
        largest = max(largest, np.abs(ours).max())
        off.append(np.abs(theirs - ours).max())
    assert max(off) <= 1e-9 * largest


@pytest.mark.parametrize("celsius", [-40.0, 27.0, 125.0])
def test_the_diode_is_the_native_one_of_ngspice_at_any_temperature(celsius: float):
    """Its saturation current grows with temperature as that of model D does."""
    card = ".model native d is=2e-14 n=1.3 eg=1.2 xti=2.5 tnom=27"
    options = f"{OPTIONS} temp={celsius!r} tnom=27"
    deck = "\n".join(
        ["title", options, card, "v a 0 0", "d a 0 native", ".dc v -1 0.9 0.05", ".end"]
    )
    command = found()
    assert command is not None
    assert command.command is not None
    ((plot,), _) = batch.run_deck(deck, command.command, 60.0)
    setting = {
        "saturation_current": 2e-14,
        "ideality": 1.3,
        "band_gap": 1.2,
        "temperature_exponent": 2.5,
    }
    v = plot.vectors["a"][plot.vectors["a"] > 0.2]  # in reverse the native one is another formula
    ours = device("diode").current(v, temperature=celsius + 273.15, **setting)
    theirs = -plot.vectors["v#branch"][-len(v) :] - 1e-20 * v  # gmin, which OPTIONS sets
    np.testing.assert_allclose(theirs, ours, rtol=1e-9)
