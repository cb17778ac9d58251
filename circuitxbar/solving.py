"""Solve, gradient, effective matrix, comparison: every choice between engines is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from circuitxbar.arguments import Array, flag, real_array, real_number, shown
from circuitxbar.circuit.cells import adjoint_outflow, conductance_slope
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.proof import LEAST_CURRENT, Proof, prove
from circuitxbar.circuit.solution import Answer, Solution, TerminalValues
from circuitxbar.circuit.terminations import SIDES, Driven, Side
from circuitxbar.circuit.valid import (
    check_valid_conductances,
    check_valid_point,
    check_valid_voltages,
)
from circuitxbar.errors import CircuitError, SolverError
from circuitxbar.ngspice import engine as ngspice
from circuitxbar.nodal import engine as nodal


@dataclass(frozen=True)
class Engine:
    """One way to answer: for crossbars, for circuits, and whether it can run on this machine."""

    solve: Callable[..., Answer]
    operating_point: Callable[[Circuit], OperatingPoint]
    is_present: Callable[[], bool]


NODAL = Engine(nodal.solve, nodal.operating_point, lambda: True)
ENGINES: dict[str, Engine] = {
    "nodal": NODAL,
    "ngspice": Engine(ngspice.solve, ngspice.operating_point, ngspice.is_present),
}
_ROUGH = 1e-4  # of the largest current: a solution that is further off has no slopes to speak of
_EPS = np.finfo(float).eps
_BLOCK_NODES = 4_000_000  # nodes times vectors solved at once; bounds memory to some 500 MB


def solve(
    crossbar: Crossbar,
    voltages: Any = None,
    column_voltages: Any = None,
    gates: Any = None,
    *,
    engine: str = "auto",
    rtol: float = 1e-9,
    keep: Literal["voltages", "currents"] = "voltages",
    start: Solution | None = None,
    throw: bool = True,
    extrapolate: bool = False,
) -> Solution:
    """Terminal currents and node voltages of `crossbar` at its operating point.

    voltages : (batch, driven lines) or (driven lines,), V; None where no end is Driven.
    column_voltages : (batch, columns), V, for Driven column ends where rows are driven too.
    gates : V, of the gate lines of transistors: one, (gate lines,) or (batch, gate lines).
    engine : "nodal", "ngspice", or "auto" (nodal).
    rtol : largest error bound, relative to the vector's largest terminal current.
    keep : "currents" stores no node voltages, so that memory stays bounded.
    start : an earlier Solution, whose voltages are the first guess for as many vectors of an array
    of the same shape, and whose factorisation is used again when it is of the same Crossbar.
    throw : raise SolverError for vectors that did not converge, else see `status`.
    extrapolate : accept voltages and conductances outside the valid ranges of the devices.
    Raises CircuitError for wrong inputs or a circuit without a unique solution, SolverError
    for a missing engine or an error bound above the limit.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    if not isinstance(keep, str) or keep not in ("voltages", "currents"):
        raise CircuitError(f'keep = {shown(keep)}: choose "voltages" or "currents".')
    if start is not None and not isinstance(start, Solution):
        raise CircuitError(f"start = {shown(start)} is not a Solution.")
    throw, extrapolate = flag("throw", throw), flag("extrapolate", extrapolate)
    rtol = real_number("rtol", rtol, minimum=0.0)
    run = engine_named(engine)
    drive = Drive.of(crossbar, voltages, column_voltages, gates)
    if not extrapolate:
        check_valid_conductances(crossbar)
    solution = _solved(crossbar, drive, run, start, rtol, keep, extrapolate)
    if throw:
        raise_unless_converged(solution)
    return solution


