"""Netlist text: the same to the byte, every number exact, and a circuit ngspice agrees with."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from unit.netlist_lines import deck, element_lines

import circuitxbar as cx
from circuitxbar.circuit.elements import DeviceElement
from circuitxbar.ngspice.runner import run

PACKAGE = Path(cx.__file__).parents[1]
R, V, I = cx.Resistor, cx.VoltageSource, cx.CurrentSource  # noqa: E741

_SCRIPT = """
import hashlib, numpy as np, circuitxbar as cx
rng = np.random.default_rng(5)
wires = cx.Wires(np.where(rng.uniform(size=(4, 6)) < 0.3, 0.0, 2.5), 0.0)
g = rng.uniform(1e-6, 1e-3, (4, 5))
g[1, 2], g[0, 3] = np.inf, 0.0
crossbar = cx.Crossbar(g, wires=wires, left=cx.Driven(10.0), right=cx.Held(0.1, 3.0))
sub = crossbar.subcircuit()
text = cx.write_spice(crossbar.circuit(rng.uniform(size=(3, 4)))) + cx.write_spice(sub)
text += cx.write_spice(cx.Circuit().instance("x", sub, **{pin: "0" for pin in sub.pins}))
steep = rng.uniform(0.1, 1.0, (4, 5))
cells = cx.Crossbar(g, device="sinh", selector="diode", parameters={"v0": steep})
text += cx.write_spice(cells.circuit(rng.uniform(size=(3, 4)))) + cx.write_spice(cells.subcircuit())
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_a_small_deck_in_full():
    crossbar = cx.Crossbar([[1e-3, 0.0]], wires=cx.Wires(0.5, [0.0, 2.0]), left=cx.Driven(50.0))
    lines = cx.write_spice(crossbar.circuit([0.1])).splitlines()
    assert lines[0] == "* crossbar 1 x 2"
    options = [line for line in lines if line.startswith(".options")]
    rest = [line for line in lines if line not in options]
    assert rest[1:] == [
        "* node column_0_0 is also column_0_bottom",
        "rcell_0_0 row_0_0 column_0_0 1000.0",
        "rrowwire_0_0 row_0_left row_0_0 0.5",
        "rrowwire_0_1 row_0_0 row_0_1 0.5",
        "rcolumnwire_1_1 column_0_1 column_1_bottom 2.0",
        "rtermination_row_0_left row_0_left row_0_left_source 50.0",
        "vsource_row_0_left row_0_left_source 0 0.1",
        "vsource_column_0_bottom column_0_0 0 0.0",
        "vsource_column_1_bottom column_1_bottom 0 0.0",
        ".op",
        ".end",
    ]


def test_lines_end_in_a_newline_and_nothing_else():
    crossbar = cx.Crossbar(np.full((3, 3), 1e-3), wires=cx.Wires(0, 0))
    for text in (
        cx.write_spice(crossbar.circuit(np.ones((9, 3)))),
        cx.write_spice(crossbar.subcircuit()),
    ):
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert text.isascii()
        assert set(text) - set("\n") == {c for c in text if c.isprintable()}


def test_the_text_does_not_depend_on_the_process():
    answers = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(PACKAGE)}
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, check=True
        )
        answers.add(done.stdout.strip())
    assert len(answers) == 1
    assert len(answers.pop()) == len(hashlib.sha256().hexdigest())


def test_every_number_reads_back_to_the_same_double():
    rng = np.random.default_rng(6)
    odd = [0.1, 1 / 3, 5e-324, np.pi * 1e-200, 1e22, 123456789012345680.0, 2**-1074, -0.0]
    values = [*odd, *rng.uniform(-1, 1, 40), *10 ** rng.uniform(-30, 30, 40)]
    circuit = cx.Circuit().add(
        *(V(f"a{k}", f"n{k}", "0", v) for k, v in enumerate(values)),
        *(I(f"b{k}", "0", f"n{k}", v) for k, v in enumerate(values)),
        *(R(f"c{k}", f"n{k}", "0", abs(v)) for k, v in enumerate(values) if abs(v) > 1e-300),
    )
    for name, _, _, text in element_lines(cx.write_spice(circuit)):
        value = values[int(name[2:])]
        want = abs(value) if name[0] == "r" else value
        assert float(text).hex() == float(want).hex()
        assert not re.search(r"[a-df-z]", text)  # no suffix; SPICE reads "e" as the exponent


