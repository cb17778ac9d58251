"""What the tests of the command line share: one array, its voltages, and reading what comes out."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import circuitxbar as cx

ROOT = Path(cx.__file__).parents[1]
ARRAY = 'conductances = "g.csv"\nwires = { row = 2.0, column = 3.0 }\n'
CONDUCTANCES = np.array([[1e-5, 2e-5, 3e-5], [4e-5, 5e-5, 6e-5]])
VOLTAGES = np.array([[0.1, 0.2], [-0.1, 0.15], [0.2, 0.0]])
CROSSBAR = cx.Crossbar(CONDUCTANCES, wires=cx.Wires(2.0, 3.0))


def assert_one_line(err: str) -> None:
    assert err.startswith("circuitxbar: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def start(
    *words: str, script: str | None = None, stdout: Any = subprocess.PIPE
) -> subprocess.Popen[str]:
    """A command in a process of its own, by `script` where one is given; its output is buffered."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    runner = ["-m", "circuitxbar"] if script is None else ["-c", script]
    return subprocess.Popen(
        [sys.executable, *runner, *words],
        env=environment | {"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def colours(picture: Path) -> int:
    """How many different colours a picture has: an empty sheet has one."""
    with Image.open(picture) as image:
        return len(image.convert("RGB").getcolors(image.width * image.height))


def table(text: str) -> dict[str, np.ndarray]:
    """The columns of comma separated text by name, those that hold numbers."""
    rows = list(csv.DictReader(io.StringIO(text)))
    names = rows[0].keys() - {"engine", "status"}
    return {name: np.array([float(row[name]) for row in rows]) for name in names}
