"""Write pulses, errors and currents of library devices against numbers of their sources."""

from __future__ import annotations

import math

import numpy as np
import pytest
from devices.test_device_memory import DEVICES, MANY, of

from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.library import device
from circuitxbar.devices.pulses import JumpTable

# Number of pulses up and down, ON resistance in ohm and ON/OFF ratio: the table of the NeuroSim
# manual; part of the range after half of the pulses up and down, by its formula with its A.
NEUROSIM = {
    "ag_a_si": (97, 100, 26e6, 12.5, 0.4992, -0.2003),
    "taox_tio2": (102, 102, 5e6, 2, 0.6619, -0.6855),
    "taox_hfox": (128, 128, 100e3, 10, 31.567, -1.9973),
    "pcmo": (50, 50, 23e6, 6.84, 0.30064, -0.10025),
    "alox_hfo2": (40, 40, 16.9e3, 4.43, 0.62925, -2.0633),
    "gst_pcm": (100, 100, 4.71e3, 19.8, 12.626, 0.4992),
    "epiram": (64, 64, 81e3, 50.2, 2.5199, -2.5199),
    "hzo_fefet": (32, 32, 559.28e3, 45, 0.70208, 0.84868),
}


@pytest.mark.parametrize("name", NEUROSIM)
def test_a_cell_of_the_benchmark_goes_up_and_down_in_as_many_pulses_as_it_has_states(name: str):
    ups, downs, on, ratio, a_up, a_down = NEUROSIM[name]
    model, pulse = of(name)
    model = device(model, cycle_spread=0.0)
    low, high = pulse.range
    assert high == pytest.approx(1 / on, rel=1e-12)
    assert low == pytest.approx(1 / on / ratio, rel=1e-12)
    width = float(np.mean(pulse.width))
    for pulses, ends, a, way in (
        (ups, pulse.up_voltage, a_up, (low, high)),
        (downs, pulse.down_voltage, a_down, (high, low)),
    ):
        start, end = way
        passed = [start]
        for _ in range(pulses):
            passed.append(model.pulse(passed[-1], float(np.mean(ends)), width, 1))
        done = np.arange(pulses + 1) if end == high else pulses - np.arange(pulses + 1)
        curve = (1 - np.exp(-done / (a * pulses))) / (1 - np.exp(-1 / a))
        np.testing.assert_allclose(
            (np.array(passed) - low) / (high - low), curve, rtol=1e-4, atol=1e-4
        )
        assert abs(passed[-1] - end) < 1e-9 * high
        assert abs(passed[-3] - end) > 1e-6 * (high - low)


def test_the_memristor_of_nili_has_the_currents_and_steps_that_were_tabulated():
    model = DEVICES["nili"]
    a1 = model.slope(0.0, 1e-5)
    assert a1 == pytest.approx(10.3e-6, rel=5e-3)
    a3 = (model.current(1.0, 1e-5) - a1) / 1.0
    assert a3 == pytest.approx(32.5e-6, rel=5e-3)
    assert model.current(0.2, 1e-5) / model.current(0.1, 1e-5) == pytest.approx(2.18, abs=0.005)
    spread = model.current(0.1, 1e-5, deviation=1.0) / model.current(0.1, 1e-5) - 1
    assert spread == pytest.approx(0.19, abs=0.01)
    spread = model.current(0.1, 1e-4, deviation=1.0) / model.current(0.1, 1e-4) - 1
    assert spread == pytest.approx(0.12, abs=0.01)
    for g, up, down in ((25, 12, -0.83), (35, 11, -2.2), (75, 9.2, -4.4), (150, 9.1, -4.6)):
        step = model.pulse(g * 1e-6, [1.3, -1.3], 5e-4) - g * 1e-6
        assert step[0] == pytest.approx(up * 1e-6, rel=0.05)
        assert step[1] == pytest.approx(down * 1e-6, rel=0.05)
    half = model.pulse(35e-6, 0.65, 5e-4) - 35e-6
    assert half == pytest.approx(0.055e-6, rel=0.01)


