"""Three solves of arrays up to 64x64 whose wires are 0 or evenly spread over 0 to 100 ohm.

Held to 1e-9 of the vector's largest terminal current. On a line sensed at a potential V ngspice,
and ngspice alone, is granted 20 eps |V| / (termination + one segment).
"""

import numpy as np
import pytest
from reference.dense_solver import SIDES, solve_refined

import circuitxbar as cx
from circuitxbar.circuit.terminations import Termination

EPS = np.finfo(float).eps
ENDS = {"left": "DDH", "right": "FDGHN", "bottom": "GHGN", "top": "FHGND"}


def termination(rng: np.random.Generator, kind: str, lines: int) -> Termination:
    """One end of `kind`, ideal or of up to 100 ohm, alike on all lines or not."""
    ohms = rng.choice([0.0, 1.0]) * rng.uniform(0, 100, lines if rng.random() < 0.5 else None)
    match kind:
        case "D":
            return cx.Driven(ohms)
        case "G":
            return cx.Grounded(ohms)
        case "H":
            return cx.Held(rng.uniform(-0.5, 0.5, lines), ohms)
        case "N":
            return cx.Norton(10 ** rng.uniform(-5, 0, lines), 1e-5 * rng.normal(size=lines))
    return cx.Floating()


def wires(rng: np.random.Generator, segments: tuple[int, int]):
    """Ohm per segment: none, one value, or one for each."""
    return rng.choice([0.0, 1.0]) * rng.uniform(0, 100, segments if rng.random() < 0.5 else None)


def problem(seed: int):
    """A random array with inputs that has a unique answer."""
    rng = np.random.default_rng([seed, 7])
    while True:
        rows, columns = (int(k) for k in np.rint(2 ** rng.uniform(0, 6, 2)))
        ends = {
            side: termination(rng, rng.choice(list(kinds)), rows if k < 2 else columns)
            for k, (side, kinds) in enumerate(ENDS.items())
        }
        crossbar = cx.Crossbar(
            10 ** rng.uniform(-9, -2, (rows, columns)),
            wires=cx.Wires(wires(rng, (rows, columns + 1)), wires(rng, (rows + 1, columns))),
            **ends,
        )
        vectors = int(rng.integers(1, 4))
        by_row, by_column = (rng.uniform(-0.5, 0.5, (vectors, n)) for n in (rows, columns))
        inputs = [by_row] if crossbar.drives_rows else []
        inputs += [by_column] if crossbar.drives_columns else []
        try:
            return crossbar, inputs, cx.solve(crossbar, *inputs)
        except cx.CircuitError:  # ideal sources joined by ideal wires
            continue


@pytest.mark.parametrize("seed", range(40))
def test_nodal_ngspice_and_the_refined_dense_solve_agree(seed: int):
    crossbar, inputs, solution = problem(seed)
    reference = solve_refined(crossbar, *inputs)
    limit = 1e-9 * reference.largest_current().astype(float)[:, None]
    witness = cx.solve(crossbar, *inputs, engine="ngspice", throw=False)
    for side in SIDES:
        exact = reference.currents[side].astype(float)
        ours = np.atleast_2d(getattr(solution.terminal_currents, side))
        theirs = np.atleast_2d(getattr(witness.terminal_currents, side))
        assert (np.abs(ours - exact) <= limit).all(), side
        allowance = 0.0
        if side in crossbar.sensed_sides:
            end = solution.ends[side]
            series = end.resistance + crossbar.end_segments(side)
            allowance = 20 * EPS * np.abs(end.voltage) / np.where(series > 0, series, np.inf)
        assert (np.abs(theirs - exact) <= limit + allowance).all(), side
