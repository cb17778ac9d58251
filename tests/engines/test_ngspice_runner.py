"""One deck, two transports, the same numbers; what ngspice gets silently wrong is a failure."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.elements import DeviceElement, Resistor, VoltageSource
from circuitxbar.circuit.terminations import Driven
from circuitxbar.circuit.wires import Wires
from circuitxbar.errors import CircuitError, NetlistError, SolverError
from circuitxbar.ngspice import engine, runner, shared
from circuitxbar.ngspice.installation import found
from circuitxbar.ngspice.messages import failure
from circuitxbar.ngspice.runner import run
from circuitxbar.nodal.engine import operating_point as nodal

TRANSPORTS = ("pyspice", "subprocess")

DIVIDER = "divider\nv1 1 0 1\nr1 1 out 1k\nr2 OUT 2 2k\nvs 2 0 0\n.op\n.end"


def deck(*lines: str, analysis: str = ".op") -> str:
    return "\n".join(["title", *lines, analysis, ".end"])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_operating_point_under_plain_names(transport: str):
    answer = run(DIVIDER, transport=transport)
    assert answer.transport == transport
    assert set(answer.vectors) == {"1", "2", "out", "v1#branch", "vs#branch"}
    for name, value in {"1": 1.0, "2": 0.0, "out": 2 / 3, "vs#branch": 1 / 3000}.items():
        assert answer.vectors[name] == pytest.approx([value], rel=1e-14, abs=1e-300)
    assert answer.vectors["v1#branch"] == pytest.approx([-1 / 3000], rel=1e-14)
    with pytest.raises(ValueError, match="read-only"):
        answer.vectors["out"][0] = 0.0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_sweep_through_pwl_drivers_takes_every_point_exactly(transport: str):
    count = 500
    voltages = np.random.default_rng(3).uniform(-1, 1, (count, 2))
    lines = ["vidx idx 0 0"]
    for column in range(2):
        # A plateau around each index: on a slope, Newton's step costs about index * 1e-16 volt.
        points = [
            f"{k - 0.25},{v!r},{k + 0.25},{v!r}" for k, v in enumerate(voltages[:, column].tolist())
        ]
        rows = [",".join(points[k : k + 8]) for k in range(0, count, 8)]
        lines.append(f"b{column} d{column} 0 v=pwl(v(idx)," + ",\n+".join(rows) + ")")
        lines.append(f"r{column} d{column} out 1k")
    answer = run(
        deck(*lines, "rl out 0 1k", analysis=f".dc vidx 0 {count - 1} 1"), transport=transport
    )
    np.testing.assert_array_equal(answer.vectors["v-sweep"], np.arange(count))
    np.testing.assert_allclose(answer.vectors["d1"], voltages[:, 1], rtol=1e-15)
    np.testing.assert_allclose(answer.vectors["out"], voltages.sum(axis=1) / 3, atol=4e-16)


DIODE = "b1 b 0 i=1e-15*(exp(v(b)/0.025)-1)"
RC = ("v1 a 0 dc 1 ac 1", "r1 a b 1k", "c1 b 0 1u")


@pytest.mark.parametrize(
    "text",
    [
        DIVIDER,
        deck(*RC, analysis=".tran 0.1m 3m uic"),
        deck(*RC, analysis=".ac dec 3 1 1k"),
        deck("v1 a 0 1", "r1 a b 1k", DIODE, ".options klu"),
        deck("i1 0 a 1m", "x1 a cell", ".subckt cell p", "r1 p n 1k", "r2 n 0 1k", ".ends"),
    ],
)
def test_both_transports_give_the_same_bits(text: str):
    through_library, as_program = (run(text, transport=transport) for transport in TRANSPORTS)
    assert through_library.vectors.keys() == as_program.vectors.keys()
    for name, values in through_library.vectors.items():
        assert values.dtype == as_program.vectors[name].dtype
        np.testing.assert_array_equal(values, as_program.vectors[name])
    assert through_library.version == as_program.version
    assert through_library.linear_solver == as_program.linear_solver


def test_ac_is_complex_and_right():
    answer = run(deck(*RC, analysis=".ac dec 3 1 1k"))
    frequency = answer.vectors["frequency"]
    assert frequency.dtype == np.float64
    np.testing.assert_allclose(
        answer.vectors["b"], 1 / (1 + 2j * np.pi * frequency * 1e-3), rtol=1e-12
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_answer_says_which_linear_solver_ran(transport: str):
    installation = found()
    assert installation is not None
    assert installation.command is not None
    said = subprocess.run([installation.command, "-v"], capture_output=True, text=True).stdout
    assert run(DIVIDER, transport=transport).linear_solver == "SPARSE"
    answer = run(DIVIDER.replace(".op", ".options klu\n.op"), transport=transport)
    assert answer.linear_solver == ("KLU" if "KLU" in said else "SPARSE")
    assert answer.version == installation.version >= 39


@pytest.mark.parametrize(
    "lines",
    [
        (".options klu gmin=1e-3 reltol=0.5",),
        (".options temp=80",),
        (".param p=3",),
    ],
)
def test_no_deck_leaves_a_trace_in_the_worker(lines: tuple[str, ...]):
    plain = ("v1 a 0 1", "r1 a b 1k", DIODE)
    fresh = run(deck(*plain), transport="subprocess")
    run(deck(*plain, *lines), transport="pyspice")
    after = run(deck(*plain), transport="pyspice")
    assert {k: v[0] for k, v in after.vectors.items()} == {
        k: v[0] for k, v in fresh.vectors.items()
    }
    assert after.linear_solver == fresh.linear_solver


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (("v1 a 0 1", "ra a 0 1k", "r1 b c 1k"), "singular matrix: check node [bc]"),
        (("v1 a 0 1", "v2 a 0 2"), "singular matrix"),
        (("v1 a 0 1", "r1 a"), "r1"),
        (("v1 a 0 1", "m1 a a 0 0 zz"), "zz"),
        (("v1 a 0 1", "x1 a 0 zz"), "zz"),
        (("v1 a 0 1", "r1 a 0 1", "r1 a 0 2"), "already exists"),
        (("v1 a 0 1", "r1 a 0 {zz}"), "zz|Undefined"),
        (("v1 a 0 1", "b1 b 0 v=foo(v(a))", "r1 b 0 1"), "foo"),
        (("v1 a 0 1", "b1 b 0 v=ln(-v(a))", "r1 b 0 1"), "out of range for ln"),
        (("v1 a 0 1", "r1 a b 1", "b1 b 0 i=(v(b)>0.5)?1:-1"), "[Tt]imestep too small|converge"),
        (("v1 a 0 1", "r1 a 0 nan"), "nan"),
    ],
)
def test_failures_quote_ngspice_and_the_next_deck_is_right(
    transport: str, lines: tuple[str, ...], quoted: str
):
    with pytest.raises(SolverError, match=f"^ngspice: .*({quoted})"):
        run(deck(*lines), transport=transport)
    assert run(DIVIDER, transport=transport).vectors["out"] == pytest.approx([2 / 3], rel=1e-14)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_deck_without_an_analysis_has_no_answer(transport: str):
    with pytest.raises(SolverError, match=r"^ngspice: "):
        run("title\nv1 a 0 1\nr1 a 0 1\n.end", transport=transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_analyses_that_would_overwrite_each_other_are_refused(transport: str):
    with pytest.raises(NetlistError, match="one analysis per deck"):
        run(DIVIDER.replace(".op", ".op\n.dc v1 0 1 0.5"), transport=transport)


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell true\n.endc",
        "\t.CONTROL",
        ".include /etc/hostname",
        ".inc x",
        ".lib x tt",
        "*# shell true",
        "* # shell true",
        "* `true`",
        "a1 [d] p\n.model p d_process (process_file=x)",
        ".model p d_cosim(simulation=x)",
        "a2 x fs\n.model fs filesource(file=x)",
        "r9 a 0 1\u2028.control",
        "r9 a 0 1\r.control",
        ".hdl x.va",
        ".save all",
        "v3 x 0 pwl(file=x)",
        "v3 x 0 pwl(FILE\n+ = x)",
        ".model p d_state(state_file=x)",
        ".model p nmos\n+ level=54 shell=`true`",
        ".model p nmos level=x.va",
        ".model p nmos level=1 version=4.7.0",
        ".model p nmos vto='1'",
        ".model p nmos vto={1}",
        '.model p d is=1e-14 \n* between\n+ file="x"',
        ".model p d is=1e-14 $ a comment",
        ".model p d is=nan",
        ".model p d(is=1e-14)",
        ".model p sw vt",
        ".model p ltra r=1",
        ".model p d_process",
        ".mo\n+ del p d_process",
        ".model\n+ p\n+ d_cosim",
        ".models p d",
    ],
)
@pytest.mark.parametrize("after_end", [False, True])
def test_decks_that_could_run_commands_are_refused(line: str, after_end: bool):
    text = DIVIDER + "\n" + line if after_end else DIVIDER.replace(".op", line + "\n.op")
    with pytest.raises(NetlistError, match=r"line .*refused|outside printable ASCII"):
        run(text)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "card", [".model p d is=1e-3 n=1e6", ".MODEL p D\n+ is=1e-3\n* in between\n\n+ n=1e+6"]
)
def test_cards_of_known_types_with_numbers_are_taken(transport: str, card: str):
    answer = run(deck("v1 a 0 1", "d1 a 0 p", card), transport=transport)
    current = 1e-3 * np.expm1(1.6021766208e-19 / (1.38064852e-23 * 300.15) / 1e6)
    assert answer.vectors["v1#branch"] == pytest.approx([-current], rel=1e-6)


@pytest.mark.parametrize("zero", ["0", "0.0", "-0.0", "0e-3", ".0", "0 "])
def test_a_resistor_of_zero_ohm_is_refused(zero: str):
    with pytest.raises(NetlistError, match=r"line 5: 'rx out 2 .*0 ohm"):
        run(DIVIDER.replace("vs 2", f"Rx out 2 {zero}\nvs 2").replace("Rx", "rx"))


@pytest.mark.parametrize(
    "title", ["saved file", "#1 array", "`a`", "ng_script", "singular matrix study", "not parsed"]
)
def test_a_title_is_only_a_title(title: str):
    circuit = Circuit(title).add(VoltageSource("s", "a", "0", 1.0), Resistor("r", "a", "0", 2.0))
    found = engine.operating_point(circuit)
    assert found.circuit is circuit
    assert found.current("s") == pytest.approx(-0.5, rel=1e-14)


def test_a_node_may_hold_any_word():
    names = ["profile_file", "pwlfile", "file", "filesource", "d_process", "d_cosim", "ng_script"]
    circuit = Circuit().add(VoltageSource("s", names[0], "0", 1.0))
    for first, second in zip(names, [*names[1:], "0"], strict=True):
        circuit = circuit.add(Resistor(f"r_{first}", first, second, 2.0))
    circuit = circuit.add(Resistor("joint", "file", "also_file", 0.0))
    solved = engine.operating_point(circuit)
    voltages = np.array([solved.voltage(name) for name in names])
    np.testing.assert_allclose(voltages, 1 - np.arange(7) / 7, rtol=1e-14)


JUMP = """
name = "jump"
title = "a current that turns round at 0.5 V, so that behind 1 ohm it may have no solution"
source = "this test"
confirmed = true
terminals = ["p", "n"]
passive = false
monotone = false
[current]
law = "g * where(v > 0.5, 1, -1)"
valid = { v = [-10.0, 10.0], g = [0.0, 10.0] }
"""


def jumping(folder: Path, voltages: list[float]) -> Circuit:
    """The voltages, one after the other, behind 1 ohm at +1 A above 0.5 V and -1 A below."""
    (folder / "jump.toml").write_text(JUMP)
    crossbar = Crossbar([[1e-6]], wires=Wires(0.0, 0.0), left=Driven(1.0))
    element = DeviceElement("jump", ("row_0_0", "0"), folder / "jump.toml", 1.0)
    return crossbar.circuit([[v] for v in voltages]).add(element)


def test_the_vector_that_ngspice_cannot_solve_is_named(tmp_path: Path):
    solved = engine.operating_point(jumping(tmp_path, [2.0, -1.0, -2.0, 3.0]))
    np.testing.assert_allclose(solved.voltage("row_0_0"), [1.0, 0.0, -1.0, 2.0], atol=1e-5)
    with pytest.raises(SolverError, match=r"^vector 2 was not solved\. ngspice: .*timestep too"):
        engine.operating_point(jumping(tmp_path, [2.0, -1.0, 0.3, 3.0]))
    with pytest.raises(SolverError, match=r"^ngspice: .*timestep too"):
        engine.operating_point(jumping(tmp_path, [0.3]))


def test_an_answer_with_too_few_vectors_is_refused(monkeypatch: pytest.MonkeyPatch):
    circuit = Crossbar([[1e-3]]).circuit([[0.1], [0.2], [0.3]])

    def cut(deck: str) -> runner.Run:
        return run(deck.replace(" 0 2 1\n", " 0 1 1\n"))

    monkeypatch.setattr(engine, "run", cut)
    with pytest.raises(SolverError, match="answered 2 of 3 vectors"):
        engine.operating_point(circuit)


def test_jumping_inputs_are_solved_in_any_order():
    """Hundreds of vectors between full positive and full negative voltage, steep cells."""
    rng = np.random.default_rng(9)
    voltages = 0.5 * np.where(rng.uniform(size=(120, 2)) < 0.5, -1.0, 1.0)
    voltages[::3] *= rng.uniform(size=(40, 2))
    crossbar = Crossbar(10 ** rng.uniform(-6, -4, (2, 3)), device="sinh", parameters={"v0": 0.05})
    ours, theirs = (e(crossbar.circuit(voltages)) for e in (nodal, engine.operating_point))
    largest = np.abs(ours.source_currents).max(axis=0)
    assert (np.abs(theirs.source_currents - ours.source_currents) <= 1e-9 * largest).all()


def test_commands_as_the_first_line_are_refused():
    with pytest.raises(NetlistError, match=r"line 1: .*refused"):
        run("*ng_script\nshell true\n")


def test_wrong_arguments_are_refused():
    with pytest.raises(NetlistError, match="not text"):
        run(b"title\n.op\n.end")  # pyright: ignore[reportArgumentType]
    with pytest.raises(CircuitError, match="transport = 'wasm'"):
        run(DIVIDER, transport="wasm")
    with pytest.raises(CircuitError, match="timeout"):
        run(DIVIDER, timeout=-1.0)


def test_auto_takes_pyspice_and_the_program_for_large_decks(monkeypatch: pytest.MonkeyPatch):
    assert run(DIVIDER).transport == "pyspice"
    monkeypatch.setattr(runner, "LARGEST_SHARED_DECK", len(DIVIDER) - 1)
    assert run(DIVIDER).transport == "subprocess"


def test_without_pyspice_auto_takes_the_program(monkeypatch: pytest.MonkeyPatch):
    installation = found()
    assert installation is not None
    without = dataclasses.replace(installation, pyspice=False)
    monkeypatch.setattr(runner, "found", lambda: without)
    assert run(DIVIDER).transport == "subprocess"
    with pytest.raises(SolverError, match=r"PySpice is not installed.*pip install PySpice"):
        run(DIVIDER, transport="pyspice")


def test_without_the_program_auto_takes_pyspice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert run(DIVIDER).transport == "pyspice"
    with pytest.raises(SolverError, match="not on PATH"):
        run(DIVIDER, transport="subprocess")


def test_without_any_ngspice_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "libngspice.so.0"))
    assert found() is None
    for transport in ("auto", *TRANSPORTS):
        with pytest.raises(SolverError, match=r"subprocess.*pyspice.*make ngspice"):
            run(DIVIDER, transport=transport)


def test_a_library_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    broken = tmp_path / "libngspice.so.0"
    broken.write_text("not a library")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(broken))
    with pytest.raises(SolverError, match=r"did not start through PySpice.*libngspice\.so\.0"):
        run(DIVIDER, transport="pyspice")
    monkeypatch.setenv("PATH", "")
    assert not engine.is_present()
    with pytest.raises(SolverError, match="did not start through PySpice"):
        run(DIVIDER)


def test_a_program_that_is_not_ngspice_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    impostor = tmp_path / "ngspice"
    impostor.write_text(f"#!/bin/sh\necho hello >> '{tmp_path}/asked'\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(2):
        assert not engine.is_present()
        with pytest.raises(SolverError, match="does not name a version"):
            run(DIVIDER)
    assert (tmp_path / "asked").read_text() == "hello\n"  # once


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_process_that_cannot_start_is_an_error_and_leaves_no_file(
    transport: str, monkeypatch: pytest.MonkeyPatch
):
    assert found() is not None
    shared._end()
    before = len(os.listdir("/dev/fd"))
    monkeypatch.setenv("SPICE_SCRIPTS", "x" * (4 << 20))  # longer than any system passes on
    with pytest.raises(SolverError, match=r"did not start.*too long") as caught:
        run(DIVIDER, transport=transport)
    assert len(os.listdir("/dev/fd")) == before
    del caught
    monkeypatch.delenv("SPICE_SCRIPTS")
    assert run(DIVIDER, transport=transport).version >= 39


def test_the_log_is_judged_by_its_failing_line():
    assert failure("\nCircuit: * singular matrix study, not parsed\n\nDoing analysis") is None
    replaced = "Warning: Value of resistor r1 is too small, set to 1.000000e-12"
    assert failure(f"Circuit: t\n{replaced}\nUsing KLU as Direct Linear Solver") == replaced
    assert (
        failure("Note: Starting dynamic gmin stepping\nNote: v1: has no value, DC 0 assumed")
        is None
    )
    assert failure("a\nError on line 4 or its substitute:\n  r1 1 0 2\nexists, bail out\nmore") == (
        "Error on line 4 or its substitute: r1 1 0 2 exists, bail out"
    )
    stopped = 'doAnalyses: DC: Timestep too small; vvector_index = 2: trouble with node "b"'
    assert failure(f"Error: Transient op failed, timestep too small\n\nmore\n{stopped}\nend") == (
        f"Error: Transient op failed, timestep too small {stopped}"
    )
