"""A data set of thirty images in MNIST's files, small enough to damage and fetch in a test."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import Arrays, Specification, digest
from wndcheck.datasets.layout import MNIST_IDX

_RNG = np.random.default_rng(0)
TINY = Arrays(
    _RNG.integers(0, 256, (20, 28, 28), np.uint8),
    _RNG.permutation(np.arange(20, dtype=np.uint8) % 10),
    _RNG.integers(0, 256, (10, 28, 28), np.uint8),
    _RNG.permutation(np.arange(10, dtype=np.uint8)),
)
TINY_MNIST = Specification("mnist", (28, 28), (2,) * 10, (1,) * 10, digest(TINY))


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_tiny(root: Path, arrays: Arrays = TINY) -> Path:
    """Write arrays in MNIST's layout under `root`; the folder they lie in."""
    folder = root / MNIST_IDX.folder
    folder.mkdir(parents=True, exist_ok=True)
    for file, array in zip(MNIST_IDX.files, arrays, strict=True):
        (folder / file).write_bytes(idx(array))
    return folder
