"""Files that are no device, and names that are none: refused with file, key and reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from circuitxbar.devices.library import device
from circuitxbar.devices.model_file import parse_device
from circuitxbar.errors import ModelError

GOOD = """
name = "own"
title = "A law for a test"
source = "written for this test"
terminals = ["p", "n"]
[parameters.v0]
unit = "V"
default = 0.25
range = [0.02, 10.0]
meaning = "a scale"
[define]
x = "v / v0"
[current]
law = "g * v0 * sinh(x)"
valid = { v = [-1.0, 1.0], g = [0.0, 1e-2] }
"""


def test_the_file_that_the_cases_spoil_is_good(tmp_path: Path):
    path = tmp_path / "own.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert device(path).values == {"v0": 0.25}
    assert device(str(path)).confirmed is device(path).passive is device(path).monotone is False


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "own"', "", "own.toml: 'name' is missing"),
        ('title = "A law for a test"', "", "own.toml: 'title' is missing"),
        ('source = "written for this test"', "", "own.toml: 'source' is missing"),
        ('terminals = ["p", "n"]', "", "own.toml: 'terminals' is missing"),
        ('law = "g * v0 * sinh(x)"', "", "own.toml, current: 'law' is missing"),
        ("valid = { v = [-1.0, 1.0], g = [0.0, 1e-2] }", "", "current: 'valid' is missing"),
        (", g = [0.0, 1e-2] }", "}", "current, valid: 'g' is missing"),
        ("default = 0.25", "", "parameters.v0: 'default' is missing"),
        ("title", "tilte", "unknown key 'tilte'. Did you mean 'title'?"),
        ('unit = "V"', 'unit = "V"\nlow = 1', "parameters.v0: unknown key 'low'"),
        ('name = "own"', 'name = "Own"', "name: 'Own' is not a name"),
        ('name = "own"', "name = 7", "name: expected a name, got 7"),
        ('"A law for a test"', '"a\\n.control"', "title: expected one line of text"),
        ('"A law for a test"', "true", "title: expected a text, got True"),
        ('["p", "n"]', '["d", "g", "s", "b"]', "a device has 2 or 3 terminals, not 4"),
        ('["p", "n"]', "[]", "a device has 2 or 3 terminals, not 0"),
        ('["p", "n"]', '["p", "p"]', "terminals: 'p' stands twice"),
        ('["p", "n"]', '["d", "g", "d"]', "terminals: 'd' stands twice"),
        ('["p", "n"]', '["d", "g", "s"]', "define.x: 'v' is not declared. Declared: g, temp"),
        ('"v / v0"', '"v_ds / v0"', "define.x: 'v_ds' is not declared. Declared: g, temp"),
        ("\nx =", "\nv_gs =", "define: 'v_gs' is reserved"),
        ("parameters.v0", "parameters.by", "parameters: 'by' is reserved"),
        ('"g * v0', '"v0', "current, valid: 'g' has no meaning, as the law does not use it"),
        ("v = [-1.0, 1.0]", "v_d = [-1.0, 1.0]", "current, valid: unknown key 'v_d'"),
        (
            "[current]",
            "[[reference]]\nkind='published'\nv=1\ncurrent=1\ntolerance=0.1\n[current]",
            "reference[0]: 'g' is missing",
        ),
        ('["p", "n"]', '["p", "n 0\\n.control"]', "is not a name"),
        ('["p", "n"]', '"pn"', "terminals: expected a list"),
        ("[define]", "[program]\n[define]", "program: 'law' is missing"),
        ("[define]", "[read_noise]\nsigma=1\n[define]", "read_noise: unknown key 'sigma'"),
        ("[define]", "[drift]\nlaw='g * width'\n[define]", "drift: 'width' is not declared"),
        ("parameters.v0", "parameters.sinh", "parameters: 'sinh' is reserved"),
        ("parameters.v0", "parameters.m", "parameters: 'm' is reserved"),
        ("parameters.v0", "parameters.lambda", "'lambda' is not a name"),
        ("parameters.v0", "parameters.'a b'", "'a b' is not a name"),
        ("parameters.v0", "parameters._v0", "'_v0' is not a name"),
        ("\nx =", "\nV0 =", "'v0' and 'V0' are one name in SPICE"),
        ('x = "v / v0"', 'x = "x / v0"', "define.x: 'x' is not declared"),
        ('x = "v / v0"', 'y = "v"', "own.toml, current: 'x' is not declared. Declared: g, temp"),
        ('x = "v / v0"', "x = 3", "define.x: expected a law as text"),
        ('"g * v0 * sinh(x)"', '""', "the law is empty"),
        ("0.25", "99.0", "parameters.v0, default: 99 is outside the range 0.02 ... 10"),
        ("0.25", "nan", "default: nan is not a finite number"),
        ("0.25", "1" + "0" * 400, "is not a finite number"),
        ("0.25", "true", "default: expected a number, got True"),
        ("[0.02, 10.0]", "[10.0, 0.02]", "range: 10 is not below 0.02"),
        ("[0.02, 10.0]", "[1.0]", "range: expected [lowest, highest]"),
        ("g = [0.0, 1e-2]", "g = [-1.0, 1e-2]", "g: -1 S is negative"),
        ("[define]", "[[define]]", "define: expected a table"),
        (
            "[current]",
            "[[reference]]\nkind='seen'\n[current]",
            "reference[0], kind: 'seen' is none",
        ),
        ("[current]", "[[reference]]\nv=1\n[current]", "reference[0]: 'kind' is missing"),
        (
            "[current]",
            "[[reference]]\nkind='published'\nv=1\ng=1\ncurrent=1\ntolerance=1\n[current]",
            "tolerance: 1 is not a relative tolerance",
        ),
        ("[define]", "[define", "is not a TOML file"),
        ('name = "own"', "name = " + "[" * 5000, "is not a TOML file"),
        ("0.25", "9" * 5000, "is not a TOML file"),
        ("[define]", "#" * 100_000 + "\n[define]", "is larger than 100000 bytes"),
    ],
)
def test_a_spoilt_file_is_refused_with_the_key_and_the_reason(
    tmp_path: Path, old: str, new: str, message: str
):
    assert GOOD.count(old) >= 1
    path = tmp_path / "own.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        device(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_is_not_a_text_file_is_refused(tmp_path: Path):
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "caf\xe9"')
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path, message in [
        (latin, "is not UTF-8 text (byte 11)"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.toml", "there is no such file"),
        (tmp_path / ("n" * 5000 + ".toml"), "cannot be read"),
        (pipe, "there is no such file"),
    ]:
        with pytest.raises(ModelError, match=r"^[^\n]*$") as caught:
            device(path)
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("liner", "There is no device 'liner'. Did you mean 'linear'? There are: "),
        ("", "There is no device ''"),
        ("./linear", "./linear: there is no such file"),
        ("../device_models/linear", "there is no such file"),
        ("nowhere.toml", "nowhere.toml: there is no such file"),
        ("a\0b", "a path has no NUL character"),
        (None, "device = None: expected a name"),
        (3, "device = 3: expected a name"),
        (b"linear", "expected a name"),
        (["linear"], "expected a name"),
    ],
)
def test_a_name_that_is_none_is_refused(model, message: str):
    with pytest.raises(ModelError) as caught:
        device(model)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ("v_d = [-1, 1], v_g = [-1, 1], g = [0, 1]", "valid: 'v_s' is missing"),
        ("v = [-1, 1], g = [0, 1]", "valid: unknown key 'v'. Known: v_d, v_g, v_s, g"),
        ("v_d = [-1, 1], v_g = [-1, 1], v_s = [-1, 1], v_ds = [-1, 1]", "unknown key 'v_ds'"),
        ("v_d = [-1, 1], v_g = [-1, 1], v_s = [-1, 1]", "valid: 'g' is missing"),
    ],
)
def test_a_transistor_needs_the_range_of_each_of_its_voltages(
    tmp_path: Path, ranges: str, message: str
):
    text = GOOD.replace('["p", "n"]', '["d", "g", "s"]').replace('"v / v0"', '"v_ds / v0"')
    path = tmp_path / "own.toml"
    path.write_text(text.replace("v = [-1.0, 1.0], g = [0.0, 1e-2]", ranges), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        device(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["gnd", "null"])
def test_a_terminal_that_is_ground_in_spice_is_refused(name: str):
    text = device("sinh").text.replace('["p", "n"]', f'["p", "{name}"]')
    with pytest.raises(ModelError, match="is ground in SPICE"):
        parse_device(text, "own.toml")


@pytest.mark.parametrize("name", ["A", "a b", "a\nb", "", 3, ["a"]])
def test_a_name_that_no_subcircuit_can_have_is_refused(name: object):
    with pytest.raises(ModelError, match="cannot be that of a sub-circuit"):
        device("sinh").spice(name)  # type: ignore[arg-type]


REMEMBERING = """
name = "own"
title = "A law for a test"
source = "written for this test"
terminals = ["p", "n"]

