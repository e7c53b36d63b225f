"""Distances to the k-th neighbour of samples of any dimension on a CPU, with the vectors of `cpu_simd`.

The samples are sorted along their first column. A block of neighbouring queries, one per lane, visits them outwards, a
few on either side at a time, until all that remain are farther away along that column alone. For 1000 samples this is
20 to 60 times as fast as a k-d tree in 3 to 10 dimensions, for 20,000 six to fifteen times.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from . import reference
from .cpu import _cached
from .cpu_neighbours import LENGTHS
from .cpu_simd import LANES, STEP, any_less, element, gaps, insert, larger_each, load, minus, repeated, spread, store
from .cpu_strips import FAR, UNKNOWN


def kth_distances(points: NDArray[np.float64], *, k: int) -> NDArray[np.float64]:
    """Max-norm distance of each point to its k-th neighbour, the point itself excluded.

    points: (n_samples, d), more than k of them. Returns (n_samples,). In single precision, after each column's median
    is subtracted; in double by a k-d tree where that makes different values equal.
    """
    centred = points - np.median(points, axis=0)
    largest = np.abs(centred).max()
    ascending = np.sort(centred / (largest or 1.0), axis=0)  # one unit for all columns, and none too large
    repeats, repeats_in_single = (_repeats(values) for values in (ascending, ascending.astype(np.float32)))
    if repeats != repeats_in_single or len(points) < LANES or k >= LENGTHS[-1]:
        return reference.kth_distances(points, k=k)
    m, d = points.shape
    order = np.argsort(centred[:, 0])
    columns = np.zeros((d, m + 2 * LANES), np.float32)
    columns[0, :LANES], columns[0, -LANES:] = -FAR, FAR
    columns[:, LANES:-LANES] = (centred[order] / (largest or 1.0)).T
    sorted_distances = np.empty(m, np.float32)
    _fill_kth(columns, (0,) * (k + 1), sorted_distances)  # a sample itself and k others
    distances = np.empty(m)
    distances[order] = sorted_distances
    return distances * largest


def _repeats(ascending: NDArray[np.floating]) -> int:
    return int((ascending[1:] == ascending[:-1]).sum())


@njit(nogil=True, forceinline=True)
def _visit(nearest, columns, at, sample):
    distance = gaps(load(columns[0], at), columns[0], sample)
    for column in range(1, len(columns)):
        distance = larger_each(distance, gaps(load(columns[column], at), columns[column], sample))
    return insert(nearest, distance)


@_cached
def _fill_kth(columns, length, kth):
    m, first = len(kth), columns[0]
    for start in range(0, m, LANES):
        place = min(start, m - LANES)
        left = right = at = LANES + place
        queries, nearest = load(first, at), repeated(spread(UNKNOWN), length)
        above = below = True
        while above or below:
            above = any_less(minus(element(first, right), queries), nearest[-1])
            if above:
                nearest = _visit(nearest, columns, at, right)
                right += STEP
            below = any_less(minus(queries, element(first, left - 1)), nearest[-1])
            if below:
                left -= STEP
                nearest = _visit(nearest, columns, at, left)
        store(kth, place, nearest[-1])
