"""The cells that `wndcheck measure` is to measure, after training or from kept nets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from wndcheck.cli.console import require_device
from wndcheck.devices import automatic_workers, resolve
from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import steps, training_flops
from wndcheck.experiment.profiles import Profile, named
from wndcheck.report.format import count_of
from wndcheck.store.filling import pieces_on
from wndcheck.store.measurements import Store


@dataclass(frozen=True)
class MeasurePlan:
    """The cells asked for, by part of the profile, and how those are measured that the store lacks."""

    name: str
    parts: dict[str, tuple[Cell, ...]]
    store: Store
    device: str  # cpu, cuda or cuda:N
    most_workers: int
    engine: str

    @cached_property
    def missing(self) -> tuple[Cell, ...]:
        """Those that the store lacks or whose files are damaged: a store that can be filled puts such files aside."""
        return tuple(cell for cell in self.cells if not self.store.load(cell))

    @cached_property
    def kept(self) -> frozenset[Cell]:
        """Those that are missing and whose nets are kept: they are measured without training."""
        return frozenset(filter(self.store.weights.has, self.missing))

    @cached_property
    def trained_again(self) -> tuple[Cell, ...]:
        """Those that are missing, whose nets were trained for another record and have not been kept."""
        return tuple(
            cell for cell in self.missing if steps(cell) and cell not in self.kept and self.store.other_records(cell)
        )

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Each once, also where two parts have it."""
        return tuple(dict.fromkeys(cell for cells in self.parts.values() for cell in cells))

    def pieces(self, cell: Cell) -> tuple[Cell, ...]:
        """The pieces in which a missing cell is measured; often the cell itself."""
        return pieces_on(self.device, cell, self.store)

    @property
    def workers(self) -> int:
        return max(1, min(self.most_workers, sum(len(self.pieces(cell)) for cell in self.missing)))

    @property
    def summary(self) -> str:
        measured = len(self.cells) - len(self.missing)
        half = sum(map(self.store.is_half_trained, self.missing))
        todo = f"{len(self.missing)} to do"
        if self.missing:
            todo += f" on {self.device} by "
            todo += count_of(self.workers, "worker") if self.engine == "local" else f"{self.engine.capitalize()}"
        return f"{self.name}: {count_of(len(self.cells), 'cell')}, {measured} measured, {half} half trained, {todo}"

    @property
    def remarks(self) -> list[str]:
        """Numbers of cells whose nets are kept or must be trained again, and the cost of training these."""
        remarks = []
        if self.kept:
            remarks.append(f"{count_of(len(self.kept), 'cell')} to be measured without training: the nets are kept")
        if self.trained_again:
            tera = sum(map(training_flops, self.trained_again)) / 1e12
            remarks.append(
                f"{count_of(len(self.trained_again), 'cell')} to be trained again ({tera:.3g} TFLOP): the nets were "
                "measured under another record and not kept; --keep-weights keeps nets"
            )
        return remarks


def planned(
    profile: str,
    seed: int,
    patterns: Sequence[str],
    device: str,
    workers: int | None,
    root: Path | None,
    *,
    make: bool,
    say: Callable[[str], None],
    engine: str = "local",
) -> MeasurePlan:
    """Return the plan of a command line. ValueError or OSError, with what to run instead, if it cannot be done."""
    parts = selected(named(profile), seed, patterns)
    require_device(engine, device)
    if engine == "local":
        workers = workers or automatic_workers(device)
        device = resolve(device)
    store = Store(root, say, make=make)
    name = f"profile {profile}, seed {seed}"
    return MeasurePlan(name, parts, store, device, workers or sys.maxsize, engine)


def selected(profile: Profile, base_seed: int, patterns: Sequence[str] = ()) -> dict[str, tuple[Cell, ...]]:
    """The cells that any of the patterns names, by part of the profile; all of them without a pattern.

    A pattern is a part's name, or a shell pattern that a cell's label matches as a whole. ValueError for one that names
    nothing.
    """
    parts = families.parts(profile, base_seed)

    def matches(pattern: str, part: str, cell: Cell) -> bool:
        return pattern == part or fnmatchcase(cell.label, pattern)

    for pattern in patterns:
        if not any(matches(pattern, part, cell) for part, cells in parts.items() for cell in cells):
            what = f"{pattern!r} names no cell of profile {profile.name}"
            if pattern in parts:
                what = f"profile {profile.name} has no cells in its part {pattern!r}"
            filled = [part for part, cells in parts.items() if cells]
            raise ValueError(
                f"{what}: expected one of {', '.join(filled)}, or a pattern for labels such as "
                f"{parts[filled[0]][0].label!r}"
            )
    chosen = {
        part: tuple(cell for cell in cells if not patterns or any(matches(p, part, cell) for p in patterns))
        for part, cells in parts.items()
    }
    return {part: cells for part, cells in chosen.items() if cells}
