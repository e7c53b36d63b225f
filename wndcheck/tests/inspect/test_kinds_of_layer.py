"""Kinds of layers in people's networks, one test each: measured with the activations taken by hand, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from wndcheck import dependence_score, probe
from wndcheck.inspect import Activations

pytestmark = pytest.mark.usefixtures("one_thread")

FEW: dict[str, Any] = {"n_parts": 2, "n_shuffles": 2, "max_pairs": 3}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def assert_measured(
    net: nn.Module, x: Any, expected: dict[str, Tensor], layers: str | list[str] | None = None, **options: Any
) -> None:
    """The layers measured are the expected ones, (samples, neurons) or (samples, positions, neurons), and so is ι."""
    positions = max(tensor[0, ..., 0].numel() for tensor in expected.values())
    found = probe(net, x, layers, positions=positions, **options)
    assert list(found) == list(expected)
    rows, by_name = {}, {}
    for name, tensor in expected.items():
        rows[name] = tensor.detach().flatten(0, -2).numpy()
        by_name[name] = len(rows[name]) // len(tensor)
        np.testing.assert_allclose(found[name], rows[name], atol=1e-5)
    scores = dependence_score(net, x, layers, positions=positions, **options, **FEW)
    by_hand = dependence_score(Activations(rows, rows_per_sample=by_name), **FEW)
    for name in expected:
        assert scores[name].score == pytest.approx(by_hand[name].score, abs=1e-3, nan_ok=True)  # of rounded values


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
        probe(net, x, batch_size=30)
    assert_measured(net, x, {"fc#1": net.fc(x)}, "fc#1", batch_size=30)
    x[2] = 11  # of the trial passes, the one with three samples only
    with pytest.raises(ValueError, match=r"'fc': a forward pass calls it 1 or 2 times, depending on"):
        probe(net, x, ["fc", "head"])


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


class OwnLinear(nn.Module):
    """A linear layer that derives from none of torch's."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_out, n_in))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...i,oi->...o", x, self.w)


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
    for n_out in (3, 5):
        single = OwnLinear(5, n_out)
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
        self.centres = nn.Parameter(torch.randn(7, 4))

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


def test_a_module_with_weights_of_its_own_and_layers_inside_is_no_layer_by_default() -> None:
    class Embedded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position, self.fc = nn.Parameter(torch.randn(5, 4)), nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x) + self.position

    net, x = Embedded(), torch.randn(60, 5, 3)
    assert_measured(net, x, {"fc": net.fc(x)})
    assert_measured(net, x, {"(model)": net(x)}, "(model)")


class Positions(nn.Module):
    """Adds a parameter of the output's own shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.added = nn.Parameter(torch.randn(*shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.added[..., : x.shape[1], :]


@pytest.mark.parametrize("shape", [(5, 4), (1, 5, 4), (1, 9, 4)])
def test_a_module_that_adds_a_parameter_is_no_layer_by_default(shape: tuple[int, ...]) -> None:
    net, x = nn.Sequential(nn.Linear(3, 4), Positions(*shape), nn.Linear(4, 2)), torch.randn(60, 5, 3)
    found = probe(net, x)
    assert (list(found), found.left_out) == (["0", "2"], {})
    assert_measured(net, x, {"1": net[:2](x)}, "1")


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


def test_an_own_layer_whose_axis_is_unclear_is_left_out_with_a_word() -> None:
    net, x = nn.Sequential(OwnConv(2, 4), nn.Flatten(), nn.Linear(64, 3)), torch.randn(60, 2, 6, 6)
    found = probe(net, x)  # the first output has as many channels as rows and columns
    assert list(found) == ["2"]
    assert "which axis holds the neurons is unknown; give neuron_axis" in found.left_out["0"]
    assert found.reached == ("0", "2")
    assert list(probe(net, x, neuron_axis=1)) == ["0", "2"]


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

    net, x = Branches().eval(), torch.randn(60, 6)
    net.bn.running_mean.fill_(1.0)
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
