"""Forward passes that report the outputs of layers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from wndcheck.inspect.evaluation import device_of, precision_of
from wndcheck.inspect.failures import hint
from wndcheck.inspect.forward_arguments import Batch
from wndcheck.inspect.function_activations import Activation, ActivationError, SeenActivations, activated
from wndcheck.inspect.layer_kinds import ACTIVATIONS, BATCH_NORM, NetworkLayer
from wndcheck.inspect.output_axes import NoPositionError

PRE, POST = "pre", "post"


class Call(NamedTuple):
    """A call of a layer in a forward pass, the first of which is number 1."""

    layer: str
    number: int


Receive = Callable[[Call, Any], None]


class _EndOfPassError(BaseException):
    """Ends a forward pass once all wanted outputs are received. No error, so that a network does not handle it."""


class OutputRecorder:
    """Runs a network and calls receive(call, output) for each call of each layer as it is computed.

    With `when="post"` the output is that of the activation module that takes the layer's output tensor as its input,
    through batch normalization and dropout, which returns its input in evaluation mode. Function calls such as F.relu
    cannot be hooked, and are given as `activation`. A layer that is an activation module itself, or recurrent, is
    recorded as it is.

    wanted: the calls to record, after the last of which a pass ends; None for all of them, to the end. links: of each
    call, the normalizations between the layer and its activation by a function, which a pass to the end finds where
    the network computes what the function gives.
    """

    def __init__(
        self,
        model: nn.Module,
        when: str,
        activation: Activation | None = None,
        wanted: Collection[Call] | None = None,
        links: dict[Call, int] | None = None,
    ) -> None:
        self.model, self.when, self.activation, self.wanted = model, when, activation, wanted
        self.receive: Receive = lambda call, output: None
        self.device = device_of(model)
        self.dtype = precision_of(model)
        self.reached: dict[Call, None] = {}  # calls in the order in which the network makes them
        self.consumers: dict[Call, str] = {}  # call -> the last module that took its output as input
        self.links = {} if links is None else links
        self.calls: Counter[str] = Counter()  # of each layer, in the last pass
        self._missing: set[Call] = set()
        # Tensors whose activation is awaited, and how many normalizations they passed; this keeps their ids in use.
        self._pending: dict[Call, tuple[Tensor, int]] = {}
        self.seen = SeenActivations(self._on_function)

    def run(self, batch: Batch) -> None:
        """One forward pass on a batch. ValueError, with the shapes of the batch, if it fails."""
        batch = batch.to(self.device, self.dtype)
        self._pending.clear()
        self.calls.clear()
        self._missing = set(self.wanted or ())
        try:
            self.model(*batch.args, **batch.kwargs)
        except _EndOfPassError:
            pass
        except (ActivationError, NoPositionError):
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
        self.calls[layer.name] += 1
        call = Call(layer.name, self.calls[layer.name])
        if self.wanted is not None and call not in self.wanted:
            return
        self.reached[call] = None
        output = layer.output_of(args, kwargs, output)
        if self.when == PRE or layer.is_activated or not isinstance(output, Tensor):
            self._receive(call, output)
        else:
            self._await_activation(call, output, 0)

    def on_module(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """Forward hook of any module, which receives the output if the input is the output of a layer."""
        inputs = (*args, *kwargs.values())
        for call, (tensor, links) in list(self._pending.items()):
            if not any(value is tensor for value in inputs):
                continue
            self.consumers[call] = f"{name!r} ({type(module).__name__})"
            if isinstance(module, BATCH_NORM):
                self._await_activation(call, output, links + 1)
            elif isinstance(module, ACTIVATIONS) and not self.activation:
                self._receive(call, output)

    def _await_activation(self, call: Call, output: Tensor, links: int) -> None:
        self._pending[call] = output, links
        if self.activation and self.wanted is None:
            self.seen.expect((call, links), self.activation, output, call.layer)
        elif self.activation and self.links[call] == links:
            self._receive(call, activated(self.activation, output, call.layer))

    def _on_function(self, key: tuple[Call, int], output: Tensor) -> None:
        """The network applies the function given as its activation to the output of a layer."""
        call, links = key
        if self._pending.pop(call, None):  # else it was applied after fewer normalizations
            self.links[call] = links
            self._receive(call, output)

    def _receive(self, call: Call, output: Any) -> None:
        self.receive(call, output)
        if self.wanted is not None:
            self._pending.pop(call, None)
            self._missing.discard(call)
            if not self._missing:
                raise _EndOfPassError


@contextmanager
def record_outputs(recorder: OutputRecorder, layers: Sequence[NetworkLayer], receive: Receive) -> Iterator[None]:
    """Install the recorder's hooks; they are removed on exit. Compiled parts run uncompiled meanwhile."""
    recorder.receive, handles = receive, []
    try:
        if recorder.when == POST:  # installed first, so that a layer is not the consumer of its own output
            for name, module in recorder.model.named_modules():
                if not any(module.children()):
                    handles.append(module.register_forward_hook(partial(recorder.on_module, name), with_kwargs=True))
        for layer in layers:
            handles.append(layer.module.register_forward_hook(partial(recorder.on_layer, layer), with_kwargs=True))
        # Hooks inside a compiled module are not called. Without one, dynamo, which takes long to import, is not there.
        with (
            torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext(),
            recorder.seen if recorder.activation and recorder.wanted is None else nullcontext(),
        ):
            yield
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
