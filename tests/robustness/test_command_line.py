"""Every command: its answer, its exit code, and one clear line for whatever goes wrong."""

import csv
import io
import os
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar import solving
from circuitxbar.cli import main
from circuitxbar.storage import read_npz, write_npz

ROOT = Path(cx.__file__).parents[1]
ARRAY = 'conductances = "g.csv"\nwires = { row = 2.0, column = 3.0 }\n'
CONDUCTANCES = np.array([[1e-5, 2e-5, 3e-5], [4e-5, 5e-5, 6e-5]])
VOLTAGES = np.array([[0.1, 0.2], [-0.1, 0.15], [0.2, 0.0]])
CROSSBAR = cx.Crossbar(CONDUCTANCES, wires=cx.Wires(2.0, 3.0))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with an array and voltages, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("g.csv", CONDUCTANCES, delimiter=",", fmt="%.17g")
    np.savetxt("v.csv", VOLTAGES, delimiter=",", fmt="%.17g")
    Path("a.toml").write_text(ARRAY)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Exit code, standard output and standard error of a command in this process."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def refused(run, folder):
    """The one line on stderr of a command that must fail with `code` and leave no file behind."""

    def command(code: int, *words: str) -> str:
        before = sorted(folder.rglob("*"))
        got, out, err = run(*words)
        assert got == code, err
        assert_one_line(err)
        assert out == ""
        assert sorted(folder.rglob("*")) == before
        return err

    return command


def assert_one_line(err: str) -> None:
    assert err.startswith("circuitxbar: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def start(
    *words: str, script: str | None = None, stdout: Any = subprocess.PIPE
) -> subprocess.Popen[str]:
    """A command in a process of its own, by `script` where one is given; its output is buffered."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    runner = ["-m", "circuitxbar"] if script is None else ["-c", script]
    return subprocess.Popen(
        [sys.executable, *runner, *words],
        env=environment | {"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def table(text: str) -> dict[str, np.ndarray]:
    """The columns of comma separated text by name, without the engine."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return {
        name: np.array([float(row[name]) for row in rows]) for name in rows[0].keys() - {"engine"}
    }


# --- help ----------------------------------------------------------------------------------------


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


# --- netlist -------------------------------------------------------------------------------------


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


# --- solve ---------------------------------------------------------------------------------------


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


# --- what every command that reads an array refuses ----------------------------------------------

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
    assert "voltages is missing" in refused(2, command, "a.toml")


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
    assert "choose one of auto, nodal, ngspice" in err


# --- verify --------------------------------------------------------------------------------------


def test_verify_compares_every_engine(run):
    code, out, err = run("verify", "a.toml")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "2 x 3 cells of linear, 4 vectors" in lines[0]
    assert any(line.split()[0] == "nodal" and "SuperLU" in line for line in lines)
    assert any(line.split()[0] == "ngspice" and "KLU" in line for line in lines)
    assert any("nodal and ngspice differ by" in line for line in lines)
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
        row = replace(answer.row, potential=answer.row.potential * factor)
        measured = answer.measured
        if measured is not None:
            measured = {side: current * factor for side, current in measured.items()}
        return replace(answer, row=row, measured=measured)

    return replace(engine, solve=solve)


@pytest.mark.parametrize("name", ["nodal", "ngspice"])
def test_verify_sees_an_engine_that_is_wrong_by_a_millionth(run, monkeypatch, name):
    monkeypatch.setitem(solving.ENGINES, name, perturbed(solving.ENGINES[name], 1.0))
    assert run("verify", "a.toml")[0] == 0
    monkeypatch.setitem(solving.ENGINES, name, perturbed(solving.ENGINES[name], 1.0 + 1e-6))
    code, out, _ = run("verify", "a.toml")
    assert code == 1
    assert "FAILED" in out


@pytest.fixture
def no_ngspice(monkeypatch, folder):
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(folder / "none.so"))


@pytest.mark.usefixtures("no_ngspice")
def test_verify_with_one_engine_says_what_it_proves(run):
    code, out, err = run("verify", "a.toml")
    assert (code, err) == (0, "")
    assert "ngspice is not installed" in out
    assert out.endswith(
        "Kirchhoff's law holds to 1e-09. Only one engine ran: no other has confirmed it.\n"
    )


