from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
import torch

from wndcheck import knn_entropy
from wndcheck.cells import Activation, Violation
from wndcheck.measurement.probing import pre_activations
from wndcheck.networks.mlp import StackedMLP
from wndcheck.networks.violations import drift, share_direction, shared_variance, violate

pytestmark = pytest.mark.usefixtures("one_thread")
FAN_IN = 784
WHITE = torch.randn(1000, FAN_IN, generator=torch.Generator().manual_seed(0))


def entropies(z: np.ndarray) -> np.ndarray:
    return np.array([knn_entropy(neuron) for neuron in z.T])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_drift_moves_entropy_by_the_log_of_its_factor(activation: Activation) -> None:
    stack = StackedMLP(FAN_IN, 40, seeds=(0, 1), activation=activation)
    before = pre_activations(stack, WHITE)
    drift(stack, 1.7)
    after = pre_activations(stack, WHITE)
    layers = range(1, 6) if activation == "relu" else (1,)  # tanh saturates: exact in the first layer alone
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


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_shared_direction_keeps_the_variance_of_the_weights(activation: Activation) -> None:
    share, seeds = 0.5, tuple(range(20))
    stack = StackedMLP(FAN_IN, 100, seeds=seeds, activation=activation)
    before = [weight.square().mean().item() for weight in stack.weights]
    logits = stack.weights[-1].detach().clone()
    share_direction(stack, share, seeds)
    for weight, variance in zip(list(stack.weights)[:-1], before[:-1], strict=True):
        # Half the variance comes from fan-in common normals a net, whose mean square errs by √(2/n); the product of
        # common and own parts adds less than as much again.
        n = weight.shape[1] * len(seeds)
        assert abs(weight.square().mean().item() / variance - 1) < 4 * share * sqrt(2 / n) * 1.5
    assert torch.equal(stack.weights[-1], logits)  # the logits are no hidden neurons


def test_shared_direction_is_the_members_own() -> None:
    alone = StackedMLP(20, 8, seeds=(7,), activation="tanh")
    among = StackedMLP(20, 8, seeds=(3, 7), activation="tanh")
    share_direction(alone, 0.5, (7,))
    share_direction(among, 0.5, (3, 7))
    for one, many in zip(alone.weights, among.weights, strict=True):
        assert torch.equal(one[0], many[1])
        assert not torch.equal(many[0], many[1])


@pytest.mark.parametrize("kind", ["drift", "shared"])
def test_violate_yields_the_initial_nets_and_then_the_broken_ones(kind: str) -> None:
    stack = StackedMLP(20, 16, seeds=(0,), activation="tanh")
    initial = stack.weights[0].detach().clone()
    run = violate(stack, 16, Violation(kind, 0.1), (0,))  # type: ignore[arg-type]
    assert next(run) == (0, True)
    assert torch.equal(stack.weights[0], initial)
    assert list(run) == [(1, True)]
    expected = StackedMLP(20, 16, seeds=(0,), activation="tanh")
    if kind == "drift":
        drift(expected, 16**0.1)
    else:
        share_direction(expected, 0.3, (0,))  # three doublings from two neurons
    torch.testing.assert_close(list(stack.parameters()), list(expected.parameters()))
