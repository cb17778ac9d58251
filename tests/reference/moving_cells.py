"""Independent witnesses of cells whose states move: VTEAM and Stanford cells, written by hand.

`spice_states` is the circuit of an array in ngspice, with the states on capacitors.
`ode_states` gives the same equations to scipy's Radau method. Neither reads a device file.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from reference.transient_circuit import Circuit, Signals
from scipy.integrate import solve_ivp

import circuitxbar as cx
from circuitxbar.ngspice.runner import run

THERMAL = 1.380649e-23 * 300.15 / 1.602176634e-19  # V

SUBCIRCUITS = {
    # States in V; their rates are scaled by 1e-9, as their capacitors are. Within 1e-4 of a bound
    # the rate of w falls to 0 evenly: ngspice finds no step across a jump.
    "vteam": """
.subckt vteam p n w start=0
bm p n i = v(p,n) / (1e4 + 1.9e5 * v(w))
bup 0 w i = min(max(1e4 * (1 - v(w)), 0), 1) * 1e-2 * max(v(p,n)/0.5 - 1, 0)
+ * max(v(p,n)/0.5 - 1, 0) * max(v(p,n)/0.5 - 1, 0)
bdown w 0 i = min(max(1e4 * v(w), 0), 1) * 1e-2 * max(-v(p,n)/0.5 - 1, 0)
+ * max(-v(p,n)/0.5 - 1, 0) * max(-v(p,n)/0.5 - 1, 0)
cw w 0 1n ic={start}
.ends
""",
    "stanford_rram": f"""
.subckt stanford_rram p n w start=0
bm p n i = 1e-3 * exp(-v(w)/0.25) * sinh(v(p,n)/0.25)
brate r 0 v = -1e10 * {float(np.exp(-0.6 / THERMAL))!r}
+ * sinh((16 - 0.8*v(w)*v(w)*v(w)) * 0.25/12 * v(p,n) / {THERMAL!r})
bw 0 w i = (v(r) < 0 ? v(w) > 0.2 : v(w) < 1.7) ? 1e-9 * v(r) : 0
cw w 0 1n ic={{start}}
.ends
""",
    "exponential_selector": f"""
.subckt exponential_selector p n
b1 p n i = 2e-12 * sinh({float(np.log(10))!r} * v(p,n) / 0.085)
.ends
""",
}
STATE = {"vteam": "w", "stanford_rram": "gap"}


def spice_states(
    crossbar: cx.Crossbar, rows: cx.Waveform, columns: cx.Waveform, stop: float, step: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The states at the end, (rows, columns), and all vectors, of an array that is still at first.

    Left and bottom ends are Driven by `rows` and `columns`; every segment has a resistance.
    """
    count_rows, count_columns = crossbar.shape
    devices = {d.name for d in crossbar.devices.values()}
    deck = ["cells whose states move", *(SUBCIRCUITS[name].strip() for name in sorted(devices))]
    for kind, side, waveform, count in (
        ("row", "left", rows, count_rows),
        ("column", "bottom", columns, count_columns),
    ):
        signals = Signals.of(waveform, count)
        resistance = np.broadcast_to(getattr(crossbar, side).resistance, count)
        for k in range(count):
            points = zip(signals.times[k].tolist(), signals.voltages[k].tolist(), strict=True)
            told = " ".join(f"{t!r} {v!r}" for t, v in points)
            end, last = f"{kind}_{k}_{side}", f"{kind}_{k}_source"
            deck.append(f"v_{end} {last if resistance[k] else end} 0 pwl({told})")
            if resistance[k]:
                deck.append(f"r_{end} {last} {end} {float(resistance[k])!r}")
    at_rows, at_columns = crossbar.row_capacitances, crossbar.column_capacitances
    given = crossbar.states[STATE[crossbar.device.name]]
    for i, j in np.ndindex(crossbar.shape):
        row, column, inner = f"row_{i}_{j}", f"column_{i}_{j}", f"inner_{i}_{j}"
        before = f"row_{i}_{j - 1}" if j else f"row_{i}_left"
        after = f"column_{i + 1}_{j}" if i + 1 < count_rows else f"column_{j}_bottom"
        deck.append(f"r_row_{i}_{j} {before} {row} {float(crossbar.row_segments[i, j])!r}")
        wire = float(crossbar.column_segments[i + 1, j])
        deck.append(f"r_column_{i}_{j} {column} {after} {wire!r}")
        for name, first, second, farads in (
            ("row", row, "0", at_rows[i, j]),
            ("column", column, "0", at_columns[i, j]),
            ("cell", row, column, crossbar.cell_capacitances[i, j]),
        ):
            if farads:
                deck.append(f"c_{name}_{i}_{j} {first} {second} {float(farads)!r}")
        first = row
        if crossbar.selector is not None:
            deck.append(f"xs_{i}_{j} {row} {inner} {crossbar.selector.name}")
            first = inner
        start = float(given[i, j])
        deck.append(f"x_{i}_{j} {first} {column} w_{i}_{j} {crossbar.device.name} start={start!r}")
    deck += [
        ".options klu reltol=1e-6 abstol=1e-14 vntol=1e-10 chgtol=1e-20 gmin=1e-20 method=gear",
        f".tran {step!r} {stop!r} 0 {step!r} uic",
        ".end\n",
    ]
    vectors = run("\n".join(deck)).vectors
    end = [np.asarray(vectors[f"w_{i}_{j}"])[-1] for i, j in np.ndindex(crossbar.shape)]
    return np.reshape(end, crossbar.shape), {k: np.asarray(v) for k, v in vectors.items()}


