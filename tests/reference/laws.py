"""The laws of device_models/ typed again from their sources, without the language of the files.

Every function takes keywords only and computes in the precision that it is given (numpy longdouble
included). It is named as its device, or as the first of those that share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BOLTZMANN = np.longdouble(1.38064852e-23)  # J/K, CODATA 2014, as in ngspice
CHARGE = np.longdouble(1.6021766208e-19)  # C


def linear(*, v: Any, g: Any, **_: Any) -> Any:
    """Ohm's law."""
    return g * v


def sinh(*, v: Any, g: Any, v0: Any, **_: Any) -> Any:
    """Hopping or tunnelling over a field-lowered barrier: g v0 sinh(v / v0)."""
    return g * v0 * np.sinh(v / v0)


def cubic(*, v: Any, g: Any, b: Any, **_: Any) -> Any:
    """The first odd correction of a symmetric barrier: g (v + b v^3)."""
    return g * (v + b * v * v * v)


def diode(
    *,
    v: Any,
    saturation_current: Any,
    ideality: Any,
    band_gap: Any,
    temperature_exponent: Any,
    temperature: Any,
    **_: Any,
) -> Any:
    """Shockley 1949, with an ideality; the saturation current at other temperatures as in SPICE."""
    warmer = temperature / np.longdouble(300.15)
    thermal = ideality * thermal_voltage(temperature)
    logarithm = temperature_exponent / ideality * np.log(warmer) + (warmer - 1) * band_gap / thermal
    return saturation_current * np.exp(logarithm) * np.expm1(v / thermal)


def exponential_selector(*, v: Any, leakage_current: Any, swing: Any, **_: Any) -> Any:
    """An exponential of either direction, less the other: I (10^(v/s) - 10^(-v/s))."""
    x = np.log(np.longdouble(10)) * v / swing
    return leakage_current * (np.expm1(x) - np.expm1(-x))


def nili(*, v: Any, g: Any, deviation: Any, temperature: Any, **_: Any) -> Any:
    """Nili et al. 2020: A1 v + A3 v^3, each a mean and so many standard deviations.

    Temperatures are in degrees Celsius, from 20 to 120; no current bends downwards.
    """
    degrees = np.minimum(np.maximum(temperature - 273.15, 20), 120)
    first = -2.58e-6 + 0.977 * g + 1.166e-7 * degrees
    first = first + deviation * (-1.07e-6 + 0.25 * g + 2.20e-8 * degrees - 1300 * g * g)
    third = 1.18 * g + 6596 * g * g + 1.605e-3 * np.exp(-1.33 * np.log(degrees))
    spread = 1.17e-5 + 1.30 * g - 1.0e-7 * degrees - 6500 * g * g - 2.50e-3 * g * degrees
    return first * v + np.maximum(third + deviation * spread, 0) * v * v * v


def rram_milo(*, v: Any, g: Any, **_: Any) -> Any:
    """Fits of CrossSim to Milo et al. 2021: parts of v^2 and v^3, polynomials in log10(g).

    Below 1 uS, far outside the range of the fits, these are those of 1 uS.
    """
    x = np.log10(np.maximum(g, np.longdouble(1e-6)))
    second = 0.0001388 * x * x * x + 0.001541 * x * x + 0.005711 * x + 0.007063
    third = 8.8710e-5 * x * x + 6.7919e-4 * x + 1.2968e-3
    return g * v + second * v * v + third * v * v * v


def poole_frenkel(
    *,
    v: Any,
    g: Any,
    permittivity: Any,
    thickness: Any,
    trap_depth: Any,
    temperature: Any,
    **_: Any,
) -> Any:
    """Frenkel 1938: g v exp((q F - E) / (k T)), F the lowering of the trap, E the depth.

    The lowering is q sqrt(field / (pi epsilon)) / q; E counts from 300.15 K.
    """
    epsilon = np.longdouble(8.8541878128e-12) * permittivity
    field = np.abs(v) / (thickness * np.longdouble(1e-9))
    lowering = np.sqrt(CHARGE * field / (np.pi * epsilon))
    cold, warm = thermal_voltage(np.longdouble(300.15)), thermal_voltage(temperature)
    return g * v * np.exp((lowering - trap_depth) / warm + trap_depth / cold)


def simmons(*, v: Any, g: Any, barrier: Any, thickness: Any, mass: Any, **_: Any) -> Any:
    """Simmons 1963: h(barrier - v / 2) - h(barrier + v / 2) with h(u) = u exp(-a sqrt(u)).

    Divided by its slope at 0 V, which is -h'(barrier), it is g v there; a = 2 d sqrt(2 m q) / hbar.
    """
    charge, electron, hbar = 1.602176634e-19, 9.1093837015e-31, 1.054571817e-34
    a = 2 * thickness * np.longdouble(1e-9) * np.sqrt(2 * mass * electron * np.longdouble(charge))
    a = a / hbar
    low, high = barrier - v / 2, barrier + v / 2
    # exp(-a sqrt(low)) is that of high, grown by this exponent: so no digits are lost near 0 V.
    growth = np.expm1(a * v / (np.sqrt(high) + np.sqrt(low)))
    from_barrier = np.exp(a * (np.sqrt(barrier) - np.sqrt(high)))
    return g * from_barrier * (low * growth - v) / (a * np.sqrt(barrier) / 2 - 1)


