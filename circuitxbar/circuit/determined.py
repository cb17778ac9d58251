"""Which nodes of a circuit its equations leave open, whatever the values of its elements are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import (
    breadth_first_order,
    connected_components,
    maximum_bipartite_matching,
)

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group

Pairs = np.ndarray  # (n, 2) nodes, or the number of a branch and 0


def undetermined(
    circuit: Circuit, net: np.ndarray, part: np.ndarray, held: list[int], at_rest: bool
) -> np.ndarray | None:
    """Nodes that may have any voltage; None where the equations determine all of them.

    net : of every node, the one that it is joined with.  part : the first node of the part that it
    conducts to, 0 for ground.  held : nodes of given voltage.  at_rest : as in check_topology.

    There is a solution where every unknown can be found from an equation of its own, which is a
    matching of the entries of the matrix. Of what is inside a part only differences matter, and
    its currents cancel in the sum over its nodes: that sum is the equation of the part's first
    node, and what all its voltages are above is the unknown. What no equation joins with ground is
    open whatever the matching says: all its voltages may be higher by as much, or all its currents
    cancel.
    """
    size = circuit.node_count + sum(len(g.names) for g in circuit.groups if has_branch(g))
    # A branch is an unknown by itself, as is a voltage above ground.
    joined = np.concatenate([net, np.arange(circuit.node_count, size)])
    whole = np.concatenate([part, np.zeros(size - circuit.node_count, dtype=int)])
    stamps = [(joined[rows], joined[columns]) for rows, columns in _stamps(circuit, held, at_rest)]
    own = np.flatnonzero((joined == np.arange(size)) & (joined > 0))
    equations, unknowns = (np.concatenate(pairs) for pairs in zip(*stamps, strict=True))
    apart = (_apart(equations, size) | _apart(unknowns, size))[own]
    if apart.any():
        return own[apart]
    matrix = _entries(stamps, whole)[own][:, own]
    row_of = maximum_bipartite_matching(matrix, perm_type="row")
    free = np.flatnonzero(row_of < 0)
    return own[_exchangeable(matrix, row_of, free)] if len(free) else None


def _apart(pairs: Pairs, size: int) -> np.ndarray:
    """Which of all unknowns, or equations, no chain of differences joins with ground, (size,)."""
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    return part != part[0]


def _entries(stamps: list[tuple[Pairs, Pairs]], part: np.ndarray) -> csr_array:
    """Where a matrix of these equations and unknowns has entries, each part taken as a whole."""
    places = [np.empty((2, 0), dtype=int)]
    for rows, columns in stamps:
        for (row, there), (column, here) in product(_touched(rows, part), _touched(columns, part)):
            both = there & here
            places.append(np.stack([row[both], column[both]]))
    rows, columns = np.concatenate(places, axis=1)
    ones = np.ones(len(rows), dtype=np.int8)
    return csr_array(coo_array((ones, (rows, columns)), shape=(len(part), len(part))))


def _touched(pairs: Pairs, part: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Unknowns, or equations, that a difference between these nodes is in, and for which pairs."""
    out = []
    parts = part[pairs]
    crossing = parts[:, 0] != parts[:, 1]
    for side in (0, 1):
        out.append((pairs[:, side], pairs[:, side] != parts[:, side]))
        out.append((parts[:, side], crossing & (parts[:, side] != 0)))
    return [(nodes, there & (nodes != 0)) for nodes, there in out]


def _exchangeable(matrix: csr_array, row_of: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The columns that could be left over as well as those that are `free`, and these."""
    # From a column to those whose rows could be its own.
    entries = matrix.tocoo()
    column_of = np.full(len(row_of), -1)
    column_of[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    matched = column_of[entries.row] >= 0
    first, then = entries.col[matched], column_of[entries.row[matched]]
    size = len(row_of) + 1  # the last one leads to all that are free
    first = np.concatenate([first, np.full(len(free), size - 1)])
    then = np.concatenate([then, free])
    graph = csr_array(coo_array((np.ones(len(first)), (first, then)), shape=(size, size)))
    reached = breadth_first_order(graph, size - 1, return_predecessors=False)
    return np.sort(reached[reached < size - 1])


def _stamps(circuit: Circuit, held: list[int], at_rest: bool) -> Iterator[tuple[Pairs, Pairs]]:
    """Equations (n, 2) and the differences of unknowns (n, 2) that are in them."""
    branches, first = {}, circuit.node_count
    for group in circuit.groups:
        if has_branch(group):
            branches |= {name: first + k for k, name in enumerate(group.names)}
            first += len(group.names)
    given = _above_ground(held)
    yield given, given
    for group in circuit.groups:
        yield from _stamps_of(group, branches, at_rest)


def _stamps_of(
    group: Group, branches: dict[str, int], at_rest: bool
) -> Iterator[tuple[Pairs, Pairs]]:
    across = group.nodes[:, :2]
    own = _above_ground([branches.get(name, 0) for name in group.names])
    sensed = [_above_ground([branches[name] for name in names]) for names in group.sensed]
    if has_branch(group):
        yield across, own
        fixed = np.isfinite(group.values) if group.kind == "E" else slice(None)
        yield own[fixed], across[fixed]
        if group.kind == "L" and not at_rest:
            yield own, own
    match group.kind:
        case "R" | "C":
            conducts = np.isfinite(group.values) if group.kind == "R" else group.values > 0
            if group.kind == "R" or not at_rest:
                yield across[conducts], across[conducts]
        case "S" | "W":
            yield across, across
        case "E" | "G":
            acts = group.values != 0
            yield (own if group.kind == "E" else across)[acts], group.nodes[acts, 2:]
        case "F" | "H":
            acts = group.values != 0
            yield (own if group.kind == "H" else across)[acts], sensed[0][acts]
        case "B":
            assert isinstance(group.model, Behaviour)
            pairs = group.nodes[:, 2:].reshape(len(group.names), -1, 2).transpose(1, 0, 2)
            for control in (*pairs, *sensed) if group.model.direct or not at_rest else ():
                yield (own if has_branch(group) else across), control
        case "law" | "D" | "M" | "Q":
            ends = group.nodes[:, :3] if group.kind == "Q" else group.nodes
            for path, k in product(paths(group).transpose(1, 0, 2), range(ends.shape[1] - 1)):
                yield path, ends[:, [k, -1]]


def paths(group: Group) -> np.ndarray:
    """Between which nodes each element conducts, (n, paths, 2)."""
    match group.kind:
        case "law":  # from first to last terminal: a gate conducts to nowhere
            columns = [[0, -1]]
        case "M":
            columns = [[0, 2], [2, 3]]
        case "Q":
            columns = [[0, 1], [1, 2]]
        case _:
            columns = [[0, 1]]
    return group.nodes[:, columns]


def _above_ground(numbers: list[int]) -> Pairs:
    return np.stack([np.array(numbers, dtype=int), np.zeros(len(numbers), dtype=int)], axis=1)
