"""Inputs of a network as batches: arrays, tensors, tuples, mappings and loaders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from wndcheck import probe
from wndcheck.inspect.batches import make_batches
from wndcheck.inspect.binding import Batch, Binding

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


def test_a_read_only_array_is_accepted() -> None:
    array = X.numpy().copy()
    array.flags.writeable = False
    assert probe(nn.Linear(2, 3), array)["(model)"].shape == (10, 3)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ({"input": X[0, 0]}, ValueError, r"input 'input' has shape \(\): expected samples along its first axis"),
        ({"input": 1}, TypeError, "x has a value of type int: expected an array"),
        (np.array(["a", "b"]), TypeError, "x has dtype <U1: expected integers or floating-point numbers"),
        (3, TypeError, "x has a value of type int: expected an array, a tensor, a tuple or dict of them, or a loader"),
        (iter([]), ValueError, "x holds no samples: expected at least one batch"),
    ],
)
def test_unusable_inputs_raise(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        probe(nn.Linear(2, 2), x)
