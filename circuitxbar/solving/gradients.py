"""Exact gradients: one solve of the transposed, linearised array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown
from circuitxbar.array.adjoint import sensitivities
from circuitxbar.array.engine import Solved
from circuitxbar.circuit.cells import adjoint_outflow, conductance_slope
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.proof import Proof, prove
from circuitxbar.circuit.solution import Solution, TerminalValues
from circuitxbar.circuit.terminations import SIDES, Driven, Side
from circuitxbar.errors import CircuitError
from circuitxbar.nodal import engine as nodal
from circuitxbar.solving.arrays import signals_only, sum_over
from circuitxbar.solving.failures import raise_unless_converged

_ROUGH = 1e-4  # of the largest current: a solution that is further off has no slopes to speak of
_EPS = np.finfo(float).eps


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
    crossbar = solution.crossbar
    if solution.nodes is None:
        solution.kept_nodes()  # says so
    if not (solution.proof.error_bound <= solution.proof.limit(_ROUGH)).all():
        raise_unless_converged(solution)
    cotangents = real_array("d_currents", d_currents, shape=solution.currents.shape)
    cotangents = np.atleast_2d(cotangents)
    at_sense = dict.fromkeys(crossbar.sensed_sides, cotangents)
    drive = signals_only(solution.drive, at_sense, len(cotangents))
    proof, laws, at_gates = backward_read(solution, drive)

    def shaped(values: Array) -> Array:
        return values[0] if solution.single else values

    def driven(first: Side, second: Side) -> Array | None:
        sides = [s for s in (first, second) if isinstance(getattr(crossbar, s), Driven)]
        return shaped(sum_over(proof.currents, sides)) if sides else None

    on_rows, on_columns = driven("left", "right"), driven("top", "bottom")
    return Gradient(
        conductances=laws.pop("g"),
        parameters=laws,
        voltages=on_rows if on_rows is not None else on_columns,
        column_voltages=on_columns if on_rows is not None else None,
        gates=None if crossbar.transistor is None else shaped(at_gates),
        end_voltages=TerminalValues(**{s: shaped(proof.currents[s]) for s in SIDES}),
    )


_Parts = tuple[Proof, dict[str, Array], Array]  # proof, d(loss)/d(name in a law), by gate voltage


def backward_read(solution: Solution, drive: Drive) -> _Parts:
    """The transposed array, its cells linearised at `solution`, under `drive`."""
    by_law = _by_array if isinstance(solution.factor, Solved) else _by_nodal
    return by_law(solution, drive)


@np.errstate(over="ignore", invalid="ignore")
def _by_array(solution: Solution, drive: Drive) -> _Parts:
    found = sensitivities(solution.factor, drive, solution.rtol)
    _check(solution, drive, found.proof, "array")
    laws = {name: by for name, by in found.laws.items() if name != "temperature"}
    return found.proof, laws, found.gates


@np.errstate(over="ignore", invalid="ignore")  # the proof tells of numbers that are not finite
def _by_nodal(solution: Solution, drive: Drive) -> _Parts:
    crossbar, nodes = solution.crossbar, solution.kept_nodes()
    potentials = nodal.adjoint(solution, drive).found
    cells = adjoint_outflow(crossbar, nodes)
    proof = prove(crossbar, drive.ends, potentials, cells=cells)
    _check(solution, drive, proof, "nodal")
    laws, at_gates = {}, np.zeros((len(proof.error_bound), 0))
    for element in crossbar.cell_elements:
        across = -potentials.across(element.nodes)
        if element.name == "cell":
            laws["g"] = (across * conductance_slope(crossbar, nodes)).sum(axis=0)
        for name in element.model.device.law_parameters:
            laws[element.prefix + name] = (across * element.slope(nodes, name)).sum(axis=0)
        if "gate" in element.nodes:
            by_cell = across * element.slope(nodes, "v_g")
            at_gates = by_cell.sum(axis=2 if crossbar.gate_lines == "row" else 1)
    return proof, laws, at_gates


def _check(solution: Solution, drive: Drive, proof: Proof, engine: str) -> None:
    """SolverError where the backward read does not reach the accuracy of `solution`."""
    crossbar = solution.crossbar
    # Where the derivatives are nothing at all, so much is left of what cells could carry.
    most = crossbar.cell_conductances[np.isfinite(crossbar.cell_conductances)].max(initial=0.0)
    driven = np.max([np.abs(end.voltage).max(axis=1) for end in drive.ends.values()], axis=0)
    passed = proof.error_bound <= np.maximum(proof.limit(solution.rtol), _EPS * most * driven)
    if not passed.all():
        strategies = ("",) * len(passed)
        raise_unless_converged(
            Solution(crossbar, drive, proof, solution.rtol, engine, {}, strategies)
        )
