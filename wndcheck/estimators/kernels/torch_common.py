"""Shared code of `cuda` and `eager`: sorted rows, chunks that fit into memory, several GPUs, means in a fixed order."""

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

from .rows import SortedRows

FAR = 1e30  # sentinel beyond the ends of a sorted row: farther than every sample, with finite float32 differences
DEVICE_LOCKS: defaultdict[str, Lock] = defaultdict(Lock)  # one thread at a time per device: each may fill its memory
LEAST_SHARE = 4096  # fewest pairs worth using another GPU for

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """Neurons on one device: values, sorted values and the sorting permutation, each (n_neurons, n_samples)."""

    values: Tensor
    ascending: Tensor
    order: Tensor  # int64


@dataclass(frozen=True)
class TorchKernel:
    """Searches for all pairs, given those for a chunk of the pairs on one device.

    In the methods, rows have more than k samples; pairs is (P, 2), indices of rows; device is a torch device, or "cuda"
    for all visible GPUs. ValueError if the device cannot be used.
    """

    distances: Callable[[Layer, Tensor, int], Tensor]  # of a layer, pairs and k; (P, M) float32
    counts: Callable[[Layer, Tensor, int, str], Tensor]  # of a layer, pairs, k and the estimator; (2, P, M) int32
    bytes_per_sample: Callable[[int], int]  # memory needed for each sample of each pair, given k
    device_has_float64: bool = True  # otherwise means are taken on the CPU

    def kth_distances(self, rows: SortedRows, pairs: Pairs, *, k: int, device: str) -> NDArray[np.float32]:
        """Max-norm distance of each sample to its k-th neighbour, (P, n_samples), in the order of the samples."""
        return self._map(lambda layer, chunk: self.distances(layer, chunk, k), rows, pairs, k, device)

    def marginal_counts(
        self, rows: SortedRows, pairs: Pairs, *, k: int, estimator: str, device: str
    ) -> NDArray[np.int32]:
        """Samples near each sample along either neuron, (2, P, n_samples); see `reference.marginal_counts`."""
        return self._map(lambda layer, chunk: self.counts(layer, chunk, k, estimator), rows, pairs, k, device, axis=1)

    def mean_log_distances(self, rows: SortedRows, pairs: Pairs, *, k: int, device: str) -> NDArray[np.float64]:
        """Mean over the samples of the log of `kth_distances`, (P,); −inf where a distance is 0."""

        def work(layer: Layer, chunk: Tensor) -> Tensor:
            return row_means(self._with_float64(self.distances(layer, chunk, k)).double().log_())

        return self._map(work, rows, pairs, k, device)

    def mean_digammas(
        self, rows: SortedRows, pairs: Pairs, *, k: int, estimator: str, device: str
    ) -> NDArray[np.float64]:
        """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for "ksg1", of ψ(n_x) + ψ(n_y) for "ksg2", (P,)."""
        first = {"ksg1": 1, "ksg2": 0}[estimator]
        digamma = torch.arange(first, first + rows.order.shape[1], dtype=torch.float64).digamma_()

        def work(layer: Layer, chunk: Tensor) -> Tensor:
            counts = self._with_float64(self.counts(layer, chunk, k, estimator))
            along_x, along_y = digamma.to(counts.device)[counts]
            return row_means(along_x.add_(along_y))

        return self._map(work, rows, pairs, k, device)

    def _with_float64(self, results: Tensor) -> Tensor:
        return results if self.device_has_float64 else results.cpu()

    def _map(
        self,
        work: Callable[[Layer, Tensor], Tensor],
        rows: SortedRows,
        pairs: Pairs,
        k: int,
        device: str,
        axis: int = 0,
    ) -> NDArray:
        """Apply work(layer, pairs) to all pairs in chunks; results are concatenated along their axis of pairs."""

        def on_device(part: Pairs, name: str) -> NDArray:
            with DEVICE_LOCKS[name]:
                values, order = _moved(rows.values, name), _moved(rows.order.astype(np.int64), name)
                layer = Layer(values, values.gather(1, order), order)
                with torch.cuda.device(values.device) if values.is_cuda else nullcontext():
                    at_once = _samples_at_once(values.device, self.bytes_per_sample(k))
                    chunks = _moved(part, name).split(max(1, at_once // values.shape[1]))
                    return np.concatenate([work(layer, chunk).cpu().numpy() for chunk in chunks], axis=axis)

        return distribute(on_device, pairs, _devices(device, len(pairs)), axis=axis)


def distribute(work: Callable[[Pairs, str], NDArray], pairs: Pairs, devices: Sequence[str], *, axis: int) -> NDArray:
    """Apply work(pairs, device) to an equal share of the pairs on each device, one thread each; keeps their order."""
    if len(devices) == 1:
        return work(pairs, devices[0])
    with ThreadPoolExecutor(len(devices)) as pool:
        return np.concatenate(list(pool.map(work, np.array_split(pairs, len(devices)), devices)), axis=axis)


def row_means(terms: Tensor) -> Tensor:
    """Means of the rows (P, M), computed in place. The order of the additions depends only on M."""
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


def _samples_at_once(device: torch.device, bytes_per_sample: int) -> int:
    if device.type != "cuda":
        return 2**19
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(2**25, (free + unused) // 2 // bytes_per_sample)
