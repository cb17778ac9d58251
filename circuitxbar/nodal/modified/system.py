"""A circuit as equations: F(x, t) + d Q(x) / dt = 0, of node voltages and branch currents x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Group, SwitchModel
from circuitxbar.nodal.modified.blocks import NOWHERE, Block
from circuitxbar.nodal.modified.matrix import Pattern
from circuitxbar.nodal.modified.sources import Sources


@dataclass(frozen=True, eq=False)
class Switches:
    """The switches of a group: what controls them, where they switch, and their resistances."""

    controls: np.ndarray  # (n, 2) unknowns
    outputs: np.ndarray  # (n, 2) equations
    model: SwitchModel

    def at(self, x: Array, closed: np.ndarray) -> np.ndarray:
        """Which are closed at the unknowns `x`, if they were `closed`."""
        control, (high, low) = self.control(x), self.levels
        return np.where(control > high, True, np.where(control < low, False, closed))

    def control(self, x: Array) -> Array:
        """What controls each, V or A."""
        return between(x, self.controls)

    @property
    def levels(self) -> tuple[Array, Array]:
        """Above which each closes, and below which it opens, V or A."""
        model = self.model
        return model.threshold + model.hysteresis, model.threshold - model.hysteresis


@dataclass(frozen=True, eq=False)
class Moving:
    """A state that moves: its unknowns, where they may be, and where they begin."""

    group: Group
    name: str
    unknowns: np.ndarray
    low: float
    high: float
    initial: Array


@dataclass(frozen=True, eq=False)
class System:
    """The equations of a circuit of primitive elements.

    circuit : without diodes and transistors, which are expanded.
    place : (nodes and branches), the unknown of each, NOWHERE for ground.
    conductive, reactive : constant matrices of F and Q.
    blocks : what is a law.  switches : what is a switch, one for each group.
    moving : states, whose unknowns come last.
    """

    circuit: Circuit
    place: np.ndarray
    size: int
    nodes: np.ndarray  # the unknowns that are voltages
    conductive: csr_array
    reactive: csr_array
    sources: Sources
    blocks: tuple[Block, ...]
    switches: tuple[Switches, ...]
    moving: tuple[Moving, ...]
    pattern: Pattern
    constant: tuple[Array, Array]  # entries of the constant matrices
    by_slope: csr_array  # (entries, slopes of laws)
    by_switch: csr_array  # (entries, switches)
    gather: csr_array  # (size, laws): to which equation each law adds

    @property
    def is_linear(self) -> bool:
        """Whether nothing but switches makes the matrix change."""
        return not self.blocks

    def matrix_of(
        self,
        laws: Sequence[Array],
        charges: Sequence[Array | None],
        alpha: complex,
        closed: Closed,
    ) -> np.ndarray:
        """Entries of d F / dx + alpha d Q / dx, from the laws of each block with their slopes."""
        fixed, reactive = self.constant
        entries = fixed + alpha * reactive
        if self.blocks:
            slopes = [
                law[1:] if charge is None or not alpha else law[1:] + alpha * charge[1:]
                for law, charge in zip(laws, charges, strict=True)
            ]
            entries = entries + self.by_slope @ np.concatenate([part.ravel() for part in slopes])
        if self.switches:
            entries = entries + self.by_switch @ self.closing(closed)
        return entries

    def closing(self, closed: Closed) -> Array:
        """The conductance of every switch, S."""
        parts = [
            1.0 / np.where(state, s.model.on, s.model.off)
            for s, state in zip(self.switches, closed, strict=True)
        ]
        return np.concatenate([np.empty(0), *parts])

    def linear(self, x: Array, closed: Closed) -> Array:
        """What linear elements and switches add to F."""
        out = self.conductive @ x
        if self.switches:
            g = self.closing(closed)
            add_between(out, self._switched_pairs, g * between(x, self._switched_pairs))
        return out

    @cached_property
    def _switched_pairs(self) -> np.ndarray:
        """Between which unknowns the switches are, (switches, 2)."""
        return np.concatenate([s.outputs for s in self.switches])

    def switched(self, x: Array, closed: Closed) -> Closed:
        """Which switches are closed at the unknowns `x`, if they were `closed`."""
        pairs = zip(self.switches, closed, strict=True)
        return tuple(switches.at(x, state) for switches, state in pairs)

    def branch_pairs(self, group: Group) -> np.ndarray:
        """(n, 2): the currents of the elements of `group`, and ground."""
        first = self.circuit.node_count
        for other in self.circuit.groups:
            if other is group:
                break
            first += len(other.names) if has_branch(other) else 0
        branch = self.place[first : first + len(group.names)]
        return np.stack([branch, np.full(len(branch), NOWHERE)], axis=1)

    def controls(self, x: Array) -> list[Array]:
        """What the laws of each block are a function of, (k, n)."""
        full = np.append(x, 0.0)  # NOWHERE is the last one
        return [full[first] - full[second] for first, second in self._ends]

    @cached_property
    def _ends(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (np.ascontiguousarray(b.controls[..., 0]), np.ascontiguousarray(b.controls[..., 1]))
            for b in self.blocks
        ]

    @cached_property
    def gathered(self) -> csr_array:
        """`gather` without signs."""
        return abs(self.gather)

    @cached_property
    def is_node(self) -> np.ndarray:
        """Which unknowns are voltages of nodes, (size,)."""
        out = np.zeros(self.size, dtype=bool)
        out[self.nodes] = True
        return out

    @cached_property
    def dynamic(self) -> np.ndarray:
        """The unknowns that a charge, a flux or a state is a function of."""
        reactive = np.unique(self.reactive.tocoo().col)
        controls = [
            block.controls.ravel()
            for block in self.blocks
            if getattr(getattr(block.laws, "behaviour", None), "charge", None) is not None
        ]
        found = np.unique(np.concatenate([reactive, *controls]))
        return found[found >= 0]

    def name_of(self, unknown: int) -> str:
        """What an unknown is, for messages."""
        raw = int(np.flatnonzero(self.place == unknown)[0])
        nodes = self.circuit.nodes
        if raw < len(nodes):
            return f"node {nodes[raw]!r}"
        names = [n for g in self.circuit.groups if has_branch(g) for n in g.names]
        branch = raw - len(nodes)
        return f"element {names[branch]!r}" if branch < len(names) else "a state"


Closed = tuple[np.ndarray, ...]


def between(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """First less second of the unknowns `pairs` (..., 2), 0 for ground."""
    full = np.append(x, 0.0)  # NOWHERE is the last one
    return full[pairs[..., 0]] - full[pairs[..., 1]]


def add_between(out: np.ndarray, pairs: np.ndarray, values: np.ndarray) -> None:
    """Add `values` to the first equation of each pair, and take them from the second."""
    for side, sign in ((0, 1.0), (1, -1.0)):
        there = pairs[:, side] >= 0
        np.add.at(out, pairs[there, side], sign * values[there])
