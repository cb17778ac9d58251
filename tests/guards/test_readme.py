"""Every code block of README.md runs as it stands, and its benchmark table is the measured one."""

import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
SET_UP = {"make demo", "make test", "pip install ."}


def test_every_block_has_a_language_that_is_executed():
    assert {language for language, _ in BLOCKS} == {"python", "sh", "toml"}
    assert README.count("```") == 2 * len(BLOCKS)


def test_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__readme__"}
    blocks = [code for language, code in BLOCKS if language == "python"]
    assert blocks
    for code in blocks:
        exec(compile(code, "README.md", "exec"), names)
        promised = re.findall(r"# prints: (.*)", code)
        printed = capsys.readouterr().out.splitlines()
        assert printed == promised


def test_shell_blocks_are_set_up_or_commands_that_run(tmp_path):
    lines = [line for lang, code in BLOCKS if lang == "sh" for line in code.splitlines() if line]
    commands = [line.split("#")[0].strip() for line in lines]
    commands = [command for command in commands if command and command not in SET_UP]
    (array,) = (code for language, code in BLOCKS if language == "toml")
    (tmp_path / "array.toml").write_text(array)
    (tmp_path / "v.csv").write_text("0.1,0.2\n")
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "circuitxbar", command
        run = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert run.returncode == 0, f"{command}: {run.stderr}"


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_tables_are_made_from_the_measurements(page):
    tables = runpy.run_path(str(ROOT / "benchmarks" / "tables.py"))
    text = (ROOT / page).read_text(encoding="utf-8")
    assert tables["with_tables"](text) == text


def test_the_picture_of_times_shows_the_measurements():
    drawn = runpy.run_path(str(ROOT / "docs" / "pictures" / "draw.py"))["measured_lines"]()
    with Image.open(ROOT / "docs" / "pictures" / "time_over_size.png") as picture:
        assert json.loads(picture.info["Description"]) == drawn
