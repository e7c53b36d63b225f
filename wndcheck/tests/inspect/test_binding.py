"""What of a batch is passed to forward, and what the result says about it."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterator, MutableMapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wndcheck import dependence_score, probe
from wndcheck.inspect.binding import Binding

X, Y = torch.arange(20.0).reshape(10, 2), torch.arange(10)
MASK = torch.full((10, 2), 2.0)


def named(code: str) -> nn.Module:
    """A network with a forward of these parameters."""
    scope: dict[str, Any] = {"Tensor": Tensor, "nn": nn}
    exec(f"class Net(nn.Module):\n    def forward(self, {code}): return None", scope)
    return scope["Net"]()


class Swapped(NamedTuple):
    key: Tensor
    query: Tensor


class Labelled(NamedTuple):
    key: Tensor
    label: Tensor


class Unnamed(NamedTuple):
    image: Tensor
    y: Tensor


class Numbered(NamedTuple):
    x: Tensor
    index: Any
    more: Tensor = X


PASSED = [
    ("x", X, {"x": X}, []),
    ("x", X.numpy(), {"x": X}, []),
    ("x", (X, Y), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("x", [X, Y, Y], {"x": X}, ["batches of 3: passed x; left out the second, third"]),
    ("x, mask", (X, MASK, Y), {"x": X, "mask": MASK}, ["batches of 3: passed x, mask; left out the third"]),
    ("x, mask=None", (X, None), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("x, scale=1.0, *, mask=None", (X, Y), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("x, pair: bool = False", (X, Y), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("x, pair: bool | None = None", (X, Y), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("ids=None, mask=None", (X,), {"ids": X}, []),
    (
        "ids, mask=None",
        {"ids": X, "mask": MASK, "labels": Y, "text": ["a"] * 10},
        {"ids": X, "mask": MASK},
        ["batches by name: passed ids, mask; left out labels, text"],
    ),
    ("ids, labels=None", {"ids": X, "labels": Y}, {"ids": X, "labels": Y}, ["batches by name: passed ids, labels"]),
    (
        "ids, **kwargs",
        UserDict(ids=X, more=Y, labels=Y),
        {"ids": X, "more": Y},
        ["batches by name: passed ids, more; left out labels"],
    ),
    ("a, b", ((X, MASK), Y), {"a": X, "b": MASK}, ["batches of 2: passed a, b; left out the rest"]),
    ("a, b=None", ((X, MASK), Y), {"a": X, "b": MASK}, ["batches of 2: passed a, b; left out the rest"]),
    ("a", ({"a": X, "c": Y}, Y), {"a": X}, ["batches of 2: passed a; left out c; left out the rest"]),
    ("x", {"x": X.tolist()}, {"x": X}, []),
    ("query, key", Swapped(MASK, X), {"query": X, "key": MASK}, ["batches by name: passed key, query"]),
    ("query, **more", Swapped(MASK, X), {"query": X, "key": MASK}, ["batches by name: passed key, query"]),
    ("key, mask=None", Labelled(X, Y), {"key": X}, ["batches by name: passed key; left out label"]),
    ("x", Labelled(X, Y), {"x": X}, ["batches of 2: passed x; left out the second"]),
    ("a, b", (Swapped(X, MASK), Y), {"a": X, "b": MASK}, ["batches of 2: passed a, b; left out the rest"]),
    ("x, y", Unnamed(X, Y), {"x": X, "y": Y}, ["batches of 2: passed x, y"]),
    ("x, /, y", Unnamed(X, Y), {"x": X, "y": Y}, ["batches of 2: passed x, y"]),
    ("x, **more", Numbered(X, ["a"] * 10), {"x": X, "more": X}, ["batches by name: passed x, more; left out index"]),
    (
        "query, key",
        (Swapped(MASK, X), Y),
        {"query": X, "key": MASK},
        ["batches of 2: passed key, query; left out the rest"],
    ),
]


@pytest.mark.parametrize(("parameters", "batch", "passed", "words"), PASSED)
def test_a_batch_is_bound_to_the_signature(parameters: str, batch: Any, passed: dict[str, Tensor], words: list) -> None:
    bind = Binding(named(parameters))
    bound = bind(batch)
    arguments = dict(zip(bound.names, bound.args, strict=True)) | bound.kwargs
    assert arguments.keys() == passed.keys()
    assert all(torch.equal(arguments[name], value) for name, value in passed.items())
    assert bind.words == words
    assert bound.size == 10


@pytest.mark.parametrize("name", ["label", "labels", "label_ids", "target", "targets", "y"])
def test_labels_are_no_further_arguments(name: str) -> None:
    assert set(Binding(named("ids, **kwargs"))({"ids": X, name: Y}).kwargs) == {"ids"}


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match="x has a value of type NoneType: expected an array"):
        Binding(named("x"))((None, None))


REFUSED = [
    ("x, mask=None", (X, Y), r"requires 1: the others may be inputs or labels; .*lambda batch: batch\[0\], or .*lambda"
     r" batch: {'x': batch\[0\], 'mask': batch\[1\]}"),
    ("ids=None, mask=None, labels=None", (X, MASK, Y), r"holds 3 tensors \(\(10, 2\) float32, \(10, 2\)"),
    ("x, flag: bool | None = None, labels: Tensor | None = None", (X, Y), r"'x': batch\[0\], 'labels': batch\[1\]}"),
    ("batch", {"x": X}, r"or batch_to_inputs=lambda batch: \(batch,\) for a forward that takes all of it"),
    ("a, b, c: Tensor = 3", (X, X, Y), r"requires 2: .*lambda batch: batch\[:2\], or"),
    ("*args, **kwargs", (X, Y), r"requires 0: .*|lambda batch: batch\[:2\]"),
    ("a, b", X, r"forward\(a, b\) needs a, b, and a batch holds 1 tensor \(\(10, 2\) float32\); .*forward_kwargs={'b'"),
    ("a, b, c", ((X, Y), Y), "needs a, b, c, and a batch holds 2 tensors"),
    ("x", {"image": X, "label": Y}, r"needs 'x', and a batch has image, label; .*{'x': batch\['image'\]}"),
    ("x=None", {"image": X}, r"takes 'x', and a batch has image"),
    ("query, key", Labelled(X, Y), r"needs 'query', and a batch has key, label; .*{'query': batch\.label}, or"),
    ("query, key", (Labelled(X, Y), Y), r"needs 'query', and a batch has key, label; .*{'query': batch\[0\]\.label}, or"
     r" batch_to_inputs=lambda batch: \(batch\[0\],\)"),
    ("x", ({"image": X}, Y), r"needs 'x', and a batch has image; .*{'x': batch\[0\]\['image'\]}, or .*\(batch\[0\],\)"),
    ("ids", {"ids": [Y, Y, Y]}, r"'ids' is a list of 3 tensors, which a DataLoader makes .*set_format\('torch'\)"),
    ("x", ((X, MASK), Y), r"holds 2 tensors first .* takes 1; .*batch\[0\]\[0\], or .*\(batch\[0\],\)"),
    ("x, edges", {"x": X, "edges": torch.zeros(2, 7)}, r"\('x' has 10, 'edges' has 2\).*forward_kwargs={'edges': …}"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "batch", "message"), REFUSED)
def test_what_cannot_be_told_is_an_error_that_says_what_to_write(parameters: str, batch: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Binding(named(parameters))(batch)


@pytest.mark.parametrize("parameters", ["x, mask=None", "*args, **kwargs"])
def test_both_ways_that_an_error_shows_are_ways_out(parameters: str) -> None:
    net, batch = named(parameters), (X, Y)
    with pytest.raises(ValueError, match="batch_to_inputs") as raised:
        Binding(net)(batch)
    ways = [eval(way) for way in str(raised.value).replace(", or ", "\n").split("batch_to_inputs=")[1:]]
    assert [len(Binding(net, way)(batch).tensors) for way in ways] == [1, 2]


@pytest.mark.parametrize(
    ("inputs", "count"),
    [(lambda b: b[1], 1), (lambda b: b, 2), (lambda b: {"mask": b[1], "x": b[0]}, 2), (lambda b: (b[0].numpy(),), 1)],
    ids=["a tensor", "the batch", "by name", "a tuple"],
)
def test_the_user_says_what_is_passed(inputs: Any, count: int) -> None:
    bind = Binding(named("x, mask=None"), inputs)
    assert len(bind((X, Y)).tensors) == count
    assert bind.words[0].startswith("batch_to_inputs passed ")


def test_a_named_tuple_that_the_user_gives_goes_by_its_names() -> None:
    bound = Binding(named("query, key"), lambda batch: Swapped(*batch))((MASK, X))
    assert torch.equal(bound.kwargs["query"], X)
    with pytest.raises(ValueError, match=r"batch_to_inputs returns 'label', which forward\(query, key\) does not take"):
        Binding(named("query, key"), lambda batch: Labelled(*batch))((MASK, X))


class Pair(NamedTuple):
    left: Tensor
    right: Tensor


class Tree(nn.Module):
    """Takes a whole batch as one argument."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        return self.fc(batch["pair"].left + batch["pair"].right)


