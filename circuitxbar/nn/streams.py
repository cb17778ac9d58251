"""Random streams spawned from (seed, what, index), never from the order of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.errors import MappingError

WEIGHTS, SHUFFLE = 0, 1  # what a stream is for; part of every saved result, so never renumber


def seed_of(rng: Any) -> int:
    """The seed that `rng` stands for: itself, or one number drawn from a Generator."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise MappingError(
            f"rng = {shown(rng)}: expected a whole number >= 0 or a numpy.random.Generator."
        )
    return int(rng)


def stream(seed: int, what: int, index: int) -> np.random.Generator:
    """The random numbers of one purpose at one place."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(what, index)))