def vteam_current(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    return v / (1e4 + 1.9e5 * w)


def vteam_rate(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    return 1e7 * (np.maximum(v / 0.5 - 1, 0) ** 3 - np.maximum(-v / 0.5 - 1, 0) ** 3)


def stanford_current(v: np.ndarray, gap: np.ndarray) -> np.ndarray:
    return 1e-3 * np.exp(-gap / 0.25) * np.sinh(v / 0.25)


def stanford_rate(v: np.ndarray, gap: np.ndarray) -> np.ndarray:
    field = (16 - 0.8 * gap**3) * 0.25 / 12 * v / THERMAL
    return -1e10 * np.exp(-0.6 / THERMAL) * np.sinh(field)


Cells = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def ode_states(
    crossbar: cx.Crossbar, waveform: Any, times: np.ndarray, start: np.ndarray, cells: Cells
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The states over time, (times, *shape of `start`), and the voltages of the nodes.

    start : (..., rows, columns).  cells : (voltages of the cells, states) -> currents, rates.
    All nodes have capacitors or lie at sources without resistance; no state reaches a bound.
    """
    bare = cx.Crossbar(
        np.zeros(crossbar.shape),
        wires=crossbar.wires,
        cell_capacitance=crossbar.cell_capacitance,
        left=crossbar.left,
        bottom=crossbar.bottom,
    )
    circuit = Circuit(bare, waveform)
    grid = list(np.ndindex(crossbar.shape))
    row, column = ([circuit.number[f"{k}_{i}_{j}"] for i, j in grid] for k in ("row", "column"))
    member = circuit.member
    assert circuit.common.shape[1] == 0
    farads = member.T @ circuit.capacitance @ member
    assert not (member.T @ circuit.capacitance @ circuit.follows)[:, 1:].any()
    unknowns = member.shape[1]

    def voltages(time: float, y: np.ndarray) -> np.ndarray:
        return circuit.follows @ circuit.source_voltages(time) + member @ y[:unknowns]

    def slope(time: float, y: np.ndarray) -> np.ndarray:
        at = voltages(time, y)
        x = y[unknowns:].reshape(start.shape)
        current, rate = cells((at[row] - at[column]).reshape(crossbar.shape), x)
        out = circuit.conductance @ at
        np.add.at(out, row, current.ravel())
        np.add.at(out, column, -current.ravel())
        return np.concatenate([np.linalg.solve(farads, -member.T @ out), np.ravel(rate)])

    # At rest first: no waveform begins anywhere but at 0 V.
    y, found = np.concatenate([np.zeros(unknowns), start.ravel()]), []
    ticks = np.union1d(np.clip(circuit.breaks, 0.0, times[-1]), [0.0, times[-1]])
    for begin, end in pairwise(ticks):
        inside = times[(times >= begin) & (times < end)]
        asked = np.append(inside, end)
        part = solve_ivp(slope, (begin, end), y, "Radau", asked, rtol=1e-7, atol=1e-9)
        assert part.success
        found.append(part.y[:, : len(inside)])
        y = part.y[:, -1]
    ys = np.concatenate([*found, y[:, None]], axis=1)
    nodes = np.array([voltages(t, y) for t, y in zip(times, ys.T, strict=True)])
    named = {name: nodes[:, k] for name, k in circuit.number.items()}
    return ys[unknowns:].T.reshape(len(times), *start.shape), named
