"""`circuitxbar run`: analyses of decks, files of their own for each, and what is refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from robustness.commands import assert_one_line, colours, table

import circuitxbar as cx

LOW_PASS = """low pass
v1 in 0 dc 1 ac 2 pulse(0 1 1u 10n 10n 50u 200u)
r1 in out 1k
c1 out 0 1n
"""
ENGINES = pytest.mark.parametrize("engine", ["nodal", "ngspice"])


@pytest.fixture
def deck(folder: Path):
    """Writes a deck with these analyses behind the low pass."""

    def write(*cards: str, circuit: str = LOW_PASS) -> str:
        (folder / "deck.cir").write_text(circuit + "".join(f"{card}\n" for card in cards))
        return "deck.cir"

    return write


@ENGINES
def test_an_operating_point_is_what_a_deck_without_analysis_asks_for(run, deck, engine: str):
    path = deck(circuit="t\nv1 a 0 3\nr1 a b 1k\nr2 b 0 2k\n")
    code, out, err = run("run", path, "--engine", engine)
    assert (code, err) == (0, "")
    found = table(out)
    assert out.splitlines()[0] == "v(a) (V),v(b) (V),i(v1) (A)"
    np.testing.assert_allclose(found["v(b) (V)"], [2.0], rtol=1e-12)
    np.testing.assert_allclose(found["i(v1) (A)"], [-1e-3], rtol=1e-12)


@ENGINES
def test_a_sweep_has_every_step_and_its_end(run, deck, engine: str):
    code, out, _ = run("run", deck(".dc v1 0 0.3 0.1"), "--engine", engine)
    assert code == 0
    found = table(out)
    np.testing.assert_allclose(found["v1 (V)"], [0.0, 0.1, 0.2, 0.3], rtol=1e-12)
    np.testing.assert_allclose(found["v(out) (V)"], [0.0, 0.1, 0.2, 0.3], rtol=1e-9)


@ENGINES
def test_a_frequency_response_has_two_columns_for_each_number(run, deck, engine: str):
    code, out, _ = run("run", deck(".ac dec 2 10k 1meg"), "--engine", engine)
    assert code == 0
    found = table(out)
    f = found["frequency (Hz)"]
    np.testing.assert_allclose(f, 10.0 ** np.array([4, 4.5, 5, 5.5, 6]), rtol=1e-9)
    exact = 2.0 / (1.0 + 2j * np.pi * f * 1e-6)
    np.testing.assert_allclose(found["re v(out) (V)"], exact.real, rtol=1e-6)
    np.testing.assert_allclose(found["im v(out) (V)"], exact.imag, rtol=1e-6)


@pytest.mark.parametrize(
    ("card", "frequencies"),
    [(".ac lin 3 1k 2k", [1e3, 1.5e3, 2e3]), (".ac oct 1 1k 9k", [1e3, 2e3, 4e3, 8e3])],
)
def test_frequencies_are_counted_as_in_spice(run, deck, card: str, frequencies: list[float]):
    code, out, _ = run("run", deck(card))
    assert code == 0
    np.testing.assert_allclose(table(out)["frequency (Hz)"], frequencies, rtol=1e-12)


@ENGINES
@pytest.mark.parametrize("method", ["", ".options method=gear"])
def test_a_transient_begins_where_its_card_says(run, deck, engine: str, method: str):
    code, out, err = run("run", deck(method, ".tran 10n 5u 2u 20n"), "--engine", engine)
    assert (code, err) == (0, "")
    found = table(out)
    t = found["time (s)"]
    assert 2e-6 <= t[0] < 2.1e-6
    assert t[-1] == pytest.approx(5e-6, rel=1e-12)
    exact = 1.0 - np.exp(-(t - 1.005e-6) / 1e-6)
    np.testing.assert_allclose(found["v(out) (V)"], exact, atol=1e-4)


def test_initial_conditions_are_taken_with_uic(run, deck):
    circuit = "t\nr1 a 0 1k\nc1 a 0 1n ic=0.7\n"
    code, out, _ = run("run", deck(".tran 10n 1u uic", circuit=circuit))
    assert code == 0
    found = table(out)
    exact = 0.7 * np.exp(-found["time (s)"] / 1e-6)
    np.testing.assert_allclose(found["v(a) (V)"], exact, atol=1e-4)


@ENGINES
def test_noise_is_a_table_of_densities(run, deck, folder: Path, engine: str):
    card = ".noise v(out) v1 dec 2 10k 1meg"
    code, out, err = run("run", deck(card), "--engine", engine)
    assert (code, err) == (0, "")
    found = table(out)
    f = found["frequency (Hz)"]
    thermal = 4 * 1.38064852e-23 * 300.15 * 1e3
    low_pass = np.abs(1.0 / (1.0 + 2j * np.pi * f * 1e-6))
    np.testing.assert_allclose(
        found["onoise (V/sqrt(Hz))"], np.sqrt(thermal) * low_pass, rtol=1e-9, atol=0
    )
    np.testing.assert_allclose(found["inoise (V/sqrt(Hz))"], np.sqrt(thermal), rtol=1e-9, atol=0)
    assert run("run", deck(card), "-o", "noise.npz")[0] == 0
    with np.load(folder / "noise.npz") as saved:
        np.testing.assert_allclose(saved["points"], f, rtol=1e-12)
        assert saved["values"].shape == (2, len(f))


def test_the_method_of_the_deck_is_followed(run, deck):
    def points(method: str) -> np.ndarray:
        return table(run("run", deck(f".options method={method}", ".tran 10n 5u"))[1])["time (s)"]

    assert not np.array_equal(points("gear"), points("trap"))


def test_options_that_are_not_followed_are_told_of(run, deck):
    code, out, err = run("run", deck(".op", ".options reltol=1e-4 method=gear klu"))
    assert code == 0
    assert_one_line(err)
    assert "of the options of the deck reltol, klu are not followed" in err
    assert table(out)["v(out) (V)"] == 1.0


def test_each_of_several_analyses_has_files_of_its_own(run, deck, folder: Path):
    cards = (".op", ".dc v1 0 1 1", ".dc v1 1 2 0.5", ".ac lin 2 1k 2k")
    before = set(folder.iterdir())
    words = ("-o", "out.csv", "--plot", "v(out), v(in,out),i(v1)", "--picture", "all.png")
    code, out, err = run("run", deck(*cards), *words)
    assert (code, out, err) == (0, "", "")
    names = {path.name for path in set(folder.iterdir()) - before} - {"deck.cir"}
    files = {f"out_{name}.csv" for name in ("op", "dc1", "dc2", "ac")}
    assert names == files | {f"all_{name}.png" for name in ("dc1", "dc2", "ac")}
    assert table(Path("out_dc2.csv").read_text())["v(out) (V)"].tolist() == [1.0, 1.5, 2.0]
    assert colours(folder / "all_ac.png") > 20


def test_a_picture_has_the_name_of_the_deck_where_none_is_given(run, deck, folder: Path):
    assert run("run", deck(".dc v1 0 1 1"), "-o", "o.npz", "--plot", "v(out)")[0] == 0
    assert (folder / "deck.png").stat().st_size > 1000


def test_numpy_files_hold_names_and_values(run, deck):
    assert run("run", deck(".ac dec 5 1k 1meg"), "-o", "o.npz")[0] == 0
    with np.load("o.npz", allow_pickle=False) as found:
        assert found["names"].tolist() == ["v(in)", "v(out)", "i(v1)"]
        curves = cx.ac(cx.read_spice("deck.cir"), found["points"])
        np.testing.assert_array_equal(found["values"][1], curves.voltage("out"))
        assert found["residual"].shape == found["points"].shape


def test_tables_on_the_screen_are_apart(run, deck):
    _, out, _ = run("run", deck(".op", ".dc v1 0 1 1"))
    first, second = out.split("\n\n")
    assert len(first.splitlines()) == 2
    assert table(second)["v(out) (V)"].tolist() == [0.0, 1.0]


def test_on_a_terminal_there_is_a_summary(run, deck, monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    circuit = LOW_PASS + "".join(f"rx{k} n{k} 0 1\n" for k in range(30))
    assert run("run", deck(".op", ".ac dec 1 1k 1meg", circuit=circuit))[0] == 0
    told = screen.getvalue()
    assert "v(out)" in told
    assert "... 13 more: name a file with --out" in told
    assert "ac: 4 points of frequency, 1000 ... 1e+06 Hz, by nodal" in told
    assert told.count("Kirchhoff residual") == 2


def test_includes_are_found_beside_the_deck(run, deck, folder: Path, monkeypatch):
    (folder / "parts").mkdir()
    (folder / "parts" / "r.inc").write_text("r1 a 0 2k\n")
    deck(circuit="t\n.include parts/r.inc\nv1 a 0 1\n")
    monkeypatch.chdir(folder.parent)
    code, out, _ = run("run", str(folder / "deck.cir"))
    assert code == 0
    assert table(out)["i(v1) (A)"] == -0.5e-3


@pytest.mark.parametrize(
    ("cards", "words", "message"),
    [
        ([".op"], ["-o", "x.txt"], "x.txt: name a file that ends in .csv or .npz"),
        ([".op"], ["-o", "no/x.csv"], "there is no folder no"),
        ([".op"], ["--plot", "v(out)"], "an operating point is no curve"),
        ([".op"], ["--picture", "x.png"], "--picture needs --plot"),
        ([".dc v1 0 1 1"], ["--plot", "v(out)", "--picture", "x.bmp"], ".png or .svg or .pdf"),
        ([".dc v1 0 1 1"], ["--plot", "v(outt)"], "there is no node 'outt'. Did you mean out?"),
        ([".dc v1 0 1 1"], ["--plot", "i(c1)"], "the current of element 'c1' is not kept"),
        ([".dc v1 0 1 1"], ["--plot", "out"], "'out' cannot be drawn: expected v(node)"),
        ([".dc v1 0 1 1"], ["--plot", "v(in),,v(out)"], "'' cannot be drawn"),
        ([".op"], ["--engine", "spice"], "choose one of auto, array, nodal, ngspice"),
        ([".op"], ["--engine", "array"], "takes crossbars only"),
        ([".control"], [], "deck.cir, line 5: .control is refused"),
        (["r1 a 0 1"], [], "deck.cir, line 5: element 'r1' exists already, deck.cir, line 3"),
        ([".dc vx 0 1 1"], [], "deck.cir, line 5: there is no element 'vx'"),
        ([".ac lin 3 0 1k"], [], "begins above 0 Hz"),
        ([".noise v(out) vx dec 1 1k 1meg"], [], "'vx'"),
        ([".dc v1 0 1 1e-9"], [], "at most 1000000 are swept"),
        ([".ac dec 1000000000 1 1k"], [], "at most 1000000 are run"),
        (["c7 far away 1n"], [], "nothing but capacitors holds it (c7)"),
        (["i2 0 alone 1"], [], "'alone'"),
        (["m1 in in 0 0 n", ".model n nmos level=54"], [], "--engine ngspice"),
    ],
)
def test_bad_input_is_one_clear_line_and_no_file(refused, deck, cards, words, message):
    assert message in refused(2, "run", deck(*cards), *words)


def test_a_deck_that_is_not_there_is_refused(refused):
    assert "'none.cir': cannot be read" in refused(2, "run", "none.cir")


def test_without_ngspice_it_is_said(refused, deck, no_ngspice):
    assert "ngspice" in refused(1, "run", deck(".op"), "--engine", "ngspice")


def test_where_the_last_analysis_fails_nothing_is_written(refused, deck):
    cards = (".op", ".ac lin 1 0 0")
    assert "0 Hz" in refused(2, "run", deck(*cards), "-o", "out.csv")


def test_a_deck_without_elements_is_told_of(run, deck):
    code, out, err = run("run", deck(circuit="a title alone\n"))
    assert (code, out) == (2, "")
    assert_one_line(err)
    assert "holds no elements" in err
