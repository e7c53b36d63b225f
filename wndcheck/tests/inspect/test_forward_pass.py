"""A forward pass leaves the network and torch's generators unchanged; networks and options that cannot be used."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from wndcheck import probe
from wndcheck.tests.inspect.test_left_as_found import Keeps

pytestmark = pytest.mark.usefixtures("one_thread")


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


class Stateful(nn.Module):
    """A network whose forward pass changes buffers and draws random numbers, and that forbids calls of train()."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.fc = nn.Embedding(9, 6, max_norm=0.5), nn.Linear(6, 4)
        self.norm, self.frozen = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("unset", None)
        self.register_buffer("links", torch.eye(4).to_sparse())
        self.fail = False
        self.frozen.eval()
        self.fc.weight.requires_grad_(False)

    def train(self, mode: bool = True) -> Stateful:
        raise AssertionError("train() folds weights in some networks: it must not be called")

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.count = self.count * 2
        self.unset = x
        y = self.norm(self.fc(self.words(x)) + torch.randn(4))
        if self.fail:
            raise RuntimeError("out of luck")
        return self.frozen(y)


def dense(tensor: Tensor) -> Tensor:
    return tensor.to_dense() if tensor.is_sparse else tensor


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("when", ["pre", "post"])
def test_the_network_is_unchanged(fail: bool, when: str) -> None:
    net, x = Stateful(), torch.randint(9, (30,))
    state, modes = copy.deepcopy(net.state_dict()), [m.training for m in net.modules()]
    buffers = {name: id(buffer) for name, buffer in net.named_buffers()}
    grads, drawn = [p.requires_grad for p in net.parameters()], torch.get_rng_state()
    net.fail = fail
    if fail or when == "post":
        with pytest.raises(ValueError, match="out of luck" if fail else "does not go|goes to 'norm'"):
            probe(net, x, "fc", when=when)
    else:
        first, second = probe(net, x), probe(net, x)
        np.testing.assert_array_equal(first["fc"], second["fc"])
    assert net.state_dict().keys() == state.keys()
    assert all(torch.equal(dense(value), dense(state[name])) for name, value in net.state_dict().items())
    assert {name: id(buffer) for name, buffer in net.named_buffers()} == buffers
    assert net.unset is None
    assert [m.training for m in net.modules()] == modes
    assert [p.requires_grad for p in net.parameters()] == grads
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_a_loader_is_seeded_and_torchs_generator_is_unchanged() -> None:
    net, loader = mlp(), DataLoader(TensorDataset(torch.randn(40, 6)), batch_size=8, shuffle=True)
    drawn = torch.get_rng_state()
    first, again, other = (probe(net, loader, "0", random_state=seed)["0"] for seed in (1, 1, 2**100 + 2))
    assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(np.sort(first, axis=0), np.sort(other, axis=0), atol=1e-6)


class PartlyTraced(nn.Module):
    """A network with a traced part."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # tracing is deprecated, but traced networks exist
            self.part = torch.jit.trace(part, torch.zeros(2, 6))


@pytest.mark.parametrize(
    ("model", "x", "options", "error", "message"),
    [
        (mlp, torch.zeros(4, 7), {}, ValueError, r"the model failed on a batch of \(2, 7\) float32 \(RuntimeError: "),
        (
            mlp,
            torch.zeros(0, 6),
            {},
            ValueError,
            r"input 'input' has shape \(0, 6\): expected samples along its first axis",
        ),
        (mlp, torch.zeros(()), {}, ValueError, r"input 'input' has shape \(\): expected samples"),
        (mlp, torch.zeros(4, 6), {"when": "during"}, ValueError, "when='during': expected 'pre' or 'post'"),
        (mlp, torch.zeros(4, 6), {"positions": 0}, ValueError, "positions=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"batch_size": 0}, ValueError, "batch_size=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"max_samples": 0}, ValueError, "max_samples=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"random_state": -1}, ValueError, "random_state=-1: expected at least 0"),
        (mlp, torch.zeros(4, 6), {"layers": []}, ValueError, "layers is empty: name at least one, such as '0'"),
        (mlp, torch.zeros(4, 6), {"layers": [3]}, TypeError, "layer 3: expected the dotted name of a module"),
        (dict, torch.zeros(4, 6), {}, TypeError, "model is dict: expected a torch.nn.Module"),
        (nn.ReLU, torch.zeros(4, 6), {}, ValueError, "no linear, convolutional or recurrent layer: name the"),
        (lambda: nn.LazyLinear(3), torch.zeros(4, 6), {}, ValueError, "'weight' has no shape yet: run the model once"),
        (
            lambda: nn.LazyBatchNorm1d(affine=False),
            torch.zeros(4, 6),
            {},
            ValueError,
            "'running_mean' has no shape yet",
        ),
        (
            lambda: PartlyTraced(nn.Linear(6, 3)),
            torch.zeros(4, 6),
            {},
            TypeError,
            "model is scripted or traced, and its layers cannot be hooked",
        ),
        (lambda: nn.Linear(6, 3, device="meta"), torch.zeros(4, 6), {}, ValueError, "'weight' is on the meta device"),
    ],
)
def test_unusable_networks_and_options_raise(
    model: Callable[[], Any], x: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        probe(model(), x, **options)


def test_networks_that_call_view_take_transposed_inputs() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x.view(len(x), 6))

    net, x = Views(), torch.randn(3, 2, 30).permute(2, 1, 0)
    found = probe(net, x, batch_size=30)["fc"]
    np.testing.assert_allclose(found, net.fc(x.reshape(30, 6)).detach().numpy(), atol=1e-6)


def test_tensors_that_are_no_buffers_have_the_precision_too() -> None:
    net, seen = Keeps(lambda net, y: seen.append((y @ net.mixing).dtype), mixing=torch.ones(4, 4)), []
    probe(net, torch.randn(9, 6), dtype="float64")
    assert set(seen) == {torch.float64}
    assert net.mixing.dtype == torch.float32
