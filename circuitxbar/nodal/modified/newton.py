"""Newton's method for the equations of a circuit, at rest or within one step of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.nodal.following import shares_of_the_way
from circuitxbar.nodal.modified.blocks import Block
from circuitxbar.nodal.modified.matrix import Factor
from circuitxbar.nodal.modified.system import Closed, System

_STEPS = 150
_DAMPINGS = 6
_NEARER = 0.1  # a step that is that part of the one before: factors of elsewhere serve
_LAST_DIGITS = 1e-5  # of what counts as none, when factors of elsewhere lead to it
_ABSURD = 1e12


@dataclass(frozen=True, eq=False)
class Equations:
    """F(x, time) + alpha Q(x) + history = 0, with every source scaled and a shunt at every node.

    alpha : 1/s; 0 at rest.  history : (size,) or 0.  closed : which switches are.
    sources : their values.  shunt : S, from every node to ground.
    held : unknown -> value at which it is kept, whatever its equation says.
    """

    system: System
    sources: Array
    closed: Closed
    time: float = 0.0
    alpha: float = 0.0
    history: Array | float = 0.0
    shunt: float = 0.0
    held: Mapping[int, float] = field(default_factory=dict)

    def at(self, x: Array, places: list[Array] | None = None) -> Evaluated:
        """The equations at `x`, the laws linearised at `places` (by default at their controls)."""
        system = self.system
        controls = system.controls(x)
        together = places is None
        places = controls if places is None else places
        error = system.linear(x, self.closed) + self.given
        if self.shunt:
            error[system.nodes] += self.shunt * x[system.nodes]
        charge = system.reactive @ x if self.alpha else None
        laws, charges, drawn, stored, undefined = [], [], [], [], []
        for block, at, place in zip(system.blocks, controls, places, strict=True):
            found = block.laws.static(place, self.time)
            missing = ~np.isfinite(found).all(axis=0)
            found[:, missing] = 0.0  # as of sqrt at 0 V: it draws nothing until it has a value
            undefined.append(missing)
            laws.append(found)
            drawn.append(
                found[0] if together else found[0] + (found[1:] * (at - place)).sum(axis=0)
            )
            kept = block.laws.charge(at, self.time) if self.alpha else None
            charges.append(kept)
            stored.append(np.zeros(block.count) if kept is None else kept[0])
        if drawn:
            error = error + system.gather @ np.concatenate(drawn)
            if charge is not None and any(kept is not None for kept in charges):
                charge = charge + system.gather @ np.concatenate(stored)
        if charge is not None:
            error = error + self.alpha * charge
        return Evaluated(x, controls, places, laws, charges, error, charge, undefined)

    @cached_property
    def given(self) -> Array:
        """What does not depend on the unknowns."""
        return self.system.sources.added(self.sources) + self.history

    def size(self, at: Evaluated) -> Array:
        """The size of what each equation is a sum of, (size,)."""
        system = self.system
        size = np.abs(system.linear(at.x, self.closed)) + np.abs(self.given)
        if at.laws:
            size += system.gathered @ np.abs(np.concatenate([law[0] for law in at.laws]))
        return size

    def rounding(self, at: Evaluated) -> Array:
        """What the last digits of all unknowns make of each equation, (size,)."""
        system = self.system
        entries = np.abs(system.matrix_of(at.laws, at.charges, self.alpha, self.closed))
        flows = system.pattern.matrix(entries) @ np.abs(at.x)
        return np.asarray(4 * np.finfo(float).eps * flows)

    def factor(self, at: Evaluated, pinned: np.ndarray) -> Factor | None:
        """Factors of the matrix there; the equations of what is `pinned` hold it where it is."""
        system = self.system
        entries = system.matrix_of(at.laws, at.charges, self.alpha, self.closed)
        diagonal = system.pattern.diagonal
        if self.shunt:
            entries[diagonal[system.nodes]] += self.shunt
        if pinned.any():
            entries[pinned[system.pattern.rows]] = 0.0
            entries[diagonal[pinned]] = 1.0
        return system.pattern.factor(entries)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Equations at unknowns x: what controls the laws, where those are linearised, and the rest.

    laws, charges : of each block, (1 + controls, n): value and slopes; None for no charge.
    error : (size,), what is left of each equation.  charge : Q; None at rest.
    undefined : of each block, (n,), which laws have no value or slope there; they are left out.
    """

    x: Array
    controls: list[Array]
    places: list[Array]
    laws: list[Array]
    charges: list[Array | None]
    error: Array
    charge: Array | None
    undefined: list[np.ndarray]

    @cached_property
    def whole(self) -> bool:
        """Whether every law has a value and slopes there."""
        return not any(missing.any() for missing in self.undefined)

    @property
    def together(self) -> bool:
        """Whether every law is linearised where it is."""
        return self.places is self.controls


