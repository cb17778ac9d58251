"""`circuitxbar run`: the analyses of a SPICE deck, as a summary, a table, a file or a picture."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from circuitxbar.circuit.curves import Curves, has_branch
from circuitxbar.circuit.noise import Noise
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.cli.inputs import check_output, working
from circuitxbar.errors import CircuitError
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
from circuitxbar.plots.canvas import FORMATS, save
from circuitxbar.plots.curves import curves as picture_of
from circuitxbar.plots.curves import split_probes, unit_of_axis
from circuitxbar.solving import ac, dc_sweep, noise, operating_point, transient
from circuitxbar.solving.engines import engine_for_circuit
from circuitxbar.storage import write_npz, write_text

_MOST_POINTS = 1_000_000  # of a sweep, or frequencies
_SHOWN = 20  # lines of a table on the screen
_NAMES: dict[type, str] = {
    OperatingPointAnalysis: "op",
    SweepAnalysis: "dc",
    TransientAnalysis: "tran",
    AcAnalysis: "ac",
    NoiseAnalysis: "noise",
}


@dataclass(frozen=True, eq=False)
class _Found:
    """One analysis of a deck: its name, its answer, and the time it took, s.

    source : that noise is referred to.
    """

    name: str
    answer: OperatingPoint | Curves | Noise
    seconds: float
    source: str = ""

    @property
    def columns(self) -> list[str]:
        """The names of the rows of `values`."""
        if isinstance(self.answer, Noise):
            return ["onoise", "inoise"]
        circuit = self.answer.circuit
        branches = [n for group in circuit.groups if has_branch(group) for n in group.names]
        return [f"v({n})" for n in circuit.nodes[1:]] + [f"i({n})" for n in branches]

    @property
    def values(self) -> np.ndarray:
        """(columns, points): V of all nodes but ground, A of all branches; densities of noise."""
        found = self.answer
        if isinstance(found, Noise):
            return np.stack([found.output_density, found.input_density])
        through = found.branch_currents if isinstance(found, Curves) else found.source_currents
        return np.concatenate([found.voltages[1:], through])


def run(deck: Path, engine: str, out: Path | None, plot: str | None, picture: Path | None) -> None:
    """Run every analysis of `deck`; nothing is written before all of them are done."""
    check_output(out, ".csv", ".npz")
    check_output(picture, *FORMATS)
    engine_for_circuit(engine)
    if plot is None and picture is not None:
        raise CircuitError("--picture needs --plot: what to draw, such as --plot 'v(out)'.")
    read = read_deck(deck)
    if not read.circuit.groups:
        raise CircuitError(f"{deck} holds no elements. Its first line is its title.")
    analyses = read.analyses or (OperatingPointAnalysis(),)
    names = _suffixes(analyses)
    curves = (SweepAnalysis, TransientAnalysis, AcAnalysis)
    drawn = [n for a, n in zip(analyses, names, strict=True) if isinstance(a, curves)]
    if plot is not None:
        picture = picture or Path(f"{deck.stem}.png")
        check_output(picture, *FORMATS)
        if not drawn:
            raise CircuitError("an operating point is no curve, nor is noise. Leave out --plot.")
    found = []
    for analysis, name in zip(analyses, names, strict=True):
        started = time.perf_counter()
        with working(f"running .{_NAMES[type(analysis)]}"):
            answer = _answer(read, analysis, engine)
        source = analysis.source if isinstance(analysis, NoiseAnalysis) else ""
        found.append(_Found(name, answer, time.perf_counter() - started, source))
    figures = {}
    if plot is not None and picture is not None:
        for one in found:
            if isinstance(one.answer, Curves):
                path = picture if len(drawn) == 1 else _beside(picture, one.name)
                figures[path] = picture_of(one.answer, split_probes(plot))
    for one in found:
        if out is not None:
            _write(out if len(found) == 1 else _beside(out, one.name), one)
    for path, figure in figures.items():
        save(figure, path)
    _tell(read, found, out)


def _suffixes(analyses: Sequence[Analysis]) -> list[str]:
    """op, dc, tran, ac, with a number behind those that are there more than once."""
    names = [_NAMES[type(analysis)] for analysis in analyses]
    counts, met = Counter(names), Counter[str]()
    found = []
    for name in names:
        met[name] += 1
        found.append(name if counts[name] == 1 else f"{name}{met[name]}")
    return found


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}_{name}{path.suffix}")


# ---------------------------------------------------------------- the analyses


def _answer(deck: Deck, analysis: Analysis, engine: str) -> OperatingPoint | Curves | Noise:
    circuit = deck.circuit
    match analysis:
        case OperatingPointAnalysis():
            return operating_point(circuit, engine)
        case SweepAnalysis(source, start, stop, step):
            return dc_sweep(circuit, source, _steps(start, stop, step), engine)
        case TransientAnalysis():
            return _over_time(deck, analysis, engine)
        case AcAnalysis(kind, points, start, stop):
            return ac(circuit, _frequencies(kind, points, start, stop), engine)
        case NoiseAnalysis():
            points = _frequencies(analysis.kind, analysis.points, analysis.start, analysis.stop)
            output = (analysis.output, analysis.reference)
            return noise(circuit, output, analysis.source, points, engine)


def _over_time(deck: Deck, analysis: TransientAnalysis, engine: str) -> Curves:
    found = transient(
        deck.circuit,
        stop=analysis.stop,
        engine=engine,
        maximum_step=analysis.maximum_step
        or min(analysis.step, (analysis.stop - analysis.start) / 50),  # as SPICE does
        method="gear" if deck.options.get("method") == "gear" else "trapezoidal",
        initial="given" if analysis.use_initial else "operating point",
    )
    return found if analysis.start == 0 else _from(found, analysis.start)


def _from(found: Curves, start: float) -> Curves:
    """`found` without its points before `start`."""
    kept = found.points >= start
    return Curves(
        found.circuit,
        found.axis,
        found.points[kept],
        found.voltages[:, kept],
        found.branch_currents[:, kept],
        found.residual[kept],
        found.engine,
        found.stats,
        {name: values[kept] for name, values in found.states.items()},
    )


def _steps(start: float, stop: float, step: float) -> np.ndarray:
    """From start by whole steps; the last is not lost to the rounding of their sum."""
    if (stop - start) / step > _MOST_POINTS:
        raise CircuitError(
            f".dc has {(stop - start) / step:.3g} points; at most {_MOST_POINTS} are swept. "
            "Give a larger step."
        )
    return start + step * np.arange(int((stop - start) / step + 1e-9) + 1)


def _frequencies(kind: str, points: int, start: float, stop: float) -> np.ndarray:
    """`points` in all of them (lin), in a decade or in an octave, as SPICE counts them."""
    if start == 0:
        raise CircuitError("an .ac begins above 0 Hz here. At 0 Hz, run an .op.")
    base = {"dec": 10.0, "oct": 2.0, "lin": 0.0}[kind]
    count = int(points * np.log(stop / start) / np.log(base) + 1e-9) + 1 if base else points
    if count > _MOST_POINTS:
        raise CircuitError(f"{count:.3g} frequencies; at most {_MOST_POINTS} are run. Give fewer.")
    if kind == "lin":
        return np.linspace(start, stop, points)
    return start * base ** (np.arange(count) / points)


# ---------------------------------------------------------------- what is told


def _table(found: _Found) -> Iterator[str]:
    """Lines of comma separated text with all digits."""
    values, answer = found.values, found.answer
    heads = [f"{name} ({_unit(found, name)})" for name in found.columns]
    if np.iscomplexobj(values):
        heads = [f"{part} {head}" for head in heads for part in ("re", "im")]
        parts = np.stack([np.real(values), np.imag(values)], axis=1)
        values = parts.reshape(2 * len(values), -1)
    if isinstance(answer, Curves):
        heads.insert(0, f"{answer.axis} ({unit_of_axis(answer)})")
        values = np.concatenate([answer.points[None], values])
    elif isinstance(answer, Noise):
        heads.insert(0, "frequency (Hz)")
        values = np.concatenate([answer.frequency[None], values])
    yield ",".join(heads) + "\n"
    for row in values.T.tolist():
        yield ",".join(format(number + 0.0, ".17g") for number in row) + "\n"


def _unit(found: _Found, name: str) -> str:
    """The unit of a column."""
    if not isinstance(found.answer, Noise):
        return "V" if name[0] == "v" else "A"
    group, _ = found.answer.circuit.element(found.source)
    return "V/sqrt(Hz)" if name == "onoise" or group.kind == "V" else "A/sqrt(Hz)"


def _write(path: Path, found: _Found) -> None:
    if path.suffix.lower() == ".csv":
        write_text(path, "".join(_table(found)))
        return
    answer = found.answer
    arrays = {
        "names": np.array(found.columns, dtype=np.str_),
        "values": found.values,
    }
    if not isinstance(answer, Noise):
        arrays["residual"] = answer.residual
    header = {"analysis": found.name, "engine": answer.engine}
    if isinstance(answer, Curves):
        arrays["points"] = answer.points
        header["axis"] = answer.axis
    elif isinstance(answer, Noise):
        arrays["points"] = answer.frequency
        header["axis"] = "frequency"
    write_npz(path, "curves", header, arrays)


def _tell(deck: Deck, found: Sequence[_Found], out: Path | None) -> None:
    ignored = [name for name in deck.options if name != "method"]
    if ignored:
        print(
            f"circuitxbar: of the options of the deck {', '.join(ignored)} "
            f"{'are' if len(ignored) > 1 else 'is'} not followed; engines keep their own limits.",
            file=sys.stderr,
        )
    if sys.stdout.isatty():
        for one in found:
            _show(one)
    elif out is None:
        for k, one in enumerate(found):
            sys.stdout.write("\n" if k else "")
            sys.stdout.writelines(_table(one))


def _show(found: _Found) -> None:
    from rich.console import Console
    from rich.table import Table

    answer = found.answer
    console = Console(highlight=False)
    points = ""
    if isinstance(answer, OperatingPoint):
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("of")
        table.add_column("value", justify="right")
        rows = list(zip(found.columns, found.values[:, 0].tolist(), strict=True))
        for name, value in rows[:_SHOWN]:
            table.add_row(name, f"{value + 0.0:.9g} {'V' if name[0] == 'v' else 'A'}")
        console.print(table)
        if len(rows) > _SHOWN:
            console.print(f"... {len(rows) - _SHOWN} more: name a file with --out to see all.")
    elif isinstance(answer, Noise):
        first, last = answer.frequency[0], answer.frequency[-1]
        console.print(
            f"{found.name}: {len(answer.frequency)} frequencies, {first:.6g} ... {last:.6g} Hz, by "
            f"{answer.engine} in {found.seconds:.2g} s. Densities at the output "
            f"{answer.output_density[0]:.4g} ... {answer.output_density[-1]:.4g} V/sqrt(Hz).",
            soft_wrap=True,
        )
        return
    else:
        first, last, unit = answer.points[0], answer.points[-1], unit_of_axis(answer)
        points = f"{len(answer.points)} points of {answer.axis}, {first:.6g} ... {last:.6g} {unit},"
    console.print(
        f"{found.name}: {points or 'solved'} by {answer.engine} in {found.seconds:.2g} s. "
        f"{len(found.columns)} voltages and currents. {_proof(answer.residual)}",
        soft_wrap=True,
    )


def _proof(residual: np.ndarray) -> str:
    worst = np.max(residual, initial=0.0)
    if np.isnan(worst):
        return "The engine does not tell enough currents for a Kirchhoff residual."
    return f"Kirchhoff residual {worst:.1e} A."
