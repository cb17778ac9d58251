"""A TOML file -> Device, key by key: whatever is unknown, missing or odd is refused by name."""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitxbar.devices.device import Device, Parameter, Reference
from circuitxbar.devices.expression import CONTROLS, DIFFERENCES, VOLTAGES, law_of
from circuitxbar.devices.functions import CONSTANTS, FUNCTIONS
from circuitxbar.errors import ModelError

LARGEST_FILE = 100_000  # bytes
LARGEST_TABLE = 64  # parameters, definitions or references
KINDS = ("published", "digitised", "computed")
NOT_YET = ("state", "conductance", "pulse", "program", "read_noise", "drift")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LOWER_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Words that the language, Python callers or SPICE text already use: `m`, for one, multiplies any
# sub-circuit.
_PYTHON = "self name by extrapolate slopes"
_SPICE = """e i m t u temp temper time hertz params sin cos tan asin acos acosh atanh ln log10 sgn
    pow pwr pwl floor ceil int nint fabs ddt uramp limit if
    sqr arctan ternary_fcn gauss agauss unif aunif var last file"""
_VOLTAGES = (*VOLTAGES[2], *VOLTAGES[3])
_TAKEN = {*_VOLTAGES, *CONTROLS[3], *DIFFERENCES[3], "g", "temperature", *CONSTANTS, *FUNCTIONS}
_TAKEN = {name.lower() for name in (*_TAKEN, *_PYTHON.split(), *_SPICE.split())}


@dataclass(frozen=True)
class _Key:
    """How one key is read, by `read(where, value)`; `default` where it is not required."""

    read: Callable[[str, Any], Any]
    meaning: str
    default: Any = None
    required: bool = True


def read_device(path: Path, where: str) -> Device:
    """The device that the file at `path` describes; messages call the file `where`.

    Raises ModelError for whatever keeps the file from being one.
    """
    return parse_device(_content(path, where), where)


def parse_device(text: str, where: str) -> Device:
    """The device that the TOML `text` of a file called `where` describes, else ModelError."""
    table = _parsed(text, where)
    for section in NOT_YET:
        if section in table:
            raise ModelError(
                f"{where}: this version does not read [{section}]; it knows laws of voltages, "
                "g and temperature. Remove the section, or use a version that reads it."
            )
    fields = _read(where, table, _DEVICE)
    current, references = fields.pop("current"), fields.pop("reference")
    terminals, definitions = fields["terminals"], fields.pop("define")
    parameters: dict[str, Parameter] = fields["parameters"]
    _refuse_clashes(where, [*parameters, *definitions])
    law = law_of(where, current["law"], len(terminals), definitions, parameters)
    arguments = VOLTAGES[len(terminals)]
    if law.mentions("g"):  # also refuses a bad law now, and not at its first use
        arguments = (*arguments, "g")
    return Device(
        **fields,
        values={name: parameter.default for name, parameter in parameters.items()},
        valid=_of_arguments(f"{where}, current, valid", current["valid"], arguments, _RANGES),
        law=current["law"],
        definitions=definitions,
        references=tuple(
            _reference(f"{where}, reference[{index}]", reference, arguments)
            for index, reference in enumerate(references)
        ),
        text=text,
        where=where,
    )


def _content(path: Path, where: str) -> str:
    try:
        if path.is_dir():
            raise ModelError(f"{where} is a folder. Name a TOML file in it.")
        if not path.is_file():
            raise ModelError(f"{where}: there is no such file.")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ModelError(f"{where} is larger than {LARGEST_FILE} bytes: not a device file.")
        return content.decode("utf-8")
    except OSError as problem:
        raise ModelError(f"{where} cannot be read ({problem.strerror}).") from None
    except UnicodeDecodeError as problem:
        raise ModelError(f"{where} is not UTF-8 text (byte {problem.start}).") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # TOMLDecodeError is a ValueError
        raise ModelError(f"{where} is not a TOML file ({problem}).") from None


