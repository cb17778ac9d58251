"""Named checks of a circuit's topology, made before any engine runs.

SPICE answers some of these circuits wrongly with exit code 0; here each is refused by name.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.group import Group
from circuitxbar.errors import CircuitError


def joined_nodes(circuit: Circuit) -> np.ndarray:
    """For every node the smallest number among the nodes joined with it by zero resistance."""
    edges = [g.nodes[g.values == 0] for g in circuit.groups if g.kind == "R"]
    return _smallest_in_part(circuit.node_count, edges)


def check_topology(circuit: Circuit) -> None:
    """Raise CircuitError naming the element or node for which `circuit` has no unique solution.

    Refused: ideal sources in a loop without resistance; nodes with no path to ground.
    """
    net = joined_nodes(circuit)
    _check_source_loops(circuit, net)
    _check_paths(circuit)


def _check_source_loops(circuit: Circuit, net: np.ndarray) -> None:
    sources = [g for g in circuit.groups if g.kind == "V"]
    edges = [net[g.nodes] for g in sources]
    parts = len(np.unique(_smallest_in_part(circuit.node_count, edges)[net]))
    if len(np.unique(net)) - parts == sum(map(len, edges)):
        return
    joined = {int(k): int(k) for k in np.unique(net)}
    seen: dict[int, str] = {}

    def root(node: int) -> int:
        while joined[node] != node:
            joined[node] = joined[joined[node]]
            node = joined[node]
        return node

    for group, ends in zip(sources, edges, strict=True):
        for k, (first, second) in enumerate(ends.tolist()):
            a, b = root(first), root(second)
            if a == b:
                others = seen.get(first) or seen.get(second)
                loop = f"with {others!r}" if others else "on itself"
                raise CircuitError(
                    f"source {group.names[k]!r} closes a loop {loop} without resistance (ideal "
                    "sources joined by zero resistance). Give an end or the wire a resistance."
                )
            joined[a] = b
            seen.setdefault(first, group.names[k])
            seen.setdefault(second, group.names[k])


def _check_paths(circuit: Circuit) -> None:
    conducting = [_conducting(g) for g in circuit.groups]
    # From first to last terminal: a gate conducts to nowhere.
    edges = [g.nodes[c][:, [0, -1]] for g, c in zip(circuit.groups, conducting, strict=True)]
    part = _smallest_in_part(circuit.node_count, edges)
    lost = np.flatnonzero(part != 0)
    if len(lost) == 0:
        return
    node = int(lost[0])
    touching: list[str] = []
    for group, conducts in zip(circuit.groups, conducting, strict=True):
        reaches = (group.nodes == node).any(axis=1) & (conducts | (group.kind == "I"))
        touching += [group.names[int(k)] for k in np.flatnonzero(reaches)[:4]]
    elements = ", ".join(touching[:4]) or "none"
    more = f"; {len(lost) - 1} more nodes like it" if len(lost) > 1 else ""
    raise CircuitError(
        f"node {circuit.nodes[node]!r} has no path to a fixed potential "
        f"(elements: {elements}{more}). Add a termination."
    )


def _conducting(group: Group) -> np.ndarray:
    if group.kind == "R":
        return np.isfinite(group.values)
    return np.full(len(group.names), group.kind in ("V", "law"))


def _smallest_in_part(nodes: int, edges: list[np.ndarray]) -> np.ndarray:
    pairs = np.concatenate([np.empty((0, 2), dtype=int), *edges])
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(nodes, nodes))
    count, part = connected_components(graph, directed=False)
    smallest = np.full(count, nodes)
    np.minimum.at(smallest, part, np.arange(nodes))
    return smallest[part]
