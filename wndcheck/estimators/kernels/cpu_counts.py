"""Number of samples near a query along one axis, on a CPU: an exact search of a sorted row, one vector per step.

For each row, the last sample of every block of LANES and of every LANES blocks are stored separately. In most cases the
last near sample is among the LANES² samples on that side of the query, and is found with one vector of blocks and one
of samples; otherwise the search starts at the top. A sample is near if its difference, rounded to float32, is below the
reach. Differences are monotone along a sorted row, so the count equals that of comparing all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cpu_simd import LANES, count_less, element, load, minus, spread
from .cpu_strips import FAR


class Ladder(NamedTuple):
    """Rows in ascending order, padded with sentinels, and the last samples of their blocks. B is LANES."""

    samples: NDArray[np.float32]  # (N, B² n), n the smallest with B² n > M
    blocks: NDArray[np.float32]  # (N, B n + B), every B-th sample
    top: NDArray[np.float32]  # (N, n), every B²-th sample, padded to whole vectors


def aligned(length: int) -> NDArray[np.float32]:
    """An array in which every LANES-th element starts a cache line, or half of one."""
    wider = np.empty(length + 16, np.float32)
    start = -wider.ctypes.data % 64 // 4
    return wider[start : start + length]


def ladder(ascending: NDArray[np.float32]) -> Ladder:
    """The ladder of sorted rows (N, M)."""
    rows, m = ascending.shape

    def filled(values: NDArray[np.float32], length: int) -> NDArray[np.float32]:
        wider = aligned(rows * length).reshape(rows, length)
        wider[:, values.shape[1] :] = FAR
        wider[:, : values.shape[1]] = values
        return wider

    samples = filled(ascending, (m // LANES**2 + 1) * LANES**2)
    blocks, top = samples[:, LANES - 1 :: LANES], samples[:, LANES**2 - 1 :: LANES**2]
    return Ladder(
        samples,
        filled(blocks, blocks.shape[1] + LANES),
        filled(top, -(-top.shape[1] // LANES) * LANES),
    )


def _searcher(count):
    """Compile a search for the number of samples at the start of a row that count(vector, query, reach) accepts."""

    @njit(nogil=True, forceinline=True)
    def search(samples, blocks, top, query, reach):
        found = 0
        for at in range(0, len(top), LANES):
            found += count(load(top, at), query, reach)
        found = LANES * found + count(load(blocks, LANES * found), query, reach)
        return LANES * found + count(load(samples, LANES * found), query, reach)

    return search


@njit(nogil=True, forceinline=True)
def _left_of_the_right_end(values, query, reach):
    return count_less(minus(values, query), reach)


@njit(nogil=True, forceinline=True)
def _beyond_the_left_end(values, query, reach):
    return LANES - count_less(minus(query, values), reach)


_search_right = _searcher(_left_of_the_right_end)
_search_left = _searcher(_beyond_the_left_end)


@njit(nogil=True)
def count_near(samples, blocks, top, by_value, reaches, counts):
    """Count the other samples of the row nearer to each sample than its reach, in ascending order of the samples.

    by_value: the sorting permutation; reaches: in the order of the samples.
    """
    for rank in range(len(by_value)):
        query, reach = element(samples, rank), spread(reaches[by_value[rank]])
        group = rank // LANES
        near = _left_of_the_right_end(load(blocks, group), query, reach)
        if near < LANES:
            start = LANES * (group + near)
            right = start + _left_of_the_right_end(load(samples, start), query, reach)
        else:
            right = _search_right(samples, blocks, top, query, reach)
        first = max(0, group - LANES + 1)
        beyond = _beyond_the_left_end(load(blocks, first), query, reach)
        if beyond > 0 or first == 0:
            start = LANES * (first + beyond)
            left = start + _beyond_the_left_end(load(samples, start), query, reach)
        else:
            left = _search_left(samples, blocks, top, query, reach)
        counts[rank] = max(0, right - left - 1)
