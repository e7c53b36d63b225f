"""k-nearest-neighbour searches for many pairs of neurons on CPU threads, compiled by numba.

`cpu_strips` finds joint distances, `cpu_counts` counts samples along one neuron, `cpu_vectors` are their operations.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma

from .cpu_counts import count_near, ladder
from .cpu_neighbours import Strips, arrange, boxes_of_strips, empty_strips, kth_of_strips, strip_count

CHUNK = 128  # pairs per task of the thread pool
SOURCES = ("cpu_simd.py", "cpu_neighbours.py", "cpu_counts.py", "cpu.py")


def _cached(function: Callable[..., None]) -> Callable[..., None]:
    """Compile with numba, cached on disk where a folder is writable.

    numba's cache detects changes in the function's own file only, so the name includes a hash of all kernel sources.
    """
    sources = b"".join((Path(__file__).parent / name).read_bytes() for name in SOURCES)
    function.__qualname__ += f"_{sha256(sources).hexdigest()[:16]}"
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable folder: compile in each process
        return njit(nogil=True)(function)


class Rows(NamedTuple):
    """The neurons, each sorted once for all pairs. S is the number of strips."""

    values: NDArray[np.float32]  # (N, M)
    order: NDArray[np.uint32]  # (N, M), sorting permutation
    ascending: NDArray[np.float32]  # (N, M)
    strip: NDArray[np.uint16]  # (N, M), index of each sample's strip
    low: NDArray[np.float32]  # (N, S), smallest value of each strip
    high: NDArray[np.float32]  # (N, S), largest value of each strip


def kth_distances(z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int) -> NDArray[np.float32]:
    """Max-norm distance of each sample to its k-th neighbour, for each pair of rows of z.

    z: (n_neurons, n_samples), more than k samples, all below 1e29 in magnitude. pairs: (P, 2).
    Returns (P, n_samples), in the order of the samples.
    """
    rows = _sorted_rows(z, k)
    distances = np.empty((len(pairs), z.shape[1]), np.float32)
    _fill_distances(rows, pairs, _room(rows), _length(k), distances)
    return distances


def marginal_counts(z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, estimator: str) -> NDArray[np.int64]:
    """Samples near each sample along each of the pair's neurons, (2, P, n_samples); see `reference`."""
    rows = _sorted_rows(z, k)
    counts = np.empty((2, len(pairs), z.shape[1]), np.int64)
    room = _room(rows)
    _fill_counts(rows, ladder(rows.ascending), pairs, room, _length(k), _boxes(room, estimator), counts)
    return counts


def mean_log_distances(
    z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of the log of `kth_distances`, (P,); n_jobs threads, by default one per core.

    The result of a pair depends on its two rows only, not on their order or on n_jobs.
    """
    rows = _sorted_rows(z, k)
    return _in_threads(lambda chunk, means: _mean_logs(rows, chunk, _room(rows), _length(k), means), pairs, n_jobs)


def mean_digammas(
    z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, estimator: str, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for KSG1, ψ(n_x) + ψ(n_y) for KSG2, (P,).

    n_x and n_y are the `marginal_counts`. The result of a pair does not depend on the order of its rows.
    """
    rows = _sorted_rows(z, k)
    rungs = ladder(rows.ascending)
    psi = digamma(np.arange(z.shape[1]) + (1 if estimator == "ksg1" else 0))

    def work(chunk: NDArray[np.int64], means: NDArray[np.float64]) -> None:
        room = _room(rows)
        _mean_digammas(rows, rungs, chunk, room, _length(k), _boxes(room, estimator), psi, means)

    return _in_threads(work, pairs, n_jobs)


def _sorted_rows(z: NDArray[np.float32], k: int) -> Rows:
    m = z.shape[1]
    order = _ascending_order(z)
    ascending = np.take_along_axis(z, order, axis=1)
    first = np.arange(strip_count(m, k)) * m // strip_count(m, k)
    last = np.append(first[1:], m) - 1
    strip = np.empty(z.shape, np.uint16)
    np.put_along_axis(strip, order, (np.searchsorted(first, np.arange(m), side="right") - 1)[None].astype(np.uint16), 1)
    low, high = (np.take(ascending, ends, axis=1) for ends in (first, last))
    return Rows(z, order.astype(np.uint32), ascending, strip, low, high)


def _ascending_order(z: NDArray[np.float32]) -> NDArray[np.int64]:
    """Stable argsort of each row, several times faster than numpy's.

    With the bits of negative numbers inverted, float32 numbers sort like integers. Each is packed with its index into
    one int64, index in the lower half, and the int64 are sorted.
    """
    bits = np.ascontiguousarray(z).view(np.int32)
    ranks = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64)
    return np.sort((ranks << 32) | np.arange(z.shape[1]), axis=1) & 0xFFFFFFFF


