"""A crossbar over time as equations of its nodes, written from its description.

`Circuit` reads only what a user types (conductances, wires, terminations, capacitances, the points
of a waveform), shares no code with the package, and knows one input vector at a time. It writes
Kirchhoff's law as C v' + G v + I(v) = J over all nodes, merges nodes without resistance between
them, and takes those of ideal sources out. What then has no path of capacitors to a source or to
ground follows at once from the other voltages: one unknown for each such part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from reference.laws import law_of

SIDES = ("left", "right", "top", "bottom")
GROUND = 0
DIFFERENCE = 1e-5  # V, for slopes of laws


@dataclass(frozen=True, eq=False)
class Signals:
    """Piecewise linear voltages: times and voltages, each (lines, points), as Waveform has them."""

    times: np.ndarray
    voltages: np.ndarray

    @staticmethod
    def of(waveform: Any, lines: int) -> Signals:
        """The signals of one vector of a Waveform, or of constant voltages (lines,)."""
        if hasattr(waveform, "times"):
            shape = (lines, np.shape(waveform.times)[-1])
            times, voltages = np.asarray(waveform.times), np.asarray(waveform.voltages)
            return Signals(np.broadcast_to(times, shape), np.broadcast_to(voltages, shape))
        voltages = np.broadcast_to(np.asarray(waveform, dtype=float), (lines,))
        return Signals(np.zeros((lines, 1)), voltages[:, None])

    def at(self, line: int, time: float) -> float:
        """Voltage of one line."""
        return float(np.interp(time, self.times[line], self.voltages[line]))


class Circuit:
    """One crossbar and the signals of one vector as equations of its nodes."""

    def __init__(self, crossbar: Any, waveform: Any = None, across: Any = None, gates: Any = None):
        self.crossbar = crossbar
        self.rows, self.columns = np.shape(crossbar.conductances)
        self.number: dict[str, int] = {"0": GROUND}
        self.resistors: list[tuple[int, int, float]] = []  # conductance, S
        self.capacitors: list[tuple[int, int, float]] = []
        self.joints: list[tuple[int, int]] = []
        self.injected: list[tuple[int, float]] = []
        self.laws: list[_Laws] = []
        # Every source as its node and its voltage over time.
        self.sources: list[tuple[int, Callable[[float], float]]] = [(GROUND, lambda _: 0.0)]
        self.kinks = [np.empty(0)]
        self.terminals: dict[str, dict[int, tuple[int, int, float]]] = {side: {} for side in SIDES}
        self._lay_ends(waveform, across)
        self._lay_wires()
        self._lay_cells(gates)
        self._assemble()

    def node(self, name: str) -> int:
        return self.number.setdefault(name, len(self.number))

    def _resistance(self, first: int, second: int, resistance: float) -> None:
        if resistance == 0:
            self.joints.append((first, second))
        elif np.isfinite(resistance):
            self.resistors.append((first, second, 1 / resistance))

    def _lay_ends(self, waveform: Any, across: Any) -> None:
        ends = {side: getattr(self.crossbar, side) for side in SIDES}
        driven = [side for side in SIDES if type(ends[side]).__name__ == "Driven"]
        on_rows = "left" in driven or "right" in driven
        for side, end in ends.items():
            along_rows = side in ("left", "right")
            lines, kind = self.rows if along_rows else self.columns, type(end).__name__
            if kind == "Floating":
                continue
            if side in driven:
                signals = Signals.of(waveform if along_rows or not on_rows else across, lines)
                self.kinks.append(signals.times.ravel())
            elif kind == "Held":
                signals = Signals.of(end.voltage, lines)
            else:
                signals = Signals.of(0.0, lines)
            for line in range(lines):
                name = f"{'row' if along_rows else 'column'}_{line}_{side}"
                if kind == "Norton":
                    node, conductance = self.node(name), _entry(end.conductance, line)
                    current = _entry(end.current, line)
                    self.resistors.append((node, GROUND, conductance))
                    self.injected.append((node, current))
                    self.terminals[side][line] = (node, GROUND, conductance)
                    continue
                resistance = _entry(end.resistance, line)
                if np.isinf(resistance):
                    continue
                node, source = self.node(name), self.node(f"{name}_source")
                self.sources.append((source, lambda t, k=line, s=signals: s.at(k, t)))
                self._resistance(node, source, resistance)
                self.terminals[side][line] = (node, source, resistance)

    def _lay_wires(self) -> None:
        wires = self.crossbar.wires
        for rows, lines, cells, ends in (
            (True, self.rows, self.columns, ("left", "right")),
            (False, self.columns, self.rows, ("top", "bottom")),
        ):
            resistance, capacitance = (
                (wires.row, wires.row_capacitance)
                if rows
                else (wires.column, wires.column_capacitance)
            )
            for line in range(lines):
                label = f"{'row' if rows else 'column'}_{line}_"
                middle = [f"row_{line}_{k}" if rows else f"column_{k}_{line}" for k in range(cells)]
                names = [label + ends[0], *middle, label + ends[1]]
                for k in range(cells + 1):
                    place = (line, k) if rows else (k, line)
                    at_end = k in (0, cells)
                    if at_end and names[k and k + 1] not in self.number:
                        continue  # a floating end has no segment
                    first, second = self.node(names[k]), self.node(names[k + 1])
                    self._resistance(first, second, _entry(resistance, line, place))
                    farads = _entry(capacitance, line, place)
                    # Whole at the last cell, or half at either of two cells.
                    at = [second] if k == 0 else [first] if k == cells else [first, second]
                    self.capacitors += [(node, GROUND, farads / len(at)) for node in at]

    def _lay_cells(self, gates: Any) -> None:
        crossbar = self.crossbar
        parts: dict[str, list[tuple[int, int, int, int]]] = {}
        farads = np.broadcast_to(crossbar.cell_capacitance, (self.rows, self.columns))
        for i, j in np.ndindex(self.rows, self.columns):
            first, last = self.node(f"row_{i}_{j}"), self.node(f"column_{i}_{j}")
            self.capacitors.append((first, last, float(farads[i, j])))
            g = float(crossbar.conductances[i, j])
            if g == 0:
                continue
            if crossbar.selector is not None:
                inner = self.node(f"inner_{i}_{j}")
                parts.setdefault("selector.", []).append((first, inner, i, j))
                first = inner
            if crossbar.transistor is not None:
                inner = self.node(f"inner_{i}_{j}")
                parts.setdefault("transistor.", []).append((inner, last, i, j))
                last = inner
            if np.isinf(g):
                self.joints.append((first, last))
            elif crossbar.device.name == "linear":
                self.resistors.append((first, last, g))
            else:
                parts.setdefault("", []).append((first, last, i, j))
        devices = {
            "": crossbar.device,
            "selector.": crossbar.selector,
            "transistor.": crossbar.transistor,
        }
        for prefix, places in parts.items():
            self.laws.append(_Laws.of(crossbar, prefix, devices[prefix], places, gates))

    def _assemble(self) -> None:
        count = len(self.number)
        self.conductance = _laplacian(count, self.resistors)
        self.capacitance = _laplacian(count, self.capacitors)
        self.source_current = np.zeros(count)
        for node, current in self.injected:
            self.source_current[node] += current
        net = _parts(count, self.joints)
        self.net = net
        fixed = {int(net[node]): k for k, (node, _) in enumerate(self.sources)}
        if len(fixed) < len(self.sources):
            raise ValueError("two ideal sources meet without resistance")
        self.follows = np.zeros((count, len(self.sources)))  # nodes that a source fixes
        free = sorted(set(net.tolist()) - set(fixed))
        self.member = np.zeros((count, len(free)))
        for node in range(count):
            if int(net[node]) in fixed:
                self.follows[node, fixed[int(net[node])]] = 1.0
            else:
                self.member[node, free.index(int(net[node]))] = 1.0
        # Parts that capacitors join; those that reach no source have one voltage that follows.
        ties = [(int(net[a]), int(net[b])) for a, b, farads in self.capacitors if farads > 0]
        ties += [(int(net[GROUND]), k) for k in fixed]
        part = _parts(count, ties)
        anchored = part[net[GROUND]]
        lost = sorted({int(part[k]) for k in free} - {int(anchored)})
        common = np.array([[float(part[k] == p) for p in lost] for k in free])
        self.common = common.reshape(len(free), len(lost))
        # One node of each such part is what the others are measured from.
        self.free = np.array(free, dtype=int)  # a node of each net, of its own number
        self.origins = np.array(lost, dtype=int)
        states = [k for k, n in enumerate(free) if part[n] == anchored or n not in lost]
        self.state = np.eye(len(free))[:, states]

    @property
    def breaks(self) -> np.ndarray:
        """The times of all points of the waveforms."""
        return np.unique(np.concatenate(self.kinks))

    def source_voltages(self, time: float) -> np.ndarray:
        return np.array([voltage(time) for _, voltage in self.sources])

    def outflow(self, voltages: np.ndarray) -> np.ndarray:
        """Current that leaves every node but through capacitors and sources, A."""
        out = self.conductance @ voltages - self.source_current
        for law in self.laws:
            law.add_currents(voltages, out)
        return out

    def slopes(self, voltages: np.ndarray) -> np.ndarray:
        """Its derivative by the node voltages, S."""
        matrix = self.conductance.copy()
        for law in self.laws:
            law.add_slopes(voltages, matrix)
        return matrix

    def operating_point(self, time: float) -> np.ndarray:
        """Node voltages with all capacitors open, by damped Newton steps from 0 V."""
        fixed = self.follows @ self.source_voltages(time)
        return self._solved(fixed, self.member, np.zeros(self.member.shape[1]))

    def completed(self, states: np.ndarray, time: float, near: np.ndarray) -> np.ndarray:
        """All node voltages from the `states`; `near` is where to look for those that follow."""
        base = self.follows @ self.source_voltages(time) + self.member @ (self.state @ states)
        return self._solved(base, self.member @ self.common, near)

    def _solved(self, base: np.ndarray, directions: np.ndarray, start: np.ndarray) -> np.ndarray:
        """base + directions @ x at which nothing is left along the directions."""
        x = start.copy()
        if len(x) == 0:
            return base
        previous = np.inf
        for _ in range(200):
            at = base + directions @ x
            matrix = directions.T @ self.slopes(at) @ directions
            step = np.linalg.solve(matrix, directions.T @ self.outflow(at))
            length = np.abs(step).max()
            if length < 1e-9 and length >= previous / 4:
                return at  # rounding alone is left
            share = 1.0
            while length > 1e-3 and share > 1e-6:  # far away: no longer than the error shrinks
                after = self.outflow(base + directions @ (x - share * step))
                if np.abs(np.linalg.solve(matrix, directions.T @ after)).max() < length:
                    break
                share /= 2
            x, previous = x - share * step, length
        raise RuntimeError("Newton's method does not end")

    def terminal_currents(self, outflow: np.ndarray, voltages: np.ndarray) -> dict[str, np.ndarray]:
        """Side -> (lines,), A: `outflow` of every node, capacitors included, at these voltages.

        Linear in both, so that their integrals give charges.
        """
        found = {}
        for side in SIDES:
            lines = self.rows if side in ("left", "right") else self.columns
            found[side] = np.zeros(lines)
            for line, (node, source, value) in self.terminals[side].items():
                if source == GROUND:  # a Norton one-port: value is its conductance
                    found[side][line] = value * voltages[node]
                elif value > 0:
                    found[side][line] = (voltages[node] - voltages[source]) / value
                else:  # an ideal source carries what all else takes out of its net
                    found[side][line] = -outflow[self.net == self.net[source]].sum()
        return found

    def norton_currents(self) -> dict[str, np.ndarray]:
        """Side -> (lines,), A, what one-ports push into the array whatever the voltage."""
        none = {side: np.zeros(self.lines(side)) for side in SIDES}
        currents = dict(self.injected)
        for side in SIDES:
            for line, (node, source, _) in self.terminals[side].items():
                if source == GROUND:
                    none[side][line] = currents[node]
        return none

    def lines(self, side: str) -> int:
        return self.rows if side in ("left", "right") else self.columns


@dataclass(frozen=True, eq=False)
class _Laws:
    """One device in all the cells that have it."""

    law: Callable[..., Any]
    first: np.ndarray
    last: np.ndarray
    values: dict[str, Any]
    gates: np.ndarray | None

    @staticmethod
    def of(crossbar: Any, prefix: str, device: Any, places: list[Any], gates: Any) -> _Laws:
        first, last, row, column = np.array(places).T
        values: dict[str, Any] = {"temperature": crossbar.temperature}
        for name, default in device.values.items():
            value = np.asarray(crossbar.parameters.get(prefix + name, default), dtype=float)
            values[name] = value[row, column] if value.ndim else value
        values["g"] = np.asarray(crossbar.conductances)[row, column]
        at = None
        if prefix == "transistor.":
            lines = row if crossbar.gate_lines == "row" else column
            at = np.broadcast_to(np.asarray(gates, dtype=float), (lines.max() + 1,))[lines]
        return _Laws(law_of(device), first, last, values, at)

    def currents(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        controls = {"v": first - last}
        if self.gates is not None:
            controls = {"v_d": first, "v_g": self.gates, "v_s": last}
        return np.asarray(self.law(**controls, **self.values), dtype=float)

    def add_currents(self, voltages: np.ndarray, out: np.ndarray) -> None:
        current = self.currents(voltages[self.first], voltages[self.last])
        np.add.at(out, self.first, current)
        np.subtract.at(out, self.last, current)

    def add_slopes(self, voltages: np.ndarray, matrix: np.ndarray) -> None:
        first, last, d = voltages[self.first], voltages[self.last], DIFFERENCE
        by_first = (self.currents(first + d, last) - self.currents(first - d, last)) / (2 * d)
        by_last = (self.currents(first, last + d) - self.currents(first, last - d)) / (2 * d)
        for node, slope in ((self.first, by_first), (self.last, by_last)):
            np.add.at(matrix, (self.first, node), slope)
            np.subtract.at(matrix, (self.last, node), slope)


def _entry(value: Any, line: int, place: tuple[int, int] | None = None) -> float:
    """One entry of a scalar, of one value per line, or of one per segment."""
    if np.ndim(value) == 2:
        return float(value[place])
    return float(value[line] if np.ndim(value) else value)


def _laplacian(count: int, pairs: list[tuple[int, int, float]]) -> np.ndarray:
    matrix = np.zeros((count, count))
    for a, b, value in pairs:
        matrix[a, a] += value
        matrix[b, b] += value
        matrix[a, b] -= value
        matrix[b, a] -= value
    return matrix


def _parts(count: int, ties: list[tuple[int, int]]) -> np.ndarray:
    """For every node the smallest number among those that `ties` join with it."""
    part = np.arange(count)
    for a, b in ties:
        low, high = sorted((part[a], part[b]))
        part[part == high] = low
    return part
