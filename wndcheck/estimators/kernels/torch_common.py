"""What `cuda` and `eager` share: sorted rows, chunks that fit into memory, several GPUs, means in a fixed order."""

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

FAR = 1e30  # sentinel beyond the ends of a sorted row: farther than every sample, with finite float32 differences
DEVICE_LOCKS: defaultdict[str, Lock] = defaultdict(Lock)  # one thread at a time per device: each may fill its memory
LEAST_SHARE = 4096  # fewest pairs worth using another GPU for


@dataclass(frozen=True)
class Layer:
    """Neurons on one device: values, sorted values and the sorting permutation, each (n_neurons, n_samples)."""

    values: Tensor
    ascending: Tensor
    order: Tensor  # int64; ties keep the order of the samples


def map_pairs(
    work: Callable[[Layer, Tensor], Tensor],
    z: NDArray[np.float32],
    pairs: NDArray[np.int64],
    *,
    device: str,
    bytes_per_sample: int,
    axis: int = 0,
) -> NDArray:
    """Apply work(layer, pairs) to all pairs in chunks; results are concatenated along their axis of pairs.

    device: a torch device, or "cuda" for all visible GPUs. bytes_per_sample: memory that work needs for each sample of
    each pair. ValueError if the device cannot be used.
    """

    def on_device(part: NDArray[np.int64], name: str) -> NDArray:
        with DEVICE_LOCKS[name]:
            return in_chunks(part, name)

    def in_chunks(part: NDArray[np.int64], name: str) -> NDArray:
        layer = _sorted_rows(_moved(z, name))
        with torch.cuda.device(layer.values.device) if layer.values.is_cuda else nullcontext():
            at_once = _samples_at_once(layer.values.device, bytes_per_sample)
            chunks = _moved(part, name).split(max(1, at_once // z.shape[1]))
            return np.concatenate([work(layer, chunk).cpu().numpy() for chunk in chunks], axis=axis)

    return distribute(on_device, pairs, _devices(device, len(pairs)), axis=axis)


def distribute(
    work: Callable[[NDArray[np.int64], str], NDArray], pairs: NDArray[np.int64], devices: Sequence[str], *, axis: int
) -> NDArray:
    """Apply work(pairs, device) to an equal share of the pairs on each device, one thread each; keeps their order."""
    if len(devices) == 1:
        return work(pairs, devices[0])
    with ThreadPoolExecutor(len(devices)) as pool:
        return np.concatenate(list(pool.map(work, np.array_split(pairs, len(devices)), devices)), axis=axis)


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
    """Means of the rows (P, M), computed in place. The order of the additions depends on M alone."""
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


def _samples_at_once(device: torch.device, bytes_per_sample: int) -> int:
    if device.type != "cuda":
        return 2**19
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(2**25, (free + unused) // 2 // bytes_per_sample)
