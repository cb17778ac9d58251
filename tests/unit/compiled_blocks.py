"""A block of cells with everything that its compiled law takes, and one device of every law."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from circuitxbar.array.laws import AT_NODES, AT_REST, FORETOLD, cell_law, law_parameters, there
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.devices.device import Device
from circuitxbar.devices.expression import symbolic
from circuitxbar.devices.library import device

ROOT = Path(__file__).parents[2]
EPS = np.finfo(float).eps
FILES = [device(str(path)) for path in sorted((ROOT / "device_models").glob("*.toml"))]
DEVICES = list({str(symbolic(d.full_law)): d for d in FILES}.values())  # one of every law
TWO = [d for d in DEVICES if len(d.terminals) == 2]
SELECTORS = [d for d in TWO if not (d.uses_conductance or d.is_linear)]
TRANSISTORS = [d for d in DEVICES if len(d.terminals) == 3]
SHAPE = (3, 7)  # 21 cells: the last register of a single vector is not full


def named(devices: object) -> str:
    parts = devices if isinstance(devices, tuple) else (devices,)
    return "+".join(part.name for part in parts)


class Block:
    """A crossbar with everything that its compiled law takes, drive of `width` vectors included."""

    def __init__(self, memory: Device, other: Device | None = None, width: int = 8):
        rng = np.random.default_rng(7)
        conductances = np.ones(SHAPE)
        if memory.uses_conductance:
            low, high = np.clip(memory.valid["g"], 1e-8, 10**-3.5)
            conductances = np.exp(rng.uniform(np.log(low), np.log(high), SHAPE))
        conductances[0, 1], conductances[2, 3] = 0.0, np.inf
        parts = {} if other is None else {"selector": other}
        if other in TRANSISTORS:
            parts = {"transistor": other, "gate_lines": "row"}
        parameters = {}
        for prefix, part in (("", memory), (next(iter(parts), "") + ".", other)):
            for name in part.law_parameters if part else ():
                limits = part.parameters[name]
                low, high = limits.range
                near = limits.default * rng.uniform(0.9, 1.1, SHAPE)
                parameters[prefix + name] = np.clip(near, low, high)
        self.crossbar = Crossbar(
            conductances, memory, **parts, parameters=parameters, temperature=310.0
        )
        self.law = cell_law(self.crossbar)
        self.cells, self.width = conductances.size, width
        self.parameters = law_parameters(self.crossbar, self.law)
        self.there = there(self.crossbar)
        self.v = rng.uniform(-0.9, 0.9, (self.cells, width))
        self.v[4] = 0.0
        self.column = rng.uniform(-0.1, 0.3, self.v.shape)
        self.gate = rng.uniform(0.2, 1.5, (SHAPE[0], width))
        self.gate[1] = -2.0  # cut off
        self.active = np.ones(width)
        self.together, self.apart = np.zeros(width, np.uint8), np.zeros(width)
        self.state = np.zeros((self.law.states, *self.v.shape))
        self.current, self.slope, self.by_column, self.inner, self.remainder = (
            np.zeros_like(self.v) for _ in range(5)
        )
        if other is None:
            self.slope = self.state[2]
            self.inner = self.remainder = np.zeros((1, width))

    @property
    def given(self) -> tuple:
        gated = (self.column, self.gate, SHAPE[1], True)
        return self.v, *gated, self.parameters, self.there, self.inner, self.remainder

    @property
    def kept(self) -> list[np.ndarray]:
        return [*self.state, self.current, self.slope, self.by_column, self.inner]

    def evaluate(self, where: int) -> None:
        out = (self.state, self.current, self.slope, self.by_column, self.together, self.apart)
        self.law.evaluate(*self.given, self.active, where, *out)

    def settle(self) -> None:
        """Newton's method at these voltages, to where both elements carry one current."""
        self.evaluate(AT_REST)
        for _ in range(100):
            if self.together.all() and (self.apart <= 1e-9 * np.abs(self.current).sum(0)).all():
                break
            self.evaluate(FORETOLD)
        else:
            raise AssertionError("no operating point")
        if self.law.kind != "1R":
            self.law.polish(*self.given)
        self.evaluate(AT_NODES)

    def verified(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        row, column, rounding = (np.zeros(s) for s in (*[self.v.shape] * 2, self.width))
        self.law.verify(*self.given, row, column, rounding)
        return row, column, rounding

    def summed(self, across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out, gates = np.zeros((len(self.law.names), self.cells)), np.zeros_like(self.gate)
        self.law.slopes(*self.given, across, out, gates)
        return out, gates

    def laws(self, element: object, by: tuple[str, ...] = ()) -> list[np.ndarray]:
        """numpy's values of one element at the block's voltages, each (cells, width)."""
        s = self.inner + self.remainder
        across = (self.v - self.inner) - self.remainder
        gate = np.repeat(self.gate, SHAPE[1], axis=0)
        voltages = {
            "cell": (across,),
            "selector": (s,),
            "transistor": (self.column + s, gate, self.column, s),
        }[element.name]
        grid = [np.moveaxis(x.reshape(*SHAPE, -1), -1, 0) for x in voltages]
        found = element.model.evaluate(grid, by)
        return [np.moveaxis(x, 0, -1).reshape(self.cells, -1) for x in found]

    def rounding(self, element: object) -> np.ndarray:
        """What rounding all that the element's law takes may change, as CellElement has it."""
        model = element.model
        values = {"g": model.conductances, "temperature": model.temperature}
        values |= {name: model.device.values[name] for name in model.device.law_parameters}
        values |= model.parameters
        names = (*model.device.controls, *values)
        current, *slopes = self.laws(element, names)
        s = self.inner + self.remainder
        across = (self.v - self.inner) - self.remainder
        gate = np.repeat(self.gate, SHAPE[1], axis=0)
        controls = {"cell": (across,), "selector": (s,)}.get(
            element.name, (self.column + s, gate, self.column, s)
        )
        arguments = [*controls]
        for value in values.values():
            arguments.append(np.broadcast_to(value, SHAPE).reshape(-1, 1))
        terms = [np.abs(x * slope) for x, slope in zip(arguments, slopes, strict=True)]
        lost = 2 * EPS * (np.abs(current) + sum(terms))
        return np.where(element.there.reshape(-1, 1), lost, 0.0)
