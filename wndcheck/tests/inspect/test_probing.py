"""probe against direct computation: which activations it returns, at which positions, and which layers it refuses."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from wndcheck import probe

pytestmark = pytest.mark.usefixtures("one_thread")


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 2), nn.Flatten(), nn.Linear(27, 2)
    )


class Pair(nn.Module):
    """Returns two tensors."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, 2 * x


class Unmeasurable(nn.Module):
    """A network whose layers cannot be measured, for various reasons."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.never, self.nan, self.fine = (nn.Linear(4, 4) for _ in range(4))
        self.pair = Pair()
        self.mixed, self.functional, self.normed = (nn.Linear(4, 4) for _ in range(3))
        self.norm, self.integers = nn.LayerNorm(4), nn.Identity()
        self.scalar, self.relu = nn.Identity(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.fine(self.twice(self.twice(x)))
        self.pair(x)
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


def test_an_in_place_activation_does_not_change_recorded_pre_activations() -> None:
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


def test_a_module_with_two_names_is_measured_once_under_its_first_name() -> None:
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


def test_all_channels_are_taken_at_the_same_drawn_positions() -> None:
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
def test_results_do_not_depend_on_the_batch_size(positions: int) -> None:
    net, x = convnet(), torch.randn(30, 2, 6, 6)
    whole = probe(net, x, positions=positions)
    for size in (7, 1):
        parts = probe(net, x, positions=positions, batch_size=size)
        assert all(np.allclose(whole[name], parts[name], atol=1e-5) for name in whole)
    assert not np.allclose(whole["0"], probe(net, x, positions=positions, random_state=1)["0"])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("length", [2, 3, 8])
def test_the_axis_of_samples_is_found(batch_first: bool, length: int) -> None:
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


def test_the_axis_of_neurons_may_be_given() -> None:
    net, x = nn.Sequential(nn.Hardswish(), nn.Hardswish(), nn.LayerNorm((4, 6))), torch.randn(9, 4, 6)
    with pytest.raises(ValueError, match=r"layer '1': .*which axis holds the neurons is unknown; give neuron_axis"):
        probe(net, x, "1")
    with pytest.raises(ValueError, match=r"layer '2'.*give neuron_axis"):
        probe(net, x, "2")
    assert probe(net, x, "1", neuron_axis=1)["1"].shape == (9, 4)
    assert probe(net, x, "1", neuron_axis=-1)["1"].shape == (9, 6)
    with pytest.raises(ValueError, match="axis 0 is not an axis of neurons; give another neuron_axis"):
        probe(net, x, "1", neuron_axis=0)
    with pytest.raises(ValueError, match="axis 7 is not an axis of neurons"):
        probe(net, x, "1", neuron_axis=7)


@pytest.mark.parametrize(
    ("layer", "when", "message"),
    [
        ("twice#3", "pre", "layer 'twice#3': a forward pass calls it 2 times"),
        ("fine#2", "pre", "layer 'fine#2': a forward pass calls it once"),
        ("never", "pre", "a forward pass does not reach it"),
        ("pair", "pre", r"its output is a tuple: expected one tensor .* through an nn.Identity\(\) of the network"),
        ("integers", "pre", "its output is a tensor of int64: expected one tensor of floating-point numbers"),
        ("scalar", "pre", r"its output has shape \(\) for 2 samples"),
        ("mixed", "pre", r"shape \(6, 4\) for 2 samples and \(9, 4\) for 3: its samples do not have an axis"),
        ("nan", "pre", r"its output has NaN or infinity in \d+ of 20 rows \(the first: row \d+\)"),
        ("functional", "post", "its output does not go to an activation module"),
        ("normed", "post", r"its output goes to 'norm' \(LayerNorm\), not to an activation module of torch.nn"),
        ("xyz", "pre", "layer 'xyz': the model has none of that name; its layers are twice, never"),
        ("functionl", "pre", r"did you mean functional"),
    ],
)
def test_a_named_layer_that_cannot_be_measured_is_an_error(layer: str, when: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        probe(Unmeasurable(), torch.randn(20, 4), layer, when=when)


def test_inputs_that_are_not_finite_are_named_with_the_outputs() -> None:
    x = torch.randn(40, 4)
    x[[3, 8], 1] = torch.tensor([torch.nan, torch.inf])
    message = r"NaN or infinity in 2 of 40 rows \(the first: row 3\); so have the inputs, in 2 of the samples measured"
    with pytest.raises(ValueError, match=message):
        probe(nn.Linear(4, 8), x)


def test_the_users_default_device_is_left_out_of_it() -> None:
    net, x, labels = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(9, 5, 3), np.arange(9) % 2
    options: dict[str, Any] = {"positions": torch.rand(9, 5) < 2, "max_samples": 6, "batch_size": 4}
    expected = probe(net, x, groups=labels, **options)
    with torch.device("meta"):
        given = probe(net, x, groups=labels, **options | {"positions": np.ones((9, 5), bool)})
        of_data_set = probe(net, TensorDataset(x), max_samples=6)
    assert given.groups is not None
    np.testing.assert_array_equal(given.groups, expected.groups)
    for name, rows in expected.items():
        np.testing.assert_array_equal(given[name], rows)
    assert list(of_data_set) == list(expected)


def test_default_layers_that_cannot_be_measured_are_left_out_with_a_reason() -> None:
    found = probe(Unmeasurable(), torch.randn(20, 4))
    assert set(found) == {"twice#1", "twice#2", "fine", "functional", "normed"}
    assert set(found.left_out) == {"never", "nan", "mixed"}
    assert set(probe(Unmeasurable(), torch.randn(20, 4), "norm", when="post")) == {"norm"}


class Varying(nn.Module):
    """Some layers are called for batches with negative numbers only, or once more."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.skipped, self.more, self.cut, self.twice = (nn.Linear(4, 3) for _ in range(5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has no weights to initialise
            self.none = nn.Linear(4, 0)

    def forward(self, x: Tensor) -> Tensor:
        self.none(x), self.twice(x), self.twice(x), self.more(x)
        self.cut(x if x.min() < 0 else x[1:])
        if x.min() < 0:
            self.skipped(x)
        else:
            self.more(x), self.twice(x)
        return self.fine(x)


