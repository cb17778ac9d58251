"""Groups of equal elements: the arrays that a circuit is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import Literal

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.model import Model
from circuitxbar.circuit.time_functions import TimeFunction
from circuitxbar.devices.expression import Law

Kind = Literal["R", "C", "L", "V", "I", "E", "G", "F", "H", "B", "S", "W", "D", "M", "Q", "law"]


@dataclass(frozen=True, eq=False)
class Names:
    """Equally formed names: `pattern` with one row of `indices` (n, k) filled in each."""

    pattern: str
    indices: np.ndarray

    @staticmethod
    def one(name: str) -> Names:
        """A single name."""
        return Names(name, np.zeros((1, 0), dtype=int))

    @staticmethod
    def listed(names: Sequence[str]) -> Names:
        """Names that have nothing in common."""
        return Names("{}", np.array(names, dtype=object)[:, None])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, k: int) -> str:
        return self.pattern.format(*self.indices[k])

    def __iter__(self) -> Iterator[str]:
        return starmap(self.pattern.format, self.indices.tolist())

    def prefixed(self, prefix: str) -> Names:
        """The same names with `prefix` and a dot in front."""
        return Names(f"{prefix}.{self.pattern}", self.indices)


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What a behavioural source does: a law of voltages, currents, parameters and time.

    law : its value, V or A.  output : which of both.
    voltages : the names in the law of the voltages between nodes[:, 2 + 2k] and nodes[:, 3 + 2k].
    currents : those of the currents through the elements of Group.sensed[k].
    parameters : name -> (n,), for each element; `time` (s) may stand in the law, too.
    charge : law of a charge (C) between its nodes in the same names, or None; `output` is then
    "current", to which what flows into the charge is added.
    name : of the law, which a .subckt block may have.
    noise : law of the density of its current's noise, A^2/Hz, or None where it has none: of the
    same names, "frequency", Hz, "current", what flows at rest, and "by_x", its slope by the voltage
    x.
    pins : of that block, what each column of the nodes is: a pin, or "0"; () where any will do.
    defaults : what `parameters` are in that block where an element does not say otherwise.
    direct : whether a direct current can flow between its nodes.
    """

    law: Law
    output: Literal["voltage", "current"]
    voltages: tuple[str, ...]
    currents: tuple[str, ...]
    parameters: Mapping[str, Array]
    charge: Law | None = None
    name: str | None = None
    pins: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    noise: Law | None = None
    direct: bool = True

    @property
    def key(self) -> object:
        """What elements of one group have in common."""
        names = (self.voltages, self.currents, tuple(self.parameters))
        block = (self.name, self.pins, tuple(self.defaults.items()))
        return self.law, self.output, names, self.charge, block, self.noise, self.direct

    def joined(self, others: Sequence[Behaviour]) -> Behaviour:
        """This for its elements and for those of `others`, all of one key."""
        values = {
            name: np.concatenate([b.parameters[name] for b in (self, *others)])
            for name in self.parameters
        }
        return replace(self, parameters=values)


@dataclass(frozen=True, eq=False)
class SwitchModel:
    """Resistances (ohm) of a switch and where it switches, V or A; each (n,).

    It closes above threshold + hysteresis, opens below threshold - hysteresis, and stays as it is
    between them. closed : what it is at first.
    """

    threshold: Array
    hysteresis: Array
    on: Array
    off: Array
    closed: np.ndarray

    key = "switch"

    def joined(self, others: Sequence[SwitchModel]) -> SwitchModel:
        """This for its elements and for those of `others`."""
        parts = zip(*([getattr(s, n) for n in _SWITCH] for s in (self, *others)), strict=True)
        return SwitchModel(*(np.concatenate(part) for part in parts))


_SWITCH = ("threshold", "hysteresis", "on", "off", "closed")


@dataclass(frozen=True)
class ModelCard:
    """A `.model` card: name, type ("d", "npn", "pnp", "nmos", "pmos") and numbers by name.

    A level that this package does not know is carried as it is, for ngspice.
    """

    name: str
    type: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """Which set of equations, 1 where nothing is said."""
        return int(self.parameters.get("level", 1))


@dataclass(frozen=True, eq=False)
class Semiconductor:
    """Diodes or transistors of one card; `parameters` are those of each element, name -> (n,)."""

    card: ModelCard
    parameters: Mapping[str, Array]

    @property
    def key(self) -> object:
        """What elements of one group have in common."""
        card = self.card
        return card.name, card.type, tuple(card.parameters.items()), tuple(self.parameters)

    def joined(self, others: Sequence[Semiconductor]) -> Semiconductor:
        """This for its elements and for those of `others`, all of one key."""
        values = {
            name: np.concatenate([s.parameters[name] for s in (self, *others)])
            for name in self.parameters
        }
        return Semiconductor(self.card, values)


