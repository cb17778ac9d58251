"""Decks through the ngspice program: one `ngspice -b` per deck, numbers from its raw file."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from circuitxbar.errors import NetlistError, SolverError
from circuitxbar.ngspice.environment import minimal_environment
from circuitxbar.ngspice.messages import failure, last_lines
from circuitxbar.ngspice.rawfile import Plot, read_raw

_LARGEST_FILE = 4 << 30  # bytes
_LOG_KEPT = 1 << 20  # bytes of the log's beginning; the first failure is the one that decides

# Limits are set by a shell that then becomes ngspice: Python's own way runs code between fork and
# exec, which is unsafe in a program with threads. Not every system knows a limit on memory.
_LIMITED = (
    'ulimit -c 0; ulimit -t "$1"; ulimit -f "$2"; ulimit -v "$3" 2>/dev/null; shift 3; exec "$@"'
)


def run_deck(deck: str, command: str, timeout: float) -> tuple[list[Plot], str]:
    """The plots of `deck` and ngspice's log; `command` is ngspice's path, `timeout` in seconds.

    Raises SolverError quoting ngspice when the exit code, the log or the raw file says it failed.
    """
    with tempfile.TemporaryDirectory(prefix="ngspice-") as folder:
        place = Path(folder)
        (place / "deck.cir").write_text(deck if deck.endswith("\n") else deck + "\n")
        code = _run(command, place, timeout)
        with (place / "log").open("rb") as file:
            log = file.read(_LOG_KEPT).decode("utf-8", "replace")
        problem = failure(log)
        if problem is None and code != 0:
            how = (
                f"was ended by {signal.Signals(-code).name}"
                if code < 0
                else f"left with code {code}"
            )
            problem = f"{how}: {last_lines(log)}"
        if problem is not None:
            raise SolverError(f"ngspice: {problem}")
        try:
            return read_raw(place / "answer.raw"), log
        except NetlistError as unreadable:
            raise SolverError(f"ngspice: {last_lines(log)} ({unreadable})") from None


def _run(command: str, place: Path, timeout: float) -> int:
    """Exit code of ngspice on the deck in `place`; negative for the signal that ended it."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [math.ceil(timeout) + 5, _LARGEST_FILE // 512, memory // 1024]
    # -n: no start-up file of a user, which could change the answer or run commands.
    arguments = [command, "-b", "-n", "-r", "answer.raw", "deck.cir"]
    with (place / "log").open("wb") as log:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _LIMITED, "sh", *map(str, limits), *arguments],
                cwd=place,
                env=minimal_environment(HOME=str(place)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as problem:
            raise SolverError(
                f"ngspice did not start ({problem}). Free some memory and processes."
            ) from None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise SolverError(
                f"ngspice was stopped after {timeout:g} s without an answer. "
                "Allow more time, or use a smaller circuit."
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
