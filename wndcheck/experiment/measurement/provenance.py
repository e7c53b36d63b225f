"""The history of a measurement, and interfaces, which the store implements, to what is kept of its nets on the way.

No torch here: a warm store is read without it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.versions import versions

if TYPE_CHECKING:
    import torch

Arrays = dict[str, np.ndarray]


class State(NamedTuple):
    """The state of some nets: arrays, with the nets on an axis, and notes in plain Python.

    A stage has their weights, or in the ensemble reading what was recorded of them. A checkpoint has their weights,
    the reading's arrays, and the state of the batch order.
    """

    arrays: Arrays
    notes: dict[str, Any]


class StateFile(Protocol):
    """A file with a state; `load` returns None if there is none, or it is damaged."""

    def load(self) -> State | None: ...
    def save(self, state: State) -> None: ...
    def reject(self, error: Exception) -> None: ...


class CheckpointStore(Protocol):
    """The checkpoints of cells that are not measured yet; `size` is that of the parts of a stack that was split."""

    def of(self, cell: Cell, seeds: Sequence[int]) -> StateFile: ...
    def size(self, cell: Cell) -> int | None: ...


class WeightStore(Protocol):
    """The kept nets of cells; `parts` are the seeds of each part, and none unless all nets are there at all stages."""

    def of(self, cell: Cell, seeds: Sequence[int], epoch: int) -> StateFile: ...
    def parts(self, cell: Cell) -> list[tuple[int, ...]]: ...


class History:
    """The history of a measurement: recorded as provenance, and not a part of the key."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stacks: list[int] = []
        self.out_of_memory = 0
        self.resumed: list[int] = []
        self.recalled = 0
        self.seconds = {"training": 0.0, "measuring": 0.0}
        self.core_seconds = {"training": 0.0, "measuring": 0.0}
        self.matrix_product = matrix_product_seconds()
        self.since = time.perf_counter(), time.process_time()

    def lap(self, what: str) -> None:
        """Add the time since the last lap to training or to measuring."""
        now = time.perf_counter(), time.process_time()
        self.seconds[what] += now[0] - self.since[0]
        self.core_seconds[what] += now[1] - self.since[1]
        self.since = now

    def notes(self, epochs: int) -> dict[str, Any]:
        return {"epochs": epochs, "seconds": dict(self.seconds), "core_seconds": dict(self.core_seconds)}

    def resume(self, notes: dict[str, Any]) -> None:
        """Go on from a checkpoint's notes."""
        self.resumed.append(notes["epochs"])
        for kind, spent in (("seconds", self.seconds), ("core_seconds", self.core_seconds)):
            for what, seconds in notes[kind].items():
                spent[what] = max(seconds, spent[what])  # notes hold all parts before them, too

    def recall(self, notes: dict[str, Any]) -> None:
        """Take over the seconds that kept nets were trained for."""
        for kind, spent in (("seconds", self.seconds), ("core_seconds", self.core_seconds)):
            spent["training"] = max(float(notes[kind]["training"]), spent["training"])

    def provenance(self) -> dict[str, object]:
        """The device, software and history of a measurement.

        seconds are of wall-clock time, which cells share on a GPU; core_seconds of all threads of this process, which
        other processes do not slow down much, and matrix_product is what a fixed product took of these at the start.
        """
        import torch

        cuda = self.device.type == "cuda"
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "core_seconds": {name: round(value, 2) for name, value in self.core_seconds.items()},
            "matrix_product": [round(self.matrix_product, 5)],
            "device": torch.cuda.get_device_name(self.device) if cuda else platform.machine(),
            "threads": torch.get_num_threads(),
            "stacks": self.stacks,
            "stacks_from_kept_nets": self.recalled,
            "out_of_memory": self.out_of_memory,
            "resumed_at_epochs": self.resumed,
            "versions": versions("wndcheck", "torch", "numpy", "numba"),
        }


def matrix_product_seconds(size: int = 512, runs: int = 5) -> float:
    """The least core seconds of some products of two float32 matrices on the CPU: 0.27 billion operations each."""
    import torch

    a, laps = torch.ones(size, size), []
    for _ in range(runs):
        since = time.process_time()
        torch.mm(a, a)
        laps.append(time.process_time() - since)
    return min(laps)
