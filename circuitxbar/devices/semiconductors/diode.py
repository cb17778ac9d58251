"""The junction diode of SPICE, level 1."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from circuitxbar.devices.functions import CONSTANTS
from circuitxbar.devices.semiconductors.junctions import (
    FLICKER,
    SHOT,
    depletion_charge,
    growth,
    junction_current,
)
from circuitxbar.devices.semiconductors.model import (
    OF_TEMPERATURE,
    THERMAL_VOLTAGE,
    Branch,
    Model,
    Parameter,
    Resistance,
    Values,
)


def _breakdown(values: Values, given: Collection[str]) -> Values:
    """The voltage from which the breakdown law takes over, so that -bv draws ibv.

    Infinite without bv. ngspice stops this iteration within its reltol.
    """
    thermal = CONSTANTS["k_B"] * 300.15 / CONSTANTS["q"]
    bv, scale = values["bv"], values["nbv"] * thermal
    saturation = values["is_"] * values["area"]
    ratio = np.maximum(values["ibv"] / saturation, np.where(np.isinf(bv), 0.0, bv) / thermal)
    knee = bv - scale * np.log1p(ratio)
    with np.errstate(invalid="ignore"):
        for _ in range(60):  # each step is smaller by more than scale / (ratio thermal)
            knee = bv - scale * np.log(np.maximum(ratio + 1 - knee / thermal, 1.0))
    meets = values["ibv"] / saturation >= bv / thermal
    return {"v_breakdown": np.where(np.isinf(bv), math.inf, np.where(meets, knee, bv))}


_SCALE = "(n * vt)"
_FORWARD = "(is_ * area)"
_RECOMBINATION = (
    f"isr * area * {growth('(held / (nr * vt))')} * ((1 - held / vj)**2 + 0.005)**(m / 2)"
)
_NEAR_0 = (
    f"where(v >= -v_breakdown, {junction_current('v', _FORWARD, _SCALE)}, "
    f"-{_FORWARD} * exp(-(v_breakdown + v) / (nbv * vt)))"
)

DIODE = Model(
    title="diode level 1",
    source="Manual of ngspice 46, junction diodes; ikf, ikr, isr and nr as ngspice has them",
    terminals=("anode", "cathode"),
    inner={"junction": "anode"},
    sizes=("area",),
    parameters={
        "is": Parameter(1e-14, "A", "saturation current", low=1e-300),
        "n": Parameter(1.0, "1", "emission coefficient", low=1e-3),
        "rs": Parameter(0.0, "ohm", "series resistance"),
        "cjo": Parameter(0.0, "F", "depletion capacitance at 0 V"),
        "vj": Parameter(1.0, "V", "junction potential", low=1e-3),
        "m": Parameter(0.5, "1", "grading of the junction", high=0.9),
        "fc": Parameter(0.5, "1", "part of vj where the depletion law ends", high=0.95),
        "tt": Parameter(0.0, "s", "transit time"),
        "ikf": Parameter(math.inf, "A", "knee of the forward current", zero=math.inf),
        "ikr": Parameter(math.inf, "A", "knee of the reverse current", zero=math.inf),
        "isr": Parameter(0.0, "A", "recombination saturation current"),
        "nr": Parameter(2.0, "1", "emission coefficient of recombination", low=1e-3),
        "bv": Parameter(math.inf, "V", "breakdown voltage", zero=math.inf),
        "ibv": Parameter(1e-3, "A", "current at bv", low=1e-300),
        "nbv": Parameter("n", "1", "emission coefficient of breakdown", low=1e-3),
        "kf": Parameter(0.0, "1", "flicker noise coefficient"),
        "af": Parameter(1.0, "1", "flicker noise exponent"),
    },
    aliases={
        "js": "is",
        "cj0": "cjo",
        "cj": "cjo",
        "pb": "vj",
        "mj": "m",
        "ik": "ikf",
        "ib": "ibv",
        "vb": "bv",
        "vrb": "bv",
        "var": "bv",
        "nz": "nbv",
        "tref": "tnom",
        "isw": "jsw",
        "cjsw": "cjp",
        "vjsw": "php",
        "trs1": "trs",
    },
    # Without a perimeter there is no sidewall; the limits of ngspice only warn.
    idle=OF_TEMPERATURE
    | {"jsw", "ns", "cjp", "php", "mjsw", "fcs", "ntun", "xtitun", "keg", "gap1", "gap2"}
    | {"tcv", "trs", "trs2", "ttt1", "ttt2", "tm1", "tm2", "cta", "ctp", "tpb", "tphp"}
    | {"fv_max", "bv_max", "id_max", "te_max", "pd_max"},
    only={
        "level": 1.0,
        "tnom": 27.0,
        "area": 1.0,
        "pj": 0.0,
        "jtun": 0.0,
        "vp": 0.0,
        "rth0": 0.0,
        "tlev": 0.0,
        "tlevc": 0.0,
    },
    voltages={"v": ("junction", "cathode")},
    definitions=(
        THERMAL_VOLTAGE,
        ("held", f"max(v, -3 * {_SCALE})"),  # recombination stays what it is there
        ("free", f"{_NEAR_0} + {_RECOMBINATION}"),
        # 1 / sqrt of each: a knee at infinity is then no 0/0 in the slopes.
        (
            "knee",
            "where(v > 0, 1 / sqrt(ikf) / sqrt(area), "
            f"where(v < -3 * {_SCALE}, 1 / sqrt(ikr) / sqrt(area), 0))",
        ),
        ("through", "where(abs(free) > 1e-18, free / (1 + knee * sqrt(abs(free))), free)"),
    ),
    resistances=(Resistance("rs", ("anode", "junction"), "rs / area"),),
    branches=(
        Branch(
            "diode",
            ("junction", "cathode"),
            "through",
            f"{depletion_charge('v', '(cjo * area)', 'vj', 'm')} + tt * through",
            noise=f"{SHOT} + {FLICKER}",
        ),
    ),
    completed=_breakdown,
)
