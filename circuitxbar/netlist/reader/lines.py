"""Text -> logical lines: comments dropped, continuations joined, files read under one root only."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from circuitxbar.arguments import shown
from circuitxbar.errors import NetlistError

MOST_CHARACTERS = 100_000_000  # of a deck with all that it includes
MOST_FILES = 1000
DEEPEST_INCLUDE = 20

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_COMMENT = re.compile(r";|(?:^|(?<=[\s,]))\$")
_SCRIPT = re.compile(r"\s*\*#|\s*\*ng_script", re.IGNORECASE)
_COMMAND = re.compile(r"\s*\.(control|endc)\b", re.IGNORECASE)
_FILE = re.compile(r"\b\w*file\s*=", re.IGNORECASE)
_INCLUDE = re.compile(r"\.(inc|incl|include|lib)\b", re.IGNORECASE)
_PATH = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|(\S+))")
_FOREIGN_PATH = re.compile(r"^[/\\~]|^[A-Za-z]:|[\\$`{}|<>*?]|://")


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: where it begins, and its text in one row."""

    file: str
    number: int
    raw: str

    @property
    def text(self) -> str:
        """The text as SPICE reads it, in lower case."""
        return self.raw.lower()

    @property
    def place(self) -> str:
        """File and line number, as messages begin."""
        return f"{self.file}, line {self.number}"

    def error(self, text: str) -> NetlistError:
        """The refusal of this line."""
        return NetlistError(f"{self.place}: {text}")


class Sources:
    """Reads a deck and what it includes; no file outside `root` is opened, none at all without."""

    def __init__(self, root: Path | None):
        self.root = root
        self.characters = 0
        self.files = 0

    def deck(self, text: str, file: str, folder: Path | None) -> tuple[str, list[Line]]:
        """(title, logical lines) of the text of a whole deck."""
        first, _, rest = text.partition("\n")
        self._checked(text, file)
        plain = first.encode("ascii", "replace").decode()
        title = Line(file, 1, " ".join(plain.split()))
        if _SCRIPT.match(title.raw):
            raise title.error("a deck that begins with a command for the simulator is refused.")
        if title.raw.startswith((".", "+")) and not title.text.startswith(".title"):
            raise title.error(
                f"the first line is the title, and {title.raw!r:.40} is a card. "
                "Begin with a title or an empty line."
            )
        lines = list(self._expanded(_logical(rest, file, 2), folder, ()))
        words = title.raw[6:] if title.text.startswith(".title") else title.raw.lstrip("*")
        return words.strip(), lines

    def _checked(self, text: str, file: str) -> None:
        self.characters += len(text)
        if self.characters > MOST_CHARACTERS:
            raise NetlistError(
                f"{file}: with all that is included the deck has more than {MOST_CHARACTERS} "
                "characters. Split it."
            )
        if not text.isascii():
            _check_plain(text, file)
        if found := _CONTROL.search(text):
            number = text.count("\n", 0, found.start()) + 1
            raise NetlistError(
                f"{file}, line {number}: the control character {found[0]!r} is refused. Remove it."
            )

    def _expanded(
        self, lines: list[Line], folder: Path | None, inside: tuple[tuple[Path, str], ...]
    ) -> Iterator[Line]:
        """The lines with those of included files in place of .include and .lib, up to .end."""
        ended = False
        for line in lines:
            if ended:
                raise line.error(f"{line.raw!r:.40} comes after .end. Remove it, or move it up.")
            if line.raw[0] == "." and _INCLUDE.match(line.raw):
                yield from self._included(line, folder, inside)
            elif line.raw[0] == "." and line.text.split()[0] == ".end":
                ended = True
            else:
                yield line

    def _included(
        self, line: Line, folder: Path | None, inside: tuple[tuple[Path, str], ...]
    ) -> Iterator[Line]:
        card, *rest = line.raw.split(None, 1)
        words = [next(filter(None, groups), "") for groups in _PATH.findall("".join(rest))]
        is_library = card.lower() == ".lib"
        if len(words) != 1 + is_library:
            wanted = "a file and a section" if is_library else "one file"
            raise line.error(f"{card.lower()} needs {wanted}.")
        path = self._path(line, words[0], folder)
        section = words[1].lower() if is_library else ""
        if (path, section) in inside:
            raise line.error(f"{words[0]!r} includes itself.")
        if len(inside) >= DEEPEST_INCLUDE:
            raise line.error(f"files are included more than {DEEPEST_INCLUDE} deep.")
        self.files += 1
        if self.files > MOST_FILES:
            raise line.error(f"more than {MOST_FILES} files are included.")
        assert self.root is not None
        name = path.relative_to(self.root).as_posix()
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            told = "it is not text" if isinstance(problem, UnicodeDecodeError) else problem.strerror
            raise line.error(f"{words[0]!r} cannot be read ({told}).") from None
        self._checked(text, name)
        found = _logical(text, name, 1)
        if is_library:
            found = _section(line, found, words[0], section)
        yield from self._expanded(found, path.parent, (*inside, (path, section)))

    def _path(self, line: Line, name: str, folder: Path | None) -> Path:
        """The regular file `name`, all links followed, if it is under the root."""
        if self.root is None or folder is None:
            raise line.error(
                f"{name!r} is not opened: text that does not come from a file has no folder. "
                "Give root=."
            )
        if _FOREIGN_PATH.search(name) or ".." in Path(name).parts:
            raise line.error(
                f"{name!r} is not opened. Name a file in a folder under the root, without '..'."
            )
        try:
            path = (folder / name).resolve(strict=True)
            is_file = stat.S_ISREG(path.stat().st_mode)
        except (OSError, RuntimeError, ValueError):
            raise line.error(f"{name!r} is not there.") from None
        if not path.is_relative_to(self.root):
            raise line.error(f"{name!r} leads out of the root and is not opened.")
        if not is_file:
            raise line.error(f"{name!r} is no file.")
        return path


