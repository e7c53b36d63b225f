from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from wndcheck import datasets
from wndcheck.experiment.cells import Cell, Probe, Sampling
from wndcheck.experiment.measurement import probing
from wndcheck.experiment.measurement.probing import Data, accuracy, importance, load, pre_activations
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Activation, Unspecified
from wndcheck.tests.nets.stacks import scattered, sequential
from wndcheck.tests.tiny import TINY_CELL

CPU = torch.device("cpu")
RAW = datasets.load("mnist-subset")
UNIT = replace(TINY_CELL, unspecified=Unspecified(scaling="unit"))


def loaded(cell: Cell) -> Data:
    return load(cell, CPU, None)


def held_out(count: int) -> Cell:
    return replace(UNIT, unspecified=Unspecified(scaling="unit", held_out=count))


def greys(images: torch.Tensor) -> np.ndarray:
    """The 784 grey levels behind images in [0, 1]."""
    return np.rint(images.numpy() * 255).astype(np.uint8)


def tally(images: np.ndarray, labels: np.ndarray | torch.Tensor) -> Counter[bytes]:
    """Counts of each image, with its label in the last byte."""
    return Counter(image.tobytes() + bytes([int(label)]) for image, label in zip(images, labels, strict=True))


def test_unit_pixels_are_the_greys_over_255() -> None:
    data = loaded(UNIT)
    for images, raw in ((data.images, RAW.train_images), (data.validation_images, RAW.validation_images)):
        assert images.dtype == torch.float32
        np.testing.assert_allclose(images.numpy(), raw.reshape(len(raw), 784) / 255, rtol=1e-6)


