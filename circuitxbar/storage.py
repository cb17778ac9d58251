"""Saved files: arrays and one JSON header in an .npz, written whole or not at all, never pickle."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from circuitxbar.errors import NetlistError

_HEADER = "circuitxbar"


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there in one step.

    Raises NetlistError when the folder is missing or cannot be written; `path` is then untouched.
    """
    target = _checked_path(path)
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        temporary = None
    except OSError as problem:
        raise NetlistError(
            f"{target}: cannot be written ({problem.strerror}). Choose another path."
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8 with the line ends it has, in one step."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")))


def write_npz(
    path: str | os.PathLike[str], kind: str, header: dict[str, Any], arrays: dict[str, Any]
) -> None:
    """Write `arrays` and the JSON `header` of a `kind` of value to `path`, in one step."""
    text = json.dumps({"kind": kind, "format": 1, **header})
    members = {_HEADER: np.frombuffer(text.encode("utf-8"), dtype=np.uint8), **arrays}
    write_atomically(path, lambda stream: np.savez_compressed(stream, **members))


def read_npz(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, arrays) of a file made by write_npz; NetlistError where it is not one of `kind`."""
    source = _checked_path(path)
    try:
        with source.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            members = {name: data[name] for name in data.files}
        header = json.loads(members.pop(_HEADER).tobytes().decode("utf-8"))
    except OSError as problem:
        raise NetlistError(f"{source}: cannot be read ({problem.strerror or problem}).") from None
    except Exception:  # zip, zlib, numpy and JSON each have their own errors for damaged files
        raise NetlistError(f"{source}: is not a file saved by circuitxbar.") from None
    if not isinstance(header, dict) or header.get("kind") != kind or header.get("format") != 1:
        raise NetlistError(f"{path}: does not hold a {kind} (or a newer version wrote it).")
    return header, members


def _checked_path(path: str | os.PathLike[str]) -> Path:
    try:
        checked = Path(path)
        if b"\0" not in os.fsencode(checked):
            return checked
    except (TypeError, ValueError):
        pass
    what = ascii(path)[:60] if isinstance(path, str) else f"a {type(path).__name__}"
    raise NetlistError(f"path is {what}: expected the name of a file.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
