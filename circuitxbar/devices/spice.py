"""Law -> ngspice text: a sub-circuit around one B-source."""

from __future__ import annotations

from collections.abc import Mapping

from circuitxbar.devices.expression import CONTROLS, Law, symbolic
from circuitxbar.devices.functions import TABLE
from circuitxbar.devices.writing import Tongue, written


def current_text(law: Law, texts: Mapping[str, str]) -> tuple[str, dict[str, float]]:
    """Expression of the current for a B-source, and the constants it refers to as `{name}`.

    texts : what stands for each of `law.names`, such as {"v": "v(a,b)", "g": "{g}"}.

    ngspice cuts a number inside an expression to 11 digits, but takes a `.param` exactly: longer
    numbers therefore become constants. It reads x**3 as |x|**3: whole powers become products.
    """
    constants: dict[float, str] = {}
    prefix = "constant"
    while any(name.lower().startswith(prefix) for name in law.names):
        prefix += "_"

    def number(value: float) -> str:
        if float(f"{value:.10e}") == value:
            return f"({value!r})" if value < 0 else repr(value)
        return "{" + constants.setdefault(value, f"{prefix}{len(constants)}") + "}"

    tongue = Tongue(
        number=number,
        symbol=lambda name: texts[name],
        power=lambda base, exponent: "(" + "*".join([base] * exponent) + ")",
        call=lambda row, arguments: TABLE[row].spice.format(*arguments),
    )
    text = written(symbolic(law), tongue)
    return text, {name: value for value, name in constants.items()}


def subcircuit_text(
    law: Law, name: str, terminals: tuple[str, ...], parameters: Mapping[str, float]
) -> str:
    """Lines of `.subckt name`; its parameters are those given, with their values as defaults."""
    texts = {parameter: "{" + parameter + "}" for parameter in parameters}
    for control, signs in CONTROLS[len(terminals)].items():
        between = [terminals[signs.index(sign)] for sign in (1, -1) if sign in signs]
        texts[control] = f"v({','.join(between)})"
    text, constants = current_text(law, texts)
    declared = [f"{key}={value!r}" for key, value in parameters.items()]
    return "\n".join(
        [
            " ".join([".subckt", name, *terminals, *declared]),
            *(f".param {constant}={value!r}" for constant, value in constants.items()),
            f"b1 {terminals[0]} {terminals[-1]} i={text}",
            f".ends {name}",
            "",
        ]
    )
