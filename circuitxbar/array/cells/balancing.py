"""Put the inner node of a cell with a transistor where both elements carry about one current.

The current of a transistor depends on the voltages of both its ends, not on their difference, and
is not followed: a linearisation may send the node anywhere. Passive elements keep it between the
ends of the cell, and there is one place where their currents agree.
"""

from __future__ import annotations

from circuitxbar.array.cells.elementary import limited, maximum, minimum
from circuitxbar.array.cells.following import carry
from circuitxbar.array.cells.rows import (
    ACROSS,
    HIGH,
    INNER,
    LOW,
    MEMORY,
    MEMORY_SLOPE,
    OTHER,
    OTHER_SLOPE,
    THERE,
    WANTED,
    V,
)
from circuitxbar.array.cells.vectors import on_rows, part, select

MOST_BALANCINGS = 60
UNEVEN = 1e-3  # of the currents: by how much they may differ


@on_rows
def enclose(w):
    """Begin between the ends of the cell."""
    inner, low, high = w[INNER], minimum(w[V], w(0.0)), maximum(w[V], w(0.0))
    within = limited(inner, low, high)
    w[LOW], w[HIGH] = low, high
    w[INNER] = within
    w[ACROSS] = select(within == inner, w[ACROSS], w[V] - within)


@on_rows
def even_out(w):
    """Move the node by Newton's method, or to the middle of where it can be; where that is far."""
    inner, across, excess = w[INNER], w[ACROSS], w[MEMORY] - w[OTHER]
    low = select(excess > 0.0, inner, w[LOW])
    high = select(excess < 0.0, inner, w[HIGH])
    w[LOW], w[HIGH] = low, high
    step = excess / (w[MEMORY_SLOPE] + w[OTHER_SLOPE])
    there, middle = inner + step, 0.5 * (low + high)
    inside = (there >= low) & (there <= high)
    uneven = abs(excess) > UNEVEN * (abs(w[MEMORY]) + abs(w[OTHER]))
    uneven &= (w[THERE] != 0.0) & (w[WANTED] != 0.0)
    # The smaller one of two voltages keeps digits that their sum has no room for.
    w[INNER] = select(uneven, select(inside, there, middle), inner)
    w[ACROSS] = select(uneven, select(inside, across - step, w[V] - middle), across)
    return uneven


@part
def balance(law, work):
    """Bring the inner nodes there, from currents as they are."""
    for _ in range(MOST_BALANCINGS):
        if even_out(work) == 0:
            break
        carry(law, work)
