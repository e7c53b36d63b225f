"""What `wndcheck measure` is about to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wndcheck.devices import resolve
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import named
from wndcheck.store.measurements import Store
from wndcheck.store.selection import selected
from wndcheck.store.workers import automatic_workers


@dataclass(frozen=True)
class Outstanding:
    """The cells asked for, by part of the profile, and who measures those that the store lacks."""

    name: str
    parts: dict[str, tuple[Cell, ...]]
    store: Store
    device: str
    most_workers: int

    @cached_property
    def missing(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if not self.store.has(cell))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Each once, also where two parts have it."""
        return tuple(dict.fromkeys(cell for cells in self.parts.values() for cell in cells))

    @property
    def workers(self) -> int:
        return max(1, min(self.most_workers, len(self.missing)))

    @property
    def summary(self) -> str:
        measured = len(self.cells) - len(self.missing)
        half = sum(map(self.store.is_half_trained, self.missing))
        todo = f"{len(self.missing)} to do"
        if self.missing:
            todo += f" on {resolve(self.device)} by {self.workers} worker{'s' * (self.workers > 1)}"
        return f"{self.name}: {len(self.cells)} cells, {measured} measured, {half} half trained, {todo}"


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
) -> Outstanding:
    """What a command line asks for. ValueError or OSError, with what to type instead, where there can be none."""
    parts = selected(named(profile), seed, patterns)
    resolve(device)
    store = Store(root, say, make=make)
    for cell in {cell for cells in parts.values() for cell in cells} if make else ():
        store.load(cell)  # puts aside what is damaged, which is then measured again
    name = f"profile {profile}, seed {seed}"
    return Outstanding(name, parts, store, device, workers or automatic_workers(device))
