"""Nets kept on disk at all their stages, so that they can be measured again without training: `--keep-weights`.

A file holds one part of a cell's stack at one stage: weights, or of ensembles the probed activations, which are
smaller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.store.files import StateFile

Part = tuple[int, ...]  # seeds


class Weights:
    """The kept nets below one folder; a cell's are written by the process that holds the cell's nets."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    def path(self, cell: Cell, part: Part, epoch: int) -> Path:
        return self.folder / f"{cell.kept_key}-{part[0]}-{len(part)}-stage{epoch}.safetensors"

    def of(self, cell: Cell, seeds: Sequence[int], epoch: int) -> StateFile:
        """The file of the nets with these seeds at a stage: their own, or that of a larger part that is kept."""
        part = next((part for part in self._complete(cell) if set(seeds) <= set(part)), tuple(seeds))
        first = part.index(seeds[0])
        return StateFile(self.path(cell, part, epoch), self.say, slice(first, first + len(seeds)))

    def parts(self, cell: Cell) -> list[Part]:
        """The seeds of each kept part, in order; nothing unless they are all of the cell's, at all stages."""
        tiles: list[Part] = []
        by_first = {part[0]: part for part in self._complete(cell)}
        while (at := sum(map(len, tiles))) < len(cell.seeds):
            if cell.seeds[at] not in by_first:
                return []
            tiles.append(by_first[cell.seeds[at]])
        return tiles

    def has(self, cell: Cell) -> bool:
        """Whether all nets of the cell are kept at all stages."""
        return bool(self.parts(cell))

    def discard_incomplete(self, cell: Cell) -> None:
        """Remove the parts that are not there at all stages, such as one that memory ran out for."""
        complete = self._complete(cell)
        for part, files in self._files(cell).items():
            if part not in complete:
                for path in files:
                    path.unlink(missing_ok=True)

    def _files(self, cell: Cell) -> dict[Part, list[Path]]:
        """The files of each part of the cell's stack; without those of ensembles of the same nets."""
        files: dict[Part, list[Path]] = {}
        for path in self.folder.glob(f"{cell.kept_key}-*.safetensors"):
            match = re.fullmatch(rf"{cell.kept_key}-(\d+)-(\d+)-stage\d+", path.stem)
            if match and int(match[1]) in cell.seeds:
                at = cell.seeds.index(int(match[1]))
                files.setdefault(cell.seeds[at : at + int(match[2])], []).append(path)
        return files

    def _complete(self, cell: Cell) -> list[Part]:
        """The parts that are there at all stages, the largest last."""
        return sorted(
            (part for part, files in self._files(cell).items() if len(files) == len(cell.protocol.stages)), key=len
        )
