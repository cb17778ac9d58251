"""Draws the pictures of the pages beside this file: python docs/pictures/draw.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import circuitxbar as cx

HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"


def main() -> None:
    """Draw all of them."""
    ir_drop()
    time_over_size()


def ir_drop() -> None:
    """The IR drop of a 64 x 64 array of random cells, 10 to 100 uS, with 2 ohm per segment."""
    rng = np.random.default_rng(0)
    crossbar = cx.Crossbar(rng.uniform(1e-5, 1e-4, (64, 64)), wires=cx.Wires(2.0, 2.0))
    solution = cx.solve(crossbar, np.full(64, 0.2))
    cx.plots.save(cx.plots.ir_drop(solution), HERE / "ir_drop.png")


def time_over_size() -> None:
    """Time per vector of the three engines, as agreement.py and scaling.py measured it.

    The file tells in its metadata which numbers it shows; a test compares them.
    """
    lines = measured_lines()
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    for label, (style, sizes, times) in lines.items():
        axes.loglog(sizes, times, style, marker="o", markersize=4, label=label)
    axes.set_xticks(ticks := [16, 32, 64, 128, 256, 512, 1024], map(str, ticks))
    axes.minorticks_off()
    axes.set_xlabel("rows and columns")
    axes.set_ylabel("time per vector (ms)")
    axes.grid(color="0.9")
    axes.legend(frameon=False)
    metadata = {"Description": json.dumps(lines)}
    figure.savefig(HERE / "time_over_size.png", dpi=144, metadata=metadata)


def measured_lines() -> dict[str, list[Any]]:
    """Of every line of `time_over_size`: its style, sizes, and times per vector in ms."""
    agreement, scaling = _measured("agreement"), _measured("scaling")
    array = [row for row in scaling if row.get("wire_ohm") == 1.0 and row["threads"] == 1]
    (vectors,) = {row["vectors"] for row in array}
    drawn = [(f"array, {vectors} vectors", "C0-", array, "ours_ms")]
    for name, colour in (("nodal", "C1"), ("ngspice", "C2")):
        for count, style in ((32, "-"), (1, "--")):
            rows = [row for row in agreement if row["vectors"] == count]
            label = f"{name}, {count} vector" + ("s" if count > 1 else "")
            drawn.append((label, colour + style, rows, f"{name}_ms"))
    return {
        label: [style, [row["size"] for row in rows], [row[key] / row["vectors"] for row in rows]]
        for label, style, rows, key in drawn
    }


def _measured(name: str) -> list[dict[str, Any]]:
    return json.loads((BENCHMARKS / f"{name}.json").read_text(encoding="utf-8"))["rows"]


if __name__ == "__main__":
    main()
