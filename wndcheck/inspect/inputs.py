"""What a network may be shown: arrays, tensors, tuples and dicts of them, or batches from a loader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from wndcheck.estimators.validation import check_integer


class Batch(NamedTuple):
    """Arguments of one forward pass; `size` samples along the first axis of every tensor."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    size: int

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with every tensor changed."""

        def changed(value: Any) -> Any:
            return change(value) if isinstance(value, Tensor) else value

        batch = tuple(map(changed, self.args)), {name: changed(value) for name, value in self.kwargs.items()}
        return Batch(*batch, size_of(*batch))

    def taken(self, which: Tensor | slice) -> Batch:
        return self.each(lambda tensor: tensor[which])

    def placed(self, device: torch.device, dtype: torch.dtype | None) -> Batch:
        """On the network's device; what is floating-point in its precision, and integers as they are."""
        return self.each(lambda t: t.to(device, dtype if t.is_floating_point() else None))

    @property
    def shapes(self) -> str:
        tensors = [v for v in (*self.args, *self.kwargs.values()) if isinstance(v, Tensor)]
        return ", ".join(f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in tensors)


def batches(x: Any, size: int, most: int | None = None, random_state: int = 0) -> Iterator[Batch]:
    """x in batches of up to `size` samples; of a loader, its own batches cut to that size.

    `most` limits the samples: a seeded draw, in order, of those at hand; the first ones of a loader.
    """
    check_integer(size, "batch_size", least=1)
    if most is not None:
        check_integer(most, "max_samples", least=1)
    if not isinstance(x, Tensor | np.ndarray | tuple | list | Mapping) and isinstance(x, Iterable):
        yield from of_loader(x, size, most)
        return
    whole = one_batch(x)
    if most is not None and most < whole.size:
        chosen = np.sort(np.random.default_rng(random_state).choice(whole.size, most, replace=False))
        whole = whole.taken(torch.from_numpy(chosen))
    yield from cut(whole, size)


def of_loader(x: Iterable[Any], size: int, most: int | None) -> Iterator[Batch]:
    left = most
    for given in x:
        # What loaders yield beside the inputs are labels.
        batch = one_batch(given[0] if isinstance(given, tuple | list) and given else given)
        batch = batch if left is None else batch.taken(slice(left))
        yield from cut(batch, size)
        if left is not None and (left := left - batch.size) <= 0:
            return


def cut(batch: Batch, size: int) -> Iterator[Batch]:
    for start in range(0, batch.size, size):
        yield batch.taken(slice(start, start + size))


def one_batch(x: Any) -> Batch:
    """x as arguments: a tuple or list of tensors in order, a mapping by name, anything else alone."""
    if isinstance(x, Mapping):
        args, kwargs = (), {str(name): as_tensor(value) for name, value in x.items()}
    elif isinstance(x, tuple | list) and x and all(hasattr(value, "shape") or value is None for value in x):
        args, kwargs = tuple(map(as_tensor, x)), {}
    else:
        args, kwargs = (as_tensor(np.asarray(x) if isinstance(x, tuple | list) else x),), {}
        if not isinstance(args[0], Tensor):
            raise TypeError(
                f"x is {type(x).__name__}: expected an array, a tensor, a tuple or dict of them, or a loader"
            )
    return Batch(args, kwargs, size_of(args, kwargs))


def size_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The number of samples, which every tensor has along its first axis. ValueError otherwise."""
    tensors = {f"input {i}": value for i, value in enumerate(args)} | {f"input {n!r}": v for n, v in kwargs.items()}
    tensors = {name: value for name, value in tensors.items() if isinstance(value, Tensor)}
    sizes: dict[str, int] = {}
    for name, tensor in tensors.items():
        if tensor.dim() == 0 or tensor.shape[0] == 0:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected samples along its first axis")
        sizes[name] = len(tensor)
    if len(set(sizes.values())) != 1:
        said = ", ".join(f"{name} has {size}" for name, size in sizes.items()) or "there is no tensor"
        raise ValueError(f"inputs differ in their number of samples ({said}): expected the same, along the first axis")
    return next(iter(sizes.values()))


def as_tensor(value: Any) -> Any:
    """Arrays as tensors; what is neither stays what it is."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"x has dtype {value.dtype}: expected integers or floating-point numbers")
        return torch.from_numpy(np.require(value, requirements=["C", "W"]))
    return value


def looked_into(given: Iterator[Batch]) -> tuple[Batch, Iterator[Batch]]:
    """The first batch, and all of them. ValueError if there is none."""
    first = list(islice(given, 1))
    if not first:
        raise ValueError("x holds no samples: expected at least one batch")
    return first[0], chain(first, given)
