"""A text classifier with the signature of transformers' BERT, on padded batches: digits, read as sentences of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from wndcheck import datasets, dependence_score
from wndcheck.inspect import NetworkScore

PAD, START = 0, 1  # the other words are 2 to 30: the number of inked pixels of a row


class Classifier(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(31, width, padding_idx=PAD), nn.Embedding(29, width)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True), 2)
        self.classifier = nn.Linear(width, 10)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None) -> dict:
        x = self.words(input_ids) + self.places.weight[: input_ids.shape[1]]
        logits = self.classifier(self.encoder(x, src_key_padding_mask=attention_mask == 0)[:, 0])
        return {"loss": None if labels is None else nn.functional.cross_entropy(logits, labels), "logits": logits}


def sentence(image: Tensor) -> Tensor:
    inked = (image > 0.5).sum(1)
    rows = inked.nonzero().flatten()
    return torch.cat([torch.tensor([START]), inked[rows[0] : rows[-1] + 1] + 2])


def padded(batch: list[tuple[Tensor, int]]) -> dict[str, Tensor]:
    ids = pad_sequence([each for each, _ in batch], batch_first=True, padding_value=PAD)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": torch.tensor([y for _, y in batch])}


def main(epochs: int = 2) -> NetworkScore:
    torch.manual_seed(0)
    mnist = datasets.load("mnist-subset")
    images = torch.from_numpy(datasets.in_unit(mnist.train_images)).reshape(-1, 28, 28)
    samples = list(zip(map(sentence, images), mnist.train_labels.tolist(), strict=True))
    loader, net = DataLoader(samples, batch_size=64, shuffle=True, collate_fn=padded), Classifier()  # type: ignore
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in loader:
            optimizer.zero_grad()
            net(**batch)["loss"].backward()
            optimizer.step()
    # Batches are passed by name, and the positions of sequences are drawn where attention_mask is 1.
    found = dependence_score(net, loader, ["encoder.*", "classifier"], max_pairs=500)
    print(found)
    return found


if __name__ == "__main__":
    main()
