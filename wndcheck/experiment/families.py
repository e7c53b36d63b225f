"""Families of nets, each named once: a function from a profile and a base seed to the cells of the family."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.profiles import Profile

Cells = Callable[[Profile, int], Iterable[Cell]]


@dataclass(frozen=True)
class Family:
    """Nets that differ in their width alone; `part` is the part of a profile that `wndcheck measure --cells` names."""

    name: str
    part: str
    cells: Cells


FAMILIES: dict[str, Family] = {}


def family(name: str, part: str) -> Callable[[Cells], Cells]:
    """Register a function as the family of that name."""

    def register(cells: Cells) -> Cells:
        if name in FAMILIES:
            raise ValueError(f"family {name!r} is registered twice: name each once")
        FAMILIES[name] = Family(name, part, cells)
        return cells

    return register


def cells_of(names: Iterable[str], profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """The cells of some families, each once. ValueError for a name that is not registered."""
    names = list(names)
    if unknown := [name for name in names if name not in FAMILIES]:
        raise ValueError(f"family {unknown[0]!r}: expected one of {', '.join(FAMILIES)}")
    return tuple(dict.fromkeys(chain.from_iterable(FAMILIES[name].cells(profile, base_seed) for name in names)))
