"""Where Newton's method linearises laws whose currents run away from what it foretold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from circuitxbar.arguments import Array

_RUNAWAY = 2.0  # a current that moved this many times what its slope foretold
_LEAST = 1e-12  # A, that a current may move before it has no value
_PROBES = 60


def shares_of_the_way(
    went: Callable[[Array], Array],
    whole: Array,
    foretold: Array,
    currents: Array,
    limited: np.ndarray | bool = True,
) -> Array | None:
    """How far each law goes from where it was linearised to its new voltages; None for all the way.

    Less far where its current would move more than twice what its slope foretold, or would not be
    finite. There the current is what the rest of the circuit fixes, and the law goes where it has
    moved one to two times as much; the voltage, then far too large, comes down in the next step.

    went : how far currents have moved at these shares of the way; `whole` at its end, and
    `foretold` by the slopes, from `currents`, A.  limited : the laws that this is for.
    """
    # A law that is flat where it was, as of a junction that blocks, foretells nothing.
    foretold = np.maximum(foretold, np.abs(currents))
    foretold = np.where(np.isfinite(whole), foretold, np.maximum(foretold, _LEAST))
    away = ~(whole <= _RUNAWAY * foretold) & (foretold > 0) & limited
    if not away.any():
        return None
    foretold = np.where(away, foretold, 1.0)
    near, far = np.zeros_like(whole), np.ones_like(whole)
    least, most = np.zeros_like(whole), whole / foretold  # how many times what was foretold
    for k in range(_PROBES):
        middle = near + _probe(least, most, far, halve=k % 3 == 2) * (far - near)
        times = went(middle) / foretold
        beyond = ~(times <= _RUNAWAY)
        near, least = np.where(beyond, near, middle), np.where(beyond, least, times)
        far, most = np.where(beyond, middle, far), np.where(beyond, times, most)
        if not (away & (least < 1.0)).any():
            break
    return np.where(away, near, 1.0)


def _probe(least: Array, most: Array, far: Array, halve: bool) -> Array:
    """Where between its ends an exponential law has moved 1.5 times what was foretold, else half.

    least, most : how many times what was foretold a law has moved at both ends, the second of
    which is a share `far` of the way.
    """
    if halve:
        return np.full_like(most, 0.5)
    with np.errstate(all="ignore"):
        exponent = np.log1p(most)
        for _ in range(3):  # of the law that moves (exp(exponent share) - 1) / exponent times
            exponent = np.log1p(exponent * most) / far
        start, aim, end = (np.log1p(exponent * times) for times in (least, 1.5, most))
        part = (aim - start) / (end - start)
    return np.where((part > 0) & (part < 1), part, 0.5)
