"""Every deck in tests/decks/corpus, by the nodal engine and by ngspice.

A file that is there is tested; what it may say about itself stands in reference/deck_corpus.py.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from reference.deck_corpus import CORPUS, CorpusDeck, agreements

import circuitxbar as cx
from circuitxbar.netlist.reader import read_deck

DECKS = [CorpusDeck.of(path) for path in sorted(CORPUS.glob("*.cir"))]
DOCS = Path(__file__).parents[2] / "docs"


def _case(deck: CorpusDeck):
    marks = [pytest.mark.slow] if deck.slow else []
    return pytest.param(deck, id=deck.name, marks=marks)


@pytest.mark.parametrize("deck", [_case(deck) for deck in DECKS])
def test_both_engines_agree(deck: CorpusDeck):
    found = list(agreements(deck))
    assert found
    for one in found:
        assert one.worst <= one.allowed, f".{one.kind}: {one.worst:.1e} of {one.where}"
        for node, off in one.exact.items():
            assert off <= one.allowed, f".{one.kind}: v({node}) is {off:.1e} off its closed form"


def test_the_corpus_is_as_large_as_it_should_be():
    kinds = Counter(deck.name.partition("_")[0] for deck in DECKS)
    assert sum(kinds.values()) >= 60
    assert min(kinds.values()) >= 3, kinds
    every = [analysis for deck in DECKS for analysis in deck.deck.analyses]
    assert len(Counter(type(analysis) for analysis in every)) == 5


def test_a_wrong_answer_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The comparison itself: one resistor that is 1 % off is told of."""
    deck = CorpusDeck.of(CORPUS / "linear_rlc_critical.cir")
    other = read_deck(_edited(deck, tmp_path, "r1 in a 2k", "r1 in a 2.02k")).circuit
    for name in ("ac", "transient"):
        monkeypatch.setattr(cx, name, _of_another(other, getattr(cx, name)))
    found = {one.kind: one for one in agreements(deck)}
    assert found["ac"].worst > found["ac"].allowed
    assert found["tran"].worst > found["tran"].allowed


def _of_another(other: cx.Circuit, analyse: Any) -> Any:
    """`analyse`, whose nodal engine is given another circuit."""

    def found(circuit: cx.Circuit, *arguments: Any, engine: str = "nodal", **options: Any) -> Any:
        given = other if engine == "nodal" else circuit
        return analyse(given, *arguments, engine=engine, **options)

    return found


def _edited(deck: CorpusDeck, folder: Path, old: str, new: str) -> Path:
    assert old in deck.text
    path = folder / "edited.cir"
    path.write_text(deck.text.replace(old, new))
    return path


def test_the_page_about_the_corpus_is_as_it_is_written():
    """Else run `python docs/corpus_table.py`."""
    table = _table()
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def _table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("corpus_table", DOCS / "corpus_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
