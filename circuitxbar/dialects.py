"""The one table of how each SPICE dialect writes numbers, options and tabled sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How one simulator wants its text.

    options : lines in front of the analysis.
    comment : what starts a comment line.
    """

    name: str
    comment: str
    options: tuple[str, ...]

    def number(self, value: float) -> str:
        """`value` in the fewest digits that read back to the same double; never a suffix."""
        return repr(float(value))

    def table(self, index: str, values: Sequence[float]) -> str:
        """A source value that steps through `values` while node `index` counts 0, 1, 2 ... volt.

        Each value has a plateau: on a slope Newton's steps would leave rounding errors behind.
        """
        texts = [self.number(value) for value in values]
        points = (f"{k - 0.25},{text},{k + 0.25},{text}" for k, text in enumerate(texts))
        return f"pwl(v({index})," + ",\n+ ".join(points) + ")"


# ngspice without KLU ignores the option. With the default pivrel of 1e-3 KLU takes pivots so small
# that the tabled sources of a batch cost six digits (1e-8 of the current, with 0.1 1e-12).
DIALECTS = {"ngspice": Dialect("ngspice", comment="*", options=(".options klu pivrel=0.1",))}
