"""Inputs of a network as batches: arrays, tensors, tuples, mappings and loaders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import rnn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
)

from wndcheck import probe
from wndcheck.inspect.batches import make_batches
from wndcheck.inspect.binding import Binding
from wndcheck.inspect.forward_arguments import Batch

X = torch.arange(20.0).reshape(10, 2)


class OfX(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def batches(x: Any, size: int | None = 4, *options: Any) -> list[Batch]:
    return list(make_batches(x, Binding(OfX()), size, *options))


def sizes(x: Any, *options: Any) -> list[int]:
    return [batch.size for batch in batches(x, 4, *options)]


KINDS = {"tensor": X, "array": X.numpy(), "numbers": X.tolist(), "list": [X], "tuple": (X, None), "mapping": {"x": X}}


@pytest.mark.parametrize("x", KINDS.values(), ids=KINDS)
def test_arrays_are_split_into_batches(x: Any) -> None:
    assert sizes(x) == [4, 4, 2]
    seen = torch.cat([(*batch.args, *batch.kwargs.values())[0] for batch in batches(x)])
    np.testing.assert_array_equal(seen, X)


def test_labels_of_a_loader_are_dropped() -> None:
    loader = DataLoader(TensorDataset(X, torch.zeros(10)), batch_size=6)
    assert sizes(loader) == [4, 2, 4]
    assert sizes(loader, 5) == [4, 1]
    assert sizes({"x": part} for part in X.split(3)) == [3, 3, 3, 1]
    assert batches(loader)[0].args[0].shape == (4, 2)


def test_samples_are_drawn_in_order_without_replacement_by_a_seed() -> None:
    def drawn(seed: int) -> list[float]:
        return torch.cat([batch.args[0] for batch in batches(X, 4, 9, seed)])[:, 0].tolist()

    assert drawn(0) == drawn(0) != drawn(1)
    for seed in range(3):
        assert len(set(drawn(seed))) == 9
        assert drawn(seed) == sorted(drawn(seed))


def test_positional_and_keyword_arguments_and_integers_reach_the_model() -> None:
    class TwoInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.fc = nn.Embedding(20, 3), nn.Linear(3, 2)

        def forward(self, tokens: Tensor, scale: Tensor, *, shift: float = 0.0) -> Tensor:
            return self.fc(self.words(tokens) * scale + shift)

    net, tokens, scale = TwoInputs(), torch.arange(10), torch.full((10, 1), 2.0, dtype=torch.float64)
    found = probe(net, (tokens, scale))["fc"]
    np.testing.assert_allclose(found, net(tokens, scale.float()).detach().numpy(), atol=1e-6)
    moved = probe(net, {"tokens": tokens, "scale": scale, "shift": 1.0}, batch_size=3)["fc"]
    np.testing.assert_allclose(moved, net(tokens, scale.float(), shift=1.0).detach().numpy(), atol=1e-6)


class WritesInputs(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.zero_())


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_is_neither_read_whole_nor_written(tmp_path: Path, order: Literal["C", "F"]) -> None:
    np.save(tmp_path / "x.npy", np.asarray(X.numpy(), order=order))
    array = np.load(tmp_path / "x.npy", mmap_mode="r")
    (tensor,) = Binding(OfX())(array).args
    assert np.shares_memory(tensor.numpy(), array)
    assert probe(WritesInputs(2, 3), array, batch_size=None)["(model)"].shape == (10, 3)
    np.testing.assert_array_equal(array, X)


def test_arrays_of_any_strides_are_accepted() -> None:
    whole = np.zeros(10, dtype=[("x", np.float32, 2), ("y", np.int8)])
    for array in (X.numpy()[::-1], X.numpy()[:, ::-1], X.numpy()[:1][::-1], X.numpy()[::2], whole["x"]):
        (tensor,) = Binding(OfX())(array).args
        np.testing.assert_array_equal(tensor, array)


class Samples(Dataset):
    """A data set of torch."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Tensor:
        return X[index]


class Indexed:
    """A data set that derives from nothing."""

    __len__, __getitem__ = Samples.__len__, Samples.__getitem__


class Stream(IterableDataset):
    """A stream of single samples."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(X)


class Loader:
    """A loader of batches that derives from nothing."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(X.split(3))


class OfDatasets:
    """A data set that can be iterated over, in a module of the package datasets, as its own."""

    __module__ = "datasets.arrow_dataset"
    __len__, __getitem__ = Samples.__len__, Samples.__getitem__

    def __iter__(self) -> Iterator[Tensor]:
        return iter(X)


class Derived(OfDatasets):
    """A user's own."""


class FastLoader(DataLoader):
    """A loader in a user's own package of that name."""

    __module__ = "datasets.loader"


