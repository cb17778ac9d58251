"""Diodes and transistors as resistors, capacitors and behavioural sources with a charge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group, Kind, Names, Semiconductor, joined
from circuitxbar.devices.semiconductors import Model, model_of
from circuitxbar.devices.semiconductors.model import GROUND, Branch
from circuitxbar.errors import CircuitError


def expanded(circuit: Circuit) -> Circuit:
    """`circuit` without elements of kind D, M and Q: each is what its model says it is made of.

    Nodes keep their numbers; those inside follow, named `element.node`. Element d1 becomes d1.rs,
    d1.diode ...; elements that are equal but for their values become one group. Raises CircuitError
    for levels and parameters that are not known, and where a name inside is taken already.
    """
    groups: list[Group] = []
    node_names = list(circuit.node_names)
    count = circuit.node_count
    # The order of branches is that of the circuit; all others may stand together.
    branches = [group for group in circuit.groups if has_branch(group)]
    others = joined([g for g in circuit.groups if not has_branch(g)], anywhere=True)
    if not any(isinstance(group.model, Semiconductor) for group in others):
        whole = (*branches, *others)
        return circuit if len(whole) == len(circuit.groups) else replace(circuit, groups=whole)
    for group in (*branches, *others):
        if not isinstance(group.model, Semiconductor):
            groups.append(group)
            continue
        parts = _Parts.of(group.model)
        numbers = dict(zip(parts.model.terminals, group.nodes.T, strict=True))
        numbers[GROUND] = np.zeros(len(group.names), dtype=int)
        for node in parts.inside:
            node_names.append(_suffixed(group.names, node))
            numbers[node] = np.arange(count, count + len(group.names))
            count += len(group.names)
        groups += parts.groups(group.names, numbers)
    whole = replace(circuit, node_names=tuple(node_names), groups=tuple(groups))
    _refuse_doubles("node", whole.nodes)
    _refuse_doubles("element", [name for group in groups for name in group.names])
    return whole


def owners(circuit: Circuit, whole: Circuit) -> dict[str, str]:
    """Element of `whole`, which is `circuit` expanded -> the element that it is a part of."""
    own = {name for group in circuit.groups for name in group.names}
    names = (name for group in whole.groups for name in group.names)
    return {name: name if name in own else name.rpartition(".")[0] for name in names}


def main_currents(group: Group) -> tuple[tuple[Names, int], ...]:
    """Expanded elements whose currents, with these signs, add up to those of the elements.

    group : of kind D, M or Q. The current of its elements is what flows into anode, drain or
    collector; the sum holds at every instant, with what flows into charges.
    """
    assert isinstance(group.model, Semiconductor)
    parts = _Parts.of(group.model)
    first = parts.model.terminals[0]
    return tuple(
        (_suffixed(group.names, piece.name), 1 if piece.nodes[0] == first else -1)
        for piece in parts.pieces
        if first in piece.nodes[:2]
    )


@dataclass(frozen=True, eq=False)
class _Piece:
    """What becomes one group: kind, name, its nodes by their names in the model, and its values."""

    kind: Kind
    name: str
    nodes: tuple[str, ...]
    values: Array
    behaviour: Behaviour | None = None


@dataclass(frozen=True, eq=False)
class _Parts:
    """What the elements of a group are made of, and which nodes inside them are left."""

    model: Model
    inside: tuple[str, ...]
    pieces: tuple[_Piece, ...]

    @staticmethod
    def of(semiconductor: Semiconductor) -> _Parts:
        card = semiconductor.card
        model = model_of(card.name, card.type, card.level)
        values = model.values(card.name, card.type, card.parameters, semiconductor.parameters)
        resistances = {r: model.number(r.ohms, values) for r in model.resistances}
        kept = {r for r, ohms in resistances.items() if np.any(ohms != 0)}
        joined = {node: node for node in model.terminals} | dict(model.inner)
        branches = [b for b in model.branches if np.any(model.number(b.present, values))]
        made = dict.fromkeys(node for branch in branches for node in branch.nodes)
        inside = (
            *(n for n in model.inner if any(n in r.nodes for r in kept)),
            *(n for n in made if n not in joined and n != GROUND),
        )
        joined |= {node: node for node in (*inside, GROUND)}
        turned = -1 if card.type in model.reversed_types else 1
        return _Parts(
            model,
            inside,
            (
                *(_Piece("R", r.name, r.nodes, resistances[r]) for r in resistances if r in kept),
                *_capacitors(model, values, joined),
                *_sources(model, branches, values, joined, turned),
            ),
        )

    def groups(self, names: Names, numbers: Mapping[str, np.ndarray]) -> Iterator[Group]:
        """The groups of these pieces, of the elements `names` at the nodes `numbers`."""
        for piece in self.pieces:
            nodes = np.stack([numbers[node] for node in piece.nodes], axis=1)
            own = _suffixed(names, piece.name)
            yield Group(piece.kind, own, nodes, piece.values, piece.behaviour)


def _capacitors(model: Model, values: Mapping[str, Array], joined: dict) -> Iterator[_Piece]:
    for capacitance in model.capacitances:
        farads = model.number(capacitance.farads, values)
        if np.any(farads != 0):
            nodes = tuple(joined[node] for node in capacitance.nodes)
            yield _Piece("C", capacitance.name, nodes, farads)


def _sources(
    model: Model,
    present: Collection[Branch],
    values: Mapping[str, Array],
    joined: dict,
    turned: int,
) -> Iterator[_Piece]:
    """The branches that are `present`; `turned` is -1 for those whose signs are all the other."""
    laws = zip(model.branches, model.laws, model.noises, strict=True)
    for branch, (law, charge), noise in laws:
        if branch not in present:
            continue
        voltages = tuple(name for name in law.names if name in model.voltages)
        pairs = [branch.nodes, *(model.voltages[name] for name in voltages)]
        nodes = tuple(joined[node] for pair in pairs for node in pair[::turned])
        names = (*law.names, *(noise.names if noise is not None else ()))
        own = {name: np.array(values[name]) for name in names if name in values}
        behaviour = Behaviour(
            *(law, "current", voltages, (), own, charge), noise=noise, direct=branch.direct
        )
        zero = np.zeros_like(values[model.sizes[0]])
        yield _Piece("B", branch.name, nodes, zero, behaviour)


def _suffixed(names: Names, suffix: str) -> Names:
    return Names(f"{names.pattern}.{suffix}", names.indices)


def _refuse_doubles(what: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        name = Counter(names).most_common(1)[0][0]
        raise CircuitError(
            f"{what} {name!r} has the name of a part of {name.rpartition('.')[0]!r}. "
            "Choose another name."
        )
