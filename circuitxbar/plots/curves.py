"""Pictures of circuits: voltages and currents along a sweep, over time, over frequency."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.circuit.curves import Curves
from circuitxbar.circuit.group import Group
from circuitxbar.errors import CircuitError
from circuitxbar.plots.canvas import COLOURS, in_prefixed_unit, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PROBE = re.compile(r"\s*([vi])\(\s*([^\s(),]+)\s*(?:,\s*([^\s(),]+)\s*)?\)\s*\Z")
_WHAT = {"V": "voltage", "A": "current"}


@styled
def curves(curves: Curves, probes: Sequence[str]) -> Figure:
    """Voltages and currents over the axis of `curves`; over frequency their dB and phase.

    probes : "v(node)", "v(node,node)" for a difference, "i(element)".
    Raises CircuitError for a probe that cannot be read, and unknown nodes and elements.
    """
    if not isinstance(curves, Curves):
        raise CircuitError(f"{shown(curves)} are no Curves (dc_sweep, transient, ac).")
    if isinstance(probes, str) or not len(probes):
        raise CircuitError(f'probes = {shown(probes)}: expected a list such as ["v(out)"].')
    lines = [(probe, *_values(curves, probe)) for probe in probes]
    if curves.axis == "frequency":
        return _bode(curves, lines)
    units = list(dict.fromkeys(unit for _, _, unit in lines))
    figure = new_figure(6.4, 1.0 + 2.4 * len(units))
    panels: Sequence[Axes] = np.atleast_1d(figure.subplots(len(units), sharex=True)).tolist()
    points, label = _axis(curves)
    for axes, unit in zip(panels, units, strict=True):
        drawn = [(k, probe, y) for k, (probe, y, own) in enumerate(lines) if own == unit]
        scaled, prefixed = in_prefixed_unit(np.array([y for _, _, y in drawn]), unit)
        for (k, probe, _), y in zip(drawn, scaled, strict=True):
            axes.plot(points, y, label=probe, **_look(k))
        axes.set_ylabel(f"{_WHAT[unit]} ({prefixed})")
    _finish(figure, panels, label)
    return figure


def split_probes(text: str) -> list[str]:
    """The probes in "v(out), v(a,b), i(v1)"; only commas outside of brackets part them."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text)]


def _values(curves: Curves, probe: str) -> tuple[np.ndarray, str]:
    found = _PROBE.match(probe) if isinstance(probe, str) else None
    if found is None or (found[1] == "i" and found[3]):
        raise CircuitError(
            f"{shown(probe)} cannot be drawn: expected v(node), v(node,node) or i(element)."
        )
    if found[1] == "i":
        return curves.current(found[2]), "A"
    voltage = curves.voltage(found[2])
    return voltage if found[3] is None else voltage - curves.voltage(found[3]), "V"


def unit_of_axis(curves: Curves) -> str:
    """That of the points of `curves`: s, Hz, or V or A of the source that was swept."""
    if curves.axis in ("time", "frequency"):
        return {"time": "s", "frequency": "Hz"}[curves.axis]
    group: Group = curves.circuit.element(curves.axis)[0]
    return {"V": "V", "I": "A"}[group.kind]


def _axis(curves: Curves) -> tuple[np.ndarray, str]:
    points, unit = in_prefixed_unit(curves.points, unit_of_axis(curves))
    return points, f"{curves.axis} ({unit})"


def _bode(curves: Curves, lines: list[tuple[str, np.ndarray, str]]) -> Figure:
    figure = new_figure(6.4, 5.4)
    panels: Sequence[Axes] = figure.subplots(2, sharex=True).tolist()
    size, phase = panels
    for k, (probe, y, unit) in enumerate(lines):
        with np.errstate(divide="ignore"):
            decibel = 20.0 * np.log10(np.abs(y))
        decibel[np.isinf(decibel)] = np.nan  # nothing at all has no height
        size.semilogx(curves.points, decibel, label=f"{probe} (re 1 {unit})", **_look(k))
        phase.semilogx(curves.points, np.rad2deg(np.unwrap(np.angle(y))), **_look(k))
    size.set_ylabel("amplitude (dB)")
    phase.set_ylabel("phase (degrees)")
    _finish(figure, panels, "frequency (Hz)")
    return figure


def _look(k: int) -> dict[str, Any]:
    style = ("-", "--", ":", "-.")[k // len(COLOURS) % 4]
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": style, "linewidth": 1.8}


def _finish(figure: Figure, panels: Sequence[Axes], label: str) -> None:
    for axes in panels:
        axes.grid()
        axes.set_axisbelow(True)
        axes.margins(x=0.0)
    panels[-1].set_xlabel(label)
    figure.legend(loc="outside upper left", ncols=4)