@dataclass(frozen=True, eq=False)
class Found:
    """Where Newton's method came to: the equations there, whether that is a solution, its steps."""

    at: Evaluated
    converged: bool
    steps: int


@np.errstate(all="ignore")  # what is not finite is looked at, and leads to other steps
def solve(
    equations: Equations,
    x: Array,
    *,
    rtol: float,
    floor: tuple[float, float],
    polish: bool = False,
    at_rest: bool = False,
    steps: int = _STEPS,
) -> Found:
    """The solution of `equations` near x.

    A step counts as none where no unknown moves more than `rtol` of itself, or `floor` (V, A).
    polish : whether another, exact step follows.  at_rest : whether laws begin at 0.
    """
    system = equations.system
    rest = [np.zeros_like(c) for c in system.controls(x)] if at_rest else None
    at = equations.at(x, rest)
    smallest = np.where(system.is_node, *floor)
    done = 0
    plain = system.is_linear and not polish  # one step is all it takes
    pinned, target = _pinned(equations, at)
    factor, before = None, np.inf if equations.alpha else 0.0
    while done < steps:
        done += 1
        known = factor is not None
        factor = factor or equations.factor(at, pinned)
        if factor is None:
            return Found(at, False, done)
        error = np.where(pinned, at.x - target, at.error) if pinned.any() else at.error
        move = -factor.solve(error)
        if not np.abs(move).max(initial=0.0) < _ABSURD:  # or not a number
            return Found(at, False, done)
        trial = _moved(equations, at, move)
        if plain:
            return Found(trial, True, done)
        step = np.abs(trial.x - at.x)
        allowed = rtol * np.abs(trial.x) + smallest
        if done > 2:
            allowed = _told(equations, trial, step, allowed, rtol)
        far = float((step / allowed).max(initial=0.0))
        last = pinned
        at, (pinned, target) = trial, _pinned(equations, trial)
        settled = trial.together and trial.whole and (pinned == last).all()
        left = far * far / before if known and polish else 0.0  # the next step, as it goes on
        if far <= 1.0 and left <= _LAST_DIGITS and settled:
            return _polished(equations, at, factor, done) if polish else Found(at, True, done)
        if not (settled and far < _NEARER * before):
            factor = None
        before = far
    return Found(at, False, done)


def _told(equations: Equations, at: Evaluated, step: Array, allowed: Array, rtol: float) -> Array:
    """How far unknowns may move: `allowed`, or more where their digits tell no more.

    Of currents far below others these are the digits that voltages have; of voltages far below
    others, where the equations hold to rounding, `rtol` of the largest.
    """
    system = equations.system
    nodes = system.nodes
    largest = rtol * np.abs(at.x[nodes]).max(initial=0.0)
    if (step > np.maximum(allowed, largest))[nodes].any():
        return allowed
    rounding = equations.rounding(at)
    if (step > allowed)[nodes].any():
        if (np.abs(at.error) > 4.0 * rounding).any():
            return allowed
        allowed = np.where(system.is_node, np.maximum(allowed, largest), allowed)
    return np.maximum(allowed, rounding[nodes].max(initial=0.0))


