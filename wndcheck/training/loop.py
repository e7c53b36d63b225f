"""One SGD loop over a stack; it stops at each stage so that the nets can be probed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from wndcheck.cells import Training
from wndcheck.seeds import derived_seed
from wndcheck.training.execution import STRETCH, Steps


class BatchOrder:
    """Each member's own order of the training images, drawn anew every epoch from the member's seed."""

    def __init__(self, seeds: Sequence[int], images: int) -> None:
        self.images = images
        self.generators = [torch.Generator().manual_seed(derived_seed(seed, "batch order")) for seed in seeds]

    def epoch(self) -> Tensor:
        """Indices (S, images) of one pass over the data."""
        return torch.stack([torch.randperm(self.images, generator=g) for g in self.generators])

    @property
    def state(self) -> Tensor:
        """The generators' states, (S, bytes) uint8; setting it goes on from there."""
        return torch.stack([generator.get_state() for generator in self.generators])

    @state.setter
    def state(self, states: Tensor) -> None:
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state.clone())  # torch reads the storage from its start, whatever the offset of a row


def train(steps: Steps, order: BatchOrder, training: Training, *, done: int = 0) -> Iterator[tuple[float, bool]]:
    """Train every member by plain SGD; yield (epochs done, is it a stage) after every stretch of steps.

    The initial nets are the first stage. With `done` epochs behind it, a stack, its steps and its order as they were
    then, it goes on from there. Members see different orders of the same images.
    On a GPU the steps between stages may still be under way.
    """
    if not done:
        yield 0.0, True
    stretch = STRETCH * training.batch_size
    for epoch in range(done, training.stages[-1]):
        batches = steps.uploaded(order.epoch())
        for start in range(0, order.images, stretch):
            if start:
                yield epoch + start / order.images, False
            steps.run(batches[:, start : start + stretch])
        if epoch + 1 in training.stages:
            steps.settle()
        yield float(epoch + 1), epoch + 1 in training.stages
