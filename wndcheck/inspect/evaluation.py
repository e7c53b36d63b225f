"""Evaluation mode for the time of a measurement, also in another precision."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wndcheck.inspect.left_as_found import KeptState


@contextmanager
def evaluation_mode(model: nn.Module, random_state: int, dtype: torch.dtype | None = None) -> Iterator[None]:
    """Every module in evaluation mode, without gradients, all random numbers seeded; everything is restored on exit.

    Attributes and tensors of all modules are restored before each pass, too; hooks, and the states of torch's, numpy's
    and Python's random numbers, on exit, also after an exception. `train()` and `eval()` are not called, because some
    networks fold weights in them. Fused attention and nested tensors, which bypass hooks, are disabled meanwhile.
    dtype: floating-point parameters and buffers are replaced by copies of this dtype meanwhile.
    """
    with ExitStack() as undo:
        undo.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        undo.callback(KeptState(model).restore)  # into its modes and precision
        for module in model.modules():
            module.training = False
        if dtype is not None:
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


@contextmanager
def seeded_generators(gpus: Sequence[torch.device | int], seed: int) -> Iterator[None]:
    """Seed the global generators of torch (CPU and these GPUs), numpy and Python; restore their states on exit."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (networks and loaders draw from it)
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed % 2**64)  # a seed may have any number of bits, as numpy's have
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed % 2**64)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002 # pyright: ignore[reportArgumentType]


def device_of(model: nn.Module) -> torch.device:
    """Device of the first parameter or buffer; the CPU for a network without any."""
    tensor = next(model.parameters(), next(model.buffers(), None))
    return torch.device("cpu") if tensor is None else tensor.device


def precision_of(model: nn.Module) -> torch.dtype | None:
    """Precision of the first floating-point parameter, of 16 bits or more: with fewer, weights are only stored."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point() and p.itemsize > 1), None)


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
    dtype = precision_of(model)
    if dtype not in (torch.float16, torch.bfloat16):
        return ""
    return (
        f"the network is in {str(dtype).removeprefix('torch.')}, whose values repeat, which "
        "distorts estimates: dtype='float32' (--dtype float32) measures a copy in float32"
    )
