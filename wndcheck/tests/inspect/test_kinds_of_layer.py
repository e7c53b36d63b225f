"""Kinds of layers in people's networks, one test each: measured as taken by hand, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from wndcheck import probe
from wndcheck.tests.inspect.by_hand import assert_measured

pytestmark = pytest.mark.usefixtures("one_thread")


class Recurrent(nn.Module):
    """Classifies sequences by the last step of a recurrent layer."""

    def __init__(self, kind: type[nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.rnn = kind(3, 4, **options)
        self.fc = nn.Linear(8 if self.rnn.bidirectional else 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_output_sequence_of_a_recurrent_layer(kind: type[nn.RNNBase]) -> None:
    net, x = Recurrent(kind, batch_first=True), torch.randn(60, 6, 3)
    assert_measured(net, x, {"rnn": net.rnn(x)[0], "fc": net(x)})


def test_both_directions_of_a_recurrent_layer_and_samples_on_the_second_axis() -> None:
    net, x = nn.LSTM(3, 4, num_layers=2, bidirectional=True), torch.randn(60, 6, 3)

    class Transposed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = net

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x.transpose(0, 1))[1][0]

    expected = net(x.transpose(0, 1))[0].transpose(0, 1)
    assert expected.shape == (60, 6, 8)
    assert_measured(Transposed(), x, {"rnn": expected})


def test_a_recurrent_layer_is_after_its_own_activation() -> None:
    net, x = Recurrent(nn.GRU, batch_first=True), torch.randn(60, 6, 3)
    assert_measured(net, x, {"rnn": net.rnn(x)[0]}, "rnn", when="post")
    assert_measured(net, x, {"rnn": net.rnn(x)[0]}, activation=torch.relu)


class Packed(nn.Module):
    """Runs an LSTM on a packed sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.fc = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        lengths = torch.full((len(x),), x.shape[1])
        lengths[0] -= 1
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.fc(pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0])


def test_a_packed_sequence_is_refused() -> None:
    net, x = Packed(), torch.randn(60, 6, 3)
    with pytest.raises(ValueError, match=r"layer 'rnn': its output is a packed sequence.* or name a layer after"):
        probe(net, x, "rnn")
    assert_measured(net, x, {"fc": net(x)})


def test_quantized_linear_layers() -> None:
    from torch.ao.nn.quantized import DeQuantize, Quantize
    from torch.ao.nn.quantized import Linear as QuantizedLinear
    from torch.ao.quantization import quantize_dynamic

    net, x = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), torch.randn(60, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it moves to another package
        quantized = quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
    expected = {"0": quantized[0](x), "2": quantized(x)}
    np.testing.assert_allclose(expected["0"], net[0](x).detach(), atol=0.1)
    assert_measured(quantized, x, expected)
    assert_measured(quantized, x, {"0": quantized[:2](x)}, "0", when="post")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        static = nn.Sequential(Quantize(0.05, 64, torch.quint8), QuantizedLinear(6, 5), DeQuantize())
        static[1].set_weight_bias(torch.quantize_per_tensor(torch.randn(5, 6), 0.02, 0, torch.qint8), torch.zeros(5))
        static[1].scale, static[1].zero_point = 0.05, 128
        assert_measured(static, x, {"1": static(x)})


@pytest.mark.parametrize("compiled", [torch.compile, lambda part: part.compile() or part], ids=["wrapped", "in place"])
def test_compiled_parts_run_uncompiled_under_their_own_names(compiled: Callable[[nn.Module], Any]) -> None:
    net, x = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 4), nn.Tanh())), torch.randn(60, 6)
    expected = {"0": net[0](x), "2.0": net[2][0](net[:2](x))}
    net[0], net[2] = compiled(net[0]), compiled(net[2])
    assert_measured(net, x, expected)
    assert_measured(net, x, {"2": expected["2.0"].tanh()}, "2")


def test_a_tensor_passed_through_an_identity_can_be_named() -> None:
    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.mean = nn.Linear(3, 4), nn.Identity()

        def forward(self, x: Tensor) -> Iterable[Tensor]:
            y = self.fc(x)
            return self.mean(y[:, :2]), y[:, 2:]

    net, x = Outputs(), torch.randn(60, 3)
    with pytest.raises(
        ValueError, match=r"layer '\(model\)': its output is a tuple: .* an nn.Identity\(\) of the netw"
    ):
        probe(net, x, "(model)")
    assert_measured(net, x, {"mean": net.fc(x)[:, :2]}, "mean")
