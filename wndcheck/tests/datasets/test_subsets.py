from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from wndcheck.datasets import DamagedData, Dataset, MissingData, dataset_digest, is_available, load, subsets
from wndcheck.datasets.catalogue import CATALOGUE, Specification, digest
from wndcheck.datasets.subsets import first_of_each_class, subset
from wndcheck.tests.datasets.files import needs, specified, write_binary
from wndcheck.tests.tiny import TINY

# The subset of MNIST in the package


@pytest.fixture(scope="module")
def embedded() -> Dataset:
    return load("mnist-subset")


def test_the_embedded_subset_verifies(embedded: Dataset) -> None:
    assert embedded.train_images.shape == (10_000, 28, 28)
    assert embedded.validation_images.shape == (2_000, 28, 28)
    assert digest(embedded) == dataset_digest("mnist-subset")
    # The first digits of MNIST, which are known, are also the first of the subset.
    assert embedded.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert embedded.validation_labels[:4].tolist() == [7, 2, 1, 0]


@needs("mnist")
def test_the_embedded_subset_is_that_of_the_whole_mnist() -> None:
    assert digest(subset(load("mnist"), CATALOGUE["mnist-subset"])) == dataset_digest("mnist-subset")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Path of the embedded subset in another installation, which lacks it."""
    monkeypatch.setattr(subsets, "files", lambda _: tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "mnist-subset.npz"


def test_a_missing_subset_asks_for_a_new_installation(installed: Path) -> None:
    with pytest.raises(MissingData, match=r"mnist-subset\.npz is missing(?s:.*)pip install"):
        load("mnist-subset")


def npz(**arrays: np.ndarray) -> bytes:
    np.savez(file := io.BytesIO(), **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ""),
        (b"PK", ""),
        (b"not an archive", ""),
        (npz(train_images=TINY.train_images), "missing 3 required positional arguments"),
        (npz(**TINY._asdict()), "the train images are uint8 "),
    ],
    ids=["empty", "short", "text", "arrays", "content"],
)
def test_a_damaged_subset_asks_for_a_new_installation(installed: Path, content: bytes, message: str) -> None:
    installed.write_bytes(content)
    with pytest.raises(DamagedData, match=rf"mnist-subset\.npz is damaged: .*{message}(?s:.*)pip install"):
        load("mnist-subset")


# Subsets of a whole data set


def test_the_first_of_each_class_keep_file_order() -> None:
    labels = np.array([9, 8, 9, *range(10), *range(10)], np.uint8)
    assert first_of_each_class(labels, (1,) * 10).tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert first_of_each_class(labels, (2,) * 10).tolist() == [0, 1, 2, *range(3, 12), *range(13, 21)]
    assert first_of_each_class(labels, (0,) * 9 + (3,)).tolist() == [0, 2, 12]


def shuffled(train: int, validation: int, shape: tuple[int, ...]) -> Dataset:
    """Random images, so many of each class, in random order."""
    rng = np.random.default_rng(0)
    parts = []
    for count in (train, validation):
        parts += [rng.integers(0, 256, (10 * count, *shape), np.uint8), rng.permutation(np.arange(10 * count) % 10)]
    return Dataset(parts[0], parts[1].astype(np.uint8), parts[2], parts[3].astype(np.uint8))


def test_a_subset_is_the_first_images_of_each_class() -> None:
    whole = shuffled(310, 105, (2, 2, 3))
    part = subset(whole, CATALOGUE["cifar10-subset"])
    assert np.bincount(part.train_labels).tolist() == [300] * 10
    assert np.bincount(part.validation_labels).tolist() == [100] * 10
    for place, count in ((0, 300), (2, 100)):
        images, labels = whole[place : place + 2]
        earlier = np.array([(labels[:index] == label).sum() for index, label in enumerate(labels)])
        np.testing.assert_array_equal(part[place], images[earlier < count])
        np.testing.assert_array_equal(part[place + 1], labels[earlier < count])


@needs("cifar10")
def test_the_cifar10_subset_is_that_of_the_whole() -> None:
    part = load("cifar10-subset")
    assert digest(part) == dataset_digest("cifar10-subset")
    assert (part.train_images.shape, part.validation_images.shape) == ((3000, 32, 32, 3), (1000, 32, 32, 3))


@pytest.fixture
def small_cifar10(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dataset:
    """A CIFAR-10 of three and two images a class in the files at tmp_path; return its subset of two and one."""
    whole = shuffled(3, 2, (32, 32, 3))
    part = subset(whole, Specification("", (), (2,) * 10, (1,) * 10, ""))
    monkeypatch.setitem(CATALOGUE, "cifar10", specified("cifar10", whole))
    monkeypatch.setitem(CATALOGUE, "cifar10-subset", specified("cifar10-subset", part))
    write_binary(tmp_path, whole)
    return part


def test_the_cifar10_subset_is_loaded_from_the_files_of_cifar10(small_cifar10: Dataset, tmp_path: Path) -> None:
    assert is_available("cifar10-subset", tmp_path)
    for loaded, expected in zip(load("cifar10-subset", tmp_path), small_cifar10, strict=True):
        np.testing.assert_array_equal(loaded, expected)


def test_another_subset_than_the_specified_one_is_damaged(
    small_cifar10: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(subsets, "first_of_each_class", lambda labels, _: np.flatnonzero(labels < 9))
    with pytest.raises(DamagedData, match=r"the train images are uint8 \(27, 32, 32, 3\), expected uint8 \(20, 32,"):
        load("cifar10-subset", tmp_path)


def test_a_missing_cifar10_subset_asks_for_the_whole(tmp_path: Path) -> None:
    assert not is_available("cifar10-subset", tmp_path)
    with pytest.raises(MissingData, match=rf"To fetch it, run: wndcheck fetch cifar10 --data {tmp_path}$"):
        load("cifar10-subset", tmp_path)
