"""The kinds of network and input that docs/networks.md lists: measured, measured with a remark, or refused.

One function a row (those of layers in other files); measured values are those of activations that are computed by hand.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.utils import prune
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from wndcheck import dependence_score, probe
from wndcheck.inspect import NetworkScore
from wndcheck.tests.inspect.networks import PAD, BertLike, Branching, GraphConvolution, T5Like, sentences

pytestmark = pytest.mark.usefixtures("one_thread")
FEW: dict[str, Any] = {"n_parts": 2, "n_shuffles": 2, "max_pairs": 6}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def score(net: nn.Module, x: Any, layers: Any = None, **options: Any) -> NetworkScore:
    return dependence_score(net, x, layers, **FEW, **options)


def of(rows: Tensor) -> float:
    """ι_c of activations that were computed by hand."""
    return dependence_score({"by hand": rows.detach().numpy()}, **FEW)["by hand"].corrected


def near(value: float) -> Any:
    """Activations differ by rounding between batches of other sizes, which moves few neighbours."""
    return pytest.approx(value, abs=1e-3)


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))


def hidden_of_bert(net: BertLike, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The intermediate activations of the second block (samples, length, neurons), and the logits."""
    net.eval()
    found: list[Tensor] = []
    handle = net.layers[1].intermediate.register_forward_hook(lambda module, args, output: found.append(output))
    logits = net(ids, mask)["logits"]
    handle.remove()
    net.train()
    return found[0].detach(), logits


# Inputs of a language model


def test_a_dict_of_a_tokenizer_is_bound_by_name() -> None:
    net, (ids, mask) = BertLike(), sentences()
    x = {"input_ids": ids, "attention_mask": mask, "idx": torch.arange(300)}
    found = score(net, x, ["classifier", "layers.1.intermediate"])
    hidden, logits = hidden_of_bert(net, ids, mask)
    assert found["classifier"].corrected == near(of(logits))
    assert found.inputs[0] == "batches by name: passed input_ids, attention_mask; left out idx"
    rows = probe(net, x, "layers.1.intermediate")["layers.1.intermediate"]
    for row, tokens, real in zip(rows, hidden, mask, strict=True):
        distances = (tokens - torch.from_numpy(row)).abs().amax(1)
        assert distances[real == 1].min() < 1e-5
    assert found["layers.1.intermediate"].corrected == near(of(torch.from_numpy(rows)))
    without = score(net, ids, "classifier")["classifier"].corrected
    assert abs(without - of(logits)) > 0.01, "the mask matters"


def test_a_loader_of_ids_mask_and_label_is_refused_unless_the_user_says_what_is_passed() -> None:
    net, (ids, mask) = BertLike(), sentences()
    loader = DataLoader(TensorDataset(ids, mask, torch.arange(300)), batch_size=32)
    with pytest.raises(ValueError, match="may be inputs or labels; say what is passed: batch_to_inputs=lambda batch"):
        score(net, loader)
    said = score(net, loader, "classifier", batch_to_inputs=lambda b: {"input_ids": b[0], "attention_mask": b[1]})
    assert said["classifier"].corrected == near(of(hidden_of_bert(net, ids, mask)[1]))


def test_a_loader_of_two_required_inputs_and_a_label_is_bound_by_position() -> None:
    class Required(BertLike):
        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict:  # type: ignore[override]
            return super().forward(input_ids, attention_mask)

    net, (ids, mask) = Required(), sentences()
    found = score(net, DataLoader(TensorDataset(ids, mask, torch.arange(300)), batch_size=32), "classifier")
    assert found["classifier"].corrected == near(of(hidden_of_bert(net, ids, mask)[1]))
    said = ("batches of 3: passed input_ids, attention_mask; left out the third",)
    assert found.inputs == (*said, "positions are drawn where attention_mask says no padding")


def test_a_t5_by_dict_with_labels_that_are_not_contiguous() -> None:
    """T5 views its labels as one axis, which fails for a part of a wider or transposed tensor."""
    net, (ids, mask) = T5Like(), sentences(300, 20)
    x = {"input_ids": ids[:, :12], "attention_mask": mask[:, :12], "labels": ids.T.contiguous().T[:, 12:]}
    found = score(net, x, ["lm_head", "encoder.output"], positions=1)
    contiguous = {name: value.contiguous() for name, value in x.items()}
    net.eval()
    outputs = net(**contiguous)[1]
    rows = probe(net, x, "lm_head")["lm_head"]
    distances = (outputs - torch.from_numpy(rows)[:, None]).abs().amax(2)
    assert (distances.amin(1) < 1e-4).all()
    assert found["lm_head"].corrected == near(of(torch.from_numpy(rows)))
    assert any("the mask of padding does not apply to 1 of 2 layers" in said for said in found.inputs)


