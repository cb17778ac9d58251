"""The demonstration: digits through crossbars, with ideal wires, real ones, and trained on them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from circuitxbar.circuit.wires import Wires
from circuitxbar.comparing import compare
from circuitxbar.datasets import Digits, optdigits
from circuitxbar.errors import NetlistError
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn import MLP
from circuitxbar.plots import ir_drop, save, training
from circuitxbar.solving import present_engines, solve
from circuitxbar.storage import write_text
from circuitxbar.tile import Tile

SIZES = (64, 32, 10)
SOFTWARE = {"epochs": 30, "batch": 64, "learning_rate": 0.1}
ON_CIRCUIT = {"epochs": 3, "batch": 256, "learning_rate": 0.2}
ERROR_VECTORS = 50  # test images over which the worst current error of a layer is taken
PARITY_VECTORS = 4


@dataclass(frozen=True)
class Hardware:
    """Cells and wires of one case of the demonstration."""

    title: str
    g_min: float
    g_max: float
    ohm_per_segment: float

    def tile(self, *, ideal: bool = False) -> Tile:
        """The tile with these cells; with `ideal` wires, without their resistance."""
        ohm = 0.0 if ideal else self.ohm_per_segment
        return Tile(mapping=DifferentialPair(self.g_min, self.g_max), wires=Wires(ohm, ohm))


# 3.5 ohm per 4F2 cell is what NeuroSim's wire table gives for 7 nm (18 nm wide, aspect ratio 2).
HARD = Hardware("10 uS - 1 mS, 3 ohm", 10e-6, 1e-3, 3.0)
EASY = Hardware("1 - 100 uS, 1 ohm", 1e-6, 1e-4, 1.0)


@dataclass(frozen=True)
class Case:
    """What one kind of hardware does to the trained network; accuracies are shares of 1."""

    hardware: Hardware
    ideal_wires: float
    resistive_wires: float
    trained_through_circuit: float | None
    worst_current_errors: list[float]


def run(output: Path, seed: int = 0) -> dict[str, Any]:
    """Train, damage, repair and verify a network of digits; all it found, as in results.json.

    Prints one table and writes the netlist of layer 1, an IR-drop map, training curves and
    results.json to the folder `output`. Raises NetlistError where that cannot be written.
    """
    console = Console()
    began = time.perf_counter()
    _make(output)
    digits = optdigits()
    console.print("Training 64-32-10 on 3823 digits in software ...")
    software = MLP(SIZES, rng=seed).fit(digits.x_train, digits.y_train, **SOFTWARE)
    software_accuracy = software.accuracy(digits.x_test, digits.y_test)
    console.print(f"Training it further through the circuit ({HARD.title} per segment) ...")
    trained = software.on(HARD.tile())
    trained.fit(digits.x_train, digits.y_train, **ON_CIRCUIT)
    console.print("Reading 1797 test digits through every array ...")
    cases = [_case(HARD, software, trained, digits), _case(EASY, software, None, digits)]
    _draw(output, software, trained, digits)
    write_text(output / "layer_1.cir", trained.netlist(digits.x_test[0], layer=0))
    parity = _parity(trained, digits)
    results = {
        "seed": seed,
        "software_accuracy": software_accuracy,
        "cases": [asdict(case) for case in cases],
        "parity": parity,
        "seconds": round(time.perf_counter() - began, 1),
    }
    write_text(output / "results.json", json.dumps(results, indent=1) + "\n")
    _print(console, software_accuracy, cases, parity)
    console.print(f"{results['seconds']} s. Written to {output}/: " + ", ".join(FILES))
    return results


FILES = ("layer_1.cir", "ir_drop.png", "training.png", "results.json")


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise NetlistError(
            f"{output}: cannot be made ({problem.strerror}). Choose another folder with --out."
        ) from None


def _case(hardware: Hardware, software: MLP, trained: MLP | None, digits: Digits) -> Case:
    test = digits.x_test, digits.y_test
    on_wires = software.on(hardware.tile())
    return Case(
        hardware,
        software.on(hardware.tile(ideal=True)).accuracy(*test),
        on_wires.accuracy(*test),
        None if trained is None else trained.accuracy(*test),
        _worst_current_errors(on_wires, digits.x_test[:ERROR_VECTORS]),
    )


def _worst_current_errors(model: MLP, x: np.ndarray) -> list[float]:
    """For each layer the largest error of a column current, relative to the vector's largest."""
    errors = []
    for layer in model.layers:
        (crossbar,), voltages = layer.crossbars(), layer.voltages(x)
        ideal = voltages @ crossbar.conductances
        apart = np.abs(solve(crossbar, voltages).currents - ideal).max(axis=1)
        errors.append(float((apart / np.abs(ideal).max(axis=1)).max()))
        x = np.maximum(layer.apply(x), 0.0)
    return errors


def _draw(output: Path, software: MLP, trained: MLP, digits: Digits) -> None:
    first = trained.layers[0]
    read = solve(first.crossbars()[0], first.voltages(digits.x_test[:1]))
    save(ir_drop(read), output / "ir_drop.png")
    curves = {
        "software": trained.history[: len(software.history)],
        "through the circuit": trained.history[len(software.history) :],
    }
    save(training(curves), output / "training.png")


def _parity(model: MLP, digits: Digits) -> dict[str, Any] | None:
    """Worst disagreement of nodal analysis and ngspice on layer 1; None without ngspice."""
    if "ngspice" not in present_engines():
        return None
    first = model.layers[0]
    voltages = first.voltages(digits.x_test[:PARITY_VECTORS])
    comparison = compare(first.crossbars()[0], voltages, engines=("nodal", "ngspice"))
    stats = comparison.solutions["ngspice"].stats
    return {"vectors": len(voltages), "worst": comparison.worst, **stats}


def _print(
    console: Console, software: float, cases: list[Case], parity: dict[str, Any] | None
) -> None:
    table = Table(title="Test accuracy on 1797 digits, by cells and wire per cell")
    table.add_column("64-32-10")
    for case in cases:
        table.add_column(case.hardware.title, justify="right")

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.2f} %"

    table.add_row("software", *[percent(software)] * len(cases))
    table.add_row("same weights, ideal wires", *[percent(case.ideal_wires) for case in cases])
    table.add_row("same weights, real wires", *[percent(case.resistive_wires) for case in cases])
    table.add_row(
        "trained through the circuit", *[percent(case.trained_through_circuit) for case in cases]
    )
    for k in range(len(SIZES) - 1):
        errors = [percent(case.worst_current_errors[k]) for case in cases]
        table.add_row(f"worst current error, layer {k + 1}", *errors)
    console.print(table, "3 ohm per cell is wire of the 7 nm class.", sep="\n")
    easy = cases[1]
    change = 100 * (easy.resistive_wires - easy.ideal_wires)
    console.print(
        f"In the easy case the wires change accuracy by {change:+.2f} points: the two columns of a "
        "pair lose nearly alike, and their difference stays."
    )
    if parity is None:
        console.print("ngspice is not installed: nothing was compared with it (make ngspice).")
    else:
        console.print(
            f"ngspice {parity['version']} ({parity['linear_solver']}) gives the same currents of "
            f"layer 1 to {parity['worst']:.0e} of the largest, over {parity['vectors']} digits."
        )
