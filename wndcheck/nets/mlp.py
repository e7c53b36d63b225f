"""Networks as stacks over seeds: S members of one shape, every parameter with a leading axis of length S."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import sqrt
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softmax

from wndcheck.nets.specification import CLASSES, Activation
from wndcheck.seeds import derived_seed

# The variance of initial weights is gain² / fan-in. The paper says "iid zero-mean Gaussians" and no variance; these
# gains keep the scale of pre-activations from layer to layer (He et al. 2015 for ReLU, LeCun et al. 1998 for tanh).
GAIN = {"relu": sqrt(2.0), "tanh": 1.0}
ACTIVATION = {"relu": torch.relu, "tanh": torch.tanh}


class StackedMLP(nn.Module):
    """The paper's multi-layer perceptron (Figure 1a), S members at once.

    `layers` counts weight layers: the paper's five are four hidden ones of `width` neurons and the logits. Weights
    have shape (S, in, out), biases (S, 1, out); weights start Gaussian, `gain` times He's or LeCun's, biases zero. Each
    member draws from its own generator, so that a seed names the same net in a stack of one and in a stack of sixteen;
    `threads` share the draws.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        seeds: Sequence[int],
        activation: Activation,
        layers: int = 5,
        classes: int = CLASSES,
        gain: float = 1.0,
        threads: int = 1,
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        sizes = [inputs] + [width] * (layers - 1) + [classes]
        drawn = generators(seeds, "initial weights")
        self.weights = nn.ParameterList(
            gaussian_weights((fan_in, fan_out), gain * GAIN[activation] / sqrt(fan_in), drawn, threads)
            for fan_in, fan_out in pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(len(seeds), 1, fan_out) for fan_out in sizes[1:])
        self.rates = [(1.0, 1.0)] * layers  # factors on the learning rate of each layer's weights and biases

    @property
    def dense(self) -> StackedMLP:
        """The dense layers: all of them."""
        return self

    def features(self, x: Tensor) -> Tensor:
        """The inputs of the dense layers: x itself."""
        return x

    @property
    def members(self) -> int:
        return self.weights[0].shape[0]

    @property
    def widest(self) -> int:
        """Neurons of the widest layer."""
        return max(weight.shape[2] for weight in self.weights)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, n, classes) of inputs (S, n, inputs), or of (n, inputs) shown to every member."""
        return self.pre_activations(x)[-1]

    def pre_activations(self, x: Tensor) -> list[Tensor]:
        """z of every layer, first hidden layer to logits, each (S, n, neurons of the layer)."""
        return self.propagated(x)[1]

    def propagated(self, x: Tensor, lowest: int = 0) -> tuple[list[Tensor], list[Tensor]]:
        """The inputs and the z of every layer from the `lowest` up; x enters the lowest."""
        entering, z = [for_each_member(x, self.members)], []
        for weight, bias in zip(list(self.weights)[lowest:], list(self.biases)[lowest:], strict=True):
            if z:
                entering.append(ACTIVATION[self.activation](z[-1]))
            z.append(torch.baddbmm(cast(Tensor, bias), entering[-1], cast(Tensor, weight)))
        return entering, z

    def without(self, neuron: int, layer: int, entering: Sequence[Tensor], z: Sequence[Tensor]) -> Tensor:
        """Logits (S, n, classes) when the output of a hidden layer's neuron is 0; `entering` and `z` of `propagated`.

        What the neuron passes on is subtracted from the z of the layer above, which costs less than its z anew.
        """
        above, one = layer + 1, slice(neuron, neuron + 1)
        passed_on = cast(Tensor, self.weights[above])[:, one]
        silenced = torch.baddbmm(z[above], entering[above][..., one], passed_on, alpha=-1)
        if above == len(z) - 1:
            return silenced
        return self.propagated(ACTIVATION[self.activation](silenced), above + 1)[1][-1]

    @torch.no_grad()
    def sgd_step(self, x: Tensor, labels: Tensor, learning_rate: float, *, back: bool = False) -> Tensor | None:
        """One step of plain SGD on the mean cross-entropy of every member's own batch; x (S, n, inputs), labels (S, n).

        Nothing couples the members, so each takes the step it would take alone. With `back` it returns the gradient
        of each member's loss in its inputs, (S, n, inputs).

        Back-propagation is written out, so that a weight's gradient goes straight into the weight: this halves the
        memory traffic of autograd and an optimiser, which bounds a step.
        """
        entering, z = self.propagated(x)
        error = loss_gradient(z[-1], labels)
        for layer in reversed(range(len(self.weights))):
            weight, below = self.weights[layer], entering[layer]
            rate, bias_rate = (learning_rate * factor for factor in self.rates[layer])
            passed = error @ weight.mT if layer or back else None  # before the weight moves
            weight.baddbmm_(below.mT, error, alpha=-rate)
            self.biases[layer].sub_(error.sum(1, keepdim=True), alpha=bias_rate)
            if layer:
                error = through_activation(cast(Tensor, passed), below, self.activation)
        return passed  # of the lowest layer


def loss_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """Gradient in the logits (S, n, classes) of each member's mean cross-entropy over its n labels (S, n)."""
    truth = labels[..., None] == torch.arange(logits.shape[-1], device=labels.device)
    return (softmax(logits, -1) - truth.to(logits.dtype)) / labels.shape[1]


def through_activation(gradient: Tensor, x: Tensor, activation: Activation) -> Tensor:
    """The gradient in z, from that in x = φ(z)."""
    if activation == "relu":
        return torch.ops.aten.threshold_backward(gradient, x, 0)
    return torch.ops.aten.tanh_backward(gradient, x)


def for_each_member(x: Tensor, members: int) -> Tensor:
    """Inputs (S, n, inputs), from the same or from (n, inputs) shown to every member."""
    return x if x.dim() == 3 else x.expand(members, *x.shape)


def generators(seeds: Sequence[int], purpose: str) -> list[torch.Generator]:
    """One generator for each member's draws of a purpose."""
    return [torch.Generator().manual_seed(derived_seed(seed, purpose)) for seed in seeds]


def gaussian_weights(
    shape: tuple[int, ...], sd: float, generators: Sequence[torch.Generator], threads: int = 1
) -> Tensor:
    """Weights (S, *shape), each member's from its own generator."""
    weights = torch.empty(len(generators), *shape)

    def draw(own: Tensor, generator: torch.Generator) -> None:
        torch.randn(shape, generator=generator, out=own).mul_(sd)

    list(map_in(threads)(draw, weights, generators))
    return weights


def map_in(threads: int) -> Callable[..., Iterable[Any]]:
    """A `map` whose calls the threads share: thousands of nets that one draws would keep a GPU waiting for minutes."""
    return ThreadPoolExecutor(threads).map if threads > 1 else map
