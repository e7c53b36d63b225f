"""Cell → Measurement: train the stack, stop at every stage, measure every layer of every net.

The unit of replication is the net, or in the ensemble reading the ensemble: each quantity is one number a replicate,
layer and stage, never one a neuron or pair.
"""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import torch
from torch import nn

from wndcheck import devices
from wndcheck.experiment.cells import Cell, Violation
from wndcheck.experiment.costs import stack_bytes, steps
from wndcheck.experiment.measurement.loading import Data, load
from wndcheck.experiment.measurement.readings import Arrays, Doing, reading_of
from wndcheck.experiment.records import Measurement
from wndcheck.nets.execution import steps_on
from wndcheck.nets.stacks import Stack, build
from wndcheck.nets.training import BatchOrder, train
from wndcheck.nets.violations import violate
from wndcheck.store.checkpoints import Checkpoint, Checkpoints, Kept
from wndcheck.versions import versions

NO_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")  # a CPU, CUDA, and cuBLAS
Progress = Callable[[str, float], None]
Work = Generator[Doing, None, Measurement]


def measure(
    cell: Cell,
    *,
    device: str = "cpu",
    data_root: str | None = None,
    checkpoints: Checkpoints | None = None,
    progress: Progress = lambda doing, share: None,
) -> Measurement:
    """Train and measure one cell. Raises MissingData or DamagedData (with the command to type) without its data."""
    work = measuring(cell, device=device, data_root=data_root, checkpoints=checkpoints)
    while True:
        try:
            progress(*next(work))
        except StopIteration as done:
            return done.value


def measuring(
    cell: Cell, *, device: str = "cpu", data_root: str | None = None, checkpoints: Checkpoints | None = None
) -> Work:
    """`measure` in small pieces, so that several cells can share a device; it yields what it does between them.

    A stack that does not fit the memory is trained in parts. Out of memory all the same, it is tried once more with
    parts of half the size.
    """
    where = devices.prepare(device)
    data = load(cell, where, data_root)
    history = History(where)
    size = (checkpoints and checkpoints.size(cell)) or most_members(cell, devices.spare_bytes(device))
    waiting, parts = deque(split(cell.seeds, size)), []
    while waiting:
        kept = checkpoints.of(cell, waiting[0]) if checkpoints else None
        try:
            parts.append((yield from measuring_part(cell, waiting[0], data, where, kept, history)))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or history.out_of_memory or len(waiting[0]) == 1:
                raise
            history.out_of_memory += 1
        else:
            history.stacks.append(len(waiting.popleft()))
            continue
        if where.type == "cuda":
            torch.cuda.empty_cache()
        size = -(-len(waiting[0]) // 2)
        waiting = deque(split([seed for part in waiting for seed in part], size))
    record = yield from reading_of(cell).joined(cell, parts, device)
    history.lap("measuring")
    return Measurement(cell, record, history.provenance())


def measuring_part(
    cell: Cell, seeds: Sequence[int], data: Data, where: torch.device, kept: Kept | None, history: History
) -> Generator[Doing, None, Arrays]:
    """Train and watch the nets of some of the cell's seeds; what their reading has seen."""
    reading = reading_of(cell)(cell, seeds, str(where))
    order = BatchOrder(seeds, len(data.images), devices.host_threads(str(where)))
    stack, done = build(cell, seeds, data.images.shape[1], where), None
    if kept and (checkpoint := kept.load()):
        try:
            done = resumed(checkpoint, stack, order, history)
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            if is_out_of_memory(error):
                raise
            kept.reject(error)
            return (yield from measuring_part(cell, seeds, data, where, kept, history))
        reading.seen |= checkpoint.seen
        if done == cell.protocol.stages[-1]:
            return reading.seen
    for epochs, is_stage in run(cell, stack, data, seeds, order, done):
        yield "training", epochs / max(1, cell.protocol.stages[-1])
        is_due = kept and steps(cell) and (is_stage or (epochs == int(epochs) and kept.is_due))
        if is_due:
            devices.synchronize(where)
        if is_stage:
            history.lap("training")
            yield from reading.watch(stack, data, int(epochs))
            history.lap("measuring")
        if kept and is_due:
            notes = {"epochs": int(epochs)}
            nets = {name: value.cpu().numpy() for name, value in stack.state_dict().items()}
            kept.save(Checkpoint(nets, order.state.numpy(), reading.seen, notes | history.notes()))
    return reading.seen


def resumed(checkpoint: Checkpoint, stack: nn.Module, order: BatchOrder, history: History) -> int:
    """Put nets, generators and history where the checkpoint has them; the epochs behind it.

    RuntimeError, KeyError, ValueError or TypeError if it does not fit them.
    """
    stack.load_state_dict({name: torch.from_numpy(array) for name, array in checkpoint.nets.items()})
    order.state = torch.from_numpy(checkpoint.order)
    history.resume(checkpoint.notes)
    return int(checkpoint.notes["epochs"])


def run(
    cell: Cell, stack: Stack, data: Data, seeds: Sequence[int], order: BatchOrder, done: int | None
) -> Iterator[tuple[float, bool]]:
    """The cell's protocol as a run of (epochs done, is it a stage)."""
    protocol = cell.protocol
    if isinstance(protocol, Violation):
        return violate(stack, cell.width, protocol, seeds)
    if not steps(cell):
        return iter([(0, True)])
    return train(steps_on(stack, data.images, data.labels, protocol), order, protocol, done=done)


def most_members(cell: Cell, memory: float) -> int:
    """How many nets of the cell fit the memory (bytes) at once, at least one."""
    return int(max(1, min(len(cell.seeds), memory // stack_bytes(cell, 1))))


def split(seeds: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """The seeds in as few parts of at most `size` as can be, all of much the same length, in order."""
    parts = -(-len(seeds) // size)
    bounds = [len(seeds) * part // parts for part in range(parts + 1)]
    return [tuple(seeds[low:high]) for low, high in pairwise(bounds)]


def is_out_of_memory(error: BaseException) -> bool:
    """Torch says it by a class of its own, or in words, and another error may come on top of it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in NO_MEMORY):
        return True
    return error.__context__ is not None and is_out_of_memory(error.__context__)


class History:
    """How a measurement came about; recorded beside it, and no part of its key."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stacks: list[int] = []
        self.out_of_memory = 0
        self.resumed: list[int] = []
        self.seconds = {"training": 0.0, "measuring": 0.0}
        self.since = time.perf_counter()

    def lap(self, what: str) -> None:
        """Lay the time since the last lap to training or to measuring."""
        now = time.perf_counter()
        self.seconds[what] += now - self.since
        self.since = now

    def notes(self) -> dict[str, object]:
        return {"seconds": dict(self.seconds)}

    def resume(self, notes: dict) -> None:
        """Go on from a checkpoint's notes."""
        self.resumed.append(notes["epochs"])
        for what, seconds in notes["seconds"].items():
            self.seconds[what] = max(seconds, self.seconds[what])  # notes hold all parts before them, too

    def provenance(self) -> dict[str, object]:
        """Where and with what a measurement was made; seconds are the wall's, shared with cells beside it on a GPU."""
        cuda = self.device.type == "cuda"
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "device": torch.cuda.get_device_name(self.device) if cuda else platform.machine(),
            "threads": torch.get_num_threads(),
            "stacks": self.stacks,
            "out_of_memory": self.out_of_memory,
            "resumed_at_epochs": self.resumed,
            "versions": versions("wndcheck", "torch", "numpy", "numba"),
        }
