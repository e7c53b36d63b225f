"""Distance to the k-th neighbour for many pairs of neurons at once: a vectorised sweep for any CPU.

A pair is sorted by its first neuron and padded with far sentinels. A block of neighbouring queries then sweeps
outwards in both directions over contiguous loads, keeps the k smallest max-norm distances of every lane, and stops once
no lane can improve: whatever comes later is further away along the sorted neuron alone. So the result is exact, bit
for bit that of a k-d tree. The inner sweep is emitted as LLVM vector IR, since a loop over minima and maxima stays
scalar branches in numba; LLVM maps it to whatever vectors the machine has.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 8  # queries swept together
UNROLL = 4  # offsets between two looks at whether a lane is still open
FAR = 1e30  # sentinel: beyond every sample, far enough below the largest float32 to be subtracted
CHUNK = 128  # pairs a thread takes at a time


def kth_distances(z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int) -> NDArray[np.float32]:
    """Max-norm distance of every sample to its k-th neighbour, for every pair of rows of z.

    z: (n_neurons, n_samples), more than k samples, all below 1e29 in size. pairs: (P, 2).
    Returns (P, n_samples), in the order of the samples.
    """
    distances = np.empty((len(pairs), z.shape[1]), np.float32)
    _sweep(z, _argsort(z), pairs, _length(k), distances)
    return distances


def mean_log_distances(
    z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of the log of `kth_distances`, (P,); n_jobs threads, by default one a core.

    A pair's result depends on its two rows alone, whichever of them comes first, and not on n_jobs.
    """
    order, neighbours, means = _argsort(z), _length(k), np.empty(len(pairs))

    def work(start: int) -> None:
        chunk = slice(start, start + CHUNK)
        distances = np.empty((len(pairs[chunk]), z.shape[1]), np.float32)
        _sweep(z, order, pairs[chunk], neighbours, distances)
        _mean_logs(distances, means[chunk])

    starts = range(0, len(pairs), CHUNK)
    threads = min(n_jobs or numba.config.NUMBA_NUM_THREADS, len(starts))  # pyright: ignore
    if threads == 1:
        for start in starts:
            work(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, starts))
    return means


def _argsort(z: NDArray[np.float32]) -> NDArray[np.uint32]:
    return np.argsort(z, axis=1).astype(np.uint32)  # unsigned: numba then checks no index for a negative sign


def _length(k: int) -> tuple[int, ...]:
    return (0,) * k  # carries k in its type, so that the kernel is compiled, and cached, for each k


@intrinsic
def _sweep_block(typing_context, xs, ys, at, m, neighbours, out, q):
    """Write the k-th smallest distances of the queries at, at + 1, ... to out[q], out[q + 1], ..., LANES of them."""
    signature = types.void(xs, ys, types.int64, types.int64, neighbours, out, types.int64)
    k = len(neighbours)

    def build(context, b, signature, args):
        xs, ys, at, m, _, out, q = args
        float32, int64 = ir.FloatType(), ir.IntType(64)
        vector = ir.VectorType(float32, LANES)

        def data(array, argument):
            return context.make_array(signature.args[argument])(context, b, array).data

        def function(name, arity):
            kind = ir.FunctionType(vector, [vector] * arity)
            callee = cgutils.get_or_insert_function(b.module, kind, f"llvm.{name}.v{LANES}f32")
            return lambda *operands: b.call(callee, operands, fastmath=("fast",))

        absolute, smaller, larger = function("fabs", 1), function("minnum", 2), function("maxnum", 2)

        def lanes(start, index):
            return b.bitcast(b.gep(start, [index]), vector.as_pointer())

        def load(start, index):
            return b.load(lanes(start, index), align=4)

        x_data, y_data, out_data = data(xs, 0), data(ys, 1), data(out, 5)
        x, y = load(x_data, at), load(y_data, at)
        before, sweep, done = b.block, b.append_basic_block("sweep"), b.append_basic_block("done")
        b.branch(sweep)

        b.position_at_end(sweep)
        first = b.phi(int64)
        nearest = [b.phi(vector) for _ in range(k)]  # ascending
        kept = nearest
        for step in range(UNROLL):
            offset = b.add(first, int64(step))
            edges = []
            for other in (b.add(at, offset), b.sub(at, offset)):
                dx = absolute(b.fsub(load(x_data, other), x))
                distance = larger(dx, absolute(b.fsub(load(y_data, other), y)))
                edges.append(dx)
                inserted = []
                for value in kept:
                    inserted.append(smaller(value, distance))
                    distance = larger(value, distance)
                kept = inserted
        open_lanes = b.bitcast(b.fcmp_ordered("<", smaller(*edges), kept[-1]), ir.IntType(LANES))
        following = b.add(first, int64(UNROLL))
        go_on = b.and_(b.icmp_unsigned("!=", open_lanes, open_lanes.type(0)), b.icmp_signed("<", following, m))
        unknown = ir.Constant(vector, [float32(np.finfo(np.float32).max)] * LANES)
        first.add_incoming(int64(1), before)
        first.add_incoming(following, b.block)
        for start, end in zip(nearest, kept, strict=True):
            start.add_incoming(unknown, before)
            start.add_incoming(end, b.block)
        b.cbranch(go_on, sweep, done)

        b.position_at_end(done)
        b.store(kept[-1], lanes(out_data, q), align=4)
        return context.get_dummy_value()

    return signature, build


@numba.njit(nogil=True, cache=True)
def _sweep(z, order, pairs, neighbours, distances):
    m = z.shape[1]
    pad = m + UNROLL + LANES  # a lane looks at most m + UNROLL away
    xs, ys = np.zeros(m + 2 * pad, np.float32), np.zeros(m + 2 * pad, np.float32)
    xs[:pad], xs[pad + m :] = -FAR, FAR
    swept = np.empty(m + LANES, np.float32)
    for p in range(len(pairs)):
        x, y, by_x = z[pairs[p, 0]], z[pairs[p, 1]], order[pairs[p, 0]]
        for r in range(m):
            xs[pad + r], ys[pad + r] = x[by_x[r]], y[by_x[r]]
        for q in range(0, m, LANES):
            _sweep_block(xs, ys, pad + q, m, neighbours, swept, q)  # pyright: ignore
        for r in range(m):
            distances[p, by_x[r]] = swept[r]


@numba.njit(nogil=True, cache=True)
def _mean_logs(distances, means):
    pairs, m = distances.shape
    whole = m - m % 4
    for p in range(pairs):
        d, total = distances[p], 0.0
        for r in range(0, whole, 4):  # one log for four: a product of four float32 fits a float64
            total += np.log(np.float64(d[r]) * d[r + 1] * d[r + 2] * d[r + 3])
        for r in range(whole, m):
            total += np.log(np.float64(d[r]))
        means[p] = total / m
