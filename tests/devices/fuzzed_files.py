"""Device files that nobody would write: `fuzzed(k)` is the k-th of an endless, fixed series."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable

from circuitxbar.devices.functions import COMPARISONS, CONSTANTS, FUNCTIONS
from circuitxbar.devices.library import device_folder


def _stock() -> list[str]:
    """Files with laws of their own, or with sections that no file before them has together.

    A file that names a table of steps is no device without it.
    """
    stock: list[str] = []
    seen: set[object] = set()
    for path in sorted(device_folder().glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
        kinds = {table["current"]["law"], frozenset(table)}
        if not kinds <= seen and "table" not in table.get("pulse", {}):
            seen |= kinds
            stock.append(text)
    return stock


REAL = _stock()

NUMBERS = ["0", "-0.0", "1", "2", "3", "0.5", "-1", "7.25", "1e-9", "1e-300", "1e300", "1e400"]
NUMBERS += ["1e-400", "-1e308", "5e-324", "inf", "-inf", "nan", "0x10", "1_000", "017", "1e", "1j"]
NUMBERS += ["1.e5", ".5", "16", "17", "99999999999999999999", "9" * 400, "1" + "_0" * 60, "true"]
NUMBERS += ["1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"]

# Texts that would do something, take long, or look like what they are not. `canary` is a function
# that the test puts where any evaluated text would find it.
NASTY = [
    "canary()",
    "canary(v)",
    "(lambda: canary())()",
    "[canary() for x in (1,)]",
    "v if canary() else g",
    "f'{canary()}'",
    "v.__class__.__mro__[1].__subclasses__()",
    "().__class__.__bases__[0]",
    "__import__('os').system('true')",
    "getattr(v, '__class__')",
    "eval('canary()')",
    "exec('canary()')",
    "open('/dev/null')",
    "(x := canary())",
    "v; canary()",
    "v\ncanary()",
    "v) or canary() or (v",
    "{canary()}",
    "{'a': canary()}",
    "@canary",
    "await canary()",
    "yield canary()",
    "print(v)",
    "sympify('canary()')",
    "Symbol('v')",
    "np.exp(v)",
    "_exp(v)",
    "_0 + v",
    "law(v)",
    "v @ g",
    "v and g or v",
    "not v",
    "...",
    "*v",
    "**v",
    "v[:]",
    "v, g",
    "9**9**9**9",
    "2**16**16",
    "((((v**16)**16)**16)**16)",
    "1/0",
    "0**-1",
    "(v-v)/(g-g)",
    "log(0)",
    "sqrt(-1)",
    "0**0",
    "(-8)**0.5",
    "v**-0.5",
    "v**(1e300*1e300)",
    "exp(1e300)*exp(-1e300)",
    "𝑣 * g",
    "ѵ * g",
    "v\u200b * g",
    "v\u00a0* g",
    "g\u2217v",
    "ｖ * ｇ",
    "e\u0301",
    "v\x00",
    "v\x1b[31m",
    "\ud800",
    "\ufeffv",
    "v # note",
    "v // g",
    "v % g",
    "v ^ 2",
    "v << 3",
    "~v",
    "v\\\n+g",
    "v '",
    'v "',
    ".control",
    "{v0}",
    "v(p,n)",
    "i(v1)",
    "temper",
    "",
    " ",
    "(" * 300 + "v" + ")" * 300,
    "(" * 100 + "v",
    "-" * 500 + "v",
    "sinh(" * 40 + "v" + ")" * 40,
    "exp(" * 12 + "v" + ")" * 12,
    "v" + "+v" * 300,
    "v" + "*v" * 60,
    "+".join(f"v**{k}" for k in range(17)),
    "*".join(f"(v+{k})" for k in range(30)),
    "v**g**v**g",
    "max(" * 20 + "v" + ",g)" * 20,
    "where(v>0," * 20 + "v" + ",g)" * 20,
    "a" * 10_000,
    "v " * 3_000,
]

_HEAD = """name = "{name}"
title = "t"
source = "s"
terminals = {terminals}
[parameters.{parameter}]
unit = "1"
default = {default}
range = [{low}, {high}]
meaning = "m"
[define]
{definition} = {defined}
[current]
law = {law}
valid = {{ {valid} }}
"""


def fuzzed(k: int) -> bytes:
    """The k-th file."""
    rng = random.Random(k)
    make = rng.choice([_of_random_law, _of_random_law, _of_nasty_law, _mutated, _mutated, _of_keys])
    text = make(rng).encode("utf-8", "surrogatepass")
    if rng.random() < 0.02 and text:
        place = rng.randrange(len(text))
        text = text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :]
    return text


def _of_random_law(rng: random.Random) -> str:
    three = rng.random() < 0.4
    names = ["v_d", "v_g", "v_s", "v_ds", "v_gs"] if three else ["v", "v"]
    names += ["g", "temperature", "p1"]
    defined, law = _tree(rng, names, 3), _tree(rng, [*names, "d1"], 4)
    return _file(rng, three, f'"{defined}"', f'"{law}"', uses_g="g" in _words(defined + " " + law))


def _of_nasty_law(rng: random.Random) -> str:
    three = rng.random() < 0.3
    nasty, plain = rng.choice(NASTY), "v_ds" if three else "v"
    if rng.random() < 0.5:
        nasty = rng.choice(["{} * 2", "sinh({})", "{} + " + plain, "where({} > 0, 1, 2)"]).format(
            nasty.replace("{", "{{").replace("}", "}}")
        )
    law, defined = (nasty, plain) if rng.random() < 0.7 else (f"d1 * {plain}", nasty)
    return _file(rng, three, _quoted(rng, defined), _quoted(rng, law), rng.random() < 0.5)


def _file(rng: random.Random, three: bool, defined: str, law: str, uses_g: bool) -> str:
    ranges = [f"{name} = [-1.0, 1.0]" for name in (("v_d", "v_g", "v_s") if three else ("v",))]
    ranges += ["g = [1e-9, 1.0]"] * uses_g
    return _HEAD.format(
        name="fuzz" if rng.random() < 0.97 else rng.choice(NASTY),
        terminals='["d", "g", "s"]' if three else '["p", "n"]',
        parameter="p1",
        default=0.5,
        low=0.1,
        high=2.0 if rng.random() < 0.97 else rng.choice(NUMBERS),
        definition="d1" if rng.random() < 0.97 else rng.choice(NASTY),
        defined=defined,
        law=law,
        valid=", ".join(ranges),
    )


def _tree(rng: random.Random, names: list[str], depth: int) -> str:
    if depth == 0 or rng.random() < 0.15:
        others = [*NUMBERS[:10], *CONSTANTS]
        return rng.choice(names) if rng.random() < 0.7 else rng.choice(others)
    parts = [_tree(rng, names, depth - 1) for _ in range(3)]
    form = rng.choice(["{} + {}", "({} - {})", "{} * {}", "({}) / ({})", "({})**{}", "-{}", "call"])
    if form != "call":
        return form.format(*parts)
    name = rng.choice(list(FUNCTIONS))
    if name == "where":
        sign = rng.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"where({parts[0]} {sign} {parts[1]}, {parts[1]}, {parts[2]})"
    return f"{name}({', '.join(parts[: FUNCTIONS[name].arguments])})"


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def _quoted(rng: random.Random, text: str) -> str:
    if rng.random() < 0.05:
        return rng.choice([*NUMBERS, "[]", "{}", "['v']", text])
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in text)
    return f'"{escaped}"'


def _mutated(rng: random.Random) -> str:
    text = rng.choice(REAL)
    for _ in range(rng.choice([1, 1, 1, 1, 1, 2, 3, 8])):
        text = rng.choice(_MUTATIONS)(rng, text)
    return text


def _at(rng: random.Random, text: str) -> int:
    return rng.randrange(len(text) + 1)


def _cut(rng: random.Random, text: str) -> str:
    place = _at(rng, text)
    return text[:place] + text[place + rng.choice([1, 1, 2, 10, 100]) :]


def _inserted(rng: random.Random, text: str) -> str:
    place = _at(rng, text)
    symbols = "\"'[]{}()=.,#\n\t+-*/\\_\0é🦀0g v"
    return text[:place] + rng.choice([rng.choice(symbols), rng.choice(NASTY)]) + text[place:]


def _other_line(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    other = rng.choice(REAL).split("\n")
    lines[rng.randrange(len(lines))] = rng.choice([*lines, *other, "", "[state.w]", "[[current]]"])
    return "\n".join(lines)


def _doubled(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return "\n".join(lines)


def _other_word(rng: random.Random, text: str) -> str:
    words = sorted(_words(text))
    own = [*words, *FUNCTIONS, *COMPARISONS, "v", "v_d", "g", "lambda", "__class__"]
    old, new = rng.choice(words), rng.choice([rng.choice(own), rng.choice(NUMBERS)])
    return text.replace(old, new, 1) if rng.random() < 0.7 else text.replace(old, new)


_MUTATIONS: list[Callable[[random.Random, str], str]] = [
    _cut,
    _inserted,
    _other_line,
    _doubled,
    _other_word,
    _other_word,
]


def _of_keys(rng: random.Random) -> str:
    """Every known key, or nearly, with a value of any kind."""
    keys = ["name", "title", "source", "confirmed", "terminals", "passive", "monotone"]
    tables = ["parameters.p1", "parameters", "define", "current", "reference", "state.w", "x"]
    inner = ["unit", "default", "range", "meaning", "law", "valid", "kind", "v", "g", "tolerance"]
    lines = [f"{key} = {_value(rng, 3)}" for key in keys if rng.random() < 0.9]
    for table in rng.sample(tables, rng.randrange(1, 5)):
        lines.append(rng.choice(["[{}]", "[[{}]]"]).format(table))
        lines += [f"{key} = {_value(rng, 3)}" for key in rng.sample(inner, rng.randrange(6))]
    return "\n".join(lines)


def _value(rng: random.Random, depth: int) -> str:
    kind = rng.randrange(6 if depth else 3)
    if kind <= 1:
        return rng.choice(['"p"', '"g * v"', '""', "''", '"""\n"""', '"V"'])
    if kind == 2:
        return rng.choice(NUMBERS)
    if kind == 3:
        return f"{{ v = {_value(rng, depth - 1)}, g = {_value(rng, depth - 1)} }}"
    return f"[{', '.join(_value(rng, depth - 1) for _ in range(rng.randrange(4)))}]"
