"""A fully connected layer whose product is computed by crossbar arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuitxbar.arguments import Array, positive_number, real_array, shown, whole_number
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.errors import MappingError
from circuitxbar.netlist.writer import write_spice
from circuitxbar.nn.streams import WEIGHTS, seed_of, stream
from circuitxbar.tile import GradientMode, Tile, TileForward, check_gradient_mode


class CrossbarLinear:
    """y = x @ weights + bias, computed by the circuit of `tile`, or exactly where `tile` is None.

    in_features, out_features : sizes. The bias is one more row of cells, driven at read voltage.
    gradient : how `backward` finds its derivatives: "circuit", "transposed-read" or "ideal".
    rng : seed of the first weights, uniform within sqrt(6 / in_features) and weight_range.
    weight_range : |weight| that takes the whole conductance span; fixed, so that gradients are
    exact. `update` clips to it. 2 by default on a tile; None on no tile, where nothing is clipped.
    input_range : the x that drives the read voltage, in proportion; fixed too.

    weights : (in_features, out_features).  bias : (out_features,).
    weight_gradient, bias_gradient : their derivatives after `backward`, else None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        tile: Tile | None = None,
        gradient: GradientMode = "circuit",
        rng: int | np.random.Generator = 0,
        weight_range: float | None = None,
        input_range: float = 1.0,
    ):
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            whole_number(name, size, minimum=1, error=MappingError)
        if tile is not None and not isinstance(tile, Tile):
            raise MappingError(f"tile = {shown(tile)} is not a cx.Tile. Pass one, or None.")
        check_gradient_mode(gradient)
        if weight_range is None and tile is not None:
            weight_range = 2.0  # what trained digit networks reach
        self.tile = tile
        self.gradient: GradientMode = gradient
        if weight_range is not None:
            weight_range = positive_number("weight_range", weight_range, error=MappingError)
        self.weight_range = weight_range
        self.input_range = positive_number("input_range", input_range, error=MappingError)
        bound = np.sqrt(6.0 / in_features)
        if self.weight_range is not None:
            bound = min(bound, self.weight_range)
        first = stream(seed_of(rng), WEIGHTS, 0)
        self.weights: Array = first.uniform(-bound, bound, (in_features, out_features))
        self.bias: Array = np.zeros(out_features)
        self.weight_gradient: Array | None = None
        self.bias_gradient: Array | None = None
        self._last: TileForward | Array | None = None

    @property
    def in_features(self) -> int:
        """Number of inputs, without the bias row."""
        return self.weights.shape[0]

    @property
    def out_features(self) -> int:
        """Number of outputs; each takes the columns of the mapping's scheme."""
        return self.weights.shape[1]

    def forward(self, x: Any) -> Array:
        """y, (batch, out_features), for x (batch, in_features); `backward` refers to this call."""
        x = self._checked(x)
        if self.tile is None:
            self._last = x
            return x @ self.weights + self.bias
        self._last = self.tile.forward(self._stored(), self._with_bias(x), **self._ranges())
        return self._last.y

    def apply(self, x: Any) -> Array:
        """The same y as `forward`, but nothing is kept for `backward`."""
        x = self._checked(x)
        if self.tile is None:
            return x @ self.weights + self.bias
        stored, driven = self._stored(), self._with_bias(x)
        return self.tile.forward(stored, driven, **self._ranges(), keep="currents").y

    def backward(self, d_y: Any) -> Array:
        """d(loss)/d(x), (batch, in_features), from d(loss)/d(y); fills the two gradients."""
        if self._last is None:
            raise MappingError("backward needs the input of a forward. Call forward(x) first.")
        if isinstance(self._last, TileForward):
            assert self.tile is not None
            found = self.tile.backward(self._last, d_y, self.gradient)
            self.weight_gradient = found.weights[:-1]
            self.bias_gradient = found.weights[-1] / self._last.input_range
            return found.x[:, :-1]
        x = self._last
        d_y = real_array("d_y", d_y, shape=(len(x), self.out_features), error=MappingError)
        self.weight_gradient = x.T @ d_y
        self.bias_gradient = d_y.sum(axis=0)
        return d_y @ self.weights.T

    def update(self, weight_change: Array, bias_change: Array) -> None:
        """Add to weights and bias, then clip to what the cells can hold."""
        self.weights = self.weights + weight_change
        self.bias = self.bias + bias_change
        if self.weight_range is not None:
            largest = self.weight_range * self.input_range
            self.weights = np.clip(self.weights, -self.weight_range, self.weight_range)
            self.bias = np.clip(self.bias, -largest, largest)

    def on(self, tile: Tile | None) -> CrossbarLinear:
        """A copy of this layer on another tile, or on none.

        A layer that has no weight_range yet gets its largest |weight|, the bias row included, so
        that its weights take the whole conductance span.
        """
        weight_range = self.weight_range
        if weight_range is None and tile is not None:
            weight_range = float(np.abs(self._stored()).max()) or 1.0
        other = CrossbarLinear(
            self.in_features,
            self.out_features,
            tile=tile,
            gradient=self.gradient,
            weight_range=weight_range,
            input_range=self.input_range,
        )
        other.weights, other.bias = self.weights.copy(), self.bias.copy()
        return other

    def crossbars(self) -> list[Crossbar]:
        """The arrays that hold this layer's weights and bias, in the order of Tile.arrays."""
        tile = self._tile()
        return [a.crossbar for a in tile.arrays(self._stored(), self._ranges()["weight_range"])]

    def voltages(self, x: Any) -> Array:
        """What x, (batch, in_features), is as voltages of the rows, bias row last, V."""
        volts_per_unit = self._tile().read_voltage / self.input_range
        return self._with_bias(self._checked(x)) * volts_per_unit

    def circuit(self, x: Any) -> Circuit:
        """The circuit that this layer is for one input x, (in_features,); see Tile.circuit."""
        tile = self._tile()
        x = real_array("x", x, shape=(self.in_features,), error=MappingError)
        driven = self._with_bias(x[None, :])[0]
        return tile.circuit(self._stored(), driven, **self._ranges())

    def netlist(self, x: Any, dialect: str = "ngspice") -> str:
        """The SPICE text of `circuit(x)`."""
        return write_spice(self.circuit(x), dialect)

    def _tile(self) -> Tile:
        if self.tile is None:
            raise MappingError("this layer has no tile, so it is no circuit. Use .on(tile).")
        return self.tile

    def _checked(self, x: Any) -> Array:
        x = real_array("x", x, error=MappingError)
        if x.ndim != 2 or x.shape[1] != self.in_features or len(x) == 0:
            raise MappingError(
                f"x has shape {x.shape}; expected (batch, {self.in_features}) with at least one."
            )
        return x

    def _stored(self) -> Array:
        """Weights as the cells hold them, the bias as the last row."""
        return np.vstack([self.weights, self.bias / self.input_range])

    def _with_bias(self, x: Array) -> Array:
        return np.hstack([x, np.full((len(x), 1), self.input_range)])

    def _ranges(self) -> dict[str, Any]:
        return {"weight_range": self.weight_range, "input_range": self.input_range}
