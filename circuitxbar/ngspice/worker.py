"""The worker process: ngspice's shared library behind a pipe. The only file that imports PySpice.

Runs as a process of its own, because the library is a global that cannot be interrupted, may crash,
and is reached through PySpice, which is under the GPL. It holds no numerical state between decks.

A frame is two little-endian 64-bit lengths, a JSON header and a body of raw bytes. The worker
greets with {"version"} or {"error"}. A request's body is a deck; the answer's header is
{"log", "error", "plots": [{"name", "vectors": [[name, dtype, length], ...]}, ...]}, its body the
numbers in that order.

Runs as `python -m circuitxbar.ngspice.worker`; imports nothing else of circuitxbar, so that it
starts fast.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import queue
import re
import struct
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<QQ")
_LOG_HEAD, _LOG_TAIL = 1000, 200  # lines kept of a long log: the first failure and the last words


def send(stream: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Writes one frame to an unbuffered `stream`."""
    text = json.dumps(header).encode()
    rest = memoryview(_LENGTHS.pack(len(text), len(body)) + text + body)
    while rest:
        rest = rest[stream.write(rest) :]


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytearray] | None:
    """The next frame of an unbuffered `stream`; None when the other side is gone."""
    lengths = _read(stream, _LENGTHS.size)
    if lengths is None:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    header, body = _read(stream, header_length), _read(stream, body_length)
    return None if header is None or body is None else (json.loads(header), body)


def _read(stream: BinaryIO, length: int) -> bytearray | None:
    content = bytearray(length)
    rest = memoryview(content)
    while rest:
        count = stream.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            return None
        rest = rest[count:]
    return content


class _Log:
    """Collects lines; of a very long log it keeps the beginning and the end."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=_LOG_TAIL)

    def add(self, line: str) -> None:
        (self._head if len(self._head) < _LOG_HEAD else self._tail).append(line)

    def take(self) -> str:
        """Everything said since the last call."""
        text = "\n".join([*self._head, *self._tail])
        self._head, self._tail = [], deque(maxlen=_LOG_TAIL)
        return text


class _Simulator:
    """ngspice's library through PySpice; whatever it prints goes to `log`."""

    def __init__(self, log: _Log) -> None:
        from PySpice.Spice.NgSpice import Shared  # pyright: ignore[reportMissingImports]

        logging.getLogger("PySpice").setLevel(logging.CRITICAL)  # it warns of versions after 34
        ffi: Any = Shared.ffi

        class Library(Shared.NgSpiceShared):
            # PySpice takes every line on stderr for a failure, also the notes of an operating
            # point that converged by stepping. Here lines are only collected; who reads the log
            # judges.
            @staticmethod
            def _send_char(message_c: Any, ngspice_id: int, user_data: Any) -> int:
                del ngspice_id
                line = ffi.string(message_c).decode("utf-8", "replace")
                text = re.sub(r"^std(?:out|err) ", "", line)
                log.add(text)
                ffi.from_handle(user_data)._stdout.append(text)  # PySpice finds the version there
                return 0

        self._log = log
        self._ffi = ffi
        self._library: Any = Library.new_instance()
        self.version: int = self._library.ngspice_version

    def answer(self, deck: str) -> tuple[dict[str, Any], bytes]:
        """Runs the analyses of `deck`; leaves no circuit, no plot and no memory behind."""
        self._log.take()
        plots: list[dict[str, Any]] = []
        numbers, error = b"", None
        try:
            self._library.load_circuit(deck)
            self._library.exec_command("run")
            plots, numbers = self._plots()
        except Exception as problem:
            error = str(problem) or type(problem).__name__
        said = self._log.take()
        with contextlib.suppress(Exception):  # a deck that was not loaded cannot be removed
            self._library.remove_circuit()
        self._library.destroy()
        return {"log": said, "error": error, "plots": plots}, numbers

    def _plots(self) -> tuple[list[dict[str, Any]], bytes]:
        """Every plot in the order it was made, and the numbers of all."""
        plots: list[dict[str, Any]] = []
        numbers: list[bytes] = []
        for plot in reversed(self._library.plot_names):
            if plot == "const":
                continue
            vectors: list[tuple[str, str, int]] = []
            for name in self._vector_names(plot):
                dtype, length, content = self._vector(plot, name)
                vectors.append((name, dtype, length))
                numbers.append(content)
            plots.append({"name": plot, "vectors": vectors})
        return plots, b"".join(numbers)

    def _vector_names(self, plot: str) -> list[str]:
        names = self._library._ngspice_shared.ngSpice_AllVecs(plot.encode())
        numbers = itertools.takewhile(lambda k: names[k] != self._ffi.NULL, itertools.count())
        return [self._ffi.string(names[k]).decode() for k in numbers]

    def _vector(self, plot: str, name: str) -> tuple[str, int, bytes]:
        """The dtype, length and numbers of one vector."""
        ffi = self._ffi
        found = self._library._ngspice_shared.ngGet_Vec_Info(f"{plot}.{name}".encode())
        if found == ffi.NULL:
            raise RuntimeError(f"vector {name!r} of plot {plot!r} cannot be read")
        length = found.v_length
        if found.v_compdata != ffi.NULL:
            return "<c16", length, bytes(ffi.buffer(found.v_compdata, 16 * length))
        return "<f8", length, bytes(ffi.buffer(found.v_realdata, 8 * length)) if length else b""


def _start(log: _Log) -> _Simulator:
    """The library, loaded without any start file of the user."""
    # It looks for .spiceinit in the current folder and only then in the home of the password file,
    # whatever HOME says: an empty one in the current folder hides the other.
    with tempfile.TemporaryDirectory(prefix="ngspice-") as folder:
        os.chdir(folder)
        Path(".spiceinit").write_text("* nothing\n")
        try:
            return _Simulator(log)
        finally:
            os.chdir("/")


def _limit_memory() -> None:
    """A run-away deck ends this process, not the machine."""
    import resource

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(ValueError, OSError):  # the caller's own limit is already lower
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answers decks until the other side goes away."""
    # The library prints to 1 and may read 0: both ends of the pipe move out of its way.
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _limit_memory()
    try:
        simulator = _start(_Log())
    except Exception as problem:
        send(answers, {"error": f"{type(problem).__name__}: {problem}"})
        return
    send(answers, {"version": simulator.version})

    decks: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        # On a thread, so that a worker whose owner died also ends in the middle of a long solve.
        while (frame := receive(requests)) is not None:
            decks.put(frame[1].decode())
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        header, numbers = simulator.answer(decks.get())
        send(answers, header, numbers)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
