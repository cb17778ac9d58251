"""Text of a table of measured steps -> JumpTable."""

from __future__ import annotations

import csv
import io

import numpy as np

from circuitxbar.devices.pulses import JumpTable
from circuitxbar.errors import ModelError

LARGEST_CONTENT = 1_000_000  # bytes


def jump_table(text: str, where: str) -> JumpTable:
    """The table that CSV `text` holds, else ModelError.

    First line `direction,quantile,` and conductances (S), rising; then one line per direction, "up"
    or "down", and quantile, rising from 0 to 1, with the step (S) at each of the conductances.
    """
    lines = [line for line in csv.reader(io.StringIO(text)) if line]
    if not lines or [cell.strip() for cell in lines[0][:2]] != ["direction", "quantile"]:
        raise ModelError(f"{where}: its first line must begin with direction,quantile.")
    width = len(lines[0])
    conductances = _numbers(lines[0][2:], f"{where}, line 1")
    steps: dict[str, list[np.ndarray]] = {"up": [], "down": []}
    for number, line in enumerate(lines[1:], start=2):
        direction = line[0].strip()
        if direction not in steps or len(line) != width:
            raise ModelError(
                f"{where}, line {number}: expected up or down, a quantile and {width - 2} steps."
            )
        steps[direction].append(_numbers(line[1:], f"{where}, line {number}"))
    tables = {name: np.array(rows).reshape(-1, width - 1) for name, rows in steps.items()}
    quantiles = tables["up"][:, 0]
    if not np.array_equal(quantiles, tables["down"][:, 0]):
        raise ModelError(f"{where}: up and down must have the same quantiles.")
    if len(quantiles) < 2 or (np.diff(quantiles) <= 0).any() or set(quantiles[[0, -1]]) != {0, 1}:
        raise ModelError(f"{where}: quantiles must rise from 0 to 1.")
    if len(conductances) < 2 or (np.diff(conductances) <= 0).any() or conductances[0] < 0:
        raise ModelError(f"{where}: conductances must be >= 0 and rise.")
    return JumpTable(conductances, quantiles, tables["up"][:, 1:], tables["down"][:, 1:])


def _numbers(cells: list[str], where: str) -> np.ndarray:
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError as problem:
        raise ModelError(f"{where}: {problem}.") from None
    if not np.isfinite(numbers).all():
        raise ModelError(f"{where}: not all numbers are finite.")
    return numbers
