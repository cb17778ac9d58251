"""`import circuitxbar` stays light, and no module of the package imports the package root."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import circuitxbar

PACKAGE = Path(circuitxbar.__file__).parent
HEAVY = {"torch", "matplotlib", "PySpice", "dask", "sympy", "numba", "xarray"}


def loaded_by(statement: str, folder: Path) -> set[str]:
    """Top-level names in sys.modules after `statement` in a fresh process that runs in `folder`."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def root_imports(source: str, module: str) -> list[int]:
    """Lines of `source`, the text of `module`, that bind the package root or a name out of it."""
    root = module.partition(".")[0]
    lines = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                # `import root.part` binds `root`; only `import root.part as name` does not.
                found = any(
                    name.name == root or (name.name.startswith(root + ".") and not name.asname)
                    for name in names
                )
            case ast.ImportFrom(module=name, level=0):
                found = name == root
            case ast.ImportFrom(module=name, level=level):
                found = name is None and len(module.split(".")) - level <= 1
            case _:
                continue
        if found:
            lines.append(node.lineno)
    return lines


def test_import_loads_nothing_heavy(tmp_path):
    loaded = loaded_by("import circuitxbar", tmp_path)
    assert "circuitxbar" in loaded
    assert not loaded & HEAVY


def test_the_probe_sees_what_an_import_loads(tmp_path):
    assert "sympy" in loaded_by("import circuitxbar, sympy", tmp_path)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_no_module_imports_the_package_root(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    lines = root_imports(path.read_text(encoding="utf-8"), ".".join(parts))
    assert not lines, f"{path.relative_to(PACKAGE)}, lines {lines}: import from the module itself."


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("import circuitxbar", False),
        ("import circuitxbar as cx", False),
        ("import numpy, circuitxbar.errors", False),
        ("from circuitxbar import errors", False),
        ("def f():\n    from .. import errors", False),
        ("from circuitxbar.errors import ModelError", True),
        ("import circuitxbar.errors as errors", True),
        ("from . import wires", True),
        ("from ..errors import ModelError", True),
        ("import circuitxbar_other", True),
    ],
)
def test_the_scan_tells_root_imports_from_others(source, allowed):
    assert (root_imports(source, "circuitxbar.circuit.crossbar") == []) is allowed
