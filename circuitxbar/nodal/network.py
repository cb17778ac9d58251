"""A circuit as one sparse linear system, factorised once and solved for any source values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import splu

from circuitxbar.arguments import Array
from circuitxbar.circuit.checks import check_topology, joined_nodes
from circuitxbar.circuit.circuit import Circuit, Group
from circuitxbar.errors import SolverError

_SOLVES = 8  # at the most; two are usual, more only where conductances span many decades
_SINGULAR = (
    "the nodal matrix is singular to working precision. "
    "Check for conductances that differ by more than 16 decades."
)


@dataclass(frozen=True, eq=False)
class _SourceTree:
    """Ideal voltage sources as ties: net `child[k]` = `parent[k]` + sign[k] * source[k].

    Ordered from the roots outwards, in `levels` of ties that do not depend on one another.
    """

    levels: list[np.ndarray]
    child: np.ndarray
    parent: np.ndarray
    sign: np.ndarray

    @staticmethod
    def of(net: np.ndarray, ends: np.ndarray) -> _SourceTree:
        ties = net[ends]
        child, parent = np.zeros(len(ties), dtype=int), np.zeros(len(ties), dtype=int)
        sign = np.zeros(len(ties))
        known = np.zeros(len(net), dtype=bool)
        known[0] = True
        levels: list[np.ndarray] = []
        left = np.arange(len(ties))
        while len(left):
            reached = known[ties[left]]
            grows = reached[:, 0] != reached[:, 1]
            if not grows.any():  # sources that do not touch ground: their lowest net is a root
                known[ties[left].min()] = True
                continue
            level = left[grows]
            second = reached[grows][:, 1]
            parent[level] = np.where(second, ties[level, 1], ties[level, 0])
            child[level] = np.where(second, ties[level, 0], ties[level, 1])
            sign[level] = np.where(second, 1.0, -1.0)
            known[child[level]] = True
            levels.append(level)
            left = left[~grows]
        return _SourceTree(levels, child, parent, sign)

    def offsets(self, nodes: int, values: Array) -> tuple[Array, np.ndarray]:
        """Voltage of each net above its root, (nodes, batch), and the root of each net."""
        offset = np.zeros((nodes, values.shape[1]))
        root = np.arange(nodes)
        for level in self.levels:
            child, parent = self.child[level], self.parent[level]
            offset[child] = offset[parent] + self.sign[level, None] * values[level]
            root[child] = root[parent]
        return offset, root

    def currents(self, net_outflow: Array) -> Array:
        """Current from first to second node through each source, from what else leaves each net."""
        outflow = net_outflow.copy()
        through = np.zeros((len(self.child), outflow.shape[1]))
        for level in reversed(self.levels):
            child, parent = self.child[level], self.parent[level]
            through[level] = -self.sign[level, None] * outflow[child]
            np.add.at(outflow, parent, outflow[child])
        return through


@dataclass(frozen=True, eq=False)
class NodeVoltages:
    """Voltages as reference + deviation + remainder, each (nodes, batch), V."""

    reference: Array
    deviation: Array
    remainder: Array
    solves: int

    def moved(self, correction: Array, solves: int) -> NodeVoltages:
        """These voltages plus `correction`, with the digits the sum has no room for kept."""
        small = self.remainder + correction
        deviation = self.deviation + small
        remainder = small - (deviation - self.deviation)
        return NodeVoltages(self.reference, deviation, remainder, solves)

    def where(self, chosen: np.ndarray, other: NodeVoltages) -> NodeVoltages:
        """These voltages for the `chosen` vectors, those of `other` for the rest."""
        return NodeVoltages(
            self.reference,
            np.where(chosen, self.deviation, other.deviation),
            np.where(chosen, self.remainder, other.remainder),
            self.solves,
        )


@dataclass(frozen=True, eq=False)
class Network:
    """A factorised circuit. `solve` takes source values; topology and resistances are fixed.

    Nodes joined by zero resistance or by ideal sources are one unknown, so that the matrix is
    symmetric positive definite and nothing small is ever inserted.
    """

    net: np.ndarray
    supernode: np.ndarray
    tree: _SourceTree
    conductance: Array
    incidence: csr_array
    unknown: np.ndarray
    size: int
    collect: csr_array
    factor: Any

    @staticmethod
    def of(circuit: Circuit) -> Network:
        """Check the topology of `circuit` and factorise it; CircuitError names what is wrong."""
        check_topology(circuit)
        net = joined_nodes(circuit)
        nodes = circuit.node_count
        source_ends = _stacked([g.nodes for g in circuit.groups if g.kind == "V"])
        tree = _SourceTree.of(net, source_ends)
        _, root = tree.offsets(nodes, np.zeros((len(source_ends), 1)))
        supernode = root[net]
        resistors = _stacked([_open_free(g) for g in circuit.groups if g.kind == "R"])
        values = np.concatenate(
            [np.empty(0), *[g.values[_finite(g)] for g in circuit.groups if g.kind == "R"]]
        )
        conductance = 1.0 / values
        count = len(conductance)
        incidence = coo_array(
            (np.repeat([1.0, -1.0], count), (np.tile(np.arange(count), 2), resistors.T.ravel())),
            shape=(count, nodes),
        ).tocsr()
        roots = np.unique(supernode)
        number = np.full(nodes, -1)
        number[roots[roots > 0]] = np.arange((roots > 0).sum())
        unknown = number[supernode]
        free = unknown >= 0
        size = int((roots > 0).sum())
        collect = coo_array(
            (np.ones(free.sum()), (unknown[free], np.flatnonzero(free))), shape=(size, nodes)
        ).tocsr()
        return Network(
            net,
            supernode,
            tree,
            conductance,
            incidence,
            unknown,
            size,
            collect,
            _factorise(unknown, resistors, conductance, size),
        )

    def solve(self, sources: Array, injected: Array, reference: Array) -> NodeVoltages:
        """Node voltages for these sources, refined until Kirchhoff's law holds to rounding.

        sources : (voltage sources, batch), V.  injected : (nodes, batch), A, into each node.
        reference : (nodes, batch), V, 0 at ground: what voltages are measured from, which costs no
        digits where it is near the answer. It comes back with what sources fix put right.
        """
        offset, _ = self.tree.offsets(len(self.net), sources)
        reference = reference[self.supernode] + offset[self.net]
        zeros = np.zeros_like(reference)
        best = trial = NodeVoltages(reference, zeros, zeros, 0)
        if self.factor is None:
            return best
        previous = smallest = np.full(reference.shape[1], np.inf)
        for solves in range(_SOLVES):
            error = self.collect @ (injected - self.outflow(trial))
            size = np.abs(error).sum(axis=0)
            best = trial.where(size < smallest, best)
            smallest = np.minimum(size, smallest)
            # A vector that no longer improves stays put: the others must not change its answer.
            active = (size < 0.5 * previous) & (size > 0)
            if not active.any():
                break
            correction = self.factor.solve(np.ascontiguousarray(error))
            if not np.isfinite(correction).all():
                raise SolverError(_SINGULAR)
            moved = np.where((self.unknown >= 0)[:, None] & active, correction[self.unknown], 0.0)
            trial, previous = best.moved(moved, solves + 1), size
        return best

    def outflow(self, at: NodeVoltages) -> Array:
        """Current that leaves each node through resistances, (nodes, batch), A."""
        drop = self.incidence @ at.reference + self.incidence @ at.deviation
        drop = drop + self.incidence @ at.remainder
        return np.asarray(self.incidence.T @ (self.conductance[:, None] * drop))


def _factorise(unknown: np.ndarray, resistors: np.ndarray, conductance: Array, size: int) -> Any:
    if size == 0:
        return None
    first, second = unknown[resistors].T
    inside = (first >= 0) & (second >= 0)
    rows = np.concatenate([first[first >= 0], second[second >= 0], first[inside], second[inside]])
    columns = np.concatenate(
        [first[first >= 0], second[second >= 0], second[inside], first[inside]]
    )
    entries = np.concatenate(
        [
            conductance[first >= 0],
            conductance[second >= 0],
            -conductance[inside],
            -conductance[inside],
        ]
    )
    matrix = coo_array((entries, (rows, columns)), shape=(size, size)).tocsc()
    try:
        return splu(
            matrix,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:  # "Factor is exactly singular"
        raise SolverError(_SINGULAR) from None


def _finite(group: Group) -> np.ndarray:
    return np.isfinite(group.values) & (group.values > 0)


def _open_free(group: Group) -> np.ndarray:
    return group.nodes[_finite(group)]


def _stacked(pairs: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty((0, 2), dtype=int), *pairs])
