"""`circuitxbar train`: the network it reports, checkpoints, and verifying its layers."""

from pathlib import Path

import numpy as np
import pytest
from robustness.commands import assert_one_line, start

import circuitxbar as cx
from circuitxbar.storage import read_npz, write_npz


@pytest.fixture
def flowers(folder):
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
