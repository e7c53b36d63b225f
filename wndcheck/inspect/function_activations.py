"""Activations that a network applies by a function, which the user gives: they cannot be hooked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Activation = Callable[[Tensor], Tensor]


class ActivationError(ValueError):
    """A function given as an activation cannot be one."""


def activated(activation: Activation, tensor: Tensor, layer: str) -> Tensor:
    """The activation of a layer's output. ActivationError unless it returns a tensor of the same shape."""
    try:
        found = activation(tensor.clone())  # it may work in place
    except Exception as error:
        raise ActivationError(f"activation failed on layer {layer!r} ({type(error).__name__}: {error})") from error
    if not isinstance(found, Tensor) or found.shape != tensor.shape:
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise ActivationError(
            f"activation returned {got} for layer {layer!r}: expected a tensor of its shape, {tuple(tensor.shape)}; "
            "give an elementwise function such as torch.relu"
        )
    return found


class SeenActivations(TorchDispatchMode):
    """Notices when a network computes, or goes on with, one of the expected tensors, and calls found(key, tensor)."""

    def __init__(self, found: Callable[[Any, Tensor], None]) -> None:
        super().__init__()
        self.found = found
        self.expected: dict[Any, Tensor] = {}

    def expect(self, key: Any, activation: Activation, tensor: Tensor, layer: str) -> None:
        """Expect the activation of a layer's output."""
        others, self.expected = self.expected, {}  # what is computed here is not the network's
        self.expected = others | {key: activated(activation, tensor, layer)}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compare what an operation takes and returns with what is expected."""
        returned = func(*args, **(kwargs or {}))
        if self.expected:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, returned)) if isinstance(leaf, Tensor)]
            for key, expected in list(self.expected.items()):
                if any(_equal(tensor, expected) for tensor in tensors):
                    self.found(key, self.expected.pop(key))
        return returned


def _equal(some: Tensor, expected: Tensor) -> bool:
    """Whether tensors are equal up to half of their precision's digits, which rounding does not reach."""
    if some.shape != expected.shape or some.dtype != expected.dtype or not expected.numel():
        return False
    tolerance = torch.finfo(expected.dtype).eps ** 0.5 * float(expected.abs().max())
    return torch.allclose(some, expected, rtol=0, atol=tolerance, equal_nan=True)
