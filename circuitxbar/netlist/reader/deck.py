"""SPICE text -> Circuit: the public door."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from circuitxbar.circuit.checks import ends
from circuitxbar.circuit.circuit import Circuit
from circuitxbar.circuit.elements import Element
from circuitxbar.circuit.names import check_name, others
from circuitxbar.circuit.parts import part_of
from circuitxbar.errors import CircuitError, ModelError, NetlistError
from circuitxbar.netlist.reader.analyses import (
    Analysis,
    Controls,
    NoiseAnalysis,
    SweepAnalysis,
    controls_of,
)
from circuitxbar.netlist.reader.definitions import defined
from circuitxbar.netlist.reader.hierarchy import Flat, Instance
from circuitxbar.netlist.reader.lines import Line, Sources, source_of
from circuitxbar.netlist.reader.scopes import Scope
from circuitxbar.netlist.reader.time_values import Steps


@dataclass(frozen=True)
class Deck:
    """What a netlist holds: its circuit, the analyses that it asks for, and its options.

    options : name -> number, 1 for a flag; `method` is a word.
    """

    circuit: Circuit
    analyses: tuple[Analysis, ...] = ()
    options: Mapping[str, float | str] = field(default_factory=dict)


def read_spice(
    text_or_path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> Circuit:
    """The circuit of a SPICE netlist, its sub-circuits flattened.

    text_or_path : text, if there is a line end in it, else the path of a file. The first line is
    the title. root : the folder under which .include and .lib may open files; that of the file,
    when omitted, and for text none.

    Elements have their names in lower case, those inside an instance as x1.r1. A resistor r1 of
    0 ohm is the voltage source vr1 of 0 V; an e1 or g1 with a law is the behavioural source be1 or
    bg1. A .subckt that is nothing but one B-source of a current between its pins is one element
    for each of its x lines. In B-sources x^y is |x|^y, as in ngspice. Elements of one kind stand
    together. Initial voltages (.ic) are kept; .nodeset is read and left out, since it is a hint
    for one simulator's iterations, and so are .print, .plot, .save, .probe and .meas.

    Nothing in a netlist is run, and no file outside `root` is opened. Raises NetlistError, with
    file and line, for whatever is not supported.
    """
    return read_deck(text_or_path, root).circuit


def read_deck(
    text_or_path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> Deck:
    """As `read_spice`, with the analyses and options of the netlist."""
    text, file, folder, base = source_of(text_or_path, root)
    try:
        return _deck(text, file, folder, base)
    except RecursionError:
        raise NetlistError(f"{file}: parameters or sub-circuits are nested too deeply.") from None


def _deck(text: str, file: str, folder: Path | None, base: Path | None) -> Deck:
    title, lines = Sources(base).deck(text, file, folder)
    definition = defined(lines)
    scope = Scope(None, definition.parameters)
    for name, (_, line) in definition.parameters.items():
        scope.value(name, line, "parameter")
    controls = controls_of(definition.others, scope)
    tran = controls.transient
    steps = None if tran is None else Steps(tran.step, tran.stop)
    flat = Flat(frozenset(controls.globals), steps)
    top = Instance(flat, definition, "", scope)
    top.expand()
    elements = flat.elements()
    title = " ".join((controls.title or title).split())
    circuit = _added(Circuit(title), elements)
    if controls.analyses:  # else more may be added to it before it is solved
        _check_controls(circuit, elements)
    circuit = _with_initial_voltages(circuit, controls)
    return Deck(circuit, tuple(_checked(controls, top, circuit)), controls.options)


def _added(circuit: Circuit, elements: list[tuple[Element, Line]]) -> Circuit:
    """The circuit with all elements at once; a refusal names the line of the first wrong one."""
    try:
        return circuit.add(*(element for element, _ in elements))
    except (CircuitError, ModelError) as problem:
        for element, line in elements:
            try:
                check_name("element", element.name)
                for node in part_of(element).nodes:
                    check_name("node", node)
            except (CircuitError, ModelError) as own:
                raise line.error(str(own)) from None
        raise elements[0][1].error(str(problem)) from None


def _check_controls(circuit: Circuit, elements: list[tuple[Element, Line]]) -> None:
    """Refuse an element that takes the voltage of a node to which nothing is joined."""
    joined = {int(k) for group in circuit.groups for k in np.unique(ends(group))} | {0}
    if len(joined) == circuit.node_count:
        return
    names = circuit.nodes
    lines = {element.name: line for element, line in elements}
    for group in circuit.groups:
        for name, nodes in zip(group.names, group.nodes.tolist(), strict=True):
            lost = [names[k] for k in nodes if k not in joined]
            if lost:
                what = "the expression" if group.kind == "B" else "the control"
                known = [node for k, node in enumerate(names) if k in joined]
                raise lines[name].error(
                    f"{what} of {name!r} takes the voltage v({lost[0]}), but nothing is joined to "
                    f"node {lost[0]!r}. Is it misspelt?{others(lost[0], known)}"
                )


def _with_initial_voltages(circuit: Circuit, controls: Controls) -> Circuit:
    for node, (value, line) in controls.initial.items():
        try:
            circuit = circuit.with_initial_voltages({node: value})
        except CircuitError as problem:
            raise line.error(str(problem)) from None
    return circuit


def _checked(controls: Controls, top: Instance, circuit: Circuit) -> list[Analysis]:
    """The analyses, the sources and nodes in them by their names in the circuit."""
    lines = iter(controls.swept)
    found: list[Analysis] = []
    for analysis in controls.analyses:
        if isinstance(analysis, SweepAnalysis | NoiseAnalysis):
            name, line = next(lines)
            name = top.sensed(name)
            try:
                if circuit.element(name)[0].kind not in ("V", "I"):
                    raise line.error(f"{name!r} is no voltage or current source.")
                if isinstance(analysis, NoiseAnalysis):
                    circuit.node(analysis.output)
                    circuit.node(analysis.reference)
            except CircuitError as problem:
                raise line.error(str(problem)) from None
            analysis = replace(analysis, source=name)
        found.append(analysis)
    return found
