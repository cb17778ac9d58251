"""Saved files: arrays and one JSON header in an .npz, written whole or not at all, never pickle."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from circuitxbar.errors import NetlistError

_HEADER = "circuitxbar"

# Bytes. Far more than any array that can be solved needs, while a file of compressed zeros unpacks
# to a thousand times its size: beyond the limit one is refused before it fills the memory.
_LARGEST = 4 * 2**30


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there in one step.

    Raises NetlistError when the folder is missing or cannot be written; `path` is then untouched.
    """
    target = _checked_path(path)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        # "x" takes over no file that is there, and gives ours the rights of any new one.
        stream = temporary.open("xb")
        try:
            with stream:
                write(stream)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise NetlistError(
            f"{target}: cannot be written ({problem.strerror}). Choose another path."
        ) from None


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
    with open_npz(path) as members:
        header = _header(members)
        if header.get("kind") != kind or header.get("format") != 1:
            raise NetlistError(f"{path}: does not hold a {kind} (or a newer version wrote it).")
        return header, {name: members[name] for name in members.files if name != _HEADER}


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """The `kind` of the file that write_npz made at `path`, arrays unread; None for other files."""
    try:
        with open_npz(path) as members:
            kind = _header(members).get("kind")
    except NetlistError:
        return None
    return kind if isinstance(kind, str) else None


@contextmanager
def open_npz(
    path: str | os.PathLike[str], otherwise: str = "is not a file saved by circuitxbar"
) -> Iterator[Any]:
    """The members of the .npz at `path` by name, each read when it is asked for.

    Raises NetlistError where the file cannot be read or is too large, and, saying `otherwise`,
    where it or a member that is asked for is damaged or missing.
    """
    source = _checked_path(path)
    try:
        with source.open("rb") as stream, np.load(stream, allow_pickle=False) as members:
            # No member unpacks to more than its entry declares: zipfile stops there.
            size = sum(member.file_size for member in members.zip.infolist())
            if size > _LARGEST:
                raise NetlistError(
                    f"{source}: has {size} bytes when unpacked. At most {_LARGEST} are read."
                )
            yield members
    except NetlistError:
        raise
    except OSError as problem:
        raise NetlistError(f"{source}: cannot be read ({problem.strerror or problem}).") from None
    except Exception:  # zip, zlib, numpy and JSON each have their own errors for damaged files
        raise NetlistError(f"{source}: {otherwise}.") from None


def _header(members: Any) -> dict[str, Any]:
    header = json.loads(members[_HEADER].tobytes().decode("utf-8"))
    return header if isinstance(header, dict) else {}


def _checked_path(path: str | os.PathLike[str]) -> Path:
    try:
        checked = Path(path)
        if b"\0" not in os.fsencode(checked):
            return checked
    except (TypeError, ValueError):
        pass
    what = ascii(path)[:60] if isinstance(path, str) else f"a {type(path).__name__}"
    raise NetlistError(f"path is {what}: expected the name of a file.")
