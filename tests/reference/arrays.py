"""Random crossbars of every kind, for the tests that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from reference.dense_solver import SIDES, Equations

import circuitxbar as cx

KINDS = ("Driven", "Grounded", "Held", "Norton", "Floating")
WIRES = ("ideal", "uniform", "per line", "per segment", "broken")  # also "ohms": uniform, >= 0.1


@dataclass(frozen=True, eq=False)
class Case:
    """A crossbar with its inputs."""

    crossbar: cx.Crossbar
    voltages: np.ndarray | None
    column_voltages: np.ndarray | None

    @property
    def inputs(self) -> tuple[Any, Any, Any]:
        """The arguments of `solve`, and of the reference solvers."""
        return self.crossbar, self.voltages, self.column_voltages

    @property
    def is_determined(self) -> bool:
        """Whether the circuit has a unique solution, as the reference sees it."""
        return Equations(*self.inputs).is_determined

    def __repr__(self) -> str:
        ends = ", ".join(f"{s}={vars(getattr(self.crossbar, s))}" for s in SIDES)
        kinds = ", ".join(type(getattr(self.crossbar, s)).__name__ for s in SIDES)
        return (
            f"Case({self.crossbar.shape}, {kinds}, {ends}, {self.crossbar.wires}, "
            f"{self.crossbar.conductances!r}, {self.voltages!r}, {self.column_voltages!r})"
        )


def random_case(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    kinds: dict[str, str],
    wires: str,
    *,
    batch: int | None = None,
    opens: float = 0.0,
    shorts: float = 0.0,
    decades: tuple[float, float] = (-9.0, -2.0),
) -> Case:
    """A crossbar with these terminations and wires, and everything else drawn from `rng`.

    batch : None for a single vector.  opens, shorts : share of the cells.
    decades : log10 of the smallest and largest conductance, S.
    """
    conductances = 10.0 ** rng.uniform(*decades, (rows, columns))
    place = rng.uniform(size=(rows, columns))
    conductances[place < opens] = 0.0
    conductances[place > 1 - shorts] = np.inf
    ends = {
        side: _termination(
            rng, kinds[side], rows if side in ("left", "right") else columns, 10.0 ** decades[0]
        )
        for side in SIDES
    }
    crossbar = cx.Crossbar(
        conductances,
        wires=cx.Wires(
            segments(rng, wires, rows, (rows, columns + 1)),
            segments(rng, wires, columns, (rows + 1, columns)),
        ),
        **ends,
    )
    on_rows = "Driven" in (kinds["left"], kinds["right"])
    on_columns = "Driven" in (kinds["top"], kinds["bottom"])

    def signal(lines: int) -> np.ndarray:
        return rng.uniform(-1, 1, (lines,) if batch is None else (batch, lines))

    voltages = signal(rows) if on_rows else signal(columns) if on_columns else None
    return Case(crossbar, voltages, signal(columns) if on_rows and on_columns else None)


def sizes(largest: int) -> st.SearchStrategy[int]:
    """Numbers of lines from 1 to `largest`, small ones as likely as large ones."""
    steps = [k for k in (1, 2, 3, 5, 8, 13, 20, 32, 48, 64) if k <= largest]
    return st.sampled_from(steps)


@st.composite
def cases(
    draw: st.DrawFn,
    largest: int = 13,
    kinds: dict[str, tuple[str, ...]] | None = None,
    wires: tuple[str, ...] = WIRES,
    special: bool = True,
    shorts: bool = True,
    batch: tuple[int | None, ...] = (None, 1, 3),
    decades: tuple[tuple[float, float], ...] = ((-9.0, -2.0), (-6.0, -2.0), (-9.0, -9.0)),
) -> Case:
    """Crossbars of every kind; `special` allows open cells and, with `shorts`, shorted ones."""
    chosen = {side: draw(st.sampled_from((kinds or {}).get(side, KINDS))) for side in SIDES}
    share = st.sampled_from((0.0, 0.0, 0.1)) if special else st.just(0.0)
    case = random_case(
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(sizes(largest)),
        draw(sizes(largest)),
        chosen,
        draw(st.sampled_from(wires)),
        batch=draw(st.sampled_from(batch)),
        opens=draw(share),
        shorts=draw(share) if shorts else 0.0,
        decades=draw(st.sampled_from(decades)),
    )
    return case


def determined_cases(**limits: Any) -> st.SearchStrategy[Case]:
    """Those of `cases` that have a unique solution."""
    return cases(**limits).filter(lambda case: case.is_determined)


def _termination(rng: np.random.Generator, kind: str, lines: int, least: float) -> Any:
    per_line = rng.uniform() < 0.5

    def drawn(low: float, high: float) -> Any:
        return rng.uniform(low, high, lines) if per_line else float(rng.uniform(low, high))

    if kind == "Floating":
        return cx.Floating()
    if kind == "Norton":
        conductance = 10.0 ** drawn(-8, -1)
        if per_line:
            conductance = np.where(rng.uniform(size=lines) < 0.2, 0.0, conductance)
        # Currents that the weakest cell can carry away at about 1 V.
        return cx.Norton(conductance, np.maximum(conductance, least) * drawn(-1, 1))
    resistance = 10.0 ** drawn(-2, 4)
    if per_line:
        choice = rng.uniform(size=lines)
        resistance = np.where(choice < 0.3, 0.0, np.where(choice > 0.9, np.inf, resistance))
    elif rng.uniform() < 0.5:
        resistance = 0.0
    if kind == "Held":
        return cx.Held(drawn(-1, 1), resistance)
    return cx.Driven(resistance) if kind == "Driven" else cx.Grounded(resistance)


def segments(rng: np.random.Generator, wires: str, lines: int, shape: tuple[int, int]) -> Any:
    if wires == "ideal":
        return 0.0
    if wires == "uniform":
        return 10.0 ** rng.uniform(-3, 2)
    if wires == "ohms":
        return 10.0 ** rng.uniform(-1, 2)
    if wires == "per line":
        return 10.0 ** rng.uniform(-3, 2, lines)
    segments = 10.0 ** rng.uniform(-3, 2, shape)
    segments[rng.uniform(size=shape) < 0.1] = 0.0
    if wires == "broken":
        segments[rng.uniform(size=shape) < 0.1] = np.inf
    return segments
