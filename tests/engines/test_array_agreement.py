"""The array engine gives the currents of the extended-precision witnesses, and of nodal.

So do its terminal currents and its bound when `prove`, which shares no code with it, recomputes
them from the voltages that it hands out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from reference.agreement import AGREEMENT, EPS, differences
from reference.arrays import Case, determined_cases, random_case
from reference.cells import ENDS, READ, CellCase, CellKind, cell_cases, cell_kinds, random_cells
from reference.dense_newton import solve_cells
from reference.dense_solver import SIDES, Reference, solve_refined

import circuitxbar as cx
from circuitxbar.circuit.proof import prove

KINDS = cell_kinds()
OF_EACH_STYLE = [
    CellKind("sinh"),
    CellKind("sinh", selector="exponential_selector"),
    CellKind("cubic", selector="diode"),
    CellKind("sinh", transistor="ekv_transistor"),
    CellKind("linear", transistor="square_law_transistor"),
]


def check(case: Case | CellCase, reference: Reference) -> None:
    """The engine's currents, bound and voltages of a case."""
    solution = cx.solve(*case.inputs, engine="array")
    largest = reference.largest_current().astype(float)
    errors = differences(solution, reference).max(axis=1)
    assert (errors <= AGREEMENT * largest).all(), errors / largest
    assert (errors <= np.atleast_1d(solution.error_bound)).all()
    check_proof(solution)
    check_against_nodal(case, solution)


def check_proof(solution: cx.Solution) -> None:
    """`prove` finds the same currents and, to what sums are rounded, the same bound."""
    crossbar, own = solution.crossbar, solution.proof
    proof = prove(crossbar, solution.ends, solution.kept_nodes())
    tiny = 1e-12 * proof.scale
    # The engine also counts what is rounded where cell voltages are differences of potentials.
    highest = max(np.abs(end.voltage).max() for end in solution.ends.values())
    rounding = tiny + 4 * EPS * crossbar.cell_conductances.sum() * highest
    assert (proof.error_bound <= 1.05 * own.error_bound + tiny).all()
    assert (own.error_bound <= 1.05 * proof.error_bound + rounding).all()
    for side in SIDES:
        apart = np.abs(proof.currents[side] - own.currents[side])
        assert (apart <= tiny[:, None]).all(), side
    np.testing.assert_allclose(proof.scale, own.scale, rtol=1e-12)


def check_against_nodal(case: Case | CellCase, solution: cx.Solution) -> None:
    nodal = cx.solve(*case.inputs, engine="nodal")
    for side in SIDES:
        apart = np.abs(solution.proof.currents[side] - nodal.proof.currents[side]).max(axis=1)
        assert (apart <= AGREEMENT * nodal.proof.largest_current).all(), side


@settings(max_examples=120)
@given(determined_cases(shorts=False))
def test_linear_arrays_of_every_kind_agree(case: Case):
    reference = solve_refined(*case.inputs)
    assume(reference.is_live.all())
    check(case, reference)


@settings(max_examples=130)
@given(cell_cases(tuple(KINDS), shorts=False))
def test_cells_of_every_kind_agree(case: CellCase):
    reference = solve_cells(*case.inputs)
    assume(reference.is_live.all())
    event(case.kind.style)
    check(case, reference)


@pytest.mark.slow
@settings(max_examples=400)
@given(determined_cases(largest=32, shorts=False, batch=(None, 3, 9)))
def test_larger_linear_arrays_agree(case: Case):
    reference = solve_refined(*case.inputs)
    assume(reference.is_live.all())
    check(case, reference)


@pytest.mark.slow
@settings(max_examples=400)
@given(cell_cases(tuple(KINDS), largest=20, shorts=False, batch=(None, 3, 9)))
def test_larger_arrays_of_cells_agree(case: CellCase):
    reference = solve_cells(*case.inputs)
    assume(reference.is_live.all())
    event(case.kind.style)
    check(case, reference)


def drawn(kind: CellKind, ends: str, rows: int, columns: int, **fields: Any) -> CellCase:
    """A random array with a unique solution and currents to compare."""
    fields = {"wires": "per segment", "batch": 2, "opens": 0.05, **fields}
    for seed in range(100):
        rng = np.random.default_rng([seed, rows, columns, *f"{kind} {ends}".encode()])
        case = random_cells(rng, kind, rows, columns, ENDS[ends], **fields)
        if case.is_determined and solve_cells(*case.inputs).is_live.all():
            return case
    raise AssertionError("no such array among 100")


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_line_ends_of_every_kind(kind: CellKind, ends: str):
    case = drawn(kind, ends, 4, 3)
    check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("gates", ["row", "column"])
@pytest.mark.parametrize("name", ["ekv_transistor", "square_law_transistor"])
def test_gates_along_rows_and_columns_of_every_vector_its_own(name: str, gates: str):
    rng = np.random.default_rng(5)
    rows, columns = 6, 4
    crossbar = cx.Crossbar(
        10 ** rng.uniform(-6, -4, (rows, columns)),
        "sinh",
        transistor=name,
        gate_lines=gates,
        wires=cx.Wires(5.0, 7.0),
    )
    voltages = rng.uniform(0, 0.5, (3, rows))
    at_gates = rng.uniform(0.5, 2.0, (3, rows if gates == "row" else columns))
    case = CellCase(CellKind("sinh", transistor=name), crossbar, voltages, None, at_gates)
    check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("ohms", [0.0, 1.0])
