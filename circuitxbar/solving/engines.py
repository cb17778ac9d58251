"""The engines, and which one answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from circuitxbar.arguments import shown
from circuitxbar.array import engine as array
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.crossbar import Crossbar
from circuitxbar.circuit.curves import Curves
from circuitxbar.circuit.drive import Drive
from circuitxbar.circuit.noise import Noise
from circuitxbar.circuit.operating_point import OperatingPoint
from circuitxbar.circuit.solution import Answer, Request
from circuitxbar.errors import CircuitError
from circuitxbar.ngspice import analyses
from circuitxbar.ngspice import engine as ngspice
from circuitxbar.nodal import engine as nodal
from circuitxbar.nodal.modified import engine as modified
from circuitxbar.nodal.modified.noise import noise


def _no_circuits(*_: object, **__: object) -> Any:
    raise AssertionError("engine_for_circuit lets no such engine pass")


@dataclass(frozen=True)
class Engine:
    """One way to answer: for crossbars, for circuits, and whether it can run on this machine.

    operating_point : None for an engine that takes no circuits.
    refusal : why it does not take a crossbar; empty where it does.
    streams : whether it bounds its memory itself, however many vectors there are.
    """

    solve: Callable[[Crossbar, Drive, Request], Answer]
    operating_point: Callable[[Circuit], OperatingPoint] | None
    is_present: Callable[[], bool]
    refusal: Callable[[Crossbar], str] = lambda crossbar: ""
    streams: bool = False
    dc_sweep: Callable[..., Curves] = _no_circuits
    transient: Callable[..., Curves] = _no_circuits
    ac: Callable[..., Curves] = _no_circuits
    noise: Callable[..., Noise] = _no_circuits


ENGINES: dict[str, Engine] = {
    "array": Engine(array.solve, None, lambda: True, array.refusal, streams=True),
    "nodal": Engine(
        nodal.solve,
        nodal.operating_point,
        lambda: True,
        dc_sweep=modified.dc_sweep,
        transient=modified.transient,
        ac=modified.ac,
        noise=noise,
    ),
    "ngspice": Engine(
        ngspice.solve,
        ngspice.operating_point,
        ngspice.is_present,
        dc_sweep=analyses.dc_sweep,
        transient=analyses.transient,
        ac=analyses.ac,
        noise=analyses.noise,
    ),
}
# Cells times vectors from which on the array engine is worth loading its compiled code.
_LINEAR, _WITH_LAWS = 16_384, 1_024


def present_engines() -> tuple[str, ...]:
    """The names of the engines that can run on this machine."""
    return tuple(name for name, engine in ENGINES.items() if engine.is_present())


def check_engine_name(name: object) -> None:
    """CircuitError listing the engines where `name` is none of them."""
    if not isinstance(name, str) or name not in ("auto", *ENGINES):
        raise CircuitError(f"engine = {shown(name)}: choose one of auto, {', '.join(ENGINES)}.")


def engine_for_array(name: str, crossbar: Crossbar, vectors: int) -> str:
    """The name of the engine that answers for `vectors` of `crossbar`.

    Raises CircuitError for an unknown name and for an engine that does not take the array.
    """
    check_engine_name(name)
    if name == "auto":
        enough = _LINEAR if crossbar.is_linear else _WITH_LAWS
        small = crossbar.conductances.size * vectors < enough
        return "nodal" if small or array.refusal(crossbar) else "array"
    reason = ENGINES[name].refusal(crossbar)
    if reason:
        raise CircuitError(f'engine = "{name}" does not take this array: {reason}. Use "nodal".')
    return name


def engine_for_circuit(name: str) -> Engine:
    """The engine called `name` that takes a circuit; nodal for "auto"."""
    check_engine_name(name)
    engine = ENGINES["nodal" if name == "auto" else name]
    if engine.operating_point is None:
        raise CircuitError(f'engine = "{name}" takes crossbars only. Use "nodal" or "ngspice".')
    return engine
