"""Training lowers the loss, repeats under its seed, and goes on where it was stopped."""

import io

import numpy as np
import pytest

from circuitxbar.circuit.wires import Wires
from circuitxbar.datasets import optdigits
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn import MLP, load
from circuitxbar.nn import training as training_module
from circuitxbar.tile import Tile

REAL = Tile(mapping=DifferentialPair(1e-5, 1e-3), wires=Wires(20.0, 20.0))


def clusters(seed=0, images=60):
    """Three classes of noisy points in four dimensions."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images)
    return np.eye(3, 4)[labels] + rng.normal(0.0, 0.2, (images, 4)), labels


def model(**options):
    return MLP([4, 6, 3], **{"tile": REAL, "rng": 5, **options})


def same(one, other):
    assert one.history == other.history
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])


@pytest.mark.parametrize("gradient", ["circuit", "transposed-read", "ideal"])
def test_training_lowers_the_loss(gradient):
    x, y = clusters()
    trained = model(gradient=gradient)
    before = trained.accuracy(x, y)
    assert trained.fit(x, y, epochs=8, batch=16, learning_rate=0.1) is trained
    losses = [epoch.loss for epoch in trained.history]
    assert len(losses) == 8
    assert losses[-1] < 0.5 * losses[0]
    assert trained.accuracy(x, y) > max(before, 0.9)


def test_the_seed_decides_everything():
    x, y = clusters()
    first = model().fit(x, y, epochs=2, batch=16)
    same(first, model().fit(x, y, epochs=2, batch=16))
    same(first, model(rng=np.int64(5)).fit(x, y, epochs=2, batch=16))
    other = model(rng=6).fit(x, y, epochs=2, batch=16)
    assert np.abs(other.layers[0].weights - first.layers[0].weights).max() > 1e-3
    drawn = [model(rng=np.random.default_rng(1)) for _ in range(2)]
    same(*drawn)


def test_first_weights_of_layers_differ():
    square = MLP([4, 4, 4, 4], rng=0)
    weights = [layer.weights for layer in square.layers]
    assert np.abs(weights[0] - weights[1]).max() > 0.1
    assert np.abs(weights[1] - weights[2]).max() > 0.1


def test_updates_are_those_of_momentum_with_a_falling_rate():
    x, y = clusters()
    trained = MLP([4, 3], rng=5).fit(x, y, epochs=3, batch=60, learning_rate=0.4, momentum=0.5)
    weights = MLP([4, 3], rng=5).layers[0].weights
    bias, speed, bias_speed = np.zeros(3), np.zeros((4, 3)), np.zeros(3)
    for rate in (0.4, 0.4 * 2 / 3, 0.4 / 3):
        exponentials = np.exp(x @ weights + bias)
        d_y = (exponentials / exponentials.sum(axis=1, keepdims=True) - np.eye(3)[y]) / 60
        speed = 0.5 * speed - rate * x.T @ d_y
        bias_speed = 0.5 * bias_speed - rate * d_y.sum(axis=0)
        weights, bias = weights + speed, bias + bias_speed
    np.testing.assert_allclose(trained.layers[0].weights, weights, rtol=0, atol=1e-13)
    np.testing.assert_allclose(trained.layers[0].bias, bias, rtol=0, atol=1e-13)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    model(tile=None).fit(*clusters(), epochs=1)
    assert ("accuracy" in stream.getvalue()) is terminal


def interrupted_at(monkeypatch, step):
    """Make training stop with KeyboardInterrupt when it computes its loss for the nth time."""
    calls = iter(range(10**6))
    compute = training_module.cross_entropy

    def stop(*arguments):
        if next(calls) == step:
            raise KeyboardInterrupt
        return compute(*arguments)

    monkeypatch.setattr(training_module, "cross_entropy", stop)


@pytest.mark.parametrize(("step", "tile"), [(0, None), (1, None), (4, None), (7, REAL), (11, None)])
@pytest.mark.parametrize("fresh", [True, False], ids=["new process", "same network"])
def test_stopped_and_resumed_equals_uninterrupted(monkeypatch, tmp_path, step, tile, fresh):
    x, y = clusters()
    options = {"epochs": 3, "batch": 16, "learning_rate": 0.2}
    whole = model(tile=tile).fit(x, y, **options)
    path = tmp_path / "run.npz"
    stopped = model(tile=tile)
    with monkeypatch.context() as patch:
        interrupted_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            stopped.fit(x, y, **options, checkpoint=path)
    assert stopped.history == whole.history[: step // 4]
    resumed = (model(tile=tile) if fresh else stopped).fit(x, y, **options, checkpoint=path)
    same(resumed, whole)
    again = model(tile=tile).fit(x, y, **options, checkpoint=path)  # a finished run is only read
    same(again, whole)


def test_an_interruption_leaves_the_last_whole_epoch(monkeypatch):
    x, y = clusters()
    trained = model(tile=None).fit(x, y, epochs=1, batch=16)
    before = model(tile=None).fit(x, y, epochs=1, batch=16)
    interrupted_at(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        trained.fit(x, y, epochs=1, batch=16)
    same(trained, before)


def test_a_second_fit_sees_the_data_in_another_order(monkeypatch):
    x, y = clusters()
    seen = []
    compute = training_module.cross_entropy

    def note(outputs, labels):
        seen.append(labels)
        return compute(outputs, labels)

    monkeypatch.setattr(training_module, "cross_entropy", note)
    trained = model(tile=None).fit(x, y, epochs=1, batch=60)
    trained.fit(x, y, epochs=1, batch=60)
    assert len(trained.history) == 2
    assert (seen[0] != seen[1]).any()


def test_saved_networks_predict_the_same_bits(tmp_path):
    x, y = clusters()
    for tile in (REAL, None):
        trained = model(tile=tile).fit(x, y, epochs=1, batch=16)
        trained.save(tmp_path / "net.npz")
        again = load(tmp_path / "net.npz")
        same(again, trained)
        assert again.description() == trained.description()
        np.testing.assert_array_equal(again.outputs(x), trained.outputs(x))
        same(again.fit(x, y, epochs=1, batch=16), trained.fit(x, y, epochs=1, batch=16))


def test_digits_are_what_they_should_be():
    digits = optdigits()
    assert digits.x_train.shape == (3823, 64)
    assert digits.x_test.shape == (1797, 64)
    assert (digits.x_train.min(), digits.x_train.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(np.unique(digits.x_train * 16), np.arange(17))
    # Images per digit as the data set's own description lists them.
    counts = [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]
    np.testing.assert_array_equal(np.bincount(digits.y_train), counts)
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_array_equal(np.bincount(digits.y_test), counts)
    assert not digits.x_train.flags.writeable


@pytest.mark.slow
def test_digits_trained_through_resistive_wires():
    digits = optdigits()
    test = digits.x_test, digits.y_test
    hard = Tile(mapping=DifferentialPair(1e-5, 1e-3), wires=Wires(3.0, 3.0))
    software = MLP([64, 32, 10], rng=0)
    software.fit(digits.x_train, digits.y_train, epochs=30)
    moved = software.on(hard)
    reached = software.accuracy(*test)
    assert reached > 0.94
    assert moved.accuracy(*test) < reached - 0.05
    moved.fit(digits.x_train, digits.y_train, epochs=3, batch=256, learning_rate=0.2)
    assert moved.accuracy(*test) > reached - 0.015
