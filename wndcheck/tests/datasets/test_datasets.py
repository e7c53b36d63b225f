from __future__ import annotations

import gzip
import hashlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wndcheck.datasets import (
    DamagedData,
    Dataset,
    MissingData,
    data_root,
    dataset_digest,
    is_available,
    layout,
    load,
    probe_indices,
    standardised,
)
from wndcheck.datasets import subset as subset_module
from wndcheck.datasets.catalogue import CATALOGUE, Arrays, Specification, digest, verified
from wndcheck.datasets.formats import read_cifar_binary, read_cifar_pickles, read_idx
from wndcheck.datasets.layout import CIFAR10_BINARY, CIFAR10_PICKLES, MNIST_IDX
from wndcheck.datasets.subset import build_cifar10_subset, build_subset, cut, first_of_each_class, write_subset
from wndcheck.tests.tiny import TINY, TINY_MNIST, idx, write_tiny

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = MNIST_IDX.files


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not is_available(name), reason=f"{name} is not in {data_root()}; to fetch it: wndcheck fetch {name}"
    )


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder MNIST/raw of a root at tmp_path that holds the tiny MNIST."""
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)
    return write_tiny(tmp_path)


@pytest.fixture(scope="module")
def subset() -> Dataset:
    return load("mnist-subset")


# The embedded subset and the whole sets


def test_the_embedded_subset_verifies(subset: Dataset) -> None:
    assert subset.train_images.shape == (10_000, 28, 28)
    assert subset.validation_images.shape == (2_000, 28, 28)
    assert subset.sha256 == dataset_digest("mnist-subset")
    # The first digits of MNIST, which are known, are also the first of the subset.
    assert subset.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert subset.validation_labels[:4].tolist() == [7, 2, 1, 0]


@needs("mnist")
def test_the_subset_is_built_from_the_whole_mnist() -> None:
    assert digest(build_subset(load("mnist"))) == dataset_digest("mnist-subset")


@needs("cifar10")
def test_cifar10_verifies_and_has_its_known_order_and_mean() -> None:
    cifar10 = load("cifar10")
    assert cifar10.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert cifar10.validation_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    mean = cifar10.train_images.reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(mean, [0.49140, 0.48216, 0.44653], atol=1e-5)


def test_the_first_of_each_class_keep_file_order() -> None:
    labels = np.array([9, 8, 9, *range(10), *range(10)], np.uint8)
    assert first_of_each_class(labels, 1).tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, *range(3, 12), *range(13, 21)]


def many(seed: int, per_class: tuple[int, int], shape: tuple[int, ...]) -> Arrays:
    """Images in an order of their own, each class as often as given."""
    rng = np.random.default_rng(seed)
    parts = []
    for count in per_class:
        parts += [rng.integers(0, 256, (10 * count, *shape), np.uint8), rng.permutation(np.arange(10 * count) % 10)]
    return Arrays(parts[0], parts[1].astype(np.uint8), parts[2], parts[3].astype(np.uint8))


def test_the_cifar10_subset_is_the_first_images_of_each_class() -> None:
    whole = many(0, (310, 105), (2, 2, 3))
    part = build_cifar10_subset(whole)
    assert np.bincount(part.train_labels).tolist() == [300] * 10
    assert np.bincount(part.validation_labels).tolist() == [100] * 10
    for images, labels, of, their, count in (
        (part.train_images, part.train_labels, whole.train_images, whole.train_labels, 300),
        (part.validation_images, part.validation_labels, whole.validation_images, whole.validation_labels, 100),
    ):
        seen = np.array([(their[:place] == label).sum() for place, label in enumerate(their)])
        np.testing.assert_array_equal(images, of[seen < count])
        np.testing.assert_array_equal(labels, their[seen < count])


@needs("cifar10")
def test_the_cifar10_subset_is_cut_out_of_the_whole() -> None:
    part = load("cifar10-subset")
    assert digest(build_cifar10_subset(load("cifar10"))) == part.sha256 == dataset_digest("cifar10-subset")
    assert (part.train_images.shape, part.validation_images.shape) == ((3000, 32, 32, 3), (1000, 32, 32, 3))


def small_cifar10(monkeypatch: pytest.MonkeyPatch, root: Path) -> Arrays:
    """A CIFAR-10 of 301 and 101 images a class lies in the root; its subset."""
    whole = many(1, (301, 101), (32, 32, 3))
    part = build_cifar10_subset(whole)
    counts = {"cifar10": (whole, 301, 101), "cifar10-subset": (part, 300, 100)}
    for name, (arrays_, train, validation) in counts.items():
        known = Specification(name, (32, 32, 3), (train,) * 10, (validation,) * 10, digest(arrays_))
        monkeypatch.setitem(CATALOGUE, name, known)
    images, labels = np.concatenate([whole[0], whole[2]]), np.concatenate([whole[1], whole[3]])
    records = np.hstack([labels[:, None], images.transpose(0, 3, 1, 2).reshape(len(images), -1)])
    folder = root / CIFAR10_BINARY.folder
    folder.mkdir()
    bounds = [602 * batch for batch in range(6)] + [len(records)]
    for file, low, high in zip(CIFAR10_BINARY.files, bounds[:-1], bounds[1:], strict=True):
        (folder / file).write_bytes(records[low:high].tobytes())
    return part


def test_the_cifar10_subset_is_loaded_from_cifar10s_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    part = small_cifar10(monkeypatch, tmp_path)
    found = load("cifar10-subset", tmp_path)
    assert (found.name, found.sha256) == ("cifar10-subset", digest(part))
    np.testing.assert_array_equal(found.train_images, part.train_images)
    np.testing.assert_array_equal(found.validation_labels, part.validation_labels)
    assert is_available("cifar10-subset", tmp_path)


def test_another_cut_of_cifar10_is_no_subset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small_cifar10(monkeypatch, tmp_path)
    monkeypatch.setattr(layout, "build_cifar10_subset", lambda whole: cut(whole, 300, 99))
    with pytest.raises(DamagedData, match=r"the validation images are uint8 \(990, 32, 32, 3\), expected uint8"):
        load("cifar10-subset", tmp_path)


def test_a_missing_cifar10_subset_asks_for_the_whole(tmp_path: Path) -> None:
    assert not is_available("cifar10-subset", tmp_path)
    with pytest.raises(MissingData, match=rf"To fetch it, type: wndcheck fetch cifar10 --data {tmp_path}$"):
        load("cifar10-subset", tmp_path)


@pytest.fixture
def installed_subset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a subset is looked for that may be missing or wrong."""
    monkeypatch.setattr(subset_module, "files", lambda _: tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "mnist-subset.npz"


def test_a_missing_subset_asks_for_a_new_installation(installed_subset: Path) -> None:
    with pytest.raises(MissingData, match=r"mnist-subset\.npz is missing") as error:
        load("mnist-subset")
    assert "pip install" in str(error.value)


def test_a_subset_with_another_content_is_damaged(installed_subset: Path, subset: Dataset) -> None:
    images = subset.train_images.copy()
    images[0, 0, 0] ^= 1
    other = Arrays(images, subset.train_labels, subset.validation_images, subset.validation_labels)
    write_subset(installed_subset, other)
    with pytest.raises(DamagedData, match="is damaged: the sha256 of the arrays is"):
        load("mnist-subset")


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_a_subset_that_is_no_archive_is_damaged(installed_subset: Path, content: bytes) -> None:
    installed_subset.write_bytes(content)
    with pytest.raises(DamagedData, match=r"mnist-subset\.npz is damaged"):
        load("mnist-subset")


def test_a_subset_that_lacks_an_array_is_damaged(installed_subset: Path) -> None:
    np.savez(installed_subset, train_images=TINY.train_images)
    with pytest.raises(DamagedData, match="missing 3 required positional arguments"):
        load("mnist-subset")


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


def test_importing_the_package_is_light() -> None:
    heavy = "{'torch', 'torchvision', 'PIL', 'rich', 'filelock', 'subprocess'}"
    script = f"import sys, wndcheck.datasets; sys.exit(str(sorted({heavy} & set(sys.modules))))"
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert outcome.stderr.strip() == "[]"


# MNIST's files


def test_missing_files_are_listed_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WNDCHECK_DATA", str(tmp_path))
    assert not is_available("mnist")
    with pytest.raises(MissingData, match=r"type: wndcheck fetch mnist$") as error:
        load("mnist")
    assert all(str(tmp_path / MNIST_IDX.folder / file) in str(error.value) for file in MNIST_IDX.files)


def test_of_a_part_only_what_is_missing_is_listed(tiny: Path, tmp_path: Path) -> None:
    (tiny / TEST_LABELS).unlink()
    with pytest.raises(MissingData, match=f"type: wndcheck fetch mnist --data {tmp_path}$") as error:
        load("mnist", tmp_path)
    assert TEST_LABELS in str(error.value)
    assert TRAIN_IMAGES not in str(error.value)


def test_idx_files_load(tiny: Path, tmp_path: Path) -> None:
    assert is_available("mnist", tmp_path)
    mnist = load("mnist", tmp_path)
    assert mnist.name == "mnist"
    assert mnist.sha256 == TINY_MNIST.sha256
    np.testing.assert_array_equal(mnist.validation_images, TINY.validation_images)
    assert mnist.train_labels.flags.writeable


@pytest.mark.parametrize("packed", [MNIST_IDX.files, MNIST_IDX.files[:2]], ids=["all", "some"])
def test_gzipped_files_stand_in_for_extracted_ones(tiny: Path, tmp_path: Path, packed: tuple[str, ...]) -> None:
    for file in packed:
        (tiny / f"{file}.gz").write_bytes(gzip.compress((tiny / file).read_bytes()))
        (tiny / file).unlink()
    assert is_available("mnist", tmp_path)
    assert load("mnist", tmp_path).sha256 == TINY_MNIST.sha256


def _damage(change: Callable[[bytes], bytes], file: str = TRAIN_IMAGES) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes()))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(_damage(lambda data: data[:-5]), "holds 15691 bytes, but its header promises 15696", id="short"),
        pytest.param(_damage(lambda data: data + b"\0"), "holds 15697 bytes, but its header promises", id="long"),
        pytest.param(_damage(lambda data: data[:9]), "holds 9 bytes, fewer than its header of 16", id="header"),
        pytest.param(_damage(lambda data: b""), "starts with nothing, expected 00000803", id="empty"),
        pytest.param(_damage(lambda data: b"<htm" + data[4:]), "starts with 3c68746d, expected", id="magic"),
        pytest.param(_damage(lambda data: data[:-1] + bytes([data[-1] ^ 1])), "the sha256 of the arrays", id="pixel"),
        pytest.param(
            _damage(lambda data: data[:8] + bytes(20), TRAIN_LABELS),
            r"the train labels count \(20, 0, 0, 0, 0, 0, 0, 0, 0, 0\) images by class, expected \(2, 2,",
            id="counts",
        ),
        pytest.param(_damage(lambda data: data[:-1] + b"\x0b", TEST_LABELS), "validation labels count", id="label"),
        pytest.param(
            lambda folder: (folder / TEST_IMAGES).write_bytes(idx(TINY.train_images)),
            r"the validation images are uint8 \(20, 28, 28\), expected uint8 \(10, 28, 28\)",
            id="shape",
        ),
    ],
)
def test_damage_is_described_with_the_command(
    tiny: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(tiny)
    with pytest.raises(DamagedData, match=message) as error:
        load("mnist", tmp_path)
    assert str(error.value).endswith(f"type: wndcheck fetch mnist --data {tmp_path} --force")


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-12], lambda data: b"no gzip", lambda data: b""], ids=["short", "other", "empty"]
)
def test_a_damaged_gzip_file_is_told_apart(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(damage(gzip.compress(idx(TINY.train_labels))))
    with pytest.raises(DamagedData, match=r"labels\.gz (cannot be unpacked|starts with nothing)"):
        read_idx(path, dimensions=1)


def test_arrays_must_be_uint8() -> None:
    signed: Any = TINY._replace(train_labels=TINY.train_labels.astype(np.int8))
    with pytest.raises(DamagedData, match=r"the train labels are int8 \(20,\), expected uint8 \(20,\)"):
        verified(TINY_MNIST, signed)


def test_the_digest_covers_name_dtype_shape_and_bytes_but_not_memory_order() -> None:
    images, labels = TINY.train_images, TINY.train_labels
    assert digest(TINY._replace(train_images=np.asfortranarray(images))) == digest(TINY)
    signed: Any = images.view(np.int8)
    changed = [
        TINY._replace(train_images=images.reshape(20, 784)),
        TINY._replace(train_images=signed),
        TINY._replace(train_labels=labels[::-1]),
        Arrays(TINY.validation_images, TINY.validation_labels, images, labels),
    ]
    assert len({digest(arrays) for arrays in [TINY, *changed]}) == 5


# CIFAR-10's files


def _cifar_batches() -> tuple[np.ndarray, np.ndarray]:
    """Six batches of two images: planes (6, 2, 3, 32, 32) and labels (6, 2)."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (6, 2, 3, 32, 32), np.uint8), rng.integers(0, 10, (6, 2), np.uint8)


def _write_binary(root: Path) -> list[Path]:
    planes, labels = _cifar_batches()
    paths = CIFAR10_BINARY.paths(root)
    paths[0].parent.mkdir(parents=True)
    for path, batch, batch_labels in zip(paths, planes, labels, strict=True):
        records = zip(batch_labels, batch, strict=True)
        path.write_bytes(b"".join(bytes([label]) + image.tobytes() for label, image in records))
    return paths


class _AlignmentAsNumber:
    """Pickles as uint8 with the alignment 0, as the published files do; some versions of NumPy warn on reading it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, ("u1", 0)


class _OldArray:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, start, _ = self.array.__reduce__()
        return rebuild, start, (1, self.array.shape, _AlignmentAsNumber(), False, self.array.tobytes())


def _write_pickles(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    from torchvision.datasets import CIFAR10

    planes, labels = _cifar_batches()
    contents = [
        {"data": _OldArray(batch.reshape(2, -1)), "labels": batch_labels.tolist()}
        for batch, batch_labels in zip(planes, labels, strict=True)
    ]
    paths = CIFAR10_PICKLES.paths(root)
    paths[0].parent.mkdir(parents=True)
    md5 = []
    for path, content in zip(paths, [*contents, {"label_names": list("0123456789")}], strict=True):
        data = pickle.dumps(content, protocol=2)
        path.write_bytes(data)
        md5.append([path.name, hashlib.md5(data).hexdigest()])
    monkeypatch.setattr(CIFAR10, "train_list", md5[:5])
    monkeypatch.setattr(CIFAR10, "test_list", md5[5:6])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5[6][1]})
    return paths


