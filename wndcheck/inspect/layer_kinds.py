"""Kinds of modules: which of their outputs is the layer's, and which axis of it holds the neurons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
_LAYER_NORMS = (nn.LayerNorm, nn.RMSNorm)
# Elementwise functions. Softmax and GLU mix neurons.
ACTIVATIONS = tuple(
    getattr(nn.modules.activation, name)
    for name in nn.modules.activation.__all__
    if name not in ("MultiheadAttention", "GLU", "Softmin", "Softmax", "Softmax2d", "LogSoftmax")
)
BATCH_NORM = _BatchNorm  # in evaluation mode, a neuron's output depends on itself alone
# Attributes of layers outside torch.nn: quantised ones, GPT-2's Conv1D.
LAST_SIZES, CHANNEL_SIZE = ("out_features", "outfeatures", "nf"), "out_channels"
_SIZES = ("out_features", CHANNEL_SIZE, "num_features", "num_channels", "embedding_dim", "embed_dim")  # of torch.nn


class NetworkLayer(NamedTuple):
    """A layer: the module to hook, for attention modules the projection, and the calls to measure (all if empty)."""

    name: str
    module: nn.Module
    part: str = ""  # of nn.MultiheadAttention: one of ATTENTION_PARTS
    calls: frozenset[int] = frozenset()
    is_guess: bool = False  # a default layer only if its output has the size of its weights

    def output_of(self, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The layer's output, given the arguments and the output of a call of the module."""
        if self.part and has_torchs_forward(self.module):
            return _projection(self.module, self.part, args, kwargs, output)
        return single_tensor(self.module, output)

    @property
    def is_activated(self) -> bool:
        """Whether its output is one after an activation: of activation modules, and of recurrent ones."""
        return isinstance(self.module, ACTIVATIONS + RECURRENT)


def layout_of(module: nn.Module) -> str:
    """Axis of the neurons of this kind of module: LAST, CHANNELS (after the samples), or UNKNOWN."""
    if isinstance(module, _LAYER_NORMS):
        return LAST if has_torchs_forward(module) and len(list(module.normalized_shape)) == 1 else UNKNOWN
    return LAST if isinstance(module, _LAST) else CHANNELS if isinstance(module, _CHANNELS) else UNKNOWN


def has_torchs_forward(module: nn.Module) -> bool:
    """Whether the forward of a module is torch's own: that of a subclass may take and return other axes."""
    return str(module.forward.__module__).startswith("torch.")  # of functions written in C, it is None


def has_own_weights(module: nn.Module) -> bool:
    """Whether a module that derives from none of torch.nn's has the weights of a layer, and no layer inside.

    Those are a matrix or more among its own parameters; or, with an attribute that says how many outputs it has, any
    parameters, buffers or packed parameters, as quantised layers have them.
    """
    if any(kind is not nn.Module and kind.__module__.startswith("torch.nn.") for kind in type(module).__mro__):
        return False
    named = any(isinstance(getattr(module, name, None), int) for name in (*LAST_SIZES, CHANNEL_SIZE))
    stored = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    is_packed = hasattr(module, "_packed_params")
    if not _matrices(module) and not (named and (stored or is_packed)):
        return False
    layers = (*MEASURED, nn.MultiheadAttention)
    return not any(isinstance(part, layers) or has_own_weights(part) for part in module.modules() if part is not module)


def weight_axes(module: nn.Module, shape: tuple[int, ...], n_inputs: int) -> list[int]:
    """Axes of an output that may be those of the neurons, by the module's own weights; none if it has none.

    shape: of the output, 0 for axes that cannot. n_inputs: length of the last axis of the input. A matrix that has this
    length is applied to the last axis; of others, as of kernels, the first two axes are outputs and inputs. Parameters
    of the output's own shape are added to it or scale it.
    """
    last = len(shape) - 1
    if isinstance(module, (*_LAST, *_CHANNELS, *_LAYER_NORMS)):
        return [] if has_torchs_forward(module) else _axes_as_long_as(shape, _outputs(module))
    if not has_own_weights(module):
        return []
    for name in LAST_SIZES:
        if isinstance(size := getattr(module, name, None), int):
            return [last] if shape[last] == size else []
    if isinstance(size := getattr(module, CHANNEL_SIZE, None), int):
        return _axes_as_long_as(shape, [size])
    axes: set[int] = set()
    for weight in _matrices(module):
        lengths = list(weight.shape)
        if len(lengths) == 2 and n_inputs in lengths:
            lengths.remove(n_inputs)
            axes |= {last} if shape[last] == lengths[0] else set()
        elif [n for n in lengths if n > 1] != [n for n in shape if n > 1]:
            axes.update(_axes_as_long_as(shape, [n for n in lengths[:2] if n > 1]))
    return sorted(axes)


def _outputs(module: nn.Module) -> list[int]:
    """The number of outputs of a module that derives from one of torch.nn; none if it has no number of its own."""
    if isinstance(module, _LAYER_NORMS):
        return list(module.normalized_shape) if len(list(module.normalized_shape)) == 1 else []
    if isinstance(module, nn.RNNBase):
        return [(module.proj_size or module.hidden_size) * (1 + module.bidirectional)]
    return [getattr(module, name) for name in _SIZES if hasattr(module, name)]


def _matrices(module: nn.Module) -> list[Tensor]:
    """A module's own parameters that are longer than 1 along two axes or more."""
    own = module.parameters(recurse=False)
    return [weight for weight in own if weight.is_floating_point() and sum(n > 1 for n in weight.shape) > 1]


def _axes_as_long_as(shape: tuple[int, ...], lengths: Sequence[int]) -> list[int]:
    return [axis for axis, n in enumerate(shape) if n in lengths]


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
