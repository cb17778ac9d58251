"""The rows that the laws of cells work on, and how the numbers of a block get there and back.

A block is (cells, width) numbers, where width = 2 ** shift divides LANES: a register holds one
cell, or a few neighbours, with all their vectors. Compiled functions of our own take addresses:
an array has so many fields that passing them costs more than the work on its numbers.
"""

from __future__ import annotations

import numpy as np

from circuitxbar.array.cells.vectors import (
    LANES,
    fresh_rows,
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
    THERE,  # 1 where the cell follows its law, else 0
    ACTIVE,  # 1 for the vectors that are
    TARGET,  # what V is to be
    PLACE,  # what V was, with the current and the slope there
    OLD_CURRENT,
    OLD_SLOPE,
    FORETOLD,  # |change of the current| that the slope foretold
    AWAY,  # 1 where the current runs away
    NEAR,  # parts of the way from PLACE to TARGET
    FAR,
    INNER,  # voltage of the selector or the transistor
    REMAINDER,  # the digits that INNER has no room for
    ACROSS,  # voltage of the memory element
    MEMORY,  # its current and slope
    MEMORY_SLOPE,
    OTHER,  # the same of the element in series with it
    OTHER_SLOPE,
    LOW,  # INNER lies between these
    HIGH,
    STEP,  # what INNER lacks
    LAST,  # how far it moved
    DRAIN,  # V, to the bulk, as the next two
    GATE,
    SOURCE,
    OTHER_BY_SOURCE,  # d (transistor current) / d source voltage, the drain held, S
    OTHER_BY_GATE,
    MEMORY_TERMS,  # |current| and |x d current / dx| of all x of a law, summed, A
    OTHER_TERMS,
    LOST,  # what rounding may change, summed over cells, A
    ADJOINT,  # what each current counts for
    MEMORY_SHARE,  # and each element's share of it
    OTHER_SHARE,
    OPEN_SHARE,
    PARAMETERS,  # from here on
) = map(np.int64, range(37))

# The text of the laws puts these right.
ROWS = PARAMETERS
NAMES = np.int64(0)  # of parameters
PREPARED = np.int64(0)  # rows that follow them, worked out from them beforehand
SERIES = False  # whether a cell has two elements
GATED = False  # whether one of them is a transistor
BY_FIRST = ROWS  # from here on the derivatives of the currents by
BY_NAMES = np.empty(0, np.int64)  # these parameters; those from
BY_OTHER = 0  # this one on are of the other element


workspace = fresh_rows(lambda: ROWS)


def memory(w):
    """The law of the memory element: its current and slope."""


def other(w):
    """The law of the element in series with it: its current and slopes."""


def memory_terms(w):
    """The current of the memory element, and its terms."""


def other_terms(w):
    """The same of the other element."""


def memory_by(w):
    """The slope of the memory element, and its derivatives by its parameters."""


def other_by(w):
    """The same of the other element; in OTHER_TERMS 0 where it passes no current at all."""


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
