"""Parameters of a device from measurements: values, how sure they are, and what was not told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, flag, shown
from circuitxbar.devices.device import Device
from circuitxbar.devices.fitting.comparison import Comparison, StepComparison, of_ramps, of_sweeps
from circuitxbar.devices.fitting.estimation import Estimates, estimated
from circuitxbar.devices.fitting.measurements import Ramps, Sweep
from circuitxbar.devices.fitting.rewriting import rewritten
from circuitxbar.devices.fitting.scatter import StepScatter, step_scatter
from circuitxbar.devices.library import device as device_of
from circuitxbar.devices.model_file import parse_device
from circuitxbar.errors import ModelError
from circuitxbar.storage import write_text

_ROUNDS = 3  # of fitting and weighting by the scatter found
_INNER = ("v_ds", "one_device")  # columns of the points that say nothing new


@dataclass(frozen=True, eq=False)
class Fit:
    """What `fit` found.

    device : with the fitted values, and with the sigmas of its pulses where those were measured.
    values, errors : of the fitted parameters, by name, each in its unit. An error is one standard
        deviation. It is inf where the data do not determine the parameter (`undetermined`), and
        nan at an end of its range (`at_limit`, name -> "low" or "high"; a conductance that was
        fitted is called "g[CURVE]").
    correlation : (parameters, parameters), in the order of `values`; nan where there is no error.
    conductances, conductance_errors : S, of each curve, the error of a given one being 0; None
        where the law is free of g, and for ramps.
    points : name -> (points,): of sweeps "curve", "point", the voltages and "g", of ramps "ramp",
        "pulse", "v", "width", "up" (1 or 0) and the state (or "g") before the pulse; and always
        "measured", "law" (A; for ramps the step in the unit of the state, or in S), "residual",
        measured - law, and "weight", by which the fit multiplied it ("relative" apart).
    scatter : standard deviation of the residuals: in A, relative, in units of the given sigma
        ("chi"), or in the unit of a step, as `scatter_unit` says.
    steps : the scatter of steps told apart; None for sweeps.
    """

    device: Device
    values: Mapping[str, float]
    errors: Mapping[str, float]
    correlation: Array
    at_limit: Mapping[str, str]
    undetermined: tuple[str, ...]
    conductances: Array | None
    conductance_errors: Array | None
    points: Mapping[str, np.ndarray]
    scatter: float
    scatter_unit: str
    degrees_of_freedom: int
    steps: StepScatter | None

    @property
    def residuals(self) -> Array:
        """measured - law at every point, in the order of `points`."""
        return self.points["residual"]

    def report(self) -> str:
        """The fit in words: values, errors, how well the law fits, what the data do not tell."""
        from circuitxbar.devices.fitting.report import report

        return report(self)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        source: str,
        title: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a device file with the fitted values, for `circuitxbar.device(path)`.

        path : ends in .toml; the name of the file becomes that of the device.
        source : who measured what, where; one line.  title : one line, by default the old one.
        overwrite : whether a file that is there already may be lost.
        Raises ModelError for what a device file cannot hold, and for a file that is there;
        NetlistError where it cannot be written.
        """
        path = Path(path)
        if path.suffix != ".toml":
            raise ModelError(f"path = {shown(str(path))}: a device file ends in .toml.")
        unknown = [name for name in self.undetermined if name in self.values]
        if unknown:
            raise ModelError(
                f"{', '.join(unknown)}: not determined by the data, so a file would say "
                "what nobody knows. Fit again without, or with more data."
            )
        card = {"name": path.stem, "title": title or self.device.title, "source": source}
        table = f"{path.stem}.csv" if self.device.table else ""
        text = rewritten(self.device, card=card, pulse={}, table=table)
        parse_device(text, str(path), self.device.table)
        written = (path, path.with_name(table)) if table else (path,)
        there = [] if flag("overwrite", overwrite) else [one for one in written if one.exists()]
        if there:
            raise ModelError(
                f"{there[0]} is there already. Choose another name, or pass overwrite=True."
            )
        if table:
            write_text(path.with_name(table), self.device.table)
        write_text(path, text)


