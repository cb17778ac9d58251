"""A device whose states move -> ngspice sub-circuit, for transients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuitxbar.devices.spice import Texts, constant_lines, control_texts, free_prefix, header

if TYPE_CHECKING:
    from circuitxbar.devices.device import Device

# A state slows down over so much of its range before a bound. A step there would keep Newton from
# an end, and the time steps would shrink to nothing.
_WINDOW = 1e-6
_LEAK = 1e12  # ohm; with 1 F it takes 30,000 years to be seen


def subcircuit_with_states(device: Device, name: str) -> str:
    """See `Device.spice_with_states`.

    The charge on a capacitor of 1 F is where in its range a state is, from 0 to 1: whatever its
    unit, ngspice's tolerances then mean the same. Beside the pins there are two nodes for each.
    """
    rates = {state: device.laws.get(f"state.{state}") for state in device.states}
    sections = [f"state.{state}" for state, rate in rates.items() if rate]
    laws = {"current": device.full_law, **{key: device.law_of(key) for key in sections}}
    mentioned = frozenset().union(*(law.mentioned for law in laws.values()))
    inner = "conductance" in device.laws and "g" in mentioned
    if inner:
        mentioned |= device.law_of("conductance").mentioned
    own = [key for key in device.parameters if key in mentioned and key not in device.states]
    used = [key for key in device.states if key in mentioned]
    taken = (*device.terminals, *device.parameters, *device.states, "temperature", "g")
    initial, value, place = (free_prefix(key, taken) for key in ("initial_", "state_", "place_"))
    parameters = {"g": 0.0} if "g" in mentioned and not inner else {}
    parameters |= {"temperature": device.defaults["temperature"]}
    parameters |= {key: device.values[key] for key in own}
    writer = Texts((*taken, initial))
    writer.texts |= {key: "{" + key + "}" for key in parameters} | control_texts(device.terminals)
    writer.texts |= {key: f"v({value}{key})" for key in used}
    lines = []
    for key in used:
        low, high = device.states[key].range
        parameters[initial + key] = device.values.get(key, device.states[key].initial)
        low_text, span = writer.number(low), writer.number(high - low)
        node = place + key
        lines += [
            f"b{value}{key} {value}{key} 0 v={low_text} + {span}*min(max(v({node}), 0.0), 1.0)",
            f"c{node} {node} 0 1.0 ic={{({initial}{key} - ({low!r}))/{high - low!r}}}",
            f"r{node} {node} 0 {_LEAK!r}",
        ]
    if inner:
        writer.texts["g"] = writer.of(device.law_of("conductance"))
    for key in used:
        if rates[key]:
            lines.append(_rate_line(writer, device, key, place + key))
    current = writer.of(laws["current"])
    first, last = device.terminals[0], device.terminals[-1]
    return "\n".join(
        [
            header(name, device.terminals, parameters),
            *constant_lines(writer.constants),
            f"b1 {first} {last} i={current}",
            *lines,
            f".ends {name}",
            "",
        ]
    )


def _rate_line(writer: Texts, device: Device, key: str, node: str) -> str:
    """The current into the capacitor at `node`: it ceases where it would carry it past a bound."""
    low, high = device.states[key].range
    rate = writer.of(device.law_of(f"state.{key}"))
    up = f"min(max((1.0 - v({node}))/{_WINDOW!r}, 0.0), 1.0)"
    down = f"min(max(v({node})/{_WINDOW!r}, 0.0), 1.0)"
    span = writer.number(high - low)
    return f"b{node} 0 {node} i=(max({rate}, 0.0)*{up} + min({rate}, 0.0)*{down})/{span}"
