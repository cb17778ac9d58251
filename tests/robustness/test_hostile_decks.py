"""Decks that want to run, open or fill something: each is refused by name, and nothing happens."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import read_spice

# What Python reports (`sys.addaudithook`) when a program starts programs, connects, opens or
# removes files, or runs text.
_DEEDS = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "urllib.", "open", "exec")
_seen: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(_DEEDS):
        _seen.append(f"{event} {arguments!r}")


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What happens meanwhile."""
    global _watching
    _seen.clear()
    _watching = True
    try:
        yield _seen
    finally:
        _watching = False


@pytest.fixture(autouse=True, scope="module")
def _everything_is_loaded() -> None:
    """Importing a module late opens files; so is everything that reading needs loaded first."""
    read_spice(
        "t\nb1 a 0 i=v(a)\nv1 a 0 pwl(0 0 1 1)\nd1 a 0 m\n.model m d\n.tran 1 2\n.ic v(a)=1\n"
    )
    with pytest.raises(NetlistError):
        read_spice("t\n.ic v(near)=1\nr1 a 0 1\n")


CANARY = "canary.txt"
GOOD = "v1 a 0 1\nr1 a 0 1k\n"

# (deck, what the refusal names); {canary} is a file that must not come to be, {outside} one with
# a secret beside the root.
HOSTILE = [
    ("t\n" + GOOD + ".control\nshell touch {canary}\n.endc\n.end\n", "line 4: .control is refused"),
    ("t\n" + GOOD + ".CONTROL\nshell touch {canary}\n.endc\n", "line 4: .CONTROL is refused"),
    ("t\n" + GOOD + "\t .Control\necho x > {canary}\n.endc\n", "line 4: .Control is refused"),
    ("t\n" + GOOD + ".end\n.control\nshell touch {canary}\n.endc\n", "line 5: .control is refused"),
    ("t\n" + GOOD + ".end\nshell touch {canary}\n", "line 5: 'shell touch"),
    ("t\n" + GOOD + ".control;x\nquit\n.endc\n", "line 4: .control is refused"),
    ("t\n" + GOOD + ".endc\n", "line 4: .endc is refused"),
    ("t\n.include evil.inc\n" + GOOD, "evil.inc, line 2: .control is refused"),
    ("t\n.lib evil.lib x\n" + GOOD, "evil.lib, line 5: .control is refused"),
    ("t\n.include starred.inc\n" + GOOD, "starred.inc, line 1: '*# shell touch"),
    ("t\n" + GOOD + "*# shell touch {canary}\n", "line 4: '*# shell touch"),
    ("t\n" + GOOD + "   *#shell touch {canary}\n", "line 4: '*#shell touch"),
    ("*# shell touch {canary}\n" + GOOD, "line 1: a deck that begins with a command"),
    ("*ng_script\nshell touch {canary}\n", "line 1: a deck that begins with a command"),
    ("*NG_SCRIPT_with_params\nshell touch {canary}\n", "line 1: a deck that begins with a command"),
    (".control\nshell touch {canary}\n.endc\n", "line 1: the first line is the title"),
    ("t\n" + GOOD + ".exec touch {canary}\n", "line 4: .exec is refused"),
    ("t\n" + GOOD + ".csparam x=1\n", "line 4: .csparam is refused"),
    ("t\n" + GOOD + ".func f(x)='x'\n", "line 4: .func is refused"),
    ("t\n" + GOOD + "shell touch {canary}\n", "line 4: it ends too early; expected two nodes that"),
    ("t\n" + GOOD + "!touch {canary}\n", "line 4: '!touch' is no element"),
    ("t\n" + GOOD + "echo x > {canary}\n", "line 4: "),
    ("t\n" + GOOD + "write {canary}\n", "line 4: "),
    ("t\n" + GOOD + "codemodel /lib/x.cm\n", "line 4: "),
    ("t\n" + GOOD + "pre_osdi x.osdi\n", "line 4: 'pre_osdi': coupled lines are not supported"),
    ("t\n" + GOOD + "a1 a 0 m\n.model m d_process(process_file=\"x\")\n", "line 5: 'process_fil"),
    ("t\n" + GOOD + ".model m d_process(process_file=\"x\")\n", "'process_file=' is refused"),
    ("t\n" + GOOD + ".model m d_cosim(simulation=\"./x.so\")\n", "type 'd_cosim' is refused"),
    ("t\n" + GOOD + ".model m d_process\n", "type 'd_process' is refused"),
    ("t\n" + GOOD + ".model m filesource(file=\"/etc/hostname\")\n", "'file=' is refused"),
    ("t\n" + GOOD + ".model m file_source(amploffset=1)\n", "type 'file_source' is refused"),
    ("t\n" + GOOD + ".model m d(is=1 file = 3)\n", "'file =' is refused"),
    ("t\n" + GOOD + "v2 b 0 pwl file=\"x.csv\"\n", "line 4: 'file=' is refused"),
    ("t\n" + GOOD + "v2 b 0 pwl\n+ file\n+ ='x.csv'\n", "line 4: 'file  =' is refused"),
    ("t\n" + GOOD + "r2 a 0 `touch {canary}`\n", "line 4: a backquote is refused"),
    ("t\n" + GOOD + "r2 a 0 1\n.param x=`id`\n", "line 5: a backquote is refused"),
    ("t\n.include /etc/hostname\n", "'/etc/hostname' is not opened"),
    ("t\n.include {outside}\n", "is not opened. Name a file in a folder under the root"),
    ("t\n.include ../secret.txt\n", "'../secret.txt' is not opened"),
    ("t\n.inc 'inner/../../secret.txt'\n", "is not opened"),
    ("t\n.lib ../secret.txt x\n", "'../secret.txt' is not opened"),
    ("t\n.include ~/secret.txt\n", "is not opened"),
    ("t\n.include \"$HOME/secret.txt\"\n", "is not opened"),
    ("t\n.include ${{HOME}}/secret.txt\n", ".include needs one file"),
    ("t\n.include file:///etc/hostname\n", "is not opened"),
    ("t\n.include https://example.org/x.inc\n", "is not opened"),
    ("t\n.include C:\\secret.txt\n", "is not opened"),
    ("t\n.include inner\\..\\secret.txt\n", "is not opened"),
    ("t\n.include link.inc\n", "'link.inc' leads out of the root and is not opened"),
    ("t\n.include folder_link/secret.txt\n", "leads out of the root and is not opened"),
    ("t\n.include pipe\n", "'pipe' is no file"),
    ("t\n.include inner\n", "'inner' is no file"),
    ("t\n.include none.inc\n", "'none.inc' is not there"),
    ("t\n.include loop.inc\n", "loop.inc, line 1: 'loop.inc' includes itself"),
    ("t\n.include bomb0.inc\n", "more than 1000 files are included"),
    ("t\n.include one two\n", ".include needs one file"),
    ("t\n.include\n", ".include needs one file"),
    ("t\n.lib evil.lib\n", ".lib needs a file and a section"),
    ("t\n" + GOOD + "b1 a 0 v=system(v(a))\n", "'system' is not supported"),
    ("t\n" + GOOD + "b1 a 0 v=__import__(v(a))\n", "'__import__' is not supported"),
    ("t\n" + GOOD + ".param x=open(1)\n", "a parameter cannot call 'open'"),
    ("t\n" + GOOD + ".option nginclude=x\n", "the option 'nginclude' is refused"),
    ("t\n" + GOOD + ".options sourcepath=/tmp\n", "the option 'sourcepath' is refused"),
    ("t\n" + GOOD + "r\0 a 0 1\n", r"line 4: the control character '\x00' is refused"),
    ("t\n" + GOOD + "\x1b[2J\n", r"line 4: the control character '\x1b' is refused"),
    ("t\n" + GOOD + "* \x07\n", r"line 4: the control character '\x07' is refused"),
    ("t\n" + GOOD + "* x\r.control\n", r"line 4: the control character '\r' is refused"),
    ("t\n" + GOOD + "r2 a 0 1\u2028.control\n", r"line 4: '\u2028' is not ASCII"),
    ("t\n" + GOOD + "r\u03b1 a 0 1\n", "line 4: '\u03b1' is not ASCII"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with hostile files in it, and a secret beside it."""
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    for secret in (tmp_path / "secret.txt", outside / "secret.txt"):
        secret.write_text("r9 secret 0 1\n")
    canary = tmp_path / CANARY
    (root / "evil.inc").write_text(f"r2 a 0 1\n.control\nshell touch {canary}\n.endc\n")
    (root / "evil.lib").write_text(
        f".lib x\nr2 a 0 1\n.endl\n* outside of any section\n.control\nshell touch {canary}\n"
    )
    (root / "starred.inc").write_text(f"*# shell touch {canary}\n")
    (root / "loop.inc").write_text(".include loop.inc\n")
    for k in range(15):
        (root / f"bomb{k}.inc").write_text(f".include bomb{k + 1}.inc\n" * 3)
    (root / "bomb15.inc").write_text("* end\n")
    (root / "link.inc").symlink_to(tmp_path / "secret.txt")
    (root / "folder_link").symlink_to(outside)
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize("from_file", [False, True], ids=["text", "file"])
@pytest.mark.parametrize(("deck", "message"), HOSTILE, ids=lambda x: repr(x)[:50])
def test_a_hostile_deck_is_refused_and_nothing_happens(
    deck: str, message: str, from_file: bool, folder: Path
):
    canary = folder.parent / CANARY
    text = deck.replace("{canary}", str(canary)).replace("{{", "{").replace("}}", "}")
    text = text.replace("{outside}", str(folder.parent / "secret.txt"))
    given: Any = text
    if from_file:
        given = folder / "deck.cir"
        given.write_bytes(text.encode())
    before = sorted(folder.parent.rglob("*"))
    with watched() as seen, pytest.raises(NetlistError) as caught:
        read_spice(given, root=folder)
    told = str(caught.value)
    assert message in told
    assert re.match(r"[\w/.]+, line \d+: ", told)
    assert told.replace("\u03b1", "").isprintable()
    assert "r9" not in told
    assert len(told) < 1000
    opened = [event for event in seen if not event.startswith("os.listdir")]
    for event in opened:
        assert event.startswith(f"open ('{folder}/"), event
        assert "secret" not in event
        assert ", 'r', " in event
    assert sorted(folder.parent.rglob("*")) == before
    assert not canary.exists()


def test_text_without_a_root_opens_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    for card in (".include evil.inc", ".lib evil.lib x", '.inc "/etc/hostname"'):
        with (
            watched() as seen,
            pytest.raises(NetlistError, match=r"line 2: .* is not opened: text"),
        ):
            read_spice(f"t\n{card}\n")
        assert seen == []


def test_a_root_that_is_none_is_refused(folder: Path):
    for root in (folder / "none", folder / "evil.inc", 5, "a\0b"):
        with pytest.raises(NetlistError, match=r"^root = .* is no folder\.$"):
            read_spice("t\nr1 a 0 1\n", root=root)  # pyright: ignore[reportArgumentType]


def test_the_watch_sees_what_it_should(folder: Path):
    with watched() as seen:
        (folder / "evil.inc").read_bytes()
        eval("1")
    assert any(event.startswith("open") for event in seen)
    assert any(event.startswith("exec") for event in seen)


def test_large_decks_are_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("circuitxbar.netlist.reader.lines.MOST_CHARACTERS", 1000)
    with pytest.raises(NetlistError, match="more than 1000 characters"):
        read_spice("t\n" + "* filler\n" * 200)
    (folder / "large.inc").write_text("* filler\n" * 60)
    with pytest.raises(NetlistError, match="with all that is included"):
        read_spice("t\n.include large.inc\n.include large.inc\n", root=folder)


def test_long_words_cost_no_time():
    """Each of them took minutes where a pattern tried every place to begin and to end."""
    long = "1" * 200_000
    for text in (
        f"r1 a 0 {long}!", f".subckt s {'a' * 200_000} b", f".param {'a' * 200_000}",
        f"b1 a 0 v={long}!", f".ic v({long}", f".noise v({long} v1", f"x{long} a b",
        f".model {'a' * 200_000}", f".subckt {' '.join(f'p{k}' for k in range(50_000))}",
        f"r1 a 0 {'{' * 100_000}", f"file{' ' * 200_000}x", f".param a={'(' * 15_000}",
    ):  # fmt: skip
        with pytest.raises(NetlistError) as caught:
            read_spice(f"t\n{text}\n")
        assert len(str(caught.value)) < 2000
