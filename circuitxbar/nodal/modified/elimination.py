"""Compiled LU factors of one pattern with one order of pivots, for many sets of values.

Text for `circuitxbar.compiling.load`: it stands on its own, and is compiled where it is worth it.
"""

from __future__ import annotations

import numba
import numpy as np

compiled = numba.njit(cache=True, error_model="numpy", nogil=True)


@compiled
def marked(words, first, last, out, count):
    """Put what is marked from `first` to before `last` behind `out[:count]`, and unmark it."""
    for word in range(first >> 6, ((last - 1) >> 6) + 1):
        if words[word] == 0:
            continue
        for bit in range(64):
            k = (word << 6) + bit
            if first <= k < last and (words[word] >> np.uint64(bit)) & np.uint64(1):
                words[word] ^= np.uint64(1) << np.uint64(bit)
                if count == len(out):
                    out = np.concatenate((out, np.empty(len(out), np.int32)))
                out[count] = k
                count += 1
    return out, count


@compiled
def pattern(size, starts, rows):
    """Where L (below the diagonal) and U (above it) have entries: (Lp, Li, Up, Ui).

    starts, rows : of a matrix, column by column, whose pivots are its diagonal in this order.
    """
    lower_starts = np.zeros(size + 1, np.int64)
    upper_starts = np.zeros(size + 1, np.int64)
    lower = np.empty(4 * len(rows) + size, np.int32)
    upper = np.empty(4 * len(rows) + size, np.int32)
    words = np.zeros((size >> 6) + 1, np.uint64)  # a bit for every row of the column
    for j in range(size):
        for k in range(starts[j], starts[j + 1]):
            words[rows[k] >> 6] |= np.uint64(1) << np.uint64(rows[k] & 63)
        count = upper_starts[j]
        for word in range((j >> 6) + 1):
            bit = 0
            # What is marked on the way lies behind: each step only goes up.
            while words[word] != 0 and bit < 64:
                k = (word << 6) + bit
                if k >= j:
                    break
                if (words[word] >> np.uint64(bit)) & np.uint64(1):
                    words[word] ^= np.uint64(1) << np.uint64(bit)
                    if count == len(upper):
                        upper = np.concatenate((upper, np.empty(len(upper), np.int32)))
                    upper[count] = k
                    count += 1
                    for place in range(lower_starts[k], lower_starts[k + 1]):
                        row = lower[place]
                        words[row >> 6] |= np.uint64(1) << np.uint64(row & 63)
                bit += 1
        upper_starts[j + 1] = count
        words[j >> 6] &= ~(np.uint64(1) << np.uint64(j & 63))
        lower, lower_starts[j + 1] = marked(words, j + 1, size, lower, lower_starts[j])
    return (
        lower_starts,
        lower[: lower_starts[size]].copy(),
        upper_starts,
        upper[: upper_starts[size]].copy(),
    )


@compiled
def factor(starts, rows, values, lower_starts, lower, upper_starts, upper, smallest):
    """(L, U, diagonal, whether every pivot is `smallest` of its column or more)."""
    size = len(starts) - 1
    below = np.empty(len(lower))
    above = np.empty(len(upper))
    diagonal = np.empty(size)
    column = np.zeros(size)
    for j in range(size):
        for k in range(starts[j], starts[j + 1]):
            column[rows[k]] += values[k]
        for place in range(upper_starts[j], upper_starts[j + 1]):
            k = upper[place]
            factor = column[k]
            above[place] = factor
            column[k] = 0.0
            if factor != 0.0:
                for inner in range(lower_starts[k], lower_starts[k + 1]):
                    column[lower[inner]] -= factor * below[inner]
        pivot = column[j]
        column[j] = 0.0
        diagonal[j] = pivot
        largest = 0.0
        for place in range(lower_starts[j], lower_starts[j + 1]):
            largest = max(largest, abs(column[lower[place]]))
        if not abs(pivot) > smallest * largest or pivot == 0.0:
            return below, above, diagonal, False
        for place in range(lower_starts[j], lower_starts[j + 1]):
            k = lower[place]
            below[place] = column[k] / pivot
            column[k] = 0.0
    return below, above, diagonal, True


@compiled
def solved(lower_starts, lower, upper_starts, upper, below, above, diagonal, right):
    """The solution for `right`, in place."""
    size = len(diagonal)
    for j in range(size):
        x = right[j]
        if x != 0.0:
            for place in range(lower_starts[j], lower_starts[j + 1]):
                right[lower[place]] -= below[place] * x
    for j in range(size - 1, -1, -1):
        x = right[j] / diagonal[j]
        right[j] = x
        if x != 0.0:
            for place in range(upper_starts[j], upper_starts[j + 1]):
                right[upper[place]] -= above[place] * x
    return right
