"""What each data set must be: shapes, class counts and the sha256 of its decoded arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = 10


class MissingData(FileNotFoundError):
    """The files of a data set are not where they were looked for."""


class DamagedData(ValueError):
    """Files are there, but what they hold is not the data set."""


class Arrays(NamedTuple):
    """The decoded arrays of a data set, all uint8: images (n, 28, 28) or (n, 32, 32, 3), labels (n,)."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A verified data set. Images are uint8 (n, 28, 28) or (n, 32, 32, 3), labels uint8 (n,) in 0..9.

    For "mnist" and "cifar10" the validation part is the published test set. `sha256` is the digest of the decoded
    arrays, the same whichever files they were read from.
    """

    name: str
    train_images: NDArray[np.uint8] = field(repr=False)
    train_labels: NDArray[np.uint8] = field(repr=False)
    validation_images: NDArray[np.uint8] = field(repr=False)
    validation_labels: NDArray[np.uint8] = field(repr=False)
    sha256: str


@dataclass(frozen=True)
class Specification:
    """What the arrays of the data set `name` must be."""

    name: str
    image_shape: tuple[int, ...]
    train_counts: tuple[int, ...]
    validation_counts: tuple[int, ...]
    sha256: str


CATALOGUE = {
    specification.name: specification
    for specification in (
        Specification(
            name="mnist-subset",
            image_shape=(28, 28),
            train_counts=(1000,) * CLASSES,
            validation_counts=(200,) * CLASSES,
            sha256="f6c1f2113976a5400fa940996ba206be487090b4e026556dc21c11915bccc84d",
        ),
        Specification(
            name="mnist",
            image_shape=(28, 28),
            train_counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            validation_counts=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
            sha256="5aa682d139db4df4f59e4da8e8992c0e377f5e5fdf61dddc267a1ecb3c161381",
        ),
        Specification(
            name="cifar10",
            image_shape=(32, 32, 3),
            train_counts=(5000,) * CLASSES,
            validation_counts=(1000,) * CLASSES,
            sha256="93d06389e4418e1e9e4e5e59c3fcd0709162d611a611ec5a1aef72627482a9f8",
        ),
        Specification(
            name="cifar10-subset",
            image_shape=(32, 32, 3),
            train_counts=(300,) * CLASSES,
            validation_counts=(100,) * CLASSES,
            sha256="b57ddff43b64d6f6ade9e3894aaf47c840c43fad120fd13ad0895a70cbdaf134",
        ),
    )
}


def specification_of(name: str) -> Specification:
    """The entry of the data set `name`; ValueError if there is none."""
    if name not in CATALOGUE:
        raise ValueError(f"unknown data set {name!r}: expected one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def dataset_digest(name: str) -> str:
    """The sha256 that the data set `name` has when loaded, without loading it; ValueError if the name is unknown."""
    return specification_of(name).sha256


def digest(arrays: Arrays) -> str:
    """sha256 over the name, dtype, shape and bytes (row-major) of each array in turn."""
    state = hashlib.sha256()
    for name, array in arrays._asdict().items():
        state.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def verified(specification: Specification, arrays: Arrays) -> Dataset:
    """The arrays as a Dataset; DamagedData says how they differ from the specification."""
    _check_part(specification, "train", arrays.train_images, arrays.train_labels, specification.train_counts)
    _check_part(
        specification,
        "validation",
        arrays.validation_images,
        arrays.validation_labels,
        specification.validation_counts,
    )
    sha256 = digest(arrays)
    if sha256 != specification.sha256:
        raise DamagedData(f"the sha256 of the arrays is {sha256}, expected {specification.sha256}")
    return Dataset(specification.name, *arrays, sha256=sha256)


def _check_part(
    specification: Specification,
    part: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    counts: tuple[int, ...],
) -> None:
    n = sum(counts)
    for what, array, shape in (
        (f"{part} images", images, (n, *specification.image_shape)),
        (f"{part} labels", labels, (n,)),
    ):
        if array.dtype != np.uint8 or array.shape != shape:
            raise DamagedData(f"the {what} are {array.dtype} {array.shape}, expected uint8 {shape}")
    found = tuple(np.bincount(labels, minlength=CLASSES).tolist())
    if found != counts:
        raise DamagedData(f"the {part} labels count {found} images by class, expected {counts}")
