"""The long-channel core of the EKV model, valid from weak to strong inversion; here level 44."""

from __future__ import annotations

from circuitxbar.devices.semiconductors import mosfet
from circuitxbar.devices.semiconductors.model import Branch, Model, Parameter

# 4 k T times mu |Q_I| / length^2 of the whole channel, the charges at its ends from the slopes of
# the current: 4 k T / R of a channel without a current, shot noise in weak inversion, 8/3 k T times
# the slope by the source in a saturated strong one.
_ENDS = "((by_v_d - by_v_s) * vt)"
_THERMAL = (
    f"2 * q * ({_ENDS} * specific + 4 / 3 * ({_ENDS}**2 + by_v_d * by_v_s * vt * vt)) "
    f"/ max({_ENDS} + specific, 1e-300)"
)

EKV = Model(
    title="MOSFET level 44 (EKV, long channel)",
    source="M. Bucher, C. Lallement, C. Enz, F. Theodoloz, F. Krummenacher, The EPFL-EKV MOSFET "
    "model equations for simulation, version 2.6, EPFL 1997; C. C. Enz, F. Krummenacher, "
    "E. A. Vittoz, Analog Integr. Circuits Signal Process. 8 (1995) 83",
    terminals=mosfet.TERMINALS,
    inner=mosfet.INNER,
    sizes=mosfet.SIZES,
    other_sizes=mosfet.OTHER_SIZES,
    parameters={
        "vto": Parameter(0.5, "V", "threshold voltage", low=-1e3, high=1e3, reversing=True),
        "kp": Parameter(5e-5, "A/V^2", "transconductance"),
        "gamma": Parameter(1.0, "V^0.5", "effect of the bulk"),
        "phi": Parameter(0.7, "V", "surface potential", low=1e-3),
        **mosfet.PARAMETERS,
    },
    aliases={"vt0": "vto", "tref": "tnom"},
    # What shortens, narrows or slows the channel.
    only={
        "level": 44.0,
        "tnom": 27.0,
        "cox": 0.0,
        "theta": 0.0,
        "lambda": 0.0,
        "leta": 0.0,
        "weta": 0.0,
        "dl": 0.0,
        "dw": 0.0,
        "iba": 0.0,
        "q0": 0.0,
    },
    voltages=mosfet.VOLTAGES,
    definitions=(
        *mosfet.DEFINITIONS,
        ("v_gate", "v_g - vto + phi + gamma * sqrt(phi)"),
        (
            "v_pinch",
            "where(v_gate > 0, "
            "v_gate - phi - gamma * (sqrt(v_gate + gamma * gamma / 4) - gamma / 2), -phi)",
        ),
        ("slope", "1 + gamma / (2 * sqrt(v_pinch + phi + 4 * vt))"),
        ("specific", "2 * slope * kp * m * w / length * vt * vt"),
        ("forward", "softplus((v_pinch - v_s) / (2 * vt))"),
        ("reverse", "softplus((v_pinch - v_d) / (2 * vt))"),
    ),
    resistances=mosfet.RESISTANCES,
    capacitances=mosfet.CAPACITANCES,
    branches=(
        Branch(
            "channel",
            ("drain_inside", "source_inside"),
            "specific * (forward - reverse) * (forward + reverse)",
            noise=f"{_THERMAL} + {mosfet.flicker('by_v_g')}",
        ),
        *mosfet.JUNCTIONS,
    ),
    reversed_types=frozenset(["pmos"]),
    completed=mosfet.completed,
)
