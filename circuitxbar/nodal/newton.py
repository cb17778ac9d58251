"""Newton's method for one vector of a circuit with laws, and what is tried where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.nodal.following import shares_of_the_way
from circuitxbar.nodal.voltages import NodeVoltages

if TYPE_CHECKING:
    from circuitxbar.nodal.laws import Laws
    from circuitxbar.nodal.network import Network

_CONVERGED = 1e-10  # sum of Kirchhoff errors over the largest current; refinement goes far below
_EXACT = 1e-13  # the same of what need not be refined by a factor of its own
_NOTHING = 1e-31  # A; smaller errors are none, whatever flows
# S: where parts of a circuit hang on laws that are cut off, nothing says where they are. In the
# Jacobian alone, a way to ground lets them stay where they began.
GROUND = 1e-12
_ABSURD = 1e9  # V; no step of a matrix that is not singular
_STEPS = 100  # at the most
_STEPS_NEARBY = 30  # of one that starts at the answer of a nearby circuit
_KEEPS = 0.01  # a factor that left less than this of the error is used again
_HALVINGS = 60
_LARGEST_BRIDGE, _SMALLEST_BRIDGE = 1.0, 1e-20  # S
_STAGES = 100  # circuits that a continuation passes through, at the most


@dataclass(frozen=True, eq=False)
class _Problem:
    """The circuit of one vector, its sources scaled, and a bridge of `gmin` (S) over every law.

    base : what voltages are measured from.  offset : what sources add.  injected : A.
    All (nodes, 1).
    """

    network: Network
    base: Array
    offset: Array
    injected: Array
    scale: float = 1.0
    gmin: float = 0.0

    def state(self, at: NodeVoltages) -> _State:
        """The circuit at these voltages; those that sources fix are put right."""
        at = replace(at, reference=self.base + self.scale * self.offset)
        network = self.network
        controls = network.laws.controls(at)
        currents, slopes = network.laws.evaluate(controls, self.gmin)
        through = network.resistor_currents(at)
        error = float(np.abs(self.error(through, currents)).sum())
        flows = np.concatenate([through, currents])[network.gathered]
        largest = max(np.abs(flow).max(initial=0.0) for flow in (flows, self.injected))
        error = error if np.isfinite(error) else np.inf
        return _State(at, controls, currents, slopes, through, error, largest)

    def error(self, through: Array, currents: Array) -> Array:
        """The current that is left over at each unknown, (unknowns, 1), A."""
        injected = self.network.collect @ (self.scale * self.injected)
        return injected - self.network.gather @ np.concatenate([through, currents])


@dataclass(frozen=True, eq=False)
class _State:
    """A circuit at some voltages: its controls (V), what flows (A), and slopes (S).

    error : sum of its Kirchhoff errors, A, inf where that is not finite.
    largest : the largest current that has a part in them, A.
    """

    at: NodeVoltages
    controls: Array
    currents: Array
    slopes: Array
    through: Array
    error: float
    largest: float

    @property
    def converged(self) -> bool:
        return bool(np.isfinite(self.error)) and self.error <= max(
            _CONVERGED * self.largest, _NOTHING
        )


def _error(state: _State) -> float:
    return state.error


@dataclass
class _Effort:
    """What the solution of one vector took."""

    factorisations: int = 0
    solves: int = 0


@np.errstate(all="ignore")  # what is not finite is looked at, and leads to other steps
def solve_vector(
    network: Network, base: Array, offset: Array, injected: Array, start: Array | None
) -> NodeVoltages:
    """Node voltages of one vector, its Kirchhoff errors at rounding; all arrays (nodes, 1).

    base : what voltages are measured from, without sources, V.  offset : what sources add, V.
    injected : A.  start : voltages to begin at, V; laws begin at 0 V where there is none.
    Where nothing converges, the voltages of the smallest error that was seen.
    """
    problem = _Problem(network, base, offset, injected)
    zeros = np.zeros_like(base)
    rest = NodeVoltages(base + offset, -base, zeros)
    effort = _Effort()

    def attempts() -> Iterator[tuple[str, _State | None]]:
        if start is not None:
            moved = np.where(network.free[:, None], (start - base - offset)[network.supernode], 0.0)
            yield "newton", _newton(problem, replace(rest, deviation=moved), effort)
        yield "newton", _newton(problem, rest, effort, at_rest=True)
        yield "gmin stepping", _continued(lambda p: _bridged(problem, p), rest, effort)
        yield "source stepping", _continued(lambda p: replace(problem, scale=p), rest, effort)

    best = problem.state(rest)
    strategy = ""
    for tried, state in attempts():
        strategy = tried
        best = min(best, state or best, key=_error)
        if best.converged:
            break
    return replace(
        best.at,
        solves=effort.solves,
        strategies=(strategy,),
        factorisations=(effort.factorisations,),
    )


def _bridged(problem: _Problem, progress: float) -> _Problem:
    gmin = _LARGEST_BRIDGE * (_SMALLEST_BRIDGE / _LARGEST_BRIDGE) ** progress
    return replace(problem, gmin=gmin if progress < 1 else 0.0)


def _continued(
    stage: Callable[[float], _Problem], rest: NodeVoltages, effort: _Effort
) -> _State | None:
    """The circuit stage(1), from stage(0) by steps as large as Newton's method can follow.

    None where it cannot, however small the step.
    """
    state = _newton(stage(0.0), rest, effort, at_rest=True)
    reached, step = 0.0, 0.05
    for _ in range(_STAGES):
        if not state.converged or reached == 1.0:
            break
        aim = min(1.0, reached + step)
        trial = _newton(stage(aim), state.at, effort, steps=_STEPS_NEARBY)
        if trial.converged:
            state, reached, step = trial, aim, 2.0 * step
        else:
            step /= 4.0
    return state if reached == 1.0 else None


def _newton(
    problem: _Problem,
    at: NodeVoltages,
    effort: _Effort,
    *,
    at_rest: bool = False,
    steps: int = _STEPS,
) -> _State:
    """The state of smallest error on Newton's way from `at`, refined as far as digits go.

    Each law is linearised where its own current has followed (`_followed`), which need not be
    where the node voltages are; where both are the same and the error does not fall, the step is
    halved. at_rest : whether laws begin at 0 V.
    """
    network, laws = problem.network, problem.network.laws
    best = state = problem.state(at)
    place = state.controls
    if at_rest:  # gates stay at what drives them
        place = np.where(laws.across[:, None] == 0, place, 0.0)
    factor: Any = None
    ground = 0.0
    for _ in range(steps):
        if best.error == 0.0:
            break
        together = place is state.controls
        currents, slopes = state.currents, state.slopes
        if not together:
            currents, slopes = laws.evaluate(place, problem.gmin)
        fresh = factor is None
        if fresh:
            effort.factorisations += 1
            values = np.concatenate([network.conductance, slopes[:, 0]])
            factor = network.jacobian.factor(values, ground)
            factor = factor or network.jacobian.factor(values, GROUND)
            if factor is None:
                break
        foretold = currents + laws.owner @ (slopes * (state.controls - place))
        correction = factor.solve(problem.error(state.through, foretold))
        effort.solves += 1
        if not np.abs(correction).max() < _ABSURD:  # or not a number
            if ground:
                break
            ground, factor = GROUND, None
            continue
        step = np.where(network.free[:, None], correction[network.unknown], 0.0)
        trial = problem.state(state.at.moved(step, 0))
        if best.converged and not trial.error < 0.5 * best.error:
            if fresh or best.error <= _EXACT * best.largest:
                return min(best, trial, key=_error)
            factor, place = None, state.controls
            continue
        place = _followed(problem, place, currents, slopes, trial)
        if together and place is trial.controls and not trial.error < state.error:
            if not fresh:
                factor, place = None, state.controls
                continue
            trial = _halved(problem, state, step)
            if trial is None:
                break
            place = trial.controls
        if not (together and place is trial.controls and trial.error < _KEEPS * state.error):
            factor = None
        state = trial
        best = min(best, state, key=_error)
    return best


def _halved(problem: _Problem, state: _State, step: Array) -> _State | None:
    """The state after the largest halving of `step` that lowers the error; None where none does."""
    for _ in range(_HALVINGS):
        step = 0.5 * step
        trial = problem.state(state.at.moved(step, 0))
        if trial.error < state.error:
            return trial
    return None


def _followed(
    problem: _Problem, place: Array, currents: Array, slopes: Array, trial: _State
) -> Array:
    """Where to linearise the laws next: at the controls of `trial`, or less far from `place`."""
    laws = problem.network.laws

    def went(shares: Array) -> Array:
        there = _between(laws, place, trial, shares)
        return np.abs(laws.currents(there, problem.gmin) - currents)

    shares = shares_of_the_way(
        went,
        np.abs(trial.currents - currents),
        np.abs(laws.owner @ (slopes * (trial.controls - place))),
        currents,
        laws.of_one_voltage[:, None],
    )
    return trial.controls if shares is None else _between(laws, place, trial, shares)


def _between(laws: Laws, place: Array, trial: _State, fraction: Array) -> Array:
    """The controls at `fraction`, by element, of the way from `place` to `trial`."""
    fraction = fraction[laws.element]
    return np.where(fraction == 1.0, trial.controls, place + fraction * (trial.controls - place))
