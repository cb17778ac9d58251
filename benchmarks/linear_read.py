"""Claim: a batch of reads of a linear array, faster than a sparse factorisation of it.

32 vectors of up to 0.2 V; cells log-uniform. Ours is all of `solve`, from the Crossbar to the
proved Solution, on one core and on all; the others are factor + solve of a matrix that is there
(assembling apart), on one core. badcrossbar's time is all of its `compute`. neospice solves one
vector of the smaller arrays, deck read and analysis apart.

    python benchmarks/linear_read.py
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import measuring
import numpy as np
import scipy.sparse
from sparse_array import SparseArray, factor

import circuitxbar as cx

ENGINE = "array"
SIZES = (128, 256)
VECTORS = 32
CASES = ((1e4, 1e6, 1.0), (1e3, 1e5, 2.5))  # ohm: cells from, to, wire segment
NEOSPICE_UP_TO = 128
PEERS = ("scikit-sparse", "badcrossbar", "neospice")


def measure(size: int, lowest: float, highest: float, wire: float) -> dict[str, Any]:
    """Times and agreement of all sides for one array."""
    rng = np.random.default_rng(size)
    conductances = 10 ** -rng.uniform(np.log10(lowest), np.log10(highest), (size, size))
    voltages = rng.uniform(0, 0.2, (VECTORS, size))
    crossbar = cx.Crossbar(conductances, wires=cx.Wires(wire, wire))
    array = SparseArray.of((size, size), wire)
    matrix, injected = array.matrix(conductances), array.injected(voltages)

    def ours() -> cx.Solution:
        return cx.solve(crossbar, voltages, engine=ENGINE)

    def ours_on_one() -> cx.Solution:
        with measuring.on_cores(1):
            return ours()

    factored = factor(matrix)
    sides: dict[str, Callable[[], Any]] = {
        "ours": ours,
        "ours_one_core": ours_on_one,
        "superlu_assembly": lambda: SparseArray.of((size, size), wire).matrix(conductances),
        "superlu_factor": lambda: factor(matrix),
        "superlu_solve": lambda: factored.solve(injected),
    }
    if cholmod := measuring.peer("sksparse.cholmod"):
        symmetric = scipy.sparse.csc_matrix(matrix)
        symbols = cholmod.analyze(symmetric, ordering_method="amd")
        numbers = symbols.cholesky(symmetric)
        sides |= {
            "cholmod_analysis": lambda: cholmod.analyze(symmetric, ordering_method="amd"),
            "cholmod_factor": lambda: symbols.cholesky(symmetric),
            "cholmod_solve": lambda: numbers(injected),
        }
    if badcrossbar := measuring.peer("badcrossbar"):
        logging.getLogger("badcrossbar").setLevel(logging.WARNING)
        sides["badcrossbar"] = lambda: badcrossbar.compute(
            voltages.T, 1 / conductances, wire, node_voltages=False, all_currents=False
        )
    timed = measuring.paired(sides)
    solution: cx.Solution = timed["ours"].answer
    row = {"size": size, "vectors": VECTORS, "cells_ohm": [lowest, highest], "wire_ohm": wire}
    row |= {f"{name}_ms": side.milliseconds for name, side in timed.items()}
    answers = {"superlu": array.currents(timed["superlu_solve"].answer)}
    if "cholmod_solve" in timed:
        answers["cholmod"] = array.currents(timed["cholmod_solve"].answer)
    if "badcrossbar" in timed:
        answers["badcrossbar"] = timed["badcrossbar"].answer.currents.output
    if size <= NEOSPICE_UP_TO and (neospice := measuring.peer("neospice")):
        deck = cx.write_spice(crossbar.circuit(voltages[0]))
        row |= one_by_neospice(neospice, deck, answers, size)
    row["disagreement"] = {
        name: float(
            (
                np.abs(solution.currents[: len(them)] - them).max(axis=1)
                / solution.largest_current[: len(them)]
            ).max()
        )
        for name, them in answers.items()
    }
    row["error_bound"] = float((solution.error_bound / solution.largest_current).max())
    if "steps" in solution.stats:
        row["steps"] = int(np.max(solution.stats["steps"]))
    measuring.tell(row)
    return row


def one_by_neospice(
    neospice: Any, deck: str, answers: dict[str, np.ndarray], columns: int
) -> dict[str, float]:
    """Times of one operating point; its currents go into `answers`."""
    start = time.perf_counter()
    simulator = neospice.Simulator()
    circuit = simulator.parse(deck)
    read = time.perf_counter()
    found = simulator.run_dc(circuit)
    end = time.perf_counter()
    answers["neospice"] = np.array(
        [[found.current(f"vsource_column_{j}_bottom") for j in range(columns)]]
    )
    return {
        "neospice_reading_ms": 1e3 * (read - start),
        "neospice_one_vector_ms": 1e3 * (end - read),
    }


def main() -> None:
    rows = [measure(size, *case) for size in SIZES for case in CASES]
    measuring.write(__file__, rows, PEERS)


if __name__ == "__main__":
    measuring.pinned(main)
