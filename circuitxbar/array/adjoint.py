"""The backward read: the transposed array, linearised at a solution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circuitxbar.arguments import Array
from circuitxbar.array.block import Balance, Block, Workspace
from circuitxbar.array.engine import Solved, cut, in_threads, proof_of, sources_of
from circuitxbar.array.linear import corrected, solve_linear
from circuitxbar.array.newton import Cells, inner_parts
from circuitxbar.circuit.proof import Proof

if TYPE_CHECKING:
    from circuitxbar.circuit.drive import Drive

_AIM = 0.1  # of the limit


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """What a backward read tells.

    proof : of the backward read, whose terminal currents are d(loss)/d(source voltage).
    laws : name in a law -> d(loss)/d(name), (rows, columns), summed over the batch.
    gates : d(loss)/d(gate voltage), (batch, gate lines).
    """

    proof: Proof
    laws: dict[str, Array]
    gates: Array


@dataclass(frozen=True, eq=False)
class _Read:
    """One block of it."""

    balance: Balance
    laws: Array
    gates: Array


def sensitivities(solved: Solved, drive: Drive, rtol: float) -> Sensitivities:
    """The backward read of the array `solved`, which kept its voltages, under `drive`."""
    system, crossbar = solved.system, solved.system.crossbar
    law, parameters, follows = system.any_law, system.parameters, system.there
    sources = sources_of(system, drive)
    width = solved.blocks[0][0].potentials.shape[1]
    blocks = drive.blocks(width)

    def run(vectors: slice, work: Workspace) -> _Read:
        forward, voltages = solved.blocks[vectors.start // width]
        at = Block(system, forward, work, voltages)
        backward = Block(system, cut(sources, vectors, width), work)
        if system.law is None:
            balance, _ = solve_linear(backward, rtol)
        else:
            balance = _linearised(at, backward, rtol)
        across = backward.across(backward.array("across"))
        np.negative(across, out=across)
        lanes = across.reshape(-1, width)
        lanes[:, len(range(vectors.start, vectors.stop)) :] = 0.0  # copies that only fill the block
        by_name = np.zeros((len(law.names), len(follows)))
        at_gates = np.zeros_like(forward.gates)
        v = at.across(at.array("v")).reshape(-1, width)
        given = (v, *Cells.gated(at), parameters, follows, *inner_parts(at))
        law.slopes(*given, lanes, by_name, at_gates)
        return _Read(balance, by_name, at_gates)

    done = in_threads(run, blocks)
    total = np.sum([read.laws for read in done], axis=0)
    gates = np.concatenate([read.gates for read in done], axis=1)[:, : drive.batch]
    return Sensitivities(
        proof_of(system, [read.balance for read in done], drive.batch),
        {n: by.reshape(crossbar.shape) for n, by in zip(law.names, total, strict=True)},
        gates.T,
    )


def _linearised(at: Block, backward: Block, rtol: float) -> Balance:
    """Bring `backward` to the operating point of the transposed cells, linearised at `at`."""
    cells = Cells(at, at_rest=False)
    cells.currents(np.ones(at.width, dtype=bool))
    factors = cells.factors(bits=64)
    transposed = replace(factors, out_slope=factors.in_slope, in_slope=factors.out_slope)
    drawn, fed = backward.array("drawn"), backward.array("fed")
    symmetric = factors.in_slope is factors.out_slope

    def balance(kept: bool) -> Balance:
        across = backward.across(backward.array("across"))
        np.multiply(across, factors.in_slope, out=drawn)
        if not symmetric:
            np.multiply(across, factors.out_slope, out=fed)
        return backward.balance(kept, drawn=drawn, fed=drawn if symmetric else fed)

    found, _ = corrected(backward, balance, lambda bits: transposed, rtol, _AIM)
    return found