def test_default_layers_that_differ_between_batches_are_left_out_with_a_reason() -> None:
    net, x = Varying(), torch.cat([-torch.rand(8, 4), torch.rand(12, 4)])
    found = probe(net, x, batch_size=4)
    assert list(found) == ["fine"]
    np.testing.assert_allclose(found["fine"], net.fine(x).detach(), atol=1e-6)
    reasons = {
        "skipped": "not every batch reaches it",
        "more": "a forward pass calls it 1 or 2 times, depending on the inputs",
        "twice": "a forward pass calls it 2 or 3 times, depending on the inputs",
        "cut": "its output has shape (3, 3) for 4 samples, unlike in the trial passes",
        "none": "its output has shape (2, 0) for 2 samples and (3, 0) for 3: it holds no numbers",
    }
    assert found.left_out.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert found.left_out[name].startswith(reason)
        with pytest.raises(ValueError, match=re.escape(f"layer '{name}': {reason}")):
            probe(net, x, ["fine", name], batch_size=4)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16, torch.float64])
def test_the_model_runs_in_its_own_precision(half: torch.dtype) -> None:
    net, x = nn.Linear(6, 5).to(half), torch.randn(20, 6)
    found = probe(net, x.numpy())["(model)"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, net(x.to(half)).detach().float().numpy())


class Stored(nn.Module):
    """A linear layer whose weight is stored in eight bits and used in another precision."""

    def __init__(self, used: torch.dtype | None) -> None:
        super().__init__()
        self.stored = nn.Parameter(torch.randn(5, 6).to(torch.float8_e4m3fn), requires_grad=False)
        self.scale = None if used is None else nn.Parameter(torch.ones(5, dtype=used))
        self.out = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = x @ self.stored.to(x.dtype).T
        return self.out(y if self.scale is None else y * self.scale)


@pytest.mark.parametrize("used", [None, torch.float32, torch.bfloat16])
def test_inputs_are_not_rounded_to_the_eight_bits_of_a_stored_weight(used: torch.dtype | None) -> None:
    net, x = Stored(used), torch.randn(60, 6)
    found = probe(net, x, "out")
    np.testing.assert_array_equal(found["out"], net(x.to(used or torch.float32)).detach().float().numpy())
    assert [word.startswith("the network is in bfloat16") for word in found.inputs] == [True] * (used == torch.bfloat16)


class Conditional(nn.Sequential):
    """Skips its layer for a batch without negative numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.min() < 0 else x


class Truncating(nn.Sequential):
    """Drops all but three samples of a large batch."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if len(x) < 4 else x[:3])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Conditional, "layer '0': not every batch reaches it; name layers that all"),
        (Truncating, r"layer '0': its output has shape \(3, 2\) for 4 samples, unlike"),
    ],
)
def test_a_layer_that_differs_between_batches_is_an_error(kind: type[nn.Sequential], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        probe(kind(nn.Linear(2, 2)), torch.tensor([[-1.0, 0.0]] * 4 + [[1.0, 1.0]] * 4), batch_size=4)


class Gated(nn.Module):
    """Sends the samples of small inputs through an expert."""

    def __init__(self) -> None:
        super().__init__()
        self.expert, self.out = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[x[:, 0] < 0.5] = self.expert(x[x[:, 0] < 0.5])
        return self.out(y)


def test_an_expert_that_a_batch_does_not_need_is_left_out() -> None:
    net, x = Gated(), torch.cat([torch.zeros(60, 6), torch.ones(60, 6)]) + torch.rand(120, 6) / 4
    found = probe(net, x, batch_size=60)
    np.testing.assert_allclose(found["out"], net(x).detach(), atol=1e-5)
    assert found.left_out["expert"].startswith("its output has shape (0, 6) for 60 samples, unlike in the trial passes")