@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_a_few_cells_that_conduct_and_block(kind: CellKind, ohms: float):
    """Between ideal sources no node moves, yet what is within the cells has to be found."""
    gates = np.full(2, 1.5) if kind.transistor else None
    for volts in (0.05, 0.6) if kind.transistor else (0.05, 0.6, -0.6):
        crossbar = cx.Crossbar(
            [[1e-4, 2e-4, 1e-3], [3e-4, 1e-6, 1e-5]],
            kind.device,
            selector=kind.selector,
            transistor=kind.transistor,
            wires=cx.Wires(ohms, ohms),
        )
        case = CellCase(kind, crossbar, np.array([volts, 0.7 * volts]), None, gates)
        check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (40, 2)])
@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_arrays_of_one_row_or_one_column(kind: CellKind, shape: tuple[int, int]):
    case = drawn(kind, "read", *shape, opens=0.0, floating=False)
    check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("kind", OF_EACH_STYLE, ids=str)
def test_arrays_of_40_rows_and_columns(kind: CellKind):
    case = drawn(kind, "read", 40, 40, wires="ohms", batch=1, floating=False)
    check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("decades", [(-9.0, -1.0), (-12.0, -4.0), (-13.0, -1.0)])
@pytest.mark.parametrize("wires", ["ohms", "ideal", "per segment"])
def test_many_decades_of_conductance_in_one_array(wires: str, decades: tuple[float, float]):
    """Eight and twelve of them."""
    rng = np.random.default_rng(8)
    case = random_case(rng, 40, 40, READ, wires, batch=2, decades=decades, opens=0.01)
    check(case, solve_refined(*case.inputs))


def read_of(conductances: Any, ohms: float, device: str, **fields: Any) -> CellCase:
    crossbar = cx.Crossbar(conductances, device, wires=cx.Wires(ohms, ohms), **fields)
    voltages = np.random.default_rng(3).uniform(0.2, 1.0, (2, crossbar.shape[0]))
    return CellCase(CellKind(device), crossbar, voltages, None, None)


@pytest.mark.parametrize("device", ["linear", "sinh", "cubic"])
@pytest.mark.parametrize("loading", [1e2, 1e3, 1e4])
def test_wires_that_take_nearly_all_of_the_voltage(loading: float, device: str):
    """r G N^2 = `loading`: from about 80 to 98 % of the current is lost."""
    siemens = 1e-3
    case = read_of(np.full((40, 40), siemens), loading / (siemens * 40**2), device)
    reference = solve_cells(*case.inputs)
    lost = 1 - reference.currents["bottom"].sum() / (case.voltages.sum() * 40 * siemens)
    assert lost > (0.95 if loading > 1e2 else 0.7)
    check(case, reference)


@pytest.mark.parametrize("device", ["linear", "sinh"])
def test_784_rows_of_20_columns(device: str):
    conductances = 10 ** np.random.default_rng(4).uniform(-6, -4, (784, 20))
    case = read_of(conductances, 1.0, device)
    solution = cx.solve(*case.inputs, engine="array")
    check_proof(solution)
    check_against_nodal(case, solution)


def test_fields_that_drive_cells_far_from_linear():
    """sinh with v0 = 0.05 V at 1 V: the slope grows by 10^8 on the way."""
    conductances = 10 ** np.random.default_rng(6).uniform(-9, -8, (20, 20))
    case = read_of(conductances, 1.0, "sinh", parameters={"v0": 0.05})
    check(case, solve_cells(*case.inputs))


@pytest.mark.parametrize("scheme", ["half", "third"])
@pytest.mark.parametrize("selector", [None, "diode", "exponential_selector"])
def test_half_selected_arrays_to_the_last_digit_of_their_leakage(selector: str | None, scheme: str):
    """Lines that nothing but leakage leaves, held at their bias."""
    rows, columns = 12, 10
    on, off = (0.5, 0.5) if scheme == "half" else (2 / 3, 1 / 3)
    by_row, by_column = np.full(rows, off * 0.6), np.full(columns, on * 0.6)
    by_row[3], by_column[4] = 0.6, 0.0
    crossbar = cx.Crossbar(
        10 ** np.random.default_rng(7).uniform(-6, -4, (rows, columns)),
        "sinh",
        selector=selector,
        wires=cx.Wires(2.0, 2.0),
        bottom=cx.Driven(),
    )
    case = CellCase(CellKind("sinh", selector=selector), crossbar, by_row, by_column, None)
    reference = solve_cells(*case.inputs)
    check(case, reference)
    solution = cx.solve(*case.inputs, engine="array")
    scale = 0.6
    for line in ("row", "column"):
        apart = getattr(solution, f"{line}_voltages") - reference.grid(line)[0]
        assert np.abs(apart).max() <= 1e-12 * scale
