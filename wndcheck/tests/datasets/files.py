"""Small CIFAR-10s in the forms of the published files."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wndcheck.datasets import Dataset, data_root, is_available
from wndcheck.datasets.catalogue import Specification, digest
from wndcheck.datasets.loading import CIFAR10, CIFAR10_BINARY

_RNG = np.random.default_rng(1)
# Six batches of two images.
TINY_CIFAR = Dataset(
    _RNG.integers(0, 256, (10, 32, 32, 3), np.uint8),
    _RNG.integers(0, 10, 10, np.uint8),
    _RNG.integers(0, 256, (2, 32, 32, 3), np.uint8),
    _RNG.integers(0, 10, 2, np.uint8),
)


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where a data set has not been fetched."""
    return pytest.mark.skipif(
        not is_available(name), reason=f"{name} is not in {data_root()}; to fetch it: wndcheck fetch {name}"
    )


def specified(name: str, dataset: Dataset) -> Specification:
    """Return the specification that exactly these arrays meet."""
    counts = [tuple(np.bincount(labels, minlength=10).tolist()) for labels in dataset[1::2]]
    return Specification(name, dataset.train_images.shape[1:], *counts, digest(dataset))


def batches(dataset: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the labels (n,) and planes (n, 3072) of five training batches and of the test batch."""
    parts = []
    for images, labels, count in ((*dataset[:2], 5), (*dataset[2:], 1)):
        planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        parts += zip(np.array_split(labels, count), np.array_split(planes, count), strict=True)
    return parts


def write_binary(root: Path, dataset: Dataset = TINY_CIFAR) -> list[Path]:
    """Write the six binary batches of a data set below the root; return their paths."""
    paths = CIFAR10_BINARY.paths(root)
    paths[0].parent.mkdir(parents=True)
    for path, (labels, planes) in zip(paths, batches(dataset), strict=True):
        records = zip(labels, planes, strict=True)
        path.write_bytes(b"".join(bytes([label]) + plane.tobytes() for label, plane in records))
    return paths


class _AlignmentAsNumber:
    """Pickles as uint8 with the alignment 0, as the published files do; some versions of NumPy warn on reading it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, ("u1", 0)


class _OldArray:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, start, _ = self.array.__reduce__()
        return rebuild, start, (1, self.array.shape, _AlignmentAsNumber(), False, self.array.tobytes())


def write_pickles(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Write TINY_CIFAR in the form of the published pickles, whose MD5s torchvision then expects; return the paths."""
    from torchvision.datasets import CIFAR10 as TorchvisionCIFAR10

    contents = [{"data": _OldArray(planes), "labels": labels.tolist()} for labels, planes in batches(TINY_CIFAR)]
    paths = CIFAR10.paths(root)
    paths[0].parent.mkdir(parents=True)
    md5 = []
    for path, content in zip(paths, [*contents, {"label_names": list("0123456789")}], strict=True):
        data = pickle.dumps(content, protocol=2)
        path.write_bytes(data)
        md5.append([path.name, hashlib.md5(data).hexdigest()])
    monkeypatch.setattr(TorchvisionCIFAR10, "train_list", md5[:5])
    monkeypatch.setattr(TorchvisionCIFAR10, "test_list", md5[5:6])
    monkeypatch.setattr(TorchvisionCIFAR10, "meta", {**TorchvisionCIFAR10.meta, "md5": md5[6][1]})
    return paths
