"""The reference solvers against closed forms and against one another."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from reference.arrays import Case, determined_cases
from reference.deck_solver import read_deck, solve_deck
from reference.dense_solver import DIGITS, SIDES, Equations, solve_exactly, solve_refined

import circuitxbar as cx


def apart(value: Decimal, expected: Fraction | int) -> Decimal:
    """How far `value` is from `expected`, in 60 digits."""
    with localcontext() as context:
        context.prec = DIGITS
        expected = Fraction(expected)
        return abs(value - Decimal(expected.numerator) / Decimal(expected.denominator))


LITTLE = Decimal("1e-55")


def test_one_cell_between_two_wires():
    crossbar = cx.Crossbar(
        [[0.125]], wires=cx.Wires(2.0, 3.0), left=cx.Driven(5.0), bottom=cx.Grounded(7.0)
    )
    answer = solve_exactly(crossbar, [1.5])
    expected = Fraction(3, 2) / (5 + 2 + 8 + 3 + 7)
    assert apart(answer.currents["bottom"][0, 0], expected) < LITTLE
    assert apart(answer.currents["left"][0, 0], -expected) < LITTLE
    assert apart(answer.voltages["column_0_0"][0], 10 * expected) < LITTLE
    assert not answer.currents["right"].any()


def test_one_cell_between_held_and_norton_ends():
    crossbar = cx.Crossbar(
        [[0.5]], wires=cx.Wires(0.0, 2.0), left=cx.Held(3.0), bottom=cx.Norton(0.25, 0.75)
    )
    answer = solve_exactly(crossbar)  # 3 V through 2 + 2 ohm onto 4 ohm beside 0.75 A
    voltage = Fraction(3, 1) * 4 / 8 + Fraction(3, 4) * 2
    assert apart(answer.voltages["column_0_bottom"][0], voltage) < LITTLE
    assert apart(answer.currents["bottom"][0, 0], voltage / 4 - Fraction(3, 4)) < LITTLE


def test_a_short_and_both_ends():
    crossbar = cx.Crossbar([[np.inf]], wires=cx.Wires(1.0, 1.0), right=cx.Driven())
    answer = solve_exactly(crossbar, [[1.0], [3.0]])
    # Two ends through 1 ohm each, in parallel 1/2 ohm, in series with the column's 1 ohm.
    for vector, volts in enumerate((1, 3)):
        assert apart(answer.currents["bottom"][vector, 0], Fraction(2 * volts, 3)) < LITTLE
        assert apart(answer.currents["left"][vector, 0], Fraction(-volts, 3)) < LITTLE


def test_ladder_of_unit_resistors_gives_fibonacci_numbers():
    """One row of unit cells on unit wires, columns ideal: continued fraction of ones."""
    cells = 12
    crossbar = cx.Crossbar(np.ones((1, cells)), wires=cx.Wires(1.0, 0.0))
    answer = solve_exactly(crossbar, [1.0])
    fibonacci = [1, 1]
    while len(fibonacci) <= 2 * cells:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    expected = Fraction(-fibonacci[2 * cells - 1], fibonacci[2 * cells])
    assert apart(answer.currents["left"][0, 0], expected) < LITTLE


def test_ideal_wires_that_close_loops():
    crossbar = cx.Crossbar(
        [[np.inf, np.inf], [np.inf, np.inf]],
        wires=cx.Wires(0.0, 0.0),
        left=cx.Driven(2.0),
        bottom=cx.Grounded(4.0),
    )
    answer = solve_exactly(crossbar, [1.0, 1.0])
    for current in answer.currents["bottom"][0]:
        assert apart(current, Fraction(1, 6)) < LITTLE


@settings(max_examples=30)
@given(determined_cases(largest=5, batch=(None, 2)))
def test_refined_equals_exact(case: Case):
    refined = solve_refined(*case.inputs)
    assume(refined.is_live.all())
    exact = solve_exactly(*case.inputs)
    largest = exact.largest_current()[:, None].astype(np.longdouble)
    for side in SIDES:
        difference = refined.currents[side] - exact.currents[side].astype(str).astype(np.longdouble)
        assert (np.abs(difference) <= 1e-17 * largest).all(), side
    scale = max(float(np.abs(v).max()) for v in exact.voltages.values())
    for name, voltage in exact.voltages.items():
        apart = np.abs(voltage.astype(str).astype(np.longdouble) - refined.voltages[name]).max()
        assert apart <= 1e-17 * scale, name


def test_sees_what_has_no_unique_solution():
    ideal = {"wires": cx.Wires(0.0, 0.0), "right": cx.Driven()}
    assert not Equations(cx.Crossbar([[1e-6]], **ideal), [1.0]).is_determined
    floating = {"left": cx.Floating(), "bottom": cx.Norton(0.0, 1e-6)}
    assert not Equations(cx.Crossbar([[1e-6]], **floating)).is_determined
    assert not Equations(cx.Crossbar([[0.0]], left=cx.Floating()), None).is_determined
    assert Equations(cx.Crossbar([[1e-6]]), [1.0]).is_determined


DIVIDER = """* divider
v1 a 0 1.0
r1 a b 1000.0
r2 b 0 2000.0
i1 0 b 0.001
.options klu
.op
.end
"""


def test_deck_of_a_divider():
    answer = solve_deck(DIVIDER)
    with mpmath.workdps(50):
        expected = mpmath.mpf(2) / 3 + mpmath.mpf(0.001) * 2000 / 3
        assert abs(answer.node_voltages["b"] - expected) < mpmath.mpf(10) ** -45
        assert abs(answer.source_currents["v1"] + (1 - expected) / 1000) < mpmath.mpf(10) ** -45
        assert abs(answer.resistor_currents["r2"] - expected / 2000) < mpmath.mpf(10) ** -45


def test_deck_with_anything_else_is_refused():
    with pytest.raises(ValueError, match="is not a resistor"):
        read_deck(DIVIDER + "c1 a 0 1e-9\n")
