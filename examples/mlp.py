"""The paper's multilayer perceptron on the embedded subset of MNIST: its layers before and after training."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from wndcheck import datasets, dependence_score
from wndcheck.inspect import NetworkScore


def make_net(width: int = 100) -> nn.Module:
    """Four hidden layers and the logits (Figure 1a); also for `wndcheck score examples/mlp.py:make_net`."""
    sizes = [784] + [width] * 4
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def train(net: nn.Module, x: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
            optimizer.step()


def main(epochs: int = 5) -> tuple[NetworkScore, NetworkScore]:
    torch.manual_seed(0)
    mnist = datasets.load("mnist-subset")
    x, labels = torch.from_numpy(datasets.in_unit(mnist.train_images)), torch.from_numpy(mnist.train_labels).long()
    net = make_net()
    before = dependence_score(net, x, max_pairs=1000)
    train(net, x, labels, epochs)
    after = dependence_score(net, x, max_pairs=1000)
    accuracy = (net(x).argmax(1) == labels).float().mean()
    print(f"before training\n{before}\n\nafter training (accuracy {accuracy:.3f})\n{after}")
    return before, after


if __name__ == "__main__":
    main()
