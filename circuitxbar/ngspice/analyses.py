"""Sweeps, transients, AC and noise of circuits, as ngspice finds them.

Arguments are those that solving.analyses has checked; `residuals` says where residuals are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import Curves
from circuitxbar.circuit.group import Excitation, Group, SwitchModel
from circuitxbar.circuit.noise import Noise
from circuitxbar.dialects import DIALECTS
from circuitxbar.errors import SolverError
from circuitxbar.netlist.spelling import Spelling
from circuitxbar.netlist.writer import deck, write_spice, written_nodes
from circuitxbar.ngspice.engine import numbers_of, operating_point, stats_of
from circuitxbar.ngspice.grids import grids
from circuitxbar.ngspice.residuals import residual_over_frequency, residual_over_points
from circuitxbar.ngspice.runner import Run, run

# Steps by reltol * trtol, since the errors of thousands of them add up: eight periods of an LC
# circuit that rings come out to 2e-4 of its swing (trapezoidal; 4e-4 by Gear's method), with 1e-6
# to 4e-3. Newton's method needs no more than reltol. No charge is too small to count; but with
# small ones ngspice may find no step short enough (three CMOS inverters): then with its own chgtol.
_TRANSIENT = ".options reltol=1e-7 trtol=0.1 abstol=1e-15 vntol=1e-9 gmin=1e-20"
_CHARGES = (" chgtol=1e-20", "")
# KLU knows no noise.
_NOISE = DIALECTS["ngspice"].law_options
_STEPS = 1000  # of a transient, at least, where nothing is said


def dc_sweep(circuit: Circuit, source: str, values: Array) -> Curves:
    """The operating points of `circuit` while `source` takes each of `values`, one after another.

    source : a voltage or current source.  values : (points,), V or A, in any order; switches and
    circuits with more than one answer stay near the point before.
    """
    swept = _swept(circuit, source, values)
    answer = run(write_spice(replace(swept, title="circuit")))
    voltages, branches = numbers_of(swept, answer, len(values))
    residual = residual_over_points(swept, voltages, branches)
    return Curves(
        circuit, source, values, voltages, branches, residual, "ngspice", stats_of(answer)
    )


def transient(
    circuit: Circuit,
    stop: float,
    *,
    maximum_step: float | None = None,
    method: Literal["trapezoidal", "gear"] = "trapezoidal",
    tol: float = 1e-5,
    use_initial: bool = False,
) -> Curves:
    """Voltages and currents of `circuit` from 0 s to `stop`, at the steps that ngspice took.

    maximum_step : s; stop / 1000 if None.
    method : of integration, trapezoidal or Gear's of second order.  tol : of the nodal engine;
    here steps are always as short as `_TRANSIENT` makes them.
    use_initial : start at the initial values of capacitors, inductors and nodes, all others 0,
    and not at an operating point. The first point is then ngspice's first step, not 0 s.
    """
    step = stop / _STEPS if maximum_step is None else maximum_step
    line = f".tran {step!r} {stop!r} 0.0 {step!r}{' uic' * use_initial}"
    answer = _stepped(circuit, line, f" method={method[:4]} maxord=2")
    time = answer.vectors["time"]
    voltages, branches = numbers_of(circuit, answer, len(time))
    residual = residual_over_points(circuit, voltages, branches, time)
    stats = {**stats_of(answer), "steps": len(time), "method": method}
    return Curves(circuit, "time", time, voltages, branches, residual, "ngspice", stats)


def _stepped(circuit: Circuit, line: str, method: str) -> Run:
    """The answer to a transient with the finest tolerances that ngspice can follow."""
    for charges in _CHARGES[:-1]:
        try:
            return _run(circuit, line, [_TRANSIENT + charges + method])
        except SolverError as failed:
            if "imestep too small" not in str(failed):
                raise
    return _run(circuit, line, [_TRANSIENT + _CHARGES[-1] + method])


def ac(circuit: Circuit, frequencies: Array) -> Curves:
    """The answer of `circuit` to the `ac` amplitudes of its sources, linear about its rest.

    frequencies : (points,), Hz. A linear grid, or one with a whole number of points to the decade
    or octave, is one run of ngspice; others are cut into such grids.
    """
    _refuse_closed_switches(circuit)
    answers = list(_over_frequency(circuit, ".ac {}", frequencies))
    parts = [numbers_of(circuit, answer, len(f)) for f, answer in answers]
    voltages, branches = (np.hstack(part) for part in zip(*parts, strict=True))
    residual = residual_over_frequency(circuit, frequencies, voltages, branches)
    stats = {**stats_of(answers[0][1]), "runs": len(answers)}
    return Curves(circuit, "frequency", frequencies, voltages, branches, residual, "ngspice", stats)


def _refuse_closed_switches(circuit: Circuit) -> None:
    """Refuse what ngspice would answer for another circuit: here all its switches are open."""
    if not any(isinstance(group.model, SwitchModel) for group in circuit.groups):
        return
    rest = operating_point(circuit).unknowns
    for group in rest.circuit.groups:
        model = group.model
        if isinstance(model, SwitchModel):
            closed = np.flatnonzero(rest.conductances(group)[:, 0] != 1.0 / model.off)
            if len(closed):
                raise SolverError(
                    f"switch {group.names[int(closed[0])]!r} is closed at the operating point, and "
                    "ngspice takes every switch as open over frequency. Put a resistor in its "
                    'place, or use engine="nodal".'
                )


def noise(circuit: Circuit, output: Sequence[str], source: str, frequencies: Array) -> Noise:
    """Noise of a voltage of `circuit`, at its operating point.

    output : a node, or two, the voltage of the first above the second.
    source : the voltage or current source that the noise is referred to.
    frequencies : as of `ac`.
    Resistors and switches have thermal noise, junctions and transistors what their cards say; laws
    of devices and of sources have none in ngspice, and are no contribution.
    """
    _refuse_closed_switches(circuit)
    driven = _driven(circuit, source)
    nodes = written_nodes(circuit)
    across = ",".join(nodes[circuit.node(name)] for name in output)
    spelling = Spelling.of(driven)
    group, _ = driven.element(source)
    # The 1 at the end asks for the parts of the elements at every frequency.
    line = f".noise v({across}) {spelling.name(group, source)} {{}} 1"
    vectors = [answer.vectors for _, answer in _over_frequency(driven, line, frequencies, _NOISE)]

    def density(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in vectors])

    contributions = {
        name: density(found[0])
        for group in driven.groups
        for name, spelled in zip(group.names, spelling.names(group), strict=True)
        # Newer models put a dot where older ones put a line.
        if (found := [v for v in (f"onoise_{spelled}", f"onoise.{spelled}") if v in vectors[0]])
    }
    return Noise(
        circuit,
        frequencies,
        density("onoise_spectrum"),
        density("inoise_spectrum"),
        contributions,
        "ngspice",
    )


def _run(circuit: Circuit, line: str, options: Sequence[str] | None = None) -> Run:
    # A title may hold any words, also such as start a command in a comment.
    return run(deck(replace(circuit, title="circuit"), [line], options))


def _over_frequency(
    circuit: Circuit, line: str, wanted: np.ndarray, options: Sequence[str] | None = None
) -> Iterator[tuple[np.ndarray, Run]]:
    """The runs that answer at the frequencies `wanted`, each with its own of them.

    line : of the analysis, with {} for the grid.
    """
    done = 0
    for grid, count in grids(wanted):
        part = wanted[done : done + count]
        answer = _run(circuit, line.format(grid), options)
        found = answer.vectors["frequency"]
        if len(found) != count or not np.allclose(found, part, rtol=1e-9, atol=0.0):
            raise SolverError(
                f"ngspice answered at {len(found)} frequencies {found[0]:.6g} ... {found[-1]:.6g} "
                f"Hz where {count} from {part[0]:.6g} to {part[-1]:.6g} Hz were asked for. Give "
                "frequencies that are further apart."
            )
        yield part, answer
        done += count


def _swept(circuit: Circuit, source: str, points: np.ndarray) -> Circuit:
    """`circuit` with `points` as the batch of `source`, every group in its place."""
    group, place = circuit.element(source)
    groups: list[Group] = []
    for other in circuit.groups:
        if other is not group:
            groups.append(other)
            continue
        before, after = range(place), range(place + 1, len(group.names))
        if place:
            groups.append(_some(group, before))
        one = _some(group, range(place, place + 1))
        # One point is no batch.
        groups.append(replace(one, values=points[None, :] if len(points) > 1 else points))
        if len(after):
            groups.append(_some(group, after))
    return replace(circuit, groups=tuple(groups))


def _some(group: Group, places: range) -> Group:
    """Some of the sources of `group`, at rest."""
    kept = list(places)
    names = replace(group.names, indices=group.names.indices[kept])
    return replace(
        group, names=names, nodes=group.nodes[kept], values=group.values[kept], excitation=None
    )


def _driven(circuit: Circuit, source: str) -> Circuit:
    """`circuit` with an AC amplitude of 1 at `source` alone: ngspice asks for one there.

    Not every version leaves those of other sources out of the gain.
    """
    driving, place = circuit.element(source)
    groups = []
    for group in circuit.groups:
        if group is driving:
            ac = np.zeros(len(group.names), dtype=complex)
            ac[place] = 1.0
            group = replace(group, excitation=Excitation((None,) * len(group.names), ac))
        elif group.kind in ("V", "I"):
            group = replace(group, excitation=None)
        groups.append(group)
    return replace(circuit, groups=tuple(groups))
