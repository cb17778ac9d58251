"""Layers and networks are what their circuits say, and their gradients are exact."""

import numpy as np
import pytest

from circuitxbar.circuit.terminations import Driven, Grounded
from circuitxbar.circuit.wires import Wires
from circuitxbar.errors import MappingError
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn import MLP, CrossbarLinear
from circuitxbar.nn.training import cross_entropy
from circuitxbar.solving import operating_point
from circuitxbar.tile import Tile

PAIR = DifferentialPair(1e-5, 1e-3)
IDEAL = Tile(mapping=PAIR, wires=Wires(0.0, 0.0))
REAL = Tile(mapping=PAIR, wires=Wires(3.0, 5.0), driver=Driven(20.0), sense=Grounded(10.0))


def layer_with_bias(tile, **options):
    layer = CrossbarLinear(4, 3, tile=tile, input_range=1.5, rng=2, **options)
    layer.update(np.zeros((4, 3)), np.array([0.3, -0.2, 0.1]))
    return layer


def inputs(batch, features=4, seed=1):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (batch, features))


def central_differences(loss, values, step=1e-5):
    """d(loss)/d(values), where `loss()` reads `values`, which are moved in place."""
    found = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        middle = values[index]
        values[index] = middle + step
        above = loss()
        values[index] = middle - step
        found[index] = (above - loss()) / (2 * step)
        values[index] = middle
    return found


