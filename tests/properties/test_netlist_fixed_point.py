"""Written, read and written again, a netlist is the same text, and its circuit the same circuit."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import circuitxbar as cx
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device, device_names
from circuitxbar.netlist.reader import read_deck

DECKS = sorted((Path(cx.__file__).parents[1] / "tests" / "decks").glob("*.cir"))
WIRES = cx.Wires(1.0, 2.0)


def same_again(text: str) -> cx.Circuit:
    """The circuit of `text`, which it gives again."""
    read = cx.read_spice(text)
    assert cx.write_spice(read) == text
    return read


def without_comments(text: str) -> str:
    """Comments, such as which nodes a written one stands for, are not read."""
    title, *lines = text.splitlines(keepends=True)
    return title + "".join(line for line in lines if not line.startswith("*"))


# ---------------------------------------------------------------- the library


def crossbar_of(model: Device, **options) -> tuple[cx.Crossbar, np.ndarray | None]:
    """A small array of this device, as what it can be, and the voltages of its gates."""
    low, high = model.valid.get("g", (1e-6, 1e-4))
    g = np.geomspace(max(low, high / 1e3), high, 6).reshape(2, 3)
    if len(model.terminals) == 3:
        return cx.Crossbar(g, transistor=model, **options), np.array([1.1, 0.9])
    if not model.uses_conductance:
        return cx.Crossbar(g, selector=model, **options), None
    if "conductance" in model.laws:
        state = next(iter(model.states))
        span = model.states[state].range
        states = {state: np.linspace(*span, 8)[1:-1].reshape(2, 3)}
        return cx.Crossbar(device=model, states=states, **options), None
    return cx.Crossbar(g, device=model, **options), None


@pytest.mark.parametrize("name", device_names())
@pytest.mark.parametrize("temperature", [300.15, 330.0])
def test_arrays_of_every_device(name: str, temperature: float):
    ends = {"left": cx.Driven([3.0, 5.0]), "right": cx.Held(0.01, 4.0), "bottom": cx.Grounded(2.0)}
    crossbar, gates = crossbar_of(device(name), wires=WIRES, temperature=temperature, **ends)
    circuit = crossbar.circuit([0.1, -0.05], gates=gates)
    text = cx.write_spice(circuit)
    assert name in text or device(name).is_linear
    read = same_again(text)
    ours = cx.operating_point(circuit, extrapolate=True)
    again = cx.operating_point(read, extrapolate=True)
    scale = np.abs(ours.voltages).max()
    for node in circuit.nodes:
        assert again.voltage(node) == pytest.approx(ours.voltage(node), rel=1e-9, abs=1e-10 * scale)


def test_values_of_each_cell_and_of_two_devices_of_one_name():
    crossbar = cx.Crossbar(
        [[1e-5, 2e-5], [1e-5, 1e-5]],
        device("sinh", v0=0.3),
        parameters={"v0": [[0.25, 0.3], [0.2, 1 / 3]]},
        wires=WIRES,
    )
    circuit = crossbar.circuit([0.1, 0.2]).add(
        cx.DeviceElement("xextra", ("row_0_left", "0"), "sinh", 1e-5, {"v0": 0.3}),
    )
    text = cx.write_spice(circuit)
    assert len({line.split()[1] for line in text.splitlines() if line.startswith(".subckt")}) == 2
    same_again(text)


def test_joined_nodes_are_told_of_in_comments_alone():
    text = cx.write_spice(cx.Crossbar([[1e-5, np.inf], [0.0, 1e-4]], "sinh").circuit([0.1, 0.2]))
    assert "* node" in text
    same_again(without_comments(text))
    assert cx.write_spice(cx.read_spice(text)) == without_comments(text)


# ---------------------------------------------------------------- decks


@pytest.mark.parametrize("path", DECKS, ids=lambda path: path.stem)
def test_decks(path: Path):
    deck = read_deck(path)
    at_rest = not any(getattr(analysis, "use_initial", False) for analysis in deck.analyses)
    analysis = ".op" if at_rest else ".tran 1e-9 1e-6 uic"
    text = cx.write_spice(deck.circuit, analysis=analysis)
    assert cx.write_spice(cx.read_spice(text), analysis=analysis) == text


def test_the_parameters_of_a_block_stay_though_its_law_is_free_of_them():
    text = cx.write_spice(cx.read_spice(
        "t\n.param unit=2\n.subckt cell top low a={3*unit} b=1 spare=7\n.param twice={2*b}\n"
        "bx low 0 i={twice}*v(top,low)+{a}*v(low)**2\n.ends\n"
        "v1 p 0 1\nx1 p q cell\nx2 p q cell b=2\nr1 q 0 1k\n"
    ))  # fmt: skip
    header = ".subckt cell low top a=6.0 b=1.0 spare=7.0 twice=2.0"
    assert header in text.splitlines()
    assert "x2 q p cell b=2.0 twice=4.0" in text.splitlines()
    same_again(text)


# ---------------------------------------------------------------- random circuits

NODES = ["0", "a", "b", "c", "n1.x"]
NUMBER = st.one_of(
    st.sampled_from([1.0, -1.0, 0.5, 1 / 3, -2 / 7, 1e-9, 123456789.123]),
    st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda x: abs(x) > 1e-12),
)
SIZE = NUMBER.map(abs)
NAMED = [""] * 3 + ["cell_", "x1.", "x1.y2."]
DIODES = [cx.ModelCard("dm", "d", {"is": 1e-14}), cx.ModelCard("dm", "d", {"is": 2e-14, "rs": 1.0})]
NPN = cx.ModelCard("qn", "npn", {"bf": 80.0})
FETS = [
    cx.ModelCard("nm", "nmos", {"level": 1, "vto": 0.5}),
    cx.ModelCard("far", "pmos", {"level": 54.0, "version": 4.5}),
]
DEVICES = ["sinh", "cubic", "poole_frenkel"]
LAWS = [
    "k * x",
    "k * x**2",
    "x * abs(x) - k",
    "where(x > k, x, tanh(y))",
    "x * exp(y / k) + sqrt(abs(k * x)) * 0.3333333333333333",
    "k * abs(x)**2.5 + y**3",
    "time * x + i",
]


@st.composite
def functions(draw):
    return draw(
        st.sampled_from(
            [
                None,
                cx.Pulse(0.0, draw(NUMBER), 1e-6, 1e-7, 1e-7, 3e-6, 1e-5),
                cx.Sine(draw(NUMBER), 1.0, 1e3, 0.0, 10.0, 30.0),
                cx.Exponential(0.0, draw(NUMBER), 1e-6, 1e-6, 3e-6, 1e-6),
                cx.Waveform([0.0, 1e-6, 2e-6], [0.0, draw(NUMBER), 1.0]),
            ]
        )
    )


@st.composite
def elements(draw, name: str, spelled: bool):
    """An element of any kind that stands between nodes which resistors lead to ground from."""

    def called(letter: str) -> str:
        return f"{prefix}{letter if spelled else ''}{name}"

    prefix = draw(st.sampled_from(NAMED))
    if spelled and prefix == "cell_":
        prefix = ""
    first, second, third, fourth = (draw(st.sampled_from(NODES)) for _ in range(4))
    kind = draw(st.sampled_from("RCLVIEGFHBBBSWDMQX"))
    new = f"{name}_new"  # of its own: what fixes a voltage is in no loop of such
    own = called(kind.lower())
    number, size, closed = draw(NUMBER), draw(SIZE), draw(st.booleans())
    initial = draw(st.one_of(st.none(), NUMBER))
    match kind:
        case "R":
            return cx.Resistor(own, first, second, size)
        case "C":
            return cx.Capacitor(own, first, second, size, initial)
        case "L":
            return cx.Inductor(own, new, second, size, initial)
        case "V":
            amplitude = draw(st.sampled_from([0.0, 1.0, 1 / 3, -2.0, 1j, 0.3 - 0.4j]))
            return cx.VoltageSource(own, new, second, number, draw(functions()), amplitude)
        case "I":
            return cx.CurrentSource(own, first, second, number, draw(functions()))
        case "E":
            return cx.VoltageControlledVoltageSource(own, new, second, third, fourth, number)
        case "G":
            return cx.VoltageControlledCurrentSource(own, first, second, third, fourth, number)
        case "F":
            return cx.CurrentControlledCurrentSource(own, first, second, "vs", number)
        case "H":
            return cx.CurrentControlledVoltageSource(own, new, second, "vs", number)
        case "B":
            law, block = draw(st.sampled_from(LAWS)), draw(st.booleans())
            currents = {"i": "vs"} if "i" in law.split() else {}
            # A voltage between a node and itself is read as the number that it is.
            first, second, third, fourth = draw(st.permutations(NODES))[:4]
            voltages = {"x": (first, second), "y": (third, fourth)}
            voltages = {name: voltages[name] for name in voltages if name in re.split(r"\W", law)}
            if block and not currents:
                pins = ("p", "n", "p", "n", "c1", "c2")[: 2 + 2 * len(voltages)]
                names = draw(st.sampled_from([None, pins]))
                if "0" in (first, second, third, fourth):
                    names = None
                own = called("x")
                return cx.BehaviouralSource(
                    own, first, second, current=law, voltages=voltages,
                    parameters={"k": number, "unused": size}, law_name=f"law{LAWS.index(law)}",
                    law_pins=names, law_defaults={"k": 0.5} if closed else None,
                )  # fmt: skip
            # Written out, its numbers stand in the text, as a law has them in the fewest letters.
            digits = repr(int(number) if number.is_integer() else number)
            law = re.sub(r"\bk\b", f"({digits})", law)
            if draw(st.booleans()):
                return cx.BehaviouralSource(own, new, second, law, None, voltages, currents)
            return cx.BehaviouralSource(own, first, second, None, law, voltages, currents)
        case "S":
            return cx.Switch(own, first, second, third, fourth, number, size, 1.0, 1e9, closed)
        case "W":
            return cx.CurrentSwitch(own, first, second, "vs", number, size, 1.0, 1e9, closed)
        case "D":
            return cx.Diode(own, first, second, draw(st.sampled_from(DIODES)), size)
        case "M":
            card = draw(st.sampled_from(FETS))
            return cx.Mosfet(own, first, second, third, fourth, card, size, 1e-6, size)
        case "Q":
            return cx.Bipolar(own, first, second, third, NPN, size)
    own_device = draw(st.sampled_from(DEVICES))
    return cx.DeviceElement(own, (first, second), own_device, 2e-5, None, 300.15 + closed)


@st.composite
def circuits(draw):
    """Elements of all kinds on nodes that resistors hold; with spelled names or any."""
    spelled = draw(st.booleans())
    held = [cx.VoltageSource("vs", "a", "0", 0.5)]
    held += [cx.Resistor(f"r_{n}", node, "0", 1e3) for n, node in enumerate(NODES[1:])]
    drawn = [draw(elements(f"{k}", spelled)) for k in range(draw(st.integers(1, 12)))]
    loads = [
        cx.Resistor(f"rload_{k}", f"{k}_new", "0", 50.0)
        for k, element in enumerate(drawn)
        if f"{k}_new" in vars(element).values()
    ]
    return cx.Circuit("random").add(*held, *drawn, *loads)


@given(circuits())
def test_random_circuits(circuit: cx.Circuit):
    text = cx.write_spice(circuit)
    same_again(text)
