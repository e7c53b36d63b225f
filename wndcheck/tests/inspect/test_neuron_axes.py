"""The axis of neurons, told from a module's parts and from the layer before it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wndcheck import probe
from wndcheck.tests.inspect.by_hand import assert_measured

pytestmark = pytest.mark.usefixtures("one_thread")


class Conv1D(nn.Module):
    """GPT-2's linear layer, as transformers has it."""

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight, self.bias = nn.Parameter(torch.randn(nx, nf)), nn.Parameter(torch.zeros(nf))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(*x.shape[:-1], self.nf)


class GeluNew(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh")


class Attention(nn.Module):
    """Causal self-attention of one head; returns the weights if asked to, as transformers does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.c_proj(F.scaled_dot_product_attention(*self.c_attn(x).chunk(3, -1), is_causal=True)), None


class MLP(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc, self.c_proj, self.act = Conv1D(4 * width, width), Conv1D(width, 4 * width), GeluNew()

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.act(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = Attention(width), MLP(width)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        x = x + self.attn(self.ln_1(x))[0]
        return (x + self.mlp(self.ln_2(x)),)


class GPT2(nn.Module):
    """A language model like GPT-2, which returns a mapping."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.wte, self.drop = nn.Embedding(30, width), nn.Dropout(0.1)
        self.h = nn.ModuleList(Block(width) for _ in range(2))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, 30, bias=False)

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        x = self.drop(self.wte(ids))
        for block in self.h:
            x = block(x)[0]
        return {"logits": self.lm_head(self.ln_f(x))}


@pytest.fixture
def gpt2() -> GPT2:
    return GPT2().eval()


TOKENS = torch.arange(60 * 5).reshape(60, 5) * 7 % 30


def test_the_default_layers_of_gpt2_are_its_own_linear_layers(gpt2: GPT2) -> None:
    names = [f"h.{i}.{part}" for i in (0, 1) for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")]
    found = probe(gpt2, TOKENS, positions=5)
    assert list(found) == [*names, "lm_head"]
    assert found.left_out == {}
    x, first = gpt2.wte(TOKENS), gpt2.h[0]
    middle = x + first.attn(first.ln_1(x))[0]
    np.testing.assert_allclose(found["h.0.attn.c_attn"].reshape(60, 5, 12), first.attn.c_attn(first.ln_1(x)).detach())
    assert_measured(gpt2, TOKENS, {"h.0.mlp.c_fc": first.mlp.c_fc(first.ln_2(middle))}, "h.0.mlp.c_fc")
    assert list(probe(gpt2, TOKENS, "h.*.mlp.c_fc")) == ["h.0.mlp.c_fc", "h.1.mlp.c_fc"]


def test_outputs_of_blocks_and_activations_of_a_transformer_have_their_neurons_on_the_last_axis(gpt2: GPT2) -> None:
    x = gpt2.wte(TOKENS)
    first, second = gpt2.h
    blocks = {"drop": x, "h.0": first(x)[0], "h.1": second(first(x)[0])[0]}
    assert_measured(gpt2, TOKENS, blocks, ["h.?", "drop"])
    hidden = first.ln_2(x + first.attn(first.ln_1(x))[0])
    activations = {
        "h.0.attn": first.attn(first.ln_1(x))[0],
        "h.0.mlp.act": first.mlp.act(first.mlp.c_fc(hidden)),
        "h.0.mlp": first.mlp(hidden),
    }
    assert_measured(gpt2, TOKENS, activations, list(activations))
    assert probe(gpt2, TOKENS, "(model)")["(model)"].shape == (60, 30)


def test_where_sequences_are_as_long_as_a_layer_is_wide_the_axis_is_that_of_the_layer(gpt2: GPT2) -> None:
    square = TOKENS[:, :4]
    expected = gpt2.h[0](gpt2.wte(square))[0]
    assert_measured(gpt2, square, {"h.0": expected}, "h.0")


def test_the_axis_of_an_image_is_that_of_the_convolution_before() -> None:
    net, x = (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.Hardswish(), nn.MaxPool2d(2), nn.Flatten(2)),
        torch.randn(60, 2, 10, 10),
    )
    expected = {str(i): net[: i + 1](x).flatten(2).transpose(1, 2) for i in range(1, 4)}
    assert_measured(net, x, expected, list(expected))
    convolved = net[0](x)
    assert convolved.shape[1:] == (4, 8, 8)
    wide = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Hardswish())  # as many channels as rows and columns
    assert_measured(wide, x, {"1": wide(x).flatten(2).transpose(1, 2)}, "1")


def test_an_axis_that_no_layer_tells_is_asked_for() -> None:
    net, x = (
        nn.Sequential(nn.Softmax(-1), nn.Linear(7, 5), nn.Flatten(), nn.Unflatten(1, (6, 5))),
        torch.randn(60, 6, 7),
    )
    with pytest.raises(
        ValueError, match=r"layer '0': .*which axis holds the neurons is unknown; give neuron_axis=1 or"
    ):
        probe(net, x, "0")
    assert_measured(net, x, {"3": net(x)}, "3")  # the linear layer before it has five neurons
    assert_measured(net, x, {"0": x.softmax(-1)}, "0", neuron_axis=-1)


