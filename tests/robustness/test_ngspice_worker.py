"""The worker process: killed, stuck, interrupted, forked or shared, the next answer is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitxbar.errors import SolverError
from circuitxbar.ngspice import runner, shared, worker
from circuitxbar.ngspice.runner import run

TRANSPORTS = ("pyspice", "subprocess")
DIVIDER = "divider\nv1 1 0 1\nr1 1 out 1k\nr2 out 0 2k\n.op\n.end"
ENDLESS = "long\nv1 a 0 sin(0 1 1meg)\nr1 a 0 1\n.tran 1n 1 0.999 1n\n.end"
CHECKOUT = Path(runner.__file__).parents[2]


def is_right(transport: str = "pyspice") -> bool:
    return run(DIVIDER, transport=transport).vectors["out"] == pytest.approx([2 / 3], rel=1e-14)


def worker_id() -> int:
    assert shared._worker is not None
    return shared._worker._process.pid


@contextmanager
def after(seconds: float, action: Callable[[], Any]) -> Iterator[None]:
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_that_dies_while_it_solves_is_named_and_replaced(sent: signal.Signals):
    assert is_right()
    with (
        after(0.3, lambda: os.kill(worker_id(), sent)),
        pytest.raises(SolverError, match=f"PySpice.*ended by {sent.name}"),
    ):
        run(ENDLESS, transport="pyspice", timeout=30)
    assert is_right()


def test_a_worker_that_died_between_calls_is_named_and_replaced(
    monkeypatch: pytest.MonkeyPatch,
):
    assert is_right()
    os.kill(worker_id(), signal.SIGKILL)
    signalled: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda group, _: signalled.append(group))
        patch.setattr(shared._Worker, "is_dead", lambda _: False)  # it dies just after being asked
        with pytest.raises(SolverError, match="ended by SIGKILL"):
            run(DIVIDER, transport="pyspice")
    assert signalled == []  # its number is free again, and may be another's
    assert is_right()


def test_a_worker_that_died_while_idle_is_replaced_unseen():
    assert is_right()
    first = worker_id()
    os.kill(first, signal.SIGKILL)
    assert shared._worker is not None
    shared._worker._process.wait(60)
    assert is_right()
    assert worker_id() != first


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_crash_of_ngspice_itself_is_an_error_and_the_next_deck_right(transport: str):
    unbalanced = "title\nv1 1 0 1\nb1 2 0 v=v(1\nr1 2 0 1\n.op\n.end"
    with pytest.raises(SolverError, match="ngspice"):
        run(unbalanced, transport=transport)
    assert is_right(transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_timeout_says_how_long_and_the_next_deck_is_right(transport: str):
    with pytest.raises(SolverError, match=r"stopped after 0\.4 s"):
        run(ENDLESS, transport=transport, timeout=0.4)
    assert is_right(transport)


def test_a_worker_that_no_longer_reads_also_times_out():
    assert is_right()
    os.kill(worker_id(), signal.SIGSTOP)
    large = DIVIDER.replace("r1", "* " + "x" * (1 << 20) + "\nr1")
    with pytest.raises(SolverError, match=r"stopped after 0\.3 s"):
        run(large, transport="pyspice", timeout=0.3)
    assert is_right()


@pytest.fixture
def python_interrupts() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_interrupt_leaves_no_half_answer(transport: str, python_interrupts: None):
    main = threading.main_thread().ident
    assert main is not None
    with (
        after(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)),
        pytest.raises(KeyboardInterrupt),
    ):
        run(ENDLESS, transport=transport, timeout=30)
    assert is_right(transport)


def test_temporary_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    shared._end()
    for transport in TRANSPORTS:
        assert is_right(transport)
        with pytest.raises(SolverError):
            run(ENDLESS, transport=transport, timeout=0.3)
        assert is_right(transport)
    assert list(tmp_path.iterdir()) == []


def test_threads_share_the_worker_and_each_gets_its_own_answer():
    answers: dict[int, list[float]] = {}

    def ask(thread: int) -> None:
        answers[thread] = []
        for k in range(10):
            value = 1.0 + thread * 100 + k
            answer = run(f"title\nv1 out 0 {value!r}\nr1 out 0 1\n.op\n.end", transport="pyspice")
            answers[thread].append(float(answer.vectors["out"][0]))

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {t: [1.0 + t * 100 + k for k in range(10)] for t in range(4)}


def resident_bytes(process_id: int) -> int:
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hundred_runs_leak_nothing():
    chain = "\n".join(f"r{k} n{k} n{k + 1} 1k" for k in range(200))
    deck = f"title\nv1 n0 0 1\n{chain}\nrl n200 0 1k\n.op\n.end"
    for _ in range(20):
        run(deck, transport="pyspice")
    first, before = worker_id(), resident_bytes(worker_id())
    for _ in range(200):
        run(deck, transport="pyspice")
    assert worker_id() == first
    assert resident_bytes(first) - before < 4_000_000


def test_a_start_file_of_the_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".spiceinit").write_text(f"shell touch {tmp_path}/was_read\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    shared._end()
    for transport in TRANSPORTS:
        assert is_right(transport)
    assert not (tmp_path / "was_read").exists()


def script(text: str, cwd: Path) -> str:
    """What `text` prints, run by a fresh interpreter from another folder than the checkout."""
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_timeout_leaves_no_child_running(transport: str, tmp_path: Path):
    text = f"""
