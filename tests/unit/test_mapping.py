"""Weights become conductances and come back; both ways have exact derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitxbar.errors import MappingError
from circuitxbar.mapping import DifferentialPair

PAIR = DifferentialPair(1e-6, 1e-4)


def example(seed=0, shape=(5, 3), size=1.5):
    return np.random.default_rng(seed).uniform(-size, size, shape)


def test_conductances_stand_where_they_should():
    found = PAIR.apply([[1.0, -0.5], [0.0, 2.0]], 2.0)
    slope = 99e-6 / 2.0
    low = 1e-6
    expected = [
        [low + slope, low, low, low + 0.5 * slope],
        [low, low, 1e-4, low],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@given(st.integers(0, 2**31), st.floats(1e-3, 1e3))
def test_ideal_currents_give_back_the_product(seed, size):
    weights = example(seed, size=size)
    voltages = np.random.default_rng(seed + 1).uniform(-1.0, 1.0, (4, 5))
    currents = voltages @ PAIR.apply(weights, size)
    expected = voltages @ weights
    np.testing.assert_allclose(PAIR.invert(currents, size), expected, rtol=0, atol=1e-13 * size)


@given(st.integers(0, 2**31))
def test_conductances_stay_within_their_limits(seed):
    weights = example(seed)
    largest = np.abs(weights).max()
    found = PAIR.apply(weights, largest)
    assert found.min() >= PAIR.g_min
    assert found.max() <= PAIR.g_max
    np.testing.assert_allclose(found.max(), PAIR.g_max, rtol=1e-15)


def test_backward_is_the_derivative_of_apply():
    weights = example()
    weights[2, 1] = 0.0  # at the kink a central difference is the mean of both sides too
    cotangent = np.random.default_rng(1).normal(size=(5, 6))
    found = PAIR.backward(cotangent, weights, 2.0)
    step = 1e-6
    for index in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[index] = step
        change = PAIR.apply(weights + shift, 2.0) - PAIR.apply(weights - shift, 2.0)
        expected = (cotangent * change).sum() / (2 * step)
        np.testing.assert_allclose(found[index], expected, rtol=1e-8)


def test_invert_backward_is_the_transpose_of_invert():
    rng = np.random.default_rng(2)
    currents, cotangent = rng.normal(size=(4, 6)), rng.normal(size=(4, 3))
    forward = (PAIR.invert(currents, 0.7) * cotangent).sum()
    backward = (currents * PAIR.invert_backward(cotangent, 0.7)).sum()
    np.testing.assert_allclose(forward, backward, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: DifferentialPair(1e-4, 1e-6), "not above g_min"),
        (lambda: DifferentialPair(-1e-6, 1e-4), "g_min"),
        (lambda: DifferentialPair(1e-6, 11.0), "g_max"),
        (lambda: DifferentialPair(1e-6, float("nan")), "g_max"),
        (lambda: DifferentialPair("low", 1e-4), "g_min"),
        (lambda: PAIR.apply([[0.5, -2.0]], 1.0), r"weights\[0, 1\] = -2 is beyond"),
        (lambda: PAIR.apply([[np.nan]], 1.0), r"weights\[0, 0\]"),
        (lambda: PAIR.apply([1.0, 2.0], 1.0), "two axes"),
        (lambda: PAIR.apply(np.zeros((0, 3)), 1.0), "empty"),
        (lambda: PAIR.apply([[1.0]], 0.0), "must be above 0"),
        (lambda: PAIR.apply([[1.0]], None), "weight_range"),
        (lambda: PAIR.invert(np.zeros((2, 3)), 1.0), "two columns for each output"),
        (lambda: PAIR.backward(np.zeros((1, 1)), [[1.0]], 1.0), "d_conductances"),
    ],
)
def test_refusals(call, told):
    with pytest.raises(MappingError, match=told):
        call()
