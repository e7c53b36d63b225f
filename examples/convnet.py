"""A small convolutional net on the embedded subset of MNIST: channels at random positions, before and after ReLU."""

from __future__ import annotations

import torch
from torch import nn

from wndcheck import datasets, dependence_score
from wndcheck.inspect import NetworkScore


def make_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(32 * 16, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
    )


def main(epochs: int = 2) -> tuple[NetworkScore, NetworkScore]:
    torch.manual_seed(0)
    mnist = datasets.load("mnist-subset")
    x = torch.from_numpy(datasets.in_unit(mnist.train_images)).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(mnist.train_labels).long()
    net = make_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), labels[batch]).backward()
            optimizer.step()
    # Where an image is blank, a channel outputs its bias: a point mass, which 3H cannot measure.
    pre = dependence_score(net, x, max_pairs=500)
    post = dependence_score(net, x, when="post", max_pairs=500)
    print(f"pre-activations\n{pre}\n\npost-activations\n{post}")
    return pre, post


if __name__ == "__main__":
    main()
