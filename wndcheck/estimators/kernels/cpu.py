"""k-nearest-neighbour searches for many pairs of neurons on CPU threads, compiled by numba.

`cpu_neighbours` finds joint distances, in the strips of `cpu_strips`; `cpu_counts` counts samples along one neuron;
`cpu_simd` has the vector operations.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma

from .cpu_counts import Ladder, count_near, ladder
from .cpu_neighbours import INSERTED, kth_of_strips
from .cpu_simd import LANES, take_next
from .cpu_strips import Strips, arrange, empty_strips, strip_by_sample, strip_count
from .cpu_threads import in_threads
from .rows import SortedRows

SOURCES = ("cpu_simd.py", "cpu_strips.py", "cpu_selection.py", "cpu_neighbours.py", "cpu_counts.py", "cpu.py")
AT_ONCE = 8  # pairs that a thread takes at a time
TUPLES = (3, INSERTED)  # lengths for which the insertion is compiled
PART = 512  # distances whose logs are taken together
MANTISSA, ONE, BIAS = np.int64(2**52 - 1), np.int64(1023 << 52), 1023  # of float64


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
    """Buffers of one thread. L places in the strips; None where the search does not need them."""

    strips: Strips
    strip_of: NDArray[np.uint16]  # (N, M), strip of each sample
    known: NDArray[np.bool_]  # (N,), whether a row of strip_of is filled
    kth: NDArray[np.float32]  # (L,), k-th distances by place
    found: NDArray[np.float32] | None  # distances to all samples that a block of queries visits
    along_x: NDArray[np.float32] | None  # differences along either neuron, for the boxes of KSG2
    along_y: NDArray[np.float32] | None
    boxes: NDArray[np.float32] | None  # (2, L)
    reach: NDArray[np.float32]  # (2, M)
    counts: NDArray[np.int64]  # (2, M), in ascending order of the samples
    part: NDArray[np.float64]  # (PART,)


def kth_distances(rows: SortedRows, pairs: NDArray[np.int64], *, k: int) -> NDArray[np.float32]:
    """Max-norm distance of each sample to its k-th neighbour, for each pair of rows.

    More than k samples. pairs: (P, 2). Returns (P, n_samples), in the order of the samples.
    """
    distances = np.empty((len(pairs), rows.order.shape[1]), np.float32)
    _fill_distances(_plain(rows), pairs, _room(rows, k), k, _length(k), distances)
    return distances


def marginal_counts(rows: SortedRows, pairs: NDArray[np.int64], *, k: int, estimator: str) -> NDArray[np.int64]:
    """Samples near each sample along each of the pair's neurons, (2, P, n_samples); see `reference`."""
    counts = np.empty((2, len(pairs), rows.order.shape[1]), np.int64)
    plain = _plain(rows)
    _fill_counts(plain, ladder(plain.ascending), pairs, _room(rows, k, estimator), k, _length(k), counts)
    return counts


