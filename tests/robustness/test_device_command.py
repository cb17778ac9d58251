"""`circuitxbar device`: list, show, plot and spice, of the library and of files of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from robustness.commands import assert_one_line, colours

from circuitxbar import plots
from circuitxbar.__main__ import main
from circuitxbar.devices.library import device, device_folder, device_names


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["device", *words]) == 0
    shown, err = capsys.readouterr()
    assert err == ""
    return shown


def test_the_list_holds_every_device_under_the_right_heading(capsys):
    confirmed, others = printed(capsys, "list").split("\nNumbers not confirmed")
    for name in device_names():
        part = confirmed if device(name).confirmed else others
        (line,) = [line for line in part.splitlines() if line.split()[:1] == [name]]
        assert device(name).title in line
        assert f"\n  {name} " not in (others if part is confirmed else confirmed)


@pytest.mark.parametrize("name", device_names())
def test_a_card_tells_all_laws_parameters_and_states(capsys, name: str):
    model = device(name)
    words = " ".join(printed(capsys, "show", name).split())
    assert words.startswith(f"{name}: {' '.join(model.title.split())}")
    told = [model.source, model.law, *model.laws.values(), *model.definitions.values()]
    told += [parameter.meaning for parameter in model.parameters.values()]
    told += [state.meaning for state in model.states.values()]
    for text in told:
        assert "".join(text.split()) in words.replace(" ", ""), text
    assert ("not confirmed" in words) is not model.confirmed


@pytest.mark.parametrize("name", device_names())
def test_every_device_can_be_drawn(name: str):
    model = device(name)
    titles = ["current", "its size"]
    if model.pulses is not None:
        titles.append("write pulses")
    elif model.has_rates:
        titles.append("after one pulse")
    if "drift" in model.laws:
        titles.append("drift")
    figure = plots.device(name)
    assert [axes.get_title(loc="left") for axes in figure.axes] == titles
    for axes in figure.axes:
        assert axes.lines
        assert all(np.isfinite(line.get_ydata()).any() for line in axes.lines)
    if model.pulses is not None:
        trains = np.array([line.get_ydata() for line in figure.axes[2].lines[:-1]])
        assert np.ptp(trains) > 0.2 * np.ptp(model.pulses.range)  # pulses do write


def test_a_picture_is_written_where_it_is_asked_for(capsys, tmp_path: Path):
    out = tmp_path / "picture.png"
    assert printed(capsys, "plot", "vteam", "-o", str(out)) == f"{out}\n"
    with Image.open(out) as image:
        assert image.width > image.height > 300
    assert colours(out) > 20


def test_a_picture_has_the_name_of_the_device_where_none_is_given(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert printed(capsys, "plot", "sinh") == "sinh.png\n"
    assert [path.name for path in tmp_path.iterdir()] == ["sinh.png"]


def test_the_spice_library_holds_the_law_and_its_source(capsys, tmp_path: Path):
    shown = printed(capsys, "spice", "sinh")
    comments = [line for line in shown.splitlines() if line.startswith("*")]
    assert device("sinh").source[:30] in " ".join(line[2:] for line in comments)
    assert device("sinh").spice() in shown
    out = tmp_path / "sinh.lib"
    assert printed(capsys, "spice", "sinh", "-o", str(out)) == ""
    assert out.read_text() == shown


def test_a_file_of_ones_own_is_a_device_too(capsys, tmp_path: Path):
    text = (device_folder() / "sinh.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('name = "sinh"', 'name = "mine"'), encoding="utf-8")
    assert printed(capsys, "show", str(path)).startswith("mine: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "sihn"], "Did you mean 'sinh'?"),
        (["show", "no/such.toml"], "there is no such file"),
        (["plot", "sinh", "-o", "x.gif"], ".gif: name a file that ends in .png or .svg or .pdf"),
        (["plot", "sinh", "-o", "nowhere/x.png"], "there is no folder nowhere"),
        (["spice", "sinh", "-o", "."], "is a folder"),
    ],
)
def test_bad_input_is_one_clear_line(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["device", *words]) == 2
    shown, err = capsys.readouterr()
    assert shown == ""
    assert_one_line(err)
    assert message in err
    assert list(tmp_path.iterdir()) == []
