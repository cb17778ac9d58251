"""An independent witness: modified nodal analysis of a crossbar, written from its description.

It reads only what a user types into `Crossbar` (conductances, wires, terminations) and shares
no code with the package. Unlike the engines it merges no nodes: every wire segment, every
short and every line end has its current as an unknown of its own, so that an ideal wire is
the equation v_a - v_b = 0 and a wire of r ohm is v_a - v_b - r i = 0. All coefficients are
then the numbers of the description themselves, free of rounding.

`solve_exactly` eliminates in 60 decimal digits (small arrays). `solve_refined` takes a double
LU factor as preconditioner and iterates with residuals in extended precision (64 bits).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

Extended = np.longdouble
SIDES = ("left", "right", "top", "bottom")
DIGITS = 60
GROUND = -1


@dataclass(frozen=True, eq=False)
class Reference:
    """The solved circuit; numbers are Decimal or longdouble.

    currents : side -> (batch, lines), A, out of the array; 0 where a line floats.
    voltages : node name -> (batch,), V.
    source_current, source_voltage : the largest of the sources, A and V.
    """

    shape: tuple[int, int]
    currents: dict[str, np.ndarray]
    voltages: dict[str, np.ndarray]
    source_current: float
    source_voltage: float

    @property
    def is_live(self) -> np.ndarray:
        """Whether each vector drives a current to speak of through any terminal, (batch,).

        Where all lines float but one, or all ends lie at one potential, the exact currents are 0
        and have no digits to compare; where a Norton source feeds little but its own
        conductance, its terminal current is a difference of nearly equal numbers.
        """
        largest = self.largest_current().astype(float)
        return (largest > 1e-14 * self.source_voltage) & (largest > 1e-4 * self.source_current)

    def grid(self, line: str) -> np.ndarray:
        """Voltages of the "row" or the "column" nodes, (batch, rows, columns)."""
        rows, columns = self.shape
        nodes = [self.voltages[f"{line}_{i}_{j}"] for i in range(rows) for j in range(columns)]
        return np.stack(nodes, axis=1).reshape(-1, rows, columns)

    def largest_current(self) -> np.ndarray:
        """The largest terminal current of every vector, (batch,), A."""
        return np.max([np.abs(self.currents[side]).max(axis=1) for side in SIDES], axis=0)


class Equations:
    """The equations `matrix @ unknowns == right` of one crossbar for a batch of inputs."""

    def __init__(self, crossbar: Any, voltages: Any = None, column_voltages: Any = None):
        self.crossbar = crossbar
        self.rows, self.columns = np.shape(crossbar.conductances)
        self.number: dict[str, int] = {}
        self.entries: list[tuple[int, int, float]] = []
        self.constants: dict[int, np.ndarray] = {}
        self.size = 0
        self.terminal: dict[str, dict[int, int]] = {side: {} for side in SIDES}
        self._joined: dict[int, int] = {}
        self._tied: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._sources_meet = False
        inputs = self._inputs(voltages, column_voltages)
        given = [v for v in inputs.values() if v is not None]
        self.batch = max((len(v) for v in given), default=1)
        self._lay_cells()
        for side in SIDES:
            self._lay_ends(side, inputs[side])
        self._lay_wires()

    @property
    def is_determined(self) -> bool:
        """Whether no ideal sources meet without resistance and every node has a path to ground."""
        ground = _root(self._reached, GROUND)
        reached = all(_root(self._reached, node) == ground for node in self.number.values())
        return reached and not self._sources_meet

    def matrix(self) -> csr_matrix:
        """The coefficients, exact doubles."""
        first, second, value = (np.array(part) for part in zip(*self.entries, strict=True))
        return csc_matrix((value, (first, second)), shape=(self.size, self.size)).tocsr()

    def right(self) -> np.ndarray:
        """The constants, (unknowns, batch)."""
        right = np.zeros((self.size, self.batch))
        for equation, value in self.constants.items():
            right[equation] = value
        return right

    def reference(self, unknowns: np.ndarray) -> Reference:
        """The named quantities among the solved `unknowns`, (unknowns, batch)."""
        currents = {}
        for side in SIDES:
            out = np.zeros((self.batch, self._lines(side)), dtype=unknowns.dtype)
            for line, current in self.terminal[side].items():
                out[:, line] = unknowns[current]
            currents[side] = out
        voltages = {name: unknowns[k] for name, k in self.number.items()}
        constants = self.constants.items()
        injected = {k for ends in self.terminal.values() for k in ends.values()}
        current = [np.abs(value).max() for k, value in constants if k in injected]
        voltage = [np.abs(value).max() for k, value in constants if k not in injected]
        return Reference(
            (self.rows, self.columns),
            currents,
            voltages,
            max(current, default=0.0),
            max(voltage, default=0.0),
        )

    def _inputs(self, voltages: Any, column_voltages: Any) -> dict[str, np.ndarray | None]:
        ends = {side: type(getattr(self.crossbar, side)).__name__ for side in SIDES}
        on_rows = "Driven" in (ends["left"], ends["right"])
        feeds = dict.fromkeys(SIDES, voltages)
        if on_rows:
            feeds["top"] = feeds["bottom"] = column_voltages
        return {
            side: np.atleast_2d(np.asarray(feeds[side], dtype=float))
            if ends[side] == "Driven"
            else None
            for side in SIDES
        }

    def _lines(self, side: str) -> int:
        return self.rows if side in ("left", "right") else self.columns

    def _unknown(self) -> int:
        self.size += 1
        return self.size - 1

    def _node(self, name: str) -> int:
        if name not in self.number:
            self.number[name] = self._unknown()
        return self.number[name]

    def _resistance(self, first: int, second: int, resistance: float) -> None:
        """A wire or a short: its current is an unknown, Ohm's law its equation."""
        if np.isinf(resistance):
            return
        _join(self._reached, first, second)
        if resistance == 0:
            if not _join(self._joined, first, second):
                return  # it closes a loop of ideal wires, in which a current is not determined
            # Laid after the sources, so that a tie between two of them is seen here.
            self._sources_meet |= not _join(self._tied, first, second)
        current = self._unknown()
        self.entries += [(first, current, 1.0), (second, current, -1.0)]
        self.entries += [(current, first, 1.0), (current, second, -1.0)]
        self.entries.append((current, current, -float(resistance)))

    def _lay_cells(self) -> None:
        for i in range(self.rows):
            for j in range(self.columns):
                row, column = self._node(f"row_{i}_{j}"), self._node(f"column_{i}_{j}")
                g = float(self.crossbar.conductances[i, j])
                if np.isinf(g):
                    self._resistance(row, column, 0.0)
                else:
                    if g > 0:
                        _join(self._reached, row, column)
                    self.entries += [(row, row, g), (row, column, -g)]
                    self.entries += [(column, column, g), (column, row, -g)]

    def _lay_ends(self, side: str, inputs: np.ndarray | None) -> None:
        end = getattr(self.crossbar, side)
        kind = type(end).__name__
        if kind == "Floating":
            return
        line_name = "row" if side in ("left", "right") else "column"
        for line in range(self._lines(side)):

            def field(value: Any, line: int = line) -> float:
                return float(value[line] if np.ndim(value) else value)

            if kind != "Norton" and np.isinf(field(end.resistance)):
                continue
            node = self._node(f"{line_name}_{line}_{side}")
            if kind == "Norton":  # i = g v - source
                if field(end.conductance) > 0:
                    _join(self._reached, node, GROUND)
                current = self._unknown()
                self.entries += [(current, node, -field(end.conductance)), (current, current, 1.0)]
                self.constants[current] = np.array(-field(end.current))
            else:  # v - v_source - r i = 0, where v_source is an unknown too: nothing cancels
                source = self._node(f"{line_name}_{line}_{side}_source")
                current = self._unknown()
                _join(self._reached, node, GROUND)
                _join(self._reached, source, GROUND)
                if field(end.resistance) == 0:
                    _join(self._tied, node, GROUND)
                self.entries.append((source, source, 1.0))
                self.entries += [(current, node, 1.0), (current, source, -1.0)]
                self.entries.append((current, current, -field(end.resistance)))
                if kind == "Held":
                    self.constants[source] = np.array(field(end.voltage))
                elif inputs is not None:
                    self.constants[source] = inputs[:, line]
            self.entries.append((node, current, 1.0))
            self.terminal[side][line] = current

    def _lay_wires(self) -> None:
        rows, columns, wires = self.rows, self.columns, self.crossbar.wires
        for i in range(rows):
            line = [f"row_{i}_left", *(f"row_{i}_{j}" for j in range(columns)), f"row_{i}_right"]
            for k in range(columns + 1):
                r = np.asarray(wires.row)
                value = r[i, k] if r.ndim == 2 else r[i] if r.ndim == 1 else r
                self._wire(line[k], line[k + 1], float(value))
        for j in range(columns):
            line = [f"column_{j}_top", *(f"column_{i}_{j}" for i in range(rows))]
            line.append(f"column_{j}_bottom")
            for k in range(rows + 1):
                r = np.asarray(wires.column)
                value = r[k, j] if r.ndim == 2 else r[j] if r.ndim == 1 else r
                self._wire(line[k], line[k + 1], float(value))

    def _wire(self, first: str, second: str, resistance: float) -> None:
        if first in self.number and second in self.number:  # a floating end has no segment
            self._resistance(self.number[first], self.number[second], resistance)