def test_presets_step_by_what_they_say():
    """Of a usual device and without noise, from weight 0 and at the bounds."""
    up, down = 1.0, -1.0

    def step(name: str, w: float, voltage: float) -> float:
        return device(name, noise=0.0).pulse(w, voltage, 1e-6, 1) - w

    assert step("rpu_constant_step", 0.0, up) == pytest.approx(0.0016)
    assert step("rpu_constant_step", 0.5, down) == pytest.approx(-0.0016)
    assert step("rpu_constant_step", 0.9995, up) == pytest.approx(0.0005)  # 1250 states
    assert step("rram_soft_bounds", 0.0, up) == pytest.approx(0.002)
    assert step("rram_soft_bounds", 0.625, up) == pytest.approx(0.001)
    assert step("rram_soft_bounds", -0.375, down) == pytest.approx(-0.001)
    assert step("rram_exponential_step", -1.0, up) == pytest.approx(0.00135 * 2.18445)
    assert step("rram_exponential_step", -1.0, down) == pytest.approx(0.0, abs=1e-12)
    assert step("rram_exponential_step", -0.9, down) == pytest.approx(
        -0.00135 * 0.740641 * (1 + 0.081404 * math.exp(0.25)), rel=1e-6
    )
    assert step("ecram_lithium", 1.1724 / 2, up) == pytest.approx(0.002 * (1 - 0.1153 / 2))
    assert step("ecram_lithium", -0.8276 / 2, down) == pytest.approx(-0.002 * (1 - 0.5085 / 2))
    assert step("ecram_metal_oxide", 0.0, up) == pytest.approx(2.8214e-4)
    assert step("capacitor_linear_step", 0.5, down) == pytest.approx(-0.005 * (1 + 0.05 / 2))


def test_phase_change_memory_is_set_step_by_step_reset_at_once_and_drifts():
    model = device("pcm", noise=0.0, reset_noise=0.0)
    w = [0.001]
    for _ in range(20):
        w.append(model.pulse(w[-1], 1.0, 1e-7, 1))
    steps = np.diff(w)
    assert steps[0] == pytest.approx(0.01 * (1 + 27.235 * math.exp(-0.0025)), rel=1e-9)
    assert (np.diff(steps) < 0).all()
    assert 0.9 < w[-1] < 2.0
    assert model.pulse(w[-1], 2.0, 1e-7, 1) == pytest.approx(0.01)
    # Ten times the 20 s: the exponents of drift are 0.1, 0.049 and in between -0.0155 ln x + 0.0244
    model = DEVICES["pcm"]
    for g, nu in ((1e-9, 0.1), (2.5e-6, 0.0601), (2.5e-5, 0.049)):
        mean = np.log10(model.drift(np.full(MANY, g), 180.0, 1) / g).mean()
        assert -mean == pytest.approx(nu, abs=1e-3)
    fresh = model.program(np.full(MANY, 2.5e-5), 2)
    assert fresh.std() == pytest.approx(1.055e-6, rel=0.02)


def test_writing_errors_are_those_that_were_measured():
    def written(name: str, g: float) -> float:
        return float(DEVICES[name].program(np.full(MANY, g), 3).std())

    assert written("pcm_joshi", 25e-6) == pytest.approx(1.065e-6, rel=0.02)
    assert written("rram_milo", 50e-6) == pytest.approx(4.327e-6, rel=0.02)
    assert written("rram_milo", 225e-6) == pytest.approx(2.733e-6, rel=0.02)
    assert written("rram_wan", 20e-6) == pytest.approx(2.023e-6, rel=0.02)
    # Written and then a day or two later: the spread of the second and the third polynomial
    wan = DEVICES["rram_wan"]
    for days, spread in ((0, 2.023e-6), (1, 3.909e-6), (2, 3.929e-6), (9, 3.929e-6)):
        later = wan.drift(wan.program(np.full(MANY, 20e-6), 4), days * 86400.0, 5)
        assert later.std() == pytest.approx(spread, rel=0.03)
    sonos = DEVICES["sonos"]
    g = 4e-6  # 800 nA
    for days, a, b in ((0, 19.9, 176), (4, 33.8, 205)):
        later = sonos.drift(sonos.program(np.full(MANY, g), 6), days * 86400.0, 7)
        assert later.std() * 0.2e9 == pytest.approx(a * (1 - math.exp(-800 / b)), rel=0.02)


