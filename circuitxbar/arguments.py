"""Checks at the door: what a caller hands in becomes a clean array, or a refusal that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitxbar.errors import CircuitError, CircuitxbarError

Array = NDArray[np.float64]


def real_array(
    name: str,
    value: Any,
    *,
    unit: str = "",
    shape: tuple[int | None, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    infinite: bool = False,
    error: type[CircuitxbarError] = CircuitError,
) -> Array:
    """`value` as a read-only float64 array of its own, checked entry by entry.

    shape : expected shape, None for a free axis; any shape when omitted.
    minimum, maximum : inclusive limits, in `unit`.  infinite : whether +inf is allowed.
    Raises `error` naming the first offending entry, its value and the limit.
    """
    try:
        raw = np.asarray(value)
    except Exception as problem:
        told = " ".join(str(problem).split())[:200]
        raise error(f"{name} is not an array of numbers ({told}).") from None
    if np.ma.is_masked(value):
        raise error(f"{name} has masked entries. Fill them first.")
    if raw.dtype.kind not in "fiu":
        raise error(
            f"{name} must hold real numbers; got {_described(value, raw)}. Pass floats or integers."
        )
    try:
        with np.errstate(over="raise"):
            array = np.array(raw, dtype=np.float64)
    except FloatingPointError:
        raise error(f"{name} holds a number beyond the largest float, 1.8e308.") from None
    if shape is not None and not _fits(array.shape, shape):
        sizes = ", ".join("any" if n is None else str(n) for n in shape)
        wanted = f"({sizes},)" if len(shape) == 1 else f"({sizes})"
        raise error(f"{name} has shape {array.shape}; expected {wanted}.")
    bad = np.isnan(array) | (np.isneginf(array) if infinite else np.isinf(array))
    if bad.any():
        where, entry = _first(name, array, bad)
        raise error(f"{where} = {entry:g} is not {'a number' if infinite else 'finite'}.")
    suffix = f" {unit}" if unit else ""
    if minimum is not None and (array < minimum).any():
        where, entry = _first(name, array, array < minimum)
        reason = "is negative" if minimum == 0 else "is too small"
        raise error(
            f"{where} = {entry:.1e}{suffix} {reason}. {_subject(name)} must be >= {minimum:g}."
        )
    if maximum is not None and (array > maximum).any():
        where, entry = _first(name, array, array > maximum)
        limit = f"{maximum:g}{suffix}"
        raise error(
            f"{where} = {entry:.1e}{suffix} is too large. {_subject(name)} must be <= {limit}."
        )
    array.flags.writeable = False
    return array


def whole_number(
    name: str, value: Any, *, minimum: int, error: type[CircuitxbarError] = CircuitError
) -> int:
    """`value` as an int of at least `minimum`; raises `error` for anything else, bool included."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)
    if not whole or value < minimum:
        raise error(f"{name} = {shown(value)}: expected a whole number >= {minimum}.")
    return int(value)


def real_number(
    name: str,
    value: Any,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    error: type[CircuitxbarError] = CircuitError,
) -> float:
    """`value` as a finite float within the inclusive limits; raises `error` for anything else."""
    return float(
        real_array(name, value, unit=unit, shape=(), minimum=minimum, maximum=maximum, error=error)
    )


def positive_number(
    name: str, value: Any, *, unit: str = "", error: type[CircuitxbarError] = CircuitError
) -> float:
    """`value` as a finite float above 0; raises `error` for anything else."""
    number = real_number(name, value, unit=unit, error=error)
    if number <= 0:
        quantity = f"{number:g} {unit}".rstrip()
        raise error(f"{name} = {quantity} must be above 0.")
    return number


def resistances(name: str, value: Any, *, shape: tuple[int | None, ...] | None = None) -> Array:
    """`value` in ohm, as `real_array` gives it: 0 joins nodes and inf is open, both exactly.

    Refuses resistances so small that their conductance is beyond the largest float.
    """
    array = real_array(name, value, unit="ohm", shape=shape, minimum=0.0, infinite=True)
    small = (array > 0) & (array < np.finfo(float).tiny)
    if small.any():
        where, entry = _first(name, array, small)
        raise CircuitError(
            f"{where} = {entry:.1e} ohm is too small to compute with. Give 0 to join the nodes."
        )
    return array


def random_generator(
    name: str, value: Any, purpose: str, error: type[CircuitxbarError] = CircuitError
) -> np.random.Generator:
    """The Generator `value`, or the one that a seed gives for `purpose`; `error` for others."""
    given = seed_or_generator(name, value, error)
    if isinstance(given, np.random.Generator):
        return given
    key = tuple(purpose.encode())
    return np.random.default_rng(np.random.SeedSequence(given, spawn_key=key))


def seed_or_generator(
    name: str, value: Any, error: type[CircuitxbarError] = CircuitError
) -> int | np.random.Generator:
    """`value` as it is, a Generator or a whole number >= 0; raises `error` for anything else."""
    if isinstance(value, np.random.Generator):
        return value
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise error(
            f"{name} = {shown(value)}: expected a whole number >= 0 or a numpy.random.Generator."
        )
    return int(value)


def flag(name: str, value: Any) -> bool:
    """`value` as a bool; CircuitError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise CircuitError(f"{name} = {shown(value)}: expected True or False.")
    return bool(value)


def shown(value: Any) -> str:
    """`value` as one short line for a message, whatever its own repr does."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or n == w for n, w in zip(shape, wanted, strict=True)
    )


def _first(name: str, array: Array, bad: NDArray[np.bool_]) -> tuple[str, float]:
    index = tuple(int(k) for k in np.argwhere(bad)[0])
    return (f"{name}[{', '.join(map(str, index))}]" if index else name), float(array[index])


def _subject(name: str) -> str:
    """How a sentence about the limits of `name` begins."""
    return name.capitalize() if name.isalpha() and name.endswith("s") else "It"


def _described(value: Any, raw: NDArray[Any]) -> str:
    return (
        f"dtype {raw.dtype}"
        if isinstance(value, np.ndarray)
        else f"{type(value).__name__} {shown(value)}"
    )
