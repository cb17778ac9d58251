"""Circuit -> netlist text, the same to the byte for the same circuit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from circuitxbar.arguments import shown
from circuitxbar.circuit.checks import check_topology, joined_nodes
from circuitxbar.circuit.circuit import Circuit, SubCircuit
from circuitxbar.circuit.group import Group
from circuitxbar.circuit.model import Model
from circuitxbar.devices.conduction import ROOM
from circuitxbar.devices.device import Device
from circuitxbar.dialects import DIALECTS, Dialect
from circuitxbar.errors import CircuitError, NetlistError

INDEX = "vector_index"  # the node that counts the input vectors of a batch


def write_spice(circuit: Circuit | SubCircuit, dialect: str = "ngspice") -> str:
    """Netlist text of `circuit`: a deck that runs unchanged in `ngspice -b`, or a .subckt block.

    Element names are the public ones behind the letter of their kind (rcell_0_0, vsource_...).
    Nodes joined by zero resistance are written under one name, and a comment lists the others;
    open elements are left out. Every law stands once, as a .subckt block at the top; the x lines
    of its elements give what differs from its defaults. A circuit that holds a batch becomes one
    .dc sweep over the vectors. Lines end in "\\n". Raises CircuitError where there is no unique
    solution, NetlistError for an unknown dialect.
    """
    if not isinstance(dialect, str) or dialect not in DIALECTS:
        raise NetlistError(f"dialect = {shown(dialect)}: choose one of {', '.join(DIALECTS)}.")
    tongue = DIALECTS[dialect]
    if isinstance(circuit, SubCircuit):
        return "\n".join(_subcircuit_lines(circuit, tongue)) + "\n"
    if not isinstance(circuit, Circuit):
        raise CircuitError(f"{shown(circuit)} is not a Circuit or SubCircuit.")
    check_topology(circuit)
    names, laws = written_nodes(circuit), _Laws.of(circuit)
    lines = [f"{tongue.comment} {circuit.title}", *laws.lines]
    lines += _net_comments(circuit, names, tongue)
    for group in circuit.groups:
        lines += _element_lines(group, names, laws, tongue)
    if laws.lines:
        lines += tongue.law_options
    if not laws.lines or circuit.node_count >= tongue.large:
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
    written, laws = [names[k] for k in net.tolist()], _Laws.of(circuit, inside=True)
    yield f".subckt {subcircuit.name}"
    pins = subcircuit.pins
    for k in range(0, len(pins), 8):
        yield "+ " + " ".join(pins[k : k + 8])
    yield from laws.lines
    yield from _net_comments(circuit, written, tongue)
    for first, second in joints:
        yield f"vjoint_{second} {first} {second} 0.0"
    for group in circuit.groups:
        yield from _element_lines(group, written, laws, tongue)
    yield f".ends {subcircuit.name}"


@dataclass(frozen=True)
class _Laws:
    """The .subckt blocks of a circuit's laws, and the name of each by its device's identity."""

    names: dict[object, str]
    lines: list[str]

    @staticmethod
    def of(circuit: Circuit, inside: bool = False) -> _Laws:
        """A block is named after its device. A digest of its text follows where two share the
        device's name, and `inside` a .subckt, as another one in the deck may hold such a block:
        ngspice looks up a block's parameters by its name alone, wherever it stands.
        """
        texts: dict[object, str] = {}
        devices: dict[str, Device] = {}
        for group in circuit.groups:
            if group.kind == "law":
                device = group.device.device
                if (identity := _identity(device)) not in texts:
                    texts[identity] = device.spice()
                    devices.setdefault(texts[identity], device)
        shared = Counter(device.name for device in devices.values())
        names: dict[str, str] = {}
        for text, device in devices.items():
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            alone = not inside and shared[device.name] == 1
            names[text] = device.name if alone else f"{device.name}_{digest}"
        blocks = [device.spice(names[text]) for text, device in devices.items()]
        lines = [line for block in blocks for line in block.splitlines()]
        return _Laws({identity: names[text] for identity, text in texts.items()}, lines)


def _identity(device: Device) -> object:
    """What the text of `device` depends on."""
    return device.text, tuple(device.values.items())


def _net_comments(circuit: Circuit, written: list[str], tongue: Dialect) -> Iterator[str]:
    joined = sorted(
        (name, own) for name, own in zip(written, circuit.nodes, strict=True) if name != own
    )
    for name, members in groupby(joined, key=lambda pair: pair[0]):
        others = [own for _, own in members]
        for k in range(0, len(others), 8):
            yield f"{tongue.comment} node {name} is also {' '.join(others[k : k + 8])}"


def _element_lines(group: Group, names: list[str], laws: _Laws, tongue: Dialect) -> Iterator[str]:
    if group.kind == "law":
        calls = _calls(group.device, laws.names[_identity(group.device.device)], tongue)
        for name, nodes, call in zip(group.names, group.nodes.tolist(), calls, strict=True):
            yield f"x{name} {' '.join(names[node] for node in nodes)} {call}"
        return
    letter = _letter(group)
    kept = np.ones(len(group.names), dtype=bool)
    if group.kind == "R":
        kept = np.isfinite(group.values) & (group.values > 0)
    elif group.kind == "C":
        kept = group.values > 0
    for name, (first, second), value, keep in zip(
        group.names, group.nodes.tolist(), group.values.tolist(), kept.tolist(), strict=True
    ):
        if keep:
            text = tongue.number(value) if letter != "b" else _table(group, value, tongue)
            yield f"{letter}{name} {names[first]} {names[second]} {text}"


def _calls(model: Model, subcircuit: str, tongue: Dialect) -> list[str]:
    """What stands behind the nodes of an x line, for each place of `model`."""
    device, count = model.device, len(model.conductances)
    given = {"temperature": model.temperature, **model.parameters}
    if device.uses_conductance:
        given = {"g": model.conductances, **given}
    defaults = {"temperature": ROOM, **device.values}
    calls = [subcircuit] * count
    for name, value in given.items():
        values = np.broadcast_to(value, count).tolist()
        calls = [
            call if number == defaults.get(name) else f"{call} {name}={tongue.number(number)}"
            for call, number in zip(calls, values, strict=True)
        ]
    return calls


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
