"""Pairs of neurons on torch devices: sorted rows, chunks that fit the memory, several GPUs, means in a fixed order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FAR = 1e30  # sentinel beyond the ends of a sorted row: further than every sample, and a float32 difference from them
TURNS: defaultdict[str, Lock] = defaultdict(Lock)  # threads that share a device take turns: each may fill its memory
LEAST_SHARE = 4096  # pairs below which another GPU is not worth waking


@dataclass(frozen=True)
class Layer:
    """Neurons on one device: values, ascending and the order that sorts each of them, all (n_neurons, n_samples)."""

    values: Tensor
    ascending: Tensor
    order: Tensor  # int64; ties keep the order of the samples


def mapped(
    work: Callable[[Layer, Tensor], Tensor],
    z: NDArray[np.float32],
    pairs: NDArray[np.int64],
    *,
    device: str,
    bytes_a_sample: int,
    axis: int = 0,
) -> NDArray:
    """work(layer, pairs) of all pairs, put together along the axis that the pairs have in its result.

    device: a torch device, or "cuda" for all visible GPUs. bytes_a_sample: what work holds at once, a sample and pair.
    ValueError if the device cannot be used.
    """

    def share(part: NDArray[np.int64], name: str) -> NDArray:
        with TURNS[name]:
            return in_chunks(part, name)

    def in_chunks(part: NDArray[np.int64], name: str) -> NDArray:
        layer = _sorted_rows(_moved(z, name))
        with torch.cuda.device(layer.values.device) if layer.values.is_cuda else nullcontext():
            at_once = _samples_at_once(layer.values.device, bytes_a_sample)
            chunks = _moved(part, name).split(max(1, at_once // z.shape[1]))
            return np.concatenate([work(layer, chunk).cpu().numpy() for chunk in chunks], axis=axis)

    return shared_out(share, pairs, _devices(device, len(pairs)), axis=axis)


def shared_out(
    share: Callable[[NDArray[np.int64], str], NDArray], pairs: NDArray[np.int64], devices: Sequence[str], *, axis: int
) -> NDArray:
    """share(part, device) for a part of the pairs a device, in a thread each, joined in the order of the pairs."""
    if len(devices) == 1:
        return share(pairs, devices[0])
    with ThreadPoolExecutor(len(devices)) as pool:
        return np.concatenate(list(pool.map(share, np.array_split(pairs, len(devices)), devices)), axis=axis)


def mean_logs(distances: Tensor) -> Tensor:
    """Mean log of every row of float32 distances (P, M), (P,) float64; −inf where a distance is 0."""
    return row_means(distances.double().log_())


def mean_digammas(counts: Tensor, estimator: str) -> Tensor:
    """Mean of ψ(n_x + 1) + ψ(n_y + 1) for "ksg1", ψ(n_x) + ψ(n_y) for "ksg2"; counts (2, P, M), result (P,) float64."""
    first = {"ksg1": 1, "ksg2": 0}[estimator]
    digamma = torch.arange(first, first + counts.shape[2], dtype=torch.float64).digamma_().to(counts.device)
    along_x, along_y = digamma[counts]
    return row_means(along_x.add_(along_y))


def row_means(terms: Tensor) -> Tensor:
    """Means of the rows (P, M), which it overwrites; M alone decides the order of the additions."""
    m = width = terms.shape[1]
    while width > 1:
        half = (width + 1) // 2
        terms[:, : width - half] += terms[:, half:width]
        width = half
    return terms[:, 0] / m


def _devices(device: str, pairs: int) -> list[str]:
    if device != "cuda":
        return [device]
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return gpus[: max(1, pairs // LEAST_SHARE)] or [device]


def _moved(array: NDArray, device: str) -> Tensor:
    try:
        return torch.tensor(np.ascontiguousarray(array), device=device)
    except torch.OutOfMemoryError:
        raise
    except (AssertionError, RuntimeError) as error:  # what torch raises depends on how it was built
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device!r} cannot be used here ({reason}): try device='cpu'") from error


def _sorted_rows(values: Tensor) -> Layer:
    ascending, order = values.sort(dim=1, stable=True)
    return Layer(values, ascending, order)


def _samples_at_once(device: torch.device, bytes_a_sample: int) -> int:
    if device.type != "cuda":
        return 2**19
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(2**25, (free + unused) // 2 // bytes_a_sample)
