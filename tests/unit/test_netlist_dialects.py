"""The same circuits in the text of other simulators."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.netlist_lines import DIODE, lines

import circuitxbar as cx
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Capacitor,
    CurrentSwitch,
    DeviceElement,
    Diode,
    Switch,
    VoltageControlledVoltageSource,
)
from circuitxbar.circuit.time_functions import Pulse

R, V = cx.Resistor, cx.VoltageSource


def small() -> cx.Circuit:
    """An amplifier, a cell and a junction."""
    return cx.Circuit("small").add(
        V("vin", "in", "0", 0.5, Pulse(0.0, 1.0, 0.0, 1e-9, 1e-9, 1e-6, 2e-6), 1.0),
        VoltageControlledVoltageSource("eamp", "out", "0", "in", "0", 10.0),
        BehaviouralSource(
            "bcell",
            "out",
            "0",
            current="where(x == 0, 0, g * x / exp(abs(x)))",
            voltages={"x": ("out", "0")},
            parameters={"g": 1 / 3},
        ),
        DeviceElement("xcell", ("out", "in"), "sinh", 1e-4),
        Diode("dout", "out", "0", DIODE),
        Capacitor("cout", "out", "0", 1e-12, initial=0.0),
    )


def test_xyce():
    """Expressions stand in braces, and parameters in them by their bare name."""
    assert lines(small(), "xyce", ".tran 1e-9 1e-6") == [
        "* small",
        ".subckt sinh p n params: g=0.0 temperature=300.15 v0=0.25",
        "b1 p n i={(g*v0*sinh(min(max((v(p,n)/v0), -710.0), 710.0)))}",
        ".ends sinh",
        ".model dm d is=1e-14 rs=0.1",
        ".param constant0=0.3333333333333333",
        "vin in 0 0.5 ac 1.0 pulse(0.0 1.0 0.0 1e-09 1e-09 1e-06 2e-06)",
        "eamp out 0 in 0 10.0",
        "bcell out 0 i={((v(out) == 0.0) ? 0.0 : (constant0*v(out)/(abs(v(out)) < 200.0 ? "
        "exp(abs(v(out))) : 2.0*cosh(min(abs(v(out)), 709.0)))))}",
        "xcell out in sinh params: g=0.0001",
        "dout out 0 dm",
        "cout out 0 1e-12 ic=0.0",
        ".options nonlin reltol=1e-8 abstol=1e-15",
        ".options device gmin=1e-20",
        ".tran 1e-9 1e-6",
        ".end",
    ]


def test_ltspice():
    """if() in place of conditions; parameters in braces as in ngspice."""
    text = lines(small(), "ltspice")
    assert text[1:4] == [
        ".subckt sinh p n params: g=0.0 temperature=300.15 v0=0.25",
        "b1 p n i=({g}*{v0}*sinh(min(max((v(p,n)/{v0}), -710.0), 710.0)))",
        ".ends sinh",
    ]
    assert (
        "bcell out 0 i=if((1.0 - abs(sgn(v(out) - 0.0))), 0.0, ({constant0}*v(out)/"
        "if(abs(v(out)) < 200.0, exp(abs(v(out))), 2.0*cosh(min(abs(v(out)), 709.0)))))"
    ) in text
    assert "xcell out in sinh params: g=0.0001" in text
    assert text[-3:] == [
        ".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",
        ".op",
        ".end",
    ]


def test_spectre():
    """SPICE text behind a line that says so; its SPICE has no behavioural sources."""
    with pytest.raises(cx.NetlistError, match=r"'bcell' cannot be written for spectre: .*behav"):
        cx.write_spice(small(), "spectre")
    kept = tuple(g for g in small().groups if g.kind not in ("B", "law"))
    assert lines(replace(small(), groups=kept), "spectre", ".ac dec 10 1 1e6") == [
        "* small",
        "simulator lang=spice",
        ".model dm d is=1e-14 rs=0.1",
        "vin in 0 0.5 ac 1.0 pulse(0.0 1.0 0.0 1e-09 1e-09 1e-06 2e-06)",
        "eamp out 0 in 0 10.0",
        "dout out 0 dm",
        "cout out 0 1e-12 ic=0.0",
        ".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",
        ".ac dec 10 1 1e6",
        ".end",
    ]


def test_a_batch_in_other_dialects():
    circuit = cx.Crossbar([[1e-3]]).circuit([[0.1], [0.2]])
    points = "-0.25,0.1,0.25,0.1,\n+ 0.75,0.2,1.25,0.2"
    node = "row_0_left 0"
    for dialect, table in (
        ("xyce", "{table(v(vector_index)," + points + ")}"),
        ("ltspice", "table(v(vector_index)," + points + ")"),
    ):
        assert f"\nbsource_row_0_left {node} v={table}\n" in cx.write_spice(circuit, dialect)
    with pytest.raises(cx.NetlistError, match="'source_row_0_left' cannot be written for spectre"):
        cx.write_spice(circuit, "spectre")


@pytest.mark.parametrize("dialect", ["xyce", "spectre"])
def test_switches_that_a_dialect_lacks_are_refused(dialect: str):
    for switch in (Switch("s1", "a", "b", "a", "0"), CurrentSwitch("w1", "a", "b", "v1")):
        circuit = cx.Circuit().add(V("v1", "a", "0", 1.0), switch, R("r1", "b", "0", 1.0))
        with pytest.raises(cx.NetlistError, match=f"'{switch.name}' cannot .* for {dialect}"):
            cx.write_spice(circuit, dialect)