def test_joined_nodes_have_one_name_and_a_comment_lists_the_others():
    circuit = cx.Circuit().add(
        V("s", "a", "0", 1.0),
        R("z1", "b", "a", 0.0),
        R("z2", "b", "c", 0.0),
        R("z3", "d", "0", 0.0),
        R("load", "c", "d", 5.0),
    )
    text = cx.write_spice(circuit)
    assert "* node a is also b c\n" in text
    assert "* node 0 is also d\n" in text
    assert element_lines(text) == [["vs", "a", "0", "1.0"], ["rload", "a", "0", "5.0"]]


def test_open_elements_are_left_out():
    circuit = cx.Circuit().add(V("s", "a", "0", 1.0), R("open", "a", "0", np.inf))
    assert element_lines(cx.write_spice(circuit)) == [["vs", "a", "0", "1.0"]]


def test_a_batch_becomes_one_sweep_over_tables():
    crossbar = cx.Crossbar(
        [[1e-3], [2e-3]], left=cx.Driven(3.0), right=cx.Norton(1e-3, [1e-6, 2e-6])
    )
    voltages = np.array([[0.1, 1 / 3], [-0.2, 1e-300], [0.3, -5.0]])
    text = cx.write_spice(crossbar.circuit(voltages))
    assert ".op" not in text.splitlines()
    assert ".dc vvector_index 0 2 1" in text.splitlines()
    lines = {fields[0]: fields[1:] for fields in element_lines(text)}
    assert lines["vvector_index"] == ["vector_index", "0", "0"]
    for i in range(2):
        first, second, *table = lines[f"bsource_row_{i}_left"]
        assert (first, second) == (f"row_{i}_left_source", "0")
        numbers = re.fullmatch(r"v=pwl\(v\(vector_index\),(.*)\)", "".join(table))
        assert numbers is not None
        points = np.array([float(x) for x in numbers[1].split(",")]).reshape(-1, 2)
        for k, wanted in enumerate(voltages[:, i]):
            before, after = points[points[:, 0] <= k][-1], points[points[:, 0] >= k][0]
            assert before[1] == after[1] == wanted
    # What does not change in the batch stays a plain source.
    assert lines["isource_row_1_right"] == ["0", "row_1_right", "2e-06"]
    single = cx.write_spice(crossbar.circuit(voltages[:1]))
    assert ".op" in single.splitlines()
    assert "pwl" not in single


@pytest.mark.parametrize("column", [2.0, 0.0])
@pytest.mark.parametrize("row", [3.0, 0.0])
def test_a_subckt_block_works_in_a_deck_written_by_hand(row: float, column: float):
    """The same numbers from a hand-written deck with `x` lines as from Circuit.instance."""
    rng = np.random.default_rng(7)
    g = rng.uniform(1e-4, 1e-3, (2, 3))
    g[0, 1], g[1, 2] = 0.0, np.inf
    sub = cx.Crossbar(g, wires=cx.Wires(row, column), right=cx.Driven()).subcircuit("tile")
    pins = dict(zip(sub.pins, ["p", "q", "r", "s", "t", "u", "w"], strict=True))
    loads = dict(zip("rstuw", (500.0, 600.0, 70.0, 80.0, 90.0), strict=True))
    circuit = cx.Circuit().add(V("one", "p", "0", 0.7), R("two", "q", "p", 55.0))
    circuit = circuit.add(*(R(f"load_{n}", n, "0", value) for n, value in loads.items()))
    circuit = circuit.instance("1", sub, **pins)
    point = cx.operating_point(circuit)
    text = deck(
        cx.write_spice(sub),
        "vone p 0 0.7",
        "rtwo q p 55.0",
        *(f"rload_{n} {n} 0 {value}" for n, value in loads.items()),
        f"x1 {' '.join(pins.values())} tile",
    )
    answer = run(text)
    for node in "pqrstuw":
        assert answer.vectors[node][0] == pytest.approx(point.voltage(node), rel=1e-11)
    assert answer.vectors["vone#branch"][0] == pytest.approx(point.current("one"), rel=1e-10)


