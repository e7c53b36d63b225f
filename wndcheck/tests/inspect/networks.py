"""Small networks with the signatures and the ways of common libraries, for tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

PAD = 0


class Attention(nn.Module):
    """Attention as in transformers: projections by modules, heads by views, an additive mask and bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(
        self, x: Tensor, mask: Tensor | None, source: Tensor | None = None, bias: Tensor | None = None
    ) -> Tensor:
        source = x if source is None else source

        def split(y: Tensor) -> Tensor:
            return y.view(len(x), -1, self.heads, self.size).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(source)), split(self.value(source))
        scores = q @ k.transpose(-1, -2) / self.size**0.5
        scores = scores if bias is None else scores + bias
        scores = scores if mask is None else scores.masked_fill(mask[:, None, None, :] == 0, -1e9)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(len(x), -1, self.heads * self.size))


class Block(nn.Module):
    """A block of a transformer, with attention to a source if it is a decoder's."""

    def __init__(self, width: int, heads: int, is_decoder: bool = False) -> None:
        super().__init__()
        self.attention, self.intermediate, self.output = (
            Attention(width, heads),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )
        self.cross = Attention(width, heads) if is_decoder else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(
        self, x: Tensor, mask: Tensor | None, bias: Tensor | None = None, source: tuple | None = None
    ) -> Tensor:
        x = self.norms[0](x + self.attention(x, mask, bias=bias))
        if self.cross is not None and source is not None:
            x = self.norms[1](x + self.cross(x, source[1], source[0]))
        return self.norms[2](x + self.output(nn.functional.gelu(self.intermediate(x))))


class BertLike(nn.Module):
    """A classifier with the signature of transformers' BertForSequenceClassification."""

    def __init__(self, words: int = 50, width: int = 8, length: int = 16, classes: int = 4) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width, padding_idx=PAD), nn.Embedding(length, width)
        self.types, self.dropout = nn.Embedding(2, width), nn.Dropout(0.1)
        self.layers = nn.ModuleList(Block(width, 2) for _ in range(2))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, classes)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
    ) -> dict[str, Tensor]:
        assert input_ids is not None
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        x = self.dropout(self.words(input_ids) + self.places(places) + self.types(types))
        for layer in self.layers:
            x = layer(x, attention_mask)
        logits = self.classifier(self.dropout(torch.tanh(self.pooler(x[:, 0]))))
        return {"logits": logits} if labels is None else {"loss": cross_entropy(logits, labels), "logits": logits}


class T5Like(nn.Module):
    """An encoder and decoder with the signature of transformers' T5ForConditionalGeneration, and its views."""

    def __init__(self, words: int = 50, width: int = 8) -> None:
        super().__init__()
        self.shared, self.bias = nn.Embedding(words, width), nn.Embedding(32, 2)
        self.encoder, self.decoder = Block(width, 2), Block(width, 2, is_decoder=True)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.shared.weight

    def relative(self, length: int, causal: bool) -> Tensor:
        steps = torch.arange(length)
        bias = self.bias((steps[None] - steps[:, None]).clamp(-15, 16) + 15).permute(2, 0, 1)[None]
        return bias + torch.full((length, length), -1e9).triu(1) if causal else bias

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        assert input_ids is not None
        if labels is not None and decoder_input_ids is None:
            decoder_input_ids = torch.full_like(labels, PAD)
            decoder_input_ids[:, 1:] = labels[:, :-1]
        if decoder_input_ids is None:
            raise ValueError("You have to specify either decoder_input_ids or decoder_inputs_embeds")
        source = self.encoder(self.shared(input_ids), attention_mask, self.relative(input_ids.shape[1], False))
        target = self.shared(decoder_input_ids)
        hidden = self.decoder(target, None, self.relative(target.shape[1], True), (source, attention_mask))
        logits = self.lm_head(hidden)
        if labels is None:
            return (logits,)
        return cross_entropy(logits.view(-1, logits.shape[-1]), labels.view(-1), ignore_index=PAD), logits


class GraphConvolution(nn.Module):
    """Two layers that sum over a graph's edges, as in torch_geometric: x (nodes, features), edge_index (2, edges)."""

    def __init__(self, features: int = 6, hidden: int = 5, classes: int = 3) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(features, hidden), nn.Linear(hidden, classes)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        for layer in (self.first, self.second):
            y = layer(x)
            x = y.index_add(0, edge_index[1], y[edge_index[0]]).relu()
        return x


class Branching(nn.Module):
    """Chooses a function in the graph, which counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 4)
        self.register_buffer("count", torch.zeros(4))
        self.register_buffer("calls", torch.zeros(1))  # reached without an argument

    def forward(self, x: Tensor) -> Tensor:
        def positive(y: Tensor, count: Tensor) -> Tensor:
            count.add_(1)
            self.calls.add_(1)
            return y.relu()

        y = self.fc(x)
        return torch.cond(y.isfinite().all(), positive, lambda y, count: y.sin(), (y, self.count))


def sentences(samples: int = 300, length: int = 12, words: int = 50) -> tuple[Tensor, Tensor]:
    """Token ids (samples, length) of 3 to `length` tokens, padded by PAD, and their attention mask."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, words, (samples, length), generator=generator)
    mask = (torch.arange(length) < torch.randint(3, length + 1, (samples, 1), generator=generator)).long()
    return ids * mask, mask
