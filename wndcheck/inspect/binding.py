"""Which parts of a batch are passed to a network's forward, and as which of its arguments."""

from __future__ import annotations

import inspect
import warnings
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from wndcheck.estimators.validation import check_index_of_groups, sample_labels
from wndcheck.inspect.padding import Positions, real_positions

LABELS = ("label", "labels", "label_ids", "target", "targets", "y")  # never put into **kwargs
SAY = "say what is passed:"


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
        return _tensors((self.args, self.kwargs))

    @property
    def shapes(self) -> str:
        """Shapes and dtypes of the tensors, for messages."""
        return described(self.tensors)


class Binding:
    """Binds what a batch holds to the parameters of forward, and says what was passed and what was left out."""

    def __init__(
        self,
        model: nn.Module,
        batch_to_inputs: Callable[[Any], Any] | None = None,
        forward_kwargs: Mapping[str, Any] | None = None,
        positions: Positions = 1,
        groups: Any = None,
    ) -> None:
        if batch_to_inputs is not None and not callable(batch_to_inputs):
            raise TypeError("batch_to_inputs: expected a function of a batch, such as lambda batch: batch[0]")
        inner = model.module if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel) else model
        self.signature = inspect.signature(inner.forward)
        self.batch_to_inputs, self.positions = batch_to_inputs, positions
        self.groups, self.numbers = groups, dict[Any, int]()  # of the groups, by label
        self.whole = {
            str(name): as_tensor(value) if hasattr(value, "__array__") and not isinstance(value, np.generic) else value
            for name, value in (forward_kwargs or {}).items()
        }
        self.words: list[str] = []
        embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        self.padding = {each.padding_idx for each in embeddings if each.padding_idx is not None}
        parameters = self.signature.parameters.values()
        self.by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.by_position = [p for p in self.by_position if p.name not in self.whole]
        self.names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
        for name in self.whole:
            if name not in self.names and not self.any_name:
                raise ValueError(f"forward_kwargs: {self.forward} takes no {name!r}")

    def __call__(self, element: Any) -> Batch:
        """The arguments in a batch, or in all of x. TypeError or ValueError for what cannot be bound."""
        if self.batch_to_inputs is not None:
            args, kwargs, said = self._exactly(self.batch_to_inputs(element))
        elif self._names_of(element) is not None:
            args, kwargs, said = self._by_name(element)
        elif _is_sequence(element) and any(map(_is_input, element)):
            args, kwargs, said = self._by_position(element)
        else:
            args, kwargs, said = self._by_position([as_tensor(element)])
        args, kwargs = mapped_inputs(args), mapped_inputs(kwargs)
        if self.whole and len(args) <= len(self.by_position):  # which may come before others
            args, kwargs = (), dict(zip([p.name for p in self.by_position], args, strict=False)) | kwargs
        if repeated := sorted({*kwargs} & {*self.whole}):
            raise ValueError(f"{repeated[0]!r} is in x and in forward_kwargs: give it once")
        names = tuple([p.name for p in self.by_position][: len(args)])
        names += tuple(map(str, range(len(names), len(args))))
        arguments = dict(zip(names, args, strict=True)) | kwargs
        size = _sample_count(arguments)
        real, remark = real_positions(arguments, size, self.positions, self.padding)
        if not self.words:
            whole = f"the same {', '.join(self.whole)} in every pass" if self.whole else ""
            self.words = [word for word in (said, whole, remark) if word]
        return Batch(args, kwargs, size, names, self.whole, real, self._groups(element, size))

    @property
    def forward(self) -> str:
        """Forward with the names of its parameters, for messages."""
        names = [str(p.replace(annotation=p.empty)) for p in self.signature.parameters.values()]
        return f"forward({', '.join(names[:4])}{', …' if len(names) > 4 else ''})"

    def _groups(self, element: Any, size: int) -> Tensor | None:
        """The number of each sample's group."""
        if self.groups is None:
            return None
        groups = self.groups(element) if callable(self.groups) else self.groups
        parts = element.values() if isinstance(element, Mapping) else element if _is_sequence(element) else [element]
        for part in parts:
            check_index_of_groups(part, groups, "x")
        labels = sample_labels(groups, size)
        numbers = [self.numbers.setdefault(label, len(self.numbers)) for label in labels]
        return torch.tensor(numbers, device="cpu")

    def _exactly(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any], str]:
        """The arguments that the user's function names; nothing is left out."""
        if (named := self._names_of(inputs)) is not None:
            if unknown := [name for name in named if name not in self.names and not self.any_name]:
                raise ValueError(f"batch_to_inputs returns {unknown[0]!r}, which {self.forward} does not take")
            return (), dict(named), f"batch_to_inputs passed {', '.join(map(str, named))}"
        args = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
        return args, {}, f"batch_to_inputs passed {_counted(len(args))}"

    def _names_of(self, value: Any) -> Mapping[Any, Any] | None:
        """A mapping; a named tuple as one, if it has names of forward's; None for what goes by position.

        So does a named tuple without all that forward requires, if the names that it has are in forward's order.
        """
        if isinstance(value, Mapping):
            return value
        fields = getattr(value, "_fields", ()) if _is_sequence(value) else ()
        known, required = {*fields} & {*self.names}, {p.name for p in self.by_position if p.default is p.empty}
        in_place = {name for name, p in zip(fields, self.by_position, strict=False) if name == p.name}
        return value._asdict() if known and (required <= known or not known <= in_place) else None

    def _by_name(self, given: Any, at: str = "batch") -> tuple[tuple[Any, ...], dict[str, Any], str]:
        """The arguments in a mapping or named tuple, which is `at` of a batch. ValueError if one is missing."""
        batch = self._names_of(given) or {}
        passed = {
            str(name): value
            for name, value in batch.items()
            if name in self.names
            or (self.any_name and name not in LABELS and (isinstance(given, Mapping) or hasattr(value, "shape")))
        }
        for name, value in passed.items():
            if isinstance(value, list) and value and isinstance(value[0], Tensor):  # position by position
                raise ValueError(
                    f"input {name!r} is a list of {len(value)} tensors, which a DataLoader makes of lists of numbers: "
                    "give tensors, of a data set of the package datasets by dataset.set_format('torch')"
                )
        left_out = [str(name) for name in batch if name not in passed]
        missing = [p.name for p in self.by_position if p.default is p.empty and p.name not in {**passed, **self.whole}]
        if missing or not passed:
            name = missing[0] if missing else self.names[0] if self.names else "x"
            example = left_out[0] if left_out else "name"
            example = f"[{example!r}]" if isinstance(given, Mapping) else f".{example}"
            raise ValueError(
                f"{self.forward} {'needs' if missing else 'takes'} {name!r}, and a batch has "
                f"{', '.join(map(str, batch))}; {SAY} batch_to_inputs=lambda batch: {{{name!r}: {at}{example}}}, "
                f"or batch_to_inputs=lambda batch: ({at},) for a forward that takes all of it as one argument"
            )
        said = f"batches by name: passed {', '.join(passed)}" if len(batch) > 1 else ""
        return (), passed, said + (f"; left out {', '.join(left_out)}" if left_out else "")

    def _by_position(self, batch: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any], str]:
        """As many of the batch's tensors as forward requires. ValueError if it might take more."""
        first = batch[0]
        if isinstance(first, Mapping) or (_is_sequence(first) and any(map(_is_input, first))):
            return self._nested(first, len(batch))
        values = list(batch)
        while len(values) > 1 and values[-1] is None:
            values.pop()
        takes = max(self._check_enough(values), 1)
        optional = [p for p in self.by_position[takes:] if _may_take_tensor(p)]
        if len(values) > takes and (optional or self.any_number):
            more = [p.name for p in self.by_position[:takes] + optional[:1]]
            by_name = ", ".join(f"{name!r}: batch[{i}]" for i, name in enumerate(more))
            less = "batch[0]" if takes == 1 else f"batch[:{takes}]"
            raise ValueError(
                f"a batch holds {_counted(len(values))} ({described(values)}), of which {self.forward} requires "
                f"{takes}: the others may be inputs or labels; {SAY} batch_to_inputs=lambda batch: {less}, or "
                f"batch_to_inputs=lambda batch: " + (f"{{{by_name}}}" if len(more) > takes else f"batch[:{takes + 1}]")
            )
        names = [p.name for p in self.by_position[:takes]] or ["the first"]
        said = f"batches of {len(batch)}: passed {', '.join(names)}" if len(batch) > 1 else ""
        rest = [ORDINALS[i] if i < len(ORDINALS) else f"number {i + 1}" for i in range(takes, len(batch))]
        return tuple(values[:takes]), {}, said + (f"; left out the {', '.join(rest)}" if rest else "")

    def _nested(self, inputs: Any, count: int) -> tuple[tuple[Any, ...], dict[str, Any], str]:
        """The first element of a batch (inputs, labels), of which every tensor is an input."""
        if self._names_of(inputs) is not None:
            args, kwargs, said = self._by_name(inputs, "batch[0]")
        else:
            if len(inputs) > len(self.by_position) and not self.any_number:
                raise ValueError(
                    f"a batch holds {_counted(len(inputs))} first ({described(inputs)}), and {self.forward} takes "
                    f"{len(self.by_position)}; {SAY} batch_to_inputs=lambda batch: batch[0][0], or "
                    "batch_to_inputs=lambda batch: (batch[0],) for a forward that takes them as one argument"
                )
            self._check_enough(inputs)
            args, kwargs = tuple(inputs), {}
            said = f"passed {', '.join(p.name for p in self.by_position[: len(inputs)])}"
        rest = "; left out the rest" if count > 1 else ""
        return args, kwargs, f"batches of {count}: {said.removeprefix('batches by name: ')}{rest}"

    def _check_enough(self, values: Sequence[Any]) -> int:
        """The number of arguments that forward requires. ValueError if there are fewer."""
        required = [p.name for p in self.by_position if p.default is p.empty]
        if len(values) < len(required):
            raise ValueError(
                f"{self.forward} needs {', '.join(required)}, and a batch holds {_counted(len(values))} "
                f"({described(values)}); give the others too, or those that are the same in every pass by "
                f"forward_kwargs={{{required[-1]!r}: …}}"
            )
        return len(required)


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


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


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in a value, also in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


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
    if isinstance(value, list | tuple) and not any(map(_is_input, value)):
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


def _may_take_tensor(parameter: inspect.Parameter) -> bool:
    """Whether an optional parameter may be a tensor: by its annotation or, without one, by a default of None."""
    if parameter.annotation in (parameter.empty, Any):
        return parameter.default is None
    return "Tensor" in str(parameter.annotation)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, tuple | list) and not isinstance(value, PackedSequence)


def _is_input(value: Any) -> bool:
    return value is None or hasattr(value, "shape") or isinstance(value, Mapping | tuple | PackedSequence)


def _counted(count: int) -> str:
    return "1 tensor" if count == 1 else f"{count} tensors"


def _sample_count(arguments: Mapping[str, Any]) -> int:
    """Length of the first axis of all tensors. ValueError if it differs."""
    tensors = {name: tensor for name, value in arguments.items() for tensor in _tensors(value)}
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
