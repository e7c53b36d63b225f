"""Half-trained stacks on disk, so that a run that was killed goes on from its last stage."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement.history import Checkpoint
from wndcheck.store.files import DAMAGE, read_npz, remove_unfinished, write_npz

NOTES = "notes"
CELL = "cell"
PAUSE = 600.0  # seconds of training between stages after which a stack is kept again


def packed(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The arrays of the file; notes as a numpy string, which needs no pickle."""
    named = {f"nets/{name}": array for name, array in checkpoint.nets.items()}
    named |= {f"seen/{name}": array for name, array in checkpoint.seen.items()}
    return named | {"order": checkpoint.order, NOTES: np.array(json.dumps(checkpoint.notes))}


def unpacked(arrays: dict[str, np.ndarray]) -> Checkpoint:
    """The checkpoint in a file's arrays. KeyError or ValueError for others."""
    groups: dict[str, dict[str, np.ndarray]] = {"nets": {}, "seen": {}}
    order, notes = arrays.pop("order"), json.loads(str(arrays.pop(NOTES)))
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        groups[group][rest] = array
    return Checkpoint(groups["nets"], order, groups["seen"], notes)


class Checkpoints:
    """The checkpoints below one folder; a cell's belong to the process that holds the cell."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    def of(self, cell: Cell, seeds: Sequence[int]) -> Kept:
        """Where the part of the cell's stack with these seeds is kept."""
        return Kept(self.folder / f"{cell.key}-{seeds[0]}-{len(seeds)}.npz", cell.key, self.say)

    def size(self, cell: Cell) -> int | None:
        """How many nets the parts hold that the cell's stack was split into; None without a checkpoint.

        Going on needs the same parts, whatever memory is free by now.
        """
        return max((int(path.stem.rpartition("-")[2]) for path in self.folder.glob(f"{cell.key}-*.npz")), default=None)

    def discard(self, cell: Cell) -> None:
        """Remove all checkpoints of the cell, once it is measured."""
        for pattern in (f"{cell.key}-*.npz", f".{cell.key}-*.part"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)


class Kept:
    """One checkpoint's file."""

    def __init__(self, path: Path, key: str, say: Callable[[str], None]) -> None:
        self.path = path
        self.key = key
        self.say = say
        self.saved = time.monotonic()

    def load(self) -> Checkpoint | None:
        """The checkpoint; None if there is none, or none that can be trusted: such a file is removed."""
        remove_unfinished(self.path)
        try:
            arrays = read_npz(self.path)
            if (found := str(arrays.pop(CELL))) != self.key:
                raise ValueError(f"it is of cell {found}, expected {self.key}")
            return unpacked(arrays)
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            self.reject(error)
            return None

    def reject(self, error: Exception) -> None:
        """Remove a checkpoint from which training cannot go on."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        self.say(f"checkpoint {self.path.name} is damaged ({error}): removed, and its nets are trained from the start")

    def save(self, checkpoint: Checkpoint) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(self.path, packed(checkpoint) | {CELL: np.array(self.key)}, compress=False)
        self.saved = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Has it trained so long since it was saved that it is worth saving between stages?"""
        return time.monotonic() - self.saved > PAUSE
