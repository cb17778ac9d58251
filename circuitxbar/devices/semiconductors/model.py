"""What a model of a semiconductor is made of: numbers with names, and laws between nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel
from circuitxbar.errors import CircuitError

Values = Mapping[str, Array]

# Names of SPICE that Python reserves, as they stand in laws.
_IN_LAWS = {"is": "is_", "lambda": "lambda_", "as": "as_"}
_REMEDY = 'Use engine="ngspice".'
_STEP = 2.0**-17  # of a number, to see what follows from it
_NOTHING = 1e-30  # what 0 is then taken for: small beside whatever it is added to

# At 27 C, where cards are measured and circuits are solved, these have no influence.
OF_TEMPERATURE = frozenset(["eg", "xti"])
GROUND = "ground"  # a node of branches
THERMAL_VOLTAGE = ("vt", "k_B * 300.15 / q")


@dataclass(frozen=True)
class Parameter:
    """A number of a `.model` card: default, unit and meaning.

    default : or the name of another parameter that it is equal to.
    low, high : inclusive range.  zero : what 0 on a card stands for.
    reversing : whether it changes its sign from n to p.
    """

    default: float | str
    unit: str
    meaning: str
    low: float = 0.0
    high: float = math.inf
    zero: float = 0.0
    reversing: bool = False


@dataclass(frozen=True)
class Resistance:
    """`ohms`, a law of parameters and sizes, between two nodes; 0 joins them."""

    name: str
    nodes: tuple[str, str]
    ohms: str


@dataclass(frozen=True)
class Capacitance:
    """`farads`, a law of parameters and sizes, between two nodes; 0 is left out."""

    name: str
    nodes: tuple[str, str]
    farads: str


@dataclass(frozen=True)
class Branch:
    """Laws of the current (A) from the first node to the second, and of a charge (C) between them.

    present : law of parameters; the branch is left out where it is 0.
    direct : whether a direct current can flow.
    noise : law of the noise density of the current, A^2/Hz; beside the names of the others it knows
    frequency (Hz), the current at rest, and by_x, the current's slope by the voltage x.
    """

    name: str
    nodes: tuple[str, str]
    current: str
    charge: str | None = None
    present: str = "1"
    noise: str | None = None
    direct: bool = True


@dataclass(frozen=True, eq=False)
class Model:
    """One set of equations, as data.

    terminals : in the order of SPICE.  inner : inner node -> the terminal it is joined to where
    the resistance between them is 0.  sizes : names of the numbers of each element.
    other_sizes : those that need not be given, with what they then are.
    voltages : name in the laws -> (node, node).  definitions : names that laws share, in order.
    reversed_types : types of cards of which all voltages and currents have the other sign.
    idle : parameters without influence here.  only : parameters known at one value alone, a
    number or the name of the parameter that they must be equal to.  aliases : further spellings.
    following : of a card that gives these numbers, type "nmos" or another: what others are that it
    does not give and that are not their defaults.
    completed : further names for laws from all values, and the names that the card gives;
    ValueError says what is wrong with them.
    Nodes of branches that are neither terminals nor inner nodes are made where the branch is
    present; GROUND is ground.
    """

    title: str
    source: str
    terminals: tuple[str, ...]
    inner: Mapping[str, str]
    sizes: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    voltages: Mapping[str, tuple[str, str]]
    definitions: tuple[tuple[str, str], ...]
    branches: tuple[Branch, ...]
    resistances: tuple[Resistance, ...] = ()
    capacitances: tuple[Capacitance, ...] = ()
    reversed_types: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    only: Mapping[str, float | str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    other_sizes: Mapping[str, float] = field(default_factory=dict)
    following: Callable[[Mapping[str, float], str], Mapping[str, float]] = lambda given, type: {}
    completed: Callable[[Values, Collection[str]], Values] = lambda values, given: {}

    def values(self, card: str, type: str, given: Mapping[str, float], sizes: Values) -> Values:
        """All numbers of the laws by name, (n,), from what a card gives and from `sizes`, (n,).

        Raises CircuitError, naming `card`, for parameters that would change the answer and are
        not known here, and for values that the laws do not allow.
        """
        for name in sizes:
            if name not in self.sizes and name not in self.other_sizes:
                raise CircuitError(
                    f"model {card!r}: an element of {self.title} has no {name}. {_REMEDY}"
                )
        told = self._known(card, type, given)
        sign = -1.0 if type in self.reversed_types else 1.0
        count = len(next(iter(sizes.values())))
        others = {name: np.full(count, number) for name, number in self.other_sizes.items()}
        values: dict[str, Array] = {
            _IN_LAWS.get(name, name): number for name, number in {**others, **sizes}.items()
        }
        for name, parameter in self.parameters.items():
            number = told[name]
            if not parameter.low <= number <= parameter.high:
                raise CircuitError(
                    f"model {card!r}: {name} = {number:g} is outside {parameter.low:g} to "
                    f"{parameter.high:g} {parameter.unit}".removesuffix(" 1")
                    + f". {_REMEDY}"
                )
            number = parameter.zero if number == 0 else number
            number = sign * number if parameter.reversing else number
            values[_IN_LAWS.get(name, name)] = np.broadcast_to(number, count)
        try:
            plain = {self.aliases.get(name, name) for name in given}
            return {**values, **self.completed(values, plain)}
        except ValueError as problem:
            raise CircuitError(f"model {card!r}: {problem}") from None

    def _known(self, card: str, type: str, given: Mapping[str, float]) -> dict[str, float]:
        told: dict[str, float] = {}
        for name, number in given.items():
            plain = self.aliases.get(name, name)
            if plain in told:
                raise CircuitError(f"model {card!r}: {name} and another name of it are given.")
            told[plain] = number
        try:
            told = {**self.following(told, type), **told}
        except ValueError as problem:
            raise CircuitError(f"model {card!r}: {problem}") from None
        for name, parameter in self.parameters.items():
            default = parameter.default
            told.setdefault(name, told[default] if isinstance(default, str) else default)
        for name, number in given.items():
            plain = self.aliases.get(name, name)
            if plain in self.only:
                wanted = self.only[plain]
                if number != (told[wanted] if isinstance(wanted, str) else wanted):
                    raise CircuitError(
                        f"model {card!r}: the nodal engine knows {name} = {wanted} alone, not "
                        f"{number:g}. {_REMEDY}"
                    )
            elif plain not in self.parameters and plain not in self.idle:
                raise CircuitError(
                    f"model {card!r}: the nodal engine has no parameter {name!r} of "
                    f"{self.title}.{self._near(name)} {_REMEDY}"
                )
        return told

    def _near(self, name: str) -> str:
        known = [*self.parameters, *self.aliases, *self.idle, *self.only]
        near = get_close_matches(name, known, n=3)
        names = ", ".join(near or sorted(known))
        return f" Did you mean {names}?" if near else f" It has {names}."

    def around(
        self, card: str, type: str, given: Mapping[str, float], sizes: Values
    ) -> Iterator[tuple[str, float | Array, Values, Values]]:
        """Each parameter and size with `values` a little below it and above it, and their distance.

        At the end of its range, on one side alone. Without what is infinite.
        """
        known = self._known(card, type, given)
        plain = {self.aliases.get(name, name): number for name, number in given.items()}
        # Those known at one value alone follow what they are equal to.
        told = {name: number for name, number in plain.items() if name not in self.only}
        for name, parameter in self.parameters.items():
            number = known[name]
            if np.isinf(parameter.zero if number == 0 else number):
                continue
            step = _STEP * (abs(number) or _NOTHING)
            ends = max(number - step, parameter.low), min(number + step, parameter.high)
            below, above = (self.values(card, type, told | {name: x}, sizes) for x in ends)
            yield name, ends[1] - ends[0], below, above
        for name, size in sizes.items():
            step = _STEP * np.where(size == 0, _NOTHING, size)
            ends = np.maximum(size - step, 0.0), size + step
            below, above = (self.values(card, type, told, {**sizes, name: x}) for x in ends)
            yield name, ends[1] - ends[0], below, above

    def number(self, text: str, values: Values) -> Array:
        """The value of a law of parameters and sizes, (n,)."""
        names = tuple(values)
        foreign = tuple(self.voltages)
        law = Law(self.title, text, self.definitions, names, "element", foreign)
        (number,) = kernel(law)(**values)
        return np.broadcast_to(np.asarray(number, dtype=float), np.shape(values[self.sizes[0]]))

    @cached_property
    def laws(self) -> tuple[tuple[Law, Law | None], ...]:
        """(current, charge) of every branch; names : those of voltages, parameters, and time."""
        return tuple(map(self._laws, self.branches))

    @cached_property
    def noises(self) -> tuple[Law | None, ...]:
        """The law of the noise of every branch; names : those that Branch says."""
        return tuple(map(self._noise, self.branches))

    def _laws(self, branch: Branch) -> tuple[Law, Law | None]:
        names = self._names
        texts = {"current": branch.current, "charge": branch.charge}
        whole = {
            section: Law(self.title, text, self.definitions, names, section)
            for section, text in texts.items()
            if text is not None
        }
        used = frozenset[str]().union(*(law.mentioned for law in whole.values()))
        kept = (*(name for name in names if name in used), "time")
        foreign = tuple(name for name in names if name not in used)
        laws = {
            section: replace(law, names=kept, foreign=foreign) for section, law in whole.items()
        }
        return laws["current"], laws.get("charge")

    def _noise(self, branch: Branch) -> Law | None:
        if branch.noise is None:
            return None
        slopes = (f"by_{voltage}" for voltage in self.voltages)
        every = (*self._names, "frequency", "current", *slopes)
        law = Law(self.title, branch.noise, self.definitions, every, "noise")
        kept = tuple(name for name in every if name in law.mentioned)
        foreign = tuple(name for name in every if name not in kept)
        return replace(law, names=kept, foreign=foreign)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        parameters = (_IN_LAWS.get(name, name) for name in self.parameters)
        return (*self.voltages, *parameters, *self._sizes_in_laws, *self.further)

    @property
    def _sizes_in_laws(self) -> tuple[str, ...]:
        return tuple(_IN_LAWS.get(name, name) for name in (*self.sizes, *self.other_sizes))

    @cached_property
    def further(self) -> tuple[str, ...]:
        """The names that `completed` adds."""
        one = {name: np.ones(1) for name in self.sizes}
        values = self.values("default", "", {}, one)
        own = {_IN_LAWS.get(name, name) for name in self.parameters}
        own.update(self._sizes_in_laws)
        return tuple(name for name in values if name not in own)
