"""Stacks of perceptrons and convnets: each member is the net that plain torch layers would be."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from wndcheck.datasets import in_unit
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import inputs, layer_sizes
from wndcheck.nets import stacks
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP, loss_gradient
from wndcheck.nets.specification import Training, Unspecified, features
from wndcheck.nets.stacks import build
from wndcheck.tests.nets.stacks import KINDS, SEEDS, batch, initial, scattered, sequential
from wndcheck.tests.tiny import TINY_CELL

pytestmark = pytest.mark.usefixtures("one_thread")
each_kind = pytest.mark.parametrize("kind", KINDS)
perceptrons = pytest.mark.parametrize("kind", ["relu", "tanh"])
# float64: the sums have at most 4096 terms of size one.
close = {"rtol": 0, "atol": 1e-12}


@each_kind
def test_a_member_computes_what_plain_layers_compute(kind: str) -> None:
    stack, (x, _) = scattered(kind), batch(kind)
    shared, own, z = stack(x[0]), stack(x), stack.pre_activations(x)
    assert shared.shape == own.shape == (3, 11, 10)
    neurons = (12, 12, 10) if kind == "convnet" else (8, 8, 8, 8, 10)
    assert [layer.shape for layer in z] == [(3, 11, n) for n in neurons]
    assert (z[0] < 0).any()
    for member in range(3):
        plain = sequential(stack, member)
        torch.testing.assert_close(shared[member], plain(x[0]), **close)
        torch.testing.assert_close(own[member], plain(x[member]), **close)
        for layer, found in enumerate(reversed(z)):
            expected = plain[: len(plain) - 2 * layer](x[member])  # without the layers above
            torch.testing.assert_close(found[member], expected, **close)


@each_kind
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_initial_weights_are_he_or_lecun_gaussians(kind: str, gain: float) -> None:
    stack = (
        StackedConvNet(50, seeds=(0, 1), activation="relu", gain=gain)
        if kind == "convnet"
        else StackedMLP(300, 200, seeds=(0, 1), activation="tanh" if kind == "tanh" else "relu", gain=gain)
    )
    for name, parameter in stack.named_parameters():
        if "biases" in name or "shifts" in name:
            assert not parameter.any()
            continue
        for member in parameter.detach().numpy():
            n, fan_in = member.size, member[0].size if "filters" in name else len(member)
            variance = gain**2 * (1 if kind == "tanh" else 2) / fan_in
            # Standard errors: of a mean of n normals sd/√n, of their variance variance·√(2/n), of kurtosis √(24/n).
            assert abs(member.mean()) < 4 * sqrt(variance / n)
            assert abs(member.var() / variance - 1) < 4 * sqrt(2 / n)
            assert abs((((member - member.mean()) / member.std()) ** 4).mean() - 3) < 4 * sqrt(24 / n)


@each_kind
def test_a_seed_names_the_same_net_in_any_stack(kind: str) -> None:
    alone, among = initial(kind, (7,)), initial(kind, (1, 9, 7, 4))
    assert among.members == 4
    for (name, one), many in zip(alone.named_parameters(), among.parameters(), strict=True):
        assert torch.equal(one[0], many[2]), name
        assert torch.equal(many[0], many[2]) == ("shifts" in name or "biases" in name), name


CONVNET = Cell("cifar10", "relu", 12, (9, 5), Training(0.1, 8, (0,)), architecture="convnet", channels=(4, 4, 8, 8, 8))


@pytest.mark.parametrize("cell", [TINY_CELL, CONVNET], ids=lambda cell: cell.kind)
def test_threads_that_share_the_draws_make_the_same_nets(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's host has several: thousands of wide nets would take one of them minutes."""
    seeds, asked = tuple(range(40)), []
    one = build(cell, seeds, inputs(cell), torch.device("cpu")).state_dict()
    monkeypatch.setattr(stacks, "host_threads", lambda name: asked.append(name) or 4)
    several = build(cell, seeds, inputs(cell), torch.device("cpu")).state_dict()
    assert asked == ["cpu"]
    assert all(torch.equal(several[name], value) for name, value in one.items())


