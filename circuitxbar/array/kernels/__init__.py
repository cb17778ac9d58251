"""The law-free kernels of the array engine, for blocks of input vectors of one width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from types import ModuleType

from circuitxbar.array.compiling import load

_PARTS = ("lanes", "factors", "kirchhoff", "symmetric", "unsymmetric")
_IMPORT = re.compile(r"^from (circuitxbar|__future__)[^(\n]*(\([^)]*\))?\n", re.MULTILINE)


@cache
def kernels(width: int, own: bool, bits: int = 64) -> ModuleType:
    """All kernels as one module, since stored machine code would not see a change in another one.

    width : vectors side by side.  own : whether slopes are those of each vector.
    bits : 64, or 32, in which factors and conjugate gradients do where a Newton step follows.
    """
    return _joined(_PARTS, f"kernels_{width}_{int(own)}_{bits}", width, own, bits)


@cache
def displacement(width: int) -> ModuleType:
    """The kernels of currents through capacitors, `width` vectors side by side."""
    return _joined(("lanes", "displacement"), f"displacement_{width}", width, True, 64)


def _joined(parts: Sequence[str], name: str, width: int, own: bool, bits: int) -> ModuleType:
    texts = [(files(__name__) / f"{part}.py").read_text(encoding="utf-8") for part in parts]
    text = "\n".join(_IMPORT.sub("", text) for text in texts)
    text = text.replace("\nWIDTH = 8\n", f"\nWIDTH = {width}\n")
    text = text.replace("\nOWN = 1\n", f"\nOWN = {int(own)}\n")
    text = text.replace("\nBITS = 64\n", f"\nBITS = {bits}\n")
    return load("from __future__ import annotations\n" + text, name)
