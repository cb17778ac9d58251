"""Crossbar: what it takes, what it derives, and that a saved one comes back to the bit."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitxbar as cx

ENDS = (cx.Driven, cx.Grounded, lambda: cx.Held(0.1), lambda: cx.Norton(1e-3, 1e-6), cx.Floating)
G = np.array([[1e-6, 0.0, 3e-4], [np.inf, 1 / 3, 10.0]])
TOML = """
name = "scaled"
title = "A conductance with a factor"
source = "a test"
terminals = ["a", "b"]

[parameters.gain]
unit = "1"
default = 1.0
range = [0.5, 2.0]
meaning = "factor"

[parameters.slope]
unit = "1/K"
default = 0.0
range = [-1.0, 1.0]
meaning = "what the temperature adds"

[current]
law = "gain * g * v * (1 + slope * (temperature - 300))"
valid = { v = [-1.0, 1.0], g = [0.0, 10.0] }
"""


@pytest.fixture
def scaled(tmp_path: Path) -> Path:
    path = tmp_path / "scaled.toml"
    path.write_text(TOML)
    return path


def bits(crossbar: cx.Crossbar) -> list[tuple[str, Any]]:
    """Everything a crossbar holds, floats as their bytes."""
    kept: list[tuple[str, Any]] = [
        ("device", crossbar.device.text),
        ("values", sorted(crossbar.device.values.items())),
        ("temperature", crossbar.temperature.hex()),
        ("conductances", (crossbar.shape, crossbar.conductances.tobytes())),
    ]
    kept += [(k, (v.shape, v.tobytes())) for k, v in sorted(crossbar.parameters.items())]
    parts: dict[str, Any] = {
        side: getattr(crossbar, side) for side in ("left", "right", "top", "bottom")
    }
    for name, part in {**parts, "wires": crossbar.wires}.items():
        kept.append((name, type(part).__name__))
        kept += [
            (f"{name}.{k}", (np.shape(v), np.asarray(v, float).tobytes()))
            for k, v in vars(part).items()
        ]
    return kept


def test_defaults_are_those_of_the_contract():
    crossbar = cx.Crossbar([[1e-6, 2e-6]])
    assert crossbar.shape == (1, 2)
    assert crossbar.device.name == "linear"
    assert crossbar.temperature == 300.15
    assert vars(crossbar.wires) == dict.fromkeys(("row", "column"), 1.0) | dict.fromkeys(
        ("row_capacitance", "column_capacitance"), 0.0
    )
    kinds = [type(getattr(crossbar, side)) for side in ("left", "right", "bottom", "top")]
    assert kinds == [cx.Driven, cx.Floating, cx.Grounded, cx.Floating]
    assert crossbar.left.resistance == 0.0
    assert crossbar.bottom.resistance == 0.0
    assert crossbar.parameters == {}


def test_it_keeps_a_copy_that_nobody_can_write():
    given = np.full((2, 2), 1e-6)
    crossbar = cx.Crossbar(given)
    given[0, 0] = 1.0
    assert crossbar.conductances[0, 0] == 1e-6
    with pytest.raises(ValueError, match="read-only"):
        crossbar.conductances[0, 0] = 1.0
    with pytest.raises(AttributeError):
        crossbar.temperature = 1.0  # pyright: ignore[reportAttributeAccessIssue]


def test_integers_and_any_memory_layout_mean_the_same():
    given = np.arange(1, 7).reshape(2, 3)
    want = given.astype(float)
    for form in (given, given.tolist(), np.asfortranarray(want), want.astype(np.float32), want):
        assert np.array_equal(cx.Crossbar(form).conductances, want)


def test_what_is_driven_and_what_is_sensed():
    for left, right, bottom, top in product(ENDS, repeat=4):
        crossbar = cx.Crossbar([[1e-6]], left=left(), right=right(), bottom=bottom(), top=top())
        rows, columns = cx.Driven in (left, right), cx.Driven in (bottom, top)
        assert (crossbar.drives_rows, crossbar.drives_columns) == (rows, columns)
        sides, kinds = ("bottom", "top"), (bottom, top)
        if columns and not rows:
            sides, kinds = ("left", "right"), (left, right)
        if kinds == (cx.Grounded, cx.Grounded):
            assert crossbar.sensed_sides == sides
        else:
            assert crossbar.sensed_sides == (sides[kinds[0] is cx.Floating],)


def test_lines_that_end_on_a_side():
    crossbar = cx.Crossbar(np.ones((2, 3)))
    assert [crossbar.lines(s) for s in ("left", "right", "top", "bottom")] == [2, 2, 3, 3]


def test_transposing_exchanges_driven_and_grounded_ends_that_keep_their_resistance():
    held, norton = cx.Held(0.2, 3.0), cx.Norton(1e-3, 2e-6)
    crossbar = cx.Crossbar(
        G, left=cx.Driven([1.0, 2.0]), right=held, bottom=cx.Grounded(4.0), top=norton
    )
    turned = crossbar.transpose()
    assert isinstance(turned.left, cx.Grounded)
    assert np.array_equal(turned.left.resistance, [1.0, 2.0])
    assert isinstance(turned.bottom, cx.Driven)
    assert turned.bottom.resistance == 4.0
    assert turned.right is held
    assert turned.top is norton
    assert turned.sensed_sides == ("left",)
    assert np.array_equal(turned.conductances, crossbar.conductances)
    assert bits(turned.transpose()) == bits(crossbar)


def test_transposing_an_array_driven_and_sensed_at_both_ends():
    crossbar = cx.Crossbar(
        G, left=cx.Driven(1.0), right=cx.Driven(2.0), bottom=cx.Grounded(3.0), top=cx.Grounded(4.0)
    )
    turned = crossbar.transpose()
    kinds = [type(getattr(turned, side)) for side in ("left", "right", "bottom", "top")]
    assert kinds == [cx.Grounded, cx.Grounded, cx.Driven, cx.Driven]
    resistances = [getattr(turned, side).resistance for side in ("left", "right", "bottom", "top")]
    assert resistances == [1.0, 2.0, 3.0, 4.0]
    # A grounded end of a driven line is no sensed end, and does not become one.
    one_sided = cx.Crossbar(G, right=cx.Grounded(5.0)).transpose()
    assert isinstance(one_sided.right, cx.Held)
    assert (one_sided.right.voltage, one_sided.right.resistance) == (0.0, 5.0)
    assert one_sided.sensed_sides == ("left",)


def test_the_transposed_array_reads_the_other_way():
    g = np.array([[1e-6, 2e-6, 3e-6], [4e-6, 5e-6, 6e-6]])
    read = cx.solve(cx.Crossbar(g, wires=cx.Wires(0, 0)).transpose(), [0.1, 0.2, 0.3])
    assert np.allclose(read.currents, g @ [0.1, 0.2, 0.3], rtol=1e-15, atol=0)


def test_what_cannot_be_transposed_says_so():
    with pytest.raises(cx.CircuitError, match="none of bottom and top is Grounded"):
        cx.Crossbar(G, bottom=cx.Held(0.1)).transpose()


def test_other_conductances_leave_everything_else():
    crossbar = cx.Crossbar(G, wires=cx.Wires(2.0, [1.0, 2.0, 3.0]), left=cx.Driven(5.0))
    other = crossbar.with_conductances(2 * np.ones((2, 3)))
    assert np.array_equal(other.conductances, 2 * np.ones((2, 3)))
    assert bits(other.with_conductances(G)) == bits(crossbar)
    with pytest.raises(cx.CircuitError, match=r"shape \(3, 2\); expected \(2, 3\)"):
        crossbar.with_conductances(np.ones((3, 2)))


@pytest.mark.parametrize(
    "side", ["left", "right", "top", "bottom"], ids=["left", "right", "top", "bottom"]
)
@pytest.mark.parametrize(
    "end",
    [
        cx.Driven(0.1),
        cx.Driven([np.inf, 1 / 3, 0.0]),
        cx.Grounded(1e-300),
        cx.Grounded([1e15, 0.0, 7.0]),
        cx.Held(-0.0, 1 / 7),
        cx.Held([0.1, -0.2, 0.3], [0.0, np.inf, 1.0]),
        cx.Norton(0.0, 1e-12),
        cx.Norton([0.0, 1e-3, 1e300], [1e-30, -1.0, 0.0]),
        cx.Floating(),
    ],
    ids=lambda end: f"{type(end).__name__}-{[np.ndim(v) for v in vars(end).values()]}",
)
def test_a_saved_termination_comes_back_to_the_bit(side: str, end: Any, tmp_path: Path):
    crossbar = cx.Crossbar(np.full((3, 3), 1 / 3), **{side: end})
    crossbar.save(tmp_path / "a.npz")
    assert bits(cx.load(tmp_path / "a.npz")) == bits(crossbar)


def test_a_saved_crossbar_comes_back_to_the_bit_with_its_own_device(scaled: Path, tmp_path: Path):
    rng = np.random.default_rng(1)
    row, column = rng.uniform(0, 9, (2, 4)), rng.uniform(0, 9, (3, 3))
    row[0, 0], column[1, 1] = np.inf, 0.0
    crossbar = cx.Crossbar(
        G,
        cx.device(scaled, slope=1e-3 / 3),
        parameters={"gain": rng.uniform(0.5, 2, (2, 3))},
        temperature=311 / 3,
        wires=cx.Wires(row, column, [1e-15, 2e-15], 3e-15),
    )
    path = tmp_path / "no-suffix"
    crossbar.save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["no-suffix", "scaled.toml"]
    scaled.unlink()  # the saved crossbar carries its device
    loaded = cx.load(str(path))
    assert bits(loaded) == bits(crossbar)
    a, b = (cx.solve(c, [0.1, 0.2]) for c in (crossbar, loaded))
    assert a.currents.tobytes() == b.currents.tobytes()


def test_parameters_are_checked_by_name_shape_and_range(scaled: Path):
    assert cx.Crossbar(G, scaled, parameters={"gain": 2}).parameters["gain"] == 2.0
    for parameters, told in (
        ({"gian": 1.0}, "no parameter 'gian'.*gain, slope"),
        ({"gain": 3.0}, r"gain'\] = 3.0e\+00 1 is too large"),
        ({"gain": np.ones((2, 2))}, r"shape \(2, 2\); expected a scalar or \(2, 3\)"),
        ({"gain": np.array([[1, 1, 1], [1, 1, 0.1]])}, r"gain'\]\[1, 2\] = 1.0e-01"),
        ([("gain", 1.0)], "not a dict"),
    ):
        with pytest.raises(cx.CircuitError, match=told):
            cx.Crossbar(G, scaled, parameters=parameters)


def test_parameters_and_temperature_reach_the_answer(scaled: Path):
    g = np.full((2, 2), 1e-3)
    gain = np.array([[0.5, 1.0], [2.0, 1.5]])
    crossbar = cx.Crossbar(
        g,
        cx.device(scaled, slope=0.01),
        parameters={"gain": gain},
        temperature=310,
        wires=cx.Wires(0, 0),
    )
    with pytest.raises(cx.CircuitxbarError):
        cx.solve(crossbar, [3.0, 0.0])  # outside the device's valid range
    assert np.allclose(crossbar.cell_conductances, 1.1 * g * gain, rtol=1e-15, atol=0)
    want = 1.1 * np.array([0.1, 0.2]) @ (g * gain)
    assert np.allclose(cx.solve(crossbar, [0.1, 0.2]).currents, want, rtol=1e-14, atol=0)
    # Through wires it is the linear array of these conductances, in every engine.
    plain = cx.Crossbar(1.1 * g * gain, wires=cx.Wires(5.0, 7.0), left=cx.Driven(20.0))
    scaled_cells = cx.Crossbar(
        g,
        crossbar.device,
        parameters={"gain": gain},
        temperature=310,
        wires=plain.wires,
        left=plain.left,
    )
    want = cx.solve(plain, [0.1, 0.2]).currents
    for engine in ("nodal", "ngspice"):
        found = cx.solve(scaled_cells, [0.1, 0.2], engine=engine).currents
        assert np.allclose(found, want, rtol=1e-12, atol=0)


def test_a_law_that_makes_a_cell_a_source_is_refused(scaled: Path):
    with pytest.raises(cx.CircuitError, match=r"cell 0, 0 .*-9.0e-06 S.*must be >= 0"):
        cx.Crossbar(G, cx.device(scaled, slope=-1.0), temperature=310)
