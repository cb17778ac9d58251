"""docs/adding-a-device.md, followed to the letter: its files are written, its commands run."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from devices import test_device_files as checks
from devices import test_devices_in_ngspice as ngspice_checks

from circuitxbar.devices.device import Device
from circuitxbar.devices.functions import FUNCTIONS
from circuitxbar.devices.library import device

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-device.md").read_text(encoding="utf-8")
SAME = doctest.OutputChecker().check_output


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the line before it names."""

    language: str
    text: str
    file: str | None


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks in order; a line with nothing but `name`: before one names its file."""
    fenced = r"^(?:`([\w.]+)`:\n\n)?```(\w*)\n(.*?)^```$"
    found = re.finditer(fenced, page, flags=re.MULTILINE | re.DOTALL)
    return [Block(language, text, file) for file, language, text in (m.groups() for m in found)]


def follow(page: str, folder: Path) -> None:
    """Write every file of `page` to `folder` and run every command; outputs must be those shown."""
    blocks = blocks_of(page)
    assert page.count("```") == 2 * len(blocks)
    shown = [*blocks[1:], None]
    for block, after in zip(blocks, shown, strict=True):
        match block.language:
            case "toml" | "python":
                assert block.file is not None, block.text
                (folder / block.file).write_text(block.text, encoding="utf-8")
            case "sh":
                is_output = after is not None and after.language == "text"
                expected = after.text if is_output else ""
                printed = "".join(run(line, folder) for line in block.text.splitlines())
                assert SAME(expected, printed, doctest.ELLIPSIS), f"{block.text}{printed}"
            case "text":
                assert blocks[blocks.index(block) - 1].language == "sh", block.text
            case language:
                raise AssertionError(f"nothing follows a block of {language!r}: {block.text}")


def run(command: str, folder: Path) -> str:
    """What `command` prints, in a process of its own."""
    program, *words = shlex.split(command)
    start = {"python": [], "circuitxbar": ["-m", "circuitxbar"]}[program]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", *start, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert done.stderr == ""
    return done.stdout


def test_every_step_of_the_page_works(tmp_path):
    follow(PAGE, tmp_path)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


PRINTS = "`a.py`:\n\n```python\nprint({})\n```\n\n```sh\npython a.py\n```\n"


@pytest.mark.parametrize(
    "page",
    [
        PRINTS.format("'one'") + "\n```text\ntwo\n```\n",
        PRINTS.format("'one'"),  # prints what is not shown
        PRINTS.format("1 / 0") + "\n```text\n...\n```\n",
        "```python\nprint()\n```\n",  # which file?
        "```text\nshown\n```\n",  # by what?
        "```yaml\na: 1\n```\n",
        "```sh\ncircuitxbar solve none.toml\n```\n",
    ],
)
def test_a_page_that_does_not_work_is_found_out(tmp_path, page):
    with pytest.raises(AssertionError):
        follow(page, tmp_path)


def test_a_page_that_works_is_not(tmp_path):
    follow(PRINTS.format("'one', 2") + "\n```text\none ...\n```\n", tmp_path)


def test_the_table_is_that_of_the_language():
    rows = re.findall(r"^\| `(\w+)\((.*)\)` \| (.*) \|$", PAGE, flags=re.MULTILINE)
    told = {name: (len(words.split(", ")), domain) for name, words, domain in rows}
    assert told == {
        name: (function.arguments, function.domain.replace("|", r"\|") or "all numbers")
        for name, function in FUNCTIONS.items()
    }


DEVICES = {
    block.file: block.text for block in blocks_of(PAGE) if "[current]" in block.text and block.file
}


@pytest.fixture(params=DEVICES)
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    return device(checks.write(tmp_path, DEVICES[request.param], request.param))


def test_its_devices_pass_what_every_file_in_the_library_must(each: Device):
    checks.test_slopes_are_the_finite_differences_of_the_current(each)
    checks.test_passive_and_monotone_hold_where_they_are_declared(each)
    checks.test_references_are_met_and_a_computed_one_has_a_cited_law(each)
    checks.test_the_current_is_nothing_at_no_voltage_and_the_spice_text_is_whole(each)
    checks.test_far_outside_the_valid_range_a_law_is_still_a_number(each)
    ngspice_checks.assert_same(each, *ngspice_checks.swept(each))


def test_its_devices_are_those_that_it_speaks_of():
    assert list(DEVICES) == [
        "rectifying_cell.toml",
        "rectifier.toml",
        "thin_film_transistor.toml",
    ]
