"""Cell → Measurement: train the stack, stop at every stage, measure every layer of every net.

The unit of replication is the net, or in the ensemble reading the ensemble: each quantity is one number per
replicate, layer and stage, never one per neuron or pair. Nets whose weights were kept are measured again without
training.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from wndcheck import devices
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import stack_bytes, steps
from wndcheck.experiment.measurement.probing import Data, load
from wndcheck.experiment.measurement.provenance import Arrays, CheckpointStore, History, State, WeightStore
from wndcheck.experiment.measurement.readings import EnsembleReading, ProgressEvent, Reading, reading_of
from wndcheck.experiment.pieces import split
from wndcheck.experiment.record_schema import Measurement
from wndcheck.nets.specification import Violation
from wndcheck.nets.stacks import Stack, build, load_weights, weights_of
from wndcheck.nets.training import BatchOrder, steps_on, train
from wndcheck.nets.violations import violate

PAUSE = 600.0  # seconds of training after which a checkpoint is saved between stages
NO_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")  # a CPU, CUDA, and cuBLAS
INCOMPATIBLE_STATE = (RuntimeError, KeyError, ValueError, TypeError)  # raised when nets are given others' state
Progress = Callable[[str, float], None]
Work = Generator[ProgressEvent, None, Measurement]


@dataclass(frozen=True)
class Keeping:
    """What is kept on disk on the way: checkpoints, and with `keep_weights` the nets of all stages.

    Nets that are in `weights` already are measured again without training.
    """

    checkpoints: CheckpointStore | None = None
    weights: WeightStore | None = None
    keep_weights: bool = False

    def parts(self, cell: Cell, device: str) -> list[tuple[int, ...]]:
        """The seeds of the parts that the cell's stack is trained in: those of what is kept, or as memory has room."""
        if self.weights and (parts := self.weights.parts(cell)):
            return parts
        size = self.checkpoints.size(cell) if self.checkpoints else None
        return split(cell.seeds, size or most_members(cell, devices.spare_bytes(device)))


NOTHING_KEPT = Keeping()


def measure(
    cell: Cell,
    *,
    device: str = "cpu",
    data_root: str | None = None,
    keeping: Keeping = NOTHING_KEPT,
    progress: Progress = lambda doing, share: None,
) -> Measurement:
    """Train and measure one cell. Raises MissingData or DamagedData (with the command to run) without its data."""
    work = measuring(cell, device=device, data_root=data_root, keeping=keeping)
    while True:
        try:
            doing, share = next(work)
        except StopIteration as done:
            return done.value
        progress(doing, share)
        if doing != "training" and devices.host_threads(device) > 1:
            time.sleep(devices.HOST_POLL_SECONDS)


def measuring(
    cell: Cell, *, device: str = "cpu", data_root: str | None = None, keeping: Keeping = NOTHING_KEPT
) -> Work:
    """`measure` in small pieces, so that several cells can share a device; it yields what it does between them.

    A stack that does not fit the memory is trained in parts. When memory runs out all the same, it is tried once more
    with parts of half the size.
    """
    where = devices.prepare(device)
    data = load(cell, where, data_root)
    history = History(where)
    waiting, parts = deque(keeping.parts(cell, device)), []
    while waiting:
        try:
            parts.append((yield from measuring_part(cell, waiting[0], data, where, keeping, history)))
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
    record = yield from reading_of(cell).combine_parts(cell, parts, device)
    history.lap("measuring")
    return Measurement(cell, record, history.provenance())


def measuring_part(
    cell: Cell, seeds: Sequence[int], data: Data, where: torch.device, keeping: Keeping, history: History
) -> Generator[ProgressEvent, None, Arrays]:
    """Measure the nets of some of the cell's seeds, kept or newly trained; return their reading's arrays."""
    if keeping.weights:
        arrays = yield from recalled(cell, seeds, data, where, keeping.weights, history)
        if arrays is not None:
            return arrays
    return (yield from trained(cell, seeds, data, where, keeping, history))


def recalled(
    cell: Cell, seeds: Sequence[int], data: Data, where: torch.device, weights: WeightStore, history: History
) -> Generator[ProgressEvent, None, Arrays | None]:
    """Return the reading's arrays of nets that were kept; None if some stage is missing or does not fit the cell."""
    reading = reading_of(cell)(cell, seeds, str(where))
    stack = None
    for epoch in cell.protocol.stages:
        file = weights.of(cell, seeds, epoch)
        if not (stage := file.load()):
            return None
        try:
            if isinstance(reading, EnsembleReading):
                reading.restore(stage.arrays, epoch)
            else:
                stack = stack or build(cell, seeds, data.images.shape[1], where)
                load_weights(stack, stage.arrays)
            history.recall(stage.notes)
        except INCOMPATIBLE_STATE as error:
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            file.reject(error)
            return None
        if stack:
            yield from reading.record_stage(stack, data, epoch)
    history.lap("measuring")
    history.recalled += 1
    return reading.arrays