def operating_point(
    circuit: Circuit, engine: str = "nodal", *, rtol: float = 1e-9, extrapolate: bool = False
) -> OperatingPoint:
    """Node voltages and source currents of any Circuit of resistances, devices and sources.

    rtol : largest Kirchhoff residual, relative to the largest current of any element.
    extrapolate : accept voltages outside the valid ranges of the devices.
    Raises CircuitError naming what has no unique solution or is out of range, SolverError for a
    missing engine or a residual above the limit.
    """
    extrapolate = flag("extrapolate", extrapolate)
    rtol = real_number("rtol", rtol, minimum=0.0)
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit.")
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below
        found = engine_named(engine).operating_point(circuit)
    if not (np.isfinite(found.voltages).all() and np.isfinite(found.source_currents).all()):
        raise SolverError(
            "a voltage or current is beyond the largest float, 1.8e308. "
            "Check for a very small resistance or a very large source."
        )
    limit = np.maximum(rtol * found.largest_current, LEAST_CURRENT)
    failed = np.flatnonzero(found.residual > limit)
    if len(failed):
        _refuse_vectors(failed, found.residual[failed], limit[failed], found)
    if not extrapolate:
        check_valid_point(found)
    return found


@dataclass(frozen=True, eq=False)
class Gradient:
    """Derivatives of a scalar loss, summed over the batch for what the vectors share.

    conductances : (rows, columns), loss per S.
    parameters : name, as in Crossbar.parameters -> (rows, columns), loss per unit of it.
    voltages, column_voltages : like the inputs of `solve`, loss per V; None where not driven.
    gates : (batch, gate lines), loss per V; None without transistors.
    end_voltages : with respect to the source at every line end, whatever its kind, loss per V.
    """

    conductances: Array
    parameters: dict[str, Array]
    voltages: Array | None
    column_voltages: Array | None
    gates: Array | None
    end_voltages: TerminalValues


def gradient(solution: Solution, d_currents: Any) -> Gradient:
    """Exact adjoint of `solve`: what `d_currents` = d(loss)/d(currents) means for its inputs.

    d_currents : the shape of `solution.currents`, loss per A. One solve of the transposed array,
    its cells linearised at the solution, its sources off and `d_currents` applied as voltages at
    the sensed ends, gives potentials p; an element between nodes a and b then has d(loss)/dx =
    (p_b - p_a) dI/dx for anything x in its law, and d(loss)/dV is the current they drive out of
    the array at that end (Tellegen's theorem).
    Raises CircuitError for a wrong shape or a solution that kept no voltages, SolverError for one
    that did not converge and where the adjoint does not reach its accuracy.
    """
    if not isinstance(solution, Solution):
        raise CircuitError(f"{shown(solution)} is not a Solution.")
    crossbar, nodes = solution.crossbar, solution.kept_nodes()
    if not (solution.proof.error_bound <= solution.proof.limit(_ROUGH)).all():
        raise_unless_converged(solution)
    cotangents = real_array("d_currents", d_currents, shape=solution.currents.shape)
    cotangents = np.atleast_2d(cotangents)
    at_sense = dict.fromkeys(crossbar.sensed_sides, cotangents)
    drive = _signals_only(solution.drive, at_sense, len(cotangents))
    adjoint = _adjoint(solution, drive)
    proof, potentials = adjoint.proof, adjoint.kept_nodes()

    def shaped(values: Array) -> Array:
        return values[0] if solution.single else values

    def driven(first: Side, second: Side) -> Array | None:
        sides = [s for s in (first, second) if isinstance(getattr(crossbar, s), Driven)]
        return shaped(sum_over(proof.currents, sides)) if sides else None

    conductances, parameters, at_gates = np.zeros(crossbar.shape), {}, None
    for element in crossbar.cell_elements:
        across = -potentials.across(element.nodes)
        if element.name == "cell":
            conductances = (across * conductance_slope(crossbar, nodes)).sum(axis=0)
        for name in element.model.device.parameters:
            by_cell = across * element.slope(nodes, name)
            parameters[element.prefix + name] = by_cell.sum(axis=0)
        if "gate" in element.nodes:
            by_cell = across * element.slope(nodes, "v_g")
            at_gates = shaped(by_cell.sum(axis=2 if crossbar.gate_lines == "row" else 1))
    on_rows, on_columns = driven("left", "right"), driven("top", "bottom")
    return Gradient(
        conductances=conductances,
        parameters=parameters,
        voltages=on_rows if on_rows is not None else on_columns,
        column_voltages=on_columns if on_rows is not None else None,
        gates=at_gates,
        end_voltages=TerminalValues(**{s: shaped(proof.currents[s]) for s in SIDES}),
    )


