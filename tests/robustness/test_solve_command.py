"""`circuitxbar solve`: the numbers of the library, with every digit."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from robustness.commands import ARRAY, CONDUCTANCES, CROSSBAR, VOLTAGES, table

import circuitxbar as cx
from circuitxbar import solving
from circuitxbar.storage import read_npz


def test_solve_prints_every_digit(run):
    code, out, err = run("solve", "a.toml", "--voltages", "v.csv")
    assert (code, err) == (0, "")
    solution = cx.solve(CROSSBAR, VOLTAGES)
    columns = table(out)
    for k in range(3):
        np.testing.assert_array_equal(columns[f"column_{k} (A)"], solution.currents[:, k])
    np.testing.assert_array_equal(columns["residual (A)"], solution.residual)
    np.testing.assert_array_equal(columns["error_bound (A)"], solution.error_bound)
    ideal = VOLTAGES @ CONDUCTANCES
    lost = ((ideal - solution.currents) / ideal).max(axis=1)
    np.testing.assert_allclose(columns["loss"], lost, rtol=1e-9)


def test_solve_takes_a_saved_array_and_one_vector(run):
    CROSSBAR.save("a.npz")
    Path("one.csv").write_text("0.1,0.2\n")
    code, out, _ = run("solve", "a.npz", "--voltages", "one.csv")
    assert code == 0
    currents = cx.solve(CROSSBAR, [0.1, 0.2]).currents
    assert [table(out)[f"column_{k} (A)"][0] for k in range(3)] == currents.tolist()


def test_solve_reads_the_rows_of_a_column_driven_array(run):
    CROSSBAR.transpose().save("a.npz")
    Path("v.csv").write_text("0.1,0.2,0.3\n")
    code, out, _ = run("solve", "a.npz", "--voltages", "v.csv")
    assert code == 0
    currents = cx.solve(CROSSBAR.transpose(), [0.1, 0.2, 0.3]).currents
    assert [table(out)[f"row_{k} (A)"][0] for k in range(2)] == currents.tolist()


def test_solve_feeds_columns_that_are_driven_too(run):
    Path("a.toml").write_text(ARRAY + 'bottom = { kind = "Driven" }\n')
    Path("c.csv").write_text("0.0,0.1,0.0\n")
    code, out, _ = run("solve", "a.toml", "--voltages", "v.csv", "--column-voltages", "c.csv")
    assert code == 0
    currents = cx.solve(replace(CROSSBAR, bottom=cx.Driven()), VOLTAGES, [0.0, 0.1, 0.0]).currents
    np.testing.assert_array_equal(table(out)["column_1 (A)"], currents[:, 1])


def test_solve_writes_files(run):
    words = ("solve", "a.toml", "--voltages", "v.csv")
    _, printed, _ = run(*words)
    assert run(*words, "-o", "i.csv", "--plot", "map.png") == (0, "", "")
    assert run(*words, "-o", "i.npz", "--engine", "ngspice") == (0, "", "")
    assert Path("i.csv").read_text() == printed
    assert Path("map.png").read_bytes().startswith(b"\x89PNG")
    with np.load("i.npz") as stored:
        expected = cx.solve(CROSSBAR, VOLTAGES, engine="ngspice")
        np.testing.assert_array_equal(stored["currents"], expected.currents)
        np.testing.assert_array_equal(stored["error_bound"], expected.error_bound)


def test_solve_of_a_short_has_no_loss(run):
    Path("a.toml").write_text("conductances = [[inf, 1e-5]]\n")
    Path("v.csv").write_text("0.1\n")
    code, out, _ = run("solve", "a.toml", "--voltages", "v.csv")
    assert code == 0
    assert np.isnan(table(out)["loss"][0])


def test_solve_shows_a_summary_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, _ = run("solve", "a.toml", "--voltages", "v.csv")
    assert code == 0
    ideal = VOLTAGES @ CONDUCTANCES
    worst = ((ideal - cx.solve(CROSSBAR, VOLTAGES).currents) / ideal).max()
    assert f"loss {100 * worst:.3f} %" in out
    Path("one.csv").write_text("0.1,0.2\n")
    _, out, _ = run("solve", "a.toml", "--voltages", "one.csv")
    for current in cx.solve(CROSSBAR, [0.1, 0.2]).currents:
        assert f"{current:.9e}" in out


def test_solve_says_when_the_tolerance_is_not_reached(refused):
    err = refused(1, "solve", "a.toml", "--voltages", "v.csv", "--rtol", "1e-30", "-o", "i.csv")
    assert "did not converge" in err
    assert "Pass a larger --rtol" in err


@pytest.mark.usefixtures("no_ngspice")
def test_solve_without_ngspice_fails(refused):
    err = refused(1, "solve", "a.toml", "--voltages", "v.csv", "--engine", "ngspice")
    assert "ngspice is not installed" in err


@pytest.fixture
def stepping(monkeypatch):
    """Vectors 1 and 2 are solved as if plain Newton steps had not been enough."""
    ways = ("newton", "gmin stepping", "source stepping")

    def solve(*arguments):
        return replace(nodal.solve(*arguments), strategies=ways)

    nodal = solving.ENGINES["nodal"]
    monkeypatch.setitem(solving.ENGINES, "nodal", replace(nodal, solve=solve))
    return ["converged", *(f"converged ({way})" for way in ways[1:])]


def test_solve_tells_what_it_took(run, stepping, monkeypatch):
    words = ("solve", "a.toml", "--voltages", "v.csv", "--engine", "nodal")
    _, out, _ = run(*words, "-o", "i.npz")
    assert read_npz("i.npz", "currents")[0]["status"] == stepping
    _, out, _ = run(*words)
    assert [row["status"] for row in csv.DictReader(io.StringIO(out))] == stepping
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = run(*words)
    assert "1 of 3 vectors needed gmin stepping: 1.\n" in out
    assert "1 of 3 vectors needed source stepping: 2.\n" in out


def test_solve_has_nothing_to_tell_of_a_plain_solve(run, monkeypatch):
    _, out, _ = run("solve", "a.toml", "--voltages", "v.csv")
    assert [row["status"] for row in csv.DictReader(io.StringIO(out))] == 3 * ["converged"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "needed" not in run("solve", "a.toml", "--voltages", "v.csv")[1]
