"""The one table of how each SPICE dialect writes numbers, options and tabled sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How one simulator wants its text.

    options, law_options : lines in front of the analysis, of a circuit without and with laws.
    large : number of nodes from which a circuit with laws has both.
    comment : what starts a comment line.
    """

    name: str
    comment: str
    options: tuple[str, ...]
    law_options: tuple[str, ...]
    large: int

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


# Without laws: ngspice without KLU ignores the option. With the default pivrel of 1e-3 KLU takes
# pivots so small that the tabled sources of a batch cost six digits (1e-8 of the current, with 0.1
# 1e-12).
# With laws not KLU but SPARSE, slower in large arrays: KLU keeps the pivots that were good at 0 V,
# and steep laws then lost all digits or found no answer, whatever its pivrel. From 64 x 64 cells
# on SPARSE takes half a minute and soon hours: there KLU is let try, and its answers must pass the
# same proof. Newton's last step goes far beyond what is asked for: an operating point is exact to
# rounding with 1e-8. A sweep begins near, and stops at an error of about reltol. With 1e-10, or an
# abstol of 1e-18, ngspice asks more digits of wire currents than they have, and finds no answer.
# gmin, which it puts across its own junctions, is out of the way.
DIALECTS = {
    "ngspice": Dialect(
        "ngspice",
        comment="*",
        options=(".options klu pivrel=0.1",),
        law_options=(".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",),
        large=8000,
    )
}
