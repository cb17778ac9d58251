"""The field-effect transistor of Shichman and Hodges, level 1 of SPICE.

With tox its gate has the capacitances of Meyer, C(v) dv/dt. They follow from no charge: the rate of
each voltage, times the capacitance of the whole gate, is made at a node of its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from circuitxbar.devices.functions import CONSTANTS
from circuitxbar.devices.semiconductors import mosfet
from circuitxbar.devices.semiconductors.model import GROUND, Branch, Model, Parameter, Values

_SILICON = 11.7 * 8.854214871e-12  # F/m, with the permittivity of vacuum that ngspice has
_INTRINSIC = 1.45e10  # 1/cm^3, of silicon at 27 C, as in SPICE
_ROOM = 300.15  # K
_GAP = 1.16 - 7.02e-4 * _ROOM**2 / (_ROOM + 1108)  # V, of silicon
_METAL = -0.05  # V, the work function of aluminium less that of silicon's conduction band

# S, of the node that a rate is made at: it is far below the voltages of the circuit then.
_RATE = 1e6


def _of_the_process(given: Mapping[str, float], type: str) -> dict[str, float]:
    """kp, phi, gamma and vto of a card that says how the transistor is made, as SPICE has them."""
    tox = given.get("tox", 0.0)
    if tox == 0:
        return {}
    oxide = mosfet.OXIDE / tox
    found = {"kp": 1e-4 * given.get("u0", 600.0) * oxide}
    if "nsub" not in given:
        return found
    doping = given["nsub"]
    if doping <= _INTRINSIC:
        raise ValueError(f"nsub = {doping:g} /cm^3 is below that of pure silicon, 1.45e10.")
    thermal = CONSTANTS["k_B"] * _ROOM / CONSTANTS["q"]
    phi = given.get("phi", max(0.1, 2 * thermal * math.log(doping / _INTRINSIC)))
    found["phi"] = phi
    found["gamma"] = math.sqrt(2 * _SILICON * CONSTANTS["q"] * doping * 1e6) / oxide
    sign = -1.0 if type == "pmos" else 1.0
    gate = given.get("tpg", 1.0)
    work = -sign * gate * _GAP / 2 if gate else _METAL - _GAP / 2
    flat = work - sign * phi / 2 - given.get("nss", 0.0) * 1e4 * CONSTANTS["q"] / oxide
    found["vto"] = flat + sign * (given.get("gamma", found["gamma"]) * math.sqrt(phi) + phi)
    return found


def _completed(values: Values, given: Collection[str]) -> Values:
    found = mosfet.completed(values, given)
    length = values["l"] - 2 * values["ld"]
    return {**found, "gate": mosfet.OXIDE / values["tox"] * values["w"] * length * values["m"]}


def _meyer(end: str, node: str, share: str) -> tuple[Branch, ...]:
    """`share` of the capacitance of the gate between it and a node."""
    rate = (f"rate_{end}", GROUND)
    return (
        Branch(f"making_{end}", rate, "0", f"-gate * v_g{end}", present="gate"),
        Branch(f"made_{end}", rate, f"{_RATE} * v_rate_{end}", present="gate"),
        Branch(
            f"gate_{end}",
            ("gate", node),
            f"{share} * {_RATE} * v_rate_{end}",
            present="gate",
            direct=False,
        ),
    )


LEVEL_1 = Model(
    title="MOSFET level 1",
    source="H. Shichman and D. A. Hodges, IEEE J. Solid-State Circuits 3 (1968) 285, as in the "
    "manual of ngspice 46, MOSFETs",
    terminals=mosfet.TERMINALS,
    inner=mosfet.INNER,
    sizes=mosfet.SIZES,
    other_sizes=mosfet.OTHER_SIZES,
    parameters={
        "vto": Parameter(0.0, "V", "threshold voltage", low=-1e3, high=1e3, reversing=True),
        "kp": Parameter(2e-5, "A/V^2", "transconductance; u0 times that of the oxide with tox"),
        "gamma": Parameter(0.0, "V^0.5", "effect of the bulk on the threshold"),
        "phi": Parameter(0.6, "V", "surface potential", low=1e-3),
        "lambda": Parameter(0.0, "1/V", "channel length modulation"),
        "tox": Parameter(0.0, "m", "thickness of the oxide", zero=math.inf),
        "u0": Parameter(600.0, "cm^2/(V s)", "mobility; counts with tox"),
        **mosfet.PARAMETERS,
    },
    aliases={"vt0": "vto", "uo": "u0", "tref": "tnom"},
    # They count with tox: see _of_the_process.
    idle=frozenset({"tpg", "nss", "nsub"}),
    only={"level": 1.0, "tnom": 27.0, "nlev": 2.0, "gdsnoi": 1.0},
    voltages={
        **mosfet.VOLTAGES,
        "v_gd": ("gate", "drain_inside"),
        "v_gb": ("gate", "bulk"),
        **{f"v_rate_{end}": (f"rate_{end}", GROUND) for end in ("s", "d", "b")},
    },
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
        # Of Meyer, shares of the gate at the side of the channel's source, of its drain, and at the
        # bulk, smooth where SPICE is: below 25 mV a saturation voltage is 25 mV.
        ("edge", "max(above, 0.025)"),
        ("filled", "2 / 3 * clip(1 + 2 * above / phi, 0, 1)"),
        ("far", "2 * edge - min(v, edge)"),
        ("at_source", "filled * (1 - ((edge - min(v, edge)) / far)**2)"),
        ("at_drain", "filled * (1 - (edge / far)**2)"),
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
        *_meyer("s", "source_inside", "where(v_ds >= 0, at_source, at_drain)"),
        *_meyer("d", "drain_inside", "where(v_ds >= 0, at_drain, at_source)"),
        *_meyer("b", "bulk", "clip(-above / phi, 0, 1)"),
        *mosfet.JUNCTIONS,
    ),
    reversed_types=frozenset(["pmos"]),
    following=_of_the_process,
    completed=_completed,
)
