"""Stacks of every kind, with biases other than zero, and their members as plain torch layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.stacks import Stack

KINDS = ("relu", "tanh", "convnet")
SEEDS = (3, 7, 9)
FUNCTION = {"relu": nn.ReLU, "tanh": nn.Tanh}


def initial(kind: str, seeds: Sequence[int] = SEEDS, gain: float = 1.0) -> Stack:
    if kind == "convnet":
        return StackedConvNet(12, seeds=seeds, activation="relu", gain=gain)
    return StackedMLP(20, 8, seeds=seeds, activation="tanh" if kind == "tanh" else "relu", gain=gain)


def scattered(kind: str, seeds: Sequence[int] = SEEDS) -> Stack:
    """A stack in float64, so that nearly equal gradients differ, whose biases are each seed's own."""
    stack = initial(kind, seeds).double()
    for name, biases in stack.named_parameters():
        if "biases" in name or "shifts" in name:
            for member, seed in zip(biases.data, seeds, strict=True):
                nn.init.normal_(member, std=0.3, generator=torch.Generator().manual_seed(seed))
    return stack


def batch(kind: str) -> tuple[Tensor, Tensor]:
    """Eleven images and labels for every member, its own."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(len(SEEDS), 11, 3072 if kind == "convnet" else 20, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 10, (len(SEEDS), 11), generator=generator)


class ChannelsFirst(nn.Module):
    """Images (n, 3072) as the data sets lay them out, as torch's layers take them."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, 32, 32, 3).permute(0, 3, 1, 2)


def sequential(stack: Stack, member: int) -> nn.Sequential:
    """One member as plain torch layers; ReLU or tanh behind every layer but the last."""
    layers: list[nn.Module] = []
    if isinstance(stack, StackedConvNet):
        layers.append(ChannelsFirst())
        for filters, shifts, shape in zip(stack.filters, stack.shifts, stack.convolutions, strict=True):
            layer = nn.Conv2d(shape.channels, shape.out, 3, stride=shape.stride, padding=1)
            layer.weight.data, layer.bias.data = filters.data[member].clone(), shifts.data[member].clone()  # type: ignore[union-attr]
            layers += [layer, nn.ReLU()]
        layers.append(nn.Flatten())
    for weight, bias in zip(stack.dense.weights, stack.dense.biases, strict=True):
        dense = nn.Linear(*weight.shape[1:])
        dense.weight.data, dense.bias.data = weight.data[member].T.clone(), bias.data[member, 0].clone()
        layers += [dense, FUNCTION[stack.activation]()]
    return nn.Sequential(*layers[:-1])
