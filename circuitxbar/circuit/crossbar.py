"""The crossbar: cells, wires and line ends, as one frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from circuitxbar.arguments import Array, real_number, shown
from circuitxbar.circuit.build import array_circuit, array_subcircuit
from circuitxbar.circuit.cell_checks import (
    check_cells,
    check_claims,
    checked_capacitance,
    checked_conductances,
    checked_device,
    checked_parameters,
    checked_states,
)
from circuitxbar.circuit.cells import CellElement, cell_elements
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.states import conductances_at, given_shape, settled
from circuitxbar.circuit.terminations import (
    SIDES,
    TERMINATIONS,
    Driven,
    Floating,
    Grounded,
    Held,
    Side,
    Termination,
    check_lines,
    normal_form,
)
from circuitxbar.circuit.wires import Wires
from circuitxbar.devices.device import Device
from circuitxbar.devices.model_file import saved_device
from circuitxbar.errors import CircuitError, CircuitxbarError, ModelError, NetlistError
from circuitxbar.storage import read_npz, write_npz


@dataclass(frozen=True, eq=False)
class Crossbar:
    """An array of cells between word lines (rows) and bit lines (columns).

    conductances : (rows, columns), S, of the memory elements; 0 is an open cell, inf a short.
    device : the memory element: name in device_models/, path of a TOML file, or a Device. Where
    its law is free of g, conductances hold 1 for a cell, 0 for none and inf for a short.
    selector : two-terminal device in series with it, on the word-line side (1S1R).
    transistor : three-terminal device between it and the bit line (1T1R): drain at the memory
    element, source at the bit line, bulk at 0 V. Both are named like `device`.
    gate_lines : "row" or "column": along which lines the gates of the transistors are joined.
    states : of what devices remember, name -> scalar or (rows, columns), in their own units; those
    of the selector as "selector.name". Where the device has a [conductance] law they may be given
    instead of conductances (which may then be None), and follow from conductances if not: the
    nearest ones, where writing or drift has left cells beyond what any state gives. Other states
    are the initial ones if not given.
    parameters : device parameters that differ from the file, scalar or (rows, columns); those of
    the selector and the transistor as "selector.name" and "transistor.name".
    temperature : K.
    cell_capacitance : F, from the row node to the column node of every cell, open ones included;
    scalar or (rows, columns). It has no effect on an operating point.
    wires : resistance and capacitance per segment.
    left, right, bottom, top : what each line end is connected to.

    A terminal current is positive when it flows out of the array into its termination.
    Raises CircuitError or ModelError naming the entry that is wrong.
    """

    conductances: Any = None  # an Array once made; likewise Device and dict[str, Array] below
    device: Any = "linear"
    selector: Any = field(default=None, kw_only=True)
    transistor: Any = field(default=None, kw_only=True)
    gate_lines: Literal["row", "column"] = field(default="row", kw_only=True)
    parameters: Any = field(default=None, kw_only=True)
    states: Any = field(default=None, kw_only=True)
    temperature: float = field(default=300.15, kw_only=True)
    cell_capacitance: Any = field(default=0.0, kw_only=True)
    wires: Wires = field(default_factory=Wires, kw_only=True)
    left: Termination = field(default_factory=Driven, kw_only=True)
    right: Termination = field(default_factory=Floating, kw_only=True)
    bottom: Termination = field(default_factory=Grounded, kw_only=True)
    top: Termination = field(default_factory=Floating, kw_only=True)

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("device", "selector", "transistor"):
            put(self, name, checked_device(name, getattr(self, name)))
        if self.device is None:
            raise ModelError("device = None: expected a name, the path of a TOML file or a Device.")
        if self.selector is not None and self.transistor is not None:
            raise CircuitError("a cell has a selector or a transistor, not both. Pass one of them.")
        if not isinstance(self.gate_lines, str) or self.gate_lines not in ("row", "column"):
            raise CircuitError(f'gate_lines = {shown(self.gate_lines)}: choose "row" or "column".')
        temperature = real_number(
            "temperature", self.temperature, unit="K", minimum=1.0, maximum=2000.0
        )
        put(self, "temperature", temperature)
        if self.conductances is not None:
            put(self, "conductances", checked_conductances(self.conductances))
        shape = given_shape(self.conductances, self.states)
        parameters = checked_parameters(self.parameters, self.devices, shape)
        found = settled(
            self.devices, self.conductances, self.states, parameters, shape, temperature
        )
        for name, value in vars(found).items():
            put(self, name, value)
        put(self, "cell_capacitance", checked_capacitance(self.cell_capacitance, self.shape))
        check_cells(self)
        check_claims(self)
        if not isinstance(self.wires, Wires):
            raise CircuitError(f"wires = {shown(self.wires)} is not a Wires(row, column).")
        self.wires.check_shape(*self.shape)
        for side in SIDES:
            check_lines(getattr(self, side), side, self.lines(side))

    def __repr__(self) -> str:
        rows, columns = self.shape
        low, high = self.conductances.min(), self.conductances.max()
        ends = ", ".join(f"{side}={type(getattr(self, side)).__name__}" for side in SIDES)
        cells = " + ".join(repr(device.name) for device in self.devices.values())
        return f"Crossbar({rows} x {columns} cells of {cells}, {low:.3g} to {high:.3g} S, {ends})"

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.conductances.shape
        return rows, columns

    def lines(self, side: Side) -> int:
        """Number of lines that end on `side`."""
        return self.shape[0] if side in ("left", "right") else self.shape[1]

    @property
    def drives_rows(self) -> bool:
        """Whether input voltages feed the rows; else they feed the columns."""
        return isinstance(self.left, Driven) or isinstance(self.right, Driven)

    @property
    def drives_columns(self) -> bool:
        """Whether any column end is Driven."""
        return isinstance(self.top, Driven) or isinstance(self.bottom, Driven)

    @property
    def sensed_sides(self) -> tuple[Side, ...]:
        """The sides whose terminal currents are, summed by line, `solution.currents`.

        Of the ends across from the driven lines, bottom and top, or left and right for an array
        that is driven at its columns only: both where both are Grounded, else the first that
        does not float.
        """
        across = ("bottom", "top")
        if self.drives_columns and not self.drives_rows:
            across = ("left", "right")
        if all(isinstance(getattr(self, side), Grounded) for side in across):
            return across
        return (across[1] if isinstance(getattr(self, across[0]), Floating) else across[0],)

    @property
    def devices(self) -> dict[str, Device]:
        """The device of each kind of element, by the prefix of its names in `parameters`."""
        found = {"": self.device, "selector.": self.selector, "transistor.": self.transistor}
        return {prefix: device for prefix, device in found.items() if device is not None}

    @cached_property
    def cell_elements(self) -> tuple[CellElement, ...]:
        """The elements that every cell has in series, from the word line to the bit line."""
        return cell_elements(self)

    @cached_property
    def closed(self) -> np.ndarray:
        """The cells that are neither open nor shorts, (rows, columns) of bool."""
        return (self.conductances > 0) & np.isfinite(self.conductances)

    @property
    def is_linear(self) -> bool:
        """Whether every element of the cells is linear."""
        return all(device.is_linear for device in self.devices.values())

    @property
    def gate_count(self) -> int:
        """Number of gate lines; 0 without transistors."""
        if self.transistor is None:
            return 0
        return self.shape[0] if self.gate_lines == "row" else self.shape[1]

    @cached_property
    def cell_conductances(self) -> Array:
        """dI/dV of every memory element at 0 V, (rows, columns), S; 0 open, inf for a short."""
        return next(part.conductances for part in self.cell_elements if part.name == "cell")

    @cached_property
    def row_segments(self) -> Array:
        """Resistance of every row segment, (rows, columns + 1), ohm; entry k left of cell k."""
        return self.wires.row_segments(*self.shape)

    @cached_property
    def column_segments(self) -> Array:
        """Resistance of every column segment, (rows + 1, columns), ohm; entry k above cell k."""
        return self.wires.column_segments(*self.shape)

    @cached_property
    def cell_capacitances(self) -> Array:
        """Capacitance across every cell, (rows, columns), F."""
        return np.broadcast_to(self.cell_capacitance, self.shape)

    @property
    def row_capacitances(self) -> Array:
        """Capacitance to ground of every row node, (rows, columns), F, shared out as Wires says."""
        return self._line_capacitances[0]

    @property
    def column_capacitances(self) -> Array:
        """Capacitance to ground of every column node, (rows, columns), F, likewise."""
        return self._line_capacitances[1]

    @cached_property
    def _line_capacitances(self) -> tuple[Array, Array]:
        ends = {side: normal_form(getattr(self, side), self.lines(side), None) for side in SIDES}
        terminated = {side: end.terminated for side, end in ends.items()}
        return self.wires.node_capacitances(*self.shape, terminated)

    def end_segments(self, side: Side) -> Array:
        """Resistance of the wire segment at the end of each line on `side`, (lines,), ohm."""
        match side:
            case "left":
                return self.row_segments[:, 0]
            case "right":
                return self.row_segments[:, -1]
            case "top":
                return self.column_segments[0]
            case _:
                return self.column_segments[-1]

    def transpose(self) -> Crossbar:
        """The same array read from its columns: same cells, indices and shape.

        Driven ends of the driven lines and Grounded ends of the sensed lines exchange places,
        and each end keeps its resistance; a driven line's Grounded end becomes Held at 0 V. By
        reciprocity effective_matrix of the one is the transpose of the other's.
        It is not Crossbar(conductances.T).
        """
        was_driven, was_sensed = ("left", "right"), ("bottom", "top")
        if not self.drives_rows:
            was_driven, was_sensed = was_sensed, was_driven
        ends: dict[str, Termination] = {}
        for side in was_driven:
            end = getattr(self, side)
            if isinstance(end, Driven):
                end = Grounded(end.resistance)
            elif isinstance(end, Grounded):  # a fixed potential still, but no sensed end
                end = Held(0.0, end.resistance)
            ends[side] = end
        for side in was_sensed:
            end = getattr(self, side)
            ends[side] = Driven(end.resistance) if isinstance(end, Grounded) else end
        if not any(isinstance(ends[side], Driven) for side in was_sensed):
            raise CircuitError(
                f"transpose: none of {' and '.join(was_sensed)} is Grounded, so no line would be "
                "driven. Ground the sensed ends."
            )
        return replace(self, **ends)

    def with_conductances(self, conductances: Any) -> Crossbar:
        """The same crossbar with other cell conductances of the same shape, (rows, columns), S."""
        array = checked_conductances(conductances)
        if array.shape != self.shape:
            raise CircuitError(f"conductances has shape {array.shape}; expected {self.shape}.")
        kept = {name: x for name, x in self.states.items() if name in self.parameters}
        return replace(self, conductances=array, states=kept)

    def with_states(self, states: Any) -> Crossbar:
        """The same crossbar with other states, name -> scalar or (rows, columns); rest as they are.

        Open cells, shorts, and cells whose states stay, keep their conductances.
        """
        given = {**self.states, **checked_states(states, self.devices, self.shape)}
        if "conductance" not in self.device.laws:
            return replace(self, states=given)
        found = conductances_at(self.device, given, self.parameters, self.shape, self.temperature)
        stays = [given[name] == self.states[name] for name in self.device.states]
        kept = ~self.closed | np.all(stays, axis=0)
        conductances = np.where(kept, self.conductances, found)
        return replace(self, conductances=conductances, states=given)

    def circuit(
        self, voltages: Any = None, column_voltages: Any = None, gates: Any = None
    ) -> Circuit:
        """This array with its terminations as a Circuit, for one input vector or a batch.

        Nodes row_i_j, column_i_j, inner_i_j within cells of two elements, and row_i_left ...
        column_j_bottom at the terminated ends, gate_k; elements cell_i_j, selector_i_j,
        transistor_i_j, rowwire_i_k, columnwire_k_j, source_row_i_left, termination_row_i_left,
        source_gate_k; where there is capacitance cellcap_i_j, rowcap_i_j and columncap_i_j.
        """
        return array_circuit(self, Drive.of(self, voltages, column_voltages, gates))

    def subcircuit(self, name: str = "array") -> SubCircuit:
        """This array without its terminations; ends that do not float, and gates, are its pins."""
        return array_subcircuit(self, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything of this crossbar to one .npz file (arrays and JSON, no pickle)."""
        header: dict[str, Any] = {
            "devices": {prefix: device.saved() for prefix, device in self.devices.items()},
            "gate_lines": self.gate_lines,
            "temperature": self.temperature,
        }
        arrays: dict[str, Any] = {"conductances": self.conductances}
        arrays["cell_capacitance"] = self.cell_capacitance
        arrays |= {f"wires.{name}": value for name, value in vars(self.wires).items()}
        arrays |= {f"parameters.{name}": value for name, value in self.parameters.items()}
        arrays |= {f"states.{name}": value for name, value in self.states.items()}
        for side in SIDES:
            termination = getattr(self, side)
            header[side] = type(termination).__name__
            arrays |= {f"{side}.{name}": value for name, value in vars(termination).items()}
        write_npz(path, "crossbar", header, arrays)


def load(path: str | os.PathLike[str]) -> Crossbar:
    """The Crossbar that `crossbar.save` wrote to `path`; NetlistError for any other file."""
    header, arrays = read_npz(path, "crossbar")

    def part(prefix: str) -> dict[str, Any]:
        start = f"{prefix}."
        return {n.removeprefix(start): v for n, v in arrays.items() if n.startswith(start)}

    try:
        devices = {
            prefix.removesuffix(".") or "device": saved_device(saved, where=str(path))
            for prefix, saved in header["devices"].items()
        }
        ends = {side: TERMINATIONS[header[side]](**part(side)) for side in SIDES}
        return Crossbar(
            arrays["conductances"],
            **devices,
            gate_lines=header["gate_lines"],
            parameters=part("parameters"),
            states=part("states"),
            temperature=header["temperature"],
            cell_capacitance=arrays.get("cell_capacitance", 0.0),  # older files have none
            wires=Wires(**part("wires")),
            **ends,
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise NetlistError(f"{path}: the saved crossbar is incomplete ({problem}).") from None
    except CircuitxbarError as problem:
        raise NetlistError(f"{path}: the saved crossbar is damaged. {problem}") from None
