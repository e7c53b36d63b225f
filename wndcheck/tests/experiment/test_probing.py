from __future__ import annotations

import numpy as np
import pytest
import torch

from wndcheck.experiment.cells import Activation
from wndcheck.experiment.measurement import probing
from wndcheck.experiment.measurement.probing import accuracy, importance, pre_activations
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.tests.nets.test_mlp import scattered, sequential

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
    monkeypatch.setattr(probing, "AT_ONCE", 3 * size * stack.widest)
    np.testing.assert_array_equal(accuracy(stack, IMAGES, labels), whole)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_accuracy_of_a_diverged_member_is_nan(stack: StackedMLP, bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = stack(IMAGES)[1].argmax(-1)
    images = IMAGES.clone()
    sane = accuracy(stack, images, labels)
    with torch.no_grad():
        stack.biases[-1][2, 0, 3] = bad
    found = accuracy(stack, images, labels)
    assert np.isnan(found).tolist() == [False, False, True]
    np.testing.assert_array_equal(found[:2], sane[:2])


def test_one_image_beyond_all_numbers_is_divergence(stack: StackedMLP, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "AT_ONCE", 30 * stack.widest)
    images = IMAGES.clone()
    images[0] = float("inf")
    assert np.isnan(accuracy(stack, images, torch.zeros(103, dtype=torch.int64))).all()


def otherwise(plain: torch.nn.Sequential, layer: int, neuron: int, images: torch.Tensor) -> float:
    """Share of images that plain torch layers classify otherwise when a hidden neuron puts out 0."""

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
def test_importance_is_the_share_of_images_classified_otherwise(activation: Activation) -> None:
    stack, images = scattered(activation), IMAGES.double()
    neurons = [np.array([1, 5]), np.array([0]), np.array([2, 3, 6]), np.array([4])]
    found = importance(stack, images, neurons)
    assert (found.shape, found.dtype) == ((3, 4), np.float64)
    for member in range(3):
        plain = sequential(stack, member).double()
        expected = [
            np.mean([otherwise(plain, layer, int(i), images) for i in some]) for layer, some in enumerate(neurons)
        ]
        np.testing.assert_allclose(found[member], expected, atol=1e-12)
    assert ((found > 0) & (found < 1)).any(axis=0).all()


def test_importance_leaves_the_stack_as_it_is(stack: StackedMLP) -> None:
    before = [parameter.detach().clone() for parameter in stack.parameters()]
    importance(stack, IMAGES, [np.array([0])] * 4)
    assert all(torch.equal(a, b) for a, b in zip(before, stack.parameters(), strict=True))


def test_a_neuron_that_nothing_listens_to_does_not_matter(stack: StackedMLP) -> None:
    everything = [np.array([3])] * 4
    assert (importance(stack, IMAGES, everything) > 0).any()
    with torch.no_grad():
        for weight in list(stack.weights)[1:]:
            weight[:, 3] = 0
    assert not importance(stack, IMAGES, everything).any()


def test_importance_in_a_convnet_is_that_of_its_dense_layers() -> None:
    stack = StackedConvNet(6, seeds=(1, 2), activation="relu")
    images = torch.randn(40, 3072, generator=torch.Generator().manual_seed(0))
    found = importance(stack, images, [np.array([4]), np.array([2])])
    before, listened = stack(images).argmax(-1), stack.state_dict()
    for layer, neuron in enumerate((4, 2)):
        deaf = StackedConvNet(6, seeds=(1, 2), activation="relu")
        deaf.load_state_dict(listened)
        with torch.no_grad():
            deaf.weights[layer + 1][:, neuron] = 0
        changed = (deaf(images).argmax(-1) != before).double().mean(1)
        np.testing.assert_allclose(found[:, layer], changed.numpy(), atol=1e-12)
    assert found.any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_importance_in_a_diverged_member_is_nan(stack: StackedMLP, bad: float) -> None:
    sane = importance(stack, IMAGES, [np.array([0, 1])] * 4)
    with torch.no_grad():
        stack.biases[-1][2, 0, 3] = bad
    found = importance(stack, IMAGES, [np.array([0, 1])] * 4)
    assert np.isnan(found).all(axis=1).tolist() == [False, False, True]
    np.testing.assert_array_equal(found[:2], sane[:2])