@np.errstate(over="ignore", invalid="ignore")  # the proof tells of numbers that are not finite
def _adjoint(solution: Solution, drive: Drive) -> Solution:
    """The proven answer of the transposed array, linearised at `solution`, under `drive`."""
    crossbar = solution.crossbar
    answer = nodal.adjoint(solution, drive)
    cells = adjoint_outflow(crossbar, solution.kept_nodes())
    proof = prove(crossbar, drive.ends, answer.nodes, cells=cells)
    # Where the derivatives are nothing at all, so much is left of what cells could carry.
    most = crossbar.cell_conductances[np.isfinite(crossbar.cell_conductances)].max(initial=0.0)
    driven = np.max([np.abs(end.voltage).max(axis=1) for end in drive.ends.values()], axis=0)
    passed = proof.error_bound <= np.maximum(proof.limit(solution.rtol), _EPS * most * driven)
    found = Solution(
        crossbar,
        drive,
        proof,
        solution.rtol,
        answer.engine,
        answer.stats,
        answer.strategies,
        answer.nodes,
    )
    if not passed.all():
        raise_unless_converged(found)
    return found


def effective_matrix(crossbar: Crossbar) -> tuple[Array, Array]:
    """(T, offset) with currents == voltages @ T + offset, wires and held ends included.

    T : (driven lines, sensed lines), S.  offset : (sensed lines,), A.  Linear cells only.
    By reciprocity it takes as many solves as there are driven or sensed lines, whichever is less.
    Raises CircuitError where rows and columns are both Driven, or nothing is.
    """
    if not isinstance(crossbar, Crossbar):
        raise CircuitError(f"{shown(crossbar)} is not a Crossbar.")
    if not crossbar.is_linear:
        names = " + ".join(device.name for device in crossbar.devices.values())
        raise CircuitError(
            f"effective_matrix needs linear cells; {names} is not linear. Use solve and gradient."
        )
    if crossbar.drives_rows == crossbar.drives_columns:
        raise CircuitError(
            "effective_matrix needs an array that is driven on its rows or on its columns alone. "
            "Make one of them Driven(), and hold or ground the other."
        )
    driven = [side for side in SIDES if isinstance(getattr(crossbar, side), Driven)]
    sensed = crossbar.sensed_sides
    inputs, outputs = crossbar.lines(driven[0]), crossbar.lines(sensed[0])
    quiet = solve(crossbar, np.zeros(inputs), extrapolate=True)
    forward = inputs <= outputs
    signals = np.eye(min(inputs, outputs))
    at = driven if forward else sensed
    drive = _signals_only(quiet.drive, dict.fromkeys(at, signals), len(signals))
    unit = _solved(crossbar, drive, NODAL, quiet, quiet.rtol, "currents", True)
    raise_unless_converged(unit)
    currents = unit.proof.currents
    matrix = sum_over(currents, sensed) if forward else sum_over(currents, driven).T
    return matrix, quiet.currents


def present_engines() -> tuple[str, ...]:
    """The names of the engines that can run on this machine."""
    return tuple(name for name, engine in ENGINES.items() if engine.is_present())


def engine_named(name: str) -> Engine:
    """The engine called `name`; CircuitError listing the engines for any other name."""
    if not isinstance(name, str) or name not in ("auto", *ENGINES):
        raise CircuitError(f"engine = {shown(name)}: choose one of auto, {', '.join(ENGINES)}.")
    return NODAL if name == "auto" else ENGINES[name]


def raise_unless_converged(solution: Solution) -> None:
    """SolverError naming the vectors whose error bound is above the limit, and the worst."""
    failed = np.flatnonzero(~np.atleast_1d(solution.converged))
    if len(failed) == 0:
        return
    bound = np.atleast_1d(solution.error_bound)[failed]
    limit = np.atleast_1d(solution.limit)[failed]
    _refuse_vectors(failed, bound, limit, solution)