import os
from circuitxbar.errors import SolverError
from circuitxbar.ngspice.runner import run
try:
    run({ENDLESS!r}, transport={transport!r}, timeout=0.3)
except SolverError:
    pass
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none")
"""
    assert script(text, tmp_path) == "none\n"


FORK = f"""
import os, sys
from circuitxbar.ngspice import shared
from circuitxbar.ngspice.runner import run
deck = {DIVIDER!r}
def ask(): return float(run(deck, transport="pyspice").vectors["out"][0])
ask()
parent = shared._worker._process.pid
readable, writable = os.pipe()
child = os.fork()
if child == 0:
    value = ask()
    os.write(writable, repr((value, shared._worker._process.pid != parent)).encode())
    shared._end()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(os.read(readable, 100).decode(), ask(), shared._worker._process.pid == parent)
assert "PySpice" not in sys.modules
"""


def test_a_forked_child_starts_its_own_worker_and_spares_the_parents(tmp_path: Path):
    exact = repr(2 / 3)
    assert script(FORK, tmp_path).split("\n")[0] == f"({exact}, True) {exact} True"


def test_a_program_that_ends_leaves_no_worker(tmp_path: Path):
    text = f"""
from circuitxbar.ngspice import shared
from circuitxbar.ngspice.runner import run
run({DIVIDER!r}, transport="pyspice")
print(shared._worker._process.pid)
"""
    process_id = int(script(text, tmp_path))
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_a_worker_whose_owner_is_gone_ends_in_the_middle_of_a_solve():
    library = runner.found()
    assert library is not None
    assert library.library is not None
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(worker.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "NGSPICE_LIBRARY_PATH": library.library},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        greeting = worker.receive(process.stdout)  # pyright: ignore[reportArgumentType]
        assert greeting is not None
        assert greeting[0]["version"] == library.version
        worker.send(process.stdin, {}, ENDLESS.encode())  # pyright: ignore[reportArgumentType]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)  # it solves
        process.stdin.close()
        assert process.wait(timeout=60) == 0  # the solve alone would take far longer
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_frames_carry_any_bytes_and_an_early_end_is_none(tmp_path: Path):
    path = tmp_path / "frames"
    body = np.arange(3.0).tobytes() + b"\n\0"
    with path.open("wb", buffering=0) as stream:
        worker.send(stream, {"name": "é"}, body)
        worker.send(stream, {})
    whole = path.read_bytes()
    with path.open("rb", buffering=0) as stream:
        assert worker.receive(stream) == ({"name": "é"}, body)
        assert worker.receive(stream) == ({}, b"")
        assert worker.receive(stream) is None
    path.write_bytes(whole[:20])
    with path.open("rb", buffering=0) as stream:
        assert worker.receive(stream) is None