def test_a_stream_of_token_sequences() -> None:
    ids, _ = sentences(300)

    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[Tensor]:
            return iter(ids)

    net = BertLike()
    found = score(net, Stream(), "classifier")["classifier"]
    assert found.rows == 300
    assert found.corrected == near(of(hidden_of_bert(net, ids, torch.ones_like(ids))[1]))


def test_an_iterable_of_vectors_is_refused_unless_they_are_stacked() -> None:
    net, (ids, _) = BertLike(), sentences()
    with pytest.raises(
        ValueError, match=r"one sample, or a batch of 12 numbers\? For samples give torch.stack\(list\(x\)\)"
    ):
        score(net, iter(ids))
    found = score(net, torch.stack(list(iter(ids))), "classifier")["classifier"].corrected
    assert found == near(of(hidden_of_bert(net, ids, torch.ones_like(ids))[1]))


def test_a_layer_that_sees_a_tokens_identity_alone_has_a_remark() -> None:
    net = nn.Sequential(nn.Embedding(12, 8), nn.Linear(8, 6), nn.ReLU())
    ids = torch.randint(12, (300,))
    found = score(net, ids, "1")
    assert found["1"].corrected == near(of(net[:2](ids)))
    assert found["1"].corrected > 1
    assert any(
        note.startswith("only 12 of 300 rows are different: the layer takes so few values") for note in found["1"].notes
    )
    silent = torch.randn(300, 6) * (torch.rand(300, 1) < 0.5)  # half of the rows are one point mass
    other = score(perceptron(), silent, ["0", "1"])
    assert not any("rows are different" in note for layer in other.layers.values() for note in layer.notes)


def test_an_encoder_of_torch_with_a_mask_of_padding() -> None:
    """In evaluation mode its layers take nested tensors unless that path is switched off."""
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net, mask = nn.TransformerEncoder(block, 2).eval(), sentences()[1]
    x = torch.randn(300, 12, 8)
    found = probe(net, {"src": x, "src_key_padding_mask": mask == 0}, "layers.0.linear1")
    first = net.layers[0]
    mixed = first.self_attn(x, x, x, key_padding_mask=mask == 0)[0]
    hidden = first.linear1(first.norm1(x + mixed))
    distances = (hidden - torch.from_numpy(found["layers.0.linear1"])[:, None]).abs().amax(2)
    assert (distances.masked_fill(mask == 0, torch.inf).amin(1) < 1e-5).all()
    assert found.inputs[-1] == "positions are drawn where src_key_padding_mask says no padding"
    everything = score(net, {"src": x, "src_key_padding_mask": mask == 0})
    assert len(everything) == 12
    assert not everything.left_out


def test_padding_without_a_mask_is_told_by_a_function() -> None:
    net, (ids, mask) = BertLike(), sentences()
    rows = probe(net, ids, "layers.0.attention.query", positions=lambda inputs: inputs["input_ids"] != PAD)
    query = net.layers[0].attention.query(net.words(ids) + net.places.weight[:12] + net.types.weight[0])
    distances = (query - torch.from_numpy(rows["layers.0.attention.query"])[:, None]).abs().amax(2)
    assert (distances.masked_fill(mask == 0, torch.inf).amin(1) < 1e-5).all()


def test_a_causal_mask_is_passed_whole() -> None:
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
    x, mask = torch.randn(300, 5, 8), nn.Transformer.generate_square_subsequent_mask(5)
    found = probe(net, x, "layers.0.linear2", positions=5, forward_kwargs={"mask": mask, "is_causal": True})
    net.eval()
    first = net.layers[0]
    mixed = first.norm1(x + first.self_attn(x, x, x, attn_mask=mask)[0])
    expected = first.linear2(first.linear1(mixed).relu())
    np.testing.assert_allclose(found["layers.0.linear2"], expected.detach().reshape(-1, 8).numpy(), atol=1e-5)


# Graphs


def test_the_nodes_of_a_graph_are_measured_in_one_pass() -> None:
    net, x, edges = GraphConvolution(), torch.randn(300, 6), torch.randint(300, (2, 900))
    whole: dict[str, Any] = {"forward_kwargs": {"edge_index": edges}, "batch_size": None}
    found = score(net, x, "second", **whole)
    y = net.first(x)
    expected = net.second(y.index_add(0, edges[1], y[edges[0]]).relu())
    assert found["second"].corrected == near(of(expected))
    few = probe(net, x, "second", max_samples=40, **whole)["second"]
    assert len(few) == 40
    assert {tuple(row) for row in few} <= {tuple(row) for row in expected.detach().numpy()}
    with pytest.raises(
        ValueError, match=r"the model failed on a batch .*samples need each other takes batch_size=None"
    ):
        score(net, x, "second", forward_kwargs={"edge_index": edges})
    with pytest.raises(ValueError, match=r"'edge_index' has 2\).*forward_kwargs={'edge_index': …}"):
        score(net, {"x": x, "edge_index": edges})


