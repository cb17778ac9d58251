"""Layers of non-linear cells, of cells with selectors and with transistors: gradients, training."""

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.errors import CircuitxbarError, MappingError
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn import MLP, CrossbarLinear, load
from circuitxbar.tile import Tile

COMMON = {
    "mapping": DifferentialPair(1e-6, 1e-4),
    "wires": cx.Wires(30.0, 50.0),
    "driver": cx.Driven(200.0),
    "sense": cx.Grounded(100.0),
}
STRONG_SELECTOR = cx.device("exponential_selector", leakage_current=1e-5, swing=0.15)
TILES = {
    "sinh": Tile(**COMMON, device=cx.device("sinh", v0=0.1)),
    "cubic": Tile(**COMMON, device=cx.device("cubic", b=5.0), temperature=350.0),
    "selector": Tile(**COMMON, selector=STRONG_SELECTOR, read_voltage=0.5),
    "diode": Tile(**COMMON, device="sinh", selector="diode", read_voltage=0.9),
    "square law": Tile(**COMMON, transistor="square_law_transistor", gate_voltage=1.8),
    "ekv": Tile(
        **COMMON, device="sinh", transistor="ekv_transistor", gate_voltage=1.5, gate_lines="column"
    ),
}


def central_differences(loss, values, step):
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


@pytest.mark.parametrize("name", TILES)
def test_layer_gradients_against_central_differences(name):
    rng = np.random.default_rng(1)
    layer = CrossbarLinear(3, 2, tile=TILES[name], rng=2)
    layer.update(np.zeros((3, 2)), np.array([0.3, -0.2]))
    x, d_y = rng.uniform(0.2, 1.0, (2, 3)), rng.uniform(-1.0, 1.0, (2, 2))
    layer.forward(x)
    exact = [layer.backward(d_y), layer.weight_gradient, layer.bias_gradient]
    step = 1e-5  # its square, times third derivatives of some (1 / 0.1 V)^2, stays below 1e-7
    for found, values in zip(exact, (x, layer.weights, layer.bias), strict=True):
        expected = central_differences(lambda: (layer.apply(x) * d_y).sum(), values, step)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", TILES)
def test_networks_train_through_any_cell(name, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 24)
    x = np.clip(0.1 + 0.8 * np.eye(2)[labels] + rng.normal(0.0, 0.1, (24, 2)), 0.0, 1.0)
    model = MLP([2, 2], tile=TILES[name], rng=5)
    model.fit(x, labels, epochs=6, batch=8, learning_rate=1.0)
    losses = [epoch.loss for epoch in model.history]
    assert losses[-1] < 0.7 * losses[0]
    assert model.accuracy(x, labels) > 0.85  # a diode passes little of small inputs
    model.save(tmp_path / "net.npz")
    again = load(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.outputs(x[:3]), model.outputs(x[:3]))
    assert again.tile.description() == TILES[name].description()


def test_the_circuit_of_a_layer_has_its_gates():
    layer = CrossbarLinear(2, 1, tile=TILES["ekv"], rng=0)
    x = np.array([0.5, 0.8])
    point = cx.operating_point(layer.circuit(x))
    assert point.voltage("gate_1") == 1.5
    volts = TILES["ekv"].read_voltage
    currents = [point.current(f"source_column_{j}_bottom") for j in range(2)]
    slope = (1e-4 - 1e-6) / layer.weight_range
    y = (currents[0] - currents[1]) / slope / volts
    assert layer.apply(x[None, :])[0, 0] == pytest.approx(y, rel=1e-10)


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"transistor": "ekv_transistor"}, MappingError, "Tile.gate_voltage belongs to"),
        ({"gate_voltage": 1.0}, MappingError, "Tile.gate_voltage belongs to a transistor"),
        (
            {"transistor": "ekv_transistor", "gate_voltage": np.ones(3)},
            MappingError,
            "Tile.gate_voltage has shape",
        ),
        ({"selector": "sinh"}, CircuitxbarError, "selector = 'sinh' has a law of g"),
        ({"temperature": -1.0}, CircuitxbarError, "temperature = -1"),
        ({"gate_lines": "diagonal"}, CircuitxbarError, "gate_lines"),
    ],
)
def test_tiles_that_cannot_be_are_refused(arguments, error, told):
    with pytest.raises(error, match=told):
        Tile(**arguments)
