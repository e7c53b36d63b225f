"""Networks as stacks over seeds: S members of one shape, every parameter with a leading axis of length S."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import cast

import torch
from torch import Tensor, nn

from wndcheck.cells import Activation
from wndcheck.seeds import derived_seed

# The variance of initial weights is gain² / fan-in. The paper says "iid zero-mean Gaussians" and no variance; these
# gains keep the scale of pre-activations from layer to layer (He et al. 2015 for ReLU, LeCun et al. 1998 for tanh).
GAIN = {"relu": sqrt(2.0), "tanh": 1.0}
ACTIVATION = {"relu": torch.relu, "tanh": torch.tanh}


class StackedMLP(nn.Module):
    """The paper's multi-layer perceptron (Figure 1a), S members at once.

    `layers` counts weight layers: the paper's five are four hidden ones of `width` neurons and the logits. Weights
    have shape (S, in, out), biases (S, 1, out); weights start Gaussian, biases zero. Each member draws from its own
    generator, so that a seed names the same net in a stack of one and in a stack of sixteen.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        seeds: Sequence[int],
        activation: Activation,
        layers: int = 5,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.activation = activation
        sizes = [inputs] + [width] * (layers - 1) + [classes]
        generators = [torch.Generator().manual_seed(derived_seed(seed, "initial weights")) for seed in seeds]
        self.weights = nn.ParameterList(
            gaussian_weights(fan_in, fan_out, GAIN[activation], generators) for fan_in, fan_out in pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(len(seeds), 1, fan_out) for fan_out in sizes[1:])

    @property
    def members(self) -> int:
        return self.weights[0].shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, n, classes) of inputs (S, n, inputs), or of (n, inputs) shown to every member."""
        return self.pre_activations(x)[-1]

    def pre_activations(self, x: Tensor) -> list[Tensor]:
        """z of every layer, first hidden layer to logits, each (S, n, neurons of the layer)."""
        phi = ACTIVATION[self.activation]
        inputs = x if x.dim() == 3 else x.expand(self.members, *x.shape)
        z: list[Tensor] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            inputs = phi(z[-1]) if z else inputs
            z.append(torch.baddbmm(cast(Tensor, bias), inputs, cast(Tensor, weight)))
        return z


def gaussian_weights(fan_in: int, fan_out: int, gain: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Weights (S, fan_in, fan_out), each member's from its own generator, variance gain² / fan_in."""
    members = [torch.randn(fan_in, fan_out, generator=generator) for generator in generators]
    return torch.stack(members) * (gain / sqrt(fan_in))
