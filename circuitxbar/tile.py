"""The tile: arrays of a fixed size with their ends and mapping, and the way there and back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from circuitxbar.arguments import (
    Array,
    positive_number,
    real_array,
    real_number,
    shown,
    whole_number,
)
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.solution import Solution
from circuitxbar.circuit.terminations import TERMINATIONS, Driven, Grounded, Held, Norton
from circuitxbar.circuit.wires import Wires
from circuitxbar.devices.device import Device
from circuitxbar.devices.library import device as find_device
from circuitxbar.devices.model_file import saved_device
from circuitxbar.errors import CircuitxbarError, MappingError, NetlistError
from circuitxbar.mapping import MAPPINGS, DifferentialPair
from circuitxbar.response import LinearResponse, has_linear_response, linear_response
from circuitxbar.solving import gradient as circuit_gradient
from circuitxbar.solving import solve

GradientMode = Literal["circuit", "transposed-read", "ideal"]
GRADIENT_MODES: tuple[GradientMode, ...] = ("circuit", "transposed-read", "ideal")


@dataclass(frozen=True, eq=False)
class TileArray:
    """One array of a layer: the `inputs` and `outputs` (slices of the weights) that it holds."""

    inputs: slice
    outputs: slice
    crossbar: Crossbar


@dataclass(frozen=True, eq=False)
class TileForward:
    """What `Tile.forward` found, and what `Tile.backward` needs of it.

    y : (batch, outputs).  reads : one Solution per array, or a LinearResponse where the batch is
    larger than the number of outputs of a linear array.
    """

    y: Array
    x: Array
    weights: Array
    weight_range: float
    input_range: float
    arrays: tuple[TileArray, ...]
    reads: tuple[Solution | LinearResponse, ...]


@dataclass(frozen=True, eq=False)
class TileGradient:
    """Derivatives of a loss: weights (inputs, outputs), over the batch; x (batch, inputs)."""

    weights: Array
    x: Array


@dataclass(frozen=True, eq=False)
class Tile:
    """Hardware for y = x @ weights, without weights: frozen, and all its functions are pure.

    rows, columns : the largest array. Weights that need more are cut into several arrays whose
    outputs are added digitally; weights that need less take an array of just their size.
    mapping : weights to conductances (cx.mapping).
    read_voltage : V; what an input of size `input_range` is driven with, in proportion.
    wires : cx.Wires of one resistance per segment.  device : as for cx.Crossbar.
    driver : the Driven end at the left of every row; None is an ideal one.
    sense : Grounded, Held (an amplifier's offset) or Norton, at the bottom of every column;
    None is an ideal virtual ground.  adc : None; currents are read without a converter.
    selector, transistor, gate_lines, temperature : as for cx.Crossbar.  gate_voltage : V, of all
    transistors.
    With ideal wires and ends and linear cells y == x @ weights to rounding.
    """

    rows: int = 128
    columns: int = 128
    mapping: DifferentialPair = field(default_factory=lambda: DifferentialPair(1e-6, 1e-4))
    read_voltage: float = 0.2
    wires: Wires = field(default_factory=Wires)
    device: str | os.PathLike[str] | Device = "linear"
    driver: Driven | None = None
    sense: Grounded | Held | Norton | None = None
    adc: None = None
    selector: str | os.PathLike[str] | Device | None = field(default=None, kw_only=True)
    transistor: str | os.PathLike[str] | Device | None = field(default=None, kw_only=True)
    gate_lines: Literal["row", "column"] = field(default="row", kw_only=True)
    gate_voltage: float | None = field(default=None, kw_only=True)
    temperature: float = field(default=300.15, kw_only=True)

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not isinstance(self.mapping, tuple(MAPPINGS.values())):
            kinds = ", ".join(f"cx.mapping.{name}" for name in MAPPINGS)
            raise MappingError(f"Tile.mapping = {shown(self.mapping)}: pass one of {kinds}.")
        pair = self.mapping.columns_per_output
        put(self, "rows", whole_number("Tile.rows", self.rows, minimum=1, error=MappingError))
        columns = whole_number("Tile.columns", self.columns, minimum=pair, error=MappingError)
        put(self, "columns", columns)
        volts = self.read_voltage
        volts = positive_number("Tile.read_voltage", volts, unit="V", error=MappingError)
        put(self, "read_voltage", volts)
        ends = {"driver": (Driven,), "sense": (Grounded, Held, Norton)}
        for name, kinds in {"wires": (Wires,), **ends, "adc": ()}.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) and (value is not None or name == "wires"):
                known = " or ".join(kind.__name__ for kind in kinds)
                wanted = {"wires": known, "adc": "None"}.get(name, f"None or {known}")
                raise MappingError(f"Tile.{name} = {shown(value)}: expected {wanted}.")
            for part, number in vars(value).items() if value is not None else ():
                if np.ndim(number):
                    raise MappingError(
                        f"Tile.{name}: {part} has shape {np.shape(number)}. Pass a single number: "
                        "arrays of several sizes are cut from a tile."
                    )
        cell = self._crossbar(np.ones((1, 1)))
        for name in ("device", "selector", "transistor", "temperature"):
            put(self, name, getattr(cell, name))
        put(self, "gate_voltage", self._checked_gate_voltage())
        if not cell.device.uses_conductance:
            raise MappingError(
                f"Tile.device = {cell.device.name!r}: its law is free of g, so that it holds no "
                "weight. Pass a device whose law depends on g."
            )

    def _checked_gate_voltage(self) -> float | None:
        if (self.gate_voltage is None) != (self.transistor is None):
            raise MappingError(
                "Tile.gate_voltage belongs to a transistor. Pass both, or none of them."
            )
        if self.gate_voltage is None:
            return None
        return real_number("Tile.gate_voltage", self.gate_voltage, unit="V", error=MappingError)

    def __repr__(self) -> str:
        parts = [part for part in (self.selector, self.device, self.transistor) if part is not None]
        cells = " + ".join(repr(find_device(part).name) for part in parts)
        return (
            f"Tile({self.rows} x {self.columns} cells of {cells}, {self.mapping}, "
            f"{self.wires.row:g} and {self.wires.column:g} ohm per segment, "
            f"{self.read_voltage:g} V)"
        )

    def forward(
        self,
        weights: Any,
        x: Any,
        *,
        weight_range: float,
        input_range: float = 1.0,
        keep: Literal["voltages", "currents"] = "voltages",
    ) -> TileForward:
        """y == x @ weights as the circuit computes it, (batch, outputs), with what led to it.

        weights : (inputs, outputs), |weights| <= weight_range.  x : (batch, inputs), either sign;
        x = input_range drives the read voltage, larger ones drive more.
        keep : "currents" where no backward follows: memory then stays bounded.
        Raises MappingError for what does not fit, SolverError as `solve` does.
        """
        weights, x = _checked(weights, x)
        arrays = tuple(self.arrays(weights, weight_range))
        voltages = x * self._volts(input_range)
        y = np.zeros((len(x), weights.shape[1]))
        reads = []
        for array in arrays:
            read = self._read(array, voltages[:, array.inputs], weight_range, keep)
            reads.append(read)
            if isinstance(read, LinearResponse):
                sums = voltages[:, array.inputs] @ read.matrix
            else:
                sums = self.mapping.invert(read.currents, weight_range)
            y[:, array.outputs] += sums / self._volts(input_range)
        return TileForward(
            y, x, weights, float(weight_range), float(input_range), arrays, tuple(reads)
        )

    def backward(
        self, forward: TileForward, d_y: Any, gradient: GradientMode = "circuit"
    ) -> TileGradient:
        """d(loss)/d(weights) and d(loss)/d(x) from d_y = d(loss)/d(y), (batch, outputs).

        gradient : "circuit", exact, through wires and cells.  "transposed-read": x from reading the
        arrays from their columns, driven by d_y scaled to the read voltage, weights from the outer
        product x.T @ d_y.  "ideal": x.T @ d_y and d_y @ weights.T, as if there were no circuit.
        Two-terminal linear cells are reciprocal: the first two then agree in x.
        """
        check_gradient_mode(gradient)
        d_y = real_array("d_y", d_y, shape=forward.y.shape, error=MappingError)
        if gradient == "ideal":
            return TileGradient(forward.x.T @ d_y, d_y @ forward.weights.T)
        d_weights, d_x = np.zeros(forward.weights.shape), np.zeros(forward.x.shape)
        for array, read in zip(forward.arrays, forward.reads, strict=True):
            part = d_y[:, array.outputs]
            if gradient == "circuit":
                d_conductances, d_x_part = self._adjoint(forward, array, read, part)
                block = (array.inputs, array.outputs)
                d_weights[block] = self.mapping.backward(
                    d_conductances, forward.weights[block], forward.weight_range
                )
            else:
                d_x_part = self._transposed_read(forward, array, read, part)
            d_x[:, array.inputs] += d_x_part
        if gradient == "transposed-read":
            d_weights = forward.x.T @ d_y
        return TileGradient(d_weights, d_x)

    def circuit(
        self, weights: Any, x: Any, *, weight_range: float, input_range: float = 1.0
    ) -> Circuit:
        """All arrays with their drivers and senses as one Circuit, for the input `x`, (inputs,).

        A single array has the names of Crossbar.circuit; of several, the one in row m and column n
        of the cut has all its names behind `array_m_n.`. The digital sum is not part of it.
        """
        x = real_array("x", x, error=MappingError)
        if x.ndim != 1:
            raise MappingError(
                f"x has shape {x.shape}; a circuit is made for one input, (inputs,)."
            )
        weights, x = _checked(weights, x[None, :])
        voltages = x * self._volts(input_range)
        arrays = list(self.arrays(weights, weight_range))
        circuits = [
            a.crossbar.circuit(voltages[:, a.inputs], gates=self.gate_voltage) for a in arrays
        ]
        if len(circuits) == 1:
            return circuits[0]
        whole = Circuit(title="layer {} x {} on {} arrays".format(*weights.shape, len(arrays)))
        for array, circuit in zip(arrays, circuits, strict=True):
            place = array.inputs.start // self.rows, array.outputs.start // self._outputs
            name = "array_{}_{}".format(*place)
            whole = whole.instance(name, SubCircuit(name, circuit, {}))
        return whole

    def arrays(self, weights: Any, weight_range: float) -> Iterator[TileArray]:
        """The arrays that hold `weights`, full ones first, along the inputs, then the outputs."""
        conductances = self.mapping.apply(weights, weight_range)
        pair = self.mapping.columns_per_output
        inputs, outputs = conductances.shape[0], conductances.shape[1] // pair
        for row in range(0, inputs, self.rows):
            for column in range(0, outputs, self._outputs):
                rows = slice(row, min(row + self.rows, inputs))
                columns = slice(column, min(column + self._outputs, outputs))
                cells = conductances[rows, pair * columns.start : pair * columns.stop]
                yield TileArray(rows, columns, self._crossbar(cells))

    def _crossbar(self, conductances: Array) -> Crossbar:
        return Crossbar(
            conductances,
            self.device,
            selector=self.selector,
            transistor=self.transistor,
            gate_lines=self.gate_lines,
            temperature=self.temperature,
            wires=self.wires,
            left=self.driver or Driven(),
            bottom=self.sense or Grounded(),
        )

    def description(self) -> dict[str, Any]:
        """Everything of this tile in terms of JSON; `Tile.from_description` makes it again."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "mapping": _with_kind(self.mapping),
            "read_voltage": self.read_voltage,
            "wires": dict(vars(self.wires)),
            "device": _device_description(self.device),
            "driver": _with_kind(self.driver),
            "sense": _with_kind(self.sense),
            "selector": _device_description(self.selector),
            "transistor": _device_description(self.transistor),
            "gate_lines": self.gate_lines,
            "gate_voltage": self.gate_voltage,
            "temperature": self.temperature,
        }

    @staticmethod
    def from_description(description: Any, where: str) -> Tile:
        """The tile of a `description`; NetlistError naming the file `where` if it is none."""
        try:
            device: Any
            device, selector, transistor = (
                _device_described(description[name], where)
                for name in ("device", "selector", "transistor")
            )
            return Tile(
                description["rows"],
                description["columns"],
                _of_kind(MAPPINGS, description["mapping"]),
                description["read_voltage"],
                Wires(**description["wires"]),
                device,
                _of_kind(TERMINATIONS, description["driver"]),
                _of_kind(TERMINATIONS, description["sense"]),
                selector=selector,
                transistor=transistor,
                gate_lines=description["gate_lines"],
                gate_voltage=description["gate_voltage"],
                temperature=description["temperature"],
            )
        except (KeyError, TypeError, AttributeError, CircuitxbarError) as problem:
            raise NetlistError(f"{where}: the saved tile cannot be read ({problem}).") from None

    @property
    def _outputs(self) -> int:
        """Outputs that one array holds at the most."""
        return self.columns // self.mapping.columns_per_output

    def _volts(self, input_range: float) -> float:
        """Volts per unit of x."""
        return self.read_voltage / positive_number("input_range", input_range, error=MappingError)

    def _read(
        self,
        array: TileArray,
        voltages: Array,
        weight_range: float,
        keep: Literal["voltages", "currents"],
    ) -> Solution | LinearResponse:
        crossbar = array.crossbar
        outputs = array.outputs.stop - array.outputs.start
        low, high = crossbar.device.valid["v"]
        # Potentials of a passive array lie between those of its ends, so no cell sees more.
        spread = max(voltages.max(), 0.0) - min(voltages.min(), 0.0)
        within = low <= -spread and spread <= high
        if len(voltages) > outputs and within and has_linear_response(crossbar):
            combinations = self.mapping.invert_backward(np.eye(outputs), weight_range)
            return linear_response(crossbar, combinations)
        return solve(crossbar, voltages, gates=self.gate_voltage, keep=keep)

    def _adjoint(
        self, forward: TileForward, array: TileArray, read: Solution | LinearResponse, d_y: Array
    ) -> tuple[Array, Array]:
        """d(loss)/d(conductances) and d(loss)/d(x) of one array."""
        volts = self._volts(forward.input_range)
        if isinstance(read, LinearResponse):
            voltages = forward.x[:, array.inputs] * volts
            return read.conductance_gradient(voltages, d_y / volts), d_y @ read.matrix.T
        d_currents = self.mapping.invert_backward(d_y / volts, forward.weight_range)
        found = circuit_gradient(read, d_currents)
        assert found.voltages is not None
        return found.conductances, found.voltages * volts

    def _transposed_read(
        self, forward: TileForward, array: TileArray, read: Solution | LinearResponse, d_y: Array
    ) -> Array:
        """d(loss)/d(x) as the rows of one array show it while d_y drives the columns."""
        if isinstance(read, LinearResponse):
            return d_y @ read.matrix.T
        pairs = self.mapping.invert_backward(d_y, forward.weight_range)
        largest = np.abs(pairs).max(axis=1, keepdims=True)
        scale = np.where(largest > 0, largest, 1.0) / self.read_voltage
        back = solve(
            array.crossbar.transpose(), pairs / scale, gates=self.gate_voltage, keep="currents"
        )
        return back.currents * scale


