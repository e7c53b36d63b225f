"""Parts of the data sets, the first images of each class in file order; that of MNIST travels with the package."""

from __future__ import annotations

import os
import zipfile
import zlib
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import (
    CLASSES,
    Arrays,
    DamagedData,
    Dataset,
    MissingData,
    Specification,
    verified,
)

SUBSET = "mnist-subset"
CIFAR10_SUBSET = "cifar10-subset"  # not embedded: cut out of the whole
_REMEDY = "To mend it, install wndcheck again: pip install --force-reinstall wndcheck"


def load_subset(specification: Specification) -> Dataset:
    """Read and verify the embedded subset. Raises MissingData or DamagedData if the installation is broken."""
    resource = files("wndcheck").joinpath("data", f"{SUBSET}.npz")
    try:
        with resource.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return verified(specification, Arrays(**archive))
    except FileNotFoundError:
        raise MissingData(f"{resource} is missing.\n{_REMEDY}") from None
    except (DamagedData, EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedData(f"{resource} is damaged: {error}\n{_REMEDY}") from error


def build_subset(mnist: Dataset | Arrays) -> Arrays:
    """The embedded subset from the whole MNIST: 1,000 training and 200 test images of each class.

    Those are the first ones of each class in their file, kept in file order. To make the file again:
    `write_subset("mnist-subset.npz", build_subset(load("mnist")))`.
    """
    return cut(mnist, 1000, 200)


def build_cifar10_subset(cifar10: Dataset | Arrays) -> Arrays:
    """The part of CIFAR-10 that the quick profile trains on: 300 training and 100 test images of each class."""
    return cut(cifar10, 300, 100)


def cut(whole: Dataset | Arrays, train: int, validation: int) -> Arrays:
    """The first images of each class."""
    kept = first_of_each_class(whole.train_labels, train)
    apart = first_of_each_class(whole.validation_labels, validation)
    return Arrays(
        whole.train_images[kept],
        whole.train_labels[kept],
        whole.validation_images[apart],
        whole.validation_labels[apart],
    )


def first_of_each_class(labels: NDArray[np.uint8], n: int) -> NDArray[np.int64]:
    """Indices, ascending, of the first `n` items of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:n] for label in range(CLASSES)]))


def write_subset(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Write arrays as the .npz file that `load_subset` reads."""
    np.savez_compressed(path, **arrays._asdict())
