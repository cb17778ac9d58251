"""`gradient` of every kind of cell against central differences of the extended-precision witness.

Steps are 1e-6 of the value (1e-6 V for voltages): the truncation is below 1e-9 even where a
current grows e-fold in 20 mV, and the witness, good to 1e-17, leaves 1e-11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference.agreement import EPS
from reference.cells import ENDS, CellCase, CellKind, cell_cases, cell_kinds, random_cells
from reference.dense_newton import CellEquations, CellReference, CellSolver, solve_cells
from reference.dense_solver import SIDES

import circuitxbar as cx

AGREEMENT = 1e-6  # of the largest entry of the gradient
STEP = 1e-6
KINDS = cell_kinds()
OF_EACH_STYLE = [
    CellKind("sinh"),
    CellKind("sinh", selector="exponential_selector"),
    CellKind("sinh", transistor="square_law_transistor"),
]


class Loss:
    """sum(cotangents * currents) of a case and of others nearby."""

    def __init__(self, case: CellCase, cotangents: np.ndarray):
        self.case = case
        self.cotangents = np.atleast_2d(cotangents)
        self.sides = case.crossbar.sensed_sides
        self.here = solve_cells(*case.inputs)
        self.noise = 1e-16 * float(np.abs(self.cotangents * self._currents(self.here)).sum())

    def at(self, case: CellCase) -> np.longdouble:
        """The loss of another case with the same nodes."""
        return self._of(solve_cells(*case.inputs, start=self.here.unknowns))

    def with_shunt(self, row: int, column: int, siemens: float) -> np.ndarray:
        """The loss of every vector with a conductance across one cell, (batch,)."""
        equations = CellEquations(*self.case.inputs)
        first, last = (equations.number[f"{line}_{row}_{column}"] for line in ("row", "column"))
        for here, there in ((first, last), (last, first)):
            equations.entries += [(here, here, siemens), (here, there, -siemens)]
        found = CellSolver(equations).solve(self.here.unknowns)
        return (self.cotangents * self._currents(found)).sum(axis=1)

    def quotient(self, changed: Callable[[np.ndarray], CellCase], values: np.ndarray) -> np.ndarray:
        """dloss/dvalue of every entry of `values`."""
        quotients = np.zeros(values.shape)
        for place in np.ndindex(values.shape):
            more, less = values.copy(), values.copy()
            more[place] += step_of(values[place])
            less[place] -= step_of(values[place])
            change = self.at(changed(more)) - self.at(changed(less))
            quotients[place] = float(change / np.longdouble(more[place] - less[place]))
        return quotients

    def _of(self, reference: CellReference) -> np.longdouble:
        return (self.cotangents * self._currents(reference)).sum()

    def _currents(self, reference: CellReference) -> Any:
        return sum(reference.currents[side] for side in self.sides)


def step_of(value: float) -> float:
    """1e-6 of any number but a voltage near 0."""
    return STEP * abs(value) if value else STEP


def with_crossbar(case: CellCase, **fields: Any) -> CellCase:
    """Its states follow from the new conductances and parameters."""
    return replace(case, crossbar=replace(case.crossbar, states=None, **fields))


def conductance_quotients(loss: Loss) -> np.ndarray:
    """dloss/dg of every cell; shorts have none."""
    case, cells = loss.case, loss.case.crossbar.conductances
    quotients = np.zeros(cells.shape)
    if not case.crossbar.device.uses_conductance:
        return quotients
    for place in np.ndindex(cells.shape):

        def moved(step: float, place: tuple[int, ...] = place) -> CellCase:
            changed = cells.copy()
            changed[place] += step
            return with_crossbar(case, conductances=changed)

        if 0 < cells[place] < np.inf:
            step = STEP * cells[place]
            width = np.longdouble((cells[place] + step) - (cells[place] - step))
            quotients[place] = (loss.at(moved(step)) - loss.at(moved(-step))) / width
        elif cells[place] == 0:
            quotients[place] = open_quotient(loss, *place)
    return quotients


def open_quotient(loss: Loss, row: int, column: int) -> float:
    """dloss/dg of an open cell, in the limit of small g.

    Its memory element then has the whole voltage, since the element beside it carries almost no
    current; unless that lets no current pass at all.
    """
    case, step = loss.case, np.longdouble(1e-12)
    change = loss.with_shunt(row, column, 1e-12) - loss.with_shunt(row, column, -1e-12)
    upper, lower = (loss.here.voltages[f"{line}_{row}_{column}"] for line in ("row", "column"))
    law = case.law("", row, column)
    # Less what a law would let pass without any g: an open cell lets nothing pass.
    current = law(v=upper - lower, g=step) - law(v=upper - lower, g=0 * step)
    if case.crossbar.transistor is not None:
        passed = case.law("transistor.", row, column)(v_d=lower + 1e-6, v_s=lower, g=0)
        current = np.where(passed > 0, current, 0)
    return float((change / (2 * step) * (current / (step * (upper - lower)))).sum())


def parameter_quotients(loss: Loss) -> Iterator[tuple[str, np.ndarray, float]]:
    """(name, dloss/dparameter, smallest step) of all that the currents are functions of."""
    case = loss.case
    given = case.crossbar.parameters
    for prefix, device in case.kind.devices.items():
        for name in device.law_parameters:
            own = given.get(prefix + name, device.values[name])
            values = np.array(np.broadcast_to(own, case.crossbar.shape), dtype=float)

            def changed(values: np.ndarray, name: str = prefix + name) -> CellCase:
                return with_crossbar(case, parameters={**given, name: values})

            yield prefix + name, loss.quotient(changed, values), min(map(step_of, values.flat))


def end_quotients(loss: Loss, side: str) -> np.ndarray | None:
    """dloss/dV of every line end on `side`, summed over the batch, where its source is its own."""
    end, lines = getattr(loss.case.crossbar, side), loss.case.crossbar.lines(side)
    if isinstance(end, cx.Floating | cx.Driven):
        return None

    def changed(volts: np.ndarray) -> CellCase:
        if isinstance(end, cx.Norton):  # the current that so many volts drive through it
            other: Any = cx.Norton(end.conductance, end.current + (volts - 1) * end.conductance)
        else:  # a Grounded end is moved as a Held one, and is still sensed
            other = cx.Held(getattr(end, "voltage", 0.0) + (volts - 1), end.resistance)
        return with_crossbar(loss.case, **{side: other})

    return loss.quotient(changed, np.ones(lines))


def close(name: str, got: Any, expected: Any, noise: float) -> None:
    """Both are the same to AGREEMENT of the largest, beyond the noise of the differences."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, name
    limit = AGREEMENT * np.abs(expected).max() + noise
    assert np.abs(got - expected).max() <= limit, (name, got, expected)