def stanford_rram(*, v: Any, g: Any, v_0: Any, **_: Any) -> Any:
    """Guan, Yu and Wong 2012: I_0 exp(-gap / gap_0) sinh(v / v_0), whose slope at 0 V is g."""
    return g * np.sinh(v / v_0) * v_0


def yakopcic(*, v: Any, g: Any, steepness: Any, **_: Any) -> Any:
    """Yakopcic et al. 2013: a_1 x sinh(b v), whose slope at 0 V is g."""
    return np.sinh(steepness * v) * g / steepness


def ots_selector(*, v: Any, r_on: Any, r_off: Any, conducting: Any, **_: Any) -> Any:
    """A resistance from r_off to r_on, evenly in its logarithm."""
    return v / (np.power(r_off, 1 - conducting) * np.power(r_on, conducting))


def square_law_transistor(
    *,
    v_d: Any,
    v_g: Any,
    v_s: Any,
    threshold: Any,
    transconductance: Any,
    body_effect: Any,
    surface_potential: Any,
    channel_length_modulation: Any,
    **_: Any,
) -> Any:
    """Shichman and Hodges 1968 as ngspice's MOS level 1 computes it, bulk at 0 V.

    The terminal at the lower potential is the source; above 0 V of forward bias of the bulk the
    body effect goes on with the tangent, to nothing.
    """
    source, drain = np.minimum(v_s, v_d), np.maximum(v_s, v_d)
    root = np.sqrt(surface_potential)
    reverse = np.sqrt(surface_potential + np.maximum(source, 0))
    forward = np.maximum(root + np.minimum(source, 0) / (2 * root), 0)
    over = v_g - source - threshold - body_effect * (np.where(source > 0, reverse, forward) - root)
    v_ds = drain - source
    strength = transconductance * (1 + channel_length_modulation * v_ds)
    triode = strength * v_ds * (over - v_ds / 2)
    saturated = strength * over * over / 2
    size = np.where(over <= 0, 0, np.where(over <= v_ds, saturated, triode))
    return np.where(v_d >= v_s, size, -size)


def ekv_transistor(
    *,
    v_d: Any,
    v_g: Any,
    v_s: Any,
    threshold: Any,
    transconductance: Any,
    slope_factor: Any,
    temperature: Any,
    **_: Any,
) -> Any:
    """Enz, Krummenacher and Vittoz 1995 with a constant slope factor: I_F - I_R, bulk at 0 V."""
    v_t = thermal_voltage(temperature)
    pinch_off = (v_g - threshold) / slope_factor
    specific = 2 * slope_factor * transconductance * v_t * v_t
    forward = np.logaddexp(0, (pinch_off - v_s) / (2 * v_t))
    reverse = np.logaddexp(0, (pinch_off - v_d) / (2 * v_t))
    return specific * (forward - reverse) * (forward + reverse)


def floating_gate(
    *, v_d: Any, v_g: Any, v_s: Any, threshold: Any, coupling: Any, **others: Any
) -> Any:
    """That of ekv_transistor at the floating gate, to which a part of the gate's voltage comes."""
    at_gate = coupling * (v_g - threshold)
    return ekv_transistor(v_d=v_d, v_g=at_gate, v_s=v_s, threshold=0, **others)


def thermal_voltage(temperature: Any) -> Any:
    """k T / q, V."""
    return BOLTZMANN * temperature / CHARGE


LINEAR = """
    linear capacitor_linear_step cmos_capacitor ecram_lithium ecram_metal_oxide enode_jump_table
    ag_a_si alox_hfo2 epiram gst_pcm hzo_fefet pcm pcm_joshi pcmo rpu_constant_step
    rram_exponential_step rram_lognormal rram_soft_bounds rram_wan sonos taox_hfox taox_jump_table
    taox_tio2 vteam
"""
LAWS: dict[str, Callable[..., Any]] = dict.fromkeys(LINEAR.split(), linear) | {
    law.__name__: law
    for law in (
        sinh,
        cubic,
        nili,
        rram_milo,
        poole_frenkel,
        simmons,
        stanford_rram,
        yakopcic,
        diode,
        exponential_selector,
        ots_selector,
        square_law_transistor,
        ekv_transistor,
        floating_gate,
    )
}


def law_of(device: Any) -> Callable[..., Any]:
    """The hand-written current of a device, in A; its kernel where there is none."""
    if device.name in LAWS:
        return LAWS[device.name]
    kernel = device.kernel()
    return lambda **arguments: kernel(**arguments)[0]
