"""Puts the measured tables between the `<!-- name -->` marks of the pages.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGES = (FOLDER.parent / "README.md", FOLDER / "README.md")


def agreement() -> str:
    """Of agreement.py: the nodal engine and ngspice."""
    rows, machine = _measured("agreement")
    head = ("array", "vectors", "circuitxbar", "ngspice", "ratio", "they differ by")
    body = [
        (
            _array(row),
            row["vectors"],
            _time(row["nodal_ms"]),
            _time(row["ngspice_ms"]),
            _ratio(row["ngspice_ms"], row["nodal_ms"]),
            f"{row['disagreement']:.0e}",
            f"{row['error_bound']:.0e}",
        )
        for row in rows
    ]
    first = rows[0]
    spice = f"ngspice {first['ngspice_version']} with {first['ngspice_linear_solver']}"
    told = f"{machine['threads']} thread, scipy {machine['scipy']}, {machine['processor']}."
    return _table((*head, "proved error bound"), body, f"{spice}; {told}")


def linear_read() -> str:
    """Of linear_read.py: reads of linear arrays and sparse factorisations."""
    rows, machine = _measured("linear_read")
    cores = machine["cores"]
    head = ("array", "cells, wires", f"circuitxbar, {cores} cores", "1 core")
    head = (*head, "SuperLU factor + solve", "ratio", "CHOLMOD", "ratio", "badcrossbar", "ratio")
    body = []
    for row in rows:
        ours = row["ours_ms"]
        superlu = row["superlu_factor_ms"] + row["superlu_solve_ms"]
        parts = [row.get(f"cholmod_{part}_ms") for part in ("analysis", "factor", "solve")]
        cholmod = sum(parts) if None not in parts else None
        body.append(
            (
                _array(row),
                _cells(row),
                _time(ours),
                _time(row["ours_one_core_ms"]),
                *_against(ours, superlu),
                *_against(ours, cholmod),
                *_against(ours, row.get("badcrossbar_ms")),
                _apart(row),
                f"{row['error_bound']:.0e}",
            )
        )
    points = [
        f"neospice needs {_time(row['neospice_one_vector_ms'])} for one vector of the first array. "
        for row in rows[:1]
        if "neospice_one_vector_ms" in row
    ]
    told = "".join(points) + _told(machine)
    return _table((*head, "they differ by", "proved error bound"), body, told)


def nonlinear_read() -> str:
    """Of nonlinear_read.py: reads of sinh cells, sparse Newton and ngspice, per vector."""
    rows, machine = _measured("nonlinear_read")
    cores = machine["cores"]
    head = ("cells, wires", "v0, read up to", f"circuitxbar, {cores} cores", "1 core")
    head = (*head, "sparse Newton", "ratio", "ngspice .op", "ratio", "its .dc", "ratio")
    body = [
        (
            _cells(row),
            f"{row['v0']} V, {row['read_up_to_volt']} V",
            _time(row["ours_ms"]),
            _time(row["ours_one_core_ms"]),
            *_against(row["ours_ms"], row["newton_ms"]),
            *_against(row["ours_ms"], row.get("ngspice_point_ms")),
            *_against(row["ours_ms"], row.get("ngspice_sweep_ms")),
            _apart(row),
        )
        for row in rows
    ]
    (version,) = {row["ngspice_version"] for row in rows if "ngspice_version" in row}
    told = f"ngspice {version} with KLU; {_told(machine)}"
    return _table((*head, "they differ by"), body, told)


def scaling() -> str:
    """Of scaling.py: steps and time over the size, and the share of the copy bandwidth."""
    rows, machine = _measured("scaling")
    copied = {r["threads"]: r["copied_bytes_per_second"] for r in rows if len(r) == 2}
    body = [
        (
            _array(row),
            row["vectors"],
            row["threads"],
            f"{row['wire_ohm']:.3g} ohm",
            f"{row['wire_times_conductance_times_square']:.2g}",
            row["steps"],
            _time(row["ours_ms"]),
            f"{row['ns_per_cell_and_vector']:.3g} ns",
            _share(row.get("bytes_per_second"), copied[row["threads"]]),
        )
        for row in rows
        if "ours_ms" in row
    ]
    head = ("array", "vectors", "threads", "wires", "r G N^2", "CG steps", "time")
    (memory,) = (row for row in rows if "peak_bytes" in row)
    bandwidth = ", ".join(f"{rate / 1e9:.3g} GB/s on {n}" for n, rate in copied.items())
    told = (
        f"{_array(memory)} with {memory['vectors']} vectors needs {memory['peak_bytes'] / 1e9:.2g} "
        f"GB. Plain copies: {bandwidth}. {_told(machine)}"
    )
    return _table((*head, "per cell and vector", "of copy bandwidth"), body, told)


def cells() -> str:
    """Of cells.py: kinds of cell, gradients, and many vectors."""
    rows, machine = _measured("cells")
    kinds = [row for row in rows if "cell" in row]
    (single,) = (row["forward_ms"] for row in kinds if row["cell"] == "sinh")
    body = [
        (
            row["cell"],
            _time(row["forward_ms"]),
            _ratio(row["forward_ms"], single),
            _time(row["gradient_ms"]),
            _ratio(row["gradient_ms"], row["forward_ms"]),
        )
        for row in kinds
    ]
    (many,) = (row for row in rows if "cell" not in row)
    told = (
        f"{many['vectors']} vectors through a linear {_array(many)}: {_time(many['solve_ms'])}; "
        f"its effective matrix and a product: {_time(many['matrix_and_product_ms'])}. "
        f"{_told(machine)}"
    )
    head = ("cell", "read", "of a sinh read", "gradient", "of its read")
    return _table(head, body, told)


def compile_() -> str:
    """Of compile.py: what compiling costs, once and in the next process."""
    rows, machine = _measured("compile")
    names = ("import", "linear", "sinh", "law")
    body = [(row["situation"], *(_time(row[f"{name}_ms"]) for name in names)) for row in rows]
    head = ("process with", "import", "first linear read", "then a sinh read", "then a new law's")
    return _table(head, body, _told(machine))


def transient() -> str:
    """Of transient.py: steps of a whole array and of ngspice."""
    rows, machine = _measured("transient")
    body = [
        (
            _array(row),
            row["vectors"],
            row["steps"],
            _time(row["ours_ms_per_vector"]),
            row["ngspice_points"],
            *_against(row["ours_ms_per_vector"], row["ngspice_ms"]),
            f"{row['difference']:.0e}",
        )
        for row in rows
    ]
    head = (
        "array",
        "vectors",
        "steps",
        "circuitxbar, per vector",
        "steps of ngspice",
        "ngspice",
        "ratio",
        "they differ by, of the swing",
    )
    told = f"ngspice {rows[0]['ngspice_version']} with KLU; {_told(machine)}"
    return _table(head, body, told)


def circuits() -> str:
    """Of circuits.py: whole netlists, at rest and over time."""
    rows, machine = _measured("circuits")
    body = [
        (
            row["case"],
            row["nodes"],
            _time(row["ours_ms"]),
            *_against(row["ours_ms"], row["ngspice_ms"]),
            f"{row['error' if 'error' in row else 'apart']:.0e}",
            f"{row['ngspice_error']:.0e}" if "ngspice_error" in row else "-",
        )
        for row in rows
    ]
    head = ("circuit", "nodes", "circuitxbar", "ngspice", "ratio", "error, or apart", "its error")
    told = f"ngspice {rows[0]['ngspice_version']} with KLU; {_told(machine)}"
    return _table(head, body, told)


def _measured(name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    measured = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return measured["rows"], measured["machine"]


def _table(head: Iterable[str], body: Iterable[Iterable[Any]], told: str) -> str:
    lines = [list(head), ["---"] * len(list(head)), *body]
    table = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    table[1] = table[1].replace(" ", "")
    return "\n".join([*table, "", told])


def _told(machine: dict[str, Any]) -> str:
    packages = [
        f"{name} {machine[name]}"
        for name in ("numpy", "scipy", "numba", "scikit-sparse", "badcrossbar", "neospice")
        if name in machine
    ]
    return f"{machine['processor']}, {machine['cores']} cores; {', '.join(packages)}."


def _array(row: dict[str, Any]) -> str:
    return f"{row['size']} x {row['size']}"


def _cells(row: dict[str, Any]) -> str:
    lowest, highest = (f"{resistance / 1e3:g}" for resistance in row["cells_ohm"])
    return f"{lowest} to {highest} kohm, {row['wire_ohm']:g} ohm"


def _apart(row: dict[str, Any]) -> str:
    """How far the worst of the others is; not sweeps, which end before their last step."""
    exact = [apart for name, apart in row["disagreement"].items() if "sweep" not in name]
    return f"{max(exact):.0e}"


def _against(ours: float, theirs: float | None) -> tuple[str, str]:
    return ("-", "-") if theirs is None else (_time(theirs), _ratio(theirs, ours))


def _ratio(theirs: float, ours: float) -> str:
    ratio = theirs / ours
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}"


def _share(rate: float | None, most: float) -> str:
    return "-" if rate is None else f"{rate / most:.0%}"


def _time(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    return f"{milliseconds / 1000:.3g} s"


TABLES = {
    "agreement": agreement,
    "linear_read": linear_read,
    "nonlinear_read": nonlinear_read,
    "scaling": scaling,
    "cells": cells,
    "compile": compile_,
    "transient": transient,
    "circuits": circuits,
}


def with_tables(text: str) -> str:
    """`text` with every marked table replaced by what was measured."""
    for name, table in TABLES.items():
        marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = marks.sub(lambda found, table=table: f"{found[1]}{table()}\n{found[2]}", text)
    return text


def main() -> None:
    """Rewrite the tables of all pages."""
    for page in PAGES:
        text = with_tables(page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