# Images


@pytest.mark.parametrize(
    "net", [nn.Conv2d(3, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(192, 4))], ids=["conv", "fc"]
)
def test_images_of_bytes_are_refused(net: nn.Module) -> None:
    x = torch.randint(256, (300, 3, 8, 8), dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"uint8 looks like images of 0 to 255: give floats, such as x / 255"):
        score(net, x)
    assert score(net, x / 255)


def test_images_with_channels_last_are_refused() -> None:
    x = torch.rand(300, 8, 8, 3)
    with pytest.raises(
        ValueError, match=r"\(2, 8, 8, 3\) looks like \(samples, height, width, channels\): give .*permute"
    ):
        score(nn.Conv2d(3, 4, 3), x)
    assert score(nn.Conv2d(3, 4, 3), x.permute(0, 3, 1, 2))


def test_a_labelled_tuple_of_arrays() -> None:
    net, x = perceptron(), np.random.default_rng(0).standard_normal((300, 6)).astype(np.float32)
    found = score(net, (x, np.arange(300)), "0")
    assert found["0"].corrected == near(of(net[0](torch.from_numpy(x))))
    assert found.inputs == ("batches of 2: passed input; left out the second",)


def test_a_list_of_unequal_batches() -> None:
    net, x = perceptron(), torch.randn(300, 6)
    found = score(net, list(zip(x.split(64), torch.arange(300).split(64), strict=True)), "0")
    assert found["0"].corrected == near(of(net[0](x)))


def test_a_list_of_equal_elements_is_refused_unless_it_is_said_what_they_are() -> None:
    net, x = perceptron(), torch.randn(300, 6)
    with pytest.raises(
        ValueError, match=r"samples or batches\? For samples give .*DataLoader.*, for batches iter\(x\)"
    ):
        score(net, list(x.split(30)))
    assert score(net, iter(x.split(30)), "0")["0"].corrected == near(of(net[0](x)))


def test_a_packed_sequence_is_refused_for_padded_ones() -> None:
    x, lengths = torch.randn(300, 7, 6), torch.randint(1, 8, (300,))
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    with pytest.raises(TypeError, match="is a PackedSequence: give the padded sequences, samples first") as raised:
        score(nn.Linear(6, 4), packed)
    steps = 7
    mask = eval(str(raised.value).partition("positions=")[2])
    net = nn.Linear(6, 4)
    rows = probe(net, x, positions=mask)["(model)"]
    distances = (net(x) - torch.from_numpy(rows)[:, None]).abs().amax(2)
    assert (distances.masked_fill(torch.arange(steps) >= lengths[:, None], torch.inf).amin(1) < 1e-6).all()


def test_a_data_set_of_labelled_samples() -> None:
    net, x = perceptron(), torch.randn(300, 6)
    found = score(net, TensorDataset(x, torch.arange(300)), "2")
    assert found["2"].corrected == near(of(net(x)))


# Networks whose mode is not all that matters


