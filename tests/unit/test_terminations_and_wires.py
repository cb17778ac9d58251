"""Wires and terminations: what their fields mean, line by line and segment by segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

G = np.array([[1e-3, 2e-3, 3e-3], [4e-3, 5e-3, 6e-3]])
V = np.array([0.3, -0.2])


def currents(**fields: Any) -> np.ndarray:
    return cx.solve(cx.Crossbar(G, **fields), V).currents


def test_a_scalar_a_value_per_line_and_one_per_segment_mean_the_same():
    uniform = cx.Crossbar(G, wires=cx.Wires(2.0, 3.0))
    for row, column in (
        ([2.0, 2.0], [3.0, 3.0, 3.0]),
        (np.full((2, 4), 2.0), np.full((3, 3), 3.0)),
    ):
        crossbar = cx.Crossbar(G, wires=cx.Wires(row, column))
        assert np.array_equal(crossbar.row_segments, uniform.row_segments)
        assert np.array_equal(crossbar.column_segments, uniform.column_segments)
        assert crossbar.row_segments.shape == (2, 4)
        assert crossbar.column_segments.shape == (3, 3)


def test_values_per_line_belong_to_their_lines():
    crossbar = cx.Crossbar(G, wires=cx.Wires([1.0, 2.0], [3.0, 4.0, 5.0]))
    assert np.array_equal(crossbar.row_segments, [[1.0] * 4, [2.0] * 4])
    assert np.array_equal(crossbar.column_segments, [[3.0, 4.0, 5.0]] * 3)


def test_a_square_field_is_one_value_per_segment_only_where_it_fits():
    # (2, 3) has as many columns as lines, and fits neither (2, 4) nor (3, 3).
    for name, shape in (("row", (2, 3)), ("column", (2, 3)), ("row", (3,)), ("column", (2,))):
        with pytest.raises(cx.CircuitError, match=rf"Wires.{name} has shape .*expected a scalar"):
            cx.Crossbar(G, wires=cx.Wires(**{name: np.ones(shape)}))
    for name, shape in (("row_capacitance", (3,)), ("column_capacitance", (2, 4))):
        with pytest.raises(cx.CircuitError, match=f"Wires.{name} has shape"):
            cx.Crossbar(G, wires=cx.Wires(**{name: np.ones(shape)}))


def test_a_segment_is_where_its_index_says():
    """One cell in a 1 x 1 array: entry 0 lies left of (above) it, entry 1 right of (below) it."""
    wires = cx.Wires([[1.0, 10.0]], [[100.0], [1000.0]])
    g, v = np.array([[1e-3]]), [1.0]
    for ends, series in (
        ({}, 1 + 1000),
        ({"left": cx.Floating(), "right": cx.Driven()}, 10 + 1000),
        ({"bottom": cx.Floating(), "top": cx.Grounded()}, 1 + 100),
    ):
        found = cx.solve(cx.Crossbar(g, wires=wires, **ends), v).currents
        assert found == pytest.approx([1 / (series + 1000)], rel=1e-14)


def test_a_floating_end_has_no_segment():
    """M segments for a row of M cells driven at one end, M + 1 at both."""
    names = lambda c: {n for g in c.groups for n in g.names if n.startswith("rowwire_0")}  # noqa: E731
    one = cx.Crossbar(G).circuit(V)
    assert names(one) == {"rowwire_0_0", "rowwire_0_1", "rowwire_0_2"}
    both = cx.Crossbar(G, right=cx.Driven()).circuit(V)
    assert names(both) == {"rowwire_0_0", "rowwire_0_1", "rowwire_0_2", "rowwire_0_3"}
    # One infinite resistance floats that line alone.
    some = cx.Crossbar(G, right=cx.Driven([np.inf, 0.0])).circuit(V)
    assert names(some) == names(one)
    assert "rowwire_1_3" in {n for g in some.groups for n in g.names}


@pytest.mark.parametrize("side", ["right", "top"])
@pytest.mark.parametrize("end", [cx.Grounded(np.inf), cx.Held(0.5, np.inf), cx.Driven(np.inf)])
def test_an_infinite_resistance_floats_the_line(side: str, end: Any):
    across = [0.1, 0.2, 0.3] if side == "top" and isinstance(end, cx.Driven) else None
    found = cx.solve(cx.Crossbar(G, **{side: end}), V, across)
    assert found.currents.tobytes() == currents().tobytes()
    assert not getattr(found.terminal_currents, side).any()


def test_terminations_per_line_are_those_of_single_lines():
    """With ideal wires and ideal sinks every row is a circuit of its own."""
    resistance = np.array([0.0, 50.0])
    found = cx.solve(cx.Crossbar(G, wires=cx.Wires(0, 0), left=cx.Driven(resistance)), V)
    total = G.sum(axis=1)
    assert np.allclose(
        found.terminal_currents.left, -V * total / (1 + resistance * total), rtol=1e-14, atol=0
    )


def test_each_termination_obeys_its_law():
    """The current out of the array against the voltage at the end, from the last node."""
    wires = cx.Wires(2.0, 4.0)
    held, sink, source = [0.05, -0.1], [3.0, 0.0, 7.0], [1e-4, -2e-4, 0.0]
    crossbar = cx.Crossbar(
        G,
        wires=wires,
        left=cx.Driven([11.0, 0.0]),
        right=cx.Held(held, [5.0, 6.0]),
        bottom=cx.Grounded(sink),
        top=cx.Norton([1e-3, 0.0, 2e-3], source),
    )
    found = cx.solve(crossbar, V)
    out = found.terminal_currents
    row, column = found.row_voltages, found.column_voltages
    assert np.allclose(row[:, 0] - 2 * out.left, V + np.array([11.0, 0.0]) * out.left, atol=1e-15)
    assert np.allclose(row[:, -1] - 2 * out.right, held + np.array([5, 6]) * out.right, atol=1e-15)
    assert np.allclose(column[-1] - 4 * out.bottom, sink * out.bottom, atol=1e-15)
    at_top = column[0] - 4 * out.top
    assert np.allclose(out.top, np.array([1e-3, 0.0, 2e-3]) * at_top - source, atol=1e-18)


def test_a_norton_end_is_the_held_end_of_the_same_one_port():
    g, v = np.array([1e-3, 2e-2, 5e-2]), np.array([0.1, -0.2, 0.3])
    norton = currents(bottom=cx.Norton(g, g * v))
    assert np.allclose(norton, currents(bottom=cx.Held(v, 1 / g)), rtol=1e-13, atol=0)


def test_zero_and_infinite_resistances_are_exact():
    seg = np.full((2, 4), 1.0)
    seg[0, 1] = np.inf  # cells (0, 1) and (0, 2) lose the driver of row 0
    found = cx.solve(cx.Crossbar(G, wires=cx.Wires(seg, 0.0)), V)
    assert np.array_equal(found.cell_currents[0, 1:], [0.0, 0.0])
    assert np.array_equal(found.column_voltages, np.zeros((2, 3)))
    ideal = cx.solve(cx.Crossbar(G, wires=cx.Wires(0, 0)), V)
    assert np.array_equal(ideal.row_voltages, np.broadcast_to(V[:, None], (2, 3)))
    assert np.allclose(ideal.currents, V @ G, rtol=1e-15, atol=0)


def test_a_short_and_an_open_cell_are_exact():
    g = G.copy()
    g[0] = [np.inf, 0.0, 0.0]
    wires = cx.Wires(2.0, [3.0, 0.0, 0.0])
    crossbar = cx.Crossbar(g[:1], wires=wires)
    found = cx.solve(crossbar, V[:1])
    assert found.currents[0] == pytest.approx(V[0] / (2 + 3), rel=1e-15)
    assert found.currents[1] == found.currents[2] == 0.0
    assert np.isnan(found.cell_currents[0, 0])
    assert found.cell_voltages[0, 0] == 0.0


def test_capacitances_change_no_operating_point():
    wires = cx.Wires(1.0, 1.0, row_capacitance=[1e-15, 2e-15], column_capacitance=1e-12)
    assert currents(wires=wires).tobytes() == currents().tobytes()


def test_fields_are_copies_that_nobody_can_write():
    given = np.array([1.0, 2.0])
    wires, end = cx.Wires(given), cx.Driven(given)
    given[0] = 9.0
    for kept in (wires.row, end.resistance):
        assert isinstance(kept, np.ndarray)
        assert kept[0] == 1.0
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 3.0
    assert isinstance(cx.Wires(np.array(2.0)).row, float)


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("kind", [cx.Driven, cx.Grounded, cx.Held])
def test_a_field_that_does_not_fit_the_lines_is_named(side: str, kind: Any):
    lines = 2 if side in ("left", "right") else 3
    end = kind(np.ones(4))
    with pytest.raises(cx.CircuitError, match=rf"{side}: .*{kind.__name__}.*{lines} lines"):
        cx.Crossbar(G, **{side: end})
