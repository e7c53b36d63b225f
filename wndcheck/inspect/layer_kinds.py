"""Kinds of modules: which of their outputs is the layer's, and which axis of it holds the neurons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.utils.rnn import PackedSequence

LAST, CHANNELS, UNKNOWN = "last", "channels", "unknown"  # which axis holds the neurons

PROJECTIONS = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}  # of nn.MultiheadAttention -> its argument
OUT_PROJECTION = "out_proj"
ATTENTION_PARTS = (*PROJECTIONS, OUT_PROJECTION)

RECURRENT = (nn.RNNBase, nn.RNNCellBase)
MEASURED = (nn.Linear, _ConvNd, *RECURRENT)  # by default
_CHANNELS = (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm)
_LAST = (
    *(nn.Linear, nn.Bilinear, nn.Embedding, nn.MultiheadAttention, *RECURRENT),
    *(nn.TransformerEncoderLayer, nn.TransformerEncoder, nn.TransformerDecoderLayer, nn.TransformerDecoder),
)
# Elementwise functions. Softmax and GLU mix neurons.
ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name not in ("MultiheadAttention", "GLU", "Softmin", "Softmax", "Softmax2d", "LogSoftmax")
)
BATCH_NORM = _BatchNorm  # in evaluation mode, a neuron's output depends on itself alone
OUTPUT_SIZES = ("out_features", "outfeatures", "out_channels", "nf")  # attributes of layers outside torch.nn


class NetworkLayer(NamedTuple):
    """A layer: the module to hook, for attention modules the projection, and the calls to measure (all if empty)."""

    name: str
    module: nn.Module
    part: str = ""  # of nn.MultiheadAttention: one of ATTENTION_PARTS
    calls: frozenset[int] = frozenset()
    is_guess: bool = False  # a default layer only if its output has the size of its weights

    def output_of(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The layer's output, given the arguments and the output of a call of the module."""
        if self.part:
            return _projection(self.module, self.part, args, kwargs, output)
        return single_tensor(self.module, output)

    @property
    def layout(self) -> str:
        """Axis of the neurons of this kind of module: LAST, CHANNELS (after the samples), or UNKNOWN."""
        return LAST if self.part else layout_of(self.module)

    @property
    def is_activated(self) -> bool:
        """Whether its output is one after an activation: of activation modules, and of recurrent ones."""
        return isinstance(self.module, ACTIVATIONS + RECURRENT)


def layout_of(module: nn.Module) -> str:
    """Axis of the neurons of this kind of module: LAST, CHANNELS (after the samples), or UNKNOWN."""
    if isinstance(module, _LAST):
        return LAST
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return LAST if len(list(module.normalized_shape)) == 1 else UNKNOWN
    return CHANNELS if isinstance(module, _CHANNELS) else UNKNOWN


def weight_sizes(module: nn.Module, n_inputs: int = 0) -> frozenset[int]:
    """Sizes that the neurons' axis of a layer outside torch.nn may have, by its weights; none for other modules.

    Those are the attributes OUTPUT_SIZES, as GPT-2's Conv1D and quantised layers have them, or else the first two axes
    of each parameter of its own that is longer than 1 along two axes or more; of a matrix, not the axis of the inputs.
    """
    if any(kind is not nn.Module and kind.__module__.startswith("torch.nn.") for kind in type(module).__mro__):
        return frozenset()
    if named := {size for name in OUTPUT_SIZES if isinstance(size := getattr(module, name, None), int)}:
        return frozenset(named)
    sizes: set[int] = set()
    for weight in module.parameters(recurse=False):
        if weight.is_floating_point() and sum(n > 1 for n in weight.shape) > 1:
            outputs = set(weight.shape[:2]) - ({n_inputs} if weight.ndim == 2 else set())
            sizes |= outputs or set(weight.shape)
    return frozenset(sizes)


def single_tensor(module: nn.Module, output: Any) -> Any:
    """The output sequence of a recurrent module, the only tensor of real numbers in a tuple, or the output itself."""
    if isinstance(output, tuple) and isinstance(module, RECURRENT):
        output = output[0]  # the others are states of the last step
    elif isinstance(output, tuple | list | Mapping) and not isinstance(output, PackedSequence):
        found = list(_real_tensors(output))
        output = found[0] if len(found) == 1 else output
    return output.dequantize() if isinstance(output, Tensor) and output.is_quantized else output


def _real_tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor) and output.is_floating_point():
        yield output
    elif isinstance(output, tuple | list | Mapping):
        for value in output.values() if isinstance(output, Mapping) else output:
            yield from _real_tensors(value)


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
