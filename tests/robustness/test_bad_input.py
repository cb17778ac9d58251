"""Whatever is handed in: a right answer or a CircuitxbarError, and the next call is right."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import fractions
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import circuitxbar as cx

GOOD = cx.Crossbar([[1e-3, 2e-3], [3e-3, 4e-3]], wires=cx.Wires(0, 0))
ANSWER = [0.1 * 1e-3 + 0.2 * 3e-3, 0.1 * 2e-3 + 0.2 * 4e-3]
SOLUTION = cx.solve(GOOD, [0.1, 0.2])
CIRCUIT = GOOD.circuit([0.1, 0.2])
POINT = cx.operating_point(CIRCUIT)
PAIR = np.full((2, 2), 1e-3)


def still_right() -> None:
    """A good call after a refusal, in the same process."""
    assert cx.solve(GOOD, [0.1, 0.2]).currents == pytest.approx(ANSWER, rel=1e-15)


class Rude:
    """An object that answers nothing politely."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Frame:
    """As a table of pandas: an object that becomes an array when asked."""

    def __init__(self, values: Any):
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)


ODD: dict[str, Any] = {
    "None": None,
    "text": "1.0",
    "bytes": b"1.0",
    "complex": 1j,
    "huge integer": 10**400,
    "unprintable integer": 10**5000,
    "longdouble": np.longdouble("1e4000"),
    "empty list": [],
    "empty lists": [[]],
    "ragged": [[1.0], [1.0, 2.0]],
    "dict": {"a": 1.0},
    "set": {1.0},
    "object": object(),
    "rude": Rude(),
    "function": len,
    "class": cx.Driven,
    "generator": (x for x in [1.0]),
    "date": datetime.date(2020, 1, 1),
    "datetime64": np.datetime64("2020"),
    "timedelta64": np.timedelta64(3, "s"),
    "decimal": decimal.Decimal(1),
    "fraction": fractions.Fraction(1, 3),
    "not implemented": NotImplemented,
    "ellipsis": ...,
    "strings": np.array(["1.0", "2.0"]),
    "objects": np.array([[None, 1.0], [2.0, 3.0]]),
    "complexes": PAIR * 1j,
    "structured": np.zeros(2, dtype=[("a", float)]),
    "three axes": np.full((2, 2, 2), 1e-3),
    "no rows": np.zeros((0, 2)),
    "no columns": np.zeros((2, 0)),
    "masked": np.ma.masked_array(PAIR, mask=[[True, False], [False, False]]),
    "true": True,
    "trues": PAIR > 0,
    "nan": np.nan,
    "nans": np.where(np.eye(2) > 0, np.nan, PAIR),
    "frame with nan": Frame([[1e-3, np.nan], [1e-3, 1e-3]]),
    "frame of objects": Frame([["a", 1.0], [2.0, 3.0]]),
    "minus infinity": -np.inf,
    "minus infinities": -np.inf * np.ones((2, 2)),
}

