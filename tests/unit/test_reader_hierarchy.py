"""SPICE text -> Circuit: sub-circuits, their parameters, files included, and limits on all."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.decks_read import DECKS, circuit, ends, group, refusal, value

from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import read_spice
from circuitxbar.ngspice.runner import run


def test_nested_subcircuits_and_their_parameters():
    read = read_spice(DECKS / "nested.cir")
    assert value(read, "xp.x1.r1") == 2e3
    assert value(read, "xq.x1.r1") == 3e3
    assert value(read, "xq.x2.r1") == 1.5e3
    assert ends(read, "xp.x1.r1") == ["in", "xp.x1.m"]
    assert ends(read, "xp.x2.vm") == ["xp.x2.m", "0"]
    assert ends(read, "xq.rs") == ["xq.mid", "supply"]
    assert group(read, "xp.x1.f1")[0].sensed[0][0] == "xp.x1.vm"
    assert list(group(read, "xq.bsum")[0].sensed[0]) == ["xp.x1.vm", "xq.x1.vm"]
    assert ends(read, "x9.r1") == ["out", "0"]


def test_parameters_are_found_where_an_instance_is_called_as_in_ngspice():
    lines = [".param r=1", ".subckt in a", "vx a 0 {r}", ".ends", ".subckt out a r=2", "x1 a in",
             ".ends", "xo q out r=3", "xd w out", "xt t in", "rq q 0 1", "rw w 0 1",
             "rt t 0 1"]  # fmt: skip
    read = circuit(*lines)
    got = run("\n".join(["title", *lines, ".op", ".end"])).vectors
    for node, name in (("q", "xo.x1.vx"), ("w", "xd.x1.vx"), ("t", "xt.vx")):
        assert value(read, name) == pytest.approx(got[node][0], rel=1e-14)


def test_defaults_may_refer_to_other_parameters():
    read = circuit(".param g=7", ".subckt s a p=2 w={p*3} u='g'", "rw a 0 {w}", "ru a 0 u", ".ends",
                   "x1 q s p=4", "x2 q s w=1 u=g*2", "x3 q s params: p={g}")  # fmt: skip
    names = ("x1.rw", "x1.ru", "x2.rw", "x2.ru", "x3.rw")
    assert [value(read, name) for name in names] == [12.0, 7.0, 1.0, 14.0, 21.0]


def test_include_and_lib_under_a_root(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.inc").write_text("r1 a 0 {p}\n.include b.inc\n.end\n")
    (tmp_path / "parts/b.inc").write_text("r2 a 0 2\n")
    (tmp_path / "parts/c.lib").write_text(
        ".lib one\n.param p=1\n.endl\n.LIB Two\n.param p=2\n.lib c.lib three\n.endl two\n"
        ".lib three\nr3 a 0 3\n.endl\n"
    )
    text = "title\n.include \"parts/a.inc\"\n.lib 'parts/c.lib' TWO\n"
    read = read_spice(text, root=tmp_path)
    assert [value(read, f"r{k}") for k in (1, 2, 3)] == [2.0, 2.0, 3.0]
    deck = tmp_path / "parts" / "deck.cir"
    deck.write_text("title\n.inc b.inc\n")
    assert value(read_spice(deck), "r2") == 2.0
    (tmp_path / "parts/b.inc").write_text("\nr2 a 0 -2\n")
    with pytest.raises(NetlistError, match=r"^parts/b\.inc, line 2: r2 = .* is negative"):
        read_spice(text, root=tmp_path)


def test_a_bomb_of_instances_is_stopped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("circuitxbar.netlist.reader.hierarchy.MOST_ELEMENTS", 1000)
    lines = [".subckt s0 a", "r1 a 0 1", ".ends"]
    for k in range(1, 40):
        lines += [f".subckt s{k} a", f"x1 a s{k - 1}", f"x2 a s{k - 1}", ".ends"]
    assert "more than 1000" in refusal(*lines, "x1 a s39")
    deep = [".subckt s0 a", ".ends"]
    for k in range(1, 60):
        deep += [f".subckt s{k} a", f"x1 a s{k - 1}", ".ends"]
    assert "called more than 50 deep" in refusal(*deep, "x1 a s59")
    nested = [f".subckt s{k} a" for k in range(60)]
    assert "more than 50 deep" in refusal(*nested)


def test_the_limits_on_elements():
    from circuitxbar.netlist.reader.hierarchy import MOST_ELEMENTS

    assert MOST_ELEMENTS == 1_000_000


def test_parameters_deep_in_one_another_and_in_instances_are_refused():
    """Each chain is within its limit; all of them together are beyond Python's."""
    lines = []
    for k in range(40):
        chain = " ".join(f"p{k}_{j}={{p{k}_{j + 1}}}" for j in range(45))
        lines += [f".subckt s{k} a", f".param {chain} p{k}_45={{p{k + 1}_0}}"]
        lines += ["r1 a 0 {p0_0}" if k == 0 else f"x1 a s{k - 1}", ".ends"]
    assert "nested too deeply" in refusal(*lines, ".param p40_0=1", "x1 a s39")
