"""Architectures beyond the paper's perceptron, as stacks over seeds: each of them changes one thing about it.

Batch norm, layer norm, residual connections, Adam in place of plain SGD, the μ parametrisation; and a transformer, of
whose block the two dense layers are measured. What is measured of a dense layer is its output, before a norm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import sqrt
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, layer_norm, scaled_dot_product_attention
from torch.optim.adam import adam

from wndcheck.nets.mlp import GAIN, StackedMLP, for_each_member, gaussian_weights, generators, loss_gradient
from wndcheck.nets.specification import CLASSES, HEAD, PATCH, TOKENS, Activation, Architecture

MUP_WIDTH = 128  # at which μP equals the standard parametrisation: the geometric middle of 32 to 512
POSITION_SD = 0.02  # of initial position embeddings, as in BERT and in vision transformers


class TrainedByAutograd(nn.Module, ABC):
    """A stack that is trained by autograd. Subclasses give the outputs of their dense layers."""

    @abstractmethod
    def outputs(self, x: Tensor, *, in_training: bool = False) -> list[Tensor]:
        """z of the dense layers and the logits, (S, n, neurons) each, of inputs (S, n, inputs) or (n, inputs)."""

    @property
    def dense(self) -> StackedMLP:
        """NotImplementedError: single neurons are ablated only in the paper's nets, whose hidden outputs are φ(z)."""
        raise NotImplementedError(f"{type(self).__name__}: neurons can be ablated only in the paper's nets")

    def features(self, x: Tensor) -> Tensor:
        """The inputs of the first layer: x itself."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, n, classes)."""
        return self.outputs(x)[-1]

    def pre_activations(self, x: Tensor) -> list[Tensor]:
        """z of every dense layer and the logits, as `outputs`."""
        return self.outputs(x)

    def sgd_step(self, x: Tensor, labels: Tensor, learning_rate: float) -> None:
        """One step on the mean cross-entropy of every member's own batch; x (S, n, inputs), labels (S, n).

        The loss of a member does not depend on the others' parameters, so each takes the step it would take alone.
        """
        parameters = list(self.parameters())
        with torch.enable_grad():
            logits = self.outputs(x, in_training=True)[-1]
            gradients = torch.autograd.grad(logits, parameters, loss_gradient(logits.detach(), labels))
        with torch.no_grad():
            self.descend(parameters, gradients, learning_rate)

    def descend(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Move the parameters against their gradients."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(gradient, alpha=learning_rate)


class TrainedWithAdam(TrainedByAutograd):
    """A stack that is trained with Adam (Kingma & Ba, 2015), by its usual moments."""

    steps: Tensor

    def register_moments(self) -> None:
        """Register the moments of all parameters and each member's number of steps as parts of the stack's state."""
        self.register_buffer("steps", torch.zeros(len(next(self.parameters()))))
        for at, parameter in enumerate(self.parameters()):
            self.register_buffer(f"mean_{at}", torch.zeros_like(parameter))
            self.register_buffer(f"square_{at}", torch.zeros_like(parameter))

    def descend(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: float) -> None:
        means, squares = (
            [self.get_buffer(f"{name}_{at}") for at in range(len(parameters))] for name in ("mean", "square")
        )
        # One tensor per member: the fused kernel rounds the last few elements of a tensor differently.
        own = [[x for whole in group for x in whole.unbind()] for group in (parameters, gradients, means, squares)]
        steps = [self.steps[0].clone() for _ in own[0]]  # which `adam` increments
        usual = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
        adam(own[0], own[1], own[2], own[3], [], steps, fused=True, lr=learning_rate, **usual)
        self.steps += 1


class Perceptron(TrainedByAutograd, StackedMLP):
    """A perceptron with other hidden outputs than φ(z), or another optimiser than plain SGD."""

    def __init__(self, inputs: int, width: int, **how: Any) -> None:
        super().__init__(inputs, width, **how)
        self.hidden = len(self.weights) - 1

    def outputs(self, x: Tensor, *, in_training: bool = False) -> list[Tensor]:
        x, z = for_each_member(x, self.members), []
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z.append(torch.baddbmm(cast(Tensor, bias), x, cast(Tensor, weight)))
            if layer < self.hidden:
                x = self.next_input(layer, x, z[-1], in_training)
        return z

    def next_input(self, layer: int, x: Tensor, z: Tensor, in_training: bool) -> Tensor:
        """The input of the next layer, from input x and output z of a hidden one, (S, n, N) each."""
        return torch.relu(z)


class BatchNormPerceptron(Perceptron):
    """φ(batch norm(z)) after every hidden layer (Ioffe & Szegedy, 2015); measured with the running statistics."""

    def __init__(self, inputs: int, width: int, **how: Any) -> None:
        super().__init__(inputs, width, **how)
        each = (self.members, width)
        self.scales = nn.ParameterList(torch.ones(each) for _ in range(self.hidden))
        self.shifts = nn.ParameterList(torch.zeros(each) for _ in range(self.hidden))
        for layer in range(self.hidden):
            self.register_buffer(f"mean_{layer}", torch.zeros(each))
            self.register_buffer(f"variance_{layer}", torch.ones(each))

    def next_input(self, layer: int, x: Tensor, z: Tensor, in_training: bool) -> Tensor:
        members, n, width = z.shape
        features = z.transpose(0, 1).reshape(n, members * width)  # each is normalised on its own
        running = self.get_buffer(f"mean_{layer}"), self.get_buffer(f"variance_{layer}")
        of_features = [each.view(-1) for each in (*running, self.scales[layer], self.shifts[layer])]
        normed = batch_norm(features, *of_features, training=in_training)
        return torch.relu(normed).view(n, members, width).transpose(0, 1)


class LayerNormPerceptron(Perceptron):
    """φ(layer norm(z)) after every hidden layer (Ba et al., 2016)."""

    def __init__(self, inputs: int, width: int, **how: Any) -> None:
        super().__init__(inputs, width, **how)
        self.norms = nn.ModuleList(LayerNorms(self.members, width) for _ in range(self.hidden))

    def next_input(self, layer: int, x: Tensor, z: Tensor, in_training: bool) -> Tensor:
        return torch.relu(self.norms[layer](z))


class LayerNorms(nn.Module):
    """The layer norm of every member, over the last axis of (S, ..., N)."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, z: Tensor) -> Tensor:
        return torch.addcmul(self.shift, layer_norm(z, z.shape[-1:]), self.scale)


class ResidualPerceptron(Perceptron):
    """x + φ(z) after every hidden layer but the first, whose inputs have another size (He et al., 2016)."""

    def next_input(self, layer: int, x: Tensor, z: Tensor, in_training: bool) -> Tensor:
        return x + torch.relu(z) if layer else torch.relu(z)


class AdamPerceptron(TrainedWithAdam, Perceptron):
    """The paper's perceptron, trained with Adam in place of plain SGD."""

    def __init__(self, inputs: int, width: int, **how: Any) -> None:
        super().__init__(inputs, width, **how)
        self.register_moments()


class MuPerceptron(StackedMLP):
    """The paper's perceptron in the μ parametrisation for SGD (Yang et al., 2021, Table 3).

    With m = N / MUP_WIDTH, initial output weights are divided by √m and their learning rate by m; the learning rates of
    the input weights and of hidden biases are multiplied by m.
    """

    def __init__(self, inputs: int, width: int, **how: Any) -> None:
        super().__init__(inputs, width, **how)
        m = width / MUP_WIDTH
        self.weights[-1].data /= sqrt(m)
        self.rates = [(m, m), *[(1.0, m)] * (len(self.weights) - 2), (1 / m, 1.0)]


class StackedTransformer(TrainedWithAdam):
    """One block over the patches of an image, layer norms first; its dense layers have `width` and width / 2 neurons.

    Trained with Adam, as such nets are; plain SGD did not train the narrow ones in pilots. Outputs are those of one
    token of each image, the tokens in turn, and the logits, from the mean over tokens.
    """

    def __init__(
        self, inputs: int, width: int, *, seeds: Sequence[int], gain: float = 1.0, threads: int = 1, **_: Any
    ) -> None:
        super().__init__()
        if inputs != TOKENS * PATCH:
            raise ValueError(f"images of {inputs} values: expected {TOKENS * PATCH}, of 28×28 pixels")
        members, dimensions, drawn = len(seeds), width // 2, generators(seeds, "initial weights")
        shapes = {"embedding": (PATCH, dimensions), "attention": (dimensions, 3 * dimensions)}
        shapes |= {"projection": (dimensions, dimensions), "first": (dimensions, width), "second": (width, dimensions)}
        shapes |= {"logits": (dimensions, CLASSES)}
        self.matrices, self.offsets = nn.ParameterDict(), nn.ParameterDict()
        for name, shape in shapes.items():
            scale = GAIN["relu"] if name == "second" else 1.0  # what enters the others has not passed a ReLU
            self.matrices[name] = gaussian_weights(shape, gain * scale / sqrt(shape[0]), drawn, threads)
            self.offsets[name] = torch.zeros(members, 1, shape[1])
        self.positions = nn.Parameter(gaussian_weights((TOKENS, dimensions), POSITION_SD, drawn, threads))
        self.norms = nn.ModuleList(LayerNorms(members, dimensions) for _ in range(3))
        self.activation: Activation = "relu"
        self.widest = TOKENS * width
        self.register_moments()

    @property
    def members(self) -> int:
        return len(self.positions)

    @property
    def weights(self) -> nn.ParameterList:
        """Weights of the dense layers and the logits."""
        return nn.ParameterList(self.matrices[name] for name in ("first", "second", "logits"))

    def outputs(self, x: Tensor, *, in_training: bool = False) -> list[Tensor]:
        tokens = patches(for_each_member(x, self.members))  # (S, n, T, PATCH)
        members, n, *_ = tokens.shape
        x = self.linear("embedding", tokens.flatten(1, 2)).view(members, n, TOKENS, -1) + self.positions[:, None]
        x = x.flatten(1, 2)  # (S, n T, dimensions), as are all between here and the logits
        heads = self.linear("attention", self.norms[0](x)).view(members * n, TOKENS, 3, -1, HEAD).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads  # (S n, heads, T, HEAD) each
        mixed = scaled_dot_product_attention(queries, keys, values).transpose(1, 2).reshape(x.shape)
        x = x + self.linear("projection", mixed)
        first = self.linear("first", self.norms[1](x))
        second = self.linear("second", torch.relu(first))
        x = self.norms[2](x + second)
        logits = self.linear("logits", x.view(members, n, TOKENS, -1).mean(2))
        images = torch.arange(n, device=x.device)
        shown = images * TOKENS + images % TOKENS
        return [first[:, shown], second[:, shown], logits]

    def linear(self, name: str, x: Tensor) -> Tensor:
        """x W + b of every member, (S, rows, in) -> (S, rows, out)."""
        return torch.baddbmm(self.offsets[name], x, self.matrices[name])


def patches(images: Tensor) -> Tensor:
    """Images (S, n, 784) as tokens (S, n, 16, 49), patches of 7×7 pixels from the upper left to the lower right."""
    members, n, _ = images.shape
    return images.view(members, n, 4, 7, 4, 7).transpose(3, 4).reshape(members, n, TOKENS, PATCH)


STACKS: dict[Architecture, type[StackedMLP] | type[StackedTransformer]] = {
    "batch-norm": BatchNormPerceptron,
    "layer-norm": LayerNormPerceptron,
    "residual": ResidualPerceptron,
    "adam": AdamPerceptron,
    "mup": MuPerceptron,
    "transformer": StackedTransformer,
}
