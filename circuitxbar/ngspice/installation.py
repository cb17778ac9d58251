"""Which ngspice this machine has, and the ways to reach it."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

from circuitxbar.errors import SolverError
from circuitxbar.ngspice import shared
from circuitxbar.ngspice.environment import minimal_environment


@dataclass(frozen=True)
class Installation:
    """An ngspice: its major version, and how to reach it.

    command : path of the program, or None.  library : name or path of the shared library, or None.
    pyspice : whether PySpice is installed, through which the library is used.
    """

    version: int
    command: str | None
    library: str | None
    pyspice: bool


def found() -> Installation | None:
    """The ngspice of this machine; None without the program and without the library with PySpice.

    The program is looked up on PATH, the library where NGSPICE_LIBRARY_PATH or the loader says,
    once for each value of these. Raises SolverError for one that does not start.
    """
    names = ("PATH", "NGSPICE_LIBRARY_PATH", "LD_LIBRARY_PATH")
    installation = _found(*(os.environ.get(name) for name in names))
    if isinstance(installation, str):
        raise SolverError(installation)
    return installation


@lru_cache(maxsize=8)
def _found(
    path: str | None, library_path: str | None, _loader_path: str | None
) -> Installation | str | None:
    """The installation, or what is wrong with it: neither is looked for twice."""
    command = shutil.which("ngspice", path=path)
    library = _library(library_path)
    pyspice = bool(sys.executable) and importlib.util.find_spec("PySpice") is not None
    try:
        if command is not None:
            version = _command_version(command)
        elif library is not None and pyspice:
            version = shared.library_version(library)
        else:
            return None
    except SolverError as broken:
        return str(broken)
    return Installation(version, command, library, pyspice)


def _library(named: str | None) -> str | None:
    if named:
        return named if os.path.basename(named) == named or os.path.exists(named) else None
    return ctypes.util.find_library("ngspice")


def _command_version(command: str) -> int:
    try:
        said = subprocess.run(
            [command, "-v"],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            env=minimal_environment(),
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise SolverError(
            f"{command} -v does not run ({problem}). Install ngspice again."
        ) from None
    match = re.search(r"ngspice-(\d+)", said)
    if match is None:
        raise SolverError(
            f"{command} -v does not name a version of ngspice. Install ngspice again."
        )
    return int(match[1])
