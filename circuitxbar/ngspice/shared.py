"""Decks through PySpice: the near side of the worker process (`worker.py` is the far side).

One worker per process, started when first needed. It is a resource, like an open file: it keeps no
circuit and no number between calls. After any failure, a timeout or an interrupt it is ended, and
the next call starts a fresh one; a forked child drops its parent's worker and starts its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np

from circuitxbar.errors import SolverError
from circuitxbar.ngspice import worker as far_side
from circuitxbar.ngspice.environment import minimal_environment
from circuitxbar.ngspice.messages import failure, last_lines
from circuitxbar.ngspice.rawfile import Plot, Vector, plain_name

_PACKAGE_FOLDER = str(Path(far_side.__file__).parents[2])
_START_TIMEOUT = 60.0  # seconds; a start takes 0.2 s on an idle machine


class _Worker:
    """One worker process, and the `version` of its ngspice."""

    def __init__(self, library: str):
        self.library = library
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - what it prints beside its answers
        try:
            self._process = _started(library, self._words)
        except OSError as problem:
            self._words.close()
            raise SolverError(
                f"ngspice's worker process did not start ({problem}). "
                'Free some memory and processes, or use transport="subprocess".'
            ) from None
        self._requests = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        try:
            header, _ = self._answer(_START_TIMEOUT, deck=None)
            if "error" in header:
                raise SolverError(
                    f"ngspice did not start through PySpice ({header['error']}). "
                    'Repair PySpice, or use transport="subprocess".'
                )
        except BaseException:
            self.end()
            raise
        self.version = int(header["version"])

    def run(self, deck: str, timeout: float) -> tuple[list[Plot], str]:
        """The plots of `deck` and ngspice's log; a SolverError quotes ngspice when it failed."""
        header, numbers = self._answer(timeout, deck)
        problem = failure(header["log"]) or header["error"]
        if problem:
            raise SolverError(f"ngspice: {problem}")
        return _plots(header["plots"], numbers), header["log"] + self._printed()

    def end(self) -> None:
        """Ends the process at once and closes every file."""
        self._kill()
        self._process.wait()
        for stream in (self._requests, self._answers, self._words):
            stream.close()

    def forget(self) -> None:
        """In a forked child: closes the inherited files and leaves the parent's process alone."""
        for stream in (self._requests, self._answers, self._words):
            stream.close()
        self._process.returncode = 0  # not this process's child; keeps Popen from looking after it

    def is_dead(self) -> bool:
        """Whether the process ended while nothing was asked of it."""
        return self._process.poll() is not None

    def _answer(self, timeout: float, deck: str | None) -> tuple[dict[str, Any], bytearray]:
        expired = threading.Event()

        def give_up() -> None:
            expired.set()
            self._kill()

        # Nothing inside the library can be stopped: a timeout ends the process, and so the read.
        watchdog = threading.Timer(timeout, give_up)
        watchdog.daemon = True
        watchdog.start()
        answer = None
        try:
            if deck is not None:
                self._words.seek(0)
                self._words.truncate()
                far_side.send(self._requests, {}, deck.encode())
            answer = far_side.receive(self._answers)
        except BrokenPipeError:
            pass
        finally:
            watchdog.cancel()
            watchdog.join()
        if expired.is_set():
            raise SolverError(
                f"ngspice (through PySpice) was stopped after {timeout:g} s without an answer. "
                "Allow more time, or use a smaller circuit."
            )
        if answer is None:
            raise SolverError(
                f"ngspice (through PySpice) {self._death()}: {last_lines(self._printed())}. "
                "The next call starts a new one."
            )
        return answer

    def _death(self) -> str:
        """How the worker ended, once its pipe is closed."""
        try:
            code = self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return (
            f"was ended by {signal.Signals(-code).name}" if code < 0 else f"left with code {code}"
        )

    def _printed(self) -> str:
        self._words.seek(0)
        return self._words.read(1 << 20).decode("utf-8", "replace")

    def _kill(self) -> None:
        if self._process.returncode is None:  # once it was waited for, its number may be another's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _started(library: str, words: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", far_side.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        bufsize=0,
        env=minimal_environment(
            NGSPICE_LIBRARY_PATH=library,
            # Both packages are found where this process finds them, also under pytest or in a
            # notebook, and this one where it lies, also when an import hook found it.
            PYTHONPATH=os.pathsep.join(map(os.path.abspath, [*sys.path, _PACKAGE_FOLDER])),
        ),
        start_new_session=True,  # its own group: Ctrl-C does not reach it, killpg does
    )


_lock = threading.Lock()
_worker: _Worker | None = None


def run_deck(deck: str, library: str, timeout: float) -> tuple[list[Plot], str, int]:
    """The plots of `deck`, ngspice's log and ngspice's version; `timeout` in seconds of solving.

    The library does one deck at a time: other threads wait for their turn.
    """
    with _lock:
        worker = _held(library)
        try:
            plots, log = worker.run(deck, timeout)
        except BaseException:  # an interrupt leaves half an answer in the pipe
            _end()
            raise
        return plots, log, worker.version


def library_version(library: str) -> int:
    """Version of ngspice's shared library."""
    with _lock:
        return _held(library).version


def _held(library: str) -> _Worker:
    global _worker
    if _worker is not None and (_worker.library != library or _worker.is_dead()):
        _end()
    if _worker is None:
        _worker = _Worker(library)
    return _worker


def _end() -> None:
    global _worker
    if _worker is not None:
        _worker.end()
    _worker = None


def _after_fork() -> None:
    global _worker, _lock
    _lock = threading.Lock()  # the parent's may be held by a thread that does not exist here
    if _worker is not None:
        _worker.forget()
    _worker = None


atexit.register(_end)
os.register_at_fork(after_in_child=_after_fork)


def _plots(headers: list[dict[str, Any]], numbers: bytearray) -> list[Plot]:
    plots: list[Plot] = []
    offset = 0
    for header in headers:
        vectors: dict[str, Vector] = {}
        for name, dtype, length in header["vectors"]:
            vectors[plain_name(name)] = np.frombuffer(numbers, dtype, length, offset)
            offset += np.dtype(dtype).itemsize * length
        plots.append(Plot(header["name"], vectors))
    return plots
