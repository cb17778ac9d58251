"""Mutated decks: each is a circuit or a NetlistError that says where; nothing else comes out."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from circuitxbar.circuit.circuit import Circuit
from circuitxbar.errors import NetlistError
from circuitxbar.netlist.reader import read_spice

DECKS = Path(__file__).parents[1] / "decks"
STOCK = [path.read_text() for path in sorted(DECKS.glob("*.cir"))]
PARTS, FEW, MANY = 4, 2_000, 100_000
LONGEST = 20  # seconds that one deck may take, on however busy a machine

WORDS = [
    "0", "gnd", "a", "in", "x1", "1k", "-1", "0.0", "1e400", "1e-400", "2.2u", "3meg", "1e",
    "nan", "{", "}", "'", '"', "(", ")", "=", ",", "+", "*", ";", "$ ", "`", "\\", "#", "!", "&&",
    "||", "?", ":", "==", "^", "**", "{a+1}", "'b*2'", "{1/0}", "v(a)", "v(a,b)", "i(v1)", "i(",
    "v(", "r1 a 0 1k", "c1 a 0 1n ic=1", "l1 a b 1m", "v1 a 0 ac 1", "i1 a 0 sin(0 1 1k)",
    "e1 a 0 b 0 2", "g1 a 0 vol='v(a)'", "f1 a 0 v1 2", "h1 a 0 v1 2", "s1 a 0 b 0 sm",
    "w1 a 0 v1", "b1 a 0 i=v(a)*{p}", "b2 a 0 v=time", "d1 a 0 dm", "q1 a b 0 qn",
    "m1 a b 0 0 nch w=1u", "x9 a b cell", "x9 a b pair scale=2", "x9 a b inner r={total}",
    "k1 l1 l2 1", "a1 [a] b m", ".op", ".end", ".ends", ".subckt s a b p=1", ".ends s",
    ".param p=2", ".param p={p}", ".global a", ".model m d(is=1)",
    ".model m d_process(process_file=x)", ".include x", ".lib x y", ".ic v(a)=1", ".control",
    ".endc", "*#", "*ng_script", ".tran 1n 1u uic", ".dc v1 0 1 0.1", ".ac dec 1 1 1k",
    ".noise v(a) v1 lin 1 1 1", ".options temp=50", ".option gmin=1e-12", ".temp 27",
    ".nodeset v(a)=1", "pulse(0 1)", "pwl(0 0 1 1)", "exp(0 1)", "poly(1)", "pow(v(a),17)",
    "pwl(v(a),0,0,1,1)", "ddt(", "limit(1,2)", "sqrt(-1)", "ln(0)", "9^9^9^9", "params:",
    "temp=50", "m=0", "area=2", "off", "m=2", "r=", "i=", "v=", "value=", "file=", "lambda",
    "__class__", "\t", "\x00", "\x7f", "é", "\r", "\n+",
]  # fmt: skip


def mutated(number: int) -> str:
    """Deck `number`: one of the stock, or two, with a few changes of words, signs and lines."""
    rng = random.Random(number)
    lines = rng.choice(STOCK).split("\n")
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        k = rng.randrange(len(lines))
        match rng.randrange(10):
            case 0:
                del lines[k]
                lines = lines or [""]
            case 1:
                lines.insert(k, lines[rng.randrange(len(lines))])
            case 2:
                other = rng.choice(STOCK).split("\n")
                start = rng.randrange(len(other))
                lines[k:k] = other[start : start + rng.randrange(1, 6)]
            case 3:
                lines.insert(k, rng.choice(WORDS))
            case 4:
                lines[k] = re.sub(r"\d", lambda _: str(rng.randrange(10)), lines[k], count=1)
            case 5:
                lines[k] = lines[k].swapcase() + rng.choice(("", "", " ; x", " $ x", "\r"))
            case 6 | 7:
                words = lines[k].split(" ")
                words[rng.randrange(len(words))] = rng.choice(WORDS)
                lines[k] = " ".join(words)
            case 8:
                words = lines[k].split(" ")
                words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))
                lines[k] = " ".join(words)
            case 9:
                place = rng.randrange(len(lines[k]) + 1)
                sign = rng.choice("(){}'\"=,+-*/^<>?:!&|.;$`\\#@%~ 019azAZ_\t\0\x80")
                lines[k] = lines[k][:place] + sign + lines[k][place + rng.randrange(2) :]
    return "\n".join(["", *lines] if rng.random() < 0.02 else lines) + "\n"


@contextmanager
def limited() -> Iterator[None]:
    """Fails when nothing comes back."""

    def too_long(*_: Any) -> None:
        raise TimeoutError(f"no answer in {LONGEST} s")

    before = signal.signal(signal.SIGALRM, too_long)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(number: int) -> bool:
    """Whether deck `number` is a circuit; else it is refused, with its line."""
    text = mutated(number)
    signal.alarm(LONGEST)
    try:
        read = read_spice(text, root=DECKS)
    except NetlistError as refusal:
        told = str(refusal)
        assert re.match(r"[\w/.]+, line \d+: ", told), (number, told)
        assert told.replace("é", "").isprintable(), (number, told)
        assert len(told) < 2000, (number, told)
        return False
    assert isinstance(read, Circuit)
    assert all(len(group.names) == len(group.nodes) == len(group.values) for group in read.groups)
    return True


def tried(count: int, part: int) -> float:
    """The share of the decks of one part that are circuits."""
    numbers = range(part * count // PARTS, (part + 1) * count // PARTS)
    with limited():
        return sum(map(outcome, numbers)) / len(numbers)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_mutated_deck_is_a_circuit_or_refused(part: int):
    assert 0.15 < tried(FEW, part) < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_mutated_decks_are_circuits_or_refused(part: int):
    assert 0.15 < tried(MANY, part) < 0.85


def test_the_stock_is_read_as_it_is():
    assert len(STOCK) >= 7
    for text in STOCK:
        assert sum(len(group.names) for group in read_spice(text, root=DECKS).groups) > 5
