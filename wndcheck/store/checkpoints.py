"""Half-trained stacks on disk, so that a run that was killed goes on from its last stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.store.files import StateFile


class Checkpoints:
    """The checkpoints below one folder; a cell's belong to the process that holds the cell."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    def of(self, cell: Cell, seeds: Sequence[int]) -> StateFile:
        """The checkpoint of the part of the cell's stack with these seeds."""
        return StateFile(self.folder / f"{cell.key}-{seeds[0]}-{len(seeds)}.safetensors", self.say)

    def paths(self, cell: Cell) -> list[Path]:
        """The files of all parts of the cell's stack."""
        return list(self.folder.glob(f"{cell.key}-*.safetensors"))

    def size(self, cell: Cell) -> int | None:
        """How many nets the parts hold that the cell's stack was split into; None without a checkpoint.

        Resuming needs the same parts, however much memory is free now.
        """
        return max((int(path.stem.rpartition("-")[2]) for path in self.paths(cell)), default=None)

    def discard(self, cell: Cell) -> None:
        """Remove all checkpoints of the cell, once it is measured."""
        for path in [*self.paths(cell), *self.folder.glob(f".{cell.key}-*.part")]:
            path.unlink(missing_ok=True)