def _refuse_vectors(
    failed: np.ndarray, error: Array, limit: Array, answer: Solution | OperatingPoint
) -> NoReturn:
    """SolverError for the vectors `failed`, whose Kirchhoff `error` is above its `limit`."""
    worst = int(np.argmax(error - limit))
    named = ", ".join(map(str, failed[:8])) + (", ..." if len(failed) > 8 else "")
    vectors = "Vector" if len(failed) == 1 else "Vectors"
    advice = "Pass a larger rtol, or check for conductances many decades apart."
    if np.isnan(error[worst]):
        advice = "A law gives no finite number there: check its parameters and what it divides by."
        error, limit = np.full_like(error, np.inf), np.nan_to_num(limit)
    elif answer.engine == "ngspice":
        advice = (
            "ngspice keeps 16 digits of every node voltage, not of wire currents: pass a larger "
            'rtol, or use engine="nodal".'
        )
    elif "source stepping" in [answer.strategies[k] for k in failed if answer.strategies]:
        advice = (
            "Neither Newton's method nor gmin and source stepping found an answer. There may be "
            "none: look for laws with falling or flat branches and for currents that nothing "
            "carries away; else lower the drive."
        )
    raise SolverError(
        f"{vectors} {named} did not converge: Kirchhoff error {error[worst]:.1e} A "
        f"(limit {limit[worst]:.1e} A). {advice}",
        vectors=tuple(int(k) for k in failed),
        solution=answer,
    )


@np.errstate(over="ignore", invalid="ignore")  # the proof tells of numbers that are not finite
def _solved(
    crossbar: Crossbar,
    drive: Drive,
    engine: Engine,
    start: Solution | None,
    rtol: float,
    keep: str,
    extrapolate: bool,
) -> Solution:
    size = max(1, _BLOCK_NODES // (2 * crossbar.conductances.size))
    slices = drive.blocks(size) if keep == "currents" else [slice(0, drive.batch)]
    proofs: list[Proof] = []
    strategies: tuple[str, ...] = ()
    factor = start.factor if start is not None and start.crossbar is crossbar else None
    guess = start.nodes if start is not None and _fits(start, crossbar, drive) else None
    answer = None
    for vectors in slices:
        part = drive.select(vectors)
        answer = engine.solve(crossbar, part, factor, guess if len(slices) == 1 else None)
        proofs.append(prove(crossbar, part.ends, answer.nodes, answer.measured))
        strategies += answer.strategies or ("",) * part.batch
        if not extrapolate:
            solved = proofs[-1].error_bound <= proofs[-1].limit(rtol)
            check_valid_voltages(crossbar, answer.nodes, solved, vectors.start)
        factor = answer.factor
    assert answer is not None  # a drive holds at least one vector
    return Solution(
        crossbar,
        drive,
        _joined(proofs),
        rtol,
        answer.engine,
        answer.stats,
        strategies,
        answer.nodes if keep == "voltages" else None,
        factor,
    )


def _fits(start: Solution, crossbar: Crossbar, drive: Drive) -> bool:
    """Whether the voltages of `start` can stand for those of `crossbar` under `drive`."""
    elements = len(start.crossbar.cell_elements), len(crossbar.cell_elements)
    same_shape = start.crossbar.shape == crossbar.shape and elements[0] == elements[1]
    return same_shape and start.drive.batch == drive.batch


def _signals_only(drive: Drive, signals: dict[Side, Array], batch: int) -> Drive:
    """`drive` with `signals` (batch, lines) as its only sources."""
    ends = {}
    for side, end in drive.ends.items():
        none = np.zeros((batch, len(end.resistance)))
        ends[side] = end.with_signal(signals.get(side, none))
    return Drive(ends, batch, False, np.zeros((1, drive.gates.shape[1])))


def sum_over(currents: Mapping[Side, Array], sides: Sequence[Side]) -> Array:
    """Terminal currents summed over the two ends of each line, (batch, lines)."""
    return np.sum([currents[side] for side in sides], axis=0)


def _joined(proofs: list[Proof]) -> Proof:
    return Proof(
        {side: np.concatenate([p.currents[side] for p in proofs]) for side in SIDES},
        np.concatenate([p.residual for p in proofs]),
        np.concatenate([p.error_bound for p in proofs]),
        np.concatenate([p.scale for p in proofs]),
    )
