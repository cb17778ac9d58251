"""What all commands share: help, refusals, and one clear line for whatever goes wrong."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from robustness.commands import ARRAY, CROSSBAR, ROOT, VOLTAGES, assert_one_line, start

import circuitxbar as cx

pytestmark = pytest.mark.usefixtures("folder")


def test_help_lists_every_command(run):
    for words in ((), ("--help",), ("-h",)):
        code, out, err = run(*words)
        assert (code, err) == (0, "")
        listed = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line]
        assert {"demo", "netlist", "solve", "verify", "train"} <= set(listed)


@pytest.mark.parametrize("command", ["demo", "netlist", "solve", "verify", "train"])
def test_every_command_has_help(run, command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: circuitxbar {command}" in out


def test_version_is_that_of_the_library(run):
    assert run("--version") == (0, f"circuitxbar {cx.__version__}\n", "")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from circuitxbar.cli import main; main(['--help']); "
        "main(['solve', '--help']); print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "circuitxbar.cli.app" in loaded
    assert not loaded & {"numpy", "scipy", "sympy", "matplotlib", "PySpice", "torch"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sovle",), "No such command"),
        (("solve",), "Missing argument"),
        (("solve", "a.toml", "--nothing"), "No such option"),
        (("solve", "a.toml", "b.toml"), "unexpected extra argument"),
        (("solve", "a.toml", "--rtol", "small"), "'--rtol'"),
        (("solve", "a.toml", "--rtol", "-1"), "'--rtol'"),
        (("train", "--epochs", "0"), "'--epochs'"),
        (("demo", "--seed", "-1"), "'--seed'"),
    ],
)
def test_wrong_words_are_refused(refused, words, message):
    err = refused(2, *words)
    assert message in err
    assert "--help`" in err


def test_netlist_is_the_text_of_the_library(run):
    code, out, err = run("netlist", "a.toml", "--voltages", "v.csv")
    assert (code, err) == (0, "")
    assert out == cx.write_spice(CROSSBAR.circuit(VOLTAGES))


def test_netlist_writes_a_file(run):
    assert run("netlist", "a.toml", "--voltages", "v.csv", "-o", "a.cir") == (0, "", "")
    assert Path("a.cir").read_text() == cx.write_spice(CROSSBAR.circuit(VOLTAGES))


def test_netlist_of_a_subcircuit_needs_no_voltages(run):
    code, out, err = run("netlist", "a.toml", "--subcircuit", "core")
    assert (code, err) == (0, "")
    assert out == cx.write_spice(CROSSBAR.subcircuit("core"))


BAD_ARRAYS = {
    "conductances = [[-1e-6, 1e-5]]": "conductances[0, 0] = -1.0e-06 S is negative",
    "conductances = [[1e-6, ": "not a TOML file",
    'conductances = "none.csv"': "none.csv: conductances cannot be read (No such file",
    'conductances = "v.bin"': "not text",
    ARRAY + "wire = 3.0": "Did you mean 'wires'?",
    ARRAY + 'device = "none"': "none",
}


@pytest.mark.parametrize("command", ["netlist", "solve", "verify"])
@pytest.mark.parametrize(("text", "message"), BAD_ARRAYS.items())
def test_bad_arrays_are_refused(refused, command, text, message):
    Path("v.bin").write_bytes(b"\xff\xfe\x00")
    Path("bad.toml").write_text(text)
    assert message in refused(2, command, "bad.toml", "--voltages", "v.csv")


@pytest.mark.parametrize("command", ["netlist", "solve", "verify"])
@pytest.mark.parametrize("name", ["none.toml", "none.npz", "a.txt", ".", "g.csv", "a.npz"])
def test_files_that_are_no_arrays_are_refused(refused, command, name):
    Path("a.npz").write_bytes(b"not an archive")
    assert name in refused(2, command, name, "--voltages", "v.csv")


BAD_VOLTAGES = {
    "0.1,nan\n": "v.csv, line 1, entry 2: 'nan' is not a number",
    "0.1,inf\n": "voltages[1] = inf is not finite",
    "0.1,0.2,0.3\n": "voltages has shape (3,); expected (2,)",
    "0.1,0.2\n0.3\n": "v.csv, line 2 has 1 entries",
    "volts\n": "'volts' is not a number",
    "": "v.csv holds no numbers",
}


@pytest.mark.parametrize("command", ["netlist", "solve", "verify"])
@pytest.mark.parametrize(("text", "message"), BAD_VOLTAGES.items())
def test_bad_voltages_are_refused(refused, command, text, message):
    Path("v.csv").write_text(text)
    assert message in refused(2, command, "a.toml", "--voltages", "v.csv")


@pytest.mark.parametrize("command", ["netlist", "solve"])
def test_missing_voltages_are_refused(refused, command):
    assert "circuitxbar: --voltages is missing" in refused(2, command, "a.toml")
    Path("both.toml").write_text(ARRAY + 'bottom = { kind = "Driven" }\n')
    err = refused(2, command, "both.toml", "--voltages", "v.csv")
    assert "--column-voltages is missing" in err


def test_an_array_that_floats_is_refused(refused):
    Path("a.toml").write_text(
        ARRAY + 'left = { kind = "Floating" }\nbottom = { kind = "Floating" }'
    )
    assert "no path to a fixed potential" in refused(2, "solve", "a.toml")


@pytest.mark.parametrize(
    "words",
    [
        ("netlist", "a.toml", "--voltages", "v.csv", "--out"),
        ("solve", "a.toml", "--voltages", "v.csv", "--out"),
        ("solve", "a.toml", "--voltages", "v.csv", "--plot"),
        ("train", "--out"),
        ("train", "--checkpoint"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_the_work(refused, words, folder):
    ending = {"netlist": ".cir", "solve": ".csv", "train": ".npz"}[words[0]]
    if words[-1] == "--plot":
        ending = ".svg"
    (folder / f"folder{ending}").mkdir()
    assert "there is no folder" in refused(2, *words, f"v.csv/out{ending}")
    assert "there is no folder" in refused(2, *words, f"none/out{ending}")
    assert "is a folder" in refused(2, *words, f"folder{ending}")
    if words[0] != "netlist":
        assert "name a file that ends in" in refused(2, *words, "out.xyz")


def test_unknown_engines_are_refused(refused):
    err = refused(2, "solve", "a.toml", "--voltages", "v.csv", "--engine", "spice")
    assert "choose one of auto, array, nodal, ngspice" in err


def test_demo_gets_its_folder_and_seed(run, monkeypatch):
    calls = []
    stand_in = types.SimpleNamespace(run=lambda *arguments: calls.append(arguments))
    monkeypatch.setitem(sys.modules, "circuitxbar.cli.demo", stand_in)
    assert run("demo") == (0, "", "")
    assert run("demo", "--out", "there", "--seed", "7") == (0, "", "")
    assert calls == [(Path("demo-out"), 0), (Path("there"), 7)]


def test_the_module_runs_as_the_command():
    process = start("solve", "none.toml")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert_one_line(err)


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (KeyError("x"), 1, "KeyError: 'x'. This is a bug: please report"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(28, "No space left on device"), 1, "No space left on device."),
        (cx.SolverError("two\nlines"), 1, "two lines"),
        (cx.CircuitError("wrong"), 2, "wrong"),
        (KeyboardInterrupt(), 130, "stopped."),
    ],
)
def test_every_failure_is_one_line(refused, monkeypatch, problem, code, message):
    def fail(_):
        raise problem

    monkeypatch.setattr("circuitxbar.cli.netlist.read_array", fail)
    assert message in refused(code, "netlist", "a.toml", "--voltages", "v.csv")


def test_a_reader_that_leaves_is_no_failure_to_speak_of():
    process = start("netlist", "a.toml", "--voltages", "v.csv")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        process = start("netlist", "a.toml", "--voltages", "v.csv", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert_one_line(err)
    assert "No space left" in err
