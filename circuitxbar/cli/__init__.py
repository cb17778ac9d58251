"""The command line. Exit code 0: done; 1: a solve or a check failed; 2: bad input."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence

from circuitxbar.errors import CircuitxbarError, SolverError

INTERRUPTED = 130  # what shells give to a program that Ctrl-C ended
EXTRAPOLATING = ("solve", "verify")  # the commands with --extrapolate
# How the library speaks of its arguments, and what they are called here.
OPTIONS = {
    "extrapolate=True": "--extrapolate",
    "a larger rtol": "a larger --rtol",
    'engine="nodal"': "--engine nodal",
    'engine="ngspice"': "--engine ngspice",
    "column_voltages is missing": "--column-voltages is missing",
    "voltages is missing": "--voltages is missing",
    "gates is missing": "--gates is missing",
}


class StoppedError(Exception):
    """Ctrl-C, with what to say about it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever fails is one line on stderr.

    arguments : the words after `circuitxbar`; those of this process when omitted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        return _run(words)
    except SolverError as problem:
        return _complain(_in_options(str(problem), words[0]), 1)
    except CircuitxbarError as problem:
        return _complain(_in_options(str(problem), words[0]), 2)
    except StoppedError as problem:
        return _complain(str(problem), INTERRUPTED)
    except KeyboardInterrupt:
        return _complain("stopped.", INTERRUPTED)
    except OSError as problem:
        _drop_unwritten()
        if isinstance(problem, BrokenPipeError):  # the reader, as in `| head`, has seen enough
            return 1
        name = f"{problem.filename}: " if problem.filename else ""
        return _complain(f"{name}{problem.strerror or problem}.", 1)
    except MemoryError:
        return _complain("not enough memory. Use a smaller array, or fewer vectors at once.", 1)
    except Exception as problem:
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{os.path.basename(frame.filename)}, line {frame.lineno}"
        what = f"{type(problem).__name__}: {problem}"
        advice = "This is a bug: please report this line with the command and its files."
        return _complain(f"internal error in {where}: {what}. {advice}", 1)


def _run(words: list[str]) -> int:
    import typer

    from circuitxbar.cli.app import app

    # What typer raises for wrong words; it has no public name of its own in every version.
    usage_error: type[Exception] = typer.BadParameter.mro()[1]
    try:
        code = app(words, prog_name="circuitxbar", standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        raise KeyboardInterrupt from None
    except usage_error as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context else "circuitxbar"
        text = problem.format_message().rstrip(".")  # pyright: ignore[reportAttributeAccessIssue]
        return _complain(f"{text}. See `{command} --help`.", 2)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return int(code or 0)


def _in_options(message: str, command: str) -> str:
    """`message` of the library with the options of `command` in place of Python's arguments."""
    if command not in EXTRAPOLATING:
        message = message.replace(", or pass extrapolate=True", "")
    arguments = "|".join(map(re.escape, OPTIONS))
    return re.sub(arguments, lambda found: OPTIONS[found[0]], message)


def _drop_unwritten() -> None:
    """Let go of output that cannot be written, or Python complains again at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    print(f"circuitxbar: {' '.join(message.split())}", file=sys.stderr)
    return code
