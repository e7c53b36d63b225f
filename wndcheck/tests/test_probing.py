from __future__ import annotations

import numpy as np
import pytest
import torch

from wndcheck.measurement import probing
from wndcheck.measurement.probing import accuracy, pre_activations
from wndcheck.networks.mlp import StackedMLP

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
