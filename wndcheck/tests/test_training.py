from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import cross_entropy

from wndcheck.cells import Activation, Training
from wndcheck.execution import Steps
from wndcheck.networks import StackedMLP
from wndcheck.tests.test_networks import sequential
from wndcheck.training import BatchOrder, train

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = (1, 9, 7, 4)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(310, 20, generator=GENERATOR)
LABELS = torch.randint(0, 10, (310,), generator=GENERATOR)
FIFTY_STEPS = Training(0.1, 32, (0, 5))  # ten steps an epoch, the last of them of 22 images


def run(stack: StackedMLP, training: Training, seeds: tuple[int, ...]) -> Iterator[tuple[float, bool]]:
    return train(Steps(stack, IMAGES, LABELS, training), BatchOrder(seeds, len(IMAGES)), training)


def trained(seeds: tuple[int, ...], activation: Activation, training: Training = FIFTY_STEPS) -> StackedMLP:
    stack = StackedMLP(20, 8, seeds=seeds, activation=activation)
    for _ in run(stack, training, seeds):
        pass
    return stack


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_member_trains_as_it_would_alone(activation: Activation) -> None:
    together = trained(SEEDS, activation)
    for member, seed in enumerate(SEEDS):
        alone = trained((seed,), activation)
        for many, one in zip(together.parameters(), alone.parameters(), strict=True):
            assert (many[member] - one[0]).abs().max() < 1e-5


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_training_is_plain_sgd(activation: Activation) -> None:
    stack = trained(SEEDS, activation)
    for member, seed in enumerate(SEEDS):
        net = sequential(StackedMLP(20, 8, seeds=(seed,), activation=activation), 0)
        start = [parameter.detach().clone() for parameter in net.parameters()]
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        order = BatchOrder((seed,), len(IMAGES))
        for _ in range(5):
            for batch in order.epoch()[0].split(32):
                optimiser.zero_grad()
                cross_entropy(net(IMAGES[batch]), LABELS[batch]).backward()
                optimiser.step()
        expected = list(net.parameters())
        assert all((a - b).abs().max() > 1e-2 for a, b in zip(start, expected, strict=True))
        found = [p for layer in zip(stack.weights, stack.biases, strict=True) for p in layer]
        for mine, plain in zip(found, expected, strict=True):
            assert (mine[member].T.squeeze() - plain).abs().max() < 1e-5


def test_a_member_that_diverges_leaves_the_others_alone() -> None:
    stack = StackedMLP(20, 8, seeds=SEEDS, activation="relu")
    with torch.no_grad():
        for weight in stack.weights:
            weight[1] *= 1e20
    for _ in run(stack, FIFTY_STEPS, SEEDS):
        pass
    assert not stack.weights[0][1].isfinite().all()
    for many, one in zip(stack.parameters(), trained(SEEDS, "relu").parameters(), strict=True):
        assert (many[[0, 2, 3]] - one[[0, 2, 3]]).abs().max() < 1e-5


def test_training_lowers_the_loss() -> None:
    def loss(stack: StackedMLP) -> float:
        return cross_entropy(stack(IMAGES)[0], LABELS).item()

    before, after = loss(StackedMLP(20, 8, seeds=(1,), activation="tanh")), loss(trained((1,), "tanh"))
    assert after < before


def test_batch_orders_are_permutations_that_differ() -> None:
    order = BatchOrder(SEEDS, 100)
    first, second = order.epoch(), order.epoch()
    for epoch in (first, second):
        assert torch.equal(epoch.sort(dim=1).values, torch.arange(100).expand(4, 100))
    drawn = [tuple(row) for epoch in (first, second) for row in epoch.tolist()]
    assert len(set(drawn)) == 8


def test_batch_order_of_a_seed_is_the_same_in_any_stack() -> None:
    assert torch.equal(BatchOrder((7,), 100).epoch()[0], BatchOrder(SEEDS, 100).epoch()[2])


def test_stages_are_marked_among_the_epochs() -> None:
    stack = StackedMLP(20, 8, seeds=(1,), activation="tanh")
    initial = [parameter.detach().clone() for parameter in stack.parameters()]
    stages = run(stack, Training(0.1, 310, (0, 1, 3)), (1,))
    assert next(stages) == (0, True)
    assert all(torch.equal(a, b) for a, b in zip(initial, stack.parameters(), strict=True))
    assert list(stages) == [(1, True), (2, False), (3, True)]
    assert not torch.equal(initial[0], stack.weights[0])


def test_a_single_stage_trains_nothing() -> None:
    stack = StackedMLP(20, 8, seeds=(1,), activation="tanh")
    assert list(run(stack, Training(0.1, 32, (0,)), (1,))) == [(0, True)]
