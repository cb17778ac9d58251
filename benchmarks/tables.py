"""Puts the measured tables between the `<!-- name -->` marks of README.md.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent


def agreement() -> str:
    """The table of benchmarks/agreement.json."""
    measured = json.loads((FOLDER / "agreement.json").read_text(encoding="utf-8"))
    machine = measured["machine"]
    lines = [
        "| array | vectors | circuitxbar | ngspice | ratio | they differ by | proved error bound |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in measured["rows"]:
        ratio = row["ngspice_ms"] / row["nodal_ms"]
        lines.append(
            f"| {row['size']} x {row['size']} | {row['vectors']} | {_time(row['nodal_ms'])} "
            f"| {_time(row['ngspice_ms'])} | {ratio:.2g} | {row['disagreement']:.0e} "
            f"| {row['error_bound']:.0e} |"
        )
    spice = measured["rows"][0]
    lines.append("")
    lines.append(
        f"ngspice {spice['ngspice_version']} with {spice['ngspice_linear_solver']}; "
        f"{machine['threads']} thread, scipy {machine['scipy']}, {machine['processor']}."
    )
    return "\n".join(lines)


def _time(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    return f"{milliseconds / 1000:.3g} s"


TABLES = {"agreement": agreement}


def with_tables(text: str) -> str:
    """`text` with every marked table replaced by what was measured."""
    for name, table in TABLES.items():
        marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = marks.sub(lambda found, table=table: f"{found[1]}{table()}\n{found[2]}", text)
    return text


def main() -> None:
    """Rewrite the tables of README.md."""
    page = FOLDER.parent / "README.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
