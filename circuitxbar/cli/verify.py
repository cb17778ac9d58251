"""`circuitxbar verify`: the same problem through every engine of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.cli.array_file import read_array
from circuitxbar.cli.inputs import Inputs, Words, read_inputs, working
from circuitxbar.comparing import compare
from circuitxbar.errors import MappingError
from circuitxbar.nn.mlp import MLP
from circuitxbar.nn.mlp import load as load_network
from circuitxbar.solving import ENGINES
from circuitxbar.storage import kind_of

_VECTORS = 4
_VOLTS = 0.2


@dataclass(frozen=True, eq=False)
class _Problem:
    """One array and its inputs, as `solve` takes them."""

    crossbar: Crossbar
    inputs: Inputs


def run(
    file: Path,
    words: Words,
    layer: int,
    rtol: float,
    extrapolate: bool,
    seed: int,
) -> int:
    """Compare all engines on the array or the layer in `file`; 0 where they agree, else 1."""
    problems = _problems(file, read_inputs(words), layer, np.random.default_rng(seed))
    passed = [_verify(problem, rtol, extrapolate) for problem in problems]
    return 0 if all(passed) else 1


def _verify(problem: _Problem, rtol: float, extrapolate: bool) -> bool:
    rows, columns = problem.crossbar.shape
    with working(f"solving {rows} x {columns} cells with every engine"):
        found = compare(problem.crossbar, *problem.inputs, extrapolate=extrapolate)
    results = found.solutions
    batch = max(np.size(solution.error_bound) for solution in results.values())
    devices = (element.model.device.name for element in problem.crossbar.cell_elements)
    print(f"{rows} x {columns} cells of {' + '.join(devices)}, {batch} vectors")
    for engine, solution in results.items():
        print(_line(engine, solution, found.seconds[engine]))
    for (a, b), apart in found.disagreement.items():
        print(f"  {a} and {b} differ by {apart:.1e} of a vector's largest current at the most")
        left = found.unexplained[a, b]
        if apart > rtol >= left:
            print("  which the 16 digits of ngspice's node voltages explain (docs/accuracy.md)")
    for name in [name for name in ENGINES if name not in results]:
        reason = ENGINES[name].refusal(problem.crossbar)
        why = f"does not take this array ({reason})" if reason else "is not installed here"
        print(f"  {name} {why} and did not run")
    # An engine that keeps fewer digits may agree to the tolerance without proving it by itself.
    bound = min(_relative_bound(solution) for solution in results.values())
    agree = bound <= rtol and all(left <= rtol for left in found.unexplained.values())
    if not found.disagreement:
        said = "holds" if agree else "does not hold"
        print(
            f"Kirchhoff's law {said} to {rtol:g}. Only one engine ran: no other has confirmed it."
        )
    elif agree:
        rounding = "" if found.worst <= rtol else " but for that rounding"
        print(f"The engines agree to {rtol:g}{rounding}.")
    else:
        print(f"FAILED: the engines do not agree, or none proves its answer, to {rtol:g}.")
    return agree


def _line(engine: str, solution: Solution, seconds: float) -> str:
    stats = solution.stats
    name = f"{engine} {stats.get('version', '')}".rstrip()
    return (
        f"  {name:<11} {stats['linear_solver']}, {seconds:.3f} s, "
        f"error bound {_relative_bound(solution):.1e} of the largest current"
    )


def _relative_bound(solution: Solution) -> float:
    bound, largest = np.atleast_1d(solution.error_bound), np.atleast_1d(solution.largest_current)
    return float((bound / np.maximum(largest, np.finfo(float).tiny)).max())


def _problems(file: Path, inputs: Inputs, layer: int, rng: np.random.Generator) -> list[_Problem]:
    """The array in `file`, or all arrays of the layer, with inputs; random ones where none are."""
    network = _network(file)
    if network is None:
        return [_problem(read_array(file), inputs, _VOLTS, rng)]
    if layer >= len(network.layers):
        raise MappingError(f"--layer {layer}: {file} has {len(network.layers)}, counted from 0.")
    crossbars = network.layers[layer].crossbars()
    if len(crossbars) > 1 and any(given is not None for given in inputs):
        raise MappingError(f"layer {layer} has {len(crossbars)} arrays. Leave out --voltages.")
    assert network.tile is not None  # or there were no crossbars
    volts = network.tile.read_voltage
    return [_problem(crossbar, inputs, volts, rng) for crossbar in crossbars]


def _network(file: Path) -> MLP | None:
    """The network in `file`; None where it is something else."""
    return load_network(file) if kind_of(file) == "mlp" else None


def _problem(
    crossbar: Crossbar,
    inputs: Inputs,
    volts: float,
    rng: np.random.Generator,
) -> _Problem:
    voltages, column_voltages, gates = inputs
    rows, columns = crossbar.shape
    if voltages is None and column_voltages is None:
        if crossbar.drives_rows or crossbar.drives_columns:
            lines = rows if crossbar.drives_rows else columns
            voltages = rng.uniform(-volts, volts, (_VECTORS, lines))
        if crossbar.drives_rows and crossbar.drives_columns:
            column_voltages = rng.uniform(-volts, volts, (_VECTORS, columns))
    return _Problem(crossbar, (voltages, column_voltages, gates))