def mean_log_distances(
    rows: SortedRows, pairs: NDArray[np.int64], *, k: int, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of the log of `kth_distances`, (P,); n_jobs threads, by default one per core.

    The result of a pair depends on its two rows only, not on their order or on n_jobs.
    """
    plain, means, done = _plain(rows), np.empty(len(pairs)), np.zeros(1, np.int64)
    in_threads(lambda: _mean_logs(plain, pairs, done, _room(rows, k), k, _length(k), means), _tasks(pairs), n_jobs)
    return means


def mean_digammas(
    rows: SortedRows, pairs: NDArray[np.int64], *, k: int, estimator: str, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for KSG1, ψ(n_x) + ψ(n_y) for KSG2, (P,).

    n_x and n_y are the `marginal_counts`. The result of a pair does not depend on the order of its rows.
    """
    plain, means, done = _plain(rows), np.empty(len(pairs)), np.zeros(1, np.int64)
    rungs = ladder(plain.ascending)
    psi = digamma(np.arange(rows.order.shape[1]) + (1 if estimator == "ksg1" else 0))

    def work() -> None:
        _mean_digammas(plain, rungs, pairs, done, _room(rows, k, estimator), k, _length(k), psi, means)

    in_threads(work, _tasks(pairs), n_jobs)
    return means


def _plain(rows: SortedRows) -> SortedRows:
    """The rows for the compiled functions: contiguous, ascending (1, M) where all rows hold the same values."""
    shared = rows.ascending.strides[0] == 0
    values, order, ascending = map(np.ascontiguousarray, (rows.values, rows.order, rows.ascending[: 1 if shared else None]))
    return SortedRows(values, order, ascending)


def _tasks(pairs: NDArray[np.int64]) -> int:
    return -(-len(pairs) // AT_ONCE)


def _length(k: int) -> tuple[int, ...] | None:
    """A tuple whose type tells the compiled functions how many neighbours to insert; None: select among all visited."""
    return (0,) * min(n for n in TUPLES if n >= k) if k <= INSERTED else None


def _room(rows: SortedRows, k: int, estimator: str | None = None) -> Room:
    n, m = rows.order.shape
    strips = empty_strips(m, strip_count(m, k))
    places = len(strips.x)
    has_boxes = estimator == "ksg2"
    visited = LANES * (places + LANES)
    found = _aligned(visited) if has_boxes or k > INSERTED else None
    along_x, along_y = (_aligned(visited) if has_boxes else None for _ in range(2))
    boxes = np.empty((2, places), np.float32) if has_boxes else None
    return Room(
        strips,
        np.empty((n, m), np.uint16),
        np.zeros(n, np.bool_),
        np.ones(places, np.float32),
        found,
        along_x,
        along_y,
        boxes,
        np.empty((2, m), np.float32),
        np.empty((2, m), np.int64),
        np.empty(PART),
    )


def _aligned(length: int) -> NDArray[np.float32]:
    """An array whose vectors lie in one cache line each."""
    wider = np.empty(length + 16, np.float32)
    start = -wider.ctypes.data % 64 // 4
    return wider[start : start + length]


@njit(nogil=True)
def _pair_distances(rows, i, j, room, k, length):
    """k-th distances by place."""
    shared = len(rows.ascending) == 1
    if not room.known[j]:
        strip_by_sample(rows.order[j], len(room.strips.first), room.strip_of[j])
        room.known[j] = True
    a, b = (0, 0) if shared else (i, j)
    arrange(room.strips, rows.ascending[a], rows.order[i], rows.ascending[b], rows.values[j], room.strip_of[j])
    kth_of_strips(room.strips, k, length, room.found, room.along_x, room.along_y, room.kth, room.boxes)


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
def _mean_logs(rows, pairs, done, room, k, length, means):
    while True:
        start = take_next(done, AT_ONCE)
        if start >= len(pairs):
            break
        for p in range(start, min(start + AT_ONCE, len(pairs))):
            i, j = _in_one_order(rows.values, pairs[p, 0], pairs[p, 1])
            _pair_distances(rows, i, j, room, k, length)
            means[p] = _mean_log(room.strips, room.kth, rows.order.shape[1], room.part)


@_cached
def _mean_digammas(rows, rungs, pairs, done, room, k, length, psi, means):
    m = rows.order.shape[1]
    while True:
        start = take_next(done, AT_ONCE)
        if start >= len(pairs):
            break
        for p in range(start, min(start + AT_ONCE, len(pairs))):
            _pair_counts(rows, rungs, pairs[p, 0], pairs[p, 1], room, room.boxes, k, length)
            along_x = along_y = 0.0
            for rank in range(m):
                along_x += psi[room.counts[0, rank]]
                along_y += psi[room.counts[1, rank]]
            means[p] = (along_x + along_y) / m


@njit(nogil=True)
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


@njit(nogil=True)
def _mean_log(strips, kth, m, part):
    """Mean of the logs of the k-th distances, −inf if one is 0: from the sum of their exponents in base 2, and from the
    products of their mantissas, eight side by side.

    kth: by place, 1 where there is no sample; part: buffer of PART float64. A product of PART / 8 mantissas, from 1 to
    2 each, fits a float64.
    """
    bits = part.view(np.int64)
    for at in range(strips.last[0], strips.last[0] + LANES if m < LANES else 0):
        kth[at] = 1  # lanes without a query
    total, exponents, zeros = 0.0, 0, 0
    for start in range(0, len(kth), PART):
        n = min(PART, len(kth) - start)
        part[n:] = 1
        for at in range(n):
            part[at] = kth[start + at]
        for at in range(PART):
            zeros += bits[at] == 0
            exponents += bits[at] >> 52
            bits[at] = (bits[at] & MANTISSA) | ONE
        a = b = c = d = e = f = g = h = 1.0
        for at in range(0, PART, 8):
            a, b, c, d = a * part[at], b * part[at + 1], c * part[at + 2], d * part[at + 3]
            e, f, g, h = e * part[at + 4], f * part[at + 5], g * part[at + 6], h * part[at + 7]
        total += np.log(a) + np.log(b) + np.log(c) + np.log(d) + np.log(e) + np.log(f) + np.log(g) + np.log(h)
        exponents -= BIAS * PART
    return -np.inf if zeros else (total + exponents * np.log(2.0)) / m
