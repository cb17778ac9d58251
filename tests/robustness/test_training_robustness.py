"""Bad data, bad paths and bad files are refused by name, and nothing is lost by them."""

import numpy as np
import pytest

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.wires import Wires
from circuitxbar.errors import CircuitxbarError, MappingError, NetlistError
from circuitxbar.nn import MLP, load
from circuitxbar.storage import read_npz, write_npz
from circuitxbar.tile import Tile

X, Y = np.linspace(0.0, 1.0, 12).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"x": X[:, :1]}, "x has shape"),
        ({"x": X[:0], "y": Y[:0]}, "no vector"),
        ({"x": np.where(X > 0.5, np.nan, X)}, r"x\[3, 0\]"),
        ({"x": X.astype(object)}, "real numbers"),
        ({"x": "digits"}, "real numbers"),
        ({"y": Y[:5]}, "y has shape"),
        ({"y": Y + 1}, r"y\[1\] = 2 is no class"),
        ({"y": Y - 1}, r"y\[0\] = -1 is no class"),
        ({"y": Y + 0.5}, "is no class"),
        ({"y": Y[:, None]}, "y has shape"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"batch": 0}, "batch"),
        ({"learning_rate": -0.1}, "learning_rate"),
        ({"learning_rate": np.nan}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
    ],
)
def test_bad_arguments_of_fit(arguments, told):
    model = MLP([2, 3, 2])
    before = model.arrays()
    data = {"x": X, "y": Y, **arguments}
    with pytest.raises(MappingError, match=told):
        model.fit(data.pop("x"), data.pop("y"), **data)
    for name, array in model.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_training_that_diverges_says_so_and_keeps_finite_weights():
    model = MLP([2, 3, 2], rng=1)
    with pytest.raises(MappingError, match="smaller learning_rate"):
        model.fit(X, Y, epochs=50, batch=2, learning_rate=1e200)
    assert all(np.isfinite(array).all() for array in model.arrays().values())


@pytest.mark.parametrize("place", ["missing/run.npz", "."])
def test_checkpoints_that_cannot_be_written(tmp_path, place):
    model = MLP([2, 3, 2])
    with pytest.raises(NetlistError):
        model.fit(X, Y, checkpoint=tmp_path / place)
    assert model.history == []


OTHERS = [
    ({"rng": 1}, {}, X, "network or tile and first weights"),
    ({"tile": Tile(wires=Wires(2.0, 2.0))}, {}, X, "network or tile"),
    ({}, {"epochs": 3}, X, "arguments of fit"),
    ({}, {"learning_rate": 0.3}, X, "arguments of fit"),
    ({}, {}, X + 1e-9, "training data"),
]


