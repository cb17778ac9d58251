"""What nodes, elements, pins and instances may be called."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

from circuitxbar.arguments import shown
from circuitxbar.errors import CircuitError

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.]*\Z")
# Ground's other name, words that ngspice takes for sets of vectors, for the temperature or for
# random numbers, and the node that counts the vectors of a batch.
_SETS, _RANDOM = ["all", "allv", "alli", "ally"], ["gauss", "agauss", "unif", "aunif", "limit"]
_RESERVED = frozenset(["gnd", *_SETS, "temper", *_RANDOM, "vector_index"])

_NEAR = 20_000  # names that are looked through for near ones
_TOLD = 6  # names that a message lists


def is_name(name: object) -> bool:
    """Whether SPICE can hold `name` apart from others."""
    return isinstance(name, str) and bool(_NAME.match(name)) and name not in _RESERVED


def check_name(what: str, name: object) -> None:
    """Refuse a `name` of a `what` that SPICE could not hold apart from others."""
    if not is_name(name):
        raise CircuitError(
            f"{what} name {shown(name)} cannot be used. Use lower-case letters, digits, '_' and "
            f"'.', and none of {', '.join(sorted(_RESERVED))}; ground is '0'."
        )


def unknown(what: str, name: object, known: Collection[str]) -> str:
    """The message that there is no `what` called `name`, with near ones among the `known`."""
    return f"there is no {what} {shown(name)}.{others(name, known)}"


def others(name: object, known: Collection[str]) -> str:
    """A sentence with those of the `known` names that `name` may mean, and one with the first."""
    import difflib

    text = name.lower() if isinstance(name, str) else ""
    first = list(islice(known, _NEAR))
    near = difflib.get_close_matches(text, first, n=3)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    told = ", ".join(first[:_TOLD]) or "none"
    count = f"{len(known)}: {told}, ..." if len(known) > _TOLD else told
    return f"{hint} There {'is' if len(known) == 1 or not known else 'are'} {count}."
