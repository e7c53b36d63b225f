"""An LSTM that reads digits row by row: its output sequence at real rows, its last state and a GRU cell in a loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wndcheck import datasets, dependence_score
from wndcheck.inspect import NetworkScore


class Reader(nn.Module):
    """Classifies sequences of 28 pixels by the LSTM's last output, after two steps of a cell."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.lstm, self.cell = nn.LSTM(28, width, bidirectional=True, batch_first=True), nn.GRUCell(2 * width, width)
        self.head = nn.Linear(width, 10)

    def forward(self, rows: Tensor) -> Tensor:
        last = self.lstm(rows)[0][:, -1]
        state = self.cell(last)
        return self.head(self.cell(last, state))


def main(steps: int = 150) -> NetworkScore:
    torch.manual_seed(0)
    mnist = datasets.load("mnist-subset")
    x = torch.from_numpy(datasets.in_unit(mnist.train_images)).reshape(-1, 28, 28)
    labels = torch.from_numpy(mnist.train_labels).long()
    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for batch in torch.randint(len(x), (steps, 64)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
        optimizer.step()
    # The LSTM's neurons are those of both directions, at one row of each image that has ink; of the cell, each call.
    found = dependence_score(net, x, max_pairs=500, positions=lambda inputs: inputs["rows"].sum(2) > 0)
    print(found)
    return found


if __name__ == "__main__":
    main()
