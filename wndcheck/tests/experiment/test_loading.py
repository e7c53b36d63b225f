from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wndcheck import datasets
from wndcheck.experiment.cells import Cell, Probe, Unsaid
from wndcheck.experiment.measurement.loading import Data, load
from wndcheck.tests.tiny import TINY_CELL

CPU = torch.device("cpu")
RAW = datasets.load("mnist-subset")
UNIT = replace(TINY_CELL, unsaid=Unsaid(scaling="unit"))


def loaded(cell: Cell) -> Data:
    return load(cell, CPU, None)


def held_out(count: int) -> Cell:
    return replace(UNIT, unsaid=Unsaid(scaling="unit", held_out=count))


def greys(images: torch.Tensor) -> np.ndarray:
    """The 784 grey levels behind images in [0, 1]."""
    return np.rint(images.numpy() * 255).astype(np.uint8)


def tally(images: np.ndarray, labels: np.ndarray | torch.Tensor) -> Counter[bytes]:
    """How often each image is there, its label in the last byte."""
    return Counter(image.tobytes() + bytes([int(label)]) for image, label in zip(images, labels, strict=True))


def test_unit_pixels_are_the_greys_over_255() -> None:
    data = loaded(UNIT)
    for images, raw in ((data.images, RAW.train_images), (data.validation_images, RAW.validation_images)):
        assert images.dtype == torch.float32
        np.testing.assert_allclose(images.numpy(), raw.reshape(len(raw), 784) / 255, rtol=1e-6)


def test_standardised_pixels_have_the_training_images_mean_and_sd() -> None:
    data = loaded(TINY_CELL)
    assert data.images.dtype == torch.float32
    assert data.images.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert data.images.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    pixels = RAW.train_images / 255
    expected = (RAW.validation_images.reshape(2000, 784) / 255 - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(data.validation_images.numpy(), expected, rtol=0, atol=1e-6)


def test_labels_are_the_data_sets() -> None:
    data = loaded(TINY_CELL)
    assert data.labels.dtype == data.probe_labels.dtype == data.validation_labels.dtype == torch.int64
    np.testing.assert_array_equal(data.labels, RAW.train_labels)
    np.testing.assert_array_equal(data.validation_labels, RAW.validation_labels)


@pytest.mark.parametrize("count", [0, 3000])
def test_the_probe_is_of_the_images_that_are_trained_on(count: int) -> None:
    data = loaded(held_out(count))
    assert data.probe.shape == (200, 784)
    assert np.bincount(data.probe_labels, minlength=10).tolist() == [20] * 10
    trained = tally(greys(data.images), data.labels)
    assert not tally(greys(data.probe), data.probe_labels) - trained


def test_the_probe_follows_its_seed_and_size() -> None:
    other = loaded(replace(UNIT, probe=Probe(images_per_class=20, seed=1)))
    larger = loaded(replace(UNIT, probe=Probe(images_per_class=30)))
    probe = tally(greys(loaded(UNIT).probe), loaded(UNIT).probe_labels)
    assert tally(greys(other.probe), other.probe_labels) != probe
    assert not probe - tally(greys(larger.probe), larger.probe_labels)  # a smaller one lies within a larger one


@pytest.mark.parametrize("count", [1, 3000, 9500])
def test_held_out_images_are_apart_and_nothing_is_lost(count: int) -> None:
    data = loaded(held_out(count))
    assert (len(data.images), len(data.validation_images)) == (10_000 - count, count)
    kept = tally(greys(data.images), data.labels)
    apart = tally(greys(data.validation_images), data.validation_labels)
    assert kept + apart == tally(RAW.train_images.reshape(10_000, 784), RAW.train_labels)
    assert max(tally(RAW.train_images, RAW.train_labels).values()) == 1  # so equal sums mean disjoint parts


def test_held_out_images_are_drawn_from_all_classes_and_places() -> None:
    apart = loaded(held_out(3000))
    # Of 1000 a class 300 are expected; drawn without return their sd is √(300 · .7 · 9000/9999) = 14.
    assert (np.abs(np.bincount(apart.validation_labels, minlength=10) - 300) < 5 * 14).all()
    of_first_half = tally(RAW.train_images[:5000], RAW.train_labels[:5000])
    found = sum((tally(greys(apart.validation_images), apart.validation_labels) & of_first_half).values())
    assert abs(found - 1500) < 5 * 23  # sd √(1500 · .5 · 7000/9999)
    assert loaded(held_out(3000)).validation_images.equal(apart.validation_images)


def test_standardised_pixels_of_held_out_images_follow_the_kept_ones() -> None:
    data = loaded(replace(TINY_CELL, unsaid=Unsaid(held_out=9500)))
    assert data.images.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert data.images.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    # 500 images' mean grey differs from that of the other 9500.
    assert abs(data.validation_images.double().mean().item()) > 1e-4


@pytest.mark.parametrize("count", [10_000, 10_001])
def test_something_must_be_left_to_train_on(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} images held out of mnist-subset's 10000: expected fewer"):
        loaded(held_out(count))


def test_too_few_left_for_the_probe_is_said() -> None:
    with pytest.raises(ValueError, match=r"class \d has \d+ images, but 20 of each class are asked for"):
        loaded(held_out(9950))


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(datasets.MissingData, match="wndcheck fetch mnist"):
        load(replace(TINY_CELL, dataset="mnist"), CPU, str(tmp_path))


def test_cells_alike_share_one_copy() -> None:
    data = loaded(TINY_CELL)
    for alike in (
        replace(TINY_CELL, width=50, seeds=(5,)),
        replace(TINY_CELL, activation="relu", unsaid=Unsaid(initial_gain=2)),
        replace(TINY_CELL, protocol=replace(TINY_CELL.protocol, batch_size=8)),
        replace(TINY_CELL, probe=replace(TINY_CELL.probe, most_pairs=3, k=4)),
    ):
        assert loaded(alike) is data
    for other in (UNIT, held_out(1), replace(TINY_CELL, probe=Probe(images_per_class=20, seed=1))):
        assert loaded(other) is not data
