from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from wndcheck.datasets import in_unit
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import inputs, layer_sizes
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Training, Unspecified, convolutions, features
from wndcheck.nets.stacks import build

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = (3, 7, 9)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(3, 8, 3072, generator=GENERATOR)
LABELS = torch.randint(0, 10, (3, 8), generator=GENERATOR)


def scattered(seeds: tuple[int, ...] = SEEDS, width: int = 12) -> StackedConvNet:
    """A stack whose biases are its seeds' own and not zero."""
    stack = StackedConvNet(width, seeds=seeds, activation="relu")
    for biases in (*stack.shifts, *stack.dense.biases):
        for member, seed in zip(biases.data, seeds, strict=True):
            nn.init.normal_(member, std=0.3, generator=torch.Generator().manual_seed(seed))
    return stack


def sequential(stack: StackedConvNet, member: int) -> nn.Sequential:
    """One member as plain torch layers, of images (n, channels, height, width)."""
    layers: list[nn.Module] = []
    for filters, shifts, shape in zip(stack.filters, stack.shifts, convolutions(), strict=True):
        layer = nn.Conv2d(shape.channels, shape.out, 3, stride=shape.stride, padding=1)
        layer.weight.data, layer.bias.data = filters.data[member].clone(), shifts.data[member].clone()  # type: ignore[union-attr]
        layers += [layer, nn.ReLU()]
    layers.append(nn.Flatten())
    for weight, bias in zip(stack.dense.weights, stack.dense.biases, strict=True):
        dense = nn.Linear(*weight.shape[1:])
        dense.weight.data, dense.bias.data = weight.data[member].T.clone(), bias.data[member, 0].clone()
        layers += [dense, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """Images (n, 3072) as the data sets lay them out, as torch's layers take them."""
    return x.view(-1, 32, 32, 3).permute(0, 3, 1, 2)


def test_a_member_computes_what_plain_layers_compute() -> None:
    stack = scattered()
    shared, apart = stack(IMAGES[0]), stack(IMAGES)
    assert shared.shape == (3, 8, 10)
    for member in range(3):
        plain = sequential(stack, member)
        torch.testing.assert_close(shared[member], plain(channels_first(IMAGES[0])), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(apart[member], plain(channels_first(IMAGES[member])), rtol=1e-4, atol=1e-4)


def test_pre_activations_are_those_of_the_dense_layers() -> None:
    stack = scattered()
    z = stack.pre_activations(IMAGES)
    assert [layer.shape for layer in z] == [(3, 8, 12), (3, 8, 12), (3, 8, 10)]
    assert (z[0] < 0).any()
    plain = sequential(stack, 1)
    below = 2 * len(list(convolutions())) + 1
    for layer, found in enumerate(z):
        expected = plain[: below + 2 * layer + 1](channels_first(IMAGES[1]))
        torch.testing.assert_close(found[1], expected, rtol=1e-4, atol=1e-4)


def test_a_pixel_reaches_what_its_place_in_the_data_set_says() -> None:
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


@pytest.mark.parametrize("count", [1, 5])
def test_training_is_plain_sgd(count: int) -> None:
    stack, rate = scattered(), 0.02
    nets = [sequential(stack, member) for member in range(3)]
    before = [parameter.detach().clone() for parameter in stack.parameters()]
    optimisers = [torch.optim.SGD(net.parameters(), lr=rate) for net in nets]
    for step in range(count):
        x = IMAGES.roll(step, 0)
        stack.descend(x, LABELS, rate)
        for net, optimiser, images, labels in zip(nets, optimisers, x, LABELS, strict=True):
            optimiser.zero_grad()
            cross_entropy(net(channels_first(images)), labels).backward()
            optimiser.step()
    moved = [(a - b).abs().amax(dim=list(range(1, a.dim()))) for a, b in zip(before, stack.parameters(), strict=True)]
    assert all((movement > 1e-4).all() for movement in moved)
    for member, net in enumerate(nets):
        for mine, plain in zip(sequential(stack, member).parameters(), net.parameters(), strict=True):
            # Single precision; a thousandth of what the least moved parameter moves by.
            torch.testing.assert_close(mine, plain, rtol=0, atol=3e-7 * count)


def test_a_step_leaves_no_graph_behind() -> None:
    stack = scattered((3,))
    with torch.no_grad():
        stack.descend(IMAGES[:1], LABELS[:1], 0.02)
    assert all(p.is_leaf and p.requires_grad and p.grad is None for p in stack.parameters())


def test_a_member_trains_as_it_would_alone() -> None:
    together = scattered()
    alone = [scattered((seed,)) for seed in SEEDS]
    for step in range(5):
        x = IMAGES.roll(step, 0)
        together.descend(x, LABELS, 0.02)
        for member, stack in enumerate(alone):
            stack.descend(x[member, None], LABELS[member, None], 0.02)
    for member, stack in enumerate(alone):
        for many, one in zip(together.parameters(), stack.parameters(), strict=True):
            torch.testing.assert_close(many[member], one[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_initial_filters_are_he_gaussians(gain: float) -> None:
    stack = StackedConvNet(50, seeds=(0, 1), activation="relu", gain=gain)
    for filters in stack.filters:
        for member in filters.detach().numpy():
            n, fan_in = member.size, member[0].size
            variance = gain**2 * 2 / fan_in
            # Standard errors: of a mean of n normals sd/√n, of their variance variance·√(2/n), of kurtosis √(24/n).
            assert abs(member.mean()) < 4 * sqrt(variance / n)
            assert abs(member.var() / variance - 1) < 4 * sqrt(2 / n)
            assert abs((((member - member.mean()) / member.std()) ** 4).mean() - 3) < 4 * sqrt(24 / n)
    dense = StackedMLP(features(), 50, seeds=(0, 1), activation="relu", layers=3, gain=gain)
    for mine, expected in zip(stack.weights, dense.weights, strict=True):
        assert torch.equal(mine, expected)
    assert not any(biases.any() for biases in (*stack.shifts, *stack.dense.biases))


def test_a_seed_names_the_same_net_in_any_stack() -> None:
    alone = StackedConvNet(12, seeds=(7,), activation="relu")
    among = StackedConvNet(12, seeds=(1, 9, 7, 4), activation="relu")
    assert among.members == 4
    for (name, one), many in zip(alone.named_parameters(), among.parameters(), strict=True):
        assert torch.equal(one[0], many[2]), name
        assert torch.equal(many[0], many[2]) == ("shifts" in name or "biases" in name), name


def test_a_cells_stack_is_the_convnet_of_its_width() -> None:
    cell = Cell(
        "cifar10", "relu", 12, (4, 5), Training(0.1, 8, (0,)), architecture="convnet", unspecified=Unspecified(0.5)
    )
    stack = build(cell, (5,), inputs(cell), torch.device("cpu"))
    expected = StackedConvNet(12, seeds=(5,), activation="relu", gain=0.5)
    assert all(torch.equal(a, b) for a, b in zip(stack.parameters(), expected.parameters(), strict=True))
    assert [z.shape[-1] for z in stack.pre_activations(IMAGES[0])] == layer_sizes(cell)[1:]
    assert stack.features(IMAGES[0]).shape[-1] == layer_sizes(cell)[0]  # type: ignore[operator]


def test_features_enter_the_dense_layers() -> None:
    stack = scattered()
    entering = stack.features(IMAGES)
    assert entering.shape == (3, 8, features())
    for found, expected in zip(stack.dense.pre_activations(entering), stack.pre_activations(IMAGES), strict=True):
        assert torch.equal(found, expected)