def test_a_structure_may_be_one_argument() -> None:
    net = Tree()
    found = probe(net, ((X, 2 * X), Y), batch_to_inputs=lambda b: ({"pair": Pair(*b[0])},), batch_size=3)["fc"]
    np.testing.assert_allclose(found, net.fc(3 * X).detach().numpy(), atol=1e-5)


class WithAttributes:
    """A mapping whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]  # type: ignore[index]
        except KeyError:
            raise AttributeError(name) from None


class Encoding(WithAttributes, UserDict):
    """As BatchEncoding of transformers."""


class Ordered(WithAttributes, OrderedDict):
    """As ModelOutput of transformers, which refuses update."""

    update = None  # type: ignore[assignment]


class Record(MutableMapping):
    """A mapping of which copy.copy shares the items."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items_ = items

    def __getitem__(self, name: str) -> Any:
        return self.items_[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.items_[name] = value

    def __delitem__(self, name: str) -> None:
        del self.items_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.items_)

    def __len__(self) -> int:
        return len(self.items_)


class OfEncoding(nn.Linear):
    def forward(self, batch: Any) -> Tensor:
        return super().forward(batch.ids if hasattr(batch, "ids") else batch["ids"])


@pytest.mark.parametrize("kind", [Encoding, Ordered, Record, MappingProxyType, dict])
def test_a_mapping_may_be_one_argument(kind: Callable[[dict[str, Any]], Any]) -> None:
    net, batch = OfEncoding(2, 3), kind({"ids": X, "labels": Y})
    with pytest.raises(ValueError, match=r"or batch_to_inputs=lambda batch: \(batch,\) for a forward that takes all"):
        probe(net, batch)
    found = probe(net, batch, batch_to_inputs=lambda batch: (batch,), batch_size=4, max_samples=10)["(model)"]
    np.testing.assert_allclose(found, net({"ids": X}).detach().numpy(), atol=1e-5)
    assert torch.equal(batch["ids"], X)


