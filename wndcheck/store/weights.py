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

    def of(self, cell: Cell, seeds: Sequence[int], epoch: int) -> StateFile:
        """The file of the nets with these seeds at a stage: their own, or that of a larger part that is kept."""
        part = next((part for part in self._whole_parts(cell) if set(seeds) <= set(part)), tuple(seeds))
        first = part.index(seeds[0])
        return StateFile(self.path(cell, part, epoch), self.say, slice(first, first + len(seeds)))

    def parts(self, cell: Cell) -> list[Part]:
        """The seeds of each kept part, in order; nothing unless they are all of the cell's, at all stages."""
        tiles: list[Part] = []
        by_first = {part[0]: part for part in self._whole_parts(cell)}
        while (at := sum(map(len, tiles))) < len(cell.seeds):
            if cell.seeds[at] not in by_first:
                return []
            tiles.append(by_first[cell.seeds[at]])
        return tiles

    def has(self, cell: Cell) -> bool:
        """Whether all nets of the cell are kept at all stages."""
        return bool(self.parts(cell))

    def path(self, cell: Cell, part: Part, epoch: int) -> Path:
        return self.folder / f"{cell.kept_key}-{part[0]}-{len(part)}-stage{epoch}.safetensors"

    def discard_incomplete(self, cell: Cell) -> None:
        """Remove the parts that are not there at all stages, such as one that memory ran out for."""
        whole = {self.path(cell, part, epoch) for part in self._whole_parts(cell) for epoch in cell.protocol.stages}
        for path in set(self._files(cell)) - whole:
            path.unlink(missing_ok=True)

    def _files(self, cell: Cell) -> list[Path]:
        return [path for path in self.folder.glob(f"{cell.kept_key}-*.safetensors") if self._part(cell, path)]

    def _part(self, cell: Cell, path: Path) -> Part | None:
        """The part of the cell's stack that a file's name gives; None for a file of ensembles of the same nets."""
        named = re.fullmatch(rf"{cell.kept_key}-(\d+)-(\d+)-stage\d+", path.stem)
        if not named or (first := int(named[1])) not in cell.seeds:
            return None
        at = cell.seeds.index(first)
        return cell.seeds[at : at + int(named[2])]

    def _whole_parts(self, cell: Cell) -> list[Part]:
        """The parts that are there at all stages, the largest last."""
        parts = {part for path in self._files(cell) if (part := self._part(cell, path))}
        stages = cell.protocol.stages
        whole = [part for part in parts if all(self.path(cell, part, epoch).exists() for epoch in stages)]
        return sorted(whole, key=len)
