"""Reader of ngspice's binary raw files: real or complex, several plots in one file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitxbar.errors import NetlistError

Vector = NDArray[Any]  # float64; complex128 in the plot of an AC analysis


@dataclass(frozen=True, eq=False)
class Plot:
    """The result of one analysis: its name, such as "Operating Point", and its vectors by name."""

    name: str
    vectors: dict[str, Vector]


def read_raw(source: bytes | str | PathLike[str]) -> list[Plot]:
    """The plots in a raw file, in file order; vectors carry the plain names of `plain_name`.

    source : the file's bytes, or its path.
    Raises NetlistError when the file is empty, cut short, or not a raw file.
    """
    if isinstance(source, bytes):
        text, where = source, "the raw file"
    else:
        where = f"raw file {str(source)!r}"
        try:
            text = Path(source).read_bytes()
        except OSError as problem:
            raise NetlistError(f"{where} cannot be read ({problem.strerror}).") from None
    plots: list[Plot] = []
    position = 0
    while position < len(text):
        try:
            plot, position = _plot(text, position)
        except ValueError as problem:
            raise NetlistError(
                f"{where}, plot {len(plots)}: {problem}. The simulator was probably stopped "
                "while it wrote; run it again."
            ) from None
        plots.append(plot)
    if not plots:
        raise NetlistError(f"{where} is empty. Run the simulator again.")
    return plots


def plain_name(name: str) -> str:
    """The name a vector has here: lower case, `v(out)` -> `out`, `i(v1)` -> `v1#branch`."""
    name = name.lower()
    match = re.fullmatch(r"([vi])\((.*)\)", name)
    if match is None:
        return name
    kind, inner = match.groups()
    return f"{inner}#branch" if kind == "i" and not inner.startswith("@") else inner


def _plot(text: bytes, position: int) -> tuple[Plot, int]:
    """The plot that starts at `position`, and where it ends; ValueError says what is wrong."""
    header: dict[str, str] = {}
    names: list[str] = []
    while True:
        line, position = _line(text, position)
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if not colon:
            raise ValueError(f"{line[:40]!r} is not a header line")
        if key == "binary":
            break
        header[key] = value.strip()
        if key == "variables":
            for _ in range(_count(header, "no. variables")):
                line, position = _line(text, position)
                fields = line.split()
                if len(fields) < 3:
                    raise ValueError(f"{line[:40]!r} is not a variable line")
                names.append(plain_name(fields[1]))
    if len(names) != _count(header, "no. variables"):
        raise ValueError("the header lists no variables")
    if len(set(names)) != len(names):
        raise ValueError("two variables have the same name")
    points = _count(header, "no. points")
    complex_numbers = "complex" in header.get("flags", "").lower()
    table, position = _table(text, position, points, len(names), complex_numbers)
    columns = np.ascontiguousarray(table.T)
    vectors = dict(zip(names, columns, strict=True))
    return Plot(header.get("plotname", ""), vectors), position


def _table(
    text: bytes, position: int, points: int, variables: int, complex_numbers: bool
) -> tuple[Vector, int]:
    dtype = np.dtype("<c16" if complex_numbers else "<f8")
    end = position + points * variables * dtype.itemsize
    if end > len(text):
        raise ValueError(
            f"{end - len(text)} bytes of its {points} x {variables} values are missing"
        )
    values = np.frombuffer(text, dtype, points * variables, position)
    return values.reshape(points, variables), end


def _line(text: bytes, position: int) -> tuple[str, int]:
    end = text.find(b"\n", position)
    if end < 0:
        raise ValueError("its header is cut")
    return text[position:end].decode("utf-8", "replace").rstrip("\r"), end + 1


def _count(header: dict[str, str], key: str) -> int:
    value = header.get(key, "")
    if not value.isdigit():
        raise ValueError(f"'{key}' is {value!r}, not a count")
    return int(value)