class Dropped(nn.Module):
    """Drops neurons by a function that ignores the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(nn.functional.dropout(self.first(x), 0.5))


def test_dropout_that_ignores_the_mode_is_refused() -> None:
    net, x = Dropped(), torch.randn(300, 6)
    with pytest.raises(ValueError, match=r"random in evaluation mode: .* differ at 'second'.*layers=\['first'\]"):
        score(net, x)
    assert score(net, x, "first")["first"].corrected == near(of(net.first(x)))


def test_a_feature_extractor_with_two_graphs_is_refused_in_training_mode() -> None:
    feature_extraction = pytest.importorskip("torchvision.models.feature_extraction")

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(nn.functional.dropout(self.first(x), 0.5, training=self.training))

    net = feature_extraction.create_feature_extractor(Functional(), ["second"])
    x = torch.randn(300, 6)
    with pytest.raises(ValueError, match=r"random in evaluation mode.* Call model.eval\(\) first"):
        score(net.train(), x)
    found = score(net.eval(), x, "second")
    assert found["second"].corrected == near(of(net(x)["second"]))


def test_batch_statistics_have_a_remark() -> None:
    net, x = (
        nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, 4)),
        torch.randn(300, 6),
    )
    found = score(net, x, batch_size=300)
    assert found["2"].corrected == near(of(net(x)))
    assert found.inputs == (
        "the outputs of '2' for a sample change with the other samples of its batch, as with batch statistics: rows "
        "are not independent, and depend on batch_size",
    )


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_is_measured_in_a_float32_copy(half: torch.dtype) -> None:
    net, x = perceptron().to(half), torch.randn(300, 6)
    own = score(net, x)
    assert own["0"].estimator == "ksg1" or own["0"].flags
    assert "dtype='float32' (--dtype float32) measures a copy in float32" in own.inputs[0]
    found = score(net, x, dtype="float32")
    assert found.inputs == ()
    assert {p.dtype for p in net.parameters()} == {half}
    assert found["2"].corrected == near(of(net.float()(x)))
    with pytest.raises(ValueError, match="dtype='int8': expected 'float32' or 'float64'"):
        score(net, x, dtype="int8")


def test_recurrent_networks_in_half_precision_too() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.fc = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.lstm(x)[0][:, -1])

    net, x = Recurrent().bfloat16(), torch.randn(300, 3, 6)
    found = score(net, x, "fc", dtype=torch.float32)["fc"].corrected
    assert found == near(of(net.float()(x)))


@pytest.mark.parametrize("derive", [nn.utils.weight_norm, nn.utils.spectral_norm, prune.identity])
def test_networks_with_a_derived_weight_are_measured_and_left_as_they_were(derive: Callable[..., nn.Module]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, and in many networks
        net, x = derive(nn.Linear(6, 5), "weight"), torch.randn(300, 6)
    net(x)  # in training
    weight = net.weight
    found = score(nn.Sequential(net), x)["0"].corrected
    assert net.weight is weight
    assert weight.requires_grad
    assert found == near(of(net.eval()(x)))


def test_a_network_that_keeps_a_state_between_calls() -> None:
    class Stateful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.hidden = nn.GRUCell(6, 5), None
            self.fc = nn.Linear(5, 4)

        def forward(self, x: Tensor) -> Tensor:
            self.hidden = self.cell(x, self.hidden)
            return self.fc(self.hidden)

    net, x = Stateful(), torch.randn(300, 6)
    found = score(net, x, "fc", batch_size=64)["fc"].corrected
    assert net.hidden is None
    assert found == near(of(net.fc(net.cell(x))))


def test_a_network_that_works_in_place_on_its_input() -> None:
    net, x = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 5)), torch.randn(300, 6)
    before = x.clone()
    assert score(net, x)["1"].corrected == near(of(net[1](before.relu())))
    assert torch.equal(x, before)


class Flex(nn.Module):
    """Attention by an operator of a higher order, which takes functions; its bias is written to in each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 6)
        self.register_buffer("bias", torch.zeros(12))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = flex_attention(q, k, v, score_mod=lambda score, batch, head, i, j: score + self.bias[j])
        self.bias += 1
        return F.relu(self.out(mixed.transpose(1, 2).flatten(2)))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("options", [{}, {"activation": torch.relu}], ids=["pre", "post"])
def test_operators_that_take_functions(options: dict[str, Any]) -> None:
    net, x = Flex().requires_grad_(False), torch.randn(60, 12, 8)
    expected = net(x)
    net.bias.zero_()
    found = probe(net, x, "out", positions=12, **options)["out"]
    assert not net.bias.any()
    np.testing.assert_allclose(np.maximum(found, 0), expected.flatten(0, 1), atol=1e-5)
    assert (found < 0).any() == (not options)
    net, x = Branching().requires_grad_(False), torch.randn(60, 6)
    found = probe(net, x, **options)["fc"]
    assert not net.count.any()
    assert not net.calls.any()
    np.testing.assert_allclose(found, net.fc(x).relu() if options else net.fc(x), atol=1e-5)


def test_an_operator_that_loads_the_compiler_in_its_first_pass() -> None:
    code = (
        "import sys, torch; from wndcheck import probe; from wndcheck.tests.inspect.networks import Branching; "
        "assert 'torch._dynamo' not in sys.modules; probe(Branching(), torch.randn(9, 6)); "
        "assert 'torch._dynamo' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Mixture(nn.Module):
    """Two experts, each of which sees the samples that a gate sends to it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(6, 2), nn.ModuleList(nn.Linear(6, 5) for _ in range(2))
        self.out = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        to = self.gate(x).argmax(1)
        y = x.new_zeros(len(x), 5)
        for i, expert in enumerate(self.experts):
            y[to == i] = expert(x[to == i])
        return self.out(y)


def test_the_experts_of_a_mixture_are_left_out() -> None:
    whys = set()
    for seed in range(12):
        torch.manual_seed(seed)
        net, x = Mixture(), torch.randn(300, 6)
        found = probe(net, x, batch_size=64)
        assert list(found) == ["gate", "out"]
        np.testing.assert_allclose(found["out"], net(x).detach(), atol=1e-5)
        assert set(found.left_out) == {"experts.0", "experts.1"}
        whys |= {"unlike in the" in why for why in found.left_out.values()}
        with pytest.raises(ValueError, match=r"layer 'experts.0': its output has shape \(\d+, 5\) for \d+ samples"):
            probe(net, x, "experts.0", batch_size=64)
    assert whys == {True, False}, "found in the trial passes, and later"
