"""Whole netlists at rest and over time, beside ngspice with KLU: no claim of being faster.

At rest: 64 x 64 cells with a law, 1 ohm wires, as a plain netlist of resistors, sources and cells:
diodes, and sinh laws as behavioural sources. Over time: the read-out of 85 columns by op-amp
integrators, each a macro with finite gain, bandwidth and slew rate, 511 nodes in all, for 1 us,
with the tolerance that makes our error about as large as that of ngspice.
Parsing is left out on both sides: of ngspice it is the time of the analysis that it reports itself,
ours is all that happens from a Circuit on. Both transients are compared with ours at a
two-hundredth of the tolerance.

    python benchmarks/circuits.py
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import measuring
import numpy as np

import circuitxbar as cx
from circuitxbar.netlist.writer import deck
from circuitxbar.ngspice.batch import run_deck
from circuitxbar.ngspice.installation import found
from circuitxbar.ngspice.rawfile import Plot

SIZE, COLUMNS = 64, 85
STOP, STEP = 1e-6, 2e-9
AT_REST = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9 gmin=1e-20 klu acct"
OVER_TIME = ".options reltol=1e-5 abstol=1e-12 vntol=1e-8 gmin=1e-15 klu acct"


def crossbar(cell: Callable[[str, str, str, float], Any]) -> cx.Circuit:
    """SIZE x SIZE cells between wires of 1 ohm, rows driven, columns grounded."""
    rng = np.random.default_rng(0)
    size = rng.uniform(1.0, 10.0, (SIZE, SIZE))
    circuit = cx.Circuit().add(
        *(cx.VoltageSource(f"v{i}", f"r{i}_0", "0", rng.uniform(0, 1)) for i in range(SIZE))
    )
    cells = [
        (f"r{i}_{j + 1}", f"c{i}_{j}", float(size[i, j])) for i in range(SIZE) for j in range(SIZE)
    ]
    wires = [
        cx.Resistor(f"rr{i}_{j}", f"r{i}_{j}", f"r{i}_{j + 1}", 1.0)
        for i in range(SIZE)
        for j in range(SIZE)
    ]
    wires += [
        cx.Resistor(f"rc{i}_{j}", f"c{i}_{j}", f"c{i + 1}_{j}" if i < SIZE - 1 else "0", 1.0)
        for i in range(SIZE)
        for j in range(SIZE)
    ]
    laws = [cell(f"{k}", first, second, x) for k, (first, second, x) in enumerate(cells)]
    return circuit.add(*wires).add(*laws)


def diode(name: str, first: str, second: str, size: float) -> cx.Diode:
    """A junction of 1 to 10 pA."""
    return cx.Diode(f"d{name}", first, second, cx.ModelCard("junction", "d", {"is": 1e-12}), size)


def sinh(name: str, first: str, second: str, size: float) -> cx.BehaviouralSource:
    """A memristive cell of 1e-5 to 1e-4 S whose law is a behavioural source."""
    return cx.BehaviouralSource(
        f"b{name}",
        first,
        second,
        current="g * 0.25 * sinh(v / 0.25)",
        voltages={"v": (first, second)},
        parameters={"g": 1e-5 * size},
    )


def read_out() -> cx.Circuit:
    """COLUMNS integrators behind columns with wires, each fed by a pulse through its cells."""
    rng = np.random.default_rng(1)
    g = rng.uniform(1e-6, 1e-5, COLUMNS)
    gm = 2 * np.pi * 50e6 * 1e-12
    elements: list[Any] = [
        cx.VoltageSource("vr", "row", "0", over_time=cx.Pulse(0, 0.2, 1e-7, 1e-9, 1e-9, 5e-7))
    ]
    for k in range(COLUMNS):
        column, out, inner, far = f"c{k}", f"o{k}", f"x{k}", f"w{k}"
        elements += [
            cx.Resistor(f"rcell{k}", "row", far, 1 / g[k]),
            cx.Resistor(f"rwire{k}", far, column, 50.0),
            cx.Capacitor(f"cwire{k}", far, "0", 5e-14),
            cx.Capacitor(f"cin{k}", column, "0", 1e-13),
            cx.Capacitor(f"cint{k}", column, out, 1e-12),
            cx.Resistor(f"rint{k}", column, out, 1e7),
            cx.BehaviouralSource(
                f"bgm{k}",
                "0",
                inner,
                current="m * tanh(g * v / m)",
                voltages={"v": ("0", column)},
                parameters={"m": 5e-5, "g": gm},
            ),
            cx.Resistor(f"ro{k}", inner, "0", 1000 / gm),
            cx.Capacitor(f"co{k}", inner, "0", 1e-12),
            cx.VoltageControlledVoltageSource(f"e{k}", f"b{k}", "0", inner, "0", 1.0),
            cx.Resistor(f"rout{k}", f"b{k}", out, 100.0),
            cx.Capacitor(f"cl{k}", out, f"l{k}", 1e-13),
            cx.Resistor(f"rl{k}", f"l{k}", "0", 1e3),
        ]
    return cx.Circuit().add(*elements)


def by_ngspice(text: str) -> tuple[float, Plot]:
    """Time of the analysis, ms, and its vectors."""
    installation = found()
    assert installation is not None
    assert installation.command is not None
    (plot,), log = run_deck(text, installation.command, timeout=600.0)
    assert "Using KLU" in log, log
    reported = re.search(r"Total analysis time \(seconds\) = (\S+)", log)
    assert reported is not None, log
    return 1e3 * float(reported[1]), plot


def measure_rest(name: str, circuit: cx.Circuit) -> dict[str, Any]:
    """Both operating points, in turn."""
    text = deck(circuit, [".op"], [AT_REST])
    best = [np.inf]

    def theirs() -> Plot:
        milliseconds, plot = by_ngspice(text)
        best[0] = min(best[0], milliseconds)
        return plot

    timed = measuring.paired(
        {"ours": lambda: cx.operating_point(circuit), "ngspice": theirs}, seconds=8.0
    )
    point: cx.Curves = timed["ours"].answer
    plot = timed["ngspice"].answer
    apart = max(
        abs(point.voltage(node) - plot.vectors[node][0])
        for node in circuit.nodes[1:]
        if node in plot.vectors
    )
    return {
        "case": name,
        "nodes": circuit.node_count - 1,
        "ours_ms": timed["ours"].milliseconds,
        "ngspice_ms": best[0],
        "ratio": best[0] / timed["ours"].milliseconds,
        "apart": float(apart),
    }


def measure_transient(name: str, circuit: cx.Circuit) -> dict[str, Any]:
    """Both transients, in turn, against a fine one of ours."""
    text = deck(circuit, [f".tran {STEP!r} {STOP!r} 0 {STEP!r}"], [OVER_TIME])
    best = [np.inf]

    def theirs() -> Plot:
        milliseconds, plot = by_ngspice(text)
        best[0] = min(best[0], milliseconds)
        return plot

    timed = measuring.paired(
        {"ours": lambda: cx.transient(circuit, stop=STOP, tol=2e-4), "ngspice": theirs},
        seconds=15.0,
    )
    ours, plot = timed["ours"].answer, timed["ngspice"].answer
    fine = cx.transient(circuit, stop=STOP, tol=1e-6)

    def off(time: np.ndarray, voltages: Callable[[str], np.ndarray]) -> float:
        worst = 0.0
        for k in range(COLUMNS):
            exact = fine.voltage(f"o{k}")
            at = np.interp(time, fine.time, exact)
            worst = max(worst, float(np.abs(voltages(f"o{k}") - at).max() / np.ptp(exact)))
        return worst

    return {
        "case": name,
        "nodes": circuit.node_count - 1,
        "ours_ms": timed["ours"].milliseconds,
        "ngspice_ms": best[0],
        "ratio": best[0] / timed["ours"].milliseconds,
        "steps": ours.stats["steps"],
        "ngspice_points": len(plot.vectors["time"]),
        "error": off(ours.time, ours.voltage),
        "ngspice_error": off(np.real(plot.vectors["time"]), lambda node: plot.vectors[node]),
    }


def main() -> None:
    rows = [
        measure_rest("64 x 64 sinh cells at rest", crossbar(sinh)),
        measure_rest("64 x 64 diodes at rest", crossbar(diode)),
        measure_transient("85 op-amp integrators over 1 us", read_out()),
    ]
    for row in rows:
        measuring.tell(row)
    installation = found()
    assert installation is not None
    for row in rows:
        row["ngspice_version"] = installation.version
    measuring.write(__file__, rows)


if __name__ == "__main__":
    measuring.pinned(main)
