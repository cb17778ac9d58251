"""What the commands share: input voltages, outputs checked beforehand, a sign of work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from circuitxbar.arguments import Array
from circuitxbar.cli.number_files import read_vectors
from circuitxbar.errors import CircuitError


def read_inputs(
    voltages: Path | None, column_voltages: Path | None
) -> tuple[Array | None, Array | None]:
    """The voltages in two files, (batch, lines) or (lines,), V; None where no file is named."""
    rows = None if voltages is None else read_vectors("voltages", voltages)
    columns = None if column_voltages is None else read_vectors("column voltages", column_voltages)
    return rows, columns


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
