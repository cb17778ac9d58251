"""The law elements of a circuit as arrays: their voltages, currents, slopes and Jacobian."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

from circuitxbar.arguments import Array
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.model import Model
from circuitxbar.nodal.voltages import NodeVoltages


@dataclass(frozen=True, eq=False)
class Laws:
    """Elements whose current is a law of their controls.

    A control is one of the voltages that a law is a function of (Device.controls). Everything is
    (elements, batch) or (controls, batch); the controls of one group are the first one of all its
    elements, then the second one ...

    control : (controls, nodes), +1 and -1.  output : (elements, nodes), +1 where the current
    leaves the circuit, -1 where it comes back.
    owner : (elements, controls), 1 for its controls.  element : (controls,), that they belong to.
    across : (controls,), 1 for those from the first to the last terminal, else 0.
    stamps : node pairs (controls, 2) of the control and of the output of each control's slope.
    """

    models: tuple[Model, ...]
    control: csr_array
    output: csr_array
    owner: csr_array
    element: np.ndarray
    across: Array
    stamps: tuple[np.ndarray, np.ndarray]

    @staticmethod
    def of(groups: Sequence[Group], nodes: int) -> Laws:
        """The laws of `groups` of kind "law"."""
        models: list[Model] = []
        controls = [np.empty((0, 2), dtype=int)]
        outputs = [np.empty((0, 2), dtype=int)]
        owners, across = [np.empty(0, dtype=int)], [np.empty(0)]
        first = 0
        for group in groups:
            models.append(group.device)
            count = len(group.nodes)
            outputs.append(group.nodes[:, [0, -1]])
            for signs in group.device.device.controls.values():
                ends = [group.nodes[:, signs.index(s)] for s in (1, -1) if s in signs]
                ends += [np.zeros(count, dtype=int)] * (2 - len(ends))  # the other one is ground
                controls.append(np.stack(ends, axis=1))
                across.append(np.full(count, float(-1 in signs)))
                owners.append(np.arange(first, first + count))
            first += count
        owner, control, output = map(np.concatenate, (owners, controls, outputs))
        ones, order = np.ones(len(owner)), np.arange(len(owner))
        return Laws(
            tuple(models),
            differences(control, nodes),
            differences(output, nodes),
            coo_array((ones, (owner, order)), shape=(first, len(owner))).tocsr(),
            owner,
            np.concatenate(across),
            (control, output[owner]),
        )

    @cached_property
    def of_one_voltage(self) -> np.ndarray:
        """Which elements have a single control, (elements,)."""
        return np.bincount(self.element) == 1

    def controls(self, at: NodeVoltages) -> Array:
        """Voltages of the controls, (controls, batch), V."""
        return at.between(self.stamps[0])

    def evaluate(self, controls: Array, gmin: float = 0.0) -> tuple[Array, Array]:
        """(currents, slope by each control) where the controls have these voltages.

        gmin : S, a conductance laid from the first to the last terminal of every element.
        """
        currents, slopes = [np.empty((0, controls.shape[1]))], []
        for model, own in self._by_model(controls):
            current, *by_control = model.evaluate(own, tuple(model.device.controls))
            currents.append(current.T)
            slopes += [slope.T for slope in by_control]
        slope = np.concatenate([currents[0], *slopes]) + gmin * self.across[:, None]
        return np.concatenate(currents) + self._bridged(controls, gmin), slope

    def currents(self, controls: Array, gmin: float = 0.0) -> Array:
        """The currents that `evaluate` gives, alone."""
        found = [model.evaluate(own)[0].T for model, own in self._by_model(controls)]
        return np.concatenate(found) + self._bridged(controls, gmin)

    def _by_model(self, controls: Array) -> Iterator[tuple[Model, list[Array]]]:
        """Every model with the voltages of its controls, each (batch, elements)."""
        first = 0
        for model in self.models:
            names, count = len(model.device.controls), len(model.conductances)
            last = first + names * count
            yield model, [v.T for v in controls[first:last].reshape(names, count, -1)]
            first = last

    def _bridged(self, controls: Array, gmin: float) -> Any:
        return gmin * (self.owner @ (self.across[:, None] * controls)) if gmin else 0.0


@dataclass(frozen=True, eq=False)
class Jacobian:
    """A matrix of fixed pattern whose entries are sums of conductances and slopes.

    Each stamp lets value * (voltage of its control) flow out of the first node of its output and
    into the second; `scatter` (entries, stamps) says what the value of each adds to.
    """

    scatter: csr_array
    rows: np.ndarray
    starts: np.ndarray
    size: int

    @staticmethod
    def of(unknown: np.ndarray, controls: np.ndarray, outputs: np.ndarray, size: int) -> Jacobian:
        """For stamps with these node pairs; `unknown` numbers the nodes, -1 for what is fixed."""
        places, stamps, signs = [], [], []
        for end in (0, 1):
            for side in (0, 1):
                row, column = unknown[outputs[:, end]], unknown[controls[:, side]]
                kept = np.flatnonzero((row >= 0) & (column >= 0))
                places.append(column[kept] * size + row[kept])
                stamps.append(kept)
                signs.append(np.full(len(kept), 1.0 if end == side else -1.0))
        entries, place = np.unique(np.concatenate(places), return_inverse=True)
        scatter = coo_array(
            (np.concatenate(signs), (place, np.concatenate(stamps))),
            shape=(len(entries), len(controls)),
        ).tocsr()
        starts = np.searchsorted(entries, np.arange(size + 1) * size)
        return Jacobian(scatter, (entries % size).astype(np.int32), starts.astype(np.int32), size)

    def factor(self, values: Array, ground: float = 0.0) -> Any | None:
        """Its factors for these values of the stamps, (stamps,); None where it is singular.

        ground : S, a conductance from every unknown to ground, by which it never is.

        A node's own entry is the largest of its column for monotone laws with gates at fixed
        potentials, so that pivots stay on the diagonal; they move only where a law needs it.
        """
        entries = self.scatter @ values
        if ground:
            entries[self.rows == np.repeat(np.arange(self.size), np.diff(self.starts))] += ground
        if not np.isfinite(entries).all():
            return None
        matrix = csc_array((entries, self.rows, self.starts), shape=(self.size, self.size))
        try:
            return splu(
                matrix,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.01,
                options={"SymmetricMode": True},
            )
        except RuntimeError:  # "Factor is exactly singular"
            return None


def differences(pairs: np.ndarray, nodes: int) -> csr_array:
    """(pairs, nodes) with +1 at the first node of each pair and -1 at the second."""
    count = len(pairs)
    return coo_array(
        (np.repeat([1.0, -1.0], count), (np.tile(np.arange(count), 2), pairs.T.ravel())),
        shape=(count, nodes),
    ).tocsr()