def _check_plain(text: str, file: str) -> None:
    """Refuse what is not ASCII, but for comments and the title."""
    for number, row in enumerate(text.split("\n")[1:], 2):
        if row.isascii() or row.lstrip().startswith("*"):
            continue
        kept = _COMMENT.split(row, maxsplit=1)[0]
        for character in kept:
            if not character.isascii():
                raise NetlistError(
                    f"{file}, line {number}: {character!r} is not ASCII. Use plain letters and "
                    "signs, such as u for micro."
                )


def source_of(text_or_path: object, root: object) -> tuple[str, str, Path | None, Path | None]:
    """(text, name for messages, its folder, root); NetlistError where there is none."""
    base = _folder(root)
    if isinstance(text_or_path, str) and "\n" in text_or_path:
        return text_or_path, "netlist", base, base
    if not isinstance(text_or_path, str | os.PathLike):
        raise NetlistError(f"{shown(text_or_path)} is no netlist text and no path of one.")
    try:
        path = Path(text_or_path).resolve(strict=True)
        text = path.read_bytes().decode("utf-8")
    except (OSError, RuntimeError, ValueError, TypeError) as problem:
        told = getattr(problem, "strerror", None) or "not text"
        raise NetlistError(f"{shown(os.fspath(text_or_path))}: cannot be read ({told}).") from None
    return text, path.name, path.parent, base or path.parent


def _folder(root: object) -> Path | None:
    if root is None:
        return None
    try:
        folder = Path(root).resolve(strict=True)  # pyright: ignore[reportArgumentType]
    except (OSError, RuntimeError, ValueError, TypeError):
        folder = None
    if folder is None or not folder.is_dir():
        raise NetlistError(f"root = {shown(root)} is no folder.")
    return folder


def _logical(text: str, file: str, first: int) -> list[Line]:
    """Lines without comments, a + line joined to what it continues; refuses hidden commands."""
    parts: list[tuple[int, list[str]]] = []
    for number, row in enumerate(text.replace("\t", " ").split("\n"), first):
        stripped = row.strip()
        if not stripped:
            continue
        if stripped[0] == "*":
            if _SCRIPT.match(stripped):
                raise Line(file, number, stripped).error(
                    f"{stripped!r:.20} is a command for the simulator, and refused."
                )
            continue
        if command := _COMMAND.match(stripped):
            raise Line(file, number, stripped).error(
                f".{command[1]} is refused: a netlist runs no commands. Take out .control to "
                ".endc, and say what to compute by .op, .dc, .tran, .ac or .noise."
            )
        if ";" in stripped or "$" in stripped:
            stripped = _COMMENT.split(stripped, maxsplit=1)[0].rstrip()
            if not stripped:
                continue
        if stripped[0] == "+":
            if not parts:
                raise Line(file, number, stripped).error("there is no line that + continues.")
            parts[-1][1].append(stripped[1:])
        else:
            parts.append((number, [stripped]))
    lines = [Line(file, number, " ".join(rows)) for number, rows in parts]
    for line in lines:
        if "`" in line.raw:
            raise line.error("a backquote is refused: a netlist runs no commands.")
        if "=" in line.raw and (found := _FILE.search(line.raw)):
            raise line.error(f"{found[0]!r} is refused: it would open a file.")
    return lines


def _section(line: Line, lines: list[Line], file: str, section: str) -> list[Line]:
    """The lines between `.lib section` and its .endl."""
    inside: str | None = None
    found: list[Line] | None = None
    for one in lines:
        words = one.text.split()
        if inside is None and words[0] == ".lib" and len(words) == 2:
            inside = words[1].strip("'\"")
            if inside == section:
                if found is not None:
                    raise one.error(f"section {section!r} is there twice.")
                found = []
        elif words[0] == ".endl":
            inside = None
        elif inside == section and found is not None:
            found.append(one)
    if found is None:
        raise line.error(f"{file!r} has no section {section!r}.")
    if inside is not None:
        raise line.error(f"section {inside!r} of {file!r} has no .endl.")
    return found
