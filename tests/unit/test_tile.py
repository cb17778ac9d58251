"""A tile computes x @ weights on ideal wires, what its arrays say on real ones, and both ways."""

import numpy as np
import pytest

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.terminations import Driven, Floating, Grounded, Held, Norton
from circuitxbar.circuit.wires import Wires
from circuitxbar.errors import CircuitError, MappingError, NetlistError
from circuitxbar.mapping import DifferentialPair
from circuitxbar.response import LinearResponse, linear_response
from circuitxbar.solving import gradient, operating_point, solve
from circuitxbar.tile import Tile

PAIR = DifferentialPair(1e-5, 1e-3)
IDEAL = Wires(0.0, 0.0)
REAL = Wires(3.0, 5.0)
ENDS = [
    {},
    {"driver": Driven(100.0), "sense": Grounded(50.0)},
    {"sense": Held(1e-3, 20.0)},
    {"sense": Norton(0.05, 1e-5)},
]


def case(inputs=7, outputs=4, batch=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1.0, 1.0, (inputs, outputs)), rng.uniform(-1.0, 1.0, (batch, inputs))


@pytest.mark.parametrize("batch", [1, 3, 30])
@pytest.mark.parametrize(("rows", "columns"), [(128, 128), (3, 4), (4, 5), (1, 2)])
def test_ideal_wires_give_the_product(batch, rows, columns):
    weights, x = case(batch=batch)
    tile = Tile(rows, columns, PAIR, wires=IDEAL)
    found = tile.forward(weights, x, weight_range=1.3, input_range=2.5)
    np.testing.assert_allclose(found.y, x @ weights, rtol=0, atol=1e-12)
    back = tile.backward(found, np.ones((batch, 4)))
    np.testing.assert_allclose(back.x, np.ones((batch, 4)) @ weights.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back.weights, x.T @ np.ones((batch, 4)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("batch", [2, 9])
def test_split_layers_add_what_each_array_says(batch):
    weights, x = case(batch=batch)
    tile = Tile(4, 7, PAIR, wires=REAL)  # 7 columns hold 3 outputs
    found = tile.forward(weights, x, weight_range=1.0).y
    expected = np.zeros((batch, 4))
    conductances = PAIR.apply(weights, 1.0)
    for rows in (slice(0, 4), slice(4, 7)):
        for outputs in (slice(0, 3), slice(3, 4)):
            cells = conductances[rows, 2 * outputs.start : 2 * outputs.stop]
            currents = solve(Crossbar(cells, wires=REAL), 0.2 * x[:, rows]).currents
            expected[:, outputs] += PAIR.invert(currents, 1.0) / 0.2
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    whole = Tile(128, 128, PAIR, wires=REAL).forward(weights, x, weight_range=1.0).y
    assert np.abs(found - whole).max() > 1e-3, "longer wires must lose more"


@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_a_large_batch_gives_what_its_vectors_give_alone(ends):
    weights, x = case(batch=11)
    tile = Tile(mapping=PAIR, wires=REAL, **ends)
    d_y = np.random.default_rng(5).normal(size=(11, 4))
    together = tile.forward(weights, x, weight_range=1.0)
    back = tile.backward(together, d_y)
    total = np.zeros_like(weights)
    for k in range(11):
        alone = tile.forward(weights, x[k : k + 1], weight_range=1.0)
        np.testing.assert_allclose(together.y[k], alone.y[0], rtol=0, atol=1e-12)
        single = tile.backward(alone, d_y[k : k + 1])
        np.testing.assert_allclose(back.x[k], single.x[0], rtol=0, atol=1e-11)
        total += single.weights
    np.testing.assert_allclose(back.weights, total, rtol=0, atol=1e-11 * np.abs(total).max())
    passive = "sense" not in ends or isinstance(ends["sense"], Grounded)
    assert isinstance(together.reads[0], LinearResponse) is passive


@pytest.mark.parametrize("ends", ENDS, ids=str)
@pytest.mark.parametrize("batch", [2, 4])
def test_gradients_against_central_differences(ends, batch):
    weights, x = case(inputs=3, outputs=3, batch=batch)
    tile = Tile(2, 128, PAIR, wires=REAL, **ends)
    d_y = np.random.default_rng(4).normal(size=(batch, 3))

    def loss(weights, x):
        return (tile.forward(weights, x, weight_range=1.2, input_range=1.5).y * d_y).sum()

    back = tile.backward(tile.forward(weights, x, weight_range=1.2, input_range=1.5), d_y)
    step = 1e-5
    for found, place in ((back.weights, 0), (back.x, 1)):
        expected = np.zeros_like(found)
        for index in np.ndindex(found.shape):
            ends_of = []
            for sign in (1.0, -1.0):
                moved = [weights.copy(), x.copy()]
                moved[place][index] += sign * step
                ends_of.append(loss(*moved))
            expected[index] = (ends_of[0] - ends_of[1]) / (2 * step)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("batch", [2, 9])
def test_transposed_read_reads_the_columns(batch):
    weights, x = case(batch=batch)
    d_y = np.random.default_rng(3).normal(size=(batch, 4))
    d_y[0] = 0.0
    ideal = Tile(4, 6, PAIR, wires=IDEAL)
    found = ideal.backward(ideal.forward(weights, x, weight_range=1.0), d_y, "transposed-read")
    np.testing.assert_allclose(found.x, d_y @ weights.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.weights, x.T @ d_y, rtol=1e-13)
    real = Tile(4, 6, PAIR, wires=REAL)
    forward = real.forward(weights, x, weight_range=1.0)
    read = real.backward(forward, d_y, "transposed-read")
    exact = real.backward(forward, d_y, "circuit")
    np.testing.assert_allclose(read.x, exact.x, rtol=0, atol=1e-12)
    assert np.abs(read.weights - exact.weights).max() > 1e-3


def test_the_ideal_gradient_ignores_the_circuit():
    weights, x = case()
    d_y = np.ones((3, 4))
    tile = Tile(mapping=PAIR, wires=REAL)
    found = tile.backward(tile.forward(weights, x, weight_range=1.0), d_y, "ideal")
    np.testing.assert_array_equal(found.x, d_y @ weights.T)
    np.testing.assert_array_equal(found.weights, x.T @ d_y)


@pytest.mark.parametrize(("rows", "columns"), [(128, 128), (4, 6)])
def test_the_circuit_is_the_one_that_is_solved(rows, columns):
    weights, x = case(batch=1)
    tile = Tile(rows, columns, PAIR, wires=REAL)
    circuit = tile.circuit(weights, x[0], weight_range=1.0)
    point = operating_point(circuit)
    found = np.zeros(4)
    for k, array in enumerate(tile.arrays(weights, 1.0)):
        prefix = "" if rows == 128 else f"array_{k // 2}_{k % 2}."
        lines = array.crossbar.shape[1]
        names = [f"{prefix}columnwire_{array.crossbar.shape[0]}_{j}" for j in range(lines)]
        currents = np.array([[point.current(name) for name in names]], dtype=float)
        found[array.outputs] += PAIR.invert(currents, 1.0)[0] / tile.read_voltage
    expected = tile.forward(weights, x, weight_range=1.0).y[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_response_equals_solve_and_gradient():
    rng = np.random.default_rng(6)
    crossbar = Crossbar(
        rng.uniform(0.0, 1e-3, (4, 5)),
        wires=REAL,
        left=Driven(10.0),
        right=Driven(20.0),
        bottom=Floating(),
        top=Grounded(5.0),
    )
    combinations, voltages = rng.normal(size=(3, 5)), rng.normal(size=(6, 4))
    d_outputs = rng.normal(size=(6, 3))
    response = linear_response(crossbar, combinations)
    solution = solve(crossbar, voltages)
    exact = gradient(solution, d_outputs @ combinations)
    outputs = solution.currents @ combinations.T
    np.testing.assert_allclose(voltages @ response.matrix, outputs, rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        response.conductance_gradient(voltages, d_outputs), exact.conductances, rtol=1e-11
    )


@pytest.mark.parametrize(
    "ends", [{"bottom": Held(0.1)}, {"top": Grounded()}, {"bottom": Driven(1.0)}], ids=str
)
def test_response_refuses_other_sources(ends):
    with pytest.raises(CircuitError, match="linear_response needs"):
        linear_response(Crossbar(np.full((2, 2), 1e-4), **ends), np.eye(2))


@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_a_description_makes_the_same_tile(ends):
    weights, x = case()
    tile = Tile(5, 6, PAIR, 0.1, REAL, **ends)
    again = Tile.from_description(tile.description(), "here")
    assert again.description() == tile.description()
    found = again.forward(weights, x, weight_range=1.0).y
    np.testing.assert_array_equal(found, tile.forward(weights, x, weight_range=1.0).y)


def test_descriptions_of_something_else_are_refused():
    description = Tile().description()
    for wrong in (None, [], {}, {**description, "rows": -1}, {**description, "mapping": {}}):
        with pytest.raises(NetlistError, match=r"net\.npz: the saved tile"):
            Tile.from_description(wrong, "net.npz")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rows": 0}, "rows"),
        ({"columns": 1}, "columns"),
        ({"columns": 2.0}, "columns"),
        ({"mapping": None}, r"cx\.mapping\.DifferentialPair"),
        ({"read_voltage": 0.0}, "above 0"),
        ({"read_voltage": float("nan")}, "read_voltage"),
        ({"wires": None}, "Tile.wires = None: expected Wires"),
        ({"wires": Wires([1.0, 2.0])}, "single number"),
        ({"driver": Grounded()}, "expected None or Driven"),
        ({"sense": Floating()}, "expected None or Grounded"),
        ({"sense": Held([0.0, 0.1])}, "single number"),
        ({"adc": 8}, "expected None"),
        ({"device": "diode"}, "its law is free of g"),
    ],
)
def test_tiles_that_cannot_be(arguments, told):
    with pytest.raises(MappingError, match=told):
        Tile(**arguments)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda t, w, x: t.forward(w, x[:, 1:], weight_range=1.0), "x has shape"),
        (lambda t, w, x: t.forward(w, x[:0], weight_range=1.0), "holds no vector"),
        (lambda t, w, x: t.forward(w[:, :0], x, weight_range=1.0), "weights has shape"),
        (lambda t, w, x: t.forward(w, x * np.nan, weight_range=1.0), r"x\[0, 0\]"),
        (lambda t, w, x: t.forward(w, x, weight_range=0.1), "beyond weight_range"),
        (lambda t, w, x: t.forward(w, x, weight_range=1.0, input_range=0.0), "above 0"),
        (lambda t, w, x: t.forward(w, x.astype(str), weight_range=1.0), "real numbers"),
        (lambda t, w, x: t.circuit(w, x, weight_range=1.0), "one input"),
        (
            lambda t, w, x: t.backward(t.forward(w, x, weight_range=1.0), np.ones((3, 5))),
            "d_y has shape",
        ),
        (
            lambda t, w, x: t.backward(
                t.forward(w, x, weight_range=1.0), np.ones((3, 4)), "adjoint"
            ),
            'choose one of "circuit"',
        ),
    ],
)
def test_refusals(call, told):
    weights, x = case()
    with pytest.raises(MappingError, match=told):
        call(Tile(mapping=PAIR), weights, x)
