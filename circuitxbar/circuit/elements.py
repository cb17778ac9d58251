"""The elements that a user adds to a circuit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from circuitxbar.circuit.group import ModelCard
from circuitxbar.circuit.time_functions import TimeFunction
from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.device import Device


@dataclass(frozen=True)
class Resistor:
    """A resistor of `resistance` ohm (0 joins its nodes, inf is open) between two nodes."""

    name: str
    first: str
    second: str
    resistance: float


@dataclass(frozen=True)
class Capacitor:
    """A capacitor of `capacitance` farad between two nodes; open at an operating point.

    initial : V, from which a transient starts that does not begin at an operating point.
    """

    name: str
    first: str
    second: str
    capacitance: float
    initial: float | None = None


@dataclass(frozen=True)
class Inductor:
    """An inductor of `inductance` henry between two nodes; 0 ohm at an operating point.

    initial : A, from which a transient starts that does not begin at an operating point.
    """

    name: str
    first: str
    second: str
    inductance: float
    initial: float | None = None


@dataclass(frozen=True)
class VoltageSource:
    """An ideal source that holds `positive` at `voltage` volt above `negative`.

    over_time : its voltage in a transient (Pulse, Sine, Exponential, Waveform), where it changes.
    ac : amplitude in an AC analysis, V, complex.
    """

    name: str
    positive: str
    negative: str
    voltage: float = 0.0
    over_time: TimeFunction | None = None
    ac: complex = 0.0


@dataclass(frozen=True)
class CurrentSource:
    """An ideal source that drives `current` ampere out of `first` into `second`.

    over_time, ac : as of VoltageSource, in A.
    """

    name: str
    first: str
    second: str
    current: float = 0.0
    over_time: TimeFunction | None = None
    ac: complex = 0.0


@dataclass(frozen=True)
class VoltageControlledVoltageSource:
    """Holds `positive` above `negative` at `gain` times the control voltage (E of SPICE).

    A gain of inf is an ideal amplifier: whatever output makes the control voltage 0.
    """

    name: str
    positive: str
    negative: str
    control_positive: str
    control_negative: str
    gain: float


@dataclass(frozen=True)
class VoltageControlledCurrentSource:
    """Drives `transconductance` (S) times the control voltage from `first` to `second` (G)."""

    name: str
    first: str
    second: str
    control_positive: str
    control_negative: str
    transconductance: float


@dataclass(frozen=True)
class CurrentControlledCurrentSource:
    """Drives `gain` times the current through the source `sensed` from `first` to `second` (F)."""

    name: str
    first: str
    second: str
    sensed: str
    gain: float


@dataclass(frozen=True)
class CurrentControlledVoltageSource:
    """Holds `positive` above `negative` at `transresistance` (ohm) times a current (H).

    sensed : the source through which that current flows.
    """

    name: str
    positive: str
    negative: str
    sensed: str
    transresistance: float


@dataclass(frozen=True)
class BehaviouralSource:
    """A source whose voltage or current is a law in the language of device files (B of SPICE).

    voltage, current : the law, one of both; V of `first` above `second`, or A from first to second.
    voltages : name in the law -> (node, node), the voltage of the first above the second.
    currents : name in the law -> the source whose current it is.
    parameters : name in the law -> number.  `time` (s) may stand in the law.
    definitions : name in the law -> text that it stands for, in the order of their use.
    law_name : what its law is called where it stands as a .subckt block of its own.
    law_pins : what its nodes are called there: `first`, `second`, and those of `voltages` in turn;
    "0" for ground.
    law_defaults : values that its `parameters` have there.
    """

    name: str
    first: str
    second: str
    voltage: str | None = None
    current: str | None = None
    voltages: Mapping[str, tuple[str, str]] | None = None
    currents: Mapping[str, str] | None = None
    parameters: Mapping[str, float] | None = None
    definitions: Mapping[str, str] | None = None
    law_name: str | None = None
    law_pins: tuple[str, ...] | None = None
    law_defaults: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Switch:
    """A resistor of `on` or `off` ohm, by the control voltage (S of SPICE).

    It closes above `threshold` + `hysteresis` V and opens below `threshold` - `hysteresis`.
    closed : whether it is between them at first.
    """

    name: str
    first: str
    second: str
    control_positive: str
    control_negative: str
    threshold: float = 0.0
    hysteresis: float = 0.0
    on: float = 1.0
    off: float = 1e12
    closed: bool = False


@dataclass(frozen=True)
class CurrentSwitch:
    """A resistor of `on` or `off` ohm, by the current through the source `sensed` (W of SPICE).

    threshold, hysteresis : A, as of Switch.
    """

    name: str
    first: str
    second: str
    sensed: str
    threshold: float = 0.0
    hysteresis: float = 0.0
    on: float = 1.0
    off: float = 1e12
    closed: bool = False


@dataclass(frozen=True)
class Diode:
    """A junction diode of `area` times the card `model` (type "d")."""

    name: str
    anode: str
    cathode: str
    model: ModelCard
    area: float = 1.0


@dataclass(frozen=True)
class Bipolar:
    """A bipolar transistor of `area` times the card `model` (type "npn" or "pnp")."""

    name: str
    collector: str
    base: str
    emitter: str
    model: ModelCard
    area: float = 1.0


@dataclass(frozen=True)
class Mosfet:
    """A field-effect transistor of the card `model` (type "nmos" or "pmos").

    width, length : m.  multiplier : how many side by side.
    drain_area, source_area : m^2, of the junctions to the bulk.  drain_perimeter,
    source_perimeter : m.  drain_squares, source_squares : of the sheet resistance. What is None is
    what the equations of the card take for it: in level 1 areas and perimeters of 0, one square.
    further : other numbers of an element whose card has a level that this package does not know,
    such as nf or delvto of BSIM4, by their names in SPICE; they are carried as they are.
    """

    name: str
    drain: str
    gate: str
    source: str
    bulk: str
    model: ModelCard
    width: float = 1e-4
    length: float = 1e-4
    multiplier: float = 1.0
    drain_area: float | None = None
    source_area: float | None = None
    drain_perimeter: float | None = None
    source_perimeter: float | None = None
    drain_squares: float | None = None
    source_squares: float | None = None
    further: Mapping[str, float] | None = None


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


Element = (
    Resistor
    | Capacitor
    | Inductor
    | VoltageSource
    | CurrentSource
    | VoltageControlledVoltageSource
    | VoltageControlledCurrentSource
    | CurrentControlledCurrentSource
    | CurrentControlledVoltageSource
    | BehaviouralSource
    | Switch
    | CurrentSwitch
    | Diode
    | Bipolar
    | Mosfet
    | DeviceElement
)
