"""Distance to the k-th neighbour for many pairs of neurons at once, on a torch device: made for CUDA, runs on any.

The sweep of `cpu.py` with whole tensors for vectors. All queries of many pairs start together; at each offset every
open query meets one sample on either side of it in the order of the pair's first neuron and keeps its k smallest
distances; from time to time the queries that cannot improve any more are written down and left behind. Only
differences, minima and maxima of float32 numbers are taken, so the result is exact, bit for bit that of a k-d tree.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

FAR = 1e30  # sentinel at both ends of a sorted row: beyond every sample, and a float32 difference away from them
OFFSETS = 8  # offsets between two looks at which queries are still open


def kth_distances(z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, device: str) -> NDArray[np.float32]:
    """Max-norm distance of every sample to its k-th neighbour, for every pair of rows of z.

    z: (n_neurons, n_samples), more than k samples, all below 1e29 in size. pairs: (P, 2).
    Returns (P, n_samples), in the order of the samples.
    """
    return np.concatenate([d.cpu().numpy() for d in _chunks(z, pairs, k, device)])


def mean_log_distances(z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, device: str) -> NDArray[np.float64]:
    """Mean over the samples of the log of `kth_distances`, (P,)."""
    return np.concatenate([d.double().log().mean(dim=1).cpu().numpy() for d in _chunks(z, pairs, k, device)])


def _chunks(z: NDArray[np.float32], pairs: NDArray[np.int64], k: int, device: str) -> Iterator[Tensor]:
    values, chosen = _moved(z, device), _moved(pairs, device)
    order = values.argsort(dim=1)
    for chunk in chosen.split(max(1, _queries_at_once(k, values.device) // z.shape[1])):
        first, second = chunk.unbind(dim=1)
        by_first = order[first]
        swept = _sweep(values[first].gather(1, by_first), values[second].gather(1, by_first), k)
        yield torch.empty_like(swept).scatter_(1, by_first, swept)


def _moved(array: NDArray, device: str) -> Tensor:
    try:
        return torch.as_tensor(array, device=device)
    except (AssertionError, RuntimeError) as error:  # what torch raises depends on how it was built
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device!r} cannot be used here ({reason}): try device='cpu'") from error


def _queries_at_once(k: int, device: torch.device) -> int:
    if device.type != "cuda":
        return 2**19
    free, _ = torch.cuda.mem_get_info(device)
    return min(2**30, free // 2 // (8 * k + 128))  # bytes a query takes; positions fit 32 bits


def _sweep(x: Tensor, y: Tensor, k: int) -> Tensor:
    """k-th smallest distance of the points of every row; x, y: (P, M), x ascending along a row."""
    rows, m = x.shape
    xs, ys = pad(x, (1, 1), value=FAR), pad(y, (1, 1)).flatten()
    xs[:, 0] = -FAR
    xs = xs.flatten()

    query = torch.arange(rows * m, dtype=torch.int32, device=x.device)
    left = query // m * (m + 2)  # the sentinels of the query's row
    right = left + m + 1
    at = left + query % m + 1
    nearest = [torch.full_like(x.flatten(), torch.finfo(x.dtype).max) for _ in range(k)]  # ascending
    distances = torch.empty_like(nearest[0])
    reached = 0
    while len(query):
        qx, qy = xs.index_select(0, at), ys.index_select(0, at)
        edges = [qx, qx]
        for offset in range(reached + 1, reached + OFFSETS + 1):
            others = torch.minimum(at + offset, right), torch.maximum(at - offset, left)
            edges = [xs.index_select(0, other).sub_(qx).abs_() for other in others]
            for other, dx in zip(others, edges, strict=True):
                _insert(torch.maximum(ys.index_select(0, other).sub_(qy).abs_(), dx), nearest)
        reached += OFFSETS
        distances[query.long()] = nearest[-1]
        still_open = (torch.minimum(*edges) < nearest[-1]).nonzero().squeeze(1)
        query, left, right, at, *nearest = (t.index_select(0, still_open) for t in (query, left, right, at, *nearest))
    return distances.view(rows, m)


def _insert(distance: Tensor, nearest: list[Tensor]) -> None:
    for value in nearest:
        pushed_out = torch.maximum(value, distance)
        torch.minimum(value, distance, out=value)
        distance = pushed_out