def test_only_the_layer_just_before_tells_the_axis() -> None:
    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.query, self.softmax = nn.Linear(3, 7), nn.Linear(7, 4), nn.Softmax(-1)

        def forward(self, x: Tensor) -> Tensor:
            query = self.query(self.embed(x))
            return self.softmax(query @ query.mT)

    with pytest.raises(ValueError, match="which axis holds the neurons is unknown"):
        probe(Scores(), torch.randn(60, 7, 3), "softmax")


class ChannelNorm(nn.LayerNorm):
    """Normalizes the channels of an image, as torchvision's LayerNorm2d does."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Encoder(nn.Sequential):
    """Has a parameter of its own beside its layers, as torchvision's Encoder has."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__(*modules)
        self.positions = nn.Parameter(torch.randn(1, 5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + self.positions)


def test_norms_of_channels_and_encoders_with_positions() -> None:
    net, x = nn.Sequential(nn.Conv2d(2, 5, 3), ChannelNorm(5)), torch.randn(60, 2, 6, 6)
    assert_measured(net, x, {"1": net(x).flatten(2).transpose(1, 2)}, "1")
    encoder, x = nn.Sequential(Encoder(nn.Linear(4, 4), nn.GELU())), torch.randn(60, 5, 4)
    assert_measured(encoder, x, {"0": encoder(x)}, "0")


class Linear2d(nn.Linear):
    """A linear layer over the channels of an image, as VMamba's."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight[:, :, None, None], self.bias)


class ConvLast(nn.Conv2d):
    """Takes and returns images with channels last."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)


class TransposedGRU(nn.GRU):
    """Takes and returns (samples, neurons, steps)."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x.mT)[0].mT


class TransposedLSTM(nn.LSTM):
    """Takes (samples, steps, inputs), and returns (samples, neurons, steps)."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0].mT


class Adapted(nn.Linear):
    """A linear layer with an adapter of low rank, of which torch's forward is a part."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x[..., :1]


class Heads(nn.Linear):
    """Returns the outputs by head: no axis has as many as the layer."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).unflatten(-1, (3, 2))


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
def test_a_forward_of_its_own_is_measured_along_the_axis_of_the_layers_size() -> None:
    image, sequence = torch.randn(60, 3, 8, 7), torch.randn(60, 5, 4)
    channels = Linear2d(3, 32)
    assert_measured(channels, image, {"(model)": channels(image).flatten(2).mT})
    for net, x in ((ConvLast(3, 4, 2), image.movedim(1, -1)), (Adapted(4, 6), sequence)):
        assert_measured(net, x, {"(model)": net(x).flatten(1, -2)})
    gru = TransposedGRU(5, 3, batch_first=True, bidirectional=True)
    assert_measured(gru, sequence, {"(model)": gru(sequence).mT})
    projected = TransposedLSTM(4, 5, batch_first=True, proj_size=2)
    assert_measured(projected, sequence, {"(model)": projected(sequence).mT})  # 5 steps, as many as hidden units
    patched = nn.Linear(3, 6)
    patched.forward = Linear2d.forward.__get__(patched)  # type: ignore[method-assign]
    assert_measured(patched, image, {"(model)": patched(image).flatten(2).mT})


class SameConv(nn.Conv2d):
    """Pads its input, as timm's Conv2dSame."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 1, 1, 1)))


def test_of_several_axes_of_its_size_that_of_the_class_is_measured_with_a_remark() -> None:
    images, sequences = torch.randn(60, 3, 8, 8), torch.randn(60, 6, 4)
    conv, linear = SameConv(3, 8, 3), Adapted(4, 6)
    for net, x, expected in (
        (conv, images, conv(images).flatten(2).mT),
        (linear, sequences, linear(sequences)),
        (nn.Sequential(conv, nn.Hardtanh()), images, conv(images).flatten(2).mT),
    ):
        name = "(model)" if net in (conv, linear) else "0"
        assert_measured(net, x, {name: expected})
        axis = 1 if x is images else 2
        (said,) = probe(net, x).inputs
        assert f"usual for its class ({name}: axis {axis}); if they are along another, give neuron_axis" in said
        assert probe(net, x, neuron_axis=axis).inputs == ()


def test_a_forward_of_its_own_whose_axis_is_unclear_is_refused() -> None:
    net, x = nn.Sequential(nn.Linear(4, 3), Heads(3, 6), nn.Flatten(), nn.Linear(30, 2)), torch.randn(60, 5, 4)
    found = probe(net, x)  # the layer before has as many neurons as there are heads
    assert list(found) == ["0", "3"]
    assert "which axis holds the neurons is unknown; give neuron_axis" in found.left_out["1"]
    square = torch.randn(60, 3, 8, 7)  # as many rows as the layer has outputs
    with pytest.raises(ValueError, match="which axis holds the neurons is unknown; give neuron_axis=1 or"):
        probe(Linear2d(3, 8), square)
