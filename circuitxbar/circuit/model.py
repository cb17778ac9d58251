"""A device at many places: what its law needs beside the voltages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.devices.device import Device


@dataclass(frozen=True, eq=False)
class Model:
    """One device at many places, each with its own conductance and parameters.

    conductances : (places), S; finite, and without a meaning for laws that are free of g.
    parameters : those that differ from `device.values`, each a scalar or (places).
    temperature : K.
    `places` is any shape: (n,) for a group of elements, (rows, columns) for the cells of an array.
    """

    device: Device
    conductances: Array
    parameters: Mapping[str, Array]
    temperature: float

    @property
    def key(self) -> object:
        """What the places of one model have in common."""
        device = self.device
        values = tuple(device.values.items())
        return device.text, device.table, values, tuple(self.parameters), self.temperature

    def joined(self, others: Sequence[Model]) -> Model:
        """This for its places and for those of `others`, all of one key and in one row."""
        models = (self, *others)
        parameters = {
            name: np.concatenate(
                [np.broadcast_to(m.parameters[name], m.conductances.shape) for m in models]
            )
            for name in self.parameters
        }
        conductances = np.concatenate([m.conductances for m in models])
        return Model(self.device, conductances, parameters, self.temperature)

    def evaluate(self, voltages: Sequence[Array], slopes: Sequence[str] = ()) -> list[Array]:
        """[current, d current / d each of `slopes`] at every place, (..., places).

        voltages : one array (..., places) for each of `device.controls`, V.
        slopes : names among the controls, "g", "temperature" and the parameters.
        Nothing is checked and nothing warns: what is not finite comes back as such.
        """
        kernel = self.device.kernel(*slopes)
        named = dict(zip(self.device.controls, voltages, strict=True))
        with np.errstate(all="ignore"):
            results = kernel(
                **named, g=self.conductances, temperature=self.temperature, **self.parameters
            )
        shape = np.broadcast_shapes(self.conductances.shape, *(v.shape for v in named.values()))
        return [np.broadcast_to(np.asarray(result, dtype=float), shape) for result in results]

    def at(self, places: np.ndarray) -> Model:
        """The model of some of the places, in one row; `places` is a mask of the shape of them."""
        parameters = {
            name: value if np.ndim(value) == 0 else value[places]
            for name, value in self.parameters.items()
        }
        return Model(self.device, self.conductances[places], parameters, self.temperature)
