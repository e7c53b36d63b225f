"""The samples of one pair of neurons in strips, and a walk over the samples near a block of queries.

The samples are divided into strips of equal count along y, and sorted by x within each strip. A block of neighbouring
queries in a strip, one per vector lane, visits the samples of its own strip outwards, then those of the strips above
and below, until no lane can improve because all remaining samples are farther away along a single axis. The first few
samples on each side are visited unconditionally, since a mispredicted branch costs more than they do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cpu_simd import (
    LANES,
    STEP,
    any_less,
    element,
    gaps,
    insert,
    larger,
    larger_each,
    load,
    load_each,
    minus,
    plus_bits,
    smaller,
    spread,
    spread_integer,
    store_each,
)

FAR = np.float32(1e30)  # coordinate of the sentinels on both sides of a strip; samples are below 1e29 in magnitude
NOBODY = np.float32(5e29)  # coordinate of a lane without a query, far from samples and sentinels
UNKNOWN = np.float32(3e29)  # above every distance between samples, below every other distance
PAD = 16  # sentinels on each side of a strip
ITSELF = np.ascontiguousarray(np.diag(np.full(LANES, UNKNOWN)).ravel())  # no sample is its own neighbour


class Strips(NamedTuple):
    """The samples of one pair in strips, reused from pair to pair. L places, S strips."""

    x: NDArray[np.float32]  # (L,)
    y: NDArray[np.float32]  # (L,)
    rank: NDArray[np.uint32]  # (L,), rank of the sample along x
    first: NDArray[np.int64]  # (S,), place of the first sample of each strip
    last: NDArray[np.int64]  # (S,), one past its last sample
    low: NDArray[np.float32]  # (S,), smallest y of each strip
    high: NDArray[np.float32]  # (S,), largest y
    marks: NDArray[np.uint32]  # (n, S), place reached in each strip at every 2**spacing-th rank
    spacing: int


def strip_count(m: int, k: int) -> int:
    """Number of strips: about as wide as the k-th distance, and with at least a block of queries each.

    It changes the speed only, by up to a fifth. Few neighbours take fewer strips: each costs mispredicted branches.
    """
    return max(1, min(round((0.8 if k < 8 else 1.1) * (m / (k + 1)) ** 0.5), m // LANES, 60_000))


def empty_strips(m: int, count: int) -> Strips:
    """Buffers for m samples in `count` strips, with the sentinels set."""
    width = -(-m // count) + 2 * PAD
    x = np.full(count * width + LANES, FAR)
    for start in range(0, count * width, width):
        x[start : start + PAD] = -FAR
    first = np.arange(count) * width + PAD
    spacing = max(3, count.bit_length())  # about one sample of each strip between two marks
    marks = np.empty(((m >> spacing) + 1, count), np.uint32)
    low, high = np.empty((2, count), np.float32)
    return Strips(x, np.full_like(x, FAR), np.zeros(len(x), np.uint32), first, first.copy(), low, high, marks, spacing)


@njit(nogil=True)
def strip_by_sample(by_y, count, strip_of):
    """Fill strip_of, the strip of each sample, given the sorting permutation along y."""
    m = len(by_y)
    for strip in range(count):
        for rank in range(strip * m // count, (strip + 1) * m // count):
            strip_of[by_y[rank]] = strip


@njit(nogil=True)
def arrange(strips, x_ascending, by_x, y_ascending, y, strip_of):
    """Fill the strips with a pair: x in ascending order, its sorting permutation, y, and the strip of each sample."""
    x, y_by_place, ranks, first, place, low, high, marks, spacing = strips
    m, count = len(by_x), len(first)
    for strip in range(count):
        place[strip] = first[strip]
        low[strip] = y_ascending[strip * m // count]
        high[strip] = y_ascending[(strip + 1) * m // count - 1]
    for mark in range(len(marks)):
        for strip in range(count):
            marks[mark, strip] = place[strip]
        for rank in range(mark << spacing, min(m, (mark + 1) << spacing)):
            sample = by_x[rank]
            strip = strip_of[sample]
            at = np.uint64(place[strip])
            place[strip] += 1
            x[at], y_by_place[at], ranks[at] = x_ascending[rank], y[sample], rank


@njit(inline="always")
def block(strips, own, start):
    """Place, coordinates and mark of the block of queries at start; a strip's last block overlaps the previous one."""
    first, last = strips.first[own], strips.last[own]
    at = max(first, min(start, last - LANES))
    mark = strips.rank[min(at + LANES // 2, last - 1)] >> strips.spacing
    return at, smaller(load(strips.x, at), spread(NOBODY)), load(strips.y, at), mark


@njit(inline="always")
def distance_to_strip(strips, strip, qy):
    """Distance of each query to the strip along y; negative inside."""
    return larger(minus(element(strips.low, strip), qy), minus(qy, element(strips.high, strip)))


@njit(nogil=True, forceinline=True)
def reach(nearest, visited):
    """A sample can matter only if it is nearer along both axes."""
    if visited is not None:  # a box includes all samples at the k-th distance
        return plus_bits(nearest[-1], spread_integer(1))
    return nearest[-1]


@njit(inline="always")
def walk_own_strip(nearest, n, visited, qx, qy, strips, at):
    """Insert the samples of the strip of a block of queries at place `at`.

    nearest: the smallest distances, a tuple of vectors sorted in every lane. visited: None, or buffers for all n visits
    so far: distances, |dx| and |dy|. Returns nearest and n.
    """
    for lane in range(0, LANES, STEP):
        dx, dy = gaps(qx, strips.x, at + lane), gaps(qy, strips.y, at + lane)
        distances = larger_each(larger_each(dx, dy), load_each(ITSELF, LANES * lane))
        nearest, n = insert(nearest, distances), _record(n, visited, distances, dx, dy)
    return _outwards(nearest, n, visited, qx, qy, spread(-FAR), strips, at, at + LANES)


@njit(inline="always")
def walk_other_strip(nearest, n, visited, qx, qy, y_gap, strips, strip, mark):
    """The same for another strip, from the mark outwards; y_gap is the `distance_to_strip`."""
    start = np.int64(strips.marks[mark, strip])
    return _outwards(nearest, n, visited, qx, qy, y_gap, strips, start, start)


@njit(inline="always")
def _outwards(nearest, n, visited, qx, qy, y_gap, strips, left, right):
    x = strips.x
    left -= STEP
    nearest, n = _visit(nearest, n, visited, qx, qy, strips, left)
    nearest, n = _visit(nearest, n, visited, qx, qy, strips, right)
    right += STEP
    while any_less(larger(minus(qx, element(x, left - 1)), y_gap), reach(nearest, visited)):
        left -= STEP
        nearest, n = _visit(nearest, n, visited, qx, qy, strips, left)
    while any_less(larger(minus(element(x, right), qx), y_gap), reach(nearest, visited)):
        nearest, n = _visit(nearest, n, visited, qx, qy, strips, right)
        right += STEP
    return nearest, n


@njit(inline="always")
def _visit(nearest, n, visited, qx, qy, strips, at):
    dx, dy = gaps(qx, strips.x, at), gaps(qy, strips.y, at)
    distances = larger_each(dx, dy)
    return insert(nearest, distances), _record(n, visited, distances, dx, dy)


@njit(nogil=True, forceinline=True)
def _record(n, visited, distances, dx, dy):
    if visited is not None:
        store_each(visited[0], n * LANES, distances)
        store_each(visited[1], n * LANES, dx)
        store_each(visited[2], n * LANES, dy)
    return n + STEP
