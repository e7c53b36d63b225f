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

    supports_higher_order_operators = True  # see KeptState

    def __init__(self, found: Callable[[Any, Tensor], None]) -> None:
        super().__init__()
        self.found = found
        self.expected: dict[Any, Tensor] = {}

    def expect(self, key: Any, activation: Activation, tensor: Tensor, layer: str) -> None:
        """Expect the activation of a layer's output."""
        others, self.expected = self.expected, {}  # what is computed here is not the network's
        self.expected = others | {key: activated(activation, tensor, layer)}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # see KeptState

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compare what an operation takes and returns with what is expected."""
        returned = func(*args, **(kwargs or {}))
        if self.expected:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, returned)) if isinstance(leaf, Tensor)]
            for key, expected in list(self.expected.items()):
                if expected.numel() and any(agree(tensor, expected) for tensor in tensors):
                    self.found(key, self.expected.pop(key))
        return returned


def agree(some: Tensor, others: Tensor) -> bool:
    """Whether tensors are equal up to half of their precision's digits, which rounding does not reach."""
    if some.shape != others.shape or some.dtype != others.dtype:
        return False
    if not some.is_floating_point():
        return torch.equal(some, others)
    finite = others[others.isfinite()]
    scale = float(finite.abs().max()) if len(finite) else 0.0
    return torch.allclose(some, others, rtol=0, atol=torch.finfo(some.dtype).eps ** 0.5 * scale, equal_nan=True)
