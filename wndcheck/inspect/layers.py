"""The layers of a network that can be measured: how they are named, and where their neurons are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from wndcheck.inspect import attention

WHOLE = "(model)"  # the name of a network that is a single layer
LAST, CHANNELS, UNKNOWN = "last", "channels", "unknown"  # which axis holds the neurons

_CHANNELS = (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm)
_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.TransformerEncoderLayer, nn.TransformerEncoder)
# One number in, one number out. Softmax and GLU, which are not, mix neurons.
ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name not in ("MultiheadAttention", "GLU", "Softmin", "Softmax", "Softmax2d", "LogSoftmax")
)


class Tap(NamedTuple):
    """A layer: the module to listen to, and what of its call is the layer's output."""

    name: str
    module: nn.Module
    part: str = ""  # of an attention module: one of `attention.PARTS`

    def heard(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        return attention.projected(self.module, self.part, args, kwargs, output) if self.part else output

    @property
    def layout(self) -> str:
        """Where its kind has its neurons: the last axis, that of channels (after the samples'), or unknown."""
        if self.part or isinstance(self.module, _LAST):
            return LAST
        if isinstance(self.module, nn.LayerNorm | nn.RMSNorm):
            return LAST if len(list(self.module.normalized_shape)) == 1 else UNKNOWN
        return CHANNELS if isinstance(self.module, _CHANNELS) else UNKNOWN

    @property
    def kind(self) -> str:
        return type(self.module).__name__


def taps(model: nn.Module) -> dict[str, Tap]:
    """All that can be named in a network, in its order: every module, and the projections inside attention."""
    found: dict[str, Tap] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if name in found:  # the module out_proj is never called: attention, before it here, reads its parameters
            continue
        is_attention = isinstance(module, nn.MultiheadAttention)
        found[name or WHOLE] = Tap(name or WHOLE, module, attention.OUTPUT if is_attention else "")
        if is_attention:
            prefix = f"{name}." if name else ""
            found |= {prefix + part: Tap(prefix + part, module, part) for part in attention.PARTS}
    return found


def usual(model: nn.Module) -> list[Tap]:
    """Those measured unless layers are named: linear and convolutional ones, and the projections of attention."""
    chosen, seen = [], set()  # attention itself is heard under the name of its last projection
    for name, tap in taps(model).items():
        is_part = bool(tap.part) and name.rpartition(".")[2] in attention.PARTS
        wanted = is_part or (not tap.part and isinstance(tap.module, nn.Linear | _ConvNd))
        if wanted and (key := (id(tap.module), tap.part)) not in seen:
            seen.add(key)
            chosen.append(tap)
    return chosen


def named(model: nn.Module, layers: str | Sequence[str]) -> list[Tap]:
    """The layers of these names, in the model's order; a shell pattern chooses from the usual ones.

    TypeError for what is no name, ValueError for one that names nothing.
    """
    known, common = taps(model), [tap.name for tap in usual(model)]
    wanted: set[str] = set()
    for name in [layers] if isinstance(layers, str) else layers:
        if not isinstance(name, str):
            raise TypeError(f"layer {name!r}: expected the dotted name of a module, such as {example(known)!r}")
        matching = [other for other in known if other == name] or [
            other for other in common if fnmatchcase(other, name)
        ]
        if not matching:
            raise ValueError(f"layer {name!r}: the model has none of that name; {offered(name, known)}")
        wanted.update(matching)
    if not wanted:
        raise ValueError(f"layers is empty: name at least one, such as {example(known)!r}, or leave it out")
    return [tap for name, tap in known.items() if name in wanted]


def example(known: Iterable[str]) -> str:
    return next((name for name in known if name != WHOLE), WHOLE)


def offered(name: str, known: Iterable[str]) -> str:
    """What a user may have meant, or may choose from."""
    names = [other for other in known if other != WHOLE] or [WHOLE]
    close = get_close_matches(name, names, n=3)
    shown = close or names[:12]
    more = "" if close or len(names) <= 12 else f" and {len(names) - 12} more (model.named_modules() lists them)"
    return f"{'did you mean' if close else 'its layers are'} {', '.join(shown)}{'?' if close else more}"
