"""Random crossbars of every kind of cell that the files of device_models/ allow.

A file is used because it lies there, one of those that share a law of the current: every
two-terminal device as a cell of its own, every memory element with some selector (a device that is
free of g), and every transistor with some memory element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import cycle
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from reference.arrays import KINDS, WIRES, segments, sizes
from reference.dense_newton import CellEquations
from reference.dense_solver import SIDES, Extended
from reference.laws import law_of

import circuitxbar as cx
from circuitxbar.devices.library import device_names

WIDEST = 1.0  # V, the largest difference between two potentials that are applied
MOST = 1e-3  # A through a cell of a device of its own size
HIGHEST_GATE = 3.0  # V
READ = {"left": "Driven", "right": "Floating", "top": "Floating", "bottom": "Grounded"}
ENDS = {
    "read": READ,
    "both ends": {**READ, "right": "Driven", "top": "Grounded"},
    "held": {**READ, "right": "Held", "bottom": "Held"},
    "one-ports": {**READ, "bottom": "Norton", "top": "Norton"},
    "both driven": {**READ, "bottom": "Driven"},
    "read from its columns": {**READ, "left": "Grounded", "bottom": "Driven"},
}


@dataclass(frozen=True)
class CellKind:
    """What the cells are made of, by the names of the devices."""

    device: str
    selector: str | None = None
    transistor: str | None = None

    def __str__(self) -> str:
        parts = (self.selector, self.device, self.transistor)
        return " + ".join(part for part in parts if part is not None)

    @property
    def style(self) -> str:
        """1R, 1S1R or 1T1R."""
        return "1S1R" if self.selector else "1T1R" if self.transistor else "1R"

    @property
    def devices(self) -> dict[str, cx.Device]:
        """The devices, by the prefix of their parameters."""
        named = {"": self.device, "selector.": self.selector, "transistor.": self.transistor}
        return {prefix: device_called(name) for prefix, name in named.items() if name}


@cache
def device_called(name: str) -> cx.Device:
    """The device, read once."""
    return cx.device(name)


def cell_kinds() -> list[CellKind]:
    """Kinds of cell with every law of the current that device_models/ has."""
    devices = different_devices()
    cells = [d for d in devices if len(d.terminals) == 2]
    memories = [d.name for d in cells if d.uses_conductance]
    selectors = [d.name for d in cells if not d.uses_conductance]
    transistors = [d.name for d in devices if len(d.terminals) == 3]
    return [
        *(CellKind(d.name) for d in cells),
        *(CellKind(d, selector=s) for d, s in zip(memories, cycle(selectors), strict=False)),
        *(CellKind(d, transistor=t) for d, t in zip(cycle(memories), transistors, strict=False)),
    ]


def different_devices() -> list[cx.Device]:
    """One device of each law of the current, as its file spells it: that of the widest g."""
    by_law: dict[Any, cx.Device] = {}
    for device in map(device_called, device_names()):
        mentioned = device.full_law.mentioned
        definitions = {n: text for n, text in device.definitions.items() if n in mentioned}
        law = "".join(f"{device.terminals} {device.law} {definitions}".split())
        if law not in by_law or highest_conductance(device) > highest_conductance(by_law[law]):
            by_law[law] = device
    return sorted(by_law.values(), key=lambda device: device.name)


def highest_conductance(device: cx.Device) -> float:
    """The end of the valid range of g, S; 0 for laws that are free of it."""
    return device.valid.get("g", (0.0, 0.0))[1]


@dataclass(frozen=True, eq=False)
class CellCase:
    """A crossbar with its inputs."""

    kind: CellKind
    crossbar: cx.Crossbar
    voltages: np.ndarray | None
    column_voltages: np.ndarray | None
    gates: np.ndarray | None

    @property
    def inputs(self) -> tuple[Any, Any, Any, Any]:
        """The arguments of `solve`, and of the witness."""
        return self.crossbar, self.voltages, self.column_voltages, self.gates

    @property
    def is_determined(self) -> bool:
        """Whether the circuit has a unique solution, as the witness sees it."""
        return CellEquations(*self.inputs).is_determined

    def law(self, prefix: str, row: int, column: int) -> Callable[..., Any]:
        """The current of one element as a function of its voltages and g, as keywords."""
        device, crossbar = self.kind.devices[prefix], self.crossbar
        values: dict[str, Any] = {"temperature": Extended(crossbar.temperature)}
        for name in device.parameters:
            own = np.asarray(crossbar.parameters.get(prefix + name, device.values[name]))
            values[name] = Extended(own[row, column] if own.ndim else own)
        if prefix == "transistor.":
            line = row if crossbar.gate_lines == "row" else column
            gates = np.asarray(self.gates, Extended)
            values["v_g"] = gates[..., line] if gates.ndim else gates
        return partial(law_of(device), **values)

    def __repr__(self) -> str:
        ends = ", ".join(f"{side}={getattr(self.crossbar, side)}" for side in SIDES)
        c = self.crossbar
        return (
            f"CellCase({self.kind}, {c.shape}, {ends}, {c.wires}, {c.conductances!r}, "
            f"{c.parameters!r}, {c.states!r}, {c.temperature} K, gates along each {c.gate_lines}, "
            f"{self.voltages!r}, {self.column_voltages!r}, {self.gates!r})"
        )


def random_cells(
    rng: np.random.Generator,
    kind: CellKind,
    rows: int,
    columns: int,
    ends: dict[str, str] | None = None,
    wires: str = "ohms",
    *,
    batch: int | None = None,
    opens: float = 0.0,
    shorts: float = 0.0,
    varied: bool = True,
    floating: bool = True,
) -> CellCase:
    """A crossbar of `kind` with these terminations and wires, and everything else drawn.

    batch : None for a single vector.  opens, shorts : share of the cells.
    varied : whether parameters differ from cell to cell, and the temperature from 300.15 K.
    floating : whether some of the ends of a side are open where the others are not.
    """
    ends = ends or READ
    low, high = _potentials(rng, kind)
    shape = rows, columns
    parameters = _parameters(rng, kind, shape) if varied else {}
    temperature = float(rng.uniform(250, 400)) if varied else 300.15
    conductances = _conductances(rng, kind, shape, parameters, temperature)
    place = rng.uniform(size=shape)
    conductances[place < opens] = 0.0
    conductances[place > 1 - shorts] = np.inf
    fields: dict[str, Any] = {
        side: _termination(rng, ends[side], rows if k < 2 else columns, low, high, floating)
        for k, side in enumerate(SIDES)
    }
    if kind.transistor:
        fields["gate_lines"] = str(rng.choice(["row", "column"]))
    crossbar = cx.Crossbar(
        conductances,
        kind.devices[""],
        selector=kind.devices.get("selector."),
        transistor=kind.devices.get("transistor."),
        parameters=parameters,
        states=_states(rng, kind, shape),
        temperature=temperature,
        wires=cx.Wires(
            segments(rng, wires, rows, (rows, columns + 1)),
            segments(rng, wires, columns, (rows + 1, columns)),
        ),
        **fields,
    )
    vectors = () if batch is None else (batch,)
    by_row = rng.uniform(low, high, (*vectors, rows))
    by_column = rng.uniform(low, high, (*vectors, columns))
    if crossbar.drives_rows and crossbar.drives_columns and rng.uniform() < 0.5:
        by_row, by_column = _half_selected(rng, by_row, by_column, low, high)
    if not crossbar.drives_rows:
        by_row, by_column = by_column, by_row
    return CellCase(
        kind,
        crossbar,
        by_row if crossbar.drives_rows or crossbar.drives_columns else None,
        by_column if crossbar.drives_rows and crossbar.drives_columns else None,
        _gates(rng, kind, crossbar.shape[crossbar.gate_lines == "column"], vectors),
    )


@st.composite
def cell_cases(
    draw: st.DrawFn,
    kinds: tuple[CellKind, ...],
    largest: int = 5,
    ends: tuple[str, ...] = KINDS,
    wires: tuple[str, ...] = WIRES,
    batch: tuple[int | None, ...] = (None, 1, 3),
    special: bool = True,
    shorts: bool = True,
    floating: bool = True,
) -> CellCase:
    """Crossbars of these kinds that have a unique solution, with every kind of line end.

    special : allows open cells and, with `shorts`, shorted ones.  floating : as for `random_cells`.
    """
    share = st.sampled_from((0.0, 0.0, 0.1)) if special else st.just(0.0)
    seed, chosen = draw(st.integers(0, 2**32 - 1)), {s: draw(st.sampled_from(ends)) for s in SIDES}
    case = random_cells(
        np.random.default_rng(seed),
        draw(st.sampled_from(kinds)),
        draw(sizes(largest)),
        draw(sizes(largest)),
        chosen,
        draw(st.sampled_from(wires)),
        batch=draw(st.sampled_from(batch)),
        opens=draw(share),
        shorts=draw(share) if shorts else 0.0,
        varied=draw(st.booleans()),
        floating=floating,
    )
    assume(case.is_determined)
    return case


def _potentials(rng: np.random.Generator, kind: CellKind) -> tuple[float, float]:
    """The range of what is applied: no cell of passive devices sees more than its width."""
    lowest, highest, width = -np.inf, np.inf, WIDEST
    for device in kind.devices.values():
        if len(device.terminals) == 2:
            width = min(width, -device.valid["v"][0], device.valid["v"][1])
            if not device.uses_conductance:
                while np.abs(device.current([-width, width])).max() > MOST:
                    width *= 0.9
        else:
            lowest = max(device.valid["v_d"][0], device.valid["v_s"][0])
            highest = min(device.valid["v_d"][1], device.valid["v_s"][1])
    least = max(-width, lowest)
    low = rng.uniform(least, max(least, min(0.0, highest - width)))
    return low, min(highest, low + width)


def _states(
    rng: np.random.Generator, kind: CellKind, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Those that the laws of the currents name; others follow from the conductances."""
    return {
        prefix + name: rng.uniform(state.range[0], state.range[1], shape)
        for prefix, device in kind.devices.items()
        for name, state in device.states.items()
        if name in device.law_parameters
    }


