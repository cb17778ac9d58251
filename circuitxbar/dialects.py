"""The one table of how each SPICE dialect writes numbers, options, expressions and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dialect:
    """How one simulator wants its text. What is not said is as in ngspice.

    options, law_options : lines in front of the analysis, of a circuit without and with laws.
    large : number of nodes from which a circuit with laws has both.
    comment : what starts a comment line.  header : lines behind the title.
    reference : how an expression refers to a parameter.  expression : what stands around one.
    declares : what stands in front of the parameters of a .subckt and of an x line.
    functions : text of rows of the function table, where it differs.
    tabled : a value that follows a table, its control and its points to be filled in.
    sensed : the kinds of the elements whose currents can control others.
    refused : kind of an element, or "charge" of a law -> why it cannot be written.
    """

    name: str
    comment: str
    options: tuple[str, ...]
    law_options: tuple[str, ...]
    large: int
    header: tuple[str, ...] = ()
    reference: str = "{{{}}}"
    expression: str = "{}"
    declares: str = ""
    functions: Mapping[str, str] = field(default_factory=dict)
    tabled: str = "pwl({},{})"
    sensed: str = "V"
    refused: Mapping[str, str] = field(default_factory=dict)

    def number(self, value: float) -> str:
        """`value` in the fewest digits that read back to the same double; never a suffix."""
        return repr(float(value))

    def table(self, index: str, values: Sequence[float]) -> str:
        """A source value that steps through `values` while node `index` counts 0, 1, 2 ... volt.

        Each value has a plateau: on a slope Newton's steps would leave rounding errors behind.
        """
        texts = [self.number(value) for value in values]
        points = (f"{k - 0.25},{text},{k + 0.25},{text}" for k, text in enumerate(texts))
        return self.expression.format(self.tabled.format(f"v({index})", ",\n+ ".join(points)))


# LTspice knows if(), not the conditions of C; a condition is a number there, true above 0.5.
_LTSPICE = {
    "exp": "if({0} < 200.0, exp({0}), 2.0*cosh(min({0}, 709.0)))",
    "log1p": "if(abs({0}) < 0.5, 2.0*atanh({0}/(2.0 + {0})), ln(1.0 + {0}))",
    "where": "if({0}, {1}, {2})",
    "equal": "(1.0 - abs(sgn({0} - {1})))",
    "not_equal": "abs(sgn({0} - {1}))",
    "power": "if({0} > 0.0, pwr({0}, {1}), 1.0 - abs(sgn({1})))",
}
_NO_LAWS = "its SPICE syntax has no behavioural sources"
_NO_SWITCH = "its switches have no hysteresis that stays as it was"

# ngspice, without laws: one without KLU ignores the option. With the default pivrel of 1e-3 KLU
# takes pivots so small that the tabled sources of a batch cost six digits (1e-8 of the current,
# with 0.1 1e-12).
# With laws not KLU but SPARSE, slower in large arrays: KLU keeps the pivots that were good at 0 V,
# and steep laws then lost all digits or found no answer, whatever its pivrel. From 64 x 64 cells
# on SPARSE takes half a minute and soon hours: there KLU is let try, and its answers must pass the
# same proof. Newton's last step goes far beyond what is asked for: an operating point is exact to
# rounding with 1e-8. A sweep begins near, and stops at an error of about reltol. With 1e-10, or an
# abstol of 1e-18, ngspice asks more digits of wire currents than they have, and finds no answer.
# gmin, which it puts across its own junctions, is out of the way.
# The other dialects follow their makers' manuals; they were not run.
DIALECTS = {
    "ngspice": Dialect(
        "ngspice",
        comment="*",
        options=(".options klu pivrel=0.1",),
        law_options=(".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",),
        large=8000,
        sensed="VEHB",
    ),
    "xyce": Dialect(
        "xyce",
        comment="*",
        options=(),
        law_options=(
            ".options nonlin reltol=1e-8 abstol=1e-15",
            ".options device gmin=1e-20",
        ),
        large=8000,
        reference="{}",
        expression="{{{}}}",
        declares="params:",
        tabled="table({},{})",
        refused=dict.fromkeys("SW", _NO_SWITCH),
    ),
    "ltspice": Dialect(
        "ltspice",
        comment="*",
        options=(),
        law_options=(".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",),
        large=8000,
        declares="params:",
        functions=_LTSPICE,
        tabled="table({},{})",
        refused={"charge": "its charges are functions of their own voltage alone"},
    ),
    "spectre": Dialect(
        "spectre",
        comment="*",
        options=(),
        law_options=(".options reltol=1e-8 abstol=1e-15 vntol=1e-10 gmin=1e-20",),
        large=8000,
        header=("simulator lang=spice",),
        refused=dict.fromkeys(("B", "law"), _NO_LAWS) | dict.fromkeys("SW", "it has none of SPICE"),
    ),
}
