"""Tables of numbers: comma separated text, or NumPy's .npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.errors import CircuitError


def read_vectors(name: str, path: Path) -> Array:
    """The numbers in `path` as (lines, entries), or as (entries,) where it is text of one line.

    Messages call them `name`. Text: one vector per line, entries separated by commas; empty lines
    and lines that start with # are skipped. A .npy file keeps its own shape.
    Raises CircuitError naming the file, and for text the line and the entry that is wrong.
    """
    table = read_table(name, path)
    is_one_line = path.suffix != ".npy" and len(table) == 1
    return table[0] if is_one_line else table


def read_table(name: str, path: Path) -> Array:
    """Like read_vectors, but text of one line is (1, entries)."""
    try:
        return _read_npy(name, path) if path.suffix == ".npy" else _read_text(path)
    except OSError as problem:
        reason = problem.strerror or problem
        raise CircuitError(f"{path}: {name} cannot be read ({reason}).") from None
    except UnicodeDecodeError:
        raise CircuitError(f"{path}: not text. Put {name} in a .csv or .npy file.") from None
    except CircuitError:
        raise
    except ValueError:  # from the operating system's door: a NUL character
        raise CircuitError(f"{name} = {shown(str(path))} is not the name of a file.") from None


def _read_npy(name: str, path: Path) -> Array:
    try:
        with path.open("rb") as file:  # NumPy leaves a damaged file open
            array = np.load(file, allow_pickle=False)
    except OSError:
        raise
    except Exception:  # a damaged file makes NumPy raise almost anything
        raise CircuitError(f"{path}: not an array saved by NumPy. Save {name} anew.") from None
    return real_array(f"{path}: {name}", array, infinite=True)


def _read_text(path: Path) -> Array:
    table: list[list[float]] = []
    first = 0
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}, line {number}"
        table.append([_number(where, k, text) for k, text in enumerate(line.split(","), start=1)])
        first = first or number
        if len(table[-1]) != len(table[0]):
            raise CircuitError(
                f"{where} has {len(table[-1])} entries, line {first} has {len(table[0])}. "
                "Give every line as many."
            )
    if not table:
        raise CircuitError(f"{path} holds no numbers. Write one vector per line.")
    return np.array(table)


def _number(where: str, entry: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    # Python reads 1_000 as 1000, which nobody else does.
    if np.isnan(value) or "_" in text:
        raise CircuitError(
            f"{where}, entry {entry}: {shown(text.strip())} is not a number. "
            "Separate plain numbers such as 2.5e-6 by commas."
        )
    return value
