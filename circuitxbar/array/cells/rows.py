"""The rows that the laws of cells work on, and how the numbers of a block get there.

A block is (cells, width) numbers, where width = 2 ** shift divides LANES: a register holds one
cell, or a few neighbours, with all their vectors. Compiled functions of our own take addresses:
an array has so many fields that passing them costs more than the work on its numbers.
"""

from __future__ import annotations

import numpy as np

from circuitxbar.array.cells.vectors import (
    LANES,
    number_at,
    part,
    put_number,
    take_flags_of_cells,
    take_numbers_of_cells,
)

# Not Python's own integers: numba would compile a function again for every one of them.
(
    V,  # row minus column voltage of the cell, V
    CURRENT,  # through the cell, A
    SLOPE,  # its slope by V, S
    BY_COLUMN,  # minus its slope by the column voltage, the row held, S
    THERE,  # 1 where the cell follows its law, else 0
    WANTED,  # 1 for the vectors that are
    REMAINDER,  # the digits that INNER has no room for
    STEP,  # what INNER lacks
    DRAIN,  # V, to the bulk
    GATE,
    OTHER_BY_GATE,  # d (transistor current) / d gate voltage, S
    SHORT,  # 1 where an element is not where the voltages are; over all cells
    APART,  # by how much the currents of the two elements differ, summed over cells, A
    MEMORY_TERMS,  # |current| and |x d current / dx| of all x of a law, summed, A
    OTHER_TERMS,
    LOST,  # what rounding may change, summed over cells, A
    ADJOINT,  # what each current counts for
    MEMORY_SHARE,  # and each element's share of it
    OTHER_SHARE,
    CONDUCTANCE_SHARE,  # that of the memory element, for its conductance
    LOW,  # between which INNER must be
    HIGH,
    # Each element, linearised: its voltage, its current there, its slope.
    ACROSS,
    MEMORY,
    MEMORY_SLOPE,
    INNER,  # the element in series with it
    OTHER,
    OTHER_SLOPE,
    SOURCE,  # of a transistor, V to the bulk
    OTHER_BY_SOURCE,  # d (its current) / d source voltage, the drain held, S
    BEFORE,  # from here on the same as it was one step before
) = map(np.int64, range(31))
ELEMENTS = ACROSS  # from here on
FOLLOWING = BEFORE + (BEFORE - ELEMENTS)  # rows that `following` works in
PARAMETERS = FOLLOWING + 12  # from here on

# What a law is to the passes: an array of these numbers.
(
    FUNCTION,  # its address: that of a compiled function of one of the tasks below and of rows
    NAMES,  # how many parameters have names
    # Rows behind these, worked out from them beforehand: for currents and slopes, for these and
    # the terms, for all.
    FOR_LAWS,
    FOR_TERMS,
    FOR_DERIVATIVES,
    BY_FIRST,  # the row from which on the derivatives of the currents are
    ROWS,  # how many rows there are
    BY_OTHER,  # the number of the first derivative that is one of the other element
    BY_NAMES,  # from here on the parameters that the derivatives are by
) = map(np.int64, range(9))

# The tasks of a law: current and slope, of a transistor slopes; current and terms; slope and
# derivatives, and of an element in series in OTHER_TERMS 0 where it passes no current at all.
(
    MEMORY_LAW,
    OTHER_LAW,
    MEMORY_WITH_TERMS,
    OTHER_WITH_TERMS,
    MEMORY_BY_PARAMETERS,
    OTHER_BY_PARAMETERS,
) = map(np.int64, range(6))

# Of the kind of cell; what comes behind this text puts them right.
STATES = np.int64(3)  # rows from ELEMENTS on that a cell has
SERIES = False  # whether a cell has two elements
GATED = False  # whether one of them is a transistor
BALANCED = False  # and both elements are passive


def place_nodes(w):
    """The voltages of the elements from those of the nodes."""
    w[ACROSS] = (w[V] - w[INNER]) - w[REMAINDER]
    w[INNER] = w[INNER] + w[REMAINDER]
    w[DRAIN] = w[SOURCE] + w[INNER]


@part
def shift_of(width):
    """The whole number with 2 ** shift == width."""
    shift = 0
    while 1 << shift < width:
        shift += 1
    if 1 << shift != width or width > LANES:
        raise ValueError("a block is 1, 2, 4 or 8 vectors wide")
    return shift


@part
def want(work, active, width, count):
    """Fill in WANTED: the active vectors, of the `count` lanes that count."""
    for k in range(LANES):
        put_number(work, LANES * WANTED + k, number_at(active, k % width) if k < count else 0.0)


@part
def take_cells(work, parameters, cells, there, first, last, at, shift, count):
    """Fill in THERE and the rows from `first` to `last` of the parameters."""
    cell = at >> shift
    take_flags_of_cells(work, THERE, there, cell, shift, count)
    for n in range(first, last):
        take_numbers_of_cells(work, PARAMETERS + n, parameters, n * cells + cell, shift, count)


@part
def gate_line(cell, columns, by_row):
    """The number of the line that the gate of a cell hangs on."""
    return cell // columns if by_row else cell % columns


@part
def take_gates(work, gate, columns, by_row, at, shift, count):
    """The gate voltages, (gate lines, width), into their row."""
    for k in range(count):
        line, vector = gate_line((at + k) >> shift, columns, by_row), k & ((1 << shift) - 1)
        put_number(work, LANES * GATE + k, number_at(gate, (line << shift) + vector))
