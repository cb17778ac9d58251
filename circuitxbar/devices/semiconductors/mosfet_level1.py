"""The field-effect transistor of Shichman and Hodges, level 1 of SPICE, without gate charge."""

from __future__ import annotations

from circuitxbar.devices.semiconductors import mosfet
from circuitxbar.devices.semiconductors.model import Branch, Model, Parameter

LEVEL_1 = Model(
    title="MOSFET level 1",
    source="H. Shichman and D. A. Hodges, IEEE J. Solid-State Circuits 3 (1968) 285, as in the "
    "manual of ngspice 46, MOSFETs",
    terminals=mosfet.TERMINALS,
    inner=mosfet.INNER,
    sizes=mosfet.SIZES,
    parameters={
        "vto": Parameter(0.0, "V", "threshold voltage", low=-1e3, high=1e3, reversing=True),
        "kp": Parameter(2e-5, "A/V^2", "transconductance"),
        "gamma": Parameter(0.0, "V^0.5", "effect of the bulk on the threshold"),
        "phi": Parameter(0.6, "V", "surface potential", low=1e-3),
        "lambda": Parameter(0.0, "1/V", "channel length modulation"),
        **mosfet.PARAMETERS,
    },
    aliases={"vt0": "vto", "uo": "u0", "tref": "tnom"},
    # The last four count together with tox alone.
    idle=mosfet.IDLE | {"u0", "tpg", "nss", "nsub"},
    only={"level": 1.0, "tnom": 27.0, "tox": 0.0, "rsh": 0.0, "nlev": 2.0, "gdsnoi": 1.0},
    voltages=mosfet.VOLTAGES,
    definitions=(
        *mosfet.DEFINITIONS,
        # Drain and source are exchanged below 0 V.
        ("v", "where(v_ds >= 0, v_ds, -v_ds)"),
        ("v_gate", "where(v_ds >= 0, v_gs, v_gs - v_ds)"),
        ("v_bulk", "where(v_ds >= 0, v_bs, v_bs - v_ds)"),
        (
            "root",
            "where(v_bulk <= 0, sqrt(phi - v_bulk), max(0, sqrt(phi) - v_bulk / (2 * sqrt(phi))))",
        ),
        ("above", "v_gate - vto - gamma * (root - sqrt(phi))"),
        ("channel", "where(above <= v, above * above / 2, v * (above - v / 2))"),
        (
            "drain",
            "where(above <= 0, 0, kp * m * w / length * (1 + lambda_ * v) * channel)",
        ),
    ),
    resistances=mosfet.RESISTANCES,
    capacitances=mosfet.CAPACITANCES,
    branches=(
        Branch(
            "channel",
            ("drain_inside", "source_inside"),
            "where(v_ds >= 0, drain, -drain)",
            # Of a saturated channel; ngspice has it below saturation, too (nlev 2).
            noise=f"8 / 3 * q * vt * abs(by_v_gs) + {mosfet.flicker('by_v_gs')}",
        ),
        *mosfet.JUNCTIONS,
    ),
    reversed_types=frozenset(["pmos"]),
    completed=mosfet.check_length,
)
