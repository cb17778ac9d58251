"""The sources of a block over time, where every vector is at a time of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Sources
from circuitxbar.array.engine import sources_of
from circuitxbar.array.system import System
from circuitxbar.circuit.drive_over_time import DriveOverTime

_WINDOW = 32  # breakpoints whose sources are kept at a time


@dataclass(frozen=True, eq=False)
class _Window:
    """Sources at some ticks of one vector: (places, ticks), all kinds below one another."""

    first: int
    values: Array


class Course:
    """What drives the vectors of a block: linear between ticks, and each has ticks of its own.

    start, end : (width,), s, of the stretch in which each vector is.
    """

    def __init__(self, system: System, drives: Sequence[DriveOverTime], width: int, stop: float):
        self._system, self._drives = system, drives
        self._of_lane = np.minimum(np.arange(width), len(drives) - 1)
        self._ticks = [drive.ticks(stop) for drive in drives]
        self._windows: dict[int, _Window] = {}
        sources = sources_of(system, drives[0].at(np.zeros(1)))
        sizes = [len(part) for part in vars(sources).values()]
        self._cuts = np.cumsum(sizes)[:-1]
        self._place = np.full(width, -1)
        self.start, self.end = np.zeros((2, width))
        self._from, self._to = np.zeros((2, sum(sizes), width))
        self.turn(np.ones(width, dtype=bool))

    def at(self, time: Array) -> Sources:
        """The sources at `time`, (width,), s, of the present stretches."""
        share = (time - self.start) / (self.end - self.start)
        values = self._from + share * (self._to - self._from)
        values = np.where(share == 1.0, self._to, values)
        return Sources(*np.split(values, self._cuts))

    def turn(self, lanes: np.ndarray) -> np.ndarray:
        """Let `lanes` enter their next stretch; those of them for which there is none stay."""
        ended = np.zeros_like(lanes)
        for lane in np.flatnonzero(lanes):
            vector, place = int(self._of_lane[lane]), int(self._place[lane]) + 1
            ticks = self._ticks[vector]
            if place == len(ticks) - 1:
                ended[lane] = True
                continue
            window = self._window(vector, place)
            self._place[lane] = place
            self.start[lane], self.end[lane] = ticks[place : place + 2]
            at = place - window.first
            self._from[:, lane], self._to[:, lane] = window.values[:, at : at + 2].T
        return ended

    def _window(self, vector: int, place: int) -> _Window:
        """Sources of `vector` at its ticks `place` and `place` + 1."""
        window = self._windows.get(vector)
        if window is None or place + 2 > window.first + window.values.shape[1]:
            ticks = self._ticks[vector][place : place + _WINDOW + 1]
            sources = sources_of(self._system, self._drives[vector].at(ticks))
            window = _Window(place, np.concatenate([*vars(sources).values()]))
            self._windows[vector] = window
        return window
