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

from circuitxbar.errors import SolverError

_IMPORT = re.compile(r"^from (circuitxbar|__future__)[^(\n]*(\([^)]*\))?\n", re.MULTILINE)
_modules: dict[str, ModuleType] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    """A process forked while another thread loads would wait for that thread for ever."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def load(text: str, name: str) -> ModuleType:
    """The module that the Python source `text` is, the same one every time in a process.

    name : what its file name and module name begin with.  The text must stand on its own: stored
    machine code would not see a change in another file of functions that it calls.
    Raises SolverError where neither the user's cache folder nor a temporary one can be written.
    """
    key = f"{name}_{_digest(text)}"
    with _lock:
        if key not in _modules:
            _modules[key] = _imported(_written(text, _folder() / f"{key}.py"), key)
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
    """`path`, holding `text`; left alone where it is there, as numba goes by its time."""
    if not path.exists():
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
    return path


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
    return module
