"""The text of a device file with other numbers in it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from circuitxbar.devices.device import Device
from circuitxbar.devices.pulses import STEP_SCALE
from circuitxbar.errors import ModelError


def rewritten(
    device: Device, *, card: Mapping[str, str], pulse: Mapping[str, float], table: str = ""
) -> str:
    """The file of `device` with its parameters in force as defaults; its comments are lost.

    card : what to replace of name, title and source.  pulse : of the numbers in [pulse].
    table : the name of its table of steps, if it has one.
    The points of [[reference]] belong to the old numbers and stay behind, and so does `confirmed`.
    """
    content = tomllib.loads(device.text)
    content |= {"confirmed": False, **card}
    content.pop("reference", None)
    for name, value in device.values.items():
        if name in content.get("parameters", {}):
            content["parameters"][name]["default"] = value
        elif name in device.states:
            content["state"][name]["initial"] = value
        elif name == STEP_SCALE and value != 1.0:
            raise ModelError(
                f"{device.where}: {STEP_SCALE} = {value:g} is that of one device, which a file "
                "cannot hold. Fit the usual device, with 1."
            )
    if "pulse" in content:
        content["pulse"] |= pulse
        if table:
            content["pulse"]["table"] = table
    return "\n".join(_lines(content, ())).lstrip() + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The lines of a TOML table: its own keys first, then the tables in it."""
    inner = {key: value for key, value in table.items() if _is_table(value)}
    own = [f"{key} = {_value(value)}" for key, value in table.items() if key not in inner]
    head = ["", f"[{'.'.join(path)}]"] if path and own else []
    rest = [line for key, value in inner.items() for line in _lines(value, (*path, key))]
    return [*head, *own, *rest]


def _is_table(value: Any) -> bool:
    """Whether it stands under a head of its own: a table of ranges fits in a line."""
    return isinstance(value, dict) and not all(isinstance(entry, list) for entry in value.values())


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():  # JSON escapes what TOML wants escaped, in the same way
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {_value(entry)}' for key, entry in value.items())} }}"
        case _:
            return repr(value)