def _polished(equations: Equations, at: Evaluated, factor: Factor, done: int) -> Found:
    """Steps as long as they halve the error, with factors of nearby: the last digits."""
    for _ in range(4):
        pinned, target = _pinned(equations, at)
        error = np.where(pinned, at.x - target, at.error)
        trial = equations.at(at.x - factor.solve(error))
        size = equations.size(at)
        if not _size(trial, size) < 0.5 * _size(at, size):
            break
        at = trial
        done += 1
    return Found(at, True, done)


def _size(at: Evaluated, size: Array) -> float:
    total = float((np.abs(at.error) / np.maximum(size, 1e-300)).sum())
    return total if np.isfinite(total) else np.inf


def _moved(equations: Equations, at: Evaluated, move: Array) -> Evaluated:
    """The equations after `move`, each law linearised where its own current has followed."""
    trial = equations.at(at.x + move)
    places = _followed(equations, at, trial)
    if places is not None:
        return equations.at(trial.x, places)
    if equations.alpha or not at.together:
        return trial  # a step of time may be made shorter instead
    # No limit was needed: a step that leaves far more error than there was is too long.
    size = equations.size(at)
    before = _weighed(equations, at, size)
    share = 1.0
    for _ in range(_DAMPINGS):
        if _weighed(equations, trial, size) <= 10.0 * before or before == 0.0:
            break
        share *= 0.5
        trial = equations.at(at.x + share * move)
    return trial


def _weighed(equations: Equations, at: Evaluated, size: Array) -> float:
    """The error as a share of what flows, nodes and branches each by their largest."""
    is_node = equations.system.is_node
    total = 0.0
    for part in (is_node, ~is_node):
        if part.any():
            total += np.abs(at.error[part]).max() / max(size[part].max(), 1e-30)
    return total if np.isfinite(total) else np.inf


def _followed(equations: Equations, at: Evaluated, trial: Evaluated) -> list[Array] | None:
    """Where to linearise each block next, if not where its controls are."""
    ends = [np.where(m, np.inf, law[0]) for law, m in zip(trial.laws, trial.undefined, strict=True)]
    lists = (equations.system.blocks, at.places, at.laws, trial.controls, ends)
    places = [_place(*block, equations.time) for block in zip(*lists, strict=True)]
    same = all(one is other for one, other in zip(places, trial.controls, strict=True))
    return None if same else places


def _place(
    block: Block, place: Array, laws: Array, controls: Array, end: Array, time: float
) -> Array:
    """Where to linearise a block next that was at `place`: at `controls`, or less far away.

    end : its currents at `controls`; infinite where they have none.
    """
    if not block.limited:
        return controls
    moved = controls - place

    def went(shares: Array) -> Array:
        return np.abs(block.laws.value(place + shares * moved, time) - laws[0])

    foretold = np.abs((laws[1:] * moved).sum(axis=0))
    shares = shares_of_the_way(went, np.abs(end - laws[0]), foretold, laws[0])
    return controls if shares is None else np.where(shares == 1.0, controls, place + shares * moved)


def _pinned(equations: Equations, at: Evaluated) -> tuple[np.ndarray, Array]:
    """Which unknowns do not follow their equations, and where they are instead.

    Those that are held; states at rest; and states that would leave their range in this step.
    """
    system = equations.system
    out, target = np.zeros(system.size, dtype=bool), at.x.copy()
    if not (equations.held or system.moving):
        return out, target
    for unknown, value in equations.held.items():
        out[unknown], target[unknown] = True, value
    for state in system.moving:
        u = state.unknowns
        if equations.alpha == 0.0:
            out[u] = True
            continue
        free = at.x[u] - at.error[u] / equations.alpha  # where it goes, its rate as it is
        out[u] = (free > state.high) | (free < state.low)
        target[u] = np.clip(free, state.low, state.high)
    return out, target