@pytest.mark.usefixtures("no_ngspice")
def test_verify_with_one_engine_fails_where_it_proves_nothing(run):
    code, out, _ = run("verify", "a.toml", "--rtol", "1e-30")
    assert code == 1
    assert "Kirchhoff's law does not hold to 1e-30" in out


@pytest.mark.usefixtures("no_ngspice")
def test_solve_without_ngspice_fails(refused):
    err = refused(1, "solve", "a.toml", "--voltages", "v.csv", "--engine", "ngspice")
    assert "ngspice is not installed" in err


# --- train ---------------------------------------------------------------------------------------


@pytest.fixture
def flowers():
    """Forty vectors of two classes that a line separates, as text."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0.0, 16.0, (40, 4))
    labels = (x[:, 0] > x[:, 1]).astype(float)
    np.savetxt("data.csv", np.column_stack([x, labels]), delimiter=",", fmt="%.6g")


TRAIN = ("train", "--data", "data.csv", "--hidden", "3", "--wire", "1.0")


@pytest.mark.usefixtures("flowers")
def test_train_writes_the_network_that_it_reports(run):
    code, out, err = run(*TRAIN, "--epochs", "2", "--out", "net.npz")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines[:2]] == ["epoch 1", "epoch 2"]
    assert lines[2].startswith("test accuracy")
    assert lines[2].endswith("% of 8 vectors")
    model = cx.nn.load("net.npz")
    assert model.sizes == [4, 3, 2]
    assert f"loss {model.history[1].loss:.4f}" in lines[1]
    assert model.tile is not None
    assert (model.tile.mapping.g_min, model.tile.mapping.g_max) == (10e-6, 1e-3)
    assert (model.tile.wires.row, model.tile.wires.column) == (1.0, 1.0)


@pytest.mark.usefixtures("flowers")
def test_a_trained_layer_is_verified(run, refused):
    run(*TRAIN, "--epochs", "1", "--out", "net.npz")
    for layer, cells in (("0", "5 x 6 cells"), ("1", "4 x 4 cells")):
        code, out, _ = run("verify", "net.npz", "--layer", layer)
        assert code == 0
        assert cells in out
        assert "nodal and ngspice differ by" in out
    assert "--layer 2: net.npz has 2" in refused(2, "verify", "net.npz", "--layer", "2")
    err = refused(2, "verify", "net.npz", "--voltages", "v.csv")
    assert "voltages has shape (3, 2); expected (5,)" in err


def test_every_array_of_a_layer_is_verified(run, refused):
    cx.nn.MLP([5, 2], tile=cx.Tile(rows=4, columns=2)).save("net.npz")
    code, out, _ = run("verify", "net.npz")
    assert code == 0
    assert [line for line in out.splitlines() if " cells of " in line] == [
        f"{rows} x 2 cells of linear, 4 vectors" for rows in (4, 4, 2, 2)
    ]
    assert "has 4 arrays" in refused(2, "verify", "net.npz", "--voltages", "v.csv")
    cx.nn.MLP([5, 2]).save("soft.npz")
    assert "no tile" in refused(2, "verify", "soft.npz")


def test_a_damaged_network_is_called_one(refused):
    cx.nn.MLP([5, 2], tile=cx.Tile()).save("net.npz")
    header, arrays = read_npz("net.npz", "mlp")
    write_npz("net.npz", "mlp", header, {**arrays, "bias_0": np.zeros(3)})
    assert "net.npz: bias_0 has shape (3,)" in refused(2, "verify", "net.npz")


def test_train_reads_its_own_split(run):
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0, 1, (12, 4)), np.arange(12) % 3
    np.savez("d.npz", x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    code, out, _ = run("train", "--data", "d.npz", "--hidden", "3", "--epochs", "1")
    assert code == 0
    assert "% of 5 vectors" in out
    np.savez("large.npz", x_train=64 * x, y_train=y, x_test=64 * x[:5], y_test=y[:5])
    assert run("train", "--data", "large.npz", "--hidden", "3", "--epochs", "1") == (0, out, "")


def saved(path: str) -> dict[str, np.ndarray]:
    return cx.nn.load(path).arrays()


# All vectors make one batch, so every epoch has one backward. The handler is set since programs
# that a shell starts in the background ignore SIGINT, and so do their children.
INTERRUPTED_IN_THE_THIRD_EPOCH = """
import os, signal, sys
from circuitxbar.cli import main
from circuitxbar.nn import MLP

