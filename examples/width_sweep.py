"""A residual perceptron on the embedded subset of MNIST, over widths and seeds: do the paper's claims hold for it?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wndcheck import datasets, width_sweep
from wndcheck.sweep.widths import WidthSweep

MNIST = datasets.load("mnist-subset")
X = torch.from_numpy(datasets.standardised(MNIST.train_images, MNIST.train_images))
LABELS = torch.from_numpy(MNIST.train_labels).long()


class Residual(nn.Module):
    """Three blocks that add to their input what a hidden layer of the same width makes of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(784, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = x + block(x.relu())
        return self.head(x.relu())


def train(net: nn.Module, seed: int) -> None:
    """One epoch of plain SGD; the batches follow from the seed, which wndcheck has set."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    for batch in torch.randperm(len(X)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X[batch]), LABELS[batch]).backward()
        optimizer.step()


@torch.no_grad()
def accuracy(net: nn.Module) -> float:
    return (net(X).argmax(1) == LABELS).float().mean().item()


def main(widths: Sequence[int] = (32, 64, 128, 256), seeds: int = 5, max_pairs: int = 500) -> WidthSweep:
    sweep = width_sweep(
        Residual, X, widths, seeds, train, ["blocks.*"], evaluate=accuracy, max_pairs=max_pairs, progress=print,
    )  # fmt: skip
    print(sweep)
    sweep.plot("width_sweep.svg")
    return sweep


if __name__ == "__main__":
    main()