def trained(
    cell: Cell, seeds: Sequence[int], data: Data, where: torch.device, keeping: Keeping, history: History
) -> Generator[ProgressEvent, None, Arrays]:
    """Return the reading's arrays of nets that are trained, from their checkpoint on if there is one."""
    reading = reading_of(cell)(cell, seeds, str(where))
    order = BatchOrder(seeds, len(data.images), devices.host_threads(str(where)))
    stack, done = build(cell, seeds, data.images.shape[1], where), None
    checkpoint = keeping.checkpoints.of(cell, seeds) if keeping.checkpoints and steps(cell) else None
    if checkpoint and (state := checkpoint.load()):
        try:
            done = resumed(state, stack, order, reading, history)
        except INCOMPATIBLE_STATE as error:
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            checkpoint.reject(error)
            return (yield from trained(cell, seeds, data, where, keeping, history))
        if done == cell.protocol.stages[-1]:
            return reading.arrays
    saved = time.monotonic()
    with closing(run(cell, stack, data, seeds, order, done)) as work:
        for epochs, is_stage in work:
            yield "training" if is_stage is not None else "waiting", epochs / max(1, cell.protocol.stages[-1])
            if is_stage is None:
                continue
            is_due = checkpoint and (is_stage or (epochs == int(epochs) and time.monotonic() - saved > PAUSE))
            if is_due and not is_stage:  # at a stage the steps are done; this waits for other cells, too
                devices.synchronize(where)
            if is_stage:
                history.lap("training")
                yield from reading.record_stage(stack, data, int(epochs))
                history.lap("measuring")
                if keeping.weights and keeping.keep_weights:
                    stage = State(reading.kept(stack, int(epochs)), history.notes(int(epochs)))
                    keeping.weights.of(cell, seeds, int(epochs)).save(stage)
            if checkpoint and is_due:
                checkpoint.save(state_of(stack, order, reading, history.notes(int(epochs))))
                saved = time.monotonic()
    return reading.arrays


def state_of(stack: Stack, order: BatchOrder, reading: Reading, notes: dict[str, Any]) -> State:
    """The state from which training and measuring can continue. In files, "seen/" names the reading's arrays."""
    arrays = {f"nets/{name}": array for name, array in weights_of(stack).items()}
    arrays |= {f"seen/{name}": array for name, array in reading.arrays.items()}
    return State(arrays | {"order": order.state.numpy()}, notes)


def resumed(state: State, stack: Stack, order: BatchOrder, reading: Reading, history: History) -> int:
    """Restore everything from what `state_of` returned; return the number of epochs done.

    RuntimeError, KeyError, ValueError or TypeError if it does not fit.
    """
    groups: dict[str, Arrays] = {"nets": {}, "seen": {}}
    order.state = torch.from_numpy(state.arrays.pop("order"))
    for name, array in state.arrays.items():
        group, _, rest = name.partition("/")
        groups[group][rest] = array
    load_weights(stack, groups["nets"])
    history.resume(state.notes)
    reading.arrays |= groups["seen"]
    return int(state.notes["epochs"])


def run(
    cell: Cell, stack: Stack, data: Data, seeds: Sequence[int], order: BatchOrder, done: int | None
) -> Generator[tuple[float, bool | None], None, None]:
    """The cell's protocol as a run of (epochs done, whether this is a stage; None while it waits for a GPU)."""
    protocol = cell.protocol
    if isinstance(protocol, Violation):
        yield from violate(stack, cell.width, protocol, seeds)
    elif not steps(cell):
        yield 0.0, True
    else:
        yield from train(steps_on(stack, data.images, data.labels, protocol), order, protocol, done=done)


def most_members(cell: Cell, memory: float) -> int:
    """Number of the cell's nets that fit the memory (bytes) at once, at least one."""
    return int(max(1, min(len(cell.seeds), memory // stack_bytes(cell, 1))))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: torch has a class of its own for it or a message, and another error may follow it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in NO_MEMORY):
        return True
    return error.__context__ is not None and is_out_of_memory(error.__context__)


def is_device_lost(error: BaseException) -> bool:
    """Whether a CUDA error was raised after which every call of this process to the device fails."""
    return isinstance(error, RuntimeError) and "CUDA error" in str(error) and not is_out_of_memory(error)
