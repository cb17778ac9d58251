"""What the commands share: input voltages, outputs checked beforehand, a sign of work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from circuitxbar.arguments import Array, shown
from circuitxbar.cli.number_files import read_vectors
from circuitxbar.errors import CircuitError

# --voltages, --column-voltages and --gates, as they were typed and as `solve` takes them, V.
Words = tuple[Path | None, Path | None, str | None]
Inputs = tuple[Array | None, Array | None, Array | float | None]


def read_inputs(words: Words) -> Inputs:
    """The voltages in files, (batch, lines) or (lines,), V, or a number for all gates.

    None where nothing was named.
    """
    voltages, column_voltages, gates = words
    rows = None if voltages is None else read_vectors("voltages", voltages)
    columns = None if column_voltages is None else read_vectors("column voltages", column_voltages)
    return rows, columns, None if gates is None else _gates(gates)


def _gates(word: str) -> Array | float:
    try:
        return float(word)
    except ValueError:
        pass
    if not Path(word).exists():
        raise CircuitError(f"--gates {shown(word)} is neither a number, in volt, nor a file.")
    return read_vectors("gates", Path(word))


def check_output(path: Path | None, *endings: str) -> None:
    """Refuse, before the work is done, a file that could not be written after it."""
    if path is None:
        return
    if endings and path.suffix.lower() not in endings:
        raise CircuitError(f"{path}: name a file that ends in {' or '.join(endings)}.")
    if path.is_dir():
        raise CircuitError(f"{path} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise CircuitError(f"{path}: there is no folder {path.parent}. Make it, or choose another.")
    if not os.access(path.parent, os.W_OK):
        raise CircuitError(f"{path}: the folder {path.parent} cannot be written to.")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that `what` is under way, on a terminal; silent otherwise."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
