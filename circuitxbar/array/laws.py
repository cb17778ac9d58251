"""The laws of the cells of a crossbar as compiled code.

The passes over the cells are the same for all laws of a kind of cell: they are compiled once. The
laws are one small function for them to call, for a register of numbers at a time, written from
the expressions that the devices have for every other use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.compiling import joined, load
from circuitxbar.devices.expression import CONTROLS, Law, symbolic
from circuitxbar.devices.functions import TABLE, apply
from circuitxbar.devices.kernel import derivative, numpy_function
from circuitxbar.devices.writing import Tongue, written

if TYPE_CHECKING:
    from circuitxbar.circuit.crossbar import Crossbar

_COMPILED = Tongue(
    number=lambda value: f"w({value!r})",
    symbol=lambda name: name,
    power=lambda base, exponent: f"({base})**{exponent}",
    call=lambda row, arguments: TABLE[row].compiled.format(*arguments),
)
_VOLTAGE_ROWS = {"v_d": "DRAIN", "v_g": "GATE", "v_s": "SOURCE", "v_ds": "INNER"}
_OF_LAWS = ("vectors", "elementary", "rows")
_OF_PASSES = (*_OF_LAWS, "following", "balancing", "linearising", "sums")
AT_REST, FORETOLD, AT_NODES = 0, 1, 2  # where `evaluate` linearises: see its text
_STATES = {"1R": 3, "1S1R": 6, "1T1R": 8}
_TASKS = {
    "memory": "MEMORY_LAW",
    "other": "OTHER_LAW",
    "memory_terms": "MEMORY_WITH_TERMS",
    "other_terms": "OTHER_WITH_TERMS",
    "memory_by": "MEMORY_BY_PARAMETERS",
    "other_by": "OTHER_BY_PARAMETERS",
}


Kind = Literal["1R", "1S1R", "1T1R"]
_KINDS: dict[str, Kind] = {"": "1R", "selector.": "1S1R", "transistor.": "1T1R"}


@dataclass(frozen=True, eq=False)
class CellLaw:
    """Compiled functions of the cells of one kind that have the same laws.

    kind : "1R", "1S1R" or "1T1R".
    names : of the first rows of `parameters`: "g", "temperature", those of the memory element, then
    "selector.x" or "transistor.x".
    prepare : function of these, in order, that gives what `evaluate` needs of them, in the rows
    that follow.
    states : numbers that `evaluate` keeps of a cell and vector: voltage, current and slope of the
    memory element, of the other one, and of a transistor its source voltage and the slope by it.
    evaluate, verify, slopes, polish : passes over cells, without their first argument; compiled
    when they are first called, see their texts.
    """

    kind: Kind
    names: tuple[str, ...]
    states: int
    prepare: Callable[..., tuple[Any, ...]]
    evaluate: Callable[..., None]
    verify: Callable[..., None]
    slopes: Callable[..., None]
    polish: Callable[..., None]


@dataclass(frozen=True)
class _Element:
    """One element of a cell in the words of the generated text.

    prefix : of its parameters in `names`.  law : as the device has it.
    linear, passive : its device is.
    """

    prefix: str
    law: Law
    linear: bool
    passive: bool

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(CONTROLS[3 if self.law.names[0] == "v_d" else 2])

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.law.names[len(self.controls) :]


def cell_law(crossbar: Crossbar) -> CellLaw:
    """The compiled law of the cells of `crossbar`; the same one for all with the same laws."""
    elements = tuple(
        _Element(prefix, device.full_law, device.is_linear, device.passive)
        for prefix, device in crossbar.devices.items()
    )
    return _cell_law(elements)


def law_parameters(
    crossbar: Crossbar, law: CellLaw, changed: Mapping[str, Array] | None = None
) -> Array:
    """What `law` takes beside voltages, (rows, cells): those of `law.names`, then the prepared.

    changed : of these names, what is not as the crossbar has it, (rows, columns).
    """
    given: dict[str, Any] = {"g": crossbar.conductances, "temperature": crossbar.temperature}
    for prefix, device in crossbar.devices.items():
        given |= {prefix + name: value for name, value in device.values.items()}
    given |= {**crossbar.parameters, **(changed or {})}
    named = [np.asarray(given[name], dtype=float) for name in law.names]
    with np.errstate(all="ignore"):
        prepared = law.prepare(*(value[()] for value in named))
    rows = [np.broadcast_to(np.asarray(row, float), crossbar.shape) for row in (*named, *prepared)]
    return np.stack(rows).reshape(len(rows), -1)


def there(crossbar: Crossbar) -> np.ndarray:
    """1 where a cell follows its law, 0 where it is open or short, (cells,) uint8."""
    return crossbar.closed.ravel().astype(np.uint8)


@lru_cache(maxsize=64)
def _cell_law(elements: tuple[_Element, ...]) -> CellLaw:
    kind = _KINDS[elements[-1].prefix]
    names = ["g", "temperature"]
    for element in elements:
        names += [element.prefix + name for name in element.parameters[2:]]
    writer = _Writer(tuple(names))
    text = writer.text(elements)
    module: Any = load(text, f"law_{kind}")
    first = int(module.BY_PARAMETERS)
    counts = [len(names), *writer.counts, first, first + len(writer.by), writer.by_other]
    law = np.array([module.law.address, *counts, *writer.by], dtype=np.int64)  # as the rows have it
    balanced = kind == "1T1R" and all(element.passive for element in elements)
    passes: Any = _passes(kind, balanced)
    return CellLaw(
        kind,
        tuple(names),
        _STATES[kind],
        numpy_function(elements[0].law.where, _symbol_names(names), list(writer.prepared)),
        partial(passes.evaluate, law),
        partial(passes.verify, law),
        partial(passes.slopes, law),
        partial(passes.polish, law),
    )


@cache
def _passes(kind: Kind, balanced: bool) -> ModuleType:
    """The passes over cells of this kind."""
    constants = [
        f"STATES = np.int64({_STATES[kind]})",
        f"SERIES = {kind != '1R'}",
        f"GATED = {kind == '1T1R'}",
        f"BALANCED = {balanced}",
    ]
    text = "\n".join([joined("circuitxbar.array.cells", _OF_PASSES), *constants])
    return load(text, f"cells_{kind}")


def _symbol_names(names: Sequence[str]) -> list[str]:
    return [f"a{n}" for n in range(len(names))]


class _Writer:
    """Writes the laws as functions of rows; collects what they want prepared.

    prepared : expressions of parameters alone and the symbols that stand for them.
    counts : how many of them currents and slopes want, these and the terms, all.
    by : for each derivative row, the row of the parameter; from `by_other` on of the other element.
    """

    def __init__(self, names: tuple[str, ...]):
        self.names = names
        self.prepared: dict[Any, Any] = {}
        self.counts: list[int] = []
        self.by: list[int] = []
        self.by_other = 0

    def text(self, elements: Sequence[_Element]) -> str:
        """The source text of the laws of one kind of cell: a function `law` of task and rows."""
        functions: list[str] = []
        for write in (self.evaluation, self.terms, self.derivatives):
            for name, element in zip(("memory", "other"), elements, strict=False):
                self.by_other = len(self.by)
                functions.append(write(name, element))
            self.counts.append(len(self.prepared))
        if len(elements) == 1:
            self.by_other = len(self.by)
        lines = [f"BY_PARAMETERS = PARAMETERS + {len(self.names) + len(self.prepared)}", ""]
        lines += [f"@on_rows\n{function}" for function in functions]
        lines += ['@cfunc("void(int64, int64)", cache=True, error_model="numpy")']
        lines += ["def law(task, rows):"]
        for function in functions:
            name = function.partition("(")[0].removeprefix("def ")
            lines += [f"    if task == {_TASKS[name]}:", f"        {name}(rows)"]
        return "\n".join([joined("circuitxbar.array.cells", _OF_LAWS), *lines, ""])

    def evaluation(self, name: str, element: _Element) -> str:
        """Current and slopes: the inner loop."""
        law = element.law
        outputs = [symbolic(law)]
        if element.prefix == "transistor.":
            by = {control: derivative(law, control) for control in element.controls}
            outputs += [by["v_d"] + by["v_ds"], by["v_s"] - by["v_ds"], by["v_g"]]
            rows = ["OTHER", "OTHER_SLOPE", "OTHER_BY_SOURCE", "OTHER_BY_GATE"]
        else:
            outputs.append(derivative(law, "v"))
            rows = [name.upper(), f"{name.upper()}_SLOPE"]
        renamed = [self.renamed(element, output) for output in outputs]
        return self.function(name, element, renamed, rows)

    def terms(self, name: str, element: _Element) -> str:
        """Current, and |x d current / dx| summed over all x that the law takes."""
        import sympy

        current = symbolic(element.law)
        total = sympy.Integer(0)
        if not element.linear:
            products = [sympy.Symbol(x) * derivative(element.law, x) for x in element.law.names]
            total = sum((apply("abs", x) for x in [current, *products] if x != 0), total)
        outputs = [self.renamed(element, output) for output in (current, total)]
        return self.function(
            f"{name}_terms", element, outputs, [name.upper(), f"{name.upper()}_TERMS"]
        )

    def derivatives(self, name: str, element: _Element) -> str:
        """The slope, the derivatives by the parameters, and what a transistor needs beside."""
        law = element.law
        by = {control: derivative(law, control) for control in element.controls}
        outputs, rows = (
            [by.get("v", by.get("v_d", 0) + by.get("v_ds", 0))],
            [f"{name.upper()}_SLOPE"],
        )
        if name == "other":
            outputs.append(sum(apply("abs", slope) for slope in by.values() if slope != 0))
            rows.append("OTHER_TERMS")
        if "v_g" in by:
            outputs.append(by["v_g"])
            rows.append("OTHER_BY_GATE")
        for parameter in element.parameters:
            slope = derivative(law, parameter)
            if slope != 0:
                outputs.append(slope)
                rows.append(f"BY_PARAMETERS + {len(self.by)}")
                self.by.append(self.row(element, parameter))
        renamed = [self.renamed(element, output) for output in outputs]
        return self.function(f"{name}_by", element, renamed, rows)

    def row(self, element: _Element, name: str) -> int:
        """The row of the parameters that holds `name` of the element."""
        common = name in ("g", "temperature")
        return self.names.index(name if common else element.prefix + name)

    def renamed(self, element: _Element, expression: Any) -> Any:
        """The expression in symbols a0, a1, ... for the rows: no name of a file gets further."""
        import sympy

        symbols = {
            sympy.Symbol(name): sympy.Symbol(f"a{self.row(element, name)}")
            for name in element.parameters
        }
        return sympy.sympify(expression).xreplace(symbols)

    def split(self, outputs: Sequence[Any], voltages: set[Any]) -> list[Any]:
        """The expressions with a symbol in place of every part that no voltage stands in."""
        import sympy

        @cache  # expressions share most of their parts
        def varies(node: Any) -> bool:
            return node in voltages or any(map(varies, node.args))

        def prepared(node: Any) -> Any:
            if node.is_Number:
                return node
            if node.could_extract_minus_sign():  # one symbol for what differs in sign alone
                return -prepared(-node)
            return self.prepared.setdefault(node, sympy.Symbol(f"p{len(self.prepared)}"))

        @cache
        def walk(node: Any) -> Any:
            if not varies(node):
                return prepared(node)
            if not node.args:
                return node
            if node.is_Add or node.is_Mul:
                fixed = [part for part in node.args if not varies(part)]
                rest = [walk(part) for part in node.args if varies(part)]
                return node.func(prepared(node.func(*fixed)), *rest)
            return node.func(*map(walk, node.args))

        return list(map(walk, outputs))

    def function(
        self,
        name: str,
        element: _Element,
        outputs: Sequence[Any],
        rows: Sequence[str],
    ) -> str:
        """The text of a function of Rows that reads what `outputs` need and writes `rows`."""
        import sympy

        controls = {sympy.Symbol(control) for control in element.controls}
        shared, parts = sympy.cse(
            self.split(outputs, controls), symbols=sympy.numbered_symbols("_"), order="none"
        )
        used = set().union(*(part.free_symbols for part in [*parts, *(part for _, part in shared)]))
        lines = []
        for symbol in sorted(used - {name for name, _ in shared}, key=str):
            lines.append(f"{symbol} = w[{self.place(element, symbol.name)}]")
        lines += [f"{symbol} = {written(part, _COMPILED)}" for symbol, part in shared]
        texts = (written(part, _COMPILED) for part in parts)
        lines += [f"w[{row}] = {text}" for row, text in zip(rows, texts, strict=True)]
        return f"def {name}(w):\n    " + "\n    ".join(lines) + "\n"

    def place(self, element: _Element, symbol: str) -> str:
        """The row that holds what `symbol` stands for in the law of `element`."""
        if symbol == "v":
            return "INNER" if element.prefix == "selector." else "ACROSS"
        if symbol in _VOLTAGE_ROWS:
            return _VOLTAGE_ROWS[symbol]
        number = int(symbol[1:]) + (len(self.names) if symbol[0] == "p" else 0)
        return f"PARAMETERS + {number}"
