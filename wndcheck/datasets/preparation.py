"""Inputs of the nets: the sample of images on which they are measured, and scaled pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import CLASSES

_GREYS = 256
_CHUNK = 1 << 20


def probe_indices(
    labels: NDArray[np.integer], *, per_class: int = 100, seed: int = 0, number: int = 0
) -> NDArray[np.int64]:
    """Return ascending indices (10 * per_class,) of a random sample of the images, `per_class` of each class (§4).

    Every image draws a number, and those with the lowest of each class are taken: a smaller sample is part of a larger
    one of the same seed. Samples of one seed and different `number`, from 0 on, are disjoint, until a class has too few
    images for another; from there on they begin anew. Raises ValueError if a class has too few images for one.
    """
    if labels.ndim != 1 or per_class < 1:
        raise ValueError(
            f"expected labels of one dimension and per_class of at least 1, got {labels.shape} and {per_class}"
        )
    # The raw stream of a bit generator never changes between NumPy versions; that of `Generator` methods may.
    draws = np.random.PCG64(seed).random_raw(len(labels))
    start = number % max(1, np.bincount(labels, minlength=CLASSES).min() // per_class) * per_class
    chosen = []
    for label in range(CLASSES):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise ValueError(f"class {label} has {len(members)} images, but {per_class} of each class are asked for")
        chosen.append(members[np.argsort(draws[members], kind="stable")[start : start + per_class]])
    return np.sort(np.concatenate(chosen))


def standardised(images: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images (n, ...) uint8 as float32 (n, features), row-major: pixels / 255, minus the mean, over the SD.

    Mean and SD are one number each for all pixels and channels of the `reference` images (m, ...) uint8, the training
    images. Raises ValueError if the images are not uint8, differ in shape, or the reference is constant.
    """
    if images.dtype != np.uint8 or reference.dtype != np.uint8 or images.shape[1:] != reference.shape[1:]:
        raise ValueError(
            "expected uint8 images of one shape, "
            f"got {images.dtype} {images.shape} and, as reference, {reference.dtype} {reference.shape}"
        )
    # A pixel is one of 256 grey levels: mean and SD follow exactly from their counts, and the rest is a look-up.
    pixels, counts = reference.reshape(-1), np.zeros(_GREYS, np.int64)
    for start in range(0, len(pixels), _CHUNK):  # bincount copies its input to int64
        counts += np.bincount(pixels[start : start + _CHUNK], minlength=_GREYS)
    if np.count_nonzero(counts) < 2:
        raise ValueError("the reference images are constant or empty, so there is no SD to divide by")
    greys = np.arange(_GREYS) / 255
    mean = np.average(greys, weights=counts)
    sd = np.sqrt(np.average((greys - mean) ** 2, weights=counts))
    return ((greys - mean) / sd).astype(np.float32)[images.reshape(len(images), -1)]


def in_unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images (n, ...) uint8 as float32 (n, features), row-major: pixels / 255. ValueError if not uint8."""
    if images.dtype != np.uint8:
        raise ValueError(f"expected uint8 images, got {images.dtype}")
    return (np.arange(_GREYS) / 255).astype(np.float32)[images.reshape(len(images), -1)]
