"""Circuit -> netlist text, the same to the byte for the same circuit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from circuitxbar.arguments import shown
from circuitxbar.circuit.checks import check_topology, joined_nodes
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.group import Group, Semiconductor
from circuitxbar.devices.spice import checked_dialect, constant_lines
from circuitxbar.dialects import DIALECTS, Dialect
from circuitxbar.errors import CircuitError, NetlistError
from circuitxbar.netlist.blocks import identity_of
from circuitxbar.netlist.lines import INDEX, Page, element_lines
from circuitxbar.netlist.spelling import Spelling, is_block

_LINEAR = frozenset("RCLVIEGFH")


def write_spice(
    circuit: Circuit | SubCircuit, dialect: str = "ngspice", analysis: str | None = None
) -> str:
    """Netlist text of `circuit`: a deck that runs unchanged in `ngspice -b`, or a .subckt block.

    dialect : "ngspice", or "xyce", "ltspice", "spectre" after their manuals.
    analysis : one line such as ".tran 1e-9 1e-6"; .op where nothing is said.

    Element names are the public ones, where all of them begin with the letter of their kind; else
    behind that letter (rcell_0_0, vsource_...). Nodes joined by zero resistance are written under
    one name, and a comment lists the others; open elements are left out. Every law stands once, as
    a .subckt block at the top; the x lines of its elements give what differs from its defaults.
    Initial voltages stand in front of a transient. A circuit that holds a batch becomes one .dc
    sweep over the vectors. Lines end in "\\n". Raises CircuitError where there is no unique
    solution, NetlistError for an unknown dialect, and for an element that it cannot write.
    """
    tongue = checked_dialect(dialect)
    if isinstance(circuit, SubCircuit):
        return "\n".join(_subcircuit_lines(circuit, tongue)) + "\n"
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit or SubCircuit.")
    if analysis is None:
        return deck(circuit, _steady_lines(circuit, tongue), dialect=tongue)
    if not isinstance(analysis, str) or not analysis.startswith(".") or not analysis.isprintable():
        raise NetlistError(
            f"analysis = {shown(analysis)}: expected one line such as '.tran 1u 1m'."
        )
    if circuit.batch > 1:
        raise NetlistError("a circuit that holds a batch is a sweep of its own. Give no analysis.")
    return deck(circuit, [analysis], dialect=tongue)


def deck(
    circuit: Circuit,
    analysis: Sequence[str],
    options: Sequence[str] | None = None,
    dialect: Dialect = DIALECTS["ngspice"],
) -> str:
    """Netlist text of `circuit` that ends in the lines of `analysis`.

    options : lines in front of them; those of the dialect for an operating point if None.
    """
    kind, *words = " ".join(analysis).lower().split()
    over_time = kind == ".tran"
    check_topology(circuit, over_time=over_time, at_rest="uic" not in words)
    circuit = _side_by_side(circuit)
    nodes = written_nodes(circuit)
    page = Page.of(circuit, nodes, dialect)
    elements = [*element_lines(circuit, page)]
    lines = [f"{dialect.comment} {circuit.title}", *dialect.header, *page.blocks.lines]
    lines += [*page.cards.lines, *constant_lines(page.texts.constants)]
    lines += [*_net_comments(circuit, nodes, dialect), *elements]
    if over_time:
        lines += [
            f".ic v({nodes[circuit.node(name)]})={dialect.number(value)}"
            for name, value in circuit.initial_voltages.items()
        ]
    lines += _options(circuit, dialect) if options is None else options
    return "\n".join([*lines, *analysis, ".end"]) + "\n"


def _side_by_side(circuit: Circuit) -> Circuit:
    """Equal elements beside one another, as the reader puts them: so both have one order."""
    runs: dict[object, list[Group]] = {}
    for group in circuit.groups:
        key: object = group.kind
        if is_block(group):
            key = identity_of(group)
        elif isinstance(group.model, Semiconductor):
            key = group.kind, group.model.key
        runs.setdefault(key, []).append(group)
    return replace(circuit, groups=tuple(group for run in runs.values() for group in run))


def is_linear(circuit: Circuit) -> bool:
    """Whether no element of `circuit` has a law."""
    return all(group.kind in _LINEAR for group in circuit.groups)


def written_nodes(circuit: Circuit) -> list[str]:
    """The name under which each node of `circuit` stands in its netlist text, by number."""
    names = circuit.nodes
    return [names[k] for k in joined_nodes(circuit).tolist()]


def _options(circuit: Circuit, tongue: Dialect) -> tuple[str, ...]:
    linear = is_linear(circuit)
    lines = () if linear else tongue.law_options
    return lines + tongue.options if linear or circuit.node_count >= tongue.large else lines


def _subcircuit_lines(subcircuit: SubCircuit, tongue: Dialect) -> Iterator[str]:
    circuit = _side_by_side(subcircuit.circuit)
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
    page = Page.of(circuit, written, tongue, inside=True)
    elements = [*element_lines(circuit, page)]
    yield f".subckt {subcircuit.name}"
    pins = subcircuit.pins
    for k in range(0, len(pins), 8):
        yield "+ " + " ".join(pins[k : k + 8])
    yield from page.blocks.lines
    yield from page.cards.lines
    yield from constant_lines(page.texts.constants)
    yield from _net_comments(circuit, written, tongue)
    for first, second in joints:
        yield f"vjoint_{second} {first} {second} 0.0"
    yield from elements
    yield f".ends {subcircuit.name}"


def _net_comments(circuit: Circuit, written: list[str], tongue: Dialect) -> Iterator[str]:
    joined = sorted(
        (name, own) for name, own in zip(written, circuit.nodes, strict=True) if name != own
    )
    for name, members in groupby(joined, key=lambda pair: pair[0]):
        others = [own for _, own in members]
        for k in range(0, len(others), 8):
            yield f"{tongue.comment} node {name} is also {' '.join(others[k : k + 8])}"


def _steady_lines(circuit: Circuit, tongue: Dialect) -> list[str]:
    """The operating point, or the sweep through the vectors of a batch."""
    if circuit.batch == 1:
        return [".op"]
    spelling = Spelling.of(circuit)
    sources = [g for g in circuit.groups if g.kind == "V"]
    currents = [f"i({name})" for g in sources for name in spelling.names(g)]
    # Without a .print, `ngspice -b` runs no sweep; what it prints is what an .op prints last.
    printed = "\n+ ".join(currents or [f"v({INDEX})"])
    return [
        f"v{INDEX} {INDEX} 0 0",
        f".dc v{INDEX} 0 {circuit.batch - 1} 1",
        f".print dc {printed}",
    ]
