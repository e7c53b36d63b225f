from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log, sqrt
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from wndcheck import knn_entropy
from wndcheck.experiment.measurement.probing import pre_activations
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Activation, Violation, ViolationKind
from wndcheck.nets.violations import (
    draw_biases,
    drift,
    make_constant,
    share_direction,
    shared_variance,
    squeeze,
    tie,
    violate,
)

pytestmark = pytest.mark.usefixtures("one_thread")
FAN_IN = 784
WHITE = torch.randn(1000, FAN_IN, generator=torch.Generator().manual_seed(0))
CHANGES = (partial(share_direction, share=0.5), partial(squeeze, rank=2), partial(draw_biases, sd=2))


def entropies(z: np.ndarray) -> np.ndarray:
    return np.array([knn_entropy(neuron) for neuron in z.T])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_drift_moves_entropy_by_the_log_of_its_factor(activation: Activation) -> None:
    stack = StackedMLP(FAN_IN, 40, seeds=(0, 1), activation=activation)
    before = pre_activations(stack, WHITE)
    drift(stack, 1.7)
    after = pre_activations(stack, WHITE)
    layers = range(1, 6) if activation == "relu" else (1,)  # tanh saturates: exact only in the first layer
    for layer in layers:
        for z, moved in zip(before[layer - 1], after[layer - 1], strict=True):
            change = entropies(moved.astype(float)) - entropies(z.astype(float))
            np.testing.assert_allclose(change, layer * log(1.7), atol=1e-3)


def test_shared_variance_grows_with_the_width_to_its_limit() -> None:
    assert [shared_variance(width, 0.1) for width in (2, 4, 8, 64)] == pytest.approx([0, 0.1, 0.2, 0.5])
    assert shared_variance(10**6, 0.1) == 0.9


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_shared_direction_correlates_pairs_by_its_share(share: float) -> None:
    stack = StackedMLP(FAN_IN, 100, seeds=(0, 1), activation="tanh")
    share_direction(stack, share, (0, 1))
    for z in pre_activations(stack, WHITE)[0]:
        correlations = np.corrcoef(z.T)[np.triu_indices(100, 1)]
        # The common part's squared length errs by √(2/784), its sample variance by √(2/1000); the rest averages out.
        error = share * (1 - share) * sqrt(2 / FAN_IN + 2 / len(WHITE)) + (1 - share) / sqrt(FAN_IN * 100)
        assert abs(correlations.mean() - share) < 4 * error + 1e-3


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_bottleneck_gives_hidden_weights_its_rank(rank: int) -> None:
    stack = StackedMLP(60, 40, seeds=(0, 1), activation="tanh")
    squeeze(stack, rank, (0, 1))
    for weight in list(stack.weights)[:-1]:
        assert torch.linalg.matrix_rank(weight.detach().double(), rtol=1e-5).tolist() == [rank, rank]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("change", CHANGES[:2])
def test_new_weights_keep_the_variance_and_the_logits(change: Callable[..., None], activation: Activation) -> None:
    seeds = tuple(range(40))
    stack = StackedMLP(100, 100, seeds=seeds, activation=activation)
    before = [weight.square().mean().item() for weight in stack.weights]
    logits = stack.weights[-1].detach().clone()
    change(stack, seeds=seeds)
    for weight, variance in list(zip(stack.weights, before, strict=True))[:-1]:
        # A net's mean square is, with half the variance or all of it, that of 100 or of 2 × 100 normals a side: it errs
        # by some √(2/200), twice over.
        assert abs(weight.square().mean().item() / variance - 1) < 4 * 2 * sqrt(2 / 200 / len(seeds))
    assert torch.equal(stack.weights[-1], logits)


@pytest.mark.parametrize("change", CHANGES)
def test_draws_of_a_member_do_not_depend_on_its_stack(change: Callable[..., None]) -> None:
    alone = StackedMLP(20, 8, seeds=(7,), activation="tanh")
    among = StackedMLP(20, 8, seeds=(3, 7), activation="tanh")
    change(alone, seeds=(7,))
    change(among, seeds=(3, 7))
    for one, many in zip(alone.parameters(), among.parameters(), strict=True):
        torch.testing.assert_close(one[0], many[1])
    assert not torch.equal(among.weights[0][0], among.weights[0][1])
    assert not among.biases[0].any() or not torch.equal(among.biases[0][0], among.biases[0][1])


