"""Writes agreement-with-ngspice.md beside this file: python docs/corpus_table.py"""

from __future__ import annotations

import re
from pathlib import Path

from circuitxbar.netlist.reader import read_deck

PAGE = Path(__file__).parent / "agreement-with-ngspice.md"
CORPUS = Path(__file__).parents[1] / "tests" / "decks" / "corpus"
NAMES = {
    "OperatingPointAnalysis": "op",
    "SweepAnalysis": "dc",
    "TransientAnalysis": "tran",
    "AcAnalysis": "ac",
    "NoiseAnalysis": "noise",
}
HEAD = """# Agreement with ngspice

Written by `docs/corpus_table.py` from the decks in `tests/decks/corpus`; a test compares.

Every deck is solved by the nodal engine and by ngspice 46, and both have to agree
(`tests/engines/test_deck_corpus.py`):

| analysis | measured by | allowed |
|---|---|---|
| operating point, sweep | node voltages by the largest of them, branch currents by the largest | \
1e-9 of linear circuits, else 1e-6 |
| AC | the largest answer of the node over frequency | 1e-9 of linear circuits, else 1e-6 |
| transient | the swing of the node, at each of our times | 1e-3 |
| noise | the density at each frequency | 1e-3 |

Transients of the nodal engine have `tol=1e-6`, those of ngspice its finest tolerances
(reltol 1e-7, trtol 0.1) and the largest step that the deck's `.tran` says. Nodes that move less
than 1e-6 of the one that moves most are left out, as are branch currents below 1e-17 A, which is
what the last digits of 1 V across 20 mS are. Where a deck holds a closed form, as a source that
computes it, it is compared with that, too.

## Disagreements, and why

Of the simulators' own laws and numbers; decks keep away from them, `docs/netlists.md` has more:

- Currents that are nothing but leakage are sums of last digits: `diode_limiter` with its input at
  0 V is 2e-17 A of 3e-14 A apart, where the last digit of 2 V across the 1 ohm within the diode is
  4e-16 A. Its operating point is therefore taken at 4 V.
- With `area=A` a bipolar transistor of ngspice has A squared of its collector junction's saturation
  current: the mirrors here use `m=` and cards of their own.
- Level 44, the EKV transistor of this package, is no level of ngspice: there is no deck with it.
- No charge counts as too small here (`chgtol`); ngspice finds no step with that for some circuits
  of transistors, and is then run with its own.

Of time:

- A switch of ngspice acts at the end of a step, at most one step late; this engine finds the time
  at which its control passes the level. Halving ngspice's steps halves the difference. Such decks
  have small steps, and each of our voltages may be what ngspice has within so many of its steps
  before or after: the column "late". With none the sum node of `amplifier_integrator` is 2e-2 off,
  with one 4e-4.
- With `uic` ngspice begins with its first step, not at 0 s: what is before it is not compared.
- Circuits that make their own edges keep the errors of their times: an oscillator's add up, and a
  threshold passed slowly starts a fast edge. With `tol=1e-6` the edges of
  `bipolar_schmitt_trigger` are 4e-11 s early in 8e-5 s, 9e-3 of its swing; with 1e-8 they are those
  of ngspice to 2e-13 s. Errors of ours, not of ngspice: the decks say which tolerance they take.
- Between its points a transient of this engine is smooth where charges hold it, and its steps are
  longer than ngspice's: it is compared at its own times, not on straight lines between them.

What ngspice answers and this engine refuses:

- Nodes without a path to ground, a current into an open node, islands, nodes between capacitors
  alone (without `.ic` or `uic`): by name (`tests/robustness/test_silent_decks.py`). Where currents
  that other voltages control tell such a node's voltage, as in a gyrator that ends in a capacitor,
  it is answered.
- XSPICE code models (two of the converters that this corpus was drawn up from) and foundry
  transistors: `engine="ngspice"`.

What ngspice fails at ("timestep too small") and this engine answers: the transients of
`bipolar_schmitt_trigger` with a transit time of 3 ns, of `bipolar_push_pull` with an input that
begins at exactly 0 V, of `switch_buck_converter` with a switch without hysteresis, and of
`linear_gyrator` with 10 pF in place of 1 nF, or a pulse so long that all is at rest before it ends.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page as the decks are now."""
    paths = sorted(CORPUS.glob("*.cir"))
    rows = [_row(path) for path in paths]
    lines = ["| deck | what it is | analyses | late | tol |", "|---|---|---|---|---|", *rows]
    return f"{HEAD}\n## The {len(paths)} decks\n\n" + "\n".join(lines) + "\n"


def _row(path: Path) -> str:
    text, deck = path.read_text(encoding="utf-8"), read_deck(path)
    title = deck.circuit.title.lstrip("* ")
    analyses = ", ".join(NAMES[type(a).__name__] for a in deck.analyses)
    late = "".join(re.findall(r"(?m)^\* late (\d+):", text))
    tolerance = "".join(re.findall(r"(?m)^\* tolerance (\S+):", text))
    slow = " (slow)" if "\n* slow\n" in text else ""
    return f"| `{path.stem}` | {title}{slow} | {analyses} | {late} | {tolerance} |"


if __name__ == "__main__":
    main()
