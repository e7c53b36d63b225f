"""One SGD loop over a stack; it stops at each stage so that the nets can be probed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from wndcheck.cells import Training
from wndcheck.networks import StackedMLP
from wndcheck.seeds import derived_seed


def stacked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy (nats), mean over a member's batch and summed over members.

    The sum keeps every member's gradient what it would be alone; a mean over members would divide its learning rate.
    Logits (S, batch, classes), labels (S, batch).
    """
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / labels.shape[1]


@torch.no_grad()
def descend(parameters: Sequence[Tensor], gradients: Sequence[Tensor], learning_rate: float) -> None:
    """One step of plain SGD in place. (`torch.optim` does the same and takes five seconds to import.)"""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.sub_(gradient, alpha=learning_rate)


class BatchOrder:
    """Each member's own order of the training images, drawn anew every epoch from the member's seed."""

    def __init__(self, seeds: Sequence[int], images: int) -> None:
        self.images = images
        self.generators = [torch.Generator().manual_seed(derived_seed(seed, "batch order")) for seed in seeds]

    def epoch(self) -> Tensor:
        """Indices (S, images) of one pass over the data."""
        return torch.stack([torch.randperm(self.images, generator=g) for g in self.generators])


def train(
    stack: StackedMLP, images: Tensor, labels: Tensor, training: Training, seeds: Sequence[int]
) -> Iterator[tuple[int, bool]]:
    """Train every member by plain SGD; yield (epoch, is it a stage) before the first epoch and after each.

    Images (n, inputs) float32 and labels (n,) int64 lie on the stack's device. Members see different orders of the
    same images; nothing couples them, so each trains as it would alone.
    """
    parameters = list(stack.parameters())
    order = BatchOrder(seeds, len(images))
    yield 0, True
    for epoch in range(1, training.stages[-1] + 1):
        for batch in order.epoch().to(images.device).split(training.batch_size, dim=1):
            gradients = torch.autograd.grad(stacked_loss(stack(images[batch]), labels[batch]), parameters)
            descend(parameters, gradients, training.learning_rate)
        yield epoch, epoch in training.stages
