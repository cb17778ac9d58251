"""Claim: a new law costs a second once, and nothing to speak of in the next process.

Three processes after each other with one cache folder of their own, empty at first: in each a
linear array, then one of a library's law, then one of a law that nobody has seen before. What
is told of each is by how much its first solve takes longer than its second. The second process
finds everything in the cache; the third finds all but the law, which has another constant there.

    python benchmarks/compile.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import measuring

ENGINE = "array"
PASSES = {"empty cache": 3.0, "all in the cache": 3.0, "a law that is new": 3.5}
_LAW = """
name = "benchmark_law"
title = "A law for measuring how long it takes to compile one"
source = "none: it stands for nothing"
confirmed = false
terminals = ["p", "n"]
passive = true
monotone = true

[parameters.v0]
unit = "V"
default = 0.25
range = [0.02, 10.0]
meaning = "voltage scale"

[current]
law = "g * (v0 * sinh(v / v0) + v**3 / (FACTOR + v**2) + asinh(v) * exp(-abs(v)))"
valid = { v = [-1.0, 1.0], g = [0.0, 1e-2] }
"""
_CHILD = """
import json, sys, time
began = time.perf_counter()
import numpy as np
import circuitxbar as cx
imported = time.perf_counter() - began
law, engine = sys.argv[1:]
rng = np.random.default_rng(0)
conductances, voltages = 10 ** rng.uniform(-6, -4, (32, 32)), rng.uniform(0, 0.2, (8, 32))
times = {"import": imported}
for name, device in (("linear", "linear"), ("sinh", "sinh"), ("law", law)):
    crossbar = cx.Crossbar(conductances, device=device, wires=cx.Wires(1.0, 1.0))
    for turn in ("first", "second"):
        start = time.perf_counter()
        cx.solve(crossbar, voltages, engine=engine)
        times[turn] = time.perf_counter() - start
    times[name] = times.pop("first") - times.pop("second")
print(json.dumps(times))
"""


def measure(cache: str, situation: str, factor: float) -> dict[str, Any]:
    """Times of one process, ms."""
    law = Path(cache) / f"law_{factor}.toml"
    law.write_text(_LAW.replace("FACTOR", repr(factor)))
    run = subprocess.run(
        [sys.executable, "-c", _CHILD, str(law), ENGINE],
        env=os.environ | {"XDG_CACHE_HOME": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    times = json.loads(run.stdout)
    row = {"situation": situation} | {f"{name}_ms": 1e3 * t for name, t in times.items()}
    measuring.tell(row)
    return row


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        rows = [measure(cache, situation, factor) for situation, factor in PASSES.items()]
    measuring.write(__file__, rows)


if __name__ == "__main__":
    measuring.pinned(main)
