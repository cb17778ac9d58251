"""The demonstration: digits through crossbars of linear and of non-linear cells, on real wires."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from circuitxbar.circuit.wires import Wires
from circuitxbar.comparing import compare
from circuitxbar.datasets import Digits, optdigits
from circuitxbar.devices.library import device
from circuitxbar.errors import NetlistError
from circuitxbar.ideal import ideal_solution
from circuitxbar.mapping import DifferentialPair
from circuitxbar.nn import MLP
from circuitxbar.plots import ir_drop, save, training
from circuitxbar.solving import present_engines, solve
from circuitxbar.storage import write_text
from circuitxbar.tile import Tile

SIZES = (64, 32, 10)
SOFTWARE = {"epochs": 30, "batch": 64, "learning_rate": 0.1}
ON_CIRCUIT = {"epochs": 3, "batch": 256, "learning_rate": 0.2}
# Every vector through non-linear cells is a solve of its own: small batches cost no more.
ON_SINH_CIRCUIT = {"epochs": 3, "batch": 64, "learning_rate": 0.1}
ERROR_VECTORS = 50  # test images over which the worst current error of a layer is taken
PARITY_VECTORS = 2


@dataclass(frozen=True)
class Hardware:
    """Cells and wires of one case of the demonstration."""

    title: str
    g_min: float
    g_max: float
    ohm_per_segment: float
    device: str = "linear"
    read_voltage: float = 0.2

    def tile(self, *, ideal: bool = False) -> Tile:
        """The tile with these cells; with `ideal` wires, without their resistance."""
        ohm = 0.0 if ideal else self.ohm_per_segment
        return Tile(
            mapping=DifferentialPair(self.g_min, self.g_max),
            read_voltage=self.read_voltage,
            wires=Wires(ohm, ohm),
            device=self.device,
        )


# 3.5 ohm per 4F2 cell is what NeuroSim's wire table gives for 7 nm (18 nm wide, aspect ratio 2).
HARD = Hardware("linear cells, 10 uS - 1 mS, 3 ohm", 10e-6, 1e-3, 3.0)
EASY = Hardware("linear cells, 1 - 100 uS, 1 ohm", 1e-6, 1e-4, 1.0)
# Read at twice the voltage scale of the law, and inputs stay within its valid range of 1 V.
SINH = Hardware("sinh cells, 10 uS - 1 mS, 3 ohm", 10e-6, 1e-3, 3.0, "sinh", 0.5)


@dataclass(frozen=True)
class Parity:
    """How far ngspice is from `engine` on layer 1, relative to a vector's largest current."""

    engine: str
    vectors: int
    worst: float
    ngspice: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What one kind of hardware does to the trained network; accuracies are shares of 1."""

    hardware: Hardware
    ideal_wires: float
    resistive_wires: float
    worst_current_errors: list[float]
    trained_through_circuit: float | None = None
    training_seconds: float | None = None
    parity: Parity | None = None


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
    plans = {HARD: ON_CIRCUIT, SINH: ON_SINH_CIRCUIT}
    trained = {h: _train(console, h, plan, software, digits) for h, plan in plans.items()}
    console.print("Reading 1797 test digits through every array ...")
    cases = [_case(h, software, trained.get(h), digits) for h in (HARD, EASY, SINH)]
    _draw(output, software, {h: done.model for h, done in trained.items()}, digits)
    write_text(output / "layer_1.cir", trained[HARD].model.netlist(digits.x_test[0], layer=0))
    results = {
        "seed": seed,
        "software_accuracy": software_accuracy,
        "cases": [asdict(case) for case in cases],
        "seconds": round(time.perf_counter() - began, 1),
    }
    write_text(output / "results.json", json.dumps(results, indent=1) + "\n")
    _print(console, software_accuracy, cases)
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


@dataclass(frozen=True)
class _Training:
    """A network after training through a circuit, and what that took."""

    model: MLP
    seconds: float


def _train(
    console: Console, hardware: Hardware, plan: dict[str, Any], software: MLP, digits: Digits
) -> _Training:
    console.print(f"Training it further through the circuit: {hardware.title} per segment ...")
    began = time.perf_counter()
    model = software.on(hardware.tile())
    model.fit(digits.x_train, digits.y_train, **plan)
    return _Training(model, time.perf_counter() - began)


def _case(hardware: Hardware, software: MLP, trained: _Training | None, digits: Digits) -> Case:
    test = digits.x_test, digits.y_test
    on_wires = software.on(hardware.tile())
    case = Case(
        hardware,
        software.on(hardware.tile(ideal=True)).accuracy(*test),
        on_wires.accuracy(*test),
        _worst_current_errors(on_wires, digits.x_test[:ERROR_VECTORS]),
    )
    if trained is None:
        return case
    return replace(
        case,
        trained_through_circuit=trained.model.accuracy(*test),
        training_seconds=round(trained.seconds, 1),
        parity=_parity(trained.model, digits),
    )


def _worst_current_errors(model: MLP, x: np.ndarray) -> list[float]:
    """For each layer what wires change of a column current at most, of the vector's largest."""
    errors = []
    for layer in model.layers:
        (crossbar,) = layer.crossbars()
        read = solve(crossbar, layer.voltages(x), keep="currents")
        ideal = ideal_solution(read).currents
        apart = np.abs(read.currents - ideal).max(axis=1)
        errors.append(float((apart / np.abs(ideal).max(axis=1)).max()))
        x = np.maximum(layer.apply(x), 0.0)
    return errors


