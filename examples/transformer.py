"""A small transformer encoder on images of digits, read row by row: its attention and its dense layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wndcheck import datasets, dependence_score
from wndcheck.inspect import NetworkScore


class RowEncoder(nn.Module):
    """Embeds 28 rows of 28 pixels with their positions, encodes them in two layers, and averages over rows."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(28, width)
        self.position = nn.Parameter(torch.randn(28, width) / width**0.5)
        block = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x) + self.position).mean(1))


def main(steps: int = 150) -> NetworkScore:
    torch.manual_seed(0)
    mnist = datasets.load("mnist-subset")
    x = torch.from_numpy(datasets.in_unit(mnist.train_images)).reshape(-1, 28, 28)
    labels = torch.from_numpy(mnist.train_labels).long()
    net = RowEncoder()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for batch in torch.randint(len(x), (steps, 64)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
        optimizer.step()
    # Projections of attention are measured as if they were modules, each layer at one random row per image.
    found = dependence_score(net, x, ["encoder.*", "encoder.layers.1.norm2", "head"], max_pairs=500)
    print(found)
    return found


if __name__ == "__main__":
    main()
