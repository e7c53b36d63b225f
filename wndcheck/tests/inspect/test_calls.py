"""Layers that a forward pass calls several times: each call is measured by its number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wndcheck import probe
from wndcheck.tests.inspect.by_hand import assert_measured

pytestmark = pytest.mark.usefixtures("one_thread")


class Loop(nn.Module):
    """Runs a cell along a sequence."""

    def __init__(self, kind: type[nn.RNNCellBase]) -> None:
        super().__init__()
        self.cell = kind(3, 4)

    def states(self, x: Tensor) -> list[Tensor]:
        state, found = None, []
        for step in x.unbind(1):
            state = self.cell(step, state)
            found.append(state[0] if isinstance(state, tuple) else state)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return self.states(x)[-1]


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell])
def test_each_step_of_a_cell_in_a_loop_is_a_call(kind: type[nn.RNNCellBase]) -> None:
    net, x = Loop(kind), torch.randn(60, 3, 3)
    steps = net.states(x)
    assert_measured(net, x, {f"cell#{i}": step for i, step in enumerate(steps, start=1)})
    assert_measured(net, x, {"cell#1": steps[0], "cell#3": steps[2]}, ["cell#3", "cell#1"])
    long = torch.randn(40, 25, 3)
    with pytest.raises(ValueError, match=r"'cell': a forward pass calls it 25 times; name the calls .* 'cell#25'"):
        probe(net, long)
    assert len(probe(net, long, "cell")) == 25
    assert list(probe(net, long, ["cell#25", "cell"]))[-1] == "cell#25"


class Residual(nn.Module):
    """A block of a ResNet, whose activations share one module."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.bn1, self.bn2 = (nn.BatchNorm2d(channels) for _ in range(2))
        self.relu = nn.ReLU(inplace=True)

    def inner(self, x: Tensor) -> Tensor:
        return self.relu(self.bn1(self.conv1(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn2(self.conv2(self.inner(x))) + x)


def test_activations_that_share_a_module() -> None:
    net, x = Residual(4), torch.randn(60, 4, 4, 4)
    net.eval()
    first, second = (z.flatten(2).transpose(1, 2) for z in (net.inner(x), net(x)))
    assert_measured(net, x, {"relu#1": first, "relu#2": second}, "relu")
    assert_measured(net, x, {"relu#2": second}, "relu#2")
    assert_measured(net, x, {"conv1": first}, "conv1", when="post")  # through its batch normalization
    with pytest.raises(ValueError, match=r"layer 'conv2': its output goes to 'bn2' \(BatchNorm2d\), not to an activ"):
        probe(net, x, "conv2", when="post")  # the sum with x goes to the activation
    with pytest.raises(ValueError, match=r"layer 'relu#3': a forward pass calls it 2 times"):
        probe(net, x, "relu#3")


class Albert(nn.Module):
    """Passes through the same block three times."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = x + self.block(x)
        return x


def test_a_shared_block() -> None:
    net, x = Albert(), torch.randn(60, 5, 4)
    inputs = [x]
    for _ in range(2):
        inputs.append(inputs[-1] + net.block(inputs[-1]))
    outer = {f"block.0#{i}": net.block[0](z) for i, z in enumerate(inputs, start=1)}
    inner = {f"block.2#{i}": net.block(z) for i, z in enumerate(inputs, start=1)}
    ordered = {name: (outer | inner)[name] for i in (1, 2, 3) for name in (f"block.0#{i}", f"block.2#{i}")}
    assert_measured(net, x, ordered)
    assert_measured(net, x, {"block.0#2": F.gelu(ordered["block.0#2"])}, "block.0#2", activation=F.gelu)
    assert_measured(net, x, {"block.0#2": F.gelu(ordered["block.0#2"])}, "*.0#2", when="post")


class Siamese(nn.Module):
    """Compares two inputs by one encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 4)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return (self.encoder(left) * self.encoder(right)).sum(1)


def test_an_encoder_of_two_inputs() -> None:
    net, left, right = Siamese(), torch.randn(60, 3), torch.randn(60, 3)
    assert_measured(net, (left, right), {"encoder#1": net.encoder(left), "encoder#2": net.encoder(right)})


class Adaptive(nn.Module):
    """Calls its layer once more for batches with a large value."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        return self.head(self.fc(y) if x.max() > 10 else y)


def test_calls_that_depend_on_the_inputs_are_refused() -> None:
    net, x = Adaptive(), torch.randn(60, 3)
    x[40] = 11
    with pytest.raises(ValueError, match=r"'fc': a forward pass calls it 1 or 2 times, depending on .* 'fc#1'"):
        probe(net, x, ["fc", "head"], batch_size=30)
    assert list(probe(net, x, batch_size=30)) == ["head"]
    assert_measured(net, x, {"fc#1": net.fc(x)}, "fc#1", batch_size=30)
    x[2] = 11  # of the trial passes, the one with three samples only
    with pytest.raises(ValueError, match=r"'fc': a forward pass calls it 1 or 2 times, depending on"):
        probe(net, x, ["fc", "head"])
    with pytest.raises(ValueError, match="'fc#2': a forward pass calls it once"):  # as one of them does
        probe(net, x, ["fc#2", "head"])