class Shifted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, shift: Tensor, x: Tensor, flag: bool = False) -> Tensor:
        return self.fc(x + shift if flag else x)


def test_forward_kwargs_are_passed_whole_in_every_pass() -> None:
    net, shift = Shifted(), torch.tensor([5.0, 7.0])
    found = probe(net, X, forward_kwargs={"shift": shift.numpy(), "flag": True}, batch_size=4)
    np.testing.assert_allclose(found["fc"], net.fc(X + shift).detach().numpy(), atol=1e-5)
    assert found.inputs == ("the same shift, flag in every pass",)
    with pytest.raises(ValueError, match=r"forward_kwargs: forward\(shift, x, flag=False\) takes no 'shifts'"):
        probe(net, X, forward_kwargs={"shifts": shift})
    with pytest.raises(ValueError, match="'shift' is in x and in forward_kwargs: give it once"):
        probe(net, {"x": X, "shift": X}, forward_kwargs={"shift": shift})


class Resized(Shifted):
    def forward(self, x: Tensor, size: tuple[int, int], names: list[str], scale: float, whole: Any) -> Tensor:
        assert type(size) is tuple
        assert type(scale) is np.float64
        assert names == ["a", "b"]
        assert torch.equal(whole["x"][0], X)
        return self.fc(nn.functional.interpolate(x[None, None], size=size)[0, 0] * scale)


