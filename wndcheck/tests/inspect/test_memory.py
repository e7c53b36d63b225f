"""A probe computes no more of a network than the measured layers need, and keeps no more than the drawn rows."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from wndcheck import probe
from wndcheck.inspect import probing
from wndcheck.inspect.output_axes import TRIAL_SIZES

pytestmark = pytest.mark.usefixtures("one_thread")


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that operations of torch return, while they are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        entered = {
            tensor.untyped_storage()._cdata for tensor in tree_flatten((args, kwargs))[0] if isinstance(tensor, Tensor)
        }
        for tensor in tree_flatten(returned)[0]:
            if (
                isinstance(tensor, Tensor)
                and (key := (storage := tensor.untyped_storage())._cdata) not in entered | self.seen
            ):
                self.seen.add(key)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self.freed, key, storage.nbytes())
        return returned

    def freed(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def peak_of(run: Any) -> int:
    with torch.no_grad(), PeakMemory() as memory:
        run()
    return memory.peak


def convnet() -> nn.Sequential:
    """Activations of a quarter MiB per sample after the first layer."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4)),
        *(nn.Conv2d(16, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 10)),
    )


def test_the_tracker_counts_what_is_alive() -> None:
    def run() -> None:
        for _ in range(3):
            _ = torch.ones(1000) + 1  # both are alive at once, and freed before the next

    assert 8000 <= peak_of(run) <= 12_000


@pytest.mark.parametrize(("positions", "when"), [(1, "pre"), (4, "pre"), (1, "post")])
def test_a_probe_needs_at_most_half_as_much_memory_again_as_a_forward_pass_of_32_samples(
    positions: int, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "BATCH_BYTES", 2**23)  # 32 samples; 64 MiB would take a larger network, and time
    net, x = convnet(), torch.randn(400, 3, 64, 64)
    plain = peak_of(lambda: net(x[:32]))
    found: dict[str, np.ndarray] = {}
    peak = peak_of(lambda: found.update(probe(net, x, when=when, positions=positions)))
    assert plain >= 32 * 2 * 16 * 64**2 * 4  # an input and an output of the second convolution
    assert peak < 1.5 * plain
    assert peak + sum(rows.nbytes for rows in found.values()) < 1.5 * plain
    whole = peak_of(lambda: net(x))
    assert peak < whole / 4


SEEN: dict[str, list[int]] = {}  # not in the modules, whose attributes are restored


class Seen(nn.Module):
    """Notes the sizes of the batches that reach it, but not of the trial passes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        SEEN[name] = []

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > max(TRIAL_SIZES):
            SEEN[self.name].append(len(x))
        return x


def test_batches_are_cut_by_the_bytes_of_the_largest_output(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = convnet(), torch.randn(20, 3, 16, 16)
    net.insert(8, Seen("flat"))  # before the linear layer
    net[9] = nn.Linear(8 * 2 * 2, 10)
    bytes_per_sample = 16 * 16**2 * 4
    whole = probe(net, x, batch_size=16)
    monkeypatch.setattr(probing, "BATCH_BYTES", 5 * bytes_per_sample - 1)
    cut = probe(net, x, batch_size=16)
    assert SEEN["flat"] == [16, 4, 4, 4, 4, 4, 4]
    monkeypatch.setattr(probing, "BATCH_BYTES", 1)
    single = probe(net, x[:3])
    for name, rows in whole.items():
        np.testing.assert_allclose(cut[name], rows, atol=1e-5)
        np.testing.assert_allclose(single[name], rows[:3], atol=1e-5)


@pytest.mark.parametrize("when", ["pre", "post"])
def test_a_pass_ends_with_the_last_measured_layer(when: str) -> None:
    net = nn.Sequential(Seen("first"), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), Seen("last"))
    x = torch.randn(40, 6)
    found = probe(net, x, ["1", "3"], when=when, batch_size=20)
    np.testing.assert_allclose(found["3"], net[: 5 if when == "post" else 4](x).detach(), atol=1e-6)
    assert SEEN["first"][:2] == [20, 20]
    assert SEEN["last"] == []


def test_a_network_that_handles_exceptions_does_not_handle_the_end_of_a_pass() -> None:
    class Handles(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.handled = nn.Linear(6, 5), Seen("handled")

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.fc(x)
            except Exception:
                return self.handled(x)

    net, x = Handles(), torch.randn(40, 6)
    np.testing.assert_allclose(probe(net, x)["fc"], net.fc(x).detach(), atol=1e-6)
    assert SEEN["handled"] == []
