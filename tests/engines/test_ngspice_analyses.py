"""What holds in every analysis that ngspice makes of a Circuit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from engines.by_ngspice import ac, dc_sweep, transient

import circuitxbar as cx
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import DeviceElement, Diode
from circuitxbar.circuit.group import ModelCard
from circuitxbar.errors import NetlistError
from circuitxbar.ngspice.engine import operating_point

R, V = cx.Resistor, cx.VoltageSource


def test_library_devices_in_every_analysis():
    circuit = Circuit().add(
        V("v1", "a", "0", 0.4, ac=1.0), DeviceElement("xcell", ("a", "0"), "sinh", 1e-4)
    )
    scale = 0.25
    current = -1e-4 * scale * math.sinh(0.4 / scale)
    assert operating_point(circuit).current("v1") == pytest.approx(current, rel=1e-11)
    values = np.array([-0.4, 0.1, 0.4])
    swept = dc_sweep(circuit, "v1", values)
    wanted = -1e-4 * scale * np.sinh(values / scale)
    np.testing.assert_allclose(swept.current("v1"), wanted, rtol=1e-10)
    assert (swept.residual < 1e-13).all()
    slope = ac(circuit, [1.0, 2.0, 3.0]).current("v1")
    np.testing.assert_allclose(slope, -1e-4 * math.cosh(0.4 / scale), rtol=1e-9)
    moved = transient(circuit, 1e-6).current("v1")
    np.testing.assert_allclose(moved, current, rtol=1e-9)


def test_a_hostile_title_stays_a_title():
    circuit = Circuit("`touch here` *#shell").add(
        V("v1", "a", "0", 1.0, ac=1.0), R("r1", "a", "0", 1e3)
    )
    assert ac(circuit, [1.0]).circuit is circuit
    assert transient(circuit, 1e-6).voltage("a") == pytest.approx(1.0)
    assert dc_sweep(circuit, "v1", [3.0]).voltage("a") == pytest.approx([3.0])
    card = ModelCard("dm", "d", {"is=1e-14\n.include x": 1.0})
    hostile = circuit.add(Diode("d1", "a", "0", card))
    with pytest.raises(NetlistError, match="is no parameter"):
        transient(hostile, 1e-6)