def _room(rows: Rows) -> Strips:
    return empty_strips(rows.values.shape[1], rows.low.shape[1])


def _length(k: int) -> tuple[int, ...]:
    return (0,) * (k + 1)  # the sample itself and k others: its type carries k, for which the kernel is compiled


def _boxes(room: Strips, estimator: str) -> NDArray[np.float32] | None:
    """Buffer for the boxes of KSG2. KSG1 has none: None compiles a kernel without them."""
    return None if estimator == "ksg1" else np.empty((2, len(room.x)), np.float32)


def _in_threads(
    work: Callable[[NDArray[np.int64], NDArray[np.float64]], None], pairs: NDArray[np.int64], n_jobs: int | None
) -> NDArray[np.float64]:
    """Run work(pairs, means) on chunks of the pairs; the means, (P,)."""
    means = np.empty(len(pairs))
    chunks = [slice(start, start + CHUNK) for start in range(0, len(pairs), CHUNK)]
    threads = min(n_jobs or numba.config.NUMBA_NUM_THREADS, len(chunks))  # pyright: ignore
    if threads == 1:
        work(pairs, means)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda chunk: work(pairs[chunk], means[chunk]), chunks))
    return means


@njit(nogil=True)
def _pair_distances(rows, i, j, strips, length, by_place, distances):
    arrange(strips, rows.ascending[i], rows.order[i], rows.values[j], rows.strip[j])
    kth_of_strips(strips, rows.low[j], rows.high[j], length, by_place)
    _to_samples(strips, rows.order[i], by_place, distances)


@njit(nogil=True)
def _pair_counts(rows, rungs, i, j, strips, length, boxes, scratch, count_x, count_y):
    by_place, reach_x, reach_y = scratch[0], scratch[1], scratch[2]
    _pair_distances(rows, i, j, strips, length, by_place, reach_x)
    if boxes is not None:
        box_x, box_y = boxes[0], boxes[1]
        _just_beyond(by_place)
        boxes_of_strips(strips, rows.low[j], rows.high[j], by_place, box_x, box_y)
        _to_samples(strips, rows.order[i], box_x, reach_x)
        _to_samples(strips, rows.order[i], box_y, reach_y)
        _just_beyond(reach_x)
        _just_beyond(reach_y)
    else:
        for n in range(len(count_x)):
            reach_y[n] = reach_x[n]
    count_near(rungs.samples[i], rungs.eighths[i], rungs.top[i], rows.order[i], reach_x, count_x)
    count_near(rungs.samples[j], rungs.eighths[j], rungs.top[j], rows.order[j], reach_y, count_y)


@_cached
def _fill_distances(rows, pairs, strips, length, distances):
    by_place = np.empty_like(strips.x)
    for p in range(len(pairs)):
        _pair_distances(rows, pairs[p, 0], pairs[p, 1], strips, length, by_place, distances[p])


@_cached
def _fill_counts(rows, rungs, pairs, strips, length, boxes, counts):
    scratch = np.empty((3, len(strips.x)), np.float32)
    for p in range(len(pairs)):
        i, j = pairs[p]
        _pair_counts(rows, rungs, i, j, strips, length, boxes, scratch, counts[0, p], counts[1, p])


@_cached
def _mean_logs(rows, pairs, strips, length, means):
    by_place, distances = np.empty_like(strips.x), np.empty(rows.values.shape[1], np.float32)
    for p in range(len(pairs)):
        _pair_distances(rows, pairs[p, 0], pairs[p, 1], strips, length, by_place, distances)
        means[p] = _mean_log(distances)


@_cached
def _mean_digammas(rows, rungs, pairs, strips, length, boxes, psi, means):
    m = rows.values.shape[1]
    scratch, counts = np.empty((3, len(strips.x)), np.float32), np.empty((2, m), np.int64)
    for p in range(len(pairs)):
        i, j = pairs[p]
        _pair_counts(rows, rungs, i, j, strips, length, boxes, scratch, counts[0], counts[1])
        along_x = along_y = 0.0
        for n in range(m):
            along_x += psi[counts[0, n]]
            along_y += psi[counts[1, n]]
        means[p] = (along_x + along_y) / m


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
def _mean_log(distances):
    m = len(distances)
    whole, total = m - m % 4, 0.0
    for n in range(0, whole, 4):  # one log for four distances: the product of four float32 fits a float64
        total += np.log(np.float64(distances[n]) * distances[n + 1] * distances[n + 2] * distances[n + 3])
    for n in range(whole, m):
        total += np.log(np.float64(distances[n]))
    return total / m
