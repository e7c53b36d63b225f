"""k-nearest-neighbour searches for many pairs at once in plain torch, for devices without a kernel of their own.

All queries of many pairs are processed together. At each offset, each open query visits one sample on either side of it
in the order of the pair's first neuron; every few offsets, the queries that no farther sample can change are stored and
removed. Only differences, minima and maxima of float32 numbers are computed, so distances equal those of a k-d tree bit
for bit, and counts those from all differences.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from .torch_common import FAR, Layer, TorchKernel

OFFSETS = 8  # offsets between two checks of which queries are still open


def _distances(layer: Layer, chunk: Tensor, k: int) -> Tensor:
    x, y, by_first = _by_first_neuron(layer, chunk)
    nearest = [torch.full_like(x.flatten(), torch.finfo(x.dtype).max) for _ in range(k)]  # ascending
    (kth,) = _sweep(x, y, nearest, _insert, slice(k - 1, k))
    return _by_sample(kth, by_first)


def _counts(layer: Layer, chunk: Tensor, k: int, estimator: str) -> Tensor:
    distances = _distances(layer, chunk, k)
    reach = _furthest(layer, chunk, distances) if estimator == "ksg2" else (distances, distances)
    along = []
    for neurons, limit in zip(chunk.unbind(dim=1), reach, strict=True):
        order = layer.order[neurons]
        counted = _near(layer.ascending[neurons], limit.gather(1, order), strict=estimator == "ksg1")
        along.append(_by_sample(counted, order))
    return torch.stack(along)


def _furthest(layer: Layer, chunk: Tensor, distances: Tensor) -> list[Tensor]:
    """Along each neuron, the distance to the farthest sample within `distances` in the max-norm (KSG2)."""
    x, y, by_first = _by_first_neuron(layer, chunk)
    reach = distances.gather(1, by_first).flatten()
    state = [torch.zeros_like(reach), torch.zeros_like(reach), reach]
    return [_by_sample(furthest, by_first) for furthest in _sweep(x, y, state, _widen, slice(2))]


def _by_first_neuron(layer: Layer, chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both neurons of each pair in the order of the first neuron, and that order, (P, M) each."""
    first, second = chunk.unbind(dim=1)
    by_first = layer.order[first]
    return layer.ascending[first], layer.values[second].gather(1, by_first), by_first


def _by_sample(ordered: Tensor, order: Tensor) -> Tensor:
    return torch.empty_like(ordered).scatter_(1, order, ordered)


def _sweep(
    x: Tensor, y: Tensor, state: list[Tensor], visit: Callable[[Tensor, Tensor, list[Tensor]], None], wanted: slice
) -> list[Tensor]:
    """Let each point visit the others, nearest along x first, until their distance along x exceeds its last state.

    x, y: (P, M), x ascending along a row. state: (P * M,) each, updated in place by visit(dx, dy, state). Returns
    state[wanted], (P, M) each.
    """
    rows, m = x.shape
    xs, ys = pad(x, (1, 1), value=FAR), pad(y, (1, 1)).flatten()
    xs[:, 0] = -FAR
    xs = xs.flatten()

    query = torch.arange(rows * m, dtype=torch.int32, device=x.device)
    left = query // m * (m + 2)  # the sentinels of the query's row
    right = left + m + 1
    at = left + query % m + 1
    results = [torch.empty_like(s) for s in state[wanted]]
    reached = 0
    while len(query):
        qx, qy = xs.index_select(0, at), ys.index_select(0, at)
        edges = [qx, qx]
        for offset in range(reached + 1, reached + OFFSETS + 1):
            others = torch.minimum(at + offset, right), torch.maximum(at - offset, left)
            edges = [xs.index_select(0, other).sub_(qx).abs_() for other in others]
            for other, dx in zip(others, edges, strict=True):
                visit(dx, ys.index_select(0, other).sub_(qy).abs_(), state)
        reached += OFFSETS
        for result, final in zip(results, state[wanted], strict=True):
            result[query.long()] = final
        still_open = (torch.minimum(*edges) <= state[-1]).nonzero().squeeze(1)
        query, left, right, at, *state = (t.index_select(0, still_open) for t in (query, left, right, at, *state))
    return [result.view(rows, m) for result in results]


def _insert(dx: Tensor, dy: Tensor, nearest: list[Tensor]) -> None:
    distance = torch.maximum(dx, dy)
    for value in nearest:
        pushed_out = torch.maximum(value, distance)
        torch.minimum(value, distance, out=value)
        distance = pushed_out


def _widen(dx: Tensor, dy: Tensor, box: list[Tensor]) -> None:
    *furthest, reach = box
    outside = torch.maximum(dx, dy) > reach
    for value, difference in zip(furthest, (dx, dy), strict=True):
        torch.maximum(value, difference.masked_fill(outside, 0), out=value)


def _near(ascending: Tensor, reach: Tensor, *, strict: bool) -> Tensor:
    """Number of other values of the row nearer than reach (at most reach, unless strict); (P, M) int32.

    Rounded differences do not decrease along a row, so a binary search finds the number of near samples on each side.
    """
    m = ascending.shape[1]
    position = torch.arange(m, device=ascending.device)
    counts = torch.zeros_like(ascending, dtype=torch.int32)
    for direction in (-1, 1):
        found = torch.zeros_like(ascending, dtype=torch.int64)
        for step in (1 << bit for bit in reversed(range(m.bit_length()))):
            other = position + direction * (found + step)
            differences = ascending.gather(1, other.clamp(0, m - 1)).sub_(ascending).abs_()
            near = (differences < reach) if strict else (differences <= reach)
            found += near.logical_and_((other >= 0) & (other < m)) * step
        counts += found
    return counts


KERNEL = TorchKernel(_distances, _counts, bytes_per_sample=lambda k: 8 * k + 160, device_has_float64=False)
