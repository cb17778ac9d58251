"""The circuits of netlists/: what each is, in the words of the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import circuitxbar as cx
from circuitxbar import CurrentSource, Driven, Floating, Grounded, Held, Norton, Resistor, Wires


@dataclass(frozen=True, eq=False)
class Conformance:
    """One circuit: a crossbar with its inputs, or a circuit made by hand."""

    title: str
    crossbar: cx.Crossbar | None = None
    voltages: Any = None
    column_voltages: Any = None
    made: Callable[[], cx.Circuit] | None = None

    def circuit(self) -> cx.Circuit:
        """The circuit to be written, with the title on its first line."""
        if self.crossbar is not None:
            circuit = self.crossbar.circuit(self.voltages, self.column_voltages)
        else:
            assert self.made is not None
            circuit = self.made()
        return replace(circuit, title=self.title)


def _cells(rows: int, columns: int, low: float = -6.0, high: float = -4.0) -> np.ndarray:
    """Conductances spread evenly over decades in a fixed irregular order, with six digits."""
    size = rows * columns
    place = (np.arange(size) * 7919 + 13) % 104729 / 104729
    values = [float(f"{10 ** (low + (high - low) * p):.5e}") for p in place]
    return np.array(values).reshape(rows, columns)


def _inputs(lines: int, scale: float = 0.2) -> np.ndarray:
    return np.round(scale * np.cos(1.7 * np.arange(lines) + 0.3), 6)


def _changed(cells: np.ndarray, *changes: tuple[int, int, float]) -> np.ndarray:
    cells = cells.copy()
    for row, column, value in changes:
        cells[row, column] = value
    return cells


def _segments(rows: int, columns: int, *changes: tuple[str, int, int, float]) -> Wires:
    """Wires that differ from segment to segment: 0.5 to 3 ohm, then the `changes`."""
    segments = {
        "row": 0.5 + np.arange(rows * (columns + 1)).reshape(rows, columns + 1) % 6 / 2,
        "column": 0.5 + np.arange((rows + 1) * columns).reshape(rows + 1, columns) % 5 / 2,
    }
    for line, first, second, value in changes:
        segments[line][first, second] = value
    return Wires(segments["row"], segments["column"])


def _half_select(fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Row and column voltages that read cell 1, 2 of a 4 x 4 array at 0.6 V."""
    other = 0.6 * fraction
    rows, columns = np.full(4, other), np.full(4, other if fraction == 0.5 else 0.6 - other)
    rows[1], columns[2] = 0.6, 0.0
    return np.round(rows, 6), np.round(columns, 6)


def _biased(fraction: float) -> Conformance:
    rows, columns = _half_select(fraction)
    share = {0.5: "V/2", 1 / 3: "V/3"}[fraction]
    crossbar = cx.Crossbar(_cells(4, 4), left=Driven(50.0), bottom=Driven(50.0))
    return Conformance(f"4 x 4 biased by the {share} scheme", crossbar, rows, columns)


def _two_arrays() -> cx.Circuit:
    """The columns of a 3 x 4 array feed the rows of a 4 x 2 array through joined pins."""
    first = cx.Crossbar(_cells(3, 4), wires=Wires(1.0, 2.0)).subcircuit("first")
    second = cx.Crossbar(_cells(4, 2, -5, -3), wires=Wires(0.5, 1.5)).subcircuit("second")
    pins = {f"column_{j}_bottom": f"middle_{j}" for j in range(4)}
    circuit = cx.Circuit()
    for i, voltage in enumerate(_inputs(3).tolist()):
        circuit = circuit.add(cx.VoltageSource(f"in_{i}", f"in_{i}", "0", voltage))
    circuit = circuit.instance(
        "x1", first, **pins, **{f"row_{i}_left": f"in_{i}" for i in range(3)}
    )
    ends = {f"column_{j}_bottom": f"out_{j}" for j in range(2)}
    joined = {f"row_{i}_left": f"middle_{i}" for i in range(4)}
    circuit = circuit.instance("x2", second, **joined, **ends)
    for j in range(2):
        circuit = circuit.add(cx.VoltageSource(f"out_{j}", f"out_{j}", "0", 0.0))
    return circuit


