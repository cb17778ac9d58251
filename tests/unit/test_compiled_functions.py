"""Compiled functions of the language of laws against numpy and against 160 bits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from unit.compiled_blocks import EPS

from circuitxbar.compiling import joined, load
from circuitxbar.devices.functions import COMPARISONS, TABLE

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "sqrt": mpmath.sqrt,
    "atan": mpmath.atan,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
}
ROWS_OF_TABLE = [name for name, row in TABLE.items() if row.expands is None]
EDGES = [
    *(0.0, -0.0, 1.0, -1.0, 709.78, 709.79, -708.3, 710.4758, 710.476, -710.4758, 5e-324, 1e308),
    *(-1e308, math.inf, -math.inf, math.nan, 2.3e-308, 36.0, 37.5, -36.0, 0.5, -0.5, 2.0, 19.1),
]


def points() -> np.ndarray:
    rng = np.random.default_rng(3)
    wide = rng.choice([-1, 1], 300) * 10.0 ** rng.uniform(-300, 300, 300)
    near = rng.choice([-1, 1], 300) * 10.0 ** rng.uniform(-20, 3, 300)
    return np.concatenate([EDGES, wide, near, rng.uniform(-745, 712, 300), rng.uniform(-2, 2, 252)])


@pytest.fixture(scope="module")
def values() -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Every row of the function table, compiled, at the points and at shuffled ones."""
    x = points()
    arguments = [x, np.roll(x[::-1], 5), np.roll(x, 11)]
    assert x.size % 8 == 0
    lines = []
    for n, name in enumerate(ROWS_OF_TABLE):
        text = TABLE[name].compiled.format("w[0]", "w[1]", "w[2]")
        if name in COMPARISONS:
            text = f"select({text}, 1.0, 0.0)"
        lines.append(f"    w[{3 + n}] = {text}")
    count = len(lines)
    text = joined("circuitxbar.array.cells", ["vectors", "elementary"]) + "\n".join(
        [
            "\nimport numpy as np\n",
            "@on_rows",
            "def functions(w):",
            *lines,
            "@compiled",
            "def every(x, y, z, active, out):",
            f"    work = fresh_rows({3 + count})",
            "    for at in range(0, x.size, 8):",
            "        take(work, 0, address(x), at, 8)",
            "        take(work, 1, address(y), at, 8)",
            "        take(work, 2, address(z), at, 8)",
            "        functions(work)",
            f"        for n in range({count}):",
            "            for k in range(8):",
            "                out[n, at + k] = number_at(work, 8 * (3 + n) + k)",
        ]
    )
    out = np.zeros((count, x.size))
    load(text, "table").every(*arguments, x, out)
    return arguments, dict(zip(ROWS_OF_TABLE, out, strict=True))


@pytest.mark.parametrize("name", ROWS_OF_TABLE)
def test_compiled_functions_agree_with_numpy_everywhere(name, values):
    arguments, found = values
    with np.errstate(all="ignore"):
        expected = np.asarray(TABLE[name].numpy(*arguments[: TABLE[name].arguments]), float)
    got = found[name]
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert np.array_equal(np.isinf(got), np.isinf(expected))
    normal = np.isfinite(expected)
    limit = np.maximum(5 * EPS * np.abs(expected[normal]), 1e-307)
    assert (np.abs(got[normal] - expected[normal]) <= limit).all()


@pytest.mark.parametrize("name", EXACT)
def test_compiled_functions_are_exact_to_three_units_in_the_last_place(name, values):
    (x, *_), found = values
    got = found[name]
    with mpmath.workprec(160):
        for point, value in zip(x, got, strict=True):
            if math.isfinite(value) and abs(value) > 1e-300 and math.isfinite(point):
                exact = EXACT[name](mpmath.mpf(float(point)))
                assert abs(mpmath.mpf(float(value)) - exact) <= 3 * np.spacing(abs(value)), point
