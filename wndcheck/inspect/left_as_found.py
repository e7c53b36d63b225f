"""Evaluation mode for the time of a measurement, after which a network is left as it was found."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

CONTAINERS = (dict, list, set, deque)


@contextmanager
def evaluation_mode(model: nn.Module, random_state: int, dtype: torch.dtype | None = None) -> Iterator[None]:
    """Every module in evaluation mode, without gradients, all random numbers seeded; everything is restored on exit.

    Attributes and tensors of all modules are restored before each pass, too; hooks, and the states of torch's, numpy's
    and Python's random numbers, on exit, also after an exception. `train()` and `eval()` are not called, because some
    networks fold weights in them. Fused attention and nested tensors, which bypass hooks, are disabled meanwhile.
    dtype: floating-point parameters and buffers are replaced by copies of this dtype meanwhile.
    """
    modes = {module: module.training for module in model.modules()}
    fastpath = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as undo:
        undo.callback(torch.backends.mha.set_fastpath_enabled, fastpath)
        for module, training in modes.items():
            undo.callback(setattr, module, "training", training)
            module.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        if dtype is not None:
            undo.callback(KeptState(model).restore)
            _replace_floating(model, dtype)
        kept = KeptState(model)
        undo.callback(kept.restore)
        before_pass = model.register_forward_pre_hook(lambda *_: kept.restore(between_passes=True), prepend=True)
        undo.callback(before_pass.remove)
        device = device_of(model)
        undo.enter_context(seeded_generators([device] if device.type == "cuda" else [], random_state))
        undo.enter_context(torch.no_grad())
        undo.enter_context(kept)
        yield


class KeptState(TorchDispatchMode):
    """The state of a network: all that is reachable from the attributes of its modules.

    Attributes and containers are kept by their items, and so are those of objects of the network's own packages. The
    value of a tensor is copied when an operation is about to write to it: tensors that are only read cost no memory.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        modules = list(model.modules())
        self._packages = {_package(module) for module in modules} - {"torch"}
        self._hooks = {id(value) for module in modules for name, value in vars(module).items() if "_hooks" in name}
        self._seen: dict[int, Any] = {}  # references keep the ids from being reused
        self._containers: list[tuple[Any, tuple[Any, ...]]] = []
        self._tensors: list[tuple[Tensor, Tensor, bool, Tensor | None]] = []
        self._at: dict[int, list[Tensor]] = defaultdict(list)  # address of a storage -> tensors whose value is not kept
        self._values: list[tuple[Tensor, Tensor]] = []
        self._arrays: list[tuple[np.ndarray, np.ndarray]] = []
        self._random: list[Callable[[], Any]] = []
        for module in modules:
            self._keep(module)

    def restore(self, *, between_passes: bool = False) -> None:
        """Put everything back; between two passes, hooks and random generators stay as they are."""
        for container, items in self._containers:
            if not (between_passes and id(container) in self._hooks) and not _same(_items(container), items):
                _refill(container, items)
        with torch.no_grad():
            for value, before in self._values:
                # A copy counts as an in-place modification, which a later backward pass may reject: only where needed.
                if value.layout != torch.strided or not torch.equal(value, before):
                    value.copy_(before)
        for tensor, alias, requires_grad, grad in self._tensors:
            if _place(tensor) != _place(alias):
                tensor.data = alias
            if tensor.requires_grad is not requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.is_leaf and tensor.grad is not grad:
                tensor.grad = grad
        for array, before in self._arrays:
            array[...] = before
        if not between_passes:
            for put_back in self._random:
                put_back()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Schemas of some operations of batch normalisation do not tell that they write running statistics.
        if function._schema.is_mutable or "batch_norm" in function._schema.name:
            for tensor in _tensors_in([*args, *(kwargs or {}).values()]):
                self._keep_values(self._at.pop(_address(tensor), []))
        return function(*args, **(kwargs or {}))

    def _keep(self, root: Any) -> None:
        """Keep an object and all that is reachable from it."""
        waiting = [root]
        while waiting:
            value = waiting.pop()
            if id(value) in self._seen or isinstance(value, type | str | int | float | None):
                continue
            self._seen[id(value)] = value
            if isinstance(value, Tensor):
                self._keep_tensor(value)
            elif isinstance(value, CONTAINERS):
                items = _items(value)
                self._containers.append((value, items))
                waiting += items
            elif isinstance(value, tuple):
                waiting += value
            elif isinstance(value, np.ndarray):
                if value.flags.writeable:
                    self._arrays.append((value, value.copy()))
            elif put_back := _random_state(value):
                self._random.append(put_back)
            elif hasattr(value, "__dict__") and (isinstance(value, nn.Module) or _package(value) in self._packages):
                waiting.append(vars(value))

    def _keep_tensor(self, tensor: Tensor) -> None:
        grad = tensor.grad if tensor.is_leaf else None
        alias = tensor.data
        self._tensors.append((tensor, alias, tensor.requires_grad, grad))
        for each in [alias] if grad is None else [alias, grad.data]:
            if address := _address(each):
                self._at[address].append(each)
            else:
                self._keep_values([each])

    def _keep_values(self, tensors: list[Tensor]) -> None:
        self._values += [(tensor, tensor.clone()) for tensor in tensors]


