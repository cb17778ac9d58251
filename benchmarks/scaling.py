"""Claim: the cost of a read is that of its cells; steps follow r G N^2; memory bounds the speed.

Linear cells of 10 kohm to 1 Mohm, log-uniform, 8 vectors of up to 0.2 V on one core, and 8 for each
core. The wires are the same everywhere, or change with the size so that r N^2 stays that of 1 ohm
at 256 x 256. The largest array is also solved in a process of its own, whose peak memory is read,
and what is moved per second is set against what plain copies of arrays beyond every cache reach
on as many threads.

    python benchmarks/scaling.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import measuring
import numpy as np

import circuitxbar as cx

ENGINE = "array"
SIZES = (32, 64, 128, 256, 512, 1024)
VECTORS = 8
WIRE, WIRE_SIZE = 1.0, 256  # ohm per segment, and where the two series meet
COPIED = 1 << 30  # bytes per thread

_ALONE = """
import json, sys
from pathlib import Path
import numpy as np
import circuitxbar as cx

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

size, vectors, wire, engine = json.loads(sys.argv[1])
rng = np.random.default_rng(size)
crossbar = cx.Crossbar(10 ** rng.uniform(-6, -4, (size, size)), wires=cx.Wires(wire, wire))
voltages = rng.uniform(0, 0.2, (vectors, size))
before = peak()
solution = cx.solve(crossbar, voltages, engine=engine)
assert solution.converged.all()
print(json.dumps([before, peak()]))
"""


def measure(size: int, wire: float, vectors: int) -> dict[str, Any]:
    """Time and steps of one array."""
    rng = np.random.default_rng(size)
    conductances = 10 ** rng.uniform(-6, -4, (size, size))
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(wire, wire))
    voltages = rng.uniform(0, 0.2, (vectors, size))
    timed = measuring.paired({"ours": lambda: cx.solve(crossbar, voltages, engine=ENGINE)})["ours"]
    solution: cx.Solution = timed.answer
    row = {
        "size": size,
        "vectors": vectors,
        "wire_ohm": wire,
        "wire_times_conductance_times_square": wire * float(conductances.mean()) * size**2,
        "ours_ms": timed.milliseconds,
        "ns_per_cell_and_vector": 1e6 * timed.milliseconds / (vectors * size**2),
        "steps": int(np.max(solution.stats["steps"])),
        "threads": solution.stats["threads"],
        "error_bound": float((solution.error_bound / solution.largest_current).max()),
    }
    if "bytes_moved" in solution.stats:
        row["bytes_moved"] = int(solution.stats["bytes_moved"])
        row["bytes_per_second"] = 1e3 * row["bytes_moved"] / timed.milliseconds
    measuring.tell(row)
    return row


def peak_memory(size: int, wire: float, vectors: int) -> dict[str, Any]:
    """Bytes that a process has needed at most before and after one solve."""
    task = json.dumps([size, vectors, wire, ENGINE])
    run = subprocess.run(
        [sys.executable, "-c", _ALONE, task], capture_output=True, text=True, check=True
    )
    before, after = json.loads(run.stdout)
    row = {"size": size, "vectors": vectors, "bytes_before": before, "peak_bytes": after}
    measuring.tell(row)
    return row


def copy_bandwidth(threads: int) -> dict[str, Any]:
    """Bytes read and written per second by plain copies on so many threads at once."""
    length = COPIED // 16  # a copied number is 8 bytes read and 8 bytes written
    pairs = [(np.ones(length), np.zeros(length)) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:

        def copied() -> None:
            list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))

        best = measuring.paired({"copies": copied}, at_least=5)["copies"].milliseconds
    row = {"threads": threads, "copied_bytes_per_second": 1e3 * threads * COPIED / best}
    measuring.tell(row)
    return row


def main() -> None:
    largest, threads = SIZES[-1], measuring.cores()
    rows = [copy_bandwidth(count) for count in sorted({1, threads})]
    for size in SIZES:
        wires = [WIRE, WIRE * (WIRE_SIZE / size) ** 2]
        for wire in sorted(set(wires)):
            for vectors in sorted({VECTORS, VECTORS * threads}):
                rows.append(measure(size, wire, vectors))
    rows.append(peak_memory(largest, WIRE, VECTORS))
    measuring.write(__file__, rows)


if __name__ == "__main__":
    measuring.pinned(main)
