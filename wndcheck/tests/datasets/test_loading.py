from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wndcheck.datasets import DamagedData, Dataset, MissingData, data_root, dataset_digest, is_available, load
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.loading import CIFAR10, CIFAR10_BINARY, MNIST, read_cifar10_binary, read_with_torchvision
from wndcheck.tests.datasets.files import TINY_CIFAR, needs, specified, write_binary, write_pickles
from wndcheck.tests.tiny import TINY, TINY_MNIST, finish, idx, start_python, write_tiny

TRAIN_IMAGES, _, _, TEST_LABELS = MNIST.files
UNREADABLE = "torchvision.datasets.MNIST cannot read it"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder MNIST/raw of a root at tmp_path that holds the tiny MNIST."""
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)
    return write_tiny(tmp_path)


def assert_equal(loaded: Dataset, expected: Dataset) -> None:
    for one, other in zip(loaded, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# Names and roots


@pytest.mark.parametrize("function", [load, dataset_digest, is_available])
def test_an_unknown_name_is_refused(function: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="unknown data set 'svhn': expected one of mnist-subset, mnist, cifar10"):
        function("svhn")


def test_the_root_is_the_argument_then_the_environment_then_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNDCHECK_DATA", "~/elsewhere")
    assert data_root("here") == Path("here")
    assert data_root() == Path.home() / "elsewhere"
    monkeypatch.delenv("WNDCHECK_DATA")
    assert data_root().parts[-2:] == ("wndcheck", "data")


def test_importing_the_package_and_loading_the_embedded_subset_is_light() -> None:
    script = (
        "import sys\n"
        "from wndcheck.datasets import load\n"
        "load('mnist-subset')\n"
        "print(sorted({'torch', 'torchvision', 'PIL', 'rich', 'filelock', 'subprocess'} & set(sys.modules)))"
    )
    assert finish(start_python(script)).strip() == "[]"


# MNIST


def test_missing_files_are_listed_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNDCHECK_DATA", str(tmp_path))
    assert not is_available("mnist")
    with pytest.raises(MissingData, match=r"run: wndcheck fetch mnist$") as error:
        load("mnist")
    assert all(str(tmp_path / MNIST.folder / file) in str(error.value) for file in MNIST.files)


def test_of_an_incomplete_set_only_the_missing_files_are_listed(tiny: Path, tmp_path: Path) -> None:
    (tiny / TEST_LABELS).unlink()
    assert not is_available("mnist", tmp_path)
    with pytest.raises(MissingData, match=f"run: wndcheck fetch mnist --data {tmp_path}$") as error:
        load("mnist", tmp_path)
    assert TEST_LABELS in str(error.value)
    assert TRAIN_IMAGES not in str(error.value)


def test_mnist_is_loaded_from_torchvisions_folder(tiny: Path, tmp_path: Path) -> None:
    assert is_available("mnist", tmp_path)
    mnist = load("mnist", tmp_path)
    assert_equal(mnist, TINY)
    assert all(array.flags.writeable and array.flags.c_contiguous for array in mnist)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], UNREADABLE),
        (lambda data: data + b"\0", UNREADABLE),
        (lambda data: data[:9], UNREADABLE),
        (lambda data: b"", UNREADABLE),
        (lambda data: b"<htm" + data[4:], UNREADABLE),
        (lambda data: idx(TINY.train_images[..., 0]), f"{UNREADABLE}: .*dimension"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "the SHA-256 of the arrays"),
        (lambda data: idx(TINY.validation_images), r"the train images are uint8 \(10, 28, 28\), expected uint8 \(20,"),
    ],
    ids=["short", "long", "header", "empty", "other", "dimensions", "pixel", "shape"],
)
def test_damage_is_described_with_the_command(
    tiny: Path, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    (tiny / TRAIN_IMAGES).write_bytes(damage((tiny / TRAIN_IMAGES).read_bytes()))
    with pytest.raises(DamagedData, match=message) as error:
        load("mnist", tmp_path)
    assert str(error.value).endswith(f"run: wndcheck fetch mnist --data {tmp_path} --force")


def test_a_file_that_cannot_be_opened_is_not_called_damaged(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("torchvision.datasets.mnist.read_image_file", refuse)  # root may open any file
    with pytest.raises(PermissionError, match="Permission denied"):
        load("mnist", tmp_path)


# CIFAR-10


@needs("cifar10")
def test_cifar10_verifies_and_has_its_known_order_and_mean() -> None:
    cifar10 = load("cifar10")
    assert cifar10.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert cifar10.validation_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    mean = cifar10.train_images.reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(mean, [0.49140, 0.48216, 0.44653], atol=1e-5)


def test_binary_batches_are_read(tmp_path: Path) -> None:
    write_binary(tmp_path)
    assert_equal(read_cifar10_binary(tmp_path), TINY_CIFAR)


def test_pickles_are_read_by_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pickles(tmp_path, monkeypatch)
    assert_equal(read_with_torchvision("CIFAR10", tmp_path), TINY_CIFAR)


def test_a_batch_of_broken_records_is_damaged(tmp_path: Path) -> None:
    path = write_binary(tmp_path)[2]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedData, match=r"data_batch_3\.bin holds 6145 bytes, which is not a multiple of"):
        load("cifar10", tmp_path)


def test_pickles_that_torchvision_refuses_are_never_unpickled(tmp_path: Path) -> None:
    for path in CIFAR10.paths(tmp_path):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(pytest.fail))
    with pytest.raises(DamagedData, match=r"cifar-10-batches-py: torchvision\.datasets\.CIFAR10 cannot read it"):
        load("cifar10", tmp_path)


def test_an_undamaged_layout_is_read_although_another_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "cifar10", specified("cifar10", TINY_CIFAR))
    write_binary(tmp_path)
    write_pickles(tmp_path, monkeypatch)[0].write_bytes(b"")
    assert_equal(load("cifar10", tmp_path), TINY_CIFAR)
    CIFAR10_BINARY.paths(tmp_path)[0].write_bytes(b"")
    with pytest.raises(DamagedData, match=r"(?s)cifar-10-batches-py: torchvision.*cifar-10-batches-bin: the train"):
        load("cifar10", tmp_path)