def _items(container: Any) -> tuple[Any, ...]:
    """The items of a container; of a dict, its keys and then its values."""
    return (*container, *container.values()) if isinstance(container, dict) else tuple(container)


def _same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _refill(container: Any, items: tuple[Any, ...]) -> None:
    container.clear()
    if isinstance(container, dict):
        half = len(items) // 2
        container.update(zip(items[:half], items[half:], strict=True))
    elif isinstance(container, set):
        container.update(items)
    else:
        container.extend(items)


def _random_state(source: Any) -> Callable[[], Any] | None:
    """A function that puts a source of random numbers back into its present state; None for anything else."""
    if isinstance(source, torch.Generator):
        return partial(source.set_state, source.get_state())
    if isinstance(source, np.random.RandomState):
        return partial(source.set_state, source.get_state())
    if isinstance(source, np.random.Generator):
        return partial(setattr, source.bit_generator, "state", source.bit_generator.state)
    if isinstance(source, random.Random):
        return partial(source.setstate, source.getstate())
    return None


def _tensors_in(values: list[Any]) -> Iterator[Tensor]:
    """Tensors among the arguments of an operation, also in lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors_in(list(value))


def _address(tensor: Tensor) -> int:
    """Address of a tensor's storage; 0 for tensors without one, such as sparse ones."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return 0


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Where the values of a tensor are in memory, and how they are read."""
    if not (address := _address(tensor)):
        return ()
    return address, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _replace_floating(model: nn.Module, dtype: torch.dtype) -> None:
    """Replace the floating-point tensors among the attributes of all modules by copies of another dtype."""
    copies: dict[int, Tensor] = {}  # by the original's id, so that tied parameters stay tied

    def converted(value: Any) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        if id(value) not in copies:
            copy = value.detach().to(dtype)
            copies[id(value)] = nn.Parameter(copy, requires_grad=False) if isinstance(value, nn.Parameter) else copy
        return copies[id(value)]

    for module in model.modules():
        for attributes in (module._parameters, module._buffers, vars(module)):
            for name, value in attributes.items():
                attributes[name] = converted(value)


def checked_dtype(dtype: Any) -> torch.dtype | None:
    """The dtype that is meant. ValueError unless it is a floating-point type, or None for the network's own."""
    found: Any = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is None or (isinstance(found, torch.dtype) and found.is_floating_point):
        return found
    raise ValueError(f"dtype={dtype!r}: expected 'float32' or 'float64', or None for the network's own")


def remark_on_precision(model: nn.Module) -> str:
    """A remark on a network in half precision, or ""."""
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
    if dtype not in (torch.float16, torch.bfloat16):
        return ""
    return (
        f"the network is in {str(dtype).removeprefix('torch.')}, whose values repeat, which "
        "distorts estimates: dtype='float32' (--dtype float32) measures a copy in float32"
    )


@contextmanager
def seeded_generators(gpus: Sequence[torch.device | int], seed: int) -> Iterator[None]:
    """Seed the global generators of torch (CPU and these GPUs), numpy and Python; restore their states on exit."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (networks and loaders draw from it)
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002 # pyright: ignore[reportArgumentType]


def device_of(model: nn.Module) -> torch.device:
    """Device of the first parameter or buffer; the CPU for a network without any."""
    tensor = next(model.parameters(), next(model.buffers(), None))
    return torch.device("cpu") if tensor is None else tensor.device
