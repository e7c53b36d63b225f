"""One SGD loop over a stack; it stops at each stage so that the nets can be probed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from wndcheck.experiment.cells import Training
from wndcheck.nets.execution import STRETCH, Steps
from wndcheck.seeds import derived_seed


class BatchOrder:
    """Each member's own order of the training images, drawn anew every epoch from the member's seed."""

    def __init__(self, seeds: Sequence[int], images: int, threads: int = 1) -> None:
        self.images = images
        self.map = ThreadPoolExecutor(threads).map if threads > 1 else map  # thousands of nets would keep a GPU waiting
        self.generators = [torch.Generator().manual_seed(derived_seed(seed, "batch order")) for seed in seeds]

    def epoch(self) -> Tensor:
        """Indices (S, images) of one pass over the data."""
        return torch.stack(list(self.map(lambda g: torch.randperm(self.images, generator=g), self.generators)))

    @property
    def state(self) -> Tensor:
        """The generators' states, (S, bytes) uint8; setting it goes on from there."""
        return torch.stack([generator.get_state() for generator in self.generators])

    @state.setter
    def state(self, states: Tensor) -> None:
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state.clone())  # torch reads the storage from its start, whatever the offset of a row


def train(
    steps: Steps, order: BatchOrder, training: Training, *, done: int | None = None
) -> Iterator[tuple[float, bool]]:
    """Train every member by plain SGD; yield (epochs done, is it a stage) after every stretch of steps.

    The initial nets are the first stage. After `done` epochs, 0 or more, with a stack and its order as they were then,
    it goes on from there, and does not yield what it yielded then. Members see different orders of the same images.
    On a GPU the steps between stages may still be under way.
    """
    stretch = STRETCH * training.batch_size
    try:
        if done is None:
            yield 0.0, True
        for epoch in range(done or 0, training.stages[-1]):
            batches = steps.uploaded(order.epoch())
            for start in range(0, order.images, stretch):
                if start:
                    yield epoch + start / order.images, False
                steps.run(batches[:, start : start + stretch])
            if epoch + 1 in training.stages:
                steps.settle()
            yield float(epoch + 1), epoch + 1 in training.stages
    finally:
        steps.settle()  # steps under way write to the nets' memory, also when somebody gives up here
