"""An independent witness for non-linear cells: Newton's method on the equations of dense_solver.

It reads only what a user types into `Crossbar` and shares no code with the package: the laws are
those of reference.laws, typed from their sources (a device that is not there, such as a user's own
file, lends its kernel). The unknowns are those of dense_solver, with an inner node in every cell of
two devices; no node is merged and no current is eliminated.

The equations are evaluated in extended precision (64 bits) on unknowns of two numbers each; a
sparse double LU of the slopes, taken by differences, only says where to go next. From zero the
method finds its own way: steps are shortened until the next one would be smaller, and where that
fails the sources are raised in parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from reference.dense_solver import SIDES, Equations, Extended, Reference, _join
from reference.laws import law_of
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import SuperLU, splu

DIFFERENCE = Extended(1e-7)  # V; slopes are then good to 1e-11 of themselves
NEAR = 1e-5  # V; from here on one factor, of slopes that hardly change, takes the method home


@dataclass(frozen=True, eq=False)
class CellReference(Reference):
    """As Reference; `unknowns` (unknowns, batch) starts another solve nearby."""

    unknowns: np.ndarray


@dataclass(frozen=True, eq=False)
class Elements:
    """One device in all the cells that have it.

    first, last : unknowns of the nodes that its current enters and leaves, (n,).
    gates : (batch, n), V; None for two terminals.
    """

    device: Any
    first: np.ndarray
    last: np.ndarray
    conductances: np.ndarray
    temperature: float
    parameters: dict[str, Any]
    gates: np.ndarray | None

    def currents(self, vector: int, unknowns: np.ndarray, remainder: np.ndarray) -> np.ndarray:
        """Current of every element, (n,), A."""
        return self._law(vector, unknowns, remainder, Extended(0), Extended(0))

    def slopes(self, vector: int, unknowns: np.ndarray) -> list[np.ndarray]:
        """Its slopes by the voltages of `first` and `last`, in double."""
        nothing = np.zeros_like(unknowns)
        slopes = []
        for here, there in ((DIFFERENCE, Extended(0)), (Extended(0), DIFFERENCE)):
            more = self._law(vector, unknowns, nothing, here, there)
            less = self._law(vector, unknowns, nothing, -here, -there)
            slopes.append(((more - less) / (2 * DIFFERENCE)).astype(float))
        return slopes

    def _law(
        self, vector: int, unknowns: np.ndarray, remainder: np.ndarray, here: Any, there: Any
    ) -> np.ndarray:
        first, last = self.first, self.last
        if self.gates is None:
            # The difference first: two equal potentials leave all digits to what remains.
            voltage = (unknowns[first] - unknowns[last]) + (remainder[first] - remainder[last])
            voltages = {"v": voltage + here - there}
        else:
            voltages = {
                "v_d": unknowns[first] + remainder[first] + here,
                "v_g": self.gates[vector].astype(Extended),
                "v_s": unknowns[last] + remainder[last] + there,
            }
        with np.errstate(all="ignore"):  # far from the solution anything may overflow
            current = law_of(self.device)(
                **voltages,
                g=self.conductances,
                temperature=Extended(self.temperature),
                **self.parameters,
            )
        return np.broadcast_to(np.asarray(current, dtype=Extended), first.shape)


class CellEquations(Equations):
    """The equations of one crossbar of any cells: linear ones, and `elements` with laws."""

    def __init__(
        self, crossbar: Any, voltages: Any = None, column_voltages: Any = None, gates: Any = None
    ):
        self._laid: dict[str, list[tuple[int, int, int, int]]] = {}
        super().__init__(crossbar, voltages, column_voltages)
        transistor = getattr(crossbar, "transistor", None)
        if transistor is not None:
            gates = np.atleast_1d(np.asarray(gates, dtype=float))
            self.batch = max(self.batch, len(gates) if gates.ndim == 2 else 1)
        devices = {
            "": crossbar.device,
            "selector.": getattr(crossbar, "selector", None),
            "transistor.": transistor,
        }
        self.elements = [
            self._elements(part, devices[part], gates if part == "transistor." else None)
            for part in self._laid
        ]

    def _lay_cells(self) -> None:
        selector = getattr(self.crossbar, "selector", None)
        transistor = getattr(self.crossbar, "transistor", None)
        for i, j in np.ndindex(self.rows, self.columns):
            first, last = self._node(f"row_{i}_{j}"), self._node(f"column_{i}_{j}")
            g = float(self.crossbar.conductances[i, j])
            if g == 0:
                continue
            if selector is not None:
                inner = self._node(f"inner_{i}_{j}")
                self._lay("selector.", first, inner, i, j)
                first = inner
            if transistor is not None:
                inner = self._node(f"inner_{i}_{j}")
                self._lay("transistor.", inner, last, i, j)
                last = inner
            if np.isinf(g):
                self._resistance(first, last, 0.0)
            else:
                self._lay("", first, last, i, j)

    def _lay(self, part: str, first: int, last: int, row: int, column: int) -> None:
        self._laid.setdefault(part, []).append((first, last, row, column))
        if part != "transistor.":  # one that is off leaves nothing
            _join(self._reached, first, last)

    def _elements(self, part: str, device: Any, gates: Any) -> Elements:
        first, last, row, column = np.array(self._laid[part]).T
        own = {
            name.removeprefix(part): value
            for name, value in (getattr(self.crossbar, "parameters", None) or {}).items()
            if name.startswith(part) and "." not in name.removeprefix(part)
        }
        values: dict[str, Any] = {}
        for name, value in {**device.values, **own}.items():
            array = np.asarray(value, dtype=float).astype(Extended)
            values[name] = array[row, column] if array.ndim else array
        if gates is not None and gates.size > 1:
            gates = gates[..., row if self.crossbar.gate_lines == "row" else column]
        return Elements(
            device,
            first,
            last,
            np.asarray(self.crossbar.conductances)[row, column].astype(Extended),
            self.crossbar.temperature,
            values,
            None if gates is None else np.broadcast_to(gates, (self.batch, len(first))),
        )


class CellSolver:
    """The equations of one crossbar, ready to be solved."""

    def __init__(self, equations: CellEquations):
        if np.finfo(Extended).eps > 2e-19:
            raise RuntimeError("this machine has no extended precision (80-bit long double)")
        self.equations = equations
        self.linear = tuple(np.array(part) for part in zip(*equations.entries, strict=True))
        self.extended = equations.matrix().astype(Extended)
        self.right = self.equations.right().astype(Extended)
        self.nodes = list(self.equations.number.values())

    def solve(self, start: np.ndarray | None = None) -> CellReference:
        """The operating point; RuntimeError where the method finds none.

        start : unknowns of a solution nearby, (unknowns, batch).
        """
        if start is None:
            start = np.zeros_like(self.right)
        found = [self._vector(k, start[:, k]) for k in range(self.equations.batch)]
        unknowns = np.stack(found, axis=1)
        return CellReference(**vars(self.equations.reference(unknowns)), unknowns=unknowns)

    def _vector(self, vector: int, unknowns: np.ndarray) -> np.ndarray:
        reached, stride = 0.0, 1.0  # of the sources
        while reached < 1:
            target = min(1.0, reached + stride)
            found = self._approach(vector, unknowns, Extended(target))
            if found is None:
                stride /= 2
                if stride < 1e-4:
                    raise RuntimeError(f"vector {vector}: stuck at {reached:.3%} of the sources")
            else:
                (unknowns, factor), reached, stride = found, target, 2 * stride
        return self._refine(vector, unknowns, factor)

    def _approach(
        self, vector: int, unknowns: np.ndarray, share: Any
    ) -> tuple[np.ndarray, SuperLU] | None:
        """Damped Newton steps until they are small; None where they do not become so."""
        nothing = np.zeros_like(unknowns)

        def error(at: np.ndarray) -> np.ndarray:
            return self._error(vector, at, nothing, share)

        here = error(unknowns)
        for _ in range(80):
            factor = self._factor(vector, unknowns)
            step = factor.solve(here.astype(float))
            length = np.abs(step[self.nodes]).max()
            if not np.isfinite(length):
                return None
            if length < NEAR:
                return unknowns + step, factor
            part = 1.0
            while True:
                there = error(unknowns + part * step)
                # What this same factor would do next: it says how far the new point is off in
                # volts, whatever the scale of currents (Deuflhard's natural monotonicity).
                next_step = factor.solve(there.astype(float))
                if np.abs(next_step[self.nodes]).max() <= (1 - part / 4) * length:
                    break
                part /= 2
                if part < 1e-3:
                    return None
            unknowns, here = unknowns + part * step, there
        return None

    def _refine(self, vector: int, unknowns: np.ndarray, factor: SuperLU) -> np.ndarray:
        """Steps with one factor, until they shrink no more; as RefinedSolver."""
        remainder = np.zeros_like(unknowns)
        terminals = [k for side in SIDES for k in self.equations.terminal[side].values()]
        smallest = np.inf
        for _ in range(30):
            error = self._error(vector, unknowns, remainder, Extended(1))
            correction = factor.solve(error.astype(float))
            small = remainder + correction
            moved = unknowns + small
            unknowns, remainder = moved, small - (moved - unknowns)
            step = np.abs(correction[terminals]).max()
            if not step < 0.25 * smallest:
                break
            smallest = step
        largest = np.abs(unknowns[terminals]).max()
        highest = np.abs(unknowns[self.nodes]).max()
        if step > 1e-14 * largest and largest > 1e-14 * highest:
            raise RuntimeError(f"vector {vector}: stalls at {step:.1e} of {largest:.1e} A")
        return unknowns + remainder

    def _error(
        self, vector: int, unknowns: np.ndarray, remainder: np.ndarray, share: Any
    ) -> np.ndarray:
        """What every equation misses, (unknowns,)."""
        right = self.right[:, vector] * share
        error = (right - self.extended @ unknowns) - self.extended @ remainder
        for elements in self.equations.elements:
            current = elements.currents(vector, unknowns, remainder)
            np.subtract.at(error, elements.first, current)
            np.add.at(error, elements.last, current)
        return error

    def _factor(self, vector: int, unknowns: np.ndarray) -> SuperLU:
        equation, unknown, values = ([part] for part in self.linear)
        for elements in self.equations.elements:
            first, last = elements.first, elements.last
            by_first, by_last = elements.slopes(vector, unknowns)
            values += [by_first, by_last, -by_first, -by_last]
            equation += [first, first, last, last]
            unknown += [first, last, first, last]
        places = np.concatenate(equation), np.concatenate(unknown)
        size = self.equations.size
        return splu(csc_matrix((np.concatenate(values), places), shape=(size, size)))


def solve_cells(
    crossbar: Any,
    voltages: Any = None,
    column_voltages: Any = None,
    gates: Any = None,
    *,
    start: np.ndarray | None = None,
) -> CellReference:
    """The operating point to about 1e-17 of the largest terminal current; up to 32 x 32."""
    return CellSolver(CellEquations(crossbar, voltages, column_voltages, gates)).solve(start)
