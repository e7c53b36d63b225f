"""Readers of the published files: idx (MNIST), CIFAR-10's binary batches, CIFAR-10's pickles as torchvision has them.

A reader takes the paths of a layout in the layout's order and returns the decoded arrays; DamagedData says which file
is not what it should be. Whether the content is right is for `catalogue.verified` to say.
"""

from __future__ import annotations

import gzip
import math
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import Arrays, DamagedData

CIFAR_IMAGE = (3, 32, 32)
CIFAR_RECORD = 1 + math.prod(CIFAR_IMAGE)


def read_mnist(paths: Sequence[Path]) -> Arrays:
    """MNIST from its four idx files: training images and labels, test images and labels."""
    train_images, train_labels, test_images, test_labels = paths
    return Arrays(
        read_idx(train_images, dimensions=3),
        read_idx(train_labels, dimensions=1),
        read_idx(test_images, dimensions=3),
        read_idx(test_labels, dimensions=1),
    )


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The uint8 array of an idx file, or of an idx file in gzip.

    The header is big-endian: two zero bytes, 0x08 for unsigned bytes, the number of dimensions, then each length as
    four bytes.
    """
    data = _content(path)
    magic = bytes((0, 0, 8, dimensions))
    if data[:4] != magic:
        raise DamagedData(f"{path} starts with {data[:4].hex() or 'nothing'}, expected {magic.hex()}")
    header = len(magic) + 4 * dimensions
    if len(data) < header:
        raise DamagedData(f"{path} holds {len(data)} bytes, fewer than its header of {header}")
    shape = tuple(np.frombuffer(data[len(magic) : header], ">u4").tolist())
    promised = header + math.prod(shape)
    if len(data) != promised:
        raise DamagedData(f"{path} holds {len(data)} bytes, but its header promises {promised}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise DamagedData(f"{path} cannot be unpacked: {error}") from error


def read_cifar_binary(paths: Sequence[Path]) -> Arrays:
    """CIFAR-10 from its binary version: five training batches, then the test batch."""
    labels, images = zip(*(_read_records(path) for path in paths), strict=True)
    return Arrays(np.concatenate(images[:-1]), np.concatenate(labels[:-1]), images[-1], labels[-1])


def _read_records(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels (n,) and images (n, 32, 32, 3) of one batch: a label byte, then the red, green and blue plane."""
    data = np.fromfile(path, np.uint8)
    if len(data) % CIFAR_RECORD:
        raise DamagedData(f"{path} holds {len(data)} bytes, which is no multiple of a record's {CIFAR_RECORD}")
    records = data.reshape(-1, CIFAR_RECORD)
    planes = records[:, 1:].reshape(-1, *CIFAR_IMAGE)
    return records[:, 0].copy(), np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def read_cifar_pickles(paths: Sequence[Path]) -> Arrays:
    """CIFAR-10 from its Python version, through torchvision, which checks every md5 before it unpickles anything."""
    from torchvision.datasets import CIFAR10

    root = paths[0].parents[1]
    with warnings.catch_warnings():
        # The published pickles give a dtype's alignment as 0, which NumPy 2.4.0 to 2.4.4 warn about (numpy#31177).
        warnings.filterwarnings("ignore", r"dtype\(\): align should be", np.exceptions.VisibleDeprecationWarning)
        try:
            train, test = CIFAR10(root, train=True), CIFAR10(root, train=False)
        except RuntimeError as error:
            raise DamagedData(f"torchvision does not accept {paths[0].parent}: {error}") from error
    return Arrays(
        np.ascontiguousarray(train.data),
        np.array(train.targets, np.uint8),
        np.ascontiguousarray(test.data),
        np.array(test.targets, np.uint8),
    )