def _draw(output: Path, software: MLP, trained: dict[Hardware, MLP], digits: Digits) -> None:
    first = trained[HARD].layers[0]
    read = solve(first.crossbars()[0], first.voltages(digits.x_test[:1]))
    save(ir_drop(read), output / "ir_drop.png")
    curves = {"software": software.history}
    for hardware, model in trained.items():
        cells = hardware.title.split(",")[0]
        curves[f"through the circuit, {cells}"] = model.history[len(software.history) :]
    save(training(curves), output / "training.png")


def _parity(model: MLP, digits: Digits) -> Parity | None:
    """Worst disagreement of the engine and ngspice on layer 1; None without ngspice."""
    if "ngspice" not in present_engines():
        return None
    first = model.layers[0]
    (crossbar,), voltages = first.crossbars(), first.voltages(digits.x_test[:PARITY_VECTORS])
    engine = "nodal" if crossbar.is_linear else "array"
    comparison = compare(crossbar, voltages, engines=(engine, "ngspice"))
    return Parity(engine, len(voltages), comparison.worst, comparison.solutions["ngspice"].stats)


def _print(console: Console, software: float, cases: list[Case]) -> None:
    table = Table(title="Test accuracy on 1797 digits, by cells and wire per cell")
    table.add_column("64-32-10")
    for case in cases:
        table.add_column(case.hardware.title.replace(", ", "\n"), justify="right")

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
    _, easy, curved = cases
    change = 100 * (easy.resistive_wires - easy.ideal_wires)
    console.print(
        f"In the easy case the wires change accuracy by {change:+.2f} points: the two columns of a "
        "pair lose nearly alike, and their difference stays."
    )
    volt, g = curved.hardware.read_voltage, curved.hardware.g_max
    steeper = device(curved.hardware.device).current(volt, g) / (g * volt)
    console.print(
        f"Sinh cells are read at {volt:g} V, where they carry {steeper:.2f} times the current of "
        f"linear ones. {ON_SINH_CIRCUIT['epochs']} epochs through them and their wires, exact "
        f"gradients included, took {curved.training_seconds:g} s."
    )
    for case in cases:
        _print_parity(console, case)
    if not any(case.parity for case in cases):
        console.print("ngspice is not installed: nothing was compared with it (make ngspice).")


def _print_parity(console: Console, case: Case) -> None:
    parity = case.parity
    if parity is not None:
        told = f"{parity.ngspice['version']} ({parity.ngspice['linear_solver']})"
        console.print(
            f"ngspice {told} gives the same currents of layer 1 to {parity.worst:.0e} of the "
            f"largest as the {parity.engine} engine, over {parity.vectors} digits "
            f"({case.hardware.title})."
        )