def _same_array_twice() -> cx.Circuit:
    """Two copies of one array side by side on the same rows: the right one continues the left."""
    array = cx.Crossbar(_cells(3, 3), right=Driven()).subcircuit("tile")
    circuit = cx.Circuit()
    names = ("x1", "x2")
    for side, name in enumerate(names):
        pins = {f"row_{i}_left": f"row_{i}" if side == 0 else f"joint_{i}" for i in range(3)}
        pins |= {f"row_{i}_right": f"joint_{i}" if side == 0 else f"end_{i}" for i in range(3)}
        pins |= {f"column_{j}_bottom": f"out_{3 * side + j}" for j in range(3)}
        circuit = circuit.instance(name, array, **pins)
    for i, voltage in enumerate(_inputs(3).tolist()):
        circuit = circuit.add(cx.VoltageSource(f"in_{i}", f"row_{i}", "0", voltage))
        circuit = circuit.add(Resistor(f"end_{i}", f"end_{i}", "0", 1e6))
    for j in range(6):
        circuit = circuit.add(Resistor(f"sense_{j}", f"out_{j}", "0", 100.0))
    return circuit


def _ladder() -> cx.Circuit:
    """A source on twelve series resistors of 10 ohm with 1 kohm to ground behind each."""
    circuit = cx.Circuit().add(cx.VoltageSource("in", "n0", "0", 1.0))
    for k in range(12):
        circuit = circuit.add(
            Resistor(f"series_{k}", f"n{k}", f"n{k + 1}", 10.0),
            Resistor(f"shunt_{k}", f"n{k + 1}", "0", 1000.0),
        )
    return circuit


def _bridge() -> cx.Circuit:
    """A Wheatstone bridge with a floating source across it and a current into one corner."""
    return cx.Circuit().add(
        cx.VoltageSource("in", "a", "0", 1.5),
        Resistor("1", "a", "b", 1000.0),
        Resistor("2", "a", "c", 2200.0),
        Resistor("3", "b", "0", 3300.0),
        Resistor("4", "c", "0", 4700.0),
        Resistor("between", "b", "d", 68.0),
        cx.VoltageSource("floating", "d", "c", 0.025),
        CurrentSource("into", "0", "c", 1e-4),
        Resistor("joined", "c", "e", 0.0),
        Resistor("load", "e", "0", 1e5),
        Resistor("open", "e", "a", np.inf),
    )


def _plain(title: str, rows: int, columns: int, **fields: Any) -> Conformance:
    cells = fields.pop("cells", None)
    crossbar = cx.Crossbar(_cells(rows, columns) if cells is None else cells, **fields)
    lines = rows if crossbar.drives_rows else columns
    return Conformance(title, crossbar, _inputs(lines) if _has_input(crossbar) else None)


def _has_input(crossbar: cx.Crossbar) -> bool:
    return crossbar.drives_rows or crossbar.drives_columns


