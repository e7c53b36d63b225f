"""Activations after a layer: by modules, through batch normalization and dropout, and by functions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wndcheck import dependence_score, probe
from wndcheck.tests.inspect.by_hand import FEW, assert_measured

pytestmark = pytest.mark.usefixtures("one_thread")


class Functional(nn.Module):
    """A network that applies its activation by a function, after batch normalization and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.bn, self.dropout, self.fc2 = nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.fc2(F.relu(self.dropout(self.bn(self.fc1(x))))))


def trained(net: nn.Module, x: Tensor) -> nn.Module:
    """The network with the statistics of its batch normalization taken from x, in evaluation mode."""
    net(x)
    return net.eval()


def test_post_activations_through_batch_normalization_and_dropout() -> None:
    x = 3 * torch.randn(60, 6) + 1
    net = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.ELU(inplace=True), nn.Linear(5, 4))
    trained(net, x)
    assert_measured(net, x, {"0": net[:4](x)}, when="post")
    assert_measured(net, x, {"0": net[:4](x), "1": net[:4](x)}, ["0", "1"], when="post")


def test_an_activation_given_as_a_function() -> None:
    x = 3 * torch.randn(60, 6) + 1
    net = trained(Functional(), x)
    expected = {"fc1": net.bn(net.fc1(x)).relu(), "fc2": net(x)}
    for function in (torch.relu, torch.relu_, lambda z: z.clamp(min=0)):
        assert_measured(net, x, expected, activation=function)
    assert dependence_score(net, x.repeat(4, 1), activation=torch.relu, **FEW).meta["activation"] == "relu"
    with pytest.raises(ValueError, match=r"'fc1': .* goes to 'dropout' \(Dropout\), not .* activation=torch.relu; or"):
        probe(net, x, "fc1", when="post")


def silu(x: Tensor) -> Tensor:
    """An activation of several operations."""
    return x * x.sigmoid()


def test_only_layers_whose_activation_the_network_computes_are_measured() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.bn, self.head = (
                nn.Linear(6, 6),
                nn.Linear(6, 5),
                nn.BatchNorm1d(5),
                nn.Linear(5, 3),
            )

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc2(x + silu(self.fc1(x)))
            return self.head(self.bn(y) + silu(y))

    x = torch.randn(60, 6)
    for mean in (0.0, 1.0):  # 0 leaves what it normalizes nearly as it is
        net = Branches().eval()
        net.bn.running_mean.fill_(mean)
        assert_branches(net, x)


def assert_branches(net: Any, x: Tensor) -> None:
    hidden = net.fc2(x + silu(net.fc1(x)))
    expected = {"fc1": silu(net.fc1(x)), "fc2": silu(hidden)}  # not silu(bn(…)), although fc2 goes to bn, too
    for function in (F.silu, lambda z: F.silu(z, inplace=True)):
        assert_measured(net, x, expected, activation=function)
    assert list(probe(net, x, activation=F.silu).left_out) == ["head"]
    with pytest.raises(ValueError, match=r"layer 'head': the network does not compute the given activation"):
        probe(net, x, "head", activation=F.silu)
    for other in (torch.relu, torch.tanh):
        with pytest.raises(ValueError, match=r"layer 'fc1': the network does not compute the given activation"):
            probe(net, x, activation=other)
    with pytest.raises(ValueError, match="the network does not compute the given activation"):
        probe(nn.Sequential(nn.Linear(6, 5), nn.ReLU()), x, activation=torch.tanh)


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        (F.glu, ValueError, r"activation failed on layer 'fc1' \(RuntimeError: Halving dimension must be even"),
        (torch.mean, ValueError, r"returned shape \(\) for layer 'fc1': expected a tensor of its shape, \(2, 5\)"),
        (lambda z: z.numpy(), ValueError, "returned a ndarray for layer 'fc1'"),
        ("relu", TypeError, "activation='relu': expected a function, such as torch.relu"),
        (nn.ReLU, TypeError, "expected a function, such as torch.relu"),
    ],
)
def test_an_unusable_activation_is_refused(activation: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        probe(Functional(), torch.randn(60, 6), activation=activation)


def test_an_output_that_goes_to_two_activations_is_refused() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.tanh, self.gate = nn.Linear(3, 4), nn.Tanh(), nn.Sigmoid()

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(x)
            return self.tanh(y) * self.gate(y)

    net, x = Gated(), torch.randn(60, 3)
    with pytest.raises(ValueError, match="layer 'fc': its output goes to several activation modules; name the one"):
        probe(net, x, when="post")
    assert_measured(net, x, {"gate": net.fc(x).sigmoid()}, "gate", when="post")