def drawn_cotangents(case: CellCase, solution: cx.Solution, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).uniform(-1, 1, solution.currents.shape)


def check(case: CellCase, seed: int = 0, engine: str = "nodal") -> None:
    solution = cx.solve(*case.inputs, engine=engine)
    cotangents = drawn_cotangents(case, solution, seed)
    gradient, loss = cx.gradient(solution, cotangents), Loss(case, cotangents)
    at_volts = loss.noise / STEP
    smallest = np.min(case.crossbar.conductances, where=case.crossbar.conductances > 0, initial=1)
    close(
        "conductances",
        gradient.conductances,
        conductance_quotients(loss),
        loss.noise / (STEP * smallest),
    )
    # What feeds both ends of a line has the sum of what they have, which may cancel.
    at_ends = 4 * EPS * max(np.abs(by).max() for by in vars(gradient.end_voltages).values())
    seen = set()
    for name, expected, step in parameter_quotients(loss):
        close(name, gradient.parameters[name], expected, loss.noise / step)
        seen.add(name)
    assert set(gradient.parameters) == seen
    for feed in ("voltages", "column_voltages"):
        values = getattr(case, feed)
        if values is None:
            assert getattr(gradient, feed) is None
        else:
            expected = loss.quotient(lambda v, feed=feed: replace(case, **{feed: v}), values)
            close(feed, getattr(gradient, feed), expected, at_volts + at_ends)
    if case.gates is None:
        assert gradient.gates is None
    else:
        batch = solution.currents.shape[:-1]
        gates = np.broadcast_to(case.gates, (*batch, case.crossbar.gate_count)).copy()
        expected = loss.quotient(lambda v: replace(case, gates=v), gates)
        close("gates", gradient.gates, expected, at_volts)
    for side in SIDES:
        expected = end_quotients(loss, side)
        if expected is not None:
            by_vector = np.atleast_2d(getattr(gradient.end_voltages, side))
            close(side, by_vector.sum(axis=0), expected, at_volts)


