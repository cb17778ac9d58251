"""Foundry transistors (BSIM4, 45 nm) read out a crossbar's column in ngspice, through this package.

The card is that of the Predictive Technology Model, which Debian's ngspice brings along; it is not
part of this project. The operational amplifier around it is a differential pair with a mirror and
a common-source stage.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.circuit.group import Semiconductor

CARD = Path("/usr/share/doc/ngspice/examples/klu/Circuits/technology/45nm_HP.pm")
FEEDBACK, REFERENCE, COLUMN = 20e3, 0.65, 5
AMPLIFIER = f"""two stages
.include 45nm_HP.pm
.subckt amplifier minus plus out vdd
mb bias bias 0 0 nmos w=2u l=0.18u
ib vdd bias 20u
mt tail bias 0 0 nmos w=4u l=0.18u
m1 x minus tail 0 nmos w=8u l=0.18u
m2 y plus tail 0 nmos w=8u l=0.18u
m3 x x vdd vdd pmos w=4u l=0.18u
m4 y x vdd vdd pmos w=4u l=0.18u
m5 out y vdd vdd pmos w=16u l=0.18u
m6 out bias 0 0 nmos w=8u l=0.18u
cc y out 0.5p
.ends
vdd vdd 0 1.0
vref ref 0 {REFERENCE}
vgate column gate 0
x1 gate ref out vdd amplifier
rf column out {FEEDBACK}
cl out 0 50f
"""
CONDUCTANCES = np.random.default_rng(3).uniform(2e-6, 2e-5, (16, 16))
VOLTAGES = np.where(np.arange(16) % 2, 0.67, 0.64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the card in it."""
    assert CARD.is_file(), (
        f"{CARD} is missing. It comes with Debian's ngspice 46 and its documentation: "
        "run `sh setup/system-packages.sh ngspice` as root, which fetches it."
    )
    root = tmp_path_factory.mktemp("technology")
    shutil.copy(CARD, root)
    return root


@pytest.fixture(scope="module")
def read_out(folder: Path) -> cx.Circuit:
    """The amplifier at one column of an array; the other columns are at the reference."""
    array = cx.Crossbar(CONDUCTANCES, wires=cx.Wires(1.0, 1.0)).subcircuit("array")
    pins = {f"row_{k}_left": f"in_{k}" for k in range(16)}
    pins |= {f"column_{k}_bottom": "column" if k == COLUMN else "ref" for k in range(16)}
    sources = (
        cx.VoltageSource(f"vin{k}", f"in_{k}", "0", voltage, ac=float(k == 0))
        for k, voltage in enumerate(VOLTAGES)
    )
    amplifier = cx.read_spice(AMPLIFIER, root=folder)
    return amplifier.instance("xa", array, **pins).add(*sources)


def test_the_column_is_read_out(read_out: cx.Circuit):
    point = cx.operating_point(read_out, engine="ngspice")
    column, out = point.voltage("column"), point.voltage("out")
    assert column == pytest.approx(REFERENCE, abs=1e-3)  # a virtual ground, but for its offset
    # What flows out of the array at the voltage that the column has, from the array's own engine.
    ends = np.where(np.arange(16) == COLUMN, column, REFERENCE)
    array = cx.Crossbar(CONDUCTANCES, wires=cx.Wires(1.0, 1.0), bottom=cx.Held(ends))
    current = cx.solve(array, VOLTAGES).currents[COLUMN]
    leakage = point.current("vgate")  # through the thin oxide of a gate
    assert 1e-12 < leakage < 1e-9
    assert out == pytest.approx(column - FEEDBACK * (current - leakage), rel=1e-9)
    assert 0.1 < out < 0.9
    for pair in ("x1.x", "x1.y"):  # balanced, all transistors at work
        assert 0.3 < point.voltage(pair) < 0.6


def test_the_gain_is_that_of_two_stages(read_out: cx.Circuit):
    frequencies = np.geomspace(1e3, 1e10, 36)
    found = cx.ac(read_out, frequencies, engine="ngspice")
    gain = np.abs(found.voltage("out") / found.voltage("column"))
    assert gain[0] > 500
    assert (np.diff(gain) < 0).sum() >= 30  # one pole, made by the capacitor between the stages
    crossing = np.interp(0.0, -np.log(gain), np.log(frequencies))
    assert 1e7 < np.exp(crossing) < 1e10
    closed = np.abs(found.voltage("out"))[0]
    assert closed == pytest.approx(FEEDBACK * CONDUCTANCES[0, COLUMN], rel=0.02)


def test_the_card_keeps_its_numbers(read_out: cx.Circuit, folder: Path):
    models = [group.model for group in read_out.groups if isinstance(group.model, Semiconductor)]
    assert {model.card.name for model in models} == {"nmos", "pmos"}
    for model in models:
        assert model.card.level == 54
        assert model.card.parameters["version"] == 4.7
        assert model.card.parameters["toxe"] in (1.25e-9, 1.3e-9)
        assert len(model.card.parameters) > 100
    text = cx.write_spice(read_out)
    assert "level=54 version=4.7" in text
    assert cx.write_spice(cx.read_spice(text)) == text


def test_the_nodal_engine_says_who_takes_it(read_out: cx.Circuit):
    with pytest.raises(cx.CircuitError, match=r'level 54 is not known.*Use engine="ngspice"'):
        cx.operating_point(read_out)


LIBRARY = """* two corners of one transistor
.lib typical
.param shift=0
.model n nmos level=54 version=4.7.0 vth0={0.4+shift} toxe=1.8n
.endl typical
.lib slow
.param shift=0.1
.model n nmos level=54 version=4.7.0 vth0={0.4+shift} toxe=1.8n
.endl slow
"""


def test_a_section_of_a_library_is_read(tmp_path: Path):
    (tmp_path / "corners").mkdir()
    (tmp_path / "corners" / "process.lib").write_text(LIBRARY)
    currents = {}
    for section in ("typical", "slow"):
        circuit = cx.read_spice(
            f"one transistor\n.lib 'corners/process.lib' {section}\nvg g 0 0.8\nvd d 0 1\n"
            "m1 d g 0 0 n w=1u l=0.1u\n",
            root=tmp_path,
        )
        currents[section] = -cx.operating_point(circuit, engine="ngspice").current("vd")
    assert currents["typical"] > 1.2 * currents["slow"] > 0
    with pytest.raises(cx.NetlistError, match="fast"):
        cx.read_spice("t\n.lib corners/process.lib fast\nr1 a 0 1\n", root=tmp_path)
