"""What every benchmark shares: one machine description, pinned threads, paired runs, one JSON."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

# One thread in every BLAS, so that neighbours are not measured; ours are counted by affinity.
_PINNED = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Kernels that a BLAS is told to take are not the ones that a user gets.
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def pinned(main: Callable[[], None]) -> None:
    """`main` in a process whose BLAS has one thread and chooses its own kernels.

    A BLAS looks at its environment only when it is loaded, so the process begins again where that
    is not so already.
    """
    wanted = {k: v for k, v in os.environ.items() if k not in _UNSET} | _PINNED
    if wanted != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
    main()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Within, this thread and those it starts run on `count` processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Timed:
    """The shortest of several runs, in ms, and the answer of the last."""

    milliseconds: float
    answer: Any


def paired(
    sides: Mapping[str, Callable[[], Any]], at_least: int = 3, seconds: float = 2.0
) -> dict[str, Timed]:
    """Each of `sides`, run in turn, `at_least` so often and until `seconds` have passed.

    They take turns, so that a busy moment of the machine falls on all of them.
    """
    best = dict.fromkeys(sides, float("inf"))
    answers: dict[str, Any] = {}
    began, rounds = time.perf_counter(), 0
    while rounds < at_least or time.perf_counter() - began < seconds:
        for name, run in sides.items():
            start = time.perf_counter()
            answers[name] = run()
            best[name] = min(best[name], time.perf_counter() - start)
        rounds += 1
    return {name: Timed(1e3 * best[name], answers[name]) for name in sides}


def peer(name: str) -> ModuleType | None:
    """The module `name` of somebody else, or None, said aloud, where it is not installed."""
    try:
        with warnings.catch_warnings(record=True):  # what it says of its own optional parts
            return importlib.import_module(name)
    except ImportError as problem:
        print(f"{name} is not installed ({problem}): left out. See benchmarks/README.md.")
        return None


def machine(packages: Sequence[str] = ()) -> dict[str, Any]:
    """What was measured on: processor, cores, threads, and the versions of all packages."""
    versions = {}
    for package in ("numpy", "scipy", "numba", *packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": cores(),
        "blas_threads": 1,
        "python": platform.python_version(),
        **versions,
    }


def write(script: str, rows: Sequence[Mapping[str, Any]], packages: Sequence[str] = ()) -> None:
    """`rows` with the machine, in the JSON file beside `script`, which is a `__file__`."""
    result = {"machine": machine(packages), "rows": list(rows)}
    Path(script).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")


def tell(row: Mapping[str, Any]) -> None:
    """`row` on one line of the terminal, times and ratios with three digits."""
    parts = (f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    print(", ".join(parts), flush=True)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