def _root(joined: dict[int, int], node: int) -> int:
    start = node
    while node in joined:
        node = joined[node]
    if start != node:
        joined[start] = node  # the next walk is shorter
    return node


def _join(joined: dict[int, int], first: int, second: int) -> bool:
    """Put two nodes into one set; whether they were apart before."""
    a, b = _root(joined, first), _root(joined, second)
    if a != b:
        joined[a] = b
    return a != b


def solve_exactly(crossbar: Any, voltages: Any = None, column_voltages: Any = None) -> Reference:
    """The operating point by Gaussian elimination in 60 decimal digits; for small arrays."""
    equations = Equations(crossbar, voltages, column_voltages)
    with localcontext() as context:
        context.prec = DIGITS
        decimal = np.vectorize(Decimal, otypes=[object])
        matrix = np.full((equations.size, equations.size), Decimal(0), dtype=object)
        for first, second, value in equations.entries:
            matrix[first, second] += Decimal(value)
        return equations.reference(_eliminate(matrix, decimal(equations.right())))


def _eliminate(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    size = len(matrix)
    for k in range(size):
        pivot = k + int(np.argmax(np.abs(matrix[k:, k])))
        if matrix[pivot, k] == 0:
            raise ZeroDivisionError("the circuit has no unique solution")
        matrix[[k, pivot]], right[[k, pivot]] = matrix[[pivot, k]], right[[pivot, k]]
        below = k + 1 + np.flatnonzero(matrix[k + 1 :, k] != 0)
        ahead = k + np.flatnonzero(matrix[k, k:] != 0)
        share = matrix[below, k] / matrix[k, k]
        matrix[np.ix_(below, ahead)] -= share[:, None] * matrix[k, ahead]
        right[below] -= share[:, None] * right[k]
    for k in reversed(range(size)):
        ahead = k + 1 + np.flatnonzero(matrix[k, k + 1 :] != 0)
        known = (matrix[k, ahead, None] * right[ahead]).sum(axis=0) if len(ahead) else 0
        right[k] = (right[k] - known) / matrix[k, k]
    return right


class RefinedSolver:
    """One crossbar, factorised in double, solved for any inputs to extended precision."""

    def __init__(self, crossbar: Any, voltages: Any = None, column_voltages: Any = None):
        if np.finfo(Extended).eps > 2e-19:
            raise RuntimeError("this machine has no extended precision (80-bit long double)")
        self.equations = Equations(crossbar, voltages, column_voltages)
        matrix = self.equations.matrix()
        self.extended = matrix.astype(Extended)
        self.factor = splu(matrix.tocsc())

    def solve(self) -> Reference:
        """The operating point; RuntimeError where refinement stalls above 1e-14."""
        right = self.equations.right().astype(Extended)
        # A second number holds the digits that do not fit: a line of small current at a high
        # potential is otherwise no better than the last digit of the potential.
        unknowns, remainder = np.zeros_like(right), np.zeros_like(right)
        smallest = np.full(right.shape[1], np.inf)
        terminals = [k for side in SIDES for k in self.equations.terminal[side].values()]
        for _ in range(30):
            error = (right - self.extended @ unknowns) - self.extended @ remainder
            correction = self.factor.solve(error.astype(float))
            small = remainder + correction
            moved = unknowns + small
            unknowns, remainder = moved, small - (moved - unknowns)
            step = np.abs(correction[terminals]).max(axis=0)
            if not (step < 0.25 * smallest).any():
                break
            smallest = np.minimum(step, smallest)
        reference = self.equations.reference(unknowns + remainder)
        accurate = step <= 1e-14 * reference.largest_current()
        if (reference.is_live & ~accurate).any():
            raise RuntimeError(f"refinement stalls at {step.max():.1e} A")
        return reference


def solve_refined(crossbar: Any, voltages: Any = None, column_voltages: Any = None) -> Reference:
    """The operating point to about 1e-17 of the largest terminal current; up to 64 x 64."""
    return RefinedSolver(crossbar, voltages, column_voltages).solve()