def variant(kind: CellKind, ends: str, rows: int, columns: int, **fields: Any) -> CellCase:
    # On a line that floats behind diodes the current of an open cell grows with its conductance
    # in a straight line over the first 1e-16 S only: too little to be told from differences.
    fields["floating"] = "opens" not in fields
    for seed in range(100):
        rng = np.random.default_rng([seed, rows, *str(kind).encode()])
        case = random_cells(rng, kind, rows, columns, ENDS[ends], **fields)
        if case.is_determined and solve_cells(*case.inputs).is_live.all():
            return case
    raise AssertionError("no such array with a unique solution among 100")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gradient_of_every_kind_of_cell(kind: CellKind):
    check(variant(kind, "both driven", 3, 2, batch=2))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gradient_with_open_and_shorted_cells(kind: CellKind):
    check(variant(kind, "read", 3, 3, opens=0.25, shorts=0.1, varied=False))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.transistor], ids=str)
def test_gradient_with_transistors_that_are_off(kind: CellKind):
    case = variant(kind, "read", 3, 3, opens=0.25, varied=False)
    gates = np.array([kind.devices["transistor."].valid["v_g"][0], 2.0, 2.0])
    check(replace(case, gates=gates))


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_gradient_with_line_ends_of_every_kind(kind: CellKind, ends: str):
    check(variant(kind, ends, 2, 3, batch=2, wires="ideal" if ends == "held" else "per segment"))


@settings(max_examples=15)
@given(cell_cases(tuple(KINDS), largest=2, batch=(None, 2), special=False), st.integers(0, 1000))
def test_gradient_of_arrays_of_every_kind(case: CellCase, seed: int):
    assume(not isinstance(getattr(case.crossbar, case.crossbar.sensed_sides[0]), cx.Floating))
    assume(solve_cells(*case.inputs).is_live.all())
    check(case, seed)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gradient_along_a_random_direction_of_larger_arrays(kind: CellKind):
    case = variant(kind, "read", 12, 12, batch=1, varied=False)
    solution = cx.solve(*case.inputs)
    cotangents = drawn_cotangents(case, solution, 2)
    gradient, loss = cx.gradient(solution, cotangents), Loss(case, cotangents)
    rng = np.random.default_rng(2)
    given = case.crossbar.parameters
    for prefix, device in case.kind.devices.items():
        for name in device.law_parameters:
            own = given.get(prefix + name, device.values[name])
            value = np.broadcast_to(own, case.crossbar.shape)
            direction = np.where(value, value, 1) * rng.uniform(-1, 1, value.shape)
            changed = [
                with_crossbar(case, parameters={**given, prefix + name: value + step})
                for step in (STEP * direction, -STEP * direction)
            ]
            expected = float((loss.at(changed[0]) - loss.at(changed[1])) / np.longdouble(2 * STEP))
            terms = gradient.parameters[prefix + name] * direction
            # The steps are rounded to doubles: 1e-16 / 1e-6 of each term.
            limit = AGREEMENT * np.sqrt((terms**2).sum()) + loss.noise / STEP
            assert abs(terms.sum() - expected) <= limit, prefix + name
