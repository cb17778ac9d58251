"""Arrays from files: .npz of `Crossbar.save`, or a TOML file whose keys are Crossbar's arguments.

    conductances = "g.csv"       # siemens; or "g.npy", or [[1e-5, 2e-5], [0.0, inf]]
    device = "linear"            # a name, or the path of a device file
    selector = "exponential_selector"   # likewise, in series with it; or a transistor:
    transistor = "ekv_transistor"
    gate_lines = "row"           # or "column"
    temperature = 300.15         # kelvin
    cell_capacitance = 1e-16     # farad, across every cell; a transient needs it

    [parameters]                 # of the device
    v0 = 0.25
    selector.swing = 0.1         # of the selector; also below [parameters.selector]

    [wires]                      # ohm (farad) per segment
    row = 1.0
    column = "column_wires.csv"

    [left]                       # also [right], [top], [bottom]
    kind = "Driven"              # or Grounded, Held, Norton, Floating
    resistance = 100.0           # the fields of that termination

Only `conductances` is required; what is left out has the default of Crossbar. Every number may
also be a list, or the name of a .csv or .npy file. Paths are relative to the TOML file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from circuitxbar.arguments import shown
from circuitxbar.circuit.crossbar import Crossbar, load
from circuitxbar.circuit.terminations import SIDES, TERMINATIONS, Termination
from circuitxbar.circuit.wires import Wires
from circuitxbar.cli.number_files import read_table, read_vectors
from circuitxbar.errors import CircuitError, ModelError

_IN_SERIES = ("selector", "transistor")
_DEVICES = ("device", *_IN_SERIES)
_TABLES = ("conductances", "cell_capacitance")
_KEYS = (*_TABLES, *_DEVICES, "gate_lines", "parameters", "temperature", "wires", *SIDES)


def read_array(path: Path) -> Crossbar:
    """The Crossbar that the file at `path` describes.

    Raises CircuitError, ModelError or NetlistError naming the file and the key that is wrong.
    """
    if path.suffix == ".npz":
        return load(path)
    if path.suffix != ".toml":
        raise CircuitError(f"{path}: an array is a .npz or a .toml file.")
    table = _table_of(path)
    try:
        return _crossbar(table, path.parent)
    except (CircuitError, ModelError) as problem:
        raise type(problem)(f"{path}: {problem}") from None


def _table_of(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise CircuitError(f"{path}: cannot be read ({problem.strerror or problem}).") from None
    except (ValueError, RecursionError) as problem:  # UnicodeDecodeError and TOMLDecodeError too
        raise CircuitError(f"{path}: not a TOML file ({problem}).") from None


def _crossbar(table: dict[str, Any], folder: Path) -> Crossbar:
    _refuse_unknown("", table, _KEYS)
    if "conductances" not in table:
        raise CircuitError(
            'conductances is missing. Write conductances = "g.csv", or a list of lists.'
        )
    arguments = dict(table)
    for name in _TABLES:
        if isinstance(arguments.get(name), str):
            arguments[name] = read_table(name, folder / arguments[name])
    for name in _DEVICES:
        device = arguments.get(name)
        if isinstance(device, str) and (device.endswith(".toml") or Path(device).name != device):
            arguments[name] = folder / device
    if "parameters" in arguments:
        arguments["parameters"] = _parameters(arguments["parameters"], folder)
    if "wires" in arguments:
        known = [field.name for field in fields(Wires)]
        _refuse_unknown("wires", arguments["wires"], known)
        arguments["wires"] = Wires(**_numbers("wires", arguments["wires"], folder))
    for side in SIDES:
        if side in arguments:
            arguments[side] = _termination(side, arguments[side], folder)
    return Crossbar(**arguments)


def _parameters(table: Any, folder: Path) -> dict[str, Any]:
    """The parameters of all devices by name, those of `selector` and `transistor` dotted."""
    found: dict[str, Any] = {}
    for name, value in _section("parameters", table).items():
        entries = {name: value}
        if name in _IN_SERIES and isinstance(value, Mapping):
            entries = {f"{name}.{key}": entry for key, entry in value.items()}
        for key, entry in entries.items():
            if key in found:
                raise CircuitError(f"parameters: {shown(key)} is given twice. Keep one.")
            is_file = isinstance(entry, str)  # of one number per cell, also where there is one row
            found[key] = read_table(key, folder / entry) if is_file else entry
    return found


def _termination(side: str, table: Any, folder: Path) -> Termination:
    values = dict(_section(side, table))
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in TERMINATIONS:
        said = "is missing" if kind is None else f"= {shown(kind)}"
        raise CircuitError(f"{side}: kind {said}. Choose one of {', '.join(TERMINATIONS)}.")
    termination = TERMINATIONS[kind]
    known = [field.name for field in fields(termination)]
    _refuse_unknown(side, values, known)
    try:
        return termination(**_numbers(side, values, folder))
    except TypeError:
        raise CircuitError(f"{side}: a {kind} end needs {' and '.join(known)}.") from None


def _numbers(section: str, table: Any, folder: Path) -> dict[str, Any]:
    """`table` with every file name replaced by the numbers in that file."""
    return {
        name: read_vectors(name, folder / value) if isinstance(value, str) else value
        for name, value in _section(section, table).items()
    }


def _section(name: str, table: Any) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise CircuitError(f"{name} = {shown(table)} is not a table. Write it below [{name}].")
    return table


def _refuse_unknown(section: str, table: Any, known: Collection[str]) -> None:
    where = f"{section}: " if section else ""
    for name in _section(section, table):
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise CircuitError(
                f"{where}unknown key {shown(name)}.{hint} Known: {', '.join(known) or 'none'}."
            )
