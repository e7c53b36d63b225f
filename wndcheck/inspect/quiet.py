"""A network as it was: evaluation mode, no gradients, no fast path, and all of it put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


@contextmanager
def undisturbed(model: nn.Module, random_state: int) -> Iterator[None]:
    """Every module in evaluation mode, with its own draws from `random_state`; afterwards nothing has changed.

    Training flags, buffers and torch's generators are put back, also after an exception. `train()` and `eval()` are
    not called: some networks fold weights in them. Fused attention, which passes hooks by, is off meanwhile.
    """
    modes = {module: module.training for module in model.modules()}
    held = {module: dict(module._buffers) for module in modes}
    values = [(tensor, tensor.clone()) for tensor in written(model)]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for module in modes:
            module.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), own_draws(device_of(model), random_state):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes.items():
            module.training = training
            module._buffers.clear()
            module._buffers.update(held[module])
        restore(values)


def written(model: nn.Module) -> Iterator[Tensor]:
    """What a forward pass may write to: buffers, and the embeddings that max_norm scales down."""
    yield from model.buffers()
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None:
            yield module.weight


@torch.no_grad()
def restore(values: list[tuple[Tensor, Tensor]]) -> None:
    for tensor, before in values:
        # A copy counts as a write, which a later backward pass may refuse: only where there was one.
        if tensor.layout != torch.strided or not torch.equal(tensor, before):
            tensor.copy_(before)


@contextmanager
def own_draws(device: torch.device, random_state: int) -> Iterator[None]:
    """Draws of the network's own, the same at every probe, that leave torch's generators where they were."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(random_state)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(random_state)
        yield


def device_of(model: nn.Module) -> torch.device:
    """Where its first parameter or buffer is; the CPU for a network without any."""
    held = next(model.parameters(), next(model.buffers(), None))
    return torch.device("cpu") if held is None else held.device


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """Of its first floating-point parameter; None for a network without one."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), None)


def check_ready(model: object) -> nn.Module:
    """The network itself, without what torch.compile put around it. TypeError or ValueError if it cannot be run."""
    model = getattr(model, "_orig_mod", model)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {type(model).__name__}: expected a torch.nn.Module")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise TypeError(
            "model is scripted or traced, and has no hooks to hear its layers by: give the nn.Module itself"
        )
    for name, held in chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(held):
            raise ValueError(f"{name!r} has no shape yet: run the model once on a batch, then probe it")
        if held.is_meta:
            raise ValueError(f"{name!r} is on the meta device: load the model's weights first")
    return model