LABELS = torch.arange(10)
COLLECTIONS: dict[str, tuple[Any, list[int]]] = {
    "a data set": (Samples(), [4, 4, 2]),
    "tensors of a data set": (TensorDataset(X, LABELS), [4, 4, 2]),
    "a part of a data set": (Subset(Samples(), range(10)), [4, 4, 2]),
    "what can be indexed": (Indexed(), [4, 4, 2]),
    "a data set of the package datasets": (OfDatasets(), [4, 4, 2]),
    "a data set derived from it": (Derived(), [4, 4, 2]),
    "a loader in a package datasets": (FastLoader(Samples(), batch_size=7), [4, 3, 3]),
    "a stream": (Stream(), [4, 4, 2]),
    "a list of samples": (list(X), [4, 4, 2]),
    "a list of arrays": (list(X.numpy()), [4, 4, 2]),
    "a list of labelled samples": ([(x, 0) for x in X], [4, 4, 2]),
    "a list of named samples": ([{"x": x, "label": y} for x, y in zip(X, LABELS, strict=True)], [4, 4, 2]),
    "a list of unequal batches": (list(X.split(3)), [3, 3, 3, 1]),
    "a list of labelled batches": (list(zip(X.split(3), LABELS.split(3), strict=True)), [3, 3, 3, 1]),
    "a list of named batches": ([{"x": x} for x in X.split(6)], [4, 2, 4]),
    "an iterable of batches": (iter(X.split(5)), [4, 1, 4, 1]),
    "a loader of one's own": (Loader(), [3, 3, 3, 1]),
    "a loader": (DataLoader(Samples(), batch_size=7), [4, 3, 3]),
    "a loader with a batch sampler": (DataLoader(Samples(), batch_sampler=[range(6), range(6, 10)]), [4, 2, 4]),
    "a loader of batches": (DataLoader(X.split(5), batch_size=None), [4, 1, 4, 1]),  # type: ignore[arg-type]
    "a data frame": (pytest.importorskip("pandas").DataFrame(X.numpy()), [4, 4, 2]),
}


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_samples_and_batches_are_told_apart(kind: str) -> None:
    x, expected = COLLECTIONS[kind]
    found = batches(x)
    seen = torch.cat([(*batch.args, *batch.kwargs.values())[0] for batch in found])
    np.testing.assert_array_equal(seen, X)
    assert [batch.size for batch in found] == expected


def test_a_batch_sampler_makes_batches_of_numbers_too() -> None:
    loader = DataLoader(TensorDataset(LABELS), batch_sampler=[range(6), range(6, 10)])
    assert [batch.args[0].tolist() for batch in batches(loader, None)] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]]
    with pytest.raises(ValueError, match="one sample, or a batch of 10 numbers"):
        batches(DataLoader([LABELS], batch_size=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "x", [Samples(), Indexed(), Derived(), list(X)], ids=["a data set", "indexed", "derived", "a list"]
)
def test_samples_of_a_data_set_are_drawn_by_a_seed(x: Any) -> None:
    found = torch.cat([batch.args[0] for batch in batches(x, 4, 6, 1)])
    np.testing.assert_array_equal(found, torch.cat([batch.args[0] for batch in batches(X, 4, 6, 1)]))
    first = torch.cat([batch.args[0] for batch in batches(Stream(), 4, 6, 1)])
    np.testing.assert_array_equal(first, X[:6])


class Noise:
    """A transform that draws by a generator of its own."""

    def __init__(self, draws: Any) -> None:
        self.draws = draws

    def __call__(self, x: Tensor) -> Tensor:
        return x + self.draws.random()


class Composed:
    """Transforms one after the other, as torchvision's Compose."""

    def __init__(self, transforms: list[Any]) -> None:
        self.transforms = transforms

    def __call__(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x


class Noisy(Dataset):
    """A data set that draws by a generator of its own, or by its transform's."""

    def __init__(self, draws: Any = None, transform: Any = None) -> None:
        self.draws = draws or np.random.default_rng(1)
        self.transform = transform or (lambda x: x + self.draws.random())

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(X[index])

    @property
    def sampler(self) -> Any:
        raise RuntimeError("no sampler yet")


def sampled(source: str, **options: Any) -> Any:
    """Inputs whose draws come from a generator of the loader, its sampler, a batch sampler's sampler, or a data set."""
    draws, data = torch.Generator().manual_seed(3), TensorDataset(X, LABELS)
    sampler = RandomSampler(data, generator=draws)
    return {
        "loader": lambda: DataLoader(data, batch_size=4, shuffle=True, generator=draws, **options),
        "sampler": lambda: DataLoader(data, batch_size=4, sampler=sampler, **options),
        "batch sampler": lambda: DataLoader(data, batch_sampler=BatchSampler(sampler, 4, False), **options),
        "numpy": lambda: DataLoader(Noisy(), batch_size=4, **options),
        "old numpy": lambda: DataLoader(Noisy(np.random.RandomState(1)), batch_size=4, **options),
        "python": lambda: DataLoader(Noisy(random.Random(1)), batch_size=4, **options),
        "data set": Noisy,
        "transform": lambda: Noisy(transform=Noise(random.Random(1))),
        "transforms": lambda: Noisy(transform=Composed([Noise(random.Random(1))])),
        "parts": lambda: ConcatDataset([Subset(Noisy(), [0, 1, 2]), Subset(Noisy(random.Random(2)), range(7))]),
    }[source]()


SOURCES = ["loader", "sampler", "batch sampler", "numpy", "old numpy", "python"]
SOURCES += ["data set", "transform", "transforms", "parts"]


def epochs(x: Any, count: int) -> list[list[Any]]:
    """What so many epochs of training see."""
    torch.manual_seed(0)
    loader = x if isinstance(x, DataLoader) else DataLoader(x, batch_size=4)
    return [[repr(batch) for batch in loader] for _ in range(count)]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_the_draws_of_a_loader_are_seeded_and_left_as_they_were(source: str, fails: bool) -> None:
    x, net = sampled(source), nn.Linear(3 if fails else 2, 3)
    expected = epochs(sampled(source), 3)
    found, seen = epochs(x, 1), []
    for seed in (1, 1, 2):
        if fails:
            with pytest.raises(ValueError, match="the model failed"):
                probe(net, x)
        else:
            seen.append(probe(net, x, random_state=seed, max_samples=7)["(model)"])
    assert fails or (np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2]))
    assert expected[:2] == found + epochs(x, 1)
    if not fails:
        np.testing.assert_array_equal(probe(net, x, random_state=1, max_samples=7)["(model)"], seen[0])


