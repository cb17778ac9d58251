"""A crossbar over time: what a transient analysis hands back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitxbar.arguments import Array, shown, whole_number
from circuitxbar.errors import CircuitError

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

_NODE = re.compile(r"(row|column|inner)_(\d+)_(\d+)")


@dataclass(frozen=True, eq=False)
class StatesOverTime:
    """The states that moved, by name; those of the selector as "selector.name".

    at_points : (batch, points, rows, columns); None where none were kept.
    at_end : (batch, rows, columns).
    error : (batch,), the largest estimate of what any one step added to the error of any state,
    of its range, and `tolerance`, what a step was allowed to add.
    """

    at_points: Mapping[str, Array] | None
    at_end: Mapping[str, Array]
    error: Array
    tolerance: float


@dataclass(frozen=True, eq=False)
class Transient:
    """Currents, charges and voltages of a crossbar over time, for a batch of waveforms.

    crossbar : as it was at 0 s.
    time : (points,), s; the first is the operating point from which everything starts.
    local_error : (batch,), V, the largest estimate of what any one step added to the error of any
    node voltage, and `tolerance` (batch,), V, what a step was allowed to add.
    limit : (batch,), A, the largest error_bound of a converged vector.
    engine, stats : which engine answered, and what it took.

    currents, charge, error_bound, converged, status and what voltage() gives lead with the batch
    axis, which is missing where waveforms had none.
    """

    crossbar: Crossbar
    time: Array
    sensed_currents: Array  # (batch, points, lines), A
    sensed_charges: Array  # (batch, points, lines), C, since the first point
    kirchhoff: Array  # (batch,), A, the largest Solution.error_bound of any step
    limit: Array
    local_error: Array
    tolerance: Array
    engine: str
    stats: dict[str, Any]
    single: bool
    voltages: Mapping[str, Array] | None
    """"row", "column", "inner" -> (batch, points, rows, columns), V; None where none were kept."""
    moved: StatesOverTime | None = None

    def __repr__(self) -> str:
        done = int(np.sum(self.converged))
        return (
            f"Transient({len(self.kirchhoff)} vectors, {len(self.time)} points to "
            f"{self.time[-1]:.3g} s by {self.engine}, {done} converged; error bound "
            f"{self.kirchhoff.max():.1e} A, local error {self.local_error.max():.1e} V)"
        )

    @property
    def currents(self) -> Array:
        """Sensed currents, out of the array, (batch, points, lines), A; lines as in Solution.

        At a breakpoint of the waveforms it is the current just before it.
        """
        return self._shaped(self.sensed_currents)

    @property
    def charge(self) -> Array:
        """The integral of the sensed currents since the first point, (batch, points, lines), C."""
        return self._shaped(self.sensed_charges)

    def voltage(self, node: str) -> Array:
        """Voltage of `node` over time, (batch, points), V.

        node : "row_i_j" or "column_i_j", or "inner_i_j" between the two elements of a cell.
        Raises CircuitError where there is no such node or no voltages were kept.
        """
        if self.voltages is None:
            raise CircuitError(
                'this transient was made with keep="currents" and holds no node voltages. '
                'Ask for keep="voltages".'
            )
        match = _NODE.fullmatch(node) if isinstance(node, str) else None
        kinds = self.voltages
        rows, columns = self.crossbar.shape
        if match is not None and match[1] in kinds:
            row, column = int(match[2]), int(match[3])
            if row < rows and column < columns:
                return self._shaped(kinds[match[1]][:, :, row, column])
        last = f"{rows - 1}_{columns - 1}"
        raise CircuitError(
            f"there is no voltage of {shown(node)}. There are those of "
            f"{', '.join(f'{kind}_0_0 ... {kind}_{last}' for kind in kinds)}."
        )

    def state(self, name: str) -> Array:
        """A state of the devices over time, (batch, points, rows, columns), in its own unit.

        name : as in Crossbar.states.  Raises CircuitError where there is no such state or none
        were kept.
        """
        known = self.crossbar.states
        if not isinstance(name, str) or name not in known:
            raise CircuitError(
                f"there is no state {shown(name)}. There are: {', '.join(known) or 'none'}."
            )
        if self.moved is None or name not in self.moved.at_end:
            shape = len(self.kirchhoff), len(self.time), *self.crossbar.shape
            return self._shaped(np.broadcast_to(known[name], shape))
        if self.moved.at_points is None:
            raise CircuitError(
                'this transient was made with keep="currents" and holds no states but those of '
                'crossbar_at_end(). Ask for keep="voltages".'
            )
        return self._shaped(self.moved.at_points[name])

    def crossbar_at_end(self, vector: int | None = None) -> Crossbar:
        """The crossbar with the states that it was left with, as to be read after a write pulse.

        vector : which of the batch it went through; may be left out where there is only one.
        Raises CircuitError for none of them, and for one that did not converge.
        """
        batch = len(self.kirchhoff)
        if vector is None and batch > 1:
            raise CircuitError(
                f"crossbar_at_end: {batch} vectors each left a crossbar of their own. Pass which."
            )
        which = 0 if vector is None else whole_number("vector", vector, minimum=0)
        if which >= batch:
            raise CircuitError(f"vector = {which}: there are {batch}, the first of them 0.")
        if self.moved is None or not self.moved.at_end:
            return self.crossbar
        if not np.atleast_1d(self.converged)[which]:
            raise CircuitError(f"crossbar_at_end: vector {which} did not converge.")
        return self.crossbar.with_states({k: x[which] for k, x in self.moved.at_end.items()})

    @property
    def state_error(self) -> Array:
        """The largest estimate of what a step added to the error of any state, (batch,).

        Relative to the range of the state; for cells as the steps see their voltages, whose own
        errors `local_error` estimates.
        """
        none = np.zeros(len(self.kirchhoff))
        return self._shaped(none if self.moved is None else self.moved.error)

    @property
    def error_bound(self) -> Array:
        """The largest sum over the nodes of |Kirchhoff error| at any step, (batch,), A.

        Currents of capacitors included, as the steps take them, and of cells in the states that
        the steps give them; it says nothing of what the length of the steps costs. That is what
        `local_error` estimates, and `state_error` for states.
        """
        return self._shaped(self.kirchhoff)

    @property
    def converged(self) -> Any:
        """Whether every step was solved to the limit and no longer than allowed, (batch,)."""
        done = (self.kirchhoff <= self.limit) & (self.local_error <= self.tolerance)
        if self.moved is not None:
            done &= self.moved.error <= self.moved.tolerance
        return self._shaped(done & np.isfinite(self.kirchhoff) & np.isfinite(self.local_error))

    @property
    def status(self) -> Any:
        """'converged', or what is not as it should be, (batch,) of str."""
        figures = (self.kirchhoff, self.limit, self.local_error, self.tolerance)
        texts = []
        for bound, limit, error, allowed in zip(*figures, strict=True):
            wrong = []
            if not bound <= limit or not np.isfinite(bound):
                wrong.append(f"error bound {bound:.1e} A (limit {limit:.1e} A)")
            if not error <= allowed or not np.isfinite(error):
                wrong.append(f"local error {error:.1e} V (allowed {allowed:.1e} V)")
            texts.append(", ".join(wrong) or "converged")
        return texts[0] if self.single else texts

    def _shaped(self, values: Any) -> Any:
        return values[0] if self.single else values
