"""Distance to the k-th neighbour for one pair of neurons on a CPU, and the boxes of KSG2.

Each lane keeps the distances to its nearest samples in a sorted tuple while it walks. The result is exact, bit for bit
that of a k-d tree, and a query visits a few times k samples, whatever their number. For KSG2, all that a block of
queries visits is stored, and looked through again once the k-th distances are known.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .cpu_simd import (
    LANES,
    any_less,
    insert,
    larger,
    load,
    plus_bits,
    repeated,
    spread,
    spread_integer,
    store,
    where_less,
)
from .cpu_strips import UNKNOWN, block, distance_to_strip, reach, walk_other_strip, walk_own_strip

# Lengths of the tuple: the kernel is compiled for each on first use, and k takes the next. More than 32 vectors do not
# fit the registers of any CPU; 50 still take less time than a k-d tree by an order of magnitude.
LENGTHS = (3, 7, 20, 50)


def shortest_tuple(k: int) -> tuple[int, ...]:
    """A tuple whose type carries its length, at least k."""
    return (0,) * min(length for length in LENGTHS if length >= k)


@njit(nogil=True)
def kth_of_strips(strips, k, length, visited, kth, boxes):
    """Distance of each query to its k-th neighbour, by place.

    length: a tuple of at least k elements. visited: None, or for KSG2 three buffers of distances, |dx| and |dy|; boxes
    (2, L) then receive the largest |dx| and |dy| among the samples no farther than the k-th.
    """
    low = strips.low
    none = repeated(spread(UNKNOWN), length)
    for _ in range(len(length) - k):
        none = insert(none, (spread(np.float32(0)),))  # so the last element is always the k-th distance
    for own in range(len(low)):
        for start in range(strips.first[own], strips.last[own], LANES):
            at, qx, qy, mark = block(strips, own, start)
            nearest, n = walk_own_strip(none, 0, visited, qx, qy, strips, at)
            for direction in (1, -1):
                strip = own + direction
                while 0 <= strip < len(low):
                    y_gap = distance_to_strip(strips, strip, qy)
                    if not any_less(y_gap, reach(nearest, visited)):
                        break
                    nearest, n = walk_other_strip(nearest, n, visited, qx, qy, y_gap, strips, strip, mark)
                    strip += direction
            store(kth, at, nearest[-1])
            _store_box(visited, n, nearest[-1], boxes, at)


@njit(nogil=True, forceinline=True)
def _store_box(visited, n, kth, boxes, at):
    if visited is not None:
        beyond = plus_bits(kth, spread_integer(1))
        furthest_x = furthest_y = spread(np.float32(0))
        for place in range(0, n * LANES, LANES):
            distance = load(visited[0], place)
            furthest_x = larger(furthest_x, where_less(distance, beyond, load(visited[1], place)))
            furthest_y = larger(furthest_y, where_less(distance, beyond, load(visited[2], place)))
        store(boxes[0], at, furthest_x)
        store(boxes[1], at, furthest_y)
