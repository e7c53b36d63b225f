"""probe against direct computation, and the model as it was."""

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

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 2), nn.Flatten(), nn.Linear(27, 2)
    )


class Odd(nn.Module):
    """Layers that cannot be measured, each in its way."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.never, self.nan, self.fine = (nn.Linear(4, 4) for _ in range(4))
        self.recurrent = nn.LSTM(4, 4, batch_first=True)
        self.mixed, self.functional, self.normed = (nn.Linear(4, 4) for _ in range(3))
        self.norm, self.integers = nn.LayerNorm(4), nn.Identity()
        self.scalar, self.relu = nn.Identity(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fine(self.twice(self.twice(x)))
        y = y + self.recurrent(x[:, None])[0][:, 0]
        y = y + self.mixed(x.repeat_interleave(3, 0))[: len(x)] + torch.relu(self.functional(x))
        y = y + self.relu(self.norm(self.normed(x)))
        self.integers((x > 0).long())
        self.scalar(x.sum())
        self.nan(y / torch.where(y[:, :1] > y[:, :1].median(), 1.0, torch.nan))
        return y


def test_pre_activations_are_the_layers_outputs() -> None:
    net, x = mlp(), torch.randn(50, 6)
    found = probe(net, x)
    net.eval()
    assert list(found) == ["0", "3", "5"]
    with torch.no_grad():
        for name, depth in (("0", 1), ("3", 4), ("5", 6)):
            np.testing.assert_allclose(found[name], net[:depth](x).numpy(), atol=1e-6)
    assert all(z.dtype == np.float32 and z.flags.owndata | (z.base is not None) for z in found.values())
    assert found.left_out == {}


def test_post_activations_are_those_of_the_module_that_follows() -> None:
    net, x = mlp(), torch.randn(50, 6)
    found = probe(net, x, when="post")
    net.eval()
    with torch.no_grad():
        np.testing.assert_allclose(found["0"], net[:2](x).numpy(), atol=1e-6)
        np.testing.assert_allclose(found["3"], net[:5](x).numpy(), atol=1e-6)
    assert list(found) == ["0", "3"]
    assert list(found.left_out) == ["5"]
    assert found.reached == ("0", "3", "5")


def test_an_activation_that_works_in_place_does_not_change_what_comes_before_it() -> None:
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True))
    x = torch.randn(20, 6)
    z = net[0](x).detach().numpy()
    np.testing.assert_array_equal(probe(net, x, "0")["0"], z)
    np.testing.assert_array_equal(probe(net, x, "0", when="post")["0"], np.maximum(z, 0))
    np.testing.assert_array_equal(probe(net, x, "1", when="post")["1"], np.maximum(z, 0))


def test_one_activation_module_may_follow_several_layers() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.act = nn.Linear(6, 5), nn.Linear(5, 4), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.b(self.act(self.a(x))))

    net, x = Shared(), torch.randn(20, 6)
    found = probe(net, x, when="post")
    with torch.no_grad():
        np.testing.assert_allclose(found["a"], torch.tanh(net.a(x)).numpy(), atol=1e-6)
        np.testing.assert_allclose(found["b"], net(x).numpy(), atol=1e-6)


def test_a_module_of_two_names_is_measured_once_under_its_first() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.attention = nn.Linear(6, 5), nn.MultiheadAttention(5, 1, batch_first=True)
            self.b, self.again = self.a, self.attention

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)[:, None]
            return self.attention(y, y, y)[0]

    net, x = Tied(), torch.randn(20, 6)
    assert set(probe(net, x)) == {"a", *(f"attention.{part}_proj" for part in ("q", "k", "v", "out"))}
    np.testing.assert_array_equal(probe(net, x, "b")["b"], probe(net, x)["a"])


def test_positions_of_an_image_are_drawn_all_channels_at_one_place() -> None:
    net, x = convnet(), torch.randn(40, 2, 6, 6)
    with torch.no_grad():
        maps = net[0](x).flatten(2).movedim(1, 2)  # (samples, positions, channels)
    everywhere = probe(net, x, "0", positions=100)
    assert everywhere.rows_per_sample == {"0": 16}
    np.testing.assert_allclose(everywhere["0"], maps.reshape(-1, 4).numpy(), atol=1e-6)
    some = probe(net, x, "0", positions=3)["0"].reshape(40, 3, 4)
    at = [[int((maps[n] - torch.from_numpy(row)).abs().sum(1).argmin()) for row in rows] for n, rows in enumerate(some)]
    for n, places in enumerate(at):
        assert len(set(places)) == 3, "positions of a sample differ"
        np.testing.assert_allclose(some[n], maps[n, places].numpy(), atol=1e-6)
    assert len({tuple(places) for places in at}) > 10, "every sample has its own"
    # 120 draws from 16 places: each is drawn 7.5 times on average, none at all with probability below 1e-2
    assert {place for places in at for place in places} == set(range(16))


@pytest.mark.parametrize("positions", [1, 3])
def test_batches_may_be_cut_anywhere(positions: int) -> None:
    net, x = convnet(), torch.randn(30, 2, 6, 6)
    whole = probe(net, x, positions=positions)
    for size in (7, 1):
        parts = probe(net, x, positions=positions, batch_size=size)
        assert all(np.allclose(whole[name], parts[name], atol=1e-5) for name in whole)
    assert not np.allclose(whole["0"], probe(net, x, positions=positions, random_state=1)["0"])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("length", [2, 3, 8])
def test_the_axis_of_the_samples_is_found(batch_first: bool, length: int) -> None:
    class Sequences(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x if batch_first else x.transpose(0, 1))

    net, x = Sequences(), torch.randn(8, length, 5)
    with torch.no_grad():
        expected = net.fc(x).reshape(-1, 4).numpy()
    np.testing.assert_allclose(probe(net, x, positions=length, batch_size=3)["fc"], expected, atol=1e-6)


def test_the_axis_of_the_neurons_may_be_given() -> None:
    net, x = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Hardswish(), nn.LayerNorm((4, 6))), torch.randn(9, 3, 6)
    with pytest.raises(ValueError, match=r"layer '1': .*which axis holds the neurons cannot be told; give neuron_axis"):
        probe(net, x, "1")
    with pytest.raises(ValueError, match=r"layer '2'.*give neuron_axis"):
        probe(net, x, "2")
    assert probe(net, x, "1", neuron_axis=1)["1"].shape == (9, 4)
    assert probe(net, x, "1", neuron_axis=-1)["1"].shape == (9, 6)
    with pytest.raises(ValueError, match="axis 0 is not one of neurons; give another neuron_axis"):
        probe(net, x, "1", neuron_axis=0)
    with pytest.raises(ValueError, match="axis 7 is not one of neurons"):
        probe(net, x, "1", neuron_axis=7)


@pytest.mark.parametrize(
    ("layer", "when", "message"),
    [
        ("twice", "pre", "reaches it 2 times: these are not one set of neurons"),
        ("never", "pre", "a forward pass does not reach it"),
        ("recurrent", "pre", "it puts out a tuple: expected one tensor .* name a layer inside it"),
        ("integers", "pre", "it puts out a tensor of int64: expected one tensor of floating-point numbers"),
        ("scalar", "pre", r"it puts out shape \(\) for 2 samples"),
        (
            "mixed",
            "pre",
            r"shape \(6, 4\) for 2 samples and \(9, 4\) for 3: its samples do not have an axis",
        ),
        ("nan", "pre", r"it puts out NaN or infinity in \d+ of 20 rows \(the first: row \d+\)"),
        ("functional", "post", "its output does not go to an activation module"),
        (
            "normed",
            "post",
            r"its output goes to 'norm' \(LayerNorm\), not to an activation module of torch.nn",
        ),
        ("xyz", "pre", "layer 'xyz': the model has none of that name; its layers are twice, never"),
        ("functionl", "pre", r"did you mean functional"),
    ],
)
def test_a_named_layer_that_cannot_be_measured_is_an_error(layer: str, when: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        probe(Odd(), torch.randn(20, 4), layer, when=when)


def test_unnamed_layers_that_cannot_be_measured_are_left_out_with_a_reason() -> None:
    found = probe(Odd(), torch.randn(20, 4))
    assert set(found) == {"fine", "functional", "normed"}
    assert set(found.left_out) == {"twice", "never", "nan", "mixed"}
    assert set(probe(Odd(), torch.randn(20, 4), "norm", when="post")) == {"norm"}


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16, torch.float64])
def test_the_model_runs_in_its_own_precision(half: torch.dtype) -> None:
    net, x = nn.Linear(6, 5).to(half), torch.randn(20, 6)
    found = probe(net, x.numpy())["(model)"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, net(x.to(half)).detach().float().numpy())


class Scripted(nn.Module):
    """Has a part that has been traced."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # tracing goes out of use; traced networks do not yet
            self.part = torch.jit.trace(part, torch.zeros(2, 6))


