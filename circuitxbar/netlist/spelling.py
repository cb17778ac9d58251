"""The names of elements as SPICE writes them: the first letter tells the kind."""

from __future__ import annotations

from dataclasses import dataclass

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.curves import has_branch
from circuitxbar.circuit.group import Behaviour, Group
from circuitxbar.dialects import Dialect
from circuitxbar.errors import NetlistError


def is_block(group: Group) -> bool:
    """Whether the law of `group` is written once, as a .subckt block with an x line per element.

    Not a law of currents: those of sources outside the block cannot be named in it.
    """
    if group.kind == "law":
        return True
    model = group.model
    return isinstance(model, Behaviour) and model.name is not None and not model.currents


def letter(group: Group) -> str:
    """What the names of the elements of `group` begin with."""
    if is_block(group):
        return "x"
    return "b" if group.values.ndim == 2 else group.kind.lower()


@dataclass(frozen=True)
class Spelling:
    """How the elements of one circuit are called.

    plain : whether every name already is one that SPICE could have given, the last part behind a
    dot beginning with its letter; else the letter is put in front of that part of every name.
    x1.r1 is then r.x1.r1, as ngspice calls what a .subckt holds.
    """

    circuit: Circuit
    plain: bool

    @staticmethod
    def of(circuit: Circuit) -> Spelling:
        """The one that fits all elements of `circuit`."""
        plain = circuit.batch == 1 and all(
            name.rpartition(".")[2].startswith(letter(group))
            for group in circuit.groups
            for name in group.names
        )
        return Spelling(circuit, plain)

    def name(self, group: Group, name: str) -> str:
        """That of the element `name` of `group`."""
        first = letter(group)
        if not self.plain:
            front, dot, last = name.rpartition(".")
            name = f"{front}{dot}{first}{last}"
        return f"{first}.{name}" if "." in name else name

    def names(self, group: Group) -> list[str]:
        """Those of all elements of `group`."""
        own, first = list(group.names), "" if self.plain else letter(group)
        if any("." in name for name in own):
            return [self.name(group, name) for name in own]
        return [first + name for name in own]

    def branch(self, group: Group, name: str) -> str:
        """The name of what fixes its voltage: inside its block, where it has one."""
        spelled = self.name(group, name)
        return f"b.{spelled}.b1" if is_block(group) else spelled

    def sensed(self, of: str, name: str, tongue: Dialect, kinds: str = "") -> str:
        """How the current of element `name`, which controls element `of`, is called.

        kinds : those whose current can be taken beside those of the dialect.
        """
        group, _ = self.circuit.element(name)
        if not has_branch(group) or group.kind not in tongue.sensed + kinds:
            raise NetlistError(
                f"element {of!r}: {tongue.name} does not take the current of {name!r}. Put a "
                "VoltageSource of 0 V in series with it, and take that of the source."
            )
        return self.branch(group, name)
