"""Both engines give the currents of the extended-precision witness, for every kind of cell.

The kinds are those that the files of device_models/ allow: a new file is tested by lying there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from reference.agreement import AGREEMENT, differences, rounding_of_ngspice
from reference.cells import (
    ENDS,
    CellCase,
    CellKind,
    cell_cases,
    cell_kinds,
    device_called,
    random_cells,
)
from reference.dense_newton import CellReference, solve_cells

import circuitxbar as cx
from circuitxbar.devices.library import device_names

KINDS = cell_kinds()
WIRES = ("ideal", "ohms", "per line", "per segment")


def drawn(seed: object, kind: CellKind, ends: str, largest: int, **fields: object) -> CellCase:
    """A random array with a unique solution and currents to compare."""
    for attempt in range(100):
        rng = np.random.default_rng([attempt, *str(seed).encode()])
        case = random_cells(
            rng,
            kind,
            *(int(k) for k in rng.integers(1, largest + 1, 2)),
            ENDS[ends],
            str(rng.choice(WIRES)),
            **{"batch": 2, "opens": 0.05, "shorts": 0.03, **fields},
        )
        if case.is_determined and solve_cells(*case.inputs).is_live.all():
            return case
    raise AssertionError("no such array among 100")


def check_nodal(case: CellCase, reference: CellReference) -> float:
    """The largest error, as a part of the vector's largest terminal current."""
    solution = cx.solve(*case.inputs, engine="nodal")
    errors = differences(solution, reference).max(axis=1)
    largest = reference.largest_current().astype(float)
    assert (errors <= AGREEMENT * largest).all()
    assert (errors <= np.atleast_1d(solution.error_bound)).all()
    return float((errors / largest).max())


def check_ngspice(case: CellCase, reference: CellReference) -> float:
    """The same beyond what 16 digits of node voltages cannot tell."""
    solution = cx.solve(*case.inputs, engine="ngspice", throw=False)
    errors = differences(solution, reference).max(axis=1)
    largest = reference.largest_current().astype(float)
    rounding = rounding_of_ngspice(case.crossbar, reference)
    assert (errors <= AGREEMENT * largest + rounding).all()
    assert (errors <= np.atleast_1d(solution.error_bound)).all()
    return float((np.maximum(errors - rounding, 0) / largest).max())


def check_both(case: CellCase) -> None:
    reference = solve_cells(*case.inputs)
    print(f"nodal {check_nodal(case, reference):.1e}")  # shown by `pytest -rP`
    print(f"ngspice {check_ngspice(case, reference):.1e}")


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_small_arrays_of_every_kind_agree(kind: CellKind, ends: str):
    check_both(drawn(f"{kind} {ends}", kind, ends, 5, floating=False))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_one_cell_agrees(kind: CellKind):
    case = drawn(kind, kind, "read", 1, opens=0.0, shorts=0.0, floating=False)
    check_both(case)


@pytest.mark.parametrize("name", device_names())
def test_every_file_agrees(name: str):
    """Those too that share a law with another one: their ranges, states and conductances differ."""
    three = len(device_called(name).terminals) == 3
    kind = CellKind("linear", transistor=name) if three else CellKind(name)
    case = drawn(name, kind, "read", 4)
    check_nodal(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_currents_of_both_signs_agree(kind: CellKind):
    case = drawn(kind, kind, "read", 4, floating=False)
    size = np.abs(case.voltages[:1])
    case = replace(case, voltages=np.concatenate([size, -size]))
    reference = solve_cells(*case.inputs)
    assert reference.currents["bottom"][0].max() > 0
    assert reference.currents["bottom"][1].min() < 0
    check_both(case)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_arrays_of_32_rows_and_columns_agree(kind: CellKind):
    case = random_cells(
        np.random.default_rng(32),
        kind,
        32,
        32,
        wires="ohms",
        batch=1,
        opens=0.01,
        shorts=0.001,
        floating=False,
    )
    check_both(case)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_batch_agrees_with_its_vectors(kind: CellKind):
    case = drawn(kind, kind, "both driven", 4, batch=4)
    together = cx.solve(*case.inputs)
    for k in range(4):
        gates = case.gates[k] if np.ndim(case.gates) == 2 else case.gates
        alone = cx.solve(case.crossbar, case.voltages[k], case.column_voltages[k], gates)
        largest = max(np.abs(side).max() for side in vars(alone.terminal_currents).values())
        np.testing.assert_allclose(
            together.currents[k], alone.currents, rtol=0, atol=AGREEMENT * largest
        )


@settings(max_examples=150)
@given(cell_cases(tuple(KINDS)))
def test_nodal_agrees_for_line_ends_of_every_kind(case: CellCase):
    reference = solve_cells(*case.inputs)
    assume(reference.is_live.all())
    event(case.kind.style)
    check_nodal(case, reference)


@settings(max_examples=60)
@given(
    cell_cases(
        tuple(KINDS),
        ends=("Driven", "Grounded", "Held", "Norton"),
        wires=("ideal", "uniform", "per line", "per segment"),
        floating=False,
    )
)
def test_ngspice_agrees_where_no_line_floats(case: CellCase):
    """Of lines that float behind blocking diodes ngspice finds no operating point, and says so."""
    reference = solve_cells(*case.inputs)
    assume(reference.is_live.all())
    check_ngspice(case, reference)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_arrays_of_all_sizes_agree(kind: CellKind, ends: str, seed: int):
    largest = (4, 10, 20, 32)[seed]
    case = drawn(f"{kind} {ends} {seed}", kind, ends, largest)
    print(f"nodal {check_nodal(case, solve_cells(*case.inputs)):.1e}")
    check_both(drawn(f"{kind} {ends} {seed}", kind, ends, largest, floating=False))
