"""From an element to the group that it is alone: where its values are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, flag, positive_number, real_number, resistances, shown
from circuitxbar.circuit.elements import (
    BehaviouralSource,
    Bipolar,
    Capacitor,
    CurrentControlledCurrentSource,
    CurrentControlledVoltageSource,
    CurrentSource,
    CurrentSwitch,
    DeviceElement,
    Diode,
    Element,
    Inductor,
    Mosfet,
    Resistor,
    Switch,
    VoltageControlledCurrentSource,
    VoltageControlledVoltageSource,
    VoltageSource,
)
from circuitxbar.circuit.group import (
    Behaviour,
    Excitation,
    Group,
    Kind,
    ModelCard,
    Names,
    Semiconductor,
    SwitchModel,
)
from circuitxbar.circuit.model import Model
from circuitxbar.circuit.names import check_name
from circuitxbar.devices.expression import Law
from circuitxbar.devices.library import device as find_device
from circuitxbar.errors import CircuitError, ModelError


@dataclass(frozen=True, eq=False)
class Part:
    """One element as a group takes it, its nodes and sensed elements still by name."""

    kind: Kind
    nodes: tuple[str, ...]
    value: float = 0.0
    model: Any = None
    sensed: tuple[str, ...] = ()
    excitation: Excitation | None = None
    initial: float | None = None

    def group(self, name: str, numbers: Mapping[str, int]) -> Group:
        """The group of this element alone."""
        return Group(
            self.kind,
            Names.one(name),
            np.array([[numbers[node] for node in self.nodes]]),
            np.array([self.value]),
            self.model,
            tuple(map(Names.one, self.sensed)),
            self.excitation,
            None if self.initial is None else np.array([self.initial]),
        )


def part_of(element: Element) -> Part:
    """What `element` becomes in a group, its values checked; CircuitError naming what is wrong."""
    name = element.name
    match element:
        case Resistor(_, first, second, resistance):
            return Part("R", (first, second), float(resistances(name, resistance, shape=())))
        case Capacitor(_, first, second, size):
            return Part("C", (first, second), _size(name, size, "F"), initial=_initial(element))
        case Inductor(_, first, second, size):
            return Part("L", (first, second), _size(name, size, "H"), initial=_initial(element))
        case VoltageSource(_, first, second, value):
            number = _steady(name, value, "V")
            return Part("V", (first, second), number, excitation=_excitation(element))
        case CurrentSource(_, first, second, value):
            number = _steady(name, value, "A")
            return Part("I", (first, second), number, excitation=_excitation(element))
        case VoltageControlledVoltageSource(_, first, second, plus, minus, gain):
            number = float("inf") if gain == float("inf") else real_number(f"{name}: gain", gain)
            return Part("E", (first, second, plus, minus), number)
        case VoltageControlledCurrentSource(_, first, second, plus, minus, gain):
            number = real_number(f"{name}: transconductance", gain, unit="S")
            return Part("G", (first, second, plus, minus), number)
        case CurrentControlledCurrentSource(_, first, second, sensed, gain):
            check_name("element", sensed)
            return Part("F", (first, second), real_number(f"{name}: gain", gain), sensed=(sensed,))
        case CurrentControlledVoltageSource(_, first, second, sensed, gain):
            check_name("element", sensed)
            number = real_number(f"{name}: transresistance", gain, unit="ohm")
            return Part("H", (first, second), number, sensed=(sensed,))
        case Switch(_, first, second, plus, minus):
            return Part("S", (first, second, plus, minus), model=_switch(element))
        case CurrentSwitch(_, first, second, sensed):
            check_name("element", sensed)
            return Part("W", (first, second), model=_switch(element), sensed=(sensed,))
        case BehaviouralSource():
            return _behaviour(element)
        case Diode(_, anode, cathode, model, area):
            return _semiconductor("D", name, (anode, cathode), model, area=area)
        case Bipolar(_, collector, base, emitter, model, area):
            return _semiconductor("Q", name, (collector, base, emitter), model, area=area)
        case Mosfet(_, drain, gate, source, bulk, model, width, length, multiplier):
            sizes = {"w": width, "l": length, "m": multiplier}
            nodes = (drain, gate, source, bulk)
            return _semiconductor("M", name, nodes, model, _ends(element), **sizes)
    model = _checked_model(element)
    return Part("law", tuple(element.nodes), float(model.conductances[0]), model)


def _steady(name: str, value: Any, unit: str) -> float:
    """The value of a source at rest."""
    if hasattr(value, "at") and hasattr(value, "corners"):
        raise CircuitError(
            f"{name}: its value = {shown(value)} is one over time. Give it as over_time=..., "
            "behind a value at rest."
        )
    return real_number(name, value, unit=unit)


def _size(name: str, value: Any, unit: str) -> float:
    return real_number(name, value, unit=unit, minimum=0.0)


def _initial(element: Capacitor | Inductor) -> float | None:
    value = element.initial
    return None if value is None else real_number(f"{element.name}: initial", value)


def _excitation(source: VoltageSource | CurrentSource) -> Excitation | None:
    function, ac = source.over_time, source.ac
    if function is not None:
        if not (hasattr(function, "at") and hasattr(function, "corners")):
            raise CircuitError(
                f"{source.name}: over_time = {shown(function)} is no Pulse, Sine, Exponential or "
                "Waveform. Give one of them, for this source alone."
            )
        if getattr(function, "shape", ()) != ():
            raise CircuitError(f"{source.name}: over_time has several lines. Give one of them.")
    try:
        amplitude = complex(ac)
    except (TypeError, ValueError):
        raise CircuitError(f"{source.name}: ac = {shown(ac)} is not a number.") from None
    if not np.isfinite(amplitude):
        raise CircuitError(f"{source.name}: ac = {shown(ac)} is not finite.")
    if function is None and amplitude == 0:
        return None
    return Excitation((function,), np.array([amplitude]))


def _switch(switch: Switch | CurrentSwitch) -> SwitchModel:
    name = switch.name
    return SwitchModel(
        np.array([real_number(f"{name}: threshold", switch.threshold)]),
        np.array([real_number(f"{name}: hysteresis", switch.hysteresis, minimum=0.0)]),
        np.array([positive_number(f"{name}: on", switch.on, unit="ohm")]),
        np.array([positive_number(f"{name}: off", switch.off, unit="ohm")]),
        np.array([flag(f"{name}: closed", switch.closed)]),
    )


@lru_cache(maxsize=256)
def _law(
    text: str, definitions: tuple[tuple[str, str], ...], names: tuple[str, ...], output: str
) -> Law:
    """The law of a behavioural source, checked; the same one for equal sources."""
    law = Law("behavioural source", text, definitions, names, output)
    law.trees()
    return law


def _behaviour(source: BehaviouralSource) -> Part:
    where = f"element {source.name!r}"
    if (source.voltage is None) == (source.current is None):
        raise CircuitError(f"{where}: give either its voltage or its current, as a law.")
    output = "voltage" if source.current is None else "current"
    text = source.voltage if source.current is None else source.current
    if not isinstance(text, str):
        raise CircuitError(f"{where}: {output} = {shown(text)} is no law in words.")
    given = (source.voltages or {}, source.currents or {}, source.parameters or {})
    if not all(isinstance(part, Mapping) for part in given):
        raise CircuitError(f"{where}: voltages, currents and parameters are dicts of name: ...")
    voltages, currents, parameters = given
    definitions = source.definitions or {}
    if not isinstance(definitions, Mapping) or any(
        not isinstance(part, str) for part in definitions.values()
    ):
        raise CircuitError(f"{where}: definitions is no dict of name: text.")
    names = (*voltages, *currents, *parameters)
    for name in (*names, *definitions):
        if (*names, *definitions).count(name) > 1 or name == "time" or not str(name).isidentifier():
            raise CircuitError(f"{where}: the name {shown(name)} cannot be used, or is used twice.")
    pairs = []
    for name, pair in voltages.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise CircuitError(f"{where}: voltages[{name!r}] = {shown(pair)} is no pair of nodes.")
        pairs += pair
    for sensed in currents.values():
        check_name("element", sensed)
    values = {
        key: np.array([real_number(f"{where}: {key}", parameters[key])]) for key in parameters
    }
    if source.law_name is not None:
        check_name("law", source.law_name)
    try:
        law = _law(text, tuple(definitions.items()), (*names, "time"), output)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
    nodes = (source.first, source.second, *pairs)
    block = source.law_name, _pins(source, nodes), _defaults(source, parameters)
    model = Behaviour(law, output, tuple(voltages), tuple(currents), values, None, *block)
    return Part("B", nodes, model=model, sensed=tuple(currents.values()))


def _pins(source: BehaviouralSource, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """The pins of the block of its law; a pin is one node, and ground is ground."""
    pins = source.law_pins
    if pins is None:
        return ()
    where = f"element {source.name!r}: law_pins"
    if not isinstance(pins, tuple | list) or len(pins) != len(nodes):
        raise CircuitError(f"{where} = {shown(pins)}: expected one for each of {len(nodes)} nodes.")
    known: dict[str, str] = {"0": "0"}
    for pin, node in zip(pins, nodes, strict=True):
        check_name("pin", pin)
        if known.setdefault(pin, node) != node:
            raise CircuitError(f"{where}: {pin!r} is both node {known[pin]!r} and node {node!r}.")
    return tuple(pins)


def _defaults(source: BehaviouralSource, parameters: Mapping[str, float]) -> dict[str, float]:
    given = source.law_defaults or {}
    where = f"element {source.name!r}: law_defaults"
    if not isinstance(given, Mapping) or not given.keys() <= parameters.keys():
        raise CircuitError(f"{where} = {shown(given)}: expected numbers for its parameters.")
    return {key: real_number(f"{where}: {key}", given[key]) for key in parameters if key in given}


_TYPES: dict[Kind, tuple[str, ...]] = {"D": ("d",), "Q": ("npn", "pnp"), "M": ("nmos", "pmos")}


def _semiconductor(
    kind: Kind,
    name: str,
    nodes: tuple[str, ...],
    card: ModelCard,
    others: Mapping[str, Array] = MappingProxyType({}),
    **sizes: float,
) -> Part:
    if not isinstance(card, ModelCard) or card.type not in _TYPES[kind]:
        wanted = " or ".join(_TYPES[kind])
        raise CircuitError(f"{name}: model = {shown(card)} is no ModelCard of type {wanted}.")
    check_name("model", card.name)
    values = {key: np.array([positive_number(f"{name}: {key}", sizes[key])]) for key in sizes}
    return Part(kind, nodes, model=Semiconductor(card, {**values, **others}))


_FURTHER = re.compile(r"[a-z][a-z0-9_]*\Z")
_ENDS = {
    "ad": ("drain_area", "m^2"),
    "as": ("source_area", "m^2"),
    "pd": ("drain_perimeter", "m"),
    "ps": ("source_perimeter", "m"),
    "nrd": ("drain_squares", ""),
    "nrs": ("source_squares", ""),
}


def _ends(transistor: Mosfet) -> dict[str, Array]:
    """What is given of its drain and source, by the names of SPICE."""
    found = {}
    for key, (field, unit) in _ENDS.items():
        value = getattr(transistor, field)
        if value is not None:
            found[key] = np.array([_size(f"{transistor.name}: {field}", value, unit)])
    further = transistor.further if transistor.further is not None else {}
    if not isinstance(further, Mapping):
        raise CircuitError(f"{transistor.name}: further = {shown(further)} is no dict of numbers.")
    for key, value in further.items():
        if not isinstance(key, str) or not _FURTHER.match(key) or key in (*_ENDS, "w", "l", "m"):
            raise CircuitError(
                f"{transistor.name}: further[{shown(key)}] is no other number of a transistor. "
                "Use lower-case letters, digits and _."
            )
        found[key] = np.array([real_number(f"{transistor.name}: {key}", value)])
    return found


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
    names = device.parameters if device.has_rates else device.law_parameters
    own = {key: np.array(checked[key]) for key in parameters if key in names}
    return Model(device, np.array([conductance]), own, temperature)
