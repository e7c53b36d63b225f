"""k-nearest-neighbour searches for many pairs of neurons on CPU threads, compiled by numba.

`cpu_neighbours` finds joint distances, in the strips of `cpu_strips`; `cpu_counts` counts samples along one neuron;
`cpu_simd` has the vector operations.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma

from . import double
from .cpu_counts import aligned, count_near, ladder
from .cpu_neighbours import LENGTHS, kth_of_strips, shortest_tuple
from .cpu_simd import (
    LANES,
    add_exponents,
    any_less,
    load,
    smaller,
    spread,
    spread_integer,
    store,
    take_next,
    times_mantissas,
)
from .cpu_strips import UNKNOWN, Strips, arrange, empty_strips, strip_by_sample, strip_count
from .rows import SortedRows

SOURCES = ("rows.py", "cpu_simd.py", "cpu_strips.py", "cpu_neighbours.py", "cpu_counts.py", "cpu.py")
AT_ONCE = 8  # pairs that a thread takes at a time
NORMAL = np.finfo(np.float32).smallest_normal


def _cached(function: Callable[..., None]) -> Callable[..., None]:
    """Compile with numba, cached on disk where a folder is writable.

    numba's cache detects changes in the function's own file only, so the name includes a hash of all kernel sources.
    """
    sources = b"".join((Path(__file__).parent / name).read_bytes() for name in SOURCES)
    function.__qualname__ += f"_{LANES}_{sha256(sources).hexdigest()[:16]}"
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable folder: compile in each process
        return njit(nogil=True)(function)


class Room(NamedTuple):
    """Buffers of one thread. L places in the strips."""

    strips: Strips
    strip_of: NDArray[np.uint16]  # (N, M), strip of each sample
    known: NDArray[np.bool_]  # (N,), whether a row of strip_of is filled
    kth: NDArray[np.float32]  # (L,), k-th distances by place
    reach: NDArray[np.float32]  # (2, M)
    counts: NDArray[np.int64]  # (2, M), in ascending order of the samples
    lanes: NDArray[np.float64]  # (LANES,)
    visited: tuple[NDArray[np.float32], ...] | None  # for KSG2: distances, |dx| and |dy| of a block of queries
    boxes: NDArray[np.float32] | None  # for KSG2: largest |dx| and |dy| by place, (2, L)


def kth_distances(rows: SortedRows, pairs: NDArray[np.int64], *, k: int) -> NDArray[np.float32]:
    """Max-norm distance of each sample to its k-th neighbour, for each pair of rows.

    pairs: (P, 2). k: up to 50, below the number of samples. Returns (P, n_samples), in the order of the samples.
    """
    distances = np.empty((len(pairs), rows.order.shape[1]), np.float32)
    _fill_distances(_plain(rows), pairs, _room(rows, k, "3h"), k, shortest_tuple(k), distances)
    return distances


def marginal_counts(rows: SortedRows, pairs: NDArray[np.int64], *, k: int, estimator: str) -> NDArray[np.int64]:
    """Samples near each sample along each of the pair's neurons, (2, P, n_samples); see `reference`. k: up to 50."""
    counts = np.empty((2, len(pairs), rows.order.shape[1]), np.int64)
    plain, room = _plain(rows), _room(rows, k, estimator)
    _fill_counts(plain, ladder(plain.ascending), pairs, room, k, shortest_tuple(k), counts)
    return counts


