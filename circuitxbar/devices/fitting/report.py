"""A fit in words, for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.fitting.scatter import StepScatter, binned

if TYPE_CHECKING:
    from circuitxbar.devices.fitting.fit import Fit

_FACTOR = 0.3  # relative error beyond which a value is known to a factor rather than plus or minus
_ODD = 3.0  # standard errors
_DIGITS = 15  # that every double holds


def report(fit: Fit) -> str:
    """See `Fit.report`."""
    lines = [f"{_what(fit)} against '{fit.device.name}'", ""]
    lines += _values(fit)
    lines += [f"  {told}" for told in _not_told(fit)]
    lines += ["", *_scatter(fit)]
    if fit.steps is not None:
        lines += _steps(fit, fit.steps)
    else:
        lines += _order(fit)
    return "\n".join([*lines, "", _errors(fit)])


def _what(fit: Fit) -> str:
    count = len(fit.residuals)
    if fit.steps is not None:
        ramps = len(np.unique(fit.points["ramp"]))
        return f"{count} steps in {ramps} ramp{'s' * (ramps != 1)}"
    curves = len(np.unique(fit.points["curve"]))
    return f"{count} currents in {curves} curve{'s' * (curves != 1)}"


def _values(fit: Fit) -> list[str]:
    rows = []
    for name in fit.values:
        parameter = fit.device.parameters[name]
        rows.append((name, _told(fit, name), _unit(parameter.unit), parameter.meaning))
    if fit.conductances is not None and fit.conductance_errors is not None:
        pairs = zip(fit.conductances, fit.conductance_errors, strict=True)
        rows += [
            (f"g[{curve}]", with_error(g, error), "S", f"conductance of curve {curve}")
            for curve, (g, error) in enumerate(pairs)
            if error != 0
        ]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    return [
        "  " + "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[3]])
        for row in rows
    ]


def _told(fit: Fit, name: str) -> str:
    value, error = fit.values[name], fit.errors[name]
    if name in fit.at_limit or name in fit.undetermined:
        return f"{value:.4g} (see below)"
    if fit.device.parameters[name].range[0] > 0 and error > _FACTOR * value:
        return f"{value:.2g}, to a factor of {math.exp(error / value):.2g}"
    return with_error(value, error)


def with_error(value: float, error: float) -> str:
    """`value` ± `error`, both to the second digit of the error, if a number has so many."""
    if not (math.isfinite(error) and error > 0 and math.isfinite(value)):
        return f"{value:.6g}"
    error = float(f"{error:.1e}")  # before its first digit is looked at: 0.0998 is 0.10
    place = math.floor(math.log10(error)) - 1
    power = math.floor(math.log10(abs(value))) if value else place
    if power - place >= _DIGITS:
        return f"{value:.{_DIGITS}g} ± {error:.1e}"
    if -3 <= power < 5 and place <= 0:
        return f"{value:.{-place}f} ± {error:.{-place}f}"
    if power < 5 and place > 0:
        return f"{round(value, -place):.0f} ± {round(error, -place):.0f}"
    digits = max(power - place, 0)
    scale = 10.0**power
    return f"({value / scale:.{digits}f} ± {error / scale:.{digits}f})e{power}"


def _not_told(fit: Fit) -> Iterator[str]:
    for name, end in fit.at_limit.items():
        known = fit.device.parameters
        low, high = known[name].range if name in known else fit.device.valid["g"]
        yield (
            f"{name} stands at the {'lower' if end == 'low' else 'upper'} end of its range, "
            f"{low:g} ... {high:g}: its error is not known, and the others hold for this value."
        )
    if fit.undetermined:
        yield (
            f"Not determined by these data: {', '.join(fit.undetermined)}. Other values fit as "
            "well."
        )
    names = list(fit.values)
    for j in range(len(names)):
        for k in range(j):
            if abs(fit.correlation[j, k]) > 0.99:
                yield (
                    f"{names[k]} and {names[j]} are hard to tell apart: their errors correlate by "
                    f"{fit.correlation[j, k]:+.4f}."
                )


def _scatter(fit: Fit) -> Iterator[str]:
    size, free = fit.scatter, f"{fit.degrees_of_freedom} degrees of freedom"
    match fit.scatter_unit:
        case "chi":
            yield (
                f"Scatter about the law: {size:.3g} times the sigma that was given ({free}); near "
                "1 if that sigma and the law are right."
            )
        case "relative":
            yield f"Scatter about the law: {100 * size:.3g} % of the current ({free})."
        case unit:
            share = size / max(float(np.mean(np.abs(fit.points["measured"]))), 1e-300)
            yield (
                f"Scatter about the law: {size:.3g} {unit}".rstrip(" 1")
                + f", {100 * share:.3g} % of the mean size ({free})."
            )
    weighted = np.abs(_weighted(fit))
    worst = int(np.argmax(weighted))
    at = ", ".join(
        f"{name} {fit.points[name][worst]:g}"
        for name in ("curve", "point", "ramp", "pulse")
        if name in fit.points
    )
    measured, law = (fit.points[name][worst] for name in ("measured", "law"))
    times = weighted[worst] / size if size else 0.0
    yield f"Worst: {at}: measured {measured:.4g}, law {law:.4g}, {times:.2g} times the scatter."


def _weighted(fit: Fit) -> Array:
    """The residuals as the fit took them."""
    if fit.scatter_unit == "relative":
        return np.log(fit.points["measured"] / fit.points["law"])
    return fit.residuals if fit.steps else fit.residuals * fit.points["weight"]


def _order(fit: Fit) -> Iterator[str]:
    """Whether residuals follow each other along the curves, which random errors do not."""
    residuals, curves = _weighted(fit), fit.points["curve"]
    neighbours = np.flatnonzero(np.diff(curves) == 0)
    power = float(np.sum(residuals**2))
    if len(neighbours) < 10 or not power:
        return
    alike = float(np.sum(residuals[neighbours] * residuals[neighbours + 1]))
    alike *= len(residuals) / len(neighbours) / power
    if alike > _ODD / math.sqrt(len(neighbours)):
        yield (
            f"Neighbouring residuals correlate by {alike:+.2f}: the law misses something that the "
            "data show, so the errors are too small."
        )


def _steps(fit: Fit, steps: StepScatter) -> Iterator[str]:
    unit = _unit(fit.scatter_unit)
    told = [f"from pulse to pulse {_percent(steps.cycle)} of the step (cycle_sigma)"]
    if steps.device is not None:
        told.append(f"from device to device {_percent(steps.device)} (device_sigma)")
    if steps.ramp is not None:
        told.append(f"from ramp to ramp of one device {_percent(steps.ramp)}")
    read = "not seen" if steps.read is None else f"{steps.read:.2g} {unit}".rstrip()
    told.append(f"in each read {read}")
    yield f"Told apart: {'; '.join(told)}."
    memory = fit.points[fit.device.memory]
    bins = binned(memory, fit.points["up"], fit.points["law"], fit.points["measured"])
    yield ""
    yield f"Mean steps by {fit.device.memory} before the pulse, {unit or 'no unit'}:"
    yield "  way   from       to         measured   law        law - measured"
    odd = False
    for one in bins:
        apart = one.law - one.measured
        odd = odd or abs(apart) > _ODD * one.error
        yield (
            f"  {one.direction:<5} {one.low:<10.4g} {one.high:<10.4g} {one.measured:<+10.2e} "
            f"{one.law:<+10.2e} {apart:+.1e} ± {one.error:.1e}"
        )
    if odd:
        yield (
            "  The law misses mean steps by more than they are uncertain: its form is not that of "
            "these data, and the errors above hold only within it."
        )


def _errors(fit: Fit) -> str:
    if fit.steps is None:
        sizes = {
            "chi": "in proportion to the sigma given",
            "relative": "in proportion to the currents",
        }
        return (
            "Errors are one standard deviation, if the errors of the currents are independent and "
            f"{sizes.get(fit.scatter_unit, 'of equal size')}."
        )
    return "Errors are one standard deviation, as the scatter told apart above makes them."


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.2g} %"


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit
