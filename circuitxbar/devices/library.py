"""Devices by name, from the folder `device_models`, or by the path of a TOML file anywhere."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from circuitxbar.arguments import shown
from circuitxbar.devices.device import Device
from circuitxbar.devices.model_file import read_device
from circuitxbar.errors import ModelError


def device(model: str | os.PathLike[str] | Device, /, **parameters: Any) -> Device:
    """The device of that name or file, its `parameters` (in their own units) overridden.

    model : a name in `device_models/`, the path of a TOML file (anything with a folder in it or
    ending in .toml), or a Device.  Raises ModelError when there is none, when its file is
    refused, and for an unknown parameter or one out of range.
    """
    if not isinstance(model, Device):
        model = _read(model)
    return model.with_parameters(**parameters)


def device_names() -> tuple[str, ...]:
    """The names of all devices that come with circuitxbar, sorted."""
    return tuple(sorted(path.stem for path in device_folder().glob("*.toml")))


def device_folder() -> Path:
    """`device_models`: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "device_models"
    return inside if inside.is_dir() else package.parent / "device_models"


def _read(model: Any) -> Device:
    if not isinstance(model, str | os.PathLike) or not isinstance(os.fspath(model), str):
        raise ModelError(
            f"device = {shown(model)}: expected a name, the path of a TOML file or a Device."
        )
    text = os.fspath(model)
    if "\0" in text:
        raise ModelError(f"device = {shown(text)}: a path has no NUL character.")
    if isinstance(model, os.PathLike) or text.endswith(".toml") or os.path.basename(text) != text:
        return read_device(Path(text), text)
    names = device_names()
    if text not in names:
        close = get_close_matches(text, names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ModelError(
            f"There is no device {shown(text)}.{hint} There are: {', '.join(names) or 'none'}. "
            "For a file of your own, give its path, ending in .toml."
        )
    return read_device(device_folder() / f"{text}.toml", f"device_models/{text}.toml")