def test_a_loop_over_workers_that_stay_goes_on_as_it_would() -> None:
    options: dict[str, Any] = {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "fork"}
    expected = epochs(sampled("loader", **options), 2)
    x, net = sampled("loader", **options), nn.Linear(2, 3)
    found: list[list[Any]] = []
    torch.manual_seed(0)
    for _ in range(2):
        found.append([])
        for batch in islice(x, 9):  # a loop that is disturbed may not end
            found[-1].append(repr(batch))
            workers = x._iterator
            probe(net, x, max_samples=3)
            assert x._iterator is workers
    assert found == expected


def test_the_ways_out_that_errors_show() -> None:
    equal = [torch.rand(5, 2) for _ in range(4)]
    with pytest.raises(
        ValueError, match=r"a list of 4 elements such as \(5, 2\) float32: samples or batches\?"
    ) as told:
        batches(equal)
    assert "DataLoader(x, batch_size=256), for batches iter(x), and for the arguments of forward a tuple" in str(
        told.value
    )
    assert batches(DataLoader(equal, batch_size=3))[0].args[0].shape == (3, 5, 2)  # type: ignore[arg-type]
    assert batches(iter(equal))[0].args[0].shape == (4, 2)
    tokens = [torch.randint(9, (20,)) for _ in range(5)]
    with pytest.raises(ValueError, match=r"an element of x is \(20,\) int64: one sample, or a batch of 20 numbers\?"):
        batches(iter(tokens))
    assert batches(torch.stack(list(iter(tokens))))[0].args[0].shape == (4, 20)
    said = Binding(OfX(), lambda batch: batch)
    assert [batch.size for batch in make_batches(iter(tokens), said, None)] == [20] * 5


def test_batches_are_never_cut_without_a_batch_size() -> None:
    assert [batch.size for batch in batches(X, None, 3)] == [10]
    assert [batch.size for batch in batches(iter(X.split(6)), None, 3)] == [6]


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ({"input": X[0, 0]}, ValueError, r"input 'input' has shape \(\): expected samples along its first axis"),
        ({"input": 1}, TypeError, "x has a value of type int: expected an array"),
        (np.array(["a", "b"]), TypeError, "x has dtype <U1: expected integers or floating-point numbers"),
        (3, TypeError, "x has a value of type int: expected an array, a tensor, a tuple or dict of them, or a loader"),
        (
            [torch.zeros(3), torch.zeros(4)],
            ValueError,
            "cannot be put into a batch .* DataLoader whose collate_fn pads",
        ),
        ([["a"], ["b"]], TypeError, "x has dtype <U1"),
        ([[1.0], [1.0, 2.0]], ValueError, "x has lists of unequal lengths: pad them, and give a mask"),
        (rnn.pack_sequence([X]), TypeError, "x is a PackedSequence: give the padded sequences, samples first"),
        ([], ValueError, "x holds no samples: expected at least one batch"),
        (iter([]), ValueError, "x holds no samples: expected at least one batch"),
    ],
)
def test_unusable_inputs_raise(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        probe(nn.Linear(2, 2), x)
