"""The projections inside attention are measured as if they were modules; the fast path is disabled meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wndcheck import probe

pytestmark = pytest.mark.usefixtures("one_thread")


class CrossAttention(nn.Module):
    """Cross-attention between sequences of different widths, with keyword arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, bias=False, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.attention(key=key, value=value, query=query)[0]


@pytest.fixture
def encoder() -> nn.TransformerEncoder:
    torch.manual_seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)


def test_projections_and_layers_of_an_encoder_in_evaluation_mode(encoder: nn.TransformerEncoder) -> None:
    x = torch.randn(20, 5, 8)
    encoder.eval()
    found = probe(encoder, x, positions=5)
    parts = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "linear1", "linear2"]
    assert list(found) == [f"layers.{layer}.{part}" for layer in (0, 1) for part in parts]  # as they are reached
    first = encoder.layers[0]
    with torch.no_grad():
        attention = first.self_attn
        for place, part in enumerate("qkv"):
            rows = slice(8 * place, 8 * place + 8)
            expected = x @ attention.in_proj_weight[rows].T + attention.in_proj_bias[rows]
            np.testing.assert_allclose(
                found[f"layers.0.self_attn.{part}_proj"], expected.reshape(-1, 8).numpy(), atol=1e-5
            )
        mixed = attention(x, x, x)[0]
        np.testing.assert_allclose(found["layers.0.self_attn.out_proj"], mixed.reshape(-1, 8).numpy(), atol=1e-5)
        hidden = first.linear1(first.norm1(x + mixed))
        np.testing.assert_allclose(found["layers.0.linear1"], hidden.reshape(-1, 16).numpy(), atol=1e-5)


def test_the_output_of_attention_is_its_last_projection(encoder: nn.TransformerEncoder) -> None:
    x = torch.randn(10, 5, 8)
    names = ["layers.1.self_attn", "layers.1.self_attn.out_proj"]
    found = probe(encoder, x, names, positions=5)
    np.testing.assert_array_equal(found[names[0]], found[names[1]])
    normed = probe(encoder, x, "layers.1.norm2")["layers.1.norm2"]
    np.testing.assert_allclose(normed.mean(1), 0, atol=1e-5)


def test_patterns_select_among_the_default_layers_or_else_all_modules(encoder: nn.TransformerEncoder) -> None:
    found = probe(encoder, torch.randn(10, 5, 8), ["*.linear?", "layers.0.*.q_proj"])
    assert set(found) == {f"layers.{i}.linear{j}" for i in (0, 1) for j in (1, 2)} | {"layers.0.self_attn.q_proj"}
    assert set(probe(encoder, torch.randn(10, 5, 8), "*.norm?")) == {
        f"layers.{i}.norm{j}" for i in (0, 1) for j in (1, 2)
    }
    with pytest.raises(ValueError, match=r"layer '\*\.drop': the model has none of that name"):
        probe(encoder, torch.randn(10, 5, 8), "*.drop")


def test_query_key_and_value_may_be_different_tensors() -> None:
    torch.manual_seed(0)
    net = CrossAttention()
    x = {"query": torch.randn(9, 3, 8), "key": torch.randn(9, 4, 6), "value": torch.randn(9, 4, 4)}
    found = probe(net, x, positions=4)
    with torch.no_grad():
        for part, name in zip("qkv", x, strict=True):
            weight = getattr(net.attention, f"{part}_proj_weight")
            expected = (x[name] @ weight.T).reshape(-1, 8).numpy()
            np.testing.assert_allclose(found[f"attention.{part}_proj"], expected, atol=1e-6)
    assert found.rows_per_sample["attention.q_proj"] == 3
    assert found.rows_per_sample["attention.k_proj"] == 4


class SelfAttention(nn.MultiheadAttention):
    """Takes and returns one tensor, with samples first."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, x, x)[0]


class KeyFirst(nn.MultiheadAttention):
    """Takes its arguments in another order, and adds to what is projected."""

    def forward(self, key: Tensor, query: Tensor) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
        return super().forward(query + 1, key, key)


@pytest.mark.parametrize("kind", [SelfAttention, KeyFirst])
def test_projections_in_a_forward_of_its_own_are_left_out(kind: type[nn.MultiheadAttention]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.fc = kind(8, 2, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.attention(x) if kind is SelfAttention else self.attention(x, x)[0]
            return self.fc(y)

    net, x = Net(), torch.randn(60, 5, 8)
    found = probe(net, x)
    assert list(found) == ["fc"]
    assert set(found.left_out) == {f"attention.{part}_proj" for part in ("q", "k", "v", "out")}
    message = f"layer 'attention.q_proj': {kind.__name__} has a forward of its own.* name the module itself"
    with pytest.raises(ValueError, match=message):
        probe(net, x, "attention.q_proj")
    if kind is SelfAttention:
        mixed = probe(net, x, "attention", positions=5)["attention"]
        np.testing.assert_allclose(mixed, net.attention(x).detach().flatten(0, 1), atol=1e-5)


def test_padding_does_not_bypass_the_layers(encoder: nn.TransformerEncoder) -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, x: Tensor, padding: Tensor) -> Tensor:
            return self.encoder(x, src_key_padding_mask=padding)

    padding = torch.zeros(12, 5, dtype=torch.bool)
    padding[:, 4] = True
    assert len(probe(Padded(), (torch.randn(12, 5, 8), padding))) == 12


@pytest.mark.parametrize("widths", [{}, {"kdim": 6, "vdim": 4}], ids=["one weight", "three weights"])
def test_query_key_and_value_have_their_own_biases(widths: dict[str, int]) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True, **widths)
    with torch.no_grad():
        attention.in_proj_bias.copy_(torch.arange(24.0))
    inputs = (torch.randn(9, 3, 8), *(torch.randn(9, 3, widths.get(name, 8)) for name in ("kdim", "vdim")))
    found = probe(attention, inputs, ["q_proj", "k_proj", "v_proj"], positions=3)
    for place, (part, entered) in enumerate(zip(found, inputs, strict=True)):
        whole = attention.in_proj_weight
        weight = getattr(attention, f"{part}_weight") if whole is None else whole[8 * place : 8 * place + 8]
        expected = (entered @ weight.T).detach().reshape(-1, 8).numpy() + np.arange(8 * place, 8 * place + 8)
        np.testing.assert_allclose(found[part], expected, atol=1e-5)


@pytest.mark.parametrize("before", [False, True])
def test_the_fast_path_setting_is_restored(encoder: nn.TransformerEncoder, before: bool) -> None:
    usual = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(before)
    try:
        probe(encoder, torch.randn(10, 5, 8))
        assert torch.backends.mha.get_fastpath_enabled() is before
    finally:
        torch.backends.mha.set_fastpath_enabled(usual)