def test_binary_batches_are_read_plane_by_plane(tmp_path: Path) -> None:
    planes, labels = _cifar_batches()
    read = read_cifar_binary(_write_binary(tmp_path))
    assert read.train_images.shape == (10, 32, 32, 3)
    np.testing.assert_array_equal(read.train_images[3, 4, 5], planes[1, 1, :, 4, 5])
    np.testing.assert_array_equal(read.validation_images[1, :, :, 2], planes[5, 1, 2])
    np.testing.assert_array_equal(read.train_labels, labels[:5].reshape(-1))
    np.testing.assert_array_equal(read.validation_labels, labels[5])


def test_pickles_and_binary_batches_hold_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pickles = read_cifar_pickles(_write_pickles(tmp_path, monkeypatch))
    assert digest(pickles) == digest(read_cifar_binary(_write_binary(tmp_path)))


def test_a_batch_of_broken_records_is_damaged(tmp_path: Path) -> None:
    paths = _write_binary(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    with pytest.raises(DamagedData, match=r"data_batch_3\.bin holds 6145 bytes, which is no multiple of"):
        load("cifar10", tmp_path)


def test_pickles_that_torchvision_refuses_are_never_unpickled(tmp_path: Path) -> None:
    for path in CIFAR10_PICKLES.paths(tmp_path):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(pytest.fail))
    with pytest.raises(DamagedData, match="cifar-10-batches-py: torchvision does not accept"):
        load("cifar10", tmp_path)


