"""The paper's convolutional net (appendix B): a variant of the all-convolutional net with two dense layers on top."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from wndcheck.nets.mlp import ACTIVATION, GAIN, StackedMLP, for_each_member, gaussian_weights, generators
from wndcheck.nets.specification import CHANNELS, IMAGE, LAYERS, Activation, convolutions, features


class StackedConvNet(nn.Module):
    """Five convolutions, two dense layers of `width` neurons and the logits, S members at once, ReLU throughout.

    Convolutions go member by member, channels last: a CPU takes 0.4 to 0.8 times as long as for grouped ones. The dense
    part is a `StackedMLP`, and only it is measured.
    """

    def __init__(
        self,
        width: int,
        *,
        seeds: Sequence[int],
        activation: Activation,
        gain: float = 1.0,
        channels: tuple[int, ...] = CHANNELS,
        threads: int = 1,
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.filters, self.shifts = nn.ParameterList(), nn.ParameterList()
        drawn = generators(seeds, "initial filters")
        self.convolutions = list(convolutions(channels))
        for layer in self.convolutions:
            sd = gain * GAIN[activation] / sqrt(9 * layer.channels)
            self.filters.append(gaussian_weights((layer.out, layer.channels, 3, 3), sd, drawn, threads))
            self.shifts.append(torch.zeros(len(seeds), layer.out))
        shape = {"layers": LAYERS["convnet"], "gain": gain, "threads": threads}
        self.dense = StackedMLP(features(channels), width, seeds=seeds, activation=activation, **shape)

    @property
    def members(self) -> int:
        return self.dense.members

    @property
    def weights(self) -> nn.ParameterList:
        """Weights of the dense layers."""
        return self.dense.weights

    @property
    def widest(self) -> int:
        """Activations of the largest layer for one image."""
        return max([self.dense.widest, *(layer.out * layer.pixels for layer in self.convolutions)])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, n, classes) of images (S, n, 3072), or of (n, 3072) shown to every member; channels last."""
        return self.pre_activations(x)[-1]

    def pre_activations(self, x: Tensor) -> list[Tensor]:
        """z of the dense layers and the logits, each (S, n, neurons of the layer)."""
        return self.dense.pre_activations(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """Outputs (S, n, features) of the convolutions for images (S, n, 3072) or (n, 3072)."""
        height, width, channels = IMAGE
        images = for_each_member(x, self.members).unflatten(2, (height, width, channels)).permute(0, 1, 4, 2, 3)
        filters = zip(*(layer.unbind() for layer in self.filters), strict=True)
        shifts = zip(*(layer.unbind() for layer in self.shifts), strict=True)
        return torch.stack([self.convolved(*of_member) for of_member in zip(images, filters, shifts, strict=True)])

    def convolved(self, maps: Tensor, filters: tuple[Tensor, ...], shifts: tuple[Tensor, ...]) -> Tensor:
        """Outputs (n, features) of one member's convolutions for its maps (n, channels, height, width)."""
        for layer, weight, bias in zip(self.convolutions, filters, shifts, strict=True):
            maps = ACTIVATION[self.activation](conv2d(maps, weight, bias, stride=layer.stride, padding=1))
        return maps.flatten(1)

    def sgd_step(self, x: Tensor, labels: Tensor, learning_rate: float) -> None:
        """One step of plain SGD on the mean cross-entropy of every member's batch; x (S, n, 3072), labels (S, n)."""
        with torch.enable_grad():
            features = self.features(x)
        error = self.dense.sgd_step(features.detach(), labels, learning_rate, back=True)
        parameters = cast(list[Tensor], [*self.filters, *self.shifts])
        gradients = torch.autograd.grad(features, parameters, error)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=learning_rate)
