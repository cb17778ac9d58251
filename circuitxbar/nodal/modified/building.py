"""From a circuit to its equations, group by group."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array, csr_array

from circuitxbar.arguments import Array
from circuitxbar.circuit.checks import joined_nodes
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group, SwitchModel, joined
from circuitxbar.circuit.model import Model
from circuitxbar.devices.state import states_from
from circuitxbar.nodal.modified.blocks import (
    NOWHERE,
    BehaviourLaws,
    Block,
    DeviceLaws,
    RateLaws,
)
from circuitxbar.nodal.modified.matrix import Pattern
from circuitxbar.nodal.modified.sources import Sources
from circuitxbar.nodal.modified.system import Moving, Switches, System


def system_of(circuit: Circuit, with_states: bool = False) -> System:
    """The equations of a circuit of primitive elements; states move in them if `with_states`."""
    return _Builder(circuit, with_states).system()


@dataclass(eq=False)
class _Stamps:
    """Entries of a constant matrix, collected."""

    rows: list[np.ndarray] = field(default_factory=list)
    columns: list[np.ndarray] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)

    def add(self, rows: np.ndarray, columns: np.ndarray, values: Array | float) -> None:
        rows, columns, values = np.broadcast_arrays(rows, columns, values)
        there = (rows >= 0) & (columns >= 0)
        self.rows.append(rows[there])
        self.columns.append(columns[there])
        self.values.append(np.asarray(values, dtype=float)[there])

    def between(self, pairs: np.ndarray, outputs: np.ndarray, values: Array | float) -> None:
        """`values` times the difference of a pair, into the first output and out of the second."""
        for out, sign in ((0, 1.0), (1, -1.0)):
            for side, other in ((0, 1.0), (1, -1.0)):
                self.add(outputs[:, out], pairs[:, side], sign * other * np.asarray(values))

    def joined(self) -> tuple[np.ndarray, np.ndarray, Array]:
        empty = np.empty(0, dtype=int)
        return (
            np.concatenate([empty, *self.rows]),
            np.concatenate([empty, *self.columns]),
            np.concatenate([np.empty(0), *self.values]),
        )


class _Builder:
    """Collects the equations of a circuit, group by group."""

    def __init__(self, circuit: Circuit, with_states: bool):
        self.circuit = circuit
        count = circuit.node_count
        branches = sum(len(g.names) for g in circuit.groups if has_branch(g))
        net = joined_nodes(circuit)
        roots = np.unique(net[net > 0])
        number = np.full(count, NOWHERE)
        number[roots] = np.arange(len(roots))
        self.place = np.concatenate([number[net], len(roots) + np.arange(branches)])
        self.nodes = np.arange(len(roots))
        self.size = len(roots) + branches
        self.branch_of: dict[str, int] = {}
        branch = len(roots)
        for group in circuit.groups:
            if has_branch(group):
                for name in group.names:
                    self.branch_of[name] = branch
                    branch += 1
        self.with_states = with_states
        self.conductive, self.reactive = _Stamps(), _Stamps()
        self.blocks: list[Block] = []
        self.switches: list[Switches] = []
        self.moving: list[Moving] = []
        self.driven: list[tuple[Group, np.ndarray]] = []

    def system(self) -> System:
        for group in joined(self.circuit.groups, anywhere=True):
            self._stamp(group)
        sources = Sources.of(self.driven, self.size)
        rows, columns, values = self.conductive.joined()
        crows, ccolumns, cvalues = self.reactive.joined()
        laws = _block_stamps(self.blocks)
        switch_pairs = np.concatenate(
            [np.empty((0, 2), dtype=int), *[s.outputs for s in self.switches]]
        )
        closing = _four(switch_pairs, switch_pairs, np.arange(len(switch_pairs)))
        pattern = Pattern.of(
            self.size,
            np.concatenate([rows, crows, laws[0], closing[0]]),
            np.concatenate([columns, ccolumns, laws[1], closing[1]]),
        )
        slopes = sum(b.controls.shape[0] * b.count for b in self.blocks)
        shape = (self.size, self.size)
        return System(
            self.circuit,
            self.place,
            self.size,
            self.nodes,
            csr_array(coo_array((values, (rows, columns)), shape=shape)),
            csr_array(coo_array((cvalues, (crows, ccolumns)), shape=shape)),
            sources,
            tuple(self.blocks),
            tuple(self.switches),
            tuple(self.moving),
            pattern,
            (
                pattern.entries(rows, columns, values),
                pattern.entries(crows, ccolumns, cvalues),
            ),
            _gathered(pattern, laws, slopes),
            _gathered(pattern, closing, len(switch_pairs)),
            _outputs(self.blocks, self.size),
        )

    def _stamp(self, group: Group) -> None:
        place, nodes = self.place, group.nodes
        at = place[nodes]
        match group.kind:
            case "R":
                kept = np.isfinite(group.values) & (group.values > 0)
                self.conductive.between(at[kept], at[kept], 1.0 / group.values[kept])
            case "C":
                self.reactive.between(at, at, group.values)
            case "G":
                self.conductive.between(at[:, 2:], at[:, :2], group.values)
            case "F":
                sensed = self._sensed(group)
                self.conductive.between(sensed, at, group.values)
            case "I":
                self.driven.append((group, at))
            case "V" | "L" | "E" | "H":
                self._branch(group, at)
            case "B":
                self._behaviour(group, at)
            case "S":
                assert isinstance(group.model, SwitchModel)
                self.switches.append(Switches(at[:, 2:], at[:, :2], group.model))
            case "W":
                assert isinstance(group.model, SwitchModel)
                self.switches.append(Switches(self._sensed(group), at, group.model))
            case "law":
                self._device(group, at)
            case _:
                raise AssertionError(f"kind {group.kind} is not primitive")

    def _branch(self, group: Group, at: np.ndarray) -> None:
        """Elements whose current is an unknown, and which fix the voltage between their nodes."""
        branch = self._branches(group)
        equation = np.stack([branch, np.full(len(branch), NOWHERE)], axis=1)
        self.conductive.between(equation, at[:, :2], 1.0)
        if group.kind == "E":
            ideal = np.isinf(group.values)
            self.conductive.between(at[~ideal, :2], equation[~ideal], 1.0)
            self.conductive.between(at[~ideal, 2:], equation[~ideal], -group.values[~ideal])
            self.conductive.between(at[ideal, 2:], equation[ideal], 1.0)
            return
        self.conductive.between(at[:, :2], equation, 1.0)
        if group.kind == "V":
            self.driven.append((group, equation))
        elif group.kind == "L":
            self.reactive.between(equation, equation, -group.values)
        else:
            self.conductive.between(self._sensed(group), equation, -group.values)

    def _behaviour(self, group: Group, at: np.ndarray) -> None:
        model = group.model
        assert isinstance(model, Behaviour)
        count = len(group.names)
        pairs = at[:, 2:].reshape(count, len(model.voltages), 2).transpose(1, 0, 2)
        sensed = [self._sensed(group, k) for k in range(len(model.currents))]
        controls = np.concatenate([pairs, np.array(sensed, dtype=int).reshape(-1, count, 2)])
        outputs = at[:, :2]
        if model.output == "voltage":
            branch = self._branches(group)
            equation = np.stack([branch, np.full(count, NOWHERE)], axis=1)
            self.conductive.between(equation, at[:, :2], 1.0)
            self.conductive.between(at[:, :2], equation, 1.0)
            outputs = equation[:, ::-1]
        laws = BehaviourLaws(model, count)
        limited = model.output == "current" and model.direct
        self.blocks.append(Block(laws, controls, outputs, limited))

    def _device(self, group: Group, at: np.ndarray) -> None:
        model, count = group.device, len(group.names)
        device = model.device
        controls, nowhere = [], np.full(count, NOWHERE)
        for signs in device.controls.values():
            ends = [at[:, signs.index(s)] if s in signs else nowhere for s in (1, -1)]
            controls.append(np.stack(ends, axis=1))
        outputs = at[:, [0, -1]]
        if not (self.with_states and device.has_rates):
            laws = DeviceLaws(model)
            self.blocks.append(Block(laws, np.array(controls), outputs, limited=True))
            return
        names = tuple(device.states)
        by_conductance = "conductance" in device.laws
        unknowns = [self.size + k * count + np.arange(count) for k in range(len(names))]
        self.size += len(names) * count
        state_pairs = [np.stack([unknown, nowhere], axis=1) for unknown in unknowns]
        everything = np.array([*controls, *state_pairs])
        laws = DeviceLaws(model, names, by_conductance)
        self.blocks.append(Block(laws, everything, outputs, limited=True))
        across = np.stack([at[:, 0], at[:, -1]], axis=1)
        for name, pair in zip(names, state_pairs, strict=True):
            rate = RateLaws(model, names, name)
            self.blocks.append(Block(rate, np.array([across, *state_pairs]), pair, limited=False))
            self.reactive.between(pair, pair, 1.0)
            low, high = device.states[name].range
            self.moving.append(Moving(group, name, pair[:, 0], low, high, _initial(model, name)))

    def _branches(self, group: Group) -> np.ndarray:
        return np.array([self.branch_of[name] for name in group.names])

    def _sensed(self, group: Group, k: int = 0) -> np.ndarray:
        """(n, 2): the branch that controls each element, and ground."""
        branch = np.array([self.branch_of[name] for name in group.sensed[k]])
        return np.stack([branch, np.full(len(branch), NOWHERE)], axis=1)


def _initial(model: Model, name: str) -> Array:
    """Where the state `name` begins at every place."""
    device = model.device
    count = model.conductances.shape
    if name in model.parameters:
        return np.broadcast_to(model.parameters[name], count).astype(float)
    if "conductance" in device.laws and len(device.states) == 1:
        others = device.others(model.temperature, dict(model.parameters))
        return states_from(device, model.conductances, others, nearest=True)
    return np.full(count, device.states[name].initial)


_Places = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _four(pairs: np.ndarray, outputs: np.ndarray, slots: np.ndarray) -> _Places:
    """Rows, columns, slots and signs of differences `pairs` that go into `outputs`."""
    parts = []
    for out, sign in ((0, 1.0), (1, -1.0)):
        for side, other in ((0, 1.0), (1, -1.0)):
            row, column = outputs[:, out], pairs[:, side]
            there = (row >= 0) & (column >= 0)
            signs = np.full(there.sum(), sign * other)
            parts.append((row[there], column[there], slots[there], signs))
    rows, columns, found, signs = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, columns, found, signs


def _block_stamps(blocks: list[Block]) -> _Places:
    """The same for the slopes of all laws, one control after the other."""
    none = np.empty((0, 2), dtype=int)
    parts, first = [_four(none, none, none[:, 0])], 0
    for block in blocks:
        for pairs in block.controls:
            parts.append(_four(pairs, block.outputs, first + np.arange(block.count)))
            first += block.count
    rows, columns, slots, signs = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, columns, slots, signs


def _gathered(pattern: Pattern, stamps: _Places, count: int) -> csr_array:
    """(entries, count): what each slot adds to."""
    rows, columns, slots, signs = stamps
    places = pattern.places(rows, columns)
    return csr_array(coo_array((signs, (places, slots)), shape=(len(pattern.rows), count)))


def _outputs(blocks: list[Block], size: int) -> csr_array:
    """(size, elements): to which equation each law adds."""
    outputs = np.concatenate([np.empty((0, 2), dtype=int), *[b.outputs for b in blocks]])
    parts = []
    for side, sign in ((0, 1.0), (1, -1.0)):
        there = outputs[:, side] >= 0
        parts.append((np.full(there.sum(), sign), outputs[there, side], np.flatnonzero(there)))
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return csr_array(coo_array((values, (rows, columns)), shape=(size, len(outputs))))
