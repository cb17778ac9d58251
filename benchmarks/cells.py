"""Claims: what a selector or transistor in the cell costs, a gradient, and many vectors.

128 x 128 cells, g log-uniform 1 uS to 100 uS, 1 ohm per segment, 32 vectors of up to 1 V. A
gradient is that of a loss whose derivative by the currents is the currents, of a solution that
was just made. Many vectors: 10,000 of them through a linear array, each with its error bound, and
against that the effective matrix made and multiplied by them.

    python benchmarks/cells.py
"""

from __future__ import annotations

from typing import Any

import measuring
import numpy as np

import circuitxbar as cx

ENGINE = "array"
SIZE = 128
VECTORS = 32
MANY = 10_000
GATES = 1.8  # V
CELLS: dict[str, dict[str, Any]] = {
    "linear": {},
    "sinh": {"device": "sinh"},
    "sinh + selector": {"device": "sinh", "selector": "exponential_selector"},
    "sinh + transistor": {"device": "sinh", "transistor": "ekv_transistor"},
}


def measure(cell: str, rng: np.random.Generator) -> dict[str, Any]:
    """Forward and backward times of arrays of one kind of cell."""
    parts = CELLS[cell]
    conductances = 10 ** rng.uniform(-6, -4, (SIZE, SIZE))
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(1.0, 1.0), **parts)
    voltages = rng.uniform(0, 1, (VECTORS, SIZE))
    gates = GATES if "transistor" in parts else None
    solutions: list[cx.Solution] = []

    def forward() -> cx.Solution:
        solutions[:] = [cx.solve(crossbar, voltages, gates=gates, engine=ENGINE)]
        return solutions[0]

    def backward() -> Any:
        return cx.gradient(solutions[0], solutions[0].currents)

    timed = measuring.paired({"forward": forward, "gradient": backward}, at_least=5)
    solution: cx.Solution = timed["forward"].answer
    row = {
        "cell": cell,
        "size": SIZE,
        "vectors": VECTORS,
        "forward_ms": timed["forward"].milliseconds,
        "gradient_ms": timed["gradient"].milliseconds,
        "newton_steps": int(np.max(solution.stats["newton_steps"])),
        "steps": int(np.max(solution.stats["steps"])),
        "error_bound": float((solution.error_bound / solution.largest_current).max()),
    }
    measuring.tell(row)
    return row


def measure_many(rng: np.random.Generator) -> dict[str, Any]:
    """Many vectors through a linear array, and the effective matrix with a product."""
    conductances = 10 ** rng.uniform(-6, -4, (SIZE, SIZE))
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(1.0, 1.0))
    voltages = rng.uniform(0, 0.2, (MANY, SIZE))

    def solved() -> cx.Solution:
        return cx.solve(crossbar, voltages, engine=ENGINE, keep="currents")

    def multiplied() -> np.ndarray:
        matrix, offset = cx.effective_matrix(crossbar)[:2]
        return voltages @ matrix + offset

    timed = measuring.paired({"solve": solved, "matrix": multiplied})
    solution: cx.Solution = timed["solve"].answer
    apart = np.abs(solution.currents - timed["matrix"].answer).max(axis=1)
    row = {
        "size": SIZE,
        "vectors": MANY,
        "solve_ms": timed["solve"].milliseconds,
        "matrix_and_product_ms": timed["matrix"].milliseconds,
        "disagreement": float((apart / solution.largest_current).max()),
        "error_bound": float((solution.error_bound / solution.largest_current).max()),
    }
    measuring.tell(row)
    return row


def main() -> None:
    rng = np.random.default_rng(0)
    rows = [measure(cell, rng) for cell in CELLS]
    measuring.write(__file__, [*rows, measure_many(rng)])


if __name__ == "__main__":
    measuring.pinned(main)
