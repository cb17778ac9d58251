"""A TOML file -> Device, key by key: whatever is unknown, missing or odd is refused by name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from circuitxbar.devices.conduction import Parameter
from circuitxbar.devices.device import Device
from circuitxbar.devices.expression import CONTROLS, DIFFERENCES, VOLTAGES, Law
from circuitxbar.devices.file_schema import (
    DEVICE,
    LARGEST_TABLE,
    RANGES,
    of_arguments,
    read_table,
    reference,
)
from circuitxbar.devices.jump_table import LARGEST_CONTENT, jump_table
from circuitxbar.devices.pulses import STEP_SCALE, Pulse
from circuitxbar.devices.sections import names_of_sections
from circuitxbar.devices.state import State
from circuitxbar.errors import ModelError

LARGEST_FILE = 100_000  # bytes
_PULSES = {"pulse, up", "pulse, down"}


def read_device(path: Path, where: str) -> Device:
    """The device that the file at `path` describes; messages call the file `where`.

    Raises ModelError for whatever keeps the file from being one.
    """
    text = _content(path, where, LARGEST_FILE)
    name = _parsed(text, where).get("pulse", {})
    name = name.get("table") if isinstance(name, dict) else None
    if not isinstance(name, str):
        return parse_device(text, where)
    if Path(name).name != name:
        raise ModelError(f"{where}, pulse, table: {name!r:.60} must be a file in the same folder.")
    table = _content(path.with_name(name), f"{where}, pulse, table: {name}", LARGEST_CONTENT)
    return parse_device(text, where, table)


def parse_device(text: str, where: str, table: str = "") -> Device:
    """The device that the TOML `text` of a file called `where` describes, else ModelError.

    table : the content of the table of steps that it names, if it names one.
    """
    fields = read_table(where, _parsed(text, where), DEVICE)
    current, references, given = (fields.pop(key) for key in ("current", "reference", "pulse"))
    terminals, definitions, states = fields["terminals"], fields.pop("define"), fields.pop("state")
    laws = {f"state.{name}": state.rate for name, state in states.items() if state.rate}
    for section in ("conductance", "program", "read_noise", "drift"):
        if (entry := fields.pop(section)) is not None:
            laws[section] = entry["law"]
    if given is not None:
        laws |= {f"pulse, {way}": given[way] for way in ("up", "down") if given[way] is not None}
    _refuse_what_does_not_fit(where, len(terminals), states, laws, given)
    parameters: dict[str, Parameter] = dict(fields.pop("parameters"))  # its default is one for all
    if given is not None and given["device_sigma"]:
        parameters[STEP_SCALE] = Parameter(
            "1", 1.0, (0.0, 10.0), "steps of a pulse, relative to the usual", given["device_sigma"]
        )
    sections = ("current", *laws)
    table_of_names = names_of_sections(len(terminals), states, sections)
    reserved = [name for names in table_of_names.values() for name in names if name not in states]
    named = {"parameter": parameters, "definition": definitions, "state": states}
    _refuse_clashes(where, named, reserved)
    law = Law(
        where,
        current["law"],
        (*DIFFERENCES[len(terminals)].items(), *definitions.items()),
        (*CONTROLS[len(terminals)], "g", "temperature", *parameters, *states),
        foreign=tuple(name for name in reserved if name not in (*CONTROLS[len(terminals)], "g")),
    )
    for name, state in states.items():
        if name in law.mentioned:
            parameters[name] = Parameter(state.unit, state.initial, state.range, state.meaning)
    arguments = VOLTAGES[len(terminals)]
    if "g" in law.mentioned:  # also refuses a bad law now, and not at its first use
        arguments = (*arguments, "g")
    valid = of_arguments(f"{where}, current, valid", current["valid"], arguments, RANGES)
    device = Device(
        **fields,
        parameters=parameters,
        values={name: parameter.default for name, parameter in parameters.items()},
        valid=valid,
        law=current["law"],
        definitions=definitions,
        references=tuple(
            reference(f"{where}, reference[{index}]", point, arguments)
            for index, point in enumerate(references)
        ),
        states=states,
        pulses=None if given is None else _pulse(where, given, states, valid, table),
        laws=laws,
        text=text,
        table=table,
        where=where,
    )
    for section in laws:  # refuses bad laws now
        _ = device.law_of(section).mentioned
    _refuse_unused(device)
    return device


def saved_device(saved: dict[str, Any], where: str) -> Device:
    """The device that `Device.saved` described, in a file called `where`."""
    device = parse_device(saved["text"], where, saved.get("table", ""))
    return device.with_parameters(**saved["values"])


def _refuse_what_does_not_fit(
    where: str, terminals: int, states: dict[str, State], laws: dict[str, str], given: Any
) -> None:
    if given is not None and given["table"] is None and len(laws.keys() & _PULSES) < 2:
        raise ModelError(f"{where}, pulse: give the laws 'up' and 'down', or a 'table'.")
    if given is not None and given["table"] is not None and laws.keys() & _PULSES:
        raise ModelError(f"{where}, pulse: give laws or a table, not both.")
    if given is not None and given["table"] is not None and states:
        raise ModelError(f"{where}, pulse, table: it holds steps of g, so no [state] goes with it.")
    rates = [name for name in laws if name.startswith("state.")]
    if terminals == 3 and (rates or given is not None):
        raise ModelError(
            f"{where}: rates and pulses are laws of v, which three terminals do not have."
        )
    if len(states) > 1 and given is not None:
        raise ModelError(f"{where}, pulse: it moves one state, and there are {len(states)}.")
    if given is not None and rates:
        raise ModelError(f"{where}: a state has a rate or a [pulse], not both. Remove one.")
    if "conductance" in laws and not states:
        raise ModelError(f"{where}, conductance: it is a law of states, and there is no [state].")
    if states and len(states) > LARGEST_TABLE:
        raise ModelError(f"{where}: {len(states)} states are too many (at most {LARGEST_TABLE}).")


def _refuse_unused(device: Device) -> None:
    """A state that no law knows is a slip of the pen; so is a conductance law without use of g."""
    used = device.full_law.mentioned
    used |= frozenset().union(*(device.law_of(name).mentioned for name in device.laws))
    for name in device.states:
        if name not in used:
            raise ModelError(f"{device.where}, state.{name}: no law mentions it. Remove it.")
    for name in device.states:
        section = f"state.{name}"
        mentioned = device.law_of(section).mentioned if section in device.laws else ()
        if "g" in mentioned and "conductance" not in device.laws:
            raise ModelError(
                f"{device.where}, {section}: 'g' has no meaning in a rate without [conductance], "
                "the law of g from the states. Add it, or use the states."
            )
    if "conductance" in device.laws and not device.uses_conductance:
        raise ModelError(
            f"{device.where}, conductance: the current is free of g. Use g in its law, or "
            "name the states there and remove [conductance]."
        )


def _pulse(
    where: str, given: dict[str, Any], states: dict[str, State], valid: Any, table: str
) -> Pulse:
    if states:
        ((_, state),) = states.items()
        bounds = state.range
    else:
        bounds = valid.get("g")
        if bounds is None:
            raise ModelError(f"{where}, pulse: there is no state, and the current is free of g.")
    ranges = {name: given[name] for name in ("up_voltage", "down_voltage")}
    for name, (low, high) in ranges.items():
        if low < 0 < high:
            raise ModelError(
                f"{where}, pulse, {name}: {low:g} ... {high:g} V holds 0 V, where there is no "
                "pulse. End it at 0."
            )
    (low, high), (lower, upper) = ranges.values()
    if max(low, lower) < min(high, upper):
        raise ModelError(
            f"{where}, pulse: up_voltage and down_voltage overlap, so that some pulses would go "
            "both ways. Part them."
        )
    read = None
    if given["table"] is not None:
        read = jump_table(table, f"{where}, pulse, table: {given['table']}")
        bounds = float(read.conductances[0]), float(read.conductances[-1])
    return Pulse(
        up_voltage=given["up_voltage"],
        down_voltage=given["down_voltage"],
        width=given["width"],
        range=bounds,
        cycle_sigma=given["cycle_sigma"],
        table=read,
    )


def _refuse_clashes(
    where: str, named: Mapping[str, Iterable[str]], reserved: Iterable[str]
) -> None:
    """Names must differ even to SPICE, which does not tell upper from lower case.

    named : names by what they are the names of.
    """
    seen: dict[str, tuple[str, str]] = {}
    for kind, name in ((kind, name) for kind, names in named.items() for name in names):
        if name.lower() in reserved:
            raise ModelError(f"{where}: '{name}' is reserved. Choose a longer name.")
        other, earlier = seen.setdefault(name.lower(), (kind, name))
        if earlier != name:
            raise ModelError(
                f"{where}: '{earlier}' and '{name}' are one name in SPICE. Rename one."
            )
        if other != kind:
            raise ModelError(f"{where}: '{name}' is a {other} and a {kind}. Rename one of them.")


def _content(path: Path, where: str, most: int) -> str:
    try:
        if path.is_dir():
            raise ModelError(f"{where} is a folder. Name a TOML file in it.")
        if not path.is_file():
            raise ModelError(f"{where}: there is no such file.")
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ModelError(f"{where} is larger than {most} bytes: not a device file.")
        return content.decode("utf-8-sig")
    except OSError as problem:
        raise ModelError(f"{where} cannot be read ({problem.strerror}).") from None
    except UnicodeDecodeError as problem:
        raise ModelError(f"{where} is not UTF-8 text (byte {problem.start}).") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # TOMLDecodeError is a ValueError
        raise ModelError(f"{where} is not a TOML file ({problem}).") from None
