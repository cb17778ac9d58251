"""A circuit as plain data: groups of equal elements on numbered nodes.

Names are made when they are asked for, so that an array of a million elements stays a
handful of arrays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from circuitxbar.arguments import (
    Array,
    positive_number,
    real_number,
    resistances,
    shown,
    whole_number,
)
from circuitxbar.circuit.model import Model
from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device as find_device
from circuitxbar.errors import CircuitError, ModelError

Kind = Literal["R", "C", "V", "I", "law"]
UNITS: dict[Kind, str] = {"R": "ohm", "C": "F", "V": "V", "I": "A", "law": "S"}
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.]*\Z")
# Ground's other name, words that ngspice takes for sets of vectors, for the temperature or for
# random numbers, and the node that counts the vectors of a batch.
_SETS, _RANDOM = ["all", "allv", "alli", "ally"], ["gauss", "agauss", "unif", "aunif", "limit"]
_RESERVED = frozenset(["gnd", *_SETS, "temper", *_RANDOM, "vector_index"])


@dataclass(frozen=True, eq=False)
class Names:
    """Equally formed names: `pattern` with one row of `indices` (n, k) filled in each."""

    pattern: str
    indices: np.ndarray

    @staticmethod
    def one(name: str) -> Names:
        """A single name."""
        return Names(name, np.zeros((1, 0), dtype=int))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, k: int) -> str:
        return self.pattern.format(*self.indices[k])

    def __iter__(self) -> Iterator[str]:
        return (self.pattern.format(*row) for row in self.indices.tolist())

    def prefixed(self, prefix: str) -> Names:
        """The same names with `prefix` and a dot in front."""
        return Names(f"{prefix}.{self.pattern}", self.indices)


@dataclass(frozen=True, eq=False)
class Group:
    """Equal elements: `kind`, names, nodes (n, 2) and values (n,), or (n, batch) for sources.

    R: resistance in ohm, 0 joins its nodes and inf is open. C: capacitance in farad, which an
    operating point does not see. V: first node minus second, in volt.
    I: ampere, flowing from the first node through the source into the second.
    law: the device of `model`; nodes (n, terminals) in the order of its terminals, values its
    conductances in S. Current flows from the first node into the last; a middle one (the gate)
    carries none.
    """

    kind: Kind
    names: Names
    nodes: np.ndarray
    values: Array
    model: Model | None = None


@dataclass(frozen=True)
class Resistor:
    """A resistor of `resistance` ohm (0 joins its nodes, inf is open) between two nodes."""

    name: str
    first: str
    second: str
    resistance: float


@dataclass(frozen=True)
class Capacitor:
    """A capacitor of `capacitance` farad between two nodes; open at an operating point."""

    name: str
    first: str
    second: str
    capacitance: float


@dataclass(frozen=True)
class VoltageSource:
    """An ideal source that holds `positive` at `voltage` volt above `negative`."""

    name: str
    positive: str
    negative: str
    voltage: float


@dataclass(frozen=True)
class CurrentSource:
    """An ideal source that drives `current` ampere out of `first` into `second`."""

    name: str
    first: str
    second: str
    current: float


@dataclass(frozen=True)
class DeviceElement:
    """A device between `nodes`, one for each of its terminals and in their order.

    Current flows from the first node into the last; the middle one of three is the gate.
    device : name in device_models/, path of a TOML file, or a Device.
    conductance : g of its law, S, above 0; None for a law that is free of g.
    parameters : those that differ from the device, name -> value in the parameter's own unit.
    temperature : K.
    """

    name: str
    nodes: tuple[str, ...]
    device: str | os.PathLike[str] | Device
    conductance: float | None = None
    parameters: Mapping[str, float] | None = None
    temperature: float = ROOM


Element = Resistor | Capacitor | VoltageSource | CurrentSource | DeviceElement


@dataclass(frozen=True, eq=False)
class Circuit:
    """Groups of equal elements on nodes; node "0" is ground and has number 0.

    Adding returns a new circuit. Names are lower case, since SPICE folds case.
    """

    title: str = "circuit"
    node_names: tuple[Names, ...] = ()
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        title = self.title
        if not isinstance(title, str) or not title.isascii() or not title.isprintable():
            raise CircuitError(f"title = {shown(title)}: expected one line of printable ASCII.")
        sizes = {g.values.shape[1] for g in self.groups if g.values.ndim == 2}
        if len(sizes) > 1:
            told = " and ".join(map(str, sorted(sizes)))
            raise CircuitError(f"sources hold {told} vectors. Give all of them as many.")

    def __repr__(self) -> str:
        elements = sum(len(group.names) for group in self.groups)
        return f"Circuit({self.title!r}: {self.node_count} nodes, {elements} elements)"

    @property
    def node_count(self) -> int:
        """Number of nodes, ground included."""
        return 1 + sum(len(names) for names in self.node_names)

    @property
    def batch(self) -> int:
        """Number of source vectors the circuit holds."""
        return max((g.values.shape[1] for g in self.groups if g.values.ndim == 2), default=1)

    def vector(self, k: int) -> Circuit:
        """This circuit with the sources of vector `k` alone."""
        groups = (
            replace(g, values=g.values[:, k]) if g.values.ndim == 2 else g for g in self.groups
        )
        return replace(self, groups=tuple(groups))

    @cached_property
    def nodes(self) -> list[str]:
        """The name of every node, by number."""
        return ["0", *(name for names in self.node_names for name in names)]

    @cached_property
    def _node_numbers(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.nodes)}

    @cached_property
    def _element_places(self) -> dict[str, tuple[int, int]]:
        return {n: (g, k) for g, group in enumerate(self.groups) for k, n in enumerate(group.names)}

    def node(self, name: str) -> int:
        """The number of node `name`; CircuitError with near names where there is none."""
        try:
            return self._node_numbers[name]
        except (KeyError, TypeError):
            raise CircuitError(_unknown("node", name, self._node_numbers)) from None

    def element(self, name: str) -> tuple[Group, int]:
        """(group, position) of element `name`; CircuitError with near names where there is none."""
        try:
            group, position = self._element_places[name]
        except (KeyError, TypeError):
            raise CircuitError(_unknown("element", name, self._element_places)) from None
        return self.groups[group], position

    def add(self, *elements: Element) -> Circuit:
        """This circuit with `elements`; nodes named for the first time are made.

        Raises CircuitError for duplicate or ill-formed names and values that are not finite, and
        CircuitError or ModelError for devices that do not fit their element.
        """
        numbers, names = dict(self._node_numbers), list(self.node_names)
        taken, groups = set(self._element_places), list(self.groups)
        for element in elements:
            if not isinstance(element, Element):
                raise CircuitError(
                    f"{shown(element)} is not an element. "
                    "Use Resistor, Capacitor, VoltageSource, CurrentSource or DeviceElement."
                )
            check_name("element", element.name)
            if element.name in taken:
                raise CircuitError(f"element {element.name!r} exists already. Choose another name.")
            taken.add(element.name)
            kind, nodes, value, model = _parts(element)
            for node in nodes:
                check_name("node", node)
                if node not in numbers:
                    numbers[node] = len(numbers)
                    names.append(Names.one(node))
            ends = np.array([[numbers[node] for node in nodes]])
            groups.append(Group(kind, Names.one(element.name), ends, np.array([value]), model))
        return replace(self, node_names=tuple(names), groups=tuple(groups))

    def instance(self, name: str, subcircuit: SubCircuit, **pins: str) -> Circuit:
        """This circuit with a copy of `subcircuit` whose `pins` are joined to the nodes named.

        Its other nodes and its elements are called `name.node` and `name.element`; pins that
        are not named stay open. Raises CircuitError for unknown pins and duplicate names.
        """
        if not isinstance(subcircuit, SubCircuit):
            raise CircuitError(f"{shown(subcircuit)} is not a SubCircuit (crossbar.subcircuit()).")
        check_name("instance", name)
        for pin in pins:
            if pin not in subcircuit.pin_nodes:
                raise CircuitError(_unknown("pin", pin, subcircuit.pin_nodes))
        for node in pins.values():
            check_name("node", node)
            if node.startswith(f"{name}."):
                raise CircuitError(
                    f"node {node!r} is inside instance {name!r}. Choose another name."
                )
        if any(n.startswith(f"{name}.") for n in (*self._element_places, *self._node_numbers)):
            raise CircuitError(f"instance {name!r} exists already. Choose another name.")
        joined = {subcircuit.pin_nodes[pin]: node for pin, node in pins.items()}
        numbers, names = dict(self._node_numbers), list(self.node_names)
        for node in joined.values():
            if node not in numbers:
                numbers[node] = len(numbers)
                names.append(Names.one(node))
        inner = subcircuit.circuit
        renumbered = np.zeros(inner.node_count, dtype=int)
        number = 1
        for group in inner.node_names:
            kept = [k for k in range(len(group)) if number + k not in joined]
            own = Names(group.pattern, group.indices[kept]).prefixed(name)
            first = 1 + sum(len(known) for known in names)
            renumbered[[number + k for k in kept]] = np.arange(first, first + len(kept))
            if kept:
                names.append(own)
            number += len(group)
        for k, node in joined.items():
            renumbered[k] = numbers[node]
        groups = tuple(
            replace(g, names=g.names.prefixed(name), nodes=renumbered[g.nodes])
            for g in inner.groups
        )
        return replace(self, node_names=tuple(names), groups=self.groups + groups)


@dataclass(frozen=True, eq=False)
class SubCircuit:
    """A circuit with named pins, ready for Circuit.instance or a .subckt block.

    pin_nodes : pin -> number of its node; distinct nodes other than ground.
    """

    name: str
    circuit: Circuit
    pin_nodes: dict[str, int]

    def __post_init__(self) -> None:
        check_name("sub-circuit", self.name)
        if not isinstance(self.circuit, Circuit):
            raise CircuitError(f"sub-circuit {self.name!r}: {shown(self.circuit)} is no Circuit.")
        if not isinstance(self.pin_nodes, dict):
            raise CircuitError(f"sub-circuit {self.name!r}: pin_nodes is not a dict of pin: node.")
        nodes = self.circuit.nodes
        taken: dict[int, str] = {}
        for pin, node in self.pin_nodes.items():
            check_name("pin", pin)
            where = f"sub-circuit {self.name!r}, pin {pin!r}"
            if whole_number(where, node, minimum=1) >= len(nodes):
                raise CircuitError(
                    f"{where}: node {shown(node)} is not there; {len(nodes) - 1} is the last."
                )
            if node in taken:
                raise CircuitError(f"{where}: its node is the pin {taken[node]!r} already.")
            if pin != nodes[node] and pin in self.circuit._node_numbers:
                raise CircuitError(f"{where}: another node has that name. Choose another name.")
            taken[node] = pin

    def __repr__(self) -> str:
        return f"SubCircuit({self.name!r}: {len(self.pin_nodes)} pins, {self.circuit!r})"

    @property
    def pins(self) -> tuple[str, ...]:
        """The names of the pins, in the order of a .subckt line."""
        return tuple(self.pin_nodes)


def check_name(what: str, name: object) -> None:
    """Refuse a `name` of a `what` that SPICE could not hold apart from others."""
    if not isinstance(name, str) or not _NAME.match(name) or name in _RESERVED:
        raise CircuitError(
            f"{what} name {shown(name)} cannot be used. Use lower-case letters, digits, '_' and "
            f"'.', and none of {', '.join(sorted(_RESERVED))}; ground is '0'."
        )


def _parts(element: Element) -> tuple[Kind, tuple[str, ...], float, Model | None]:
    """Kind, nodes, value and model of `element`, its values checked."""
    match element:
        case Resistor(name, first, second, resistance):
            return "R", (first, second), float(resistances(name, resistance, shape=())), None
        case Capacitor(name, first, second, capacitance):
            value = real_number(name, capacitance, unit=UNITS["C"], minimum=0.0)
            return "C", (first, second), value, None
        case VoltageSource(name, first, second, voltage):
            return "V", (first, second), real_number(name, voltage, unit=UNITS["V"]), None
        case CurrentSource(name, first, second, current):
            return "I", (first, second), real_number(name, current, unit=UNITS["I"]), None
    model = _checked_model(element)
    return "law", tuple(element.nodes), float(model.conductances[0]), model


def _checked_model(element: DeviceElement) -> Model:
    name = f"element {element.name!r}"
    device = find_device(element.device)
    if not isinstance(element.nodes, tuple | list) or len(element.nodes) != len(device.terminals):
        raise CircuitError(
            f"{name}: nodes = {shown(element.nodes)}; {device.name!r} needs one for each of "
            f"{', '.join(device.terminals)}."
        )
    conductance = element.conductance
    if (conductance is None) == device.uses_conductance:
        told = (
            "needs a conductance"
            if device.uses_conductance
            else "is free of g: give no conductance"
        )
        raise CircuitError(f"{name}: the law of {device.name!r} {told}.")
    if conductance is None:
        conductance = 1.0  # without a meaning
    else:
        low, high = device.valid["g"]
        conductance = positive_number(f"{name}: conductance", conductance, unit="S")
        if not low <= conductance <= high:
            raise CircuitError(
                f"{name}: conductance = {conductance:.3g} S is outside the valid range "
                f"{low:g} to {high:g} S of {device.name!r}."
            )
    parameters = element.parameters if element.parameters is not None else {}
    if not isinstance(parameters, Mapping):
        raise CircuitError(
            f"{name}: parameters = {shown(parameters)} is not a dict of name: value."
        )
    for key in parameters:
        if key not in device.parameters:
            raise CircuitError(
                f"{name}: {device.name!r} has no parameter {shown(key)}. "
                f"It has: {', '.join(device.parameters) or 'none'}."
            )
    try:
        checked = device.with_parameters(**parameters).values
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
    temperature = real_number(
        f"{name}: temperature", element.temperature, unit="K", minimum=1.0, maximum=2000.0
    )
    own = {key: np.array(checked[key]) for key in parameters if key in device.law_parameters}
    return Model(device, np.array([conductance]), own, temperature)


def _unknown(what: str, name: object, known: dict[str, int] | dict[str, tuple[int, int]]) -> str:
    import difflib

    text = name if isinstance(name, str) else ""
    near = difflib.get_close_matches(text, list(known)[:20000], n=3)
    hint = f" Did you mean {', '.join(near)}?" if near else f" There are {len(known)}."
    return f"there is no {what} {shown(name)}.{hint}"
