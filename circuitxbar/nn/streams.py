"""Random streams spawned from (seed, what, index), never from the order of a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuitxbar.arguments import seed_or_generator
from circuitxbar.errors import MappingError

WEIGHTS, SHUFFLE = 0, 1  # what a stream is for; part of every saved result, so never renumber


def seed_of(rng: Any) -> int:
    """The seed that `rng` stands for: itself, or one number drawn from a Generator."""
    given = seed_or_generator("rng", rng, MappingError)
    return int(given.integers(2**63)) if isinstance(given, np.random.Generator) else given


def stream(seed: int, what: int, index: int) -> np.random.Generator:
    """The random numbers of one purpose at one place."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(what, index)))
