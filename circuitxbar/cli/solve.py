"""`circuitxbar solve`: the sensed currents of an array, as a summary, a table or a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.circuit.solution import Solution
from circuitxbar.cli.array_file import read_array
from circuitxbar.cli.inputs import Words, check_output, read_inputs, working
from circuitxbar.errors import CircuitxbarError
from circuitxbar.ideal import ROW_SIDES, ideal_solution, line_currents
from circuitxbar.ideal import loss as loss_of
from circuitxbar.plots.arrays import ir_drop
from circuitxbar.plots.canvas import FORMATS, save
from circuitxbar.solving import check_engine_name
from circuitxbar.solving import solve as solve_array
from circuitxbar.storage import write_npz, write_text

_SHOWN = 20  # lines of a table on the screen


@dataclass(frozen=True, eq=False)
class _Results:
    """What is reported of a solution, all with the batch axis."""

    solution: Solution
    currents: Array
    ideal: Array | None
    loss: Array
    seconds: float

    @property
    def line(self) -> str:
        return "row" if self.solution.crossbar.sensed_sides[0] in ROW_SIDES else "column"

    @property
    def status(self) -> list[str]:
        told = self.solution.status
        return [told] if self.solution.single else told


def run(
    array: Path,
    words: Words,
    engine: str,
    rtol: float,
    extrapolate: bool,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Solve `array` and report: to `out` and `plot` where named, and to the screen."""
    check_output(out, ".csv", ".npz")
    check_output(plot, *FORMATS)
    check_engine_name(engine)
    crossbar = read_array(array)
    inputs = read_inputs(words)
    started = time.perf_counter()
    with working(f"solving {crossbar.shape[0]} x {crossbar.shape[1]} cells"):
        solution = solve_array(
            crossbar, *inputs, engine=engine, rtol=rtol, keep="currents", extrapolate=extrapolate
        )
        results = _results(solution, time.perf_counter() - started)
    if plot is not None:
        first = (_first(values) for values in inputs)
        mapped = solve_array(crossbar, *first, engine=engine, rtol=rtol, extrapolate=extrapolate)
        save(ir_drop(mapped), plot)
    if out is not None and out.suffix.lower() == ".csv":
        write_text(out, "".join(_csv(results)))
    elif out is not None:
        _write_npz(out, results)
    if sys.stdout.isatty():
        _show(results)
    elif out is None:
        sys.stdout.writelines(_csv(results))


def _results(solution: Solution, seconds: float) -> _Results:
    currents = np.atleast_2d(solution.currents)
    try:
        ideal = ideal_solution(solution)
    except CircuitxbarError:  # a short between sources, for one, has no ideal current
        return _Results(solution, currents, None, np.full(len(currents), np.nan), seconds)
    return _Results(solution, currents, line_currents(ideal), loss_of(solution, ideal), seconds)


def _first(values: Array | float | None) -> Array | float | None:
    """The first vector of a batch; one vector, or a number for all lines, as it is."""
    return values[0] if isinstance(values, np.ndarray) and values.ndim == 2 else values


def _csv(results: _Results) -> Iterator[str]:
    solution = results.solution
    names = [f"{results.line}_{k} (A)" for k in range(results.currents.shape[1])]
    proof = ["residual (A)", "error_bound (A)", "loss", "engine", "status"]
    yield ",".join(["vector", *names, *proof]) + "\n"
    residual, bound = np.atleast_1d(solution.residual), np.atleast_1d(solution.error_bound)
    table = np.column_stack([results.currents, residual, bound, results.loss])
    for k, (numbers, status) in enumerate(zip(table.tolist(), results.status, strict=True)):
        entries = [format(number, ".17g") for number in numbers]
        yield ",".join([str(k), *entries, solution.engine, status]) + "\n"


def _write_npz(path: Path, results: _Results) -> None:
    solution = results.solution
    arrays = {
        "currents": results.currents,
        "residual": np.atleast_1d(solution.residual),
        "error_bound": np.atleast_1d(solution.error_bound),
        "loss": results.loss,
    }
    header = {
        "engine": solution.engine,
        "stats": solution.stats,
        "lines": results.line,
        "status": results.status,
    }
    write_npz(path, "currents", header, arrays)


def _show(results: _Results) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    rows = _lines_of_one(results) if len(results.currents) == 1 else _vectors(results)
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows[1 : _SHOWN + 1]:
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(table)
    if len(rows) - 1 > _SHOWN:
        console.print(f"... {len(rows) - 1 - _SHOWN} more: name a file with --out to see all.")
    console.print(_footer(results), soft_wrap=True)
    for line in _stepping(results):
        console.print(line, soft_wrap=True)


def _lines_of_one(results: _Results) -> list[list[str]]:
    rows = [[results.line, "current (A)", "ideal wires (A)", "lost (%)"]]
    totals = line_currents(results.solution)[0].tolist()
    for k, (current, total) in enumerate(zip(results.currents[0].tolist(), totals, strict=True)):
        ideal = None if results.ideal is None else float(results.ideal[0, k])
        lost = 100 * (ideal - total) / ideal if ideal else None
        rows.append([str(k), f"{current:.9e}", _text(ideal, ".9e"), _text(lost, ".3f")])
    return rows


def _vectors(results: _Results) -> list[list[str]]:
    rows = [["vector", "smallest (A)", "largest (A)", "error bound (A)", "loss (%)"]]
    bounds = np.atleast_1d(results.solution.error_bound).tolist()
    for k, (currents, bound, loss) in enumerate(
        zip(results.currents, bounds, results.loss.tolist(), strict=True)
    ):
        extremes = [f"{currents.min():.6e}", f"{currents.max():.6e}"]
        rows.append([str(k), *extremes, f"{bound:.1e}", _text(100 * loss, ".3f")])
    return rows


def _footer(results: _Results) -> str:
    solution = results.solution
    rows, columns = solution.crossbar.shape
    bound = np.atleast_1d(solution.error_bound).max()
    finite = results.loss[np.isfinite(results.loss)]
    loss = f"{100 * finite.max():.3f} %" if len(finite) else "not defined"
    return (
        f"{rows} x {columns} cells, {len(results.currents)} vectors in {results.seconds:.2g} s by "
        f"{solution.engine} ({solution.stats['linear_solver']}). "
        f"Error bound {bound:.1e} A, loss {loss}."
    )


def _stepping(results: _Results) -> Iterator[str]:
    """One line for each way that plain Newton steps were not enough, and its vectors."""
    ways = results.solution.strategies
    for way in ("gmin stepping", "source stepping"):
        vectors = [str(k) for k, used in enumerate(ways) if used == way]
        if vectors:
            named = ", ".join(vectors[:8]) + (", ..." if len(vectors) > 8 else "")
            yield f"{len(vectors)} of {len(ways)} vectors needed {way}: {named}."


def _text(value: float | None, form: str) -> str:
    return "-" if value is None or np.isnan(value) else format(value, form)
