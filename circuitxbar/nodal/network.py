"""A circuit as a sparse system: its unknowns, its matrix, and its solution for any sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack

from circuitxbar.arguments import Array
from circuitxbar.circuit.checks import check_topology, joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Group
from circuitxbar.errors import SolverError
from circuitxbar.nodal.laws import Jacobian, Laws, differences
from circuitxbar.nodal.newton import GROUND, solve_vector
from circuitxbar.nodal.voltages import NodeVoltages

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
class Network:
    """A circuit ready to be solved. Source values are given to `solve`; the rest is fixed.

    Nodes joined by zero resistance or by ideal sources are one unknown, so that the matrix of a
    linear circuit is symmetric positive definite and nothing small is ever inserted. That matrix
    is factorised here, once; a circuit with laws is solved by Newton's method for each vector.
    """

    net: np.ndarray
    supernode: np.ndarray
    tree: _SourceTree
    conductance: Array
    resistors: np.ndarray
    incidence: csr_array
    unknown: np.ndarray
    size: int
    collect: csr_array
    laws: Laws
    jacobian: Jacobian
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
        roots = np.unique(supernode)
        number = np.full(nodes, -1)
        number[roots[roots > 0]] = np.arange((roots > 0).sum())
        unknown = number[supernode]
        free = unknown >= 0
        size = int((roots > 0).sum())
        collect = coo_array(
            (np.ones(free.sum()), (unknown[free], np.flatnonzero(free))), shape=(size, nodes)
        ).tocsr()
        laws = Laws.of([g for g in circuit.groups if g.kind == "law"], nodes)
        controls, outputs = (np.concatenate([resistors, pairs]) for pairs in laws.stamps)
        jacobian = Jacobian.of(unknown, controls, outputs, size)
        factor = None
        if size and not laws.models:
            factor = jacobian.factor(conductance)
            if factor is None:
                raise SolverError(_SINGULAR)
        return Network(
            net,
            supernode,
            tree,
            conductance,
            resistors,
            differences(resistors, nodes),
            unknown,
            size,
            collect,
            laws,
            jacobian,
            factor,
        )

    @property
    def is_linear(self) -> bool:
        """Whether the circuit has no laws."""
        return not self.laws.models

    @property
    def free(self) -> np.ndarray:
        """Which nodes no source fixes, (nodes,)."""
        return self.unknown >= 0

    @cached_property
    def gather(self) -> csr_array:
        """(unknowns, resistances and then laws): the sign with which each current leaves."""
        leaving = csr_array(self.collect @ hstack([self.incidence.T, self.laws.output.T]))
        leaving.eliminate_zeros()  # of what begins and ends at the same unknown
        return leaving

    @cached_property
    def gathered(self) -> np.ndarray:
        """Which resistances and laws lie at an unknown."""
        return np.diff(self.gather.tocsc().indptr) > 0

    def solve(
        self, sources: Array, injected: Array, reference: Array, start: Array | None = None
    ) -> NodeVoltages:
        """Node voltages for these sources, refined until Kirchhoff's law holds to rounding.

        sources : (voltage sources, batch), V.  injected : (nodes, batch), A, into each node.
        reference : (nodes, batch), V, 0 at ground: what voltages are measured from, which costs no
        digits where it is near the answer. It comes back with what sources fix put right.
        start : (nodes, batch), V: where Newton's method begins; laws begin at 0 V without it.
        Vectors for which it does not converge come back with the smallest error it has seen.
        """
        base, offset = self._placed(sources, reference)
        if self.is_linear:
            return self._refined(
                base + offset,
                lambda at: injected - self.outflow(at),
                None if self.factor is None else self.factor.solve,
            )
        starts = _vectors(start) if start is not None else [None] * base.shape[1]
        each = zip(_vectors(base), _vectors(offset), _vectors(injected), starts, strict=True)
        return NodeVoltages.joined([solve_vector(self, *vector) for vector in each])

    def adjoint(
        self, at: NodeVoltages, sources: Array, injected: Array, reference: Array
    ) -> NodeVoltages:
        """Node voltages of the transposed circuit, its laws linearised at the voltages `at`.

        Everything else as for `solve`. A law with slopes s by its terminals lets s * (first node
        - last node) flow out of the node of each of them, a gate included; for two terminals
        that is the linearised circuit itself.
        """
        if self.is_linear:
            return self.solve(sources, injected, reference)
        base, offset = self._placed(sources, reference)
        _, slopes = self.laws.evaluate(self.laws.controls(at))
        each = zip(_vectors(base + offset), _vectors(slopes), _vectors(injected), strict=True)
        return NodeVoltages.joined([self._adjoint_vector(*vector) for vector in each])

    @np.errstate(all="ignore")  # a vector whose slopes are not finite stays as it is
    def _adjoint_vector(self, reference: Array, slopes: Array, injected: Array) -> NodeVoltages:
        values = np.concatenate([self.conductance, slopes[:, 0]])
        factor = self.jacobian.factor(values) or self.jacobian.factor(values, GROUND)
        if factor is None:
            return NodeVoltages(reference, np.zeros_like(reference), np.zeros_like(reference))

        def inverse(error: Array) -> Array:
            correction = factor.solve(error, "T")
            return correction if np.isfinite(correction).all() else np.zeros_like(correction)

        return self._refined(
            reference,
            lambda at: injected - self._transposed_outflow(slopes, at),
            inverse,
        )

    def _placed(self, sources: Array, reference: Array) -> tuple[Array, Array]:
        """What voltages are measured from, one value per unknown, and what sources add, V."""
        offset, _ = self.tree.offsets(len(self.net), sources)
        return reference[self.supernode], offset[self.net]

    def _refined(
        self,
        reference: Array,
        leftover: Callable[[NodeVoltages], Array],
        inverse: Callable[[Array], Array] | None,
    ) -> NodeVoltages:
        """Voltages near `reference` at which nothing is left over at any unknown.

        leftover : current into each node, (nodes, batch), A, that is affine in the voltages.
        inverse : the corrections of the unknowns for what is left; None where there is none.
        """
        zeros = np.zeros_like(reference)
        best = trial = NodeVoltages(reference, zeros, zeros)
        if inverse is None:
            return best
        previous = smallest = np.full(reference.shape[1], np.inf)
        for solves in range(_SOLVES):
            error = self.collect @ leftover(trial)
            size = np.abs(error).sum(axis=0)
            best = trial.where(size < smallest, best)
            smallest = np.minimum(size, smallest)
            # A vector that no longer improves stays put: the others must not change its answer.
            active = (size < 0.5 * previous) & (size > 0)
            if not active.any():
                break
            correction = inverse(np.ascontiguousarray(error))
            if not np.isfinite(correction).all():
                raise SolverError(_SINGULAR)
            moved = np.where(self.free[:, None] & active, correction[self.unknown], 0.0)
            trial, previous = best.moved(moved, solves + 1), size
        return best

    def outflow(self, at: NodeVoltages) -> Array:
        """Current that leaves each node through resistances and laws, (nodes, batch), A."""
        out = np.asarray(self.incidence.T @ self.resistor_currents(at))
        if self.is_linear:
            return out
        currents, _ = self.laws.evaluate(self.laws.controls(at))
        return out + self.laws.output.T @ currents

    def adjoint_outflow(self, at: NodeVoltages, adjoint: NodeVoltages) -> Array:
        """Current that leaves each node of the transposed circuit, (nodes, batch), A."""
        _, slopes = self.laws.evaluate(self.laws.controls(at))
        with np.errstate(all="ignore"):
            return self._transposed_outflow(slopes, adjoint)

    def _transposed_outflow(self, slopes: Array, at: NodeVoltages) -> Array:
        through = slopes * at.between(self.laws.stamps[1])
        return self.incidence.T @ self.resistor_currents(at) + self.laws.control.T @ through

    def resistor_currents(self, at: NodeVoltages) -> Array:
        """Current through each resistance, (resistances, batch), A."""
        return self.conductance[:, None] * at.between(self.resistors)

    def source_currents(self, outflow: Array) -> Array:
        """Current through each voltage source from what else leaves each node, A.

        outflow : (nodes, batch), A, less what is injected.  Comes out as (sources, batch).
        """
        by_net = np.zeros_like(outflow)
        np.add.at(by_net, self.net, outflow)
        return self.tree.currents(by_net)


def _finite(group: Group) -> np.ndarray:
    return np.isfinite(group.values) & (group.values > 0)


def _open_free(group: Group) -> np.ndarray:
    return group.nodes[_finite(group)]


def _vectors(values: Array) -> list[Array]:
    return [values[:, k : k + 1] for k in range(values.shape[1])]


def _stacked(pairs: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty((0, 2), dtype=int), *pairs])