def circuits() -> dict[str, Conformance]:
    """Folder name -> circuit, in the order of the suite."""
    four = _cells(4, 4)
    per_line = np.array([0.0, 10.0, 250.0, 1e4])
    offsets = np.array([1e-3, -2e-3, 0.0, 5e-4])
    transposed = cx.Crossbar(_cells(3, 5), left=Driven(20.0), bottom=Grounded(30.0)).transpose()
    return {
        "one_cell": _plain("1 x 1, driven and grounded through wires", 1, 1),
        "one_cell_ideal": _plain("1 x 1 without wires", 1, 1, wires=Wires(0.0, 0.0)),
        "one_cell_all_ends": _plain(
            "1 x 1 with four different ends",
            1,
            1,
            left=Driven(5.0),
            right=Held(0.1, 7.0),
            top=Norton(1e-3, 2e-5),
            bottom=Grounded(3.0),
        ),
        "one_row": _plain("1 x 8, a single word line", 1, 8),
        "one_column": _plain("8 x 1, a single bit line", 8, 1),
        "wide": _plain("2 x 8", 2, 8, wires=Wires(2.0, 0.5)),
        "tall": _plain("8 x 3", 8, 3, wires=Wires(0.5, 2.0)),
        "square": _plain("8 x 8, wires of 1 ohm", 8, 8),
        "large": _plain("16 x 16, wires of 2.5 ohm", 16, 16, wires=Wires(2.5, 2.5)),
        "ideal_wires": _plain("4 x 4 without wires", 4, 4, wires=Wires(0.0, 0.0)),
        "ideal_rows": _plain("4 x 4, ideal rows, columns of 3 ohm", 4, 4, wires=Wires(0.0, 3.0)),
        "ideal_columns": _plain("4 x 4, rows of 3 ohm, ideal columns", 4, 4, wires=Wires(3.0, 0.0)),
        "long_wires": _plain("4 x 4, wires of 100 ohm", 4, 4, wires=Wires(100.0, 100.0)),
        "wires_per_line": _plain(
            "4 x 4, wires that differ from line to line",
            4,
            4,
            wires=Wires(per_line / 10, np.array([1.0, 2.0, 3.0, 4.0])),
        ),
        "wires_per_segment": _plain(
            "4 x 5, wires that differ from segment to segment", 4, 5, wires=_segments(4, 5)
        ),
        "some_ideal_segments": _plain(
            "4 x 4, some segments without resistance",
            4,
            4,
            wires=_segments(4, 4, ("row", 1, 2, 0.0), ("column", 2, 3, 0.0), ("row", 0, 0, 0.0)),
        ),
        "broken_row": _plain(
            "4 x 4, word line 1 broken between columns 1 and 2",
            4,
            4,
            wires=_segments(4, 4, ("row", 1, 2, np.inf)),
        ),
        "broken_ends": _plain(
            "4 x 4, line ends cut off from their terminations",
            4,
            4,
            wires=_segments(4, 4, ("row", 2, 0, np.inf), ("column", 4, 1, np.inf)),
        ),
        "open_cells": _plain(
            "4 x 4 with open cells", 4, 4, cells=_changed(four, (0, 0, 0.0), (2, 3, 0.0))
        ),
        "shorted_cell": _plain(
            "4 x 4 with a shorted cell", 4, 4, cells=_changed(four, (1, 2, np.inf))
        ),
        "open_and_shorted_ideal": _plain(
            "4 x 4 with an open and two shorted cells, ideal wires, soft ends",
            4,
            4,
            cells=_changed(four, (1, 2, np.inf), (3, 2, np.inf), (0, 1, 0.0)),
            wires=Wires(0.0, 0.0),
            left=Driven(100.0),
            bottom=Grounded(50.0),
        ),
        "wide_range_of_cells": _plain(
            "5 x 5, conductances from 1 nS to 10 mS", 5, 5, cells=_cells(5, 5, -9.0, -2.0)
        ),
        "soft_ends": _plain(
            "4 x 4, drivers of 1 kohm, sensing through 100 ohm",
            4,
            4,
            left=Driven(1000.0),
            bottom=Grounded(100.0),
        ),
        "ends_per_line": _plain(
            "4 x 4, end resistances that differ from line to line, one line floating",
            4,
            4,
            left=Driven(per_line),
            bottom=Grounded(np.array([0.0, 5.0, np.inf, 80.0])),
        ),
        "amplifier_offsets": _plain(
            "4 x 4 sensed by amplifiers with an offset each", 4, 4, bottom=Held(offsets, 10.0)
        ),
        "held_lines": _plain(
            "4 x 4, columns held at 0.5 V at the top and sensed at the bottom",
            4,
            4,
            top=Held(0.5, 100.0),
        ),
        "norton_ends": _plain(
            "4 x 4, columns on Norton one-ports, one of them a bare current source",
            4,
            4,
            bottom=Norton(np.array([1e-2, 1e-3, 0.0, 1.0]), np.array([0.0, 1e-6, -2e-6, 3e-6])),
        ),
        "current_driven_rows": _plain(
            "4 x 4 driven by currents", 4, 4, left=Norton(0.0, 1e-6 * np.array([1.0, -2, 3, 0]))
        ),
        "driven_from_both_ends": _plain("4 x 6, rows driven from both ends", 4, 6, right=Driven()),
        "sensed_at_both_ends": _plain("6 x 4, columns sensed at both ends", 6, 4, top=Grounded()),
        "all_ends": _plain(
            "5 x 5, driven and sensed at both ends, all ends soft",
            5,
            5,
            left=Driven(10.0),
            right=Driven(20.0),
            top=Grounded(30.0),
            bottom=Grounded(40.0),
        ),
        "far_ends": _plain(
            "3 x 4, driven at the right and sensed at the top",
            3,
            4,
            left=Floating(),
            right=Driven(),
            bottom=Floating(),
            top=Grounded(),
        ),
        "transposed": Conformance(
            "3 x 5 read from its columns: bottom driven, left sensed", transposed, _inputs(5)
        ),
        "only_held": _plain(
            "3 x 3 between held ends, without an input", 3, 3, left=Held(0.3), bottom=Held(-0.1)
        ),
        "v_half": _biased(0.5),
        "v_third": _biased(1 / 3),
        "floating_lines": _plain(
            "4 x 4, one row driven and one column sensed, all other lines floating",
            4,
            4,
            left=Driven(np.array([np.inf, 0.0, np.inf, np.inf])),
            bottom=Grounded(np.array([np.inf, np.inf, 0.0, np.inf])),
        ),
        "two_arrays": Conformance("3 x 4 array feeding a 4 x 2 array", made=_two_arrays),
        "two_tiles": Conformance("one 3 x 3 array twice on the same rows", made=_same_array_twice),
        "ladder": Conformance("ladder of twelve sections", made=_ladder),
        "bridge": Conformance("bridge with a floating source", made=_bridge),
    }
