"""The part of MNIST that travels with the package: the first images of each class, in file order."""

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
    train = first_of_each_class(mnist.train_labels, 1000)
    validation = first_of_each_class(mnist.validation_labels, 200)
    return Arrays(
        mnist.train_images[train],
        mnist.train_labels[train],
        mnist.validation_images[validation],
        mnist.validation_labels[validation],
    )


def first_of_each_class(labels: NDArray[np.uint8], n: int) -> NDArray[np.int64]:
    """Indices, ascending, of the first `n` items of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:n] for label in range(CLASSES)]))


def write_subset(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Write arrays as the .npz file that `load_subset` reads."""
    np.savez_compressed(path, **arrays._asdict())
