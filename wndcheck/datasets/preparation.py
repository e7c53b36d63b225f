"""From images to what the nets see: the probe sample and standardised pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import CLASSES

_GREYS = 256
_CHUNK = 1 << 20


def probe_indices(labels: NDArray[np.integer], *, per_class: int = 100, seed: int = 0) -> NDArray[np.int64]:
    """Indices (10 * per_class,), ascending, of a random sample of the images, `per_class` of each class (paper, §4).

    Every image draws a number, and the lowest of each class are taken: a smaller sample of the same seed lies within
    a larger one. Raises ValueError if a class has too few images.
    """
    if labels.ndim != 1 or per_class < 1:
        raise ValueError(
            f"expected labels of one dimension and per_class of at least 1, got {labels.shape} and {per_class}"
        )
    # The raw stream of a bit generator never changes between NumPy versions; that of `Generator` methods may.
    draws = np.random.PCG64(seed).random_raw(len(labels))
    return np.sort(np.concatenate([_lowest(draws, labels, label, per_class) for label in range(CLASSES)]))


def _lowest(draws: NDArray[np.uint64], labels: NDArray[np.integer], label: int, n: int) -> NDArray[np.int64]:
    members = np.flatnonzero(labels == label)
    if len(members) < n:
        raise ValueError(f"class {label} has {len(members)} images, but {n} of each class are asked for")
    return members[np.argsort(draws[members], kind="stable")[:n]]


def standardised(images: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (n, ...) uint8 as float32 (n, features), row-major: pixels / 255, less the mean, over the sd.

    Mean and sd are one number each for all pixels and channels of the `reference` images, (m, ...) uint8, which are
    the training images. Raises ValueError if the images are not uint8, differ in shape, or the reference is constant.
    """
    if images.dtype != np.uint8 or reference.dtype != np.uint8 or images.shape[1:] != reference.shape[1:]:
        raise ValueError(
            "expected uint8 images of one shape, "
            f"got {images.dtype} {images.shape} and, as reference, {reference.dtype} {reference.shape}"
        )
    # A pixel is one of 256 greys: mean and sd follow from their counts, exactly, and the rest is a look-up.
    counts = _grey_counts(reference)
    if np.count_nonzero(counts) < 2:
        raise ValueError("the reference images are constant or empty, so they have no sd to divide by")
    greys = np.arange(_GREYS) / 255
    mean = np.average(greys, weights=counts)
    sd = np.sqrt(np.average((greys - mean) ** 2, weights=counts))
    return ((greys - mean) / sd).astype(np.float32)[images.reshape(len(images), -1)]


def in_unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (n, ...) uint8 as float32 (n, features), row-major: pixels / 255. ValueError if they are not uint8."""
    if images.dtype != np.uint8:
        raise ValueError(f"expected uint8 images, got {images.dtype}")
    return (np.arange(_GREYS) / 255).astype(np.float32)[images.reshape(len(images), -1)]


def _grey_counts(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    pixels = images.reshape(-1)
    counts = np.zeros(_GREYS, np.int64)
    for start in range(0, len(pixels), _CHUNK):
        counts += np.bincount(pixels[start : start + _CHUNK], minlength=_GREYS)
    return counts
