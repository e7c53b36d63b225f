"""A network's inputs as batches: from arrays, tensors, tuples and mappings of them, or a data loader."""

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

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with a function applied to every tensor."""

        def applied(value: Any) -> Any:
            return function(value) if isinstance(value, Tensor) else value

        args, kwargs = tuple(map(applied, self.args)), {name: applied(value) for name, value in self.kwargs.items()}
        return Batch(args, kwargs, _sample_count(args, kwargs))

    def select(self, samples: Tensor | slice) -> Batch:
        """The batch of these samples."""
        return self.map_tensors(lambda tensor: tensor[samples])

    def to(self, device: torch.device, dtype: torch.dtype | None) -> Batch:
        """A copy on a device, floating-point tensors converted to a dtype, integers unchanged.

        Networks that work in place do not reach the user's tensors, and those that call `view` get contiguous ones.
        """

        def placed(tensor: Tensor) -> Tensor:
            to = dtype if tensor.is_floating_point() else None
            return tensor.to(device, to, copy=True, memory_format=torch.contiguous_format)

        return self.map_tensors(placed)

    @property
    def shapes(self) -> str:
        """Shapes and dtypes of the tensors, for messages."""
        tensors = [v for v in (*self.args, *self.kwargs.values()) if isinstance(v, Tensor)]
        return ", ".join(f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in tensors)


def make_batches(x: Any, size: int, max_samples: int | None = None, random_state: int = 0) -> Iterator[Batch]:
    """Split x into batches of up to `size` samples; the batches of a loader are split further if they are larger.

    max_samples: a seeded draw of so many samples, in their order; of a loader, the first ones. TypeError or ValueError
    for inputs that cannot be used.
    """
    check_integer(size, "batch_size", least=1)
    if max_samples is not None:
        check_integer(max_samples, "max_samples", least=1)
    if not isinstance(x, Tensor | np.ndarray | tuple | list | Mapping) and isinstance(x, Iterable):
        yield from _loader_batches(x, size, max_samples)
        return
    whole = _as_batch(x)
    if max_samples is not None and max_samples < whole.size:
        chosen = np.sort(np.random.default_rng(random_state).choice(whole.size, max_samples, replace=False))
        whole = whole.select(torch.from_numpy(chosen))
    yield from _split(whole, size)


def peek(batches: Iterator[Batch]) -> tuple[Batch, Iterator[Batch]]:
    """The first batch, and an iterator over all batches. ValueError if there is none."""
    first = list(islice(batches, 1))
    if not first:
        raise ValueError("x holds no samples: expected at least one batch")
    return first[0], chain(first, batches)


def _loader_batches(loader: Iterable[Any], size: int, max_samples: int | None) -> Iterator[Batch]:
    remaining = max_samples
    for element in loader:
        # What loaders yield besides the inputs are labels.
        batch = _as_batch(element[0] if isinstance(element, tuple | list) and element else element)
        batch = batch if remaining is None else batch.select(slice(remaining))
        yield from _split(batch, size)
        if remaining is not None and (remaining := remaining - batch.size) <= 0:
            return


def _split(batch: Batch, size: int) -> Iterator[Batch]:
    for start in range(0, batch.size, size):
        yield batch.select(slice(start, start + size))


def _as_batch(x: Any) -> Batch:
    """x as arguments: a tuple or list of tensors by position, a mapping by name, anything else as the only one."""
    if isinstance(x, Mapping):
        args, kwargs = (), {str(name): _as_tensor(value) for name, value in x.items()}
    elif isinstance(x, tuple | list) and x and all(hasattr(value, "shape") or value is None for value in x):
        args, kwargs = tuple(map(_as_tensor, x)), {}
    else:
        args, kwargs = (_as_tensor(np.asarray(x) if isinstance(x, tuple | list) else x),), {}
        if not isinstance(args[0], Tensor):
            raise TypeError(
                f"x is {type(x).__name__}: expected an array, a tensor, a tuple or dict of them, or a loader"
            )
    return Batch(args, kwargs, _sample_count(args, kwargs))


def _sample_count(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Length of the first axis of all tensors. ValueError if it differs."""
    values = {f"input {i}": value for i, value in enumerate(args)} | {f"input {n!r}": v for n, v in kwargs.items()}
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        if tensor.dim() == 0 or len(tensor) == 0:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected samples along its first axis")
    sizes = {len(tensor) for tensor in tensors.values()}
    if len(sizes) != 1:
        counts = ", ".join(f"{name} has {len(tensor)}" for name, tensor in tensors.items()) or "there is no tensor"
        raise ValueError(f"inputs differ in their number of samples ({counts}): expected equally many")
    return sizes.pop()


def _as_tensor(value: Any) -> Any:
    """An array as a tensor; any other value unchanged."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"x has dtype {value.dtype}: expected integers or floating-point numbers")
        return torch.from_numpy(np.require(value, requirements=["C", "W"]))
    return value
