"""Nets kept on disk: checkpoints of half-trained stacks, and weights at all stages.

A checkpoint lets a run that was killed go on from its last stage. Weights (`--keep-weights`) let nets be measured again
without training; of ensembles the probed activations are kept in their place, which are smaller. A file holds one part
of a cell's stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.measurement.provenance import State
from wndcheck.store.files import DAMAGE, read_safetensors, remove_unfinished, write_safetensors

Part = tuple[int, ...]  # seeds


class StateFile:
    """A file with the state of some nets; it is removed when it is damaged, and the nets are trained again.

    Only the state of `members` is read, where these are given.
    """

    def __init__(self, path: Path, say: Callable[[str], None], members: slice = slice(None)) -> None:
        self.path, self.say, self.members = path, say, members

    def load(self) -> State | None:
        """The state; None if there is no file, or it is damaged."""
        remove_unfinished(self.path)
        try:
            arrays, notes = read_safetensors(self.path)
            if notes["part"] != self.path.stem:
                raise ValueError(f"it holds {notes['part']}")
        except FileNotFoundError:
            return None
        except DAMAGE as error:
            self.reject(error)
            return None
        return State({name: array[self.members] for name, array in arrays.items()}, notes)

    def save(self, state: State) -> None:
        remove_unfinished(self.path)
        write_safetensors(self.path, state.arrays, state.notes | {"part": self.path.stem})

    def reject(self, error: Exception) -> None:
        """Remove the file, because its state does not fit the nets."""
        self.path.unlink(missing_ok=True)
        self.say(f"{self.path.name} is damaged ({error}): removed, and its nets are trained again")


class Checkpoints:
    """The checkpoints below one folder; a cell's belong to the process that has locked the cell."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say

    def of(self, cell: Cell, seeds: Sequence[int]) -> StateFile:
        """The checkpoint of the part of the cell's stack with these seeds."""
        return StateFile(self.folder / f"{cell.key}-{seeds[0]}-{len(seeds)}.safetensors", self.say)

    def paths(self, cell: Cell) -> list[Path]:
        """The files of all parts of the cell's stack; a copy under a name of its own is none."""
        found = self.folder.glob(f"{cell.key}-*.safetensors")
        return [path for path in found if re.fullmatch(rf"{re.escape(cell.key)}-\d+-\d+", path.stem)]

    def size(self, cell: Cell) -> int | None:
        """Number of nets in the largest part of the cell's stack; None without a checkpoint.

        Resuming needs the same parts, however much memory is free now.
        """
        return max((int(path.stem.rpartition("-")[2]) for path in self.paths(cell)), default=None)

    def discard(self, cell: Cell) -> None:
        """Remove all checkpoints of the cell, once it is measured."""
        for path in [*self.paths(cell), *self.folder.glob(f".{cell.key}-*.part")]:
            path.unlink(missing_ok=True)


class Weights:
    """The kept nets below one folder; a cell's are written by the process that has locked the cell."""

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

    def take_over(self, cell: Cell, pieces: Sequence[Cell], kept: Weights) -> None:
        """Keep the nets that were kept of the cell's pieces as parts of its stack."""
        for piece in pieces:
            for part in kept.parts(piece):
                for epoch in piece.protocol.stages:
                    file = kept.of(piece, part, epoch)
                    if state := file.load():
                        self.of(cell, part, epoch).save(state)
                    file.path.unlink(missing_ok=True)

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
