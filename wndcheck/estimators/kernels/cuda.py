"""k-nearest-neighbour searches for many pairs at once, as Triton kernels for NVIDIA GPUs.

One warp processes TILE neighbouring queries of a pair in the order of the pair's first neuron, one query per lane.
Samples are broadcast to the lanes: first those of the tile, then outwards on both sides until the distance along the
first neuron alone exceeds the k-th distance of every lane. The k smallest distances of a lane stay in registers. Only
differences, minima and maxima of float32 numbers are computed, so distances equal those of a k-d tree bit for bit, and
counts those from all differences; nothing is summed across programs.
"""

# Triton compiles the kernels from a dialect of Python, and is not installed everywhere.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false

from __future__ import annotations

from threading import Lock

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.functional import pad

from .torch_common import FAR, Layer, TorchKernel

TILE = tl.constexpr(32)  # queries per program, one per lane of its warp
STEP = tl.constexpr(16)  # samples visited between two checks of whether a lane is still open; divides TILE
BLOCK = tl.constexpr(128)  # queries per counting program
BEYOND = tl.constexpr(FAR)
UNKNOWN = tl.constexpr(float(torch.finfo(torch.float32).max))
EXACT = {"enable_fp_fusion": False}
LAUNCH_LOCK = Lock()  # several threads, one per GPU, may compile the same kernel


def _distances(layer: Layer, chunk: Tensor, k: int) -> Tensor:
    return _run_sweep(layer, chunk, k, box=False)[0]


def _counts(layer: Layer, chunk: Tensor, k: int, estimator: str) -> Tensor:
    reach = _run_sweep(layer, chunk, k, box=estimator == "ksg2")
    pairs, m = reach.shape[1:]
    counts = reach.new_empty((2, pairs, m), dtype=torch.int32)
    grid = (pairs * triton.cdiv(m, BLOCK.value), 2)
    top = 1 << (m.bit_length() - 1)
    with LAUNCH_LOCK:
        _count[grid](
            layer.ascending, layer.order, chunk, reach, counts, m, pairs * m, top, reach.shape[0], estimator == "ksg1",
            **EXACT,
        )  # fmt: skip
    return counts


def _run_sweep(layer: Layer, chunk: Tensor, k: int, *, box: bool) -> Tensor:
    """Distances to the k-th neighbour (1, P, M), or to the farthest of the k neighbours along each neuron (2, P, M)."""
    pairs, m = len(chunk), layer.values.shape[1]
    tiles = triton.cdiv(m, TILE.value)
    beyond = (0, tiles * TILE.value - m)
    first, second = chunk.unbind(dim=1)
    x = pad(layer.ascending, beyond, value=FAR)[first]
    y = layer.values[second].gather(1, pad(layer.order, beyond)[first])
    points = torch.stack((x, y), dim=-1).view(torch.int64)  # one load per point
    reach = x.new_empty((1 + box, pairs, m))
    with LAUNCH_LOCK:
        _sweep[pairs * tiles,](points, layer.order, chunk, reach, m, pairs * m, tiles, k, box, num_warps=1, **EXACT)
    return reach


@triton.jit
def _sweep(points, order, pairs, reach, m, samples, tiles, k: tl.constexpr, box: tl.constexpr):
    pair = tl.program_id(0) // tiles
    first = tl.program_id(0) % tiles * TILE
    row = points + pair * tiles * TILE
    query = tl.minimum(first + tl.arange(0, TILE), m - 1)  # lanes past the end repeat the last query
    x, y = _coordinates(tl.load(row + query))

    nearest = (tl.full([TILE], UNKNOWN, tl.float32),) * (k + 1)  # ascending
    for start in range(0, TILE, STEP):
        nearest = _visit(row + first + start, x, y, nearest)
    nearest = nearest[1:]  # the query itself, at distance 0

    left, right, end = first, first + TILE, tiles * TILE
    open_left, open_right = left > 0, right < end
    while open_left | open_right:
        if open_left:
            left -= STEP
            nearest = _visit(row + left, x, y, nearest)
        if open_right:
            nearest = _visit(row + right, x, y, nearest)
            right += STEP
        open_left = (left > 0) & _within_reach(row + tl.maximum(left - 1, 0), x, nearest[k - 1])
        open_right = (right < end) & _within_reach(row + tl.minimum(right, end - 1), x, nearest[k - 1])

    sample = tl.load(order + tl.load(pairs + 2 * pair) * m + query)
    out = reach + pair * m + sample
    if box:  # all samples within the k-th distance lie between left and right
        x_furthest = tl.zeros([TILE], tl.float32)
        y_furthest = tl.zeros([TILE], tl.float32)
        while left < right:
            for i in tl.static_range(STEP):
                other_x, other_y = _coordinates(tl.load(row + left + i))
                dx, dy = tl.abs(other_x - x), tl.abs(other_y - y)
                inside = tl.maximum(dx, dy) <= nearest[k - 1]
                x_furthest = tl.where(inside, tl.maximum(x_furthest, dx), x_furthest)
                y_furthest = tl.where(inside, tl.maximum(y_furthest, dy), y_furthest)
            left += STEP
        tl.store(out, x_furthest)
        tl.store(out + samples, y_furthest)
    else:
        tl.store(out, nearest[k - 1])


@triton.jit
def _visit(others, x, y, nearest):
    for i in tl.static_range(STEP):
        other_x, other_y = _coordinates(tl.load(others + i))
        distance = tl.maximum(tl.abs(other_x - x), tl.abs(other_y - y))
        kept = (tl.minimum(nearest[0], distance),)
        for rank in tl.static_range(1, len(nearest)):
            value = tl.maximum(nearest[rank - 1], tl.minimum(nearest[rank], distance))
            kept = kept + (value,)  # noqa: RUF005 (Triton has no unpacking)
        nearest = kept
    return nearest


@triton.jit
def _within_reach(other, x, reach):
    other_x, _ = _coordinates(tl.load(other))
    return tl.max((tl.abs(other_x - x) <= reach).to(tl.int32), axis=0) > 0


@triton.jit
def _coordinates(point):
    return point.to(tl.int32).to(tl.float32, bitcast=True), (point >> 32).to(tl.int32).to(tl.float32, bitcast=True)


@triton.jit
def _count(ascending, order, pairs, reach, counts, m, samples, top, reaches: tl.constexpr, strict: tl.constexpr):
    """Rounded differences do not decrease along a row: a binary search counts the near samples on each side."""
    blocks = tl.cdiv(m, BLOCK)
    pair, axis = tl.program_id(0) // blocks, tl.program_id(1)
    query = tl.minimum(tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK), m - 1)
    neuron = tl.load(pairs + 2 * pair + axis) * m
    x = tl.load(ascending + neuron + query)
    sample = tl.load(order + neuron + query) + pair * m
    limit = tl.load(reach + sample + axis % reaches * samples)

    below = tl.zeros([BLOCK], tl.int32)
    above = tl.zeros([BLOCK], tl.int32)
    step = top
    while step > 0:
        other = query - below - step
        dx = tl.abs(tl.load(ascending + neuron + other, mask=other >= 0, other=BEYOND) - x)
        below = tl.where((dx < limit) if strict else (dx <= limit), below + step, below)
        other = query + above + step
        dx = tl.abs(tl.load(ascending + neuron + other, mask=other < m, other=BEYOND) - x)
        above = tl.where((dx < limit) if strict else (dx <= limit), above + step, above)
        step //= 2
    tl.store(counts + sample + axis * samples, below + above)


KERNEL = TorchKernel(_distances, _counts, bytes_per_sample=lambda k: 96)