def test_two_copies_of_a_subckt_do_not_touch():
    sub = cx.Crossbar([[1e-3]], wires=cx.Wires(0, 0)).subcircuit("cell")
    text = deck(
        cx.write_spice(sub), "v1 a 0 1", "x1 a b cell", "rb b 0 1000", "x2 a c cell", "rc c 0 3000"
    )
    vectors = run(text).vectors
    assert vectors["b"][0] == pytest.approx(0.5, rel=1e-12)
    assert vectors["c"][0] == pytest.approx(0.75, rel=1e-12)


def test_pins_that_zero_resistance_joins_stay_pins():
    """Two pins on one net, one pin at ground, and a pin that bears its own name."""
    inner = cx.Circuit().add(
        R("z1", "a", "b", 0.0), R("z2", "c", "0", 0.0), R("k", "a", "0", 100.0), R("l", "d", "c", 5)
    )
    pins = {"p": inner.node("a"), "q": inner.node("b"), "c": inner.node("c"), "d": inner.node("d")}
    sub = cx.SubCircuit("joint", inner, pins)
    outer = cx.Circuit().add(V("s", "in", "0", 1.0), R("m", "mid", "0", 100.0))
    outer = outer.add(R("n", "g", "in", 10.0), R("o", "e", "in", 15.0))
    outer = outer.instance("1", sub, p="in", q="mid", c="g", d="e")
    assert "* node 0 is also c\n* node p is also a b\n" in cx.write_spice(sub)
    point = cx.operating_point(outer)
    # in is mid: 100 ohm inside and 100 ohm outside; g is ground: 10 ohm; 15 + 5 ohm.
    assert point.current("s") == pytest.approx(-(0.01 + 0.01 + 0.1 + 0.05), rel=1e-13)
    text = deck(
        cx.write_spice(sub),
        "vs in 0 1.0",
        "rm mid 0 100",
        "rn g in 10",
        "ro e in 15",
        "x1 in mid g e joint",
    )
    assert run(text).vectors["vs#branch"][0] == pytest.approx(point.current("s"), rel=1e-11)


def test_a_subckt_block_cannot_hold_a_batch():
    batch = cx.Crossbar([[1e-3]]).circuit([[0.1], [0.2]])
    with pytest.raises(cx.NetlistError, match="'s' holds a batch"):
        cx.write_spice(cx.SubCircuit("s", batch, {"p": 1}))


def test_what_has_no_unique_solution_is_not_written():
    floating = cx.Circuit().add(R("a", "x", "y", 1.0))
    with pytest.raises(cx.CircuitError, match="node 'x' has no path to a fixed potential"):
        cx.write_spice(floating)
    loop = cx.Circuit().add(V("a", "x", "0", 1.0), V("b", "x", "0", 1.0))
    with pytest.raises(cx.CircuitError, match="'b' closes a loop with 'a'"):
        cx.write_spice(loop)
    for other in ("hspice", None, ["ngspice"], "NGSPICE"):
        with pytest.raises(cx.NetlistError, match="choose one of ngspice"):
            cx.write_spice(loop, other)  # pyright: ignore[reportArgumentType]
    with pytest.raises(cx.CircuitError, match="not a Circuit or SubCircuit"):
        cx.write_spice("* text")  # pyright: ignore[reportArgumentType]


NAMES = [
    "op",
    "op1",
    "op1.a",
    "x.all",
    "x.temper",
    "0.a",
    "00",
    "000",
    "1e3",
    "1k",
    "e1",
    "v1",
    "r1",
    "a.b",
    "a..b",
    "a.",
    "tran",
    "dc",
    "time",
    "frequency",
    "hertz",
    "temp",
    "pi",
    "e",
    "i",
    "v",
    "yes",
    "no",
    "true",
    "c",
    "boltz",
    "kelvin",
    "vdb",
    "ground",
    "ground.1",
    "gnd1",
    "1.5",
    "2meg",
    "__x",
    "const",
]


