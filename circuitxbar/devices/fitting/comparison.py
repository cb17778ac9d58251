"""Laws against measurements: what a law gives at every measured point, and its exact slopes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.device import Device
from circuitxbar.devices.fitting.estimation import Unknown
from circuitxbar.devices.fitting.measurements import Ramps, Sweep
from circuitxbar.devices.fitting.scatter import StepScatter
from circuitxbar.devices.pulses import STEP_SCALE
from circuitxbar.devices.sections import DEVIATE, UNIFORM
from circuitxbar.devices.state import evaluated
from circuitxbar.errors import ModelError

_LEAST_VARIANCE = 2.5e-3  # of a step, relative to the mean of all
_CYCLE = 0.02  # least cycle sigma in weights, relative to the spread of the ramps
_FACTOR_STEPS, _FARTHEST = 15, 4.0  # of the logarithm of a factor
_GRID = 61  # conductances tried for a curve whose own is not known


@dataclass(frozen=True, eq=False)
class Comparison(ABC):
    """The points of all data sets in a row, and the law of `device` for them.

    points : what is known of each, name -> (points,).  measured : (points,).
    weights : by which differences are multiplied; for logarithms, 1.
    unknowns : the parameters, then what else is fitted.
    unit : of a weighted difference: of the law, "relative" or "chi" (in terms of given errors).
    """

    device: Device
    points: dict[str, np.ndarray]
    measured: Array
    weights: Array
    unknowns: tuple[Unknown, ...]
    unit: str

    @abstractmethod
    def law(self, values: Array) -> tuple[Array, Array]:
        """What the law gives at each point, and its slopes by every unknown."""

    def points_at(self, values: Array) -> dict[str, np.ndarray]:
        """`points` with what is fitted of them filled in."""
        return self.points

    @property
    def eliminated(self) -> int:
        """How many further unknowns `residuals` finds by itself."""
        return 0

    def residuals(self, values: Array) -> tuple[Array, Array]:
        """law - measured, weighted, and the slopes."""
        law, slopes = self.law(values)
        return (law - self.measured) * self.weights, slopes * self.weights[:, None]


@dataclass(frozen=True, eq=False)
class CurrentComparison(Comparison):
    """Measured currents: by difference, or by the difference of logarithms."""

    names: tuple[str, ...]  # the parameters among the unknowns
    curves: np.ndarray  # (points,) which of the fitted conductances is that of the point, or -1

    def law(self, values: Array) -> tuple[Array, Array]:
        """See `Comparison.law`."""
        count, fitted = len(self.names), self.curves >= 0
        named = {**self.points_at(values), **dict(zip(self.names, values[:count], strict=True))}
        by = (*self.names, "g") if fitted.any() else self.names
        law, *parts = self.device.kernel(*by)(**named)
        size = len(self.measured)
        slopes = np.zeros((size, len(values)))
        for k, part in enumerate(parts[:count]):
            slopes[:, k] = part
        if fitted.any():
            places = np.flatnonzero(fitted)
            slopes[places, count + self.curves[fitted]] = np.broadcast_to(parts[-1], size)[fitted]
        return np.broadcast_to(np.asarray(law, float), size), slopes

    def points_at(self, values: Array) -> dict[str, np.ndarray]:
        """See `Comparison.points_at`."""
        fitted = self.curves >= 0
        if not fitted.any():
            return self.points
        g = self.points["g"].copy()
        g[fitted] = values[len(self.names) :][self.curves[fitted]]
        return {**self.points, "g": g}

    def residuals(self, values: Array) -> tuple[Array, Array]:
        """See `Comparison.residuals`."""
        if self.unit != "relative":
            return super().residuals(values)
        law, slopes = self.law(values)
        return np.log(law / self.measured), slopes / law[:, None]

    def with_starts(self) -> CurrentComparison:
        """The same, the search for every conductance starting at the best of many tried."""
        count, unknowns = len(self.names), list(self.unknowns)
        if count == len(unknowns):
            return self
        lows = np.array([max(u.low, 1e-9 * u.high) for u in unknowns[count:]])
        highs = np.array([u.high for u in unknowns[count:]])
        trials = lows * (highs / lows) ** np.linspace(0, 1, _GRID)[:, None]
        parameters = np.array([u.start for u in unknowns[:count]])
        sums = np.full((_GRID, len(lows)), np.inf)
        fitted = self.curves >= 0
        with np.errstate(all="ignore"):
            for trial, told in zip(trials, sums, strict=True):
                r = self.residuals(np.concatenate([parameters, trial]))[0]
                each = np.bincount(self.curves[fitted], r[fitted] ** 2, len(lows))
                told[:] = np.where(np.isfinite(each), each, np.inf)
        best = trials[sums.argmin(0), np.arange(len(lows))]
        for k, g in enumerate(best):
            unknowns[count + k] = replace(unknowns[count + k], start=float(g))
        return replace(self, unknowns=tuple(unknowns))


@dataclass(frozen=True, eq=False)
class StepComparison(Comparison):
    """Measured steps of a state, or of g, per pulse.

    spreads : (ramps,), by how much the steps of each ramp may be larger or smaller than the law
        says, as a standard deviation relative to the law. Where that is not 0, `residuals` finds
        the best factor of each ramp.
    """

    names: tuple[str, ...]
    spreads: Array

    def weighted(self, values: Array, scatter: StepScatter) -> StepComparison:
        """The same with every step weighted by what `scatter` says of it, about the law there."""
        law = self.law(values)[0]
        first = np.flatnonzero(np.diff(self.points["ramp"], prepend=-1))
        alone = self.points["one_device"][first] > 0
        spreads = np.where(alone, scatter.ramp or 0.0, scatter.device or 0.0)
        # Pulses that differ far less than ramps do would leave the search a valley of steep walls.
        cycle = max(x or 0.0 for x in (scatter.cycle, _CYCLE * spreads.max()))
        variances = cycle**2 * law**2 + 2 * (scatter.read or 0.0) ** 2
        # Steps of next to nothing would otherwise weigh more than all others together.
        variances = np.maximum(variances, _LEAST_VARIANCE * variances.mean())
        weights = 1 / np.sqrt(variances) if variances.any() else self.weights
        unknowns = tuple(
            replace(u, start=float(x)) for u, x in zip(self.unknowns, values, strict=True)
        )
        return replace(self, weights=weights, spreads=spreads, unknowns=unknowns)

    @property
    def eliminated(self) -> int:
        """See `Comparison.eliminated`."""
        return int(np.count_nonzero(self.spreads))

    def residuals(self, values: Array) -> tuple[Array, Array]:
        """See `Comparison.residuals`; at the best factors, what is unlikely about them last."""
        law, slopes = self.law(values)
        ramps, own = self.points["ramp"], np.flatnonzero(self.spreads)
        spreads, weighted = self.spreads[own], self.weights * law
        power, product = (
            np.bincount(ramps, weighted * x, len(self.spreads))[own]
            for x in (weighted, self.weights * self.measured)
        )
        # By logarithms, of factors with mean 1: what is likely then does not pull at the law.
        logarithms = np.zeros(len(own))
        for _ in range(_FACTOR_STEPS):
            best = np.exp(logarithms)
            slope = best * (power * best - product) + (logarithms / spreads + spreads / 2) / spreads
            logarithms = logarithms - slope / (power * best**2 + 1 / spreads**2)
            logarithms = np.clip(logarithms, -_FARTHEST, _FARTHEST)
        factors = np.ones(len(self.spreads))
        factors[own] = np.exp(logarithms)
        each = factors[ramps]
        apart = (each * law - self.measured) * self.weights
        slopes = slopes * (self.weights * each)[:, None]
        # How the best factors move with the unknowns, by which the slopes are less.
        by_factor, moved = each * weighted, np.zeros((len(self.spreads), len(values)))
        for k in range(len(values)):
            moved[:, k] = np.bincount(ramps, by_factor * slopes[:, k], len(self.spreads))
        moved[own] /= (power * factors[own] ** 2 + 1 / spreads**2)[:, None]
        moved[self.spreads == 0] = 0.0
        return (
            np.concatenate([apart, logarithms / spreads + spreads / 2]),
            np.concatenate(
                [slopes - by_factor[:, None] * moved[ramps], -moved[own] / spreads[:, None]]
            ),
        )

    def law(self, values: Array) -> tuple[Array, Array]:
        """See `Comparison.law`."""
        law, slopes = np.zeros(len(self.measured)), np.zeros((len(self.measured), len(values)))
        scale = self.device.values.get(STEP_SCALE, 1.0)
        for direction, mask in (("up", self.points["up"] > 0), ("down", self.points["up"] == 0)):
            if mask.any():
                named: dict[str, Any] = {k: v[mask] for k, v in self.points.items()}
                # What the middle one of all devices and pulses does.
                named |= {DEVIATE: 0.0, UNIFORM: 0.5}
                named |= dict(zip(self.names, values, strict=True))
                found = evaluated(self.device, f"pulse, {direction}", named, self.names)
                law[mask] = scale * found[0]
                for k, slope in enumerate(found[1:]):
                    slopes[mask, k] = scale * slope
        return law, slopes


def of_sweeps(device: Device, sweeps: Sequence[Sweep], names: tuple[str, ...]) -> CurrentComparison:
    """The currents of all `sweeps` against the law of the current."""
    device.require(names, device.law_parameters, "parameter in the law of its current,")
    kinds = {s.sigma if s.sigma is None or isinstance(s.sigma, str) else True for s in sweeps}
    if len(kinds) > 1:
        raise ModelError("sigma must be of one kind in all sweeps: given, not given, or relative.")
    (kind,) = kinds
    parts, unknowns = [], list(_parameters(device, names))
    number = fitted = 0
    for sweep in sweeps:
        points, curves = sweep.current.shape
        _refuse_wrong_voltages(device, sweep)
        part = {name: sweep.voltage[name] for name in device.variables}
        part["temperature"] = np.broadcast_to(sweep.temperature, sweep.current.shape)
        part["curve"] = np.broadcast_to(number + np.arange(curves), sweep.current.shape)
        part["point"] = np.broadcast_to(np.arange(points)[:, None], sweep.current.shape)
        part["measured"] = sweep.current
        part["weight"] = 1.0 / sweep.sigma if kind is True else np.ones(sweep.current.shape)
        own = np.full(curves, -1)
        if device.uses_conductance and sweep.conductance is None:
            own = fitted + np.arange(curves)
            low, high = device.valid["g"]
            unknowns += [Unknown(f"g[{number + k}]", high, low, high) for k in range(curves)]
            fitted += curves
        part["fitted"] = np.broadcast_to(own, sweep.current.shape)
        if device.uses_conductance:
            known = np.zeros(curves) if sweep.conductance is None else sweep.conductance
            part["g"] = np.broadcast_to(known, sweep.current.shape)
        # curve by curve, the points of each in order
        parts.append({name: np.ravel(value.T) for name, value in part.items()})
        number += curves
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if len(device.terminals) == 3:
        table["v_ds"] = table["v_d"] - table["v_s"]
    measured, weights, curves = (table.pop(name) for name in ("measured", "weight", "fitted"))
    return CurrentComparison(
        device,
        table,
        measured,
        weights,
        tuple(unknowns),
        unit={None: "A", True: "chi"}.get(kind, "relative"),
        names=names,
        curves=curves,
    ).with_starts()


def _refuse_wrong_voltages(device: Device, sweep: Sweep) -> None:
    if set(sweep.voltage) != set(device.variables):
        raise ModelError(
            f"voltage has {', '.join(sweep.voltage)}; '{device.name}' takes "
            f"{', '.join(device.variables)}, as a dict where there are more than one."
        )
    for name, array in sweep.voltage.items():
        device.refuse_outside(name, array)
    if sweep.conductance is not None and not device.uses_conductance:
        raise ModelError(f"conductance: the law of '{device.name}' is free of g. Leave it out.")
    if sweep.conductance is not None:
        device.refuse_outside("g", sweep.conductance)


def of_ramps(device: Device, ramps: Sequence[Ramps], names: tuple[str, ...]) -> StepComparison:
    """The steps of all `ramps` against the laws of [pulse]."""
    if device.pulses is None or device.pulses.table is not None:
        raise ModelError(
            f"{device.where}: '{device.name}' has no laws of pulses, [pulse] with 'up' and 'down', "
            "so none can be fitted to ramps."
        )
    laws = [device.law_of(f"pulse, {way}") for way in ("up", "down")]
    used = [n for n in device.parameters if any(n in law.mentioned for law in laws)]
    device.require(names, used, "parameter in the laws of its pulses,")
    if device.states:
        _refuse_what_moves_the_state(device, names)
    parts = [part for data in ramps for part in _steps(device, data)]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table["ramp"] = np.repeat(np.arange(len(parts)), [len(part["up"]) for part in parts])
    measured = table.pop("measured")
    # A pulse that ends at an end of the range would perhaps have gone further.
    after = table[device.memory] + measured
    low, high = device.pulses.range
    inside = (after > low) & (after < high)
    table = {name: value[inside] for name, value in table.items()}
    return StepComparison(
        device,
        table,
        measured[inside],
        np.ones(int(inside.sum())),
        tuple(_parameters(device, names)),
        unit=device.states[device.memory].unit if device.states else "S",
        names=names,
        spreads=np.zeros(len(parts)),
    )


def _refuse_what_moves_the_state(device: Device, names: tuple[str, ...]) -> None:
    if "conductance" not in device.laws:
        raise ModelError(
            f"{device.where}: '{device.name}' has no [conductance], so conductances do not tell "
            "its state."
        )
    for name in names:
        if name in device.law_of("conductance").mentioned:
            raise ModelError(
                f"{device.where}: parameter {name} says which conductance a state has, so ramps "
                "alone do not tell it. Fit it to a sweep first."
            )


def _steps(device: Device, data: Ramps) -> Iterator[dict[str, np.ndarray]]:
    """The steps of each ramp: before, how far, by which pulse."""
    pulse = device.pulses
    assert pulse is not None
    up, down = (
        (data.voltage >= low) & (data.voltage <= high)
        for low, high in (pulse.up_voltage, pulse.down_voltage)
    )
    unknown = ~(up | down)
    if unknown.any():
        raise ModelError(
            f"voltage: of pulses of {float(data.voltage[unknown][0]):.4g} V '{device.name}' knows "
            f"nothing. Its up_voltage is {list(pulse.up_voltage)} V, its down_voltage "
            f"{list(pulse.down_voltage)} V."
        )
    outside = (data.width < pulse.width[0]) | (data.width > pulse.width[1])
    if outside.any():
        raise ModelError(
            f"width = {float(data.width[outside][0]):.4g} s is outside the range "
            f"{list(pulse.width)} s of the pulses of '{device.name}'."
        )
    for ramp in data.conductances:
        memory = ramp
        if device.states:
            found = device.states_from(ramp, temperature=data.temperature)
            memory = np.asarray(found[device.memory])
        else:
            device.checked_memory("g", ramp)
        count = len(ramp) - 1
        yield {
            device.memory: memory[:-1],
            "measured": np.diff(memory),
            "v": data.voltage[:count],
            "width": data.width[:count],
            "up": up[:count].astype(float),
            "pulse": np.arange(count),
            "temperature": np.full(count, float(data.temperature)),
            "one_device": np.full(count, float(data.one_device)),
        }


def _parameters(device: Device, names: tuple[str, ...]) -> Iterator[Unknown]:
    for name in names:
        low, high = device.parameters[name].range
        yield Unknown(name, device.values[name], low, high)
