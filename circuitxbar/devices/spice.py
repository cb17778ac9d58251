"""Laws -> ngspice text: expressions for B-sources, and the sub-circuit around one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from circuitxbar.arguments import shown
from circuitxbar.devices.expression import CONTROLS, Law, symbolic
from circuitxbar.devices.functions import TABLE
from circuitxbar.devices.writing import Tongue, written
from circuitxbar.dialects import DIALECTS, Dialect
from circuitxbar.errors import NetlistError

_NGSPICE = DIALECTS["ngspice"]


class Texts:
    """Writes laws for the B-sources of one sub-circuit, and keeps the constants they refer to.

    texts : what stands for each name of the laws, such as {"v": "v(a,b)", "g": "{g}"}.
    constants : name -> value, referred to as `{name}`.

    ngspice cuts a number inside an expression to 11 digits, but takes a `.param` exactly: longer
    numbers therefore become constants. It reads x**3 as |x|**3: whole powers become products.
    """

    def __init__(self, taken: Iterable[str], dialect: Dialect = _NGSPICE):
        """taken : the names that no constant may have."""
        self.texts: dict[str, str] = {}
        self.constants: dict[str, float] = {}
        self._names: dict[float, str] = {}
        self._prefix = free_prefix("constant", taken)
        self._tongue = Tongue(
            number=self.number,
            symbol=lambda name: self.texts[name],
            power=lambda base, exponent: "(" + "*".join([base] * exponent) + ")",
            call=lambda row, arguments: self._function(row).format(*arguments),
        )
        self._dialect = dialect

    def number(self, value: float) -> str:
        """Text of a number that ngspice reads with all its digits."""
        if float(f"{value:.10e}") == value:
            return f"({value!r})" if value < 0 else repr(value)
        name = self._names.setdefault(value, f"{self._prefix}{len(self._names)}")
        self.constants[name] = value
        return self._dialect.reference.format(name)

    def _function(self, row: str) -> str:
        return self._dialect.functions.get(row, TABLE[row].spice)

    def of(self, law: Law) -> str:
        """The expression of a law."""
        return written(symbolic(law), self._tongue)


def checked_dialect(name: object) -> Dialect:
    """The dialect of that name; NetlistError listing them where there is none."""
    if not isinstance(name, str) or name not in DIALECTS:
        raise NetlistError(f"dialect = {shown(name)}: choose one of {', '.join(DIALECTS)}.")
    return DIALECTS[name]


def current_text(
    law: Law, texts: Mapping[str, str], dialect: Dialect = _NGSPICE
) -> tuple[str, dict[str, float]]:
    """Expression of the current for a B-source, and the constants it refers to as `{name}`."""
    writer = Texts(law.names, dialect)
    writer.texts |= texts
    return dialect.expression.format(writer.of(law)), writer.constants


def constant_lines(constants: Mapping[str, float]) -> list[str]:
    """The `.param` lines of `constants`."""
    return [f".param {name}={value!r}" for name, value in constants.items()]


def free_prefix(prefix: str, taken: Iterable[str]) -> str:
    """`prefix`, with as many _ at its end that none of the `taken` names begins with it."""
    taken = [name.lower() for name in taken]
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    return prefix


def control_texts(terminals: tuple[str, ...]) -> dict[str, str]:
    """The voltages that laws know, by name: differences of node voltages."""
    texts = {}
    for control, signs in CONTROLS[len(terminals)].items():
        between = [terminals[signs.index(sign)] for sign in (1, -1) if sign in signs]
        texts[control] = f"v({','.join(between)})"
    return texts


def header(
    name: str,
    terminals: Iterable[str],
    parameters: Mapping[str, float],
    dialect: Dialect = _NGSPICE,
) -> str:
    """The `.subckt` line, with the values of `parameters` as defaults."""
    declared = [f"{key}={value!r}" for key, value in parameters.items()]
    if declared and dialect.declares:
        declared.insert(0, dialect.declares)
    return " ".join([".subckt", name, *terminals, *declared])


def subcircuit_text(
    law: Law,
    name: str,
    terminals: tuple[str, ...],
    parameters: Mapping[str, float],
    dialect: Dialect = _NGSPICE,
) -> str:
    """Lines of `.subckt name`; its parameters are those given, with their values as defaults."""
    named = {parameter: dialect.reference.format(parameter) for parameter in parameters}
    text, constants = current_text(law, named | control_texts(terminals), dialect)
    return "\n".join(
        [
            header(name, terminals, parameters, dialect),
            *constant_lines(constants),
            f"b1 {terminals[0]} {terminals[-1]} i={text}",
            f".ends {name}",
            "",
        ]
    )