def test_neurons_behind_a_bottleneck_of_two_share_log_two() -> None:
    stack = StackedMLP(FAN_IN, 100, seeds=(0, 1), activation="tanh")
    squeeze(stack, 2, (0, 1))
    for z in pre_activations(stack, WHITE)[0]:
        correlations = np.corrcoef(z.T)[np.triu_indices(100, 1)]
        # Two directions in a plane at an angle θ: mean -log |sin θ| = log 2, of variance π²/12; pairs of one neuron are
        # independent. The plane is not quite round, by √(2/784), of which the mean takes the square.
        error = 4 * np.pi / sqrt(12 * len(correlations)) + 4 * 2 / FAN_IN
        assert abs(np.mean(-0.5 * np.log1p(-(correlations**2))) - log(2)) < error + 0.01  # float32 at |r| near 1


def test_tied_neurons_are_copies_of_the_first_few() -> None:
    stack = StackedMLP(20, 10, seeds=(0, 1), activation="tanh")
    before = [weight.detach().clone() for weight in stack.weights]
    tie(stack, 4)
    for weight, untied in list(zip(stack.weights, before, strict=True))[:-1]:
        for neuron in range(10):
            assert torch.equal(weight[:, :, neuron], untied[:, :, neuron % 4])
    assert torch.equal(stack.weights[-1], before[-1])
    for z in pre_activations(stack, WHITE[:50, :20])[:-1]:
        np.testing.assert_allclose(z[0], z[0][:, np.arange(10) % 4], atol=1e-5)  # float32, as sums of 20 are added up
        assert len(np.unique(z[0][:, :4], axis=1).T) == 4


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_of_the_neurons_is_constant(share: float) -> None:
    stack = StackedMLP(20, 10, seeds=(0, 1), activation="tanh")
    before = [weight.detach().clone() for weight in stack.weights]
    make_constant(stack, share)
    count = round(10 * share)
    for z in pre_activations(stack, torch.randn(50, 20))[:-1]:
        assert np.ptp(z, axis=1).astype(bool).tolist() == [[False] * count + [True] * (10 - count)] * 2
    for weight, initial in zip(stack.weights, before, strict=True):
        kept = weight.shape[2] if weight.shape[2] != 10 or weight is stack.weights[-1] else 10 - count
        assert torch.equal(weight[:, :, weight.shape[2] - kept :], initial[:, :, weight.shape[2] - kept :])


def test_biases_are_gaussian() -> None:
    wide = StackedMLP(20, 10_000, seeds=(0,), activation="tanh", layers=2)
    draw_biases(wide, 2.0, (0,))
    assert kstest(wide.biases[0][0, 0].detach().numpy() / 2, "norm").pvalue > 1e-4


def test_biases_leave_the_information_of_the_first_layer_as_it_was() -> None:
    stack = StackedMLP(FAN_IN, 10, seeds=(0,), activation="relu")
    before, _ = pre_activations(stack, WHITE)[:2]
    draw_biases(stack, 1.0, (0,))
    after, _ = pre_activations(stack, WHITE)[:2]
    np.testing.assert_allclose(after[0] - before[0], np.tile(stack.biases[0].detach().numpy()[0], (1000, 1)), atol=1e-5)


# The violations of nets of 16 neurons; shared: three doublings from two neurons.
KINDS: dict[ViolationKind, tuple[float, Callable[[StackedMLP], None]]] = {
    "drift": (0.1, lambda stack: drift(stack, 16**0.1)),
    "shared": (0.1, lambda stack: share_direction(stack, 0.3, (0,))),
    "bottleneck": (2, lambda stack: squeeze(stack, 2, (0,))),
    "tied": (4, lambda stack: tie(stack, 4)),
    "constant": (0.5, lambda stack: make_constant(stack, 0.5)),
    "biased": (1, lambda stack: draw_biases(stack, 1, (0,))),
}


@pytest.mark.parametrize("kind", get_args(ViolationKind))
def test_violate_yields_the_initial_nets_and_then_the_violating_ones(kind: ViolationKind) -> None:
    strength, change = KINDS[kind]
    stack, expected = (StackedMLP(20, 16, seeds=(0,), activation="tanh") for _ in range(2))
    run = violate(stack, 16, Violation(kind, strength), (0,))
    assert next(run) == (0, True)
    torch.testing.assert_close(list(stack.parameters()), list(expected.parameters()))
    initial = expected.weights[0].detach().clone()
    change(expected)
    assert torch.equal(expected.weights[0], initial) == (kind == "biased")
    assert list(run) == [(1, True)]
    torch.testing.assert_close(list(stack.parameters()), list(expected.parameters()))
