"""The layers of a network that can be measured: selection by name, and the projections inside attention modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

WHOLE = "(model)"  # the name of a network that is a single layer
LAST, CHANNELS, UNKNOWN = "last", "channels", "unknown"  # which axis holds the neurons

PROJECTIONS = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}  # of nn.MultiheadAttention -> its argument
OUT_PROJECTION = "out_proj"
ATTENTION_PARTS = (*PROJECTIONS, OUT_PROJECTION)

_CHANNELS = (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm)
_LAST = (nn.Linear, nn.Bilinear, nn.Embedding, nn.TransformerEncoderLayer, nn.TransformerEncoder)
# Elementwise functions. Softmax and GLU mix neurons.
ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name not in ("MultiheadAttention", "GLU", "Softmin", "Softmax", "Softmax2d", "LogSoftmax")
)


class NetworkLayer(NamedTuple):
    """A layer: the module to hook, and for attention modules the projection."""

    name: str
    module: nn.Module
    part: str = ""  # of nn.MultiheadAttention: one of ATTENTION_PARTS

    def output_of(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The layer's output, given the arguments and the output of a call of the module."""
        return _projection(self.module, self.part, args, kwargs, output) if self.part else output

    @property
    def layout(self) -> str:
        """Axis of the neurons of this kind of module: LAST, CHANNELS (after the samples), or UNKNOWN."""
        if self.part or isinstance(self.module, _LAST):
            return LAST
        if isinstance(self.module, nn.LayerNorm | nn.RMSNorm):
            return LAST if len(list(self.module.normalized_shape)) == 1 else UNKNOWN
        return CHANNELS if isinstance(self.module, _CHANNELS) else UNKNOWN


def _projection(module: nn.Module, part: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Tensor:
    """Output of a projection inside nn.MultiheadAttention.

    The projections of query, key and value are parameters, not modules with hooks: they are applied here to the
    arguments of the call, as the module does.
    """
    assert isinstance(module, nn.MultiheadAttention)
    if part == OUT_PROJECTION:
        return output[0]
    index = list(PROJECTIONS).index(part)
    projected = args[index] if index < len(args) else kwargs[PROJECTIONS[part]]
    if module.in_proj_weight is not None:
        weight = module.in_proj_weight.chunk(3)[index]
    else:
        weight = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)[index]
    return linear(projected, weight, None if module.in_proj_bias is None else module.in_proj_bias.chunk(3)[index])


def all_layers(model: nn.Module) -> dict[str, NetworkLayer]:
    """Every module of a network and every projection inside attention, by dotted name, in the network's order."""
    layers: dict[str, NetworkLayer] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if name in layers:  # attention reads the parameters of its module out_proj without calling it
            continue
        is_attention = isinstance(module, nn.MultiheadAttention)
        layers[name or WHOLE] = NetworkLayer(name or WHOLE, module, OUT_PROJECTION if is_attention else "")
        if is_attention:
            prefix = f"{name}." if name else ""
            layers |= {prefix + part: NetworkLayer(prefix + part, module, part) for part in ATTENTION_PARTS}
    return layers


def default_layers(model: nn.Module) -> list[NetworkLayer]:
    """Return the layers measured by default: linear and convolutional ones, and the projections of attention."""
    chosen, seen = [], set()
    for name, layer in all_layers(model).items():
        is_part = bool(layer.part) and name.rpartition(".")[2] in ATTENTION_PARTS
        wanted = is_part or (not layer.part and isinstance(layer.module, nn.Linear | _ConvNd))
        if wanted and (key := (id(layer.module), layer.part)) not in seen:
            seen.add(key)
            chosen.append(layer)
    return chosen


def select_layers(model: nn.Module, names: str | Sequence[str]) -> list[NetworkLayer]:
    """The layers with these names, in the network's order. A shell pattern selects among the default layers.

    TypeError for a name that is not a string, ValueError for one that matches nothing.
    """
    known, defaults = all_layers(model), [layer.name for layer in default_layers(model)]
    wanted: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        if not isinstance(name, str):
            raise TypeError(f"layer {name!r}: expected the dotted name of a module, such as {_example(known)!r}")
        matching = [name] if name in known else [other for other in defaults if fnmatchcase(other, name)]
        if not matching:
            raise ValueError(f"layer {name!r}: the model has none of that name; {_suggestion(name, known)}")
        wanted.update(matching)
    if not wanted:
        raise ValueError(f"layers is empty: name at least one, such as {_example(known)!r}, or omit it")
    return [layer for name, layer in known.items() if name in wanted]


def _example(known: Iterable[str]) -> str:
    return next((name for name in known if name != WHOLE), WHOLE)


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return similar names, or all names."""
    names = [other for other in known if other != WHOLE] or [WHOLE]
    if close := get_close_matches(name, names, n=3):
        return f"did you mean {', '.join(close)}?"
    more = f" and {len(names) - 12} more (model.named_modules() lists them)" if len(names) > 12 else ""
    return f"its layers are {', '.join(names[:12])}{more}"
