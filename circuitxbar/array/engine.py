"""The array engine: operating points of crossbars of monotone cells, structured and compiled."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Balance, Block, Sources, Voltages, Workspace
from circuitxbar.array.checks import check_connected, refusal
from circuitxbar.array.linear import solve_linear
from circuitxbar.array.lines import potentials
from circuitxbar.array.newton import solve_laws
from circuitxbar.array.superposition import inputs_of, superposed
from circuitxbar.array.system import System
from circuitxbar.circuit.cells import CellNodes, cell_nodes
from circuitxbar.circuit.potentials import LineVoltages, two_sum
from circuitxbar.circuit.proof import Proof
from circuitxbar.circuit.solution import Answer, Request
from circuitxbar.circuit.terminations import SIDES

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar
    from circuitxbar.circuit.drive import Drive

__all__ = ["refusal", "solve"]
WIDTH = 8  # vectors side by side: one register of 512 bits


@dataclass(frozen=True, eq=False)
class Solved:
    """What stays of a solve: the system, and the blocks where voltages are kept."""

    system: System
    blocks: tuple[tuple[Sources, Voltages], ...] = ()


@dataclass(frozen=True, eq=False)
class _Done:
    """A block that has been solved."""

    sources: Sources
    voltages: Voltages | None
    balance: Balance
    newton: np.ndarray
    steps: np.ndarray
    moved: int


def solve(crossbar: Crossbar, drive: Drive, request: Request) -> Answer:
    """Node voltages of `crossbar` for a batch of line ends and gates, with their proof.

    Where only currents are to be kept, a linear array that is asked for more vectors than it has
    driven lines is solved once for each of these lines; vectors whose bound is then not within
    rtol, because much cancels in them, are solved after all.
    """
    if isinstance(request.factor, Solved):
        system = request.factor.system
    else:
        system = System.of(crossbar, drive.ends)
        check_connected(crossbar, drive, system.lines)
    units = sum(crossbar.lines(sides[0]) for sides in inputs_of(crossbar))
    if system.law is None and request.keep == "currents" and drive.batch > units + 1:
        return _superposed(system, drive, request)
    done = _blocks(system, drive, request)
    return _answer(system, drive, request, done)


def _blocks(system: System, drive: Drive, request: Request) -> list[_Done]:
    sources = sources_of(system, drive)
    width = 1 if drive.batch == 1 else WIDTH

    def run(vectors: slice, work: Workspace) -> _Done:
        block = Block(system, cut(sources, vectors, width), work)
        if request.guess is not None:
            _begin_at(block, request.guess, vectors)
        return _solved(block, request)

    return in_threads(run, drive.blocks(width))


def _answer(system: System, drive: Drive, request: Request, done: Sequence[_Done]) -> Answer:
    newton, steps = (
        np.concatenate([getattr(d, name) for d in done])[: drive.batch]
        for name in ("newton", "steps")
    )
    stats = {
        "linear_solver": "conjugate gradients with exact line solves",
        "newton_steps": newton,
        "steps": steps,
        "threads": min(len(done), cores()),
    }
    if system.law is None:
        stats["bytes_moved"] = sum(d.moved for d in done)
    kept = tuple((d.sources, d.voltages) for d in done if d.voltages is not None)
    solved = Solved(system, kept)
    nodes = None if request.keep == "currents" else lambda: _nodes(solved, drive)
    proof = proof_of(system, [d.balance for d in done], drive.batch)
    return Answer(nodes, "array", stats, factor=solved, proof=proof)


def _superposed(system: System, drive: Drive, request: Request) -> Answer:
    answers: list[Answer] = []

    def solve_units(part: Drive, rtol: float) -> Proof:
        asked = replace(request, rtol=rtol, guess=None)
        answers.append(_answer(system, part, asked, _blocks(system, part, asked)))
        assert answers[-1].proof is not None
        return answers[-1].proof

    proof = superposed(system.crossbar, drive, solve_units, request.rtol)
    units = answers[0]
    alone = ~(proof.error_bound <= proof.limit(request.rtol))
    steps = np.full(drive.batch, units.stats["steps"].max())
    if alone.any():
        own = solve_units(drive.select(np.flatnonzero(alone)), request.rtol)
        for side in SIDES:
            if drive.ends[side].terminated.any():
                proof.currents[side][alone] = own.currents[side]
        for name in ("residual", "error_bound", "scale"):
            getattr(proof, name)[alone] = getattr(own, name)
        steps[alone] = answers[-1].stats["steps"]
    stats = {
        **units.stats,
        "newton_steps": np.zeros_like(steps),
        "steps": steps,
        "superposed": ~alone,
        "bytes_moved": sum(answer.stats["bytes_moved"] for answer in answers),
    }
    return replace(units, proof=proof, stats=stats)


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(run: Callable[[slice, Workspace], Any], blocks: Sequence[slice]) -> list[Any]:
    """`run` of every block, in order, on as many threads as there are processors."""
    count, stop = min(len(blocks), cores()), Event()

    def share(first: int) -> list[Any]:
        work = Workspace()
        with np.errstate(all="ignore"):  # which each thread has for itself; the proof tells
            return [run(block, work) for block in blocks[first::count] if not stop.is_set()]

    if count == 1:
        return share(0)
    with ThreadPoolExecutor(count) as pool:
        try:
            shares = list(pool.map(share, range(count)))
        except BaseException:  # an interruption too ends with the blocks that are under way
            stop.set()
            raise
    return [shares[k % count][k // count] for k in range(len(blocks))]


def sources_of(system: System, drive: Drive) -> Sources:
    """The sources of `drive`, for the whole batch."""
    lines = system.lines
    base = potentials(system.crossbar, lines, drive.ends)
    base = np.broadcast_to(base, (len(base), drive.batch))
    at_ends = {
        **dict.fromkeys(("left", "right"), base[: lines.rows]),
        **dict.fromkeys(("top", "bottom"), base[lines.rows :]),
    }
    differences, injected, norton = [], [], []
    for side in SIDES:
        end, at = drive.ends[side], lines.ends[side]
        current = np.broadcast_to(end.current.T, at_ends[side].shape)
        voltage = np.where(end.terminated[:, None], end.voltage.T, at_ends[side])
        difference, lost = two_sum(voltage, -at_ends[side])
        differences.append(difference)
        share, conductance = lines.share[at, None], lines.end_conductance[at, None]
        injected.append(share * current + conductance * lost)
        norton.append(current)
    gates = np.broadcast_to(drive.gates.T, (drive.gates.shape[1], drive.batch))
    differences, injected, norton = map(np.concatenate, (differences, injected, norton))
    return Sources(base, differences, injected, norton, gates)


def cut(sources: Sources, vectors: slice, width: int) -> Sources:
    """Some of the vectors, and copies of the last one up to `width`."""
    count = vectors.stop - vectors.start
    chosen = np.minimum(np.arange(width), count - 1) + vectors.start
    parts = vars(sources).values()
    return Sources(*(np.ascontiguousarray(part[:, chosen]) for part in parts))


def _begin_at(block: Block, guess: CellNodes, vectors: slice) -> None:
    """Put the voltages of `block` where the vectors of `guess` are."""
    count = vectors.stop - vectors.start
    chosen = np.minimum(np.arange(block.width), count - 1) + vectors.start
    lines, potential = block.system.lines, block.sources.potentials
    shape = lines.rows, lines.columns, block.width
    voltages = block.voltages
    for values, line, base in (
        (voltages.row, guess.row, potential[: lines.rows, None]),
        (voltages.column, guess.column, potential[None, lines.rows :]),
    ):
        given = np.moveaxis(line.voltages[chosen], 0, -1)
        values.reshape(shape)[...] = given - base
    for values, ties, axis in (
        (block.voltages.row, lines.row_tie, 1),
        (block.voltages.column, lines.column_tie, 0),
    ):
        if ties.any():
            _join(values.reshape(shape), ties.reshape(shape[:2]), axis)
    block.put_on_sources()


def _join(values: Array, ties: Array, axis: int) -> None:
    """Give nodes that are joined with the one before its voltage."""
    place = np.expand_dims(np.arange(values.shape[axis]), 1 - axis)
    first = np.maximum.accumulate(np.where(ties == 0, place, 0), axis=axis)
    values[...] = np.take_along_axis(values, first[:, :, None], axis=axis)


def _solved(block: Block, request: Request) -> _Done:
    if block.system.law is None:
        balance, steps = solve_linear(block, request.rtol)
        newton = np.zeros_like(steps)
    else:
        balance, newton, steps = solve_laws(block, request.rtol)
    block.put_on_sources()  # corrections were of 1e-150 V there
    voltages = None if request.keep == "currents" else block.voltages
    return _Done(block.sources, voltages, balance, newton, steps, block.moved)


def proof_of(system: System, balances: Sequence[Balance], batch: int) -> Proof:
    """The proof of all vectors from the balances of their blocks."""

    def joined(name: str) -> Array:
        return np.concatenate([getattr(b, name) for b in balances], axis=-1)[..., :batch]

    currents = joined("currents").T
    at = system.lines.ends
    return Proof(
        {side: np.ascontiguousarray(currents[:, at[side]]) for side in SIDES},
        joined("worst"),
        np.where(joined("falling"), np.inf, joined("bound")),
        joined("scale"),
        joined("falling"),
    )


def _nodes(solved: Solved, drive: Drive) -> CellNodes:
    """The voltages of all blocks, vector by vector."""
    system, blocks = solved.system, solved.blocks
    rows, columns = system.crossbar.shape

    def joined(values: list[Array]) -> Array:
        parts = [np.moveaxis(v.reshape(rows, columns, -1), -1, 0) for v in values]
        return np.concatenate(parts)[: drive.batch]

    def line(name: str, base: Array) -> LineVoltages:
        deviation = joined([getattr(v, name) for _, v in blocks])
        remainder = np.zeros(())
        if any(v.fine for _, v in blocks):
            for _, v in blocks:
                v.refine()
            remainder = joined([getattr(v, f"{name}_remainder") for _, v in blocks])
        return LineVoltages(
            np.broadcast_to(base, deviation.shape),
            deviation,
            np.broadcast_to(remainder, deviation.shape),
        )

    base = np.concatenate([s.potentials for s, _ in blocks], axis=1).T[: drive.batch]
    lines = [line("row", base[:, :rows, None]), line("column", base[:, None, rows:])]
    if system.law is not None and system.law.kind != "1R":
        by_row = system.law.kind == "1S1R"
        sign, outer = (-1.0, lines[0]) if by_row else (1.0, lines[1])
        inner = sign * joined([v.inner for _, v in blocks])
        inner_rest = sign * joined([v.inner_remainder for _, v in blocks])
        deviation, lost = two_sum(outer.deviation, inner)
        lines.append(
            LineVoltages(outer.potential, deviation, lost + (outer.remainder + inner_rest))
        )
    nodes = cell_nodes(system.crossbar, lines, drive.gates)
    return nodes if nodes.inner is None else _balanced(system.crossbar, nodes)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _balanced(crossbar: Crossbar, nodes: CellNodes) -> CellNodes:
    """`nodes` with both elements of every cell carrying one current to the last digit.

    The kernels know the voltage across a cell as one number; what it has no room for belongs to
    the element that conducts less.
    """
    first, last = crossbar.cell_elements
    slope = np.zeros(())
    for element, way in ((first, -1), (last, 1)):
        for control, signs in element.model.device.controls.items():
            sign = way * signs[element.nodes.index("inner")]
            slope = slope + sign * element.slope(nodes, control)
    step = (first.current(nodes) - last.current(nodes)) / slope
    inner = nodes.inner
    assert inner is not None
    rest = inner.remainder + np.where(np.isfinite(step), step, 0.0)
    return replace(nodes, inner=replace(inner, remainder=rest))