def _conductances(
    rng: np.random.Generator,
    kind: CellKind,
    shape: tuple[int, int],
    parameters: dict[str, np.ndarray],
    temperature: float,
) -> np.ndarray:
    """Of any size within the valid range, if all are possible; else those of random states."""
    device = kind.devices[""]
    if not device.uses_conductance:
        return np.ones(shape)
    if "conductance" in device.laws:
        states = {
            name: rng.uniform(state.range[0], state.range[1], shape)
            for name, state in device.states.items()
        }
        own = {name: value for name, value in parameters.items() if name in device.parameters}
        found = device.conductance(**states, **own, temperature=temperature)
        return np.clip(found, *device.valid["g"])
    low, high = device.valid["g"]
    decades = np.clip(
        rng.choice([(-7.0, -3.0), (-6.0, -4.0), (-5.0, -5.0)]), *np.log10([max(low, 1e-12), high])
    )
    return np.clip(10.0 ** rng.uniform(decades[0], decades[1], shape), low, high)


def _parameters(
    rng: np.random.Generator, kind: CellKind, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    drawn = {}
    for prefix, device in kind.devices.items():
        for name, parameter in device.parameters.items():
            if name not in device.states and rng.uniform() < 0.6:
                spread = rng.uniform(-0.2, 0.2, shape if rng.uniform() < 0.7 else ())
                value, (low, high) = device.values[name], parameter.range
                size = abs(value) or min(-low, high)
                drawn[prefix + name] = np.clip(value + size * spread, low, high)
    return drawn


def _gates(
    rng: np.random.Generator, kind: CellKind, lines: int, vectors: tuple[int, ...]
) -> np.ndarray | None:
    if not kind.transistor:
        return None
    low, high = kind.devices["transistor."].valid["v_g"]
    high = min(high, HIGHEST_GATE)
    shape = [(), (lines,), (*vectors, lines)][rng.integers(3)]
    on = rng.uniform(size=shape) < 0.8  # lines that are off altogether among the others
    return np.where(
        on, rng.uniform(0.3 * high, high, shape), rng.uniform(max(low, -1), high, shape)
    )


def _termination(
    rng: np.random.Generator, kind: str, lines: int, low: float, high: float, floating: bool
) -> Any:
    per_line = rng.uniform() < 0.5

    def drawn(least: float, most: float) -> Any:
        return rng.uniform(least, most, lines) if per_line else float(rng.uniform(least, most))

    if kind == "Floating":
        return cx.Floating()
    if kind == "Norton":
        conductance = 10.0 ** drawn(-6, -1)
        return cx.Norton(conductance, conductance * drawn(low, high))
    resistance = 10.0 ** drawn(-1, 4)
    if per_line:
        choice = rng.uniform(size=lines)
        resistance[choice < 0.4] = 0.0
        if floating:
            resistance[choice > 0.9] = np.inf
    elif rng.uniform() < 0.5:
        resistance = 0.0
    if kind == "Held":
        return cx.Held(drawn(low, high), resistance)
    return cx.Driven(resistance) if kind == "Driven" else cx.Grounded(resistance)


def _half_selected(
    rng: np.random.Generator, by_row: np.ndarray, by_column: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """One cell between both ends of the range, all other lines halfway."""
    first, last = rng.permutation([low, high])
    by_row, by_column = (
        np.full_like(by_row, (low + high) / 2),
        np.full_like(by_column, (low + high) / 2),
    )
    by_row[..., rng.integers(by_row.shape[-1])] = first
    by_column[..., rng.integers(by_column.shape[-1])] = last
    return by_row, by_column