ADD = cx.Circuit().add
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "Crossbar": lambda x: cx.Crossbar(x),
    "temperature": lambda x: cx.Crossbar(PAIR, temperature=x),
    "with_conductances": GOOD.with_conductances,
    "Wires.row": lambda x: cx.Crossbar(PAIR, wires=cx.Wires(row=x)),
    "Wires.column": lambda x: cx.Crossbar(PAIR, wires=cx.Wires(column=x)),
    "Wires.row_capacitance": lambda x: cx.Crossbar(PAIR, wires=cx.Wires(row_capacitance=x)),
    "Wires.column_capacitance": lambda x: cx.Crossbar(PAIR, wires=cx.Wires(column_capacitance=x)),
    "Driven": lambda x: cx.Crossbar(PAIR, left=cx.Driven(x)),
    "Grounded": lambda x: cx.Crossbar(PAIR, bottom=cx.Grounded(x)),
    "Held.voltage": lambda x: cx.Crossbar(PAIR, top=cx.Held(x)),
    "Held.resistance": lambda x: cx.Crossbar(PAIR, top=cx.Held(0.1, x)),
    "Norton.conductance": lambda x: cx.Crossbar(PAIR, right=cx.Norton(x, 0.0)),
    "Norton.current": lambda x: cx.Crossbar(PAIR, right=cx.Norton(1e-3, x)),
    "voltages": lambda x: cx.solve(GOOD, x),
    "column_voltages": lambda x: cx.solve(cx.Crossbar(PAIR, top=cx.Driven()), [0.1, 0.2], x),
    "circuit": lambda x: GOOD.circuit(x),
    "rtol": lambda x: cx.solve(GOOD, [0.1, 0.2], rtol=x),
    "d_currents": lambda x: cx.gradient(SOLUTION, x),
    "Resistor": lambda x: ADD(cx.Resistor("r", "a", "0", x)),
    "VoltageSource": lambda x: ADD(cx.VoltageSource("v", "a", "0", x)),
    "CurrentSource": lambda x: ADD(cx.CurrentSource("i", "a", "0", x)),
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "device": lambda x: cx.Crossbar(PAIR, x),
    "cx.device": cx.device,
    "parameters": lambda x: cx.Crossbar(PAIR, parameters=x),
    "wires": lambda x: cx.Crossbar(PAIR, wires=x),
    "left": lambda x: cx.Crossbar(PAIR, left=x),
    "right": lambda x: cx.Crossbar(PAIR, right=x),
    "top": lambda x: cx.Crossbar(PAIR, top=x),
    "bottom": lambda x: cx.Crossbar(PAIR, bottom=x),
    "solve": lambda x: cx.solve(x, [0.1, 0.2]),
    "gates": lambda x: cx.solve(GOOD, [0.1, 0.2], gates=x),
    "engine": lambda x: cx.solve(GOOD, [0.1, 0.2], engine=x),
    "keep": lambda x: cx.solve(GOOD, [0.1, 0.2], keep=x),
    "start": lambda x: cx.solve(GOOD, [0.1, 0.2], start=x),
    "throw": lambda x: cx.solve(GOOD, [0.1, 0.2], throw=x),
    "extrapolate": lambda x: cx.solve(GOOD, [0.1, 0.2], extrapolate=x),
    "gradient": lambda x: cx.gradient(x, [0.1, 0.2]),
    "effective_matrix": cx.effective_matrix,
    "compare": lambda x: cx.compare(x, [0.1, 0.2]),
    "engines": lambda x: cx.compare(GOOD, [0.1, 0.2], engines=x),
    "operating_point": cx.operating_point,
    "operating_point engine": lambda x: cx.operating_point(CIRCUIT, x),
    "voltage": lambda x: POINT.voltage(x),
    "current": lambda x: POINT.current(x),
    "write_spice": cx.write_spice,
    "dialect": lambda x: cx.write_spice(CIRCUIT, x),
    "title": lambda x: cx.Circuit(x),
    "subcircuit": lambda x: GOOD.subcircuit(x),
    "SubCircuit": lambda x: cx.SubCircuit("s", x, {"p": 1}),
    "pin_nodes": lambda x: cx.SubCircuit("s", CIRCUIT, {"p": x}),
    "add": ADD,
    "element name": lambda x: ADD(cx.Resistor(x, "a", "0", 1.0)),
    "first node": lambda x: ADD(cx.Resistor("r", x, "0", 1.0)),
    "second node": lambda x: ADD(cx.Resistor("r", "0", x, 1.0)),
    "instance name": lambda x: CIRCUIT.instance(x, GOOD.subcircuit()),
    "instance": lambda x: CIRCUIT.instance("x", x),
    "pin": lambda x: CIRCUIT.instance("x", GOOD.subcircuit(), row_0_left=x),
    "load": cx.load,
}
# Odd values that are good ones here.
GOOD_THERE = {
    *((name, "None") for name in ("parameters", "gates", "start", "engines")),
    ("engines", "empty list"),
    *((name, "true") for name in ("throw", "extrapolate")),
    *((name, "text") for name in ("title", "subcircuit", "pin", "instance name")),
    *((name, "text") for name in ("element name", "first node", "second node")),
}


def refused(call: Callable[[Any], Any], value: Any) -> str:
    with pytest.raises(cx.CircuitxbarError) as told:
        call(value)
    message = str(told.value)
    assert "\n" not in message
    assert 10 < len(message) < 600
    return message


