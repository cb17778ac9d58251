"""A multilayer perceptron on crossbar tiles: ReLU between the layers, softmax cross entropy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from circuitxbar.arguments import Array, real_array, shown, whole_number
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.errors import MappingError, NetlistError
from circuitxbar.netlist.writer import write_spice
from circuitxbar.nn.layer import CrossbarLinear
from circuitxbar.nn.streams import WEIGHTS, seed_of, stream
from circuitxbar.nn.training import Epoch, Plan, read_history, train
from circuitxbar.storage import read_npz, write_npz
from circuitxbar.tile import GradientMode, Tile

HIDDEN_RANGE = 8.0  # activations of digits reach some 7: the read voltage is then hardly exceeded


class MLP:
    """Fully connected layers of the given sizes, each a CrossbarLinear on `tile`.

    sizes : features, hidden units ..., classes, as in [64, 32, 10].
    tile : hardware; None computes the same network without a circuit.
    gradient : "circuit", "transposed-read" or "ideal", see Tile.backward.
    rng : seed of the first weights and of the order of training data.
    weight_range, input_range : as for CrossbarLinear, the same for all layers or one for each.
    By default input_range is 1 for the first layer and 8 for those fed by hidden units.

    layers : the layers.  history : one Epoch per epoch trained so far.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        tile: Tile | None = None,
        gradient: GradientMode = "circuit",
        rng: int | np.random.Generator = 0,
        weight_range: float | Sequence[float] | None = None,
        input_range: float | Sequence[float] | None = None,
    ):
        sizes = _checked_sizes(sizes)
        count = len(sizes) - 1
        if input_range is None:
            input_range = [1.0] + [HIDDEN_RANGE] * (count - 1)
        weight_ranges = _per_layer("weight_range", weight_range, count)
        input_ranges = _per_layer("input_range", input_range, count)
        self.seed = seed_of(rng)
        self.layers = [
            CrossbarLinear(
                sizes[k],
                sizes[k + 1],
                tile=tile,
                gradient=gradient,
                rng=stream(self.seed, WEIGHTS, k),
                weight_range=weight_ranges[k],
                input_range=input_ranges[k],
            )
            for k in range(count)
        ]
        self.history: list[Epoch] = []
        self._active: list[np.ndarray] = []

    def __repr__(self) -> str:
        return f"MLP({self.sizes}, {len(self.history)} epochs trained, tile={self.tile!r})"

    @property
    def sizes(self) -> list[int]:
        """Features, hidden units ..., classes."""
        return [self.layers[0].in_features, *(layer.out_features for layer in self.layers)]

    @property
    def tile(self) -> Tile | None:
        """The hardware of all layers; None where the network is computed without a circuit."""
        return self.layers[0].tile

    def forward(self, x: Any) -> Array:
        """Outputs of the last layer, (batch, classes), before the softmax; kept for `backward`."""
        self._active = []
        for layer in self.layers[:-1]:
            x = np.maximum(layer.forward(x), 0.0)
            self._active.append(x > 0)
        return self.layers[-1].forward(x)

    def backward(self, d_y: Any) -> Array:
        """d(loss)/d(x) from d(loss)/d(outputs); fills the gradients of every layer."""
        d_y = self.layers[-1].backward(d_y)
        for layer, active in zip(self.layers[-2::-1], reversed(self._active), strict=True):
            d_y = layer.backward(d_y * active)
        return d_y

    def outputs(self, x: Any) -> Array:
        """The same as `forward`, (batch, classes), but nothing is kept for `backward`."""
        for layer in self.layers[:-1]:
            x = np.maximum(layer.apply(x), 0.0)
        return self.layers[-1].apply(x)

    def predict(self, x: Any) -> np.ndarray:
        """The most probable class of each x, (batch,), of (batch, features)."""
        return self.outputs(x).argmax(axis=1)

    def accuracy(self, x: Any, y: Any) -> float:
        """The share of x, (batch, features), whose predicted class is y, (batch,)."""
        x, y = self._checked(x, y)
        return float((self.predict(x) == y).mean())

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 5,
        batch: int = 64,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> MLP:
        """Train on x, (images, features), with classes y, (images,); returns this network.

        Stochastic gradient descent with momentum on the mean cross entropy of `batch` vectors;
        the learning rate falls linearly to 0 over the `epochs`. A terminal shows progress.
        checkpoint : a file written after every epoch. Where it exists training goes on from it,
        with the same result as without the interruption; the call must then be the same.
        An interrupted fit leaves the network as it was after its last whole epoch.
        Raises MappingError for data or a checkpoint that do not fit, NetlistError for a path that
        cannot be written.
        """
        x, y = self._checked(x, y)
        train(self, x, y, Plan.of(epochs, batch, learning_rate, momentum), checkpoint)
        return self

    def on(self, tile: Tile | None) -> MLP:
        """A copy with the same weights on another tile, or without a circuit (None).

        Layers that have no weight_range yet get their largest |weight|; see CrossbarLinear.on.
        """
        if tile is not None and not isinstance(tile, Tile):
            raise MappingError(f"tile = {shown(tile)} is not a cx.Tile. Pass one, or None.")
        other = MLP(self.sizes, rng=self.seed)
        other.layers = [layer.on(tile) for layer in self.layers]
        other.history = list(self.history)
        return other

    def circuit(self, x: Any, layer: int = 0) -> Circuit:
        """The circuit that layer number `layer` is while this network reads one x, (features,)."""
        whole_number("layer", layer, minimum=0, error=MappingError)
        if layer >= len(self.layers):
            raise MappingError(f"layer = {layer}: this network has {len(self.layers)} layers.")
        x = real_array("x", x, shape=(self.sizes[0],), error=MappingError)[None, :]
        for before in self.layers[:layer]:
            x = np.maximum(before.apply(x), 0.0)
        return self.layers[layer].circuit(x[0])

    def netlist(self, x: Any, layer: int = 0, dialect: str = "ngspice") -> str:
        """The SPICE text of `circuit(x, layer)`."""
        return write_spice(self.circuit(x, layer), dialect)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, tile and history to one .npz file (arrays and JSON, no pickle)."""
        write_npz(path, "mlp", self.description(), self.arrays())

    def description(self) -> dict[str, Any]:
        """All of this network but its weights, in terms of JSON."""
        return {
            "sizes": self.sizes,
            "seed": self.seed,
            "gradient": self.layers[0].gradient,
            "tile": None if self.tile is None else self.tile.description(),
            "weight_range": [layer.weight_range for layer in self.layers],
            "input_range": [layer.input_range for layer in self.layers],
            "history": [vars(epoch) for epoch in self.history],
        }

    def arrays(self) -> dict[str, Array]:
        """Copies of all weights and biases by name."""
        named = {}
        for k, layer in enumerate(self.layers):
            named[f"weights_{k}"] = layer.weights.copy()
            named[f"bias_{k}"] = layer.bias.copy()
        return named

    def put(self, arrays: dict[str, Array], where: str) -> None:
        """Take weights and biases from `arrays`; NetlistError naming `where` if they do not fit."""
        for name, value in _fitting(arrays, self.sizes, where).items():
            kind, k = name.split("_")
            setattr(self.layers[int(k)], kind, value.copy())

    def _checked(self, x: Any, y: Any) -> tuple[Array, np.ndarray]:
        x = real_array("x", x, shape=(None, self.sizes[0]), error=MappingError)
        if len(x) == 0:
            raise MappingError("x holds no vector. Pass at least one.")
        labels = real_array("y", y, shape=(len(x),), error=MappingError)
        classes = self.sizes[-1]
        wrong = (labels != np.floor(labels)) | (labels < 0) | (labels >= classes)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise MappingError(
                f"y[{k}] = {labels[k]:g} is no class. Pass whole numbers 0 ... {classes - 1}."
            )
        return x, labels.astype(np.int64)


def load(path: str | os.PathLike[str]) -> MLP:
    """The network that `MLP.save` wrote to `path`; NetlistError for any other file."""
    header, arrays = read_npz(path, "mlp")
    where = os.fspath(path)
    try:
        # First of all: nobody makes room for a network that the arrays do not fill.
        arrays = _fitting(arrays, _checked_sizes(header["sizes"]), where)
        model = MLP(
            header["sizes"],
            tile=None if header["tile"] is None else Tile.from_description(header["tile"], where),
            gradient=header["gradient"],
            rng=header["seed"],
            weight_range=header["weight_range"],
            input_range=header["input_range"],
        )
        model.history = read_history(header["history"], where)
    except NetlistError:
        raise
    except (KeyError, TypeError, ValueError) as problem:
        raise NetlistError(f"{path}: the saved network cannot be read ({problem}).") from None
    model.put(arrays, where)
    return model


def _fitting(arrays: dict[str, Array], sizes: list[int], where: str) -> dict[str, Array]:
    """The weights and biases of a network of `sizes`; NetlistError where one is missing or bad."""
    fitting = {}
    for k, shape in enumerate(pairwise(sizes)):
        for name, own in ((f"weights_{k}", shape), (f"bias_{k}", shape[1:])):
            if name not in arrays:
                raise NetlistError(f"{where}: {name} is missing.")
            fitting[name] = real_array(
                f"{where}: {name}", arrays[name], shape=own, error=NetlistError
            )
    return fitting


def _checked_sizes(sizes: Any) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray) or len(sizes) < 2:
        raise MappingError(
            f"sizes = {shown(sizes)}: expected features, hidden units ..., classes, "
            "as in [64, 32, 10]."
        )
    return [
        whole_number(f"sizes[{k}]", size, minimum=1, error=MappingError)
        for k, size in enumerate(sizes)
    ]


def _per_layer(name: str, value: Any, count: int) -> list[Any]:
    if value is None or np.ndim(value) == 0:
        return [value] * count
    if len(value) != count:
        raise MappingError(f"{name} holds {len(value)} values; expected one number or {count}.")
    return list(value)
