"""Device: one symbolic law with what was published about it; a frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from circuitxbar.arguments import real_array, real_number
from circuitxbar.devices.expression import Law
from circuitxbar.errors import ModelError

VARIABLES = ("v", "g", "temperature")
ROOM = 300.15  # K, the default of ngspice


@dataclass(frozen=True)
class Parameter:
    """A number of a law: its unit, default, inclusive range (in `unit`) and meaning."""

    unit: str
    default: float
    range: tuple[float, float]
    meaning: str


@dataclass(frozen=True)
class Reference:
    """A printed point of the device: `current` (A) at `v` (V) and `g` (S), relative `tolerance`.

    kind : "published", "digitised", or "computed" (from the cited law; proves the typing only).
    """

    kind: str
    v: float
    g: float
    current: float
    tolerance: float


@dataclass(frozen=True, eq=False)
class Device:
    """What a two-terminal cell does: its current as a law of voltage, conductance and temperature.

    values : the parameters in force, where `parameters` holds their defaults.
    valid : inclusive ranges of "v" (V, first terminal to second) and "g" (S).
    passive, monotone : v * i >= 0 and di/dv > 0 over the valid range (for g > 0).
    confirmed : whether the numbers were seen in `source`.
    Made by `circuitxbar.device`, from a file.
    """

    name: str
    title: str
    source: str
    confirmed: bool
    terminals: tuple[str, str]
    passive: bool
    monotone: bool
    parameters: Mapping[str, Parameter]
    values: Mapping[str, float]
    valid: Mapping[str, tuple[float, float]]
    law: str
    definitions: Mapping[str, str]
    references: tuple[Reference, ...]
    # The whole file, so that a saved crossbar can carry its device.
    text: str = field(repr=False)
    where: str  # how messages name the file

    def current(
        self,
        v: Any,
        g: Any,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """Current in A, from the first terminal to the second.

        v : volt.  g : siemens.  temperature : kelvin.  All of them, and the parameters (in
        force where not given), may be arrays and broadcast.  Raises ModelError outside the valid
        range unless `extrapolate`, for an unknown parameter, and where the law is not finite.
        """
        return self._evaluated((), v, g, temperature, extrapolate, parameters)[0]

    def slope(
        self,
        v: Any,
        g: Any,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """di/dv in S; arguments and errors as for `current`."""
        return self._evaluated(("v",), v, g, temperature, extrapolate, parameters)[1]

    def conductance_slope(
        self,
        v: Any,
        g: Any,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """di/dg in V; arguments and errors as for `current`."""
        return self._evaluated(("g",), v, g, temperature, extrapolate, parameters)[1]

    def parameter_slope(
        self,
        name: str,
        v: Any,
        g: Any,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """di/d(parameter `name`) in A per unit of it; arguments and errors as for `current`."""
        self._require([name])
        return self._evaluated((name,), v, g, temperature, extrapolate, parameters)[1]

    def kernel(self, *slopes: str) -> Callable[..., tuple[Any, ...]]:
        """Unchecked numpy function for inner loops: (current, one derivative per name in `slopes`).

        Called with keywords: v (V), g (S), and where they differ from those in force
        temperature (K) and parameters. `slopes` holds "v", "g", "temperature" or parameter
        names. An output that depends on no array is a plain number.
        """
        from circuitxbar.devices.kernel import kernel

        self._require([name for name in slopes if name not in VARIABLES])
        compiled = kernel(self._law, slopes)
        defaults = {"temperature": ROOM, **self.values}
        return lambda **arguments: compiled(**{**defaults, **arguments})

    @property
    def is_linear(self) -> bool:
        """Whether the law is exactly current == v * (something free of v), for all parameters."""
        from circuitxbar.devices.kernel import is_linear

        return is_linear(self._law)

    def with_parameters(self, **values: Any) -> Device:
        """The same device with other parameter values, each a number in the parameter's own unit.

        Raises ModelError for an unknown name and for a value out of range.
        """
        self._require(values)
        checked = {key: float(self._parameter(key, real_number, values[key])) for key in values}
        return replace(self, values={**self.values, **checked}) if values else self

    def spice(self, name: str | None = None) -> str:
        """ngspice sub-circuit `name` (by default the device's own) whose only element is the law.

        Its pins are the terminals; its parameters g (S), temperature (K) and those of the device.
        """
        from circuitxbar.devices.spice import subcircuit_text

        return subcircuit_text(self._law, name or self.name, self.terminals, self.values)

    def spice_current(self, texts: Mapping[str, str]) -> tuple[str, dict[str, float]]:
        """ngspice expression of the current, in A, and the `.param` constants that it refers to.

        texts : what stands for v, g, temperature and each parameter; {name} in braces or v(a,b).
        """
        from circuitxbar.devices.spice import current_text

        names = self._law.names
        if missing := [key for key in names if key not in texts]:
            raise ModelError(f"{self.where}: no SPICE text for {', '.join(missing)}.")
        return current_text(self._law, texts)

    @cached_property
    def _law(self) -> Law:
        names = (*VARIABLES, *self.parameters)
        return Law(self.where, self.law, tuple(self.definitions.items()), names)

    def _evaluated(
        self,
        slopes: tuple[str, ...],
        v: Any,
        g: Any,
        temperature: Any,
        extrapolate: bool,
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        self._require(parameters)
        arguments = {
            "v": real_array(f"{self.where}: v", v, unit="V", error=ModelError),
            "g": real_array(f"{self.where}: g", g, unit="S", error=ModelError),
            "temperature": real_array(
                f"{self.where}: temperature", temperature, unit="K", minimum=0.0, error=ModelError
            ),
            **{key: self._parameter(key, real_array, parameters[key]) for key in parameters},
        }
        if not extrapolate:
            self._refuse_outside("v", "V", arguments["v"])
            self._refuse_outside("g", "S", arguments["g"])
        try:
            shape = np.broadcast_shapes(*(array.shape for array in arguments.values()))
        except ValueError:
            shapes = ", ".join(f"{key} {array.shape}" for key, array in arguments.items())
            raise ModelError(f"{self.where}: shapes do not broadcast: {shapes}.") from None
        with np.errstate(all="ignore"):
            results = self.kernel(*slopes)(**arguments)
        for what, result in zip(("current", *(f"di/d{s}" for s in slopes)), results, strict=True):
            self._refuse_infinite(what, np.broadcast_to(result, shape), arguments, shape)
        # A copy of its own shape, as a law may ignore some arguments; [()] makes 0-d a number.
        return [
            np.array(np.broadcast_to(result, shape), dtype=np.float64)[()] for result in results
        ]

    def _parameter(self, name: str, check: Callable[..., Any], value: Any) -> Any:
        parameter = self.parameters[name]
        low, high = parameter.range
        label = f"{self.where}: parameter {name}"
        return check(label, value, unit=parameter.unit, minimum=low, maximum=high, error=ModelError)

    def _require(self, names: Any) -> None:
        for name in names:
            if name not in self.parameters:
                close = get_close_matches(str(name), self.parameters, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                known = ", ".join(self.parameters) or "none"
                raise ModelError(
                    f"{self.where}: device '{self.name}' has no parameter '{name}'.{hint} "
                    f"It has: {known}."
                )

    def _refuse_outside(self, name: str, unit: str, array: np.ndarray) -> None:
        low, high = self.valid[name]
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
            told = domains(self._law)
            raise ModelError(
                f"{self.where}: {what} of '{self.name}' is not finite at {point}."
                + (f" Its law: {told}." if told else "")
            )
