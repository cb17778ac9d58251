"""The laws of device_models/ typed again from their sources, without the language of the files.

Every function is named as its device, takes keywords only and computes in the precision that it
is given (numpy longdouble included).
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


def thermal_voltage(temperature: Any) -> Any:
    """k T / q, V."""
    return BOLTZMANN * temperature / CHARGE


LAWS: dict[str, Callable[..., Any]] = {
    law.__name__: law
    for law in (
        linear,
        sinh,
        cubic,
        diode,
        exponential_selector,
        square_law_transistor,
        ekv_transistor,
    )
}


def law_of(device: Any) -> Callable[..., Any]:
    """The hand-written current of a device, in A; its kernel where there is none."""
    if device.name in LAWS:
        return LAWS[device.name]
    kernel = device.kernel()
    return lambda **arguments: kernel(**arguments)[0]
