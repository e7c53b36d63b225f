"""Build the stack of nets of a specification; take its weights out, and put them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Activation, NetSpec


class Stack(Protocol):
    """S nets of one shape, as training and measuring use them."""

    activation: Activation

    @property
    def members(self) -> int: ...
    @property
    def widest(self) -> int: ...
    @property
    def weights(self) -> nn.ParameterList: ...
    @property
    def dense(self) -> StackedMLP: ...
    def features(self, x: Tensor) -> Tensor: ...
    def __call__(self, x: Tensor) -> Tensor: ...
    def pre_activations(self, x: Tensor) -> list[Tensor]: ...
    def descend(self, x: Tensor, labels: Tensor, learning_rate: float) -> object: ...
    def state_dict(self) -> dict[str, Tensor]: ...


def weights_of(stack: Stack) -> dict[str, np.ndarray]:
    """The parameters of all nets by name, (S, ...) each, on the host."""
    return {name: value.cpu().numpy() for name, value in stack.state_dict().items()}


def load_weights(stack: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Give the nets the parameters of `weights_of`. RuntimeError for those of a stack of another shape."""
    stack.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def build(nets: NetSpec, seeds: Sequence[int], inputs: int, device: torch.device) -> StackedMLP | StackedConvNet:
    """The initial nets of some of the specification's seeds; `inputs` is the number of values of an image."""
    shape = {"seeds": seeds, "activation": nets.activation, "gain": nets.unspecified.initial_gain}
    if nets.architecture == "convnet":
        return StackedConvNet(nets.width, **shape).to(device)
    return StackedMLP(inputs, nets.width, layers=nets.layers, **shape).to(device)
