"""An array as seen from its ports: in place of the whole array it changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import circuitxbar as cx
from circuitxbar.errors import CircuitError

R, V = cx.Resistor, cx.VoltageSource
LOAD = 20.0  # ohm, at the columns without an amplifier


def array(size: int, device: str = "linear") -> tuple[cx.Crossbar, np.ndarray]:
    rng = np.random.default_rng(size)
    conductances = rng.uniform(1e-6, 1e-4, (size, size))
    crossbar = cx.Crossbar(conductances, device, wires=cx.Wires(1.3, 0.7), bottom=cx.Grounded(LOAD))
    return crossbar, rng.uniform(0.0, 0.4, size)


def with_amplifiers(circuit: cx.Circuit, columns: tuple[int, ...]) -> cx.Circuit:
    """Inverting amplifiers of finite gain and output resistance at the nodes in_k."""
    for k in columns:
        circuit = circuit.add(
            cx.VoltageControlledVoltageSource(f"gain_{k}", f"drive_{k}", "0", "0", f"in_{k}", 300),
            R(f"output_{k}", f"drive_{k}", f"out_{k}", 75.0),
            R(f"feedback_{k}", f"out_{k}", f"in_{k}", 2e3),
            R(f"load_{k}", f"out_{k}", "0", 1e4),
        )
    return circuit


def flat(crossbar: cx.Crossbar, voltages: np.ndarray, columns: tuple[int, ...]) -> cx.Circuit:
    """The whole array, its rows driven, and amplifiers at some of its columns."""
    rows, count = crossbar.shape
    pins = {f"row_{i}_left": f"v_{i}" for i in range(rows)}
    others = [j for j in range(count) if j not in columns]
    pins |= {f"column_{j}_bottom": f"end_{j}" for j in others}
    pins |= {f"column_{j}_bottom": f"in_{j}" for j in columns}
    sources = [V(f"source_{i}", f"v_{i}", "0", float(v)) for i, v in enumerate(voltages)]
    loads = [R(f"end_{j}", f"end_{j}", "0", LOAD) for j in others]
    circuit = cx.Circuit().add(*sources, *loads).instance("x1", crossbar.subcircuit(), **pins)
    return with_amplifiers(circuit, columns)


@pytest.mark.parametrize(("size", "columns"), [(16, (0, 3, 7, 15)), (64, (0, 7, 31, 63))])
def test_amplifiers_see_a_few_elements_as_they_see_the_whole_array(size: int, columns):
    crossbar, voltages = array(size)
    ports = [f"column_{k}_bottom" for k in columns]
    seen = cx.norton(crossbar, voltages, ports)
    assert seen.exact
    assert seen.ports == tuple(ports)
    pins = {port: f"in_{k}" for port, k in zip(ports, columns, strict=True)}
    small = with_amplifiers(cx.Circuit().instance("x1", seen.subcircuit(), **pins), columns)
    assert small.node_count == 1 + 3 * len(columns)
    ours, whole = cx.operating_point(small), cx.operating_point(flat(crossbar, voltages, columns))
    for k in columns:
        for node in (f"in_{k}", f"out_{k}"):
            np.testing.assert_allclose(ours.voltage(node), whole.voltage(node), rtol=1e-12)
    assert abs(whole.voltage("in_0")) > 1e-4  # the ports are not at 0 V


def test_any_ends_are_ports_and_take_the_place_of_what_terminates_them():
    """Against solves in which the ports are held at voltages, with wires and offsets."""
    rng = np.random.default_rng(1)
    crossbar = cx.Crossbar(
        rng.uniform(1e-6, 1e-4, (3, 4)),
        wires=cx.Wires(11.0, 7.0),
        left=cx.Driven([5.0, 50.0, 500.0]),
        bottom=cx.Grounded([1.0, 2.0, 3.0, 4.0]),
        top=cx.Held(0.1, [np.inf, 10.0, 20.0, 30.0]),
    )
    voltages = np.array([0.1, 0.2, 0.3])
    ports = ("row_1_left", "column_2_bottom", "column_0_top", "row_2_right")
    seen = cx.norton(crossbar, voltages, ports)
    at = np.array([0.05, -0.07, 0.11, 0.02])
    held = cx.Crossbar(
        crossbar.conductances,
        wires=crossbar.wires,
        left=cx.Held([0.1, at[0], 0.3], [5.0, 0.0, 500.0]),
        bottom=cx.Held([0.0, 0.0, at[1], 0.0], [1.0, 2.0, 0.0, 4.0]),
        top=cx.Held([at[2], 0.1, 0.1, 0.1], [0.0, 10.0, 20.0, 30.0]),
        right=cx.Held([0.0, 0.0, at[3]], [np.inf, np.inf, 0.0]),
    )
    out = cx.solve(held).terminal_currents
    wanted = [out.left[1], out.bottom[2], out.top[0], out.right[2]]
    np.testing.assert_allclose(seen.currents - seen.conductances @ at, wanted, rtol=1e-12)
    np.testing.assert_allclose(seen.conductances, seen.conductances.T, rtol=1e-12)


def transistors() -> tuple[cx.Crossbar, dict]:
    rng = np.random.default_rng(5)
    crossbar = cx.Crossbar(
        rng.uniform(1e-6, 1e-4, (4, 3)),
        "sinh",
        transistor="ekv_transistor",
        wires=cx.Wires(5.0, 3.0),
        right=cx.Grounded(1e5),
    )
    return crossbar, {"gates": 1.2}


@pytest.mark.parametrize("kind", ["sinh", "sinh, large", "transistors"])
def test_cells_that_are_not_linear_are_linearised_with_the_ports_at_0_volt(kind: str):
    if kind == "transistors":
        crossbar, given = transistors()
    else:
        crossbar, _ = array(64 if "large" in kind else 6, "sinh")
        given = {}
    voltages = np.linspace(0.1, 0.4, crossbar.shape[0])
    ports = ("column_0_bottom", "column_2_bottom")
    seen = cx.norton(crossbar, voltages, ports, **given)
    assert not seen.exact

    def currents(at: list[float]) -> np.ndarray:
        resistance = np.full(crossbar.shape[1], crossbar.bottom.resistance)  # pyright: ignore
        level = np.zeros(crossbar.shape[1])
        resistance[[0, 2]], level[[0, 2]] = 0.0, at
        held = cx.Crossbar(
            crossbar.conductances,
            crossbar.device,
            transistor=crossbar.transistor,
            wires=crossbar.wires,
            right=crossbar.right,
            bottom=cx.Held(level, resistance),
        )
        return cx.solve(held, voltages, **given, rtol=1e-11).terminal_currents.bottom[[0, 2]]

    np.testing.assert_allclose(seen.currents, currents([0.0, 0.0]), rtol=1e-11)
    h = 1e-4
    columns = [
        (currents([-h, 0.0]) - currents([h, 0.0])) / (2 * h),
        (currents([0.0, -h]) - currents([0.0, h])) / (2 * h),
    ]
    scale = np.abs(seen.conductances).max()
    np.testing.assert_allclose(
        seen.conductances, np.stack(columns, axis=1), rtol=1e-6, atol=1e-7 * scale
    )


def test_the_elements_are_named_after_the_numbers_of_the_ports():
    crossbar, voltages = array(4)
    seen = cx.norton(crossbar, voltages, ["column_1_bottom", "row_0_right"])
    sub = seen.subcircuit("small")
    assert sub.pins == ("column_1_bottom", "row_0_right")
    group, place = sub.circuit.element("g_1_0")
    assert group.values[place] == seen.conductances[1, 0]
    group, place = sub.circuit.element("i_1")
    assert group.values[place] == seen.currents[1]


def test_wrong_ports_are_refused():
    crossbar, voltages = array(4)
    with pytest.raises(CircuitError, match=r"no line end 'column_4_bottom'\. Did you mean column_"):
        cx.norton(crossbar, voltages, ["column_4_bottom"])
    with pytest.raises(CircuitError, match="no line end 'row_0_bottom'"):
        cx.norton(crossbar, voltages, ["row_0_bottom"])
    with pytest.raises(CircuitError, match="'column_0_bottom' is named twice"):
        cx.norton(crossbar, voltages, ["column_0_bottom", "column_0_bottom"])
    with pytest.raises(CircuitError, match="expected names of line ends"):
        cx.norton(crossbar, voltages, "column_0_bottom")
    with pytest.raises(CircuitError, match="there are 2 vectors"):
        cx.norton(crossbar, np.stack([voltages, voltages]), ["column_0_bottom"])
    norton = cx.Crossbar(crossbar.conductances, bottom=cx.Norton(1e-3, 0.0))
    with pytest.raises(CircuitError, match="bottom ends are Norton"):
        cx.norton(norton, voltages, ["column_0_bottom"])
