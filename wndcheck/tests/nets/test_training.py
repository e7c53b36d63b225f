from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import cross_entropy

from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Activation, Training
from wndcheck.nets.training import BatchOrder, Steps, train
from wndcheck.tests.nets.stacks import sequential

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = (1, 9, 7, 4)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(310, 20, generator=GENERATOR)
LABELS = torch.randint(0, 10, (310,), generator=GENERATOR)
FIFTY_STEPS = Training(0.1, 32, (0, 5))  # ten steps an epoch, the last of them of 22 images
STRETCHES = Training(0.1, 8, (0, 1))  # 39 steps, which are more than a stretch of 25


def run(stack: StackedMLP, training: Training, seeds: tuple[int, ...]) -> Iterator[tuple[float, bool]]:
    return train(Steps(stack, IMAGES, LABELS, training), BatchOrder(seeds, len(IMAGES)), training)


def trained(seeds: tuple[int, ...], activation: Activation, training: Training = FIFTY_STEPS) -> StackedMLP:
    stack = StackedMLP(20, 8, seeds=seeds, activation=activation)
    for _ in run(stack, training, seeds):
        pass
    return stack


@pytest.mark.parametrize(
    ("activation", "training"), [("relu", FIFTY_STEPS), ("tanh", FIFTY_STEPS), ("relu", STRETCHES)]
)
def test_each_member_trains_by_plain_sgd_as_in_a_stack_of_one(activation: Activation, training: Training) -> None:
    stack = trained(SEEDS, activation, training)
    for member, seed in enumerate(SEEDS):
        net = sequential(StackedMLP(20, 8, seeds=(seed,), activation=activation), 0)
        start = [parameter.detach().clone() for parameter in net.parameters()]
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        order = BatchOrder((seed,), len(IMAGES))
        for _ in range(training.stages[-1]):
            for batch in order.epoch()[0].split(training.batch_size):
                optimiser.zero_grad()
                cross_entropy(net(IMAGES[batch]), LABELS[batch]).backward()
                optimiser.step()
        expected = list(net.parameters())
        assert all((a - b).abs().max() > 1e-2 for a, b in zip(start, expected, strict=True))
        found = [p for layer in zip(stack.weights, stack.biases, strict=True) for p in layer]
        for mine, plain in zip(found, expected, strict=True):
            assert (mine[member].T.squeeze() - plain).abs().max() < 1e-5


def test_a_member_that_diverges_does_not_affect_the_others() -> None:
    stack = StackedMLP(20, 8, seeds=SEEDS, activation="relu")
    with torch.no_grad():
        for weight in stack.weights:
            weight[1] *= 1e20
    for _ in run(stack, FIFTY_STEPS, SEEDS):
        pass
    assert not stack.weights[0][1].isfinite().all()
    for many, one in zip(stack.parameters(), trained(SEEDS, "relu").parameters(), strict=True):
        assert (many[[0, 2, 3]] - one[[0, 2, 3]]).abs().max() < 1e-5


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


def test_a_long_epoch_yields_between_stretches() -> None:
    stack = StackedMLP(20, 8, seeds=(1,), activation="tanh")
    # 78 steps of four images: three stretches of 25 steps, and three steps more.
    found = list(run(stack, Training(0.1, 4, (0, 2)), (1,)))
    shares = [(100 / 310, False), (200 / 310, False), (300 / 310, False)]
    second = [(1 + share, is_stage) for share, is_stage in shares]
    assert found == [(0, True), *shares, (1, False), *second, (2, True)]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("done", [1, 2, 4])
def test_resumed_training_gives_the_same_bits(done: int, activation: Activation) -> None:
    stages = Training(0.1, 32, (0, 2, 5))
    first, order = StackedMLP(20, 8, seeds=SEEDS, activation=activation), BatchOrder(SEEDS, len(IMAGES))
    for epochs, _ in train(Steps(first, IMAGES, LABELS, stages), order, stages):
        if epochs == done:
            break
    kept = {name: value.clone() for name, value in first.state_dict().items()}, order.state.clone()
    second = StackedMLP(20, 8, seeds=(5, 6, 8, 2), activation=activation)  # whatever they were before
    order = BatchOrder((5, 6, 8, 2), len(IMAGES))
    order.epoch()
    second.load_state_dict(kept[0])
    order.state = kept[1]
    resumed = list(train(Steps(second, IMAGES, LABELS, stages), order, stages, done=done))
    assert resumed == [(float(epoch), epoch in (2, 5)) for epoch in range(done + 1, 6)]
    for mine, through in zip(second.parameters(), trained(SEEDS, activation).parameters(), strict=True):
        assert torch.equal(mine, through)


def test_training_that_is_done_yields_nothing() -> None:
    stack = StackedMLP(20, 8, seeds=(1,), activation="tanh")
    steps = Steps(stack, IMAGES, LABELS, FIFTY_STEPS)
    assert list(train(steps, BatchOrder((1,), len(IMAGES)), FIFTY_STEPS, done=5)) == []


def test_the_state_of_an_order_determines_its_draws() -> None:
    order, other = BatchOrder(SEEDS, 100), BatchOrder((5, 6, 8, 2), 100)
    order.epoch()
    state = order.state
    assert (state.dtype, state.shape[0]) == (torch.uint8, 4)
    drawn = [order.epoch(), order.epoch()]
    for states in (state, torch.from_numpy(state.numpy().copy())):  # as it comes out of a file
        other.state = states
        assert [torch.equal(a, other.epoch()) for a in drawn] == [True, True]


def test_the_state_of_an_order_of_other_members_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        BatchOrder(SEEDS, 100).state = BatchOrder((1, 2), 100).state
