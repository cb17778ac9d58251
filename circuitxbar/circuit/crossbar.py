"""The crossbar: cells, wires and line ends, as one frozen value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array, real_number, shown
from circuitxbar.circuit.build import array_circuit, array_subcircuit
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.drive import Drive
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
)
from circuitxbar.circuit.wires import Wires
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device as find_device
from circuitxbar.devices.model_file import parse_device
from circuitxbar.errors import CircuitError, CircuitxbarError, NetlistError
from circuitxbar.storage import read_npz, write_npz

LARGEST_CONDUCTANCE = 10.0  # S; a larger finite value is a resistance given by mistake


@dataclass(frozen=True, eq=False)
class Crossbar:
    """An array of cells between word lines (rows) and bit lines (columns).

    conductances : (rows, columns), S; 0 is an open cell, inf a short.
    device : name in device_models/, path of a TOML file, or a Device.
    parameters : device parameters that differ from the file, scalar or (rows, columns).
    temperature : K.
    wires : resistance per segment.
    left, right, bottom, top : what each line end is connected to.

    A terminal current is positive when it flows out of the array into its termination.
    Raises CircuitError or ModelError naming the entry that is wrong.
    """

    conductances: Any  # an Array once made; likewise Device and dict[str, Array] below
    device: Any = "linear"
    parameters: Any = field(default=None, kw_only=True)
    temperature: float = field(default=300.15, kw_only=True)
    wires: Wires = field(default_factory=Wires, kw_only=True)
    left: Termination = field(default_factory=Driven, kw_only=True)
    right: Termination = field(default_factory=Floating, kw_only=True)
    bottom: Termination = field(default_factory=Grounded, kw_only=True)
    top: Termination = field(default_factory=Floating, kw_only=True)

    def __post_init__(self) -> None:
        conductances = _checked_conductances(self.conductances)
        device = find_device(self.device)
        put = object.__setattr__
        put(self, "conductances", conductances)
        put(self, "device", device)
        put(self, "parameters", _checked_parameters(self.parameters, device, conductances.shape))
        put(
            self,
            "temperature",
            real_number("temperature", self.temperature, unit="K", minimum=1.0, maximum=2000.0),
        )
        if not device.is_linear:
            raise CircuitError(
                f"device {device.name!r} has a non-linear law. This version solves linear cells; "
                'use device="linear".'
            )
        negative = np.argwhere(self.cell_conductances < 0)
        if len(negative):
            row, column = (int(k) for k in negative[0])
            raise CircuitError(
                f"cell {row}, {column} of device {device.name!r} has the conductance "
                f"{self.cell_conductances[row, column]:.1e} S with these parameters and this "
                "temperature. It must be >= 0."
            )
        if not isinstance(self.wires, Wires):
            raise CircuitError(f"wires = {shown(self.wires)} is not a Wires(row, column).")
        self.wires.check_shape(*self.shape)
        for side in SIDES:
            check_lines(getattr(self, side), side, self.lines(side))

    def __repr__(self) -> str:
        rows, columns = self.shape
        low, high = self.conductances.min(), self.conductances.max()
        ends = ", ".join(f"{side}={type(getattr(self, side)).__name__}" for side in SIDES)
        return (
            f"Crossbar({rows} x {columns} cells of {self.device.name!r}, "
            f"{low:.3g} to {high:.3g} S, {ends})"
        )

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

    @cached_property
    def cell_conductances(self) -> Array:
        """dI/dV of every cell by the law of its device, (rows, columns), S; inf for a short."""
        short = np.isinf(self.conductances)
        return np.where(short, np.inf, self.by_law(self.device.slope, 0.0))

    def by_law(self, evaluate: Callable[..., Any], voltages: Any) -> Array:
        """What `evaluate`, a method of the device, gives for every cell; 0 for shorts.

        voltages : over the cells, (..., rows, columns) or a scalar, V.
        """
        short = np.isinf(self.conductances)
        values = evaluate(
            voltages,
            np.where(short, 0.0, self.conductances),
            temperature=self.temperature,
            extrapolate=True,
            **self.parameters,
        )
        return np.where(short, 0.0, values)

    @cached_property
    def row_segments(self) -> Array:
        """Resistance of every row segment, (rows, columns + 1), ohm; entry k left of cell k."""
        return self.wires.row_segments(*self.shape)

    @cached_property
    def column_segments(self) -> Array:
        """Resistance of every column segment, (rows + 1, columns), ohm; entry k above cell k."""
        return self.wires.column_segments(*self.shape)

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
        array = _checked_conductances(conductances)
        if array.shape != self.shape:
            raise CircuitError(f"conductances has shape {array.shape}; expected {self.shape}.")
        return replace(self, conductances=array)

    def circuit(self, voltages: Any = None, column_voltages: Any = None) -> Circuit:
        """This array with its terminations as a Circuit, for one input vector or a batch.

        Nodes row_i_j, column_i_j, and row_i_left ... column_j_bottom at the terminated ends;
        elements cell_i_j, rowwire_i_k, columnwire_k_j, source_row_i_left, termination_row_i_left.
        """
        return array_circuit(self, Drive.of(self, voltages, column_voltages).ends)

    def subcircuit(self, name: str = "array") -> SubCircuit:
        """This array without its terminations; every end that is not Floating is a pin."""
        return array_subcircuit(self, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything of this crossbar to one .npz file (arrays and JSON, no pickle)."""
        header: dict[str, Any] = {"device": self.device.text, "temperature": self.temperature}
        arrays: dict[str, Any] = {"conductances": self.conductances}
        arrays |= {f"wires.{name}": value for name, value in vars(self.wires).items()}
        arrays |= {f"parameters.{name}": value for name, value in self.parameters.items()}
        header["values"] = dict(self.device.values)
        for side in SIDES:
            termination = getattr(self, side)
            header[side] = type(termination).__name__
            arrays |= {f"{side}.{name}": value for name, value in vars(termination).items()}
        write_npz(path, "crossbar", header, arrays)


