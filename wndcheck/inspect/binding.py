"""Which parts of a batch are passed to a network's forward, and as which of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wndcheck.estimators.validation import check_index_of_groups, sample_labels
from wndcheck.inspect.forward_arguments import (
    Batch,
    as_tensor,
    described,
    is_input,
    is_sequence,
    mapped_inputs,
    sample_count,
)
from wndcheck.inspect.padding import Positions, real_positions

LABELS = ("label", "labels", "label_ids", "target", "targets", "y")  # never put into **kwargs
SAY = "say what is passed:"


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
        elif is_sequence(element) and any(map(is_input, element)):
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
        size = sample_count(arguments)
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
        parts = element.values() if isinstance(element, Mapping) else element if is_sequence(element) else [element]
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
        fields = getattr(value, "_fields", ()) if is_sequence(value) else ()
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
        if isinstance(first, Mapping) or (is_sequence(first) and any(map(is_input, first))):
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


def _may_take_tensor(parameter: inspect.Parameter) -> bool:
    """Whether an optional parameter may be a tensor: by its annotation or, without one, by a default of None."""
    if parameter.annotation in (parameter.empty, Any):
        return parameter.default is None
    return "Tensor" in str(parameter.annotation)


def _counted(count: int) -> str:
    return "1 tensor" if count == 1 else f"{count} tensors"
