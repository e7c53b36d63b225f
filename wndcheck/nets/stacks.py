"""Build the stack of nets of a specification; divide it; take its weights out, and put them in."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import nn

from wndcheck.devices import host_threads
from wndcheck.nets.architectures import STACKS, StackedTransformer
from wndcheck.nets.convnet import StackedConvNet
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import NetSpec

Stack = StackedMLP | StackedConvNet | StackedTransformer  # S nets of one shape


def weights_of(stack: Stack) -> dict[str, np.ndarray]:
    """The parameters of all nets by name, (S, ...) each, on the host."""
    return {name: value.cpu().numpy() for name, value in stack.state_dict().items()}


def load_weights(stack: Stack, weights: dict[str, np.ndarray]) -> None:
    """Give the nets the parameters of `weights_of`. RuntimeError for those of a stack of another shape."""
    stack.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})


def blocks_of(stack: Stack, size: int) -> list[tuple[slice, Stack]]:
    """The stack in blocks of at most `size` members, with the places of these; blocks share the stack's memory."""
    if size >= stack.members:
        return [(slice(None), stack)]
    places = [slice(start, start + size) for start in range(0, stack.members, size)]
    return [(members, block_of(stack, members)) for members in places]


def block_of(stack: Stack, members: slice) -> Stack:
    """Some members as a stack, whose parameters and buffers are views of the whole stack's."""
    views: dict[int, Any] = {id(each): nn.Parameter(each.detach()[members]) for each in stack.parameters()}
    return deepcopy(stack, views | {id(each): each[members] for each in stack.buffers()})


def build(nets: NetSpec, seeds: Sequence[int], inputs: int, device: torch.device) -> Stack:
    """The initial nets of some of the specification's seeds; `inputs` is the number of values of an image."""
    shape = {"seeds": seeds, "activation": nets.activation, "gain": nets.unspecified.initial_gain}
    shape["threads"] = host_threads(str(device))
    if nets.architecture == "convnet":
        return StackedConvNet(nets.width, channels=nets.channels, **shape).to(device)
    if nets.architecture in STACKS:
        return STACKS[nets.architecture](inputs, nets.width, **shape).to(device)
    return StackedMLP(inputs, nets.width, layers=nets.layers, **shape).to(device)
