"""The arguments of a forward pass: tensors with samples along the first axis, also in tuples, lists and mappings."""

from __future__ import annotations

import warnings
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class Batch(NamedTuple):
    """Arguments of one forward pass; `size` samples along the first axis of every tensor.

    `names` has the parameters of forward that args are for, `whole` the arguments that are the same in every pass, and
    `real` the positions that are not padding, (samples, positions), by the name of their mask, and `groups` the number
    of each sample's group, (samples,).
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    size: int
    names: tuple[str, ...] = ()
    whole: Mapping[str, Any] = {}
    real: Mapping[str, Tensor] = {}
    groups: Tensor | None = None

    def select(self, samples: Tensor | slice) -> Batch:
        """The batch of these samples."""

        def chosen(tensor: Tensor) -> Tensor:
            if tensor.layout != torch.strided:
                raise TypeError(
                    "x is a sparse tensor, of which no samples can be taken: give x.to_dense(), or batch_size=None for "
                    "a network that takes all samples at once"
                )
            return tensor[samples]

        parts = mapped(chosen, (self.args, self.kwargs, dict(self.real), self.groups))
        size = len(torch.arange(self.size, device="cpu")[samples])
        return self._replace(args=parts[0], kwargs=parts[1], real=parts[2], groups=parts[3], size=size)

    def to(self, device: torch.device, dtype: torch.dtype | None) -> Batch:
        """A copy on a device, floating-point tensors converted to a dtype, integers unchanged; `whole` is in kwargs.

        Networks that work in place do not reach the user's tensors, and those that call `view` get contiguous ones.
        """

        def placed(tensor: Tensor) -> Tensor:
            to = dtype if tensor.is_floating_point() else None
            if tensor.layout != torch.strided:
                return tensor.to(device, to, copy=True)
            return tensor.to(device, to, copy=True, memory_format=torch.contiguous_format)

        return self._replace(
            args=mapped(placed, self.args), kwargs=mapped(placed, {**self.kwargs, **self.whole}), whole={}
        )

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors that have samples."""
        return tensors_in((self.args, self.kwargs))

    @property
    def shapes(self) -> str:
        """Shapes and dtypes of the tensors, for messages."""
        return described(self.tensors)


def mapped(function: Callable[[Tensor], Any], value: Any) -> Any:
    """A value with a function applied to every tensor in it, also in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple | list):
        items = [mapped(function, each) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, Mapping):
        items = {name: mapped(function, each) for name, each in value.items()}
        if type(value) is dict or not isinstance(value, dict | UserDict):  # copies of others may share their items
            return items
        value = copy(value)  # which may have attributes, as BatchEncoding has
        for name, each in items.items():
            value[name] = each
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in a value, also in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


def mapped_inputs(value: Any) -> Any:
    """Arguments with arrays as tensors."""
    if isinstance(value, dict):
        return {str(name): as_tensor(each) for name, each in value.items()}
    return tuple(map(as_tensor, value))


def as_tensor(value: Any) -> Any:
    """An array, or nested lists of numbers, as a tensor; any other value unchanged. TypeError for other dtypes."""
    if isinstance(value, PackedSequence):
        raise TypeError(
            "x is a PackedSequence: give the padded sequences, samples first, and the mask of their steps, such as "
            "positions=torch.arange(steps) < lengths[:, None]"
        )
    if isinstance(value, list | tuple) and not any(map(is_input, value)):
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(
                "x has lists of unequal lengths: pad them, and give a mask, positions=(samples, positions) of bool"
            ) from None
    elif not isinstance(value, Tensor) and hasattr(value, "__array__"):
        if np.ma.is_masked(value):
            raise ValueError("x has masked values: fill them, x.filled(0), or leave their samples out")
        value = np.asarray(value)
    if isinstance(value, Tensor) and (value.is_nested or value.is_meta):
        raise TypeError(
            "x is a nested tensor: give torch.nested.to_padded_tensor(x, 0), and a mask, positions=(samples, positions)"
            if value.is_nested
            else "x is on the device meta, which holds no data: give the inputs on a CPU or GPU"
        )
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"x has dtype {value.dtype}: expected integers or floating-point numbers")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of read-only arrays, of which networks get copies
            return torch.from_numpy(value if value.flags.forc and min(value.strides, default=0) >= 0 else value.copy())
    return value


def described(values: Sequence[Any]) -> str:
    """Shapes and dtypes of tensors and arrays, for messages."""
    return ", ".join(
        f"{tuple(v.shape)} {str(v.dtype).removeprefix('torch.')}" if hasattr(v, "dtype") else type(v).__name__
        for v in values
    )


def is_sequence(value: Any) -> bool:
    """Whether it is a tuple or list of parts of a batch; a PackedSequence is a named tuple, and one value."""
    return isinstance(value, tuple | list) and not isinstance(value, PackedSequence)


def is_input(value: Any) -> bool:
    """Whether it is an argument of forward, or a container of arguments, rather than a number in a nested list."""
    return value is None or hasattr(value, "shape") or isinstance(value, Mapping | tuple | PackedSequence)


def sample_count(arguments: Mapping[str, Any]) -> int:
    """Length of the first axis of all tensors. ValueError if it differs, TypeError if there are no tensors."""
    tensors = {name: tensor for name, value in arguments.items() for tensor in tensors_in(value)}
    if not tensors:
        kinds = ", ".join(sorted({f"a value of type {type(value).__name__}" for value in arguments.values()}))
        raise TypeError(
            f"x has {kinds or 'nothing'}: expected an array, a tensor, a tuple or dict of them, or a loader"
        )
    for name, tensor in tensors.items():
        if tensor.dim() == 0 or len(tensor) == 0:
            raise ValueError(f"input {name!r} has shape {tuple(tensor.shape)}: expected samples along its first axis")
    sizes = [len(tensor) for tensor in tensors.values()]
    if len(set(sizes)) > 1:
        counts = ", ".join(f"{name!r} has {len(tensor)}" for name, tensor in tensors.items())
        odd = next(name for name, tensor in tensors.items() if len(tensor) != sizes[0])
        raise ValueError(
            f"inputs differ in their number of samples ({counts}): expected equally many; one that is not of samples, "
            f"such as a graph's edges or a causal mask, is passed whole: forward_kwargs={{{odd!r}: …}}"
        )
    return sizes[0]
