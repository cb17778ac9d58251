"""Runs one deck in ngspice, through PySpice or as a program, with one kind of answer for both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitxbar.arguments import real_number
from circuitxbar.errors import CircuitError, NetlistError, SolverError
from circuitxbar.ngspice import batch, shared
from circuitxbar.ngspice.installation import Installation, found
from circuitxbar.ngspice.rawfile import Plot, Vector

Transport = Literal["pyspice", "subprocess"]

# A deck with more characters goes to the program. Measured with linear arrays in ngspice 46: the
# library saves 8 ms of starting, the program reads its answer faster; they break even near 64 x 64.
LARGEST_SHARED_DECK = 500_000

_MISSING = (
    "ngspice is not installed: there is neither the program `ngspice` on PATH (transport "
    '"subprocess") nor libngspice with PySpice (transport "pyspice"). Install it with '
    "`make ngspice`, or `apt-get install ngspice libngspice0` and `pip install PySpice`."
)

_ALLOWED_DOT_LINES = frozenset(
    ["op", "dc", "ac", "tran", "noise", "ic", "print", "param", "options", "subckt", "ends", "end"]
)
# Other models of ngspice's read files or start a program, and so do parameters that are no numbers.
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_MODEL = re.compile(
    r"\.model\s+[a-z0-9_.]+\s+(?:r|c|d|sw|csw|npn|pnp|nmos|pmos)"
    rf"(?:\s+[a-z][a-z0-9_]*\s*=\s*{_NUMBER})*\s*"
)
# Commands hidden in comments or shell quotes, and sources that read files. The words are looked
# for first: a deck has a hundred thousand lines, and most have none.
_FORBIDDEN_WORDS = ("#", "`", "ng_script", "file")
_FORBIDDEN = re.compile(
    r"^[ \t]*\*[ \t]*(?:\#|ng_script)|`|file[\s+]*=",  # a line may go on behind a +
    re.MULTILINE,
)
# The noise of a diode's sidewall, which stays whatever memory held where there is none.
_UNSET = re.compile(r"[io]noise.*_(?:rsw|idsw|1overfsw)")
_CONTROL_CHARACTERS = frozenset(map(chr, [*range(32), 127])) - set("\n\t")
_ZERO = re.compile(r"[+-]?(?:0+\.?0*|\.0+)(?:e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Run:
    """What ngspice answered to one deck.

    vectors : by lower-case name, one entry per point (one for `.op`): node voltages (V) under the
        node's name, branch currents (A) as `vname#branch`, and the scale of a sweep (`v-sweep`,
        `time`, `frequency`). float64; voltages and currents of `.ac` complex128. Read-only.
    version, linear_solver, transport : which ngspice ran, how it solved, and how it was reached.
    log : everything it printed.
    """

    vectors: dict[str, Vector]
    version: int
    transport: Transport
    linear_solver: Literal["KLU", "SPARSE"]
    log: str


def run(deck: str, *, transport: str = "auto", timeout: float = 600.0) -> Run:
    """The vectors ngspice computes for `deck`.

    deck : netlist text written by circuitxbar itself; the first line is its title. Text that could
        read files or run commands is refused.
    transport : "pyspice" (the shared library in a worker process), "subprocess" (`ngspice -b`), or
        "auto": PySpice where it is installed and the deck is not large.
    timeout : seconds ngspice may take.
    Raises NetlistError for a refused deck; SolverError, quoting ngspice, when ngspice is missing,
    fails, dies, takes too long, or gives an answer that cannot be right.
    """
    _check_deck(deck)
    seconds = real_number("timeout", timeout, unit="s", minimum=0.0, maximum=1e6)
    installation = found()
    if installation is None:
        raise SolverError(_MISSING)
    chosen = _chosen(transport, len(deck), installation)
    if chosen == "pyspice":
        plots, log, version = shared.run_deck(deck, _library(installation), seconds)
    else:
        plots, log = batch.run_deck(deck, _command(installation), seconds)
        version = installation.version
    solver = "KLU" if "Using KLU as Direct Linear Solver" in log else "SPARSE"
    return Run(_vectors(plots), version, chosen, solver, log)


def _check_deck(deck: str) -> None:
    if not isinstance(deck, str):
        raise NetlistError(f"The deck is {type(deck).__name__}, not text.")
    if not deck.isascii() or any(character in deck for character in _CONTROL_CHARACTERS):
        raise NetlistError("The deck has a character outside printable ASCII. Write it without.")
    lower = deck.lower()
    if any(word in lower for word in _FORBIDDEN_WORDS) and (hidden := _FORBIDDEN.search(lower)):
        _refuse(lower.count("\n", 0, hidden.start()) + 1, hidden[0])
    lines = lower.split("\n")
    for number, line in enumerate(lines, start=1):
        text = line.lstrip()
        if text.startswith("."):
            command = re.match(r"\.\s*([^\s(=]*)", text)
            word = command[1] if command is not None else ""
            known = word in _ALLOWED_DOT_LINES
            if not known and not (
                word == "model" and _MODEL.fullmatch(_whole(lines[number - 1 :]))
            ):
                _refuse(number, text)
        elif text.startswith("r"):
            fields = text.split(None, 4)
            # ngspice 39 takes 1 milliohm for it without a word, 46 takes 1e-12 ohm.
            if number > 1 and len(fields) > 3 and _ZERO.fullmatch(fields[3]):
                raise NetlistError(
                    f"The deck, line {number}: {text!r} has 0 ohm, for which ngspice takes another "
                    "value. Give its two nodes one name instead."
                )


def _whole(lines: list[str]) -> str:
    """The first of `lines` with those that go on with it; comments may stand between them."""
    parts = [lines[0].strip()]
    for line in lines[1:]:
        text = line.strip()
        if text.startswith("+"):
            parts.append(text[1:])
        elif text and not text.startswith("*"):
            break
    return " ".join(parts)


def _refuse(number: int, text: str) -> None:
    raise NetlistError(
        f"The deck, line {number}: {text.strip()[:60]!r} is refused: it could read "
        "files or run commands, and circuitxbar never writes it. Pass text from write_spice."
    )


def _chosen(transport: str, length: int, installation: Installation) -> Transport:
    if transport == "pyspice" or transport == "subprocess":
        return transport
    if transport != "auto":
        raise CircuitError(
            f'transport = {transport!r}: expected "auto", "pyspice" or "subprocess".'
        )
    if installation.command is None:
        return "pyspice"
    shared_library = installation.pyspice and installation.library is not None
    return "pyspice" if shared_library and length <= LARGEST_SHARED_DECK else "subprocess"


def _library(installation: Installation) -> str:
    if installation.library is None or not installation.pyspice:
        missing = "PySpice" if not installation.pyspice else "ngspice's shared library"
        remedy = (
            "pip install PySpice" if not installation.pyspice else "apt-get install libngspice0"
        )
        raise SolverError(
            f'{missing} is not installed. Install it (`{remedy}`), or use transport="subprocess".'
        )
    return installation.library


def _command(installation: Installation) -> str:
    if installation.command is None:
        raise SolverError(
            "The program `ngspice` is not on PATH. Install it (`make ngspice`, or "
            '`apt-get install ngspice`), or use transport="pyspice".'
        )
    return installation.command


def _vectors(plots: list[Plot]) -> dict[str, Vector]:
    """The vectors of all analyses by name; refuses what is empty, doubled or not finite."""
    vectors: dict[str, Vector] = {}
    for plot in plots:
        for name, values in plot.vectors.items():
            if _UNSET.fullmatch(name):
                continue
            if name in vectors:
                raise NetlistError(
                    f"The deck has two analyses with a vector {name!r}. Run one analysis per deck."
                )
            if not values.size:
                raise SolverError(f"ngspice: {plot.name} gave no value of {name!r}.")
            if name == "frequency":  # a raw file's imaginary part of it is whatever memory held
                values = np.ascontiguousarray(np.real(values))
            if not np.isfinite(values).all():
                raise SolverError(
                    f"ngspice: {plot.name} gave a value of {name!r} that is not finite."
                )
            values.flags.writeable = False
            vectors[name] = values
    if not vectors:
        raise SolverError(
            "ngspice: no result, and no message why. Has the deck an analysis (.op, .dc, .tran)?"
        )
    return vectors
