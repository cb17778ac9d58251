"""Where compiled code is kept, found again, and mended."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from circuitxbar import compiling

ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys
from circuitxbar.compiling import load
TEXT = '''
from numba import njit

@njit(cache=True, nogil=True)
def twice(x):
    return 2.0 * x + {salt}
'''
def run(salt=0.0):
    module = load(TEXT.format(salt=salt), "probe")
    assert module.twice(21.0) == 42.0 + salt
    return module
"""


def python(script: str, tmp_path: Path, **environment: str) -> str:
    """What `script`, run with SCRIPT before it, prints; caches under tmp_path."""
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    (tmp_path / "script.py").write_text(SCRIPT + script)
    run = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env={**kept, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_stored_code_is_used_again_and_knows_its_text(tmp_path):
    told = "m = run(); print(sum(m.twice.stats.cache_hits.values()), m.__file__)"
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    first, second = (python(told, tmp_path, **home).split() for _ in range(2))
    assert (first[0], second[0]) == ("0", "1")
    assert first[1] == second[1]
    other = python(told.replace("run()", "run(5.0)"), tmp_path, **home).split()
    assert other[0] == "0"
    assert other[1] != first[1]


def test_without_a_place_to_keep_code_it_is_kept_for_the_process(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")  # a folder cannot be made in a file, not even by the superuser
    told = "print(run().__file__)"
    for environment in ({"XDG_CACHE_HOME": str(blocked), "HOME": str(blocked)}, {}):
        path = Path(python(told, tmp_path, **environment).strip())
        if environment:
            assert path.is_relative_to(tmp_path)
            assert not path.parent.exists()  # and cleared away
    assert not (tmp_path / "~").exists()


def test_forked_pools_and_threads_load_together(tmp_path):
    told = """
import multiprocessing, concurrent.futures as futures
def job(salt):
    run(salt)
    return salt
if __name__ == "__main__":
    with futures.ThreadPoolExecutor(8) as pool:
        assert len({id(m) for m in pool.map(run, [1.0] * 8)}) == 1
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(sum(pool.map(job, [0.0, 1.0, 2.0, 3.0, 2.0])))
"""
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    assert python(told, tmp_path, **home).split() == ["8.0"]


def test_two_processes_may_write_at_once(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT + "run()")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, str(tmp_path / "script.py")]
    runs = [
        subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for run in runs:
        _, told = run.communicate(timeout=120)
        assert run.returncode == 0, told
    assert not list((tmp_path / "cache").rglob("*.partial"))


# ---------------------------------------------------------------- in this process

BOTH = """
from numba import cfunc, njit

@njit(cache=True, nogil=True)
def twice(x):
    return 2.0 * x

@cfunc("float64(float64)", cache=True)
def thrice(x):
    return 3.0 * x
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_folder", lambda: tmp_path)
    monkeypatch.setattr(compiling._Stored, "told", False)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    return tmp_path


def anew(monkeypatch) -> tuple[int, int]:
    """Load BOTH as another process would, use it; which of the two functions were stored."""
    monkeypatch.setattr(compiling, "_modules", {})
    module = compiling.load(BOTH, "both")
    assert module.twice(21.0) == 42.0
    assert module.thrice.ctypes(21.0) == 63.0
    return sum(module.twice.stats.cache_hits.values()), module.thrice.cache_hits


DAMAGES = {
    "empty": lambda content: b"",
    "garbage": lambda content: bytes(range(255, -1, -1)) * (len(content) // 256 + 1),
    "truncated": lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ending", [".py", ".pyc", ".nbi", ".nbc"])
@pytest.mark.filterwarnings("error")
def test_damaged_files_are_replaced(ending, damage, folder, monkeypatch):
    assert anew(monkeypatch) == (0, 0)
    assert anew(monkeypatch) == (1, 1)
    files = [file for file in folder.rglob("both_*") if file.suffix == ending]
    before = {file: file.read_bytes() for file in files}
    assert len(before) == {".nbi": 2, ".nbc": 2}.get(ending, 1)
    for file, content in before.items():
        file.write_bytes(DAMAGES[damage](content))
    anew(monkeypatch)
    assert anew(monkeypatch) == (1, 1)
    for file, content in before.items():
        assert ending != ".py" or file.read_bytes() == content


def test_a_text_that_cannot_be_imported_says_so(folder):
    with pytest.raises(ZeroDivisionError):
        compiling.load("1 / 0", "wrong")
    assert not [name for name in sys.modules if name.startswith("wrong_")]


def test_compiling_is_told_once_to_who_wants_to_know(folder, monkeypatch, caplog):
    with caplog.at_level(logging.INFO, logger="circuitxbar"):
        anew(monkeypatch)
        anew(monkeypatch)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("circuitxbar", "INFO")
    assert str(folder) in record.getMessage()
    monkeypatch.setattr(compiling._Stored, "told", False)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="circuitxbar"):
        assert anew(monkeypatch) == (1, 1)
    assert not caplog.records