def _checked_conductances(value: Any) -> Array:
    array = real_array("conductances", value, unit="S", minimum=0.0, infinite=True)
    if array.ndim != 2 or array.size == 0:
        raise CircuitError(
            f"conductances has shape {array.shape}; expected (rows, columns), at least (1, 1)."
        )
    large = np.isfinite(array) & (array > LARGEST_CONDUCTANCE)
    if large.any():
        row, column = (int(k) for k in np.argwhere(large)[0])
        raise CircuitError(
            f"conductances[{row}, {column}] = {array[row, column]:.1e} S is above "
            f"{LARGEST_CONDUCTANCE:g} S (a resistance?). Give siemens; inf is a short."
        )
    return array


def _checked_parameters(
    parameters: Mapping[str, float | Array] | None, device: Device, shape: tuple[int, ...]
) -> dict[str, Array]:
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise CircuitError(f"parameters = {shown(parameters)} is not a dict of name: value.")
    checked: dict[str, Array] = {}
    for name, value in parameters.items():
        if name not in device.parameters:
            known = ", ".join(sorted(device.parameters)) or "none"
            raise CircuitError(
                f"parameters: device {device.name!r} has no parameter {shown(name)} "
                f"(it has: {known})."
            )
        limits = device.parameters[name]
        array = real_array(f"parameters[{name!r}]", value, unit=limits.unit)
        if array.ndim and array.shape != shape:
            raise CircuitError(
                f"parameters[{name!r}] has shape {array.shape}; expected a scalar or {shape}."
            )
        if limits.range is not None:
            low, high = limits.range
            array = real_array(
                f"parameters[{name!r}]", array, unit=limits.unit, minimum=low, maximum=high
            )
        checked[name] = array
    return checked


def load(path: str | os.PathLike[str]) -> Crossbar:
    """The Crossbar that `crossbar.save` wrote to `path`; NetlistError for any other file."""
    header, arrays = read_npz(path, "crossbar")

    def part(prefix: str) -> dict[str, Any]:
        start = f"{prefix}."
        return {n.removeprefix(start): v for n, v in arrays.items() if n.startswith(start)}

    try:
        device = parse_device(header["device"], where=str(path))
        ends = {side: TERMINATIONS[header[side]](**part(side)) for side in SIDES}
        return Crossbar(
            arrays["conductances"],
            device.with_parameters(**header["values"]),
            parameters=part("parameters"),
            temperature=header["temperature"],
            wires=Wires(**part("wires")),
            **ends,
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise NetlistError(f"{path}: the saved crossbar is incomplete ({problem}).") from None
    except CircuitxbarError as problem:
        raise NetlistError(f"{path}: the saved crossbar is damaged. {problem}") from None
