"""The law-free kernels of the array engine, for blocks of input vectors of one width."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import ModuleType

from circuitxbar.compiling import joined, load

_PARTS = ("lanes", "factors", "kirchhoff", "symmetric", "unsymmetric")


@cache
def kernels(width: int, own: bool, bits: int = 64) -> ModuleType:
    """All kernels as one module, since stored machine code would not see a change in another one.

    width : vectors side by side.  own : whether slopes are those of each vector.
    bits : 64, or 32, in which factors and conjugate gradients do where a Newton step follows.
    """
    return _specialised(_PARTS, f"kernels_{width}_{int(own)}_{bits}", width, own, bits)


@cache
def displacement(width: int) -> ModuleType:
    """The kernels of currents through capacitors, `width` vectors side by side."""
    return _specialised(("lanes", "displacement"), f"displacement_{width}", width, True, 64)


def _specialised(parts: Sequence[str], name: str, width: int, own: bool, bits: int) -> ModuleType:
    text = joined(__name__, parts)
    text = text.replace("\nWIDTH = 8\n", f"\nWIDTH = {width}\n")
    text = text.replace("\nOWN = 1\n", f"\nOWN = {int(own)}\n")
    text = text.replace("\nBITS = 64\n", f"\nBITS = {bits}\n")
    return load(text, name)
