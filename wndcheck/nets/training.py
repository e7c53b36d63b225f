"""One SGD loop over a stack: the steps, one by one or as CUDA graphs; each member's batches; a stop at every stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from wndcheck.nets.mlp import generators, map_in
from wndcheck.nets.specification import Training
from wndcheck.nets.stacks import Stack, blocks_of

STRETCH = 25  # steps between two times that the host takes over; on CUDA one graph
CACHE = 8e6  # bytes of a core's share of the caches


class Steps:
    """Steps taken one after the other.

    Images (n, inputs) float32 and labels (n,) int64 are on the stack's device, and so are batches, the indices
    (S, steps · batch size) of the images that each member sees. On a CPU, the stack is trained in blocks of members
    that fit the caches, all steps of a run for one block after the other; otherwise every step would read and write the
    whole stack in main memory.
    """

    def __init__(self, stack: Stack, images: Tensor, labels: Tensor, training: Training) -> None:
        self.stack, self.images, self.labels, self.training = stack, images, labels, training
        at_once = stack.members if images.is_cuda else cached_members(stack, images.shape[1] * training.batch_size)
        self.blocks = blocks_of(stack, at_once)
        # One buffer for every batch: on a CPU, fresh memory costs more than filling it.
        self.batch_images = images.new_empty(at_once * training.batch_size, images.shape[1])

    def uploaded(self, order: Tensor) -> Tensor:
        """An epoch's order, drawn on the host, copied to the device."""
        return order.to(self.images.device)

    def run(self, batches: Tensor) -> None:
        """As many steps as the batches fill; the last one may be smaller."""
        for members, block in self.blocks:
            for batch in batches[members].split(self.training.batch_size, dim=1):
                self.step(block, batch)

    def step(self, block: Stack, batch: Tensor) -> None:
        images = torch.index_select(self.images, 0, batch.flatten(), out=self.batch_images[: batch.numel()])
        block.sgd_step(images.view(*batch.shape, -1), self.labels[batch], self.training.learning_rate)

    def has_room(self) -> bool:
        """Whether another epoch's order may be uploaded: the host is never more than an epoch ahead."""
        return True

    def are_done(self) -> bool:
        """Whether the steps so far are done."""
        return True

    def synchronize(self) -> None:
        """Wait until the steps so far are done."""


class GraphedSteps(Steps):
    """Stretches as one CUDA graph, so that the host only launches them, on a stream of the cell's own."""

    def __init__(self, stack: Stack, images: Tensor, labels: Tensor, training: Training) -> None:
        super().__init__(stack, images, labels, training)
        self.stream = torch.cuda.Stream(images.device)
        self.batches = labels.new_zeros(stack.members, STRETCH * training.batch_size)
        self.graph = torch.cuda.CUDAGraph()
        initial = {name: value.clone() for name, value in stack.state_dict().items()}
        self.pinned: Tensor | None = None
        self.copied = torch.cuda.Event()
        self.stream.wait_stream(torch.cuda.current_stream(images.device))
        try:
            self.capture()
            with torch.no_grad(), torch.cuda.stream(self.stream):
                for name, value in stack.state_dict().items():
                    value.copy_(initial[name])
        finally:
            self.synchronize()  # before `initial` is freed and stage 0 is read, both on another stream

    def capture(self) -> None:
        """Capture the graph of a stretch; this changes the nets."""
        with torch.cuda.stream(self.stream):
            super().run(self.batches[:, : 3 * self.training.batch_size])  # libraries set themselves up before a capture
        # Other cells may be measured on other threads meanwhile.
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            super().run(self.batches)

    def uploaded(self, order: Tensor) -> Tensor:
        if self.pinned is None:
            self.pinned = torch.empty_like(order, pin_memory=True)
        self.copied.synchronize()  # which takes no time after `has_room`
        self.pinned.copy_(order)
        with torch.cuda.stream(self.stream):
            on_device = self.pinned.to(self.images.device, non_blocking=True)
            self.copied.record(self.stream)
        return on_device

    def run(self, batches: Tensor) -> None:
        with torch.cuda.stream(self.stream):
            if batches.shape == self.batches.shape:
                self.batches.copy_(batches)
                self.graph.replay()
            else:
                super().run(batches)

    def has_room(self) -> bool:
        return self.copied.query()

    def are_done(self) -> bool:
        return self.stream.query()

    def synchronize(self) -> None:
        self.stream.synchronize()


def cached_members(stack: Stack, batch_values: int) -> int:
    """Number of a stack's members whose states and batches, of so many float32 values, fit the caches; at least 1."""
    bytes_each = sum(value.nbytes for value in stack.state_dict().values()) / stack.members + 4 * batch_values
    return min(stack.members, max(1, int(CACHE * torch.get_num_threads() / bytes_each)))


def steps_on(stack: Stack, images: Tensor, labels: Tensor, training: Training) -> Steps:
    """Graphed on CUDA, plain elsewhere."""
    return (GraphedSteps if images.is_cuda else Steps)(stack, images, labels, training)


class BatchOrder:
    """Each member's own order of the training images, drawn again every epoch from the member's seed."""

    def __init__(self, seeds: Sequence[int], images: int, threads: int = 1) -> None:
        self.images = images
        self.map = map_in(threads)
        self.generators = generators(seeds, "batch order")

    def epoch(self) -> Tensor:
        """Indices (S, images) of one pass over the data."""
        return torch.stack(list(self.map(lambda g: torch.randperm(self.images, generator=g), self.generators)))

    @property
    def state(self) -> Tensor:
        """The generators' states, (S, bytes) uint8; can be set."""
        return torch.stack([generator.get_state() for generator in self.generators])

    @state.setter
    def state(self, states: Tensor) -> None:
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state.clone())  # torch reads the storage from its start, whatever the offset of a row


def train(
    steps: Steps, order: BatchOrder, training: Training, *, done: int | None = None
) -> Iterator[tuple[float, bool | None]]:
    """Train every member by plain SGD; yield (epochs done, whether this is a stage) after every stretch of steps.

    It yields (epochs, None) while it waits for a GPU, so that the host can see to other stacks. The initial nets are
    the first stage. With `done`, a stack and its order as they were after so many epochs, training goes on from there,
    and yields only what comes after. Members see different orders of the same images.
    On a GPU the steps between stages may still be under way.
    """
    stretch = STRETCH * training.batch_size
    try:
        if done is None:
            yield 0.0, True
        for epoch in range(done or 0, training.stages[-1]):
            while not steps.has_room():
                yield float(epoch), None
            batches = steps.uploaded(order.epoch())
            for start in range(0, order.images, stretch):
                if start:
                    yield epoch + start / order.images, False
                steps.run(batches[:, start : start + stretch])
            while epoch + 1 in training.stages and not steps.are_done():
                yield float(epoch + 1), None
            yield float(epoch + 1), epoch + 1 in training.stages
    finally:
        steps.synchronize()  # steps under way write to the nets' memory, also when the caller stops here
