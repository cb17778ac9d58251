"""`circuitxbar device`: what there is, its card, its picture, and its law as SPICE text."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from circuitxbar.cli.inputs import check_output
from circuitxbar.devices.conduction import amount
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device, device_names
from circuitxbar.plots.canvas import FORMATS, save
from circuitxbar.plots.devices import device as picture
from circuitxbar.storage import write_text

_WIDTH = 96
_SECTIONS = {
    "conductance": "g from states",
    "pulse, up": "step per pulse up",
    "pulse, down": "step per pulse down",
    "program": "g as written",
    "read_noise": "g as read",
    "drift": "g later",
}


def run_list() -> None:
    """Print every device with its title, confirmed ones first."""
    found = [device(name) for name in device_names()]
    room = max(len(one.name) for one in found)
    for confirmed, heading in (
        (True, "Numbers seen in the source that the file names:"),
        (False, "\nNumbers not confirmed (forms, examples, or sources not seen):"),
    ):
        print(heading)
        for one in found:
            if one.confirmed is confirmed:
                print(f"  {one.name:{room}}  {one.title}")


def run_show(model: str) -> None:
    """Print the card of a device."""
    print("\n".join(_card(device(model))))


def run_plot(model: str, out: Path | None) -> None:
    """Draw a device to `out`, or to a file of its name."""
    check_output(out, *FORMATS)
    found = device(model)
    path = out or Path(f"{found.name}.png")
    check_output(path, *FORMATS)
    save(picture(found), path)
    print(path)


def run_spice(model: str, out: Path | None) -> None:
    """Write the sub-circuit of a device to `out` or the screen."""
    check_output(out)
    found = device(model)
    source = textwrap.wrap(f"{found.title}. {found.source}", _WIDTH)
    text = "\n".join([*(f"* {line}" for line in source), found.spice()])
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)


def _card(found: Device) -> Iterator[str]:
    yield f"{found.name}: {found.title}"
    told = "numbers confirmed in it" if found.confirmed else "numbers not confirmed"
    yield from _wrapped("source", f"{found.source} ({told})")
    yield from _wrapped("terminals", ", ".join(found.terminals))
    facts = [name for name in ("passive", "monotone") if getattr(found, name)]
    if found.is_linear:
        facts.append("linear")
    yield from _wrapped("is", ", ".join(facts) or "neither passive nor monotone")
    yield from _wrapped("current (A)", found.law)
    for name, (low, high) in found.valid.items():
        yield from _wrapped(f"valid {name}", f"{low:g} ... {high:g} {'S' if name == 'g' else 'V'}")
    for name, state in found.states.items():
        low, high = state.range
        yield from _wrapped(
            f"state {name}",
            f"{state.meaning}; {low:g} ... {amount(high, state.unit)}, {state.initial:g} at first",
        )
        if state.rate is not None:
            yield from _wrapped("its rate per second", state.rate)
    for section, label in _SECTIONS.items():
        if section in found.laws:
            yield from _wrapped(label, found.laws[section])
    if found.pulses is not None:
        yield from _pulses(found)
    for name, text in found.definitions.items():
        yield from _wrapped(f"with {name}", text)
    for name, parameter in found.parameters.items():
        if name in found.states:
            continue
        low, high = parameter.range
        sigma = f", +- {parameter.device_sigma:g} between devices" if parameter.device_sigma else ""
        yield from _wrapped(
            name,
            f"{amount(found.values[name], parameter.unit)}: {parameter.meaning} "
            f"({low:g} ... {high:g}{sigma})",
        )
    if found.references:
        kinds = [point.kind for point in found.references]
        counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
        yield from _wrapped("checked at", ", ".join(counts) + " points")


def _pulses(found: Device) -> Iterator[str]:
    pulses = found.pulses
    assert pulses is not None
    up, down = pulses.up_voltage, pulses.down_voltage
    steps = "a table of measured steps" if pulses.table is not None else "the laws above"
    yield from _wrapped(
        "pulses",
        f"up {up[0]:g} ... {up[1]:g} V, down {down[0]:g} ... {down[1]:g} V, "
        f"{pulses.width[0]:g} ... {pulses.width[1]:g} s, by {steps}; no change below "
        f"{pulses.threshold:g} V",
    )
    if pulses.cycle_sigma:
        yield from _wrapped("", f"steps vary by {pulses.cycle_sigma:g} of themselves")


def _wrapped(label: str, text: str) -> list[str]:
    room = 28
    lines = textwrap.wrap(text, _WIDTH - room, break_long_words=False) or [""]
    return [f"  {label:{room - 2}}{lines[0]}", *(" " * room + line for line in lines[1:])]
