"""Speed of training stacked nets compared with a plain torch loop over nets, on the same images and one thread.

The rows of a group train the same nets, so the number in brackets is the time relative to the fastest.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from wndcheck.devices import prepare, visible_gpus
from wndcheck.nets import training
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Training
from wndcheck.nets.stacks import Stack
from wndcheck.nets.training import STRETCH, BatchOrder, GraphedSteps, Steps, steps_on, train

pytestmark = pytest.mark.usefixtures("one_thread")

BATCH, RATE = 32, 0.001  # on random images, a higher rate amplifies rounding errors
EPOCH = Training(RATE, BATCH, (0, 1))
needs_cuda = pytest.mark.skipif(not visible_gpus(), reason="no CUDA device")


def images(count: int, inputs: int, device: str) -> tuple[Tensor, Tensor]:
    """Random images and labels."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, inputs, generator=generator)
    return x.to(device), torch.randint(0, 10, (count,), generator=generator).to(device)


def stacked(steps: Steps, seeds: tuple[int, ...]) -> Stack:
    """Train all nets at once for one epoch."""
    for _ in train(steps, BatchOrder(seeds, len(steps.images)), EPOCH):
        pass
    steps.synchronize()
    return steps.stack


def one_by_one(steps: Steps, seeds: tuple[int, ...]) -> list[nn.Sequential]:
    """Train one net after the other for one epoch, as a plain script does."""
    nets = [sequential(steps.stack, member) for member in range(len(seeds))]
    x, labels = steps.images, steps.labels
    for net, seed in zip(nets, seeds, strict=True):
        optimiser = torch.optim.SGD(net.parameters(), lr=RATE)
        for batch in BatchOrder((seed,), len(x)).epoch()[0].to(x.device).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(net(x[batch]), labels[batch]).backward()
            optimiser.step()
    if x.is_cuda:
        torch.cuda.synchronize()
    return nets


def sequential(stack: Stack, member: int) -> nn.Sequential:
    """One of the stack's initial nets as plain torch layers."""
    layers: list[nn.Module] = []
    for weight in stack.weights:
        linear = nn.Linear(*weight.shape[1:], device=weight.device)
        linear.weight.data = weight.data[member].T.contiguous()
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


METHODS = {"stacked, graphs": GraphedSteps, "stacked": Steps, "one by one": Steps}
MLPS = [
    *[pytest.param("cpu", 50, method, 4000) for method in ("stacked", "one by one")],
    *[
        pytest.param("cuda", width, method, 20_000, marks=needs_cuda)
        for width in (20, 50, 100, 200)
        for method in METHODS
    ],
]


@pytest.mark.parametrize(("device", "width", "method", "count"), MLPS)
def test_eight_perceptrons(benchmark, device, width, method, count):
    benchmark.group = f"an epoch of 8 perceptrons of N = {width} on {device}, {count} images, batches of {BATCH}"
    x, labels = images(count, 784, str(prepare(device)))
    seeds = tuple(range(8))

    def fresh(images: int = count) -> tuple[Steps, tuple[int, ...]]:
        """Untrained nets. A CUDA graph is captured once for all epochs; its capture is not timed."""
        stack = StackedMLP(784, width, seeds=seeds, activation="relu").to(device)
        return METHODS[method](stack, x[:images], labels[:images], EPOCH), seeds

    work = one_by_one if method == "one by one" else stacked
    work(*fresh())
    benchmark.pedantic(work, setup=lambda: (fresh(), {}), rounds=3)
    benchmark.extra_info["images a second"] = round(8 * count / benchmark.stats.stats.min)
    few = 30 * BATCH  # as many steps as a graph holds, and some more
    found, expected = stacked(*fresh(few)), one_by_one(*fresh(few))
    for member, net in enumerate(expected):
        torch.testing.assert_close(found.weights[0][member].T, net[0].weight, rtol=0, atol=1e-4)


@pytest.mark.parametrize("at_once", ["in blocks", "whole"])
@pytest.mark.parametrize(("width", "members"), [(16, 250), (64, 250), (128, 125)])
def test_an_ensemble_on_a_cpu(benchmark, width, members, at_once, monkeypatch):
    """As many members at once as the caches hold, or all of the stack at every step."""
    benchmark.group = f"{STRETCH} steps of {members} perceptrons of N = {width}, batches of {BATCH}"
    if at_once == "whole":
        monkeypatch.setattr(training, "CACHE", 1e12)
    x, labels = images(20_000, 784, "cpu")
    stack = StackedMLP(784, width, seeds=range(members), activation="relu")
    steps = Steps(stack, x, labels, EPOCH)
    assert (len(steps.blocks) == 1) == (at_once == "whole")
    benchmark.pedantic(steps.run, (torch.randint(len(x), (members, STRETCH * BATCH)),), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
@pytest.mark.parametrize("method", ["stacked", "one by one"])
def test_four_convnets(benchmark, device, method):
    count = 96 if device == "cpu" else 5000
    benchmark.group = f"an epoch of 4 convnets of N = 50 on {device}, {count} images, batches of {BATCH}"
    x, labels = images(count, 3072, str(prepare(device)))
    stacks = [(0, 1, 2, 3)] if method == "stacked" else [(0,), (1,), (2,), (3,)]

    def fresh():
        nets = [StackedConvNet(50, seeds=seeds, activation="relu").to(device) for seeds in stacks]
        return ([steps_on(stack, x, labels, EPOCH) for stack in nets],), {}

    def work(steps):
        return [stacked(*one) for one in zip(steps, stacks, strict=True)]

    work(*fresh()[0])
    found = benchmark.pedantic(work, setup=fresh, rounds=3)
    benchmark.extra_info["images a second"] = round(4 * count / benchmark.stats.stats.min)
    assert [stack.members for stack in found] == [len(seeds) for seeds in stacks]
