"""The cards of a deck that are no elements: analyses, options, initial voltages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from circuitxbar.netlist.reader.cards import words_of
from circuitxbar.netlist.reader.lines import Line
from circuitxbar.netlist.reader.numbers import number
from circuitxbar.netlist.reader.scopes import Scope

Spacing = Literal["dec", "oct", "lin"]


@dataclass(frozen=True)
class OperatingPointAnalysis:
    """`.op`."""


@dataclass(frozen=True)
class SweepAnalysis:
    """`.dc`: the element `source` from `start` to `stop` by `step`, V or A."""

    source: str
    start: float
    stop: float
    step: float


@dataclass(frozen=True)
class TransientAnalysis:
    """`.tran`: `step`, `stop`, `start` of the output and `maximum_step`, s.

    use_initial : uic: it starts from initial conditions, not from an operating point.
    """

    step: float
    stop: float
    start: float = 0.0
    maximum_step: float | None = None
    use_initial: bool = False


@dataclass(frozen=True)
class AcAnalysis:
    """`.ac` from start to stop, Hz: `points` in each decade (dec), octave (oct) or in all (lin)."""

    kind: Spacing
    points: int
    start: float
    stop: float


@dataclass(frozen=True)
class NoiseAnalysis:
    """`.noise` at `output` above `reference`, referred to the element `source`; else as `.ac`."""

    output: str
    reference: str
    source: str
    kind: Spacing
    points: int
    start: float
    stop: float


Analysis = OperatingPointAnalysis | SweepAnalysis | TransientAnalysis | AcAnalysis | NoiseAnalysis

# Options that change how, and not what, a simulator computes; others are refused.
_NUMBERS = frozenset(
    [
        *("reltol", "abstol", "vntol", "chgtol", "gmin", "trtol", "pivtol", "pivrel", "maxord"),
        *("itl1", "itl2", "itl3", "itl4", "itl5", "itl6", "gminsteps", "srcsteps", "numdgt"),
        *("xmu", "minbreak", "cptime", "limpts", "limtim", "lvlcod", "lvltim", "ingold"),
    ]
)
_FLAGS = frozenset(
    [
        *("klu", "sparse", "acct", "noacct", "list", "node", "nopage", "nomod", "opts", "brief"),
        *("interp", "savecurrents", "noopiter", "keepopinfo", "trytocompact", "warn", "post"),
        *("probe", "autostop", "noinit"),
    ]
)
_METHODS = ("trap", "trapezoidal", "gear")
_AT_27 = ("temp", "tnom")
_INITIAL = re.compile(r"v\s*\(\s*([^\s(),=]+)\s*\)\s*=\s*(\{[^{}]*\}|'[^']*'|[^\s=(),{}']+)\s*")
_NOISE = re.compile(r"\.noise\s+v\s*\(\s*([^\s(),]+)\s*(?:,\s*([^\s(),]+)\s*)?\)\s+(.*)\Z")


@dataclass
class Controls:
    """What the cards of a deck that are no elements say."""

    title: str | None = None
    globals: set[str] = field(default_factory=set)
    analyses: list[Analysis] = field(default_factory=list)
    swept: list[tuple[str, Line]] = field(default_factory=list)
    options: dict[str, float | str] = field(default_factory=dict)
    initial: dict[str, tuple[float, Line]] = field(default_factory=dict)

    @property
    def transient(self) -> TransientAnalysis | None:
        """The .tran, or None."""
        return next((a for a in self.analyses if isinstance(a, TransientAnalysis)), None)


def controls_of(lines: list[Line], scope: Scope) -> Controls:
    """What these cards say; NetlistError for what is refused among them."""
    found = Controls()
    for line in lines:
        _CARDS[line.text.split()[0]](line, scope, found)
    return found


def _title(line: Line, scope: Scope, found: Controls) -> None:
    found.title = " ".join(line.raw.split()[1:])


def _options(line: Line, scope: Scope, found: Controls) -> None:
    words = words_of(line.text, line)[1:]
    while words:
        name = words.pop(0)
        value = ""
        if words[:1] == ["="]:
            if len(words) < 2:
                raise line.error(f"{name} has no value.")
            value, words = words[1], words[2:]
        if name in _AT_27:
            _at_27(line, name, scope.value(value, line, name))
        elif name == "method" and value in _METHODS:
            found.options[name] = value
        elif name in _NUMBERS and value:
            found.options[name] = scope.value(value, line, name)
        elif name in _FLAGS:
            found.options[name] = scope.value(value, line, name) if value else 1.0
        else:
            raise line.error(
                f"the option {name!r:.40} is refused: it is unknown, or changes the circuit. "
                f"There are {', '.join(sorted(_NUMBERS | _FLAGS))}, method."
            )


def _temperature(line: Line, scope: Scope, found: Controls) -> None:
    words = words_of(line.text, line)[1:]
    if not words:
        raise line.error(".temp has no value.")
    for word in words:
        _at_27(line, "temp", scope.value(word, line, "temp"))


def _at_27(line: Line, name: str, value: float) -> None:
    if value != 27.0:
        raise line.error(f"{name} = {value:g} is refused: circuits are read at 27 degrees Celsius.")


def _globals(line: Line, scope: Scope, found: Controls) -> None:
    found.globals.update(words_of(line.text, line)[1:])


def _initial(line: Line, scope: Scope, found: Controls) -> None:
    found.initial |= {node: (value, line) for node, value in _node_voltages(line, scope)}


def _hints(line: Line, scope: Scope, found: Controls) -> None:
    _node_voltages(line, scope)


def _node_voltages(line: Line, scope: Scope) -> list[tuple[str, float]]:
    text, pairs, place = line.text.split(None, 1)[1:], [], 0
    rest = text[0] if text else ""
    while place < len(rest):
        match = _INITIAL.match(rest, place)
        if match is None:
            raise line.error(f"{rest[place:]!r:.40} cannot be read; expected v(node)=value.")
        node = "0" if match[1] == "gnd" else match[1]
        pairs.append((node, scope.value(match[2], line, f"v({node})")))
        place = match.end()
    if not pairs:
        raise line.error("there is no v(node)=value.")
    return pairs


def _point(line: Line, scope: Scope, found: Controls) -> None:
    if len(line.text.split()) > 1:
        raise line.error(".op has nothing behind it.")
    found.analyses.append(OperatingPointAnalysis())


def _sweep(line: Line, scope: Scope, found: Controls) -> None:
    words = words_of(line.text, line)[1:]
    if len(words) != 4:
        raise line.error(f".dc has {len(words)} words; expected one source, start, stop and step.")
    start, stop, step = _values(line, scope, words[1:])
    if step == 0 or (stop - start) * step < 0:
        raise line.error(f".dc: steps of {step:g} do not lead from {start:g} to {stop:g}.")
    found.swept.append((words[0], line))
    found.analyses.append(SweepAnalysis(words[0], start, stop, step))


def _transient(line: Line, scope: Scope, found: Controls) -> None:
    words = words_of(line.text, line)[1:]
    use_initial = words[-1:] == ["uic"]
    numbers = _values(line, scope, words[:-1] if use_initial else words)
    if not 2 <= len(numbers) <= 4:
        raise line.error(f".tran has {len(numbers)} numbers; it takes step, stop, start, maximum.")
    step, stop, start, maximum = (*numbers, 0.0, 0.0)[:4]
    if step <= 0 or stop <= start or start < 0 or maximum < 0:
        raise line.error(".tran needs a step above 0, and a stop after its start.")
    if found.transient is not None:
        raise line.error("there is a .tran already. Keep one of them.")
    found.analyses.append(TransientAnalysis(step, stop, start, maximum or None, use_initial))


def _ac(line: Line, scope: Scope, found: Controls) -> None:
    found.analyses.append(AcAnalysis(*_spaced(line, scope, words_of(line.text, line)[1:], ".ac")))


def _noise(line: Line, scope: Scope, found: Controls) -> None:
    match = _NOISE.match(line.text)
    words = words_of(match[3], line) if match else []
    if match is None or len(words) not in (5, 6):
        raise line.error(".noise needs v(node), a source, dec|oct|lin, points, start and stop.")
    output, reference = ("0" if n == "gnd" else n for n in (match[1], match[2] or "0"))
    found.swept.append((words[0], line))
    spaced = _spaced(line, scope, words[1:5], ".noise")
    found.analyses.append(NoiseAnalysis(output, reference, words[0], *spaced))


def _spaced(
    line: Line, scope: Scope, words: list[str], card: str
) -> tuple[Spacing, int, float, float]:
    if len(words) != 4 or words[0] not in ("dec", "oct", "lin"):
        raise line.error(f"{card} needs dec, oct or lin, points, start and stop.")
    points, start, stop = _values(line, scope, words[1:])
    lowest = 0.0 if words[0] == "lin" else 5e-324
    if points < 1 or points != int(points) or not lowest <= start <= stop:
        raise line.error(f"{card} needs whole points above 0, and a stop not below its start.")
    kinds: dict[str, Spacing] = {"dec": "dec", "oct": "oct", "lin": "lin"}
    return kinds[words[0]], int(points), start, stop


def _values(line: Line, scope: Scope, words: list[str]) -> list[float]:
    found = []
    for word in words:
        value = number(word)
        found.append(scope.value(word, line, "a value") if value is None else value)
    return found


_CARDS = {
    ".title": _title,
    ".option": _options,
    ".options": _options,
    ".global": _globals,
    ".temp": _temperature,
    ".ic": _initial,
    ".nodeset": _hints,
    ".op": _point,
    ".dc": _sweep,
    ".tran": _transient,
    ".ac": _ac,
    ".noise": _noise,
}