def _read(where: str, value: Any, keys: Mapping[str, _Key]) -> dict[str, Any]:
    """The table `value` with every key read; unknown and missing ones refused."""
    table = _table(where, value)
    for name in table:
        if name not in keys:
            close = get_close_matches(name, keys, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise ModelError(f"{where}: unknown key {name!r:.60}.{hint} Known: {', '.join(keys)}.")
    result = {}
    for name, key in keys.items():
        if name in table:
            result[name] = key.read(f"{where}, {name}", table[name])
        elif key.required:
            raise ModelError(f"{where}: '{name}' is missing: {key.meaning}.")
        else:
            result[name] = key.default
    return result


def _refuse_clashes(where: str, names: list[str]) -> None:
    """Names must differ even to SPICE, which does not tell upper from lower case."""
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise ModelError(
                f"{where}: '{seen[name.lower()]}' and '{name}' are one name in SPICE. Rename one."
            )
        seen[name.lower()] = name


def _table(where: str, value: Any) -> dict[str, Any]:
    return _typed(where, value, dict, "a table")


def _line(where: str, value: Any) -> str:
    text = _typed(where, value, str, "a text")
    if not text.strip() or not text.isprintable():
        raise ModelError(f"{where}: expected one line of text, got {text!r:.60}.")
    return text


def _law(where: str, value: Any) -> str:
    text = _typed(where, value, str, 'a law as text, such as "g * v"')
    if not text.strip():
        raise ModelError(f'{where}: the law is empty. Write one such as "g * v".')
    return text


def _boolean(where: str, value: Any) -> bool:
    return _typed(where, value, bool, "true or false")


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError(f"{where}: expected a number, got {value!r:.60}.")
    if not abs(value) <= 1e300:
        raise ModelError(f"{where}: {value!s:.40} is not a finite number within 1e300.")
    return float(value)


def _tolerance(where: str, value: Any) -> float:
    number = _number(where, value)
    if not 0 < number < 1:
        raise ModelError(f"{where}: {number:g} is not a relative tolerance. Use 0 < tolerance < 1.")
    return number


def _range(where: str, value: Any) -> tuple[float, float]:
    items = _typed(where, value, list, "[lowest, highest]")
    if len(items) != 2:
        raise ModelError(f"{where}: expected [lowest, highest], got {items!r:.60}.")
    low, high = (_number(where, item) for item in items)
    if not low < high:
        raise ModelError(f"{where}: {low:g} is not below {high:g}. Write [lowest, highest].")
    return low, high


def _conductances(where: str, value: Any) -> tuple[float, float]:
    low, high = _range(where, value)
    if low < 0:
        raise ModelError(f"{where}: {low:g} S is negative. Conductances must be >= 0.")
    return low, high


def _device_name(where: str, value: Any) -> str:
    name = _typed(where, value, str, "a name")
    if not _LOWER_NAME.fullmatch(name):
        raise ModelError(
            f"{where}: {name!r:.60} is not a name. Use lower-case letters, digits and _, "
            "a letter first, at most 40."
        )
    return name


def _terminals(where: str, value: Any) -> tuple[str, ...]:
    items = _typed(where, value, list, 'a list such as ["p", "n"]')
    if len(items) not in VOLTAGES:
        raise ModelError(f"{where}: a device has 2 or 3 terminals, not {len(items)}.")
    names = tuple(_device_name(where, item) for item in items)
    for name in names:
        if name in ("gnd", "null"):
            raise ModelError(f"{where}: '{name}' is ground in SPICE. Name the terminal otherwise.")
        if names.count(name) > 1:
            raise ModelError(f"{where}: '{name}' stands twice. Give the terminals different names.")
    return names


def _kind(where: str, value: Any) -> str:
    if value not in KINDS:
        raise ModelError(f"{where}: {value!r:.60} is none of {', '.join(KINDS)}.")
    return value


def _named(read: Callable[[str, Any], Any]) -> Callable[[str, Any], dict[str, Any]]:
    """A reader of a table whose keys are names of the law's language."""

    def named(where: str, value: Any) -> dict[str, Any]:
        table = _table(where, value)
        _refuse_many(where, table)
        for name in table:
            if not _NAME.fullmatch(name) or keyword.iskeyword(name):
                raise ModelError(f"{where}: {name!r:.60} is not a name (letters, digits, _).")
            if name.lower() in _TAKEN:
                raise ModelError(f"{where}: '{name}' is reserved. Choose a longer name.")
        return {name: read(f"{where}.{name}", entry) for name, entry in table.items()}

    return named


def _parameter(where: str, value: Any) -> Parameter:
    parameter = Parameter(**_read(where, value, _PARAMETER))
    low, high = parameter.range
    if not low <= parameter.default <= high:
        raise ModelError(
            f"{where}, default: {parameter.default:g} is outside the range {low:g} ... {high:g}."
        )
    return parameter


def _references(where: str, value: Any) -> list[Any]:
    items = _typed(where, value, list, "one [[reference]] per point")
    _refuse_many(where, items)
    return items


def _reference(where: str, value: Any, arguments: tuple[str, ...]) -> Reference:
    point = _of_arguments(where, value, arguments, _POINT, _REFERENCE)
    values = tuple(point.pop(name) for name in arguments)
    return Reference(arguments=values, **point)


def _of_arguments(
    where: str,
    value: Any,
    arguments: tuple[str, ...],
    reads: Mapping[str, _Key],
    others: Mapping[str, _Key] = MappingProxyType({}),
) -> dict[str, Any]:
    """The table `value` with one entry for each of the law's `arguments`, and `others`."""
    if "g" in _table(where, value) and "g" not in arguments:
        raise ModelError(f"{where}: 'g' has no meaning, as the law does not use it. Remove it.")
    return _read(where, value, {**others, **{name: reads[name] for name in arguments}})


def _refuse_many(where: str, entries: Any) -> None:
    if len(entries) > LARGEST_TABLE:
        raise ModelError(f"{where}: {len(entries)} entries are too many (at most {LARGEST_TABLE}).")


def _typed(where: str, value: Any, kind: type, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise ModelError(f"{where}: expected {wanted}, got {value!r:.60}.")
    return value


def _table_with(keys: Mapping[str, _Key]) -> Callable[[str, Any], dict[str, Any]]:
    return lambda where, value: _read(where, value, keys)


_PARAMETER = {
    "unit": _Key(_line, 'its SI unit, "1" for none'),
    "default": _Key(_number, "its value unless another is given"),
    "range": _Key(_range, "[lowest, highest] value allowed"),
    "meaning": _Key(_line, "what it is, in one line"),
}
_RANGES = {
    **{name: _Key(_range, "[lowest, highest] in V for which the law holds") for name in _VOLTAGES},
    "g": _Key(_conductances, "[lowest, highest] in S for which the law holds"),
}
_CURRENT = {
    "law": _Key(_law, "the current in A as a law of voltages, g, temperature and parameters"),
    "valid": _Key(_table, "the ranges { v = [..], g = [..] } for which the law holds"),
}
_POINT = {
    **{name: _Key(_number, "the voltage in V") for name in _VOLTAGES},
    "g": _Key(_number, "the conductance in S"),
}
_REFERENCE = {
    "kind": _Key(_kind, f"one of {', '.join(KINDS)}"),
    "current": _Key(_number, "the current in A"),
    "tolerance": _Key(_tolerance, "the relative deviation that is still agreement"),
}
_DEVICE = {
    "name": _Key(_device_name, "the name under which the device is found"),
    "title": _Key(_line, "what the device is, in one line"),
    "source": _Key(_line, "author, journal, year, figure or table; doi"),
    "confirmed": _Key(_boolean, "", default=False, required=False),
    "terminals": _Key(_terminals, 'such as ["p", "n"], or ["drain", "gate", "source"]'),
    "passive": _Key(_boolean, "", default=False, required=False),
    "monotone": _Key(_boolean, "", default=False, required=False),
    "parameters": _Key(_named(_parameter), "", default={}, required=False),
    "define": _Key(_named(_law), "", default={}, required=False),
    "current": _Key(_table_with(_CURRENT), "[current] holds the law and its valid range"),
    "reference": _Key(_references, "", default=(), required=False),
}
