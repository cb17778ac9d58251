"""The law of the current of a device, with what was published about it; a frozen value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from circuitxbar.arguments import Array, flag, real_array, real_number, shown
from circuitxbar.devices.claims import ROOM, counterexample
from circuitxbar.devices.expression import CONTROLS, DIFFERENCES, VOLTAGES, Law
from circuitxbar.devices.sections import names_of_sections
from circuitxbar.errors import ModelError

if TYPE_CHECKING:
    from circuitxbar.devices.pulses import Pulse
    from circuitxbar.devices.state import State

_SUBCIRCUIT = re.compile(r"[a-z][a-z0-9_]*")
_UNIT = {"v": "V", "v_d": "V", "v_g": "V", "v_s": "V", "g": "S"}


def amount(number: float, unit: str, digits: int = 6) -> str:
    """`number` and its unit, which is "1" in a file for what has none."""
    return f"{number:.{digits}g}" if unit == "1" else f"{number:.{digits}g} {unit}"


@dataclass(frozen=True)
class Parameter:
    """A number of a law: its unit, default, inclusive range (in `unit`) and meaning.

    device_sigma : standard deviation from device to device, in `unit`.
    """

    unit: str
    default: float
    range: tuple[float, float]
    meaning: str
    device_sigma: float = 0.0


@dataclass(frozen=True)
class Reference:
    """A printed point of the device: `current` (A) at `arguments`, within relative `tolerance`.

    kind : "published", "digitised", or "computed" (from the cited law; proves the typing only).
    arguments : those of `Device.current`: the voltages (V), then g (S) where the law uses it.
    """

    kind: str
    arguments: tuple[float, ...]
    current: float
    tolerance: float


@dataclass(frozen=True, eq=False)
class Conduction:
    """What a file says of a device, and its current as a law of voltages and conductance.

    terminals : two, or three: drain, gate and source, with the bulk at ground. The current flows
        from the first to the last; a gate carries none.
    values : the parameters in force, where `parameters` holds their defaults. A state that the
        current law itself names is one of them.
    valid : inclusive ranges of the voltages (V) and of "g" (S), the latter if the law uses it.
    passive, monotone : over the valid range (for g > 0), for two terminals v * i >= 0 and
        di/dv >= 0; for three v_ds * i >= 0, and di/dv_d >= 0 and di/dv_s <= 0. A Crossbar looks
        whether that is so.
    confirmed : whether the numbers were seen in `source`.
    states : what the device remembers. Without any, it remembers its g.
    pulses : what is known of write pulses, if anything is.
    laws : those beside the current, by section: "conductance", "state.w" (its rate), "pulse, up",
        "pulse, down", "program", "read_noise", "drift".
    """

    name: str
    title: str
    source: str
    confirmed: bool
    terminals: tuple[str, ...]
    passive: bool
    monotone: bool
    parameters: Mapping[str, Parameter]
    values: Mapping[str, float]
    valid: Mapping[str, tuple[float, float]]
    law: str
    definitions: Mapping[str, str]
    references: tuple[Reference, ...]
    states: Mapping[str, State]
    pulses: Pulse | None
    laws: Mapping[str, str]
    # The whole file and its table, so that a saved crossbar can carry its device.
    text: str = field(repr=False)
    table: str = field(repr=False)
    where: str  # how messages name the file

    @property
    def variables(self) -> tuple[str, ...]:
        """The voltages of the law: v (first terminal to second), or v_d, v_g, v_s (to the bulk)."""
        return VOLTAGES[len(self.terminals)]

    @property
    def controls(self) -> dict[str, tuple[int, ...]]:
        """The voltages that `kernel` takes, each as signs of the terminals that it is the sum of.

        They are `variables`, and v_ds for three terminals: given on its own it can be exact near
        0 V, where the difference of two rounded voltages is not.
        """
        return CONTROLS[len(self.terminals)]

    @property
    def uses_conductance(self) -> bool:
        """Whether g stands in the law."""
        return "g" in self.valid

    def current(
        self,
        *arguments: Any,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """Current in A, from the first terminal to the last.

        arguments : the voltages in the order of `variables`, V, then g, S, where the law uses it.
        temperature : K.  All of them, and the parameters (in force where not given), may be arrays
        and broadcast.  Raises ModelError outside the valid range unless `extrapolate`, for a
        missing argument or an unknown parameter, and where the law is not finite.
        """
        return self._evaluated((), arguments, temperature, extrapolate, parameters)[0]

    def slope(
        self,
        *arguments: Any,
        by: str | None = None,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """Derivative of the current by `by`, in A per unit of it; the rest as for `current`.

        by : a voltage (by default the first), "g" where the law uses it, "temperature", or a
        parameter.
        """
        by = self.variables[0] if by is None else by
        self.require([by], (*self.valid, "temperature", *self.parameters), "slope by")
        _, *parts = self._evaluated(
            tuple(self._parts(by)), arguments, temperature, extrapolate, parameters
        )
        signs = self._parts(by).values()
        return sum(sign * part for sign, part in zip(signs, parts, strict=True))

    def kernel(self, *slopes: str) -> Callable[..., tuple[Any, ...]]:
        """Unchecked numpy function for inner loops: (current, one derivative per name in `slopes`).

        Called with keywords: the voltages of `controls` (V), g (S; ignored where the law is free of
        it), and where they differ from those in force temperature (K) and parameters. `slopes`
        holds names of any of these, each with all others held. An output that depends on no array
        is a plain number. v_ds is v_d - v_s where it is not given.
        """
        from circuitxbar.devices.kernel import kernel

        law = self.full_law
        self.require(slopes, law.names, "slope by")
        compiled = kernel(law, slopes)
        defaults = {"g": 0.0, **self.defaults}

        def evaluate(**arguments: Any) -> tuple[Any, ...]:
            if "v_d" in arguments and "v_ds" not in arguments:
                arguments["v_ds"] = arguments["v_d"] - arguments["v_s"]
            # Numbers of Python's own would not divide by zero.
            named = {**defaults, **arguments}
            return compiled(**{name: np.asarray(named[name])[()] for name in law.names})

        return evaluate

    def check_claims(
        self, temperature: float = ROOM, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Raise ModelError with a point of the valid range where the law is not what is claimed.

        Evaluated at some thousand points, which proves nothing where none is found. Reading a file
        does not do it, as that needs no derivatives yet; making a Crossbar does.
        temperature : K.  parameters : those that differ from the ones in force, one value for each
        of several sets.
        """
        found = counterexample(self, temperature, parameters or {})
        if found:
            raise ModelError(f"{self.where}: {found}")

    @property
    def is_linear(self) -> bool:
        """Whether the law is exactly current == v * (something free of v), for all parameters.

        Never for three terminals.
        """
        from circuitxbar.devices.kernel import is_linear

        return is_linear(self.full_law)

    def with_parameters(self, **values: Any) -> Self:
        """The same device with other parameter values, each a number in the parameter's own unit.

        Raises ModelError for an unknown name and for a value out of range.
        """
        self.require(values, self.parameters, "parameter")
        checked = {key: float(self._parameter(key, real_number, values[key])) for key in values}
        return replace(self, values={**self.values, **checked}) if values else self

    def saved(self) -> dict[str, Any]:
        """What a saved crossbar carries of this device, for JSON."""
        return {"text": self.text, "table": self.table, "values": dict(self.values)}

    def spice(self, name: str | None = None, dialect: str = "ngspice") -> str:
        """Sub-circuit `name` (by default the device's own) whose only element is the law.

        Its pins are the terminals, the bulk is node 0; its parameters are g (S) where the law uses
        it, temperature (K) and those of the device.  dialect : as of `write_spice`.
        """
        from circuitxbar.devices.spice import checked_dialect, subcircuit_text

        conductance = {"g": 0.0} if self.uses_conductance else {}
        own = {key: self.values[key] for key in self.law_parameters}
        parameters = {**conductance, "temperature": ROOM, **own}
        own_name = self.subcircuit_name(name)
        return subcircuit_text(
            self.full_law, own_name, self.terminals, parameters, checked_dialect(dialect)
        )

    def subcircuit_name(self, name: str | None) -> str:
        """`name`, or that of the device for None; ModelError for what no sub-circuit can have."""
        if name is not None and not (isinstance(name, str) and _SUBCIRCUIT.fullmatch(name)):
            raise ModelError(
                f"name = {shown(name)} cannot be that of a sub-circuit. Use lower-case letters, "
                "digits and _."
            )
        return name or self.name

    @cached_property
    def full_law(self) -> Law:
        """The law of the current with its definitions and names: what compilers and writers take.

        It is no function of parameters that only other laws of the file come to.
        """
        law = self.law_of("current")
        others = frozenset().union(*(self.law_of(name).mentioned for name in self.laws))
        foreign = [n for n in self.parameters if n in others and n not in law.mentioned]
        names = tuple(name for name in law.names if name not in foreign)
        return replace(law, names=names, foreign=(*law.foreign, *foreign))

    @property
    def law_parameters(self) -> tuple[str, ...]:
        """The parameters that the current is a function of."""
        return tuple(name for name in self.full_law.names if name in self.parameters)

    @property
    def has_rates(self) -> bool:
        """Whether voltages move a state."""
        return any(section.startswith("state.") for section in self.laws)

    @property
    def memory(self) -> str:
        """What write pulses change: the name of the state, or "g"."""
        return next(iter(self.states), "g")

    @property
    def defaults(self) -> dict[str, float]:
        """The temperature (K) and the parameters that laws take where nothing else is given."""
        return {"temperature": ROOM, **self.values}

    def law_of(self, section: str) -> Law:
        """The law of a section of the file: "current" or a key of `laws`.

        Beside temperature and the parameters it is a function of what `devices/sections.py` says.
        """
        return self._laws[section]

    @cached_property
    def _laws(self) -> dict[str, Law]:
        terminals, texts = len(self.terminals), {"current": self.law, **self.laws}
        table = names_of_sections(terminals, self.states, texts)
        definitions = (*DIFFERENCES[terminals].items(), *self.definitions.items())
        everywhere = dict.fromkeys(name for names in table.values() for name in names)
        laws = {}
        for section, text in texts.items():
            own = dict.fromkeys((*table[section], "temperature", *self.parameters))
            foreign = tuple(name for name in everywhere if name not in own)
            laws[section] = Law(self.where, text, definitions, tuple(own), section, foreign)
        return laws

    def others(self, temperature: Any, parameters: Mapping[str, Any]) -> dict[str, Array]:
        """The temperature and the given parameters, checked."""
        self.require(parameters, self.parameters, "parameter")
        checked = {key: self._parameter(key, real_array, parameters[key]) for key in parameters}
        label = f"{self.where}: temperature"
        checked["temperature"] = real_array(
            label, temperature, unit="K", minimum=0.0, error=ModelError
        )
        return checked

    def _evaluated(
        self,
        slopes: tuple[str, ...],
        arguments: tuple[Any, ...],
        temperature: Any,
        extrapolate: bool,
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        extrapolate = flag("extrapolate", extrapolate)
        if len(arguments) != len(self.valid):
            raise ModelError(
                f"{self.where}: '{self.name}' takes {', '.join(self.valid)}; "
                f"got {len(arguments)} argument{'s' * (len(arguments) != 1)}."
            )
        point = {
            **{
                name: real_array(f"{self.where}: {name}", value, unit=_UNIT[name], error=ModelError)
                for name, value in zip(self.valid, arguments, strict=True)
            },
            **self.others(temperature, parameters),
        }
        if not extrapolate:
            for name in self.valid:
                self.refuse_outside(name, point[name])
        try:
            shape = np.broadcast_shapes(*(array.shape for array in point.values()))
        except ValueError:
            shapes = ", ".join(f"{key} {array.shape}" for key, array in point.items())
            raise ModelError(f"{self.where}: shapes do not broadcast: {shapes}.") from None
        with np.errstate(all="ignore"):
            results = self.kernel(*slopes)(**point)
        for what, result in zip(("current", *(f"di/d{s}" for s in slopes)), results, strict=True):
            self._refuse_infinite(what, np.broadcast_to(result, shape), point, shape)
        # A copy of its own shape, as a law may ignore some arguments; [()] makes 0-d a number.
        return [
            np.array(np.broadcast_to(result, shape), dtype=np.float64)[()] for result in results
        ]

    def _parts(self, by: str) -> dict[str, int]:
        """The arguments of the kernel that change with `by`, and the sign of each."""
        if by not in self.variables:
            return {by: 1}
        place = self.variables.index(by) if len(self.terminals) == 3 else 0
        return {name: signs[place] for name, signs in self.controls.items() if signs[place]}

    def _parameter(self, name: str, check: Callable[..., Any], value: Any) -> Any:
        parameter = self.parameters[name]
        low, high = parameter.range
        label = f"{self.where}: parameter {name}"
        return check(label, value, unit=parameter.unit, minimum=low, maximum=high, error=ModelError)

    def require(self, names: Iterable[Any], known: Iterable[str], what: str) -> None:
        """ModelError unless all `names` are among the `known` ones, which are each a `what`."""
        known = tuple(known)
        for name in names:
            if not isinstance(name, str) or name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise ModelError(
                    f"{self.where}: device '{self.name}' has no {what} {shown(name)}.{hint} "
                    f"It has: {', '.join(known) or 'none'}."
                )

    def refuse_outside(self, name: str, array: np.ndarray) -> None:
        """ModelError unless the voltages, or g, called `name` are within their valid range."""
        (low, high), unit = self.valid[name], _UNIT[name]
        outside = (array < low) | (array > high)
        if outside.any():
            index = tuple(int(k) for k in np.argwhere(outside)[0])
            entry = f"{name}[{', '.join(map(str, index))}]" if index else name
            raise ModelError(
                f"{self.where}: {entry} = {float(array[index]):g} {unit} is outside the valid "
                f"range {low:g} ... {high:g} {unit} of '{self.name}'. "
                "Keep within it, or pass extrapolate=True."
            )

    def _refuse_infinite(
        self, what: str, result: np.ndarray, arguments: Mapping[str, Any], shape: tuple[int, ...]
    ) -> None:
        bad = ~np.isfinite(result)
        if bad.any():
            from circuitxbar.devices.kernel import domains

            index = tuple(int(k) for k in np.argwhere(bad)[0])
            point = ", ".join(
                f"{name} = {float(np.broadcast_to(array, shape)[index]):g}"
                for name, array in arguments.items()
            )
            told = domains(self.full_law)
            raise ModelError(
                f"{self.where}: {what} of '{self.name}' is not finite at {point}."
                + (f" Its law: {told}." if told else "")
            )
