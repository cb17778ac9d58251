"""Numbers as ngspice reads them: a scale after the digits, then letters without a meaning."""

from __future__ import annotations

import math
import re

NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?[a-z]*"
_PARTS = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:e([+-]?\d{1,9}))?([a-z]*)\Z")
_SCALES = {"t": 12, "g": 9, "k": 3, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18}
MIL = 25.4e-6


def number(text: str) -> float | None:
    """The value of `text` in lower case, 2.2u or 10kohm, or None where it is no finite number.

    Digits and scale are rounded once, so that 2.2u is 2.2e-6 to the last bit.
    """
    parts = _PARTS.match(text)
    if parts is None:
        return None
    digits, exponent, unit = parts.groups()
    power = int(exponent or 0)
    if unit.startswith("mil"):
        value = float(f"{digits}e{power}") * MIL
    elif unit.startswith("meg"):
        value = float(f"{digits}e{power + 6}")
    else:
        value = float(f"{digits}e{power + _SCALES.get(unit[:1], 0)}")
    return value if math.isfinite(value) else None
