"""Law -> numpy functions of its value and its exact derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from circuitxbar.devices.expression import Law, symbolic
from circuitxbar.devices.functions import TABLE, row_of
from circuitxbar.devices.writing import Tongue, written
from circuitxbar.errors import ModelError


def _whole_power(base: Any, exponent: int) -> Any:
    """base ** exponent by repeated squaring: numpy's own power is some twenty times slower."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        if exponent:
            base = base * base
    return result


_NAMES = {f"_{row}": function.numpy for row, function in TABLE.items()}
_NAMES["_whole_power"] = _whole_power
_PYTHON = Tongue(
    number=lambda value: f"({value!r})" if value < 0 else repr(value),
    symbol=lambda name: name,
    power=lambda base, exponent: f"_whole_power({base}, {exponent})",
    call=lambda row, arguments: f"_{row}({', '.join(arguments)})",
)


@lru_cache(maxsize=256)
def derivative(law: Law, name: str) -> Any:
    """d law / d name as a sympy expression, by the table and the rules of sums and products."""
    import sympy

    known: dict[Any, Any] = {}

    def slope(x: Any) -> Any:
        if x not in known:
            known[x] = sympy.sympify(rule(x))
        return known[x]

    def rule(x: Any) -> Any:
        if x.is_Symbol:
            return int(x.name == name)
        if x.is_Number:
            return 0
        if x.is_Add:
            return sympy.Add(*map(slope, x.args))
        if x.is_Mul:
            pairs = [(k, slope(factor)) for k, factor in enumerate(x.args)]
            products = [(*x.args[:k], by, *x.args[k + 1 :]) for k, by in pairs if by != 0]
            return sympy.Add(*(sympy.Mul(*factors) for factors in products))
        if x.is_Pow:
            by = slope(x.base)
            return x.exp * x.base ** (x.exp - 1) * by if by != 0 else 0
        slopes = tuple(map(slope, x.args))
        return TABLE[x.row].derivative(x.args, slopes) if any(slopes) else 0

    try:
        return slope(symbolic(law))
    except RecursionError:
        raise ModelError(
            f"{law.where}, {law.section}: nested too deeply. Simplify the law."
        ) from None


@lru_cache(maxsize=256)
def is_linear(law: Law) -> bool:
    """Whether the form of the law is v times something free of v, or a sum of such terms.

    True is a proof; False may only mean that the form does not show it.
    """

    def linear(part: Any) -> bool:
        if part.is_Symbol:
            return part.name == "v"
        if part.is_Add:
            return all(map(linear, part.args))
        if part.is_Mul:
            with_v = [
                factor for factor in part.args if any(s.name == "v" for s in factor.free_symbols)
            ]
            return len(with_v) == 1 and linear(with_v[0])
        return False

    return linear(symbolic(law))


@lru_cache(maxsize=256)
def kernel(law: Law, slopes: tuple[str, ...] = ()) -> Callable[..., tuple[Any, ...]]:
    """Function of `law.names`, in order: the current and its derivative by each of `slopes`.

    Arrays broadcast; an output that depends on nothing is a plain number. Nothing is checked.
    """
    return numpy_function(law.where, law.names, _outputs(law, slopes))


def kernel_text(law: Law, slopes: tuple[str, ...] = ()) -> str:
    """Python source of that function."""
    return _source(law.names, _outputs(law, slopes))


def numpy_function(
    where: str, names: Iterable[str], outputs: Sequence[Any]
) -> Callable[..., tuple[Any, ...]]:
    """Function of `names`, in order, that gives the value of each of the expressions `outputs`."""
    scope: dict[str, Any] = {"__builtins__": {}, **_NAMES}
    # The source holds nothing but names and calls of our own table: no text of a file is in it.
    exec(compile(_source(names, outputs), f"<law of {where}>", "exec"), scope)
    return scope["law"]


def _outputs(law: Law, slopes: tuple[str, ...]) -> list[Any]:
    return [symbolic(law), *(derivative(law, name) for name in slopes)]


def _source(names: Iterable[str], outputs: Sequence[Any]) -> str:
    """Python source of that function, common sub-expressions shared."""
    import sympy

    shared, parts = sympy.cse(outputs, symbols=sympy.numbered_symbols("_"), order="none")
    lines = [f"    {name} = {written(part, _PYTHON)}" for name, part in shared]
    results = "".join(f"{written(part, _PYTHON)}, " for part in parts)
    return "\n".join([f"def law({', '.join(names)}):", *lines, f"    return ({results})\n"])


def domains(law: Law) -> str:
    """The domains of the functions that `law` calls, in words."""
    import sympy

    expression = symbolic(law)
    rows = {row for node in sympy.preorder_traversal(expression) if (row := row_of(node))}
    told = [
        f"{row} needs {TABLE[row].domain}" for row in TABLE if row in rows and TABLE[row].domain
    ]
    if any(power.exp.is_negative for power in expression.atoms(sympy.Pow)):
        told.append("a divisor must not be 0")
    return ", ".join(told)
