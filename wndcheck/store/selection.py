"""Which of a profile's cells a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import Profile


def selected(profile: Profile, base_seed: int, patterns: Sequence[str] = ()) -> dict[str, tuple[Cell, ...]]:
    """The cells that any of the patterns names, by part of the profile; all of them without a pattern.

    A pattern is a part's name, or a shell pattern that a cell's label matches as a whole. ValueError for one that names
    nothing.
    """
    parts = families.parts(profile, base_seed)
    for pattern in patterns:
        if not any(is_named(pattern, part, cell) for part, cells in parts.items() for cell in cells):
            raise ValueError(nothing_named(pattern, profile, parts))
    chosen = {
        part: tuple(cell for cell in cells if not patterns or any(is_named(p, part, cell) for p in patterns))
        for part, cells in parts.items()
    }
    return {part: cells for part, cells in chosen.items() if cells}


def is_named(pattern: str, part: str, cell: Cell) -> bool:
    return pattern == part or fnmatchcase(cell.label, pattern)


def nothing_named(pattern: str, profile: Profile, parts: dict[str, tuple[Cell, ...]]) -> str:
    filled = [part for part, cells in parts.items() if cells]
    example = parts[filled[0]][0].label
    if pattern in parts:
        what = f"profile {profile.name} has no cells in its part {pattern!r}"
    else:
        what = f"{pattern!r} names no cell of profile {profile.name}"
    return f"{what}: expected one of {', '.join(filled)}, or a pattern for labels such as {example!r}"
