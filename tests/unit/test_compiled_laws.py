"""Compiled laws of one element and of two in series against the same laws in numpy."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from unit.compiled_blocks import EPS, SELECTORS, SHAPE, TRANSISTORS, TWO, Block, named

from circuitxbar.array.laws import AT_NODES, AT_REST, FORETOLD, law_parameters, there
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.devices.library import device

# ---------------------------------------------------------------- one element


@pytest.mark.parametrize("width", [1, 8])
@pytest.mark.parametrize("memory", TWO, ids=named)
def test_single_elements_are_those_of_numpy(memory, width):
    block = Block(memory, width=width)
    block.evaluate(AT_NODES)
    (element,) = block.crossbar.cell_elements
    current, slope = block.laws(element, ("v",))
    follows = block.there[:, None] == 1
    lost = block.rounding(element)
    assert (np.abs(block.current - np.where(follows, current, 0.0)) <= 2 * lost).all()
    block.v *= 1 + 1e-7
    bend = np.abs(block.laws(element, ("v",))[1] - slope) / 1e-7
    block.v[:] = block.state[0]
    lost = EPS * (8 * np.abs(slope) + 8 * bend)
    assert (np.abs(block.slope - np.where(follows, slope, 0.0)) <= lost).all()
    assert block.together.all()
    assert (block.state[0] == block.v).all()
    assert (block.state[1] == block.current).all()
    assert not block.apart.any()
    lost = block.rounding(element)
    row, column, rounding = block.verified()
    assert (row == column).all()
    assert (np.abs(row - np.where(follows, current, 0.0)) <= lost).all()
    expected = np.zeros(width) if memory.is_linear else lost.sum(axis=0)
    assert rounding == pytest.approx(expected, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("memory", TWO, ids=named)
def test_derivatives_by_the_parameters_are_those_of_numpy(memory):
    block = Block(memory)
    (element,) = block.crossbar.cell_elements
    across = np.random.default_rng(1).normal(size=block.v.shape)
    out, _ = block.summed(across)
    names = [name for name in block.law.names if name != "g"]
    slopes = dict(zip(names, block.laws(element, tuple(names))[1:], strict=True))
    follows = block.there[:, None] == 1
    for name, slope in slopes.items():
        terms = across * np.where(follows, slope, 0.0)
        found = out[block.law.names.index(name)]
        assert found == pytest.approx(
            terms.sum(axis=1), abs=1e-11 * np.abs(terms).sum(axis=1).max()
        )
    by_g = block.laws(element, ("g",))[1]
    by_g = np.where(np.isfinite(block.parameters[0])[:, None], by_g, 0.0)  # open ones have one
    assert out[0] == pytest.approx((across * by_g).sum(axis=1), rel=1e-11, abs=1e-11)
    if memory.uses_conductance:
        assert out[0, 1] != 0.0
    assert out[0, 2 * SHAPE[1] + 3] == 0.0


def test_a_current_that_runs_away_is_followed():
    block = Block(device("sinh", v0=0.03))
    block.crossbar = Crossbar(np.full(SHAPE, 1e-5), device("sinh", v0=0.03))
    block.parameters = law_parameters(block.crossbar, block.law)
    block.there[:] = 1
    block.v[:] = 1e-3
    block.v[6, 2], block.v[9, 5] = 1.0, -40.0  # the second overflows
    block.evaluate(AT_REST)
    place, current, slope = block.state
    gentle = np.ones(block.v.shape, bool)
    gentle[6, 2] = gentle[9, 5] = False
    assert (place[gentle] == block.v[gentle]).all()
    assert [bool(x) for x in block.together] == [k not in (2, 5) for k in range(8)]
    for at in ((6, 2), (9, 5)):
        foretold = 1e-5 * block.v[at]
        assert 1.0 <= current[at] / foretold <= 2.0
        assert current[at] == pytest.approx(1e-5 * 0.03 * np.sinh(place[at] / 0.03), rel=1e-13)
        linearised = current[at] + slope[at] * (block.v[at] - place[at])
        assert block.current[at] == pytest.approx(linearised, rel=1e-13)
    for _ in range(60):
        block.evaluate(FORETOLD)
        if block.together[2]:
            break
    assert place[6, 2] == 1.0
    assert current[6, 2] == pytest.approx(1e-5 * 0.03 * np.sinh(1.0 / 0.03), rel=1e-13)


@pytest.mark.parametrize("other", [None, SELECTORS[-1], TRANSISTORS[0]], ids=lambda d: d and d.name)
def test_nan_is_not_lost_and_inactive_vectors_stay_untouched(other):
    block = Block(device("sinh"), other)
    block.settle()
    block.v[7, 3] = np.nan
    block.v[8] += 0.01
    block.active[6] = 0
    before = [array[..., 6].copy() for array in block.kept]
    block.evaluate(FORETOLD)
    assert np.isnan(block.current[7, 3])
    assert np.isnan(block.current).sum() == 1
    assert np.isnan(block.apart[3]) == (other is not None)
    for array, old in zip(block.kept, before, strict=True):
        assert (array[..., 6] == old).all()
    row, column, rounding = block.verified()
    assert np.isnan(row[7, 3])
    assert np.isnan(column[7, 3])
    assert [bool(x) for x in np.isnan(rounding)] == [k == 3 for k in range(8)]


# ---------------------------------------------------------------- two elements

# Every device is in one of them.
PAIRS = [(memory, SELECTORS[k % len(SELECTORS)]) for k, memory in enumerate(TWO)]
GATED = [(TWO[k - 2], transistor) for k, transistor in enumerate(TRANSISTORS)]


def condensed(block: Block) -> dict[str, np.ndarray]:
    """Slopes of both elements at the block's own nodes, by numpy, and each one's share."""
    elements = {element.name: element for element in block.crossbar.cell_elements}
    memory = elements.pop("cell")
    ((name, other),) = elements.items()
    current, m = block.laws(memory, ("v",))
    if name == "selector":
        there_too, o = block.laws(other, ("v",))
        source = gate = np.zeros_like(o)
        passes, size = o != 0, o
    else:
        there_too, d, gate, s, ds = block.laws(other, ("v_d", "v_g", "v_s", "v_ds"))
        o, source = d + ds, s - ds
        size = np.abs(d) + np.abs(ds)  # of what may cancel
        passes = (d != 0) | (gate != 0) | (s != 0) | (ds != 0)
    both = m + o
    shares = {
        key: np.where(both != 0, x / np.where(both != 0, both, 1), 0)
        for key, x in (("memory", o), ("other", m))
    }
    return {
        "m": m,
        "o": o,
        "source": source,
        "gate": gate,
        "in": current,
        "out": there_too,
        "passes": passes,
        "size": size,
        **shares,
    }


@pytest.mark.parametrize("pair", PAIRS + GATED, ids=named)
def test_two_elements_carry_one_current(pair):
    block = Block(*pair)
    block.settle()
    at = condensed(block)
    follows = block.there[:, None] == 1
    lost = sum(block.rounding(element) for element in block.crossbar.cell_elements)
    for carried in (at["in"], at["out"]):
        assert (np.abs(block.current - np.where(follows, carried, 0.0)) <= 2 * lost).all()
    assert (block.inner[~follows[:, 0]] == 0.0).all()
    slope = np.where(follows, at["m"] * at["memory"], 0.0)
    assert (np.abs(block.slope - slope) <= 1e-9 * slope + 16 * EPS * at["size"]).all()
    assert (block.apart <= lost.sum(axis=0)).all()
    by_column = np.where(follows, -at["source"] * at["other"], 0.0)
    if block.law.kind == "1T1R":
        assert block.by_column == pytest.approx(by_column, rel=1e-9, abs=1e-14 * at["m"].max())
    row, column, rounding = block.verified()
    elements = block.crossbar.cell_elements
    first, second = (at["in"], at["out"]) if block.law.kind == "1T1R" else (at["out"], at["in"])
    assert (np.abs(row - np.where(follows, first, 0.0)) <= lost).all()
    assert (np.abs(column - np.where(follows, second, 0.0)) <= lost).all()
    expected = sum(block.rounding(e) for e in elements if not e.model.device.is_linear)
    assert rounding == pytest.approx(expected.sum(axis=0), rel=1e-9, abs=0.0)
    assert (np.abs(row - column).sum(axis=0) <= lost.sum(axis=0)).all()


@pytest.mark.parametrize("pair", [PAIRS[-1], *GATED], ids=named)
def test_elements_are_linearised_where_their_nodes_are(pair):
    """Where two elements carry different currents the cell carries what both lines cross at."""
    block = Block(*pair)
    block.inner[:] = 0.3 * block.v
    block.evaluate(AT_NODES)
    at = condensed(block)
    follows = block.there[:, None] == 1
    apart = np.where(follows, np.abs(at["in"] - at["out"]), 0.0)
    assert block.apart == pytest.approx(apart.sum(axis=0), rel=1e-9)
    # Each element's current where the other one's change of voltage is taken from it.
    crossing = at["in"] * at["memory"] + at["out"] * at["other"]
    size = np.abs(at["in"] * at["memory"]) + np.abs(at["out"] * at["other"])
    assert (np.abs(block.current - np.where(follows, crossing, 0.0)) <= 1e-9 * size).all()


@pytest.mark.parametrize("pair", [PAIRS[-1], *GATED], ids=named)
def test_a_small_move_is_foretold(pair):
    """But for what grows with its square, both elements go to where they carry one current."""
    block = Block(*pair)
    apart = []
    for move in (1e-4, 1e-6):
        block.settle()
        started = block.current.copy()
        block.v += move
        block.column += 2 * move
        block.evaluate(FORETOLD)
        assert block.together.all()
        assert (block.apart <= 0.05 * np.abs(block.current - started).sum(axis=0)).all()
        apart.append(block.apart.copy())
    rounding = 1e-14 * np.abs(block.current).sum(axis=0)
    assert (apart[0] > 10 * rounding).all()
    assert (apart[1] <= 1e-3 * apart[0] + rounding).all()


def test_each_element_follows_its_own_current():
    block = Block(device("linear"), device("exponential_selector"))
    block.crossbar = Crossbar(np.full(SHAPE, 1e-5), "linear", selector="exponential_selector")
    block.parameters, block.there = law_parameters(block.crossbar, block.law), there(block.crossbar)
    block.v[:] = 1e-3
    block.v[6, 2] = 1.0
    block.evaluate(AT_REST)
    assert [bool(x) for x in block.together] == [k != 2 for k in range(8)]
    across, memory, _, place, selector, _ = block.state[:, 6, 2]
    values = block.crossbar.selector.values
    per_volt = np.log(10.0) / values["swing"]
    leakage = 2 * values["leakage_current"] * per_volt
    foretold = 1.0 / (1.0 / leakage + 1.0 / 1e-5)
    assert 1.0 <= selector / foretold <= 2.0
    assert place < 0.5
    assert memory == pytest.approx(foretold, rel=1e-12)
    assert across == pytest.approx(foretold / 1e-5, rel=1e-12)


@pytest.mark.parametrize("pair", [PAIRS[-1], *GATED], ids=named)
def test_derivatives_of_two_elements_share_the_current(pair):
    block = Block(*pair)
    block.settle()
    at = condensed(block)
    across = np.random.default_rng(1).normal(size=block.v.shape)
    out, gates = block.summed(across)
    follows = block.there[:, None] == 1
    expected = np.zeros_like(out)
    for element in block.crossbar.cell_elements:
        share = at["memory" if element.name == "cell" else "other"]
        names = [
            n
            for n in ("g", "temperature", *element.model.device.law_parameters)
            if n != "g" or element.name == "cell"
        ]
        for name, slope in zip(names, block.laws(element, tuple(names))[1:], strict=True):
            n = block.law.names.index(
                name if name in ("g", "temperature") else element.prefix + name
            )
            slope = np.where(np.isfinite(slope), slope, 0.0)
            expected[n] += np.where(follows, across * share * slope, 0.0).sum(axis=1)
            if name == "g":  # the open cell: its first siemens has all of the voltage
                opened = np.flatnonzero(block.parameters[0] == 0.0)
                expected[n, opened] += (across * slope * at["passes"])[opened].sum(axis=1)
    for n, name in enumerate(block.law.names):
        size = np.abs(expected[n]).max()
        assert out[n] == pytest.approx(expected[n], rel=1e-8, abs=1e-12 * size), name
    if block.law.kind == "1T1R":
        by_cell = np.where(follows, across * at["other"] * at["gate"], 0.0)
        by_line = by_cell.reshape(*SHAPE, -1).sum(axis=1)
        assert gates == pytest.approx(by_line, rel=1e-8, abs=1e-12 * np.abs(by_line).max())


def test_a_stiff_selector_is_solved_to_the_last_digits():
    """An exponential of 12 decades in series with any conductance, against 60 digits."""
    block = Block(device("linear"), device("exponential_selector"))
    conductances = np.logspace(-9, -3, block.cells).reshape(SHAPE)
    block.crossbar = Crossbar(conductances, "linear", selector="exponential_selector")
    block.parameters, block.there = law_parameters(block.crossbar, block.law), there(block.crossbar)
    block.v[:] = np.linspace(-1.0, 1.0, 8)
    block.settle()
    selector = block.crossbar.selector
    with mpmath.workdps(60):
        leakage = 2 * mpmath.mpf(selector.values["leakage_current"])
        per_volt = mpmath.mpf(float(np.log(10.0))) / mpmath.mpf(selector.values["swing"])
        for cell in (0, 9, 20):
            g = mpmath.mpf(float(conductances.flat[cell]))
            for k in range(8):
                v = mpmath.mpf(float(block.v[cell, k]))
                s = mpmath.findroot(
                    lambda s, g=g, v=v: mpmath.asinh(g * (v - s) / leakage) / per_volt - s,
                    float(block.inner[cell, k]),
                )
                exact = g * (v - s)
                assert abs(block.current[cell, k] - exact) <= 100 * EPS * abs(exact)