@dataclass(frozen=True, eq=False)
class Excitation:
    """What sources do beside their steady value, one entry for each of n.

    over_time : value in a transient; None where it is the steady one.
    ac : amplitude in an AC analysis, complex, V or A.
    """

    over_time: tuple[TimeFunction | None, ...]
    ac: np.ndarray


@dataclass(frozen=True, eq=False)
class Group:
    """Equal elements: `kind`, names, nodes (n, 2 or more), values (n,), or (n, batch) of sources.

    R: resistance in ohm, 0 joins its nodes and inf is open. C: capacitance in farad, which an
    operating point does not see. L: inductance in henry. V: first node minus second, in volt.
    I: ampere, flowing from the first node through the source into the second.
    E, G: (gain, or transconductance in S), nodes (n, 4): output, then what controls it; E with a
    gain of inf is an ideal amplifier. F, H: gain, or transresistance in ohm, of the current
    `sensed`. B: the law of `model`. S, W: switches, controlled as E and F are.
    D, M, Q: diodes, transistors; nodes in the order of SPICE.
    law: the device of `model`; nodes (n, terminals) in the order of its terminals, values its
    conductances in S. Current flows from the first node into the last; a middle one (the gate)
    carries none.

    sensed : names of the elements whose currents control these, one Names for each such current.
    excitation : of sources.  initial : (n,), V of C and A of L at 0 s, NaN where it is not given.
    """

    kind: Kind
    names: Names
    nodes: np.ndarray
    values: Array
    model: Model | Behaviour | SwitchModel | Semiconductor | None = None
    sensed: tuple[Names, ...] = ()
    excitation: Excitation | None = None
    initial: Array | None = None

    @property
    def device(self) -> Model:
        """The model of a group of kind "law"."""
        assert isinstance(self.model, Model)
        return self.model

    def prefixed(self, prefix: str, nodes: np.ndarray) -> Group:
        """The same elements at other `nodes`, with `prefix` and a dot before all their names."""
        sensed = tuple(names.prefixed(prefix) for names in self.sensed)
        return replace(self, names=self.names.prefixed(prefix), nodes=nodes, sensed=sensed)


def joined(groups: Sequence[Group], anywhere: bool = False) -> list[Group]:
    """`groups` with those that are equal but for their values as one, if they follow one another.

    anywhere : join those that do not follow one another, too; at the place of the first.
    """
    runs: list[list[Group]] = []
    place: dict[object, int] = {}
    for group in groups:
        key = _key(group)
        if key in place:
            runs[place[key]].append(group)
        else:
            if not anywhere:
                place.clear()
            if key is not None:
                place[key] = len(runs)
            runs.append([group])
    return [_one(run) if len(run) > 1 else run[0] for run in runs]


def _key(group: Group) -> object:
    """What groups have in common that may be one; None for one that stays alone."""
    if group.values.ndim > 1:
        return None
    model = group.model.key if group.model is not None else None
    return group.kind, group.nodes.shape[1], len(group.sensed), model


def _one(groups: Sequence[Group]) -> Group:
    first, count = groups[0], [len(g.names) for g in groups]
    excitation = initial = None
    if any(g.excitation is not None for g in groups):
        known = [
            g.excitation or Excitation((None,) * n, np.zeros(n, complex))
            for g, n in zip(groups, count, strict=True)
        ]
        excitation = Excitation(
            tuple(f for e in known for f in e.over_time), np.concatenate([e.ac for e in known])
        )
    if any(g.initial is not None for g in groups):
        initial = np.concatenate(
            [
                g.initial if g.initial is not None else np.full(n, np.nan)
                for g, n in zip(groups, count, strict=True)
            ]
        )
    model = first.model
    if model is not None:
        model = model.joined([g.model for g in groups[1:]])  # pyright: ignore[reportArgumentType]
    return Group(
        first.kind,
        Names.listed([name for g in groups for name in g.names]),
        np.concatenate([g.nodes for g in groups]),
        np.concatenate([g.values for g in groups]),
        model,
        tuple(
            Names.listed([name for g in groups for name in g.sensed[k]])
            for k in range(len(first.sensed))
        ),
        excitation,
        initial,
    )
