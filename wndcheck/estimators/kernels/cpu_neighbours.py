"""Distance to the k-th neighbour for one pair of neurons on a CPU, and the boxes of KSG2.

Up to INSERTED neighbours, each lane keeps its nearest samples in a sorted tuple while it walks. For more, the walk
keeps to a radius that is taken from the previous block of queries and stores all distances; the k-th is then found by
`cpu_selection`. The result is exact, bit for bit that of a k-d tree, and a query visits a few times k samples, whatever
their number.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload

from .cpu_selection import kth_smallest
from .cpu_simd import LANES, any_less, choose_less, insert, larger, largest, load, plus_bits, repeated, spread
from .cpu_simd import spread_integer, store, where_less
from .cpu_strips import UNKNOWN, block, distance_to_strip, walker

INSERTED = 7  # largest k found by insertion
WIDER = np.float32(1.15)  # radius of a block over the largest k-th distance in the block before it
LEAST = np.float32(1e-44)  # a radius is above 0
TYPICAL = np.float32(0.75)  # a typical k-th distance over that radius


@njit(nogil=True, forceinline=True)
def _record(found, along_x, along_y, n, distance, dx, dy):
    if found is not None:
        store(found, n * LANES, distance)
    if along_x is not None:
        store(along_x, n * LANES, dx)
        store(along_y, n * LANES, dy)
    return n + 1


@njit(nogil=True, forceinline=True)
def _meet_nearest(state, found, along_x, along_y, distance, dx, dy):
    nearest, n = state
    return insert(nearest, distance), _record(found, along_x, along_y, n, distance, dx, dy)


@njit(nogil=True, forceinline=True)
def _kth(state, along_x):
    if along_x is not None:  # a box includes all samples at the k-th distance
        return plus_bits(state[0][-1], spread_integer(1))
    return state[0][-1]


@njit(nogil=True, forceinline=True)
def _meet_within(state, found, along_x, along_y, distance, dx, dy):
    radius, n = state
    return radius, _record(found, along_x, along_y, n, distance, dx, dy)


@njit(nogil=True, forceinline=True)
def _radius(state, along_x):
    return state[0]


_own_nearest, _other_nearest = walker(_meet_nearest, _kth)
_own_within, _other_within = walker(_meet_within, _radius)


@njit(nogil=True)
def kth_by_insertion(strips, k, length, found, along_x, along_y, kth, boxes):
    """Distance of each query to its k-th neighbour, by place.

    length: a tuple of at least k elements. found, along_x, along_y: buffers for KSG2, else None; boxes (2, L) then
    receive the largest |dx| and |dy| among the k nearest.
    """
    low = strips.low
    none = spread_integer(0)
    empty = repeated(spread(UNKNOWN), length)
    for _ in range(len(length) - k):
        empty = insert(empty, none)  # zeros: the last element stays the k-th distance
    for own in range(len(low)):
        for start in range(strips.first[own], strips.last[own], LANES):
            at, qx, qy, mark = block(strips, own, start)
            state = _own_nearest((empty, 0), found, along_x, along_y, strips, at, qx, qy)
            for direction in (1, -1):
                strip = own + direction
                while 0 <= strip < len(low):
                    y_gap = distance_to_strip(strips, strip, qy)
                    if not any_less(y_gap, _kth(state, along_x)):
                        break
                    state = _other_nearest(state, found, along_x, along_y, strips, strip, mark, qx, qy, y_gap)
                    strip += direction
            nearest, n = state
            store(kth, at, nearest[-1])
            if along_x is not None:
                _store_box(found, along_x, along_y, n, nearest[-1], boxes, at)


@njit(nogil=True)
def kth_by_selection(strips, k, found, along_x, along_y, kth, boxes):
    """As `kth_by_insertion`, for any k; found is needed."""
    low = strips.low
    one = spread_integer(1)
    radius = UNKNOWN
    for own in range(len(low)):
        first, last = strips.first[own], strips.last[own]
        for step in range(0, last - first, LANES):
            # Every other strip is walked backwards, so that two blocks in a row are neighbours.
            start = first + step if own % 2 == 0 else last - LANES - step
            at, qx, qy, mark = block(strips, own, start)
            while True:
                guess = spread(radius * TYPICAL)
                state = _own_within((spread(radius), 0), found, along_x, along_y, strips, at, qx, qy)
                enough = 3 * (k + LANES)
                for direction in (1, -1):
                    strip = own + direction
                    while 0 <= strip < len(low):
                        if state[1] > enough:  # the radius was too large: the k-th of these is one
                            bound = kth_smallest(found, state[1], k, spread(UNKNOWN), guess)
                            state = (_smaller_radius(state[0], plus_bits(bound, one)), state[1])
                            enough = 2 * state[1]
                        y_gap = distance_to_strip(strips, strip, qy)
                        if not any_less(y_gap, state[0]):
                            break
                        state = _other_within(state, found, along_x, along_y, strips, strip, mark, qx, qy, y_gap)
                        strip += direction
                result = kth_smallest(found, state[1], k, spread(UNKNOWN), guess)
                most = largest(result)
                if most < radius or radius == UNKNOWN:
                    break
                radius = min(most * np.float32(1.0001) + LEAST, UNKNOWN)
            store(kth, at, result)
            if along_x is not None:
                _store_box(found, along_x, along_y, state[1], result, boxes, at)
            radius = min(most * WIDER + LEAST, UNKNOWN)


def kth_of_strips(strips, k, length, found, along_x, along_y, kth, boxes):
    """`kth_by_insertion` into a tuple of this length, `kth_by_selection` if it is None: only one of them is compiled."""


@overload(kth_of_strips)
def _by_type(strips, k, length, found, along_x, along_y, kth, boxes):
    if isinstance(length, types.NoneType):
        return lambda strips, k, length, found, along_x, along_y, kth, boxes: kth_by_selection(
            strips, k, found, along_x, along_y, kth, boxes
        )
    return lambda strips, k, length, found, along_x, along_y, kth, boxes: kth_by_insertion(
        strips, k, length, found, along_x, along_y, kth, boxes
    )


@njit(nogil=True, forceinline=True)
def _smaller_radius(radius, bound):
    return choose_less(bound, radius, bound, radius)


@njit(nogil=True, forceinline=True)
def _store_box(found, along_x, along_y, n, kth, boxes, at):
    beyond = plus_bits(kth, spread_integer(1))
    furthest_x = furthest_y = spread(np.float32(0))
    for place in range(0, n * LANES, LANES):
        distance = load(found, place)
        furthest_x = larger(furthest_x, where_less(distance, beyond, load(along_x, place)))
        furthest_y = larger(furthest_y, where_less(distance, beyond, load(along_y, place)))
    store(boxes[0], at, furthest_x)
    store(boxes[1], at, furthest_y)
