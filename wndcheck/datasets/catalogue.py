"""The data sets: shapes, class counts and the SHA-256 of the decoded arrays, against which every source is verified."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


class MissingData(FileNotFoundError):
    """The files of a data set are not in the folder that was searched."""


class DamagedData(ValueError):
    """The files of a data set exist, but their content is not the data set."""


class Dataset(NamedTuple):
    """The decoded arrays of a data set, all uint8: images (n, 28, 28) or (n, 32, 32, 3), labels (n,) in 0..9.

    The validation part of "mnist" and "cifar10" is the published test set.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Specification:
    """Shape, number of images per class and digest that the arrays of a data set must have."""

    name: str
    image_shape: tuple[int, ...]
    train_counts: tuple[int, ...]
    validation_counts: tuple[int, ...]
    sha256: str


CATALOGUE = {
    each.name: each
    for each in (
        Specification(
            *("mnist-subset", (28, 28), (1000,) * CLASSES, (200,) * CLASSES),
            sha256="f6c1f2113976a5400fa940996ba206be487090b4e026556dc21c11915bccc84d",
        ),
        Specification(
            *("mnist", (28, 28)),
            train_counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            validation_counts=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
            sha256="5aa682d139db4df4f59e4da8e8992c0e377f5e5fdf61dddc267a1ecb3c161381",
        ),
        Specification(
            *("cifar10", (32, 32, 3), (5000,) * CLASSES, (1000,) * CLASSES),
            sha256="93d06389e4418e1e9e4e5e59c3fcd0709162d611a611ec5a1aef72627482a9f8",
        ),
        Specification(
            *("cifar10-subset", (32, 32, 3), (300,) * CLASSES, (100,) * CLASSES),
            sha256="b57ddff43b64d6f6ade9e3894aaf47c840c43fad120fd13ad0895a70cbdaf134",
        ),
    )
}


def specification_of(name: str) -> Specification:
    """Return the specification of a data set. Raises ValueError if the name is unknown."""
    if name not in CATALOGUE:
        raise ValueError(f"unknown data set {name!r}: expected one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def dataset_digest(name: str) -> str:
    """Return the SHA-256 of a data set without loading it. Raises ValueError if the name is unknown."""
    return specification_of(name).sha256


def digest(dataset: Dataset) -> str:
    """Return the SHA-256 over the name, dtype, shape and bytes (row-major) of each array in turn."""
    state = hashlib.sha256()
    for name, array in dataset._asdict().items():
        state.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def verified(specification: Specification, dataset: Dataset) -> Dataset:
    """Return the data set. Raises DamagedData, with the first difference found, if it violates the specification."""
    counts = {"train": specification.train_counts, "validation": specification.validation_counts}
    for part, images, labels in zip(counts, dataset[::2], dataset[1::2], strict=True):
        n = sum(counts[part])
        shapes = {"images": (images, (n, *specification.image_shape)), "labels": (labels, (n,))}
        for what, (array, shape) in shapes.items():
            if array.dtype != np.uint8 or array.shape != shape:
                raise DamagedData(f"the {part} {what} are {array.dtype} {array.shape}, expected uint8 {shape}")
        found = tuple(np.bincount(labels, minlength=CLASSES).tolist())
        if found != counts[part]:
            raise DamagedData(f"the {part} labels count {found} images by class, expected {counts[part]}")
    if (sha256 := digest(dataset)) != specification.sha256:
        raise DamagedData(f"the SHA-256 of the arrays is {sha256}, expected {specification.sha256}")
    return dataset
