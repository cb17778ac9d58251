"""`circuitxbar verify`: all engines agree, and it sees where one does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from circuitxbar import solving


def test_verify_compares_every_engine(run):
    code, out, err = run("verify", "a.toml")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "2 x 3 cells of linear, 4 vectors" in lines[0]
    assert any(line.split()[0] == "array" and "conjugate gradients" in line for line in lines)
    assert any(line.split()[0] == "nodal" and "SuperLU" in line for line in lines)
    assert any(line.split()[0] == "ngspice" and "KLU" in line for line in lines)
    for pair in ("array and nodal", "array and ngspice", "nodal and ngspice"):
        assert any(f"{pair} differ by" in line for line in lines)
    assert lines[-1] == "The engines agree to 1e-09."
    assert "3 vectors" in run("verify", "a.toml", "--voltages", "v.csv")[1]


def test_verify_fails_beyond_the_tolerance(run):
    code, out, _ = run("verify", "a.toml", "--rtol", "1e-17")
    assert code == 1
    assert "FAILED" in out


def perturbed(engine: solving.Engine, factor: float) -> solving.Engine:
    """`engine` whose row potentials, and with them all currents, are `factor` of what they were."""

    def solve(*arguments):
        answer = engine.solve(*arguments)
        row = replace(answer.found.row, potential=answer.found.row.potential * factor)
        measured = answer.measured
        if measured is not None:
            measured = {side: current * factor for side, current in measured.items()}
        nodes = replace(answer.found, row=row)
        return replace(answer, nodes=lambda: nodes, measured=measured)

    return replace(engine, solve=solve)


@pytest.mark.parametrize("name", ["array", "nodal", "ngspice"])
def test_verify_sees_an_engine_that_is_wrong_by_a_millionth(run, monkeypatch, name):
    monkeypatch.setitem(solving.ENGINES, name, perturbed(solving.ENGINES[name], 1.0))
    assert run("verify", "a.toml")[0] == 0
    monkeypatch.setitem(solving.ENGINES, name, perturbed(solving.ENGINES[name], 1.0 + 1e-6))
    code, out, _ = run("verify", "a.toml")
    assert code == 1
    assert "FAILED" in out


@pytest.mark.usefixtures("no_ngspice")
def test_verify_without_ngspice_has_two_engines(run):
    code, out, err = run("verify", "a.toml")
    assert (code, err) == (0, "")
    assert "ngspice is not installed here and did not run" in out
    assert out.endswith("The engines agree to 1e-09.\n")


@pytest.fixture
def one_engine(no_ngspice):
    """An array that only nodal takes, on a machine without ngspice."""
    Path("g.csv").write_text("1e-5,inf,3e-5\n4e-5,5e-5,6e-5\n")


@pytest.mark.usefixtures("one_engine")
def test_verify_with_one_engine_says_what_it_proves(run):
    code, out, err = run("verify", "a.toml")
    assert (code, err) == (0, "")
    assert "array does not take this array (cell 0, 1 is a short) and did not run" in out
    assert "ngspice is not installed here and did not run" in out
    assert out.endswith(
        "Kirchhoff's law holds to 1e-09. Only one engine ran: no other has confirmed it.\n"
    )


@pytest.mark.usefixtures("one_engine")
def test_verify_with_one_engine_fails_where_it_proves_nothing(run):
    code, out, _ = run("verify", "a.toml", "--rtol", "1e-30")
    assert code == 1
    assert "Kirchhoff's law does not hold to 1e-30" in out
