"""The one door for compiled code: source text -> a module whose machine code is kept on disk.

numba stores what it compiled beside the file that it came from, and only a file can be stored
for. So every text is written to a cache folder under a name that changes with the text, the
versions and the processor, and imported from there: nothing stored is ever out of date, and the
package itself may be read-only.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from circuitxbar.errors import SolverError

_IMPORT = re.compile(r"^from (circuitxbar|__future__)[^(\n]*(\([^)]*\))?\n", re.MULTILINE)
_modules: dict[str, ModuleType] = {}
_lock = threading.Lock()
_log = logging.getLogger("circuitxbar")


def _renew_lock() -> None:
    """A process forked while another thread loads would wait for that thread for ever."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def load(text: str, name: str) -> ModuleType:
    """The module that the Python source `text` is, the same one every time in a process.

    name : what its file name and module name begin with.  The text must stand on its own: stored
    machine code would not see a change in another file of functions that it calls.  Stored files
    that are damaged are replaced.
    Raises SolverError where neither the user's cache folder nor a temporary one can be written.
    """
    key = f"{name}_{_digest(text)}"
    with _lock:
        if key not in _modules:
            path = _folder() / f"{key}.py"
            try:
                _modules[key] = _imported(_written(text, path), key)
            except Exception:  # whatever a damaged file is read as
                _discard(path)
                _modules[key] = _imported(_written(text, path), key)
        return _modules[key]


def joined(package: str, parts: Sequence[str]) -> str:
    """The text of the modules `parts` of `package` as one, without their imports of each other."""
    texts = [(files(package) / f"{part}.py").read_text(encoding="utf-8") for part in parts]
    return "\n".join(["from __future__ import annotations", *(_IMPORT.sub("", t) for t in texts)])


def _digest(text: str) -> str:
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    versions = (numba.__version__, llvmlite.__version__, numpy.__version__, sys.version)
    processor = (platform.machine(), llvmlite.binding.get_host_cpu_name())
    told = "\n".join((*versions, *processor, text))
    return hashlib.sha256(told.encode()).hexdigest()[:24]


@cache
def _folder() -> Path:
    """A folder that can be written: of the user, or one that lasts as long as this process."""
    import platformdirs

    kept = Path(platformdirs.user_cache_dir("circuitxbar")) / "compiled"
    # Without a home the path begins with an unexpanded ~ and would depend on where we run.
    if kept.is_absolute() and _can_be_written(kept):
        return kept
    try:
        passing = Path(tempfile.mkdtemp(prefix="circuitxbar-"))
    except OSError as problem:
        raise SolverError(
            f"compiled code can be kept neither in {kept} nor in a temporary folder ({problem}). "
            "Make one of them writable, or use engine='nodal'."
        ) from None
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked child: its parent still needs the folder
            shutil.rmtree(passing, ignore_errors=True)

    atexit.register(remove)
    return passing


def _can_be_written(folder: Path) -> bool:
    try:
        beside = folder / "__pycache__"  # where numba stores
        beside.mkdir(parents=True, exist_ok=True)
        for place in (folder, beside):
            with tempfile.TemporaryFile(dir=place):
                pass
    except OSError:
        return False
    return True


def _written(text: str, path: Path) -> Path:
    """`path`, holding `text`; left alone where it does, as numba goes by its time."""
    content = text.encode()
    if not path.exists() or path.read_bytes() != content:
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with open(handle, "wb") as file:
                file.write(content)
            os.replace(partial, path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    return path


def _discard(path: Path) -> None:
    """Remove the file `path` and all that is stored of it."""
    bytecode = Path(importlib.util.cache_from_source(path))
    for file in (path, bytecode, *path.parent.glob(f"__pycache__/{path.stem}.*")):
        file.unlink(missing_ok=True)


class _Stored:
    """What numba has stored of a function, but for what is damaged: that is compiled anew."""

    told = False

    def __init__(self, stored: Any) -> None:
        self._stored = stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The machine code for this signature; None where there is none, or none to be read."""
        try:
            found = self._stored.load_overload(signature, context)
        except Exception:  # whatever a damaged file is read as
            self._stored.flush()
            found = None
        if found is None and not _Stored.told:
            _Stored.told = True
            folder = self._stored.cache_path
            _log.info("compiling the array engine, kept in %s: in all about 10 s, once", folder)
        return found


def _imported(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where numba looks for it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    for function in vars(module).values():
        stored = getattr(function, "_cache", None)
        if getattr(stored, "cache_path", None) is not None:
            function._cache = _Stored(stored)
    return module
