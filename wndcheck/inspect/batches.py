"""A network's inputs as batches: from arrays, tensors, tuples and mappings of them, data sets, or data loaders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from wndcheck.estimators.validation import check_integer
from wndcheck.inspect.forward_arguments import Batch, as_tensor, described
from wndcheck.inspect.layer_scoring import drawn_samples
from wndcheck.inspect.left_as_found import kept_random_state

Bind = Callable[[Any], Batch]
OF_DATASETS = ("datasets.arrow_dataset", "datasets.iterable_dataset")  # the package; users' own may have its name
PARTS = ("dataset", "datasets", "sampler", "batch_sampler", "transform", "transforms")  # of loaders and data sets


def make_batches(
    x: Any, bind: Bind, size: int | None, max_samples: int | None = None, random_state: int = 0
) -> Iterator[Batch]:
    """Split x into batches of up to `size` samples; the batches of a loader are split further if they are larger.

    bind: makes a Batch of an element of a loader, or of all of x. size None: batches are never cut. max_samples: a
    seeded draw of so many samples, in their order; of an iterable, the first ones; nothing is drawn if size is None.
    TypeError or ValueError for inputs that cannot be used.
    """
    if size is not None:
        check_integer(size, "batch_size", least=1)
    if max_samples is not None:
        check_integer(max_samples, "max_samples", least=1)
    x = _collection(x) if isinstance(x, list) else x
    has_parts = not isinstance(x, tuple | Mapping) and not hasattr(x, "__array__") and isinstance(x, Iterable)
    groups = getattr(bind, "groups", None)
    if (has_parts or _is_dataset(x)) and groups is not None and not callable(groups):
        raise TypeError("groups: of a data set or loader give a function of a batch, groups=lambda batch: batch[1]")
    if _is_dataset(x):
        yield from cut(_dataset_batches(x, bind, size, max_samples, random_state), size, max_samples)
    elif has_parts:
        yield from cut(_loader_batches(x, bind), size, max_samples)
    else:
        whole = bind(x)
        if size is not None and max_samples is not None and max_samples < whole.size:
            whole = whole.select(torch.from_numpy(drawn_samples(whole.size, max_samples, random_state)))
        yield from cut([whole], size)


@contextmanager
def seeded_draws(x: Any, seed: int) -> Iterator[None]:
    """Seed the generators that a loader, its samplers, data sets or transforms have as attributes; restore on exit.

    Workers that stay are left alone: others take their place meanwhile, so that a loop over them goes on.
    """
    waiting: list[Any] = [x]
    parts: dict[int, Any] = {}
    while waiting:
        part = waiting.pop()
        if hasattr(part, "__dict__") and id(part) not in parts:
            parts[id(part)] = part
            for value in map(vars(part).get, PARTS):
                waiting += value if isinstance(value, list) else [value]
    with ExitStack() as undo:
        for source in [each for part in parts.values() for each in vars(part).values()]:
            if put_back := kept_random_state(source):
                undo.callback(put_back)
                if isinstance(source, np.random.Generator):
                    source.bit_generator.state = type(source.bit_generator)(seed).state
                else:
                    getattr(source, "manual_seed" if isinstance(source, torch.Generator) else "seed")(seed % 2**32)
        if isinstance(x, DataLoader):
            undo.callback(setattr, x, "_iterator", x._iterator)
            x._iterator = None
        yield


def peek(batches: Iterator[Batch]) -> tuple[Batch, Iterator[Batch]]:
    """The first batch, and an iterator over all batches. ValueError if there is none."""
    first = list(islice(batches, 1))
    if not first:
        raise ValueError("x holds no samples: expected at least one batch")
    return first[0], chain(first, batches)


def cut(batches: Iterable[Batch], size: int | None, max_samples: int | None = None) -> Iterator[Batch]:
    """The batches in parts of up to `size` samples, and no more than the first max_samples."""
    remaining = max_samples
    for batch in batches:
        if size is None:
            yield batch
        else:
            batch = batch if remaining is None else batch.select(slice(remaining))
            for start in range(0, batch.size, size):
                yield batch.select(slice(start, start + size))
        if remaining is not None and (remaining := remaining - batch.size) <= 0:
            return


def _loader_batches(loader: Iterable[Any], bind: Bind) -> Iterator[Batch]:
    has_batches = isinstance(loader, DataLoader) and loader.batch_sampler is not None
    for element in loader:
        batch = bind(element)
        if not has_batches and getattr(bind, "batch_to_inputs", None) is None:
            _check_not_a_sample(batch)
        yield batch


def _check_not_a_sample(batch: Batch) -> None:
    """ValueError for a vector, which would be taken for as many samples."""
    if batch.size > 1 and all(tensor.dim() == 1 for tensor in batch.tensors):
        raise ValueError(
            f"an element of x is {batch.shapes}: one sample, or a batch of {batch.size} numbers? For samples give "
            "torch.stack(list(x)) or, of unequal lengths, a DataLoader whose collate_fn pads them; for batches say "
            "batch_to_inputs=lambda batch: batch"
        )


def _is_dataset(x: Any) -> bool:
    """Whether x has samples, not batches: a data set of torch or of datasets, or what can be indexed only."""
    if isinstance(x, Dataset) or any(kind.__module__ in OF_DATASETS for kind in type(x).__mro__):
        return True
    is_array = isinstance(x, tuple | Mapping) or hasattr(x, "__array__") or isinstance(x, Iterable)
    return not is_array and hasattr(x, "__getitem__") and hasattr(x, "__len__")


def _dataset_batches(
    dataset: Any, bind: Bind, size: int | None, max_samples: int | None, random_state: int
) -> Iterator[Batch]:
    if size is None:
        raise ValueError("x is a data set, which has no batches to leave uncut: give a DataLoader, or a batch_size")
    if not isinstance(dataset, IterableDataset) and max_samples is not None and max_samples < len(dataset):
        dataset = Subset(dataset, drawn_samples(len(dataset), max_samples, random_state).tolist())
    with torch.device("cpu"):  # it draws a seed on the user's default device
        loader = iter(DataLoader(dataset, batch_size=size))
    while True:
        try:
            element = next(loader)
        except StopIteration:
            return
        except (TypeError, RuntimeError) as error:
            raise ValueError(
                f"the samples of x cannot be put into a batch ({error}); give images transform=ToTensor(), or give a "
                "DataLoader whose collate_fn pads sequences of unequal lengths and returns a mask as well"
            ) from error
        yield bind(element)


def _collection(x: list[Any]) -> Any:
    """A list of numbers as an array, one of samples as a data set, one of batches as an iterable of them.

    ValueError where samples and batches cannot be told apart.
    """
    parts = [_leaves(element) for element in x]
    if not any(hasattr(leaf, "shape") for leaves in parts for leaf in leaves):
        return as_tensor(x) if x else iter(x)
    shapes = [[tuple(np.shape(leaf)) for leaf in leaves] for leaves in parts]
    counts = [{shape[:1] for shape in each} for each in shapes]
    if any(() in each or len(each) > 1 for each in counts) or _are_vectors(shapes):
        return Subset(x, range(len(x)))  # pyright: ignore[reportArgumentType] (needs no more than a list has)
    is_table = all(any(len(shape) > 1 for shape in each) for each in shapes)
    if is_table and (len(x) == 1 or len(set(map(tuple, counts))) > 1):
        return iter(x)
    raise ValueError(
        f"x is a list of {len(x)} elements such as {described(parts[0])}: samples or batches? For samples give "
        "torch.utils.data.DataLoader(x, batch_size=256), for batches iter(x), and for the arguments of forward a tuple"
    )


def _are_vectors(shapes: list[list[tuple[int, ...]]]) -> bool:
    return len(shapes) > 1 and all(len(each) == 1 and len(each[0]) == 1 for each in shapes)


def _leaves(element: Any) -> list[Any]:
    """What an element of a list holds, without its tuples and mappings."""
    if isinstance(element, Mapping):
        element = tuple(element.values())
    return [leaf for each in element for leaf in _leaves(each)] if isinstance(element, tuple) else [element]
