"""Selectors, transistors and devices of one's own: from an array file through every command."""

from pathlib import Path

import numpy as np
import pytest
from robustness.commands import ARRAY, CONDUCTANCES, VOLTAGES, table

import circuitxbar as cx

WIRES = cx.Wires(2.0, 3.0)
SELECTED = 'device = "sinh"\nselector = "exponential_selector"\n'
GATED = 'device = "sinh"\ntransistor = "ekv_transistor"\n'
SELECTORS = cx.Crossbar(CONDUCTANCES, "sinh", selector="exponential_selector", wires=WIRES)
TRANSISTORS = cx.Crossbar(CONDUCTANCES, "sinh", transistor="ekv_transistor", wires=WIRES)


@pytest.fixture(autouse=True)
def arrays(folder):
    Path("selectors.toml").write_text(ARRAY + SELECTED)
    Path("transistors.toml").write_text(ARRAY + GATED)
    Path("columns.toml").write_text(ARRAY + GATED + 'gate_lines = "column"\n')


def currents(text: str) -> np.ndarray:
    columns = table(text)
    return np.column_stack([columns[f"column_{k} (A)"] for k in range(3)])


def test_solve_of_selectors(run):
    code, out, err = run("solve", "selectors.toml", "--voltages", "v.csv")
    assert (code, err) == (0, "")
    np.testing.assert_array_equal(currents(out), cx.solve(SELECTORS, VOLTAGES).currents)


GATES = {
    "1.2": 1.2,  # one voltage for all lines
    "-0.1": -0.1,
    "one.csv": [1.2, 0.3],
    "each.csv": [[0.0, 1.2], [1.2, 0.0], [1.2, 1.2]],
}


@pytest.mark.parametrize(("word", "gates"), GATES.items())
def test_gates_are_a_number_or_a_file(run, word, gates):
    if word.endswith(".csv"):
        np.savetxt(word, np.atleast_2d(gates), delimiter=",")
    words = ("transistors.toml", "--voltages", "v.csv", "--gates", word)
    code, out, err = run("solve", *words, "--plot", "map.svg")
    assert (code, err) == (0, "")
    expected = cx.solve(TRANSISTORS, VOLTAGES, gates=gates)
    np.testing.assert_array_equal(currents(out), expected.currents)
    assert run("netlist", *words) == (
        0,
        cx.write_spice(TRANSISTORS.circuit(VOLTAGES, gates=gates)),
        "",
    )


def test_gates_alone_may_be_the_batch(run):
    Path("v.csv").write_text("0.1,0.2\n")
    Path("each.csv").write_text("0,0,1.2\n1.2,0,0\n")
    words = ("solve", "columns.toml", "--voltages", "v.csv", "--gates", "each.csv")
    code, out, err = run(*words, "--plot", "map.svg")
    assert (code, err) == (0, "")
    on = currents(out)
    assert on[0, 2] > 1e3 * on[0, 0] > 0
    assert on[1, 0] > 1e3 * on[1, 2] > 0


def test_a_subcircuit_needs_no_gates(run):
    code, out, err = run("netlist", "transistors.toml", "--subcircuit", "core")
    assert (code, err, out) == (0, "", cx.write_spice(TRANSISTORS.subcircuit("core")))


@pytest.mark.parametrize("command", ["netlist", "solve", "verify"])
def test_gates_that_are_missing_or_wrong_are_refused(refused, command):
    words = (command, "transistors.toml", "--voltages", "v.csv")
    err = refused(2, *words)
    assert "circuitxbar: --gates is missing: the cells have transistors." in err
    assert "'none.csv' is neither a number, in volt, nor a file" in refused(
        2, *words, "--gates", "none.csv"
    )
    assert "gates = nan is not finite" in refused(2, *words, "--gates", "nan")
    assert "gates has shape (2, 3); expected (2,)" in refused(2, *words, "--gates", "g.csv")
    Path("bad.csv").write_text("1.2V\n")
    assert "bad.csv, line 1, entry 1: '1.2V' is not a number" in refused(
        2, *words, "--gates", "bad.csv"
    )
    assert "no transistors" in refused(2, command, "a.toml", *words[2:], "--gates", "1.2")


def test_verify_of_transistors_asks_for_gates(refused):
    assert "--gates is missing" in refused(2, "verify", "transistors.toml")


def test_verify_compares_the_engines_on_cells_of_two_devices(run):
    code, out, err = run("verify", "selectors.toml")
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == "2 x 3 cells of exponential_selector + sinh, 4 vectors"
    assert any("nodal and ngspice differ by" in line for line in rest)
    code, out, err = run("verify", "columns.toml", "--gates", "1.2", "--voltages", "v.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "2 x 3 cells of sinh + ekv_transistor, 3 vectors"
    assert out.splitlines()[-1].startswith("The engines agree to 1e-09")


def test_beyond_the_valid_range_only_with_extrapolate(run, refused):
    Path("v.csv").write_text("3,3\n")
    words = ("selectors.toml", "--voltages", "v.csv")
    err = refused(2, "solve", *words)
    assert "outside the valid range" in err
    assert err.endswith("Lower the drive, or pass --extrapolate.\n")
    code, out, err = run("solve", *words, "--extrapolate", "--plot", "map.svg")
    assert (code, err) == (0, "")
    expected = cx.solve(SELECTORS, [3.0, 3.0], extrapolate=True)
    np.testing.assert_array_equal(currents(out), expected.currents[None])
    assert refused(2, "verify", *words).endswith("Lower the drive, or pass --extrapolate.\n")
    assert run("verify", *words, "--extrapolate")[0] == 0
