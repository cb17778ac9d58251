"""Arrays as seen from some of their line ends: short-circuit currents and conductances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, shown
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.elements import CurrentSource, VoltageControlledCurrentSource
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import SIDES, Held, Norton, Side, Termination, normal_form
from circuitxbar.circuit.valid import check_valid_conductances
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.solving.arrays import signals_only, solved
from circuitxbar.solving.engines import engine_for_array
from circuitxbar.solving.failures import raise_unless_converged
from circuitxbar.solving.gradients import backward_read

_RTOL, _AIM = 1e-9, 1e-11  # of the largest current: what is refused, what the engines are asked for
_PORT = re.compile(r"(row|column)_(0|[1-9]\d*)_(left|right|top|bottom)")


@dataclass(frozen=True, eq=False)
class NortonEquivalent:
    """An array as seen from its ports: currents - conductances @ (voltages of the ports).

    That is what flows out of the array into each port, A.
    ports : names of line ends, as in crossbar.circuit().
    currents : (ports,), A, that flow out of the array where every port is held at 0 V.
    conductances : (ports, ports), S: [i, j] is what port i sends out less for each volt at port j.
    exact : whether that is so at any voltage; else, of cells that are not linear, these are the
    slopes with every port at 0 V, and the ports of an amplifier must stay near it.
    """

    ports: tuple[str, ...]
    currents: Array
    conductances: Array
    exact: bool

    def __repr__(self) -> str:
        kind = "exact" if self.exact else "linearised at 0 V"
        return f"NortonEquivalent({len(self.ports)} ports, {kind}; {', '.join(self.ports)})"

    def subcircuit(self, name: str = "array") -> SubCircuit:
        """The same as a few elements, ready for Circuit.instance; the ports are its pins.

        Element g_i_j is the conductance of port i by the voltage of port j, i_i the current of
        port i, which flows from ground into it.
        """
        sources = [
            CurrentSource(f"i_{i}", "0", port, float(current))
            for i, (port, current) in enumerate(zip(self.ports, self.currents, strict=True))
        ]
        slopes = [
            VoltageControlledCurrentSource(f"g_{i}_{j}", port, "0", other, "0", float(slope))
            for i, (port, row) in enumerate(zip(self.ports, self.conductances, strict=True))
            for j, (other, slope) in enumerate(zip(self.ports, row, strict=True))
        ]
        circuit = Circuit(name).add(*sources, *slopes)
        return SubCircuit(name, circuit, {port: circuit.node(port) for port in self.ports})


def norton(
    crossbar: Crossbar,
    voltages: Any,
    ports: Sequence[str],
    column_voltages: Any = None,
    gates: Any = None,
) -> NortonEquivalent:
    """`crossbar` as seen from its `ports`: short-circuit currents and conductance matrix.

    voltages, column_voltages, gates : of one vector, as of `solve`; what would feed a port does
    not act. ports : names of line ends, "column_3_bottom", "row_0_left" ... What terminates such
    an end is taken away, its resistance included; the segment of wire up to the end stays, and an
    end that floats gets one. All other ends stay as they are.
    One solve with every port at 0 V gives the currents, one for each port the matrix. Of linear
    cells this is exact; others are linearised where the ports are at 0 V.
    Raises CircuitError for wrong ports and inputs, and SolverError, as `solve`.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    drive = Drive.of(crossbar, voltages, column_voltages, gates)
    if drive.batch > 1:
        raise CircuitError(f"there are {drive.batch} vectors. Pass one of them.")
    places = _places(crossbar, ports)
    shorted, drive = _shorted(crossbar, drive, places)
    check_valid_conductances(shorted)
    engine = engine_for_array("auto", shorted, 1 + len(places))
    try:
        currents, conductances = _by(engine, shorted, drive, places)
    except SolverError:
        if engine == "nodal":
            raise
        currents, conductances = _by("nodal", shorted, drive, places)
    return NortonEquivalent(tuple(ports), currents, conductances, crossbar.is_linear)