def fit(
    device: str | os.PathLike[str] | Device,
    data: Sweep | Ramps | Sequence[Sweep] | Sequence[Ramps],
    parameters: Iterable[str],
) -> Fit:
    """The values of `parameters` with which the laws of `device` are nearest to the `data`.

    device : as for `circuitxbar.device`. Its values in force are where the search starts, and its
        other parameters keep them.
    data : one `Sweep` or several (currents over voltages), or one `Ramps` or several (conductances
        after write pulses; these also tell the sigmas of [pulse]).
    parameters : names. The ranges in the device file hold.
    Least squares with exact slopes. Errors of sweeps follow from the residuals, taken as
    independent and of equal size (or in proportion to `sigma`). Steps are compared one by one,
    each weighted by the scatter that the steps themselves show from pulse to pulse and in reads,
    and the steps of each ramp may all be larger or smaller by a factor, which spreads as the ramps
    themselves show; the errors follow from these three.
    Raises ModelError for names and data that do not fit the device and for fewer points than
    unknowns, SolverError where the search finds no end.
    """
    model = device_of(device)
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    for name in names:
        if names.count(name) > 1:
            raise ModelError(f"parameters has {shown(name)} twice. Name it once.")
    sets = tuple(data) if isinstance(data, list | tuple) else (data,)
    sweeps = [one for one in sets if isinstance(one, Sweep)]
    ramps = [one for one in sets if isinstance(one, Ramps)]
    if not sets or len(sets) not in (len(sweeps), len(ramps)):
        raise ModelError(f"data = {shown(data)}: expected Sweeps, or Ramps, one or several.")
    compared = of_sweeps(model, sweeps, names) if sweeps else of_ramps(model, ramps, names)
    if len(compared.measured) <= len(compared.unknowns):
        raise ModelError(
            f"data: {len(compared.measured)} points for {len(compared.unknowns)} unknowns leave "
            "nothing to tell an error from. Measure more, or fit fewer parameters."
        )
    steps = None
    found = estimated(compared.unknowns, compared.residuals, model.where)
    if isinstance(compared, StepComparison):
        steps = _scatter(compared, found)
        for _ in range(_ROUNDS):
            compared = compared.weighted(found.values, steps)
            found = estimated(
                compared.unknowns, compared.residuals, model.where, compared.eliminated
            )
            steps = _scatter(compared, found)
    return _fit(compared, names, found, steps)


def _scatter(compared: StepComparison, found: Estimates) -> StepScatter:
    law = compared.law(found.values)[0]
    labels = (compared.points[name] for name in ("ramp", "pulse", "one_device"))
    return step_scatter(law, compared.measured - law, *labels)


def _fit(
    compared: Comparison,
    names: tuple[str, ...],
    found: Estimates,
    steps: StepScatter | None,
) -> Fit:
    model, count = compared.device, len(names)
    law = compared.law(found.values)[0]
    points = {
        **compared.points_at(found.values),
        "measured": compared.measured,
        "law": law,
        "residual": compared.measured - law,
        "weight": compared.weights,
    }
    # Of steps, the scatter in their own unit: their weights already hold what is known of it.
    scatter = found.scatter
    if steps is not None:
        scatter = float(np.sqrt(np.sum(points["residual"] ** 2) / found.freedom))
    unknowns = [unknown.name for unknown in compared.unknowns]
    values = dict(zip(names, map(float, found.values), strict=False))
    errors = np.sqrt(np.diag(found.covariance))
    with np.errstate(all="ignore"):
        correlation = found.covariance / np.outer(errors, errors)
    conductances = conductance_errors = None
    if steps is None and model.uses_conductance:
        curves = points["curve"]
        first = np.flatnonzero(np.diff(curves, prepend=-1))
        conductances, conductance_errors = points["g"][first], np.zeros(len(first))
        for name, error in zip(unknowns[count:], errors[count:], strict=True):
            conductance_errors[int(name[2:-1])] = error
    return Fit(
        device=_fitted(model, values, steps),
        values=values,
        errors=dict(zip(names, map(float, errors), strict=False)),
        correlation=correlation[:count, :count],
        at_limit={n: limit for n, limit in zip(unknowns, found.limits, strict=True) if limit},
        undetermined=tuple(n for n, lost in zip(unknowns, found.undetermined, strict=True) if lost),
        conductances=conductances,
        conductance_errors=conductance_errors,
        points={name: value for name, value in points.items() if name not in _INNER},
        scatter=scatter,
        scatter_unit=compared.unit,
        degrees_of_freedom=found.freedom,
        steps=steps,
    )


def _fitted(model: Device, values: Mapping[str, float], steps: StepScatter | None) -> Device:
    """`model` with the fitted values and sigmas, as a file would hold it."""
    pulse: dict[str, Any] = {}
    if steps is not None:
        measured = {"cycle_sigma": steps.cycle, "device_sigma": steps.device}
        pulse = {name: value for name, value in measured.items() if value is not None}
    told = ", ".join(values) or "sigmas of pulses"
    card = {"source": f"{told}: fitted to measurements. The rest: {model.source}"}
    text = rewritten(model.with_parameters(**values), card=card, pulse=pulse)
    return parse_device(text, f"fit of {model.where}", model.table)
