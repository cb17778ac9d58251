"""Commands in a folder of their own that holds a.toml, g.csv and v.csv."""

from pathlib import Path

import numpy as np
import pytest
from robustness.commands import ARRAY, CONDUCTANCES, VOLTAGES, assert_one_line

from circuitxbar.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with an array and voltages, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("g.csv", CONDUCTANCES, delimiter=",", fmt="%.17g")
    np.savetxt("v.csv", VOLTAGES, delimiter=",", fmt="%.17g")
    Path("a.toml").write_text(ARRAY)
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Exit code, standard output and standard error of a command in this process."""

    def command(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def refused(run, folder):
    """The one line on stderr of a command that must fail with `code` and leave no file behind."""

    def command(code: int, *words: str) -> str:
        before = sorted(folder.rglob("*"))
        got, out, err = run(*words)
        assert got == code, err
        assert_one_line(err)
        assert out == ""
        assert sorted(folder.rglob("*")) == before
        return err

    return command


@pytest.fixture
def no_ngspice(monkeypatch, folder):
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(folder / "none.so"))
