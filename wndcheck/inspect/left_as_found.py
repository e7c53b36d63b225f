"""The state of a network, which is put back after a measurement and before each forward pass."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from operator import is_
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CONTAINERS = (dict, list, set, deque)


class KeptState(TorchDispatchMode):
    """The state of a network: all that is reachable from the attributes of its modules.

    Attributes and containers are kept by their items, and so are those of objects of the network's own packages. As a
    context, it copies the value of a tensor when an operation is about to write to it: tensors that are only read cost
    no memory.
    """

    supports_higher_order_operators = True  # which take functions, such as flex_attention and torch.cond

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._put_back: list[Callable[[], Any]] = []
        self._put_back_at_end: list[Callable[[], Any]] = []
        self._unwritten: dict[int, list[Tensor]] = defaultdict(list)  # by the address of their storage
        modules = list(model.modules())
        packages = {_package(module) for module in modules} - {"torch"}
        hooks = {id(value) for module in modules for name, value in vars(module).items() if "_hooks" in name}
        seen: dict[int, Any] = {}
        waiting: list[Any] = [*modules]
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen[id(value)] = value
            if isinstance(value, Tensor):
                self._keep_tensor(value)
            elif isinstance(value, CONTAINERS):
                items = _items(value)
                (self._put_back_at_end if id(value) in hooks else self._put_back).append(partial(_refill, value, items))
                waiting += items
            elif isinstance(value, tuple):
                waiting += value
            elif isinstance(value, np.ndarray):
                if value.flags.writeable:
                    self._put_back.append(partial(np.copyto, value, value.copy()))
            elif put_back := kept_random_state(value):
                self._put_back_at_end.append(put_back)
            elif hasattr(value, "__dict__") and (isinstance(value, nn.Module) or _package(value) in packages):
                waiting.append(vars(value))

    def restore(self, *, between_passes: bool = False) -> None:
        """Put everything back; between two passes, hooks and random generators stay as they are."""
        with torch.no_grad():
            for put_back in self._put_back if between_passes else self._put_back + self._put_back_at_end:
                put_back()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # which torch would import at the first operation: that takes longer than importing torch

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Schemas of some operations of batch normalisation do not tell that they write running statistics. An operator
        # that takes functions, such as torch.cond, has no schema: the functions may write to any tensor they reach.
        schema = getattr(function, "_schema", None)
        if schema is None:
            for address in list(self._unwritten):
                self._keep_values(address)
        elif schema.is_mutable or "batch_norm" in schema.name:
            for value in tree_leaves((args, kwargs)):
                if isinstance(value, Tensor):
                    self._keep_values(_address(value))
        return function(*args, **(kwargs or {}))

    def _keep_tensor(self, tensor: Tensor) -> None:
        grad = tensor.grad if tensor.is_leaf else None
        self._put_back.append(partial(_put_tensor_back, tensor, tensor.data, tensor.requires_grad, grad))
        for each in [tensor] if grad is None else [tensor, grad]:
            self._unwritten[_address(each)].append(each.data if _place(each) else each)

    def _keep_values(self, address: int) -> None:
        for tensor in self._unwritten.pop(address, []):
            self._put_back.append(partial(_copy_back, tensor, tensor.detach().clone()))


def _items(container: Any) -> tuple[Any, ...]:
    """The items of a container; of a dict, its keys and then its values."""
    return (*container, *container.values()) if isinstance(container, dict) else tuple(container)


def _refill(container: Any, items: tuple[Any, ...]) -> None:
    now = _items(container)
    if len(now) == len(items) and all(map(is_, now, items)):
        return
    container.clear()
    if isinstance(container, dict):
        half = len(items) // 2
        for key, value in zip(items[:half], items[half:], strict=True):  # update() of a Counter would count
            container[key] = value
    elif isinstance(container, set):
        container.update(items)
    else:
        container.extend(items)


def _put_tensor_back(tensor: Tensor, alias: Tensor, requires_grad: bool, grad: Tensor | None) -> None:
    if _place(tensor) != _place(alias):
        tensor.data = alias
    if tensor.requires_grad is not requires_grad:
        tensor.requires_grad_(requires_grad)
    if tensor.is_leaf and tensor.grad is not grad:
        tensor.grad = grad


def _copy_back(tensor: Tensor, before: Tensor) -> None:
    # A copy counts as an in-place modification, which a later backward pass may reject: only where needed.
    if tensor.layout != torch.strided or not torch.equal(tensor, before):
        tensor.copy_(before)


def kept_random_state(source: Any) -> Callable[[], Any] | None:
    """A function that puts a source of random numbers back into its present state; None for anything else."""
    if isinstance(source, torch.Generator | np.random.RandomState):
        return partial(source.set_state, source.get_state())  # pyright: ignore[reportArgumentType]
    if isinstance(source, np.random.Generator):
        return partial(setattr, source.bit_generator, "state", source.bit_generator.state)
    if isinstance(source, random.Random) and not isinstance(source, random.SystemRandom):  # which has no state
        return partial(source.setstate, source.getstate())
    return None


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Where the values of a tensor are in memory, and how they are read; () without a storage, as of sparse ones."""
    try:
        address = tensor.untyped_storage().data_ptr()
        return address, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype
    except (NotImplementedError, RuntimeError):
        return ()


def _address(tensor: Tensor) -> int:
    """Address of a tensor's storage or, without one, of the tensor."""
    place = _place(tensor)
    return place[0] if place else id(tensor)


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]
