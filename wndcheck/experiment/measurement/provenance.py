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
        self.since = time.perf_counter()

    def lap(self, what: str) -> None:
        """Add the time since the last lap to training or to measuring."""
        now = time.perf_counter()
        self.seconds[what] += now - self.since
        self.since = now

    def notes(self, epochs: int) -> dict[str, Any]:
        return {"epochs": epochs, "seconds": dict(self.seconds)}

    def resume(self, notes: dict[str, Any]) -> None:
        """Go on from a checkpoint's notes."""
        self.resumed.append(notes["epochs"])
        for what, seconds in notes["seconds"].items():
            self.seconds[what] = max(seconds, self.seconds[what])  # notes hold all parts before them, too

    def recall(self, notes: dict[str, Any]) -> None:
        """Take over the seconds that kept nets were trained for."""
        self.seconds["training"] = max(float(notes["seconds"]["training"]), self.seconds["training"])

    def provenance(self) -> dict[str, object]:
        """The device, software and history of a measurement; seconds of wall-clock time, which cells share on a GPU."""
        import torch

        cuda = self.device.type == "cuda"
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "device": torch.cuda.get_device_name(self.device) if cuda else platform.machine(),
            "threads": torch.get_num_threads(),
            "stacks": self.stacks,
            "stacks_from_kept_nets": self.recalled,
            "out_of_memory": self.out_of_memory,
            "resumed_at_epochs": self.resumed,
            "versions": versions("wndcheck", "torch", "numpy", "numba"),
        }
