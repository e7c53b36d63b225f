"""Graphed steps where there is no GPU: stand-ins for CUDA's streams, events and graphs keep what they are asked."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from wndcheck.experiment.measurement import measuring
from wndcheck.nets.mlp import StackedMLP
from wndcheck.nets.specification import Training
from wndcheck.nets.training import STRETCH, BatchOrder, GraphedSteps, Steps, train
from wndcheck.tests.tiny import TINY_CELL, assert_same_numbers

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS, COUNT = (1, 9, 7), (STRETCH + 9) * 32 + 22  # an epoch is a whole stretch, then part of one
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randn(COUNT, 20, generator=GENERATOR)
LABELS = torch.randint(0, 10, (COUNT,), generator=GENERATOR)
TRAINING = Training(0.1, 32, (0, 1, 3))


class Cuda:
    """Streams, events and graphs in one; a graph that is replayed takes the steps that were captured."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.busy = 0  # times that a stream or event is asked before it is done
        self.errors: list[Callable[[], Exception]] = []  # raised by captures
        self.captured: list[tuple[Steps, Tensor]] = []

    def Stream(self, device: object) -> Cuda:
        return self

    Event = CUDAGraph = current_stream = lambda self, *_: self

    def wait_stream(self, stream: object) -> None:
        self.asked.append("wait for the current stream")

    def record(self, stream: object) -> None:
        self.asked.append("record")

    def synchronize(self) -> None:
        self.asked.append("synchronize")

    def query(self) -> bool:
        self.busy -= 1
        return self.busy < 0

    def replay(self) -> None:
        self.asked.append("replay")
        steps, batches = self.captured[-1]
        Steps.run(steps, batches)

    @contextmanager
    def graph(self, graph: object, **_: object) -> Iterator[None]:
        """A capture launches nothing: what its steps change here is not seen by whoever restores the nets after it."""
        self.asked.append("capture")
        if self.errors:
            raise self.errors.pop(0)()
        yield


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    made, empty_like, capture = Cuda(), torch.empty_like, GraphedSteps.capture
    for name in ("Stream", "Event", "CUDAGraph", "current_stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, getattr(made, name))
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch, "empty_like", lambda like, pin_memory=False: empty_like(like))

    def kept(steps: GraphedSteps) -> None:
        capture(steps)
        made.captured.append((steps, steps.batches))

    monkeypatch.setattr(GraphedSteps, "capture", kept)
    return made


def trained(method: type[Steps]) -> list[Tensor]:
    stack = StackedMLP(20, 8, seeds=SEEDS, activation="tanh")
    steps = method(stack, IMAGES, LABELS, TRAINING)
    assert [is_stage for _, is_stage in train(steps, BatchOrder(SEEDS, COUNT), TRAINING) if is_stage] == [True] * 3
    return list(stack.state_dict().values())


def test_graphs_and_what_is_left_of_an_epoch_take_the_steps_of_plain_training(cuda: Cuda) -> None:
    """From the initial nets, which warming up and capturing would move."""
    for graphed, plain in zip(trained(GraphedSteps), trained(Steps), strict=True):
        assert torch.equal(graphed, plain)
    assert cuda.asked.count("replay") == 3  # a stretch of each epoch
    assert cuda.asked[:3] == ["wait for the current stream", "capture", "synchronize"]


def test_who_waits_for_a_gpu_gives_way_to_others_and_uploads_nothing(cuda: Cuda) -> None:
    stack = StackedMLP(20, 8, seeds=SEEDS, activation="tanh")
    training = replace(TRAINING, stages=(0, 2))
    work = train(GraphedSteps(stack, IMAGES, LABELS, training), BatchOrder(SEEDS, COUNT), training)
    assert next(work) == (0.0, True)
    del cuda.asked[:]
    cuda.busy = 3
    assert [next(work) for _ in range(3)] == [(0.0, None)] * 3
    assert cuda.asked == []
    share = STRETCH * 32 / COUNT
    assert [next(work) for _ in range(3)] == [(share, False), (1.0, False), (1 + share, False)]
    cuda.busy = 2  # its stream, before the stage
    assert [next(work) for _ in range(3)] == [(2.0, None)] * 2 + [(2.0, True)]
    assert cuda.asked.count("synchronize") == 2, "one for each upload, after it had been asked whether there is room"


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory"),
        lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["allocator", "cuBLAS"],
)
def test_memory_that_runs_out_in_a_capture_is_free_before_the_halves_are_tried(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    cell = replace(TINY_CELL, seeds=(5, 3), protocol=replace(TINY_CELL.protocol, batch_size=20))
    expected = measuring.measure(replace(cell, seeds=(3,)))
    made: list[weakref.ref] = []

    def graphed(stack: StackedMLP, *rest: object) -> Steps:
        assert not made or made[0]() is None, "nets of the failed capture are still in memory"
        made.append(weakref.ref(stack))
        return GraphedSteps(stack, *rest)  # type: ignore[arg-type]

    cuda.errors.append(error)
    monkeypatch.setattr(measuring, "steps_on", graphed)
    monkeypatch.setattr(
        measuring, "split", lambda seeds, size: [tuple(seeds)] if not made else [(seed,) for seed in seeds]
    )
    found = measuring.measure(cell)
    assert cuda.asked[:3] == ["wait for the current stream", "capture", "synchronize"]
    assert (found.provenance["stacks"], found.provenance["out_of_memory"]) == ([1, 1], 1)
    second = {name: array[:, 1:] for name, array in found.arrays.items()}
    assert_same_numbers(replace(expected, arrays=second), expected)


def test_stages_wait_for_no_other_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint between stages, at most one in ten minutes, waits for the whole device."""
    waits: list[object] = []
    monkeypatch.setattr(measuring.devices, "synchronize", waits.append)
    cell = replace(TINY_CELL, protocol=replace(TINY_CELL.protocol, stages=(0, 2)))

    class Kept:
        of = size = lambda self, *_: None
        save = load = of

    Kept.of = lambda self, *_: self  # type: ignore[method-assign]
    measuring.measure(cell, keeping=measuring.Keeping(Kept()))  # type: ignore[arg-type]
    assert waits == []
    monkeypatch.setattr(measuring, "PAUSE", -1.0)
    measuring.measure(cell, keeping=measuring.Keeping(Kept()))  # type: ignore[arg-type]
    assert len(waits) == 1
