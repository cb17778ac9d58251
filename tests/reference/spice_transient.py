"""The second witness of a crossbar over time: ngspice, with PWL sources at the driven ends."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from reference.transient import Answer
from reference.transient_circuit import SIDES, Signals

import circuitxbar as cx
from circuitxbar.ngspice.runner import run

_SOURCE = re.compile(r"vsource_(row|column)_(\d+)_(left|right|top|bottom) ")


def transient_deck(
    crossbar: cx.Crossbar, waveform: cx.Waveform, stop: float, step: float, gates: Any = None
) -> str:
    """The deck of write_spice with pulses at its drivers, for a run to `stop` in steps <= `step`.

    Rows alone, or columns alone, are driven.
    """
    lines = crossbar.shape[0 if crossbar.drives_rows else 1]
    signals = Signals.of(waveform, lines)
    start = np.array([signals.at(k, 0.0) for k in range(lines)])
    written = cx.write_spice(crossbar.circuit(start, gates=gates)).splitlines()
    deck = []
    for line in written:
        match = _SOURCE.match(line)
        if line.startswith(".options"):
            continue
        if match and isinstance(getattr(crossbar, match[3]), cx.Driven):
            k = int(match[2])
            points = zip(signals.times[k].tolist(), signals.voltages[k].tolist(), strict=True)
            told = " ".join(f"{time!r} {voltage!r}" for time, voltage in points)
            name, first, second, _ = line.split()
            line = f"{name} {first} {second} pwl({told})"
        elif line == ".op":
            # Gear's method does not ring behind ideal sources, as the trapezoidal rule does.
            deck.append(".options reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-18 gmin=1e-20")
            deck.append(".options method=gear maxord=2 trtol=1")
            line = f".tran {step!r} {stop!r} 0 {step!r}"
        deck.append(line)
    return "\n".join(deck) + "\n"


def spice_transient(
    crossbar: cx.Crossbar, waveform: cx.Waveform, stop: float, step: float, gates: Any = None
) -> Answer:
    """What ngspice finds, at its own points in time; currents and charges of ideal sources."""
    vectors = run(transient_deck(crossbar, waveform, stop, step, gates)).vectors
    time = np.asarray(vectors["time"])
    currents, charges = {}, {}
    for side in SIDES:
        along = "row" if side in ("left", "right") else "column"
        names = [f"vsource_{along}_{k}_{side}#branch" for k in range(crossbar.lines(side))]
        none = np.zeros_like(time)
        found = np.stack([vectors.get(name, none) for name in names], axis=-1)
        parts = (found[1:] + found[:-1]) / 2 * np.diff(time)[:, None]
        currents[side] = found
        charges[side] = np.concatenate([np.zeros((1, len(names))), np.cumsum(parts, axis=0)])
    voltages = {
        name: np.asarray(v) for name, v in vectors.items() if name != "time" and "#" not in name
    }
    return Answer(time, voltages, currents, charges)
