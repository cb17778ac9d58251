"""Claim: pulses into an array with RC wires, as exact as ngspice's transient and much faster.

64 x 64 linear cells, log-uniform, behind drivers and sinks of 100 ohm; 8 vectors of pulses whose
heights are uniform up to 0.2 V and whose widths are multiples of a tenth of a nanosecond; to 2 ns,
200 steps kept. Ours is all of `transient`. ngspice (KLU, reltol 1e-6, no step longer than a 200th
of the time) solves the first vector, keeping the sensed currents only; its time is that of the
analysis alone, as it reports it itself. The difference is the largest at any of the points in time
that ngspice chose, of the largest change of a sensed current.

    python benchmarks/transient.py
"""

from __future__ import annotations

import re
from typing import Any

import measuring
import numpy as np

import circuitxbar as cx
from circuitxbar.ngspice.batch import run_deck
from circuitxbar.ngspice.installation import found

SIZE, VECTORS, STEPS = 64, 8, 200
NS, FF = 1e-9, 1e-15
STOP = 2 * NS
LIMIT = 3600.0  # s, for ngspice
OPTIONS = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-18 gmin=1e-20 klu acct"


def deck_of(crossbar: cx.Crossbar, waveform: cx.Waveform) -> str:
    """The deck of one vector: pulses at the drivers, currents of the columns kept."""
    rows, columns = crossbar.shape
    sources = {
        f"vsource_row_{i}_left": " ".join(
            f"{t!r} {v!r}" for t, v in zip(times.tolist(), voltages.tolist(), strict=True)
        )
        for i, (times, voltages) in enumerate(zip(waveform.times, waveform.voltages, strict=True))
    }
    lines = []
    for line in cx.write_spice(crossbar.circuit(np.zeros(rows))).splitlines():
        name, *rest = line.split(maxsplit=3)
        if name == ".options":
            continue
        if name in sources:
            line = f"{name} {rest[0]} {rest[1]} pwl({sources[name]})"
        if line == ".op":
            kept = " ".join(f"i(vsource_column_{j}_bottom)" for j in range(columns))
            step = STOP / STEPS
            lines += [OPTIONS, f".save {kept}"]
            line = f".tran {step!r} {STOP!r} 0 {step!r}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def by_ngspice(deck: str) -> tuple[float, int, np.ndarray, np.ndarray]:
    """Time of the analysis, ms; version; points, (n,), s; currents there, (n, columns), A."""
    installation = found()
    assert installation is not None
    assert installation.command is not None
    (plot,), log = run_deck(deck, installation.command, timeout=LIMIT)
    assert "Using KLU" in log, log
    reported = re.search(r"Total analysis time \(seconds\) = (\S+)", log)
    assert reported is not None, log
    names = [f"vsource_column_{j}_bottom#branch" for j in range(SIZE)]
    currents = np.stack([plot.vectors[name] for name in names], axis=-1)
    return (
        1e3 * float(reported[1]),
        installation.version,
        np.asarray(plot.vectors["time"]),
        currents,
    )


def measure() -> dict[str, Any]:
    """Times and agreement of both sides."""
    rng = np.random.default_rng(SIZE)
    crossbar = cx.Crossbar(
        10 ** rng.uniform(-6, -4, (SIZE, SIZE)),
        wires=cx.Wires(1.0, 1.0, row_capacitance=1 * FF, column_capacitance=1 * FF),
        cell_capacitance=0.1 * FF,
        left=cx.Driven(100.0),
        bottom=cx.Grounded(100.0),
    )
    heights = rng.uniform(0, 0.2, (VECTORS, SIZE))
    waveform = cx.pulses(heights, rng.integers(0, 16, (VECTORS, SIZE)) * 0.1 * NS)

    def ours() -> cx.Transient:
        return cx.transient(crossbar, waveform, stop=STOP, keep="currents")

    timed = measuring.paired({"ours": ours}, seconds=5.0)["ours"]
    transient: cx.Transient = timed.answer
    first = cx.Waveform(waveform.times[0], waveform.voltages[0])
    milliseconds, version, time, currents = by_ngspice(deck_of(crossbar, first))
    inside = np.flatnonzero(time < STOP * (1 - 1e-9))
    points = np.append(time[inside], STOP)
    seen = currents[np.append(inside, len(time) - 1)]
    at_these = cx.transient(crossbar, waveform, stop=STOP, times=points, keep="currents")
    per_vector = timed.milliseconds / VECTORS
    row = {
        "size": SIZE,
        "vectors": VECTORS,
        "points_kept": len(transient.time),
        "steps": int(np.max(transient.stats["steps"])),
        "ours_ms_per_vector": per_vector,
        "ngspice_version": version,
        "ngspice_points": len(time),
        "ngspice_ms": milliseconds,
        "ratio": milliseconds / per_vector,
        "difference": float(np.abs(at_these.currents[0] - seen).max() / np.ptp(seen)),
        "local_error_of_swing": float((transient.local_error / heights.max(axis=1)).max()),
        "error_bound_of_largest": float((transient.error_bound / (transient.limit * 1e6)).max()),
    }
    measuring.tell(row)
    return row


if __name__ == "__main__":
    measuring.pinned(lambda: measuring.write(__file__, [measure()]))
