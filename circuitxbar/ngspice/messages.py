"""The line of ngspice's log that tells a failure; the exit code alone does not."""

from __future__ import annotations

import re

# Lines that mean no answer, or a wrong one given with exit code 0: a singular matrix answers 0 V,
# an unreadable element is left out, a resistor below 1e-12 ohm is replaced by 1e-12 ohm.
_FAILURE = re.compile(
    r"""^\s*error\b | fatal\ error | singular\ matrix | can't\ find\ model
      | is\ not\ a\ valid\ .*\ instance\ line | \bignored\b
      | too\ small,\ set\ to | resistance\ to+\ low
      | solution\ failed | out\ of\ range\ for | undefined\ parameter | timestep\ too\ small
      | simulation\(s\)\ aborted | simulation\ not\ started | analysis\ not\ run
      | not\ parsed | circuits\ loaded | \bno\ job\b""",
    re.IGNORECASE | re.VERBOSE,
)
# Echoes and notes that hold such words and mean no harm: the deck's title, and the .print of a
# sweep, which gives way to the raw file.
_HARMLESS = re.compile(r"^Circuit:|^\.print line ignored since rawfile")
# Where a sweep stopped; it comes after the notes of what was tried.
_PLACE = re.compile(r"^doAnalyses:")
# Steep laws can make such a step of Newton's method fail; stepping gmin or the sources then finds
# the answer, and says so. What has no answer at all ends in another note, or in none.
_PASSING = re.compile(r"singular matrix|out of range for", re.IGNORECASE)
_RECOVERED = re.compile(r"(gmin|source) stepping completed", re.IGNORECASE)
# Such a line only points at the lines after it.
_POINTS_ON = re.compile(r"(:|\bline)\s*$")


def failure(log: str) -> str | None:
    """The line of `log` that says the answer is missing or wrong, and where; or None."""
    lines = [" ".join(line.split()) for line in log.splitlines()]
    lines = [line for line in lines if line]
    recovered = max((k for k, line in enumerate(lines) if _RECOVERED.search(line)), default=-1)
    for number, line in enumerate(lines):
        passed = number < recovered and _PASSING.search(line)
        if _FAILURE.search(line) and not _HARMLESS.search(line) and not passed:
            following = lines[number + 1 : number + 3] if _POINTS_ON.search(line) else []
            place = [line for line in lines[number + 1 :] if _PLACE.search(line)]
            return " ".join([line, *following, *place[:1]])
    return None


def last_lines(log: str, count: int = 3) -> str:
    """The last words of `log` on one line, for a failure that no known message explains."""
    lines = [" ".join(line.split()) for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "it said nothing"
