"""Nets that differ from a family's in their recipe alone, each paired by seed with the profile's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of, sensitivity_choices
from wndcheck.experiment.grids import Grid, grid
from wndcheck.experiment.profiles import Profile
from wndcheck.experiment.record_schema import Measurement

# By the family whose recipe is compared: families of the paper's recipe, whole and begun.
PAPER_RECIPE = {
    kind: (f"paper-recipe/{kind.removeprefix('trained/')}", f"paper-recipe-begun/{kind.removeprefix('trained/')}")
    for kind in ("trained/relu", "trained/tanh", "cifar10")
}
MORE_SEEDS = {"trained/relu": "more-seeds/relu", "trained/tanh": "more-seeds/tanh"}
VARIED = "trained/relu"  # the family of which the choices that the paper leaves open are varied


Nets = TypeVar("Nets", Cell, Grid)  # of one width


class Pair(NamedTuple, Generic[Nets]):
    """Nets by the profile's own recipe, and by another. Their first seeds are the same."""

    usual: Nets
    other: Nets


@dataclass(frozen=True)
class Counterparts:
    """The counterparts of a family's nets; `measured` gives the measurement of a cell, when it is asked for."""

    family: str
    profile: Profile
    base_seed: int
    measured: Callable[[Cell], Measurement]

    @cached_property
    def paper(self) -> tuple[Pair[Grid], ...]:
        """Pairs with nets of the paper's recipe."""
        return tuple(map(self.grids, paper_pairs(self.family, self.profile, self.base_seed)))

    @cached_property
    def choices(self) -> dict[str, Pair[Grid]]:
        """Pairs with nets of other choices than the profile's where the paper leaves it open, by choice."""
        pairs = varied_pairs(self.family, self.profile, self.base_seed)
        return {name: self.grids(pair) for name, pair in pairs.items()}

    def grids(self, pair: Pair[Cell]) -> Pair[Grid]:
        return Pair(*(grid([cell], self.measured, self.profile, self.family) for cell in pair))


def paper_pairs(family: str, profile: Profile, base_seed: int) -> list[Pair[Cell]]:
    """Return the nets of the paper's recipe, each with those of the family that have the most seeds; often none."""
    if not (others := cells_of(PAPER_RECIPE.get(family, ()), profile, base_seed)):
        return []
    own = cells_of([family, *filter(None, [MORE_SEEDS.get(family)])], profile, base_seed)
    return [
        Pair(max((cell for cell in own if cell.width == other.width), key=lambda cell: len(cell.seeds)), other)
        for other in others
    ]


def varied_pairs(family: str, profile: Profile, base_seed: int) -> dict[str, Pair[Cell]]:
    """Return the nets of other choices than the profile's by choice, each with the profile's; for ReLU nets only."""
    if family != VARIED:
        return {}
    (_, usual), *others = sensitivity_choices(profile, base_seed).items()
    return {name: Pair(usual, cell) for name, cell in others}


def cells_beside(families: Iterable[str], profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    """Return the cells of all pairs of some families, each once."""
    pairs = [
        pair
        for family in families
        for pair in [*paper_pairs(family, profile, base_seed), *varied_pairs(family, profile, base_seed).values()]
    ]
    return tuple(dict.fromkeys(cell for pair in pairs for cell in pair))
