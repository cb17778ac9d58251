"""The bipolar transistor of Gummel and Poon, level 1 of SPICE, without substrate.

The area multiplies every current and capacitance, as in SPICE 3 and as m does in ngspice.
With area, ngspice 46 has the collector junction's saturation current times its square.
"""

from __future__ import annotations

import math

from circuitxbar.devices.semiconductors.junctions import (
    FLICKER,
    SHOT,
    depletion_charge,
    junction_current,
)
from circuitxbar.devices.semiconductors.model import (
    OF_TEMPERATURE,
    THERMAL_VOLTAGE,
    Branch,
    Model,
    Parameter,
    Resistance,
)

_TRANSIT = "(1 + xtf * exp(v_bc / (1.44 * vtf)) * (emitted / (emitted + itf * area))**2)"

BIPOLAR = Model(
    title="BJT level 1 (Gummel-Poon)",
    source="H. K. Gummel and H. C. Poon, Bell Syst. Tech. J. 49 (1970) 827, as in the manual of "
    "ngspice 46, BJTs",
    terminals=("collector", "base", "emitter"),
    inner={
        "collector_inside": "collector",
        "base_inside": "base",
        "emitter_inside": "emitter",
    },
    sizes=("area",),
    parameters={
        "is": Parameter(1e-16, "A", "transport saturation current", low=1e-300),
        "bf": Parameter(100.0, "1", "forward current gain", low=1e-6),
        "nf": Parameter(1.0, "1", "forward emission coefficient", low=1e-3),
        "vaf": Parameter(math.inf, "V", "forward Early voltage", zero=math.inf),
        "ikf": Parameter(math.inf, "A", "knee of the forward gain", zero=math.inf),
        "ise": Parameter(0.0, "A", "base-emitter leakage saturation current"),
        "ne": Parameter(1.5, "1", "base-emitter leakage emission coefficient", low=1e-3),
        "br": Parameter(1.0, "1", "reverse current gain", low=1e-6),
        "nr": Parameter(1.0, "1", "reverse emission coefficient", low=1e-3),
        "var": Parameter(math.inf, "V", "reverse Early voltage", zero=math.inf),
        "ikr": Parameter(math.inf, "A", "knee of the reverse gain", zero=math.inf),
        "isc": Parameter(0.0, "A", "base-collector leakage saturation current"),
        "nc": Parameter(2.0, "1", "base-collector leakage emission coefficient", low=1e-3),
        "rb": Parameter(0.0, "ohm", "base resistance"),
        "re": Parameter(0.0, "ohm", "emitter resistance"),
        "rc": Parameter(0.0, "ohm", "collector resistance"),
        "cje": Parameter(0.0, "F", "base-emitter capacitance at 0 V"),
        "vje": Parameter(0.75, "V", "base-emitter potential", low=1e-3),
        "mje": Parameter(0.33, "1", "base-emitter grading", high=0.95),
        "cjc": Parameter(0.0, "F", "base-collector capacitance at 0 V"),
        "vjc": Parameter(0.75, "V", "base-collector potential", low=1e-3),
        "mjc": Parameter(0.33, "1", "base-collector grading", high=0.95),
        "xcjc": Parameter(1.0, "1", "part of cjc at the inner base", high=1.0),
        "fc": Parameter(0.5, "1", "part of a potential where a depletion law ends", high=0.9999),
        "tf": Parameter(0.0, "s", "forward transit time"),
        "xtf": Parameter(0.0, "1", "bias dependence of tf"),
        "vtf": Parameter(math.inf, "V", "voltage of that dependence", zero=math.inf),
        "itf": Parameter(0.0, "A", "current of that dependence"),
        "tr": Parameter(0.0, "s", "reverse transit time"),
        "kf": Parameter(0.0, "1", "flicker noise coefficient"),
        "af": Parameter(1.0, "1", "flicker noise exponent"),
    },
    aliases={
        "va": "vaf",
        "vb": "var",
        "ik": "ikf",
        "pe": "vje",
        "me": "mje",
        "pc": "vjc",
        "mc": "mjc",
        "tref": "tnom",
        "csub": "cjs",
        "ccs": "cjs",
        "ps": "vjs",
        "ms": "mjs",
    },
    # The substrate, at ground in SPICE where it is not given, has no charge when cjs is 0.
    idle=OF_TEMPERATURE
    | {"xtb", "vjs", "mjs", "ns", "subs"}
    | {"vbe_max", "vbc_max", "vce_max", "pd_max", "ic_max", "ib_max", "te_max"},
    only={
        "level": 1.0,
        "tnom": 27.0,
        "rbm": "rb",
        "irb": 0.0,
        "ptf": 0.0,
        "cjs": 0.0,
        "iss": 0.0,
        "nkf": 0.5,
        "quasimod": 0.0,
        "rth0": 0.0,
        "tlev": 0.0,
        "tlevc": 0.0,
    },
    voltages={
        "v_be": ("base_inside", "emitter_inside"),
        "v_bc": ("base_inside", "collector_inside"),
        "v_bx": ("base", "collector_inside"),
    },
    definitions=(
        THERMAL_VOLTAGE,
        ("emitted", junction_current("v_be", "(is_ * area)", "(nf * vt)")),
        ("collected", junction_current("v_bc", "(is_ * area)", "(nr * vt)")),
        ("leaked_be", junction_current("v_be", "(ise * area)", "(ne * vt)")),
        ("leaked_bc", junction_current("v_bc", "(isc * area)", "(nc * vt)")),
        ("high", "1 + 4 * (emitted / (ikf * area) + collected / (ikr * area))"),
        ("crowding", "(1 + where(high > 0, sqrt(high), 1)) / 2"),
        ("base_charge", "crowding / (1 - v_bc / vaf - v_be / var)"),
    ),
    resistances=(
        Resistance("rc", ("collector", "collector_inside"), "rc / area"),
        Resistance("rb", ("base", "base_inside"), "rb / area"),
        Resistance("re", ("emitter", "emitter_inside"), "re / area"),
    ),
    branches=(
        # The currents into collector and base, so that both end at the emitter.
        Branch(
            "collector",
            ("collector_inside", "emitter_inside"),
            "(emitted - collected) / base_charge - collected / br - leaked_bc",
            noise=SHOT,
        ),
        Branch(
            "base",
            ("base_inside", "emitter_inside"),
            "emitted / bf + leaked_be + collected / br + leaked_bc",
            f"tf * where(emitted > 0, emitted * {_TRANSIT} / base_charge, emitted) "
            f"+ {depletion_charge('v_be', '(cje * area)', 'vje', 'mje')}",
            noise=f"{SHOT} + {FLICKER}",
        ),
        Branch(
            "base_collector",
            ("base_inside", "collector_inside"),
            "0",
            f"tr * collected + {depletion_charge('v_bc', '(cjc * xcjc * area)', 'vjc', 'mjc')}",
            present="tr + cjc * xcjc",
        ),
        Branch(
            "outer_base_collector",
            ("base", "collector_inside"),
            "0",
            depletion_charge("v_bx", "(cjc * (1 - xcjc) * area)", "vjc", "mjc"),
            present="cjc * (1 - xcjc)",
        ),
    ),
    reversed_types=frozenset(["pnp"]),
)
