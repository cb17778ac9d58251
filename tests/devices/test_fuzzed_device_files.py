"""Files from nobody's hand: each is a device that works, or a ModelError.

Twenty thousand of them in all; two thousand are tried without those marked slow.
"""

from __future__ import annotations

import builtins
import importlib
import pkgutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from devices.fuzzed_files import NASTY, fuzzed

import circuitxbar.devices
from circuitxbar.devices.library import device
from circuitxbar.devices.model_file import parse_device
from circuitxbar.errors import ModelError

COUNT, PARTS = 20_000, 10
LONGEST = 20  # seconds that one file may take, on however busy a machine

# What Python reports (`sys.addaudithook`) when a program starts programs, connects, removes files,
# or runs or compiles text of its own.
_DEEDS = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "urllib.", "webbrowser.")
_seen: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event.startswith(_DEEDS):
        _seen.append(f"{event} {arguments!r:.100}")
    elif event == "exec":
        run = arguments[0].co_filename
        if not run.startswith("<law of ") and not run.endswith(".py"):  # a module, imported late
            _seen.append(f"exec {run}")


sys.addaudithook(_watch)
# What is imported late runs the text of its own dataclasses.
for _module in pkgutil.walk_packages(circuitxbar.devices.__path__, "circuitxbar.devices."):
    importlib.import_module(_module.name)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails when any text is run, or when nothing comes back."""
    global _watching
    _seen.clear()
    monkeypatch.setattr(builtins, "canary", lambda *_: _seen.append("canary"), raising=False)

    def too_long(*_: Any) -> None:
        raise TimeoutError(f"no answer in {LONGEST} s")

    before = signal.signal(signal.SIGALRM, too_long)
    _watching = True
    try:
        yield
    finally:
        _watching = False
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert _seen == []


def outcome(path: Path, content: bytes) -> bool:
    """Whether `content` is a device that gave numbers. Anything but a ModelError comes out."""
    signal.alarm(LONGEST)
    try:
        model = parse_device(content.decode("utf-8"), "fuzz.toml")
    except UnicodeDecodeError:
        path.write_bytes(content)
        with pytest.raises(ModelError, match="is not UTF-8 text"):
            device(path)
        return False
    except ModelError as refusal:
        assert_one_line(refusal)
        return False
    names = (*model.valid, "temperature", *model.values)
    by = names[len(content) % len(names)]
    try:
        text = model.spice()
        slope = model.slope(*map(middle, model.valid.values()), by=by)
    except ModelError as refusal:  # not finite there, or a text too long
        assert_one_line(refusal)
        return False
    assert text.startswith(".subckt ")
    assert text.isascii()
    assert np.isfinite(slope)
    return True


def middle(valid: tuple[float, float]) -> float:
    low, high = valid
    return 0.6 * low + 0.4 * high


def assert_one_line(refusal: ModelError) -> None:
    assert str(refusal).isprintable()
    assert len(str(refusal)) < 1000


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))]
)
def test_a_file_is_a_device_or_refused(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    size = COUNT // PARTS
    path = tmp_path / "fuzz.toml"
    assert device("sinh").slope(0.1, 1e-3) > 0  # loads what computes, which runs text of its own
    with watched(monkeypatch):
        used = sum(outcome(path, fuzzed(k)) for k in range(part * size, (part + 1) * size))
    assert 0.2 * size < used < 0.8 * size


def test_the_watch_sees_a_text_that_is_run(monkeypatch: pytest.MonkeyPatch):
    for text in (NASTY[0], "__import__('os').system('true')"):
        with pytest.raises(AssertionError), watched(monkeypatch):
            eval(text)