@pytest.mark.parametrize(
    ("name", "up", "down"),
    [
        ("taox_jump_table", (31.374, 5.468, 0.039), (-0.053, -1.431, -1.148)),
        ("enode_jump_table", (1.037, 0.779, 0.201), (-0.189, -0.449, -0.403)),
    ],
)
def test_the_mean_steps_of_tables_are_those_of_the_measurement(name: str, up: tuple, down: tuple):
    """In percent of the range, at 10, 50 and 90 % of it."""
    table = of(name)[1].table
    assert isinstance(table, JumpTable)
    low, high = table.conductances[[0, -1]]
    for direction, steps in (("up", up), ("down", down)):
        for part, percent in zip((0.1, 0.5, 0.9), steps, strict=True):
            g = np.full(20_000, low + part * (high - low))
            found = table.steps(direction, g, (np.arange(20_000) + 0.5) / 20_000).mean()
            assert 100 * found / (high - low) == pytest.approx(percent, abs=6e-4)


def test_the_threshold_selector_snaps_on_holds_and_lets_go():
    model = DEVICES["ots_selector"]
    before = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    after = model.pulse(before, [0.58, 0.62, -0.62, 0.05, 0.01], 50e-9)
    np.testing.assert_allclose(after, [0.0, 1.0, 1.0, 1.0, 0.0], atol=1e-6)
    currents = model.current(0.3, conducting=[0.0, 0.5, 1.0])
    np.testing.assert_allclose(currents, 0.3 / np.array([1e9, math.sqrt(2e12), 2e3]), rtol=1e-12)


def test_a_capacitor_is_written_by_its_current_and_leaks():
    model = DEVICES["cmos_capacitor"]
    written = model.pulse(0.5, [1.0, -1.0, 0.5], 1e-9)
    np.testing.assert_allclose(written, [0.5667, 0.4333, 0.5], atol=1e-6)
    leaked = model.pulse(0.9, 0.0, 5e-3)
    assert leaked == pytest.approx(0.5 + 0.4 * math.exp(-1), abs=1e-6)


def test_tunnelling_is_the_formula_of_simmons():
    """J is as (f - V/2) exp(-1.025 s sqrt(f - V/2)) less the same of f + V/2, s in angstrom."""
    model = device("simmons", barrier=2.0, thickness=1.5)
    v = np.array([0.2, 0.5, 1.0])

    def part(height: np.ndarray) -> np.ndarray:
        return height * np.exp(-1.025 * 15.0 * np.sqrt(height))

    theirs = part(2.0 - v / 2) - part(2.0 + v / 2)
    ours = model.current(v, 1e-6)
    np.testing.assert_allclose(ours / ours[0], theirs / theirs[0], rtol=2e-3)
    np.testing.assert_array_equal(model.current(-v, 1e-6), -ours)


def test_traps_are_lowered_by_the_root_of_the_field():
    model = device("poole_frenkel", permittivity=10.0, thickness=5.0)
    lowering = math.sqrt(1.602177e-19 / (math.pi * 8.854188e-12 * 10.0 * 5e-9))
    rise = math.log(model.current(1.0, 1e-9) / 1e-9)
    assert rise == pytest.approx(lowering / (1.380649e-23 * 300.15 / 1.602177e-19), rel=1e-5)


def test_the_memristor_of_yakopcic_moves_beyond_its_thresholds_only():
    model = DEVICES["yakopcic"]
    np.testing.assert_array_equal(model.pulse(0.2, [0.16, -0.15, 0.0], 1.0), 0.2)
    rate = (model.pulse(0.2, 0.5, 1e-6) - 0.2) / 1e-6
    assert rate == pytest.approx(4000 * (math.exp(0.5) - math.exp(0.16)), rel=1e-6)
    # Above xp it slows down: at x = 0.65 by exp(-0.35) times (0.65 - 0.3) / 0.7 less than 1
    rate = (model.pulse(0.65, 0.5, 1e-8) - 0.65) / 1e-8
    slowed = math.exp(-0.35) * 0.5
    assert rate == pytest.approx(4000 * slowed * (math.exp(0.5) - math.exp(0.16)), rel=1e-4)
    assert model.conductance(x=0.11) == pytest.approx(0.17 * 0.05 * 0.11)


def test_a_floating_gate_conducts_by_its_threshold_as_a_transistor_below_it_does():
    model = DEVICES["floating_gate"]
    thresholds = np.array([2.0, 2.2, 2.4])
    currents = model.current(0.5, 1.0, 0.0, threshold=thresholds)
    per_volt = 0.6 / 1.4 / (1.38064852e-23 * ROOM / 1.6021766208e-19)
    np.testing.assert_allclose(np.diff(np.log(currents)) / -0.2, per_volt, rtol=1e-3)
