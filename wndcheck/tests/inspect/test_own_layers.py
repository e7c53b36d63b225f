"""Layers that derive from none of torch.nn, found by what they do, and modules that are none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wndcheck import probe
from wndcheck.tests.inspect.by_hand import assert_measured

pytestmark = pytest.mark.usefixtures("one_thread")

TOKENS = torch.arange(60 * 5).reshape(60, 5) * 7 % 30


class OwnLinear(nn.Module):
    """A linear layer that derives from none of torch's."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_out, n_in))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...i,oi->...o", x, self.w)


class OwnProjection(nn.Module):
    """The same with inputs along the first axis of its weights."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_in, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


class OwnConv(nn.Module):
    """A convolution that derives from none of torch's."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(n_out, n_in, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel)


class Scale(nn.Module):
    """A weight for each neuron, which is no layer."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(n, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def test_layers_that_derive_from_none_of_torchs_are_found_by_what_they_do() -> None:
    net = nn.Sequential(OwnConv(2, 4), Scale(4), nn.ReLU(), nn.Flatten(), OwnLinear(36, 5))
    x = torch.randn(60, 2, 5, 5)  # the output is as large as the kernel
    assert_measured(net, x, {"0": net[0](x).flatten(2).transpose(1, 2), "4": net(x)})
    for single in (OwnLinear(5, 3), OwnLinear(5, 5), OwnProjection(5, 3)):
        assert_measured(single, x, {"(model)": single(x).flatten(1, 2)})


class Lookup(nn.Module):
    """An embedding that derives from none of torch's: integers go in."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(30, 4))

    def forward(self, ids: Tensor) -> Tensor:
        return self.table[ids]


class Prototypes(nn.Module):
    """Has weights of its own, and returns something that does not have their size."""

    def __init__(self) -> None:
        super().__init__()
        self.out_features, self.centres = 7, nn.Parameter(torch.randn(7, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cdist(x, self.centres).min(-1).values


class Shortcut(nn.Module):
    """Says how many outputs it has, and has no weights."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.out_features = out_features

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, self.out_features - x.shape[-1]))


class OwnEmbedding(nn.Embedding):
    """Derives from a class that is not measured by default."""


def test_modules_with_weights_that_are_no_layers_are_not_measured_by_default() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.more = Lookup(), OwnEmbedding(30, 4)
            self.fc, self.prototypes, self.shortcut = nn.Linear(4, 3), Prototypes(), Shortcut(6)

        def forward(self, ids: Tensor) -> Tensor:
            y = self.words(ids) + self.more(ids)
            self.fc(y)
            self.shortcut(y)
            return self.prototypes(y)

    net = Net()
    found = probe(net, TOKENS)
    assert list(found) == ["fc"]
    assert found.left_out == {}
    assert found.reached == ("fc",)
    words = net.words(TOKENS)
    assert_measured(net, TOKENS, {"words": words}, "words")
    assert_measured(net, TOKENS, {"shortcut": net.shortcut(words + net.more(TOKENS))}, "shortcut", neuron_axis=-1)


class Adapted(nn.Module):
    """A linear layer with an adapter of low rank, as LoRA has it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.down, self.up = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) + x @ self.down @ self.up


def test_a_module_with_weights_of_its_own_and_layers_inside_is_no_layer_by_default() -> None:
    net, x = Adapted(), torch.randn(60, 5, 3)
    assert_measured(net, x, {"fc": net.fc(x)})
    assert_measured(net, x, {"(model)": net(x)}, "(model)")


class Positions(nn.Module):
    """Adds a parameter of the output's own shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.added = nn.Parameter(torch.randn(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.added[..., : x.shape[-2], :]


@pytest.mark.parametrize("shape", [(5, 4), (1, 5, 4), (1, 9, 4)])
def test_a_module_that_adds_a_parameter_is_no_layer_by_default(shape: tuple[int, ...]) -> None:
    net, x = nn.Sequential(nn.Linear(3, 4), Positions(*shape), nn.Linear(4, 2)), torch.randn(60, 5, 3)
    found = probe(net, x)
    assert (list(found), found.left_out) == (["0", "2"], {})
    assert_measured(net, x, {"1": net[:2](x)}, "1")
    assert list(probe(net, x[:, :1])) == ["0", "2"]


def test_a_parameter_of_the_shape_of_an_image_is_no_layer_by_default() -> None:
    net, x = nn.Sequential(nn.Conv2d(2, 4, 3), Positions(4, 3, 3)), torch.randn(60, 2, 5, 5)
    found = probe(net, x)
    assert (list(found), found.left_out) == (["0"], {})


def test_an_own_layer_whose_axis_is_unclear_is_left_out_with_a_remark() -> None:
    net, x = nn.Sequential(OwnConv(2, 4), nn.Flatten(), nn.Linear(64, 3)), torch.randn(60, 2, 6, 6)
    found = probe(net, x)  # the first output has as many channels as rows and columns
    assert list(found) == ["2"]
    assert "which axis holds the neurons is unknown; give neuron_axis" in found.left_out["0"]
    assert found.reached == ("0", "2")
    assert list(probe(net, x, neuron_axis=1)) == ["0", "2"]


def test_a_layer_before_does_not_tell_the_axis_of_an_own_layer() -> None:
    net, x = nn.Sequential(nn.Conv2d(3, 2, 1), OwnConv(2, 4)), torch.randn(60, 3, 4, 9)
    found = probe(net, x)  # the second output, (4, 2, 7), has two rows, and the layer before it two channels
    assert list(found) == ["0"]
    assert "which axis holds the neurons is unknown" in found.left_out["1"]
