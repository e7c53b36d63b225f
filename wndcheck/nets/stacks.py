"""The stack of nets that a cell asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from wndcheck.experiment.cells import Activation, Cell
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP


class Stack(Protocol):
    """What training and measuring ask of S nets of one shape."""

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


def build(cell: Cell, seeds: Sequence[int], inputs: int, device: torch.device) -> StackedMLP | StackedConvNet:
    """The initial nets of some of the cell's seeds; `inputs` is the number of values of an image."""
    gain = cell.unsaid.initial_gain
    if cell.architecture == "convnet":
        return StackedConvNet(cell.width, seeds=seeds, activation=cell.activation, gain=gain).to(device)
    return StackedMLP(inputs, cell.width, seeds=seeds, activation=cell.activation, layers=cell.layers, gain=gain).to(
        device
    )