[parameters.speed]
unit = "1/s"
default = 1.0
range = [0.0, 10.0]
meaning = "rate at 1 V"

[state.w]
unit = "1"
range = [0.0, 1.0]
initial = 0.5
meaning = "what it remembers"
rate = "speed * v"

[conductance]
law = "1e-4 * (1 + w)"

[current]
law = "g * v"
valid = { v = [-1.0, 1.0], g = [1e-6, 1e-3] }
"""
STEPPING = """
name = "own"
title = "A law for a test"
source = "written for this test"
terminals = ["p", "n"]

[current]
law = "g * v"
valid = { v = [-1.0, 1.0], g = [1e-6, 1e-3] }

[pulse]
up = "1e-6"
down = "-1e-6"
up_voltage = [0.8, 1.2]
down_voltage = [-1.2, -0.8]
width = [1e-9, 1e-6]
"""
TABLE = "direction,quantile,1e-6,1e-5\nup,0,0,0\nup,1,1e-6,2e-6\ndown,0,0,0\ndown,1,-1e-6,0\n"


def test_the_files_that_these_cases_spoil_are_good(tmp_path: Path):
    for text in (REMEMBERING, STEPPING):
        (tmp_path / "own.toml").write_text(text, encoding="utf-8")
        assert device(tmp_path / "own.toml").memory == ("w" if text is REMEMBERING else "g")


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (REMEMBERING, 'meaning = "what it remembers"', "", "state.w: 'meaning' is missing"),
        (REMEMBERING, "initial = 0.5", "initial = 2", "state.w, initial: 2 is outside the range"),
        (REMEMBERING, "speed * v", "speed * u", "state.w: 'u' is not declared. Declared: g,"),
        (REMEMBERING, "1 + w", "1 + v", "conductance: 'v' has no meaning here. This law is one of"),
        (REMEMBERING, "state.w", "state.speed", "'speed' is a parameter and a state. Rename one"),
        (REMEMBERING, "state.w", "state.v", "state: 'v' is reserved"),
        (REMEMBERING, '"g * v"', '"g * v * deviate"', "current: 'deviate' is not declared"),
        (REMEMBERING, "[state.w]", "[pulse]\nup='1'\ndown='1'\nup_voltage=[1,2]\n"
         "down_voltage=[-2,-1]\nwidth=[0,1]\n[state.w]", "a rate or a [pulse], not both"),
        (REMEMBERING, '["p", "n"]', '["d", "g", "s"]', "laws of v, which three terminals do not"),
        (
            REMEMBERING.replace('[conductance]\nlaw = "1e-4 * (1 + w)"\n', ""),
            "speed * v",
            "speed * g * w",
            "state.w: 'g' has no meaning in a rate without [conductance]",
        ),
        (REMEMBERING, "1 + w", "1 + 1", "state.w: no law mentions it"),
        (STEPPING, 'up = "1e-6"', "", "pulse: give the laws 'up' and 'down', or a 'table'"),
        (STEPPING, 'up = "1e-6"', 'up = "width * u"', "pulse, up: 'u' is not declared"),
        (STEPPING, "up_voltage = [0.8, 1.2]", "", "pulse: 'up_voltage' is missing"),
        (STEPPING, "[0.8, 1.2]", "[-0.5, 1.2]", "up_voltage: -0.5 ... 1.2 V holds 0 V"),
        (STEPPING, "[-1.2, -0.8]", "[1.0, 1.4]", "up_voltage and down_voltage overlap"),
        (STEPPING, "[0.8, 1.2]", "[1.2, 0.8]", "up_voltage: 1.2 is not below 0.8"),
        (STEPPING, "width = [1e-9, 1e-6]", "width = [-1, 1]", "width: -1 s is negative"),
        (STEPPING, "[pulse]", "[pulse]\ncycle_sigma = -1", "cycle_sigma: -1 is negative"),
        (STEPPING, "[pulse]", "[pulse]\ntable = 'x.csv'", "give laws or a table, not both"),
        (STEPPING, "[pulse]", "[define]\nwidth = '1'\n[pulse]", "'width' is reserved"),
        (STEPPING, "g * v", "v", "'g' has no meaning"),
    ],
)  # fmt: skip
def test_what_is_remembered_is_refused_by_name_too(
    tmp_path: Path, text: str, old: str, new: str, message: str
):
    assert old in text
    (tmp_path / "x.csv").write_text(TABLE, encoding="utf-8")
    path = tmp_path / "own.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        device(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("direction,quantile", "way,quantile", "first line must begin with direction,quantile"),
        ("up,1,", "sideways,1,", "line 3: expected up or down, a quantile and 2 steps"),
        ("up,1,1e-6,2e-6", "up,1,1e-6", "line 3: expected up or down"),
        ("2e-6", "two", "line 3: could not convert"),
        ("2e-6", "inf", "line 3: not all numbers are finite"),
        ("up,1,", "up,0.9,", "up and down must have the same quantiles"),
        (",1e-6,1e-5\n", ",1e-5,1e-6\n", "conductances must be >= 0 and rise"),
    ],
)
def test_a_spoilt_table_of_steps_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
):
    laws = 'up = "1e-6"\ndown = "-1e-6"'
    path = tmp_path / "own.toml"
    path.write_text(STEPPING.replace(laws, 'table = "x.csv"'), encoding="utf-8")
    table = tmp_path / "x.csv"
    table.write_text(TABLE, encoding="utf-8")
    assert device(path).pulses is not None
    table.write_text(TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        device(path)
    assert message in str(caught.value)
    assert "x.csv" in str(caught.value)


def test_a_table_lies_beside_its_file(tmp_path: Path):
    laws = 'up = "1e-6"\ndown = "-1e-6"'
    path = tmp_path / "own.toml"
    for name, message in (("../x.csv", "must be a file in the same folder"), ("x.csv", "no such")):
        path.write_text(STEPPING.replace(laws, f'table = "{name}"'), encoding="utf-8")
        with pytest.raises(ModelError, match=message):
            device(path)
