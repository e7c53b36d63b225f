"""Subsets of MNIST and CIFAR-10: the first images of each class, in file order. MNIST's is in the package."""

from __future__ import annotations

import zipfile
import zlib
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import CATALOGUE, CLASSES, DamagedData, Dataset, MissingData, Specification, verified

EMBEDDED = "mnist-subset"
WHOLE = {"cifar10-subset": "cifar10"}  # subsets that are taken from the whole data set whenever they are loaded
_REMEDY = "To fix it, install wndcheck again: pip install --force-reinstall wndcheck"


def load_embedded() -> Dataset:
    """Load and verify the subset of MNIST in the package. Raises MissingData or DamagedData, with the remedy."""
    resource = files("wndcheck").joinpath("data", f"{EMBEDDED}.npz")
    try:
        with resource.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return verified(CATALOGUE[EMBEDDED], Dataset(**archive))
    except FileNotFoundError:
        raise MissingData(f"{resource} is missing.\n{_REMEDY}") from None
    except (DamagedData, EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedData(f"{resource} is damaged: {error}\n{_REMEDY}") from error


def subset(whole: Dataset, specification: Specification) -> Dataset:
    """Return the first images of each class, as many as the specification of the subset has, in file order."""
    arrays: list[NDArray[np.uint8]] = []
    for place, counts in ((0, specification.train_counts), (2, specification.validation_counts)):
        images, labels = whole[place : place + 2]
        chosen = first_of_each_class(labels, counts)
        arrays += [images[chosen], labels[chosen]]
    return Dataset(*arrays)


def first_of_each_class(labels: NDArray[np.uint8], counts: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the ascending indices of the first `counts[label]` items of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[: counts[label]] for label in range(CLASSES)]))
