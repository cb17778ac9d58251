"""Circuits at one frequency after another: linearised where they are at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.errors import SolverError
from circuitxbar.nodal.modified.matrix import Ordered
from circuitxbar.nodal.modified.newton import Equations
from circuitxbar.nodal.modified.system import Closed, System


@dataclass(frozen=True, eq=False)
class Linearised:
    """A system at the unknowns `x` of its operating point: entries of its two matrices."""

    system: System
    x: Array
    conductive: np.ndarray
    reactive: np.ndarray

    @staticmethod
    def at(system: System, x: Array, closed: Closed) -> Linearised:
        """The matrices of `system` at x, with these switches closed."""
        with np.errstate(all="ignore"):
            there = Equations(system, system.sources.steady, closed, alpha=1.0).at(x)
        # Of a sum of real numbers a pF beside a mS would lose half its digits.
        both = system.matrix_of(there.laws, there.charges, 1j, closed)
        return Linearised(system, x, np.real(both), np.imag(both))

    def entries(self, frequency: float) -> np.ndarray:
        """Entries of the matrix at `frequency`, Hz."""
        return self.conductive + 2j * np.pi * frequency * self.reactive

    def factor(self, entries: np.ndarray, frequency: float) -> Ordered:
        """Factors of the matrix at `frequency`, Hz; SolverError where it is singular."""
        factor = self.system.pattern.transposable(entries)
        if factor is None:
            raise SolverError(
                f"the circuit has no unique response at {frequency:g} Hz. Look for loops of "
                "ideal sources and inductors, and for nodes behind capacitors at 0 Hz."
            )
        return factor

    def response(self, frequencies: Array) -> np.ndarray:
        """The unknowns at each frequency for the AC amplitudes of all sources, (size, points)."""
        system = self.system
        right = -system.sources.added(system.sources.amplitude)
        out = np.zeros((system.size, len(frequencies)), dtype=complex)
        for k, frequency in enumerate(frequencies.tolist()):
            entries = self.entries(frequency)
            factor = self.factor(entries, frequency)
            x = factor.solve(right)
            # One refinement: stamps of very different size cost digits.
            out[:, k] = x + factor.solve(right - system.pattern.matrix(entries) @ x)
        return out

    def output(self, nodes: Sequence[str]) -> Array:
        """The voltage of a node, or of the first of two above the second, as (size,)."""
        out = np.zeros(self.system.size)
        for name, sign in zip(nodes, (1.0, -1.0), strict=False):
            place = self.system.place[self.system.circuit.node(name)]
            if place >= 0:
                out[place] += sign
        return out

    def transfers(self, frequency: float, output: Array) -> np.ndarray:
        """The adjoint: what a current (V for equations of branches) into each unknown gives there.

        output : (size,), which combination of unknowns is looked at.
        """
        factor = self.factor(self.entries(frequency), frequency)
        return factor.solve_transposed(output.astype(complex))
