"""A circuit as plain data: groups of equal elements on numbered nodes.

Names are made when they are asked for, so that an array of a million elements stays a
handful of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from circuitxbar.arguments import real_number, shown, whole_number
from circuitxbar.circuit.elements import Element
from circuitxbar.circuit.group import Group, Names, joined
from circuitxbar.circuit.names import check_name, unknown
from circuitxbar.circuit.parts import part_of
from circuitxbar.errors import CircuitError


@dataclass(frozen=True, eq=False)
class Circuit:
    """Groups of equal elements on nodes; node "0" is ground and has number 0.

    Adding returns a new circuit. Names are lower case, since SPICE folds case.
    initial_voltages : node -> V at which a transient holds it while it finds where to start.
    """

    title: str = "circuit"
    node_names: tuple[Names, ...] = ()
    groups: tuple[Group, ...] = ()
    initial_voltages: Mapping[str, float] = field(default_factory=dict)

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
            raise CircuitError(unknown("node", name, self._node_numbers)) from None

    def element(self, name: str) -> tuple[Group, int]:
        """(group, position) of element `name`; CircuitError with near names where there is none."""
        group, position = self.place_of(name)
        return self.groups[group], position

    def place_of(self, name: str) -> tuple[int, int]:
        """(number of its group, position) of element `name`; CircuitError where there is none."""
        try:
            return self._element_places[name]
        except (KeyError, TypeError):
            raise CircuitError(unknown("element", name, self._element_places)) from None

    def add(self, *elements: Element) -> Circuit:
        """This circuit with `elements`; nodes named for the first time are made.

        Raises CircuitError for duplicate or ill-formed names and values that are not finite, and
        CircuitError or ModelError for devices that do not fit their element.
        """
        numbers, added = dict(self._node_numbers), list[str]()
        taken, groups = set(self._element_places), list[Group]()
        for element in elements:
            if not isinstance(element, Element):
                raise CircuitError(
                    f"{shown(element)} is not an element. "
                    "Use Resistor, Capacitor, VoltageSource, CurrentSource, DeviceElement ..."
                )
            check_name("element", element.name)
            if element.name in taken:
                raise CircuitError(f"element {element.name!r} exists already. Choose another name.")
            taken.add(element.name)
            part = part_of(element)
            for node in part.nodes:
                check_name("node", node)
                if node not in numbers:
                    numbers[node] = len(numbers)
                    added.append(node)
            groups.append(part.group(element.name, numbers))
        names = (Names.listed(added),) if added else ()
        return replace(
            self,
            node_names=self.node_names + names,
            groups=self.groups + tuple(joined(groups)),
        )

    def with_initial_voltages(self, voltages: Mapping[str, float]) -> Circuit:
        """This circuit, of which a transient starts with these nodes at these voltages, V.

        Raises CircuitError for unknown nodes and what is no number.
        """
        checked = {}
        for name, value in voltages.items():
            if self.node(name) == 0:
                raise CircuitError("ground is at 0 V. Give the voltages of other nodes.")
            checked[name] = real_number(f"initial voltage of {name}", value, unit="V")
        return replace(self, initial_voltages={**self.initial_voltages, **checked})

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
                raise CircuitError(unknown("pin", pin, subcircuit.pin_nodes))
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
        groups = tuple(group.prefixed(name, renumbered[group.nodes]) for group in inner.groups)
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