def mean_log_distances(
    rows: SortedRows, pairs: NDArray[np.int64], *, k: int, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of the log of `kth_distances`, (P,); n_jobs threads, by default one per core.

    The result of a pair depends on its two rows only, not on their order or on n_jobs. For k above 50 it is found by
    k-d trees, in one thread.
    """
    if k > LENGTHS[-1]:
        return double.mean_log_distances(rows.values.astype(np.float64), pairs, k=k)
    plain, means, taken = _plain(rows), np.empty(len(pairs)), np.zeros(1, np.int64)

    def work() -> None:
        _mean_logs(plain, pairs, taken, _room(rows, k, "3h"), k, shortest_tuple(k), means)

    _in_threads(work, -(-len(pairs) // AT_ONCE), n_jobs)
    return means


def mean_digammas(
    rows: SortedRows, pairs: NDArray[np.int64], *, k: int, estimator: str, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for KSG1, ψ(n_x) + ψ(n_y) for KSG2, (P,).

    n_x and n_y are the `marginal_counts`. As for `mean_log_distances`.
    """
    if k > LENGTHS[-1]:
        return double.mean_digammas(rows.values.astype(np.float64), pairs, k=k, estimator=estimator)
    plain, means, taken = _plain(rows), np.empty(len(pairs)), np.zeros(1, np.int64)
    rungs = ladder(plain.ascending)
    psi = digamma(np.arange(rows.order.shape[1]) + (1 if estimator == "ksg1" else 0))

    def work() -> None:
        _mean_digammas(plain, rungs, pairs, taken, _room(rows, k, estimator), k, shortest_tuple(k), psi, means)

    _in_threads(work, -(-len(pairs) // AT_ONCE), n_jobs)
    return means


def _plain(rows: SortedRows) -> SortedRows:
    """The rows for the compiled functions: contiguous, ascending (1, M) where all rows hold the same values."""
    shared = rows.ascending.strides[0] == 0
    ascending = rows.ascending[:1].copy() if shared else rows.ascending
    return SortedRows(
        np.ascontiguousarray(rows.values), np.ascontiguousarray(rows.order), np.ascontiguousarray(ascending)
    )


def _in_threads(work: Callable[[], None], tasks: int, n_jobs: int | None) -> None:
    """Run work in this thread and in up to n_jobs − 1 others, by default one per core, at most one per task."""
    others = min(n_jobs or numba.config.NUMBA_NUM_THREADS, tasks) - 1  # pyright: ignore
    futures = [_pool(others).submit(work) for _ in range(others)]
    work()
    for future in futures:
        future.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads are kept: starting them takes as long as the pairs of a small layer."""
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of the threads


def _room(rows: SortedRows, k: int, estimator: str) -> Room:
    n, m = rows.order.shape
    strips = empty_strips(m, strip_count(m, k))
    places = len(strips.x)
    has_boxes = estimator == "ksg2"
    return Room(
        strips=strips,
        strip_of=np.empty((n, m), np.uint16),
        known=np.zeros(n, np.bool_),
        kth=np.ones(-(-places // LANES) * LANES, np.float32),
        reach=np.empty((2, m), np.float32),
        counts=np.empty((2, m), np.int64),
        lanes=np.empty(LANES),
        visited=tuple(aligned(LANES * (places + LANES)) for _ in range(3)) if has_boxes else None,
        boxes=np.empty((2, places), np.float32) if has_boxes else None,
    )


@njit(inline="always")
def _pair_distances(rows, i, j, room, k, length):
    """k-th distances by place."""
    shared = len(rows.ascending) == 1
    if not room.known[j]:
        strip_by_sample(rows.order[j], len(room.strips.first), room.strip_of[j])
        room.known[j] = True
    a, b = (0, 0) if shared else (i, j)
    arrange(room.strips, rows.ascending[a], rows.order[i], rows.ascending[b], rows.values[j], room.strip_of[j])
    kth_of_strips(room.strips, k, length, room.visited, room.kth, room.boxes)


@njit(nogil=True)
def _pair_counts(rows, rungs, i, j, room, boxes, k, length):
    """Counts along either neuron, in its ascending order, into room.counts."""
    _pair_distances(rows, i, j, room, k, length)
    reach_x, reach_y = room.reach[0], room.reach[1]
    if boxes is not None:
        _to_samples(room.strips, rows.order[i], boxes[0], reach_x)
        _to_samples(room.strips, rows.order[i], boxes[1], reach_y)
        _just_beyond(reach_x)
        _just_beyond(reach_y)
    else:
        _to_samples(room.strips, rows.order[i], room.kth, reach_x)
        reach_y = reach_x
    a, b = (0, 0) if len(rows.ascending) == 1 else (i, j)
    count_near(rungs.samples[a], rungs.blocks[a], rungs.top[a], rows.order[i], reach_x, room.counts[0])
    count_near(rungs.samples[b], rungs.blocks[b], rungs.top[b], rows.order[j], reach_y, room.counts[1])


@_cached
def _fill_distances(rows, pairs, room, k, length, distances):
    for p in range(len(pairs)):
        _pair_distances(rows, pairs[p, 0], pairs[p, 1], room, k, length)
        _to_samples(room.strips, rows.order[pairs[p, 0]], room.kth, distances[p])


@_cached
def _fill_counts(rows, rungs, pairs, room, k, length, counts):
    for p in range(len(pairs)):
        _pair_counts(rows, rungs, pairs[p, 0], pairs[p, 1], room, room.boxes, k, length)
        for axis in range(2):
            order = rows.order[pairs[p, axis]]
            for rank in range(len(order)):
                counts[axis, p, order[rank]] = room.counts[axis, rank]


@_cached
def _mean_logs(rows, pairs, taken, room, k, length, means):
    while True:
        start = take_next(taken, AT_ONCE)
        if start >= len(pairs):
            break
        for p in range(start, min(start + AT_ONCE, len(pairs))):
            i, j = _in_one_order(rows.values, pairs[p, 0], pairs[p, 1])
            _pair_distances(rows, i, j, room, k, length)
            means[p] = _mean_log(room.strips, room.kth, rows.order.shape[1], room.lanes)


@_cached
def _mean_digammas(rows, rungs, pairs, taken, room, k, length, psi, means):
    m = rows.order.shape[1]
    while True:
        start = take_next(taken, AT_ONCE)
        if start >= len(pairs):
            break
        for p in range(start, min(start + AT_ONCE, len(pairs))):
            _pair_counts(rows, rungs, pairs[p, 0], pairs[p, 1], room, room.boxes, k, length)
            along_x = along_y = 0.0
            for rank in range(m):
                along_x += psi[room.counts[0, rank]]
                along_y += psi[room.counts[1, rank]]
            means[p] = (along_x + along_y) / m


@njit(inline="always")
def _in_one_order(values, i, j):
    """The pair ordered by its samples, so that a sum does not depend on the order in which it was given."""
    for sample in range(values.shape[1]):
        if values[i, sample] != values[j, sample]:
            return (i, j) if values[i, sample] < values[j, sample] else (j, i)
    return i, j


@njit(nogil=True)
def _to_samples(strips, by_x, by_place, by_sample):
    for strip in range(len(strips.first)):
        for at in range(strips.first[strip], strips.last[strip]):
            by_sample[by_x[strips.rank[at]]] = by_place[at]


@njit(nogil=True)
def _just_beyond(values):
    """Replace non-negative values by the next float32, so that a strict comparison includes equality."""
    bits = values.view(np.int32)
    for n in range(len(bits)):
        bits[n] += np.int32(1)


@njit(inline="always")
def _mean_log(strips, kth, m, lanes):
    """Mean of the logs of the k-th distances, −inf if one is 0: from the sum of their exponents in base 2 and the
    products of their mantissas, lane by lane.

    kth: by place, 1 where there is no sample. lanes: buffer of LANES float64. A product of 512 mantissas fits one.
    """
    for lane in range(LANES if m < LANES else 0):
        kth[strips.last[0] + lane] = 1  # no query
    total, exponents, smallest = 0.0, 0, spread(UNKNOWN)
    ones = lanes.view(np.float32)
    integers = ones.view(np.int32)
    for start in range(0, len(kth), 64 * LANES):
        for lane in range(LANES):
            lanes[lane] = 1
        products, sums = (load(ones, 0), load(ones, LANES)), spread_integer(0)
        for at in range(start, min(start + 64 * LANES, len(kth)), LANES):
            distances = load(kth, at)
            smallest = smaller(smallest, distances)
            sums, products = add_exponents(sums, distances), times_mantissas(products, distances)
            exponents -= 127 * LANES
        store(ones, 0, products[0])
        store(ones, LANES, products[1])
        for lane in range(0, LANES, 8):
            product = 1.0
            for n in range(lane, lane + 8):
                product *= lanes[n]
            total += np.log(product)
        store(ones, 0, sums)
        for lane in range(LANES):
            exponents += integers[lane]
    if any_less(smallest, spread(NORMAL)):  # the exponent of a denormal number is not in its bits
        total, exponents = 0.0, 0
        for at in range(len(kth)):
            total += np.log(np.float64(kth[at]))
    return (total + exponents * np.log(2.0)) / m
