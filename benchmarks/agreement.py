"""Claim: the nodal engine gives ngspice's currents, in a fraction of the time.

Linear cells, log-uniform 10 kohm to 1 Mohm, 1 ohm per segment, read at 0.2 V: one vector and
32 vectors. Times are the smallest of several runs and include everything from the Crossbar to
the proved Solution; ngspice gets 32 vectors as one .dc sweep. Run with one thread:

    OPENBLAS_NUM_THREADS=1 python benchmarks/agreement.py
"""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import scipy

import circuitxbar as cx

SIZES = (16, 32, 64, 128)
VECTORS = (1, 32)
RESULT = Path(__file__).with_suffix(".json")


def smallest_time(run, at_least: int, seconds: float) -> tuple[float, cx.Solution]:
    """The shortest of several calls of `run`, in seconds, and the last answer."""
    times: list[float] = []
    while len(times) < at_least or sum(times) < seconds:
        start = time.perf_counter()
        answer = run()
        times.append(time.perf_counter() - start)
    return min(times), answer


def measure(size: int, vectors: int) -> dict[str, float]:
    """Times and agreement of both engines for one array."""
    rng = np.random.default_rng(size)
    crossbar = cx.Crossbar(10 ** rng.uniform(-6, -4, (size, size)), wires=cx.Wires(1.0, 1.0))
    voltages = rng.uniform(0, 0.2, (vectors, size))
    ours, solution = smallest_time(lambda: cx.solve(crossbar, voltages, engine="nodal"), 3, 0.5)
    theirs, witness = smallest_time(
        lambda: cx.solve(crossbar, voltages, engine="ngspice", throw=False), 2, 0.5
    )
    apart = np.abs(solution.currents - witness.currents).max(axis=1) / solution.largest_current
    row = {
        "size": size,
        "vectors": vectors,
        "nodal_ms": 1e3 * ours,
        "ngspice_ms": 1e3 * theirs,
        "disagreement": float(apart.max()),
        "error_bound": float((solution.error_bound / solution.largest_current).max()),
        "ngspice_version": witness.stats["version"],
        "ngspice_linear_solver": witness.stats["linear_solver"],
    }
    print(
        f"{size:4d} x {size:<4d} {vectors:3d} vectors: nodal {row['nodal_ms']:8.1f} ms, "
        f"ngspice {row['ngspice_ms']:8.1f} ms, disagreement {row['disagreement']:.1e}, "
        f"error bound {row['error_bound']:.1e}"
    )
    return row


def main() -> None:
    """Measure every size and write the JSON beside this file."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    if threads != "1":
        raise SystemExit("Set OPENBLAS_NUM_THREADS=1, or the neighbours are measured.")
    rows = [measure(size, vectors) for size in SIZES for vectors in VECTORS]
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": int(threads),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
    RESULT.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
