"""An answer of which some vectors come from another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.cells import CellNodes
from circuitxbar.circuit.potentials import LineVoltages
from circuitxbar.circuit.proof import Proof
from circuitxbar.circuit.solution import Solution


def completed(solution: Solution, vectors: np.ndarray, by: Solution) -> Solution:
    """`solution` with its `vectors` replaced by those of `by`, in order."""

    def put(values: Array, others: Array) -> Array:
        values = np.array(values)
        values[vectors] = others
        return values

    old, new = solution.proof, by.proof
    proof = Proof(
        {side: put(old.currents[side], new.currents[side]) for side in old.currents},
        put(old.residual, new.residual),
        put(old.error_bound, new.error_bound),
        put(old.scale, new.scale),
        put(old.falling, new.falling),
    )
    strategies = list(solution.strategies)
    for vector, strategy in zip(vectors, by.strategies, strict=True):
        strategies[vector] = strategy

    def nodes() -> CellNodes:
        return _merged(solution.kept_nodes(), by.kept_nodes(), vectors)

    return replace(
        solution,
        proof=proof,
        engine=f"{solution.engine}, {by.engine}",
        strategies=tuple(strategies),
        nodes=None if solution.nodes is None else nodes,
        factor=None,  # of which only some vectors would be right
    )


def _merged(nodes: CellNodes, others: CellNodes, vectors: np.ndarray) -> CellNodes:
    def merged(line: LineVoltages, other: LineVoltages) -> LineVoltages:
        shape = np.broadcast_shapes(line.potential.shape, line.deviation.shape)
        parts = []
        for name in ("potential", "deviation", "remainder"):
            part = np.array(np.broadcast_to(getattr(line, name), shape))
            part[vectors] = getattr(other, name)
            parts.append(part)
        return LineVoltages(*parts)

    inner = None
    if nodes.inner is not None and others.inner is not None:
        inner = merged(nodes.inner, others.inner)
    return CellNodes(
        merged(nodes.row, others.row), merged(nodes.column, others.column), inner, nodes.gate
    )