def test_layers_and_members_are_independent_draws() -> None:
    stack = StackedMLP(60, 60, seeds=(0, 1), activation="tanh")
    draws = [weight.detach().numpy()[member].ravel() for weight in list(stack.weights)[:4] for member in (0, 1)]
    correlations = np.corrcoef(draws)[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 5 / sqrt(3600)  # 28 correlations of 3600 values, standard error 1/60 each


def test_initial_weights_do_not_depend_on_the_global_generator() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    stack = initial("relu")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(initial("relu").weights[0], stack.weights[0])


def test_shape_follows_layers_and_classes() -> None:
    stack = StackedMLP(20, 8, seeds=SEEDS, activation="relu", layers=3, classes=4)
    assert [weight.shape for weight in stack.weights] == [(3, 20, 8), (3, 8, 8), (3, 8, 4)]
    assert [bias.shape for bias in stack.biases] == [(3, 1, 8), (3, 1, 8), (3, 1, 4)]


@each_kind
@pytest.mark.parametrize("count", [1, 5])
def test_training_is_plain_sgd_of_each_member(kind: str, count: int) -> None:
    stack, (x, labels), rate = scattered(kind), batch(kind), 0.02
    nets = [sequential(stack, member) for member in range(3)]
    before = [parameter.detach().clone() for parameter in stack.parameters()]
    optimisers = [torch.optim.SGD(net.parameters(), lr=rate) for net in nets]
    for step in range(count):
        images = x.roll(step, 0)
        with torch.no_grad():
            stack.sgd_step(images, labels, rate)
        for net, optimiser, own, truth in zip(nets, optimisers, images, labels, strict=True):
            optimiser.zero_grad()
            cross_entropy(net(own), truth).backward()
            optimiser.step()
    moved = [(a - b).abs().amax(dim=list(range(1, a.dim()))) for a, b in zip(before, stack.parameters(), strict=True)]
    assert all((movement > 1e-5).all() for movement in moved)
    for member, net in enumerate(nets):
        for mine, plain in zip(sequential(stack, member).parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(mine, plain, **close)
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in stack.parameters())


@perceptrons
def test_gradient_in_the_inputs_is_autograds(kind: str) -> None:
    stack, other, (x, labels) = scattered(kind), scattered(kind), batch(kind)
    x.requires_grad_()
    loss = sum(cross_entropy(logits, truth) for logits, truth in zip(stack(x), labels, strict=True))
    (expected,) = torch.autograd.grad(loss, x)  # type: ignore[arg-type]
    found = stack.dense.sgd_step(x.detach(), labels, 0.3, back=True)
    torch.testing.assert_close(found, expected, **close)
    assert other.dense.sgd_step(x.detach(), labels, 0.3) is None
    assert all(torch.equal(a, b) for a, b in zip(stack.parameters(), other.parameters(), strict=True))


def test_gradient_of_the_loss_in_the_logits() -> None:
    logits = 3 * torch.randn(3, 11, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, labels = batch("relu")
    logits.requires_grad_()
    loss = sum(cross_entropy(member, truth) for member, truth in zip(logits, labels, strict=True))
    (expected,) = torch.autograd.grad(loss, logits)  # type: ignore[arg-type]
    torch.testing.assert_close(loss_gradient(logits.detach(), labels), expected, rtol=0, atol=1e-15)


@perceptrons
def test_inputs_of_any_layer_lead_to_the_same_logits(kind: str) -> None:
    stack, (x, _) = scattered(kind).dense, batch(kind)
    entering, z = stack.propagated(x)
    assert [layer.shape[-1] for layer in entering] == [20, 8, 8, 8, 8]
    assert entering[0] is x
    for lowest in range(5):
        later, above = stack.propagated(entering[lowest], lowest)
        assert all(torch.equal(a, b) for a, b in zip(later, entering[lowest:], strict=True))
        assert all(torch.equal(a, b) for a, b in zip(above, z[lowest:], strict=True))


@perceptrons
def test_without_a_neuron_its_outgoing_weights_do_not_matter(kind: str) -> None:
    stack, (x, _) = scattered(kind).dense, batch(kind)
    entering, z = stack.propagated(x)
    for layer, neuron in enumerate((0, 7, 3, 5)):
        kept = z[layer + 1].clone()
        found = stack.without(neuron, layer, entering, z)
        assert torch.equal(z[layer + 1], kept)
        cut = scattered(kind)
        with torch.no_grad():
            cut.weights[layer + 1][:, neuron] = 0
        torch.testing.assert_close(found, cut(x), **close)
        assert not torch.allclose(found, z[-1], atol=1e-3)


@pytest.mark.parametrize(
    "cell",
    [
        replace(TINY_CELL, activation="tanh", width=8),
        CONVNET,
    ],
    ids=lambda cell: cell.kind,
)
def test_a_cells_stack_has_its_shape_gain_and_seeds(cell: Cell) -> None:
    cell = replace(cell, unspecified=Unspecified(initial_gain=0.5))
    stack = build(cell, (5,), inputs(cell), torch.device("cpu"))
    expected = (
        StackedConvNet(12, seeds=(5,), activation="relu", gain=0.5, channels=(4, 4, 8, 8, 8))
        if cell.kind == "convnet"
        else StackedMLP(784, 8, seeds=(5,), activation="tanh", gain=0.5)
    )
    assert all(torch.equal(a, b) for a, b in zip(stack.parameters(), expected.parameters(), strict=True))
    assert stack.activation == cell.activation
    assert [weight.shape[2] for weight in stack.weights] == layer_sizes(cell)[1:]
    assert stack.features(torch.zeros(2, inputs(cell))).shape[-1] == layer_sizes(cell)[0]


def test_features_enter_the_dense_layers() -> None:
    perceptron, (x, _) = scattered("relu"), batch("relu")
    assert perceptron.dense is perceptron
    assert perceptron.features(x) is x
    stack, (x, _) = scattered("convnet"), batch("convnet")
    entering = stack.features(x)
    assert entering.shape == (3, 11, features())
    for found, expected in zip(stack.dense.pre_activations(entering), stack.pre_activations(x), strict=True):
        assert torch.equal(found, expected)


def test_a_pixel_moves_the_features_at_its_row_column_and_colour() -> None:
    """A green dot at row 5, column 20 moves the maps around row 5 and column 20, and of the filters the green plane."""
    dot = np.zeros((1, 32, 32, 3), np.uint8)
    dot[0, 5, 20, 1] = 255
    stack = StackedConvNet(12, seeds=(0,), activation="relu")
    for filters in stack.filters:
        nn.init.zeros_(filters)
        filters.data[0, 0, 0, 1, 1] = 1  # hands the first map on as it is
    stack.filters[0].data[0, 0, :, 1, 1] = torch.tensor([0.0, 1.0, 0.0])
    maps = stack.features(torch.from_numpy(in_unit(dot))).view(64, 8, 8)  # halved twice
    assert not maps.any()  # odd rows and columns are stepped over
    dot = np.roll(dot, -1, axis=1)
    maps = stack.features(torch.from_numpy(in_unit(dot))).view(64, 8, 8)
    assert maps.nonzero().tolist() == [[0, 1, 5]]
    assert not stack.features(torch.from_numpy(in_unit(np.roll(dot, 1, axis=3)))).any()
