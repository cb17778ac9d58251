"""Claim: a batch of reads of sinh cells, faster than sparse Newton and than ngspice.

128 x 128 cells, I = g v0 sinh(v / v0), g log-uniform, 32 vectors. All times are per vector.
Ours is all of `solve`, from the Crossbar to the proved Solution. The sparse Newton has an exact
matrix per step in SuperLU's symmetric mode, the pattern and its ordering reused, begins at the
linear answer, and bounds the step of steep cells by their current, as ours does; the mean of the
first vectors. ngspice's times are those of its analysis alone, as it reports them itself: one
operating point of the first vector, and one .dc sweep over all; reading the deck apart.

    python benchmarks/nonlinear_read.py
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import measuring
import numpy as np
from sparse_array import SparseArray, factor

import circuitxbar as cx
from circuitxbar.errors import SolverError
from circuitxbar.ngspice.batch import run_deck
from circuitxbar.ngspice.installation import found

ENGINE = "array"
SIZE = 128
VECTORS = 32
NEWTON_VECTORS = 4
CONVERGED = 1e-10  # sum of Kirchhoff errors over the largest current
STEPS = 60
# Its last step brings an operating point far below these limits, a sweep's point just below them.
SPICE_OPTIONS = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9 gmin=1e-20 klu acct"
CLAMPED = "sinh(min(max((v(p,n)/{v0}), -710.0), 710.0))"  # against overflow; costs time


@dataclass(frozen=True)
class Case:
    """lowest, highest, wire : ohm.  v0, up_to : V; voltages are uniform from 0 to `up_to`.

    spice : whether ngspice solves it in seconds.
    """

    lowest: float
    highest: float
    wire: float
    v0: float
    up_to: float
    spice: bool = True


CASES = (
    Case(1e4, 1e6, 1.0, v0=0.25, up_to=0.2),
    Case(1e4, 1e6, 1.0, v0=0.25, up_to=1.0),
    Case(1e3, 1e5, 2.5, v0=0.1, up_to=0.2),
    Case(1e4, 1e6, 1.0, v0=0.05, up_to=1.0, spice=False),
)


class SparseNewton:
    """Reads of one array, vector by vector."""

    def __init__(self, conductances: np.ndarray, wire: float, v0: float):
        shape = conductances.shape
        once = factor(SparseArray.of(shape, wire).matrix(conductances))
        self.array = SparseArray.of(shape, wire, order=once.perm_c)
        self.linear = factor(self.array.matrix(conductances), ordering="NATURAL")
        self.conductances, self.v0 = conductances, v0
        self.factorisations = 0

    def read(self, voltages: np.ndarray) -> np.ndarray:
        """Column currents, (columns,), A."""
        array, scale = self.array, self.conductances * self.v0
        injected = array.injected(voltages[None])[:, 0]
        nodes = self.linear.solve(injected)
        place, current, slope = 0.0, 0.0, self.conductances
        for step in range(1, STEPS):
            across = nodes[array.row] - nodes[array.column]
            foretold = current + slope * (across - place)
            with np.errstate(over="ignore"):
                actual = scale * np.sinh(across / self.v0)
            columns = array.currents(nodes)
            # Linear nodes balance exactly, so that what is left is by how much a law differs.
            if 2 * np.abs(actual - foretold).sum() <= CONVERGED * np.abs(columns).max():
                self.factorisations = step - 1
                return columns
            runs_away = np.abs(actual - current) > 2 * np.abs(foretold - current)
            place = np.where(runs_away, self.v0 * np.arcsinh(foretold / scale), across)
            current = np.where(runs_away, foretold, actual)
            slope = np.hypot(current / self.v0, self.conductances)
            shift = np.zeros_like(injected)
            shift[array.row] = slope * place - current
            shift[array.column] = -shift[array.row]
            nodes = factor(array.matrix(slope), ordering="NATURAL").solve(injected + shift)
        raise SolverError("the sparse Newton did not converge")


@dataclass(frozen=True)
class SpiceRun:
    """analysis, reading : ms.  currents : (vectors, columns), A.  version : of ngspice."""

    analysis: float
    reading: float
    currents: np.ndarray
    version: int


def by_ngspice(crossbar: cx.Crossbar, voltages: np.ndarray) -> SpiceRun:
    """One deck for all of `voltages`: an operating point for one, a sweep for more."""
    deck = cx.write_spice(crossbar.circuit(voltages))
    law, options = deck.count(CLAMPED), re.compile(r"^\.options reltol.*$", re.MULTILINE)
    assert law == 1, deck[:500]
    deck = options.sub(SPICE_OPTIONS, deck.replace(CLAMPED, "sinh(v(p,n)/{v0})"))
    assert SPICE_OPTIONS in deck
    installation = found()
    assert installation is not None
    assert installation.command is not None
    start = time.perf_counter()
    (plot,), log = run_deck(deck, installation.command, timeout=600.0)
    wall = 1e3 * (time.perf_counter() - start)
    reported = re.search(r"Total analysis time \(seconds\) = (\S+)", log)
    assert reported is not None, log
    assert "Using KLU" in log, log
    analysis = 1e3 * float(reported[1])
    names = [f"vsource_column_{j}_bottom#branch" for j in range(crossbar.shape[1])]
    currents = np.stack([plot.vectors[name] for name in names], axis=-1)
    return SpiceRun(analysis, wall - analysis, currents, installation.version)


def measure(case: Case) -> dict[str, Any]:
    """Times and agreement of all sides for one array."""
    rng = np.random.default_rng(SIZE)
    exponent = rng.uniform(np.log10(case.lowest), np.log10(case.highest), (SIZE, SIZE))
    conductances = 10**-exponent
    voltages = rng.uniform(0, case.up_to, (VECTORS, SIZE))
    wires = cx.Wires(case.wire, case.wire)
    crossbar = cx.Crossbar(conductances, device=cx.device("sinh", v0=case.v0), wires=wires)
    newton = SparseNewton(conductances, case.wire, case.v0)

    def ours() -> cx.Solution:
        return cx.solve(crossbar, voltages, engine=ENGINE)

    def ours_on_one() -> cx.Solution:
        with measuring.on_cores(1):
            return ours()

    timed = measuring.paired(
        {
            "ours": ours,
            "ours_one_core": ours_on_one,
            "newton": lambda: np.array([newton.read(v) for v in voltages[:NEWTON_VECTORS]]),
        }
    )
    solution: cx.Solution = timed["ours"].answer
    row: dict[str, Any] = {
        "size": SIZE,
        "vectors": VECTORS,
        "cells_ohm": [case.lowest, case.highest],
        "wire_ohm": case.wire,
        "v0": case.v0,
        "read_up_to_volt": case.up_to,
        "ours_ms": timed["ours"].milliseconds / VECTORS,
        "ours_one_core_ms": timed["ours_one_core"].milliseconds / VECTORS,
        "newton_ms": timed["newton"].milliseconds / NEWTON_VECTORS,
        "newton_factorisations": newton.factorisations,
    }
    answers = {"newton": timed["newton"].answer}
    if case.spice:
        points = [by_ngspice(crossbar, voltages[:1]) for _ in range(2)]
        sweep = by_ngspice(crossbar, voltages)
        row["ngspice_version"] = sweep.version
        row["ngspice_point_ms"] = min(p.analysis for p in points)
        row["ngspice_point_reading_ms"] = min(p.reading for p in points)
        row["ngspice_sweep_ms"] = sweep.analysis / VECTORS
        row["ngspice_sweep_reading_ms"] = sweep.reading
        answers |= {"ngspice": points[-1].currents, "ngspice_sweep": sweep.currents}
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
    for steps in ("newton_steps", "steps"):
        if steps in solution.stats:
            row[steps] = int(np.max(solution.stats[steps]))
    measuring.tell(row)
    return row


def main() -> None:
    measuring.write(__file__, [measure(case) for case in CASES])


if __name__ == "__main__":
    measuring.pinned(main)
