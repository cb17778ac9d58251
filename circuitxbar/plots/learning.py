"""Pictures of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.errors import MappingError
from circuitxbar.nn.training import Epoch
from circuitxbar.plots.canvas import COLOURS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

History = Sequence[Epoch]


@styled
def training(history: History | Mapping[str, History]) -> Figure:
    """Cross entropy and accuracy after every epoch, of one training or of several by label.

    history : `MLP.history`, or label -> history.  Raises MappingError for anything else.
    """
    from matplotlib.ticker import MaxNLocator

    runs = history if isinstance(history, Mapping) else {"": history}
    _check(runs)
    figure = new_figure(7.6, 3.2)
    loss, accuracy = figure.subplots(1, 2)
    dots = "o" if max(len(run) for run in runs.values()) <= 30 else ""
    for k, (label, run) in enumerate(runs.items()):
        epochs = np.arange(1, len(run) + 1)
        look = {
            "color": COLOURS[k % len(COLOURS)],
            "linestyle": ("-", "--", ":", "-.")[k // len(COLOURS) % 4],
            "marker": dots,
            "markersize": 4.0,
            "linewidth": 1.8,
        }
        loss.plot(epochs, [epoch.loss for epoch in run], label=label, **look)
        accuracy.plot(epochs, [100.0 * epoch.accuracy for epoch in run], **look)
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    loss.set_ylabel("cross entropy (nats)")
    loss.set_ylim(bottom=0.0)
    accuracy.set_ylabel("training accuracy (%)")
    if any(runs):
        figure.legend(loc="outside upper left", ncols=3)
    return figure


def _check(runs: Mapping[str, History]) -> None:
    for label, run in runs.items():
        entries = run if isinstance(run, Sequence) else [run]
        if not all(isinstance(epoch, Epoch) for epoch in entries):
            raise MappingError(f"history {shown(label)}: expected MLP.history, a list of Epoch.")
        if not entries:
            raise MappingError(f"history {shown(label)} is empty. Train at least one epoch.")
    if not runs:
        raise MappingError("history is empty. Train at least one epoch.")
