"""What stands where in a device file: every key, how it is read and what it may be."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from circuitxbar.devices.conduction import Parameter, Reference
from circuitxbar.devices.expression import CONTROLS, DIFFERENCES, VOLTAGES
from circuitxbar.devices.functions import CONSTANTS, FUNCTIONS
from circuitxbar.devices.state import State
from circuitxbar.errors import ModelError

LARGEST_TABLE = 64  # parameters, definitions or references
KINDS = ("published", "digitised", "computed")

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


def read_table(where: str, value: Any, keys: Mapping[str, _Key]) -> dict[str, Any]:
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


def _state(where: str, value: Any) -> State:
    state = State(**read_table(where, value, _STATE))
    low, high = state.range
    if not low <= state.initial <= high:
        raise ModelError(
            f"{where}, initial: {state.initial:g} is outside the range {low:g} ... {high:g}."
        )
    return state


def _not_negative(where: str, value: Any) -> float:
    number = _number(where, value)
    if number < 0:
        raise ModelError(f"{where}: {number:g} is negative. A standard deviation is >= 0.")
    return number


def _seconds(where: str, value: Any) -> tuple[float, float]:
    low, high = _range(where, value)
    if low < 0:
        raise ModelError(f"{where}: {low:g} s is negative. Durations must be >= 0.")
    return low, high


def _parameter(where: str, value: Any) -> Parameter:
    parameter = Parameter(**read_table(where, value, _PARAMETER))
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


def reference(where: str, value: Any, arguments: tuple[str, ...]) -> Reference:
    """The printed point that the table `value` holds, for a law of these `arguments`."""
    point = of_arguments(where, value, arguments, _POINT, _REFERENCE)
    values = tuple(point.pop(name) for name in arguments)
    return Reference(arguments=values, **point)


def of_arguments(
    where: str,
    value: Any,
    arguments: tuple[str, ...],
    reads: Mapping[str, _Key],
    others: Mapping[str, _Key] = MappingProxyType({}),
) -> dict[str, Any]:
    """The table `value` with one entry for each of the law's `arguments`, and `others`."""
    if "g" in _table(where, value) and "g" not in arguments:
        raise ModelError(f"{where}: 'g' has no meaning, as the law does not use it. Remove it.")
    return read_table(where, value, {**others, **{name: reads[name] for name in arguments}})


def _refuse_many(where: str, entries: Any) -> None:
    if len(entries) > LARGEST_TABLE:
        raise ModelError(f"{where}: {len(entries)} entries are too many (at most {LARGEST_TABLE}).")


def _typed(where: str, value: Any, kind: type, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise ModelError(f"{where}: expected {wanted}, got {value!r:.60}.")
    return value


def _table_with(keys: Mapping[str, _Key]) -> Callable[[str, Any], dict[str, Any]]:
    return lambda where, value: read_table(where, value, keys)


_PARAMETER = {
    "unit": _Key(_line, 'its SI unit, "1" for none'),
    "default": _Key(_number, "its value unless another is given"),
    "range": _Key(_range, "[lowest, highest] value allowed"),
    "meaning": _Key(_line, "what it is, in one line"),
    "device_sigma": _Key(_not_negative, "", default=0.0, required=False),
}
_STATE = {
    "unit": _Key(_line, 'its SI unit, "1" for none'),
    "range": _Key(_range, "[lowest, highest] value, which it never leaves"),
    "initial": _Key(_number, "its value unless another is given"),
    "meaning": _Key(_line, "what it is, in one line"),
    "rate": _Key(_law, "", required=False),
}
_PULSE = {
    "up": _Key(_law, "", required=False),
    "down": _Key(_law, "", required=False),
    "table": _Key(_line, "", required=False),
    "up_voltage": _Key(_range, "[lowest, highest] voltage in V of pulses that go up"),
    "down_voltage": _Key(_range, "[lowest, highest] voltage in V of pulses that go down"),
    "width": _Key(_seconds, "[shortest, longest] width of a pulse in s"),
    "cycle_sigma": _Key(_not_negative, "", default=0.0, required=False),
    "device_sigma": _Key(_not_negative, "", default=0.0, required=False),
}
RANGES = {
    **{name: _Key(_range, "[lowest, highest] in V for which the law holds") for name in _VOLTAGES},
    "g": _Key(_conductances, "[lowest, highest] in S for which the law holds"),
}
_CURRENT = {
    "law": _Key(_law, "the current in A as a law of voltages, g, temperature and parameters"),
    "valid": _Key(_table, "the ranges { v = [..], g = [..] } for which the law holds"),
}
_ONE_LAW = {"law": _Key(_law, "the conductance in S as a law")}
_POINT = {
    **{name: _Key(_number, "the voltage in V") for name in _VOLTAGES},
    "g": _Key(_number, "the conductance in S"),
}
_REFERENCE = {
    "kind": _Key(_kind, f"one of {', '.join(KINDS)}"),
    "current": _Key(_number, "the current in A"),
    "tolerance": _Key(_tolerance, "the relative deviation that is still agreement"),
}
DEVICE = {
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
    "state": _Key(_named(_state), "", default={}, required=False),
    "conductance": _Key(_table_with(_ONE_LAW), "", required=False),
    "pulse": _Key(_table_with(_PULSE), "", required=False),
    "program": _Key(_table_with(_ONE_LAW), "", required=False),
    "read_noise": _Key(_table_with(_ONE_LAW), "", required=False),
    "drift": _Key(_table_with(_ONE_LAW), "", required=False),
}
