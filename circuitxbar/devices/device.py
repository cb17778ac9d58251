"""Device: what a cell, selector or transistor does, remembers, and how it varies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, flag, random_generator, real_array, shown, whole_number
from circuitxbar.devices.conduction import ROOM, Conduction
from circuitxbar.errors import ModelError


@dataclass(frozen=True, eq=False)
class Device(Conduction):
    """What a cell, selector or transistor does, in the laws of one file.

    Its fields and its current are those of `Conduction`; the rest is what it remembers, how write
    pulses move that, and how devices vary. Made by `circuitxbar.device`, from a file.
    """

    def conductance(self, *, temperature: Any = ROOM, **given: Any) -> Any:
        """g in S of a device whose file has a [conductance] law.

        given : its states, where they are not the initial ones, and parameters; arrays broadcast.
        temperature : K.  Raises ModelError without such a law, for unknown names, out of range.
        """
        from circuitxbar.devices.state import conductance

        self._require_section("conductance")
        self.require(given, (*self.states, *self.parameters), "state or parameter")
        states = {name: given.pop(name, state.initial) for name, state in self.states.items()}
        states = {name: self.checked_memory(name, value) for name, value in states.items()}
        found = np.array(conductance(self, states, self.others(temperature, given)))[()]
        if not (np.isfinite(found).all() and np.all(found >= 0)):
            raise ModelError(
                f"{self.where}, conductance: the law of '{self.name}' gives numbers below 0, or "
                "none at all, at these states. Change the law, or narrow the range of the state."
            )
        return found

    def states_from(self, conductances: Any, *, temperature: Any = ROOM, **parameters: Any) -> Any:
        """The states that give `conductances` (S), name -> array; of devices with one state.

        Raises ModelError without a [conductance] law, and for what no state gives.
        """
        from circuitxbar.devices.state import states_from

        self._require_section("conductance")
        others = self.others(temperature, parameters)
        array = self._conductances(conductances)
        shape = np.broadcast_shapes(array.shape, *(np.shape(value) for value in others.values()))
        found = states_from(self, np.broadcast_to(array, shape), others)
        return {self.memory: found[()]}

    def pulse(
        self,
        state: Any,
        voltage: Any,
        width: Any,
        rng: np.random.Generator | int | None = None,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """What the device remembers after one write pulse: of the form of `state`.

        state : value of the only state, or g in S of a device without any; for more states a dict.
        voltage : V, over the device.  width : s.  Arrays broadcast; every entry is a device.
        rng : for devices whose steps vary.  Follows the file's [pulse], else the rates of its
        states. Raises ModelError where it has neither, and for pulses of which nothing is known,
        unless `extrapolate`.
        """
        from circuitxbar.devices.pulses import after_pulse

        return after_pulse(
            self, state, voltage, width, rng, self.others(temperature, parameters), extrapolate
        )

    def spice_with_states(self, name: str | None = None) -> str:
        """ngspice sub-circuit `name` (by default the device's own) whose states move, for `.tran`.

        Its pins are the terminals, and node `state_w` inside it is the state w in its own unit, as
        a voltage. Its parameters are those of the device, temperature (K), and `initial_w`: a
        transient starts there if it has the option `uic`. Only there is it of use; for operating
        points take `spice`. Raises ModelError for a device none of whose states has a rate.
        """
        from circuitxbar.devices.state_spice import subcircuit_with_states

        if not self.has_rates:
            raise ModelError(f"{self.where}: '{self.name}' has no state with a rate. Use spice().")
        return subcircuit_with_states(self, self.subcircuit_name(name))

    def vary(self, shape: Any, rng: np.random.Generator | int) -> dict[str, Array]:
        """Parameters of `shape` many devices, drawn with the `device_sigma` of each that has one.

        For Crossbar(parameters=...): normal around the values in force, cut off at their ranges.
        """
        from circuitxbar.devices.variation import varied

        sizes = (shape,) if isinstance(shape, int | np.integer) else shape
        if not isinstance(sizes, tuple | list):
            raise ModelError(
                f"shape = {shown(shape)}: expected a whole number, or a tuple of them."
            )
        shape = tuple(whole_number("shape", n, minimum=0, error=ModelError) for n in sizes)
        return varied(self, shape, random_generator("rng", rng, "vary", ModelError))

    def program(
        self,
        conductances: Any,
        rng: Any,
        *,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """`conductances` (S) as writing them leaves them: by the law of [program], >= 0.

        Raises ModelError where they are outside the valid range, unless `extrapolate`.
        """
        valid = self._valid_conductances(conductances, extrapolate)
        named = {"g": valid, **self.others(temperature, parameters)}
        return self._sampled("program", named, rng)

    def read_noise(
        self,
        conductances: Any,
        rng: Any,
        *,
        voltage: Any,
        duration: Any,
        time: Any = 0.0,
        temperature: Any = ROOM,
        extrapolate: bool = False,
        **parameters: Any,
    ) -> Any:
        """`conductances` (S) as one read sees them: by the law of [read_noise], >= 0.

        voltage : V, of the read.  duration : s, of it.  time : s since the device was written.
        Raises ModelError where g is above the valid range, unless `extrapolate`; what was written
        may lie below it.
        """
        named = {
            "g": self._valid_conductances(conductances, extrapolate, written=True),
            "v": real_array("voltage", voltage, unit="V", error=ModelError),
            "duration": self._seconds("duration", duration),
            "time": self._seconds("time", time),
            **self.others(temperature, parameters),
        }
        return self._sampled("read_noise", named, rng)

    def drift(
        self,
        conductances: Any,
        time: Any,
        rng: Any = None,
        *,
        temperature: Any = ROOM,
        **parameters: Any,
    ) -> Any:
        """`conductances` (S) so long after writing: by the law of [drift], >= 0.

        time : s.  The same whole number as `rng` draws the same devices, whatever the time.
        """
        named = {
            "g": self._conductances(conductances),
            "time": self._seconds("time", time),
            **self.others(temperature, parameters),
        }
        return self._sampled("drift", named, rng)

    def checked_memory(self, name: str, value: Any) -> Array:
        """`value` of the state `name`, or of g, as an array within its range."""
        if name == "g":
            low, high = self.pulses.range if self.pulses else self.valid.get("g", (0.0, np.inf))
            unit, label = "S", f"{self.where}: g"
        else:
            (low, high), unit = self.states[name].range, self.states[name].unit
            label = f"{self.where}: state {name}"
        return real_array(label, value, unit=unit, minimum=low, maximum=high, error=ModelError)

    def _sampled(self, section: str, named: Mapping[str, Any], rng: Any) -> Any:
        from circuitxbar.devices.variation import sampled

        self._require_section(section)
        generator = None if rng is None else random_generator("rng", rng, section, ModelError)
        return sampled(self, section, named, generator)[()]

    def _require_section(self, section: str) -> None:
        if section not in self.laws:
            raise ModelError(
                f"{self.where}: '{self.name}' has no [{section}]; its file says nothing of it."
            )

    def _conductances(self, value: Any) -> Array:
        label = f"{self.where}: conductances"
        return real_array(label, value, unit="S", minimum=0.0, error=ModelError)

    def _valid_conductances(self, value: Any, extrapolate: bool, written: bool = False) -> Array:
        array = self._conductances(value)
        if not flag("extrapolate", extrapolate) and self.uses_conductance:
            self.refuse_outside("g", np.maximum(array, self.valid["g"][0]) if written else array)
        return array

    def _seconds(self, name: str, value: Any) -> Array:
        return real_array(f"{self.where}: {name}", value, unit="s", minimum=0.0, error=ModelError)
