"""`circuitxbar netlist`: an array as SPICE text."""

from __future__ import annotations

import sys
from pathlib import Path

from circuitxbar.cli.array_file import read_array
from circuitxbar.cli.inputs import Words, check_output, read_inputs
from circuitxbar.netlist.writer import write_spice
from circuitxbar.storage import write_text


def run(
    array: Path,
    words: Words,
    out: Path | None,
    subcircuit: str | None,
) -> None:
    """Write the netlist of `array`, or the sub-circuit of that name, to `out` or the screen."""
    check_output(out)
    crossbar = read_array(array)
    inputs = read_inputs(words)
    circuit = crossbar.circuit(*inputs) if subcircuit is None else crossbar.subcircuit(subcircuit)
    text = write_spice(circuit)
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
