from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from wndcheck.nets.mlp import StackedMLP, loss_gradient
from wndcheck.nets.specification import Activation, Unspecified
from wndcheck.nets.stacks import build
from wndcheck.tests.tiny import TINY_CELL

pytestmark = pytest.mark.usefixtures("one_thread")
ACTIVATIONS: tuple[Activation, ...] = ("relu", "tanh")
FUNCTION = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}


def sequential(stack: StackedMLP, member: int) -> torch.nn.Sequential:
    """One member as plain torch layers."""
    layers: list[torch.nn.Module] = []
    for weight, bias in zip(stack.weights, stack.biases, strict=True):
        linear = torch.nn.Linear(*weight.shape[1:])
        linear.weight.data = weight.data[member].T.clone()
        linear.bias.data = bias.data[member, 0].clone()
        layers += [linear, FUNCTION[stack.activation]()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_member_computes_what_plain_layers_compute(activation: Activation) -> None:
    stack = StackedMLP(20, 8, seeds=(3, 7, 9), activation=activation)
    for bias in stack.biases:
        torch.nn.init.normal_(bias, generator=torch.Generator().manual_seed(1))
    x = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    shared, apart = stack(x), stack(torch.stack([x, 2 * x, -x]))
    assert shared.shape == (3, 50, 10)
    for member, scale in enumerate((1, 2, -1)):
        plain = sequential(stack, member)
        torch.testing.assert_close(shared[member], plain(x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(apart[member], plain(scale * x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_pre_activations_are_those_before_the_nonlinearity(activation: Activation) -> None:
    stack = StackedMLP(20, 8, seeds=(3,), activation=activation)
    x = torch.randn(50, 20, generator=torch.Generator().manual_seed(0))
    z = stack.pre_activations(x)
    assert [layer.shape for layer in z] == [(1, 50, 8)] * 4 + [(1, 50, 10)]
    plain = sequential(stack, 0)
    for layer, found in enumerate(z):
        torch.testing.assert_close(found[0], plain[: 2 * layer + 1](x), rtol=1e-5, atol=1e-5)
    assert (z[0] < 0).any()


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2.0), ("tanh", 1.0)])
def test_initial_weights_are_he_or_lecun_gaussians(activation: Activation, gain: float) -> None:
    stack = StackedMLP(300, 200, seeds=(0, 1), activation=activation)
    for weight in stack.weights:
        for member in weight.detach().numpy():
            n, fan_in = member.size, len(member)
            # Standard errors: of a mean of n normals sd/√n, of their variance variance·√(2/n), of kurtosis √(24/n).
            assert abs(member.mean()) < 4 * sqrt(gain / fan_in / n)
            assert abs(member.var() * fan_in / gain - 1) < 4 * sqrt(2 / n)
            standard = (member - member.mean()) / member.std()
            assert abs((standard**4).mean() - 3) < 4 * sqrt(24 / n)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_initial_biases_are_zero(activation: Activation) -> None:
    stack = StackedMLP(20, 8, seeds=(0, 1), activation=activation)
    assert [bias.shape for bias in stack.biases] == [(2, 1, 8)] * 4 + [(2, 1, 10)]
    assert not any(bias.any() for bias in stack.biases)


def test_a_seed_names_the_same_net_in_any_stack() -> None:
    alone = StackedMLP(20, 8, seeds=(7,), activation="relu")
    among = StackedMLP(20, 8, seeds=(1, 9, 7, 4), activation="relu")
    for one, many in zip(alone.weights, among.weights, strict=True):
        assert torch.equal(one[0], many[2])
        assert not torch.equal(many[0], many[2])


def test_layers_and_members_are_independent_draws() -> None:
    stack = StackedMLP(60, 60, seeds=(0, 1), activation="tanh")
    draws = np.stack(
        [weight.detach().numpy()[member].ravel() for weight in list(stack.weights)[:4] for member in (0, 1)]
    )
    correlations = np.corrcoef(draws)[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 5 / sqrt(3600)  # 28 correlations of 3600 values, standard error 1/60 each


def test_the_global_generator_has_no_part_in_it() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    stack = StackedMLP(20, 8, seeds=(0,), activation="relu")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(StackedMLP(20, 8, seeds=(0,), activation="relu").weights[0], stack.weights[0])


def test_shape_follows_layers_and_classes() -> None:
    stack = StackedMLP(20, 8, seeds=(0, 1, 2), activation="relu", layers=3, classes=4)
    assert [weight.shape for weight in stack.weights] == [(3, 20, 8), (3, 8, 8), (3, 8, 4)]
    assert stack.members == 3


def scattered(activation: Activation) -> StackedMLP:
    """A stack in float64, so that a gradient can be told from one that is nearly right, with biases other than zero."""
    stack = StackedMLP(20, 8, seeds=(3, 7, 9), activation=activation).double()
    generator = torch.Generator().manual_seed(1)
    for bias in stack.biases:
        torch.nn.init.normal_(bias, generator=generator)
    return stack


def batch(members: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Eleven images and labels for every member, its own."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(members, 11, 20, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 10, (members, 11), generator=generator)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_is_autograds_and_plain_sgd(activation: Activation) -> None:
    stack, plain = scattered(activation), scattered(activation)
    x, labels = batch()
    x.requires_grad_()
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.3)
    sum(cross_entropy(logits, truth) for logits, truth in zip(plain(x), labels, strict=True)).backward()  # type: ignore[union-attr]
    assert all((p.grad.abs().amax(dim=(1, 2)) > 1e-4).all() for p in plain.parameters())  # type: ignore[union-attr]
    optimiser.step()
    in_inputs = stack.descend(x.detach(), labels, 0.3, back=True)
    # Rounding of float64: the sums have at most 20 terms of size one.
    for mine, expected in zip(stack.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(in_inputs, x.grad, rtol=0, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_is_the_same_whether_or_not_inputs_are_asked_about(activation: Activation) -> None:
    asked, unasked = scattered(activation), scattered(activation)
    asked.descend(*batch(), 0.3, back=True)
    assert unasked.descend(*batch(), 0.3) is None
    assert all(torch.equal(a, b) for a, b in zip(asked.parameters(), unasked.parameters(), strict=True))


def test_a_step_leaves_no_graph_behind() -> None:
    stack = scattered("relu")
    stack.descend(*batch(), 0.3, back=True)
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in stack.parameters())


def test_gradient_of_the_loss_in_the_logits() -> None:
    logits = 3 * torch.randn(3, 11, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, labels = batch()
    logits.requires_grad_()
    loss = sum(cross_entropy(member, truth) for member, truth in zip(logits, labels, strict=True))
    (expected,) = torch.autograd.grad(loss, logits)  # type: ignore[arg-type]
    found = loss_gradient(logits.detach(), labels)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gain_multiplies_all_initial_weights(activation: Activation) -> None:
    usual = StackedMLP(20, 8, seeds=(3, 7), activation=activation)
    larger = StackedMLP(20, 8, seeds=(3, 7), activation=activation, gain=1.5)
    for one, other in zip(usual.weights, larger.weights, strict=True):
        torch.testing.assert_close(1.5 * one, other, rtol=1e-6, atol=0)
    assert not any(bias.any() for bias in larger.biases)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_cells_stack_has_its_shape_gain_and_seeds(activation: Activation) -> None:
    cell = replace(TINY_CELL, activation=activation, unspecified=Unspecified(initial_gain=0.5))
    stack = build(cell, (1, 9), 784, torch.device("cpu"))
    expected = StackedMLP(784, 6, seeds=(1, 9), activation=activation, gain=0.5)
    assert stack.activation == activation
    assert [weight.shape[1:] for weight in stack.weights] == [(784, 6), (6, 6), (6, 6), (6, 6), (6, 10)]
    assert all(torch.equal(a, b) for a, b in zip(stack.parameters(), expected.parameters(), strict=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_enters_a_layer_leads_from_there_to_the_same_logits(activation: Activation) -> None:
    stack, (x, _) = scattered(activation), batch()
    entering, z = stack.propagated(x)
    assert [layer.shape[-1] for layer in entering] == [20, 8, 8, 8, 8]
    assert entering[0] is x
    for lowest in range(5):
        later, above = stack.propagated(entering[lowest], lowest)
        assert all(torch.equal(a, b) for a, b in zip(later, entering[lowest:], strict=True))
        assert all(torch.equal(a, b) for a, b in zip(above, z[lowest:], strict=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_net_without_a_neuron_is_one_in_which_nothing_listens_to_it(activation: Activation) -> None:
    stack, (x, _) = scattered(activation), batch()
    entering, z = stack.propagated(x)
    for layer, neuron in enumerate((0, 7, 3, 5)):
        kept = entering[layer + 1].clone()
        found = stack.without(neuron, layer, entering[layer + 1])
        assert torch.equal(entering[layer + 1], kept)
        deaf = scattered(activation)
        with torch.no_grad():
            deaf.weights[layer + 1][:, neuron] = 0
        torch.testing.assert_close(found, deaf(x), rtol=0, atol=1e-13)
        assert not torch.allclose(found, z[-1], atol=1e-3)


def test_a_perceptron_is_dense_from_its_inputs_on() -> None:
    stack, (x, _) = scattered("relu"), batch()
    assert stack.dense is stack
    assert stack.features(x) is x
