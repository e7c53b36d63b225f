from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wndcheck.datasets import Dataset, in_unit, load, probe_indices, standardised
from wndcheck.tests.tiny import TINY


@pytest.fixture(scope="module")
def subset() -> Dataset:
    return load("mnist-subset")


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


@pytest.mark.parametrize(("per_class", "samples"), [(1, 12), (5, 2), (12, 1)])
def test_samples_of_one_seed_are_disjoint_until_a_class_has_no_more(per_class: int, samples: int) -> None:
    found = [probe_indices(LABELS, per_class=per_class, seed=3, number=number) for number in range(samples + 1)]
    np.testing.assert_array_equal(found[0], probe_indices(LABELS, per_class=per_class, seed=3))
    assert len(set(np.concatenate(found[:-1]))) == samples * 10 * per_class
    assert all(np.bincount(LABELS[each]).tolist() == [per_class] * 10 for each in found)
    np.testing.assert_array_equal(found[-1], found[0])


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
def test_a_probe_of_nothing_is_an_error(labels: np.ndarray, per_class: int) -> None:
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


# Pixels in [0, 1]


def test_unit_pixels_are_the_grey_levels_over_255() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
    scaled = in_unit(images)
    assert (scaled.dtype, scaled.shape) == (np.float32, (2, 128))
    np.testing.assert_array_equal(scaled.ravel(), (np.arange(256) / 255).astype(np.float32))
    with pytest.raises(ValueError, match="expected uint8 images, got float32"):
        in_unit(scaled)