def check_gradient_mode(gradient: object) -> None:
    """MappingError listing the modes where `gradient` is none of them."""
    if gradient not in GRADIENT_MODES:
        known = ", ".join(f'"{mode}"' for mode in GRADIENT_MODES)
        raise MappingError(f"gradient = {shown(gradient)}: choose one of {known}.")


def _checked(weights: Any, x: Any) -> tuple[Array, Array]:
    weights = real_array("weights", weights, error=MappingError)
    if weights.ndim != 2 or weights.size == 0:
        raise MappingError(
            f"weights has shape {weights.shape}; expected (inputs, outputs), none of them 0."
        )
    x = real_array("x", x, shape=(None, weights.shape[0]), error=MappingError)
    if len(x) == 0:
        raise MappingError("x holds no vector. Pass at least one.")
    return weights, x


def _device_description(device: Any) -> dict[str, Any] | None:
    return None if device is None else device.saved()


def _device_described(description: dict[str, Any] | None, where: str) -> Device | None:
    if description is None:
        return None
    return saved_device(description, where)


def _with_kind(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    numbers = {part.name: getattr(value, part.name) for part in fields(value)}
    return {"kind": type(value).__name__, **numbers}


def _of_kind(kinds: dict[str, Any], description: dict[str, Any] | None) -> Any:
    if description is None:
        return None
    numbers = dict(description)
    return kinds[numbers.pop("kind")](**numbers)