@pytest.mark.parametrize(("network", "fit", "x", "told"), OTHERS, ids=[o[3] for o in OTHERS])
def test_checkpoints_of_another_run(tmp_path, network, fit, x, told):
    path = tmp_path / "run.npz"
    MLP([2, 3, 2]).fit(X, Y, epochs=2, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(MappingError, match=told):
        MLP([2, 3, 2], **network).fit(x, Y, **{"epochs": 2, **fit}, checkpoint=path)
    assert path.read_bytes() == content


def test_checkpoints_of_other_weights(tmp_path):
    path = tmp_path / "run.npz"
    MLP([2, 3, 2]).fit(X, Y, epochs=2, checkpoint=path)
    other = MLP([2, 3, 2])
    other.layers[0].weights[0, 0] += 1e-12
    with pytest.raises(MappingError, match="other first weights"):
        other.fit(X, Y, epochs=2, checkpoint=path)


def test_files_of_something_else(tmp_path):
    model = MLP([2, 3, 2])
    network, run = tmp_path / "net.npz", tmp_path / "run.npz"
    model.save(network)
    MLP([2, 3, 2]).fit(X, Y, epochs=1, checkpoint=run)
    Crossbar([[1e-5]]).save(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("weights")
    for name in ("run.npz", "array.npz", "text.npz", "missing.npz"):
        with pytest.raises(NetlistError, match=name):
            load(tmp_path / name)
    for name in ("net.npz", "array.npz", "text.npz"):
        with pytest.raises(NetlistError, match=name):
            MLP([2, 3, 2]).fit(X, Y, checkpoint=tmp_path / name)


@pytest.mark.parametrize("kind", ["mlp", "training"])
def test_damaged_files_are_refused_whatever_is_missing(tmp_path, kind):
    path = tmp_path / "file.npz"
    if kind == "mlp":
        MLP([2, 3, 2], tile=Tile()).save(path)
    else:
        MLP([2, 3, 2]).fit(X, Y, epochs=1, checkpoint=path)
    header, arrays = read_npz(path, kind)
    header = {key: value for key, value in header.items() if key not in ("kind", "format")}

    def use():
        return load(path) if kind == "mlp" else MLP([2, 3, 2]).fit(X, Y, epochs=1, checkpoint=path)

    use()
    for key in header:
        for wrong in ({k: v for k, v in header.items() if k != key}, {**header, key: "?"}):
            write_npz(path, kind, wrong, arrays)
            with pytest.raises(CircuitxbarError, match=r"file\.npz"):
                use()
    for name in arrays:
        short = {k: v for k, v in arrays.items() if k != name}
        for wrong in (short, {**short, name: arrays[name][:1, ...] * np.nan}):
            write_npz(path, kind, header, wrong)
            with pytest.raises(CircuitxbarError, match=r"file\.npz"):
                use()


@pytest.mark.parametrize("tile", [None, Tile()], ids=["soft", "tile"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sizes": [10**7, 10**7, 10]}, r"weights_0 has shape \(2, 3\); expected \(10000000,"),
        ({"sizes": [2, 3]}, "holds 2 values"),
        ({"sizes": [2, 3, 2, 2]}, "weights_2 is missing"),
        ({"sizes": [2, 0, 2]}, r"sizes\[1\] = 0"),
        ({"weight_range": ["x", "y"]}, "weight_range must hold real numbers"),
        ({"weight_range": [1.0]}, "weight_range holds 1 values"),
        ({"weight_range": [1.0, 0.0]}, "weight_range = 0 must be above 0"),
        ({"input_range": [1.0, -1.0]}, "input_range = -1 must be above 0"),
        ({"gradient": "none"}, "gradient = 'none'"),
        ({"gradient": []}, "gradient"),
        ({"seed": 1.5}, "rng = 1.5"),
        ({"history": [{"loss": "low", "accuracy": 0.5}]}, "loss must hold real numbers"),
        ({"history": [{"loss": float("nan"), "accuracy": 0.5}]}, "loss = nan"),
        ({"history": [{"loss": 1.0, "accuracy": 1.5}]}, "accuracy = 1.5"),
        ({"history": [{"loss": 1.0}]}, "accuracy"),
        ({"history": 5}, "history"),
    ],
)
def test_a_changed_header_of_a_network_is_refused(tmp_path, tile, change, told):
    path = tmp_path / "net.npz"
    MLP([2, 3, 2], tile=tile).save(path)
    header, arrays = read_npz(path, "mlp")
    write_npz(path, "mlp", {**header, **change}, arrays)
    with pytest.raises(NetlistError, match=told) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("history", [[], [{"loss": 1.0, "accuracy": 2.0}]])
def test_a_changed_history_of_a_checkpoint_is_refused(tmp_path, history):
    path = tmp_path / "run.npz"
    MLP([2, 3, 2]).fit(X, Y, epochs=1, checkpoint=path)
    header, arrays = read_npz(path, "training")
    write_npz(path, "training", {**header, "history": history}, arrays)
    with pytest.raises(NetlistError, match=r"run\.npz: .*history"):
        MLP([2, 3, 2]).fit(X, Y, epochs=1, checkpoint=path)


def test_a_path_that_cannot_be_written_loses_no_network(tmp_path):
    path = tmp_path / "net.npz"
    MLP([2, 3, 2]).save(path)
    with pytest.raises(NetlistError, match="Choose another path"):
        MLP([2, 3, 2]).save(tmp_path / "no" / "net.npz")
    assert load(path).sizes == [2, 3, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]
