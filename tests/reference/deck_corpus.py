"""A deck of the corpus by both engines: how far apart they are, in shares of what is allowed.

A deck says what it holds in comments of its own:

* slow                     left out of `make test`
* exactly v(a) = v(b)      the node b holds the closed form for a, as its sources compute it
* late 2: why              ngspice does something up to two of its steps too late
* tolerance 1e-8: why      what it takes us to find the time of an edge
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import circuitxbar as cx
from circuitxbar.netlist.reader import (
    AcAnalysis,
    Analysis,
    Deck,
    NoiseAnalysis,
    OperatingPointAnalysis,
    SweepAnalysis,
    TransientAnalysis,
    read_deck,
)

CORPUS = Path(__file__).parents[1] / "decks" / "corpus"

# Of the largest voltage; of a node's largest answer over frequency; of its swing over time.
LINEAR, RESTING, SMALL_SIGNAL, OVER_TIME, NOISE = 1e-9, 1e-6, 1e-6, 1e-3, 1e-3
OUR_TOLERANCE = 1e-6  # of a transient, unless the deck says another
_ROUNDING = 1e-17  # A, which the last digit of 1 V is across 20 mS: leakages are sums of such
_LINEAR_KINDS = frozenset("RCLVIEGFH")
_EXACTLY = re.compile(r"^\* exactly v\((\S+)\) = v\((\S+)\)$", re.MULTILINE)
_TOLERANCE = re.compile(r"^\* tolerance (\S+): \S", re.MULTILINE)
_LATE = re.compile(r"^\* late (\d+): \S", re.MULTILINE)


@dataclass(frozen=True)
class CorpusDeck:
    """One deck of the corpus."""

    path: Path
    text: str

    @staticmethod
    def of(path: Path) -> CorpusDeck:
        return CorpusDeck(path, path.read_text())

    @cached_property
    def deck(self) -> Deck:
        return read_deck(self.path)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def slow(self) -> bool:
        return re.search(r"^\* slow$", self.text, re.MULTILINE) is not None

    @property
    def exact(self) -> list[tuple[str, str]]:
        """Pairs of nodes of the same voltage: one of the circuit, one of its closed form."""
        return _EXACTLY.findall(self.text)

    @property
    def late(self) -> int:
        """Of how many of its own steps ngspice may be late."""
        found = _LATE.search(self.text)
        return int(found[1]) if found else 0

    @property
    def tolerance(self) -> float:
        """Of our transients."""
        found = _TOLERANCE.search(self.text)
        return float(found[1]) if found else OUR_TOLERANCE

    @property
    def linear(self) -> bool:
        return all(group.kind in _LINEAR_KINDS for group in self.deck.circuit.groups)


@dataclass(frozen=True)
class Agreement:
    """How far the two engines are apart, in one analysis of a deck.

    worst : the largest difference, of what it is measured by.  allowed : for it.
    where : the node, or element, and the point where it is.
    exact : node -> its largest distance from its closed form, measured the same way.
    """

    kind: str
    worst: float
    allowed: float
    where: str
    exact: dict[str, float] = field(default_factory=dict)


def agreements(deck: CorpusDeck) -> Iterator[Agreement]:
    """What each analysis of the deck gives by both engines."""
    for analysis in deck.deck.analyses:
        yield agreement(deck, analysis)


def agreement(deck: CorpusDeck, analysis: Analysis) -> Agreement:
    """What one analysis gives by both engines."""
    match analysis:
        case OperatingPointAnalysis():
            return _at_rest(deck, "op", *_both(cx.operating_point, deck))
        case SweepAnalysis():
            values = _swept(analysis)
            return _at_rest(deck, "dc", *_both(cx.dc_sweep, deck, analysis.source, values))
        case AcAnalysis():
            return _over_frequency(deck, *_both(cx.ac, deck, frequencies(analysis)))
        case TransientAnalysis():
            return _over_time(deck, analysis)
        case NoiseAnalysis():
            return _noise(deck, analysis)


def frequencies(analysis: AcAnalysis | NoiseAnalysis) -> np.ndarray:
    """The grid of a .ac or .noise line, Hz."""
    start, stop, points = analysis.start, analysis.stop, analysis.points
    if analysis.kind == "lin":
        return np.linspace(start, stop, points)
    base = {"dec": 10.0, "oct": 2.0}[analysis.kind]
    count = int(np.floor(points * np.log(stop / start) / np.log(base) + 1e-9)) + 1
    return start * base ** (np.arange(count) / points)


def _swept(analysis: SweepAnalysis) -> np.ndarray:
    count = round((analysis.stop - analysis.start) / analysis.step)
    return analysis.start + analysis.step * np.arange(count + 1)


def _both(analyse: Any, deck: CorpusDeck, *arguments: Any) -> tuple[Any, Any]:
    circuit = deck.deck.circuit
    return tuple(analyse(circuit, *arguments, engine=engine) for engine in ("nodal", "ngspice"))


def _rows(found: Any) -> tuple[np.ndarray, np.ndarray]:
    """(nodes, points) of voltages and (branches, points) of currents."""
    currents = getattr(found, "branch_currents", None)
    currents = found.source_currents if currents is None else currents
    return found.voltages, currents


def _at_rest(deck: CorpusDeck, kind: str, ours: Any, theirs: Any) -> Agreement:
    """Voltages of the largest voltage, currents of the largest current, at each point."""
    allowed = LINEAR if deck.linear else RESTING
    worst, where = 0.0, "nothing"
    for what, one, other in zip(("node", "branch"), _rows(ours), _rows(theirs), strict=True):
        if not other.size:
            continue
        largest = np.abs(other).max()
        off = np.abs(one - other)
        if what == "branch":
            off = np.maximum(off - _ROUNDING, 0.0)
        off = off / (largest if largest > 0 else 1.0)
        if off.max() > worst:
            worst = float(off.max())
            where = _place(deck, what, off)
    largest = np.abs(ours.voltages).max()
    node = deck.deck.circuit.node
    exact = {
        a: float(np.abs(ours.voltages[node(a)] - ours.voltages[node(b)]).max() / largest)
        for a, b in deck.exact
    }
    return Agreement(kind, worst, allowed, where, exact)


def _over_frequency(deck: CorpusDeck, ours: Any, theirs: Any) -> Agreement:
    largest = np.abs(theirs.voltages).max(axis=1)
    there = largest > 1e-9 * largest.max()
    off = np.abs(ours.voltages - theirs.voltages)[there] / largest[there, None]
    node, point = np.unravel_index(off.argmax(), off.shape)
    name = np.array(ours.circuit.nodes)[there][node]
    where = f"v({name}) at {theirs.frequency[point]:.4g} Hz"
    allowed = LINEAR if deck.linear else SMALL_SIGNAL
    return Agreement("ac", float(off.max()), allowed, where)


def _over_time(deck: CorpusDeck, analysis: TransientAnalysis) -> Agreement:
    circuit = deck.deck.circuit
    method = deck.deck.options.get("method", "trapezoidal")
    options: dict[str, Any] = {
        "stop": analysis.stop,
        "method": "gear" if method == "gear" else "trapezoidal",
        "initial": "given" if analysis.use_initial else "operating point",
    }
    ours = cx.transient(circuit, **options, tol=deck.tolerance)
    theirs = cx.transient(circuit, **options, maximum_step=analysis.maximum_step, engine="ngspice")
    swings = np.ptp(theirs.voltages, axis=1)
    there = ours.time >= theirs.time[0]  # with uic, ngspice begins with its first step
    window = deck.late * (analysis.maximum_step or 0.0)
    worst, where = 0.0, "nothing"
    for name, swing in zip(circuit.nodes, swings, strict=True):
        if swing < 1e-6 * swings.max() or swing == 0:
            continue
        off = _apart(ours.time[there], ours.voltage(name)[there], theirs, name, window)
        if off.max() > worst * swing:
            worst = float(off.max() / swing)
            where = f"v({name}) at {ours.time[there][off.argmax()]:.6g} s"
    exact = {}
    for a, b in deck.exact:
        wanted = ours.voltage(b)
        exact[a] = float(np.abs(ours.voltage(a) - wanted).max() / np.ptp(wanted))
    return Agreement("tran", worst, OVER_TIME, where, exact)


def _apart(
    times: np.ndarray, ours: np.ndarray, theirs: Any, name: str, window: float
) -> np.ndarray:
    """At each of our `times`, how far we are from the other engine, whose steps are shorter.

    window : s; from what it has at any time so much before or after.
    """
    shifts = window * np.linspace(-1.0, 1.0, 41 if window else 1)
    found = np.array([np.interp(times + s, theirs.time, theirs.voltage(name)) for s in shifts])
    return np.maximum(np.maximum(found.min(axis=0) - ours, ours - found.max(axis=0)), 0.0)


def _noise(deck: CorpusDeck, analysis: NoiseAnalysis) -> Agreement:
    output = (analysis.output, analysis.reference)
    output = output[0] if output[1] == "0" else output
    ours, theirs = _both(cx.noise, deck, output, analysis.source, frequencies(analysis))
    off = np.abs(ours.output_density / theirs.output_density - 1)
    where = f"the output at {theirs.frequency[off.argmax()]:.4g} Hz"
    return Agreement("noise", float(off.max()), NOISE, where)


def _place(deck: CorpusDeck, what: str, off: np.ndarray) -> str:
    row, point = np.unravel_index(off.argmax(), off.shape)
    name = f"v({deck.deck.circuit.nodes[row]})" if what == "node" else f"branch {row}"
    return f"{name} at point {point}"
