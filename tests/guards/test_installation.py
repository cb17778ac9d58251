"""The package works where it is installed, from a wheel and in place, from another directory.

Each test makes a fresh virtual environment that borrows the packages of the running one,
but not its circuitxbar, and asks no package index for anything.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PROBE = """
import numpy as np
import circuitxbar as cx

conductances = np.array([[1e-5, 2e-5], [3e-5, 4e-5]])
ideal = cx.Crossbar(conductances, wires=cx.Wires(0.0, 0.0))
solution = cx.solve(ideal, [0.1, 0.2])
np.testing.assert_allclose(solution.currents, [7e-6, 10e-6], rtol=1e-12)
assert cx.device("linear").name == "linear"
print(cx.__file__)
"""


def run(*command: object, folder: Path) -> str:
    """What `command` prints when it runs in `folder`, without the caller's PYTHONPATH."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def python(tmp_path):
    """The interpreter of a fresh environment beside the packages of this one."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=os.name != "nt")
    own = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", own))
    # Files in the .pth of a borrowed folder are not read, so an in-place circuitxbar stays hidden.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return Path(sysconfig.get_path("scripts", "venv", own)) / "python"


def install(python: Path, *what: object) -> None:
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        *offline,
        *what,
        folder=REPOSITORY,
    )


def test_installed_from_a_wheel(python, tmp_path):
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path)
    run(sys.executable, *build, folder=REPOSITORY)
    (wheel,) = tmp_path.glob("*.whl")
    install(python, wheel)
    location = Path(run(python, "-c", PROBE, folder=tmp_path).strip())
    assert location.is_relative_to(tmp_path)
    carried = {path.name for path in (location.parent / "device_models").iterdir()}
    assert carried == {path.name for path in (REPOSITORY / "device_models").iterdir()}


def test_installed_in_place(python, tmp_path):
    install(python, "--editable", REPOSITORY)
    location = Path(run(python, "-c", PROBE, folder=tmp_path).strip())
    assert location == REPOSITORY / "circuitxbar" / "__init__.py"
    left = {path.name for path in python.parents[1].rglob("*.toml")}
    assert not left, "an in-place installation must not copy the device models"
