"""The raw-file reader: what ngspice writes comes back bit for bit, a cut file is refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from circuitxbar.errors import NetlistError
from circuitxbar.ngspice.rawfile import plain_name, read_raw

NAMES = ["v(v-sweep)", "v(Row_0_3)", "v(2)", "i(vs0)", "i(@m1[id])"]
PLAIN = ["v-sweep", "row_0_3", "2", "vs0#branch", "@m1[id]"]


def raw_text(table: NDArray[Any], *, plot: str = "Operating Point") -> bytes:
    """A raw file as ngspice writes it; `table` is (points, variables)."""
    points, variables = table.shape
    complex_numbers = np.iscomplexobj(table)
    lines = [
        "Title: a deck: with a colon",
        "Date: Sat Nov 21 22:57:04  2026",
        f"Plotname: {plot}",
        f"Flags: {'complex' if complex_numbers else 'real'}",
        f"No. Variables: {variables}",
        f"No. Points: {points}       ",
        "Variables:",
        *(f"\t{k}\t{NAMES[k]}\tvoltage" for k in range(variables)),
        "Binary:",
    ]
    text = ("\n".join(lines) + "\n").encode()
    flat = [part for z in table.ravel() for part in ((z.real, z.imag) if complex_numbers else (z,))]
    return text + struct.pack(f"<{len(flat)}d", *flat)


def tables(complex_numbers: bool) -> st.SearchStrategy[NDArray[Any]]:
    entries = (
        st.complex_numbers(allow_nan=False, allow_infinity=False)
        if complex_numbers
        else st.floats(allow_nan=False, allow_infinity=False)
    )
    dtype = np.complex128 if complex_numbers else np.float64
    shape = st.tuples(st.integers(1, 4), st.integers(1, len(NAMES)))
    return shape.flatmap(
        lambda s: st.lists(entries, min_size=s[0] * s[1], max_size=s[0] * s[1]).map(
            lambda values: np.array(values, dtype).reshape(s)
        )
    )


@pytest.mark.parametrize("complex_numbers", [True, False])
@given(data=st.data())
def test_values_come_back_bit_for_bit(complex_numbers: bool, data: st.DataObject):
    table = data.draw(tables(complex_numbers))
    (plot,) = read_raw(raw_text(table))
    assert plot.name == "Operating Point"
    assert list(plot.vectors) == PLAIN[: table.shape[1]]
    for column, values in enumerate(plot.vectors.values()):
        assert values.dtype == table.dtype
        np.testing.assert_array_equal(values, table[:, column])


def test_several_plots_in_one_file(tmp_path: Path):
    first, second = np.arange(6.0).reshape(2, 3), np.arange(2.0).reshape(1, 2) + 1j
    text = raw_text(first, plot="one") + raw_text(second, plot="two")
    path = tmp_path / "two.raw"
    path.write_bytes(text)
    plots = read_raw(path)
    assert [plot.name for plot in plots] == ["one", "two"]
    np.testing.assert_array_equal(np.column_stack(list(plots[0].vectors.values())), first)
    np.testing.assert_array_equal(np.column_stack(list(plots[1].vectors.values())), second)


def test_a_file_cut_at_any_byte_is_refused():
    text = raw_text(np.array([[1.25, -3.0], [1e-12, 4.5]]))
    for length in range(len(text)):
        with pytest.raises(NetlistError, match="raw file"):
            read_raw(text[:length])


def test_missing_numbers_are_counted():
    text = raw_text(np.array([[1.25, -3.0], [1e-12, 4.5]]))
    with pytest.raises(NetlistError, match="plot 0: 3 bytes of its 2 x 2 values are missing"):
        read_raw(text[:-3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"No. Points: 1 ", b"No. Points: x "), "not a count"),
        ((b"No. Variables: 2", b"No. Variables: 3"), "not a variable line"),
        ((b"v(row_0_3)", b"v(v-sweep)"), "same name"),
        ((b"Flags: real", b"nonsense here"), "not a header line"),
        ((b"Binary:", b"Values:"), "not a header line|header is cut"),
    ],
)
def test_a_damaged_file_is_refused(change: tuple[bytes, bytes], message: str):
    text = raw_text(np.array([[1.0, 2.0]])).replace(b"Row", b"row")
    assert text.count(change[0]) == 1
    with pytest.raises(NetlistError, match=message):
        read_raw(text.replace(*change))


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(NetlistError, match=r"none\.raw.*No such file"):
        read_raw(tmp_path / "none.raw")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("V(2)", "2"),
        ("v(x1.n)", "x1.n"),
        ("i(v1)", "v1#branch"),
        ("v1#branch", "v1#branch"),
        ("i(@m1[id])", "@m1[id]"),
        ("time", "time"),
        ("v(d1#internal)", "d1#internal"),
    ],
)
def test_both_transports_name_a_vector_alike(name: str, plain: str):
    assert plain_name(name) == plain
