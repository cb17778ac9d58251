"""Whether a law keeps what its file claims, at sampled points: a search for the contrary, no proof.

A value below 0 counts only where rounding cannot have made it so: where it is more than 1e-12 of
what the law carries there, far below what any read is asked to resolve, and more than it scatters
when all voltages are scaled by parts in 1e9. A slope that has faded to 0 is no counterexample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.expression import CONTROLS
from circuitxbar.devices.kernel import domains, kernel

if TYPE_CHECKING:
    from circuitxbar.devices.conduction import Conduction
    from circuitxbar.devices.expression import Law

ROOM = 300.15  # K, the default of ngspice
_PART = 1e-12  # of what a law carries
_LEAST = 1e-30  # S, A, W: less is nothing, and near 1e-308 has few digits
_SCALES = 1.0 - 1e-9 * np.arange(33)
# Of the largest voltage, the smallest that is looked at: nearer to 0 V, the slope of a law such as
# v - tanh(v) is what rounding makes of it.
_NEAREST = 1e-6
_LOWEST = 1e-9  # of the largest conductance
# Voltages across a device and, where a gate multiplies them, across a transistor: steps over the
# range, a prime number, which keeps clear of poles at round voltages; and how many by decade.
_EVEN, _BY_DECADE = 1009, 16
_EVEN_GATED, _BY_DECADE_GATED = 37, 2
_GATES = 9  # gate voltages, and as many of the source
_CONDUCTANCES = 5

_Points = Mapping[str, Array]  # everything a law takes, to be broadcast; voltages on the last axis


@dataclass(frozen=True)
class _Samples:
    """Where a law is looked at.

    law, passive, monotone : of the device.  ranges : its `valid`.
    values : temperature (K) and all parameters, each one number, or one for each of several sets.
    told : the units of those of them that messages mention.
    finite : whether the law must be finite everywhere.
    """

    law: Law
    passive: bool
    monotone: bool
    ranges: tuple[tuple[str, tuple[float, float]], ...]
    values: tuple[tuple[str, tuple[float, ...]], ...]
    told: tuple[tuple[str, str], ...]
    finite: bool

    @property
    def controls(self) -> tuple[str, ...]:
        """The voltages that the law is a function of."""
        return tuple(CONTROLS[2 if "v" in dict(self.ranges) else 3])


@dataclass(frozen=True, eq=False)
class _Sign:
    """Values called `name` that are not negative where `claim` holds, but for `rounding`.

    They have the shape of the points; `change` : or are differences to the next voltage.
    """

    claim: str
    name: str
    unit: str
    values: Array
    rounding: Array
    change: bool = False


def counterexample(device: Conduction, temperature: float, parameters: Mapping[str, Any]) -> str:
    """What is untrue of the law of `device`, and where; empty where nothing was found.

    parameters : those that differ from the ones in force, one value for each of several sets.
    As the device is, its law must be finite, too; a file does not say for which temperatures it is.
    """
    values = {"temperature": (float(temperature),)}
    values |= {name: (value,) for name, value in device.values.items()}
    values |= {name: tuple(map(float, several)) for name, several in parameters.items()}
    usual = {"temperature": (ROOM,)}
    usual |= {name: (parameter.default,) for name, parameter in device.parameters.items()}
    units = {"temperature": "K"}
    units |= {name: parameter.unit for name, parameter in device.parameters.items()}
    return _found(
        _Samples(
            device.full_law,
            device.passive,
            device.monotone,
            tuple(device.valid.items()),
            tuple(values.items()),
            tuple((name, units[name]) for name in values if values[name] != usual[name]),
            finite=temperature == ROOM and not parameters,
        )
    )


def rises(controls: Sequence[str], slopes: Sequence[Array]) -> dict[str, Array]:
    """What is not negative of a monotone law, S: di/dv, or di/dv_d and -di/dv_s, by these names.

    slopes : of the current by each of `controls`, S.
    """
    by = dict(zip(controls, slopes, strict=True))
    if "v" in by:
        return {"di/dv": by["v"]}
    return {"di/dv_d": by["v_d"] + by["v_ds"], "-di/dv_s": by["v_ds"] - by["v_s"]}


def slope_rounding(across: Array, current: Array, slopes: Sequence[Array]) -> Array:
    """How far below 0 rounding may put a slope that is not, S.

    across : from the first terminal to the last, V.  slopes : of the current by all voltages, S.
    """
    chord = np.divide(current, across, out=np.zeros(current.shape), where=across != 0)
    return _LEAST + _PART * (np.abs(chord) + sum(np.abs(slope) for slope in slopes))


@lru_cache(maxsize=256)
def _found(samples: _Samples) -> str:
    ranges = ", ".join(f"valid.{name}" for name, _ in samples.ranges if name != "g")
    with np.errstate(all="ignore"):
        points = _points(samples)
        results = _evaluated(samples, points)
        lost = ~np.isfinite(results[0])
        if samples.finite and lost.any():
            place = _place(samples, points, _first(lost))
            law = f" Its law: {told}." if (told := domains(samples.law)) else ""
            return f"the current is not finite at {place}.{law} Change the law, or narrow {ranges}."
        for number, sign in enumerate(_signs(samples, points, results)):
            wrong = sign.values < -sign.rounding
            if wrong.any():
                scattered = np.stack([signs[number].values for signs in _around(samples, points)])
                wrong &= scattered.max(axis=0) < -2.0 * np.ptp(scattered, axis=0)
            worst = np.where(wrong, sign.values, np.inf)
            if samples.finite and sign.unit == "S":
                wrong |= ~np.isfinite(sign.values)
            if wrong.any():
                at = _first(wrong & ~(worst > worst.min()))
                return (
                    f"claims {sign.claim} = true, but {_told(samples, points, sign, at)}. "
                    f"Set {sign.claim} = false, or narrow {ranges}."
                )
    return ""


def _points(samples: _Samples) -> dict[str, Array]:
    """Axes: sets of parameters, conductances, and of a transistor sources and gates; voltages."""
    ranges = dict(samples.ranges)
    points: dict[str, Array] = {"g": np.zeros(1)}
    if "v" in ranges:
        points["v"] = _voltages(*ranges["v"], _EVEN, _BY_DECADE)
    else:
        low, high = ranges["v_d"]
        v_s = np.linspace(*ranges["v_s"], _GATES)[:, None, None]
        most = max(abs(low - v_s).max(), abs(high - v_s).max())
        v_ds = _voltages(-most, most, _EVEN_GATED, _BY_DECADE_GATED)
        v_ds = np.clip(v_ds, low - v_s, high - v_s)
        v_g = np.linspace(*ranges["v_g"], _GATES)[:, None]
        points |= {"v_d": v_s + v_ds, "v_g": v_g, "v_s": v_s, "v_ds": v_ds}
    axes = 1 if "v" in ranges else 3
    if "g" in ranges:
        least, most = ranges["g"]
        g = np.geomspace(max(least, _LOWEST * most, np.finfo(float).tiny), most, _CONDUCTANCES)
        points["g"] = g.reshape(-1, *[1] * axes)
    for name, several in samples.values:
        points[name] = np.reshape(several, (-1, *[1] * (axes + 1)))
    return points


def _voltages(low: float, high: float, steps: int, by_decade: int) -> Array:
    """From `low` to `high`, evenly and again by equal ratios on either side of 0, with 0, V."""
    most = max(abs(low), abs(high))
    ratios = np.geomspace(_NEAREST, 1.0, round(-by_decade * np.log10(_NEAREST)) + 1)
    near = most * np.concatenate([-ratios, [0.0], ratios])
    even = np.linspace(low, high, steps + 1)
    return np.unique(np.concatenate([near[(near >= low) & (near <= high)], even]))


def _evaluated(samples: _Samples, points: _Points) -> list[Array]:
    """The current, and its slopes by all voltages where there is a claim."""
    slopes = samples.controls if samples.passive or samples.monotone else ()
    results = kernel(samples.law, slopes)(*(points[name] for name in samples.law.names))
    shape = np.broadcast_shapes(*(values.shape for values in points.values()))
    return [np.broadcast_to(np.asarray(result, dtype=float), shape) for result in results]


def _signs(samples: _Samples, points: _Points, results: Sequence[Array]) -> list[_Sign]:
    """What the claims say of these results."""
    signs: list[_Sign] = []
    current, *slopes = results
    name = samples.controls[-1]
    across = np.broadcast_to(points[name], current.shape)
    if samples.monotone:
        rounding = slope_rounding(across, current, slopes)
        rounding[across == 0] = np.inf  # nothing scatters there, and the neighbours are near
        for told, rise in rises(samples.controls, slopes).items():
            signs.append(_Sign("monotone", told, "S", rise, rounding))
        size = np.maximum(np.abs(current[..., 1:]), np.abs(current[..., :-1]))
        signs.append(
            _Sign("monotone", "i", "A", np.diff(current), _LEAST + _PART * size, change=True)
        )
    if samples.passive:
        size = sum(np.abs(slope) for slope in slopes)
        rounding = _LEAST + _PART * across**2 * size
        signs.append(_Sign("passive", f"{name} * i", "W", across * current, rounding))
    return signs


def _around(samples: _Samples, points: _Points) -> Iterator[list[_Sign]]:
    """The same where all voltages are scaled a little, by one factor after the other."""
    for scale in _SCALES:
        scaled = {n: scale * x if n in samples.controls else x for n, x in points.items()}
        yield _signs(samples, scaled, _evaluated(samples, scaled))


_Index = tuple[np.intp, ...]


def _first(mask: np.ndarray) -> _Index:
    return np.unravel_index(int(np.argmax(mask)), mask.shape)


def _told(samples: _Samples, points: _Points, sign: _Sign, at: _Index) -> str:
    place, value = _place(samples, points, at), f"{sign.values[at]:.2g} {sign.unit}"
    if not sign.change:
        return f"{sign.name} = {value} at {place}"
    further = _place(samples, points, (*at[:-1], at[-1] + 1))
    return f"{sign.name} changes by {value} from {place} to {further}"


def _place(samples: _Samples, points: _Points, at: _Index) -> str:
    """The point that has the index `at` among all points, in words."""
    units = {
        **{name: "S" if name == "g" else "V" for name, _ in samples.ranges},
        **dict(samples.told),
    }
    shape = np.broadcast_shapes(*(values.shape for values in points.values()))
    return ", ".join(
        f"{name} = {np.broadcast_to(points[name], shape)[at]:.4g} {unit}".removesuffix(" 1")
        for name, unit in units.items()
    )
