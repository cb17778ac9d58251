"""Named checks of a circuit's topology, made before any engine runs.

SPICE answers some of these circuits wrongly with exit code 0; here each is refused by name.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.determined import paths, undetermined
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.names import others
from circuitxbar.errors import CircuitError


def joined_nodes(circuit: Circuit) -> np.ndarray:
    """For every node the smallest number among the nodes joined with it by zero resistance."""
    edges = [g.nodes[g.values == 0] for g in circuit.groups if g.kind == "R"]
    return _smallest_in_part(circuit.node_count, edges)


def check_topology(circuit: Circuit, *, over_time: bool = False, at_rest: bool = True) -> None:
    """Raise CircuitError naming the element or node for which `circuit` has no unique solution.

    Refused: ideal sources in a loop without resistance; nodes with no path to ground; elements that
    sense a current which no element tells.
    over_time : a transient, for which initial voltages are such a path.
    at_rest : it starts at an operating point, to which capacitors are open and inductors 0 ohm.
    """
    _check_sensed(circuit)
    net = joined_nodes(circuit)
    _check_source_loops(circuit, net, at_rest)
    held = [circuit.node(name) for name in circuit.initial_voltages] if over_time else []
    _check_paths(circuit, net, held, at_rest)


def _check_sensed(circuit: Circuit) -> None:
    for group in circuit.groups:
        for names in group.sensed:
            for name, sensed in zip(group.names, names, strict=True):
                if not has_branch(circuit.element(sensed)[0]):
                    raise CircuitError(
                        f"element {name!r} senses the current of {sensed!r}, which is no unknown. "
                        "Sense a VoltageSource of 0 V in series with it."
                    )


def _fixes_voltages(group: Group, at_rest: bool) -> bool:
    """Whether the elements of `group` say what the voltage between their nodes is."""
    if group.kind == "E":
        return bool(np.isfinite(group.values).all())  # an ideal amplifier says it of its input
    return has_branch(group) and (at_rest or group.kind != "L")


def _check_source_loops(circuit: Circuit, net: np.ndarray, at_rest: bool) -> None:
    sources = [g for g in circuit.groups if _fixes_voltages(g, at_rest)]
    edges = [net[g.nodes[:, :2]] for g in sources]
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
                other = seen.get(first) or seen.get(second)
                loop = f"with {other!r}" if other else "on itself"
                raise CircuitError(
                    f"source {group.names[k]!r} closes a loop {loop} without resistance (ideal "
                    "sources joined by zero resistance). Give an end or the wire a resistance."
                )
            joined[a] = b
            seen.setdefault(first, group.names[k])
            seen.setdefault(second, group.names[k])


def _check_paths(circuit: Circuit, net: np.ndarray, held: list[int], at_rest: bool) -> None:
    conducting = [_conducting(g, at_rest) for g in circuit.groups]
    edges = [paths(g)[c].reshape(-1, 2) for g, c in zip(circuit.groups, conducting, strict=True)]
    edges.append(np.array([[node, 0] for node in held], dtype=int).reshape(-1, 2))
    part = _smallest_in_part(circuit.node_count, edges)
    lost = np.flatnonzero(part != 0)
    if len(lost) == 0:
        return
    # Currents that voltages elsewhere control may still tell what theirs must be.
    undecided = undetermined(circuit, net, part, held, at_rest)
    if undecided is None:
        return
    named = lost[np.isin(part[lost], undecided)]
    _refuse(circuit, named if len(named) else lost, conducting)


def _refuse(circuit: Circuit, lost: np.ndarray, conducting: list[np.ndarray]) -> None:
    """Raise the CircuitError for nodes without a path to ground."""
    node = int(lost[0])
    touching: list[str] = []
    capacitors: list[str] = []
    for group, conducts in zip(circuit.groups, conducting, strict=True):
        touched = (group.nodes == node).any(axis=1)
        driven = (paths(group) == node).any(axis=(1, 2)) & (group.kind in "IFGB")
        reaching = driven | (touched & conducts)
        touching += [group.names[int(k)] for k in np.flatnonzero(reaching)[:4]]
        if group.kind == "C":
            capacitors += [group.names[int(k)] for k in np.flatnonzero(touched)[:4]]
    if capacitors and not touching:
        raise CircuitError(
            f"node {circuit.nodes[node]!r} has no path to a fixed potential: nothing but "
            f"capacitors holds it ({', '.join(capacitors[:4])}). Add a resistance, or give a "
            "transient its initial voltage (.ic), or start it from initial conditions "
            '(uic, initial="given").'
        )
    _refuse_unjoined(circuit, node)
    elements = ", ".join(touching[:4]) or "none"
    more = f"; {len(lost) - 1} more nodes like it" if len(lost) > 1 else ""
    raise CircuitError(
        f"node {circuit.nodes[node]!r} has no path to a fixed potential "
        f"(elements: {elements}{more}). Add a termination."
    )


def ends(group: Group) -> np.ndarray:
    """(n, ends): the nodes that the elements of `group` are joined to, not those they sense."""
    return group.nodes[:, :2] if group.kind in ("B", "E", "G", "S") else group.nodes


def _refuse_unjoined(circuit: Circuit, node: int) -> None:
    """Refuse a node that controls elements and is joined to none of them."""
    joined = {int(k) for group in circuit.groups for k in np.unique(ends(group))}
    if node in joined:
        return
    controlled = [
        group.names[int(k)]
        for group in circuit.groups
        for k in np.flatnonzero((group.nodes == node).any(axis=1))
    ]
    if controlled:
        name = circuit.nodes[node]
        known = [n for k, n in enumerate(circuit.nodes) if k in joined]
        raise CircuitError(
            f"node {name!r} has no path to a fixed potential: it controls "
            f"{', '.join(controlled[:4])}, and nothing is joined to it. Is it misspelt?"
            f"{others(name, known)}"
        )


def _conducting(group: Group, at_rest: bool) -> np.ndarray:
    """Which elements let a direct current through that is free to follow the voltages."""
    if group.kind == "R":
        return np.isfinite(group.values)
    if group.kind == "C":
        return (group.values > 0) & (not at_rest)
    if group.kind in "GB" and not has_branch(group):
        # A source of current is a conductor where its controls touch both its own ends.
        touching = [(group.nodes[:, 2:] == group.nodes[:, [k]]).any(axis=1) for k in (0, 1)]
        return touching[0] & touching[1] & (getattr(group.model, "direct", True) or not at_rest)
    return np.full(len(group.names), group.kind not in ("I", "F"))


def _smallest_in_part(nodes: int, edges: list[np.ndarray]) -> np.ndarray:
    pairs = np.concatenate([np.empty((0, 2), dtype=int), *edges])
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(nodes, nodes))
    count, part = connected_components(graph, directed=False)
    smallest = np.full(count, nodes)
    np.minimum.at(smallest, part, np.arange(nodes))
    return smallest[part]