@pytest.mark.parametrize("batch", [2, 6])
@pytest.mark.parametrize("tile", [None, IDEAL], ids=["software", "ideal"])
def test_without_wire_resistance_a_layer_is_a_product(tile, batch):
    layer, x = layer_with_bias(tile), inputs(batch)
    expected = x @ layer.weights + layer.bias
    np.testing.assert_allclose(layer.forward(x), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.apply(x), expected, rtol=0, atol=1e-12)
    d_y = inputs(batch, 3)
    d_x = layer.backward(d_y)
    np.testing.assert_allclose(d_x, d_y @ layer.weights.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.weight_gradient, x.T @ d_y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.bias_gradient, d_y.sum(axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [2, 6])
def test_layer_gradients_against_central_differences(batch):
    layer, x, d_y = layer_with_bias(REAL), inputs(batch), inputs(batch, 3)
    layer.forward(x)
    d_x = layer.backward(d_y)
    exact = [layer.weight_gradient, layer.bias_gradient, d_x]
    for found, values in zip(exact, (layer.weights, layer.bias, x), strict=True):
        expected = central_differences(lambda: (layer.apply(x) * d_y).sum(), values)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("tile", [None, REAL], ids=["software", "wires"])
def test_network_gradients_against_central_differences(tile):
    model = MLP([4, 3, 3], tile=tile, rng=3)
    x, labels = inputs(5), np.array([0, 1, 2, 1, 0])

    def loss():
        return cross_entropy(model.outputs(x), labels)[0]

    _, d_outputs = cross_entropy(model.forward(x), labels)
    d_x = model.backward(d_outputs)
    pairs = [(d_x, x)]
    for layer in model.layers:
        pairs += [(layer.weight_gradient, layer.weights), (layer.bias_gradient, layer.bias)]
    for found, values in pairs:
        expected = central_differences(loss, values)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_gradient_modes_agree_where_they_should():
    x, d_y = inputs(2), inputs(2, 3)
    found = {}
    for mode in ("circuit", "transposed-read", "ideal"):
        layer = layer_with_bias(REAL, gradient=mode)
        layer.forward(x)
        found[mode] = layer.backward(d_y), layer.weight_gradient
    np.testing.assert_allclose(found["circuit"][0], found["transposed-read"][0], atol=1e-12)
    assert np.abs(found["circuit"][0] - found["ideal"][0]).max() > 1e-3
    np.testing.assert_allclose(found["ideal"][1], x.T @ d_y, rtol=1e-13)
    np.testing.assert_allclose(found["transposed-read"][1], x.T @ d_y, rtol=1e-13)
    assert np.abs(found["circuit"][1] - found["ideal"][1]).max() > 1e-3


def test_update_clips_to_what_the_cells_hold():
    layer = CrossbarLinear(2, 2, tile=IDEAL, weight_range=0.5, input_range=3.0)
    layer.update(np.array([[9.0, -9.0], [0.0, 0.0]]), np.array([9.0, -9.0]))
    np.testing.assert_array_equal(layer.weights[0], [0.5, -0.5])
    np.testing.assert_array_equal(layer.bias, [1.5, -1.5])
    np.testing.assert_allclose(layer.apply([[1.0, 0.0]]), [[2.0, -2.0]], rtol=1e-12)


def test_on_takes_the_whole_span_once():
    model = MLP([4, 3, 2], rng=1)
    assert [layer.weight_range for layer in model.layers] == [None, None]
    moved = model.on(REAL)
    for layer, twin in zip(model.layers, moved.layers, strict=True):
        assert twin.weight_range == np.abs(layer.weights).max()
        np.testing.assert_array_equal(layer.weights, twin.weights)
    again = moved.on(IDEAL).on(None)
    assert [layer.weight_range for layer in again.layers] == [
        layer.weight_range for layer in moved.layers
    ]
    x = inputs(5)
    np.testing.assert_allclose(moved.on(IDEAL).outputs(x), model.outputs(x), atol=1e-12)
    moved.layers[0].weights[0, 0] = 0.0
    assert model.layers[0].weights[0, 0] != 0.0


def test_the_circuit_of_a_layer_gives_its_output():
    model, x = MLP([4, 3, 2], tile=REAL, rng=1), inputs(1)[0]
    point = operating_point(model.circuit(x, layer=1))
    currents = np.array([[point.current(f"columnwire_4_{j}") for j in range(4)]], dtype=float)
    layer = model.layers[1]
    y = PAIR.invert(currents, layer.weight_range) / REAL.read_voltage * layer.input_range
    np.testing.assert_allclose(y, model.outputs(x[None, :]), rtol=1e-9)
    assert "cell_0_0" in model.netlist(x) or "rcell_0_0" in model.netlist(x)


def test_cross_entropy_does_not_overflow():
    outputs = np.array([[1e4, 0.0], [0.0, -1e4]])
    loss, d_outputs = cross_entropy(outputs, np.array([1, 0]))
    assert loss == pytest.approx(5e3)
    np.testing.assert_allclose(d_outputs, [[0.5, -0.5], [0.0, 0.0]], atol=1e-15)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: CrossbarLinear(0, 3), "in_features"),
        (lambda: CrossbarLinear(3, 2.5), "out_features"),
        (lambda: CrossbarLinear(3, 2, tile="big"), "cx.Tile"),
        (lambda: CrossbarLinear(3, 2, gradient="exact"), "choose one of"),
        (lambda: CrossbarLinear(3, 2, rng=-1), "rng"),
        (lambda: CrossbarLinear(3, 2, rng="seed"), "rng"),
        (lambda: CrossbarLinear(3, 2, weight_range=0.0), "weight_range"),
        (lambda: CrossbarLinear(3, 2, input_range=-1.0), "input_range"),
        (lambda: CrossbarLinear(3, 2).forward(np.zeros((1, 4))), "x has shape"),
        (lambda: CrossbarLinear(3, 2).forward(np.zeros(3)), "x has shape"),
        (lambda: CrossbarLinear(3, 2).forward(np.zeros((0, 3))), "x has shape"),
        (lambda: CrossbarLinear(3, 2, tile=IDEAL).forward([[0, np.inf, 0]]), r"x\[0, 1\]"),
        (lambda: CrossbarLinear(3, 2).backward(np.zeros((1, 2))), "Call forward"),
        (lambda: CrossbarLinear(3, 2).circuit(np.zeros(3)), "no tile"),
        (lambda: MLP([64]), "sizes"),
        (lambda: MLP("64"), "sizes"),
        (lambda: MLP(64), "sizes"),
        (lambda: MLP([64, 0, 10]), r"sizes\[1\]"),
        (lambda: MLP([4, 3, 2], input_range=[1.0]), "input_range"),
        (lambda: MLP([4, 3, 2], weight_range=[1.0, 2.0, 3.0]), "weight_range"),
        (lambda: MLP([4, 3, 2]).on(REAL.wires), "cx.Tile"),
        (lambda: MLP([4, 3, 2], tile=IDEAL).circuit(np.zeros(4), layer=2), "2 layers"),
        (lambda: MLP([4, 3, 2], tile=IDEAL).circuit(np.zeros((1, 4))), "x has shape"),
        (lambda: MLP([4, 3, 2]).predict(np.zeros((2, 5))), "x has shape"),
        (lambda: MLP([4, 3, 2]).backward(np.zeros((1, 2))), "Call forward"),
    ],
)
def test_refusals(call, told):
    with pytest.raises(MappingError, match=told):
        call()