def test_a_good_layout_is_read_although_another_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_cifar_binary(_write_binary(tmp_path))
    counts = [tuple(np.bincount(labels, minlength=10).tolist()) for labels in (expected[1], expected[3])]
    specification = Specification("cifar10", (32, 32, 3), counts[0], counts[1], digest(expected))
    monkeypatch.setitem(CATALOGUE, "cifar10", specification)
    pickles = _write_pickles(tmp_path, monkeypatch)
    pickles[0].write_bytes(b"")
    assert load("cifar10", tmp_path).sha256 == specification.sha256
    CIFAR10_BINARY.paths(tmp_path)[0].write_bytes(b"")
    with pytest.raises(DamagedData, match=r"(?s)cifar-10-batches-py: torchvision.*cifar-10-batches-bin: the train"):
        load("cifar10", tmp_path)


# The probe sample


LABELS = np.random.default_rng(2).permutation(np.repeat(np.arange(10), 12))


@settings(deadline=None, max_examples=50)
@given(per_class=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_the_probe_is_balanced_sorted_repeatable_and_nested(per_class: int, seed: int) -> None:
    indices = probe_indices(LABELS, per_class=per_class, seed=seed)
    assert indices.dtype == np.int64
    assert np.bincount(LABELS[indices]).tolist() == [per_class] * 10
    assert (np.diff(indices) > 0).all()
    np.testing.assert_array_equal(indices, probe_indices(LABELS, per_class=per_class, seed=seed))
    assert set(indices) <= set(probe_indices(LABELS, per_class=12, seed=seed))
    assert set(probe_indices(LABELS, per_class=1, seed=seed)) <= set(indices)


def test_the_probe_of_the_subset_never_changes(subset: Dataset) -> None:
    indices = probe_indices(subset.train_labels)
    assert len(indices) == 1000
    assert indices[:5].tolist() == [2, 3, 11, 13, 20]
    assert hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()[:16] == "a750e840727c1b97"


def test_every_image_is_as_likely_to_be_probed() -> None:
    n_seeds = 1000
    chosen = np.concatenate([probe_indices(LABELS, per_class=3, seed=seed) for seed in range(n_seeds)])
    share = np.bincount(chosen, minlength=len(LABELS)) / n_seeds
    # Binomial with p = 3/12: six standard errors, which 120 images pass but once in four million runs.
    np.testing.assert_allclose(share, 0.25, atol=6 * np.sqrt(0.25 * 0.75 / n_seeds))


def test_too_few_images_of_a_class_are_an_error() -> None:
    labels = LABELS[np.flatnonzero(LABELS != 4)]
    with pytest.raises(ValueError, match="class 4 has 0 images, but 5 of each class are asked for"):
        probe_indices(labels, per_class=5)


@pytest.mark.parametrize(("labels", "per_class"), [(LABELS, 0), (LABELS[:, None], 1)])
def test_a_senseless_probe_is_an_error(labels: np.ndarray, per_class: int) -> None:
    with pytest.raises(ValueError, match="expected labels of one dimension and per_class of at least 1, got"):
        probe_indices(labels, per_class=per_class)


# Standardised pixels


def test_the_training_images_have_mean_zero_and_sd_one(subset: Dataset) -> None:
    images = standardised(subset.train_images, subset.train_images)
    assert images.dtype == np.float32
    assert images.shape == (10_000, 784)
    # Rounding to float32 moves each of 7.84 million values by at most 2**-24 of its size, in both directions.
    assert abs(images.mean(dtype=np.float64)) < 1e-6
    assert abs(images.std(dtype=np.float64) - 1) < 1e-6


@settings(deadline=None, max_examples=30)
@given(
    images=arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(3), st.just(2), st.just(3))),
    reference=arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(3), st.just(2), st.just(3))).filter(
        lambda reference: np.ptp(reference) > 0
    ),
)
def test_standardising_is_its_formula(images: np.ndarray, reference: np.ndarray) -> None:
    scaled = reference / 255
    expected = ((images / 255 - scaled.mean()) / scaled.std()).reshape(len(images), -1)
    # Relative to float32's 2**-24; absolutely, where the difference from the mean cancels in float64.
    np.testing.assert_allclose(standardised(images, reference), expected, rtol=2e-7, atol=1e-12)


def test_the_reference_may_be_counted_in_many_chunks(subset: Dataset) -> None:
    reference = subset.train_images[:3000]
    assert reference.size > 2 << 20
    expected = (subset.train_images[:2] / 255 - (reference / 255).mean()) / (reference / 255).std()
    np.testing.assert_allclose(standardised(subset.train_images[:2], reference), expected.reshape(2, -1), rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "reference"),
    [
        (TINY.train_images / 255, TINY.train_images),
        (TINY.train_images, TINY.train_images.astype(np.float32)),
        (TINY.train_images, TINY.train_images[:, :14]),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray, reference: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8 images of one shape, got"):
        standardised(images, reference)


@pytest.mark.parametrize("n", [0, 3])
def test_a_constant_or_empty_reference_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="the reference images are constant or empty"):
        standardised(TINY.train_images, np.full((n, 28, 28), 7, np.uint8))
