"""Stochastic gradient descent that can be stopped and gone on with, to the same last bit."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, real_array, real_number, whole_number
from circuitxbar.errors import MappingError, NetlistError
from circuitxbar.nn.streams import SHUFFLE, stream
from circuitxbar.storage import read_npz, write_npz

if TYPE_CHECKING:
    from circuitxbar.nn.mlp import MLP


@dataclass(frozen=True)
class Epoch:
    """Mean cross entropy and accuracy over one epoch, each vector seen before its update."""

    loss: float
    accuracy: float

    def __post_init__(self) -> None:
        real_number("loss", self.loss, error=MappingError)
        real_number("accuracy", self.accuracy, minimum=0.0, maximum=1.0, error=MappingError)


@dataclass(frozen=True)
class Plan:
    """How to train: the arguments of MLP.fit, checked."""

    epochs: int
    batch: int
    learning_rate: float
    momentum: float

    @staticmethod
    def of(epochs: Any, batch: Any, learning_rate: Any, momentum: Any) -> Plan:
        """The plan with these arguments; MappingError names one that is out of range."""
        plan = Plan(
            whole_number("epochs", epochs, minimum=1, error=MappingError),
            whole_number("batch", batch, minimum=1, error=MappingError),
            real_number("learning_rate", learning_rate, minimum=0.0, error=MappingError),
            real_number("momentum", momentum, minimum=0.0, maximum=1.0, error=MappingError),
        )
        if plan.momentum == 1.0:
            raise MappingError("momentum = 1: it must be below 1, or no update ever fades.")
        return plan


def read_history(entries: Any, where: str) -> list[Epoch]:
    """The epochs of a saved history; NetlistError naming the file `where` if they are none."""
    try:
        return [Epoch(**entry) for entry in entries]
    except (TypeError, MappingError) as problem:
        raise NetlistError(f"{where}: the saved history cannot be read ({problem}).") from None


@dataclass
class _State:
    """Where a run is: the network and the momentum after the epochs done so far.

    passed : digests of the weights at the start of the run and after every epoch of it.
    """

    arrays: dict[str, Array]
    momentum: dict[str, Array]
    history: list[Epoch]
    passed: list[str]

    @property
    def done(self) -> int:
        return len(self.passed) - 1


def cross_entropy(outputs: Array, labels: np.ndarray) -> tuple[float, Array]:
    """Mean cross entropy of softmax(outputs), (batch, classes), and its derivative by outputs."""
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    at_label = (np.arange(len(labels)), labels)
    d_outputs = np.exp(logarithms)
    d_outputs[at_label] -= 1.0
    return float(-logarithms[at_label].mean()), d_outputs / len(labels)


def train(
    model: MLP,
    x: Array,
    y: np.ndarray,
    plan: Plan,
    checkpoint: str | os.PathLike[str] | None,
) -> None:
    """Train `model` in place by `plan`; from `checkpoint` on where that file exists."""
    arrays = model.arrays()
    momentum = {name: np.zeros_like(array) for name, array in arrays.items()}
    state = _State(arrays, momentum, model.history, [_digest(arrays)])
    run = _run(model, x, y, plan)
    if checkpoint is not None:
        if Path(checkpoint).exists():
            state = _resumed(checkpoint, run, state)
        # A path that cannot be written is refused before the work, not after it.
        _save(checkpoint, run, state)
    _put(model, state)
    before = len(state.history) - state.done
    with _progress(plan, len(x), state.done) as advance:
        while state.done < plan.epochs:
            order = stream(model.seed, SHUFFLE, before + state.done).permutation(len(x))
            try:
                with np.errstate(over="raise", invalid="raise"):
                    following = _epoch(model, x, y, plan, state, order, advance)
                if checkpoint is not None:
                    _save(checkpoint, run, following)
                state = following
            except FloatingPointError:
                raise MappingError(
                    f"the weights outgrew all numbers in epoch {state.done}. "
                    "Pass a smaller learning_rate."
                ) from None
            finally:
                _put(model, state)


def _epoch(
    model: MLP,
    x: Array,
    y: np.ndarray,
    plan: Plan,
    state: _State,
    order: np.ndarray,
    advance: Callable[[int, float, float], None],
) -> _State:
    """The state after one more epoch, in the given order of the data."""
    momentum = {name: value.copy() for name, value in state.momentum.items()}
    starts = range(0, len(x), plan.batch)
    steps, step = len(starts) * plan.epochs, len(starts) * state.done
    total_loss = right = 0.0
    for seen in starts:
        chosen = order[seen : seen + plan.batch]
        outputs = model.forward(x[chosen])
        loss, d_outputs = cross_entropy(outputs, y[chosen])
        model.backward(d_outputs)
        rate = plan.learning_rate * (1.0 - step / steps)
        for k, layer in enumerate(model.layers):
            assert layer.weight_gradient is not None
            assert layer.bias_gradient is not None
            weights, bias = momentum[f"weights_{k}"], momentum[f"bias_{k}"]
            weights *= plan.momentum
            bias *= plan.momentum
            weights -= rate * layer.weight_gradient
            bias -= rate * layer.bias_gradient
            layer.update(weights, bias)
        total_loss += loss * len(chosen)
        right += float((outputs.argmax(axis=1) == y[chosen]).sum())
        step += 1
        count = seen + len(chosen)
        advance(len(chosen), total_loss / count, right / count)
    epoch = Epoch(total_loss / len(x), right / len(x))
    arrays = model.arrays()
    passed = [*state.passed, _digest(arrays)]
    return _State(arrays, momentum, [*state.history, epoch], passed)


def _put(model: MLP, state: _State) -> None:
    model.put(state.arrays, "training")
    model.history = list(state.history)


def _run(model: MLP, x: Array, y: np.ndarray, plan: Plan) -> dict[str, Any]:
    """What two runs from the same weights must have in common, in terms of JSON."""
    description = model.description()
    del description["history"]
    return {
        "network or tile": description,
        "arguments of fit": vars(plan),
        "training data": _digest({"x": x, "y": y}),
    }


def _resumed(checkpoint: str | os.PathLike[str], run: dict[str, Any], now: _State) -> _State:
    """The state in `checkpoint`; MappingError if that belongs to another run than `run` from `now`.

    The network may be as it was at the start of that run or after any epoch of it.
    """
    header, arrays = read_npz(checkpoint, "training")

    def stored(prefix: str) -> dict[str, Array]:
        return {
            name: real_array(
                f"{checkpoint}: {prefix}{name}",
                arrays[prefix + name],
                shape=own.shape,
                error=NetlistError,
            )
            for name, own in now.arrays.items()
        }

    try:
        other = [name for name in run if header["run"][name] != run[name]]
        if not set(now.passed) & set(header["passed"]):
            other.append("first weights")
        if other:
            raise MappingError(
                f"{checkpoint}: this checkpoint belongs to another run "
                f"(other {' and '.join(other)}). Pass another path, or delete the file."
            )
        history = read_history(header["history"], os.fspath(checkpoint))
        state = _State(stored(""), stored("momentum."), history, header["passed"])
    except (KeyError, TypeError) as problem:
        raise NetlistError(f"{checkpoint}: the checkpoint cannot be read ({problem}).") from None
    if len(history) < state.done:
        raise NetlistError(f"{checkpoint}: the saved history lacks epochs that were trained.")
    return state


def _save(checkpoint: str | os.PathLike[str], run: dict[str, Any], state: _State) -> None:
    header = {
        "run": run,
        "history": [vars(epoch) for epoch in state.history],
        "passed": state.passed,
    }
    momentum = {f"momentum.{name}": value for name, value in state.momentum.items()}
    write_npz(checkpoint, "training", header, {**state.arrays, **momentum})


def _digest(arrays: dict[str, Any]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].shape} ".encode())
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


@contextmanager
def _progress(plan: Plan, images: int, done: int) -> Iterator[Callable[[int, float, float], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields what to call after every batch."""
    if not sys.stderr.isatty():
        yield lambda count, loss, accuracy: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=plan.epochs * images, completed=done * images)

        def advance(count: int, loss: float, accuracy: float) -> None:
            text = f"training: loss {loss:.3f}, accuracy {accuracy:.1%}"
            bar.update(task, advance=count, description=text)

        yield advance
