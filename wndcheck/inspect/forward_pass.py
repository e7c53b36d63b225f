"""Forward passes that report the outputs of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from wndcheck.inspect.binding import Batch
from wndcheck.inspect.failures import hint
from wndcheck.inspect.left_as_found import device_of
from wndcheck.inspect.network_layers import ACTIVATIONS, NetworkLayer
from wndcheck.inspect.output_axes import ShapeChangedError

PRE, POST = "pre", "post"
Receive = Callable[[str, Any], None]


class OutputRecorder:
    """Runs a network and calls receive(name, output) for each layer as it is computed.

    With `when="post"` the output is that of the activation module that takes the layer's output tensor as its input;
    function calls such as F.relu cannot be hooked. A layer that is an activation module itself is recorded as it is.
    """

    def __init__(self, model: nn.Module, when: str, receive: Receive) -> None:
        self.model, self.when, self.receive = model, when, receive
        self.device = device_of(model)
        self.dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
        self.reached: dict[str, None] = {}  # layers in the order in which the network reaches them
        self.consumers: dict[str, str] = {}  # layer -> the module that took its output as input
        self._pending: list[tuple[str, Tensor]] = []  # references keep the ids of these tensors from being reused

    def run(self, batch: Batch) -> None:
        """One forward pass on a batch. ValueError, with the shapes of the batch, if it fails."""
        batch = batch.to(self.device, self.dtype)
        self._pending.clear()
        try:
            self.model(*batch.args, **batch.kwargs)
        except ShapeChangedError:
            raise
        except (Exception, SystemExit) as error:
            raise ValueError(
                f"the model failed on a batch of {batch.shapes} ({type(error).__name__}: {error}); {hint(batch)}"
            ) from error
        finally:
            self._pending.clear()

    def on_layer(
        self, layer: NetworkLayer, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Forward hook of a measured layer."""
        self.reached[layer.name] = None
        output = layer.output_of(args, kwargs, output)
        if self.when == PRE or isinstance(layer.module, ACTIVATIONS) or not isinstance(output, Tensor):
            self.receive(layer.name, output)
        else:
            self._pending.append((layer.name, output))

    def on_module(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Forward hook of any module, which receives the output if the input is the output of a layer."""
        inputs = (*args, *kwargs.values())
        for layer, tensor in self._pending:
            if any(value is tensor for value in inputs):
                self.consumers.setdefault(layer, f"{name!r} ({type(module).__name__})")
                if isinstance(module, ACTIVATIONS):
                    self.receive(layer, output)


@contextmanager
def record_outputs(
    model: nn.Module, layers: Sequence[NetworkLayer], when: str, receive: Receive
) -> Iterator[OutputRecorder]:
    """An OutputRecorder with its hooks installed; they are removed on exit."""
    recorder, handles = OutputRecorder(model, when, receive), []
    try:
        if when == POST:  # installed first, so that a layer is not the consumer of its own output
            for name, module in model.named_modules():
                if not any(module.children()):
                    handles.append(module.register_forward_hook(partial(recorder.on_module, name), with_kwargs=True))
        for layer in layers:
            handles.append(layer.module.register_forward_hook(partial(recorder.on_layer, layer), with_kwargs=True))
        yield recorder
    finally:
        for handle in handles:
            handle.remove()


def check_network(model: object) -> nn.Module:
    """The network itself, without the wrapper of torch.compile. TypeError or ValueError if it cannot be run."""
    model = getattr(model, "_orig_mod", model)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {type(model).__name__}: expected a torch.nn.Module")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise TypeError("model is scripted or traced, and its layers cannot be hooked: give the original nn.Module")
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(tensor):
            raise ValueError(f"{name!r} has no shape yet: run the model once on a batch, then probe it")
        if tensor.is_meta:
            raise ValueError(f"{name!r} is on the meta device: load the model's weights first")
    return model