def test_labels_and_standardised_pixels() -> None:
    data = loaded(TINY_CELL)
    assert data.labels.dtype == data.validation_labels.dtype == torch.int64
    np.testing.assert_array_equal(data.labels, RAW.train_labels)
    np.testing.assert_array_equal(data.validation_labels, RAW.validation_labels)
    assert data.images.dtype == torch.float32
    assert data.images.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert data.images.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    pixels = RAW.train_images / 255
    expected = (RAW.validation_images.reshape(2000, 784) / 255 - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(data.validation_images.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [0, 3000])
def test_the_probe_is_of_the_images_that_are_trained_on(count: int) -> None:
    data = loaded(held_out(count))
    trained = tally(greys(data.images), data.labels)
    for sampling in get_args(Sampling):
        probe = data.probe(Probe(20, sampling=sampling), (3, 4)).of(1)
        assert probe.x.shape == (200, 784)
        assert np.bincount(probe.labels, minlength=10).tolist() == [20] * 10
        assert not tally(greys(probe.x), probe.labels) - trained


def tallied(probe: Probe, seed: int = 7, per_class: int | None = None) -> Counter[bytes]:
    images = loaded(UNIT).probe(probe, (5, seed), per_class).of(1)
    return tally(greys(images.x), images.labels)


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_the_probe_follows_its_seed_and_size(sampling: Sampling) -> None:
    probe = Probe(20, sampling=sampling)
    assert tallied(replace(probe, seed=1)) != tallied(probe)
    larger = tallied(replace(probe, images_per_class=30))
    assert not tallied(probe) - larger  # a smaller one lies within a larger one
    assert tallied(probe, per_class=30) == larger


def test_a_net_has_images_of_its_own_whatever_it_is_stacked_with() -> None:
    own, fixed = Probe(20), Probe(20, sampling="fixed")
    data = loaded(UNIT)
    several = data.probe(own, (4, 9, 2))
    assert several.x.shape == (3, 200, 784)
    assert several.labels.shape == (3, 200)
    for member, seed in enumerate((4, 9, 2)):
        alone = data.probe(own, (seed,))
        assert several.of(member).x.equal(alone.x[0])
        assert several.of(member).labels.equal(alone.labels[0])
    assert tallied(own, 4) != tallied(own, 9)
    assert tallied(fixed, 4) == tallied(fixed, 9)
    assert data.probe(fixed, (4, 9)).x.shape == (200, 784)


@pytest.mark.parametrize("count", [1, 3000, 9500])
def test_held_out_images_and_the_others_are_all_images(count: int) -> None:
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
    data = loaded(replace(TINY_CELL, unspecified=Unspecified(held_out=9500)))
    assert data.images.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert data.images.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    # 500 images' mean grey differs from that of the other 9500.
    assert abs(data.validation_images.double().mean().item()) > 1e-4


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (10_000, "10000 images held out of mnist-subset's 10000: expected fewer"),
        (10_001, "10001 images held out of mnist-subset's 10000: expected fewer"),
        (9950, r"class \d has \d+ images, but 20 of each class are asked for"),
    ],
)
def test_too_few_images_left_to_train_on_or_to_probe_are_refused(count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loaded(held_out(count)).probe(UNIT.probe, UNIT.seeds)


def test_missing_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(datasets.MissingData, match="wndcheck fetch mnist"):
        load(replace(TINY_CELL, dataset="mnist"), CPU, str(tmp_path))


def test_cells_with_the_same_data_share_one_copy() -> None:
    data = loaded(TINY_CELL)
    for alike in (
        replace(TINY_CELL, width=50, seeds=(5,)),
        replace(TINY_CELL, activation="relu", unspecified=Unspecified(initial_gain=2)),
        replace(TINY_CELL, protocol=replace(TINY_CELL.protocol, batch_size=8)),
        replace(TINY_CELL, probe=replace(TINY_CELL.probe, most_pairs=3, k=4, seed=1)),
    ):
        assert loaded(alike) is data
    for other in (UNIT, held_out(1)):
        assert loaded(other) is not data


pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = torch.randn(103, 20, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def stack() -> StackedMLP:
    return StackedMLP(20, 8, seeds=(0, 1, 2), activation="relu")


def test_pre_activations_are_on_the_host_and_unclipped(stack: StackedMLP) -> None:
    found = pre_activations(stack, IMAGES)
    assert [(z.shape, z.dtype) for z in found] == [((3, 103, 8), np.float32)] * 4 + [((3, 103, 10), np.float32)]
    np.testing.assert_array_equal(found[-1], stack(IMAGES).detach().numpy())
    assert (found[0] < 0).any()


def test_accuracy_is_the_share_classified_rightly(stack: StackedMLP) -> None:
    labels = stack(IMAGES)[1].argmax(-1)
    labels[:10] = (labels[:10] + 1) % 10
    found = accuracy(stack, IMAGES, labels)
    assert (found.shape, found.dtype) == ((3,), np.float64)
    assert found[1] == 93 / 103
    assert found[0] == (stack(IMAGES)[0].argmax(-1) == labels).double().mean().item()


@pytest.mark.parametrize("size", [1, 10, 103, 500])
def test_accuracy_does_not_depend_on_the_slices(stack: StackedMLP, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = stack(IMAGES)[1].argmax(-1)
    whole = accuracy(stack, IMAGES, labels)
    monkeypatch.setitem(probing.AT_ONCE, "cpu", 3 * size * stack.widest)
    np.testing.assert_array_equal(accuracy(stack, IMAGES, labels), whole)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_accuracy_and_importance_of_a_diverged_member_are_nan(stack: StackedMLP, bad: float) -> None:
    labels, neurons = stack(IMAGES)[1].argmax(-1), [np.array([0, 1])] * 4
    before = accuracy(stack, IMAGES, labels), importance(stack, IMAGES, neurons)
    with torch.no_grad():
        stack.biases[-1][2, 0, 3] = bad
    after = accuracy(stack, IMAGES, labels), importance(stack, IMAGES, neurons)
    for found, expected in zip(after, before, strict=True):
        assert np.isnan(found[2]).all()
        np.testing.assert_array_equal(found[:2], expected[:2])


def test_an_infinite_image_is_divergence(stack: StackedMLP, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(probing.AT_ONCE, "cpu", 30 * stack.widest)
    images = IMAGES.clone()
    images[0] = float("inf")
    assert np.isnan(accuracy(stack, images, torch.zeros(103, dtype=torch.int64))).all()


def share_changed(plain: torch.nn.Sequential, layer: int, neuron: int, images: torch.Tensor) -> float:
    """Share of images that plain torch layers classify differently when a hidden neuron puts out 0."""

    def silenced(module: torch.nn.Module, entered: object, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, neuron] = 0
        return x

    before = plain(images).argmax(-1)
    hook = plain[2 * layer + 1].register_forward_hook(silenced)
    after = plain(images).argmax(-1)
    hook.remove()
    return (after != before).double().mean().item()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_importance_is_the_share_of_images_classified_share_changed(activation: Activation) -> None:
    stack, images = scattered(activation), IMAGES.double()
    neurons = [np.array([1, 5]), np.array([0]), np.array([2, 3, 6]), np.array([4])]
    found = importance(stack, images, neurons)
    assert (found.shape, found.dtype) == ((3, 4), np.float64)
    for member in range(3):
        plain = sequential(stack, member)
        expected = [
            np.mean([share_changed(plain, layer, int(i), images) for i in some]) for layer, some in enumerate(neurons)
        ]
        np.testing.assert_allclose(found[member], expected, atol=1e-12)
    assert ((found > 0) & (found < 1)).any(axis=0).all()


def test_a_neuron_without_outgoing_weights_has_no_importance(stack: StackedMLP) -> None:
    everything = [np.array([3])] * 4
    before = [parameter.detach().clone() for parameter in stack.parameters()]
    assert (importance(stack, IMAGES, everything) > 0).any()
    assert all(torch.equal(a, b) for a, b in zip(before, stack.parameters(), strict=True))
    with torch.no_grad():
        for weight in list(stack.weights)[1:]:
            weight[:, 3] = 0
    assert not importance(stack, IMAGES, everything).any()


def test_importance_in_a_convnet_is_that_of_its_dense_layers() -> None:
    stack = StackedConvNet(6, seeds=(1, 2), activation="relu")
    images = torch.randn(40, 3072, generator=torch.Generator().manual_seed(0))
    found = importance(stack, images, [np.array([4]), np.array([2])])
    before, weights = stack(images).argmax(-1), stack.state_dict()
    for layer, neuron in enumerate((4, 2)):
        cut = StackedConvNet(6, seeds=(1, 2), activation="relu")
        cut.load_state_dict(weights)
        with torch.no_grad():
            cut.weights[layer + 1][:, neuron] = 0
        changed = (cut(images).argmax(-1) != before).double().mean(1)
        np.testing.assert_allclose(found[:, layer], changed.numpy(), atol=1e-12)
    assert found.any()
