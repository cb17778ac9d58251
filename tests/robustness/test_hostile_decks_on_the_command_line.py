"""Hostile decks through `circuitxbar run`: refused before an engine starts; nothing happens."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from robustness.commands import assert_one_line
from robustness.test_hostile_decks import CANARY, HOSTILE, folder, watched

from circuitxbar.cli import main

__all__ = ["folder"]  # a fixture of those tests

# What Python reports when a program starts another one or opens a connection.
_DEEDS = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.")
_NETWORK = ("socket.", "urllib.", "ftplib.", "http.", "smtplib.")


@pytest.fixture(autouse=True, scope="module")
def _everything_is_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Importing late opens files, and an engine starts its program: not what is watched for."""
    path = tmp_path_factory.mktemp("good") / "good.cir"
    path.write_text("t\nv1 a 0 1\nr1 a 0 1\n.op\n")
    assert main(["run", str(path)]) == 0
    assert main(["run", str(path), "--engine", "ngspice"]) == 0


@pytest.mark.parametrize("engine", ["nodal", "ngspice"])
@pytest.mark.parametrize(("deck", "message"), HOSTILE, ids=lambda x: repr(x)[:50])
def test_it_is_refused_and_nothing_happens(
    deck: str,
    message: str,
    engine: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    canary = folder.parent / CANARY
    text = deck.replace("{canary}", str(canary)).replace("{{", "{").replace("}}", "}")
    text = text.replace("{outside}", str(folder.parent / "secret.txt"))
    path = folder / "deck.cir"
    path.write_bytes(text.encode())
    monkeypatch.chdir(folder)
    capsys.readouterr()
    before = sorted(folder.parent.rglob("*"))
    words = ["run", "deck.cir", "--engine", engine, "-o", "out.csv", "--plot", "v(a)"]
    with watched() as seen:
        code = main(words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert "r9" not in err  # the secret
    assert " ".join(message.split()) in " ".join(err.split())
    assert sorted(folder.parent.rglob("*")) == before
    assert not canary.exists()
    assert [event for event in seen if event.startswith((*_DEEDS, *_NETWORK))] == []
    written = [e for e in seen if e.startswith("open (") and ", 'r" not in e and "None" not in e]
    assert written == []


def test_the_watch_sees_programs_and_connections():
    with watched() as seen:
        subprocess.run([sys.executable, "-c", ""], check=True)
        socket.socket().close()
    assert any(event.startswith(_DEEDS) for event in seen)
    assert any(event.startswith(_NETWORK) for event in seen)