@pytest.mark.parametrize("call", NUMBERS, ids=str)
def test_what_is_no_real_number_is_refused_everywhere(call: str):
    words = {"Crossbar": "conductances", "with_conductances": "conductances"}
    words |= {"circuit": "voltages", "Resistor": "r", "VoltageSource": "v", "CurrentSource": "i"}
    words |= {"Driven": "Driven.resistance", "Grounded": "Grounded.resistance"}
    for name, value in ODD.items():
        message = refused(NUMBERS[call], value)
        assert all(word in message for word in words.get(call, call).split(".")), (name, message)
    still_right()


@pytest.mark.parametrize("call", OTHERS, ids=str)
def test_what_is_of_the_wrong_kind_is_refused_everywhere(call: str):
    for name, value in ODD.items():
        if (call, name) not in GOOD_THERE:
            refused(OTHERS[call], value)
    still_right()


@pytest.mark.parametrize(
    ("call", "value", "told"),
    [
        ("Crossbar", [[1e-3, -2e-6]], r"conductances\[0, 1\] = -2.0e-06 S is negative"),
        ("Crossbar", [[1e-3], [2e3]], r"conductances\[1, 0\] = 2.0e\+03 S .*a resistance\?"),
        ("Crossbar", [1e-3, 2e-3], r"shape \(2,\); expected \(rows, columns\)"),
        ("Crossbar", 1e-3, r"shape \(\); expected \(rows, columns\)"),
        ("Wires.row", -1.0, "Wires.row = -1.0e"),
        ("Wires.row", 5e-324, "Wires.row = 4.9e-324 ohm is too small to compute with"),
        ("Driven", [1.0, 1e-310], r"Driven.resistance\[1\] = 1.0e-310 ohm is too small"),
        ("Wires.row_capacitance", np.inf, "row_capacitance = inf is not finite"),
        ("Held.voltage", np.inf, "Held.voltage = inf is not finite"),
        ("Norton.conductance", np.inf, "Norton.conductance = inf is not finite"),
        ("Norton.conductance", -1.0, "Norton.conductance = -1.0e[+]00 S is negative"),
        ("voltages", [0.1, np.inf], r"voltages\[1\] = inf is not finite"),
        ("voltages", [[0.1, 0.2], [0.1, np.nan]], r"voltages\[1, 1\] = nan"),
        ("voltages", [0.1], r"voltages has shape \(1,\); expected \(2,\) .* \(batch, 2\)"),
        ("voltages", 1e308 * np.ones(2), "outside the valid range"),
        ("rtol", -1e-9, "rtol = -1.0e-09"),
        ("rtol", np.inf, "rtol = inf is not finite"),
        ("temperature", 0.0, "temperature = 0.0e[+]00 K is too small"),
        ("temperature", [300.0, 300.0], r"temperature has shape \(2,\)"),
        ("d_currents", [1.0], r"d_currents has shape \(1,\); expected \(2\)|\(2,\)"),
    ],
)
def test_messages_name_where_and_what(call: str, value: Any, told: str):
    with pytest.raises(cx.CircuitxbarError, match=told):
        NUMBERS[call](value)
    still_right()


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    # Hypothesis has to print what fails.
    | st.sampled_from([v for k, v in ODD.items() if k not in ("rude", "unprintable integer")])
    | st.sampled_from([cx.Driven(), cx.Floating(), cx.Wires(), GOOD, SOLUTION, CIRCUIT])
    | arrays.arrays(
        arrays.scalar_dtypes() | st.just(np.dtype(object)), arrays.array_shapes(max_dims=3)
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    call=st.sampled_from([*NUMBERS, *OTHERS]).filter(lambda name: name != "load"), value=ANYTHING
)
def test_anything_is_taken_or_refused(call: str, value: Any):
    try:
        {**NUMBERS, **OTHERS}[call](value)
    except cx.CircuitxbarError:
        still_right()