@pytest.mark.parametrize("batch", [1, 3])
def test_names_that_could_mean_something_to_ngspice_do_not(batch: int):
    """Every allowed name of a node and of an element keeps its own number."""
    crossbar = cx.Crossbar([[1e-3]])
    circuit = crossbar.circuit(np.linspace(0.1, 0.3, batch)[:, None])
    resistances = dict(zip(NAMES, range(1000, 1000 + 7 * len(NAMES), 7), strict=True))
    for name, value in resistances.items():
        circuit = circuit.add(
            R(name, "row_0_0", name, value), R(f"{name}_", name, f"{name}_", value)
        )
        circuit = circuit.add(V(f"{name}__", f"{name}_", "0", 1e-3))
    ours, theirs = (cx.operating_point(circuit, engine) for engine in ("nodal", "ngspice"))
    for name in NAMES:
        assert theirs.voltage(name) == pytest.approx(ours.voltage(name), rel=1e-10), name
        found, want = theirs.current(f"{name}__"), ours.current(f"{name}__")
        assert found == pytest.approx(want, rel=1e-9), name


@pytest.mark.parametrize("batch", [1, 3])
def test_names_of_nodes_with_laws_mean_nothing_to_ngspice_either(batch: int):
    """Also the parameters and pins of the sub-circuit that holds the law, and its own name."""
    circuit = cx.Crossbar([[1e-3]]).circuit(np.linspace(0.1, 0.3, batch)[:, None])
    names = [*NAMES, "g", "v0", "temperature", "p", "n", "b1", "sinh", "constant0"]
    for k, name in enumerate(names):
        circuit = circuit.add(
            R(f"{name}_", "row_0_0", name, 1e4 * (k + 1)),
            DeviceElement(name, (name, "0") if k % 2 else ("0", name), "sinh", 1e-4, {"v0": 0.1}),
        )
    ours, theirs = (cx.operating_point(circuit, engine) for engine in ("nodal", "ngspice"))
    for name in names:
        assert theirs.voltage(name) == pytest.approx(ours.voltage(name), rel=1e-9), name


def test_decks_run_as_they_are_in_batch_mode(tmp_path):
    """Without a raw file: `ngspice -b deck.cir` alone computes and prints, one vector or many."""
    crossbar = cx.Crossbar([[1e-4, 2e-5], [5e-5, 8e-5]], wires=cx.Wires(2.0, 2.0))
    norton = cx.Crossbar([[1e-4]], left=cx.Driven(5.0), bottom=cx.Norton(1e-3, 0.0))
    sinh = cx.Crossbar([[1e-4, 2e-5], [5e-5, 8e-5]], wires=cx.Wires(2.0, 2.0), device="sinh")
    for k, circuit in enumerate(
        (
            crossbar.circuit([0.1, 0.2]),
            crossbar.circuit([[0.1, 0.2], [0.3, -0.1], [0.2, 0.2]]),
            norton.circuit([[0.1], [0.2]]),
            sinh.circuit([0.1, 0.2]),
            sinh.circuit([[0.1, 0.2], [0.3, -0.1], [0.2, 0.2]]),
        )
    ):
        deck = tmp_path / f"{k}.cir"
        deck.write_text(cx.write_spice(circuit))
        run = subprocess.run(
            ["ngspice", "-b", "-n", deck.name], cwd=tmp_path, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
        if circuit.batch == 3:
            point = cx.operating_point(circuit)
            wanted = np.array([point.current(f"source_column_{j}_bottom") for j in range(2)])
            printed = np.array([float(x) for x in re.findall(r"-?\d\.\d+e[-+]\d+", run.stdout)])
            for current in wanted.ravel():
                assert np.isclose(printed, current, rtol=1e-5, atol=0).any(), current
