"""A network in evaluation mode, that is left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def evaluation_mode(model: nn.Module, random_state: int) -> Iterator[None]:
    """Every module in evaluation mode, without gradients, with torch seeded; everything is restored on exit.

    Training flags, buffers and the state of torch's generators are restored, also after an exception. `train()` and
    `eval()` are not called, because some networks fold weights in them. Fused attention, which bypasses hooks, is
    disabled meanwhile.
    """
    modes = {module: module.training for module in model.modules()}
    buffers = {module: dict(module._buffers) for module in modes}
    values = [(tensor, tensor.clone()) for tensor in _tensors_written_to(model)]
    fastpath = torch.backends.mha.get_fastpath_enabled()
    try:
        for module in modes:
            module.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), _seeded_generators(device_of(model), random_state):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
        for module, training in modes.items():
            module.training = training
            module._buffers.clear()
            module._buffers.update(buffers[module])
        _restore(values)


def _tensors_written_to(model: nn.Module) -> Iterator[Tensor]:
    """Tensors that a forward pass may modify: buffers, and embeddings that max_norm rescales."""
    yield from model.buffers()
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None:
            yield module.weight


@torch.no_grad()
def _restore(values: list[tuple[Tensor, Tensor]]) -> None:
    for tensor, before in values:
        # A copy counts as an in-place modification, which a later backward pass may reject: only where needed.
        if tensor.layout != torch.strided or not torch.equal(tensor, before):
            tensor.copy_(before)


@contextmanager
def _seeded_generators(device: torch.device, random_state: int) -> Iterator[None]:
    """Seed torch's generators, and restore their state on exit."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(random_state)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(random_state)
        yield


def device_of(model: nn.Module) -> torch.device:
    """Device of the first parameter or buffer; the CPU for a network without any."""
    tensor = next(model.parameters(), next(model.buffers(), None))
    return torch.device("cpu") if tensor is None else tensor.device