def test_only_arrays_of_forward_kwargs_become_tensors() -> None:
    net = Resized()
    whole = {"size": (10, 2), "names": ["a", "b"], "scale": np.float64(2.0), "whole": {"x": [X]}}
    found = probe(net, X, forward_kwargs=whole, batch_size=None)["fc"]
    np.testing.assert_allclose(found, net.fc(2 * X).detach().numpy(), atol=1e-5)


def test_the_score_says_what_was_passed_and_left_out() -> None:
    net, x = nn.Sequential(nn.Linear(6, 5)), torch.randn(300, 6)
    scores = dependence_score(net, (x, torch.arange(300)), n_parts=2, n_shuffles=2)
    said = "batches of 2: passed input; left out the second"
    assert scores.inputs == (said,)
    assert said in str(scores).splitlines()
    assert scores.to_dict()["inputs"] == [said]
    assert scores.layers == dependence_score(net, x, n_parts=2, n_shuffles=2).layers
    again = dependence_score(probe(net, (x, torch.arange(300))), n_parts=2, n_shuffles=2)
    assert again.inputs == (said,)


def test_a_wrong_function_of_a_batch_is_an_error() -> None:
    with pytest.raises(TypeError, match="batch_to_inputs: expected a function of a batch"):
        probe(nn.Linear(2, 2), X, batch_to_inputs="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"batch_to_inputs returns 'y', which forward\(input\) does not take"):
        probe(nn.Linear(2, 2), X, batch_to_inputs=lambda b: {"y": b})


@pytest.fixture
def process_group() -> Iterator[None]:
    """Of this process alone, which a wrapper for several needs."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("wrapper", [nn.DataParallel, nn.parallel.DistributedDataParallel])
def test_the_signature_is_that_of_the_network_inside_a_parallel_wrapper(wrapper: type[nn.Module]) -> None:
    inner = Shifted()
    found = probe(wrapper(inner), (X, X, Y), "module.fc")
    np.testing.assert_allclose(found["module.fc"], inner.fc(X).detach().numpy(), atol=1e-5)
    assert found.inputs == ("batches of 3: passed shift, x; left out the third",)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.eye(60).to_sparse(), r"x is a sparse tensor, of which no samples can be taken: give x.to_dense\(\)"),
        (torch.zeros(60, 60, device="meta"), "x is on the device meta, which holds no data"),
        (torch.nested.nested_tensor([torch.zeros(3)] * 60, layout=torch.jagged), "x is a nested tensor: give torch.n"),
        (np.ma.masked_greater(np.eye(60), 0.5), r"x has masked values: fill them, x.filled\(0\)"),
    ],
    ids=["sparse", "meta", "nested", "masked"],
)
def test_inputs_without_a_number_for_every_sample_raise(x: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        probe(nn.Linear(60, 4), x)


def test_a_sparse_input_is_passed_uncut() -> None:
    x = torch.rand(60, 60).round().to_sparse()
    net = nn.Linear(60, 4)
    assert np.allclose(probe(net, x, batch_size=None)["(model)"], net(x.to_dense()).detach())
