"""Nearest neighbours for one pair of neurons on a CPU: strips along one neuron, blocks of queries along the other.

The samples are divided into strips of equal count along y, and sorted by x within each strip. A block of neighbouring
queries in a strip, one per vector lane, visits the samples of its own strip outwards, then those of the strips above
and below, until no lane can improve because all remaining samples are farther away along a single axis. The result is
exact, bit for bit that of a k-d tree, and a query visits about thirty samples, whatever their number. The first few
samples on each side are visited unconditionally, since a mispredicted branch costs more than they do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cpu_simd import LANES, any_less, element, gap, insert, larger, load, minus, repeated, smaller, spread, store
from .cpu_simd import where_less as inside

FAR = np.float32(1e30)  # coordinate of the sentinels on both sides of a strip; samples are below 1e29 in magnitude
NOBODY = np.float32(5e29)  # coordinate of a lane without a query, far from samples and sentinels
UNKNOWN = np.float32(3e29)  # above every distance between samples, below every other distance
PAD = 16  # sentinels on each side of a strip
OWN, BESIDE = 4, 6  # samples visited unconditionally on each side, in the own strip and in the others
STEP = 4  # samples visited between two checks
MARK = 16  # ranks along x between two marks


class Strips(NamedTuple):
    """The samples of one pair in strips, reused from pair to pair. L places, S strips."""

    x: NDArray[np.float32]  # (L,)
    y: NDArray[np.float32]  # (L,)
    rank: NDArray[np.uint32]  # (L,), rank of the sample along x
    first: NDArray[np.int64]  # (S,), place of the first sample of each strip
    last: NDArray[np.int64]  # (S,), one past its last sample
    marks: NDArray[np.uint32]  # (M // MARK + 1, S), place reached in each strip at every MARK-th rank


def strip_count(m: int, k: int) -> int:
    """Number of strips: about as wide as the k-th distance, and with at least a block of queries each."""
    return max(1, min(round(0.9 * (m / (k + 1)) ** 0.5), m // LANES))


def empty_strips(m: int, count: int) -> Strips:
    """Buffers for m samples in `count` strips, with the sentinels set."""
    width = -(-m // count) + 2 * PAD
    x = np.full(count * width + LANES, FAR)
    for start in range(0, len(x), width):
        x[start : start + PAD] = -FAR
    first = np.arange(count) * width + PAD
    marks = np.empty((m // MARK + 1, count), np.uint32)
    return Strips(x, np.full_like(x, FAR), np.zeros(len(x), np.uint32), first, first.copy(), marks)


@njit(nogil=True)
def arrange(strips, x_ascending, by_x, y, strip_of):
    """Fill the strips with a pair: sorted x, its sorting permutation, y and the strip of each sample."""
    x, y_by_place, ranks, first, place, marks = strips
    for strip in range(len(first)):
        place[strip] = first[strip]
    for rank in range(len(by_x)):
        if rank % MARK == 0:
            for strip in range(len(place)):
                marks[rank // MARK, strip] = place[strip]
        sample = by_x[rank]
        strip = strip_of[sample]
        at = np.uint64(place[strip])
        place[strip] += 1
        x[at], y_by_place[at], ranks[at] = x_ascending[rank], y[sample], rank


def _walker(update, reach):
    """Compile a walk over the samples near a block of queries.

    update(state, dx, dy) includes one sample per lane; a sample can matter only if it is nearer than reach(state) along
    both axes.
    """

    @njit(nogil=True, forceinline=True)
    def meet(state, qx, qy, x, y, at):
        return update(state, gap(qx, element(x, at)), gap(qy, element(y, at)))

    @njit(nogil=True, forceinline=True)
    def outwards(state, qx, qy, y_gap, x, y, left, right, unasked):
        for _ in range(unasked):
            left -= 1
            state = meet(state, qx, qy, x, y, left)
            state = meet(state, qx, qy, x, y, right)
            right += 1
        while any_less(larger(minus(qx, element(x, left - 1)), y_gap), reach(state)):
            for _ in range(STEP):
                left -= 1
                state = meet(state, qx, qy, x, y, left)
        while any_less(larger(minus(element(x, right), qx), y_gap), reach(state)):
            for _ in range(STEP):
                state = meet(state, qx, qy, x, y, right)
                right += 1
        return state

    @njit(nogil=True, forceinline=True)
    def walk(state, qx, qy, x, y, at, marks, mark, own, low, high):
        state = outwards(state, qx, qy, spread(-FAR), x, y, at, at + LANES, OWN)
        for direction in (1, -1):
            strip = own + direction
            while 0 <= strip < len(low):
                y_gap = larger(minus(element(low, strip), qy), minus(qy, element(high, strip)))
                if not any_less(y_gap, reach(state)):
                    break
                state = outwards(state, qx, qy, y_gap, x, y, marks[mark, strip], marks[mark, strip], BESIDE)
                strip += direction
        return state

    return meet, walk


@njit(nogil=True, forceinline=True)
def _insert_distance(nearest, dx, dy):
    return insert(nearest, larger(dx, dy))


@njit(nogil=True, forceinline=True)
def _kth(nearest):
    return nearest[-1]


@njit(nogil=True, forceinline=True)
def _extend(state, dx, dy):
    furthest_x, furthest_y, beyond = state
    distance = larger(dx, dy)
    furthest_x = larger(furthest_x, inside(distance, beyond, dx))
    furthest_y = larger(furthest_y, inside(distance, beyond, dy))
    return furthest_x, furthest_y, beyond


@njit(nogil=True, forceinline=True)
def _beyond(state):
    return state[2]


_meet_nearest, _walk_nearest = _walker(_insert_distance, _kth)
_meet_box, _walk_box = _walker(_extend, _beyond)


@njit(nogil=True, forceinline=True)
def _block(x, y, rank, first, last, start):
    """Place, coordinates and mark of the block of queries at start; a strip's last block overlaps the previous one."""
    at = max(first, min(start, last - LANES))
    mark = rank[min(at + LANES // 2, last - 1)] // MARK
    return at, smaller(load(x, at), spread(NOBODY)), load(y, at), mark


@njit(nogil=True)
def kth_of_strips(strips, low, high, length, distances):
    """Distance of each query to its k-th neighbour, by place.

    low, high: (S,), the ends of the strips along y. length: any tuple of k + 1 elements; its type carries k.
    """
    x, y, rank, first, last, marks = strips
    for own in range(len(low)):
        for start in range(first[own], last[own], LANES):
            at, qx, qy, mark = _block(x, y, rank, first[own], last[own], start)
            with_itself = repeated(spread(UNKNOWN), length)
            for lane in range(LANES):
                with_itself = _meet_nearest(with_itself, qx, qy, x, y, at + lane)
            nearest = _walk_nearest(with_itself[1:], qx, qy, x, y, at, marks, mark, own, low, high)
            store(distances, at, nearest[-1])


@njit(nogil=True)
def boxes_of_strips(strips, low, high, beyond, furthest_x, furthest_y):
    """Largest |dx| and |dy| among the samples nearer than `beyond`, for each query; all by place."""
    x, y, rank, first, last, marks = strips
    for own in range(len(low)):
        for start in range(first[own], last[own], LANES):
            at, qx, qy, mark = _block(x, y, rank, first[own], last[own], start)
            nothing = spread(np.float32(0))
            state = (nothing, nothing, load(beyond, at))
            for lane in range(LANES):
                state = _meet_box(state, qx, qy, x, y, at + lane)
            state = _walk_box(state, qx, qy, x, y, at, marks, mark, own, low, high)
            store(furthest_x, at, state[0])
            store(furthest_y, at, state[1])