signal.signal(signal.SIGINT, signal.default_int_handler)
backward, calls = MLP.backward, []

def interrupted(model, d_y):
    calls.append(d_y)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return backward(model, d_y)

MLP.backward = interrupted
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("flowers")
def test_ctrl_c_leaves_a_checkpoint_to_resume_from(run, refused):
    words = (*TRAIN, "--epochs", "9", "--checkpoint", "c.npz", "--out", "net.npz")
    process = start(*words, script=INTERRUPTED_IN_THE_THIRD_EPOCH)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert_one_line(err)
    assert "stopped after 2 of 9 epochs. Go on with --resume." in err
    assert out == ""
    assert not Path("net.npz").exists()
    assert not list(Path().glob(".*"))
    assert "c.npz exists" in refused(2, *words)
    code, resumed, err = run(*words, "--resume")
    assert (code, err) == (0, "")
    assert run(*TRAIN, "--epochs", "9", "--out", "whole.npz") == (0, resumed, "")
    for name, array in saved("whole.npz").items():
        np.testing.assert_array_equal(saved("net.npz")[name], array)


@pytest.mark.usefixtures("flowers")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--resume",), "there is nothing to resume"),
        (("--resume", "--checkpoint", "none.npz"), "there is nothing to resume"),
        (("--resume", "--checkpoint", "bad.npz"), "bad.npz: is not a file saved by circuitxbar"),
        (("--cells", "1e-3"), "--cells 1e-3: expected two conductances"),
        (("--cells", "a:b"), "--cells a:b: expected two conductances"),
        (("--cells", "1e-3:1e-6"), "g_max"),
        (("--cells", "-1e-3:1e-6"), "g_min"),
        (("--cells", "nan:1e-6"), "g_min"),
        (("--wire", "nan"), "'--wire'"),
        (("--data", "none.csv"), "none.csv: training data cannot be read"),
        (("--data", "none.npz"), "none.npz: cannot be read"),
        (("--data", "bad.npz"), "bad.npz: expected a .npz file with x_train"),
        (("--data", "half.npz"), "half.npz: expected a .npz file with x_train"),
        (("--data", "v.csv"), "is no class"),
        (("--data", "one.csv"), "too few to hold out a fifth"),
        (("--data", "nan.csv"), "nan.csv, line 2, entry 1: 'nan' is not a number"),
        (("--data", "flat.npz"), "flat.npz: x_train has shape (3,)"),
    ],
)
def test_what_cannot_be_trained_is_refused(refused, words, message):
    Path("bad.npz").write_bytes(b"not an archive")
    np.savez("half.npz", x_train=np.eye(3))
    np.savez(
        "flat.npz", **{name: np.ones(3) for name in ("x_train", "y_train", "x_test", "y_test")}
    )
    Path("one.csv").write_text("0.1,0.2,1\n")
    Path("nan.csv").write_text("0.1,0.2,1\nnan,0.2,1\n")
    Path("v.csv").write_text(6 * "0.1,0.2,0.5\n")
    assert message in refused(2, *TRAIN, "--epochs", "1", "--out", "net.npz", *words)


# --- demo ----------------------------------------------------------------------------------------


def test_demo_gets_its_folder_and_seed(run, monkeypatch):
    calls = []
    stand_in = types.SimpleNamespace(run=lambda *arguments: calls.append(arguments))
    monkeypatch.setitem(sys.modules, "circuitxbar.cli.demo", stand_in)
    assert run("demo") == (0, "", "")
    assert run("demo", "--out", "there", "--seed", "7") == (0, "", "")
    assert calls == [(Path("demo-out"), 0), (Path("there"), 7)]


# --- whatever else -------------------------------------------------------------------------------


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
