"""One diode or transistor at many bias points: by its laws, and by ngspice itself.

By its laws means the expanded circuit, evaluated and solved here: voltages at the terminals,
damped Newton for the nodes inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import Bipolar, Diode, Mosfet
from circuitxbar.circuit.expansion import expanded
from circuitxbar.circuit.group import Behaviour, ModelCard
from circuitxbar.devices.expression import Law
from circuitxbar.devices.kernel import kernel
from circuitxbar.ngspice.batch import run_deck
from circuitxbar.ngspice.installation import found

FREQUENCY = 1e3  # Hz, of the small signals
OPTIONS = ".options gmin=1e-20 reltol=1e-9 abstol=1e-18 vntol=1e-12 itl1=500"


@dataclass(frozen=True)
class Bench:
    """A card and the sizes of the one element that is tried."""

    card: ModelCard
    sizes: dict[str, float]

    @property
    def letter(self) -> str:
        return {"d": "d", "npn": "q", "pnp": "q", "nmos": "m", "pmos": "m"}[self.card.type]

    @property
    def terminals(self) -> tuple[str, ...]:
        names = {"d": ("a", "k"), "q": ("c", "b", "e"), "m": ("d", "g", "s", "b")}
        return names[self.letter]

    @property
    def circuit(self) -> Circuit:
        kind = {"d": Diode, "q": Bipolar, "m": Mosfet}[self.letter]
        words = {"w": "width", "l": "length", "m": "multiplier", "area": "area"}
        words |= {"ad": "drain_area", "pd": "drain_perimeter", "nrd": "drain_squares"}
        words |= {"as": "source_area", "ps": "source_perimeter", "nrs": "source_squares"}
        sizes = {words[name]: value for name, value in self.sizes.items()}
        return expanded(Circuit().add(kind("x", *self.terminals, self.card, **sizes)))

    def by_law(self, voltages: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(currents, conductances, capacitances) at the terminals, (n, t), (n, t, t) twice."""
        circuit, (n, t) = self.circuit, voltages.shape
        at = np.zeros((n, circuit.node_count))
        at[:, 1 : t + 1] = voltages
        currents, slopes, capacitances = _stamped(circuit, at)
        for _ in range(3000 if circuit.node_count > t + 1 else 0):
            inner = slopes[:, t + 1 :, t + 1 :]
            step = np.linalg.solve(inner, -currents[:, t + 1 :, None])[:, :, 0]
            at[:, t + 1 :] += np.clip(step, -0.02, 0.02)
            currents, slopes, capacitances = _stamped(circuit, at)
            if np.abs(step).max() < 1e-15:
                break
        outer = slice(1, t + 1)
        return currents[:, outer], slopes[:, outer, outer], capacitances[:, outer, outer]

    def _copies(self, voltages: np.ndarray, driven: int | None) -> list[str]:
        """One copy of the element for every bias point, each terminal on its own source."""
        numbers = " ".join(f"{k}={v!r}" for k, v in self.card.parameters.items())
        # With area=A, ngspice 46 has the collector junction's saturation current A squared.
        names = {"area": "m"} if self.letter == "q" else {}
        sizes = " ".join(f"{names.get(k, k)}={v!r}" for k, v in self.sizes.items())
        lines = [f"* bench\n{OPTIONS}\n.model dut {self.card.type} ({numbers})"]
        for k, point in enumerate(voltages.tolist()):
            nodes = [f"{name}{k}" for name in self.terminals]
            lines.append(f"{self.letter}{k} {' '.join(nodes)} dut {sizes}")
            for j, (node, value) in enumerate(zip(nodes, point, strict=True)):
                lines.append(f"v{node} {node} 0 dc {value!r} ac {int(j == driven)}")
        return lines

    def _run(self, lines: list[str], n: int) -> np.ndarray:
        vectors = vectors_of([*lines, ".end"])
        names = [[f"v{name}{k}#branch" for name in self.terminals] for k in range(n)]
        return -np.array([[vectors[name][0] for name in row] for row in names])

    def by_ngspice(self, voltages: np.ndarray) -> np.ndarray:
        """Currents into the terminals, (n, t)."""
        return np.real(self._run([*self._copies(voltages, None), ".op"], len(voltages)))

    def small_signals_by_ngspice(self, voltages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(conductances, capacitances) between the terminals, (n, t, t) twice."""
        ac = f".ac lin 1 {FREQUENCY!r} {FREQUENCY!r}"
        columns = [
            self._run([*self._copies(voltages, j), ac], len(voltages))
            for j in range(voltages.shape[1])
        ]
        admittances = np.stack(columns, axis=2)
        return np.real(admittances), np.imag(admittances) / (2 * np.pi * FREQUENCY)


def vectors_of(lines: list[str]) -> dict[str, np.ndarray]:
    """What ngspice answers to a deck with one analysis."""
    installation = found()
    assert installation is not None
    assert installation.command is not None
    plots, _ = run_deck("\n".join(lines), installation.command, 100.0)
    return plots[0].vectors


def _stamped(circuit: Circuit, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What flows into the elements from every node, its slopes, and the slopes of the charges."""
    n, nodes = at.shape
    currents, slopes = np.zeros((n, nodes)), np.zeros((n, nodes, nodes))
    capacitances = np.zeros((n, nodes, nodes))

    def add(matrix: np.ndarray, ends: list[int], pair: list[int], slope: np.ndarray) -> None:
        for row, sign in zip(ends, (1, -1), strict=True):
            for column, other in zip(pair, (1, -1), strict=True):
                matrix[:, row, column] += sign * other * slope

    for group in circuit.groups:
        wired = group.nodes[0].tolist()
        ends, pairs = wired[:2], [wired[k : k + 2] for k in range(2, len(wired), 2)]
        if group.kind == "R":
            flow = (at[:, ends[0]] - at[:, ends[1]]) / group.values[0]
            add(slopes, ends, ends, 1 / group.values[0])
        elif group.kind == "C":
            flow = np.zeros(n)
            add(capacitances, ends, ends, group.values[0])
        else:
            behaviour = group.model
            assert isinstance(behaviour, Behaviour)
            named = {
                name: at[:, a] - at[:, b]
                for name, (a, b) in zip(behaviour.voltages, pairs, strict=True)
            }
            named |= {**behaviour.parameters, "time": np.zeros(1)}
            flow, *by = _evaluated(behaviour.law, behaviour.voltages, named, n)
            for pair, slope in zip(pairs, by, strict=True):
                add(slopes, ends, pair, slope)
            if behaviour.charge is not None:
                _, *by = _evaluated(behaviour.charge, behaviour.voltages, named, n)
                for pair, slope in zip(pairs, by, strict=True):
                    add(capacitances, ends, pair, slope)
        currents[:, ends[0]] += flow
        currents[:, ends[1]] -= flow
    return currents, slopes, capacitances


def _evaluated(
    law: Law, voltages: tuple[str, ...], named: dict[str, np.ndarray], n: int
) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        results = kernel(law, voltages)(**{name: named[name] for name in law.names})
    return [np.broadcast_to(result, n) for result in results]