class Restless(nn.Module):
    """Counts, draws and remembers in its forward pass, and freezes a part whenever train() is called."""

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

    def train(self, mode: bool = True) -> Restless:
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
def test_the_model_is_left_as_it_was(fail: bool, when: str) -> None:
    net, x = Restless(), torch.randint(9, (30,))
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


@pytest.mark.parametrize(
    ("model", "x", "options", "error", "message"),
    [
        (
            mlp,
            torch.zeros(4, 7),
            {},
            ValueError,
            r"the model failed on a batch of \(2, 7\) float32 \(RuntimeError: ",
        ),
        (mlp, torch.zeros(0, 6), {}, ValueError, r"input 0 has shape \(0, 6\): expected samples along its first axis"),
        (mlp, torch.zeros(()), {}, ValueError, r"input 0 has shape \(\): expected samples"),
        (mlp, torch.zeros(4, 6), {"when": "during"}, ValueError, "when='during': expected 'pre' or 'post'"),
        (mlp, torch.zeros(4, 6), {"positions": 0}, ValueError, "positions=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"batch_size": 0}, ValueError, "batch_size=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"max_samples": 0}, ValueError, "max_samples=0: expected at least 1"),
        (mlp, torch.zeros(4, 6), {"random_state": -1}, ValueError, "random_state=-1: expected at least 0"),
        (mlp, torch.zeros(4, 6), {"layers": []}, ValueError, "layers is empty: name at least one, such as '0'"),
        (mlp, torch.zeros(4, 6), {"layers": [3]}, TypeError, "layer 3: expected the dotted name of a module"),
        (dict, torch.zeros(4, 6), {}, TypeError, "model is dict: expected a torch.nn.Module"),
        (nn.ReLU, torch.zeros(4, 6), {}, ValueError, "no linear or convolutional layer: name the layers to measure"),
        (lambda: nn.LazyLinear(3), torch.zeros(4, 6), {}, ValueError, "'weight' has no shape yet: run the model once"),
        (
            lambda: nn.LazyBatchNorm1d(affine=False),
            torch.zeros(4, 6),
            {},
            ValueError,
            "'running_mean' has no shape yet",
        ),
        (
            lambda: Scripted(nn.Linear(6, 3)),
            torch.zeros(4, 6),
            {},
            TypeError,
            "model is scripted or traced, and has no",
        ),
        (lambda: nn.Linear(6, 3, device="meta"), torch.zeros(4, 6), {}, ValueError, "'weight' is on the meta device"),
    ],
)
def test_what_cannot_be_used_is_said(
    model: Callable[[], Any], x: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        probe(model(), x, **options)


def test_a_loaders_draws_are_the_seeds_own_and_leave_torchs_generator() -> None:
    net, loader = mlp(), DataLoader(TensorDataset(torch.randn(40, 6)), batch_size=8, shuffle=True)
    drawn = torch.get_rng_state()
    first, again, other = (probe(net, loader, "0", random_state=seed)["0"] for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), drawn)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(np.sort(first, axis=0), np.sort(other, axis=0), atol=1e-6)


def test_a_layer_that_only_some_batches_reach_is_an_error() -> None:
    class Sometimes(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if x.min() < 0 else x

    with pytest.raises(ValueError, match="layer '0': not every batch reaches it once"):
        probe(Sometimes(nn.Linear(2, 2)), torch.tensor([[-1.0, 0.0]] * 4 + [[1.0, 1.0]] * 4), batch_size=4)


def test_an_output_whose_shape_changes_is_an_error() -> None:
    class Cut(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if len(x) < 4 else x[:3])

    with pytest.raises(ValueError, match=r"layer '0': it puts out shape \(3, 2\) for 8 samples, otherwise"):
        probe(Cut(nn.Linear(2, 2)), torch.randn(8, 2))
