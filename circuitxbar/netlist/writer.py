"""Circuit -> netlist text, the same to the byte for the same circuit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.circuit.checks import check_topology, joined_nodes
from circuitxbar.circuit.circuit import Circuit, Group, SubCircuit
from circuitxbar.dialects import DIALECTS, Dialect
from circuitxbar.errors import CircuitError, NetlistError

INDEX = "vector_index"  # the node that counts the input vectors of a batch


def write_spice(circuit: Circuit | SubCircuit, dialect: str = "ngspice") -> str:
    """Netlist text of `circuit`: a deck that runs unchanged in `ngspice -b`, or a .subckt block.

    Element names are the public ones behind the letter of their kind (rcell_0_0, vsource_...).
    Nodes joined by zero resistance are written under one name, and a comment lists the others;
    open elements are left out. A circuit that holds a batch becomes one .dc sweep over the
    vectors. Lines end in "\\n". Raises CircuitError where there is no unique solution,
    NetlistError for an unknown dialect.
    """
    if not isinstance(dialect, str) or dialect not in DIALECTS:
        raise NetlistError(f"dialect = {shown(dialect)}: choose one of {', '.join(DIALECTS)}.")
    tongue = DIALECTS[dialect]
    if isinstance(circuit, SubCircuit):
        return "\n".join(_subcircuit_lines(circuit, tongue)) + "\n"
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit or SubCircuit.")
    check_topology(circuit)
    names = written_nodes(circuit)
    lines = [f"{tongue.comment} {circuit.title}"]
    lines += _net_comments(circuit, names, tongue)
    for group in circuit.groups:
        lines += _element_lines(group, names, tongue)
    lines += tongue.options
    lines += _analysis_lines(circuit)
    return "\n".join([*lines, ".end"]) + "\n"


def written_nodes(circuit: Circuit) -> list[str]:
    """The name under which each node of `circuit` stands in its netlist text, by number."""
    names = circuit.nodes
    return [names[k] for k in joined_nodes(circuit).tolist()]


def source_name(group: Group, k: int) -> str:
    """The SPICE name of voltage source `k` of `group`."""
    return f"{_letter(group)}{group.names[k]}"


def _subcircuit_lines(subcircuit: SubCircuit, tongue: Dialect) -> Iterator[str]:
    circuit = subcircuit.circuit
    if circuit.batch > 1:
        raise NetlistError(
            f"sub-circuit {subcircuit.name!r} holds a batch, which a .subckt block cannot step "
            "through. Use Circuit.instance, or sources of one value."
        )
    net = joined_nodes(circuit)
    names = list(circuit.nodes)
    # A net that holds a pin must carry the pin's name; two pins on one net need a joint.
    joints = []
    for pin, node in subcircuit.pin_nodes.items():
        lowest = int(net[node])
        if lowest == 0 or (names[lowest] in subcircuit.pin_nodes and names[lowest] != pin):
            joints.append((names[lowest], pin))
        else:
            names[lowest] = pin
    written = [names[k] for k in net.tolist()]
    yield f".subckt {subcircuit.name}"
    pins = subcircuit.pins
    for k in range(0, len(pins), 8):
        yield "+ " + " ".join(pins[k : k + 8])
    yield from _net_comments(circuit, written, tongue)
    for first, second in joints:
        yield f"vjoint_{second} {first} {second} 0.0"
    for group in circuit.groups:
        yield from _element_lines(group, written, tongue)
    yield f".ends {subcircuit.name}"


def _net_comments(circuit: Circuit, written: list[str], tongue: Dialect) -> Iterator[str]:
    joined = sorted(
        (name, own) for name, own in zip(written, circuit.nodes, strict=True) if name != own
    )
    for name, members in groupby(joined, key=lambda pair: pair[0]):
        others = [own for _, own in members]
        for k in range(0, len(others), 8):
            yield f"{tongue.comment} node {name} is also {' '.join(others[k : k + 8])}"


def _element_lines(group: Group, names: list[str], tongue: Dialect) -> Iterator[str]:
    letter = _letter(group)
    kept = np.ones(len(group.names), dtype=bool)
    if group.kind == "R":
        kept = np.isfinite(group.values) & (group.values > 0)
    for name, (first, second), value, keep in zip(
        group.names, group.nodes.tolist(), group.values.tolist(), kept.tolist(), strict=True
    ):
        if keep:
            text = tongue.number(value) if letter != "b" else _table(group, value, tongue)
            yield f"{letter}{name} {names[first]} {names[second]} {text}"


def _table(group: Group, values: list[float], tongue: Dialect) -> str:
    return f"{group.kind.lower()}={tongue.table(INDEX, values)}"


def _letter(group: Group) -> str:
    return "b" if group.values.ndim == 2 else group.kind.lower()


def _analysis_lines(circuit: Circuit) -> Iterator[str]:
    if circuit.batch == 1:
        yield ".op"
        return
    yield f"v{INDEX} {INDEX} 0 0"
    yield f".dc v{INDEX} 0 {circuit.batch - 1} 1"
    # Without a .print, `ngspice -b` runs no sweep; what it prints is what an .op prints last.
    sources = [g for g in circuit.groups if g.kind == "V"]
    currents = [f"i({source_name(g, k)})" for g in sources for k in range(len(g.names))]
    yield ".print dc " + "\n+ ".join(currents or [f"v({INDEX})"])
