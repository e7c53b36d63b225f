"""Listening to the layers of a network during a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from wndcheck.inspect.inputs import Batch
from wndcheck.inspect.layers import ACTIVATIONS, Tap
from wndcheck.inspect.sampling import Unmeasurable

PRE, POST = "pre", "post"
Take = Callable[[str, Any], None]


class Listener:
    """Hands on what layers put out, by name, as the network computes it.

    With `when="post"` it is what the activation module makes of a layer's output, if one takes this very tensor in:
    F.relu and the like leave no trace. A layer that is an activation module itself is heard as it is.
    """

    def __init__(self, taps: Sequence[Tap], when: str, take: Take) -> None:
        self.taps, self.when, self.take = taps, when, take
        self.waiting: list[tuple[str, Tensor]] = []  # kept, so that no other tensor takes a waiting one's place
        self.reached: dict[str, None] = {}  # layers in the order in which they were
        self.followers: dict[str, str] = {}  # layer -> the module that took its output in

    def hear(self, tap: Tap, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self.reached[tap.name] = None
        heard = tap.heard(args, kwargs, output)
        if self.when == PRE or isinstance(tap.module, ACTIVATIONS) or not isinstance(heard, Tensor):
            self.take(tap.name, heard)
        else:
            self.waiting.append((tap.name, heard))

    def follow(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        entering = (*args, *kwargs.values())
        for layer, tensor in self.waiting:
            if any(value is tensor for value in entering):
                self.followers.setdefault(layer, f"{name!r} ({type(module).__name__})")
                if isinstance(module, ACTIVATIONS):
                    self.take(layer, output)

    def run(self, model: nn.Module, batch: Batch) -> None:
        """One forward pass. ValueError, with what the network was shown, if it fails."""
        self.waiting.clear()
        try:
            model(*batch.args, **batch.kwargs)
        except Unmeasurable:
            raise
        except (Exception, SystemExit) as error:
            raise ValueError(
                f"the model failed on a batch of {batch.shapes} ({type(error).__name__}: {error}); "
                "give x as its forward takes it, samples along the first axis, in its dtype (most take float32)"
            ) from error
        finally:
            self.waiting.clear()


@contextmanager
def listening(model: nn.Module, taps: Sequence[Tap], when: str, take: Take) -> Iterator[Listener]:
    """A listener with its hooks in place; they are removed at the end, whatever happens."""
    listener, handles = Listener(taps, when, take), []
    try:
        if when == POST:  # before the layers' own: a layer does not follow itself
            for name, module in model.named_modules():
                if not any(module.children()):
                    handles.append(module.register_forward_hook(partial(listener.follow, name), with_kwargs=True))
        for tap in taps:
            handles.append(tap.module.register_forward_hook(partial(listener.hear, tap), with_kwargs=True))
        yield listener
    finally:
        for handle in handles:
            handle.remove()