@settings(max_examples=150)
@given(
    arrays.arrays(float, (2, 2), elements=st.floats(allow_nan=False)),
    arrays.arrays(float, 10, elements=st.floats(min_value=0, allow_nan=False)),
    arrays.arrays(float, 4, elements=st.floats(allow_nan=False, allow_infinity=False)),
)
def test_any_numbers_give_a_proven_answer_or_a_refusal(g: Any, positive: Any, any_: Any):
    """Over the whole range of floats, subnormal and infinite ones included."""
    try:
        crossbar = cx.Crossbar(
            np.minimum(np.abs(g), 10.0),
            wires=cx.Wires(positive[0], positive[1:3]),
            left=cx.Driven(positive[3:5]),
            right=cx.Norton(np.minimum(positive[5], 1e300), any_[0]),
            bottom=cx.Grounded(positive[6:8]),
            top=cx.Held(any_[1], positive[8]),
        )
        found = cx.solve(crossbar, any_[2:], extrapolate=True)
    except cx.CircuitxbarError:
        return
    assert found.converged
    assert np.isfinite(found.currents).all()
    assert not np.isnan(found.power_split.cells)
    # The circuit on its own knows no line potentials: it may be refused where the array is not.
    with contextlib.suppress(cx.SolverError):
        point = cx.operating_point(crossbar.circuit(any_[2:]))
        assert (point.residual <= np.maximum(1e-9 * point.largest_current, 1e-30)).all()


def test_parts_without_a_fixed_potential_are_named():
    for fields, told in (
        ({"left": cx.Driven(np.inf), "bottom": cx.Floating()}, "'row_0_0' has no path"),
        ({"bottom": cx.Floating(), "left": cx.Norton(0.0, 1e-6)}, "'row_0_0' has no path"),
        ({"conductances": [[0.0, 0.0], [1e-3, 1e-3]], "left": cx.Driven([np.inf, 0])}, "row_0_0"),
        ({"conductances": [[1e-3, 0.0]] * 2, "bottom": cx.Grounded([0, np.inf])}, "column_0_1"),
        ({"wires": cx.Wires(np.inf, 1.0), "conductances": [[0.0, 1e-3]] * 2}, "'row_0_0' has no"),
        ({"wires": cx.Wires(np.inf, np.inf)}, "'row_0_0' has no path .*elements: cell_0_0; 7 more"),
    ):
        crossbar = cx.Crossbar(fields.pop("conductances", PAIR), **fields)
        voltages = [0.1, 0.2] if crossbar.drives_rows else None
        for engine in ("nodal", "ngspice"):
            with pytest.raises(cx.CircuitError, match=told):
                cx.solve(crossbar, voltages, engine=engine)
        with pytest.raises(cx.CircuitError, match=told):
            cx.write_spice(crossbar.circuit(voltages))
    still_right()


def test_loops_of_ideal_sources_are_named():
    ideal = cx.Wires(0, 0)
    for fields in (
        {"right": cx.Driven()},
        {"right": cx.Held(0.1)},
        {"top": cx.Grounded()},
        {"conductances": np.full((2, 2), np.inf)},
        {"conductances": [[np.inf, 1e-3], [np.inf, 1e-3]], "bottom": cx.Grounded(1.0)},
    ):
        crossbar = cx.Crossbar(fields.pop("conductances", PAIR), wires=ideal, **fields)
        for engine in ("nodal", "ngspice"):
            with pytest.raises(cx.CircuitError, match=r"'source_\w+' closes a loop with 'source_"):
                cx.solve(crossbar, [0.1, 0.1], engine=engine)
    # A resistance anywhere in the loop makes it a circuit.
    assert cx.solve(cx.Crossbar(PAIR, wires=ideal, top=cx.Grounded(1.0)), [0.1, 0.1]).converged


def test_a_missing_ngspice_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "none.so"))
    for call in (
        lambda: cx.solve(GOOD, [0.1, 0.2], engine="ngspice"),
        lambda: cx.operating_point(CIRCUIT, "ngspice"),
        lambda: cx.compare(GOOD, [0.1, 0.2], engines=["nodal", "ngspice"]),
    ):
        with pytest.raises(cx.SolverError, match=r"ngspice is not installed.*apt-get install"):
            call()
    assert list(cx.compare(GOOD, [0.1, 0.2]).solutions).count("ngspice") == 0
    still_right()
    monkeypatch.undo()
    assert cx.solve(GOOD, [0.1, 0.2], engine="ngspice").currents == pytest.approx(ANSWER)