_Place = tuple[Side, int]


def _places(crossbar: Crossbar, ports: Sequence[str]) -> list[_Place]:
    """The side and the line of every port."""
    if isinstance(ports, str) or not isinstance(ports, Sequence) or len(ports) == 0:
        raise CircuitError(
            f'ports = {shown(ports)}: expected names of line ends, ("column_0_bottom", ...).'
        )
    places = [_place(crossbar, port) for port in ports]
    for k, port in enumerate(ports):
        if port in ports[:k]:
            raise CircuitError(f"port {port!r} is named twice.")
    for side, _ in places:
        if isinstance(getattr(crossbar, side), Norton):
            raise CircuitError(
                f"{side} ends are Norton: none of them alone can become a port. Make that side "
                "Grounded, Held, Driven or Floating."
            )
    return places


def _place(crossbar: Crossbar, port: Any) -> _Place:
    found = _PORT.fullmatch(port) if isinstance(port, str) else None
    if found is not None:
        line, number, side = found.groups()
        fits = (line == "row") == (side in ("left", "right"))
        if fits and int(number) < crossbar.lines(side):
            return side, int(number)
    lines = {s: ("row" if s in ("left", "right") else "column", crossbar.lines(s)) for s in SIDES}
    ends = [f"{line}_{k}_{side}" for side, (line, count) in lines.items() for k in range(count)]
    near = ", ".join(get_close_matches(str(port), ends, n=3)) or ", ".join(ends[:3])
    raise CircuitError(f"there is no line end {shown(port)}. Did you mean {near}?")


def _shorted(crossbar: Crossbar, drive: Drive, places: list[_Place]) -> tuple[Crossbar, Drive]:
    """The array and its drive with every port held at 0 V, all other ends as they were."""
    held: dict[str, Termination] = {}
    for side in {side for side, _ in places}:
        lines = [line for other, line in places if other == side]
        end = drive.ends[side]
        voltage, resistance = end.voltage[0].copy(), end.resistance.copy()
        voltage[lines] = resistance[lines] = 0.0
        held[side] = Held(voltage, resistance)
    ends = {
        side: normal_form(held[side], len(end.resistance), None) if side in held else end
        for side, end in drive.ends.items()
    }
    return replace(crossbar, **held), replace(drive, ends=ends)


def _by(engine: str, crossbar: Crossbar, drive: Drive, places: list[_Place]) -> tuple[Array, Array]:
    """Currents into the ports, and what a volt at each of them takes from the others."""
    found = _checked(solved(crossbar, drive, engine, None, _AIM, "voltages", False))
    units = np.eye(len(places))
    if crossbar.is_linear:
        signals = _at_ports(crossbar, drive, places, units)
        unit = _checked(solved(crossbar, signals, engine, found, _AIM, "currents", True))
        conductances = -_of_ports(places, unit.proof.currents).T
    else:
        rows = [
            backward_read(found, _at_ports(crossbar, drive, places, unit[None, :]))[0].currents
            for unit in units
        ]
        conductances = -np.concatenate([_of_ports(places, row) for row in rows])
    return _of_ports(places, found.proof.currents)[0], conductances


def _checked(solution: Solution) -> Solution:
    raise_unless_converged(replace(solution, rtol=_RTOL))
    return solution


def _at_ports(crossbar: Crossbar, drive: Drive, places: list[_Place], voltages: Array) -> Drive:
    """`drive` with `voltages` (batch, ports) at the ports as its only sources."""
    signals = {side: np.zeros((len(voltages), crossbar.lines(side))) for side, _ in places}
    for k, (side, line) in enumerate(places):
        signals[side][:, line] = voltages[:, k]
    return signals_only(drive, signals, len(voltages))


def _of_ports(places: list[_Place], currents: dict[Side, Array]) -> Array:
    """The currents at the ports, (batch, ports)."""
    return np.stack([currents[side][:, line] for side, line in places], axis=1)
